package notifiers

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"guardian/internal/secret"
)

// SlackSettings configures an incoming webhook of Slack, or a bot.
type SlackSettings struct {
	Webhook secret.Secret `yaml:"webhook" doc:"The incoming webhook, https://hooks.slack.com/services/… Each notice is a message of its own."`
	Token   secret.Secret `yaml:"token" doc:"In place of webhook: a bot's token (xoxb-…) with the scope chat:write. Notices about the same subject are one message that is updated, with what happened in its thread."`
	Channel string        `yaml:"channel" doc:"With token: the channel's ID (C…), in which the bot is."`
	// SigningSecret is of the app, not of the bot.
	SigningSecret secret.Secret `yaml:"signing_secret" doc:"With token: the app's signing secret. Alerts get buttons to acknowledge and to silence them; set the app's Request URL of interactivity to /api/slack/actions of this guardian."`
	AppToken      secret.Secret `yaml:"app_token" doc:"In place of signing_secret, where Slack cannot reach the guardian: an app-level token (xapp-…) with the scope connections:write, by which the leader opens a connection (Socket Mode) for the clicks."`
	APIURL        string        `yaml:"api_url" doc:"With token: address of the Web API."`
	Mention       string        `yaml:"mention" doc:"Who is mentioned in notices that need a person: <!here>, <!channel>, <@U…> or <!subteam^S…>, separated by spaces."`
}

// Validate returns all mistakes in the settings.
func (s *SlackSettings) Validate() error {
	var errs []error
	switch {
	case s.Webhook.IsSet() && s.Token.IsSet():
		errs = append(errs, errors.New("token: replaces webhook: remove one of the two"))
	case !s.Webhook.IsSet() && !s.Token.IsSet():
		errs = append(errs, errors.New("webhook: is missing (or token, for a bot)"))
	case s.Webhook.IsSet():
		errs = append(errs, checkURL("webhook", s.Webhook))
		if s.Channel != "" {
			errs = append(errs, errors.New("channel: a webhook posts to its own channel; use token to choose one"))
		}
		for name, set := range map[string]bool{"signing_secret": s.SigningSecret.IsSet(), "app_token": s.AppToken.IsSet()} {
			if set {
				errs = append(errs, errors.New(name+": the messages of a webhook have no buttons; use token"))
			}
		}
	default:
		if strings.ContainsAny(s.Token.Reveal(), " \r\n") {
			errs = append(errs, errors.New("token: has a space or line break"))
		}
		if !regexp.MustCompile(`^[CGD][A-Z0-9]{2,}$`).MatchString(s.Channel) {
			errs = append(errs, fmt.Errorf("channel: %q is not a channel's ID, such as C0123ABCD (in Slack: the channel's details, at the bottom)", s.Channel))
		}
		if err := checkURL("api_url", secret.New(s.APIURL)); err != nil {
			errs = append(errs, err)
		}
	}
	if s.AppToken.IsSet() && !strings.HasPrefix(s.AppToken.Reveal(), "xapp-") {
		errs = append(errs, errors.New("app_token: is no app-level token, xapp-… (in Slack: Basic Information, App-Level Tokens)"))
	}
	known := regexp.MustCompile(`^(<!here>|<!channel>|<!everyone>|<@[UW][A-Z0-9]+>|<!subteam\^S[A-Z0-9]+>)$`)
	for m := range strings.FieldsSeq(s.Mention) {
		if !known.MatchString(m) {
			errs = append(errs, fmt.Errorf("mention: %q is not one of <!here>, <!channel>, <@U0123ABCD>, <!subteam^S0123ABCD>", m))
		}
	}
	return errors.Join(errs...)
}

// HasButtons reports whether messages have buttons.
func (s *SlackSettings) HasButtons() bool { return s.SigningSecret.IsSet() || s.AppToken.IsSet() }

// Slack's limits, in characters; see https://docs.slack.dev/reference/block-kit/blocks. The
// limit of the total is not documented: messages of about 13,200 characters are refused with
// msg_blocks_too_long.
const (
	slackHeader  = 150
	slackSection = 3000
	slackField   = 2000
	slackFields  = 10
	slackTotal   = 12000
	slackButton  = 75
)

func slackKind() Kind {
	return Kind{
		Settings: func() any { return &SlackSettings{APIURL: "https://slack.com/api"} },
		Links:    true,
		// One message a second and short bursts: https://docs.slack.dev/apis/web-api/rate-limits.
		Budget: Budget{Limit: 12, Reserved: 3, Burst: 4, Spacing: time.Second, MergeMax: 60},
		Build: func(settings any, env Env) (Channel, error) {
			s, ok := settings.(*SlackSettings)
			if !ok {
				return nil, fmt.Errorf("slack: settings are %T", settings)
			}
			if err := s.Validate(); err != nil {
				return nil, fmt.Errorf("slack: %w", err)
			}
			own := *s
			if s.Token.IsSet() {
				return &slackBot{settings: &own, poster: newPoster(env, s.Token)}, nil
			}
			return &slackChannel{settings: &own, poster: newPoster(env, s.Webhook)}, nil
		},
	}
}

type slackChannel struct {
	// A pointer, because fmt does not follow it; it would print the secrets in an unexported
	// field that is a value.
	settings *SlackSettings
	poster   *poster
}

