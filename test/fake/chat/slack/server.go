package slack

import (
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

// The vendor's limits; Burst is not documented, Total was seen.
const (
	Burst    = 10
	Blocks   = 50
	Header   = 150
	Section  = 3000
	Field    = 2000
	Fields   = 10
	Actions  = 25
	Elements = 10 // of a context
	Total    = 13200
)

// Faults of Slack alone; see chat.Fault for the others.
const (
	Limited      chat.Fault = "limited"        // 429 with Retry-After: 1
	Revoked      chat.Fault = "revoked"        // 404 no_service, as a webhook that was removed
	InvalidAuth  chat.Fault = "invalid_auth"   // 200 with ok: false, as for a token that was revoked
	NotInChannel chat.Fault = "not_in_channel" // 200 with ok: false, as before the bot is invited
)

// Message is an accepted call: a new message, or a change of one.
type Message struct {
	At      time.Time
	Text    string   // the fallback that a phone's lock screen shows
	Parts   []string // the text of each block and field, in order
	Channel string   // of the Web API; "" for a webhook
	TS      string   // what the message is called
	Thread  string   // the TS of the message under which it is; "": it is in the channel
	Also    bool     // a message of a thread that is in the channel too
	Update  bool     // it replaces the content of the message TS
	Private bool     // an answer to a click, which one person alone is shown
	Body    string   // as it was sent
}

// All is all text that a reader sees.
func (m Message) All() string { return strings.Join(m.Parts, "\n") }

// Option is a setting of the server.
type Option func(*Server)

// WithNow gives the server another clock.
func WithNow(now func() time.Time) Option { return func(s *Server) { s.now = now } }

// WithoutLimit switches the rate limit off.
func WithoutLimit() Option { return func(s *Server) { s.unlimited = true } }

// WithListen makes the server listen on an address in place of a free port.
func WithListen(address string) Option { return func(s *Server) { s.listen = address } }

// Server is one incoming webhook, and a workspace with one bot.
type Server struct {
	*chat.Server[Message]
	sockets   *sockets
	path      string
	token     string
	listen    string
	now       func() time.Time
	unlimited bool

	buckets map[string]*bucket // by channel; "" is the webhook's
	posted  []Message          // what is in the channels: new messages, with updates applied
}

// bucket allows one message a second, and Burst at once.
type bucket struct {
	tokens float64
	filled time.Time
}

// New starts a server, on a free port of this machine unless it is told another address.
func New(options ...Option) *Server {
	s := &Server{
		path: "/services/T0FAKE/B0FAKE/fakefakefakefakefakefake", token: "xoxb-fake-000000000000-fakefakefake",
		now: time.Now, buckets: map[string]*bucket{}, sockets: newSockets(),
	}
	for _, o := range options {
		o(s)
	}
	s.Server = chat.Start(chat.Service[Message]{
		Take: s.take, Listen: s.listen, Path: s.path,
		Faults: map[chat.Fault]chat.Answer{
			Limited: limited(), Revoked: plain(http.StatusNotFound, "no_service"),
			InvalidAuth: refused("invalid_auth"), NotInChannel: refused("not_in_channel"),
		},
		Forgive: func() { s.buckets = map[string]*bucket{} },
	})
	return s
}

// API is the address of the Web API.
func (s *Server) API() string { return s.Base() + "/api" }

// Token is the bot's token.
func (s *Server) Token() string { return s.token }

// Shown returns what is to be read in the channels now: the messages in the order in which they
// were posted, with their updates.
func (s *Server) Shown() []Message {
	var out []Message
	for _, m := range s.Messages() {
		if i := slices.IndexFunc(out, func(o Message) bool { return o.TS == m.TS }); m.Update && i >= 0 {
			m.Thread, m.Also, m.Update = out[i].Thread, out[i].Also, false
			out[i] = m
			continue
		}
		out = append(out, m)
	}
	return out
}

// Program is the server as a program of its own.
func Program() chat.Program[Message] {
	return chat.Program[Message]{Name: "slack", Flags: func(f *flag.FlagSet) func(string) chat.Running[Message] {
		unlimited := f.Bool("unlimited", false, "switch the rate limit off")
		return func(listen string) chat.Running[Message] {
			o := []Option{WithListen(listen)}
			if *unlimited {
				o = append(o, WithoutLimit())
			}
			s := New(o...)
			fmt.Printf("Web API: %s with the token %s\nwebhook: ", s.API(), s.Token())
			return s
		}
	}}
}

func limited() chat.Answer {
	return chat.Answer{Status: http.StatusTooManyRequests, Header: map[string]string{"Retry-After": "1"}, Body: "rate_limited"}
}

func plain(code int, text string) chat.Answer {
	return chat.Answer{Status: code, Header: map[string]string{"Content-Type": "text/html"}, Body: text}
}

// refused is how the Web API reports an error.
func refused(text string) chat.Answer {
	return chat.JSON(http.StatusOK, map[string]any{"ok": false, "error": text})
}

type payload struct {
	Channel   string  `json:"channel"`
	TS        string  `json:"ts"`
	Thread    string  `json:"thread_ts"`
	Broadcast bool    `json:"reply_broadcast"`
	Text      string  `json:"text"`
	Blocks    []block `json:"blocks"`
}

func (s *Server) take(r *http.Request, body []byte) (*Message, chat.Answer) {
	switch {
	case r.Method == http.MethodPost && r.URL.Path == s.path:
		return s.takeHook(body)
	case r.Method == http.MethodPost && strings.HasPrefix(r.URL.Path, responsePath):
		return s.takeReply(r, body)
	case r.Method == http.MethodPost && strings.HasPrefix(r.URL.Path, "/api/"):
		return s.takeCall(r, body)
	default:
		return nil, plain(http.StatusNotFound, "no_service")
	}
}

// takeHook handles a call of the webhook.
func (s *Server) takeHook(body []byte) (*Message, chat.Answer) {
	if s.full("") {
		return nil, limited()
	}
	var p payload
	if err := json.Unmarshal(body, &p); err != nil {
		return nil, plain(http.StatusBadRequest, "invalid_payload")
	}
	m, wrong := s.read(p, body)
	if wrong != "" {
		return nil, plain(http.StatusBadRequest, wrong)
	}
	m.TS = s.stamp()
	s.posted = append(s.posted, m)
	return &m, plain(http.StatusOK, "ok")
}

// takeCall handles a call of the Web API.
func (s *Server) takeCall(r *http.Request, body []byte) (*Message, chat.Answer) {
	method := strings.TrimPrefix(r.URL.Path, "/api/")
	if method == "apps.connections.open" {
		return nil, s.takeOpen(r)
	}
	if r.Header.Get("Authorization") != "Bearer "+s.token {
		return nil, refused("invalid_auth")
	}
	if method != "chat.postMessage" && method != "chat.update" {
		return nil, refused("unknown_method")
	}
	if !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
		return nil, refused("invalid_form_data")
	}
	var p payload
	if err := json.Unmarshal(body, &p); err != nil {
		return nil, refused("invalid_json")
	}
	if !strings.HasPrefix(p.Channel, "C") {
		return nil, refused("channel_not_found")
	}
	if s.full(p.Channel) {
		a := limited()
		a.Body = `{"ok":false,"error":"ratelimited"}`
		return nil, a
	}
	m, wrong := s.read(p, body)
	if wrong != "" {
		return nil, refused(wrong)
	}
	m.Channel = p.Channel
	known := func(ts string) int {
		return slices.IndexFunc(s.posted, func(o Message) bool { return o.TS == ts && o.Channel == p.Channel })
	}
	if method == "chat.update" {
		i := known(p.TS)
		if i < 0 {
			return nil, refused("message_not_found")
		}
		m.TS, m.Update, m.Thread = p.TS, true, s.posted[i].Thread
		return &m, chat.JSON(http.StatusOK, map[string]any{"ok": true, "channel": m.Channel, "ts": m.TS})
	}
	m.TS, m.Also = s.stamp(), p.Broadcast
	if known(p.Thread) >= 0 { // Slack posts in the channel what follows an unknown message
		m.Thread = p.Thread
	}
	s.posted = append(s.posted, m)
	return &m, chat.JSON(http.StatusOK, map[string]any{"ok": true, "channel": m.Channel, "ts": m.TS})
}

