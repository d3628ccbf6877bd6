package watching

import (
	"errors"
	"slices"

	"guardian/decide"
	"guardian/internal/announce"
	"guardian/internal/reason"
	"guardian/internal/runs"
	"guardian/internal/store"
	"guardian/notifiers"
	"guardian/watch"
)

// step lets an open watch take one step and records the verdict, if there is one.
func (ws *Watches) step(e *watched, do func(*watch.Watch) *watch.Verdict) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.w.State.Final() && e.pending == nil {
		return nil
	}
	v := e.pending
	if v == nil {
		v = do(e.w)
	}
	if v == nil {
		return nil
	}
	e.pending = v
	err := ws.mayStand(e)
	if v = e.pending; err == nil {
		err = ws.record(e, v)
	}
	if err != nil {
		ws.o.Log.Error("a verdict could not be recorded; trying again", "watch", e.w.ID, "verdict", string(v.State), "error", err)
		return err
	}
	e.pending = nil
	ws.remove(e.w.ID)
	ws.o.Metrics.verdicts.WithLabelValues(string(v.State)).Inc()
	ws.o.Ended(e.w.Service)
	if v.State == watch.Failed {
		// The judge has decided: more looks at what fails tell nothing new.
		ws.o.StopRechecks(ws.o.Record.ExcludeFailures(e.w.Service)...)
	}
	return nil
}

// mayStand puts the end of a watch whose version was taken back in the place of a verdict about it.
func (ws *Watches) mayStand(e *watched) error {
	if e.pending.State != watch.Passed && e.pending.State != watch.Inconclusive {
		return nil
	}
	v, err := ws.o.Decider().TakenBack(ws.ctx, e.w, e.deploy, ws.o.Now())
	if v != nil {
		e.pending = v
	}
	return err
}

// endTakenBack ends the watches in whose version's place a rollback has put another one.
func (ws *Watches) endTakenBack() {
	services := append(ws.takenBack, ws.o.Runs.PutBack()...)
	ws.takenBack = nil
	slices.Sort(services)
	for _, service := range slices.Compact(services) {
		for _, e := range ws.list(service) {
			var failed error
			err := ws.step(e, func(w *watch.Watch) (v *watch.Verdict) {
				v, failed = ws.o.Decider().TakenBack(ws.ctx, w, e.deploy, ws.o.Now())
				return v
			})
			if failed != nil {
				ws.o.Log.Error("it could not be read whether a version was taken back; trying again", "watch", e.w.ID, "error", failed)
			}
			if err != nil || failed != nil {
				ws.takenBack = append(ws.takenBack, service)
			}
		}
	}
}

// record records a verdict with all that follows from it, in one transaction. There is no
// moment in which one of them is in the journal and another is not.
func (ws *Watches) record(e *watched, v *watch.Verdict) error {
	if v.State != watch.Failed {
		return ws.commit(ws.with(e, v, decide.Consequence{KnownGood: decide.MakesKnownGood(e.deploy, v.State)}, ""))
	}
	return ws.o.Runs.Decide(func() error {
		p := ws.o.Present(e.w.Service)
		p.Failing = ws.failing()
		c, err := ws.o.Decider().Verdict(ws.ctx, e.w, e.deploy, v, p, ws.o.Now())
		if err != nil {
			return err
		}
		if c.Request == nil || !c.Acts {
			return ws.commit(ws.with(e, v, c, ""))
		}
		c.Request.ID = store.NewID("r_")
		with := ws.with(e, v, c, c.Request.ID)
		_, err = ws.o.Runs.Begin(ws.ctx, *c.Request, with)
		if errors.Is(err, store.ErrAlreadyRun) {
			return ws.commit(with) // there is a run for this deploy: what is left is the verdict
		}
		return err
	})
}

// with is a verdict as it is recorded; run is the ID of the run that it leads to, or "".
func (ws *Watches) with(e *watched, v *watch.Verdict, c decide.Consequence, run string) runs.With {
	w, d, now := e.w, e.deploy, ws.o.Now()
	b := store.Batch{Watches: []watch.Watch{*w}, Audit: []store.Audit{verdictLine(w, v, now)}}
	if c.KnownGood {
		b.KnownGoods = append(b.KnownGoods, knownGood(d, w.ID, now))
	}
	if req := c.Request; req != nil {
		b.Plans = append(b.Plans, planOf(w, c, now))
	}
	if c.Told {
		return runs.With{Batch: b, Told: true}
	}
	plan := announce.PlanOf(c, run)
	receivers := ws.o.Notifier.Add(&b, now, func(t announce.Renderer) notifiers.Notice { return t.Verdict(w, d, plan, now) })
	return runs.With{Batch: b, Receivers: receivers}
}

func (ws *Watches) commit(with runs.With) error {
	if err := ws.o.Leadership.Commit(with.Batch); err != nil {
		return err
	}
	ws.o.Notifier.Wake(with.Receivers)
	ws.o.Changed()
	return nil
}

// verdictReason is the verdict as a line of the journal.
func verdictReason(v *watch.Verdict) reason.Reason {
	switch v.State {
	case watch.Passed:
		return reason.New("verdict_passed", "reason", v.Reason)
	case watch.Failed:
		return reason.New("verdict_failed", "reason", v.Reason)
	case watch.Superseded:
		return reason.New("verdict_superseded", "reason", v.Reason)
	case watch.Cancelled:
		return reason.New("verdict_cancelled", "reason", v.Reason)
	default:
		return reason.New("verdict_inconclusive", "reason", v.Reason)
	}
}
