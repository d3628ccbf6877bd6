package server

import (
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"guardian/internal/secret"
)

// Options is what a Server is made of.
type Options struct {
	Backend Backend
	// ExternalURL is where people reach the guardian; used in links that leave the pages. ""
	// makes those links relative.
	ExternalURL string
	// Language of pages when the reader asks for none: zh or en; default en.
	Language string
	// Location is the time zone of pages; default UTC.
	Location *time.Location
	Now      func() time.Time // default time.Now
	Log      *slog.Logger     // default: nothing is logged
	Redactor *secret.Redactor

	Registerer prometheus.Registerer // for guardian_http_*; nil: not registered
	Gatherer   prometheus.Gatherer   // for /metrics; nil: 404

	// Active tells whether this guardian holds the lease, and if not, the base URL of the
	// one that does ("" when nobody is known). nil: always active.
	Active func() (here bool, address string)

	// SessionKey signs the pages' sessions. Guardians that share a journal should share it.
	// Not set: a random one, so that a restart asks people to log in again.
	SessionKey secret.Secret

	// Queries is how many queries are answered at once; 0: by the number of cores. CallTime bounds the
	// whole of one, its answer's writing included; default 130 s.
	Queries  int
	CallTime time.Duration
	// Unread is how many bytes of answers are held for those who read them; default 128 MiB.
	Unread int64

	// TrustedProxies are the proxies whose X-Forwarded-For says whose request it is.
	TrustedProxies []netip.Prefix

	// RemoteWrite answers POST /api/v1/write of a sender: the name of its token and its address. nil: 404.
	RemoteWrite func(sender string) http.Handler
}

// maxWaits bounds how many answers are held at once: each is a goroutine and a connection.
const maxWaits = 512

// Server answers requests. It owns no goroutine and listens nowhere: a Port does.
type Server struct {
	process  Process
	now      func() time.Time
	log      *slog.Logger
	redactor *secret.Redactor
	external string
	active   func() (bool, string)
	options  Options

	metrics *metrics
	access  *access
	pages   *pages
	reports *reportCache
	waits   chan struct{}
	turns   *turns
	mux     *http.ServeMux
	handler http.Handler
}

// New makes a Server. It is an http.Handler; Close gives its cache's memory back.
func New(o Options) (*Server, error) {
	if part := o.Backend.missing(); part != "" {
		return nil, fmt.Errorf("server: Options.Backend.%s is missing", part)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Location == nil {
		o.Location = time.UTC
	}
	if o.Active == nil {
		o.Active = func() (bool, string) { return true, "" }
	}
	key := []byte(o.SessionKey.Reveal())
	if len(key) == 0 {
		key = make([]byte, 32)
		_, _ = rand.Read(key) // never fails, by its contract
	}
	external := strings.TrimRight(o.ExternalURL, "/")
	origins, err := newOrigins(external)
	if err != nil {
		return nil, err
	}
	m, err := newMetrics(o.Registerer)
	if err != nil {
		return nil, err
	}
	p, err := newPages(o.Language, o.Location, o.Now)
	if err != nil {
		return nil, err
	}
	tell := func(address string, wrong int) {
		o.Log.Warn("guesses at tokens are slowed", "address", address, "wrong", wrong, "hint", "a program with an old token, or an attacker; behind a proxy, set server.trusted_proxies to see whose address it is")
	}
	s := &Server{
		process: o.Backend.Process, now: o.Now, log: o.Log, redactor: o.Redactor, external: external, active: o.Active, options: o,
		metrics: m, pages: p, reports: newReportCache(m),
		access: &access{tokens: o.Backend.Tokens, key: key, now: o.Now, origins: origins, guesses: newGuesses(o.TrustedProxies, o.Now, tell), https: strings.HasPrefix(external, "https://")},
		waits:  make(chan struct{}, maxWaits),
		turns:  newTurns(o.Queries, o.Unread),
	}
	s.mux = s.routes(o.Backend)
	s.handler = s.observe(secure(s.mux))
	return s, nil
}

// Guessing gives who sent many wrong tokens or logins within the last hour.
func (s *Server) Guessing() Guessing { return s.access.guesses.guessing() }

func newOrigins(external string) (*http.CrossOriginProtection, error) {
	p := http.NewCrossOriginProtection()
	if external == "" {
		return p, nil
	}
	u, err := url.Parse(external)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, fmt.Errorf("server: external URL %q is not like https://guardian.example.com", external)
	}
	if err := p.AddTrustedOrigin(u.Scheme + "://" + u.Host); err != nil {
		return nil, fmt.Errorf("server: external URL %q: %w", external, err)
	}
	return p, nil
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// Close frees the cache. The server must not be used afterwards.
func (s *Server) Close() error {
	s.reports.close()
	return nil
}

// link makes a link to a page that also works outside of the pages.
func (s *Server) link(path string) string { return s.external + path }
