package chat

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Fault is a failure of a call that does not depend on the message. A service may add its own.
type Fault string

// The faults that every service has.
const (
	ServerError Fault = "server_error" // HTTP 500; the message is not accepted
	Unavailable Fault = "unavailable"  // HTTP 503; the message is not accepted
	TooMany     Fault = "too_many"     // HTTP 429 with Retry-After: 1; the message is not accepted
	Hang        Fault = "hang"         // no answer until the client gives up; the message is not accepted
	Reset       Fault = "reset"        // the connection is reset in the middle of the answer; the message is not accepted
	LostAnswer  Fault = "lost_answer"  // the message is accepted; the connection is closed without an answer
)

// Answer is the answer to a call. Status 0 is 200.
type Answer struct {
	Status int
	Header map[string]string
	Body   string
}

// JSON makes an answer with a body in JSON.
func JSON(status int, body any) Answer {
	b, err := json.Marshal(body)
	if err != nil {
		b = []byte(err.Error())
	}
	return Answer{Status: status, Header: map[string]string{"Content-Type": "application/json"}, Body: string(b)}
}

// Service is what is particular to one vendor. Its functions are called one at a time.
type Service[M any] struct {
	// Take handles a call: it returns the message if it is accepted, and the answer.
	Take func(r *http.Request, body []byte) (*M, Answer)
	// Faults are the answers of the vendor's own faults.
	Faults map[Fault]Answer
	// Forgive forgets the calls that count against the rate limit.
	Forgive func()
	// Listen is the address to listen on; "": a free port of this machine.
	Listen string
	// Path is the path and query of the address that clients are given.
	Path string
}

// Server is a running fake of which messages have the type M.
//
// It can be asked from outside too: GET /fake/messages lists the accepted messages, POST
// /fake/fail?fault=hang&n=3 makes the next calls fail, POST /fake/forgive forgets the calls that
// count against the rate limit.
type Server[M any] struct {
	http    *httptest.Server
	service Service[M]
	onCall  func(Answer, *M)

	mu       sync.Mutex
	calls    int
	messages []M
	faults   []Fault
}

// Start starts a fake. It panics if it cannot listen, as httptest does.
func Start[M any](service Service[M]) *Server[M] {
	s := &Server[M]{service: service}
	s.http = httptest.NewUnstartedServer(http.HandlerFunc(s.serve))
	if service.Listen != "" {
		l, err := net.Listen("tcp", service.Listen)
		if err != nil {
			panic(fmt.Sprintf("fake: listen: %v", err))
		}
		_ = s.http.Listener.Close()
		s.http.Listener = l
	}
	s.http.Start()
	return s
}

// URL is the address that a client is configured with.
func (s *Server[M]) URL() string { return s.http.URL + s.service.Path }

// Base is the address of the server alone.
func (s *Server[M]) Base() string { return s.http.URL }

// Close stops the server.
func (s *Server[M]) Close() {
	s.http.CloseClientConnections()
	s.http.Close()
}

// Messages returns the accepted messages, in order.
func (s *Server[M]) Messages() []M {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.messages)
}

// Calls returns the number of calls, refused ones included.
func (s *Server[M]) Calls() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls
}

// Fail makes the next n calls fail.
func (s *Server[M]) Fail(n int, f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for range n {
		s.faults = append(s.faults, f)
	}
}

// Forgive forgets the calls that count against the rate limit, and ends its penalty.
func (s *Server[M]) Forgive() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.service.Forgive != nil {
		s.service.Forgive()
	}
}

// OnCall has a function called with the answer to each call and the message that it brought, if
// that was accepted.
func (s *Server[M]) OnCall(f func(Answer, *M)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.onCall = f
}

func (s *Server[M]) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		return
	}
	if strings.HasPrefix(r.URL.Path, "/fake/") {
		s.control(w, r)
		return
	}
	fault := s.begin()
	switch fault {
	case Hang:
		s.report(Answer{Body: "no answer"}, nil)
		<-r.Context().Done()
		return
	case Reset:
		s.report(Answer{Body: "connection reset"}, nil)
		reset(w)
		return
	case "", LostAnswer:
	default:
		a := s.failure(fault)
		s.report(a, nil)
		write(w, a)
		return
	}
	a := s.take(r, body)
	if fault == LostAnswer {
		panic(http.ErrAbortHandler)
	}
	write(w, a)
}

