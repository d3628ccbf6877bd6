package notifiers

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"guardian/internal/secret"
)

// WeComSettings configures a group robot (群机器人) of WeCom (企业微信).
type WeComSettings struct {
	Webhook secret.Secret `yaml:"webhook" doc:"The robot's webhook, https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=…; the key is the whole secret."`
	At      WeComAt       `yaml:"at" doc:"Who is mentioned in notices that need a person."`
}

// WeComAt lists the people that a WeCom robot mentions.
type WeComAt struct {
	UserIDs []string `yaml:"user_ids" doc:"User IDs of the organisation (账号). They alone can be mentioned in a formatted message of 4,096 bytes."`
	Mobiles []string `yaml:"mobiles" doc:"Mobile numbers. With one of them a notice that mentions people is plain text of 2,048 bytes: WeCom allows no other."`
	All     bool     `yaml:"all" doc:"Everybody in the group; plain text as with mobiles."`
}

func (a WeComAt) empty() bool { return len(a.UserIDs) == 0 && !a.textOnly() }

// textOnly reports whether somebody is to be mentioned who cannot be in markdown.
func (a WeComAt) textOnly() bool { return len(a.Mobiles) > 0 || a.All }

// Validate returns all mistakes in the settings.
func (s *WeComSettings) Validate() error {
	errs := []error{checkURL("webhook", s.Webhook)}
	if errs[0] == nil {
		if u, err := url.Parse(s.Webhook.Reveal()); err == nil && u.Query().Get("key") == "" {
			errs = append(errs, errors.New("webhook: has no key; copy the robot's whole address"))
		}
	}
	for _, id := range s.At.UserIDs {
		if id == "" || strings.ContainsAny(id, " \n\t<>") {
			errs = append(errs, fmt.Errorf("at.user_ids: %q is not a user ID", id))
		} else if strings.EqualFold(id, "@all") {
			errs = append(errs, errors.New("at.user_ids: @all is no user ID: set all"))
		}
	}
	mobile := regexp.MustCompile(`^\+?\d{5,15}$`)
	for _, m := range s.At.Mobiles {
		if !mobile.MatchString(m) {
			errs = append(errs, fmt.Errorf("at.mobiles: %q is not a number of digits", m))
		}
	}
	return errors.Join(errs...)
}

// WeCom's limits in bytes of the content, see
// https://developer.work.weixin.qq.com/document/path/91770. Longer contents are refused.
const (
	wecomMarkdown = 4096
	wecomText     = 2048
	// WeCom documents no penalty for the 21st message of a minute; the robot rests until the
	// minute is over.
	wecomPenalty = time.Minute
)

func wecomKind() Kind {
	return Kind{
		Settings: func() any { return &WeComSettings{} },
		Links:    true,
		Budget:   chatBudget(),
		Build: func(settings any, env Env) (Channel, error) {
			s, ok := settings.(*WeComSettings)
			if !ok {
				return nil, fmt.Errorf("wecom: settings are %T", settings)
			}
			if err := s.Validate(); err != nil {
				return nil, fmt.Errorf("wecom: %w", err)
			}
			own := *s
			return &wecomChannel{settings: &own, poster: newPoster(env, s.Webhook)}, nil
		},
	}
}

type wecomChannel struct {
	// A pointer, because fmt does not follow it; it would print the secrets in an unexported
	// field that is a value.
	settings *WeComSettings
	poster   *poster
}

// Send implements Channel.
func (c *wecomChannel) Send(ctx context.Context, n Notice) error {
	body, err := encode(wecomMessage(n, c.settings.At))
	if err != nil {
		return &Permanent{Err: err}
	}
	a, err := c.poster.post(ctx, c.settings.Webhook.Reveal(), body, nil)
	if err != nil {
		return err
	}
	return c.checkAnswer(a.body)
}

// checkAnswer interprets the errcode in the body: WeCom answers errors with HTTP 200 too.
func (c *wecomChannel) checkAnswer(body []byte) error {
	code, _, err := c.poster.verdict(body, "wecom", "errcode", "errmsg")
	if err == nil || code == nil {
		return err
	}
	switch *code {
	case -1, 45033: // busy; too many calls at the same time
		return &Retry{Err: err}
	case 45009: // sent too fast
		return &Retry{After: wecomPenalty, Penalty: true, Err: err}
	case 93000:
		return &Permanent{Err: err, Hint: "the key is not right, or the robot was removed from its group: copy the robot's address again, or add a new robot"}
	case 93004:
		return &Permanent{Err: err, Hint: "the robot is switched off: switch it on in the group's settings"}
	case 93008:
		return &Permanent{Err: err, Hint: "the robot is not in the group any more: add it again"}
	case 40058, 45002:
		return &Permanent{Err: err, Hint: "WeCom refuses the message's length or one of its values"}
	case 40008, 40033, 40035, 40063, 43002, 44004, 47001:
		return &Permanent{Err: err, Hint: "WeCom does not understand the message: please report this"}
	default: // unknown: it may be temporary
		return &Retry{Err: err}
	}
}

type wecomBody struct {
	Type     string          `json:"msgtype"`
	Markdown *wecomContent   `json:"markdown,omitempty"`
	Text     *wecomPlainText `json:"text,omitempty"`
}

type wecomContent struct {
	Content string `json:"content"`
}

type wecomPlainText struct {
	Content string   `json:"content"`
	Users   []string `json:"mentioned_list,omitempty"`
	Mobiles []string `json:"mentioned_mobile_list,omitempty"`
}

// wecomMessage renders a notice within WeCom's limits: as markdown, or as text if somebody is to
// be mentioned who cannot be in markdown.
func wecomMessage(n Notice, at WeComAt) wecomBody {
	at = at.of(n.People)
	ping := n.Mention && !at.empty()
	var out wecomBody
	if ping && at.textOnly() {
		fit(n, utf8.RuneLen, func(n Notice) bool {
			text := &wecomPlainText{Content: plainText(n), Users: slices.Clone(at.UserIDs), Mobiles: at.Mobiles}
			if at.All {
				text.Users = append(text.Users, "@all")
			}
			out = wecomBody{Type: "text", Text: text}
			return len(text.Content) <= wecomText
		})
		return out
	}
	fit(n, utf8.RuneLen, func(n Notice) bool {
		parts := []string{markup{heading: "### ", newline: "\n", quote: "> "}.render(n)}
		if len(n.Links) > 0 {
			parts = append(parts, markdownLinks(n.Links))
		}
		if ping {
			parts = append(parts, "<@"+strings.Join(at.UserIDs, "> <@")+">")
		}
		out = wecomBody{Type: "markdown", Markdown: &wecomContent{Content: strings.Join(parts, "\n\n")}}
		return len(out.Markdown.Content) <= wecomMarkdown
	})
	return out
}
