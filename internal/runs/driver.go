package runs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"guardian/actions"
	"guardian/decide"
	"guardian/internal/notify"
	"guardian/internal/reason"
	"guardian/internal/store"
	"guardian/oncall"
	"guardian/watch"
)

// Journal is what is asked of the journal; store.Store is one.
type Journal interface {
	Run(ctx context.Context, id string) (actions.Run, error)
	Runs(ctx context.Context, f store.RunFilter) ([]actions.Run, error)
	Watch(ctx context.Context, id string) (watch.Watch, error)
	Deploys(ctx context.Context, f store.DeployFilter) ([]watch.Deploy, error)
}

// Options is what a Driver is made of. All fields are needed.
type Options struct {
	Engine     *actions.Engine
	Leadership notify.Committer
	Journal    Journal
	Decider    func() decide.Decider
	Present    func(service string) decide.Present
	Notifier   *notify.Notifier
	Roster     func() *oncall.Roster // who is asked after those who did not answer
	// Breach tells how bad it is with the service of a run now; nil: nobody is told that it worsens.
	Breach   func(ctx context.Context, run actions.Run) actions.Breach
	ActsFrom time.Time // before it no run goes on; zero: at once
	Changed  func()    // wakes whoever waits for a run to change
	Now      func() time.Time
	Log      *slog.Logger
}

// Driver drives the open runs of one leadership: one goroutine each.
type Driver struct {
	o         Options
	ctx       context.Context //nolint:containedctx // of the runs under way: it ends before the leadership's when the process stops in order
	cancel    context.CancelFunc
	wg        sync.WaitGroup
	deciding  sync.Mutex // runs are decided one after the other: each one's guards see those before it
	mu        sync.Mutex
	open      map[string]*driven // by run ID
	draining  bool               // no run and no step begins any more
	isStarted bool
	putBack   []string      // see PutBack
	worse     []actions.Run // after which the service is worse, of the leadership before
}

// driven is an open run.
type driven struct {
	mu   sync.Mutex // held while a person's answer is recorded
	run  actions.Run
	wake chan struct{} // holds one
	// excess is what counters exceeded when the question began to wait; of drive alone.
	excess map[string]float64
}

// errDraining keeps a step from beginning while the guardian stops.
var errDraining = errors.New("the guardian is stopping")

// Resume reads the open runs. They are driven from Start on, until ctx ends.
func Resume(ctx context.Context, o Options) (*Driver, error) {
	d := &Driver{o: o, open: map[string]*driven{}}
	d.ctx, d.cancel = context.WithCancel(ctx)
	stored, err := o.Journal.Runs(ctx, store.RunFilter{Open: true})
	if err != nil {
		return nil, fmt.Errorf("read the open runs: %w", err)
	}
	for _, r := range stored {
		d.open[r.ID] = newDriven(r)
	}
	d.worse, err = worseRuns(ctx, o)
	return d, err
}

func newDriven(r actions.Run) *driven { return &driven{run: r, wake: make(chan struct{}, 1)} }

// Record implements actions.Ledger for runs that are under way.
func (d *Driver) Record(ctx context.Context, r actions.Record) error {
	return ledger{d: d}.Record(ctx, r)
}

// PutBack gives the services in which a rollback has put its version back since the last call.
func (d *Driver) PutBack() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	services := d.putBack
	d.putBack = nil
	return services
}

// Start begins to drive the open runs.
func (d *Driver) Start() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.isStarted = true
	for _, r := range d.open {
		d.wg.Go(func() { d.drive(r) })
	}
	for _, r := range d.worse {
		d.wg.Go(func() { d.follow(r) })
	}
	d.worse = nil
}

// Decide calls decide while no other run is decided.
func (d *Driver) Decide(decide func() error) error {
	d.deciding.Lock()
	defer d.deciding.Unlock()
	return decide()
}

// Begin records a run with what led to it, and lets it begin. Call it within Decide, and
// decide there: its guards see every run before it. store.ErrAlreadyRun: there is a run for
// the same verdict, or the same firing of an alert, and nothing was written.
func (d *Driver) Begin(ctx context.Context, req actions.Request, with With) (actions.Run, error) {
	run, err := d.o.Engine.Create(ctx, ledger{d: d, with: with}, req)
	if err != nil {
		return run, err
	}
	d.add(run)
	return run, nil
}

