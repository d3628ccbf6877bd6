package alerting

import (
	"context"
	"errors"
	"slices"
	"time"

	"guardian/decide"
	"guardian/internal/announce"
	"guardian/internal/store"
	"guardian/notifiers"
	"guardian/rules"
)

// unsentWithin bounds how long a notice waits for what is not sent yet of its group.
const unsentWithin = time.Second

// unsent gives the notices of a group that wait to be sent, oldest first. One whose call is under way
// does not wait.
func (as *Alerts) unsent(group string) []notifiers.Delivery {
	ctx, cancel := context.WithTimeout(as.ctx, unsentWithin)
	defer cancel()
	open, err := as.o.Journal.Deliveries(ctx, store.DeliveryFilter{Key: announce.AlertsKey(group), Open: true, Limit: store.MaxLimit})
	if err != nil {
		if as.ctx.Err() == nil {
			as.o.Log.Warn("the outbox could not be read; notices that wait are sent before newer ones", "group", group, "error", err)
		}
		return nil
	}
	open = slices.DeleteFunc(open, func(d notifiers.Delivery) bool { return d.State != notifiers.Queued })
	slices.Reverse(open)
	return open
}

// acceptedAmong is among how many of the last notices of a group that channels took one is looked for: it is
// the last, unless it told of alerts of which later ones did not.
const acceptedAmong = 20

// accepted gives a function that tells when a channel took a notice of a group.
func (as *Alerts) accepted() func(group, notice string) time.Time {
	known := map[string]time.Time{} // the alerts of a group are mostly in one notice
	return func(group, notice string) time.Time {
		if at, ok := known[notice]; ok {
			return at
		}
		ctx, cancel := context.WithTimeout(as.ctx, unsentWithin)
		defer cancel()
		taken, err := as.o.Journal.Deliveries(ctx, store.DeliveryFilter{Key: announce.AlertsKey(group), State: notifiers.Delivered, Limit: acceptedAmong})
		if err != nil && as.ctx.Err() == nil {
			as.o.Log.Warn("the outbox could not be read; a notice is repeated by the time at which it was written", "group", group, "error", err)
		}
		var at time.Time
		if i := slices.IndexFunc(taken, func(d notifiers.Delivery) bool { return d.Notice.ID == notice }); i >= 0 {
			at = taken[i].Updated
		}
		known[notice] = at
		return at
	}
}

// supersede lets a telling take the place of notices of its group that wait, and gives those.
func (as *Alerts) supersede(t decide.Telling, now time.Time) (decide.Telling, []notifiers.Delivery) {
	waiting := as.unsent(t.Group)
	if len(waiting) == 0 {
		return t, nil
	}
	var unsent []decide.Unsent
	for _, d := range waiting {
		u := decide.Unsent{Notice: d.Notice.ID, Repeat: d.Notice.Event == announce.Repeat}
		for _, id := range d.Notice.Alerts {
			u.Alerts = append(u.Alerts, as.alert(id))
		}
		unsent = append(unsent, u)
	}
	t, superseded := as.telling.board.Supersede(t, unsent, now)
	return t, slices.DeleteFunc(waiting, func(d notifiers.Delivery) bool { return !slices.Contains(superseded, d.Notice.ID) })
}

// alert gives an alert as it is now, also one that has left the board.
func (as *Alerts) alert(id string) rules.Alert {
	if a, ok := as.telling.board.Alert(id); ok {
		return a
	}
	ctx, cancel := context.WithTimeout(as.ctx, unsentWithin)
	defer cancel()
	stored, err := as.o.Journal.Alerts(ctx, store.AlertFilter{ID: id})
	if err != nil || len(stored) == 0 {
		return rules.Alert{ID: id}
	}
	return stored[0]
}

// mostAttempts is how often it is tried to commit what supersedes notices that are just being sent.
const mostAttempts = 5

// commit commits a batch with what is told in it, unless it is empty. When a notice is on its way that was
// to be superseded, the batch is made anew.
func (as *Alerts) commit(batch func() store.Batch) error {
	for n := 1; ; n++ {
		b := batch()
		if len(b.Told)+len(b.ToldGone)+len(b.Alerts)+len(b.AlertsGone) == 0 {
			return nil
		}
		err := as.o.Leadership.Commit(b)
		if !errors.Is(err, store.ErrSending) || n == mostAttempts {
			return err
		}
	}
}
