package leader

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"guardian/actions"
	"guardian/decide"
	"guardian/internal/announce"
	"guardian/internal/history"
	"guardian/internal/notify"
	"guardian/internal/reason"
	"guardian/internal/runs"
	"guardian/internal/series"
	"guardian/internal/store"
	"guardian/notifiers"
	"guardian/notifiers/route"
	"guardian/oncall"
	"guardian/probes/sample"
	"guardian/rules"
	"guardian/sla"
	"guardian/watch"
)

// Leader is a guardian that leads.
type Leader struct {
	T        *testing.T
	Store    *store.Store
	Lease    store.Lease
	Notifier *notify.Notifier
	Engine   *actions.Engine
	Runs     *runs.Driver
	Metrics  *prometheus.Registry

	// Settings are what is configured. Change them before anything is decided.
	Settings decide.Settings
	// Languages are those of receivers.
	Languages map[string]string
	// Books are the runbooks, by name.
	Books map[string]*actions.Runbook
	// Step is what every step does; nil: it succeeds at once.
	Step func(ctx context.Context, c actions.Call) (output string, err error)
	// ActsFrom is before when no run goes on.
	ActsFrom time.Time
	// LeaseValid is whether the lease is still valid at the moment of an act; nil: it is.
	LeaseValid func() bool
	// Roster is who is on call; nil: nobody. Breach is how bad it is with the service of a run; nil: nobody looks.
	Roster *oncall.Roster
	Breach func(ctx context.Context, run actions.Run) actions.Breach
	ctx    context.Context
	stop   context.CancelFunc

	mu      sync.Mutex
	refuse  func(store.Batch) error
	present decide.Present
	batches []store.Batch
	woken   []string
	away    map[string]bool
	steps   []string
}

// Settings is one service "orders" with the check "push", rolled back by "back" and watched in a
// mode; v1 is declared good. Everything is notified to "oncall".
func Settings(t *testing.T, mode watch.Mode) decide.Settings {
	t.Helper()
	routes, err := route.New(route.Node{Receiver: "oncall"}, []string{"oncall"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	w := watch.DefaultSettings()
	w.Mode = mode
	return decide.Settings{
		Services: []decide.Service{{Name: "orders", Environment: watch.DefaultEnvironment, Watch: w, Rollback: "back", KnownGood: []string{"v1"}}},
		Checks: []decide.Check{{
			CheckPolicy: watch.CheckPolicy{Check: "push", Kind: "http", Every: 15 * time.Second, FailureRate: watch.DefaultFailureRate, Weight: 1},
			Service:     "orders", Judges: true, BlindAfter: 5 * time.Minute,
		}},
		Runbooks: map[string]decide.Runbook{
			"back":    {Cooldown: 30 * time.Minute, MaxRunsPerDay: 3, ApprovalWithin: 10 * time.Minute},
			"restart": {MaxRunsPerDay: 9},
		},
		Routes: routes,
	}
}

// New makes a leader. Its checks are up, its driver of runs is not started.
func New(t *testing.T, s decide.Settings) *Leader {
	t.Helper()
	l := &Leader{T: t, Settings: s, Metrics: prometheus.NewRegistry(), present: decide.Present{Health: map[string]sample.Health{}}}
	for _, c := range s.Checks {
		l.present.Health[c.Check] = sample.Up
	}
	l.Books = map[string]*actions.Runbook{}
	for name, b := range s.Runbooks {
		l.Books[name] = &actions.Runbook{
			Name: name, Steps: []actions.RunbookStep{{Name: "switch", Kind: "fake", Timeout: time.Hour, Step: step{l}}},
			Approval: actions.Approval{Timeout: b.ApprovalWithin, OnTimeout: actions.OnTimeoutExpire, Quorum: 1, Roles: []string{"approver"}},
			Cooldown: b.Cooldown, MaxRunsPerDay: b.MaxRunsPerDay, OnFailure: actions.OnFailureStop,
		}
	}
	var err error
	if l.Store, err = store.Open(t.Context(), store.Options{Path: filepath.Join(t.TempDir(), "journal.db")}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		l.stop()
		l.Runs.Wait()
		if err := l.Store.Close(); err != nil {
			t.Error(err)
		}
	})
	l.lead()
	return l
}

// lead takes the lease and resumes the runs.
func (l *Leader) lead() {
	l.T.Helper()
	l.ctx, l.stop = context.WithCancel(context.WithoutCancel(l.T.Context()))
	lease, ok, err := l.Store.Acquire(l.ctx, "test", "", 1000*time.Hour)
	if err != nil || !ok {
		l.T.Fatalf("the lease is not free: %v", err)
	}
	l.Lease = lease
	l.Notifier = notify.New(notify.Options{
		Settings: func() notify.Settings {
			return notify.Settings{Decisions: l.decisions(), Teller: announce.Renderer{Language: "en"}, Languages: l.Languages}
		},
		Journal: l.Store, Wake: l.wake, Now: Now, Log: Log(), Registerer: l.Metrics,
	})
	l.Engine, err = actions.NewEngine(actions.Options{
		Runbooks: func(name string) (*actions.Runbook, bool) { b, ok := l.Books[name]; return b, ok },
		Ledger:   ledger{l}, Verifier: verifier{l}, Now: Now, Log: Log(),
		LeaseValid: func() bool { return l.LeaseValid == nil || l.LeaseValid() },
	})
	if err != nil {
		l.T.Fatal(err)
	}
	l.Runs, err = runs.Resume(l.ctx, runs.Options{
		Engine: l.Engine, Leadership: l, Journal: l.Store, Decider: l.Decider, Present: l.Present, Notifier: l.Notifier,
		Roster:  func() *oncall.Roster { return l.Roster },
		Changed: func() {}, Now: Now, Log: Log(), ActsFrom: l.ActsFrom, Breach: l.Breach,
	})
	if err != nil {
		l.T.Fatal(err)
	}
}

// Restart ends the leadership as a crash does, and leads again.
func (l *Leader) Restart() {
	l.T.Helper()
	l.stop()
	l.Runs.Wait()
	if err := l.Store.Release(l.T.Context(), l.Lease); err != nil {
		l.T.Fatal(err)
	}
	l.Metrics = prometheus.NewRegistry()
	l.lead()
}

// Now is the clock.
func Now() time.Time { return time.Now().UTC() }

// Log discards.
func Log() *slog.Logger { return slog.New(slog.DiscardHandler) }

// Context is that of the leadership.
func (l *Leader) Context() context.Context { return l.ctx }

// Commit implements notify.Committer with the lease's fence.
func (l *Leader) Commit(b store.Batch) error {
	l.mu.Lock()
	refuse := l.refuse
	l.mu.Unlock()
	if refuse != nil {
		if err := refuse(b); err != nil {
			return err
		}
	}
	if err := l.Store.Commit(context.WithoutCancel(l.ctx), l.Lease.Token, b); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.batches = append(l.batches, b)
	return nil
}

// Refuse lets the journal refuse the batches of which refuse gives an error; nil: it takes all.
func (l *Leader) Refuse(refuse func(store.Batch) error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.refuse = refuse
}

// Put commits what is given.
func (l *Leader) Put(b store.Batch) {
	l.T.Helper()
	if err := l.Commit(b); err != nil {
		l.T.Fatal(err)
	}
}

// Batches are those that were committed, oldest first.
func (l *Leader) Batches() []store.Batch {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.batches)
}

