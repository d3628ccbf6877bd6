package world

import (
	"context"
	"fmt"
	"slices"
	"time"

	"guardian/actions"
	"guardian/decide"
	"guardian/probes/sample"
	"guardian/watch"
	"guardian/watch/judge"
)

// announce takes a deploy in, as internal/watching does.
func (s *Scene) announce(h hook) error {
	ctx, now := context.Background(), Noon().Add(s.now)
	dep := watch.Deploy{
		ID: fmt.Sprintf("d_%s_%d", h.deploy.Version.Name, len(s.past.deploys)), Service: Service, Environment: watch.DefaultEnvironment,
		Version: h.deploy.Version.Name, PreviousVersion: h.before, Shops: h.deploy.Shops, Kind: h.deploy.Hook.Kind, Reversible: true, Announced: now,
	}
	if dep.Kind == "" {
		dep.Kind = watch.Code
	}
	if h.deploy.Hook.At {
		dep.At = Noon().Add(h.deploy.At)
	}
	dep = decide.Timed(dep, decide.CallTimes{Begins: h.deploy.Hook.Exec}, now)
	var open []*watch.Watch
	for _, o := range s.open {
		open = append(open, o.Watch)
	}
	d := s.decider()
	acc, err := d.Accept(ctx, dep, open, s.present(), now)
	if err != nil {
		return err
	}
	s.closed = append(s.closed, acc.Closed...)
	if acc.Decision != watch.Opens {
		return nil
	}
	dep.RollbackRun = acc.RollbackRun
	w, problems, err := d.Open(ctx, dep, s.present(), now)
	if err != nil || len(problems) > 0 {
		return fmt.Errorf("open the watch of %s: %w %v", dep.Version, err, problems)
	}
	for _, o := range slices.Clone(s.open) {
		if slices.Contains(acc.Supersedes, o.Watch.ID) {
			if err := s.take(o, o.Watch.SupersededBy(dep, now)); err != nil {
				return err
			}
		}
	}
	w.ID = "w_" + dep.ID
	dep.At, dep.SwitchedBy = w.Switched, w.Begin.Switch.By
	s.past.deploys = append(s.past.deploys, dep)
	s.past.watches = append(s.past.watches, w)
	k := &held{Ended: Ended{Watch: w, Deploy: dep}, since: max(s.now, h.deploy.At), switched: h.deploy.At, seen: make([]seen, len(s.checks))}
	s.open = append(s.open, k)
	if w.From.Before(now) {
		return s.catchUp(k)
	}
	return nil
}

// ended takes the end of a deploy whose start was announced.
func (s *Scene) ended(h hook) {
	for _, k := range s.open {
		if k.Deploy.Version == h.deploy.Version.Name && k.Deploy.RollingOut() {
			k.Deploy = decide.Ended(k.Deploy, decide.End{}, Noon().Add(s.now))
			k.Watch.EndRollout(k.Deploy.Unsure, Noon().Add(s.now))
			k.since = s.now
		}
	}
}

// catchUp shows a watch that was announced late what was seen meanwhile.
func (s *Scene) catchUp(k *held) error {
	type late struct {
		check int
		sample.Sample
	}
	var all []late
	for i, recent := range s.recent {
		for _, x := range recent[max(0, len(recent)-mostRecent):] {
			all = append(all, late{i, x})
		}
	}
	slices.SortStableFunc(all, func(x, y late) int { return x.At.Compare(y.At) })
	for _, x := range all {
		if !x.At.Before(k.Watch.From) {
			k.count(x.check, &s.checks[x.check], x.Sample)
		}
		if err := s.take(k, k.Watch.Observe(x.Sample)); err != nil {
			return err
		}
	}
	return nil
}

// take takes a verdict with all that follows from it.
func (s *Scene) take(h *held, v *watch.Verdict) error {
	if v == nil {
		return nil
	}
	s.open = slices.DeleteFunc(s.open, func(o *held) bool { return o == h })
	h.Looks, h.Over = s.sum(h)
	now := Noon().Add(s.now)
	if v.State != watch.Superseded {
		then, err := s.decider().Verdict(context.Background(), h.Watch, h.Deploy, v, s.present(), now)
		if err != nil {
			return err
		}
		h.Then = then
		if then.KnownGood {
			s.past.goods = append(s.past.goods, actions.KnownGood{Version: h.Watch.Version, At: now})
		}
		if then.Request != nil && then.Acts {
			s.act(*then.Request, h)
		}
	}
	s.over = append(s.over, h.Ended)
	return nil
}

// sum gives how often the checks looked, and which fail more often than they may.
func (s *Scene) sum(h *held) (looks int, over []string) {
	most, cause := 0, -1
	for i, n := range h.seen {
		if v := h.Watch.Verdict; v != nil && v.Cause == s.checks[i].Name {
			cause = n.looks
		}
		most = max(most, n.looks)
		judged := slices.IndexFunc(h.Watch.Checks, func(c watch.CheckState) bool { return c.Check == s.checks[i].Name })
		if judged < 0 {
			continue
		}
		for _, c := range []watch.Counts{n.all, n.late} {
			if c.Failures > 0 && judge.RateLower(c.Failures, c.Looks, 0.01/float64(2*len(h.Watch.Checks))) > h.Watch.Checks[judged].FailureRate {
				over = append(over, s.checks[i].Name)
				break
			}
		}
	}
	if cause >= 0 {
		return cause, over
	}
	return most, over
}

// act begins a run.
func (s *Scene) act(req actions.Request, h *held) {
	now := Noon().Add(s.now)
	run := actions.Run{
		ID: fmt.Sprintf("r_%d", len(s.past.runs)), Service: req.Service, Environment: req.Environment, Runbook: req.Runbook, Trigger: req.Trigger,
		Rollback: req.Rollback, From: req.From, To: req.To, State: actions.Running, Created: now, Started: now, Failing: req.Failing, Healthy: req.Healthy,
	}
	switch {
	case len(req.Refusals) > 0:
		run.State, run.Started, run.Ended = actions.Refused, time.Time{}, now
	case s.w.Rollback == Rejected:
		run.State, run.Started, run.Ended = actions.Rejected, time.Time{}, now
	case !req.Approve.IsZero():
		run.State, run.Started = actions.AwaitingApproval, time.Time{}
	default:
		s.undo = &run
	}
	s.past.runs = append([]actions.Run{run}, s.past.runs...)
}

// finish ends the run that is under way.
func (s *Scene) finish() {
	run := *s.undo
	s.undo = nil
	run.State, run.Ended = actions.Cured, Noon().Add(s.now)
	if s.w.Rollback == Useless {
		run.State = actions.NotCured
	} else {
		back := serving{Version: Version{Name: run.To}, gone: s.now, from: s.now}
		for _, v := range s.shop.versions {
			if v.Name == run.To {
				back.Version = v.Version
			}
		}
		s.shop.versions = append(s.shop.versions, back)
	}
	for i := range s.past.runs {
		if s.past.runs[i].ID == run.ID {
			s.past.runs[i] = run
		}
	}
}