// Transport calls the server in this process, without a connection, for clients under a clock of
// their own.
func (s *Server[M]) Transport() http.RoundTripper { return direct(s.serve) }

type direct http.HandlerFunc

// RoundTrip implements http.RoundTripper.
func (d direct) RoundTrip(r *http.Request) (answer *http.Response, err error) {
	defer func() {
		if p := recover(); p != nil { // how a handler closes its connection
			answer, err = nil, fmt.Errorf("connection closed: %v", p)
		}
	}()
	if r.Body == nil {
		r.Body = http.NoBody
	}
	w := httptest.NewRecorder()
	d(w, r)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	answer = w.Result()
	answer.Request = r
	return answer, nil
}

// begin counts a call and gives its fault.
func (s *Server[M]) begin() (fault Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	if len(s.faults) > 0 {
		fault, s.faults = s.faults[0], s.faults[1:]
	}
	return fault
}

func (s *Server[M]) take(r *http.Request, body []byte) Answer {
	s.mu.Lock()
	m, a := s.service.Take(r, body)
	if m != nil {
		s.messages = append(s.messages, *m)
	}
	s.mu.Unlock()
	s.report(a, m)
	return a
}

func (s *Server[M]) report(a Answer, m *M) {
	s.mu.Lock()
	f := s.onCall
	s.mu.Unlock()
	if f != nil {
		f(a, m)
	}
}

func (s *Server[M]) failure(f Fault) Answer {
	if a, ok := s.service.Faults[f]; ok {
		return a
	}
	switch f {
	case ServerError:
		return Answer{Status: http.StatusInternalServerError, Body: "Internal Server Error"}
	case Unavailable:
		return Answer{Status: http.StatusServiceUnavailable, Body: "Service Unavailable"}
	case TooMany:
		return Answer{Status: http.StatusTooManyRequests, Header: map[string]string{"Retry-After": "1"}, Body: "Too Many Requests"}
	default:
		return Answer{Status: http.StatusNotImplemented, Body: fmt.Sprintf("this fake has no fault %q", f)}
	}
}

func write(w http.ResponseWriter, a Answer) {
	for k, v := range a.Header {
		w.Header().Set(k, v)
	}
	if a.Status != 0 {
		w.WriteHeader(a.Status)
	}
	_, _ = io.WriteString(w, a.Body)
}

// reset sends the first bytes of an answer and resets the connection.
func reset(w http.ResponseWriter) {
	h, ok := w.(http.Hijacker)
	if !ok {
		panic(http.ErrAbortHandler)
	}
	c, _, err := h.Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 27\r\n\r\n{\"err")
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = c.Close()
}

func (s *Server[M]) control(w http.ResponseWriter, r *http.Request) {
	switch r.Method + " " + r.URL.Path {
	case "GET /fake/messages":
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(s.Messages())
	case "POST /fake/forgive":
		s.Forgive()
	case "POST /fake/fail":
		n, err := strconv.Atoi(r.URL.Query().Get("n"))
		if err != nil || n < 1 {
			n = 1
		}
		s.Fail(n, Fault(r.URL.Query().Get("fault")))
	default:
		http.NotFound(w, r)
	}
}

// Window is a rate limit: at most Limit calls within any time of length Per.
type Window struct {
	Limit int
	Per   time.Duration
	calls []time.Time
}

// Full reports whether another call now is one too many.
func (w *Window) Full(now time.Time) bool {
	w.calls = slices.DeleteFunc(w.calls, func(at time.Time) bool { return now.Sub(at) >= w.Per })
	return len(w.calls) >= w.Limit
}

// Count counts a call.
func (w *Window) Count(now time.Time) { w.calls = append(w.calls, now) }

// Reset forgets all calls.
func (w *Window) Reset() { w.calls = nil }