func (l *Leader) wake(receiver string) {
	l.mu.Lock()
	l.woken = append(l.woken, receiver)
	away := l.away[receiver]
	l.mu.Unlock()
	if !away {
		l.deliver(receiver)
	}
}

// deliver lets what waits for a receiver arrive.
func (l *Leader) deliver(receiver string) {
	ctx := context.WithoutCancel(l.ctx)
	open, err := l.Store.Deliveries(ctx, store.DeliveryFilter{Receiver: receiver, Open: true})
	if err != nil {
		return // the store is closed
	}
	for i := range open {
		open[i].State, open[i].Updated = notifiers.Delivered, Now()
	}
	_ = l.Store.Commit(ctx, l.Lease.Token, store.Batch{Deliveries: open})
}

// Away lets nothing reach some receivers from now on, and everything the others.
func (l *Leader) Away(receivers ...string) {
	l.mu.Lock()
	was := l.away
	l.away = map[string]bool{}
	for _, r := range receivers {
		l.away[r] = true
	}
	l.mu.Unlock()
	for r := range was {
		if !slices.Contains(receivers, r) {
			l.deliver(r)
		}
	}
}

// Woken are the receivers whose delivery was started, since the last call.
func (l *Leader) Woken() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := l.woken
	l.woken = nil
	return all
}

func (l *Leader) decisions() *decide.Settings { return decide.NewSettings(l.Settings) }

// Decider decides by the settings over the journal.
func (l *Leader) Decider() decide.Decider {
	return decide.Decider{Settings: l.decisions(), Past: history.New(history.Options{
		Journal: l.Store, Series: noLooks{},
		Counters: func(string) (history.Counters, error) { return nil, history.ErrNoSource },
		Current:  func(_ string, written []sla.Rollup) []sla.Rollup { return written },
	})}
}

