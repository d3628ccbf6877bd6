package replay

import (
	"context"
	"fmt"
	"slices"
	"time"

	"guardian/actions"
	"guardian/decide"
	"guardian/internal/store"
	"guardian/probes/sample"
	"guardian/rules"
	"guardian/watch"
)

// judging replays the watches and runs: the recorded deploys, in order, judged on the recorded
// looks and decided by the configuration.
type judging struct {
	o        Options
	setup    *setup
	past     *past
	episodes []*episode
	late     time.Duration // how much later than its time an alert may have fired

	world   *world
	decider decide.Decider
	watches []*watched // in the order in which they were opened
	firings []*episode // that did not start runbooks yet, by time
	acts    []Act
	queue   []happening // by time
}

// watched is a replayed watch.
type watched struct {
	w      *watch.Watch
	deploy watch.Deploy
	looks  []arrival // of its checks, by arrival
	next   int
	counts []measured // of its counters
	read   int
	until  time.Time        // to which looks were read
	end    *watch.Deploy    // the deploy as it is once it has ended; nil: it has, or its end was not announced
	ticked time.Time        // when it saw the time last
	fails  []decide.Failing // when its service failed, oldest first

	plan decide.Consequence // of its verdict
	run  *run               // that it led to; nil: none
}

// arrival is a look with the time at which it had come to its end.
type arrival struct {
	sample.Sample
	at time.Time
}

// measured is a reading of the counters of that name.
type measured struct {
	name string
	watch.Reading
}

func newJudging(o Options, s *setup, p *past, e *evaluation) *judging {
	j := &judging{o: o, setup: s, past: p, episodes: withSent(e.episodes(), p.episodes), late: e.longestStep() + slack}
	j.world = &world{now: o.From, checks: map[string]check{}, samples: o.Samples, engine: e.engine, episodes: j.episodes}
	for _, c := range s.checks {
		j.world.checks[c.Name] = c
	}
	j.decider = decide.Decider{Settings: s.decisions.With(p.freezes()), Past: j.world}
	for _, ep := range j.episodes {
		if !ep.fired.Before(o.From) {
			j.firings = append(j.firings, ep)
		}
	}
	return j
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
		if w.Ended.IsZero() || !w.Ended.Before(j.o.From) {
			continue
		}
		if was, seen := decide.PastWatchOf(&w); seen {
			j.world.ended = append(j.world.ended, was)
		}
		switch w.State {
		case watch.Passed:
			if d := (watch.Deploy{Service: w.Service, Environment: w.Environment, Version: w.Version, Kind: w.Kind, Drill: w.Drill}); decide.MakesKnownGood(d, w.State) {
				j.world.goods = append(j.world.goods, goodOf(d, w.Ended))
			}
		case watch.Failed:
			j.world.failed = append(j.world.failed, decide.FailedWatchOf(&w))
		default:
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
				j.world.goods = append(j.world.goods, good{g.Service, g.Environment, g.Version, j.past.kindOf(g), g.At})
			}
		}
	}
	for _, r := range j.past.runs {
		// What verdicts and alerts led to since is what is replayed; the rest people did.
		replayed := r.Trigger.Kind == actions.ByVerdict || r.Trigger.Kind == actions.ByAlert
		if r.Created.Before(j.o.From) || !replayed {
			known := recordedRun(r)
			j.world.runs = append(j.world.runs, known)
			if !known.ended.IsZero() && !known.ended.Before(j.o.From) {
				j.happens(known.ended, runEnds, j.askAll)
			}
		}
	}
	// The watches that were open when the time began were opened by another configuration;
	// they are begun anew, with this one.
	for _, d := range j.past.deploys {
		if !d.Announced.Before(j.o.From) {
			continue
		}
		w, ok := j.past.watches[d.ID]
		if ok && (w.Ended.IsZero() || w.Ended.After(j.o.From)) {
			j.world.now = d.Announced
			if err := j.announce(ctx, d); err != nil {
				return err
			}
		} else {
			j.world.deploys = append(j.world.deploys, d)
		}
	}
	j.world.now = j.o.From
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
	svc, ok := j.setup.decisions.Service(d.Service)
	if _, here := svc.In(d.Environment); !ok || !here {
		return nil // a guardian with this configuration would have refused the call
	}
	now := d.Announced
	open := j.openWatches(d)
	p, err := j.world.present(ctx, d.Service)
	if err != nil {
		return err
	}
	was, recorded := j.past.watches[d.ID]
	p.Open, p.Rechecks = open, was.Snapshot.Rechecks // of looks that may be gone
	d.RollbackRun = ""                               // found again by the decision
	d.At, p.RunsSince, p.Answered = switchAsRecorded(d)
	end := d
	if d.Rollout != nil {
		d = begun(d)
	}
	acc, err := j.decider.Accept(ctx, d, open, p, now)
	if err != nil {
		return err
	}
	if acc.Decision != watch.Opens {
		return j.extend(ctx, acc, p, now)
	}
	d.RollbackRun, d.GateClosed = acc.RollbackRun, acc.Closed
	policy := svc.Policy(d.Asked)
	e := &watched{deploy: d, until: now.Add(policy.For + policy.MaxBlind)}
	if d.RollingOut() {
		e.end = &end
		e.until = end.Rollout.End.Add(policy.For + policy.MaxBlind)
	}
	if e.looks, err = j.looks(ctx, d.Service, now.Add(-looksBack), e.until); err != nil {
		return err
	}
	if e.counts, err = j.readings(ctx, svc, now, e.until); err != nil {
		return err
	}
	w, problems, err := j.decider.Open(ctx, d, p, now)
	if err != nil {
		return err
	}
	for _, e := range j.watches {
		if slices.Contains(acc.Supersedes, e.w.ID) {
			e.w.SupersededBy(d, now)
		}
	}
	for _, problem := range problems {
		j.past.note(fmt.Sprintf("%s %s is judged without a part of its history: %s", d.Service, d.Version, problem))
	}
	if !w.From.Before(now) { // a guardian hands it the looks of before only when they count
		e.looks = slices.DeleteFunc(e.looks, func(a arrival) bool { return !a.at.After(now) })
	}
	e.w = w
	e.deploy.At, e.deploy.SwitchedBy = w.Switched, w.Begin.Switch.By
	d = e.deploy
	// The recorded ID, so that texts and links are the recorded ones.
	if e.w.ID = "w_of_" + d.ID; recorded {
		e.w.ID = was.ID
	}
	j.world.deploys = append(j.world.deploys, d)
	if d.DeclaresGood() {
		j.world.goods = append(j.world.goods, goodOf(d, now))
	}
	for _, o := range j.watches {
		// Each may be the cause of what the other sees.
		if !o.w.State.Final() && o.deploy.Service != d.Service {
			o.w.Overlap(d)
			e.w.Overlap(o.deploy)
		}
	}
	j.watches = append(j.watches, e)
	j.world.watches = j.watches
	return j.refuseOutdated(ctx)
}