func (d *Driver) add(r actions.Run) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.draining || r.State.Final() {
		return
	}
	one := newDriven(r)
	d.open[r.ID] = one
	if d.isStarted {
		d.wg.Go(func() { d.drive(one) })
	}
}

// drive takes a run to its end, or to where the leadership ends.
func (d *Driver) drive(one *driven) {
	defer func() {
		run := one.get()
		if run.State.Final() {
			d.mu.Lock()
			delete(d.open, run.ID)
			d.mu.Unlock()
			d.follow(run)
			d.wakeQueued()
		}
	}()
	for d.ctx.Err() == nil {
		if early := d.o.ActsFrom.Sub(d.o.Now()); early > 0 {
			d.pause(one, early)
			continue
		}
		run := one.get()
		if run.State == actions.Queued {
			d.waitInQueue(one)
			continue
		}
		if run.Unanswered(d.o.Now()) {
			d.askNext(one)
			continue
		}
		d.watchBreach(one)
		next, err := d.o.Engine.Advance(d.ctx, run)
		one.set(next)
		switch {
		case errors.Is(err, actions.ErrLostLease), errors.Is(err, errDraining), d.ctx.Err() != nil:
			return
		case err != nil:
			d.o.Log.Error("a run could not go on; trying again", "run", run.ID, "error", err)
			d.pause(one, retryEvery)
			continue
		case next.State.Final():
			return
		}
		d.waitForAnswer(one, next)
	}
}

// retryEvery is the pause after a run could not go on because of the journal.
const retryEvery = time.Second

// waitForAnswer waits for a person, or for the time of the question to be over.
func (d *Driver) waitForAnswer(one *driven, run actions.Run) {
	wait := d.breachEvery(run)
	if q := run.Question; q != nil && !q.Until.IsZero() {
		left := max(0, q.Until.Sub(d.o.Now()))
		if wait == 0 || left < wait {
			wait = left
		}
		d.pause(one, wait)
		return
	}
	if wait > 0 {
		d.pause(one, wait)
		return
	}
	select {
	case <-d.ctx.Done():
	case <-one.wake:
	}
}

// pause waits for a time, and less when the run is woken.
func (d *Driver) pause(one *driven, length time.Duration) {
	timer := time.NewTimer(length)
	defer timer.Stop()
	select {
	case <-d.ctx.Done():
	case <-one.wake:
	case <-timer.C:
	}
}

func (r *driven) get() actions.Run {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.run
}

func (r *driven) set(run actions.Run) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.run = run
}

func (r *driven) wakeUp() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// Answer applies a person's answer to a run: by Engine.Answer, or Engine.Abort. A rollback of
// a version that is gone is refused instead of approved; outdated says so, and why.
func (d *Driver) Answer(ctx context.Context, id string, a actions.Answer) (run actions.Run, outdated reason.Reason, err error) {
	if d.find(id) == nil { // it may be recorded, and not be open yet: wait until its decision is over
		_ = d.Decide(func() error { return nil })
	}
	for range answerTries {
		run, outdated, err = d.answer(ctx, id, a)
		if !errors.Is(err, actions.ErrRunIsActing) {
			break
		}
		time.Sleep(answerPoll)
	}
	if err != nil {
		d.noteRefusal(ctx, id, a, err)
	}
	return run, outdated, err
}

// noteRefusal records that somebody's answer was not taken. That it cannot be recorded is logged: the
// answer is refused either way.
func (d *Driver) noteRefusal(ctx context.Context, id string, a actions.Answer, err error) {
	why := actions.RefusedAnswer(a, err)
	if why.IsZero() {
		return
	}
	run, missing := d.o.Journal.Run(ctx, id)
	if missing != nil {
		return // there is no such run: nothing was asked
	}
	if err := d.o.Leadership.Commit(store.Batch{Audit: []store.Audit{{
		At: d.o.Now(), Who: a.By, What: "run_refused_answer", Service: run.Service, Subject: id, Detail: why, Path: "/rollbacks/" + id,
	}}}); err != nil {
		d.o.Log.Warn("that an answer was not taken could not be recorded", "run", id, "person", a.By, "error", err)
	}
}

