package notifiers

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"guardian/internal/secret"
)

// DingTalkSettings configures a custom robot (自定义机器人) of a DingTalk group, or several.
type DingTalkSettings struct {
	Webhook  secret.Secret   `yaml:"webhook" doc:"The robot's webhook, https://oapi.dingtalk.com/robot/send?access_token=…"`
	Secret   secret.Secret   `yaml:"secret" doc:"The robot's signing secret (加签), SEC…; omit if signing is off."`
	Keywords []string        `yaml:"keywords" doc:"The robot's keywords (自定义关键词): one of them is added to messages without one."`
	Robots   []DingTalkRobot `yaml:"robots" doc:"Several robots of the same group in place of webhook, secret and keywords: each has its own limit of messages, and while DingTalk blocks one, the others go on."`
	At       DingTalkAt      `yaml:"at" doc:"Who is mentioned in notices that need a person."`
	App      *DingTalkApp    `yaml:"app" doc:"An app of the organisation whose robot is in the group too, in Stream mode: people write commands to it, such as status or ack. Messages are sent by the robots above."`
}

// DingTalkRobot is one of several robots of a group.
type DingTalkRobot struct {
	Webhook  secret.Secret `yaml:"webhook" required:"true" doc:"The robot's webhook."`
	Secret   secret.Secret `yaml:"secret" doc:"The robot's signing secret (加签), SEC…; omit if signing is off."`
	Keywords []string      `yaml:"keywords" doc:"The robot's keywords (自定义关键词)."`
}

// DingTalkAt lists the people that a DingTalk robot mentions.
type DingTalkAt struct {
	Mobiles []string `yaml:"mobiles" doc:"Mobile numbers; outside China with country code: +65-81234567."`
	UserIDs []string `yaml:"user_ids" doc:"User IDs of the organisation."`
	All     bool     `yaml:"all" doc:"Everybody in the group."`
}

func (a DingTalkAt) empty() bool { return len(a.Mobiles) == 0 && len(a.UserIDs) == 0 && !a.All }

// Validate returns all mistakes in the settings.
func (s *DingTalkSettings) Validate() error {
	var errs []error
	if len(s.Robots) == 0 {
		errs = DingTalkRobot{s.Webhook, s.Secret, s.Keywords}.mistakes("")
	} else if s.Webhook.IsSet() || s.Secret.IsSet() || len(s.Keywords) > 0 {
		errs = append(errs, errors.New("robots: replace webhook, secret and keywords: make those the first of robots"))
	}
	tokens := map[string]bool{}
	for i, r := range s.Robots {
		errs = append(errs, r.mistakes(fmt.Sprintf("robots[%d].", i))...)
		if u, err := url.Parse(r.Webhook.Reveal()); err == nil && r.Webhook.IsSet() {
			if token := u.Query().Get("access_token"); tokens[token] {
				errs = append(errs, fmt.Errorf("robots[%d].webhook: is the same robot as another one of the list", i))
			} else {
				tokens[token] = true
			}
		}
	}
	mobile := regexp.MustCompile(`^(1\d{10}|\+\d{1,4}-\d{4,14})$`)
	for _, m := range s.At.Mobiles {
		if !mobile.MatchString(m) {
			errs = append(errs, fmt.Errorf("at.mobiles: %q is neither 11 digits nor like +65-81234567", m))
		}
	}
	for _, id := range s.At.UserIDs {
		if id == "" || strings.ContainsAny(id, " \n\t") {
			errs = append(errs, fmt.Errorf("at.user_ids: %q is not a user ID", id))
		}
	}
	if s.App != nil {
		errs = append(errs, s.App.mistakes()...)
	}
	return errors.Join(errs...)
}

// mistakes lists what is wrong with a robot, whose keys begin with at.
func (r DingTalkRobot) mistakes(at string) []error {
	errs := []error{checkURL(at+"webhook", r.Webhook)}
	if errs[0] == nil {
		if u, err := url.Parse(r.Webhook.Reveal()); err == nil && u.Query().Get("access_token") == "" {
			errs = append(errs, fmt.Errorf("%swebhook: has no access_token; copy the robot's whole address", at))
		}
	}
	return append(errs, checkKeywords(at+"keywords", r.Keywords)...)
}

// checkKeywords lists what is wrong with the keywords of a robot of DingTalk or Feishu.
func checkKeywords(at string, keywords []string) (errs []error) {
	if len(keywords) > 10 {
		errs = append(errs, fmt.Errorf("%s: a robot has at most 10, these are %d", at, len(keywords)))
	}
	for _, k := range keywords {
		if strings.TrimSpace(k) == "" || len(k) > 100 {
			errs = append(errs, fmt.Errorf("%s: %q is empty or longer than 100 bytes", at, k))
		}
	}
	return errs
}

