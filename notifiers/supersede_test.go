package notifiers_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"guardian/notifiers"
	"guardian/notifiers/notifiertest"
)

// supersede queues a notice in place of others.
func (k *desk) supersede(id string, ids ...string) {
	k.t.Helper()
	var waiting []notifiers.Delivery
	for _, w := range ids {
		waiting = append(waiting, k.outbox.Get(w))
	}
	d := notifiers.Delivery{
		ID: id, Receiver: "oncall", State: notifiers.Queued, NextAt: time.Now(), Updated: time.Now(),
		Notice: notifiers.Notice{ID: id, Key: waiting[0].Notice.Key, Tier: "critical", Title: id, Created: time.Now()},
	}
	if err := k.outbox.Save(context.Background(), append(d.TakePlaceOf(waiting), d)...); err != nil {
		k.t.Fatal(err)
	}
}

// racing is an outbox of which a notice is superseded just after the dispatcher read it.
type racing struct {
	*notifiertest.Outbox
	after func()
}

// Due implements notifiers.Outbox.
func (r *racing) Due(ctx context.Context, receiver string, now time.Time, limit int) ([]notifiers.Delivery, error) {
	all, err := r.Outbox.Due(ctx, receiver, now, limit)
	if after := r.after; after != nil && len(all) > 0 {
		r.after = nil
		after()
	}
	return all, err
}

func TestWhatWasSupersededIsNotSent(t *testing.T) {
	for name, m := range map[string]*messenger{
		"sent": {}, "moved to the fallback": {answer: penalized},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				second := &messenger{}
				box := &racing{}
				k := open(t, map[string]notifiers.Receiver{"oncall": {Channel: m, Fallback: "second"}, "second": {Channel: second}},
					func(o *notifiers.Options) { box.Outbox = o.Outbox.(*notifiertest.Outbox); o.Outbox = box })
				if m.answer != nil {
					k.put("oncall", "critical", "b/0") // it brings the penalty
				}
				k.start()
				pass(time.Second)
				box.after = func() { k.supersede("2", "oncall/a/1") }
				k.put("oncall", "critical", "a/1")
				began := time.Now()
				for k.outbox.Get("2").State != notifiers.Delivered {
					if pass(100 * time.Millisecond); time.Since(began) > 3*time.Second {
						t.Fatalf("after %s: %+v", time.Since(began), k.outbox.All())
					}
				}
				k.state("oncall/a/1", notifiers.Superseded)
				var heard []string
				for _, c := range slices.Concat(m.all(), second.all()) {
					if c.err == nil && c.notice.Key == "a" {
						heard = append(heard, c.notice.Title)
					}
				}
				if !slices.Equal(heard, []string{"2"}) {
					t.Errorf("heard: %v", heard)
				}
			})
		})
	}
}

// A receiver that is down is given up for its fallback after two minutes, however often the newest
// notice takes the place of those before.
func TestWhatTakesThePlaceOfOthersTakesTheirTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second := &messenger{answer: down}, &messenger{}
		k := open(t, map[string]notifiers.Receiver{"oncall": {Channel: first, Fallback: "second"}, "second": {Channel: second}})
		k.start()
		k.put("oncall", "critical", "a/1")
		before := "oncall/a/1"
		for i := range 20 {
			pass(20 * time.Second)
			d := k.outbox.Get(before)
			if d.State == notifiers.Delivered {
				if d.Receiver != "second" || d.Since.IsZero() || len(second.all()) != 1 {
					t.Errorf("%+v, %d messages", d, len(second.all()))
				}
				return
			}
			if d.State != notifiers.Queued {
				continue
			}
			next := string(rune('A' + i))
			k.supersede(next, before)
			k.d.Wake("oncall")
			before = next
		}
		t.Errorf("nobody heard anything: %+v", k.outbox.All())
	})
}

// A receiver without a fallback is given up after its hour, however often its notices take each other's place.
func TestWhatTakesThePlaceOfOthersIsGivenUpInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := open(t, map[string]notifiers.Receiver{"oncall": {Channel: &messenger{answer: down}}})
		k.start()
		k.put("oncall", "critical", "a/1")
		before := "oncall/a/1"
		for i := range 90 {
			pass(time.Minute)
			switch d := k.outbox.Get(before); d.State {
			case notifiers.GivenUp:
				return
			case notifiers.Queued:
				next := fmt.Sprintf("next-%d", i)
				k.supersede(next, before)
				k.d.Wake("oncall")
				before = next
			default:
			}
		}
		t.Errorf("nobody is told that the receiver is down: %+v", k.outbox.Get(before))
	})
}

// The fallback gets a notice in its own language, also one that takes the place of another that has come to it.
func TestAFallbackReadsItsOwnLanguage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		second := &messenger{answer: down}
		k := open(t, map[string]notifiers.Receiver{"oncall": {Channel: &messenger{answer: penalized}, Fallback: "second"}, "second": {Channel: second}})
		chinese := func(d *notifiers.Delivery) {
			d.Notice.Lang, d.Notice.Title = "en", "Late"
			d.Wordings = map[string]notifiers.Wording{"second": {Lang: "zh", Title: "迟到", Links: []notifiers.Link{{Text: "告警", URL: "https://g.example.com/alerts/1"}}}}
		}
		k.put("oncall", "critical", "a/1")
		first := k.outbox.Get("oncall/a/1")
		chinese(&first)
		next := first
		next.ID, next.Notice.ID = "next", "n_next"
		if err := k.outbox.Save(t.Context(), first); err != nil {
			t.Fatal(err)
		}
		k.start()
		pass(time.Second)
		if got := k.outbox.Get("oncall/a/1"); got.Receiver != "second" || got.Notice.Title != "迟到" {
			t.Fatalf("moved: %+v", got)
		}
		chinese(&next)
		if err := k.outbox.Save(t.Context(), append(next.TakePlaceOf([]notifiers.Delivery{k.outbox.Get("oncall/a/1")}), next)...); err != nil {
			t.Fatal(err)
		}
		second.mu.Lock()
		second.answer = nil
		second.mu.Unlock()
		k.d.Wake("second")
		pass(2 * time.Minute)
		calls := second.all()
		for _, c := range calls {
			n := c.notice
			if n.Lang != "zh" || n.Title != "迟到" || len(n.Links) != 1 || n.Key != "a" {
				t.Errorf("the fallback is sent %+v", n)
			}
		}
		if last := calls[len(calls)-1]; last.err != nil || last.notice.ID != "n_next" {
			t.Errorf("the last of %d: %+v", len(calls), last)
		}
	})
}
