package alerting

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/promql"

	"guardian/actions"
	"guardian/decide"
	"guardian/internal/notify"
	"guardian/internal/runs"
	"guardian/internal/store"
	"guardian/notifiers"
	"guardian/oncall"
	"guardian/rules"
	"guardian/watch"
)

// Journal is what is asked of the journal; store.Store is one.
type Journal interface {
	Alerts(ctx context.Context, f store.AlertFilter) ([]rules.Alert, error)
	Deploys(ctx context.Context, f store.DeployFilter) ([]watch.Deploy, error)
	Runs(ctx context.Context, f store.RunFilter) ([]actions.Run, error)
	Deliveries(ctx context.Context, f store.DeliveryFilter) ([]notifiers.Delivery, error)
	Told(ctx context.Context) ([]decide.Told, error)
	Escalated(ctx context.Context) ([]decide.Escalated, error)
}

// Series keeps what rules record; series.DB does.
type Series interface {
	Query(ctx context.Context, expr string, at time.Time) (promql.Vector, error)
	Record(ctx context.Context, samples []promql.Sample) error
	Append(ctx context.Context, samples []promql.Sample) error
}

// Watches hears of alerts that may fail a watch; watching.Watches does.
type Watches interface {
	AlertFired(al rules.Alert, now time.Time)
}

// Runs decides and begins runs; runs.Driver does.
type Runs interface {
	Decide(decide func() error) error
	Begin(ctx context.Context, req actions.Request, with runs.With) (actions.Run, error)
}

// Sight is what the checks can see; present.Present knows it.
type Sight interface {
	// Visibility tells rules which of the series that they read are not known now.
	Visibility(now time.Time) rules.Visibility
	// View tells which checks are blind, and which network paths are cut off.
	View(now time.Time) decide.View
}

// Options is what Alerts is made of. All fields are needed.
type Options struct {
	Leadership notify.Committer
	Journal    Journal
	Series     Series
	Source     func(name string) (rules.QueryFunc, error) // the server that answers groups of a rule source
	Sight      Sight
	Decider    func() decide.Decider
	Present    func(service string) decide.Present
	Watches    Watches
	Runs       Runs
	Notifier   *notify.Notifier
	Roster     func() *oncall.Roster
	Metrics    *Metrics
	Changed    func() // wakes whoever waits for a change
	Now        func() time.Time
	Log        *slog.Logger
}

// Metrics counts evaluations that failed or had to wait; it outlives a leadership.
type Metrics struct{ failures, delayed prometheus.Counter }

// NewMetrics registers the metrics of rules.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		failures: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "guardian_rule_failures_total", Help: "Evaluations of rules that failed; their alerts stayed as they were.",
		}),
		delayed: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "guardian_rule_delayed_total",
			Help: "Rules that were not evaluated at once when a sample arrived, because such evaluations of their group had used up their time.",
		}),
	}
	reg.MustRegister(m.failures, m.delayed)
	return m
}

// Alerts are the groups of rules of a leadership with the state of their alerts. It is safe
// for concurrent use.
type Alerts struct {
	o   Options
	ctx context.Context //nolint:containedctx // of the leadership: evaluations and their writes end with it
	wg  sync.WaitGroup

	mu     sync.Mutex
	groups []*group
	// sourced are those of the groups that a rule source answers. An evaluation reads them,
	// which a swap of the groups waits for: it must not need mu.
	sourced atomic.Pointer[[]*group]
	waking  atomic.Pointer[waking]
	sent    sent

	telling     telling
	blindness   blindness
	escalations escalations
	handOvers   handOvers
}

// group is one group of rules with its state.
type group struct {
	*rules.Group
	stop context.CancelFunc

	waking *waking
	// Of waking.mu.
	pace    *rules.Pace
	timer   *time.Timer // when the loop looks what is to be evaluated
	looksAt time.Time   // the same; zero: while it does

	mu    sync.Mutex // held while the group is evaluated
	state groupState
	last  atomic.Pointer[Evaluation]
}

// Evaluation is how the last evaluation of a whole group went.
type Evaluation struct {
	At      time.Time
	Took    time.Duration
	results []rules.Result
}

// Resume restores the alerts whole: since when they are pending, firing, kept firing, and when
// people were notified of them. They are evaluated from Start on, until ctx ends.
func Resume(ctx context.Context, o Options, groups []*rules.Group) (*Alerts, error) {
	stored, err := o.Journal.Alerts(ctx, store.AlertFilter{Limit: store.MaxLimit})
	if err != nil {
		return nil, fmt.Errorf("read the alerts: %w", err)
	}
	as := &Alerts{o: o, ctx: ctx}
	as.blindness.known.Before = as.blindBefore
	states, ended := rules.Restore(groups, stored, o.Now())
	if err := as.escalations.resume(ctx, o.Journal); err != nil {
		return nil, err
	}
	if err := as.telling.resume(ctx, o.Journal, o.Decider().Settings, stored); err != nil {
		return nil, err
	}
	as.set(groups, states)
	sent := rules.RestoreSent(stored, o.Now())
	as.sent.alerts.Store(&sent)
	as.end(ended)
	return as, nil
}

