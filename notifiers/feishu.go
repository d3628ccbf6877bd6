package notifiers

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"guardian/internal/secret"
)

// FeishuSettings configures a custom bot (自定义机器人) of a Feishu (飞书) or Lark group.
type FeishuSettings struct {
	Webhook  secret.Secret `yaml:"webhook" doc:"The bot's webhook, https://open.feishu.cn/open-apis/bot/v2/hook/… (Lark: open.larksuite.com)."`
	Secret   secret.Secret `yaml:"secret" doc:"The bot's signing secret (签名校验); omit if signing is off."`
	Keywords []string      `yaml:"keywords" doc:"The bot's keywords (自定义关键词): one of them is added to messages without one."`
	At       FeishuAt      `yaml:"at" doc:"Who is mentioned in notices that need a person."`
}

// FeishuAt lists the people that a Feishu bot mentions.
type FeishuAt struct {
	OpenIDs []string `yaml:"open_ids" doc:"Open IDs (ou_…) or user IDs of members of the group; a custom bot cannot mention others."`
	All     bool     `yaml:"all" doc:"Everybody in the group, if the group allows it."`
}

func (a FeishuAt) empty() bool { return len(a.OpenIDs) == 0 && !a.All }

// Validate returns all mistakes in the settings.
func (s *FeishuSettings) Validate() error {
	errs := []error{checkURL("webhook", s.Webhook)}
	if errs[0] == nil && !strings.Contains(s.Webhook.Reveal(), "/bot/v2/hook/") {
		errs = append(errs, errors.New("webhook: is not a custom bot's address, …/open-apis/bot/v2/hook/…; copy the whole address"))
	}
	errs = append(errs, checkKeywords("keywords", s.Keywords)...)
	id := regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)
	for _, one := range s.At.OpenIDs {
		if !id.MatchString(one) || one == "all" {
			errs = append(errs, fmt.Errorf("at.open_ids: %q is not an ID such as ou_18eac85d35a26f98", one))
		}
	}
	return errors.Join(errs...)
}

const (
	// Feishu documents 20 KB for a body; this leaves a margin for timestamp and signature.
	feishuBytes = 18000
	// Feishu refuses what is over 100 messages a minute or 5 a second, and documents no penalty.
	feishuPenalty = time.Minute
)

func feishuKind() Kind {
	// Feishu asks to avoid the full and half hours, in which everybody's scheduled messages
	// arrive and calls are refused with code 11232.
	budget := chatBudget()
	budget.Burst, budget.MergeMax, budget.Spacing = 4, 60, 250*time.Millisecond
	budget.Rush = Rush{Every: 30 * time.Minute, Before: 2 * time.Second, After: 20 * time.Second}
	return Kind{
		Settings: func() any { return &FeishuSettings{} },
		Links:    true,
		Budget:   budget,
		Build: func(settings any, env Env) (Channel, error) {
			s, ok := settings.(*FeishuSettings)
			if !ok {
				return nil, fmt.Errorf("feishu: settings are %T", settings)
			}
			if err := s.Validate(); err != nil {
				return nil, fmt.Errorf("feishu: %w", err)
			}
			own := *s
			return &feishuChannel{settings: &own, poster: newPoster(env, s.Webhook, s.Secret)}, nil
		},
	}
}

type feishuChannel struct {
	// A pointer, because fmt does not follow it; it would print the secrets in an unexported
	// field that is a value.
	settings *FeishuSettings
	poster   *poster
}

// Send implements Channel.
func (c *feishuChannel) Send(ctx context.Context, n Notice) error {
	message := feishuMessage(n, *c.settings)
	if c.settings.Secret.IsSet() {
		seconds := c.poster.now().Unix()
		message.Timestamp = strconv.FormatInt(seconds, 10)
		message.Sign = SignFeishu(c.settings.Secret, seconds)
	}
	body, err := encode(message)
	if err != nil {
		return &Permanent{Err: err}
	}
	a, err := c.poster.post(ctx, c.settings.Webhook.Reveal(), body, nil)
	if err != nil {
		return c.refused(a, err)
	}
	return c.checkAnswer(a.body)
}

