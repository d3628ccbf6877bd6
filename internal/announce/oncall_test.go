package announce_test

import (
	"testing"
	"time"

	"guardian/decide"
	"guardian/internal/announce"
	"guardian/notifiers"
	"guardian/oncall"
)

// Of what waits to be sent about a schedule the newest is sent: who is on call now, or that nobody is. That
// nobody will be is told until it is so, or until somebody takes over.
func TestTheNewestNewsOfASchedule(t *testing.T) {
	begin := time.Date(2026, 2, 2, 9, 0, 0, 0, time.UTC)
	at := func(hour int, people ...string) oncall.Shift {
		return oncall.Shift{From: begin.Add(time.Duration(hour) * time.Hour), To: begin.Add(time.Duration(hour+1) * time.Hour), People: people}
	}
	teller := announce.Renderer{Language: "en", Location: time.UTC}
	gap := func(schedule string, s oncall.Shift, began bool) notifiers.Notice {
		return teller.OnCallGap(decide.GapNews{Schedule: schedule, Gap: s, Began: began}, begin)
	}
	over := func(before, now oncall.Shift) notifiers.Notice {
		return teller.HandOver(decide.HandOver{Schedule: "orders", Before: before, Now: now}, nil, begin)
	}
	news := map[string]notifiers.Notice{
		"li takes over":             over(at(0, "wei"), at(1, "li")),
		"from 5 on nobody will be":  gap("orders", at(5), false),
		"from 9 on nobody will be":  gap("orders", at(9), false),
		"nobody is on call at 5":    gap("orders", at(5), true),
		"wei takes over at 6":       over(at(5), at(6, "wei")),
		"siti stands in at 5":       over(at(4, "li"), at(5, "siti")),
		"nobody is on call by ours": gap("stock", at(5), true),
	}
	now := []string{"li takes over", "nobody is on call at 5", "wei takes over at 6", "siti stands in at 5"}
	sixth := []string{"from 5 on nobody will be"}
	for name, outdated := range map[string][]string{
		"li takes over": now, "nobody is on call at 5": append(sixth, now...), "wei takes over at 6": append(sixth, now...), "siti stands in at 5": append(sixth, now...),
		"from 5 on nobody will be": sixth, "from 9 on nobody will be": {"from 9 on nobody will be"}, "nobody is on call by ours": {"nobody is on call by ours"},
	} {
		want := map[string]bool{}
		for _, one := range outdated {
			want[one] = true
		}
		for other, waiting := range news {
			newer := notifiers.Delivery{Receiver: "group", State: notifiers.Queued, Notice: news[name]}
			older := notifiers.Delivery{Receiver: "group", State: notifiers.Queued, Notice: waiting}
			if got := newer.Supersedes(older); got != want[other] {
				t.Errorf("%q in place of %q: %v", name, other, got)
			}
		}
	}
}
