package server

import (
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"guardian/internal/secret"
)

// Options is what a Server is made of.
type Options struct {
	Backend Backend
	// ExternalURL is where people reach the guardian, without a slash at the end; used in
	// links that leave the pages. "" makes links relative.
	ExternalURL string
	// Language of pages when the reader asks for none: zh or en; default en.
	Language string
	// Location is the time zone of pages; default UTC.
	Location *time.Location
	Now      func() time.Time
	Log      *slog.Logger
	Redactor *secret.Redactor

	Registerer prometheus.Registerer // for guardian_http_*
	Gatherer   prometheus.Gatherer   // for /metrics

	// Active tells whether this guardian holds the lease, and if not, the base URL of the
	// one that does ("" when nobody is known). nil: always active.
	Active func() (here bool, address string)

	// SessionKey signs the pages' sessions. Guardians that share a journal should share it.
	// Not set: a random one, so that a restart asks people to log in again.
	SessionKey secret.Secret

	// RemoteWrite answers POST /api/v1/write; nil: 404.
	RemoteWrite http.Handler
	// Alertmanager answers /api/v2/; nil: 404.
	Alertmanager http.Handler

	// CacheBytes bounds the cache of rendered report fragments; default and least 32 MiB.
	CacheBytes int
}

// Server is the HTTP edge. It owns no goroutine and listens nowhere: the app does.
type Server struct {
	o   Options
	mux http.Handler
}

// New makes a Server. It is an http.Handler; Close gives its cache's memory back.
func New(o Options) (*Server, error) {
	if o.Backend == nil {
		return nil, errors.New("server: Options.Backend is missing")
	}
	return &Server{o: o, mux: http.NotFoundHandler()}, nil
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// Close frees the cache.
func (s *Server) Close() error { return nil }
