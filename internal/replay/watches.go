package replay

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/prometheus/prometheus/promql"

	"guardian/actions"
	"guardian/internal/store"
	"guardian/probes/sample"
	"guardian/rules"
	"guardian/watch"
)

// judging replays the watches: the recorded deploys, in order, judged on the recorded looks
// by the configuration's policies.
type judging struct {
	o        Options
	setup    *setup
	past     *past
	episodes []*episode

	watches []*watched // in the order in which they were opened
	runs    []actions.Run
	goods   []good
	failed  []actions.FailedVerdict
	engine  *promql.Engine
}

// watched is a replayed watch.
type watched struct {
	w      *watch.Watch
	deploy watch.Deploy
	looks  []arrival // of its checks, by arrival
	next   int
	counts []measured // of its counters
	read   int
	until  time.Time // to which looks were read
	ticked time.Time // when it saw the time last
	plan   *Rollback // of a Failed verdict
}

// arrival is a look with the time at which it had come to its end.
type arrival struct {
	sample.Sample
	at time.Time
}

// good is a version that is known to be good from a time on.
type good struct {
	service, environment, version string
	at                            time.Time
}

func (j *judging) run(ctx context.Context) error {
	if err := j.begin(ctx); err != nil {
		return err
	}
	for i, d := range j.past.deploys {
		if d.Announced.Before(j.o.From) {
			continue
		}
		if err := j.advance(ctx, d.Announced); err != nil {
			return err
		}
		if err := j.announce(ctx, d); err != nil {
			return err
		}
		j.o.Progress("watches", float64(i+1)/float64(len(j.past.deploys)))
	}
	return j.advance(ctx, j.o.To)
}

// begin takes what was there before: known good versions, watches and runs.
func (j *judging) begin(ctx context.Context) error {
	for _, w := range j.past.watches {
		if w.State == watch.Passed && w.Ended.Before(j.o.From) {
			j.goods = append(j.goods, good{w.Service, w.Environment, w.Version, w.Ended})
		}
		if w.State == watch.Failed && w.Ended.Before(j.o.From) {
			j.failed = append(j.failed, actions.FailedVerdict{Service: w.Service, At: w.Ended})
		}
	}
	for _, svc := range j.setup.config.Services {
		goods, err := j.past.journal.KnownGoods(ctx, svc.Name, svc.Environment)
		if err != nil {
			return err
		}
		for _, g := range goods {
			// One that was found good again meanwhile has lost the time at which it was before.
			if g.At.Before(j.o.From) || !j.passedBy(g) {
				j.goods = append(j.goods, good{g.Service, g.Environment, g.Version, g.At})
			}
		}
	}
	for _, r := range j.past.runs {
		// What verdicts led to since is what is replayed; the rest people and alerts did.
		if r.Created.Before(j.o.From) || r.Trigger.Kind != actions.ByVerdict {
			j.runs = append(j.runs, r)
		}
	}
	// The watches that were open when the time began were opened by another configuration;
	// they are begun anew, with this one.
	for _, d := range j.past.deploys {
		w, ok := j.past.watches[d.ID]
		if d.Announced.Before(j.o.From) && ok && (w.Ended.IsZero() || w.Ended.After(j.o.From)) {
			if err := j.announce(ctx, d); err != nil {
				return err
			}
		}
	}
	return nil
}

func (j *judging) passedBy(g store.KnownGood) bool {
	return slices.ContainsFunc(j.past.deploys, func(d watch.Deploy) bool {
		w, ok := j.past.watches[d.ID]
		return ok && w.ID == g.By
	})
}

