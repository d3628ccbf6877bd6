package watching

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"guardian/actions"
	"guardian/decide"
	"guardian/internal/notify"
	"guardian/internal/recording"
	"guardian/internal/runs"
	"guardian/internal/store"
	"guardian/probes/sample"
	"guardian/rules"
	"guardian/watch"
)

// Journal is what is asked of the journal; store.Store is one.
type Journal interface {
	Watches(ctx context.Context, f store.WatchFilter) ([]watch.Watch, error)
	Deploys(ctx context.Context, f store.DeployFilter) ([]watch.Deploy, error)
	Idempotent(ctx context.Context, key string) (store.Idempotent, bool, error)
}

// Runs decides and begins runs; runs.Driver does.
type Runs interface {
	Decide(decide func() error) error
	Begin(ctx context.Context, req actions.Request, with runs.With) (actions.Run, error)
	RefuseOutdated(ctx context.Context, service, environment string)
	// PutBack gives the services in which a rollback has put its version back since the last call.
	PutBack() []string
}

// Record is what the checks saw; recording.Record is one.
type Record interface {
	// Recent gives the last looks of a service's checks, oldest first; "": of all.
	Recent(service string) []sample.Sample
	// ExcludeFailures hears that a deploy of a service failed: what its checks see until they are up
	// again is the deploy's. It names the checks.
	ExcludeFailures(service string) (checks []string)
}

// Counters gives what a pair of counters, or a number, stands at; history.History does.
type Counters interface {
	Reading(ctx context.Context, m watch.CounterSettings, at time.Time) (watch.Reading, error)
}

// Options is what Watches is made of. All fields are needed.
type Options struct {
	Leadership notify.Committer
	Journal    Journal
	Decider    func() decide.Decider
	Present    func(service string) decide.Present
	Runs       Runs
	Record     Record
	Counters   Counters
	// StopRechecks ends the rechecks of checks until they were up again.
	StopRechecks func(checks ...string)
	// Ended hears that a watch of a service has its verdict, which is in the journal.
	Ended func(service string)
	// RunsSince asks since when a deployed version runs, where a step of its rollback can tell;
	// zero: nothing tells.
	RunsSince func(ctx context.Context, d watch.Deploy) time.Time
	Notifier  *notify.Notifier
	Metrics   *Metrics
	Changed   func() // wakes whoever waits for a watch to change
	Now       func() time.Time
	Log       *slog.Logger
}

// Metrics counts verdicts; it outlives a leadership.
type Metrics struct {
	verdicts *prometheus.CounterVec
	took     prometheus.Histogram
}

// NewMetrics registers the metrics of watches.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		verdicts: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "guardian_verdicts_total", Help: "Verdicts of watches."}, []string{"verdict"}),
		took: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "guardian_decision_duration_seconds", Help: "Time from the arrival of a sample until the watches of its service took it in; for the one that completes the evidence, until the verdict and its run are recorded.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5},
		}),
	}
	reg.MustRegister(m.verdicts, m.took)
	for _, s := range []watch.State{watch.Passed, watch.Failed, watch.Inconclusive, watch.Superseded, watch.Cancelled} {
		m.verdicts.WithLabelValues(string(s))
	}
	return m
}

// Watches are the open watches of a leadership. Each has its own lock, so that the checks of
// one service do not wait for those of another. It is safe for concurrent use.
type Watches struct {
	o          Options
	ctx        context.Context //nolint:containedctx // of the leadership: what is decided ends with it
	announcing sync.Mutex      // deploys are announced one after the other

	mu   sync.RWMutex
	open map[string]*watched // by watch ID
	// Oldest first. A change makes new slices: a reader of an old one keeps it.
	of    map[string][]*watched // by service
	peers map[string][]*watched // by the name of a check of another service that they are compared with
	all   []*watched
	// takenBack are services in which a rollback may have put another version in the place of a
	// watched one; of Tick alone.
	takenBack []string
}

// watched is an open watch. Its lock is held while a verdict is recorded: what comes meanwhile
// waits, and then finds the watch over.
type watched struct {
	mu     sync.Mutex
	w      *watch.Watch
	deploy watch.Deploy
	peers  []string // checks of other services that it is compared with
	saved  int64    // Seq of what the journal has
	// lastFullSave is when it was recorded whole; newer looks are in the log of looks.
	lastFullSave time.Time
	// pending is a verdict that the journal would not take yet.
	pending *watch.Verdict
	// fails is when the service fails, for the verdicts of others: they read it without the lock.
	fails atomic.Pointer[decide.Failing]
}