// SignFeishu computes the signature (签名校验) of a custom bot for a time in Unix seconds:
// base64(HMAC-SHA256(key: timestamp + "\n" + secret, message: empty)). Feishu accepts it within an
// hour of its own clock. See https://open.feishu.cn/document/client-docs/bot-v3/add-custom-bot.
func SignFeishu(key secret.Secret, seconds int64) string {
	mac := hmac.New(sha256.New, []byte(strconv.FormatInt(seconds, 10)+"\n"+key.Reveal()))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// refused interprets an answer with a status other than 2xx. Feishu reports its rate limit with
// HTTP 400, which would otherwise be a permanent error.
func (c *feishuChannel) refused(a answer, err error) error {
	var p *Permanent
	if !errors.As(err, &p) {
		return err
	}
	if code, text, said := c.poster.verdict(a.body, "feishu", "code", "msg"); code != nil && *code != 0 {
		return feishuError(*code, text, fmt.Errorf("%w (%w)", said, p.Err))
	}
	return err
}

// checkAnswer interprets the code in the body: Feishu answers most errors with HTTP 200 too.
func (c *feishuChannel) checkAnswer(body []byte) error {
	code, text, err := c.poster.verdict(body, "feishu", "code", "msg")
	if err == nil || code == nil {
		return err
	}
	return feishuError(*code, text, err)
}

func feishuError(code int64, text string, err error) error {
	switch code {
	case 9499: // one code for two things
		if strings.Contains(strings.ToLower(text), "too many") {
			return &Retry{After: feishuPenalty, Penalty: true, Err: err}
		}
		return &Permanent{Err: err, Hint: "Feishu does not understand the message: please report this"}
	case 11232: // the whole of Feishu is at its limit, as at the full hour
		return &Retry{After: 20 * time.Second, Penalty: true, Err: err}
	case 19001:
		return &Permanent{Err: err, Hint: "the address is not right, or the bot was removed from its group: copy the bot's address again, or add a new bot"}
	case 19007:
		return &Permanent{Err: err, Hint: "the bot is switched off: switch it on in the group's settings"}
	case 19021:
		return &Permanent{Err: err, Hint: "set secret to that of the bot (签名校验), and check this machine's clock: it may be off by an hour at most"}
	case 19022:
		return &Permanent{Err: err, Hint: "add this machine's address to the bot's list (IP 白名单)"}
	case 19024:
		return &Permanent{Err: err, Hint: "set keywords to one of the bot's (自定义关键词)"}
	case 19036:
		return &Permanent{Err: err, Hint: "the message is longer than Feishu takes"}
	case 19002, 230099, 11246:
		return &Permanent{Err: err, Hint: "Feishu does not understand the message: please report this"}
	default: // unknown: it may be temporary
		return &Retry{Err: err}
	}
}

type feishuBody struct {
	Timestamp string     `json:"timestamp,omitempty"`
	Sign      string     `json:"sign,omitempty"`
	Type      string     `json:"msg_type"`
	Card      feishuCard `json:"card"`
}

type feishuCard struct {
	Config   map[string]bool `json:"config"`
	Header   feishuHeader    `json:"header"`
	Elements []any           `json:"elements"`
}

type feishuHeader struct {
	Title    feishuText `json:"title"`
	Template string     `json:"template"`
}

type feishuText struct {
	Tag     string `json:"tag"`
	Content string `json:"content"`
}

type feishuActions struct {
	Tag     string         `json:"tag"`
	Actions []feishuButton `json:"actions"`
}

type feishuButton struct {
	Tag  string     `json:"tag"`
	Text feishuText `json:"text"`
	URL  string     `json:"url"`
	Type string     `json:"type"`
}

// feishuMessage renders a notice as a card within Feishu's limit of bytes. A custom bot's buttons
// can only open links.
func feishuMessage(n Notice, s FeishuSettings) feishuBody {
	var out feishuBody
	s.At = s.At.of(n.People)
	fit(n, utf8.RuneLen, func(n Notice) bool {
		text := markup{newline: "\n"}.render(n)
		if n.Mention && !s.At.empty() {
			text = strings.TrimSpace(text + "\n\n" + feishuMention(s.At))
		}
		title := withKeyword(n.Tone.Emoji()+" "+oneLine(n.title()), s.Keywords)
		card := feishuCard{
			Config: map[string]bool{"wide_screen_mode": true},
			Header: feishuHeader{Title: feishuText{"plain_text", title}, Template: n.Tone.feishuColor()},
		}
		if text = withKeyword(text, s.Keywords); text == "" {
			text = " " // a card needs an element
		}
		card.Elements = append(card.Elements, feishuText{"markdown", text})
		if len(n.Links) > 0 {
			actions := feishuActions{Tag: "action"}
			for i, l := range n.Links {
				style := "default"
				if i == 0 {
					style = "primary"
				}
				actions.Actions = append(actions.Actions, feishuButton{"button", feishuText{"plain_text", oneLine(l.Text)}, l.URL, style})
			}
			card.Elements = append(card.Elements, actions)
		}
		out = feishuBody{Type: "interactive", Card: card}
		body, err := encode(out)
		return err != nil || len(body) <= feishuBytes
	})
	return out
}

func feishuMention(at FeishuAt) string {
	var out []string
	for _, id := range at.OpenIDs {
		out = append(out, "<at id="+id+"></at>")
	}
	if at.All {
		out = append(out, "<at id=all></at>")
	}
	return strings.Join(out, " ")
}

// feishuColor returns the colour of a card's header.
func (t Tone) feishuColor() string {
	switch t {
	case Bad:
		return "red"
	case Warn:
		return "orange"
	case Good:
		return "green"
	case Neutral:
		return "blue"
	default:
		return "blue"
	}
}