// noLooks is a series in which nothing was seen.
type noLooks struct{}

func (noLooks) Looks(context.Context, string, time.Time, time.Time) ([]series.Look, error) {
	return nil, nil
}

// Present is how the checks are.
func (l *Leader) Present(string) decide.Present {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := l.present
	p.Health = maps.Clone(p.Health)
	return p
}

// Set sets how a check is.
func (l *Leader) Set(check string, h sample.Health) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.present.Health[check] = h
}

// SetAlerts sets which alerts are pending and firing.
func (l *Leader) SetAlerts(alerts ...rules.Alert) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.present.Alerts = slices.Clone(alerts)
}

// Steps are the steps that were done, as "run to version".
func (l *Leader) Steps() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.steps)
}

// step is every step of every runbook.
type step struct{ l *Leader }

// Do implements actions.Step.
func (s step) Do(ctx context.Context, c actions.Call) (string, error) {
	s.l.mu.Lock()
	s.l.steps = append(s.l.steps, strings.TrimSpace(c.Run.Runbook+" "+c.Run.To))
	do := s.l.Step
	s.l.mu.Unlock()
	if do != nil {
		return do(ctx, c)
	}
	return "done", nil
}

// Status implements actions.Step: an interrupted step did not happen.
func (step) Status(context.Context, actions.Call) (actions.Outcome, reason.Reason, error) {
	return actions.NotHappened, reason.Reason{}, nil
}

// ledger is that of the runs under way.
type ledger struct{ l *Leader }

// Record implements actions.Ledger.
func (g ledger) Record(ctx context.Context, r actions.Record) error { return g.l.Runs.Record(ctx, r) }

// verifier looks at a check as it is set.
type verifier struct{ l *Leader }

// Look implements actions.Verifier.
func (v verifier) Look(_ context.Context, check string) (actions.CheckResult, error) {
	h, ok := v.l.Present("").Health[check]
	if !ok {
		return actions.CheckResult{}, errors.New("there is no such check")
	}
	return actions.CheckResult{Check: check, Health: h.String(), At: Now(), Looks: 1}, nil
}

// Ask implements actions.Verifier.
func (v verifier) Ask(_ context.Context, run actions.Run, s actions.Symptom, _ time.Time) (actions.CheckResult, error) {
	return decide.AlertProof(run, s, v.l.Present("").Alerts), nil
}

// Deploy records that a version of orders was announced now.
func (l *Leader) Deploy(version string) watch.Deploy {
	l.T.Helper()
	d := watch.Deploy{
		ID: "d_" + version, Service: "orders", Environment: watch.DefaultEnvironment, Version: version, Kind: watch.Code, Reversible: true,
		At: Now(), Announced: Now(),
	}
	l.Put(store.Batch{Deploys: []watch.Deploy{d}})
	return d
}

// Rollback decides about the rollback of a deploy as its Failed verdict does, and begins it.
func (l *Leader) Rollback(d watch.Deploy, mode watch.Mode, with runs.With) (actions.Run, error) {
	l.T.Helper()
	w := watch.Watch{ID: "w_" + d.Version, DeployID: d.ID, Service: d.Service, Environment: d.Environment, Version: d.Version, Mode: mode, State: watch.Failed, Started: d.At, Ended: Now()}
	l.Put(store.Batch{Watches: []watch.Watch{w}})
	var run actions.Run
	err := l.Runs.Decide(func() error {
		c, err := l.Decider().Verdict(l.ctx, &w, d, &watch.Verdict{State: watch.Failed, Reason: reason.Text("it fails"), Failing: []string{"push"}}, l.Present(d.Service), Now())
		if err != nil {
			return err
		}
		c.Request.ID = "r_" + d.Version
		run, err = l.Runs.Begin(l.ctx, *c.Request, with)
		return err
	})
	return run, err
}

// Run gives a run as the journal has it.
func (l *Leader) Run(id string) actions.Run {
	l.T.Helper()
	r, err := l.Store.Run(l.T.Context(), id)
	if err != nil {
		l.T.Fatalf("run %s: %v", id, err)
	}
	return r
}

// Notices are the notices in the outbox, oldest first, as "receiver kind event".
func (l *Leader) Notices() []string {
	l.T.Helper()
	ds, err := l.Store.Deliveries(l.T.Context(), store.DeliveryFilter{})
	if err != nil {
		l.T.Fatal(err)
	}
	all := []string{}
	for _, d := range slices.Backward(ds) {
		all = append(all, fmt.Sprintf("%s %s %s", d.Receiver, d.Notice.Kind, d.Notice.Event))
	}
	return all
}
