package server_test

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"

	"guardian/actions"
	"guardian/internal/reason"
	"guardian/internal/server"
	"guardian/notifiers/route"
	"guardian/probes"
	"guardian/probes/sample"
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
	silences []route.Silence
	journal  []server.JournalEntry
	beats    []probes.Heartbeat
	tokens   map[string]server.Caller // by hash
	answers  map[string]kept
	gate     map[string][]watch.GateReason
	status   server.Status
	facts    sla.Facts
	revision int
	reports  int // how many were built
	reload   error
	fail     error // what the next call fails with
	changed  chan struct{}
}

// parts gives it to a server.
func (m *memory) parts() server.Backend {
	return server.Backend{
		Tokens: m, Services: m, Gates: m, Checks: m, Looks: m, Deploys: m, Watches: m, Marks: m, Scores: m, Runs: m, RunControl: m,
		Alerts: m, Acks: m, Silences: m, Rules: m, Queries: m, Series: m, MetricHelp: m, Reports: m, Journal: m, Heartbeats: m,
		Calls: m, Process: m,
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
	svc, err := m.service(service)
	if err != nil {
		return nil, err
	}
	found := map[string][]server.Look{}
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

func (m *memory) Gate(_ context.Context, service, _ string) (server.Gate, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, err := m.service(service); err != nil {
		return server.Gate{}, err
	}
	return server.Gate{Open: len(m.gate[service]) == 0, Reasons: m.gate[service]}, nil
}

func (m *memory) Announce(_ context.Context, r server.DeployRequest, by server.Caller) (_ server.Announced, err error) {
	defer m.lock(&err)()
	if err != nil {
		return server.Announced{}, err
	}
	if _, err := m.service(r.Service); err != nil {
		return server.Announced{}, err
	}
	if k, ok := m.answers[r.IdempotencyKey]; ok && r.IdempotencyKey != "" {
		if k.hash != r.BodyHash {
			return server.Announced{}, server.ErrIdempotencyMismatch
		}
		return k.answer, nil
	}
	if reasons := m.gate[r.Service]; len(reasons) > 0 {
		return server.Announced{}, &server.GateClosedError{Reasons: reasons}
	}
	n := len(m.watches) + 1
	d := watch.Deploy{
		ID: fmt.Sprintf("d_%d", n), Service: r.Service, Environment: r.Environment, Version: r.Version, PreviousVersion: r.PreviousVersion, Shops: r.Shops,
		Kind: r.Kind, Author: r.Author, Reversible: r.Reversible, At: r.At, Announced: m.now,
	}
	if d.At.IsZero() {
		d.At = m.now
	}
	if d.Author == "" {
		d.Author = by.Name
	}
	w := server.Watch{ID: fmt.Sprintf("w_%d", n), Deploy: d, State: watch.Watching, Mode: watch.Approve, Started: m.now, Deadline: m.now.Add(30 * time.Minute)}
	m.watches = append([]server.Watch{w}, m.watches...)
	a := server.Announced{Deploy: d, Watch: w}
	if r.IdempotencyKey != "" {
		m.answers[r.IdempotencyKey] = kept{r.BodyHash, a}
	}
	return a, nil
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
	timer := time.After(wait)
	for {
		m.mu.Lock()
		i := slices.IndexFunc(m.watches, func(w server.Watch) bool { return w.ID == id })
		if i < 0 {
			m.mu.Unlock()
			return server.Watch{}, &server.NotFoundError{What: "watch", Name: id}
		}
		w, changed := m.watches[i], m.changed
		m.mu.Unlock()
		if w.State.Final() || wait == 0 {
			return w, nil
		}
		select {
		case <-changed:
		case <-timer:
			return w, nil
		case <-ctx.Done():
			return server.Watch{}, ctx.Err()
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
	if err != nil {
		return w, err
	}
	if w.State.Final() {
		return w, server.Refuse(server.ErrConflict, "watch %s is over: %s", id, w.State)
	}
	m.end(id, watch.Cancelled)
	return m.Watch(ctx, id, 0)
}

func (m *memory) MarkWatch(ctx context.Context, id string, mark watch.Mark, by server.Caller) (server.Watch, error) {
	w, err := m.Watch(ctx, id, 0)
	if err != nil {
		return w, err
	}
	if !w.State.Markable() {
		return w, server.Refuse(server.ErrConflict, "watch %s is %s", id, w.State)
	}
	m.mu.Lock()
	for i := range m.watches {
		if m.watches[i].ID == id {
			mark.By, mark.At = by.Name, m.now
			m.watches[i].Mark = &mark
		}
	}
	m.mu.Unlock()
	return m.Watch(ctx, id, 0)
}

func (m *memory) Score(_ context.Context, service string, _, _ time.Time) ([]server.Score, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := server.Score{Service: "order-sync", Mode: watch.Observe, For: "30m", Alpha: 0.001, FalseRate: &server.Estimate{High: 0.1}}
	for _, w := range m.watches {
		if w.Mark != nil && w.Mark.Kind == watch.MarkWrong {
			s.Wrong++
		}
	}
	if service != "" && service != s.Service {
		return nil, nil
	}
	return []server.Score{s}, nil
}

func (m *memory) RunList(_ context.Context, f server.Filter) ([]actions.Run, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var list []actions.Run
	for _, r := range m.runs {
		if (f.Service == "" || f.Service == r.Service) && (!f.Open || !r.State.Final()) && (f.Trigger == "" || f.Trigger == string(r.Trigger.Kind)) && len(list) < f.Limit {
			list = append(list, r)
		}
	}
	return list, nil
}

func (m *memory) find(id string) (*actions.Run, error) {
	for i := range m.runs {
		if m.runs[i].ID == id {
			return &m.runs[i], nil
		}
	}
	return nil, &server.NotFoundError{What: "run", Name: id}
}

func (m *memory) Run(_ context.Context, id string, _ time.Duration) (server.RunDetail, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, err := m.find(id)
	if err != nil {
		return server.RunDetail{}, err
	}
	return server.RunDetail{Run: *r, Ledger: m.ledger[id]}, nil
}

func (m *memory) StartRun(_ context.Context, q server.RunRequest, by server.Caller) (actions.Run, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	svc, err := m.service(q.Service)
	if err != nil {
		return actions.Run{}, err
	}
	if q.To == svc.Version {
		return actions.Run{}, server.Refuse(server.ErrConflict, "%s runs %s already", q.Service, q.To)
	}
	r := actions.Run{
		ID: fmt.Sprintf("r_%d", len(m.runs)+1), Service: q.Service, Environment: q.Environment, Runbook: q.Service + "-back", Rollback: true, From: svc.Version, To: q.To,
		Trigger: actions.Trigger{Kind: actions.ByPerson, Person: by.Name, Reason: reason.Text(q.Reason)}, State: actions.Running, Created: m.now, Started: m.now,
	}
	m.runs = append([]actions.Run{r}, m.runs...)
	return r, nil
}

func (m *memory) AnswerRun(_ context.Context, id string, a server.RunAnswer, by server.Caller) (actions.Run, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, err := m.find(id)
	if err != nil {
		return actions.Run{}, err
	}
	if r.State.Final() || (r.Question == nil && a.Decision != server.AbortRun) {
		return *r, server.Refuse(server.ErrConflict, "run %s asks nothing: it is %s", id, r.State)
	}
	r.Answers = append(r.Answers, actions.Answer{By: by.Name, At: m.now, Decision: string(a.Decision), Note: a.Note})
	r.Question = nil
	switch a.Decision {
	case server.RejectRun:
		r.State, r.Ended = actions.Rejected, m.now
	case server.AbortRun:
		r.State, r.Ended = actions.FailedRun, m.now
	default:
		r.State, r.Started = actions.Running, m.now
	}
	return *r, nil
}

func (m *memory) AlertList(context.Context) ([]server.Alert, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.alerts), nil
}

func (m *memory) alert(id string) (*server.Alert, error) {
	for i := range m.alerts {
		if m.alerts[i].ID == id && m.alerts[i].State != rules.Resolved {
			return &m.alerts[i], nil
		}
	}
	return nil, &server.NotFoundError{What: "open alert", Name: id}
}

func (m *memory) AckAlert(_ context.Context, id, note string, by server.Caller) (rules.Ack, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	a, err := m.alert(id)
	if err != nil {
		return rules.Ack{}, err
	}
	a.Ack = &rules.Ack{Alert: id, By: by.Name, At: m.now, Note: note}
	return *a.Ack, nil
}

func (m *memory) UnackAlert(_ context.Context, id string, _ server.Caller) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	a, err := m.alert(id)
	if err == nil {
		a.Ack = nil
	}
	return err
}

func (m *memory) SilenceList(context.Context) ([]route.Silence, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.silences), nil
}

func (m *memory) CreateSilence(_ context.Context, s route.Silence, by server.Caller) (route.Silence, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s.ID, s.By, s.Created = fmt.Sprintf("s_%d", len(m.silences)+1), by.Name, m.now
	if s.From.IsZero() {
		s.From = m.now
	}
	m.silences = append(m.silences, s)
	return s, nil
}

func (m *memory) ExpireSilence(_ context.Context, id string, _ server.Caller) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range m.silences {
		if m.silences[i].ID == id {
			m.silences[i].Until = m.now
			return nil
		}
	}
	return &server.NotFoundError{What: "silence", Name: id}
}

