package server

import (
	"errors"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"time"
)

// statusClientGone is nginx's status for a client that closed the connection early.
const statusClientGone = 499

// recorder remembers what was answered, for the log and the metrics.
type recorder struct {
	http.ResponseWriter
	status int
	bytes  int64
	caller string
}

func (w *recorder) WriteHeader(status int) {
	if w.status == 0 || w.status < 200 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *recorder) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	n, err := w.ResponseWriter.Write(b)
	w.bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController reach deadlines and flushing.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// observe counts, measures and logs each request, and survives a handler's panic.
func (s *Server) observe(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		seen := &recorder{ResponseWriter: w}
		s.metrics.inFlight.Inc()
		defer func() {
			s.metrics.inFlight.Dec()
			broken := recover()
			cause, _ := broken.(error)
			aborted := errors.Is(cause, http.ErrAbortHandler)
			if broken != nil && !aborted {
				s.log.ErrorContext(r.Context(), "handler panicked", "route", r.Pattern, "panic", broken, "stack", string(debug.Stack()))
				if seen.status == 0 {
					p, _ := explain(nil)
					writeProblem(seen, p)
				}
			}
			s.record(r, seen, time.Since(began))
			if aborted {
				panic(broken)
			}
		}()
		next.ServeHTTP(seen, r)
	})
}

func (s *Server) record(r *http.Request, seen *recorder, took time.Duration) {
	if seen.status == 0 {
		seen.status = http.StatusOK
		if r.Context().Err() != nil {
			seen.status = statusClientGone
		}
	}
	route := r.Pattern
	if _, path, ok := strings.Cut(route, " "); ok {
		route = path
	}
	method := r.Method
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodDelete:
	default:
		method = "other" // a caller may send any word: it must not become a series
	}
	s.metrics.requests.WithLabelValues(route, method, strconv.Itoa(seen.status)).Inc()
	if r.URL.Query().Get("wait") == "" {
		s.metrics.duration.WithLabelValues(route).Observe(took.Seconds())
	}
	level := slog.LevelInfo
	if strings.HasPrefix(route, "/-/") || strings.HasPrefix(route, "/assets/") || route == "/metrics" || route == "/federate" {
		level = slog.LevelDebug
	}
	// The query is left out: people paste tokens into it.
	s.log.Log(r.Context(), level, "request", "method", method, "path", s.redactor.Redact(r.URL.Path), "status", seen.status,
		"bytes", seen.bytes, "duration_ms", took.Milliseconds(), "caller", seen.caller, "remote", r.RemoteAddr)
}

// secure sets the headers that keep a page what it is: no script, style, frame or form of
// anybody else.
func secure(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; "+
			"form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		if r.TLS != nil {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		next.ServeHTTP(w, r)
	})
}
