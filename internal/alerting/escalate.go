package alerting

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"guardian/decide"
	"guardian/internal/announce"
	"guardian/internal/reason"
	"guardian/internal/store"
	"guardian/notifiers"
	"guardian/rules"
)

// escalations are how far alerts were escalated; of Tick alone.
type escalations struct {
	known map[string]decide.Escalated // by alert, as the journal has them
	last  time.Time                   // when it was looked last
}

// escalateEvery is how often it is looked whether a step of an escalation is due.
const escalateEvery = time.Second

// resume reads how far alerts were escalated: a guardian that takes over, or starts again,
// neither repeats a step nor leaves one out.
func (e *escalations) resume(ctx context.Context, journal Journal) error {
	rows, err := journal.Escalated(ctx)
	if err != nil {
		return fmt.Errorf("read how far alerts were escalated: %w", err)
	}
	e.known = map[string]decide.Escalated{}
	for _, row := range rows {
		e.known[row.Alert] = row
	}
	return nil
}

// escalating is what one look at the escalations comes to.
type escalating struct {
	batch     store.Batch
	receivers []string
	changed   []decide.Escalated
	due       map[string]*dueStep // by step, receivers and service
}

// dueStep is a step that is due for alerts of one service: one notice tells of all of them.
type dueStep struct {
	decide.EscalationStep
	alerts []rules.Alert
}

// tickEscalations takes the steps that are due for alerts that nobody acknowledged.
func (as *Alerts) tickEscalations(now time.Time) {
	e := &as.escalations
	settings := as.o.Decider().Settings
	if now.Sub(e.last) < escalateEvery || len(settings.Escalations)+len(e.known) == 0 {
		return
	}
	e.last = now
	x := &escalating{due: map[string]*dueStep{}}
	firing := map[string]bool{}
	muted := as.muted(settings, now)
	for _, al := range as.Open() {
		if al.State != rules.Firing {
			continue
		}
		firing[al.ID] = true
		ack, _ := as.o.Notifier.Ack(al.ID)
		due, after := settings.Escalate(al, decide.EscalationFacts{
			Labels: decide.AlertLabels(al), Before: e.known[al.ID], Acked: ack.At, Muted: muted(al), Roster: as.o.Roster(),
		}, now)
		for _, step := range due {
			x.take(al, step, now)
		}
		if !after.Equal(e.known[al.ID]) {
			x.changed = append(x.changed, after)
		}
	}
	as.tellSteps(x, now)
	gone := as.endEscalations(x, firing, now)
	as.commitEscalations(x, gone)
}

func (as *Alerts) muted(s *decide.Settings, now time.Time) func(rules.Alert) bool {
	as.telling.mu.Lock()
	defer as.telling.mu.Unlock()
	return as.telling.board.Muted(s, as.hearing(), now)
}

func (x *escalating) take(al rules.Alert, step decide.EscalationStep, now time.Time) {
	key := strings.Join([]string{step.Policy, fmt.Sprint(step.Round, step.Step), strings.Join(step.Receivers, ","), al.Service()}, "\x00")
	if x.due[key] == nil {
		x.due[key] = &dueStep{EscalationStep: step}
	}
	d := x.due[key]
	d.alerts = append(d.alerts, al)
	if step.Unanswered.Before(d.Unanswered) {
		d.Unanswered = step.Unanswered
	}
	x.batch.Audit = append(x.batch.Audit, store.Audit{
		At: now, Who: store.Guardian, What: "escalation", Service: al.Service(), Subject: al.ID, Path: "/alerts", Detail: step.Reason(al.Rule),
	})
}

// tellSteps queues the notices of what is due.
func (as *Alerts) tellSteps(x *escalating, now time.Time) {
	for _, key := range slices.Sorted(maps.Keys(x.due)) {
		d := x.due[key]
		decide.Arrange(d.alerts)
		for _, receiver := range d.Receivers {
			x.receivers = append(x.receivers, as.o.Notifier.Queue(&x.batch, receiver, now, func(r announce.Renderer) notifiers.Notice {
				return r.Escalation(d.EscalationStep, d.alerts, now)
			})...)
		}
		if len(d.Receivers) == 0 {
			as.o.Log.Warn("a step of an escalation reaches nobody", "escalation", d.Policy, "step", d.Step+1)
		}
	}
}

// endEscalations ends those of alerts that fire no more, and tells whom they notified and no
// route tells.
func (as *Alerts) endEscalations(x *escalating, firing map[string]bool, now time.Time) (gone []string) {
	settings := as.o.Decider().Settings
	for _, id := range slices.Sorted(maps.Keys(as.escalations.known)) {
		if firing[id] {
			continue
		}
		gone = append(gone, id)
		ended, err := as.o.Journal.Alerts(as.ctx, store.AlertFilter{ID: id})
		if err != nil || len(ended) == 0 {
			continue
		}
		told := settings.RoutedTo(decide.AlertLabels(ended[0]))
		for _, receiver := range as.escalations.known[id].Receivers {
			if slices.Contains(told, receiver) {
				continue
			}
			x.receivers = append(x.receivers, as.o.Notifier.Queue(&x.batch, receiver, now, func(r announce.Renderer) notifiers.Notice {
				return r.Alerts(decide.Telling{Group: "escalation/" + id, Resolved: ended[:1], Why: reason.New("escalation_over")}, nil, now)
			})...)
		}
	}
	return gone
}

// commitEscalations writes what was decided, and only then takes it over.
func (as *Alerts) commitEscalations(x *escalating, gone []string) {
	for _, row := range x.changed {
		if !row.IsZero() {
			x.batch.Escalated = append(x.batch.Escalated, row)
		}
	}
	x.batch.EscalatedGone = gone
	if len(x.batch.Escalated)+len(gone) == 0 {
		return
	}
	if err := as.o.Leadership.Commit(x.batch); err != nil {
		as.o.Log.Error("a step of an escalation could not be recorded; trying again", "error", err)
		return
	}
	for _, row := range x.batch.Escalated {
		as.escalations.known[row.Alert] = row
	}
	for _, id := range gone {
		delete(as.escalations.known, id)
	}
	as.o.Notifier.Wake(x.receivers)
	as.o.Changed()
}
