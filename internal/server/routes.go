package server

import (
	"net/http"
	"strings"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// handler answers one call; what it returns is turned into an answer in the route's style.
type handler func(w http.ResponseWriter, r *http.Request, by Caller) error

// style is how a route is guarded and how its errors look.
type style int

const (
	reads    style = iota // API: session or token; problems
	writes                // API: token; problems; a standby passes it on
	local                 // as writes, but answered by whoever is asked
	metering              // Prometheus' query API: its own errors
	page                  // HTML; asks for a login
	form                  // HTML form; CSRF token; a standby passes it on
)

// routes is the whole surface of the guardian.
func (s *Server) routes() *http.ServeMux {
	mux := http.NewServeMux()
	for _, r := range []struct {
		pattern string
		need    Role
		style   style
		handle  handler
	}{
		{"POST /api/v1/deploys", Deployer, writes, s.announce},
		{"GET /api/v1/deploys", Viewer, reads, s.deploys},
		{"GET /api/v1/gate", Viewer, reads, s.gate},
		{"GET /api/v1/services", Viewer, reads, s.services},
		{"GET /api/v1/checks/{name}", Viewer, reads, s.check},
		{"GET /api/v1/watches", Viewer, reads, s.watches},
		{"GET /api/v1/watches/{id}", Viewer, reads, s.watch},
		{"POST /api/v1/watches/{id}/cancel", Deployer, writes, s.cancelWatch},
		{"POST /api/v1/watches/{id}/mark", Deployer, writes, s.markWatch},
		{"GET /api/v1/score", Viewer, reads, s.score},
		{"GET /api/v1/rollbacks", Viewer, reads, s.runs},
		{"GET /api/v1/rollbacks/{id}", Viewer, reads, s.run},
		{"POST /api/v1/rollbacks", Approver, writes, s.startRun},
		{"POST /api/v1/rollbacks/{id}/{decision}", Approver, writes, s.answerRun},
		{"POST /api/v1/heartbeats/{check}", Deployer, local, s.beat},
		{"POST /api/v1/calls", Deployer, writes, s.calls},
		{"GET /api/v1/silences", Viewer, reads, s.silences},
		{"POST /api/v1/silences", Approver, writes, s.createSilence},
		{"DELETE /api/v1/silences/{id}", Approver, writes, s.expireSilence},
		{"GET /api/v1/acks", Viewer, reads, s.acks},
		{"POST /api/v1/acks", Approver, writes, s.ack},
		{"DELETE /api/v1/acks/{alert}", Approver, writes, s.unack},
		{"GET /api/v1/journal", Viewer, reads, s.journal},
		{"GET /api/v1/status", Viewer, reads, s.status},

		{"GET /api/v1/query", Viewer, metering, s.query},
		{"POST /api/v1/query", Viewer, metering, s.query},
		{"GET /api/v1/query_range", Viewer, metering, s.queryRange},
		{"POST /api/v1/query_range", Viewer, metering, s.queryRange},
		{"GET /api/v1/format_query", Viewer, metering, s.formatQuery},
		{"POST /api/v1/format_query", Viewer, metering, s.formatQuery},
		{"GET /api/v1/series", Viewer, metering, s.series},
		{"POST /api/v1/series", Viewer, metering, s.series},
		{"GET /api/v1/labels", Viewer, metering, s.labelNames},
		{"POST /api/v1/labels", Viewer, metering, s.labelNames},
		{"GET /api/v1/label/{name}/values", Viewer, metering, s.labelValues},
		{"GET /api/v1/rules", Viewer, metering, s.rules},
		{"GET /api/v1/alerts", Viewer, metering, s.alerts},
		{"GET /api/v1/metadata", Viewer, metering, s.metadata},
		{"GET /api/v1/status/buildinfo", Viewer, metering, s.buildInfo},
		// Each guardian has series of its own: nothing is passed on.
		{"POST /api/v1/write", Deployer, local, delegate(s.options.RemoteWrite)},
		{"GET /api/v2/", Viewer, reads, delegate(s.options.Alertmanager)},
		{"POST /api/v2/alerts", Deployer, writes, delegate(s.options.Alertmanager)},
		{"POST /api/v2/", Approver, writes, delegate(s.options.Alertmanager)},
		{"DELETE /api/v2/", Approver, writes, delegate(s.options.Alertmanager)},

		{"GET /metrics", Viewer, reads, s.exposition()},
		{"POST /-/reload", Admin, local, s.reload},

		{"GET /{$}", Viewer, page, s.overviewPage},
		{"GET /services/{name}", Viewer, page, s.servicePage},
		{"GET /checks/{name}", Viewer, page, s.checkPage},
		{"GET /watches/{id}", Viewer, page, s.watchPage},
		{"POST /watches/{id}/cancel", Deployer, form, s.cancelForm},
		{"POST /watches/{id}/mark", Deployer, form, s.markForm},
		{"GET /rollbacks/{id}", Viewer, page, s.runPage},
		{"POST /rollbacks/{id}", Approver, form, s.runForm},
		{"POST /services/{name}/rollback", Approver, form, s.rollbackForm},
		{"GET /alerts", Viewer, page, s.alertsPage},
		{"POST /alerts/ack", Approver, form, s.ackForm},
		{"POST /alerts/silence", Approver, form, s.silenceForm},
		{"POST /alerts/expire", Approver, form, s.expireForm},
		{"GET /journal", Viewer, page, s.journalPage},
		{"GET /drills", Viewer, page, s.drillsPage},
		{"GET /sla", Viewer, page, s.slaPage},
		{"GET /sla.json", Viewer, reads, s.slaJSON},
		{"GET /sla.csv", Viewer, reads, s.slaCSV},
	} {
		mux.HandleFunc(r.pattern, s.guarded(r.need, r.style, r.handle))
	}
	mux.HandleFunc("GET /-/healthy", s.healthy)
	mux.HandleFunc("GET /-/ready", s.ready)
	mux.HandleFunc("GET /login", s.loginPage)
	mux.HandleFunc("POST /login", s.login)
	mux.HandleFunc("POST /logout", s.logout)
	mux.HandleFunc("GET /assets/{name}", s.pages.asset)
	mux.HandleFunc("/", s.nowhere(mux))
	return mux
}

// delegate hands a route to another handler, if there is one.
func delegate(h http.Handler) handler {
	return func(w http.ResponseWriter, r *http.Request, _ Caller) error {
		if h == nil {
			return Refuse(ErrNotFound, "this guardian does not answer %s", r.URL.Path)
		}
		h.ServeHTTP(w, r)
		return nil
	}
}

func (s *Server) exposition() handler {
	if s.options.Gatherer == nil {
		return delegate(nil)
	}
	return delegate(promhttp.HandlerFor(s.options.Gatherer, promhttp.HandlerOpts{}))
}

// guarded finds out who calls and whether they may, passes a write on when another guardian
// is active, and turns errors into answers.
func (s *Server) guarded(need Role, how style, handle handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := s.answer(w, r, need, how, handle); err != nil {
			s.refuse(w, r, how, err)
		}
	}
}

