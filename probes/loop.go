package probes

import (
	"context"
	"fmt"
	"hash/fnv"
	"math"
	"runtime/debug"
	"sync/atomic"
	"time"

	"guardian/internal/reason"
	"guardian/probes/sample"
)

// maxWait is the longest that a loop sleeps before it reads the wall clock again, so that a
// calendar schedule notices when the clock was set.
const maxWait = time.Minute

// maxSpread is the longest wait for the first look of a check with a fixed interval.
const maxSpread = time.Minute

// sweepTimeout bounds what a Sweeper may take before its first look.
const sweepTimeout = time.Minute

// loop is the goroutine of one check.
type loop struct {
	runner          *Runner
	check           Check
	schedule        Schedule
	timeout         time.Duration
	asked           chan request
	after           <-chan struct{} // closed when this check's previous loop has ended; nil: none
	done            chan struct{}
	cancel          context.CancelCauseFunc
	breakOff        context.CancelCauseFunc // guarded by runner.mu; nil between looks
	swept           bool                    // since this guardian became the leader
	rechecks        rechecks                // the loop's own
	looked          chan struct{}           // holds one: a worker has made the look
	counts          *counts
	rechecksStopped atomic.Bool // until the check was up
}

// request asks a loop for a look now.
type request struct {
	ctx    context.Context //nolint:containedctx // the caller's, handed over a channel for one look
	answer chan answer     // holds one
}

type answer struct {
	sample sample.Sample
	err    error
}

func newLoop(r *Runner, c Check) *loop {
	l := &loop{
		runner: r, check: c, schedule: c.Schedule, asked: make(chan request), done: make(chan struct{}),
		looked: make(chan struct{}, 1), counts: r.metrics.add(c),
	}
	if c.Every <= 0 {
		l.check.Every = time.Minute
	}
	if l.schedule == nil {
		l.schedule = Interval(l.check.Every)
	}
	l.timeout = c.Timeout
	if l.timeout <= 0 || l.timeout >= l.check.Every {
		l.timeout = min(l.check.Every*9/10, DefaultTimeout)
	}
	l.rechecks.settings = c.Recheck
	return l
}

func (l *loop) stop() { l.cancel(ErrStopped) }

func (l *loop) run(ctx context.Context) {
	defer close(l.done)
	defer l.runner.ended(l)
	if l.after != nil {
		<-l.after // even when stopped already: the next loop of this check waits for this one alone
	}
	if c, ok := l.check.Probe.(Closer); ok {
		defer func() {
			if err := c.Close(); err != nil {
				l.runner.log.Warn("close probe", "check", l.check.Name, "err", l.runner.redact.Redact(err.Error()))
			}
		}()
	}

	defer l.drain()
	due := l.first(l.runner.now())
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		active, changed := l.runner.lease()
		if l.check.Active && !active {
			l.swept = false
			select {
			case <-ctx.Done():
			case <-changed:
				due = l.first(l.runner.now())
			case ask := <-l.asked:
				ask.answer <- answer{err: ErrStandby}
			}
			continue
		}
		if !l.check.Active {
			changed = nil
		}
		next, recheck := l.nextLook(due)
		timer.Reset(l.wait(next))
		select {
		case <-ctx.Done():
		case <-changed:
		case ask := <-l.asked:
			ask.answer <- l.lookRequested(ctx, ask)
		case <-timer.C:
			now := l.runner.now()
			if recheck && !now.Before(next) {
				l.recheck(ctx, now)
				continue
			}
			if now.Before(due) {
				// The wall clock was set back: do not wait for the difference to pass.
				if n := l.next(now); n.Before(due) {
					due = n
				}
				continue
			}
			due = l.onSchedule(ctx, due)
		}
	}
}

// onSchedule makes the look scheduled for due and returns when the next one is due.
func (l *loop) onSchedule(ctx context.Context, due time.Time) time.Time {
	now := l.runner.now()
	if later, why := l.mayLook(now); !why.IsZero() {
		next, leftOut := l.overBudget(due, now, later)
		if leftOut {
			// It fails only when the loop is stopped.
			if s, err := l.corrected(ctx, now, now, false, sample.Observation{Reason: reason.New("look_over_budget", "why", why)}); err == nil {
				l.handOver(s)
			}
		}
		return next
	}
	looked := l.runner.workers.do(ctx, l.looked, func() {
		l.counts.lag.Store(math.Float64bits(max(l.runner.now().Sub(due), 0).Seconds()))
		// It fails only when the look was stopped, which is nobody's concern here.
		_, _ = l.look(ctx, nil, false)
	})
	if !looked {
		return due
	}
	next, skipped := l.following(due, l.runner.now())
	l.counts.skipped.add(skipped)
	return next
}

// nextLook gives when the next look is due: as scheduled for due, or sooner for a recheck.
func (l *loop) nextLook(due time.Time) (at time.Time, recheck bool) {
	if at, ok := l.rechecks.next(due); ok && !l.rechecksStopped.Load() {
		return at, true
	}
	return due, false
}

// recheck looks between scheduled looks, if the budget allows it.
func (l *loop) recheck(ctx context.Context, now time.Time) {
	if _, why := l.mayLook(now); !why.IsZero() {
		l.counts.denied.add(1)
		l.rechecks.skipped(now)
		return
	}
	l.runner.workers.do(ctx, l.looked, func() {
		l.counts.rechecks.add(1)
		_, _ = l.look(ctx, nil, true)
	})
}

