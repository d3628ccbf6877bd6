package decide

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"guardian/actions"
	"guardian/internal/reason"
	"guardian/internal/versions"
	"guardian/probes/sample"
	"guardian/watch"
)

// MaxQueueAge is how long a run may have waited that leaves the queue by itself. One that waited longer
// is for a person to look at.
const MaxQueueAge = 30 * time.Minute

// Errors of a person's request.
var (
	ErrNoService = errors.New("there is no such service")
	ErrNoRunbook = errors.New("the service names no rollback runbook")
)

// Consequence is what a verdict leads to.
type Consequence struct {
	// KnownGood: the version may be put back from now on.
	KnownGood bool
	// Request is the run that the verdict asks for, without an ID; nil: the verdict asks for
	// none, or the service has no rollback runbook.
	Request *actions.Request
	// Acts: Request becomes a run. In mode observe it is only kept.
	Acts bool
	// Told: the brake holds the run, and people were told of that with another one; nobody is told again.
	Told bool
	// AnswerUntil is when the question to a person expires; zero: nobody is asked, or it
	// waits forever.
	AnswerUntil time.Time
}

// MakesKnownGood tells whether the version of a deploy may be put back from now on. An operation has
// none, of one whose deploy failed it is not known whether it ran, and that of a drill is a fault.
func MakesKnownGood(dep watch.Deploy, verdict watch.State) bool {
	return verdict == watch.Passed && dep.PutsVersion() && !dep.Unsure && dep.Drill == ""
}

// Verdict decides what the verdict of a watch leads to.
func (d Decider) Verdict(ctx context.Context, w *watch.Watch, dep watch.Deploy, v *watch.Verdict, p Present, now time.Time) (Consequence, error) {
	c := Consequence{KnownGood: MakesKnownGood(dep, v.State)}
	svc, ok := d.Settings.Service(w.Service)
	if v.State != watch.Failed || !ok || svc.runbook(dep.Kind) == "" {
		return c, nil
	}
	req, err := d.rollback(ctx, rollback{
		runbook: svc.runbook(dep.Kind), deploy: dep, failing: v.Failing, symptoms: Symptoms(w, v), shops: w.Shops,
		trigger: actions.Trigger{Kind: actions.ByVerdict, Deploy: dep.ID, Watch: w.ID, Drill: dep.Drill, Reason: v.Reason},
	}, p, now)
	if err != nil {
		return c, err
	}
	c.Request, c.Acts = &req, w.Mode != watch.Observe
	req.Approve = ApprovalOf(w)
	if c.Acts && req.QueuedBehind.IsZero() {
		if c.Told, err = d.toldOfBrake(ctx, req, now); err != nil {
			return c, err
		}
	}
	asks := req.QueuedBehind.IsZero() && (!req.Approve.IsZero() || slices.ContainsFunc(req.Refusals, actions.Refusal.Asks))
	if within := d.Settings.Runbooks[req.Runbook].ApprovalWithin; c.Acts && asks && within > 0 {
		c.AnswerUntil = now.Add(within)
	}
	return c, nil
}

// ApprovalOf says why a person must approve what the verdict of a watch leads to; zero when
// nobody has to.
func ApprovalOf(w *watch.Watch) reason.Reason {
	switch {
	case w.Mode == watch.Approve:
		return reason.New("watched_in_approve")
	case w.Verdict != nil:
		return w.Verdict.Doubt
	default:
		return reason.Reason{}
	}
}

// Queued asks the guards again about a rollback that is queued behind another run: they see
// what holds now. w is the watch whose verdict it follows.
func (d Decider) Queued(ctx context.Context, run actions.Run, dep watch.Deploy, w *watch.Watch, p Present, now time.Time) (actions.Request, error) {
	req, err := d.rollback(ctx, rollback{
		runbook: run.Runbook, deploy: dep, symptoms: run.Symptoms, failing: run.Failing, trigger: run.Trigger, own: run, shops: w.Shops,
	}, p, now)
	if err != nil {
		return actions.Request{}, err
	}
	req.Approve = ApprovalOf(w)
	return leavesQueue(req, run, now), nil
}

// QueuedByAlert asks the guards again about the run of an alert that is queued behind another run. One
// whose alert has resolved, or that the configuration no longer starts, is dropped.
func (d Decider) QueuedByAlert(ctx context.Context, run actions.Run, p Present, now time.Time) (actions.Request, error) {
	st, no := d.Settings.stillStarts(run, p)
	req, err := d.byAlert(ctx, st, run, p, now)
	if err != nil {
		return actions.Request{}, err
	}
	if no.Code != "" {
		req.ID, req.QueuedBehind, req.Refusals = run.ID, reason.Reason{}, []actions.Refusal{no}
		return req, nil
	}
	return leavesQueue(req, run, now), nil
}

// leavesQueue refuses what has waited for too long.
func leavesQueue(req actions.Request, run actions.Run, now time.Time) actions.Request {
	req.ID = run.ID
	if age := now.Sub(run.Created); age >= MaxQueueAge {
		req.Refusals = append(req.Refusals, actions.NewLate(age))
	}
	return req
}

