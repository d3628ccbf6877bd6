package server_test

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/promql"

	"guardian/actions"
	"guardian/internal/chatops"
	"guardian/internal/drills"
	"guardian/internal/flags"
	"guardian/internal/reason"
	"guardian/internal/server"
	"guardian/notifiers"
	"guardian/notifiers/route"
	"guardian/oncall"
	"guardian/probes"
	"guardian/rules"
	"guardian/sla"
	"guardian/watch"
)

// memory is a small world behind the server: it keeps what it is told.
type memory struct {
	mu       sync.Mutex
	now      time.Time
	services []server.Service
	looks    map[string][]server.Look
	details  map[string]server.CheckDetail
	watches  []server.Watch // newest first
	runs     []actions.Run  // newest first
	ledger   map[string][]actions.Entry
	alerts   []server.Alert
	groups   []server.RuleGroup              // beside the first
	notices  map[string][]notifiers.Delivery // by alert
	messages map[string][]string             // alerts, by the delivery of a message about them
	sent     time.Time                       // when the messages were written
	done     map[chatops.Request]chatops.Done
	played   []string // signatures of calls of Slack
	clicked  []string // what clicks were answered
	silences []route.Silence
	journal  []server.JournalEntry // newest first
	about    []string              // the services of the first lines
	page     int                   // how many lines one answer has at most; 0: as many as are asked for
	beats    []probes.Heartbeat
	tokens   map[string]server.Caller // by hash
	answers  map[string]kept
	gate     map[string][]watch.GateReason
	status   server.Status
	facts    sla.Facts
	revision int
	reports  int // how many were built
	reload   error
	warnings []string // of a reload
	fail     error    // what the next call fails with
	standby  bool
	noOnCall bool          // no schedule is configured
	made     []oncall.Made // overrides of shifts
	switches []flags.State
	windows  windowJournal
	drills   []drills.Drill
	calls    map[string]string // body hashes of reports, by key
	changed  chan struct{}
	last     promql.Vector // samples of a federation
}

// parts gives it to a server.
func (m *memory) parts() server.Backend {
	return server.Backend{
		Tokens: m, Services: m, Gates: m, Checks: m, Looks: m, Deploys: m, Watches: m, Marks: m, Scores: m, Runs: m, RunControl: m, Plans: m,
		Alerts: m, Acks: m, Silences: m, Chat: m, Commands: m, Routing: m, Intake: m, Rules: m, Queries: m, Series: m, MetricHelp: m, Reports: m, Journal: m, Heartbeats: m,
		Calls: m, OnCall: m, Overrides: m, Flags: m, Windows: m, Drills: m, Runbooks: m, Process: m, Exemplars: m, Federation: m, Targets: m, Setup: m, Storage: m,
	}
}

type kept struct {
	hash   string
	answer server.Announced
}

func (m *memory) lock(err *error) func() {
	m.mu.Lock()
	if m.fail != nil {
		*err, m.fail = m.fail, nil
	}
	return m.mu.Unlock
}

// acts is what a write that needs the lease begins with.
func (m *memory) acts(err *error) func() {
	unlock := m.lock(err)
	if m.standby && *err == nil {
		*err = server.ErrStandby
	}
	return unlock
}

// note keeps a line of the journal.
func (m *memory) note(by server.Caller, service, what, subject string, detail reason.Reason) {
	m.journal = append([]server.JournalEntry{{At: m.now, Who: by.Name, What: what, Subject: subject, Detail: detail, Path: pathOf(subject)}}, m.journal...)
	m.about = append([]string{service}, m.about...)
}

func pathOf(subject string) string {
	if strings.HasPrefix(subject, "w_") {
		return "/watches/" + subject
	}
	return "/alerts"
}

// move wakes those who wait.
func (m *memory) move() {
	close(m.changed)
	m.changed = make(chan struct{})
}

func (m *memory) service(name string) (*server.Service, error) {
	var names []string
	for i := range m.services {
		names = append(names, m.services[i].Name)
		if m.services[i].Name == name {
			return &m.services[i], nil
		}
	}
	return nil, &server.NotFoundError{What: "service", Name: name, Known: names}
}

