package notifiers

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"guardian/internal/secret"
)

// Button lets a link be a button where a messenger sends its clicks to the guardian.
type Button struct {
	ID    string // what it does
	Value string // comes back with a click
}

// slackButtonPrefix begins the action_id of the guardian's buttons.
const slackButtonPrefix = "guardian_"

// slackWindow is how old a call of Slack may be, see
// https://docs.slack.dev/authentication/verifying-requests-from-slack.
const slackWindow = 5 * time.Minute

// Errors of SlackClicks.Read.
var (
	ErrSlackSignature = errors.New("the signature is not that of the Slack app: set signing_secret to that of the app (Basic Information)")
	ErrSlackTime      = errors.New("the call is older than five minutes, or this machine's clock is wrong")
	ErrSlackCall      = errors.New("the call is no click on a button of the guardian")
)

// SlackClick is a click on a button of a bot's message.
type SlackClick struct {
	Button           Button
	UserID, UserName string
	Once             string // of the call, such as its signature: the same when it is sent again

	channel, ts string // of the message
	message     slack.Message
	reply       string // where an answer to who clicked is sent
}

// SlackClicks takes the clicks on the buttons of a bot's messages. It is safe for concurrent use.
type SlackClicks struct{ bot *slackBot }

// NewSlackClicks makes one of a bot's settings; false if its messages have no buttons.
func NewSlackClicks(s *SlackSettings, env Env) (SlackClicks, bool) {
	if !s.HasButtons() {
		return SlackClicks{}, false
	}
	own := *s
	return SlackClicks{&slackBot{settings: &own, poster: newPoster(env, s.Token, s.SigningSecret, s.AppToken)}}, true
}

// Socket is where clicks come from by a connection that is opened to Slack; false: Slack calls.
func (c SlackClicks) Socket() (SlackSocket, bool) {
	return SlackSocket{Token: c.bot.settings.AppToken, APIURL: c.bot.settings.APIURL}, c.bot.settings.AppToken.IsSet()
}

// SignSlack computes the signature v0 of a body for a time in Unix seconds, as Slack does.
func SignSlack(key secret.Secret, seconds int64, body []byte) string {
	mac := hmac.New(sha256.New, []byte(key.Reveal()))
	_, _ = mac.Write([]byte("v0:" + strconv.FormatInt(seconds, 10) + ":"))
	_, _ = mac.Write(body)
	return "v0=" + hex.EncodeToString(mac.Sum(nil))
}

// checkSlack verifies the signature of a call of Slack. slack-go's verifier reads the clock itself.
func checkSlack(key secret.Secret, header http.Header, body []byte, now time.Time) (signature string, err error) {
	seconds, err := strconv.ParseInt(header.Get("X-Slack-Request-Timestamp"), 10, 64)
	if err != nil {
		return "", ErrSlackSignature
	}
	signature = header.Get("X-Slack-Signature")
	if !hmac.Equal([]byte(signature), []byte(SignSlack(key, seconds, body))) {
		return "", ErrSlackSignature
	}
	if now.Sub(time.Unix(seconds, 0)).Abs() > slackWindow {
		return "", ErrSlackTime
	}
	return signature, nil
}

// Read reads a call of Slack to the app's Request URL of interactions.
func (c SlackClicks) Read(header http.Header, body []byte, now time.Time) (SlackClick, error) {
	if !c.bot.settings.SigningSecret.IsSet() {
		return SlackClick{}, ErrSlackSignature
	}
	signature, err := checkSlack(c.bot.settings.SigningSecret, header, body, now)
	if err != nil {
		return SlackClick{}, err
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return SlackClick{}, ErrSlackCall
	}
	return c.Parse(signature, []byte(form.Get("payload")))
}

// Parse reads a click that is known to come from Slack. once is the same when it is sent again.
func (c SlackClicks) Parse(once string, payload []byte) (SlackClick, error) {
	var call slack.InteractionCallback
	if err := json.Unmarshal(payload, &call); err != nil {
		return SlackClick{}, ErrSlackCall
	}
	if call.Type != slack.InteractionTypeBlockActions || len(call.ActionCallback.BlockActions) != 1 || call.Channel.ID != c.bot.settings.Channel {
		return SlackClick{}, ErrSlackCall
	}
	clicked := call.ActionCallback.BlockActions[0]
	id, ours := strings.CutPrefix(clicked.ActionID, slackButtonPrefix)
	if !ours || call.User.ID == "" {
		return SlackClick{}, ErrSlackCall
	}
	return SlackClick{
		Button: Button{ID: id, Value: clicked.Value}, UserID: call.User.ID, UserName: userName(call.User.Name, call.User.ID), Once: once,
		channel: call.Channel.ID, ts: call.Container.MessageTs, message: call.Message, reply: call.ResponseURL,
	}, nil
}

// Done shows in the message what was done, in place of the button.
func (c SlackClicks) Done(ctx context.Context, click SlackClick, note string) error {
	var blocks []slack.Block
	for _, b := range click.message.Blocks.BlockSet {
		actions, ok := b.(*slack.ActionBlock)
		if !ok {
			blocks = append(blocks, b)
			continue
		}
		var left []slack.BlockElement
		for _, e := range actions.Elements.ElementSet {
			if button, ok := e.(*slack.ButtonBlockElement); !ok || button.ActionID != slackButtonPrefix+click.Button.ID {
				left = append(left, e)
			}
		}
		blocks = append(blocks, slack.NewContextBlock("", slack.NewTextBlockObject(slack.MarkdownType, slackEscape(note), false, true)))
		if len(left) > 0 {
			blocks = append(blocks, slack.NewActionBlock(actions.BlockID, left...))
		}
	}
	_, err := c.bot.call(ctx, "chat.update", slackCall{Channel: click.channel, TS: click.ts, Text: click.message.Text, Blocks: &slack.Blocks{BlockSet: blocks}})
	return err
}

// Reply answers who clicked, whom alone Slack shows it.
func (c SlackClicks) Reply(ctx context.Context, click SlackClick, text string) error {
	body, err := encode(map[string]any{"response_type": "ephemeral", "replace_original": false, "text": slackEscape(text)})
	if err != nil {
		return err
	}
	if _, err := c.bot.poster.post(ctx, click.reply, body, nil); err != nil {
		return fmt.Errorf("answer a click: %w", err)
	}
	return nil
}

// slackButtons are the buttons among links; the others are shown as links.
func slackButtons(links []Link) *slack.ActionBlock {
	var buttons []slack.BlockElement
	for _, l := range links {
		if l.Button != nil {
			text := slack.NewTextBlockObject(slack.PlainTextType, shorten(l.Text, slackButton, "…", utf16Len), true, false)
			buttons = append(buttons, slack.NewButtonBlockElement(slackButtonPrefix+l.Button.ID, l.Button.Value, text))
		}
	}
	if len(buttons) == 0 {
		return nil
	}
	return slack.NewActionBlock("", buttons...)
}