// openWatches gives the open watches of a deploy's service and environment.
func (j *judging) openWatches(d watch.Deploy) []*watch.Watch {
	var open []*watch.Watch
	for _, e := range j.watches {
		if e.w.Service == d.Service && e.w.Environment == d.Environment && !e.w.State.Final() {
			open = append(open, e.w)
		}
	}
	return open
}

// begun gives a deploy as it was announced, if its end was recorded in time. Where it was not, the
// deploy was judged as what a hook announced, and is again.
func begun(d watch.Deploy) watch.Deploy {
	inTime := !d.Rollout.End.IsZero() && (d.SwitchedBy == watch.ByCaller || d.SwitchedBy == "")
	start := d.Rollout.Start
	d.Rollout = nil
	if inTime {
		d.Rollout, d.Unsure = &watch.Rollout{Start: start}, false
	}
	return d
}

// switchAsRecorded gives what tells when a recorded deploy happened: what its caller said, the
// start of its workload, or the versions that checks saw, which are not recorded with the samples. What was found out
// otherwise is found out again.
func switchAsRecorded(d watch.Deploy) (at, runsSince time.Time, answered map[string][]watch.Answered) {
	switch d.SwitchedBy {
	case watch.ByVersion:
		return time.Time{}, time.Time{}, map[string][]watch.Answered{"": {{Version: d.PreviousVersion}, {Version: d.Version, First: d.At, Last: d.Announced}}}
	case watch.ByTarget:
		return time.Time{}, d.At, nil
	case watch.ByOnset, watch.ByHook:
		return time.Time{}, time.Time{}, nil
	default:
		return d.At, time.Time{}, nil
	}
}

// refuseOutdated ends the rollbacks that wait for an approval although another version runs now.
func (j *judging) refuseOutdated(ctx context.Context) error {
	for _, r := range j.world.runs {
		is := r.at(j.world.now)
		_, outdated, err := j.decider.Outdated(ctx, is)
		if err != nil {
			return err
		}
		if outdated && r.Trigger.Kind != actions.ByPerson {
			r.refuse(j.world.now)
			r.State = actions.Refused
		}
	}
	return j.askAll(ctx)
}

// looksBack is how long before its announcement the looks of a deploy are read: it may be
// announced late.
const looksBack = 5 * time.Hour