const (
	// DingTalk refuses bodies over 20,000 bytes (errcode 460101); this leaves a margin.
	dingtalkBytes = 18000
	// DingTalk blocks a robot for ten minutes after the 21st message within a minute.
	dingtalkPenalty = 10 * time.Minute
)

func dingtalkKind() Kind {
	return Kind{
		Settings: func() any { return &DingTalkSettings{} },
		Links:    true,
		Budget:   chatBudget(),
		Build: func(settings any, env Env) (Channel, error) {
			s, ok := settings.(*DingTalkSettings)
			if !ok {
				return nil, fmt.Errorf("dingtalk: settings are %T", settings)
			}
			if err := s.Validate(); err != nil {
				return nil, fmt.Errorf("dingtalk: %w", err)
			}
			robots := s.Robots
			if len(robots) == 0 {
				robots = []DingTalkRobot{{s.Webhook, s.Secret, s.Keywords}}
			}
			var all dingtalkRobots
			for _, r := range robots {
				one := &DingTalkSettings{Webhook: r.Webhook, Secret: r.Secret, Keywords: r.Keywords, At: s.At}
				all = append(all, &dingtalkChannel{settings: one, poster: newPoster(env, r.Webhook, r.Secret)})
			}
			if len(all) == 1 {
				return all[0], nil
			}
			return all, nil
		},
	}
}

// dingtalkRobots are several robots of one group.
type dingtalkRobots []Channel

// Robots implements Robots.
func (r dingtalkRobots) Robots() []Channel { return r }

// Send implements Channel with the first robot.
func (r dingtalkRobots) Send(ctx context.Context, n Notice) error { return r[0].Send(ctx, n) }

// dingtalkChannel is one robot; its settings have no Robots.
type dingtalkChannel struct {
	// A pointer, because fmt does not follow it; it would print the secrets in an unexported
	// field that is a value.
	settings *DingTalkSettings
	poster   *poster
}

// Send implements Channel.
func (c *dingtalkChannel) Send(ctx context.Context, n Notice) error {
	body, err := dingtalkBody(n, *c.settings)
	if err != nil {
		return &Permanent{Err: err}
	}
	a, err := c.poster.post(ctx, c.address(), body, nil)
	if err != nil {
		return err
	}
	return c.checkAnswer(a.body)
}

// address returns the robot's address, signed with the current time if 加签 is used.
func (c *dingtalkChannel) address() string {
	to := c.settings.Webhook.Reveal()
	if !c.settings.Secret.IsSet() {
		return to
	}
	millis := c.poster.now().UnixMilli()
	return to + "&timestamp=" + strconv.FormatInt(millis, 10) +
		"&sign=" + url.QueryEscape(SignDingTalk(c.settings.Secret, millis))
}

