package dingtalk

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"guardian/test/fake/chat"
)

// The vendor's limits.
const (
	PerMinute = 20
	Penalty   = 10 * time.Minute
	MaxBytes  = 20000
)

// Faults of DingTalk alone; see chat.Fault for the others.
const (
	TooFast chat.Fault = "too_fast" // errcode 130101, as if the minute were used up
	Busy    chat.Fault = "busy"     // errcode -1
)

// Message is an accepted message.
type Message struct {
	At        time.Time
	Type      string // msgtype
	Title     string
	Text      string
	AtMobiles []string
	AtUserIDs []string
	AtAll     bool
	Buttons   []Button
	Body      string // as it was sent
}

// Button is a button of an action card.
type Button struct {
	Title string `json:"title"`
	URL   string `json:"actionURL"`
}

// Option is a setting of the robot.
type Option func(*Server)

// WithSecret requires signatures (加签).
func WithSecret(secret string) Option { return func(s *Server) { s.secret = secret } }

// WithToken gives the robot another token than the first one's.
func WithToken(token string) Option { return func(s *Server) { s.token = token } }

// WithKeywords requires one of these keywords in each message (自定义关键词).
func WithKeywords(keywords ...string) Option { return func(s *Server) { s.keywords = keywords } }

// WithAllowList restricts callers to an IP range (IP地址段) in which the tests are not: every call
// is refused.
func WithAllowList() Option { return func(s *Server) { s.elsewhere = true } }

// WithListen makes the robot listen on an address in place of a free port.
func WithListen(address string) Option { return func(s *Server) { s.listen = address } }

// WithNow gives the server another clock.
func WithNow(now func() time.Time) Option { return func(s *Server) { s.now = now } }

// Server is one robot.
type Server struct {
	*chat.Server[Message]
	listen    string
	token     string
	secret    string
	keywords  []string
	elsewhere bool
	now       func() time.Time

	taken    chat.Window
	punished time.Time
}

// New starts a robot, on a free port of this machine unless it is told another address.
func New(options ...Option) *Server {
	s := &Server{token: "fake0dingtalk0token0c0ffee", now: time.Now, taken: chat.Window{Limit: PerMinute, Per: time.Minute}}
	for _, o := range options {
		o(s)
	}
	s.Server = chat.Start(chat.Service[Message]{
		Take: s.take, Listen: s.listen, Path: "/robot/send?access_token=" + s.token,
		Faults: map[chat.Fault]chat.Answer{TooFast: tooFast(), Busy: answer(-1, "系统繁忙")},
		Forgive: func() {
			s.taken.Reset()
			s.punished = time.Time{}
		},
	})
	return s
}

