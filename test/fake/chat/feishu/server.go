package feishu

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"flag"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"guardian/test/fake/chat"
)

// The vendor's limits, see https://open.feishu.cn/document/client-docs/bot-v3/add-custom-bot.
const (
	PerMinute = 100
	PerSecond = 5
	MaxBytes  = 20 << 10
)

// Faults of Feishu alone; see chat.Fault for the others.
const (
	TooFast   chat.Fault = "too_fast"  // HTTP 400 with code 9499
	Congested chat.Fault = "congested" // code 11232: the whole system is at its limit, as at the full hour
	Removed   chat.Fault = "removed"   // code 19001, as for a bot that was removed from its group
)

// Message is an accepted message.
type Message struct {
	At      time.Time
	Type    string // msg_type
	Title   string
	Color   string   // the template of a card's header
	Text    string   // all text of the body
	Ats     []string // who is pinged
	Buttons []Button
	Body    string // as it was sent, without timestamp and signature
}

// Button is a button of a card, which opens an address.
type Button struct{ Title, URL string }

// Option is a setting of the bot.
type Option func(*Server)

// WithSecret requires signatures (签名校验).
func WithSecret(secret string) Option { return func(s *Server) { s.secret = secret } }

// WithKeywords requires one of these keywords in each message (自定义关键词).
func WithKeywords(keywords ...string) Option { return func(s *Server) { s.keywords = keywords } }

// WithAllowList restricts callers to addresses (IP 白名单) among which the tests are not: every
// call is refused.
func WithAllowList() Option { return func(s *Server) { s.elsewhere = true } }

// WithNow gives the server another clock.
func WithNow(now func() time.Time) Option { return func(s *Server) { s.now = now } }

// WithListen makes the bot listen on an address in place of a free port.
func WithListen(address string) Option { return func(s *Server) { s.listen = address } }

// Server is one bot.
type Server struct {
	*chat.Server[Message]
	listen    string
	path      string
	secret    string
	keywords  []string
	elsewhere bool
	now       func() time.Time

	minute, second chat.Window
}

// New starts a bot, on a free port of this machine unless it is told another address.
func New(options ...Option) *Server {
	s := &Server{
		path: "/open-apis/bot/v2/hook/fake0000-0000-4000-8000-00000c0ffee0", now: time.Now,
		minute: chat.Window{Limit: PerMinute, Per: time.Minute}, second: chat.Window{Limit: PerSecond, Per: time.Second},
	}
	for _, o := range options {
		o(s)
	}
	s.Server = chat.Start(chat.Service[Message]{
		Take: s.take, Listen: s.listen, Path: s.path,
		Faults: map[chat.Fault]chat.Answer{
			TooFast: tooFast(), Congested: answer(11232, "frequency limited psm"), Removed: answer(19001, "param invalid: incoming webhook access token invalid"),
		},
		Forgive: func() {
			s.minute.Reset()
			s.second.Reset()
		},
	})
	return s
}

// Program is the bot as a program of its own.
func Program() chat.Program[Message] {
	return chat.Program[Message]{Name: "feishu", Flags: func(f *flag.FlagSet) func(string) chat.Running[Message] {
		secret := f.String("secret", "", "require signatures (签名校验) with this secret")
		keyword := f.String("keyword", "", "require this keyword (自定义关键词) in each message")
		return func(listen string) chat.Running[Message] {
			o := []Option{WithListen(listen), WithSecret(*secret)}
			if *keyword != "" {
				o = append(o, WithKeywords(*keyword))
			}
			return New(o...)
		}
	}}
}

func tooFast() chat.Answer {
	return chat.JSON(http.StatusBadRequest, map[string]any{"code": 9499, "msg": "too many request"})
}

func answer(code int, text string) chat.Answer {
	return chat.JSON(http.StatusOK, map[string]any{"code": code, "msg": text, "data": map[string]any{}})
}

type payload struct {
	Timestamp string          `json:"timestamp"`
	Sign      string          `json:"sign"`
	Type      string          `json:"msg_type"`
	Content   json.RawMessage `json:"content"`
	Card      json.RawMessage `json:"card"`
}