func (m *memory) RuleGroups(context.Context) ([]server.RuleGroup, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var firing []rules.Alert
	for _, a := range m.alerts {
		firing = append(firing, a.Alert)
	}
	return []server.RuleGroup{{
		Name: "orders", File: "rules/orders.yaml", Interval: 15 * time.Second, LastEvaluation: m.now,
		Rules: []server.Rule{
			{Alerting: true, Name: "OrderPushFailing", Query: "probe_success == 0", For: time.Minute, Labels: map[string]string{"tier": "critical"}, Health: "ok", LastEvaluation: m.now, Alerts: firing},
			{Name: "order:success:ratio", Query: "avg(probe_success)", Health: "ok", LastEvaluation: m.now},
		},
	}}, nil
}

func (m *memory) Query(_ context.Context, expr string, at time.Time) (server.QueryResult, error) {
	e, err := parser.NewParser(parser.Options{}).ParseExpr(expr)
	if err != nil {
		return server.QueryResult{}, err
	}
	if expr == "slow" {
		return server.QueryResult{}, promql.ErrQueryTimeout("query execution")
	}
	if e.Type() == parser.ValueTypeScalar {
		return server.QueryResult{Value: promql.Scalar{T: at.UnixMilli(), V: 2}}, nil
	}
	if expr == "nothing" {
		return server.QueryResult{Value: promql.Vector(nil)}, nil
	}
	return server.QueryResult{
		Value: promql.Vector{
			{Metric: labels.FromStrings("__name__", "probe_success", "check", "push-shopee-sg"), T: at.UnixMilli(), F: 1},
			{Metric: labels.FromStrings("check", "odd"), T: at.UnixMilli(), F: math.NaN()},
		},
		Warnings: []string{"a warning"},
	}, nil
}