func (j *judging) extend(ctx context.Context, acc decide.Acceptance, p decide.Present, now time.Time) error {
	for _, e := range j.watches {
		if e.w.ID != acc.Watch || acc.Decision != watch.Extends {
			continue
		}
		svc, ok := j.setup.decisions.Service(e.w.Service)
		if !ok {
			return nil
		}
		e.until = now.Add(e.w.Policy.For + e.w.Policy.MaxBlind)
		var err error
		if e.looks, err = j.looks(ctx, e.w.Service, now.Add(-looksBack), e.until); err != nil {
			return err
		}
		if e.counts, err = j.readings(ctx, svc, e.w.Started, e.until); err != nil {
			return err
		}
		joining := e.deploy
		joining.Shops = acc.Shops
		snap, _, err := j.decider.Extension(ctx, joining, p, now)
		if err != nil {
			return err
		}
		e.w.Extend(acc.Shops, snap, now)
		e.next, e.read = 0, 0 // those that it has seen it ignores
	}
	return nil
}

// looks reads what the checks of a service saw, by arrival.
func (j *judging) looks(ctx context.Context, service string, from, to time.Time) ([]arrival, error) {
	var all []arrival
	peers := map[string]bool{}
	for _, c := range j.setup.decisions.PeersOf(service) {
		peers[c.Check] = true
	}
	for _, c := range j.setup.checks {
		if c.Service != service && !c.Control && !peers[c.Name] {
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

// readings reads what the counters of a service stood at.
func (j *judging) readings(ctx context.Context, svc decide.Service, from, to time.Time) ([]measured, error) {
	var all []measured
	for _, m := range svc.Watch.Metrics {
		rs, err := j.world.Readings(ctx, m, from, to)
		if err != nil {
			return nil, err
		}
		for _, r := range rs {
			all = append(all, measured{m.Name, r})
		}
	}
	return sortedBy(all, func(m measured) time.Time { return m.At }), nil
}

// step takes one watch up to a time: its looks, the alerts that fire, its deadline, rollbacks, and
// what a person did to it then.
func (j *judging) step(ctx context.Context, e *watched, until time.Time) (*watch.Verdict, error) {
	w := e.w
	if was, ok := j.past.watches[e.deploy.ID]; ok && was.State == watch.Cancelled && !was.Withdrawn && !was.Ended.After(until) {
		if v, err := j.stepOver(ctx, e, was.Ended); v != nil || err != nil {
			return v, err
		}
		return w.Cancel("a person, as it was then", was.Ended), nil
	}
	return j.stepOver(ctx, e, until)
}

// stepOver takes one watch up to a time, or until a rollback has put another version in place.
func (j *judging) stepOver(ctx context.Context, e *watched, until time.Time) (*watch.Verdict, error) {
	var puts []time.Time
	for _, r := range j.world.runs {
		if at := r.putBack(); r.Rollback && r.Service == e.w.Service && at.After(e.w.Started) && at.After(e.ticked) && !at.After(until) {
			puts = append(puts, at)
		}
	}
	slices.SortFunc(puts, time.Time.Compare)
	now := j.world.now
	defer func() { j.world.now = now }()
	for _, at := range puts {
		if v := j.stepTo(e, at); v != nil {
			return v, nil
		}
		j.world.now = at
		if v, err := j.decider.TakenBack(ctx, e.w, e.deploy, at); v != nil || err != nil {
			return v, err
		}
	}
	return j.stepTo(e, until), nil
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
		if e.end != nil && e.end.Rollout.End.Before(at) {
			at, what = e.end.Rollout.End, 4
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
			e.follow(at)
		case 2:
			v = w.AlertFired(firing[0].alert, at)
			firing = firing[1:]
		case 3:
			v = w.Measure(e.counts[e.read].name, e.counts[e.read].Reading, at)
			e.read++
		case 4:
			if e.end.Withdrawn() {
				w.Withdraw()
				v = w.Tick(at)
			} else {
				w.EndRollout(e.end.Unsure, at)
			}
			e.deploy.Rollout, e.deploy.Unsure, e.end = e.end.Rollout, e.end.Unsure, nil
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
		at, counts := w.AlertCounts(ep.alert)
		if !counts {
			continue
		}
		if at.Before(ep.fired) {
			at = ep.fired
		}
		if ep.alert.FailsWatch && ep.alert.Service() == w.Service && (ep.ended.IsZero() || ep.ended.After(at)) {
			all = append(all, firing{at, ep.alert})
		}
	}
	return sortedBy(all, func(f firing) time.Time { return f.at })
}