func (m *memory) KnownService(_ context.Context, name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, err := m.service(name)
	if slices.Contains(m.about, name) {
		return nil
	}
	return err
}

func (m *memory) Secured(context.Context) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.tokens) > 0, nil
}

func (m *memory) Authenticate(_ context.Context, hash string) (server.Caller, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	c, ok := m.tokens[hash]
	if !ok {
		return server.Caller{}, server.ErrUnauthenticated
	}
	return c, nil
}

func (m *memory) ServiceList(context.Context) (_ []server.Service, err error) {
	defer m.lock(&err)()
	return slices.Clone(m.services), err
}

func (m *memory) Looks(_ context.Context, service string, from, to time.Time, limit int) (map[string][]server.Look, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	found := map[string][]server.Look{}
	svc, err := m.service(service)
	if err != nil {
		return found, nil // of one that is not configured nothing is seen
	}
	for _, c := range svc.Checks {
		for _, l := range m.looks[c.Name] {
			if !l.At.Before(from) && !l.At.After(to) && len(found[c.Name]) < limit {
				found[c.Name] = append(found[c.Name], l)
			}
		}
	}
	return found, nil
}

func (m *memory) CheckDetail(_ context.Context, name string) (server.CheckDetail, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var names []string
	for _, svc := range m.services {
		for _, c := range svc.Checks {
			names = append(names, c.Name)
			if c.Name == name {
				d := m.details[name]
				d.Check, d.Service = c, svc.Name
				return d, nil
			}
		}
	}
	return server.CheckDetail{}, &server.NotFoundError{What: "check", Name: name, Known: names}
}

// in gives the environment of a service that a caller means.
func in(svc *server.Service, asked string) (string, error) {
	if asked != "" && asked != svc.Environment {
		return "", &server.NotFoundError{What: "environment", Name: asked, Of: "service " + svc.Name, Known: []string{svc.Environment}}
	}
	return svc.Environment, nil
}

func (m *memory) Gate(_ context.Context, service, environment string) (server.Gate, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	svc, err := m.service(service)
	if err != nil {
		return server.Gate{}, err
	}
	if _, err := in(svc, environment); err != nil {
		return server.Gate{}, err
	}
	return server.Gate{Open: len(m.gate[service]) == 0, Reasons: m.gate[service]}, nil
}

func (m *memory) Announce(_ context.Context, r server.DeployRequest, by server.Caller) (_ server.Announced, err error) {
	defer m.acts(&err)()
	if err != nil {
		return server.Announced{}, err
	}
	svc, err := m.service(r.Service)
	if err != nil {
		return server.Announced{}, err
	}
	if k, ok := m.answers[r.IdempotencyKey]; ok && r.IdempotencyKey != "" {
		if k.hash != r.BodyHash {
			return server.Announced{}, server.ErrIdempotencyMismatch
		}
		return k.answer, nil
	}
	if r.Environment, err = in(svc, r.Environment); err != nil {
		return server.Announced{}, err
	}
	open := slices.IndexFunc(m.watches, func(w server.Watch) bool {
		return w.Deploy.Service == r.Service && w.Deploy.Environment == r.Environment && !w.State.Final()
	})
	if open >= 0 && m.watches[open].Deploy.Version == r.Version {
		return server.Announced{Deploy: m.watches[open].Deploy, Watch: m.watches[open]}, nil
	}
	if open >= 0 {
		m.watches[open].State, m.watches[open].Ended = watch.Superseded, m.now
	}
	n := len(m.watches) + 1
	d := watch.Deploy{
		ID: fmt.Sprintf("d_%d", n), Service: r.Service, Environment: r.Environment, Version: r.Version, PreviousVersion: r.PreviousVersion, Shops: r.Shops,
		Kind: r.Kind, Author: r.Author, Reversible: r.Reversible, At: r.At, Announced: m.now, GateClosed: m.gate[r.Service],
	}
	if d.At.IsZero() {
		d.At = m.now
	}
	if r.Begins {
		d.Rollout = &watch.Rollout{Start: m.now}
	}
	if d.Author == "" {
		d.Author = by.Name
	}
	w := server.Watch{ID: fmt.Sprintf("w_%d", n), Deploy: d, State: watch.Watching, Mode: watch.Approve, Started: m.now, Deadline: m.now.Add(30 * time.Minute)}
	m.watches = append([]server.Watch{w}, m.watches...)
	svc.Version = r.Version
	m.note(by, r.Service, "deploy", w.ID, reason.Text(r.Version))
	a := server.Announced{Deploy: d, Watch: w}
	if r.IdempotencyKey != "" {
		m.answers[r.IdempotencyKey] = kept{r.BodyHash, a}
	}
	return a, nil
}