// PersonRequest is a rollback that a person asks for.
type PersonRequest struct {
	Service     string
	Environment string
	Kind        watch.Kind // of what is rolled back; "": see Decider.ByPerson
	To          string     // "": Target
	Person      string
	Reason      string
}

// ByPerson decides about a rollback that a person asks for. Asking is saying "anyway": what a
// person may override is overridden, except going to a version that is not known to be good
// and that the person did not name.
func (d Decider) ByPerson(ctx context.Context, r PersonRequest, p Present, now time.Time) (actions.Request, error) {
	wanted, err := d.wantedBy(ctx, r, p)
	if err != nil {
		return actions.Request{}, err
	}
	return d.rollback(ctx, wanted, p, now)
}

// wantedBy is the rollback that a person asks for.
func (d Decider) wantedBy(ctx context.Context, r PersonRequest, p Present) (rollback, error) {
	svc, ok := d.Settings.Service(r.Service)
	if !ok {
		return rollback{}, ErrNoService
	}
	dep, err := d.running(ctx, svc, r)
	if err != nil {
		return rollback{}, err
	}
	if svc.runbook(dep.Kind) == "" {
		return rollback{}, ErrNoRunbook
	}
	failed, err := d.failedWatchOf(ctx, dep)
	if err != nil {
		return rollback{}, err
	}
	return rollback{
		runbook: svc.runbook(dep.Kind), deploy: dep, to: r.To, shops: dep.Shops, failing: d.Settings.inHealth(r.Service, sample.Down, p), override: true,
		symptoms: slices.Concat(failed.Symptoms, worrying(r.Service, r.Environment, dep.At, p.Alerts)),
		trigger:  actions.Trigger{Kind: actions.ByPerson, Deploy: dep.ID, Watch: failed.Watch, Person: r.Person, Reason: reason.Text(r.Reason)},
	}, nil
}

// failedWatchOf gives the failed watch of a deploy; the zero value when there is none.
func (d Decider) failedWatchOf(ctx context.Context, dep watch.Deploy) (FailedWatch, error) {
	if dep.ID == "" {
		return FailedWatch{}, nil
	}
	all, err := d.Past.FailedWatches(ctx, dep.Service, dep.Environment, dep.Announced)
	if err != nil {
		return FailedWatch{}, fmt.Errorf("read the failed watches of %s: %w", dep.Service, err)
	}
	for _, w := range all {
		if w.Deploy == dep.ID {
			return w, nil
		}
	}
	return FailedWatch{}, nil
}

// running is what a person wants to have rolled back: the code or, where none was announced, the
// configuration that runs, or else the last operation.
func (d Decider) running(ctx context.Context, svc Service, r PersonRequest) (watch.Deploy, error) {
	kinds := []watch.Kind{watch.Code, watch.Config, watch.Operation}
	if r.Kind != "" {
		kinds = []watch.Kind{r.Kind}
	}
	for _, kind := range kinds {
		l := line{r.Service, r.Environment, kind}
		dep, ok, err := d.Past.LastDeploy(ctx, r.Service, r.Environment, kind)
		switch {
		case err != nil:
			return dep, fmt.Errorf("read the last deploy of %s: %w", r.Service, err)
		case !ok || kind == watch.Operation && r.Kind == "" && svc.Undo == "":
			continue
		}
		dep.Version, err = d.current(ctx, l)
		return dep, err
	}
	return watch.Deploy{Service: r.Service, Environment: r.Environment, Kind: kinds[0], Reversible: true}, nil
}

// ByAlert decides about a run that an alert starts.
func (d Decider) ByAlert(ctx context.Context, st Started, p Present, now time.Time) (actions.Request, error) {
	return d.byAlert(ctx, st, actions.Run{}, p, now)
}

// byAlert asks the guards about a run of an alert; own is the run when it is queued.
func (d Decider) byAlert(ctx context.Context, st Started, own actions.Run, p Present, now time.Time) (actions.Request, error) {
	f, err := d.facts(ctx, st.Runbook, st.Trigger.Kind, line{st.Service, st.Environment, watch.Code}, now)
	if err != nil {
		return actions.Request{}, err
	}
	f.Reversible, f.Own = true, own
	req := actions.Request{
		Service: st.Service, Environment: st.Environment, Runbook: st.Runbook, Trigger: st.Trigger,
		Healthy: d.Settings.inHealth(st.Service, sample.Up, p), Failing: d.Settings.inHealth(st.Service, sample.Down, p),
		Symptoms: st.Symptoms, Breach: d.Settings.breachOf(st.Service, st.Environment, p),
	}
	d.guard(&req, f, now)
	if st.Mode == watch.Approve {
		req.Approve = reason.New("on_alert_approve")
	}
	return req, nil
}

// Outdated tells whether a rollback that waits for an approval would roll back a version that
// is no longer the current one: whoever approved it would roll back another version than they
// read about.
func (d Decider) Outdated(ctx context.Context, run actions.Run) (no actions.Refusal, outdated bool, err error) {
	if !AwaitsApproval(run) {
		return no, false, nil
	}
	current, err := d.current(ctx, line{run.Service, run.Environment, watch.Kind(run.Kind)})
	if err != nil || current == "" || versions.Same(current, run.From) {
		return no, false, err
	}
	return actions.NewSuperseded(run.From, current), true, nil
}

