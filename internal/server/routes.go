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

// entry is a route: who may call it, what answers, and which query parameters it takes. A route of the
// guardian's own API (reads, writes, local) refuses others. Pages do not: chats and browsers add some to
// links. A route that takes a service refuses one that there never was.
type entry struct {
	pattern string
	need    Role
	style   style
	handle  handler
	takes   []string
}

// routes is the whole surface of the guardian.
func (s *Server) routes(b Backend) *http.ServeMux {
	mux := http.NewServeMux()
	for _, r := range slices.Concat(s.ownRoutes(b), s.promRoutes(b), s.amRoutes(b), s.pageRoutes(b)) {
		if slices.Contains(r.takes, "service") {
			r.handle = ofKnownService(b.Services, r.handle)
		}
		mux.HandleFunc(r.pattern, s.guarded(r))
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
		{"POST /api/v1/deploys", Deployer, writes, s.announce(b.Deploys), nil},
		{"POST /api/v1/deploys/{id}/end", Deployer, writes, s.endDeploy(b.Deploys), nil},
		{"GET /api/v1/deploys", Viewer, reads, s.deploys(b.Deploys), []string{"service", "environment", "since", "limit"}},
		{"GET /api/v1/gate", Viewer, reads, s.gate(b.Gates), []string{"service", "environment"}},
		{"GET /api/v1/services", Viewer, reads, s.services(b.Services), nil},
		{"GET /api/v1/checks/{name}", Viewer, reads, s.check(b.Checks), nil},
		{"GET /api/v1/watches", Viewer, reads, s.watches(b.Watches), []string{"service", "environment", "state", "open", "since", "limit"}},
		{"GET /api/v1/watches/{id}", Viewer, reads, s.watch(b.Watches), []string{"wait"}},
		{"POST /api/v1/watches/{id}/cancel", Deployer, writes, s.cancelWatch(b.Watches), nil},
		{"POST /api/v1/watches/{id}/mark", Deployer, writes, s.markWatch(b.Marks), nil},
		{"GET /api/v1/score", Viewer, reads, s.score(b.Scores), []string{"service", "since"}},
		{"GET /api/v1/rollbacks", Viewer, reads, s.runs(b.Runs), []string{"service", "environment", "state", "trigger", "open", "since", "limit"}},
		{"GET /api/v1/rollbacks/plan", Viewer, reads, s.runPlan(b.Plans), []string{"service", "environment", "kind", "to"}},
		{"GET /api/v1/rollbacks/{id}", Viewer, reads, s.run(b.Runs), []string{"wait"}},
		{"POST /api/v1/rollbacks", Approver, writes, s.startRun(b.RunControl), nil},
		{answerCall, Approver, writes, s.answerRun(b.RunControl), nil},
		{"POST /api/v1/heartbeats/{check}", Deployer, local, s.beat(b.Heartbeats), nil},
		{"POST /api/v1/calls", Deployer, writes, s.calls(b.Calls), nil},
		{"GET /api/v1/silences", Viewer, reads, s.silences(b.Silences), nil},
		{"POST /api/v1/silences", Approver, writes, s.createSilence(b.Silences), nil},
		{"DELETE /api/v1/silences/{id}", Approver, writes, s.expireSilence(b.Silences), nil},
		{"GET /api/v1/acks", Viewer, reads, s.acks(b.Alerts), nil},
		{"POST /api/v1/acks", Approver, writes, s.ack(b.Acks), nil},
		{"DELETE /api/v1/acks/{alert}", Approver, writes, s.unack(b.Acks), nil},
		{"GET /api/v1/oncall", Viewer, reads, s.onCall(b.OnCall), []string{"at", "days"}},
		{"GET /api/v1/oncall/overrides", Viewer, reads, s.overrides(b.Overrides), nil},
		{"POST /api/v1/oncall/overrides", Approver, writes, s.createOverride(b.Overrides), nil},
		{"DELETE /api/v1/oncall/overrides/{id}", Approver, writes, s.deleteOverride(b.Overrides), nil},
		{"GET /api/v1/flags", Viewer, reads, s.flagList(b.Flags), nil},
		{"POST /api/v1/flags/{name}", Approver, writes, s.setFlag(b.Flags), nil},
		{"DELETE /api/v1/flags/{name}", Approver, writes, s.resetFlag(b.Flags), nil},
		{"GET /api/v1/runbooks", Viewer, reads, s.runbookList(b.Runbooks), nil},
		{"GET /api/v1/runbooks/{name}", Viewer, reads, s.runbook(b.Runbooks), nil},
		{"GET /api/v1/windows", Viewer, reads, s.windowList(b.Windows), nil},
		{"POST /api/v1/windows", Approver, writes, s.announceWindow(b.Windows), nil},
		{"DELETE /api/v1/windows/{id}", Approver, writes, s.endWindow(b.Windows), nil},
		{"GET /api/v1/drills", Viewer, reads, s.drillList(b.Drills), []string{"drill", "service", "since", "limit"}},
		{"GET /api/v1/drills/{id}", Viewer, reads, s.drill(b.Drills), []string{"wait"}},
		{"POST /api/v1/drills", Approver, writes, s.startDrill(b.Drills), nil},
		{"POST /ofrep/v1/evaluate/flags", Viewer, local, s.evaluateFlags(b.Flags), []string{anything}},
		{"POST /ofrep/v1/evaluate/flags/{key}", Viewer, local, s.evaluateFlag(b.Flags), []string{anything}},
		{"GET /api/v1/journal", Viewer, reads, s.journal(b.Journal), []string{"service", "before", "limit"}},
		{"GET /api/v1/status", Viewer, reads, s.status(b.Process), nil},
		{"GET /api/v1/alerts/{id}/notices", Viewer, reads, s.alertNotices(b.Alerts), nil},
		// Each guardian has series of its own: nothing is passed on.
		{"POST /api/v1/write", Deployer, local, s.remoteWrite, []string{anything}},

		{"GET /metrics", Viewer, reads, s.exposition(), []string{anything}},
		{"POST /-/reload", Admin, local, s.reload(b.Process), nil},
	}
}

