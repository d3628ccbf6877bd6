package slack

import (
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
	"unicode/utf16"
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

// Fault is a failure of a call that does not depend on the message.
type Fault string

// The faults.
const (
	ServerError Fault = "server_error" // HTTP 500; the message is not accepted
	Hang        Fault = "hang"         // no answer until the client gives up; the message is not accepted
	LostAnswer  Fault = "lost_answer"  // the message is accepted; the connection is closed without an answer
	Limited     Fault = "limited"      // 429 with Retry-After: 1
	Revoked     Fault = "revoked"      // 404 no_service
)

// Message is an accepted message.
type Message struct {
	At    time.Time
	Text  string   // the fallback that a phone's lock screen shows
	Parts []string // the text of each block and field, in order
	Body  string   // as it was sent
}

// All is all text that a reader sees.
func (m Message) All() string { return strings.Join(m.Parts, "\n") }

// Option is a setting of the server.
type Option func(*Server)

// WithNow gives the server another clock.
func WithNow(now func() time.Time) Option { return func(s *Server) { s.now = now } }

// WithoutLimit switches the rate limit off.
func WithoutLimit() Option { return func(s *Server) { s.unlimited = true } }

// Server is one incoming webhook.
type Server struct {
	http      *httptest.Server
	path      string
	now       func() time.Time
	unlimited bool

	mu       sync.Mutex
	tokens   float64 // of the bucket: one a second, at most Burst
	filled   time.Time
	calls    int
	messages []Message
	faults   []Fault
}

// New starts a webhook on a free port of this machine.
func New(options ...Option) *Server {
	s := &Server{path: "/services/T0FAKE/B0FAKE/fakefakefakefakefakefake", now: time.Now, tokens: Burst}
	for _, o := range options {
		o(s)
	}
	s.filled = s.now()
	s.http = httptest.NewServer(http.HandlerFunc(s.serve))
	return s
}

// URL is the address of the webhook.
func (s *Server) URL() string { return s.http.URL + s.path }

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
		say(w, http.StatusInternalServerError, "server_error")
		return
	case Hang:
		<-r.Context().Done()
		return
	case Limited:
		limited(w, 1)
		return
	case Revoked:
		say(w, http.StatusNotFound, "no_service")
		return
	case LostAnswer:
	}
	code, text := s.take(r, body)
	switch {
	case fault == LostAnswer:
		panic(http.ErrAbortHandler)
	case code == http.StatusTooManyRequests:
		limited(w, 1)
	default:
		say(w, code, text)
	}
}

func limited(w http.ResponseWriter, seconds int) {
	w.Header().Set("Retry-After", strconv.Itoa(seconds))
	say(w, http.StatusTooManyRequests, "rate_limited")
}

func say(w http.ResponseWriter, code int, text string) {
	w.Header().Set("Content-Type", "text/html")
	w.WriteHeader(code)
	_, _ = io.WriteString(w, text)
}

func (s *Server) take(r *http.Request, body []byte) (int, string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.Method != http.MethodPost || r.URL.Path != s.path {
		return http.StatusNotFound, "no_service"
	}
	now := s.now()
	if !s.unlimited {
		s.tokens = min(s.tokens+now.Sub(s.filled).Seconds(), Burst)
		s.filled = now
		if s.tokens < 1 {
			return http.StatusTooManyRequests, ""
		}
		s.tokens--
	}
	var p payload
	if err := json.Unmarshal(body, &p); err != nil {
		return http.StatusBadRequest, "invalid_payload"
	}
	if p.Text == "" && len(p.Blocks) == 0 {
		return http.StatusBadRequest, "no_text"
	}
	parts, total, err := p.check()
	if err != nil {
		return http.StatusBadRequest, "invalid_blocks" // Slack does not say more either
	}
	if total > Total {
		return http.StatusBadRequest, "msg_blocks_too_long"
	}
	s.messages = append(s.messages, Message{At: now, Text: p.Text, Parts: parts, Body: string(body)})
	return http.StatusOK, "ok"
}

type payload struct {
	Text   string  `json:"text"`
	Blocks []block `json:"blocks"`
}

type block struct {
	Type     string            `json:"type"`
	Text     *text             `json:"text"`
	Fields   []text            `json:"fields"`
	Elements []json.RawMessage `json:"elements"`
}

type text struct {
	Type string `json:"type"`
	Text string `json:"text"`
}

// check returns the texts of a message and their total length, or the rule of Block Kit that it
// breaks.
func (p payload) check() (parts []string, total int, err error) {
	if len(p.Blocks) > Blocks {
		return nil, 0, fmt.Errorf("%d blocks", len(p.Blocks))
	}
	take := func(t text, limit int, types ...string) error {
		n := len(utf16.Encode([]rune(t.Text)))
		total += n
		parts = append(parts, t.Text)
		if n == 0 || n > limit || !slices.Contains(types, t.Type) {
			return fmt.Errorf("a %s of %d characters", t.Type, n)
		}
		return nil
	}
	for _, b := range p.Blocks {
		switch b.Type {
		case "header":
			if b.Text == nil {
				return nil, 0, fmt.Errorf("header without text")
			}
			err = take(*b.Text, Header, "plain_text")
		case "section":
			if (b.Text == nil && len(b.Fields) == 0) || len(b.Fields) > Fields {
				return nil, 0, fmt.Errorf("section without text or with %d fields", len(b.Fields))
			}
			if b.Text != nil {
				err = take(*b.Text, Section, "mrkdwn", "plain_text")
			}
			for _, f := range b.Fields {
				if e := take(f, Field, "mrkdwn", "plain_text"); e != nil {
					err = e
				}
			}
		case "context", "actions":
			limit := Elements
			if b.Type == "actions" {
				limit = Actions
			}
			if n := len(b.Elements); n == 0 || n > limit {
				return nil, 0, fmt.Errorf("%s of %d elements", b.Type, n)
			}
		case "divider":
		default:
			return nil, 0, fmt.Errorf("block %q", b.Type)
		}
		if err != nil {
			return nil, 0, err
		}
	}
	return parts, total, nil
}
