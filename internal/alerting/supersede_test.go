package alerting_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"guardian/internal/store"
	"guardian/notifiers"
	"guardian/rules"
	"guardian/test/leader"
	"guardian/watch"
)

// outbox draws the notices, oldest first: "superseded firing".
func (n *night) outbox() (all []string, deliveries []notifiers.Delivery) {
	n.t.Helper()
	deliveries, err := n.Store.Deliveries(n.t.Context(), store.DeliveryFilter{})
	if err != nil {
		n.t.Fatal(err)
	}
	slices.Reverse(deliveries)
	for _, d := range deliveries {
		all = append(all, string(d.State)+" "+d.Notice.Event)
	}
	return all, deliveries
}

func (n *night) wantOutbox(want ...string) []notifiers.Delivery {
	n.t.Helper()
	got, deliveries := n.outbox()
	if diff := cmp.Diff(want, got); diff != "" {
		n.t.Errorf("the outbox (-want +got):\n%s", diff)
	}
	return deliveries
}

// TestWhatIsNotSentYetGivesWay: while a receiver cannot be reached, one message waits for it, with how
// the alert is now. The log and the alert's history say so.
func TestWhatIsNotSentYetGivesWay(t *testing.T) {
	for name, restart := range map[string]bool{"": false, "with a restart": true} {
		t.Run(name, func(t *testing.T) {
			play(t, leader.Settings(t, watch.Auto), down, func(n *night) {
				t := n.T
				n.Away("oncall")
				n.line(".xxxxxx...")
				if restart {
					n.restart()
				}
				n.line("xxxxxx")
				ds := n.wantOutbox("superseded firing", "superseded resolved", "queued firing")
				newest := ds[2]
				if ds[0].SupersededBy != ds[1].Notice.ID || ds[1].SupersededBy != newest.Notice.ID {
					t.Errorf("superseded by %s and %s", ds[0].SupersededBy, ds[1].SupersededBy)
				}
				if !newest.Since.Equal(ds[0].Notice.Created) {
					t.Errorf("it waits since %s, the first of them since %s", newest.Since, ds[0].Notice.Created)
				}
				if why := newest.Notice.Facts[len(newest.Notice.Facts)-1].Value; why != "it is in place of earlier notices that were not sent yet" {
					t.Errorf("it says %q", why)
				}
				told, err := n.Store.Told(t.Context())
				if err != nil || len(told) != 1 || told[0].State != rules.Firing || told[0].Notice != newest.Notice.ID {
					t.Errorf("the log: %+v, %v", told, err)
				}
				history, err := n.Store.Deliveries(t.Context(), store.DeliveryFilter{Alert: told[0].Alert})
				if err != nil || len(history) != 3 {
					t.Errorf("the alert's history has %d notices: %v", len(history), err)
				}

				n.Away()
				n.line("...")
				n.wantOutbox("superseded firing", "superseded resolved", "delivered firing", "delivered resolved")
			})
		})
	}
}

// TestANoticeOnItsWayIsNotSuperseded: it may have arrived already.
func TestANoticeOnItsWayIsNotSuperseded(t *testing.T) {
	play(t, leader.Settings(t, watch.Auto), down, func(n *night) {
		n.Away("oncall")
		n.line(".xxxxxx")
		d := n.wantOutbox("queued firing")[0]
		d.State, d.Attempts = notifiers.Sending, 1
		n.Put(store.Batch{Deliveries: []notifiers.Delivery{d}})
		n.line("...")
		n.wantOutbox("sending firing", "queued resolved")
		n.line("xxxxxx")
		n.wantOutbox("sending firing", "superseded resolved", "queued firing")
	})
}

// TestANoticeThatIsSentJustNowIsNotSuperseded: the dispatcher takes it after it was read as waiting.
func TestANoticeThatIsSentJustNowIsNotSuperseded(t *testing.T) {
	play(t, leader.Settings(t, watch.Auto), down, func(n *night) {
		t := n.T
		n.Away("oncall")
		n.line(".xxxxxx")
		d := n.wantOutbox("queued firing")[0]
		n.Refuse(func(b store.Batch) error {
			if len(b.Deliveries) == 0 || d.State == notifiers.Sending {
				return nil
			}
			d.State, d.Attempts, d.Updated = notifiers.Sending, 1, leader.Now()
			return n.Store.Commit(n.Context(), n.Lease.Token, store.Batch{Deliveries: []notifiers.Delivery{d}})
		})
		began := time.Now()
		n.line("...")
		n.wantOutbox("sending firing", "queued resolved")
		if told, err := n.Store.Told(t.Context()); err != nil || len(told) != 1 || told[0].State != rules.Resolved || told[0].At.Sub(began) > 20*time.Second {
			t.Errorf("the log: %+v, %v", told, err)
		}
	})
}

// TestOfSeveralThatWaitOneMessageTellsAll: the end of an alert that only a superseded notice told is in
// the one that took its place.
func TestOfSeveralThatWaitOneMessageTellsAll(t *testing.T) {
	const two = `
groups:
  - name: outages
    interval: 15s
    rules:
      - {alert: Down, expr: 'probe_success{check="push"} == 0', labels: {tier: critical, service: orders}}
      - {alert: Gone, expr: 'probe_success{check="push"} == 0', keep_firing_for: 1m, labels: {tier: critical, service: orders}}
`
	play(t, leader.Settings(t, watch.Auto), two, func(n *night) {
		t := n.T
		n.Away("oncall")
		n.line(".xx......")
		got, ds := n.outbox()
		last := ds[len(ds)-1]
		if got[len(got)-1] != "queued resolved" || len(last.Notice.Alerts) != 2 || slices.Contains(got[:len(got)-1], "queued firing") {
			t.Errorf("the outbox: %v; the last is about %v", got, last.Notice.Alerts)
		}
		told, err := n.Store.Told(t.Context())
		if err != nil || len(told) != 2 {
			t.Fatal(told, err)
		}
		for _, row := range told {
			if row.State != rules.Resolved || row.Notice != last.Notice.ID {
				t.Errorf("the log: %+v", row)
			}
		}
	})
}

// TestARepeatCountsFromWhenTheChannelTookTheNotice: who could not be reached for long is not told the same
// twice in a short time.
func TestARepeatCountsFromWhenTheChannelTookTheNotice(t *testing.T) {
	play(t, leader.Settings(t, watch.Auto), down, func(n *night) {
		n.Away("oncall")
		n.line(".xxxxxx")
		n.wait(50*time.Minute, "x")
		n.Away()
		n.wait(200*time.Minute, "x")
		n.wantOutbox("delivered firing")
		n.wait(50*time.Minute, "x")
		n.wantOutbox("delivered firing", "delivered repeat")
	})
}
