package replay

import (
	"cmp"
	"context"
	"slices"
	"time"

	"guardian/actions"
	"guardian/decide"
	"guardian/watch"
)

// happening is something that decisions follow from.
type happening struct {
	at time.Time
	// order among those of one moment: a run ends before what waited for it is asked, and a
	// rule fails a watch before its alert starts a runbook.
	order int
	do    func(ctx context.Context) error
}

// The orders of what happens at one moment.
const (
	runEnds = iota
	verdictFalls
	alertFires
	queueAges
)

// advance takes everything up to a time, in order: what watches see and come to, alerts that
// start runbooks, and runs that end.
func (j *judging) advance(ctx context.Context, until time.Time) error {
	// Of verdicts of one moment those come first whose service does in the alphabet.
	watches := slices.Clone(j.watches)
	slices.SortStableFunc(watches, func(x, y *watched) int { return cmp.Compare(x.deploy.Service, y.deploy.Service) })
	for _, e := range watches {
		if e.w.State.Final() {
			continue
		}
		v, err := j.step(ctx, e, until)
		if err != nil {
			return err
		}
		if v != nil {
			j.happens(e.w.Ended, verdictFalls, func(ctx context.Context) error { return j.verdict(ctx, e, v) })
		}
	}
	for ; len(j.firings) > 0 && !j.firings[0].fired.After(until); j.firings = j.firings[1:] {
		ep := j.firings[0]
		j.happens(ep.fired, alertFires, func(ctx context.Context) error { return j.alert(ctx, ep) })
	}
	for len(j.queue) > 0 && !j.queue[0].at.After(until) {
		next := j.queue[0]
		j.queue = j.queue[1:]
		j.world.now = next.at
		if err := next.do(ctx); err != nil {
			return err
		}
	}
	j.world.now = until
	return ctx.Err()
}

// happens puts something into the queue.
func (j *judging) happens(at time.Time, order int, do func(context.Context) error) {
	h := happening{at, order, do}
	i, _ := slices.BinarySearchFunc(j.queue, h, func(x, y happening) int {
		if c := cmp.Or(x.at.Compare(y.at), cmp.Compare(x.order, y.order)); c != 0 {
			return c
		}
		return -1 // after those that are there
	})
	j.queue = slices.Insert(j.queue, i, h)
}

// verdict is what follows from the verdict of a watch.
func (j *judging) verdict(ctx context.Context, e *watched, v *watch.Verdict) error {
	w, d, now := e.w, e.deploy, j.world.now
	p, err := j.world.present(ctx, w.Service)
	if err != nil {
		return err
	}
	if v.State == watch.Passed || v.State == watch.Inconclusive {
		back, err := j.decider.TakenBack(ctx, w, d, now)
		if err != nil {
			return err
		}
		if back != nil {
			v = back
		}
	}
	p.Failing = j.failingAt(now)
	if e.plan, err = j.decider.Verdict(ctx, w, d, v, p, now); err != nil {
		return err
	}
	if e.plan.KnownGood {
		j.world.goods = append(j.world.goods, goodOf(d, now))
	}
	if v.State != watch.Failed {
		return nil
	}
	j.world.failed = append(j.world.failed, decide.FailedWatchOf(w))
	if e.plan.Acts && e.plan.Request != nil && j.runOf(func(r *run) bool { return r.Trigger.Deploy == d.ID && r.Trigger.Kind == actions.ByVerdict }) == nil {
		e.run = j.start(*e.plan.Request, time.Time{}, j.past.runOf(func(r actions.Run) bool {
			return r.Trigger.Deploy == d.ID && r.Trigger.Kind == actions.ByVerdict
		}))
	}
	return nil
}