func (s *Server) answer(w http.ResponseWriter, r *http.Request, need Role, how style, handle handler) error {
	by, err := s.access.caller(r, how == page || how == form)
	if err != nil {
		return err
	}
	if seen, ok := w.(*recorder); ok {
		seen.caller = by.Name
	}
	if !by.Role.Includes(need) {
		return Refuse(ErrForbidden, "this needs the role %s; the token %q has %s", need, by.Name, by.Role)
	}
	if how == form {
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		if err := s.access.checkForm(r); err != nil {
			return err
		}
	}
	if how == writes || how == form {
		if done, err := s.forward(w, r); done || err != nil {
			return err
		}
	}
	return handle(w, r, by)
}

// refuse answers an error in the style of the route.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, how style, err error) {
	if how == metering {
		s.refuseQuery(w, r, err)
		return
	}
	if how == page || how == form {
		s.refusePage(w, r, err)
		return
	}
	if p, ok := s.fail(r, err); ok {
		writeProblem(w, p)
	}
}

// nowhere answers what no route matches: with the methods that would, or not found.
func (s *Server) nowhere(mux *http.ServeMux) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var err error = Refuse(ErrNotFound, "there is nothing at this address")
		var allow []string
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodDelete} {
			other := &http.Request{Method: method, URL: r.URL, Host: r.Host}
			if _, pattern := mux.Handler(other); pattern != "/" && pattern != "" && method != r.Method {
				allow = append(allow, method)
			}
		}
		if len(allow) > 0 {
			w.Header().Set("Allow", strings.Join(allow, ", "))
			err = &statusError{http.StatusMethodNotAllowed, "use " + strings.Join(allow, " or ") + " here"}
		}
		how := page
		if strings.HasPrefix(r.URL.Path, "/api/") || strings.HasPrefix(r.URL.Path, "/-/") || len(allow) > 0 {
			how = reads
		}
		s.refuse(w, r, how, err)
	}
}
