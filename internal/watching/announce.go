package watching

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"guardian/actions"
	"guardian/decide"
	"guardian/internal/announce"
	"guardian/internal/reason"
	"guardian/internal/store"
	"guardian/notifiers"
	"guardian/watch"
)

// Errors of an announcement.
var (
	// ErrKeyReused says that the idempotency key came with another body before.
	ErrKeyReused = errors.New("this idempotency key was used with another body")

	errOver = errors.New("the watch that was to go on has ended")
)

// PolicyError says that the announcement asks for a watch that cannot be held.
type PolicyError struct{ Err error }

// Error implements error.
func (e *PolicyError) Error() string { return "the watch that is asked for: " + e.Err.Error() }

// Unwrap gives what is wrong.
func (e *PolicyError) Unwrap() error { return e.Err }

// Announcement is a deploy that somebody announces.
type Announcement struct {
	runsSince time.Time // see Options.RunsSince

	Deploy watch.Deploy     // without ID, RollbackRun and Announced
	Told   decide.CallTimes // about times
	By     string           // who announces it
	// Key and BodyHash make a repeated announcement get the first answer. Key "": none.
	Key      string
	BodyHash string
	RawHash  string // of the body as it was sent, as keys of before have it
	// Answer makes the answer that is kept with Key.
	Answer func(d watch.Deploy, w *watch.Watch, warnings []reason.Reason) ([]byte, error)
}

// Announce takes a deploy in and gives the answer: that of the first announcement with the
// same key when it is made again. Its errors are ErrKeyReused, PolicyError and those of the
// journal; none of them is kept, so the same key may be tried again.
func (ws *Watches) Announce(ctx context.Context, a Announcement) ([]byte, error) {
	if a.Deploy.At.IsZero() { // before the lock: it asks another system
		a.runsSince = ws.o.RunsSince(ctx, a.Deploy)
	}
	ws.announcing.Lock()
	defer ws.announcing.Unlock()
	if a.Key != "" {
		first, ok, err := ws.o.Journal.Idempotent(ctx, a.Key)
		switch {
		case err != nil:
			return nil, err
		case ok && first.BodyHash != a.BodyHash && first.BodyHash != a.RawHash:
			return nil, ErrKeyReused
		case ok:
			return first.Answer, nil
		}
	}
	now := ws.o.Now().UTC()
	a.Deploy.ID, a.Deploy.Announced = store.NewID("d_"), now
	a.Deploy = decide.Timed(a.Deploy, a.Told, now)
	for {
		answer, err := ws.accept(ctx, a, now)
		if !errors.Is(err, errOver) {
			return answer, err
		}
		// A verdict fell meanwhile: the version is a new deploy to what is not watched yet.
	}
}

// WithoutAnnouncements calls do while no deploy is announced.
func (ws *Watches) WithoutAnnouncements(do func() error) error {
	ws.announcing.Lock()
	defer ws.announcing.Unlock()
	return do()
}

// accept takes a deploy as what it means for the watches that are open now.
func (ws *Watches) accept(ctx context.Context, a Announcement, now time.Time) ([]byte, error) {
	d := a.Deploy
	var open []*watch.Watch
	for _, e := range ws.list(d.Service) {
		e.mu.Lock()
		w := e.w.Clone()
		e.mu.Unlock()
		if w.Environment == d.Environment && !w.State.Final() {
			open = append(open, &w)
		}
	}
	p := ws.o.Present(d.Service)
	p.Open, p.RunsSince = open, a.runsSince
	acc, err := ws.o.Decider().Accept(ctx, d, open, p, now)
	switch {
	case err != nil:
		return nil, err
	case acc.Decision == watch.Opens:
		return ws.begin(ctx, a, acc, p, now)
	default:
		return ws.extend(ctx, a, acc, p, now)
	}
}