// look looks once and hands the sample on. It fails when the look was stopped.
func (l *loop) look(ctx, asker context.Context, recheck bool) (sample.Sample, error) {
	ctx, breakOff := context.WithCancelCause(ctx)
	defer breakOff(nil)
	if asker != nil {
		defer context.AfterFunc(asker, func() { breakOff(asker.Err()) })()
	}
	if err := l.runner.begin(l, breakOff); err != nil {
		return sample.Sample{}, err
	}
	defer l.runner.end(l)
	l.sweep(ctx)

	begin := l.runner.now()
	o := l.observe(ctx)
	end := l.runner.now()
	if ctx.Err() != nil {
		l.rechecks.skipped(end)
		return sample.Sample{}, context.Cause(ctx)
	}
	s, err := l.corrected(ctx, begin, end, recheck, o)
	if err != nil {
		l.rechecks.skipped(end)
		return s, err
	}
	if l.rechecks.looked(s.Health, begin, end); s.Health == sample.Up {
		l.rechecksStopped.Store(false)
	}
	l.counts.looks[s.Health].add(1)
	l.handOver(s)
	return s, nil
}

func (l *loop) handOver(s sample.Sample) {
	if l.runner.onSample != nil {
		l.runner.onSample(s)
	}
}

// corrected makes the sample of an observation. It fails when ctx ends.
func (l *loop) corrected(ctx context.Context, begin, end time.Time, recheck bool, o sample.Observation) (sample.Sample, error) {
	o.Reason, o.Detail = o.Reason.Redact(l.runner.redact.Redact), l.runner.redact.Redact(o.Detail)
	s := sample.Sample{
		Check: l.check.Name, Kind: l.check.Kind, Service: l.check.Service, Labels: l.check.Labels,
		At: begin.Round(0).UTC(), Duration: max(end.Sub(begin), 0), Recheck: recheck, Observation: o,
	}
	if l.runner.correct != nil {
		if s = l.runner.correct(ctx, s); ctx.Err() != nil {
			return sample.Sample{}, context.Cause(ctx)
		}
	}
	return s, nil
}

// observe looks within the check's timeout, with its retries.
func (l *loop) observe(ctx context.Context) sample.Observation {
	ctx, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	o, tries := l.check.Retry.Do(ctx, l.once)
	if tries > 1 {
		l.counts.retries.add(tries - 1)
	}
	return o
}

// once tries once to look; a panic becomes Unknown.
func (l *loop) once(ctx context.Context) (o sample.Observation) {
	defer func() {
		if p := recover(); p != nil {
			o = sample.Observation{Reason: reason.New("probe_panicked", "error", l.panicked(p))}
		}
	}()
	return l.check.Probe.Look(ctx)
}

// sweep lets a Sweeper remove what a crash left behind, once each time this guardian becomes the leader.
func (l *loop) sweep(ctx context.Context) {
	s, ok := l.check.Probe.(Sweeper)
	if !ok || l.swept {
		return
	}
	l.swept = true
	ctx, cancel := context.WithTimeout(ctx, sweepTimeout)
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			l.panicked(p)
		}
	}()
	if err := s.Sweep(ctx); err != nil {
		l.runner.log.Warn("sweep before the first look", "check", l.check.Name, "err", l.runner.redact.Redact(err.Error()))
	}
}

// drain waits for what the check's looks have on their way, and names in the log what is left.
func (l *loop) drain() {
	d, ok := l.check.Probe.(Drainer)
	wait, stopping := l.runner.draining(l)
	if !ok || wait <= 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			l.panicked(p)
		}
	}()
	left := d.Drain(ctx)
	switch {
	case len(left) == 0:
	case stopping:
		l.runner.log.Warn("synthetic orders may be left; the next start cleans them up", "check", l.check.Name, "orders", left)
	default:
		l.runner.log.Warn("synthetic orders of a check that was removed may be left; look for them and remove them by hand", "check", l.check.Name, "orders", left)
	}
}

func (l *loop) panicked(p any) string {
	l.counts.panics.add(1)
	what := l.runner.redact.Redact(oneLine(fmt.Sprint(p), 500))
	l.runner.log.Error("probe panicked", "check", l.check.Name, "kind", l.check.Kind, "panic", what,
		"stack", l.runner.redact.Redact(string(debug.Stack())))
	return what
}

// first returns when the first look is due. Checks with fixed intervals are spread by a hash of
// their names, so that they do not all begin at once; a calendar schedule is followed as it is.
func (l *loop) first(now time.Time) time.Time {
	if _, ok := l.schedule.(Interval); !ok {
		return l.next(now)
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(l.check.Name))
	spread := min(l.check.Every, maxSpread)
	// FNV's low bits differ little for names that differ in the last letter; fold in the high ones.
	sum := h.Sum64()
	sum ^= sum >> 32
	return now.Add(time.Duration(sum % uint64(spread)))
}

// next returns when the schedule is due after t.
func (l *loop) next(t time.Time) time.Time {
	if i, ok := l.schedule.(Interval); ok {
		return i.Next(t) // keeps the monotonic reading, so that fixed intervals do not depend on the wall clock
	}
	n := l.schedule.Next(t.Round(0)).Round(0)
	if n.IsZero() { // what cron gives for never
		return t.AddDate(1, 0, 0)
	}
	return n
}

// following returns the first due time after now, and how many before it were missed.
func (l *loop) following(due, now time.Time) (time.Time, int) {
	if i, ok := l.schedule.(Interval); ok {
		missed := max(now.Sub(due), 0) / time.Duration(i)
		return due.Add((missed + 1) * time.Duration(i)), int(missed)
	}
	const tooMany = 1000 // a wrong count is better than a loop over years when the clock was set
	next, missed := l.next(due), 0
	for ; !next.After(now) && missed < tooMany; missed++ {
		next = l.next(next)
	}
	if !next.After(now) {
		next = l.next(now)
	}
	return next, missed
}

func (l *loop) wait(due time.Time) time.Duration {
	return min(max(due.Sub(l.runner.now()), 0), maxWait, l.check.Every)
}