// amRoutes is Alertmanager's API.
func (s *Server) amRoutes(b Backend) []entry {
	return []entry{
		{"GET /api/v2/status", Viewer, amReads, s.amStatus(b.Process), nil},
		{"GET /api/v2/receivers", Viewer, amReads, s.amReceivers(b.Routing), nil},
		{"GET /api/v2/alerts", Viewer, amReads, s.amAlerts(b.Routing), nil},
		{"POST /api/v2/alerts", Deployer, amWrites, s.amPostAlerts(b.Intake), nil},
		{"GET /api/v2/alerts/groups", Viewer, amReads, s.amGroups(b.Routing), nil},
		{"GET /api/v2/silences", Viewer, amReads, s.amSilences(b.Silences), nil},
		{"POST /api/v2/silences", Approver, amWrites, s.amSetSilence(b.Silences), nil},
		{"GET /api/v2/silence/{id}", Viewer, amReads, s.amSilence(b.Silences), nil},
		{"DELETE /api/v2/silence/{id}", Approver, amWrites, s.amExpireSilence(b.Silences), nil},
	}
}

// pageRoutes is what people see.
func (s *Server) pageRoutes(b Backend) []entry {
	return []entry{
		{"GET /{$}", Viewer, page, s.overviewPage(b.Services, b.Alerts, b.Watches, b.Runs, noticed{b.Flags, b.Windows}), nil},
		{"GET /services/{name}", Viewer, page, s.servicePage(serviceSources{b.Services, b.Looks, b.Watches, b.Runs, b.Alerts}), nil},
		{"GET /checks/{name}", Viewer, page, s.checkPage(b.Checks, b.Looks), nil},
		{"GET /watches/{id}", Viewer, page, s.watchPage(b.Watches, b.Looks), nil},
		{"POST /watches/{id}/cancel", Deployer, form, s.cancelForm(b.Watches), nil},
		{"POST /watches/{id}/mark", Deployer, form, s.markForm(b.Marks), nil},
		{"GET /rollbacks/{id}", Viewer, page, s.runPage(b.Runs, b.Watches), nil},
		{answerForm, Approver, form, s.runForm(b.RunControl), nil},
		{"POST /services/{name}/rollback", Approver, form, s.rollbackForm(b.RunControl), nil},
		{"GET /alerts/{id}", Viewer, page, s.alertPage(b.Alerts), nil},
		{"GET /alerts", Viewer, page, s.alertsPage(b.Alerts, b.Silences, b.Process), nil},
		{"POST /alerts/ack", Approver, form, s.ackForm(b.Acks), nil},
		{"POST /alerts/silence", Approver, form, s.silenceForm(b.Silences), nil},
		{"POST /alerts/expire", Approver, form, s.expireForm(b.Silences), nil},
		{"GET /flags", Viewer, page, s.flagsPage(b.Flags), nil},
		{"POST /flags/{name}", Approver, form, s.flagForm(b.Flags), nil},
		{"GET /runbooks/{name}", Viewer, page, s.runbookPage(b.Runbooks), nil},
		{"GET /windows", Viewer, page, s.windowsPage(b.Windows, b.Services), nil},
		{"POST /windows", Approver, form, s.windowForm(b.Windows), nil},
		{"POST /windows/{id}/end", Approver, form, s.endWindowForm(b.Windows), nil},
		{"GET /oncall", Viewer, page, s.onCallPage(b.OnCall), nil},
		{"GET /journal", Viewer, page, s.journalPage(b.Journal, b.Services), []string{"service", "before", "limit"}},
		{"GET /drills", Viewer, page, s.drillsPage(b.Drills), nil},
		{"GET /drills/{id}", Viewer, page, s.drillPage(b.Drills), nil},
		{"POST /drills/{name}/start", Approver, form, s.drillForm(b.Drills), nil},
		{"GET /sla", Viewer, page, s.slaPage(b.Reports, b.Services, b.Scores), []string{"period", "month", "from", "to", "service"}},
		{"GET /sla/print", Viewer, page, s.slaPrint(b.Reports, b.Services), []string{"period", "month", "from", "to", "service", "customer"}},
		{"GET /sla.json", Viewer, reads, s.slaJSON(b.Reports), []string{"period", "month", "from", "to", "service"}},
		{"GET /sla.csv", Viewer, reads, s.slaCSV(b.Reports), []string{"period", "month", "from", "to", "service"}},
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

// remoteWrite passes samples on, with who sends them.
func (s *Server) remoteWrite(w http.ResponseWriter, r *http.Request, by Caller) error {
	if s.options.RemoteWrite == nil {
		return delegate(nil)(w, r, by)
	}
	s.options.RemoteWrite(by.Name+" "+s.access.guesses.client(r).String()).ServeHTTP(w, r)
	return nil
}

func (s *Server) exposition() handler {
	if s.options.Gatherer == nil {
		return delegate(nil)
	}
	return delegate(promhttp.HandlerFor(s.options.Gatherer, promhttp.HandlerOpts{}))
}

// guarded finds out who calls and whether they may, refuses parameters that the route does not take, passes
// a write on when another guardian is active, and turns errors into answers.
func (s *Server) guarded(e entry) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := s.answer(w, r, e); err != nil {
			s.refuse(w, r, e.style, err)
		}
	}
}

func (s *Server) answer(w http.ResponseWriter, r *http.Request, e entry) error {
	by, err := s.admit(w, r, e)
	if err != nil {
		s.noteNotAdmitted(r, e, by, err)
		return err
	}
	how := e.style
	if how == reads || how == writes || how == local {
		if err := checkParams(r, e.takes); err != nil {
			return err
		}
	}
	if how == writes || how == amWrites || how == form {
		if done, err := s.forward(w, r, by); done || err != nil {
			return err
		}
	}
	return e.handle(w, r, by)
}

// admit finds out who calls, and whether they may.
func (s *Server) admit(w http.ResponseWriter, r *http.Request, e entry) (Caller, error) {
	if e.style == form {
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	}
	by, err := s.access.caller(r, e.style == page || e.style == form)
	if err != nil {
		return by, err
	}
	if seen, ok := w.(*recorder); ok {
		seen.caller = by.Name
	}
	if !by.Role.Includes(e.need) {
		return by, Refuse(ErrForbidden, "this needs the role %s; the token %q has %s", e.need, by.Name, by.Role)
	}
	if e.style == form {
		return by, s.access.checkForm(r)
	}
	return by, nil
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
				if pattern == answerCall {
					s.noteNoAnswer(r)
				}
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
