package actions

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"guardian/internal/reason"
)

// ErrLostLease says that this guardian no longer acts: another one has the lease. A Ledger
// gives it (wrapped or not) for a write that was fenced; Advance gives it and has stopped
// without acting.
var ErrLostLease = errors.New("this guardian no longer holds the lease")

// Record is one change of a run, as it is written to the ledger.
type Record struct {
	Run     Run
	Before  *Run // the run as it was recorded before; nil for its first record
	Entries []Entry
	// Refusals is what the guards said, when they were asked for this change.
	Refusals []Refusal
}

// Ledger keeps runs durably. Record returns when the run and the entries are on disk, in one
// transaction; it gives ErrLostLease when another guardian has taken over. Create, Dequeue
// and Refuse take a ledger of their own: their callers may commit more than the run in the
// same transaction, such as the verdict that led to it.
type Ledger interface {
	Record(ctx context.Context, r Record) error
}

// Verifier looks at one check now, out of its schedule. An error means that it could not be
// looked at, which is neither up nor down.
type Verifier interface {
	Look(ctx context.Context, check string) (CheckResult, error)
}

// Options is what an Engine is made of. All fields but Registerer and Observer are needed.
type Options struct {
	Runbooks func(name string) (*Runbook, bool)
	Ledger   Ledger
	Verifier Verifier
	Now      func() time.Time
	Log      *slog.Logger
	// Registerer takes the metrics; nil: none are registered.
	Registerer prometheus.Registerer
	// LeaseValid tells, at the last moment before an act, whether this guardian may still act.
	LeaseValid func() bool
	// Observer hears of every run after each of its changes was recorded, in order per run.
	// It must not block, nor change what the run shares with its copies.
	Observer func(Run)
}

// Engine runs runbooks. It owns no goroutine: whoever calls Advance does the work.
type Engine struct {
	o       Options
	metrics *metrics

	mu     sync.Mutex
	busy   map[string]*hold // by run ID: the runs that a call works on now
	latest map[string]Run   // by run ID: what was recorded last, of the runs in order
	order  []string
	steps  int // how many steps are under way
}

// remembered is how many runs' last records an engine keeps, so that who comes with an old
// value of a run does not act on it again.
const remembered = 1024

// hold is one call's right to work on a run.
type hold struct {
	wake  chan struct{} // closed when an abort was asked for
	abort *abortWish    // under Engine.mu
}

type abortWish struct{ by, note string }