func (m *memory) QueryRange(_ context.Context, expr string, start, end time.Time, step time.Duration) (server.QueryResult, error) {
	if _, err := parser.NewParser(parser.Options{}).ParseExpr(expr); err != nil {
		return server.QueryResult{}, err
	}
	s := promql.Series{Metric: labels.FromStrings("check", "push-shopee-sg")}
	for t := start; !t.After(end); t = t.Add(step) {
		s.Floats = append(s.Floats, promql.FPoint{T: t.UnixMilli(), F: 1})
	}
	return server.QueryResult{Value: promql.Matrix{s}}, nil
}

func (m *memory) Series(context.Context, []string, time.Time, time.Time, int) ([]labels.Labels, error) {
	return []labels.Labels{labels.FromStrings("__name__", "probe_success", "check", "push-shopee-sg")}, nil
}

func (m *memory) LabelNames(context.Context, []string, time.Time, time.Time, int) ([]string, error) {
	return []string{"__name__", "check"}, nil
}

func (m *memory) LabelValues(_ context.Context, name string, _ []string, _, _ time.Time, _ int) ([]string, error) {
	if name == "check" {
		return []string{"push-shopee-sg"}, nil
	}
	return nil, nil
}

func (m *memory) Metadata(context.Context) (map[string]server.Metadata, error) {
	return map[string]server.Metadata{
		"erp_lag":      {Type: "gauge", Help: "How far behind.", Unit: "seconds"},
		"orders_total": {Type: "counter", Help: "Orders."},
	}, nil
}