// announce takes a recorded deploy as a guardian does.
func (j *judging) announce(ctx context.Context, d watch.Deploy) error {
	svc, ok := j.setup.config.Service(d.Service)
	if !ok {
		return nil
	}
	now := d.Announced
	var open []*watch.Watch
	for _, e := range j.watches {
		open = append(open, e.w)
	}
	acceptance := watch.Accept(d, open, j.rollbacks(d.Service, d.Environment, now), now)
	d.RollbackRun = acceptance.RollbackRun
	switch acceptance.Decision {
	case watch.Extends, watch.Repeats:
		return j.extend(ctx, acceptance, now)
	case watch.Opens:
	}
	for _, id := range acceptance.Supersedes {
		for _, e := range j.watches {
			if e.w.ID == id {
				e.w.Supersede(d.Version, now)
			}
		}
	}
	policy := svc.Watch.Policy()
	if asked := d.Asked; asked != nil {
		policy.For, policy.Mode = orElse(asked.For, policy.For), orElse(asked.Mode, policy.Mode)
	}
	looks, err := j.looks(ctx, d.Service, now.Add(-snapshotBack), now.Add(policy.For+policy.MaxBlind))
	if err != nil {
		return err
	}
	e := &watched{deploy: d, looks: looks, until: now.Add(policy.For + policy.MaxBlind)}
	if e.counts, err = j.readings(ctx, svc, now, e.until); err != nil {
		return err
	}
	snap, err := j.snapshot(ctx, svc, looks, d.At, now)
	if err != nil {
		return err
	}
	// How long hiccups last at the raised pace was known of looks that may be gone.
	snap.Rechecks = j.past.watches[d.ID].Snapshot.Rechecks
	e.w = watch.Open(d, policy, j.setup.judged(d.Service), snap, now)
	// The recorded ID, so that texts and links are the recorded ones.
	if was, ok := j.past.watches[d.ID]; ok {
		e.w.ID = was.ID
	} else {
		e.w.ID = "w_of_" + d.ID
	}
	if d.KnownGood {
		j.goods = append(j.goods, good{d.Service, d.Environment, d.Version, now})
	}
	for _, o := range j.watches {
		// Each may be the cause of what the other sees.
		if !o.w.State.Final() && o.deploy.Service != d.Service {
			o.w.Overlap(d)
			e.w.Overlap(o.deploy)
		}
	}
	j.watches = append(j.watches, e)
	return nil
}

func orElse[T comparable](v, otherwise T) T {
	var none T
	if v == none {
		return otherwise
	}
	return v
}

func (j *judging) extend(ctx context.Context, acc watch.Acceptance, now time.Time) error {
	for _, e := range j.watches {
		if e.w.ID != acc.Watch || acc.Decision != watch.Extends {
			continue
		}
		e.until = now.Add(e.w.Policy.For + e.w.Policy.MaxBlind)
		looks, err := j.looks(ctx, e.w.Service, now.Add(-snapshotBack), e.until)
		if err != nil {
			return err
		}
		svc, ok := j.setup.config.Service(e.w.Service)
		if !ok {
			return nil
		}
		counts, err := j.readings(ctx, svc, e.w.Started, e.until)
		if err != nil {
			return err
		}
		snap, err := j.snapshot(ctx, svc, looks, now, now)
		if err != nil {
			return err
		}
		e.w.Extend(acc.Shops, snap, now)
		e.looks, e.next, e.counts, e.read = looks, 0, counts, 0 // those that it has seen it ignores
	}
	return nil
}

// snapshotBack is how far back the counts before a deploy go, and an hour: they are of whole
// hours.
const snapshotBack = 5 * time.Hour

// looks reads what the checks of a service saw, by arrival.
func (j *judging) looks(ctx context.Context, service string, from, to time.Time) ([]arrival, error) {
	var all []arrival
	for _, c := range j.setup.checks {
		if c.Service != service && !c.Control {
			continue
		}
		looks, err := j.o.Samples.Looks(ctx, c.Name, from, to)
		if err != nil {
			return nil, err
		}
		for _, l := range looks {
			all = append(all, arrival{at: l.At.Add(l.Duration), Sample: sample.Sample{
				Check: c.Name, Kind: c.Kind, Service: c.Service, Labels: c.Labels, At: l.At, Duration: l.Duration,
				Observation: sample.Observation{Health: l.Health},
			}})
		}
	}
	return sortedBy(all, func(a arrival) time.Time { return a.at }), nil
}

// advance takes every open watch up to a time, and what their verdicts lead to, in order.
func (j *judging) advance(ctx context.Context, until time.Time) error {
	var decided []*watched
	for _, e := range j.watches {
		if !e.w.State.Final() && j.step(e, until) != nil {
			decided = append(decided, e)
		}
	}
	sortedBy(decided, func(e *watched) time.Time { return e.w.Ended })
	for _, e := range decided {
		j.decide(e)
	}
	return ctx.Err()
}

// step takes one watch up to a time: its looks, the alerts that fire, its deadline, and what
// a person did to it then.
func (j *judging) step(e *watched, until time.Time) *watch.Verdict {
	w := e.w
	if was, ok := j.past.watches[e.deploy.ID]; ok && was.State == watch.Cancelled && was.Ended.Before(until) {
		if v := j.stepTo(e, was.Ended); v != nil {
			return v
		}
		return w.Cancel("a person, as it was then", was.Ended)
	}
	return j.stepTo(e, until)
}