// begin begins the watch of a new deploy, and ends those that it supersedes, in one
// transaction.
func (ws *Watches) begin(ctx context.Context, a Announcement, acc decide.Acceptance, p decide.Present, now time.Time) ([]byte, error) {
	d := a.Deploy
	d.RollbackRun, d.GateClosed = acc.RollbackRun, acc.Closed
	decider := ws.o.Decider()
	if svc, ok := decider.Settings.Service(d.Service); ok {
		if err := svc.Policy(d.Asked).Validate(); err != nil {
			return nil, &PolicyError{err}
		}
	}
	w, problems, err := decider.Open(ctx, d, p, now)
	if err != nil {
		return nil, err
	}
	foreseen, err := decider.Foresee(ctx, w, now)
	if err != nil {
		problems = append(problems, err)
	}
	for _, problem := range problems {
		ws.o.Log.Warn("a deploy is watched without a part of its history", "service", d.Service, "error", problem)
	}
	w.ID = store.NewID("w_")
	d.At, d.SwitchedBy = w.Switched, w.Begin.Switch.By
	b := store.Batch{Deploys: []watch.Deploy{d}, Watches: []watch.Watch{w.Clone()}, Audit: []store.Audit{{
		At: now, Who: a.By, What: "deploy", Service: d.Service, Subject: d.Service + " " + d.Version, Detail: announced(d), Path: "/watches/" + w.ID,
	}}}
	if d.DeclaresGood() && !d.RollingOut() {
		b.KnownGoods = append(b.KnownGoods, knownGood(d, a.By, now))
	}
	ended, receivers, unlock := ws.supersede(&b, acc.Supersedes, d, now)
	defer unlock()
	receivers = append(receivers, ws.throughClosedGate(&b, d, w, now)...)
	answer, err := ws.keepAnswer(&b, a, slices.Concat(acc.Warnings, foreseen), d, w, now)
	if err != nil {
		return nil, err
	}
	if err := ws.o.Leadership.Commit(b); err != nil {
		return nil, err
	}
	for _, end := range ended {
		*end.e.w = end.w
		ws.remove(end.w.ID)
		ws.o.Metrics.verdicts.WithLabelValues(string(watch.Superseded)).Inc()
	}
	ws.add(w, d)
	ws.overlap(w, d)
	ws.o.Runs.RefuseOutdated(context.WithoutCancel(ctx), d.Service, d.Environment)
	if w.From.Before(now) {
		// Announced late: what was seen meanwhile counts.
		ws.ObserveAll(ws.o.Record.Recent(""))
	}
	ws.o.Notifier.Wake(receivers)
	ws.o.Changed()
	return answer, nil
}

// throughClosedGate notifies people of a deploy that was announced while the gate was closed.
func (ws *Watches) throughClosedGate(b *store.Batch, d watch.Deploy, w *watch.Watch, now time.Time) (receivers []string) {
	if len(d.GateClosed) == 0 {
		return nil
	}
	return ws.o.Notifier.Add(b, now, func(t announce.Renderer) notifiers.Notice { return t.GateClosed(d, w, now) })
}

// knownGood records that the version of a deploy is known to be good.
func knownGood(d watch.Deploy, by string, now time.Time) store.KnownGood {
	return store.KnownGood{Service: d.Service, Environment: d.Environment, Version: d.Version, Kind: d.Kind, At: now, By: by}
}

// ending is a watch that ends once that is recorded.
type ending struct {
	e *watched
	w watch.Watch // as it ends
}

// supersede adds the ends of watches of other versions to a batch. They stay locked until
// unlock: neither their checks nor the clock reach them before it is recorded that they end.
func (ws *Watches) supersede(b *store.Batch, ids []string, by watch.Deploy, now time.Time) (ended []ending, receivers []string, unlock func()) {
	var locked []*watched
	for _, id := range ids {
		e := ws.get(id)
		if e == nil {
			continue
		}
		e.mu.Lock()
		locked = append(locked, e)
		if e.w.State.Final() {
			continue
		}
		old := e.w.Clone()
		v := old.SupersededBy(by, now)
		if v == nil {
			continue
		}
		b.Watches = append(b.Watches, old)
		b.Audit = append(b.Audit, verdictLine(&old, v, now))
		receivers = append(receivers, ws.o.Notifier.Add(b, now, func(t announce.Renderer) notifiers.Notice {
			return t.Verdict(&old, e.deploy, announce.Plan{}, now)
		})...)
		ended = append(ended, ending{e, old})
	}
	return ended, receivers, func() {
		for _, e := range locked {
			e.mu.Unlock()
		}
	}
}