func (m *memory) Report(_ context.Context, month sla.Month, service string) (sla.Report, error) {
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
	return sla.Build(f, month, m.now, shanghai()), nil
}

func (m *memory) FactsRevision(context.Context, sla.Month) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return fmt.Sprint(m.revision), nil
}

func (m *memory) Entries(_ context.Context, f server.JournalFilter) (server.JournalPage, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	list := m.journal
	if f.Before != "" {
		list = nil
	}
	return server.JournalPage{Entries: list, Next: map[bool]string{true: "", false: "17"}[f.Before != ""]}, nil
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

func (m *memory) Reload(context.Context, server.Caller) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.reload
}

func shanghai() *time.Location { return time.FixedZone("Asia/Shanghai", 8*3600) }

func fixedNow() time.Time { return time.Date(2026, 11, 22, 10, 15, 0, 0, time.UTC) }

func newMemory() *memory {
	return &memory{
		now: fixedNow(), looks: map[string][]server.Look{}, ledger: map[string][]actions.Entry{}, tokens: map[string]server.Caller{}, answers: map[string]kept{},
		gate: map[string][]watch.GateReason{}, changed: make(chan struct{}),
		status: server.Status{Version: "v0.9.0", Ready: true, Role: "active", Started: fixedNow().Add(-26 * time.Hour), Loaded: fixedNow().Add(-26 * time.Hour), Checks: 5, Storage: "sqlite"},
	}
}

