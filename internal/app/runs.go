package app

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"guardian/actions"
	"guardian/internal/announce"
	"guardian/internal/store"
	"guardian/notifiers"
	"guardian/probes/sample"
	"guardian/watch"
)

// runs drives the open runs of a term: one goroutine each.
type runs struct {
	app *App
	t   *term

	mu   sync.Mutex
	open map[string]*driven
	// draining: no new run begins to act.
	draining bool
	cancel   context.CancelFunc
	ctx      context.Context //nolint:containedctx // of the runs under way: it ends before the term's when the process stops in order
	wg       sync.WaitGroup
}

// driven is an open run.
type driven struct {
	mu   sync.Mutex // held while a person's answer is written down
	run  actions.Run
	wake chan struct{} // holds one
	// driven: its goroutine was started; under the lock of all runs.
	driven bool
}

func (a *App) resumeRuns(ctx context.Context, t *term) (*runs, error) {
	rs := &runs{app: a, t: t, open: map[string]*driven{}}
	rs.ctx, rs.cancel = context.WithCancel(t.ctx)
	stored, err := a.store.Runs(ctx, store.RunFilter{Open: true})
	if err != nil {
		return nil, fmt.Errorf("read the open runs: %w", err)
	}
	for _, r := range stored {
		rs.open[r.ID] = &driven{run: r, wake: make(chan struct{}, 1)}
	}
	return rs, nil
}

func (rs *runs) start() {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	for _, d := range rs.open {
		if !d.driven {
			rs.begin(d)
		}
	}
}

// begin drives a run from now on; under mu.
func (rs *runs) begin(d *driven) {
	d.driven = true
	rs.wg.Go(func() { rs.drive(d) })
}

// drain lets no run and no step begin any more, and waits until the steps under way have come
// to their end, at most so long. What waits for a person, for a check or between steps ends
// at once.
func (rs *runs) drain(most time.Duration) {
	rs.mu.Lock()
	rs.draining = true
	rs.mu.Unlock()
	done := make(chan struct{})
	go func() { rs.wg.Wait(); close(done) }()
	over := time.After(most)
	look := time.NewTicker(min(most, idle))
	defer look.Stop()
	for acting := true; acting; {
		select {
		case <-done:
			acting = false
		case <-over:
			acting = false
		case <-look.C:
			acting = rs.app.engine.Acting()
		}
	}
	rs.cancel()
	<-done
}

func (rs *runs) isDraining() bool {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	return rs.draining
}

// wait lets no run begin any more and waits for the end of those whose term is over.
func (rs *runs) wait() {
	rs.mu.Lock()
	rs.draining = true
	rs.mu.Unlock()
	rs.wg.Wait()
}

// idle is the time between two looks of drain at whether anything acts.
const idle = 50 * time.Millisecond

func (rs *runs) get(id string) (*driven, bool) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	d, ok := rs.open[id]
	return d, ok
}

func (rs *runs) add(r actions.Run) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if rs.draining || r.State.Final() {
		return
	}
	d := &driven{run: r, wake: make(chan struct{}, 1)}
	rs.open[r.ID] = d
	rs.begin(d)
}

// drive takes a run to its end, or to where the term ends.
func (rs *runs) drive(d *driven) {
	a := rs.app
	defer func() {
		d.mu.Lock()
		id, final := d.run.ID, d.run.State.Final()
		d.mu.Unlock()
		if final {
			rs.mu.Lock()
			delete(rs.open, id)
			rs.mu.Unlock()
			rs.wakeWaiting()
		}
	}()
	for rs.ctx.Err() == nil {
		d.mu.Lock()
		run := d.run
		d.mu.Unlock()
		if run.State == actions.Queued {
			rs.waitTurn(d, run)
			continue
		}
		next, err := a.engine.Advance(rs.ctx, run)
		d.mu.Lock()
		d.run = next
		d.mu.Unlock()
		switch {
		case errors.Is(err, actions.ErrLostLease), errors.Is(err, errStopping), rs.ctx.Err() != nil:
			return
		case err != nil:
			a.log.Error("a run could not go on; trying again", "run", run.ID, "error", err)
			select {
			case <-rs.ctx.Done():
			case <-time.After(time.Second):
			}
			continue
		case next.State.Final():
			return
		}
		// It waits for a person, or for the time of the question to be over.
		var over <-chan time.Time
		if q := next.Question; q != nil && !q.Until.IsZero() {
			timer := time.NewTimer(max(0, q.Until.Sub(a.now())))
			defer timer.Stop()
			over = timer.C
		}
		select {
		case <-rs.ctx.Done():
		case <-d.wake:
		case <-over:
		}
	}
}

