package probes

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"guardian/internal/secret"
	"guardian/probes/sample"
)

// DefaultTimeout is the timeout of a look whose check sets none.
const DefaultTimeout = 30 * time.Second

// defaultMaxLooks bounds the sockets and the memory that looks under way use.
const defaultMaxLooks = 256

// The errors of LookNow.
var (
	ErrNoCheck = errors.New("there is no such check")
	ErrStandby = errors.New("this guardian is on standby: only the one that holds the lease looks at this kind")
	ErrStopped = errors.New("the check was stopped")
)

// RunnerOptions are what a Runner needs; OnSample alone must be set.
type RunnerOptions struct {
	Log        *slog.Logger
	Registerer prometheus.Registerer
	Now        func() time.Time
	// OnSample is called with every sample, one at a time for each check: while it runs, the check
	// is not looked at. Looks that the runner itself stopped give no sample.
	OnSample func(sample.Sample)
	// Correct changes a sample before OnSample or a caller of LookNow gets it; nil changes nothing.
	// It may wait; ctx ends when the look is stopped.
	Correct func(ctx context.Context, s sample.Sample) sample.Sample
	// Budget decides whether a look may be made; nil allows all.
	Budget Budget
	// Redactor redacts reasons, details and panics once more at the end; nil redacts nothing.
	Redactor *secret.Redactor
	// Drain is how long Stop, or the end of a check, waits for what a Drainer has on its way; 0: not.
	Drain time.Duration
	// MaxLooks is how many looks may be under way at once; 0: 256.
	MaxLooks int
}

// Runner looks at checks on schedule: one goroutine per check, never two looks of a check at
// once. Looks that were missed are counted and not made up for. Waits use the monotonic clock, so
// that a step of the wall clock causes neither many looks at once nor a long pause.
type Runner struct {
	log      *slog.Logger
	now      func() time.Time
	onSample func(sample.Sample)
	correct  func(context.Context, sample.Sample) sample.Sample
	budget   Budget
	redact   *secret.Redactor
	drain    time.Duration
	metrics  *metrics
	workers  *workerPool
	loops    sync.WaitGroup

	mu      sync.Mutex
	running map[string]*loop
	active  bool
	changed chan struct{} // closed and replaced when active changes
	stopped bool
}

// NewRunner makes a Runner on standby: checks of Active kinds wait for SetActive(true).
func NewRunner(o RunnerOptions) *Runner {
	env := Env{Log: o.Log, Now: o.Now}.withDefaults()
	if o.MaxLooks <= 0 {
		o.MaxLooks = defaultMaxLooks
	}
	return &Runner{
		log:      env.Log,
		now:      env.Now,
		onSample: o.OnSample,
		correct:  o.Correct,
		budget:   o.Budget,
		redact:   o.Redactor,
		drain:    o.Drain,
		metrics:  newMetrics(o.Registerer),
		workers:  newWorkerPool(o.MaxLooks),
		running:  map[string]*loop{},
		changed:  make(chan struct{}),
	}
}

// Apply replaces the set of running checks: it starts new ones, stops those that are gone, and
// keeps those whose name and fingerprint are the same, with their probe and state. It does not
// wait for looks that it stops; the first look of a changed check comes after the last of the old.
func (r *Runner) Apply(checks []Check) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stopped {
		return
	}
	wanted := make(map[string]bool, len(checks))
	for _, c := range checks {
		wanted[c.Name] = true
	}
	for name, l := range r.running {
		if !wanted[name] {
			delete(r.running, name)
			l.stop()
		}
	}
	for _, c := range checks {
		old := r.running[c.Name]
		if old != nil && old.check.Fingerprint == c.Fingerprint && c.Fingerprint != "" {
			continue
		}
		l := newLoop(r, c)
		if old != nil {
			l.after = old.done
			old.stop()
		}
		r.running[c.Name] = l
		// The loop outlives the caller; Stop and Apply end it.
		ctx, cancel := context.WithCancelCause(context.Background())
		l.cancel = cancel
		r.loops.Go(func() { l.run(ctx) })
	}
}

