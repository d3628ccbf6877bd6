package e2e_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"guardian/internal/store"
	"guardian/notifiers"
)

// TestWhileAMessengerIsDownTheNewestStateWaitsForIt: an alert fires, resolves and fires again; when the
// messenger is back people hear that it fires, and the alert's history says what gave way.
func TestWhileAMessengerIsDownTheNewestStateWaitsForIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	g := newGuardian(t, fmt.Sprintf(`
server: {listen: LISTEN}
storage: {path: data}
services: [{name: order-sync}]
checks: [{name: service, service: order-sync, every: 1s, http: {url: "%[1]s/service"}}]
rules: [rules.yaml]
receivers: [{name: oncall, slack: {webhook: "%[1]s%[2]s"}}]
routes: {receiver: oncall, group_wait: 0s, group_interval: 1s}
`, w.server.URL, w.slackPath), map[string]string{
		"rules.yaml": "groups: [{name: g, rules: [{alert: Lost, expr: 'probe_success{check=\"service\"} == 0', labels: {tier: critical}}]}]\n",
	})
	g.Start()
	g.Up("service")
	w.set(func(w *world) { w.slackDown = true })
	journal, err := store.Open(t.Context(), store.Options{Path: filepath.Join(g.Dir, "data", "journal.db"), ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer journal.Close()
	var notices []notifiers.Delivery // newest first
	read := func() bool {
		if notices, err = journal.Deliveries(t.Context(), store.DeliveryFilter{}); err != nil {
			t.Fatal(err)
		}
		notices = slices.DeleteFunc(notices, func(d notifiers.Delivery) bool { return d.Notice.Kind != "alert" })
		return len(notices) > 0
	}
	for i, bad := range []bool{true, false, true} {
		w.set(func(w *world) { w.bad = bad })
		event := map[bool]string{true: "firing", false: "resolved"}[bad]
		eventually(t, event, func() bool { return read() && len(notices) == i+1 && notices[0].Notice.Event == event })
	}
	w.set(func(w *world) { w.slackDown = false })
	eventually(t, "the message", func() bool { return read() && notices[0].State == notifiers.Delivered })
	told := w.slack.Messages()
	// A notice whose call was just under way when the newest was queued is sent too.
	if n := len(told); n == 0 || n > 2 || slices.ContainsFunc(told, func(m slackMessage) bool { return strings.Contains(m.All(), "Resolved") }) {
		t.Errorf("people heard %+v", told)
	}
	if n := len(notices); n != 3 || notices[1].State != notifiers.Superseded || notices[1].SupersededBy != notices[0].Notice.ID {
		t.Errorf("the alert's history: %+v", notices)
	}
}