// answer lets a person decide about a run.
func (rs *runs) answer(id string, do func(actions.Run) (actions.Run, error)) (actions.Run, error) {
	d, ok := rs.get(id)
	if !ok {
		return actions.Run{}, actions.ErrRunIsOver
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	next, err := do(d.run)
	if err != nil {
		return d.run, err
	}
	d.run = next
	select {
	case d.wake <- struct{}{}:
	default:
	}
	return next, nil
}

// outdate ends the rollbacks of a service that wait for an approval although the version that
// they would take back is no longer the current one: whoever approved one would take back
// another version than they read of.
func (a *App) outdate(ctx context.Context, t *term, service, environment string) {
	for _, run := range t.runs.waiting(service, environment) {
		if _, err := a.refuseOutdated(ctx, t, run.ID); err != nil {
			a.log.Error("a rollback of a version that is gone still waits for approval", "run", run.ID, "error", err)
		}
	}
}

// waiting gives the rollbacks of a service that wait for an approval.
func (rs *runs) waiting(service, environment string) []actions.Run {
	rs.mu.Lock()
	all := slices.Collect(maps.Values(rs.open))
	rs.mu.Unlock()
	var found []actions.Run
	for _, d := range all {
		d.mu.Lock()
		r := d.run
		d.mu.Unlock()
		if r.Service == service && r.Environment == environment && asksToRollBack(r) {
			found = append(found, r)
		}
	}
	return found
}

func asksToRollBack(r actions.Run) bool {
	return r.Rollback && r.Trigger.Kind != actions.ByDrill && r.State == actions.AwaitingApproval &&
		r.Question != nil && r.Question.Code == actions.AskApproval
}

// refuseOutdated ends a rollback that waits for an approval when another version than the one
// that it would take back is the current one. It says why, or "".
func (a *App) refuseOutdated(ctx context.Context, t *term, id string) (why string, err error) {
	_, err = t.runs.answer(id, func(r actions.Run) (actions.Run, error) {
		if !asksToRollBack(r) {
			return r, nil
		}
		current, err := a.currentVersion(ctx, r.Service, r.Environment)
		if err != nil || current == "" || current == r.From {
			return r, err
		}
		no := actions.NewSuperseded(r.From, current)
		why = no.Detail.String()
		return a.engine.Refuse(ctx, ledger{app: a}, r, no)
	})
	return why, err
}

// startRun records a run and lets it begin.
func (a *App) startRun(t *term, req actions.Request, in ledger) error {
	run, err := a.engine.Create(t.ctx, in, req)
	if err != nil {
		return err
	}
	t.runs.add(run)
	return nil
}

// ledger is the journal as the engine sees it: the run, its ledger's lines, the notices
// about where it stands now, and what led to it are one transaction.
type ledger struct {
	app  *App
	with store.Batch // what is committed together with the run
	wake []string    // the receivers of with's notices
}

// Record implements actions.Ledger.
func (l ledger) Record(_ context.Context, r actions.Record) error {
	a, run := l.app, r.Run
	t := a.term.Load()
	if t == nil {
		return actions.ErrLostLease
	}
	if t.runs != nil && t.runs.isDraining() && slices.ContainsFunc(r.Entries, func(e actions.Entry) bool { return e.What == "intent" }) {
		return errStopping // it begins after the next start
	}
	now := a.now()
	b, wake := l.with, slices.Clone(l.wake)
	said := len(b.Deliveries) > 0
	b.Runs = append(b.Runs, run)
	b.Entries = append(b.Entries, r.Entries...)
	news := a.newsOf(r, now)
	if said {
		news = nil // the verdict has said that the run begins, whom it waits for, or what forbids it
	}
	for _, word := range news {
		wake = append(wake, a.tell(&b, now, word)...)
	}
	for _, e := range r.Entries {
		b.Audit = append(b.Audit, store.Audit{
			At: now, Who: orGuardian(e.By), What: "run_" + e.What, Service: run.Service, Subject: run.ID, Detail: e.Detail, Path: "/rollbacks/" + run.ID,
		})
	}
	err := a.commit(t, b)
	if errors.Is(err, store.ErrFenced) {
		return fmt.Errorf("%w: %w", actions.ErrLostLease, err)
	}
	if err != nil {
		return err
	}
	a.wake(wake)
	a.changed.broadcast()
	return nil
}

// newsOf gives what people are told about a change of a run.
func (a *App) newsOf(r actions.Record, now time.Time) []func(announce.Teller) notifiers.Notice {
	var was actions.Run
	if r.Before != nil {
		was = *r.Before
	}
	run, known := r.Run, r.Before != nil
	var news []func(announce.Teller) notifiers.Notice
	for i, s := range run.Steps {
		if s.State == actions.StepFailed && (!known || i >= len(was.Steps) || was.Steps[i].State != actions.StepFailed) {
			news = append(news, func(t announce.Teller) notifiers.Notice { return t.StepFailed(run, i, now) })
		}
	}
	switch {
	case run.State == actions.Refused:
		news = append(news, func(t announce.Teller) notifiers.Notice { return t.Refused(run, r.Refusals, now) })
	case !known || was.State != run.State || questionOf(was) != questionOf(run):
		if run.State == actions.Verifying {
			break // the outcome is news, that it is being looked for is not
		}
		news = append(news, func(t announce.Teller) notifiers.Notice { return t.Run(run, now) })
	}
	return news
}

func questionOf(r actions.Run) string {
	if r.Question == nil {
		return ""
	}
	return fmt.Sprint(r.Question.Code, r.Question.Step)
}

func orGuardian(by string) string {
	if by == "" {
		return guardian
	}
	return by
}

// verifier looks at checks for the proof of a cure.
type verifier struct{ app *App }

// Look implements actions.Verifier.
func (v verifier) Look(ctx context.Context, check string) (actions.CheckResult, error) {
	s, err := v.app.runner.LookNow(ctx, check)
	if err != nil {
		return actions.CheckResult{}, fmt.Errorf("look at %s: %w", check, err)
	}
	return actions.CheckResult{Check: check, Health: s.Health.String(), Reason: s.Reason, At: s.At, Looks: 1}, nil
}

// rollbackRequest gathers the facts about putting a version back and asks the guards.
func (a *App) rollbackRequest(t *term, runbook string, trigger actions.Trigger, d watch.Deploy, failing []string, to string, now time.Time) (actions.Request, error) {
	s := a.setup.Load()
	f, err := a.facts(t.ctx, runbook, trigger.Kind, d.Service, d.Environment, now)
	if err != nil {
		return actions.Request{}, err
	}
	f.Rollback, f.From, f.Deploy, f.Reversible, f.To = true, d.Version, d.ID, d.Reversible, to
	f.Override, f.Named = trigger.Kind == actions.ByPerson, to != ""
	frozen := watch.Gate(watch.GateFacts{Service: d.Service, Environment: d.Environment, Act: watch.ActRollback, Freezes: s.freezes}, now)
	if len(frozen) > 0 {
		f.Freeze = &actions.Freeze{Detail: frozen[0].Detail, Until: frozen[0].Until}
	}
	if f.To == "" {
		f.To, _ = actions.Target(f)
	}
	req := actions.Request{
		ID: newID("r_"), Service: d.Service, Environment: d.Environment, Runbook: runbook, Trigger: trigger,
		Rollback: true, From: f.From, To: f.To, Failing: failing,
	}
	req.QueuedBehind, req.Refusals = actions.Queue(f, actions.Guard(f, now))
	for _, c := range s.checksOf(d.Service) {
		if a.record.Health(c.Name, now) == sample.Up && !slices.Contains(failing, c.Name) {
			req.Healthy = append(req.Healthy, c.Name)
		}
	}
	return req, nil
}

// actRequest is a run that puts no version back.
func (a *App) actRequest(t *term, runbook string, trigger actions.Trigger, service, environment string, now time.Time) (actions.Request, error) {
	f, err := a.facts(t.ctx, runbook, trigger.Kind, service, environment, now)
	if err != nil {
		return actions.Request{}, err
	}
	f.Reversible = true
	req := actions.Request{
		ID: newID("r_"), Service: service, Environment: environment, Runbook: runbook, Trigger: trigger,
		Refusals: actions.Guard(f, now),
	}
	for _, c := range a.setup.Load().checksOf(service) {
		switch a.record.Health(c.Name, now) {
		case sample.Up:
			req.Healthy = append(req.Healthy, c.Name)
		case sample.Down:
			req.Failing = append(req.Failing, c.Name)
		case sample.Unknown:
		}
	}
	return req, nil
}

// facts reads what the guards ask about a service.
func (a *App) facts(ctx context.Context, runbook string, trigger actions.TriggerKind, service, environment string, now time.Time) (actions.Facts, error) {
	s := a.setup.Load()
	f := actions.Facts{Service: service, Environment: environment, Runbook: runbook, Trigger: trigger, Brake: s.brake}
	if book, ok := s.book(runbook); ok {
		f.Cooldown, f.MaxRunsPerDay = book.Cooldown, book.MaxRunsPerDay
	}
	goods, err := a.store.KnownGoods(ctx, service, environment)
	if err != nil {
		return f, fmt.Errorf("read the known good versions: %w", err)
	}
	since := now
	for _, g := range goods {
		f.KnownGood = append(f.KnownGood, actions.KnownGood{Version: g.Version, At: g.At})
		if g.At.Before(since) {
			since = g.At
		}
	}
	cured, err := a.store.Runs(ctx, store.RunFilter{Service: service, Environment: environment, Rollbacks: true, State: actions.Cured, Since: since})
	if err != nil {
		return f, fmt.Errorf("read the rollbacks that cured: %w", err)
	}
	for _, r := range cured {
		if r.Trigger.Kind != actions.ByDrill {
			f.RolledBack = append(f.RolledBack, actions.RolledBack{Version: r.From, At: r.Ended})
		}
	}
	if svc, ok := s.service(service); ok && svc.Environment == environment {
		for _, v := range svc.KnownGood {
			f.KnownGood = append(f.KnownGood, actions.KnownGood{Version: v})
		}
	}
	if f.Runs, err = a.store.Runs(ctx, store.RunFilter{Service: service, Environment: environment, Since: now.Add(-max(48*time.Hour, f.Cooldown))}); err != nil {
		return f, fmt.Errorf("read the runs of the last days: %w", err)
	}
	open, err := a.store.Runs(ctx, store.RunFilter{Service: service, Environment: environment, Open: true})
	if err != nil {
		return f, fmt.Errorf("read the open runs: %w", err)
	}
	for _, r := range open {
		if !slices.ContainsFunc(f.Runs, func(o actions.Run) bool { return o.ID == r.ID }) {
			f.Runs = append(f.Runs, r)
		}
	}
	// An act that belongs to no service waits for none.
	f.Runs = slices.DeleteFunc(f.Runs, func(r actions.Run) bool { return r.Service != service })
	if f.Brake.MaxFailingServices > 0 {
		failed, err := a.store.Watches(ctx, store.WatchFilter{Environment: environment, State: watch.Failed, Since: now.Add(-f.Brake.Within - 24*time.Hour)})
		if err != nil {
			return f, fmt.Errorf("read the failed watches: %w", err)
		}
		for _, w := range failed {
			if w.Ended.After(now.Add(-f.Brake.Within)) {
				f.Verdicts = append(f.Verdicts, actions.FailedVerdict{Service: w.Service, At: w.Ended})
			}
		}
		if trigger == actions.ByVerdict {
			// The verdict that asks is not in the journal yet.
			f.Verdicts = append(f.Verdicts, actions.FailedVerdict{Service: service, At: now})
		}
	}
	if f.Current, err = a.currentVersion(ctx, service, environment); err != nil {
		return f, err
	}
	return f, nil
}

// currentVersion is what is believed to run: the version announced last, or the one that a
// later rollback put back.
func (a *App) currentVersion(ctx context.Context, service, environment string) (string, error) {
	ds, err := a.store.Deploys(ctx, store.DeployFilter{Service: service, Environment: environment, Limit: 1})
	if err != nil {
		return "", fmt.Errorf("read the last deploy: %w", err)
	}
	if len(ds) == 0 {
		return "", nil
	}
	rs, err := a.store.Runs(ctx, store.RunFilter{Service: service, Environment: environment, Rollbacks: true, Since: ds[0].Announced})
	if err != nil {
		return "", fmt.Errorf("read the last rollback: %w", err)
	}
	for _, r := range rs { // newest first
		switch r.State {
		case actions.Cured, actions.NotCured, actions.Worse, actions.Verifying:
			if r.Trigger.Kind != actions.ByDrill {
				return r.To, nil
			}
		default:
		}
	}
	return ds[0].Version, nil
}

// lastDeploy gives the last deploy of a service for the reader of an alert, or nil.
func (a *App) lastDeploy(t *term, service string) *watch.Deploy {
	if service == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(t.ctx, time.Second)
	defer cancel()
	ds, err := a.store.Deploys(ctx, store.DeployFilter{Service: service, Limit: 1})
	if err != nil || len(ds) == 0 {
		return nil
	}
	return &ds[0]
}