// Resume reads the open watches with the evidence that they have.
func Resume(ctx context.Context, o Options) (*Watches, error) {
	ws := &Watches{o: o, ctx: ctx, open: map[string]*watched{}, of: map[string][]*watched{}, peers: map[string][]*watched{}}
	open, err := o.Journal.Watches(ctx, store.WatchFilter{Open: true})
	if err != nil {
		return nil, fmt.Errorf("read the open watches: %w", err)
	}
	for _, w := range open {
		ds, err := o.Journal.Deploys(ctx, store.DeployFilter{ID: w.DeployID})
		if err != nil {
			return nil, fmt.Errorf("read the deploy of watch %s: %w", w.ID, err)
		}
		if len(ds) == 0 {
			return nil, fmt.Errorf("watch %s: its deploy %s is not in the journal", w.ID, w.DeployID)
		}
		ws.add(&w, ds[0])
		ws.takenBack = append(ws.takenBack, w.Service) // before a restart
	}
	return ws, nil
}

func (ws *Watches) add(w *watch.Watch, d watch.Deploy) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	// It was recorded when it was opened, or read; the next time is its own.
	e := &watched{w: w, deploy: d, saved: w.Seq, lastFullSave: ws.o.Now().Add(-recording.Spread(w.ID, recording.FullSaveInterval))}
	e.follow(ws.o.Now())
	ws.open[w.ID] = e
	ws.of[d.Service] = with(ws.of[d.Service], e)
	ws.all = with(ws.all, e)
	ws.indexPeers(e, w.Peers)
}

// compare lets an open watch hear of other checks of other services than before.
func (ws *Watches) compare(e *watched, peers []watch.CheckPolicy) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	ws.forgetPeers(e)
	ws.indexPeers(e, peers)
}

func (ws *Watches) indexPeers(e *watched, peers []watch.CheckPolicy) {
	e.peers = nil
	for _, p := range peers {
		e.peers = append(e.peers, p.Check)
		ws.peers[p.Check] = with(ws.peers[p.Check], e)
	}
}

func (ws *Watches) forgetPeers(e *watched) {
	for _, check := range e.peers {
		if ws.peers[check] = without(ws.peers[check], e); len(ws.peers[check]) == 0 {
			delete(ws.peers, check)
		}
	}
}

func with(some []*watched, e *watched) []*watched {
	more := append(slices.Clone(some), e)
	if n := len(some); n > 0 && byAnnouncement(e, some[n-1]) < 0 {
		slices.SortStableFunc(more, byAnnouncement)
	}
	return more
}

func without(some []*watched, e *watched) []*watched {
	return slices.DeleteFunc(slices.Clone(some), func(o *watched) bool { return o == e })
}

func byAnnouncement(x, y *watched) int {
	return cmp.Or(x.deploy.Announced.Compare(y.deploy.Announced), cmp.Compare(x.w.ID, y.w.ID))
}

func (ws *Watches) remove(id string) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	e, ok := ws.open[id]
	if !ok {
		return
	}
	delete(ws.open, id)
	ws.all = without(ws.all, e)
	service := e.deploy.Service
	if ws.of[service] = without(ws.of[service], e); len(ws.of[service]) == 0 {
		delete(ws.of, service)
	}
	ws.forgetPeers(e)
}

// follow notes since when the service of a watch fails, or that it does not any more.
func (e *watched) follow(now time.Time) {
	var was decide.Failing
	if known := e.fails.Load(); known != nil {
		was = *known
	}
	if next, changed := was.Follow(e.w.FailsSince(), now); changed {
		next.Service, next.Environment = e.w.Service, e.w.Environment
		e.fails.Store(&next)
	}
}

// failing gives when the services of the open watches fail.
func (ws *Watches) failing() (all []decide.Failing) {
	for _, e := range ws.list("") {
		if f := e.fails.Load(); f != nil {
			all = append(all, *f)
		}
	}
	return all
}

func (ws *Watches) get(id string) *watched {
	ws.mu.RLock()
	defer ws.mu.RUnlock()
	return ws.open[id]
}

// list gives the open watches of a service, or all for "", oldest first.
func (ws *Watches) list(service string) []*watched {
	ws.mu.RLock()
	defer ws.mu.RUnlock()
	if service == "" {
		return ws.all
	}
	return ws.of[service]
}

