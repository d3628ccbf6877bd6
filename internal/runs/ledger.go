package runs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"guardian/actions"
	"guardian/decide"
	"guardian/internal/announce"
	"guardian/internal/notify"
	"guardian/internal/reason"
	"guardian/internal/store"
	"guardian/notifiers"
)

// With is what is committed together with the first record of a run, such as the verdict that
// led to it.
type With struct {
	Batch     store.Batch
	Receivers []string // of the notices in Batch, to be woken
	Told      bool     // people know already what there is to know of the run
}

// ledger is the journal as the engine sees it: the run, its ledger's lines, the notices about
// where it stands now, and what led to it are one transaction.
type ledger struct {
	d    *Driver
	with With
	// About a question that waits: who is asked next, and why it is told again; nil and zero: neither.
	asked *decide.EscalationStep
	worse reason.Reason
}

// Record implements actions.Ledger.
func (l ledger) Record(_ context.Context, r actions.Record) error {
	d, run := l.d, r.Run
	if d.isDraining() && slices.ContainsFunc(r.Entries, func(e actions.Entry) bool { return e.What == "intent" }) {
		return errDraining // it begins after the next start
	}
	now := d.o.Now()
	b, receivers := l.with.Batch, slices.Clone(l.with.Receivers)
	said := len(b.Deliveries) > 0 || l.with.Told
	b.Runs = append(b.Runs, run)
	b.Entries = append(b.Entries, r.Entries...)
	more, next, asked := l.told(run, now)
	if !said { // else the verdict has said that the run begins, waits, or what forbids it
		for _, render := range append(d.news(r), more...) {
			receivers = append(receivers, d.addFor(&b, run, now, render)...)
		}
	}
	for _, receiver := range asked {
		d.o.Notifier.Queue(&b, receiver, now, next)
		receivers = append(receivers, receiver)
	}
	for _, e := range r.Entries {
		who := e.By
		if who == "" {
			who = store.Guardian
		}
		b.Audit = append(b.Audit, store.Audit{
			At: now, Who: who, What: "run_" + e.What, Service: run.Service, Subject: run.ID, Detail: e.Detail, Path: "/rollbacks/" + run.ID,
		})
	}
	err := d.o.Leadership.Commit(b)
	if errors.Is(err, store.ErrFenced) {
		return fmt.Errorf("%w: %w", actions.ErrLostLease, err)
	}
	if err != nil {
		return err
	}
	if run.Rollback && decide.PutBack(run) && (r.Before == nil || !decide.PutBack(*r.Before)) {
		d.mu.Lock()
		d.putBack = append(d.putBack, run.Service)
		d.mu.Unlock()
	}
	d.o.Notifier.Wake(receivers)
	d.o.Changed()
	return nil
}

// addFor queues a notice about a run for those to whom routes lead, and those to whom its question went.
func (d *Driver) addFor(b *store.Batch, run actions.Run, now time.Time, render notify.Render) (receivers []string) {
	receivers = d.o.Notifier.Add(b, now, render)
	for _, receiver := range run.Asked {
		if !slices.Contains(receivers, receiver) {
			d.o.Notifier.Queue(b, receiver, now, render)
			receivers = append(receivers, receiver)
		}
	}
	return receivers
}

// news renders what people are notified of when a run was recorded.
func (d *Driver) news(r actions.Record) []notify.Render {
	now, run := d.o.Now(), r.Run
	news := decide.NewsOf(r.Before, run)
	var all []notify.Render
	for _, step := range news.FailedSteps {
		all = append(all, func(t announce.Renderer) notifiers.Notice { return t.StepFailed(run, step, now) })
	}
	if news.Refused {
		all = append(all, func(t announce.Renderer) notifiers.Notice { return t.Refused(run, r.Refusals, now) })
	}
	if news.State {
		all = append(all, func(t announce.Renderer) notifiers.Notice { return t.Run(run, now) })
	}
	return all
}
