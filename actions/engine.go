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

// Verifier tells whether what made a run necessary is over. An error means that it could not be
// seen, which is neither up nor down.
type Verifier interface {
	// Look looks at one check now, out of its schedule.
	Look(ctx context.Context, check string) (CheckResult, error)
	// Ask tells whether a run's counter, traffic or number is again as is tolerated, by what was
	// counted since a time, or whether an alert is resolved: then it is up.
	Ask(ctx context.Context, run Run, s Symptom, since time.Time) (CheckResult, error)
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
	// Forbids says, before each step, why a run must not do it, such as one of a drill that would touch
	// production: then the run ends. nil, or zero: it may.
	Forbids func(run Run, step RunbookStep) reason.Reason
	// Observer gets every run after each of its changes was recorded, in order per run. It
	// must not block, nor change what the run shares with its copies.
	Observer func(Run)
}

// Engine runs runbooks. It owns no goroutine: whoever calls Advance does the work.
type Engine struct {
	o       Options
	metrics *metrics

	mu     sync.Mutex
	claims map[string]*claim // by run ID: the runs that a call works on now
	latest map[string]Run    // by run ID: what was recorded last, of the runs in order
	order  []string
	steps  int // how many steps are under way
}

// maxLatest is how many runs an engine keeps the last record of, so that a caller with an old
// value of a run does not act on it again.
const maxLatest = 1024

// claim is the exclusive right of one call to work on a run.
type claim struct {
	wake  chan struct{} // closed when the run is to be aborted
	abort *abortRequest // under Engine.mu
}

type abortRequest struct{ by, note string }

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
	return &Engine{o: o, metrics: m, claims: map[string]*claim{}, latest: map[string]Run{}}, nil
}

// Request is a run that is to be created.
type Request struct {
	ID          string // "r_" and a ULID
	Service     string
	Environment string
	Runbook     string
	Trigger     Trigger
	Rollback    bool
	Author      Author // of the deploy that is rolled back
	Kind        string // of what is rolled back
	From, To    string
	Shops       []string  // that have the version From; none: all
	Symptoms    []Symptom // what made it necessary
	Failing     []string  // the checks that are down now
	Healthy     []string  // the service's checks that are up now
	// Approve is why a person must approve first; zero when nobody must.
	Approve reason.Reason
	// QueuedBehind is the run for whose end it waits, by Queue; zero when it does not wait.
	QueuedBehind reason.Reason
	// Irreversible: the deploy that is rolled back was announced as one that cannot be.
	Irreversible bool
	// Breach is how bad it is what it is to end, for those who are asked.
	Breach Breach
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
	entries := append([]Entry{e.entry(run, -1, "created", req.Trigger.Reason).by(req.Trigger.Person)}, e.started(run)...)
	return e.recordIn(ctx, ledger, Record{Run: run, Entries: entries, Refusals: req.Refusals})
}

// Dequeue lets a queued run begin as Create does, by a request of the same ID made of the
// facts of now. The run stays queued when the request says so. It gives ErrNotQueued when the
// run is not queued.
func (e *Engine) Dequeue(ctx context.Context, ledger Ledger, run Run, req Request) (Run, error) {
	_, run, err := e.claim(run)
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
		next.end(Refused, reason.New("run_runbook_gone", "runbook", req.Runbook), e.o.Now())
	}
	if next.State == Queued && next.Reason.Equal(run.Reason) {
		return run, nil
	}
	entries := e.started(next)
	if next.State != Queued {
		entries = append([]Entry{e.entry(next, -1, "turn", reason.New("run_dequeued"))}, entries...)
	}
	return e.recordIn(ctx, ledger, Record{Run: next, Before: &run, Entries: entries, Refusals: req.Refusals})
}

// NewRun decides how a run begins: Refused when a guard said no, Queued behind another run,
// AwaitingApproval when a person must approve, else Running. It is pure.
func NewRun(req Request, book *Runbook, now time.Time) Run {
	r := Run{
		ID: req.ID, Service: req.Service, Environment: req.Environment, Runbook: req.Runbook,
		Trigger: req.Trigger, Rollback: req.Rollback, Kind: req.Kind, From: req.From, To: req.To, Shops: req.Shops,
		Irreversible: req.Irreversible, State: Running, Created: now, Symptoms: req.Symptoms, Failing: req.Failing, Healthy: req.Healthy,
	}
	r.Steps = book.begin(r)
	var refused []reason.Reason
	approve, why := req.Approve, Code("")
	for _, f := range req.Refusals {
		if !f.Asks() {
			refused = append(refused, f.words())
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
			OnTimeout: book.Approval.OnTimeout, Quorum: book.Approval.Quorum, Roles: book.Approval.Roles,
		}
		if req.Rollback && (book.Approval.AuthorExcluded || book.Approval.Quorum > 1) {
			r.Question.without(req.Author)
		}
		if book.Approval.Timeout > 0 {
			r.Question.Until, r.Question.Within = now.Add(book.Approval.Timeout), book.Approval.Timeout.Seconds()
		}
		if req.Breach.fails() {
			r.Question.Breach = req.Breach.toldAt(now)
		}
	}
	return r
}

