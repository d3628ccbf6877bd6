package drilling

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"guardian/actions"
	"guardian/decide"
	"guardian/internal/drills"
	"guardian/internal/notify"
	"guardian/internal/reason"
	"guardian/internal/runs"
	"guardian/internal/store"
	"guardian/internal/watching"
	"guardian/watch"
)

// Journal is what is asked of the journal; store.Store is one.
type Journal interface {
	Drills(ctx context.Context, f store.DrillFilter) ([]drills.Drill, error)
	Deploys(ctx context.Context, f store.DeployFilter) ([]watch.Deploy, error)
	Watches(ctx context.Context, f store.WatchFilter) ([]watch.Watch, error)
	Runs(ctx context.Context, f store.RunFilter) ([]actions.Run, error)
}

// Watches takes deploys in; watching.Watches does.
type Watches interface {
	Announce(ctx context.Context, a watching.Announcement) ([]byte, error)
	Void(ctx context.Context, deploy, who string) error
}

// Runs begins and ends runs; runs.Driver does.
type Runs interface {
	Decide(decide func() error) error
	Begin(ctx context.Context, req actions.Request, with runs.With) (actions.Run, error)
	Answer(ctx context.Context, id string, a actions.Answer) (actions.Run, reason.Reason, error)
}

// Options is what Drilling is made of. All fields are needed.
type Options struct {
	Leadership notify.Committer
	Journal    Journal
	Plans      func() []drills.Plan // of the running configuration
	Decider    func() decide.Decider
	Present    func(service string) decide.Present
	Watches    Watches
	Runs       Runs
	Notifier   *notify.Notifier
	Standings  func(all []drills.Standing) // takes how the plans stand
	Changed    func()                      // wakes whoever waits for a drill to change
	Now        func() time.Time
	Log        *slog.Logger
}

// Drilling carries the drills of one leadership out.
type Drilling struct {
	o    Options
	wake chan struct{} // holds one

	mu   sync.Mutex // held while a drill is started or takes a step
	open []drills.Drill
	due  map[string]time.Time // by plan, when it starts by itself
	told time.Time            // when the standings were given last
}

const (
	// openEvery is the time between two looks at a drill that is under way. Its moments are those that
	// runs and watches recorded, so that they are not measured by it.
	openEvery = 100 * time.Millisecond
	// idleEvery is the time between two looks at the schedules.
	idleEvery = time.Second
	// standEvery is how often it is written how the plans stand: PromQL forgets a series after five minutes.
	standEvery = 30 * time.Second
)

// ErrNoPlan says that no drill of that name is configured.
var ErrNoPlan = errors.New("there is no such drill")

// RefusedError says why a drill may not begin now.
type RefusedError struct{ Why reason.Reason }

// Error implements error.
func (e *RefusedError) Error() string { return e.Why.String() }

// Resume reads the drills that are under way. One that had not begun to inject its fault never does.
func Resume(ctx context.Context, o Options) (*Drilling, error) {
	d := &Drilling{o: o, wake: make(chan struct{}, 1), due: map[string]time.Time{}}
	open, err := o.Journal.Drills(ctx, store.DrillFilter{Open: true})
	if err != nil {
		return nil, fmt.Errorf("read the open drills: %w", err)
	}
	for _, one := range open {
		d.open = append(d.open, one.Resume())
	}
	return d, nil
}