// SignDingTalk computes the signature (加签) of a custom robot for a time in Unix
// milliseconds: base64(HMAC-SHA256(key: secret, message: timestamp + "\n" + secret)), before
// escaping for the query. DingTalk accepts it within an hour of its own clock. See
// https://open.dingtalk.com/document/robots/customize-robot-security-settings.
func SignDingTalk(key secret.Secret, millis int64) string {
	mac := hmac.New(sha256.New, []byte(key.Reveal()))
	mac.Write([]byte(strconv.FormatInt(millis, 10) + "\n" + key.Reveal()))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// checkAnswer interprets the errcode in the body: DingTalk answers errors with HTTP 200 too.
func (c *dingtalkChannel) checkAnswer(body []byte) error {
	code, text, err := c.poster.verdict(body, "dingtalk", "errcode", "errmsg")
	if err == nil || code == nil {
		return err
	}
	switch *code {
	case -1: // 系统繁忙
		return &Retry{Err: err}
	case 130101, 410100: // sent too fast: the robot is blocked for ten minutes
		return &Retry{After: dingtalkPenalty, Penalty: true, Err: err}
	case 90018, 90020, 90030: // the organisation's quota of calls is used up
		return &Retry{After: time.Hour, Penalty: true, Err: fmt.Errorf("%w: the quota of calls is used up: send less here or buy more", err)}
	case 310000:
		return &Permanent{Err: err, Hint: securityHint(text)}
	case 460101, 101002:
		return &Permanent{Err: err, Hint: "the message is longer than DingTalk takes"}
	case 300001, 300005, 400101, 40014:
		return &Permanent{Err: err, Hint: "the access_token is not right: copy the robot's address again"}
	case 400102:
		return &Permanent{Err: err, Hint: "the robot is switched off: switch it on in the group's settings"}
	case 400106:
		return &Permanent{Err: err, Hint: "the robot was deleted: create a new one"}
	case 400013:
		return &Permanent{Err: err, Hint: "the group was dissolved: configure another one"}
	case 430101, 430102, 430103, 430104:
		return &Permanent{Err: err, Hint: "DingTalk rejected the content as unsafe"}
	case 40035, 43004, 400105:
		return &Permanent{Err: err, Hint: "DingTalk does not understand the message: please report this"}
	default: // unknown: it may be temporary
		return &Retry{Err: err}
	}
}

// securityHint distinguishes the three security settings of a robot that share errcode 310000.
func securityHint(text string) string {
	text = strings.ToLower(text)
	switch {
	case strings.Contains(text, "keyword"):
		return "set keywords to one of the robot's (自定义关键词)"
	case strings.Contains(text, "whitelist") || strings.Contains(text, "ip "):
		return "add this machine's address to the robot's list (IP地址段)"
	case strings.Contains(text, "timestamp"):
		return "this machine's clock is off by more than an hour: correct it"
	case strings.Contains(text, "sign"):
		return "set secret to that of the robot (加签, SEC…), and check this machine's clock"
	default:
		return "see the robot's security settings (安全设置)"
	}
}

type dingtalkMessage struct {
	Type       string              `json:"msgtype"`
	Markdown   *dingtalkMarkdown   `json:"markdown,omitempty"`
	ActionCard *dingtalkActionCard `json:"actionCard,omitempty"`
	At         *dingtalkAt         `json:"at,omitempty"`
}

type dingtalkMarkdown struct {
	Title string `json:"title"`
	Text  string `json:"text"`
}

type dingtalkActionCard struct {
	Title       string           `json:"title"`
	Text        string           `json:"text"`
	Orientation string           `json:"btnOrientation"` // "0": one below the other
	Buttons     []dingtalkButton `json:"btns"`
}

type dingtalkButton struct {
	Title string `json:"title"`
	URL   string `json:"actionURL"`
}

type dingtalkAt struct {
	Mobiles []string `json:"atMobiles,omitempty"`
	UserIDs []string `json:"atUserIds,omitempty"`
	All     bool     `json:"isAtAll"`
}

// dingtalkBody renders a notice as a JSON body within DingTalk's limit of bytes.
func dingtalkBody(n Notice, s DingTalkSettings) ([]byte, error) {
	var body []byte
	var failed error
	fit(n, utf8.RuneLen, func(n Notice) bool {
		body, failed = encode(dingtalkRender(n, s))
		return failed != nil || len(body) <= dingtalkBytes
	})
	return body, failed
}

// dingtalkMarkup is DingTalk's markdown: a line break needs two spaces before it.
func dingtalkMarkup() markup { return markup{heading: "#### ", newline: "  \n", quote: "> "} }

// dingtalkRender renders a notice with links as an action card, whose buttons are easier to
// tap on a phone. A notice that mentions people is rendered as markdown, because action cards
// cannot mention.
func dingtalkRender(n Notice, s DingTalkSettings) dingtalkMessage {
	s.At = s.At.of(n.People)
	ping := n.Mention && !s.At.empty()
	title := withKeyword(n.Tone.Emoji()+" "+oneLine(n.title()), s.Keywords)
	text := dingtalkMarkup().render(n)
	if ping {
		text += "\n\n" + mentionText(s.At, wordsOf(n.Lang))
	}
	text = withKeyword(text, s.Keywords)

	if len(n.Links) > 0 && !ping {
		card := &dingtalkActionCard{Title: title, Text: text, Orientation: "0"}
		for _, l := range n.Links {
			card.Buttons = append(card.Buttons, dingtalkButton{Title: oneLine(l.Text), URL: l.URL})
		}
		return dingtalkMessage{Type: "actionCard", ActionCard: card}
	}
	if len(n.Links) > 0 {
		text += "\n\n" + markdownLinks(n.Links)
	}
	out := dingtalkMessage{Type: "markdown", Markdown: &dingtalkMarkdown{Title: title, Text: text}}
	if ping {
		out.At = &dingtalkAt{Mobiles: s.At.Mobiles, UserIDs: s.At.UserIDs, All: s.At.All}
	}
	return out
}

// mentionText returns the @… words that DingTalk needs in the text to mention people, in
// addition to the field at.
func mentionText(at DingTalkAt, w words) string {
	var out []string
	for _, m := range at.Mobiles {
		out = append(out, "@"+m)
	}
	for _, id := range at.UserIDs {
		out = append(out, "@"+id)
	}
	if at.All {
		out = append(out, "@"+w.everybody)
	}
	return strings.Join(out, " ")
}
