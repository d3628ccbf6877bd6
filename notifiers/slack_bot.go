package notifiers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/slack-go/slack"
)

// Threaded is a Channel that can change what it sent before and add to it: notices with the same
// thread are one conversation.
type Threaded interface {
	Channel
	// Follow sends a notice that follows others of its thread. It returns the reference of the
	// conversation, which is kept with the delivery.
	Follow(ctx context.Context, n Notice, last Sent) (ref string, err error)
	// Update shows a notice in place of the first one of a conversation, without a new message. It
	// does nothing if that is about another subject.
	Update(ctx context.Context, n Notice, ref string) error
}

// Sent is what was sent of a thread before. The zero value is nothing.
type Sent struct {
	Ref  string // of the conversation
	Tone Tone   // of the last notice
	At   time.Time
}

const (
	// newAfter is how old a conversation may become: older messages are far up in the channel.
	newAfter = 24 * time.Hour
	// newAfterGood is for how long a bad notice continues a conversation that ended well.
	newAfterGood = time.Hour
)

// slackBot posts with a bot's token, which may update its messages and open threads.
type slackBot struct {
	// A pointer, because fmt does not follow it; it would print the secrets in an unexported
	// field that is a value.
	settings *SlackSettings
	poster   *poster
}

// slackCall is the body of chat.postMessage and chat.update, see
// https://docs.slack.dev/reference/methods/chat.postMessage.
type slackCall struct {
	Channel   string        `json:"channel"`
	TS        string        `json:"ts,omitempty"`        // the message to update
	Thread    string        `json:"thread_ts,omitempty"` // the message whose thread this continues
	Broadcast bool          `json:"reply_broadcast,omitempty"`
	Text      string        `json:"text"`
	Blocks    *slack.Blocks `json:"blocks"`
	Unfurl    bool          `json:"unfurl_links"`
}

// Send implements Channel with a message that follows no other.
func (b *slackBot) Send(ctx context.Context, n Notice) error {
	_, err := b.post(ctx, n, "")
	return err
}

// Follow implements Threaded. The first message of a conversation shows how its subject is now; what
// happened, also to other subjects, is in its thread. What needs a person is in the channel too, because people are not
// told of answers in a thread that they do not follow.
func (b *slackBot) Follow(ctx context.Context, n Notice, last Sent) (ref string, err error) {
	root, subject := b.root(last)
	if root != "" {
		err := b.Update(ctx, n, last.Ref)
		switch {
		case errors.Is(err, errGone):
			root = ""
		case err != nil:
			return "", err
		}
	}
	ts, err := b.post(ctx, n, root)
	if err != nil {
		return "", err
	}
	if root == "" {
		root, subject = ts, n.Key
	}
	return b.settings.Channel + "/" + root + "/" + subject, nil
}

// root returns the first message of the conversation that a notice continues, and its key; "": the
// notice begins one.
func (b *slackBot) root(last Sent) (ts, key string) {
	channel, rest, _ := strings.Cut(last.Ref, "/")
	ts, key, _ = strings.Cut(rest, "/")
	seconds, _, _ := strings.Cut(ts, ".")
	began, err := strconv.ParseInt(seconds, 10, 64)
	now := b.poster.now()
	switch {
	case err != nil || channel != b.settings.Channel:
		return "", ""
	case now.Sub(time.Unix(began, 0)) > newAfter:
		return "", ""
	case last.Tone == Good && now.Sub(last.At) > newAfterGood:
		return "", ""
	default:
		return ts, key
	}
}

// Update implements Threaded.
func (b *slackBot) Update(ctx context.Context, n Notice, ref string) error {
	_, rest, _ := strings.Cut(ref, "/")
	ts, subject, _ := strings.Cut(rest, "/")
	if subject != n.Key {
		return nil
	}
	call := b.message(n, "")
	call.TS = ts
	_, err := b.call(ctx, "chat.update", call)
	return err
}

func (b *slackBot) post(ctx context.Context, n Notice, thread string) (ts string, err error) {
	call := b.message(n, slackMention(n.People, b.settings.Mention))
	call.Thread, call.Broadcast = thread, thread != "" && n.Mention && n.Tone == Bad
	return b.call(ctx, "chat.postMessage", call)
}

func (b *slackBot) message(n Notice, mention string) slackCall {
	m := slackMessage(n, mention)
	return slackCall{Channel: b.settings.Channel, Text: m.Text, Blocks: m.Blocks}
}

// call calls a method of the Web API, which reports errors with HTTP 200 too.
func (b *slackBot) call(ctx context.Context, method string, c slackCall) (ts string, err error) {
	body, err := encode(c)
	if err != nil {
		return "", &Permanent{Err: err}
	}
	a, err := b.poster.post(ctx, strings.TrimSuffix(b.settings.APIURL, "/")+"/"+method, body,
		map[string]string{"Authorization": "Bearer " + b.settings.Token.Reveal()})
	if err != nil {
		return "", err
	}
	var said struct {
		OK    *bool  `json:"ok"`
		Error string `json:"error"`
		TS    string `json:"ts"`
	}
	if err := json.Unmarshal(a.body, &said); err != nil || said.OK == nil {
		return "", &Retry{Err: fmt.Errorf("slack did not answer with ok but %q", b.poster.excerpt(a.body))}
	}
	if *said.OK {
		return said.TS, nil
	}
	return "", slackError(said.Error, fmt.Errorf("slack: %s: %s", method, Shorten(oneLine(b.poster.redactor.Redact(said.Error)), 300, "…")))
}

// errGone is the error for a message that cannot be updated any more.
var errGone = errors.New("the message is gone")

func slackError(code string, err error) error {
	switch code {
	case "message_not_found", "cant_update_message", "edit_window_closed":
		return &Permanent{Err: fmt.Errorf("%w: %w", err, errGone)}
	case "ratelimited", "rate_limited":
		return &Retry{After: 30 * time.Second, Err: err}
	case "invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired":
		return &Permanent{Err: err, Hint: "the token is not right or was revoked: copy the bot's token (xoxb-…) again"}
	case "missing_scope", "no_permission":
		return &Permanent{Err: err, Hint: "give the app the scope chat:write and install it again"}
	case "not_in_channel":
		return &Permanent{Err: err, Hint: "invite the bot to the channel: /invite @its name"}
	case "channel_not_found":
		return &Permanent{Err: err, Hint: "set channel to the channel's ID (C…), and invite the bot if it is private"}
	case "is_archived":
		return &Permanent{Err: err, Hint: "the channel is archived: unarchive it or set another one"}
	case "msg_too_long", "msg_blocks_too_long", "invalid_blocks", "invalid_blocks_format", "no_text", "invalid_arguments", "invalid_json":
		return &Permanent{Err: err, Hint: "Slack does not understand the message: please report this"}
	default: // internal_error, service_unavailable and the like, or unknown: it may be temporary
		if strings.HasPrefix(code, "restricted_action") {
			return &Permanent{Err: err, Hint: "an administrator does not allow this bot to post"}
		}
		return &Retry{Err: err}
	}
}