// NewEngine makes an engine. It does nothing until it is called.
func NewEngine(o Options) (*Engine, error) {
	var missing []string
	for name, absent := range map[string]bool{
		"Runbooks": o.Runbooks == nil, "Ledger": o.Ledger == nil, "Verifier": o.Verifier == nil,
		"Now": o.Now == nil, "Log": o.Log == nil, "LeaseValid": o.LeaseValid == nil,
	} {
		if absent {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		return nil, fmt.Errorf("make the engine of runs: options %s are missing", strings.Join(missing, ", "))
	}
	m, err := newMetrics(o.Registerer)
	if err != nil {
		return nil, fmt.Errorf("make the engine of runs: %w", err)
	}
	return &Engine{o: o, metrics: m, busy: map[string]*hold{}, latest: map[string]Run{}}, nil
}

// Request is a run that somebody wants.
type Request struct {
	ID          string // "r_" and a ULID
	Service     string
	Environment string
	Runbook     string
	Trigger     Trigger
	Rollback    bool
	From, To    string
	Failing     []string // the checks that made it necessary
	Healthy     []string // the service's checks that are up now
	// Approve is why a person must approve first; zero when nobody must.
	Approve reason.Reason
	// QueuedBehind is the run for whose end it waits, by Queue; zero when it does not wait.
	QueuedBehind reason.Reason
	// Refusals is what Guard said.
	Refusals []Refusal
}

// Create makes a run and records it: Refused when a guard said no, Queued when there is a
// Request.QueuedBehind, AwaitingApproval when a person must approve (Request.Approve, or a
// refusal that Asks), else Running. It does not act: call Advance.
func (e *Engine) Create(ctx context.Context, ledger Ledger, req Request) (Run, error) {
	book, ok := e.o.Runbooks(req.Runbook)
	if !ok {
		return Run{}, fmt.Errorf("create run: there is no runbook %q; name one of the configuration's runbooks", req.Runbook)
	}
	run := NewRun(req, book, e.o.Now())
	entries := append([]Entry{e.entry(run, -1, "created", req.Trigger.Reason, req.Trigger.Person)}, e.begun(run)...)
	return e.recordIn(ctx, ledger, Record{Run: run, Entries: entries, Refusals: req.Refusals})
}

// Dequeue asks again whether a queued run may begin: the request is the one of now, of the
// same ID. The run begins as Create lets one begin, or stays queued; it gives ErrNotQueued
// when the run is not queued.
func (e *Engine) Dequeue(ctx context.Context, ledger Ledger, run Run, req Request) (Run, error) {
	_, run, err := e.take(run)
	if err != nil {
		return run, err
	}
	defer e.release(run.ID)
	if run.State != Queued {
		return run, fmt.Errorf("%w: it is %s", ErrNotQueued, run.State)
	}
	next := run.clone()
	if book, ok := e.o.Runbooks(req.Runbook); ok {
		next = NewRun(req, book, e.o.Now())
		next.Created, next.Answers = run.Created, run.Answers
	} else {
		next.end(Refused, reason.Text(fmt.Sprintf("runbook %s is no longer in the configuration", req.Runbook)), e.o.Now())
	}
	if next.State == Queued && next.Reason.Equal(run.Reason) {
		return run, nil
	}
	entries := e.begun(next)
	if next.State != Queued {
		entries = append([]Entry{e.entry(next, -1, "turn", reason.Text("the guards were asked again"), "")}, entries...)
	}
	return e.recordIn(ctx, ledger, Record{Run: next, Before: &run, Entries: entries, Refusals: req.Refusals})
}

// begun are the ledger's lines of how a run begins.
func (e *Engine) begun(run Run) []Entry {
	switch {
	case run.State == Queued:
		return []Entry{e.entry(run, -1, "waits", run.Reason, "")}
	case run.State == AwaitingApproval:
		return []Entry{e.entry(run, -1, "asked", run.Question.Text, "")}
	case run.State.Final():
		return []Entry{e.ended(run, "")}
	default:
		return nil
	}
}

// NewRun decides how a run begins: Refused when a guard said no, Queued behind another run,
// AwaitingApproval when a person must approve, else Running. It is pure.
func NewRun(req Request, book *Runbook, now time.Time) Run {
	r := Run{
		ID: req.ID, Service: req.Service, Environment: req.Environment, Runbook: req.Runbook,
		Trigger: req.Trigger, Rollback: req.Rollback, From: req.From, To: req.To,
		State: Running, Created: now, Failing: req.Failing, Healthy: req.Healthy,
	}
	for _, s := range book.Steps {
		r.Steps = append(r.Steps, StepRun{Name: s.Name, Kind: s.Kind, State: StepPending})
	}
	var refused []reason.Reason
	approve, why := req.Approve, Code("")
	for _, f := range req.Refusals {
		if !f.Asks() {
			refused = append(refused, reason.Text(fmt.Sprintf("%s: %s", f.Code, f.Detail)))
		} else if approve.IsZero() {
			approve, why = f.Detail, f.Code
		}
	}
	switch {
	case len(refused) > 0:
		r.end(Refused, reason.Join(refused...), now)
	case !req.QueuedBehind.IsZero():
		r.State, r.Reason = Queued, req.QueuedBehind
	case !approve.IsZero():
		r.State, r.Reason = AwaitingApproval, approve
		r.Question = &Question{
			Code: AskApproval, Text: approve, Why: why,
			OnTimeout: book.Approval.OnTimeout, Quorum: max(book.Approval.Quorum, 1), Roles: book.Approval.Roles,
		}
		if book.Approval.Within > 0 {
			r.Question.Until = now.Add(book.Approval.Within)
		}
	}
	return r
}

// Advance takes a run from where it stands to where it must wait or ends, and gives it as it
// was recorded last. A run of any state may be given, also one that a crash left in the
// middle of a step, or an old value of it: the newest record counts. One call at a time works
// on a run: another one gets ErrRunIsActing.
//
// End ctx when the lease is lost, with ErrLostLease as its cause, or the guardian stops. When
// it ends during a step, the step is left as an open intent for the next Advance to resolve,
// and ctx's error is given; a step whose lease was lost does not take back what it did.
func (e *Engine) Advance(ctx context.Context, run Run) (Run, error) {
	h, run, err := e.take(run)
	if err != nil {
		return run, err
	}
	defer e.release(run.ID)
	for {
		if a := e.aborted(h); a != nil && !run.State.Final() {
			return e.abort(context.WithoutCancel(ctx), run, a)
		}
		switch run.State {
		case AwaitingApproval:
			next, changed := run.Expire(e.o.Now())
			if !changed {
				return run, nil
			}
			what := "answered"
			if next.State.Final() {
				what = "ended"
			}
			run, err = e.record(ctx, run, next, e.entry(next, -1, what, next.Reason, ""))
		case Running:
			run, err = e.work(ctx, run)
		case Verifying:
			run, err = e.verify(ctx, run, h)
		case Queued, Cured, NotCured, Worse, FailedRun, Rejected, Expired, Refused:
			return run, nil
		default:
			return run, fmt.Errorf("advance run %s: no state %q", run.ID, run.State)
		}
		if err != nil && !errors.Is(err, errAborted) {
			return run, err
		}
	}
}

// Answer applies a person's answer and records it. The run does not act: call Advance when
// its state is Running.
func (e *Engine) Answer(ctx context.Context, run Run, a Answer) (Run, error) {
	_, run, err := e.take(run)
	if err != nil {
		return run, err
	}
	defer e.release(run.ID)
	next, err := run.Answer(a, e.o.Now())
	if err != nil {
		return run, err
	}
	entries := []Entry{e.entry(next, run.Question.Step, "answered", reason.Text(withNote(a.Decision, a.Note)), a.By)}
	if next.State.Final() {
		entries = append(entries, e.ended(next, a.By))
	}
	return e.record(ctx, run, next, entries...)
}

// Refuse ends a run that waits for an approval because a guard says no by now. It gives
// ErrNotAsked when it waits for none.
func (e *Engine) Refuse(ctx context.Context, ledger Ledger, run Run, why Refusal) (Run, error) {
	_, run, err := e.take(run)
	if err != nil {
		return run, err
	}
	defer e.release(run.ID)
	if run.State != AwaitingApproval || run.Question == nil || run.Question.Code != AskApproval {
		return run, fmt.Errorf("%w: it is %s", ErrNotAsked, run.State)
	}
	next := run.clone()
	next.end(Refused, reason.Text(fmt.Sprintf("%s: %s", why.Code, why.Detail)), e.o.Now())
	return e.recordIn(ctx, ledger, Record{Run: next, Before: &run, Entries: []Entry{e.ended(next, "")}, Refusals: []Refusal{why}})
}

// Abort ends a run for a person. When it is being advanced, the step under way is let to its
// end first: the run is given as it stands, and Advance ends it.
func (e *Engine) Abort(ctx context.Context, run Run, by, note string) (Run, error) {
	e.mu.Lock()
	if h, ok := e.busy[run.ID]; ok {
		if h.abort == nil {
			h.abort = &abortWish{by, note}
			close(h.wake)
		}
		e.mu.Unlock()
		return run, nil
	}
	e.busy[run.ID] = &hold{wake: make(chan struct{})}
	run = e.newest(run)
	e.mu.Unlock()
	defer e.release(run.ID)
	return e.abort(ctx, run, &abortWish{by, note})
}

func (e *Engine) abort(ctx context.Context, run Run, a *abortWish) (Run, error) {
	next, err := run.Abort(a.by, a.note, e.o.Now())
	if err != nil {
		return run, err
	}
	return e.record(ctx, run, next, e.ended(next, a.by))
}

// take gives the right to work on a run, and the run as it was recorded last.
func (e *Engine) take(run Run) (*hold, Run, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if _, ok := e.busy[run.ID]; ok {
		return nil, run, fmt.Errorf("run %s: %w", run.ID, ErrRunIsActing)
	}
	h := &hold{wake: make(chan struct{})}
	e.busy[run.ID] = h
	return h, e.newest(run), nil
}

// newest gives the run as this engine recorded it, when that is newer; under mu.
func (e *Engine) newest(run Run) Run {
	if known, ok := e.latest[run.ID]; ok && known.Rev > run.Rev {
		return known.clone()
	}
	return run
}

// remember keeps what was recorded, of a bounded number of runs.
func (e *Engine) remember(run Run) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if _, ok := e.latest[run.ID]; !ok {
		e.order = append(e.order, run.ID)
		if len(e.order) > remembered {
			delete(e.latest, e.order[0])
			e.order = append(e.order[:0], e.order[1:]...)
		}
	}
	e.latest[run.ID] = run.clone()
}