func (as *Alerts) set(groups []*rules.Group, states map[string]rules.GroupState) {
	as.groups = nil
	var sourced []*group
	for _, g := range groups {
		one := &group{Group: g, stop: func() {}}
		state := states[g.Key()]
		one.state.merge(state)
		as.groups = append(as.groups, one)
		if g.Source != "" {
			sourced = append(sourced, one)
		}
	}
	as.sourced.Store(&sourced)
	as.waking.Store(newWaking(as.groups, as.o.Now()))
}

// end records alerts that end because their rule is gone.
func (as *Alerts) end(ended rules.Evaluation) {
	if len(ended.Changes) == 0 && len(ended.Recorded) == 0 {
		return
	}
	if err := as.record(nil, ended); err != nil {
		as.o.Log.Error("alerts of removed rules could not be recorded", "error", err)
	}
	if err := as.o.Series.Append(as.ctx, ended.Recorded); err != nil {
		as.o.Log.Warn("series of removed rules could not be ended", "error", err)
	}
}

// Start begins to evaluate, and starts the runbooks of alerts that fire already.
func (as *Alerts) Start() {
	as.mu.Lock()
	defer as.mu.Unlock()
	for _, g := range as.groups {
		as.start(g)
	}
	as.startRuns(slices.DeleteFunc(as.openLocked(), func(al rules.Alert) bool { return al.State != rules.Firing }))
}

func (as *Alerts) start(g *group) {
	ctx, cancel := context.WithCancel(as.ctx)
	g.stop = cancel
	as.wg.Go(func() { as.loop(ctx, g) })
}

// Wait waits for the end of all evaluations; their context must have ended.
func (as *Alerts) Wait() { as.wg.Wait() }

// Apply swaps the groups of a reload; what stays keeps its state.
func (as *Alerts) Apply(groups []*rules.Group) {
	as.mu.Lock()
	defer as.mu.Unlock()
	states := map[string]rules.GroupState{}
	for _, g := range as.groups {
		g.stop()
		g.mu.Lock() // an evaluation under way comes to its end first
		states[g.Key()] = g.state.whole()
		g.mu.Unlock()
	}
	next, ended := rules.Carry(groups, states, as.o.Now())
	as.set(groups, next)
	as.end(ended)
	for _, g := range as.groups {
		as.start(g)
	}
}

// EvaluateAll evaluates every group now.
func (as *Alerts) EvaluateAll(ctx context.Context) {
	as.mu.Lock()
	groups := as.groups
	as.mu.Unlock()
	for _, g := range groups {
		as.evaluate(ctx, g, g.All())
	}
}

// Open gives the alerts that are pending or firing.
func (as *Alerts) Open() []rules.Alert {
	as.mu.Lock()
	defer as.mu.Unlock()
	return as.openLocked()
}

func (as *Alerts) openLocked() []rules.Alert {
	var all []rules.Alert
	for _, g := range as.groups {
		for _, al := range g.state.alerts() { // an evaluation under way is not waited for
			if al.State != rules.Resolved {
				all = append(all, al)
			}
		}
	}
	for _, al := range as.sent.all() {
		if al.State == rules.Firing {
			all = append(all, al)
		}
	}
	return all
}

// Own gives the alerts of the guardian's own rules: pending, firing, and resolved in the last quarter
// of an hour.
func (as *Alerts) Own() []rules.Alert {
	as.mu.Lock()
	defer as.mu.Unlock()
	var all []rules.Alert
	for _, g := range as.groups {
		all = append(all, g.state.alerts()...)
	}
	return all
}

// State gives the state of a group of rules and how its last evaluation went.
func (as *Alerts) State(key string) (rules.GroupState, Evaluation) {
	as.mu.Lock()
	defer as.mu.Unlock()
	for _, g := range as.groups {
		if g.Key() != key {
			continue
		}
		var last Evaluation
		if e := g.last.Load(); e != nil {
			last = *e
		}
		return g.state.whole(), last
	}
	return rules.GroupState{}, Evaluation{}
}

// Tick does what waits for a time: notices that are due again, steps of escalations, hand-overs, and
// checks that cannot look.
func (as *Alerts) Tick(now time.Time) {
	as.tickSent(now)
	as.tickBlindness(now)
	as.tickEscalations(now)
	as.tickHandOvers(now)
	as.tickNotices(now)
}