// Run carries drills out until ctx ends.
func (d *Drilling) Run(ctx context.Context) {
	for ctx.Err() == nil {
		every := idleEvery
		if d.step(ctx) {
			every = openEvery
		}
		timer := time.NewTimer(every)
		select {
		case <-ctx.Done():
		case <-d.wake:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// step takes each drill one step further, and tells whether one is under way.
func (d *Drilling) step(ctx context.Context) (open bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.o.Now()
	d.startDue(ctx, now)
	ended := false
	for i, one := range d.open {
		d.open[i] = d.carryOn(ctx, one)
		ended = ended || !d.open[i].Open()
	}
	d.open = slices.DeleteFunc(d.open, func(one drills.Drill) bool { return !one.Open() })
	if ended || now.Sub(d.told) >= standEvery {
		d.stand(ctx, now)
	}
	return len(d.open) > 0
}

// carryOn takes a drill as far as it comes without waiting.
func (d *Drilling) carryOn(ctx context.Context, one drills.Drill) drills.Drill {
	for {
		next, err := d.advance(ctx, one)
		if err != nil && ctx.Err() == nil {
			d.o.Log.Error("a drill could not go on; trying again", "drill", one.ID, "name", one.Name, "error", err)
		}
		if err != nil || next.Phase == one.Phase && next.Deploy == one.Deploy {
			return next
		}
		one = next
	}
}

// startDue starts the drills whose schedule is due. What keeps one from beginning is logged: that it is
// overdue is an alert.
func (d *Drilling) startDue(ctx context.Context, now time.Time) {
	for _, p := range d.o.Plans() {
		if p.Next == nil {
			delete(d.due, p.Name)
			continue
		}
		due, known := d.due[p.Name]
		if known && !due.After(now) {
			if _, err := d.begin(ctx, p, ""); err != nil {
				d.o.Log.Warn("a drill that is due did not begin", "drill", p.Name, "error", err)
			}
		}
		// A changed schedule counts at once.
		if next := p.Next(now); !known || !due.After(now) || next.Before(due) {
			d.due[p.Name] = next
		}
	}
}

// stand tells how the plans stand.
func (d *Drilling) stand(ctx context.Context, now time.Time) {
	var all []drills.Standing
	for _, p := range d.o.Plans() {
		past, err := d.o.Journal.Drills(ctx, store.DrillFilter{Name: p.Name})
		if err != nil {
			d.o.Log.Warn("it could not be read how a drill went last", "drill", p.Name, "error", err)
			return
		}
		all = append(all, drills.Stand(p, past))
	}
	d.told = now
	d.o.Standings(all)
}

// Start starts a drill for a person. Errors are ErrNoPlan, a RefusedError, and those of the journal.
func (d *Drilling) Start(ctx context.Context, name, by string) (drills.Drill, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, p := range d.o.Plans() {
		if p.Name == name {
			return d.begin(ctx, p, by)
		}
	}
	return drills.Drill{}, ErrNoPlan
}

// begin records that a drill begins. It changes nothing else yet.
func (d *Drilling) begin(ctx context.Context, p drills.Plan, by string) (drills.Drill, error) {
	now := d.o.Now().UTC()
	one := drills.Drill{
		ID: store.NewID("dr_"), Name: p.Name, Service: p.Service, Environment: p.Environment, Runbook: p.Runbook, Version: p.Version,
		By: by, Started: now, Phase: drills.Announcing, InjectRun: store.NewID("r_"), RestoreRun: store.NewID("r_"),
		Objective: p.Objective, Within: p.Within,
	}
	if one.Version == "" {
		one.Version = "drill-" + now.Format("20060102-150405")
	}
	for _, other := range d.open {
		if other.Service == p.Service {
			return one, &RefusedError{reason.New("drill_under_way", "drill", other.ID)}
		}
	}
	decider := d.o.Decider()
	why, err := decider.MayRehearse(ctx, rehearsal(one, p.Inject()), d.o.Present(p.Service), now)
	if err != nil {
		return one, err
	}
	if !why.IsZero() {
		return one, &RefusedError{why}
	}
	if one.Previous, err = decider.CurrentVersion(ctx, p.Service, p.Environment); err != nil {
		return one, err
	}
	if one.Previous == "" {
		goods, err := decider.KnownGoods(ctx, p.Service, p.Environment, now)
		if err != nil {
			return one, err
		}
		if len(goods) > 0 {
			one.Previous = goods[0]
		}
	}
	if err := d.o.Leadership.Commit(store.Batch{Drills: []drills.Drill{one}, Audit: []store.Audit{line(one, now, "drill_begun", reason.New(
		"drill_begun", "drill", one.Name, "service", one.Service, "environment", one.Environment))}}); err != nil {
		return one, err
	}
	d.open = append(d.open, one)
	d.o.Changed()
	select {
	case d.wake <- struct{}{}:
	default:
	}
	return one, nil
}

// rehearsal is a run of a drill's own steps as decisions see it.
func rehearsal(one drills.Drill, runbook string) decide.Rehearsal {
	return decide.Rehearsal{
		Service: one.Service, Environment: one.Environment, Runbook: runbook, Version: one.Version,
		Trigger: actions.Trigger{Kind: actions.ByDrill, Drill: one.ID, Deploy: one.Deploy, Person: one.By, Reason: reason.New("drill_trigger", "drill", one.Name)},
	}
}

// line is a line of the list of what happened.
func line(one drills.Drill, at time.Time, what string, detail reason.Reason) store.Audit {
	who := one.By
	if who == "" || what != "drill_begun" {
		who = store.Guardian
	}
	return store.Audit{At: at, Who: who, What: what, Service: one.Service, Subject: one.ID, Detail: detail, Path: "/drills/" + one.ID}
}