// busy is a shop in trouble: a bad deploy that waits for an approval, a good one under
// watch, a blind check, alerts of each tier, a silence, and a month of history.
func busy() *memory {
	m := newMemory()
	now := m.now
	at := func(ago time.Duration) time.Time { return now.Add(-ago) }
	last := func(check string, h sample.Health, ago, took time.Duration, why string) *sample.Sample {
		return &sample.Sample{Check: check, At: at(ago), Duration: took, Observation: sample.Observation{Health: h, Reason: reason.Text(why)}}
	}
	m.services = []server.Service{
		{
			Name: "order-sync", Environment: "production", Health: sample.Down, Since: at(9*time.Minute + 11*time.Second), Reason: "push-shopee-sg: the order was not visible within 10s",
			Version: "v1.4.3", KnownGood: []string{"v1.4.2", "v1.4.1"}, Mode: watch.Approve, Objective: 0.999, Availability: 0.99953, BudgetLeft: 0.532,
			Gate: server.Gate{Reasons: []watch.GateReason{{Code: "run_in_progress", Detail: reason.Text("a rollback of order-sync waits for approval: answer it first")}}},
			Checks: []server.Check{
				{Name: "push-shopee-sg", Kind: "order_push", Every: 15 * time.Second, Since: at(9 * time.Minute), Last: last("push-shopee-sg", sample.Down, 8*time.Second, 10*time.Second, "the order was not visible within 10s")},
				{Name: "push-lazada-my", Kind: "order_push", Every: 15 * time.Second, Since: at(50 * time.Hour), Last: last("push-lazada-my", sample.Up, 4*time.Second, 840*time.Millisecond, "")},
				{Name: "order-api", Kind: "http", Every: 15 * time.Second, Since: at(50 * time.Hour), Last: last("order-api", sample.Up, 11*time.Second, 92*time.Millisecond, "")},
			},
		},
		{
			Name: "price-sync", Environment: "production", Health: sample.Up, Since: at(50 * time.Hour), Version: "v2.0.1", KnownGood: []string{"v2.0.0"}, Mode: watch.Auto,
			Objective: 0.995, Availability: 0.99121, BudgetLeft: -0.758, Gate: server.Gate{Open: true},
			Checks: []server.Check{{Name: "price-page", Kind: "page", Every: time.Minute, Since: at(50 * time.Hour), Last: last("price-page", sample.Up, 41*time.Second, 1730*time.Millisecond, "")}},
		},
		{
			Name: "listing-feed", Environment: "production", Health: sample.Unknown, Since: at(4 * time.Minute), Reason: "feed-tiktok: dial tcp: lookup feed.example.com: no such host", Mode: watch.Observe,
			Availability: -1, Gate: server.Gate{Open: true},
			Checks: []server.Check{{Name: "feed-tiktok", Kind: "feed", Every: 5 * time.Minute, Since: at(4 * time.Minute), Last: last("feed-tiktok", sample.Unknown, 4*time.Minute, 0, "dial tcp: lookup feed.example.com: no such host")}},
		},
	}
	bad := watch.Deploy{
		ID: "d_7", Service: "order-sync", Environment: "production", Version: "v1.4.3", PreviousVersion: "v1.4.2", Kind: watch.Code, Author: "lin.yue", Ticket: "OPS-1182",
		URL: "https://ci.example.com/builds/8812", Reversible: true, At: at(13 * time.Minute), Announced: at(13*time.Minute - 2*time.Second),
	}
	run := actions.Run{
		ID: "r_3", Service: "order-sync", Environment: "production", Runbook: "order-sync-back", Rollback: true, From: "v1.4.3", To: "v1.4.2", State: actions.AwaitingApproval,
		Trigger: actions.Trigger{Kind: actions.ByVerdict, Deploy: "d_7", Watch: "w_7", Reason: reason.Text("push-shopee-sg failed 6 of 15 looks since 18:05:49; allowed is 1 in 100; before the deploy 2 of 960")},
		Created: at(6 * time.Minute), Question: &actions.Question{Code: "approval", Text: reason.Text("Put v1.4.2 back? The policy asks for a person."), Until: now.Add(9 * time.Minute)},
		Steps:   []actions.StepRun{{Name: "recreate containers", Kind: "docker", State: actions.StepPending}, {Name: "tell the storefront", Kind: "webhook", State: actions.StepPending}},
		Failing: []string{"push-shopee-sg"}, Healthy: []string{"push-lazada-my", "order-api"},
	}
	verdict := &watch.Verdict{State: watch.Failed, Reason: run.Trigger.Reason, At: at(6 * time.Minute), Cause: "push-shopee-sg", Failing: run.Failing}
	m.watches = []server.Watch{
		{
			ID: "w_8", Deploy: watch.Deploy{
				ID: "d_8", Service: "price-sync", Environment: "production", Version: "v2.0.1", PreviousVersion: "v2.0.0", Kind: watch.Config, Author: "ci", Reversible: true,
				At: at(11 * time.Minute), Announced: at(11 * time.Minute), Shops: []string{"lazada-my-1", "lazada-th-1"},
			},
			State: watch.Watching, Mode: watch.Auto, Alpha: 0.001, Reason: reason.Text("0 of 11 looks failed so far"), Started: at(11 * time.Minute), Deadline: now.Add(19 * time.Minute),
			EValue: 0.9, Threshold: 1000, Trace: []watch.Point{{After: 60, LogE: -0.04}, {After: 660, LogE: -0.1}}, FastPassed: at(3 * time.Minute),
			Evidence: []watch.Evidence{
				{Check: "price-page", Metric: watch.Failures, Before: watch.Counts{Looks: 240}, After: watch.Counts{Looks: 11}, EValue: 0.9, Weight: 0.8, Samples: 11, BeforeRange: &watch.Range{To: 0.015}, AfterRange: &watch.Range{To: 0.28}, Control: &watch.Counts{Looks: 22, Failures: 1}, NotCounted: 2},
				{Check: "price-page", Metric: watch.Latency, Before: watch.Counts{Looks: 240, Failures: 24}, After: watch.Counts{Looks: 11, Failures: 3}, EValue: 1.4, Weight: 0.2, Samples: 11, Limit: 1.84},
			},
		},
		{
			ID: "w_7", Deploy: bad, State: watch.Failed, Mode: watch.Approve, Alpha: 0.001, EValue: 24106, Threshold: 1000, Trace: growing(),
			Overlaps: []watch.Overlap{{Service: "price-sync", Version: "v2.0.1", At: at(11 * time.Minute)}}, Reason: verdict.Reason, Started: bad.At, Deadline: bad.At.Add(30 * time.Minute), Ended: verdict.At,
			Verdict: verdict, Rollback: &run,
			Evidence: []watch.Evidence{
				{Check: "push-shopee-sg", Metric: "failures", Before: watch.Counts{Looks: 960, Failures: 2}, After: watch.Counts{Looks: 28, Failures: 6, Unknown: 1}, BeforeRange: &watch.Range{From: 0.00025, To: 0.0075}, AfterRange: &watch.Range{From: 0.083, To: 0.41}, EValue: 48211.7, Weight: 0.5, Samples: 28, Reason: reason.Text("the order was not visible within 10s"), Since: at(9*time.Minute + 11*time.Second)},
				{Check: "push-lazada-my", Metric: "failures", Before: watch.Counts{Looks: 960}, After: watch.Counts{Looks: 28}, EValue: 0.71, Weight: 0.25, Samples: 28},
				{Check: "order-api", Metric: "failures", Before: watch.Counts{Looks: 960, Failures: 41}, After: watch.Counts{Looks: 28, Failures: 1}, EValue: 1, Weight: 0.25, Excused: reason.Text("red before the deploy")},
				{Check: "ApiLatencyHigh", Metric: "alert", Samples: 1, EValue: 1, Reason: reason.Text("p95 is 2.4 s, allowed 1 s"), Since: at(7 * time.Minute)},
			},
		},
		{
			ID: "w_5", Deploy: watch.Deploy{ID: "d_5", Service: "order-sync", Environment: "production", Version: "v1.4.2", PreviousVersion: "v1.4.1", Kind: watch.Code, Author: "ci", Reversible: true, At: at(71 * time.Hour), Announced: at(71 * time.Hour)},
			State: watch.Passed, Mode: watch.Approve, Started: at(71 * time.Hour), Deadline: at(70*time.Hour + 30*time.Minute), Ended: at(70*time.Hour + 30*time.Minute),
			Evidence: []watch.Evidence{{Check: "push-shopee-sg", Metric: "failures", Before: watch.Counts{Looks: 960}, After: watch.Counts{Looks: 120}, EValue: 0.3, Samples: 120}},
		},
	}
	done := actions.Run{
		ID: "r_2", Service: "order-sync", Environment: "production", Runbook: "order-sync-back", Rollback: true, From: "v1.3.9", To: "v1.3.8", State: actions.Cured, Reason: reason.Text("every failed check is up again"),
		Trigger: actions.Trigger{Kind: actions.ByVerdict, Deploy: "d_2", Watch: "w_5", Reason: reason.Text("push-shopee-sg failed 9 of 12 looks")},
		Created: at(200 * time.Hour), Started: at(200*time.Hour - 90*time.Second), Ended: at(200*time.Hour - 4*time.Minute),
		Steps: []actions.StepRun{
			{Name: "recreate containers", Kind: "docker", State: actions.StepDone, Intent: "i_01HZ8", Attempt: 1, Started: at(200*time.Hour - 90*time.Second), Ended: at(200*time.Hour - 121*time.Second), Output: "order-sync: v1.3.9 → v1.3.8\nhealthy after 9 s"},
			{Name: "tell the storefront", Kind: "webhook", State: actions.StepFailed, Intent: "i_01HZ9", Attempt: 2, Started: at(200*time.Hour - 121*time.Second), Ended: at(200*time.Hour - 124*time.Second), Error: reason.Text("POST https://storefront.example.com/hooks: 502 Bad Gateway"), Resolved: reason.Text("the target")},
		},
		Answers:      []actions.Answer{{By: "wang.fang", At: at(200*time.Hour - 80*time.Second), Decision: "approve", Note: "go ahead"}},
		Verification: []actions.CheckResult{{Check: "push-shopee-sg", Health: "up", At: at(200*time.Hour - 239*time.Second), Looks: 3}, {Check: "order-api", Health: "unknown", Reason: reason.Text("no such host"), At: at(200*time.Hour - 239*time.Second), Looks: 3}},
		Failing:      []string{"push-shopee-sg"},
	}
	drill := actions.Run{
		ID: "r_1", Service: "order-sync", Environment: "staging", Runbook: "order-sync-back", Rollback: true, From: "v1.3.8", To: "v1.3.7", State: actions.Cured,
		Trigger: actions.Trigger{Kind: actions.ByDrill, Reason: reason.Text("weekly drill")}, Created: at(300 * time.Hour), Started: at(300 * time.Hour), Ended: at(300*time.Hour - 72*time.Second),
	}
	m.runs = []actions.Run{run, done, drill}
	m.ledger["r_2"] = []actions.Entry{
		{Run: "r_2", Step: -1, What: "created", Detail: reason.Text("push-shopee-sg failed 9 of 12 looks"), By: "guardian", At: done.Created},
		{Run: "r_2", Step: -1, What: "answered", Detail: reason.Text("approve: go ahead"), By: "wang.fang", At: done.Answers[0].At},
		{Run: "r_2", Step: 0, What: "intent", Intent: "i_01HZ8", At: done.Steps[0].Started},
		{Run: "r_2", Step: 0, What: "outcome", Intent: "i_01HZ8", Detail: reason.Text("done"), At: done.Steps[0].Ended},
		{Run: "r_2", Step: -1, What: "ended", Detail: reason.Text("cured"), At: done.Ended},
	}
	m.alerts = []server.Alert{
		{Alert: rules.Alert{ID: "a_2", Rule: "QuotaLow", Group: "quota", Expr: "marketplace_quota_used_ratio > 0.8", Tier: rules.Warning, State: rules.Firing, Labels: map[string]string{"alertname": "QuotaLow", "tier": "warning", "service": "price-sync", "marketplace": "lazada", "shop": "my-1"}, Annotations: map[string]string{"summary": "lazada my-1 has used 84% of its quota of GetOrders"}, Value: 0.84, ActiveAt: at(22 * time.Minute), FiredAt: at(20 * time.Minute)}, Ack: &rules.Ack{Alert: "a_2", By: "wang.fang", At: at(12 * time.Minute), Note: "slowed the price job down"}},
		{Alert: rules.Alert{ID: "a_1", Rule: "OrderPushFailing", Group: "orders", Expr: "avg_over_time(probe_success{kind=\"order_push\"}[2m]) < 0.8", Tier: rules.Critical, State: rules.Firing, Labels: map[string]string{"alertname": "OrderPushFailing", "tier": "critical", "service": "order-sync", "marketplace": "shopee", "shop": "sg-1"}, Annotations: map[string]string{"summary": "Orders of shopee sg-1 are not going through", "runbook_url": "https://wiki.example.com/orders"}, Value: 0.42, ActiveAt: at(8 * time.Minute), FiredAt: at(7 * time.Minute)}, Run: "r_3"},
		{Alert: rules.Alert{ID: "a_3", Rule: "CertExpiresSoon", Tier: rules.Info, State: rules.Pending, Labels: map[string]string{"alertname": "CertExpiresSoon", "tier": "info", "service": "listing-feed"}, Expr: "probe_ssl_earliest_cert_expiry - time() < 86400 * 14", Value: 1.1e6, ActiveAt: at(2 * time.Minute)}, Silences: []string{"s_1"}},
		{Alert: rules.Alert{ID: "a_4", Rule: "ApiLatencyHigh", Tier: rules.Warning, State: rules.Resolved, Labels: map[string]string{"service": "order-sync"}, ActiveAt: at(5 * time.Hour), FiredAt: at(5 * time.Hour), ResolvedAt: at(4 * time.Hour)}},
	}
	m.silences = []route.Silence{{ID: "s_1", Matchers: matchers(`alertname="CertExpiresSoon",service="listing-feed"`), From: at(time.Hour), Until: now.Add(30 * time.Hour), By: "wang.fang", Comment: "renewal is booked for Tuesday"}}
	m.journal = []server.JournalEntry{
		{At: at(6 * time.Minute), Who: "guardian", What: "verdict", Subject: "order-sync v1.4.3", Detail: "failed: push-shopee-sg failed 6 of 15 looks", Path: "/watches/w_7"},
		{At: at(12 * time.Minute), Who: "wang.fang", What: "ack", Subject: "QuotaLow", Detail: "slowed the price job down", Path: "/alerts"},
		{At: at(13 * time.Minute), Who: "ci", What: "deploy", Subject: "order-sync v1.4.3", Detail: "was v1.4.2", Path: "/watches/w_7"},
		{At: at(26 * time.Hour), Who: "guardian", What: "reload", Detail: "guardian.yaml"},
	}
	for i := range 720 {
		t := at(3*time.Hour - time.Duration(i)*15*time.Second)
		wave := time.Duration(90+40*math.Sin(float64(i)/9)+float64((i*7919)%37)) * time.Millisecond
		look := server.Look{At: t, Health: sample.Up, Duration: 6*wave + 200*time.Millisecond}
		switch {
		case t.After(at(9*time.Minute+12*time.Second)) && i%3 != 1:
			look.Health, look.Duration, look.Reason = sample.Down, 10*time.Second, "the order was not visible within 10s"
		case i == 400 || i == 661:
			look.Health, look.Duration = sample.Unknown, 0
		case i == 512:
			look.Health, look.Duration = sample.Down, 10*time.Second
		}
		m.details = details(m.now)
		m.looks["push-shopee-sg"] = append(m.looks["push-shopee-sg"], look)
		m.looks["push-lazada-my"] = append(m.looks["push-lazada-my"], server.Look{At: t, Health: sample.Up, Duration: 5*wave + 300*time.Millisecond})
		m.looks["order-api"] = append(m.looks["order-api"], server.Look{At: t, Health: sample.Up, Duration: wave})
		if i%4 == 0 {
			m.looks["price-page"] = append(m.looks["price-page"], server.Look{At: t, Health: sample.Up, Duration: 13 * wave})
		}
	}
	m.facts = month(now)
	return m
}

