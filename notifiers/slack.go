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

// SlackSettings is an incoming webhook of Slack.
type SlackSettings struct {
	Webhook secret.Secret `yaml:"webhook" doc:"The incoming webhook's address, https://hooks.slack.com/services/…"`
	Mention string        `yaml:"mention" doc:"Whom a notice that needs somebody pings: <!here>, <!channel>, <@U…> or <!subteam^S…>; several with spaces between."`
}

// Validate says everything that is wrong with the settings.
func (s *SlackSettings) Validate() error {
	errs := []error{checkURL("webhook", s.Webhook)}
	known := regexp.MustCompile(`^(<!here>|<!channel>|<!everyone>|<@[UW][A-Z0-9]+>|<!subteam\^S[A-Z0-9]+>)$`)
	for m := range strings.FieldsSeq(s.Mention) {
		if !known.MatchString(m) {
			errs = append(errs, fmt.Errorf("mention: %q is not one of <!here>, <!channel>, <@U0123ABCD>, <!subteam^S0123ABCD>", m))
		}
	}
	return errors.Join(errs...)
}

// Slack's limits, in characters; see https://docs.slack.dev/reference/block-kit/blocks. The
// sum is not documented: messages of about 13,200 are refused as msg_blocks_too_long.
const (
	slackHeader  = 150
	slackSection = 3000
	slackField   = 2000
	slackFields  = 10
	slackTotal   = 12000
)

func slackKind() Kind {
	return Kind{
		Settings: func() any { return &SlackSettings{} },
		// One message a second and short bursts: https://docs.slack.dev/apis/web-api/rate-limits.
		Budget: Budget{Limit: 50, Reserved: 10, Spacing: time.Second},
		Build: func(settings any, env Env) (Channel, error) {
			s, ok := settings.(*SlackSettings)
			if !ok {
				return nil, fmt.Errorf("slack: settings are %T", settings)
			}
			if err := s.Validate(); err != nil {
				return nil, fmt.Errorf("slack: %w", err)
			}
			own := *s
			return &slackChannel{settings: &own, poster: newPoster(env, s.Webhook)}, nil
		},
	}
}

type slackChannel struct {
	// By pointer: fmt does not look behind one, but would show secrets in a value that is
	// kept unexported.
	settings *SlackSettings
	poster   *poster
}

// Send implements Channel. Slack's answer is a text: "ok", or what is wrong.
func (c *slackChannel) Send(ctx context.Context, n Notice) error {
	body, err := encode(slackMessage(n, c.settings.Mention))
	if err != nil {
		return &Permanent{Err: err}
	}
	a, err := c.poster.post(ctx, c.settings.Webhook.Reveal(), body, nil)
	if err != nil {
		return hinted(err)
	}
	if text := strings.TrimSpace(string(a.body)); text != "ok" {
		return &Retry{Err: fmt.Errorf("slack did not answer ok but %q", c.poster.excerpt(a.body))}
	}
	return nil
}

// hinted adds what to do to the errors of Slack's webhooks that a configuration causes:
// https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks.
func hinted(err error) error {
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

// slackMessage renders a notice within every limit of Slack.
func slackMessage(n Notice, mention string) *slack.WebhookMessage {
	var out *slack.WebhookMessage
	fit(n, slackSize, func(n Notice) bool {
		var total, longest int
		out, total, longest = slackBlocks(n, mention)
		return total <= slackTotal && longest <= slackSection
	})
	return out
}

// slackSize counts as Slack does: in UTF-16 units, after the three escapes.
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

// slackBlocks gives the message, how long its texts are together, and the longest section.
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

	title := shorten(n.Tone.sign()+" "+n.title(), slackHeader, "…", utf16Len)
	total += length(title, utf16Len)
	blocks = append(blocks, slack.NewHeaderBlock(slack.NewTextBlockObject(slack.PlainTextType, title, true, false)))

	text := slackEscape(n.Text)
	if n.Mention && mention != "" {
		text = strings.TrimSpace(mention + " " + text)
	}
	section(text)

	var fields []*slack.TextBlockObject
	flush := func() {
		if len(fields) > 0 {
			blocks = append(blocks, slack.NewSectionBlock(nil, fields, nil))
		}
		fields = nil
	}
	for _, f := range n.Facts {
		text := "*" + slackEscape(f.Name) + "*\n" + slackEscape(f.Value)
		if length(text, utf16Len) > slackField { // cannot be while fit bounds a value's length
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
	// Links, not buttons: Slack sends a click on a button to the app as well, and shows a
	// warning when nobody answers there, which a mere webhook cannot.
	var links []string
	for _, l := range n.Links {
		links = append(links, "<"+slackEscape(strings.ReplaceAll(l.URL, "|", "%7C"))+"|"+strings.ReplaceAll(slackEscape(l.Text), "|", "¦")+">")
	}
	section(strings.Join(links, "  ·  "))

	return &slack.WebhookMessage{
		Text:   slackEscape(n.Tone.sign() + " " + n.title()), // what a phone's lock screen shows
		Blocks: &slack.Blocks{BlockSet: blocks},
	}, total, longest
}

func utf16Len(r rune) int {
	if r > 0xFFFF {
		return 2
	}
	return 1
}

// slackEscape keeps text from being read as a link or a mention.
func slackEscape(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(s)
}