// Program is the robot as a program of its own.
func Program() chat.Program[Message] {
	return chat.Program[Message]{Name: "dingtalk", Flags: func(f *flag.FlagSet) func(string) chat.Running[Message] {
		secret := f.String("secret", "", "require signatures (加签) with this secret")
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

// tooFast answers a call over the limit as DingTalk's gateway was seen to.
func tooFast() chat.Answer {
	return chat.Answer{
		Header: map[string]string{"Content-Type": "application/json"},
		Body:   `{"status":1111,"wait":5,"source":"x5","punish":"deny","uuid":"0be5dd9a","errcode":130101,"errmsg":"send too fast, exceed 20 times per minute"}`,
	}
}

func answer(code int, text string) chat.Answer {
	return chat.JSON(http.StatusOK, map[string]any{"errcode": code, "errmsg": text})
}

type payload struct {
	Type     string `json:"msgtype"`
	Markdown *struct {
		Title string `json:"title"`
		Text  string `json:"text"`
	} `json:"markdown"`
	Text *struct {
		Content string `json:"content"`
	} `json:"text"`
	ActionCard *struct {
		Title       string   `json:"title"`
		Text        string   `json:"text"`
		SingleTitle string   `json:"singleTitle"`
		SingleURL   string   `json:"singleURL"`
		Buttons     []Button `json:"btns"`
	} `json:"actionCard"`
	At struct {
		Mobiles []string `json:"atMobiles"`
		UserIDs []string `json:"atUserIds"`
		All     bool     `json:"isAtAll"`
	} `json:"at"`
}

// take handles a call.
func (s *Server) take(r *http.Request, body []byte) (*Message, chat.Answer) {
	now := s.now()
	code, text := s.refuse(r, body, now)
	if code == 130101 {
		return nil, tooFast()
	}
	if code != 0 {
		return nil, answer(code, text)
	}
	m, code, text := s.read(body)
	if code != 0 {
		return nil, answer(code, text)
	}
	m.At = now
	s.taken.Count(now)
	return &m, answer(0, "ok")
}

// refuse checks what does not depend on the message, and returns errcode and errmsg.
func (s *Server) refuse(r *http.Request, body []byte, now time.Time) (int, string) {
	switch {
	case r.Method != http.MethodPost || r.URL.Path != "/robot/send":
		return 404, "请求的URI地址不存在"
	case r.URL.Query().Get("access_token") != s.token:
		return 300005, "token is not exist"
	case now.Before(s.punished):
		return 130101, ""
	case s.taken.Full(now):
		s.punished = now.Add(Penalty)
		return 130101, ""
	case !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json"):
		return 43004, "无效的HTTP HEADER Content-Type"
	case len(body) > MaxBytes:
		return 460101, "message too long, exceed 20000 bytes"
	}
	if text := s.insecure(r, now); text != "" {
		return 310000, text
	}
	return 0, ""
}

// read reads a message, or returns errcode and errmsg.
func (s *Server) read(body []byte) (Message, int, string) {
	var p payload
	if err := json.Unmarshal(body, &p); err != nil {
		return Message{}, 40035, "缺少参数 json"
	}
	m := Message{Type: p.Type, AtMobiles: p.At.Mobiles, AtUserIDs: p.At.UserIDs, AtAll: p.At.All, Body: string(body)}
	switch {
	case p.Type == "markdown" && p.Markdown != nil && p.Markdown.Title != "" && p.Markdown.Text != "":
		m.Title, m.Text = p.Markdown.Title, p.Markdown.Text
	case p.Type == "text" && p.Text != nil && p.Text.Content != "":
		m.Text = p.Text.Content
	case p.Type == "actionCard" && p.ActionCard != nil && p.ActionCard.Title != "" && p.ActionCard.Text != "":
		m.Title, m.Text, m.Buttons = p.ActionCard.Title, p.ActionCard.Text, p.ActionCard.Buttons
		if p.ActionCard.SingleURL != "" {
			m.Buttons = append(m.Buttons, Button{Title: p.ActionCard.SingleTitle, URL: p.ActionCard.SingleURL})
		}
		bad := func(b Button) bool { return b.Title == "" || b.URL == "" }
		if len(m.Buttons) == 0 || slices.ContainsFunc(m.Buttons, bad) {
			return Message{}, 40035, "缺少参数 btns"
		}
	default:
		return Message{}, 400105, "不支持的消息类型"
	}
	has := func(k string) bool { return strings.Contains(m.Title+"\n"+m.Text, k) }
	if len(s.keywords) > 0 && !slices.ContainsFunc(s.keywords, has) {
		return Message{}, 310000, "keywords not in content"
	}
	return m, 0, ""
}

// insecure checks the robot's security settings: signature and IP range.
func (s *Server) insecure(r *http.Request, now time.Time) string {
	if s.elsewhere {
		return "ip 203.0.113.7 not in whitelist"
	}
	if s.secret == "" {
		return ""
	}
	stamp := r.URL.Query().Get("timestamp")
	millis, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil {
		return "sign not match"
	}
	if off := now.Sub(time.UnixMilli(millis)); off > time.Hour || off < -time.Hour {
		return "invalid timestamp"
	}
	mac := hmac.New(sha256.New, []byte(s.secret))
	_, _ = fmt.Fprintf(mac, "%s\n%s", stamp, s.secret)
	if want := base64.StdEncoding.EncodeToString(mac.Sum(nil)); !hmac.Equal([]byte(want), []byte(r.URL.Query().Get("sign"))) {
		return "sign not match"
	}
	return ""
}