func matchers(text string) route.Matchers {
	ms, err := route.ParseMatchers(text)
	if err != nil {
		panic(err)
	}
	return ms
}

// month is a month of facts with a downtime, a blind hour and a maintenance.
func month(now time.Time) sla.Facts {
	start := time.Date(2026, 10, 31, 16, 0, 0, 0, time.UTC) // 1 November in Shanghai
	f := sla.Facts{Services: []sla.Service{{Name: "order-sync", Objective: 0.999, Checks: []string{"push-shopee-sg"}}, {Name: "price-sync", Objective: 0.995, Checks: []string{"price-page"}}}}
	type piece struct {
		h      sample.Health
		length time.Duration
		why    string
	}
	fill := func(check, service string, pieces ...piece) {
		t := start
		for _, p := range pieces {
			end := t.Add(p.length)
			if p.length == 0 {
				end = now
			}
			f.Intervals = append(f.Intervals, sla.Interval{Check: check, Service: service, Health: p.h, From: t, To: end, Reason: reason.Text(p.why)})
			t = end
		}
	}
	fill("push-shopee-sg", "order-sync", piece{sample.Up, 75 * time.Hour, ""}, piece{sample.Down, 11 * time.Minute, "the order was not visible within 10s"}, piece{sample.Up, 200 * time.Hour, ""},
		piece{sample.Unknown, 70 * time.Minute, "no such host"}, piece{sample.Up, 150 * time.Hour, ""}, piece{sample.Down, 4 * time.Minute, "502 Bad Gateway"}, piece{sample.Up, 0, ""})
	fill("price-page", "price-sync", piece{sample.Up, 240 * time.Hour, ""}, piece{sample.Down, 4*time.Hour + 33*time.Minute, "timeout after 20s"}, piece{sample.Up, 0, ""})
	f.Maintenance = []sla.Maintenance{{Name: "stock-count", Service: "price-sync", From: start.Add(360 * time.Hour), To: start.Add(362 * time.Hour), Announced: start}}
	fault := start.Add(75 * time.Hour)
	f.Deploys = []sla.DeployFact{
		{ID: "d_2", Service: "order-sync", Environment: "production", Version: "v1.3.9", Author: "ci", Kind: "code", At: fault.Add(-3 * time.Minute), Watch: "w_2", State: "failed", Reason: reason.Text("push-shopee-sg failed 9 of 12 looks"), FaultSince: fault, DecidedAt: fault.Add(105 * time.Second), Run: "r_2", RunState: "cured", RunStarted: fault.Add(2 * time.Minute), RunEnded: fault.Add(11 * time.Minute)},
		{ID: "d_5", Service: "order-sync", Environment: "production", Version: "v1.4.2", Author: "ci", Kind: "code", At: start.Add(400 * time.Hour), Watch: "w_5", State: "passed", DecidedAt: start.Add(401 * time.Hour)},
	}
	return f
}

// growing is evidence that sinks for a while and then grows beyond a thousand.
func growing() []watch.Point {
	var points []watch.Point
	logE := 0.0
	for i := range 28 {
		if i < 15 {
			logE -= 0.05
		} else {
			logE += 0.85
		}
		points = append(points, watch.Point{After: float64(i+1) * 15, LogE: logE})
	}
	return points
}
