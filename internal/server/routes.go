package server

import (
	"net/http"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// handler answers one call; what it returns is turned into an answer in the route's style.
type handler func(w http.ResponseWriter, r *http.Request, by Caller) error

// style is how a route is guarded and how its errors look.
type style int

const (
	reads      style = iota // API: session or token; problems
	writes                  // API: token; problems; a standby passes it on
	local                   // as writes, but answered by whoever is asked
	metering                // Prometheus' API: its own errors
	federating              // as reads, with errors as text
	amReads                 // Alertmanager's API: as reads, with its own errors
	amWrites                // as writes, with the same
	page                    // HTML; asks for a login
	form                    // HTML form; CSRF token; a standby passes it on
)

// entry is a route: who may call it, and what answers.
type entry struct {
	pattern string
	need    Role
	style   style
	handle  handler
}

// routes is the whole surface of the guardian.
func (s *Server) routes(b Backend) *http.ServeMux {
	mux := http.NewServeMux()
	for _, r := range slices.Concat(s.ownRoutes(b), s.promRoutes(b), s.amRoutes(b), s.pageRoutes(b)) {
		mux.HandleFunc(r.pattern, s.guarded(r.need, r.style, r.handle))
	}
	for _, r := range s.openRoutes(b) {
		mux.HandleFunc(r.pattern, r.handle)
	}
	mux.HandleFunc("/", s.nowhere(mux))
	return mux
}

// openEntry is a route that finds out by itself who may call it.
type openEntry struct {
	pattern string
	handle  http.HandlerFunc
}

// openRoutes need no token.
func (s *Server) openRoutes(b Backend) []openEntry {
	return []openEntry{
		// Whoever has a signed link may follow it, without a session.
		{"GET /act/{action}", s.linkPage(b.Chat)},
		{"POST /act/{action}", s.linkForm(b.Chat)},
		{"POST /api/slack/actions", s.slackActions(b.Chat)},
		{"POST /api/slack/commands", s.slackCommands(b.Commands)},
		{"GET /-/healthy", s.healthy},
		{"GET /-/ready", s.ready(b.Process)},
		{"GET /login", s.loginPage(b.Tokens)},
		{"POST /login", s.login},
		{"POST /logout", s.logout},
		{"GET /assets/{name}", s.pages.asset},
	}
}

// ownRoutes is the guardian's own API.
func (s *Server) ownRoutes(b Backend) []entry {
	return []entry{
		{"POST /api/v1/deploys", Deployer, writes, s.announce(b.Deploys)},
		{"POST /api/v1/deploys/{id}/end", Deployer, writes, s.endDeploy(b.Deploys)},
		{"GET /api/v1/deploys", Viewer, reads, s.deploys(b.Deploys)},
		{"GET /api/v1/gate", Viewer, reads, s.gate(b.Gates)},
		{"GET /api/v1/services", Viewer, reads, s.services(b.Services)},
		{"GET /api/v1/checks/{name}", Viewer, reads, s.check(b.Checks)},
		{"GET /api/v1/watches", Viewer, reads, s.watches(b.Watches)},
		{"GET /api/v1/watches/{id}", Viewer, reads, s.watch(b.Watches)},
		{"POST /api/v1/watches/{id}/cancel", Deployer, writes, s.cancelWatch(b.Watches)},
		{"POST /api/v1/watches/{id}/mark", Deployer, writes, s.markWatch(b.Marks)},
		{"GET /api/v1/score", Viewer, reads, s.score(b.Scores)},
		{"GET /api/v1/rollbacks", Viewer, reads, s.runs(b.Runs)},
		{"GET /api/v1/rollbacks/plan", Viewer, reads, s.runPlan(b.Plans)},
		{"GET /api/v1/rollbacks/{id}", Viewer, reads, s.run(b.Runs)},
		{"POST /api/v1/rollbacks", Approver, writes, s.startRun(b.RunControl)},
		{"POST /api/v1/rollbacks/{id}/{decision}", Approver, writes, s.answerRun(b.RunControl)},
		{"POST /api/v1/heartbeats/{check}", Deployer, local, s.beat(b.Heartbeats)},
		{"POST /api/v1/calls", Deployer, writes, s.calls(b.Calls)},
		{"GET /api/v1/silences", Viewer, reads, s.silences(b.Silences)},
		{"POST /api/v1/silences", Approver, writes, s.createSilence(b.Silences)},
		{"DELETE /api/v1/silences/{id}", Approver, writes, s.expireSilence(b.Silences)},
		{"GET /api/v1/acks", Viewer, reads, s.acks(b.Alerts)},
		{"POST /api/v1/acks", Approver, writes, s.ack(b.Acks)},
		{"DELETE /api/v1/acks/{alert}", Approver, writes, s.unack(b.Acks)},
		{"GET /api/v1/oncall", Viewer, reads, s.onCall(b.OnCall)},
		{"GET /api/v1/oncall/overrides", Viewer, reads, s.overrides(b.Overrides)},
		{"POST /api/v1/oncall/overrides", Approver, writes, s.createOverride(b.Overrides)},
		{"DELETE /api/v1/oncall/overrides/{id}", Approver, writes, s.deleteOverride(b.Overrides)},
		{"GET /api/v1/flags", Viewer, reads, s.flagList(b.Flags)},
		{"POST /api/v1/flags/{name}", Approver, writes, s.setFlag(b.Flags)},
		{"DELETE /api/v1/flags/{name}", Approver, writes, s.resetFlag(b.Flags)},
		{"POST /ofrep/v1/evaluate/flags", Viewer, local, s.evaluateFlags(b.Flags)},
		{"POST /ofrep/v1/evaluate/flags/{key}", Viewer, local, s.evaluateFlag(b.Flags)},
		{"GET /api/v1/journal", Viewer, reads, s.journal(b.Journal)},
		{"GET /api/v1/status", Viewer, reads, s.status(b.Process)},
		{"GET /api/v1/alerts/{id}/notices", Viewer, reads, s.alertNotices(b.Alerts)},
		// Each guardian has series of its own: nothing is passed on.
		{"POST /api/v1/write", Deployer, local, delegate(s.options.RemoteWrite)},

		{"GET /metrics", Viewer, reads, s.exposition()},
		{"POST /-/reload", Admin, local, s.reload(b.Process)},
	}
}

// amRoutes is Alertmanager's API.
func (s *Server) amRoutes(b Backend) []entry {
	return []entry{
		{"GET /api/v2/status", Viewer, amReads, s.amStatus(b.Process)},
		{"GET /api/v2/receivers", Viewer, amReads, s.amReceivers(b.Routing)},
		{"GET /api/v2/alerts", Viewer, amReads, s.amAlerts(b.Routing)},
		{"POST /api/v2/alerts", Deployer, amWrites, s.amPostAlerts(b.Intake)},
		{"GET /api/v2/alerts/groups", Viewer, amReads, s.amGroups(b.Routing)},
		{"GET /api/v2/silences", Viewer, amReads, s.amSilences(b.Silences)},
		{"POST /api/v2/silences", Approver, amWrites, s.amSetSilence(b.Silences)},
		{"GET /api/v2/silence/{id}", Viewer, amReads, s.amSilence(b.Silences)},
		{"DELETE /api/v2/silence/{id}", Approver, amWrites, s.amExpireSilence(b.Silences)},
	}
}

// pageRoutes is what people see.
func (s *Server) pageRoutes(b Backend) []entry {
	return []entry{
		{"GET /{$}", Viewer, page, s.overviewPage(b.Services, b.Alerts, b.Watches, b.Runs, b.Flags)},
		{"GET /services/{name}", Viewer, page, s.servicePage(serviceSources{b.Services, b.Looks, b.Watches, b.Runs, b.Alerts})},
		{"GET /checks/{name}", Viewer, page, s.checkPage(b.Checks, b.Looks)},
		{"GET /watches/{id}", Viewer, page, s.watchPage(b.Watches, b.Looks)},
		{"POST /watches/{id}/cancel", Deployer, form, s.cancelForm(b.Watches)},
		{"POST /watches/{id}/mark", Deployer, form, s.markForm(b.Marks)},
		{"GET /rollbacks/{id}", Viewer, page, s.runPage(b.Runs, b.Watches)},
		{"POST /rollbacks/{id}", Approver, form, s.runForm(b.RunControl)},
		{"POST /services/{name}/rollback", Approver, form, s.rollbackForm(b.RunControl)},
		{"GET /alerts/{id}", Viewer, page, s.alertPage(b.Alerts)},
		{"GET /alerts", Viewer, page, s.alertsPage(b.Alerts, b.Silences, b.Process)},
		{"POST /alerts/ack", Approver, form, s.ackForm(b.Acks)},
		{"POST /alerts/silence", Approver, form, s.silenceForm(b.Silences)},
		{"POST /alerts/expire", Approver, form, s.expireForm(b.Silences)},
		{"GET /flags", Viewer, page, s.flagsPage(b.Flags)},
		{"POST /flags/{name}", Approver, form, s.flagForm(b.Flags)},
		{"GET /oncall", Viewer, page, s.onCallPage(b.OnCall)},
		{"GET /journal", Viewer, page, s.journalPage(b.Journal, b.Services)},
		{"GET /drills", Viewer, page, s.drillsPage(b.Runs)},
		{"GET /sla", Viewer, page, s.slaPage(b.Reports, b.Services, b.Scores)},
		{"GET /sla.json", Viewer, reads, s.slaJSON(b.Reports)},
		{"GET /sla.csv", Viewer, reads, s.slaCSV(b.Reports)},
	}
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
	if how == writes || how == amWrites || how == form {
		if done, err := s.forward(w, r, by); done || err != nil {
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
	if how == federating {
		s.refusePlain(w, r, err)
		return
	}
	if how == amReads || how == amWrites {
		s.refuseAM(w, r, err)
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
		err := Refuse(ErrNotFound, "there is nothing at this address")
		var allow []string
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete} {
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
		if strings.HasPrefix(r.URL.Path, "/api/") || strings.HasPrefix(r.URL.Path, "/ofrep/") || strings.HasPrefix(r.URL.Path, "/-/") || len(allow) > 0 {
			how = reads
		}
		s.refuse(w, r, how, err)
	}
}