// Get gives an open watch as it is now; false when it is not open, or its verdict falls.
func (ws *Watches) Get(id string) (watch.Watch, bool) {
	e := ws.get(id)
	if e == nil {
		return watch.Watch{}, false
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.pending != nil || e.w.State.Final() {
		return watch.Watch{}, false
	}
	return e.w.Clone(), true
}

// Observe hands a sample that arrived at a time to the watches of its service; that of a
// control to all.
func (ws *Watches) Observe(s sample.Sample, arrived time.Time) {
	ws.observe(s)
	ws.o.Metrics.took.Observe(ws.o.Now().Sub(arrived).Seconds())
}

func (ws *Watches) observe(s sample.Sample) {
	service := s.Service
	if c, ok := ws.o.Decider().Settings.Check(s.Check); ok && c.Control {
		service = ""
	}
	see := func(e *watched) {
		_ = ws.step(e, func(w *watch.Watch) *watch.Verdict {
			v := w.Observe(s)
			e.follow(ws.o.Now())
			return v
		})
	}
	for _, e := range ws.list(service) {
		see(e)
	}
	if service != "" {
		for _, e := range ws.comparedWith(s.Check) {
			see(e)
		}
	}
}

// comparedWith gives the open watches of other services that are compared with a check.
func (ws *Watches) comparedWith(check string) []*watched {
	ws.mu.RLock()
	defer ws.mu.RUnlock()
	return ws.peers[check]
}

// ObserveAll hands samples to the watches that have not seen them, oldest first.
func (ws *Watches) ObserveAll(samples []sample.Sample) {
	for _, s := range samples {
		ws.observe(s)
	}
}

// AlertFired hands a firing alert to the watches.
func (ws *Watches) AlertFired(al rules.Alert, now time.Time) {
	for _, e := range ws.list("") {
		_ = ws.step(e, func(w *watch.Watch) *watch.Verdict { return w.AlertFired(al, now) })
	}
}

// Tick lets the watches see the time, and repeats verdicts that the journal refused.
func (ws *Watches) Tick(now time.Time) {
	ws.endOverdue(now)
	ws.endTakenBack()
	for _, e := range ws.list("") {
		_ = ws.step(e, func(w *watch.Watch) *watch.Verdict { return w.Tick(now) })
	}
}

// Cancel ends an open watch without a verdict; false when it is not open.
func (ws *Watches) Cancel(id, who string) (open bool, err error) {
	e := ws.get(id)
	if e == nil {
		return false, nil
	}
	return true, ws.step(e, func(w *watch.Watch) *watch.Verdict { return w.Cancel(who, ws.o.Now()) })
}

// ReadCounters reads the counters that are due. A reading that cannot be made is no evidence.
func (ws *Watches) ReadCounters(ctx context.Context) {
	now := ws.o.Now()
	for _, e := range ws.list("") {
		e.mu.Lock()
		due := e.w.DueCounters(now)
		e.mu.Unlock()
		if len(due) == 0 {
			continue
		}
		svc, _ := ws.o.Decider().Settings.Service(e.deploy.Service)
		for _, m := range svc.Watch.Metrics {
			if !slices.Contains(due, m.Name) {
				continue
			}
			r, err := ws.o.Counters.Reading(ctx, m, now)
			if err != nil {
				ws.o.Log.Debug("counters could not be read", "service", svc.Name, "metric", m.Name, "error", err)
				continue
			}
			_ = ws.step(e, func(w *watch.Watch) *watch.Verdict { return w.Measure(m.Name, r, now) })
		}
	}
}

// Unsaved gives the watches that are due to be recorded whole, all that changed with all; call
// saved once they are.
func (ws *Watches) Unsaved(now time.Time, all bool) (due []watch.Watch, saved func()) {
	type mark struct {
		e   *watched
		seq int64
	}
	var marks []mark
	for _, e := range ws.list("") {
		e.mu.Lock()
		// A watch with a verdict is recorded with what follows from it, not before.
		if e.w.Seq > e.saved && e.pending == nil && !e.w.State.Final() && (all || now.Sub(e.lastFullSave) >= recording.FullSaveInterval) {
			due = append(due, e.w.Clone())
			marks = append(marks, mark{e, e.w.Seq})
		}
		e.mu.Unlock()
	}
	return due, func() {
		for _, m := range marks {
			m.e.mu.Lock()
			if m.e.saved > m.seq {
				// It was extended meanwhile, and this may have gone over it: all of it again.
				m.e.saved, m.e.lastFullSave = 0, time.Time{}
			} else {
				m.e.saved, m.e.lastFullSave = m.seq, now
			}
			m.e.mu.Unlock()
		}
	}
}