// alert starts the runbooks that an alert is bound to: one firing starts at most one.
func (j *judging) alert(ctx context.Context, ep *episode) error {
	for _, st := range j.setup.decisions.OfAlert(ep.alert) {
		act := Act{At: ep.fired, Alert: ep.alert.Rule, Labels: ep.alert.Labels, Runbook: st.Runbook, Mode: st.Mode}
		same := func(r *run) bool {
			return r.Trigger.Alert == ep.alert.ID && r.Trigger.AlertEpisode == st.Trigger.AlertEpisode
		}
		if st.Mode != watch.Observe && j.runOf(same) == nil {
			p, err := j.world.present(ctx, st.Service)
			if err != nil {
				return err
			}
			req, err := j.decider.ByAlert(ctx, st, p, j.world.now)
			if err != nil {
				return err
			}
			act.run = j.start(req, ep.ended, j.past.runOf(func(r actions.Run) bool {
				return r.Trigger.Kind == actions.ByAlert && r.Trigger.Alert == ep.alert.ID && time.Unix(0, r.Trigger.AlertEpisode).Sub(ep.fired).Abs() <= j.late
			}))
		}
		j.acts = append(j.acts, act)
	}
	return nil
}

// start begins a run as it was decided. over is when its alert resolves; zero: it has none, or that is not
// known. was is the recorded run, or nil.
func (j *judging) start(req actions.Request, over time.Time, was *actions.Run) *run {
	now := j.world.now
	req.ID = "r_of_" + cmp.Or(req.Trigger.Deploy, req.Trigger.Alert)
	if was != nil {
		req.ID = was.ID
	}
	r := &run{Run: actions.NewRun(req, j.setup.runbook(req.Runbook), now), was: was, replayed: true}
	j.world.runs = append(j.world.runs, r)
	j.goesOn(r)
	if r.State == actions.Queued {
		j.happens(now.Add(decide.MaxQueueAge), queueAges, j.askAll)
		if over.After(now) {
			j.happens(over, queueAges, j.askAll)
		}
	}
	return r
}

// goesOn says what becomes of a run that was decided now, and what its end leads to.
func (j *judging) goesOn(r *run) {
	r.begin(j.world.now)
	if r.ended.IsZero() || r.State == actions.Refused {
		return
	}
	j.happens(r.ended, runEnds, j.askAll)
}

// askAll asks the guards again about every run that is queued, in the order in which they leave the queue.
func (j *judging) askAll(ctx context.Context) error {
	queue := slices.Clone(j.world.runs)
	slices.SortStableFunc(queue, func(x, y *run) int {
		if x.Rollback != y.Rollback {
			if x.Rollback {
				return -1
			}
			return 1
		}
		return cmp.Or(x.Created.Compare(y.Created), cmp.Compare(x.ID, y.ID))
	})
	for _, r := range queue {
		if err := j.ask(ctx, r); err != nil {
			return err
		}
	}
	return nil
}

// ask asks the guards again about a run that is queued behind another one.
func (j *judging) ask(ctx context.Context, r *run) error {
	now := j.world.now
	if !r.replayed || r.Created.After(now) || r.at(now).State != actions.Queued {
		return nil
	}
	p, err := j.world.present(ctx, r.Service)
	if err != nil {
		return err
	}
	var req actions.Request
	if i := slices.IndexFunc(j.watches, func(e *watched) bool { return e.run == r }); i >= 0 {
		req, err = j.decider.Queued(ctx, r.Run, j.watches[i].deploy, j.watches[i].w, p, now)
	} else {
		req, err = j.decider.QueuedByAlert(ctx, r.Run, p, now)
	}
	if err != nil {
		return err
	}
	next := actions.NewRun(req, j.setup.runbook(req.Runbook), now)
	next.Created = r.Created
	r.Run = next
	j.goesOn(r)
	return nil
}

// runOf finds a run of the replay.
func (j *judging) runOf(is func(*run) bool) *run {
	if i := slices.IndexFunc(j.world.runs, is); i >= 0 {
		return j.world.runs[i]
	}
	return nil
}
