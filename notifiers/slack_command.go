package notifiers

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/slack-go/slack"
)

// ErrSlackElsewhere is the error for a command that was written in another channel than a receiver's.
var ErrSlackElsewhere = errors.New("the command was written in another channel than the receiver's")

// ChatCommand is what somebody wrote to the guardian in a chat.
type ChatCommand struct {
	UserID, UserName string
	Text             string
	Once             string // of the call: the same when it is sent again
}

// ReadCommand reads a slash command, as Slack sends it to the app's Request URL of commands.
func (c SlackClicks) ReadCommand(header http.Header, body []byte, now time.Time) (ChatCommand, error) {
	if !c.bot.settings.SigningSecret.IsSet() {
		return ChatCommand{}, ErrSlackSignature
	}
	signature, err := checkSlack(c.bot.settings.SigningSecret, header, body, now)
	if err != nil {
		return ChatCommand{}, err
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return ChatCommand{}, ErrSlackCall
	}
	return c.command(signature, slack.SlashCommand{
		Command: form.Get("command"), Text: form.Get("text"), ChannelID: form.Get("channel_id"), UserID: form.Get("user_id"), UserName: form.Get("user_name"),
	})
}

// ParseCommand reads a slash command that came by a connection. once is the same when it is sent again.
func (c SlackClicks) ParseCommand(once string, payload []byte) (ChatCommand, error) {
	var call slack.SlashCommand
	if err := json.Unmarshal(payload, &call); err != nil {
		return ChatCommand{}, ErrSlackCall
	}
	return c.command(once, call)
}

func (c SlackClicks) command(once string, call slack.SlashCommand) (ChatCommand, error) {
	switch {
	case call.Command == "" || call.UserID == "":
		return ChatCommand{}, ErrSlackCall
	case call.ChannelID != c.bot.settings.Channel:
		return ChatCommand{}, ErrSlackElsewhere
	}
	return ChatCommand{UserID: call.UserID, UserName: userName(call.UserName, call.UserID), Text: call.Text, Once: once}, nil
}

// userName is how somebody is called who is not in the configuration.
func userName(name, id string) string {
	if name == "" {
		name = id
	}
	return oneLine(Shorten(name, 80, "…"))
}

// SlackAnswer is the answer to a slash command, which the channel is shown or who wrote it alone.
func SlackAnswer(text string, public bool) map[string]any {
	kind := "ephemeral"
	if public {
		kind = "in_channel"
	}
	return map[string]any{"response_type": kind, "text": slackEscape(shortenText(text, slackSection, slackSize))}
}