func (d *Driver) answer(ctx context.Context, id string, a actions.Answer) (run actions.Run, outdated reason.Reason, err error) {
	if a.Decision == actions.Approve {
		if outdated, err = d.refuseOutdated(ctx, id); !outdated.IsZero() || err != nil && !errors.Is(err, actions.ErrRunIsOver) {
			return actions.Run{}, outdated, err
		}
	}
	run, err = d.change(id, func(r actions.Run) (actions.Run, error) {
		if a.Decision == actions.Abort && (r.Question == nil || r.Question.Code != actions.AskOutcome) {
			return d.o.Engine.Abort(ctx, r, a.By, a.Note)
		}
		return d.o.Engine.Answer(ctx, r, a)
	})
	return run, outdated, err
}

// The question of a run can be read a moment before the run waits for its answer. An answer waits
// for that, 200 ms at most.
const (
	answerTries = 40
	answerPoll  = 5 * time.Millisecond
)

// change lets a person change an open run.
func (d *Driver) change(id string, do func(actions.Run) (actions.Run, error)) (actions.Run, error) {
	one := d.find(id)
	if one == nil {
		return actions.Run{}, actions.ErrRunIsOver
	}
	one.mu.Lock()
	defer one.mu.Unlock()
	next, err := do(one.run)
	if err != nil {
		return one.run, err
	}
	one.run = next
	one.wakeUp()
	return next, nil
}

// find gives an open run, or nil.
func (d *Driver) find(id string) *driven {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.open[id]
}

// RefuseOutdated ends the rollbacks of a service that wait for an approval although the
// version that they would roll back is no longer the current one.
func (d *Driver) RefuseOutdated(ctx context.Context, service, environment string) {
	d.mu.Lock()
	all := slices.Collect(maps.Values(d.open))
	d.mu.Unlock()
	for _, one := range all {
		r := one.get()
		if r.Service != service || r.Environment != environment || !decide.AwaitsApproval(r) {
			continue
		}
		if _, err := d.refuseOutdated(ctx, r.ID); err != nil && !errors.Is(err, actions.ErrRunIsOver) {
			d.o.Log.Error("a rollback of a version that is gone still waits for approval", "run", r.ID, "error", err)
		}
	}
}

// refuseOutdated ends a rollback that waits for an approval when another version than the one
// that it would roll back is the current one. It says why, or nothing.
func (d *Driver) refuseOutdated(ctx context.Context, id string) (why reason.Reason, err error) {
	_, err = d.change(id, func(r actions.Run) (actions.Run, error) {
		no, outdated, err := d.o.Decider().Outdated(ctx, r)
		if err != nil || !outdated {
			return r, err
		}
		why = no.Detail
		return d.o.Engine.Refuse(ctx, ledger{d: d}, r, no)
	})
	return why, err
}

func (d *Driver) isDraining() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.draining
}

// Drain lets no run and no step begin any more, and waits until the steps under way have come
// to their end, at most so long. What waits for a person, for a check or between steps ends
// at once.
func (d *Driver) Drain(most time.Duration) {
	d.stopBeginning()
	done := make(chan struct{})
	go func() { d.wg.Wait(); close(done) }()
	over := time.NewTimer(most)
	defer over.Stop()
	look := time.NewTicker(min(max(most, time.Millisecond), drainPoll))
	defer look.Stop()
	for acting := true; acting; {
		select {
		case <-done:
			acting = false
		case <-over.C:
			acting = false
		case <-look.C:
			acting = d.o.Engine.Acting()
		}
	}
	d.cancel()
	<-done
}

// drainPoll is the time between two looks at whether a step is under way.
const drainPoll = 50 * time.Millisecond

// Wait lets no run begin any more and waits for the end of those whose leadership is over.
func (d *Driver) Wait() {
	d.stopBeginning()
	d.wg.Wait()
	d.cancel()
}

func (d *Driver) stopBeginning() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.draining = true
}
