package decide_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"guardian/actions"
	"guardian/decide"
	"guardian/rules"
	"guardian/watch"
)

// TestTheQueuedRunOfAnAlertAsksAgain: what holds when its turn comes counts.
func TestTheQueuedRunOfAnAlertAsksAgain(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*world, *rules.Alert)
		age    time.Duration
		want   []string
		asks   bool
		waits  bool
	}{
		"it begins":          {want: []string{}},
		"its alert resolved": {change: func(_ *world, al *rules.Alert) { al.State = rules.Resolved }, want: []string{"alert_over"}},
		"its alert resolved while another run goes on": {change: func(w *world, al *rules.Alert) {
			al.State = rules.Resolved
			w.past.runs = append(w.past.runs, rolledBack("v2", "v1", 0, actions.Verifying))
		}, want: []string{"alert_over"}},
		"its alert is gone":          {change: func(_ *world, al *rules.Alert) { al.ID = "a_other" }, want: []string{"alert_over"}},
		"its alert fires anew":       {change: func(_ *world, al *rules.Alert) { al.FiredAt = ago(time.Second) }, want: []string{"alert_over"}},
		"its alert is pending again": {change: func(_ *world, al *rules.Alert) { al.State = rules.Pending }, want: []string{"alert_over"}},
		"on_alert names it no more":  {change: func(w *world, _ *rules.Alert) { w.settings.OnAlert = nil }, want: []string{"not_started"}},
		"on_alert only observes":     {change: func(w *world, _ *rules.Alert) { w.settings.OnAlert[0].Mode = watch.Observe }, want: []string{"not_started"}},
		"on_alert asks by now":       {change: func(w *world, _ *rules.Alert) { w.settings.OnAlert[0].Mode = watch.Approve }, want: []string{}, asks: true},
		"it waited for too long":     {age: 30 * time.Minute, want: []string{"late"}},
		"the other run goes on": {change: func(w *world, _ *rules.Alert) {
			w.past.runs = append(w.past.runs, rolledBack("v2", "v1", 0, actions.Verifying))
		}, want: []string{}, waits: true},
		"the cool-down of its runbook": {change: func(w *world, _ *rules.Alert) {
			r := rolledBack("v2", "v1", time.Minute, actions.Cured)
			r.Rollback, r.Runbook = false, "restart"
			w.past.runs = append(w.past.runs, r)
			w.settings.Runbooks["restart"] = decide.Runbook{Cooldown: time.Hour, MaxRunsPerDay: 9}
		}, want: []string{"cooldown"}},
	} {
		t.Run(name, func(t *testing.T) {
			world := newWorld()
			world.settings.Runbooks["restart"] = decide.Runbook{MaxRunsPerDay: 9}
			world.settings.OnAlert = []decide.OnAlert{{Match: map[string]string{"alertname": "Down"}, Runbook: "restart", Mode: watch.Auto}}
			al := alert("orders")
			run := actions.Run{
				ID: "r_a", Service: "orders", Environment: production, Runbook: "restart", State: actions.Queued, Created: ago(c.age),
				Trigger: actions.Trigger{Kind: actions.ByAlert, Alert: al.ID, AlertEpisode: al.FiredAt.UnixNano()},
			}
			world.past.runs = append(world.past.runs, run)
			if c.change != nil {
				c.change(world, &al)
			}
			world.present.Alerts = []rules.Alert{al}
			req, err := world.decider().QueuedByAlert(t.Context(), run, world.present, noon())
			if err != nil || req.ID != "r_a" || req.Rollback {
				t.Fatalf("%+v, %v", req, err)
			}
			if diff := cmp.Diff(c.want, codes(req.Refusals)); diff != "" {
				t.Errorf("refused by (-want +got):\n%s", diff)
			}
			if req.Approve.IsZero() == c.asks || req.QueuedBehind.IsZero() == c.waits {
				t.Errorf("asks %q, waits for %q; want %v, %v", req.Approve, req.QueuedBehind, c.asks, c.waits)
			}
		})
	}
}