func (m *memory) EndDeploy(_ context.Context, id string, end server.DeployEnd, _ server.Caller) (_ server.Announced, err error) {
	defer m.acts(&err)()
	if err != nil {
		return server.Announced{}, err
	}
	i := slices.IndexFunc(m.watches, func(w server.Watch) bool { return w.Deploy.ID == id })
	if i < 0 {
		return server.Announced{}, &server.NotFoundError{What: "deploy", Name: id}
	}
	d := &m.watches[i].Deploy
	if d.Rollout != nil && d.Rollout.End.IsZero() {
		d.Rollout = &watch.Rollout{Start: d.Rollout.Start, End: m.now, Status: &end.Status, Withdrawn: end.Withdrawn}
		d.Unsure = end.Status != 0 && !end.Withdrawn
		if end.Withdrawn {
			m.watches[i].State = watch.Cancelled
		}
	}
	return server.Announced{Deploy: *d, Watch: m.watches[i]}, nil
}

func (m *memory) DeployList(_ context.Context, f server.Filter) ([]watch.Deploy, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var list []watch.Deploy
	for _, w := range m.watches {
		if (f.Service == "" || f.Service == w.Deploy.Service) && len(list) < f.Limit {
			list = append(list, w.Deploy)
		}
	}
	return list, nil
}

func (m *memory) WatchList(_ context.Context, f server.Filter) ([]server.Watch, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var list []server.Watch
	for _, w := range m.watches {
		if (f.Service == "" || f.Service == w.Deploy.Service) && (!f.Open || !w.State.Final()) && (f.State == "" || f.State == string(w.State)) && len(list) < f.Limit {
			list = append(list, w)
		}
	}
	return list, nil
}

func (m *memory) Watch(ctx context.Context, id string, wait time.Duration) (server.Watch, error) {
	return waitFor(ctx, m, wait, func() (server.Watch, bool, error) {
		i := slices.IndexFunc(m.watches, func(w server.Watch) bool { return w.ID == id })
		if i < 0 {
			return server.Watch{}, true, &server.NotFoundError{What: "watch", Name: id}
		}
		return m.watches[i], m.watches[i].State.Final(), nil
	})
}

// waitFor looks again whenever something moved, until it is over or the time is.
func waitFor[T any](ctx context.Context, m *memory, wait time.Duration, look func() (v T, over bool, err error)) (T, error) {
	timer := time.After(wait)
	for {
		m.mu.Lock()
		v, over, err := look()
		changed := m.changed
		m.mu.Unlock()
		if over || err != nil || wait == 0 {
			return v, err
		}
		select {
		case <-changed:
		case <-timer:
			return v, nil
		case <-ctx.Done():
			return v, ctx.Err()
		}
	}
}

// end gives a watch a verdict.
func (m *memory) end(id string, state watch.State) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range m.watches {
		if m.watches[i].ID == id {
			m.watches[i].State, m.watches[i].Ended = state, m.now
		}
	}
	m.move()
}

