package dingtalk

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// The vendor's limits.
const (
	PerMinute = 20
	Penalty   = 10 * time.Minute
	MaxBytes  = 20000
)

// Fault is a failure of a call that does not depend on the message.
type Fault string

// The faults.
const (
	ServerError Fault = "server_error" // HTTP 500; the message is not accepted
	Hang        Fault = "hang"         // no answer until the client gives up; the message is not accepted
	LostAnswer  Fault = "lost_answer"  // the message is accepted; the connection is closed without an answer
	TooFast     Fault = "too_fast"     // errcode 130101, as if the minute were used up
	Busy        Fault = "busy"         // errcode -1
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

// WithKeywords requires one of these keywords in each message (自定义关键词).
func WithKeywords(keywords ...string) Option { return func(s *Server) { s.keywords = keywords } }

// WithAllowList restricts callers to an IP range (IP地址段) in which the tests are not: every call
// is refused.
func WithAllowList() Option { return func(s *Server) { s.elsewhere = true } }

// WithNow gives the server another clock.
func WithNow(now func() time.Time) Option { return func(s *Server) { s.now = now } }

// Server is one robot.
type Server struct {
	http      *httptest.Server
	token     string
	secret    string
	keywords  []string
	elsewhere bool
	now       func() time.Time

	mu       sync.Mutex
	taken    []time.Time
	punished time.Time
	calls    int
	messages []Message
	faults   []Fault
}

// New starts a robot on a free port of this machine.
func New(options ...Option) *Server {
	s := &Server{token: "fake0dingtalk0token0c0ffee", now: time.Now}
	for _, o := range options {
		o(s)
	}
	s.http = httptest.NewServer(http.HandlerFunc(s.serve))
	return s
}

// URL is the robot's webhook.
func (s *Server) URL() string { return s.http.URL + "/robot/send?access_token=" + s.token }

// Close stops the server.
func (s *Server) Close() {
	s.http.CloseClientConnections()
	s.http.Close()
}

// Messages returns the accepted messages, in order.
func (s *Server) Messages() []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.messages)
}

// Calls returns the number of calls, refused ones included.
func (s *Server) Calls() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls
}

// Fail makes the next n calls fail.
func (s *Server) Fail(n int, f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for range n {
		s.faults = append(s.faults, f)
	}
}

// Forgive ends the ten minutes of refusal and resets the count of this minute.
func (s *Server) Forgive() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.taken, s.punished = nil, time.Time{}
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		return
	}
	s.mu.Lock()
	s.calls++
	var fault Fault
	if len(s.faults) > 0 {
		fault, s.faults = s.faults[0], s.faults[1:]
	}
	s.mu.Unlock()

	switch fault {
	case ServerError:
		http.Error(w, "Internal Server Error", http.StatusInternalServerError)
		return
	case Hang:
		<-r.Context().Done()
		return
	case TooFast:
		tooFast(w)
		return
	case Busy:
		answer(w, -1, "系统繁忙")
		return
	case LostAnswer:
	}
	code, text := s.take(r, body)
	switch {
	case fault == LostAnswer:
		panic(http.ErrAbortHandler)
	case code == 130101:
		tooFast(w)
	default:
		answer(w, code, text)
	}
}

// tooFast answers a call over the limit as DingTalk's gateway was seen to.
func tooFast(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, `{"status":1111,"wait":5,"source":"x5","punish":"deny","uuid":"0be5dd9a","errcode":130101,"errmsg":"send too fast, exceed 20 times per minute"}`)
}

func answer(w http.ResponseWriter, code int, text string) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"errcode": code, "errmsg": text})
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

// take handles a call and returns errcode and errmsg.
func (s *Server) take(r *http.Request, body []byte) (int, string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()

	if r.Method != http.MethodPost || r.URL.Path != "/robot/send" {
		return 404, "请求的URI地址不存在"
	}
	if r.URL.Query().Get("access_token") != s.token {
		return 300005, "token is not exist"
	}
	if now.Before(s.punished) {
		return 130101, ""
	}
	recent := s.taken[:0:0]
	for _, at := range s.taken {
		if now.Sub(at) < time.Minute {
			recent = append(recent, at)
		}
	}
	if s.taken = recent; len(s.taken) >= PerMinute {
		s.punished = now.Add(Penalty)
		return 130101, ""
	}
	if !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
		return 43004, "无效的HTTP HEADER Content-Type"
	}
	if len(body) > MaxBytes {
		return 460101, "message too long, exceed 20000 bytes"
	}
	if text := s.refuse(r, now); text != "" {
		return 310000, text
	}
	var p payload
	if err := json.Unmarshal(body, &p); err != nil {
		return 40035, "缺少参数 json"
	}
	m := Message{At: now, Type: p.Type, AtMobiles: p.At.Mobiles, AtUserIDs: p.At.UserIDs, AtAll: p.At.All, Body: string(body)}
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
		for _, b := range m.Buttons {
			if b.Title == "" || b.URL == "" {
				return 40035, "缺少参数 btns"
			}
		}
		if len(m.Buttons) == 0 {
			return 40035, "缺少参数 btns"
		}
	default:
		return 400105, "不支持的消息类型"
	}
	has := func(k string) bool { return strings.Contains(m.Title+"\n"+m.Text, k) }
	if len(s.keywords) > 0 && !slices.ContainsFunc(s.keywords, has) {
		return 310000, "keywords not in content"
	}
	s.taken = append(s.taken, now)
	s.messages = append(s.messages, m)
	return 0, "ok"
}

// refuse checks the robot's security settings: signature and IP range.
func (s *Server) refuse(r *http.Request, now time.Time) string {
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