// stamp makes the name of a new message: seconds with six digits after the point.
func (s *Server) stamp() string {
	return strconv.FormatInt(s.now().Unix(), 10) + fmt.Sprintf(".%06d", len(s.posted)+1)
}

// full counts a call, and reports whether it was one too many.
func (s *Server) full(channel string) bool {
	if s.unlimited {
		return false
	}
	now := s.now()
	b := s.buckets[channel]
	if b == nil {
		b = &bucket{tokens: Burst, filled: now}
		s.buckets[channel] = b
	}
	b.tokens = min(b.tokens+now.Sub(b.filled).Seconds(), Burst)
	b.filled = now
	if b.tokens < 1 {
		return true
	}
	b.tokens--
	return false
}

// read checks the text and the blocks of a message, or returns Slack's word for the error.
func (s *Server) read(p payload, body []byte) (m Message, wrong string) {
	if p.Text == "" && len(p.Blocks) == 0 {
		return Message{}, "no_text"
	}
	parts, total, err := check(p.Blocks)
	if err != nil {
		return Message{}, "invalid_blocks" // Slack does not say more either
	}
	if total > Total {
		return Message{}, "msg_blocks_too_long"
	}
	return Message{At: s.now(), Text: p.Text, Parts: parts, Body: string(body)}, ""
}