func (m *memory) CancelWatch(ctx context.Context, id string, _ server.Caller) (server.Watch, error) {
	w, err := m.Watch(ctx, id, 0)
	switch {
	case m.standsBy():
		return w, server.ErrStandby
	case err != nil:
		return w, err
	case w.State.Final():
		return w, server.Refuse(server.ErrConflict, "watch %s is over: %s", id, w.State)
	}
	m.end(id, watch.Cancelled)
	return m.Watch(ctx, id, 0)
}

func (m *memory) standsBy() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.standby
}

func (m *memory) MarkWatch(_ context.Context, id string, mark watch.Mark, by server.Caller) (_ server.Watch, err error) {
	defer m.acts(&err)()
	if err != nil {
		return server.Watch{}, err
	}
	i := slices.IndexFunc(m.watches, func(w server.Watch) bool { return w.ID == id })
	if i < 0 {
		return server.Watch{}, &server.NotFoundError{What: "watch", Name: id}
	}
	w := &m.watches[i]
	if !w.State.Markable() {
		return *w, server.Refuse(server.ErrConflict, "watch %s is %s", id, w.State)
	}
	mark.By, mark.At = by.Name, m.now
	w.Mark = &mark
	return *w, nil
}

func (m *memory) Score(_ context.Context, service string, _, _ time.Time) ([]watch.Score, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := watch.Score{Service: "order-sync", Mode: watch.Observe, For: model.Duration(30 * time.Minute), Alpha: 0.001, FalseRate: &watch.Estimate{High: 0.1}}
	for _, w := range m.watches {
		if w.Mark != nil && w.Mark.Kind == watch.MarkWrong {
			s.Wrong++
		}
	}
	if service != "" && service != s.Service {
		return nil, nil
	}
	return []watch.Score{s}, nil
}

func (m *memory) RuleGroups(context.Context) ([]server.RuleGroup, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var firing []rules.Alert
	for _, a := range m.alerts {
		firing = append(firing, a.Alert)
	}
	return append([]server.RuleGroup{{
		Name: "orders", File: "rules/orders.yaml", Interval: 15 * time.Second, LastEvaluation: m.now,
		Rules: []server.Rule{
			{Alerting: true, Name: "OrderPushFailing", Query: "probe_success == 0", For: time.Minute, Labels: map[string]string{"tier": "critical"}, Health: "ok", LastEvaluation: m.now, Alerts: firing},
			{Name: "order:success:ratio", Query: "avg(probe_success)", Health: "ok", LastEvaluation: m.now},
		},
	}}, m.groups...), nil
}

func (m *memory) Report(_ context.Context, period sla.Period, service string) (sla.Report, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.reports++
	f := m.facts
	if service != "" {
		i := slices.IndexFunc(f.Services, func(s sla.Service) bool { return s.Name == service })
		if i < 0 {
			return sla.Report{}, &server.NotFoundError{What: "service", Name: service}
		}
		f.Services = f.Services[i : i+1]
	}
	return sla.Build(f, period, m.now, shanghai()), nil
}

func (m *memory) FactsRevision(context.Context, sla.Period) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return fmt.Sprint(m.revision), nil
}

func (m *memory) Entries(_ context.Context, f server.JournalFilter) (server.JournalPage, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	skip, _ := strconv.Atoi(f.Before)
	var p server.JournalPage
	for i := skip; i < len(m.journal); i++ {
		if f.Service != "" && i < len(m.about) && m.about[i] != f.Service {
			continue
		}
		if len(p.Entries) == f.Limit || (m.page > 0 && len(p.Entries) == m.page) {
			p.Next = strconv.Itoa(i)
			break
		}
		p.Entries = append(p.Entries, m.journal[i])
	}
	return p, nil
}

func (m *memory) Beat(_ context.Context, b probes.Heartbeat, _ server.Caller) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if b.Check != "nightly-stock" {
		return &server.NotFoundError{What: "heartbeat check", Name: b.Check, Known: []string{"nightly-stock"}}
	}
	m.beats = append(m.beats, b)
	return nil
}

func (m *memory) Status(context.Context) (server.Status, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.status, nil
}

func (m *memory) Reload(context.Context, server.Caller) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.warnings, m.reload
}