func (e *Engine) release(id string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.busy, id)
}

// Acting tells whether a step of any run is under way: its intent is being recorded, or is
// and its outcome is not.
func (e *Engine) Acting() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.steps > 0
}

func (e *Engine) countSteps(n int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.steps += n
}

func (e *Engine) aborted(h *hold) *abortWish {
	e.mu.Lock()
	defer e.mu.Unlock()
	return h.abort
}

// record makes a change durable in the engine's own ledger; see recordIn.
func (e *Engine) record(ctx context.Context, before, next Run, entries ...Entry) (Run, error) {
	return e.recordIn(ctx, e.o.Ledger, Record{Run: next, Before: &before, Entries: entries})
}

// recordIn makes a change durable and gives the run as it is recorded now: r.Run, or when it
// could not be recorded, r.Before.
func (e *Engine) recordIn(ctx context.Context, ledger Ledger, r Record) (Run, error) {
	var before Run
	if r.Before != nil {
		before = r.Before.clone()
		r.Before = &before
	}
	next := r.Run
	next.Rev = before.Rev + 1
	r.Run = next.clone()
	if err := ledger.Record(ctx, r); err != nil {
		if errors.Is(err, ErrLostLease) {
			return before, err
		}
		return before, fmt.Errorf("run %s: record %s in the ledger: %w", next.ID, r.Entries[0].What, err)
	}
	e.remember(next)
	if next.State.Final() && (r.Before == nil || !before.State.Final()) {
		e.metrics.runs.WithLabelValues(string(next.Trigger.Kind), string(next.State)).Inc()
	}
	if e.o.Observer != nil {
		e.o.Observer(next.clone())
	}
	return next, nil
}

// ended is the entry of a run that is over.
func (e *Engine) ended(r Run, by string) Entry {
	return e.entry(r, -1, "ended", reason.Join(reason.Text(string(r.State)+":"), r.Reason), by)
}

func (e *Engine) entry(r Run, step int, what string, detail reason.Reason, by string) Entry {
	en := Entry{Run: r.ID, Step: step, What: what, Detail: detail, By: by, At: e.o.Now()}
	if step >= 0 && step < len(r.Steps) {
		en.Intent = r.Steps[step].Intent
	}
	return en
}
