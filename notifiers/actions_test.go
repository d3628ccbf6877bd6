package notifiers_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"guardian/notifiers"
)

// signed gives every delivery a link of its own.
func signed(d notifiers.Delivery) []notifiers.Link {
	return []notifiers.Link{{Text: "Acknowledge", URL: "https://guardian.example.com/act?t=signature-of-" + d.ID}}
}

func addresses(n notifiers.Notice) string {
	var all []string
	for _, l := range n.Links {
		all = append(all, l.URL)
	}
	return strings.Join(all, " ")
}

// Whoever has such a link may act: it is in the message, and not in the journal.
func TestLinksToActWithAreInTheMessageAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &messenger{}
		receivers := one(m)
		r := receivers["oncall"]
		r.Actions = signed
		receivers["oncall"] = r
		k := open(t, receivers)
		d := notifiers.Delivery{ID: "q_1", Receiver: "oncall", State: notifiers.Queued, NextAt: time.Now(), Notice: notifiers.Notice{
			ID: "n_1", Key: "k", Tier: "critical", Title: "down", Created: time.Now(),
			Links: []notifiers.Link{{Text: "Alerts", URL: "https://a.example.com"}, {Text: "Manual", URL: "https://b.example.com"}},
		}}
		if err := k.outbox.Save(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		k.start()
		pass(time.Minute)
		calls := m.all()
		if len(calls) != 1 || addresses(calls[0].notice) != "https://a.example.com https://guardian.example.com/act?t=signature-of-q_1 https://b.example.com" {
			t.Fatalf("sent %+v; want the link after the main one", calls)
		}
		kept, err := json.Marshal(k.outbox.All())
		if err != nil || strings.Contains(string(kept), "signature-of-") || !strings.Contains(string(kept), "https://b.example.com") {
			t.Errorf("the outbox has %s, %v", kept, err)
		}
	})
}

func TestADigestHasNoLinksToActWith(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &messenger{}
		receivers := one(m)
		r := receivers["oncall"]
		r.Actions = signed
		receivers["oncall"] = r
		k := open(t, receivers)
		for i := range 30 {
			k.put("oncall", "warning", fmt.Sprintf("k%d/n%d", i, i))
		}
		k.start()
		pass(5 * time.Minute)
		digests := 0
		for _, c := range m.all() {
			if len(c.notice.Merged) > 0 {
				digests++
			}
			if strings.Contains(addresses(c.notice), "signature-of-") == (len(c.notice.Merged) > 0) {
				t.Errorf("%q has the links %s", c.notice.Title, addresses(c.notice))
			}
		}
		if digests == 0 {
			t.Error("there was no digest")
		}
	})
}