// LookNow looks at a check at once, or right after a look that is under way, and returns the
// sample, which OnSample gets too. It fails with ErrNoCheck, ErrStandby, ErrStopped or ctx's error.
func (r *Runner) LookNow(ctx context.Context, check string) (sample.Sample, error) {
	r.mu.Lock()
	l := r.running[check]
	r.mu.Unlock()
	if l == nil {
		return sample.Sample{}, fmt.Errorf("look at %s: %w", check, ErrNoCheck)
	}
	ask := request{ctx: ctx, answer: make(chan answer, 1)}
	select {
	case l.asked <- ask:
	case <-l.done:
		return sample.Sample{}, fmt.Errorf("look at %s: %w", check, ErrStopped)
	case <-ctx.Done():
		return sample.Sample{}, fmt.Errorf("look at %s: %w", check, ctx.Err())
	}
	select {
	case a := <-ask.answer:
		if a.err != nil {
			return sample.Sample{}, fmt.Errorf("look at %s: %w", check, a.err)
		}
		return a.sample, nil
	case <-ctx.Done():
		return sample.Sample{}, fmt.Errorf("look at %s: %w", check, ctx.Err())
	}
}

// soonTimeout bounds a look that nobody waits for.
const soonTimeout = 10 * time.Second

// LookSoon looks at a check as LookNow does, without waiting for the result, which OnSample gets.
func (r *Runner) LookSoon(check string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stopped {
		return
	}
	r.loops.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), soonTimeout)
		defer cancel()
		_, _ = r.LookNow(ctx, check)
	})
}

// StopRechecks ends the rechecks of these checks until they were up again: a verdict on them has
// been reached, and further rechecks would add nothing.
func (r *Runner) StopRechecks(checks ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, name := range checks {
		if l := r.running[name]; l != nil {
			l.rechecksStopped.Store(true)
		}
	}
}

// SetActive tells the Runner whether this guardian holds the lease. Without it, checks of Active
// kinds are not looked at, and looks of theirs that are under way are stopped.
func (r *Runner) SetActive(active bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.active == active {
		return
	}
	r.active = active
	close(r.changed)
	r.changed = make(chan struct{})
	if active {
		return
	}
	for _, l := range r.running {
		if l.check.Active && l.breakOff != nil {
			l.breakOff(ErrStandby)
		}
	}
}

// Stop stops all looks and waits until they have ended or ctx is done.
func (r *Runner) Stop(ctx context.Context) error {
	r.mu.Lock()
	r.stopped = true
	if deadline, ok := ctx.Deadline(); ok {
		// The rest of the time is for what stops after the checks.
		r.drain = min(r.drain, max(time.Until(deadline)/2, 0))
	}
	for name, l := range r.running {
		delete(r.running, name)
		l.stop()
	}
	r.mu.Unlock()

	over := make(chan struct{})
	go func() {
		r.loops.Wait()
		r.workers.stop()
		close(over)
	}()
	select {
	case <-over:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for looks under way: %w", ctx.Err())
	}
}

// lease reports whether this guardian is active; changed is closed when that changes.
func (r *Runner) lease() (active bool, changed <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.active, r.changed
}

// begin registers how a look of the loop is stopped; on standby it fails.
func (r *Runner) begin(l *loop, breakOff context.CancelCauseFunc) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if l.check.Active && !r.active {
		return ErrStandby
	}
	l.breakOff = breakOff
	return nil
}

func (r *Runner) end(l *loop) {
	r.mu.Lock()
	defer r.mu.Unlock()
	l.breakOff = nil
}

// draining returns how long a stopped loop may wait for what is on its way, and whether the runner stops;
// 0 where another loop of the check goes on, or another guardian leads.
func (r *Runner) draining(l *loop) (wait time.Duration, stopping bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.running[l.check.Name] != nil || l.check.Active && !r.active {
		return 0, r.stopped
	}
	return r.drain, r.stopped
}

// ended removes the metrics of a check whose loop has ended, unless another runs by its name.
func (r *Runner) ended(l *loop) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.running[l.check.Name] == nil {
		r.metrics.remove(l.check.Name)
	}
}
