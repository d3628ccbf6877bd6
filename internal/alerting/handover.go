package alerting

import (
	"time"

	"guardian/decide"
	"guardian/internal/announce"
	"guardian/internal/notify"
	"guardian/internal/store"
	"guardian/notifiers"
	"guardian/rules"
)

// handOvers are the hand-overs that were told; of Tick alone.
type handOvers struct {
	told map[string]bool // by occasion
	last time.Time       // when it was looked last
}

// handOverEvery is how often it is looked whether other people are on call.
const handOverEvery = 10 * time.Second

// tickHandOvers tells who is on call now, with what is open, when that changes.
func (as *Alerts) tickHandOvers(now time.Time) {
	h := &as.handOvers
	if now.Sub(h.last) < handOverEvery {
		return
	}
	h.last = now
	told := map[string]bool{}
	for _, one := range decide.HandOvers(as.o.Roster(), now) {
		told[one.Occasion()] = h.told[one.Occasion()] || as.tellHandOver(one, now)
	}
	h.told = told
}

// tellHandOver tells of a hand-over, unless an earlier leadership did, and reports whether it is
// told.
func (as *Alerts) tellHandOver(h decide.HandOver, now time.Time) bool {
	before, err := notify.Told(as.ctx, as.o.Journal, h)
	if err != nil {
		as.o.Log.Warn("it is not known whether a hand-over was told; trying again", "schedule", h.Schedule, "error", err)
		return false
	}
	if before {
		return true
	}
	var open []announce.OpenAlert
	alerts := as.Open()
	decide.Arrange(alerts)
	for _, al := range alerts {
		if al.State == rules.Firing {
			ack, _ := as.o.Notifier.Ack(al.ID)
			open = append(open, announce.OpenAlert{Alert: al, Ack: ack})
		}
	}
	var b store.Batch
	var receivers []string
	for _, receiver := range h.Receivers {
		receivers = append(receivers, as.o.Notifier.Queue(&b, receiver, now, func(r announce.Renderer) notifiers.Notice { return r.HandOver(h, open, now) })...)
	}
	if err := as.o.Leadership.Commit(b); err != nil {
		as.o.Log.Error("a hand-over could not be told; trying again", "schedule", h.Schedule, "error", err)
		return false
	}
	as.o.Notifier.Wake(receivers)
	return true
}
