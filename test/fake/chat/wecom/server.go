package wecom

import (
	"encoding/json"
	"flag"
	"net/http"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"guardian/test/fake/chat"
)

// The vendor's limits, see https://developer.work.weixin.qq.com/document/path/91770.
const (
	PerMinute     = 20
	MarkdownBytes = 4096 // of the content
	TextBytes     = 2048
)

// Faults of WeCom alone; see chat.Fault for the others.
const (
	TooFast chat.Fault = "too_fast" // errcode 45009, as if the minute were used up
	Busy    chat.Fault = "busy"     // errcode -1
	Removed chat.Fault = "removed"  // errcode 93000, as for a robot that was removed from its group
)

// Message is an accepted message.
type Message struct {
	At       time.Time
	Type     string // msgtype
	Text     string
	Mentions []string // who is pinged: user IDs, mobile numbers, @all
	Body     string   // as it was sent
}

// Option is a setting of the robot.
type Option func(*Server)

// WithNow gives the server another clock.
func WithNow(now func() time.Time) Option { return func(s *Server) { s.now = now } }

// WithListen makes the robot listen on an address in place of a free port.
func WithListen(address string) Option { return func(s *Server) { s.listen = address } }

// Server is one robot.
type Server struct {
	*chat.Server[Message]
	listen string
	key    string
	now    func() time.Time
	taken  chat.Window
}

// New starts a robot, on a free port of this machine unless it is told another address.
func New(options ...Option) *Server {
	s := &Server{key: "fake0wec-0000-4000-8000-00000c0ffee0", now: time.Now, taken: chat.Window{Limit: PerMinute, Per: time.Minute}}
	for _, o := range options {
		o(s)
	}
	s.Server = chat.Start(chat.Service[Message]{
		Take: s.take, Listen: s.listen, Path: "/cgi-bin/webhook/send?key=" + s.key, Forgive: s.taken.Reset,
		Faults: map[chat.Fault]chat.Answer{
			TooFast: answer(45009, "api freq out of limit"), Busy: answer(-1, "system busy"), Removed: answer(93000, "invalid webhook url"),
		},
	})
	return s
}

// Program is the robot as a program of its own.
func Program() chat.Program[Message] {
	return chat.Program[Message]{Name: "wecom", Flags: func(*flag.FlagSet) func(string) chat.Running[Message] {
		return func(listen string) chat.Running[Message] { return New(WithListen(listen)) }
	}}
}

func answer(code int, text string) chat.Answer {
	return chat.JSON(http.StatusOK, map[string]any{"errcode": code, "errmsg": text})
}

type payload struct {
	Type     string `json:"msgtype"`
	Markdown *struct {
		Content string `json:"content"`
	} `json:"markdown"`
	Text *struct {
		Content string   `json:"content"`
		Users   []string `json:"mentioned_list"`
		Mobiles []string `json:"mentioned_mobile_list"`
	} `json:"text"`
}

// take handles a call. Refused calls count against the rate limit too.
func (s *Server) take(r *http.Request, body []byte) (*Message, chat.Answer) {
	now := s.now()
	switch {
	case r.Method != http.MethodPost:
		return nil, answer(43002, "require POST method")
	case r.URL.Path != "/cgi-bin/webhook/send" || r.URL.Query().Get("key") != s.key:
		return nil, answer(93000, "invalid webhook url, hint: [1700000000000000], from ip: 127.0.0.1")
	case s.taken.Full(now):
		return nil, answer(45009, "api freq out of limit, hint: [1700000000000000]")
	}
	s.taken.Count(now)
	if !utf8.Valid(body) {
		return nil, answer(40033, "invalid charset. not utf8")
	}
	var p payload
	if err := json.Unmarshal(body, &p); err != nil {
		return nil, answer(47001, "data format error")
	}
	m, code, text := read(p)
	if code != 0 {
		return nil, answer(code, text)
	}
	m.At, m.Body = now, string(body)
	return &m, answer(0, "ok")
}

var mention = regexp.MustCompile(`<@([^<>]+)>`)

// read reads a message, or returns errcode and errmsg.
func read(p payload) (m Message, code int, text string) {
	m.Type = p.Type
	switch {
	case p.Type == "markdown" && p.Markdown != nil:
		m.Text = p.Markdown.Content
		if len(m.Text) > MarkdownBytes {
			return Message{}, 40058, "markdown.content exceed max length 4096. invalid Request Parameter"
		}
		for _, one := range mention.FindAllStringSubmatch(m.Text, -1) {
			m.Mentions = append(m.Mentions, one[1])
		}
	case p.Type == "text" && p.Text != nil:
		m.Text = p.Text.Content
		if len(m.Text) > TextBytes {
			return Message{}, 40058, "text.content exceed max length 2048. invalid Request Parameter"
		}
		m.Mentions = append(append(m.Mentions, p.Text.Users...), p.Text.Mobiles...)
	default:
		return Message{}, 40008, "invalid message type"
	}
	if strings.TrimSpace(m.Text) == "" {
		return Message{}, 44004, "empty content"
	}
	return m, 0, ""
}