// extend takes more shops into an open watch, or answers a repeated announcement.
func (ws *Watches) extend(ctx context.Context, a Announcement, acc decide.Acceptance, p decide.Present, now time.Time) ([]byte, error) {
	joining := a.Deploy
	joining.Shops = acc.Shops
	snap, problems, err := ws.o.Decider().Extension(ctx, joining, p, now)
	if err != nil {
		return nil, err
	}
	for _, problem := range problems {
		ws.o.Log.Warn("a deploy is watched without a part of its history", "service", a.Deploy.Service, "error", problem)
	}
	e := ws.get(acc.Watch)
	if e == nil {
		return nil, errOver
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.w.State.Final() {
		return nil, errOver
	}
	next, d := e.w.Clone(), e.deploy
	var b store.Batch
	var receivers []string
	if acc.Decision == watch.Extends && next.Extend(acc.Shops, snap, now) {
		d.Shops = next.Shops
		if len(d.GateClosed) == 0 { // once for each deploy
			d.GateClosed = acc.Closed
			receivers = ws.throughClosedGate(&b, d, &next, now)
		}
		b.Watches, b.Deploys = []watch.Watch{next}, []watch.Deploy{d}
		b.Audit = append(b.Audit, store.Audit{
			At: now, Who: a.By, What: "deploy", Service: d.Service, Subject: d.Service + " " + d.Version,
			Detail: extended(d.Version, next.Shops, watch.GateDetails(acc.Closed)), Path: "/watches/" + next.ID,
		})
	}
	answer, err := ws.keepAnswer(&b, a, acc.Warnings, d, &next, now)
	if err != nil {
		return nil, err
	}
	if err := ws.o.Leadership.Commit(b); err != nil {
		return nil, err
	}
	// What is read without the lock never changes: service, environment, version and times.
	*e.w, e.deploy.Shops, e.deploy.GateClosed, e.saved = next, d.Shops, d.GateClosed, next.Seq
	ws.o.Notifier.Wake(receivers)
	ws.o.Changed()
	return answer, nil
}

// announced says that a deploy was announced.
func announced(d watch.Deploy) reason.Reason {
	if d.RollingOut() {
		return reason.New("deploy_begun", "version", d.Version, "environment", d.Environment, "closed", watch.GateDetails(d.GateClosed))
	}
	return reason.New("deploy_announced", "version", d.Version, "environment", d.Environment, "closed", watch.GateDetails(d.GateClosed))
}

// extended says that a watch has more shops to look at; none named: all.
func extended(version string, shops []string, closed reason.Reason) reason.Reason {
	if len(shops) == 0 {
		return reason.New("deploy_extended_to_all", "version", version, "closed", closed)
	}
	return reason.New("deploy_extended", "version", version, "shops", shops, "closed", closed)
}

// keepAnswer makes the answer and keeps it with the announcement's key.
func (ws *Watches) keepAnswer(b *store.Batch, a Announcement, warnings []reason.Reason, d watch.Deploy, w *watch.Watch, now time.Time) ([]byte, error) {
	answer, err := a.Answer(d, w, warnings)
	if err != nil {
		return nil, fmt.Errorf("answer the announcement: %w", err)
	}
	if a.Key != "" {
		b.Idempotent = append(b.Idempotent, store.Idempotent{Key: a.Key, BodyHash: a.BodyHash, Status: 201, Answer: answer, At: now})
	}
	return answer, nil
}

// overlap tells the open watches of other services of a deploy that came meanwhile, and its
// watch of theirs: each may be the cause of what the other sees.
func (ws *Watches) overlap(w *watch.Watch, d watch.Deploy) {
	for _, e := range ws.list("") {
		if e.w.ID == w.ID || e.deploy.Service == d.Service {
			continue
		}
		_ = ws.step(e, func(o *watch.Watch) *watch.Verdict { o.Overlap(d); return nil })
		if own := ws.get(w.ID); own != nil {
			other := watch.Deploy{Service: e.deploy.Service, Environment: e.deploy.Environment, Version: e.deploy.Version, At: e.deploy.At, Drill: e.deploy.Drill}
			_ = ws.step(own, func(o *watch.Watch) *watch.Verdict { o.Overlap(other); return nil })
		}
	}
}

// verdictLine is the line of the journal about a verdict.
func verdictLine(w *watch.Watch, v *watch.Verdict, now time.Time) store.Audit {
	return store.Audit{
		At: now, Who: store.Guardian, What: "verdict", Service: w.Service, Subject: w.Service + " " + w.Version,
		Detail: verdictReason(v), Path: "/watches/" + w.ID,
	}
}

// planOf is what a Failed verdict leads to, as the journal keeps it.
func planOf(w *watch.Watch, c decide.Consequence, now time.Time) store.Plan {
	p := store.Plan{Watch: w.ID, Service: w.Service, Mode: w.Mode, At: now, Plan: actions.Plan{Runbook: c.Request.Runbook, To: c.Request.To, Undo: w.Kind == watch.Operation}}
	for _, no := range c.Request.Refusals {
		p.Refused = append(p.Refused, reason.New("guard_says", "code", string(no.Code), "detail", no.Detail))
	}
	return p
}