// AwaitsApproval tells whether a rollback waits for a person to approve it.
func AwaitsApproval(r actions.Run) bool {
	return r.Rollback && r.Trigger.Kind != actions.ByDrill && r.State == actions.AwaitingApproval &&
		r.Question != nil && r.Question.Code == actions.AskApproval
}

// rollback is a rollback that somebody wants.
type rollback struct {
	runbook  string
	trigger  actions.Trigger
	deploy   watch.Deploy // that is rolled back
	to       string       // "": Target
	symptoms []actions.Symptom
	shops    []string    // that have what is rolled back, as far as its deploy tells; none: all
	failing  []string    // checks
	override bool        // a person asked
	own      actions.Run // the run itself, when it is queued
}

// rollback gathers the facts about putting a version back and asks the guards.
func (d Decider) rollback(ctx context.Context, r rollback, p Present, now time.Time) (actions.Request, error) {
	f, err := d.rollbackFacts(ctx, r, now)
	if err != nil {
		return actions.Request{}, err
	}
	if r.trigger.Kind == actions.ByVerdict && d.Settings.Brake.MaxFailingServices > 0 {
		braking(&f, p, now)
	}
	return d.asked(r, f, p, now), nil
}

// rollbackFacts gathers the facts about putting a version back.
func (d Decider) rollbackFacts(ctx context.Context, r rollback, now time.Time) (actions.Facts, error) {
	dep := r.deploy
	l := line{dep.Service, dep.Environment, dep.Kind}
	f, err := d.facts(ctx, r.runbook, r.trigger.Kind, l, now)
	if err != nil {
		return f, err
	}
	if dep.ID != "" && dep.Announced.Before(now.Add(-runMemory)) { // its own rollback may be longer ago than what else counts
		if f.Runs, err = d.Past.Runs(ctx, dep.Service, dep.Environment, dep.Announced); err != nil {
			return f, fmt.Errorf("read the rollbacks of deploy %s: %w", dep.ID, err)
		}
	}
	f.Rollback, f.From, f.Deploy, f.Reversible = true, dep.Version, dep.ID, dep.Reversible
	f.Kind = string(dep.Kind)
	f.Override, f.Named, f.Own = r.override, r.to != "", r.own
	if !f.Versionless {
		if err := d.before(ctx, &f, l, dep, now); err != nil {
			return f, err
		}
		f.To = spelled(f, r.to)
	}
	f.Freeze = d.freeze(dep.Service, dep.Environment, now)
	if f.To == "" && !f.Versionless {
		f.To, _ = actions.Target(f)
	}
	if f.Shops, err = d.shopsWith(ctx, l, dep.Version, r.shops, now); err != nil {
		return f, err
	}
	return f, nil
}

// guard asks the guards about a run that is requested.
func (d Decider) guard(req *actions.Request, f actions.Facts, now time.Time) {
	if applies := d.Settings.Runbooks[req.Runbook].Applies; applies != nil {
		f.NoStep = !applies(actions.Run{
			Service: req.Service, Environment: req.Environment, Kind: req.Kind, From: req.From, To: req.To, Shops: req.Shops, Trigger: req.Trigger,
		})
	}
	req.QueuedBehind, req.Refusals = actions.Queue(f, actions.Guard(f, now))
}

// asked asks the guards about a rollback.
func (d Decider) asked(r rollback, f actions.Facts, p Present, now time.Time) actions.Request {
	dep := r.deploy
	req := actions.Request{
		Service: dep.Service, Environment: dep.Environment, Runbook: r.runbook, Trigger: r.trigger,
		Rollback: true, Author: d.Settings.authorOf(dep), Kind: string(dep.Kind), From: f.From, To: f.To, Irreversible: !f.Reversible, Symptoms: r.symptoms, Failing: r.failing,
		Shops: f.Shops,
	}
	d.guard(&req, f, now)
	req.Breach = d.Settings.breachOf(dep.Service, dep.Environment, p)
	req.Breach.Down = union(req.Breach.Down, r.failing)
	req.Healthy = slices.DeleteFunc(d.Settings.inHealth(dep.Service, sample.Up, p), func(c string) bool { return slices.Contains(r.failing, c) })
	return req
}

// spelled gives a version as it was announced or declared: that spelling its runbook knows.
func spelled(f actions.Facts, version string) string {
	for _, r := range f.Ran {
		if versions.Same(r.Version, version) {
			return r.Version
		}
	}
	for _, k := range f.KnownGood {
		if versions.Same(k.Version, version) {
			return k.Version
		}
	}
	return version
}

// inHealth names the checks of a service that have a health.
func (s *Settings) inHealth(service string, h sample.Health, p Present) []string {
	var names []string
	for _, c := range s.ChecksOf(service) {
		if p.Health[c.Check] == h {
			names = append(names, c.Check)
		}
	}
	return names
}