// Advance works on a run until it must wait for a person or is over, and gives it as it was
// recorded last. A run of any state may be given, also one that a crash left in the middle of
// a step, or an old value of it: the newest record counts. One call at a time works on a run:
// another one gets ErrRunIsActing.
//
// End ctx when the lease is lost, with ErrLostLease as its cause, or the guardian stops. When
// it ends during a step, the step is left as an intent without an outcome, which the next
// Advance resolves, and ctx's error is given; a step whose lease was lost does not undo what
// it did.
func (e *Engine) Advance(ctx context.Context, run Run) (Run, error) {
	c, run, err := e.claim(run)
	if err != nil {
		return run, err
	}
	defer e.release(run.ID)
	for {
		if a := e.abortOf(c); a != nil && !run.State.Final() {
			return e.abort(context.WithoutCancel(ctx), run, a)
		}
		switch run.State {
		case AwaitingApproval:
			next, changed := run.Expire(e.o.Now())
			if !changed {
				return run, nil
			}
			entry := e.entry(next, -1, "answered", next.Reason)
			if next.State.Final() {
				entry = e.ended(next)
			}
			run, err = e.record(ctx, run, next, entry)
		case Running:
			run, err = e.work(ctx, run, c)
		case Verifying:
			run, err = e.verify(ctx, run, c)
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
	_, run, err := e.claim(run)
	if err != nil {
		return run, err
	}
	defer e.release(run.ID)
	next, err := run.Answer(a, e.o.Now())
	if err != nil {
		return run, err
	}
	entries := []Entry{e.entry(next, run.Question.Step, "answered", a.words()).by(a.By)}
	if next.State.Final() {
		entries = append(entries, e.ended(next).by(a.By))
	}
	return e.record(ctx, run, next, entries...)
}

// Refuse ends a run that waits for an approval because a guard refuses it by now. It gives
// ErrNotAsked when the run does not wait for one.
func (e *Engine) Refuse(ctx context.Context, ledger Ledger, run Run, why Refusal) (Run, error) {
	_, run, err := e.claim(run)
	if err != nil {
		return run, err
	}
	defer e.release(run.ID)
	if err := run.waitsForApproval(); err != nil {
		return run, err
	}
	next := run.clone()
	next.end(Refused, why.words(), e.o.Now())
	return e.recordIn(ctx, ledger, Record{Run: next, Before: &run, Entries: []Entry{e.ended(next)}, Refusals: []Refusal{why}})
}

// Abort ends a run for a person. When Advance works on it, the step under way is allowed to
// finish first: the run is given as it stands, and Advance ends it.
func (e *Engine) Abort(ctx context.Context, run Run, by, note string) (Run, error) {
	e.mu.Lock()
	if c, ok := e.claims[run.ID]; ok {
		if c.abort == nil {
			c.abort = &abortRequest{by, note}
			close(c.wake)
		}
		e.mu.Unlock()
		return run, nil
	}
	e.claims[run.ID] = &claim{wake: make(chan struct{})}
	run = e.newest(run)
	e.mu.Unlock()
	defer e.release(run.ID)
	return e.abort(ctx, run, &abortRequest{by, note})
}

func (e *Engine) abort(ctx context.Context, run Run, a *abortRequest) (Run, error) {
	next, err := run.Abort(a.by, a.note, e.o.Now())
	if err != nil {
		return run, err
	}
	return e.record(ctx, run, next, e.ended(next).by(a.by))
}

// abortOf gives the request to abort the run of a claim, or nil.
func (e *Engine) abortOf(c *claim) *abortRequest {
	e.mu.Lock()
	defer e.mu.Unlock()
	return c.abort
}

// claim gives the exclusive right to work on a run, and the run as it was recorded last.
func (e *Engine) claim(run Run) (*claim, Run, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if _, ok := e.claims[run.ID]; ok {
		return nil, run, fmt.Errorf("run %s: %w", run.ID, ErrRunIsActing)
	}
	c := &claim{wake: make(chan struct{})}
	e.claims[run.ID] = c
	return c, e.newest(run), nil
}

func (e *Engine) release(id string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.claims, id)
}

// newest gives the run as this engine recorded it, when that is newer; under mu.
func (e *Engine) newest(run Run) Run {
	if known, ok := e.latest[run.ID]; ok && known.Rev > run.Rev {
		return known.clone()
	}
	return run
}

// keepLatest keeps what was recorded, of a bounded number of runs.
func (e *Engine) keepLatest(run Run) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if _, ok := e.latest[run.ID]; !ok {
		e.order = append(e.order, run.ID)
		if len(e.order) > maxLatest {
			delete(e.latest, e.order[0])
			e.order = append(e.order[:0], e.order[1:]...)
		}
	}
	e.latest[run.ID] = run.clone()
}

// Acting tells whether a step of any run is under way: from before its intent is recorded
// until after its outcome is.
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