// take handles a call.
func (s *Server) take(r *http.Request, body []byte) (*Message, chat.Answer) {
	now := s.now()
	switch {
	case r.Method != http.MethodPost || r.URL.Path != s.path:
		return nil, answer(19001, "param invalid: incoming webhook access token invalid")
	case s.minute.Full(now) || s.second.Full(now):
		return nil, tooFast()
	case len(body) > MaxBytes:
		return nil, answer(19036, "the request body exceeds size limit of 20KB")
	case s.elsewhere:
		return nil, answer(19022, "Ip Not Allowed")
	}
	var p payload
	if err := json.Unmarshal(body, &p); err != nil {
		return nil, answer(9499, "Bad Request")
	}
	if !s.signed(p, now) {
		return nil, answer(19021, "sign match fail or timestamp is not within one hour from current time")
	}
	m, code, text := read(p)
	if code != 0 {
		return nil, answer(code, text)
	}
	has := func(k string) bool { return strings.Contains(m.Title+"\n"+m.Text, k) }
	if len(s.keywords) > 0 && !slices.ContainsFunc(s.keywords, has) {
		return nil, answer(19024, "Key Words Not Found")
	}
	s.minute.Count(now)
	s.second.Count(now)
	m.At, m.Body = now, string(unsigned(body))
	return &m, answer(0, "success")
}

// signed checks the signature: the key is timestamp and secret, the message is empty.
func (s *Server) signed(p payload, now time.Time) bool {
	if s.secret == "" {
		return true
	}
	seconds, err := strconv.ParseInt(p.Timestamp, 10, 64)
	if err != nil {
		return false
	}
	if off := now.Sub(time.Unix(seconds, 0)); off > time.Hour || off < -time.Hour {
		return false
	}
	mac := hmac.New(sha256.New, []byte(p.Timestamp+"\n"+s.secret))
	return hmac.Equal([]byte(base64.StdEncoding.EncodeToString(mac.Sum(nil))), []byte(p.Sign))
}

// unsigned takes timestamp and signature out of a body.
func unsigned(body []byte) []byte {
	var all map[string]json.RawMessage
	if json.Unmarshal(body, &all) != nil {
		return body
	}
	delete(all, "timestamp")
	delete(all, "sign")
	b, err := json.Marshal(all)
	if err != nil {
		return body
	}
	return b
}

type text struct {
	Content string `json:"content"`
}

type card struct {
	Header struct {
		Title    text   `json:"title"`
		Template string `json:"template"`
	} `json:"header"`
	Elements []struct {
		Tag     string `json:"tag"`
		Content string `json:"content"` // of markdown
		Text    *text  `json:"text"`    // of div
		Fields  []struct {
			Text text `json:"text"`
		} `json:"fields"`
		Actions []struct {
			Tag  string `json:"tag"`
			Text text   `json:"text"`
			URL  string `json:"url"`
		} `json:"actions"`
	} `json:"elements"`
}

var mention = regexp.MustCompile(`<at (?:id|user_id|email|ids)="?([^">]+)"?>`)

// read reads a message, or returns code and msg.
func read(p payload) (m Message, code int, why string) {
	m.Type = p.Type
	switch p.Type {
	case "text":
		var t struct {
			Text string `json:"text"`
		}
		if json.Unmarshal(p.Content, &t) != nil || t.Text == "" {
			return Message{}, 9499, "Bad Request"
		}
		m.Text = t.Text
	case "interactive":
		var c card
		if json.Unmarshal(p.Card, &c) != nil || len(c.Elements) == 0 {
			return Message{}, 230099, "Failed to create card content"
		}
		m.Title, m.Color = c.Header.Title.Content, c.Header.Template
		if !m.readCard(c) {
			return Message{}, 230099, "Failed to create card content"
		}
	default:
		return Message{}, 19002, "params error, msg_type need"
	}
	for _, at := range mention.FindAllStringSubmatch(m.Text, -1) {
		m.Ats = append(m.Ats, at[1])
	}
	return m, 0, ""
}

// readCard reads the elements of a card, and reports whether the vendor knows them.
func (m *Message) readCard(c card) bool {
	var parts []string
	for _, e := range c.Elements {
		switch e.Tag {
		case "markdown":
			parts = append(parts, e.Content)
		case "div":
			if e.Text != nil {
				parts = append(parts, e.Text.Content)
			}
			for _, f := range e.Fields {
				parts = append(parts, f.Text.Content)
			}
		case "action":
			for _, a := range e.Actions {
				if a.Tag != "button" || a.Text.Content == "" || !strings.HasPrefix(a.URL, "http") {
					return false
				}
				m.Buttons = append(m.Buttons, Button{Title: a.Text.Content, URL: a.URL})
			}
		case "hr", "note":
		default:
			return false
		}
	}
	m.Text = strings.Join(parts, "\n")
	return true
}