func (j *judging) stepTo(e *watched, until time.Time) *watch.Verdict {
	w := e.w
	firing := j.failing(w)
	// A guardian ticks all the time; what a tick does depends on when blindness began and on
	// the deadline, which a second tells as well.
	pace := max(time.Second, w.Policy.For/3600)
	if e.ticked.IsZero() {
		e.ticked = w.Started
	}
	for {
		at, what := until, 0
		if e.next < len(e.looks) && e.looks[e.next].at.Before(at) {
			at, what = e.looks[e.next].at, 1
		}
		if len(firing) > 0 && firing[0].at.Before(at) {
			at, what = firing[0].at, 2
		}
		if e.read < len(e.counts) && e.counts[e.read].At.Before(at) {
			at, what = e.counts[e.read].At, 3
		}
		for next := e.nextTick(pace); !next.After(at); next = e.nextTick(pace) {
			e.ticked = next
			if v := w.Tick(next); v != nil {
				return v
			}
		}
		var v *watch.Verdict
		switch what {
		case 0:
			return nil
		case 1:
			v = w.Observe(e.looks[e.next].Sample)
			e.next++
		case 2:
			v = w.AlertFired(firing[0].alert, at)
			firing = firing[1:]
		case 3:
			v = w.Measure(e.counts[e.read].name, e.counts[e.read].Reading, at)
			e.read++
		}
		if v != nil {
			return v
		}
	}
}

// nextTick is when a watch sees the time next: at its pace, and at its deadline.
func (e *watched) nextTick(pace time.Duration) time.Time {
	next := e.ticked.Add(pace)
	if d := e.w.Deadline; d.After(e.ticked) && d.Before(next) {
		return d
	}
	return next
}

type firing struct {
	at    time.Time
	alert rules.Alert
}

// failing lists the alerts that may fail a watch, with when they are first put to it.
func (j *judging) failing(w *watch.Watch) []firing {
	var all []firing
	for _, ep := range j.episodes {
		at := ep.fired
		if at.Before(w.From) {
			at = w.From
		}
		if ep.alert.FailsWatch && ep.alert.Service() == w.Service && (ep.ended.IsZero() || ep.ended.After(at)) {
			all = append(all, firing{at, ep.alert})
		}
	}
	return sortedBy(all, func(f firing) time.Time { return f.at })
}

// decide is what follows from a verdict.
func (j *judging) decide(e *watched) {
	w, d := e.w, e.deploy
	switch w.State {
	case watch.Passed:
		j.goods = append(j.goods, good{d.Service, d.Environment, d.Version, w.Ended})
	case watch.Failed:
		j.failed = append(j.failed, actions.FailedVerdict{Service: w.Service, At: w.Ended})
		e.plan = j.rollback(w, d)
	case watch.Watching, watch.Inconclusive, watch.Superseded, watch.Cancelled:
	}
}

// rollback asks the guards, with the facts of the replay.
func (j *judging) rollback(w *watch.Watch, d watch.Deploy) *Rollback {
	now := w.Ended
	svc, ok := j.setup.config.Service(w.Service)
	if !ok || svc.Rollback == "" {
		return &Rollback{Outcome: OnlyTold, Reasons: []string{"the service names no rollback runbook"}}
	}
	f := actions.Facts{
		Service: d.Service, Environment: d.Environment, Runbook: svc.Rollback, Trigger: actions.ByVerdict, Brake: j.setup.brake(),
		Rollback: true, From: d.Version, Deploy: d.ID, Reversible: d.Reversible, Runs: j.runsAt(d.Service, d.Environment, now),
		Current: j.current(d.Service, d.Environment, now),
	}
	if book, ok := j.setup.config.Runbook(svc.Rollback); ok {
		f.Cooldown, f.MaxRunsPerDay = time.Duration(book.Cooldown), book.MaxRunsPerDay
	}
	if frozen := watch.Gate(watch.GateFacts{Service: d.Service, Environment: d.Environment, Act: watch.ActRollback, Freezes: j.setup.freezes()}, now); len(frozen) > 0 {
		f.Freeze = &actions.Freeze{Detail: frozen[0].Detail, Until: frozen[0].Until}
	}
	for _, v := range j.failed {
		if f.Brake.MaxFailingServices > 0 && v.At.After(now.Add(-f.Brake.Within)) {
			f.Verdicts = append(f.Verdicts, v)
		}
	}
	for _, g := range j.goods {
		if g.service == d.Service && g.environment == d.Environment && !g.at.After(now) {
			f.KnownGood = append(f.KnownGood, actions.KnownGood{Version: g.version, At: g.at})
		}
	}
	for _, r := range f.Runs {
		if r.Rollback && r.State == actions.Cured && r.Trigger.Kind != actions.ByDrill && !r.Ended.After(now) {
			f.RolledBack = append(f.RolledBack, actions.RolledBack{Version: r.From, At: r.Ended})
		}
	}
	if svc.Environment == d.Environment {
		for _, v := range svc.KnownGood {
			f.KnownGood = append(f.KnownGood, actions.KnownGood{Version: v})
		}
	}
	f.To, _ = actions.Target(f)
	return j.outcome(w, f, actions.Guard(f, now), now)
}