// Send implements Channel. Slack answers with the text "ok", or an error code.
func (c *slackChannel) Send(ctx context.Context, n Notice) error {
	body, err := encode(slackMessage(n, slackMention(n.People, c.settings.Mention)))
	if err != nil {
		return &Permanent{Err: err}
	}
	a, err := c.poster.post(ctx, c.settings.Webhook.Reveal(), body, nil)
	if err != nil {
		return withSlackHint(err)
	}
	if text := strings.TrimSpace(string(a.body)); text != "ok" {
		return &Retry{Err: fmt.Errorf("slack did not answer ok but %q", c.poster.excerpt(a.body))}
	}
	return nil
}

// withSlackHint adds what to do to errors that the configuration causes, see
// https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks.
func withSlackHint(err error) error {
	var p *Permanent
	if !errors.As(err, &p) {
		return err
	}
	text := p.Err.Error()
	for _, known := range [][2]string{
		{"no_service", "the webhook was removed or disabled: create a new one"},
		{"no_team", "the workspace is gone: create a new webhook"},
		{"invalid_token", "the webhook's address is not right: copy it again"},
		{"channel_not_found", "the webhook's channel is gone: create a new webhook"},
		{"channel_is_archived", "the webhook's channel is archived: unarchive it or create a new webhook"},
		{"action_prohibited", "an administrator does not allow this webhook to post"},
		{"posting_to_general_channel_denied", "an administrator does not allow posts to #general"},
	} {
		if strings.Contains(text, known[0]) {
			return &Permanent{Err: p.Err, Hint: known[1]}
		}
	}
	return err
}

// slackMessage renders a notice within all limits of Slack.
func slackMessage(n Notice, mention string) *slack.WebhookMessage {
	var out *slack.WebhookMessage
	fit(n, slackSize, func(n Notice) bool {
		var total, longest int
		out, total, longest = slackBlocks(n, mention)
		return total <= slackTotal && longest <= slackSection
	})
	return out
}

// slackSize is the length that Slack counts: UTF-16 units after escaping.
func slackSize(r rune) int {
	switch {
	case r == '&':
		return len("&amp;")
	case r == '<' || r == '>':
		return len("&lt;")
	case r > 0xFFFF:
		return 2
	default:
		return 1
	}
}

// slackBlocks returns the message, the total length of its texts and that of the longest section.
func slackBlocks(n Notice, mention string) (m *slack.WebhookMessage, total, longest int) {
	w := wordsOf(n.Lang)
	var blocks []slack.Block
	section := func(text string) {
		if text == "" {
			return
		}
		size := length(text, utf16Len)
		total, longest = total+size, max(longest, size)
		blocks = append(blocks, slack.NewSectionBlock(slack.NewTextBlockObject(slack.MarkdownType, text, false, true), nil, nil))
	}

	title := shorten(n.Tone.Emoji()+" "+n.title(), slackHeader, "…", utf16Len)
	total += length(title, utf16Len)
	blocks = append(blocks, slack.NewHeaderBlock(slack.NewTextBlockObject(slack.PlainTextType, title, true, false)))

	text := slackEscape(n.Text)
	if n.Mention && mention != "" {
		text = strings.TrimSpace(mention + " " + text)
	}
	for _, part := range splitLines(text, slackSection, utf16Len) {
		section(part)
	}

	var fields []*slack.TextBlockObject
	flush := func() {
		if len(fields) > 0 {
			blocks = append(blocks, slack.NewSectionBlock(nil, fields, nil))
		}
		fields = nil
	}
	for _, f := range n.Facts {
		text := "*" + slackEscape(oneLine(f.Name)) + "*\n" + slackEscape(oneLine(f.Value))
		if length(text, utf16Len) > slackField { // cannot happen: fit bounds the length of a value
			continue
		}
		total += length(text, utf16Len)
		fields = append(fields, slack.NewTextBlockObject(slack.MarkdownType, text, false, true))
		if len(fields) == slackFields {
			flush()
		}
	}
	flush()

	if len(n.Steps) > 0 {
		lines := []string{"*" + w.steps + "*"}
		for _, s := range n.Steps {
			lines = append(lines, "• "+slackEscape(s))
		}
		section(strings.Join(lines, "\n"))
	}
	// Links, not buttons: Slack also sends a click on a button to the app and shows a warning
	// when the app does not answer. A webhook has no app that could.
	var links []string
	for _, l := range n.Links {
		if l.Button != nil {
			continue
		}
		links = append(links, "<"+slackEscape(strings.ReplaceAll(l.URL, "|", "%7C"))+"|"+strings.ReplaceAll(slackEscape(l.Text), "|", "¦")+">")
	}
	section(strings.Join(links, "  ·  "))
	if buttons := slackButtons(n.Links); buttons != nil {
		blocks = append(blocks, buttons)
	}

	return &slack.WebhookMessage{
		Text:   slackEscape(n.Tone.Emoji() + " " + n.title()), // shown in notifications, such as on a lock screen
		Blocks: &slack.Blocks{BlockSet: blocks},
	}, total, longest
}

func utf16Len(r rune) int {
	if r > 0xFFFF {
		return 2
	}
	return 1
}

// slackEscape escapes the characters with which links and mentions begin.
func slackEscape(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(undirected(s))
}
