package drilling

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"guardian/actions"
	"guardian/decide"
	"guardian/internal/announce"
	"guardian/internal/drills"
	"guardian/internal/reason"
	"guardian/internal/runs"
	"guardian/internal/store"
	"guardian/internal/watching"
	"guardian/notifiers"
	"guardian/probes/sample"
	"guardian/watch"
)

// advance does what is due about a drill, and gives it as it is recorded then.
func (d *Drilling) advance(ctx context.Context, one drills.Drill) (drills.Drill, error) {
	seen, err := d.see(ctx, one)
	if err != nil {
		return one, err
	}
	now := d.o.Now().UTC()
	next, act := one.Next(seen, now)
	if next.Phase == drills.Restoring || next.Phase == drills.Over { // before anything is taken back
		if err := d.void(ctx, next, seen); err != nil {
			return one, err
		}
	}
	switch act {
	case drills.Announce:
		return d.announce(ctx, next)
	case drills.Inject:
		next.Phase = drills.Injecting
		begun, err := d.run(ctx, next, next.InjectRun)
		switch {
		case errors.Is(err, errNoBook):
			return one.NotBegun(reason.New("drill_gone")), nil
		case err != nil: // it is asked again what was recorded
			return one, err
		}
		return begun, nil
	case drills.Restore:
		begun, err := d.run(ctx, next, next.RestoreRun)
		if errors.Is(err, errNoBook) {
			return d.finish(next.Unrestored(reason.New("drill_gone"), now), one)
		}
		if err != nil {
			return one, err
		}
		return begun, nil
	case drills.AbortInject:
		d.abort(ctx, next.InjectRun)
	case drills.AbortRollback:
		d.abort(ctx, next.Rollback)
	case drills.Finish:
		return d.finish(next, one)
	case drills.Wait:
	}
	if next.Phase == one.Phase && next.Aborted == one.Aborted {
		return one, nil
	}
	return d.save(next, one)
}

// see reads what the journal says of a drill. A run is read after the watch whose verdict leads to it.
func (d *Drilling) see(ctx context.Context, one drills.Drill) (s drills.Seen, err error) {
	if one.Deploy != "" {
		ws, err := d.o.Journal.Watches(ctx, store.WatchFilter{Deploy: one.Deploy, Limit: 1})
		if err != nil {
			return s, err
		}
		if len(ws) > 0 {
			s.Watch = &ws[0]
		}
		all, err := d.o.Journal.Runs(ctx, store.RunFilter{Deploy: one.Deploy, Rollbacks: true, Limit: 1})
		if err != nil {
			return s, err
		}
		if len(all) > 0 {
			s.Rollback = &all[0]
		}
	}
	if s.Inject, err = d.runOf(ctx, one.InjectRun); err != nil {
		return s, err
	}
	if s.Restore, err = d.runOf(ctx, one.RestoreRun); err != nil {
		return s, err
	}
	if one.Phase == drills.Finding && s.Watch != nil && s.Watch.State == watch.Failed {
		s.Failing, err = d.firstFailing(ctx, one)
	}
	return s, err
}

func (d *Drilling) runOf(ctx context.Context, id string) (*actions.Run, error) {
	all, err := d.o.Journal.Runs(ctx, store.RunFilter{ID: id, Limit: 1})
	if err != nil || len(all) == 0 {
		return nil, err
	}
	return &all[0], nil
}

// firstFailing gives when the first look failed since the fault began to be injected: when it had come
// to its end, because before that nobody could see it.
func (d *Drilling) firstFailing(ctx context.Context, one drills.Drill) (first time.Time, err error) {
	decider := d.o.Decider()
	for _, c := range decider.Settings.ChecksOf(one.Service) {
		looks, err := decider.Past.Looks(ctx, c.Check, one.Stages.Begun, d.o.Now())
		if err != nil {
			return first, fmt.Errorf("read the looks of %s: %w", c.Check, err)
		}
		for _, l := range looks {
			if l.Health != sample.Down {
				continue
			}
			if at := l.At.Add(l.Took).UTC(); first.IsZero() || at.Before(first) {
				first = at
			}
			break
		}
	}
	return first, nil
}

// announced is the answer to a drill's announcement.
type announced struct{ Deploy, Watch string }