// outcome says what a guardian would have done, and keeps the run for the guards to come.
func (j *judging) outcome(w *watch.Watch, f actions.Facts, refusals []actions.Refusal, now time.Time) *Rollback {
	plan := &Rollback{Runbook: f.Runbook, To: f.To, Mode: w.Mode, At: now, Outcome: RolledBack}
	asks, refused := w.Mode == watch.Approve, false
	for _, r := range refusals {
		plan.Reasons = append(plan.Reasons, fmt.Sprintf("%s: %s", r.Code, r.Detail))
		asks, refused = asks || r.Asks(), refused || !r.Asks()
	}
	run := actions.Run{
		ID: "r_of_" + f.Deploy, Service: f.Service, Environment: f.Environment, Runbook: f.Runbook, Rollback: true, From: f.From, To: f.To,
		Trigger: actions.Trigger{Kind: actions.ByVerdict, Deploy: f.Deploy, Watch: w.ID}, Created: now, Started: now, Ended: now, State: actions.Cured,
	}
	// What it took and what people answered is known when there was a run for this deploy.
	was := j.recorded(f.Deploy)
	if was != nil {
		run.ID = was.ID
	}
	switch {
	case w.Mode == watch.Observe:
		plan.Outcome = OnlyTold
		return plan
	case refused:
		plan.Outcome = Refused
		return plan
	case asks && (was == nil || was.Started.IsZero()):
		plan.Outcome = Asked
		return plan
	case asks:
		plan.Outcome = Asked
		plan.Reasons = append(plan.Reasons, "a person approved it then")
	}
	if was != nil && !was.Started.IsZero() {
		run.State, run.Started = was.State, now.Add(max(0, was.Started.Sub(was.Created)))
		if !was.Ended.IsZero() {
			run.Ended = now.Add(was.Ended.Sub(was.Created))
		}
	}
	j.runs = append(j.runs, run)
	return plan
}

// recorded gives the run that the verdict about a deploy led to, or nil.
func (j *judging) recorded(deploy string) *actions.Run {
	for i := range j.past.runs {
		if r := &j.past.runs[i]; r.Trigger.Deploy == deploy && r.Trigger.Kind == actions.ByVerdict {
			return r
		}
	}
	return nil
}

// runsAt gives the runs of a service as they were at a time.
func (j *judging) runsAt(service, environment string, now time.Time) []actions.Run {
	var all []actions.Run
	for _, r := range j.runs {
		if r.Service != service || r.Environment != environment || r.Created.After(now) {
			continue
		}
		if r.State.Final() && r.Ended.After(now) {
			r.State, r.Ended = actions.Running, time.Time{}
		}
		all = append(all, r)
	}
	return all
}

// current is what is believed to run at a time.
func (j *judging) current(service, environment string, now time.Time) string {
	version, since := "", time.Time{}
	for _, d := range j.past.deploys {
		if d.Service == service && d.Environment == environment && !d.Announced.After(now) {
			version, since = d.Version, d.Announced
		}
	}
	for _, r := range j.runsAt(service, environment, now) {
		if r.Rollback && !r.Created.Before(since) && r.Trigger.Kind != actions.ByDrill && !r.Started.IsZero() && r.State != actions.Running {
			version = r.To
		}
	}
	return version
}

// rollbacks are the runs that put a version back, as announcements see them.
func (j *judging) rollbacks(service, environment string, now time.Time) []watch.Rollback {
	var all []watch.Rollback
	for _, r := range j.runsAt(service, environment, now) {
		if r.Rollback && r.Trigger.Kind != actions.ByDrill {
			all = append(all, watch.Rollback{
				Run: r.ID, Service: r.Service, Environment: r.Environment, From: r.From, To: r.To, Created: r.Created, Ended: r.Ended,
				Acted: !r.Started.IsZero() && r.State != actions.Refused,
			})
		}
	}
	return all
}

// acts lists the runbooks that alerts would have started.
func (j *judging) acts() []Act {
	var all []Act
	for _, ep := range j.episodes {
		if ep.fired.Before(j.o.From) {
			continue
		}
		for _, bound := range j.setup.config.OnAlert {
			if matchesAlert(bound, ep.alert.Labels, string(ep.alert.Tier)) {
				all = append(all, Act{At: ep.fired, Alert: ep.alert.Rule, Labels: ep.alert.Labels, Runbook: bound.Runbook, Mode: bound.Mode})
			}
		}
	}
	return all
}
