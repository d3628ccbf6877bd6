package notifiers

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
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

// DingTalkSettings is a custom robot (自定义机器人) of a DingTalk group.
type DingTalkSettings struct {
	Webhook  secret.Secret `yaml:"webhook" doc:"The robot's address, https://oapi.dingtalk.com/robot/send?access_token=…"`
	Secret   secret.Secret `yaml:"secret" doc:"The secret of the robot's signature (加签), SEC…; leave out when it is not switched on."`
	Keywords []string      `yaml:"keywords" doc:"The robot's keywords (自定义关键词): one of them is put into each message that has none."`
	At       DingTalkAt    `yaml:"at" doc:"Whom a notice that needs somebody pings."`
}

// DingTalkAt is whom a DingTalk robot pings.
type DingTalkAt struct {
	Mobiles []string `yaml:"mobiles" doc:"Mobile numbers; outside China with country code: +65-81234567."`
	UserIDs []string `yaml:"user_ids" doc:"User IDs of the organisation."`
	All     bool     `yaml:"all" doc:"Everybody in the group."`
}

func (a DingTalkAt) empty() bool { return len(a.Mobiles) == 0 && len(a.UserIDs) == 0 && !a.All }

// Validate says everything that is wrong with the settings.
func (s *DingTalkSettings) Validate() error {
	errs := []error{checkURL("webhook", s.Webhook)}
	if errs[0] == nil {
		if u, err := url.Parse(s.Webhook.Reveal()); err == nil && u.Query().Get("access_token") == "" {
			errs = append(errs, errors.New("webhook: has no access_token; copy the robot's whole address"))
		}
	}
	if len(s.Keywords) > 10 {
		errs = append(errs, fmt.Errorf("keywords: a robot has at most 10, these are %d", len(s.Keywords)))
	}
	for _, k := range s.Keywords {
		if strings.TrimSpace(k) == "" || len(k) > 100 {
			errs = append(errs, fmt.Errorf("keywords: %q is empty or longer than 100 bytes", k))
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
	return errors.Join(errs...)
}

const (
	// DingTalk refuses bodies over 20,000 bytes (errcode 460101); the rest is for comfort.
	dingtalkBytes = 18000
	// For 20 messages a minute, the 21st is punished with ten minutes of silence: the window
	// is kept below, since the robot's clock and ours do not cut minutes at the same moment.
	dingtalkPerMinute = 18
	dingtalkPenalty   = 10 * time.Minute
)

func dingtalkKind() Kind {
	return Kind{
		Settings: func() any { return &DingTalkSettings{} },
		Budget:   Budget{Limit: dingtalkPerMinute, Per: time.Minute, Reserved: 6},
		Build: func(settings any, env Env) (Channel, error) {
			s, ok := settings.(*DingTalkSettings)
			if !ok {
				return nil, fmt.Errorf("dingtalk: settings are %T", settings)
			}
			if err := s.Validate(); err != nil {
				return nil, fmt.Errorf("dingtalk: %w", err)
			}
			own := *s
			return &dingtalkChannel{settings: &own, poster: newPoster(env, s.Webhook, s.Secret)}, nil
		},
	}
}

type dingtalkChannel struct {
	// By pointer: fmt does not look behind one, but would show secrets in a value that is
	// kept unexported.
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
	return c.meaning(a.body)
}

// address is the robot's, signed for now when 加签 is on.
func (c *dingtalkChannel) address() string {
	to := c.settings.Webhook.Reveal()
	if !c.settings.Secret.IsSet() {
		return to
	}
	millis := c.poster.now().UnixMilli()
	return to + "&timestamp=" + strconv.FormatInt(millis, 10) +
		"&sign=" + url.QueryEscape(SignDingTalk(c.settings.Secret, millis))
}

// SignDingTalk is the signature (加签) of a custom robot at a time in Unix milliseconds:
// base64(HMAC-SHA256(key: secret, message: timestamp + "\n" + secret)), not yet escaped for
// the query. DingTalk accepts it within an hour of its own clock. See
// https://open.dingtalk.com/document/robots/customize-robot-security-settings.
func SignDingTalk(key secret.Secret, millis int64) string {
	mac := hmac.New(sha256.New, []byte(key.Reveal()))
	mac.Write([]byte(strconv.FormatInt(millis, 10) + "\n" + key.Reveal()))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// meaning reads DingTalk's answer, which comes as HTTP 200 whatever it says.
func (c *dingtalkChannel) meaning(body []byte) error {
	var said struct {
		Code *int64 `json:"errcode"`
		Text string `json:"errmsg"`
	}
	if err := json.Unmarshal(body, &said); err != nil || said.Code == nil {
		return &Retry{Err: fmt.Errorf("dingtalk did not answer with an errcode but %q", c.poster.excerpt(body))}
	}
	if *said.Code == 0 {
		return nil
	}
	err := fmt.Errorf("dingtalk: errcode %d: %s", *said.Code, Shorten(oneLine(c.poster.redactor.Redact(said.Text)), 300, "…"))
	switch *said.Code {
	case -1: // 系统繁忙
		return &Retry{Err: err}
	case 130101, 410100: // send too fast: the robot is silenced for ten minutes
		return &Retry{After: dingtalkPenalty, Penalty: true, Err: err}
	case 90018, 90020, 90030: // the organisation's quota of calls is used up
		return &Retry{After: time.Hour, Penalty: true, Err: fmt.Errorf("%w: the quota of calls is used up: send less here or buy more", err)}
	case 310000:
		return &Permanent{Err: err, Hint: refused(said.Text)}
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
		return &Permanent{Err: err, Hint: "DingTalk finds the content unsafe"}
	case 40035, 43004, 400105:
		return &Permanent{Err: err, Hint: "DingTalk does not understand the message: please report this"}
	default: // not known to us: perhaps it passes
		return &Retry{Err: err}
	}
}

// refused tells the three security settings apart that share errcode 310000.
func refused(text string) string {
	text = strings.ToLower(text)
	switch {
	case strings.Contains(text, "keyword"):
		return "set keywords to one of the robot's (自定义关键词)"
	case strings.Contains(text, "whitelist") || strings.Contains(text, "ip "):
		return "add this machine's address to the robot's list (IP地址段)"
	case strings.Contains(text, "timestamp"):
		return "this machine's clock is off by more than an hour: set it right"
	case strings.Contains(text, "sign"):
		return "set secret to that of the robot (加签, SEC…), and see that this machine's clock is right"
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

// dingtalkBody renders a notice within DingTalk's limit, in bytes of the encoded body.
func dingtalkBody(n Notice, s DingTalkSettings) ([]byte, error) {
	var body []byte
	var failed error
	fit(n, utf8.RuneLen, func(n Notice) bool {
		body, failed = encode(dingtalkRender(n, s))
		return failed != nil || len(body) <= dingtalkBytes
	})
	return body, failed
}

// dingtalkRender makes an action card of a notice with links, since its buttons are easier
// to hit on a phone; but markdown of one that pings, since cards do not.
func dingtalkRender(n Notice, s DingTalkSettings) dingtalkMessage {
	ping := n.Mention && !s.At.empty()
	title := withKeyword(n.Tone.sign()+" "+oneLine(n.title()), s.Keywords)
	text := dingtalkText(n)
	if ping {
		text += "\n\n" + mentions(s.At, wordsOf(n.Lang))
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
		var links []string
		for _, l := range n.Links {
			links = append(links, "["+plain(oneLine(l.Text))+"]("+strings.NewReplacer("(", "%28", ")", "%29", " ", "%20").Replace(l.URL)+")")
		}
		text += "\n\n" + strings.Join(links, " | ")
	}
	out := dingtalkMessage{Type: "markdown", Markdown: &dingtalkMarkdown{Title: title, Text: text}}
	if ping {
		out.At = &dingtalkAt{Mobiles: s.At.Mobiles, UserIDs: s.At.UserIDs, All: s.At.All}
	}
	return out
}

func dingtalkText(n Notice) string {
	w := wordsOf(n.Lang)
	parts := []string{"#### " + n.Tone.sign() + " " + plain(oneLine(n.title()))}
	if n.Text != "" {
		parts = append(parts, lines(n.Text))
	}
	if len(n.Facts) > 0 {
		var facts []string
		for _, f := range n.Facts {
			facts = append(facts, "> **"+plain(oneLine(f.Name))+"**"+w.colon+plain(oneLine(f.Value)))
		}
		parts = append(parts, strings.Join(facts, "  \n"))
	}
	if len(n.Steps) > 0 {
		steps := []string{"**" + w.steps + "**"}
		for i, s := range n.Steps {
			steps = append(steps, fmt.Sprintf("%d. %s", i+1, plain(oneLine(s))))
		}
		parts = append(parts, strings.Join(steps, "  \n"))
	}
	return strings.Join(parts, "\n\n")
}

// lines keeps line breaks, which markdown joins unless two spaces stand before them.
func lines(text string) string {
	all := strings.Split(text, "\n")
	for i, l := range all {
		all[i] = plain(strings.TrimRight(l, " \r"))
	}
	return strings.Join(all, "  \n")
}

var tagBegins = regexp.MustCompile(`<([A-Za-z/!])`)

// plain keeps text from elsewhere from becoming links, pictures, headings, quotes or <font>.
func plain(s string) string {
	s = tagBegins.ReplaceAllString(strings.ReplaceAll(s, "](", "] ("), "<\u200b$1")
	if t := strings.TrimLeft(s, " \t"); strings.HasPrefix(t, "#") || strings.HasPrefix(t, ">") {
		s = "\u200b" + s
	}
	return s
}

// mentions are the words that make DingTalk ping: without them in the text, at does nothing.
func mentions(at DingTalkAt, w words) string {
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

// withKeyword puts a robot's keyword before text that holds none of them.
func withKeyword(text string, keywords []string) string {
	if len(keywords) == 0 {
		return text
	}
	for _, k := range keywords {
		if strings.Contains(text, k) {
			return text
		}
	}
	if heading, ok := strings.CutPrefix(text, "#### "); ok {
		return "#### [" + keywords[0] + "] " + heading
	}
	return "[" + keywords[0] + "] " + text
}