// announce announces the deploy that the fault stands for: by a key of the drill's own, so that one that
// is made again is the same.
func (d *Drilling) announce(ctx context.Context, one drills.Drill) (drills.Drill, error) {
	now := d.o.Now().UTC()
	answer, err := d.o.Watches.Announce(ctx, watching.Announcement{
		By: store.Guardian, Key: "drill/" + one.ID, BodyHash: one.ID, RawHash: one.ID, Told: decide.CallTimes{},
		Deploy: watch.Deploy{
			Service: one.Service, Environment: one.Environment, Version: one.Version, PreviousVersion: one.Previous,
			Kind: watch.Code, Reversible: true, At: now, Drill: one.ID, Author: one.By,
		},
		Answer: func(dep watch.Deploy, w *watch.Watch, _ []reason.Reason) ([]byte, error) {
			return json.Marshal(announced{dep.ID, w.ID})
		},
	})
	var policy *watching.PolicyError
	if errors.As(err, &policy) {
		return one.NotBegun(reason.Text(policy.Error())), nil
	}
	if err != nil {
		return one, err
	}
	var a announced
	if err := json.Unmarshal(answer, &a); err != nil {
		return one, err
	}
	next := one
	next.Deploy, next.Watch, next.Stages.Announced = a.Deploy, a.Watch, now
	return d.save(next, one)
}

// errNoBook says that the configuration has the drill's steps no longer.
var errNoBook = errors.New("the configuration does not have this drill any more")

// run begins one of the drill's own runs, in one transaction with the drill.
func (d *Drilling) run(ctx context.Context, next drills.Drill, id string) (drills.Drill, error) {
	back := id == next.RestoreRun
	runbook := ""
	for _, p := range d.o.Plans() {
		if p.Name == next.Name {
			if runbook = p.Inject(); back {
				runbook = p.Restore()
			}
		}
	}
	if runbook == "" {
		return next, errNoBook
	}
	err := d.o.Runs.Decide(func() error {
		req := d.o.Decider().RehearsalRun(rehearsal(next, runbook), next.Previous, back)
		req.ID = id
		_, err := d.o.Runs.Begin(ctx, req, runs.With{Batch: store.Batch{Drills: []drills.Drill{next}}})
		return err
	})
	d.o.Changed()
	return next, err
}

// abort ends a run whose time is over. That it is over already is no mistake: it is read again.
func (d *Drilling) abort(ctx context.Context, id string) {
	_, _, err := d.o.Runs.Answer(ctx, id, actions.Answer{By: store.Guardian, Role: "admin", At: d.o.Now(), Decision: actions.Abort, Note: "the time of the drill is over"})
	if err != nil && !errors.Is(err, actions.ErrRunIsOver) {
		d.o.Log.Warn("a run of a drill whose time is over could not be ended", "run", id, "error", err)
	}
}

// void withdraws the deploy that no rollback took back: its version does not run once the fault is taken
// back.
func (d *Drilling) void(ctx context.Context, one drills.Drill, s drills.Seen) error {
	if one.Deploy == "" || s.Rollback != nil && decide.PutBack(*s.Rollback) {
		return nil
	}
	return d.o.Watches.Void(ctx, one.Deploy, store.Guardian)
}

// save records a drill; in case of an error it is as it was.
func (d *Drilling) save(next, was drills.Drill) (drills.Drill, error) {
	if err := d.o.Leadership.Commit(store.Batch{Drills: []drills.Drill{next}}); err != nil {
		return was, err
	}
	d.o.Changed()
	return next, nil
}

// finish records how a drill ended, with the notice about it.
func (d *Drilling) finish(next, was drills.Drill) (drills.Drill, error) {
	now := d.o.Now()
	if err := d.o.Notifier.Record(d.o.Leadership, store.Batch{
		Drills: []drills.Drill{next}, Audit: []store.Audit{line(next, now, "drill_ended", reason.New(
			"drill_ended", "drill", next.Name, "result", reason.New("drill_"+string(next.Result)), "took", next.Stages.Took(), "why", next.Reason))},
	}, func(t announce.Renderer) notifiers.Notice { return t.DrillEnded(next, now) }); err != nil {
		return was, err
	}
	d.o.Changed()
	return next, nil
}
