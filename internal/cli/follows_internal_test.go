package cli

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestWhatFollowsAVerdictIsSaid, also when nothing does.
func TestWhatFollowsAVerdictIsSaid(t *testing.T) {
	for name, c := range map[string]struct{ answer, want string }{
		"a rollback":                       {`{"state": "failed", "rollback": {"id": "r_1", "to": "v1", "state": "cured"}, "plan": {}}`, "rollback r_1 to v1: cured"},
		"one with nothing to go back to":   {`{"state": "failed", "rollback": {"id": "r_1", "state": "refused"}, "plan": {}}`, "rollback r_1: refused"},
		"an operation is undone":           {`{"state": "failed", "deploy": {"kind": "operation"}, "rollback": {"id": "r_1", "state": "cured"}}`, "undoing it, r_1: cured"},
		"an operation that nothing undoes": {`{"state": "failed", "deploy": {"kind": "operation"}, "rollback": null}`, "nothing is undone: the service names no runbook that undoes operations (undo)"},
		"a service without a runbook":      {`{"state": "failed", "rollback": null}`, "nothing is rolled back: the service names no rollback runbook"},
		"one that is only observed":        {`{"state": "failed", "mode": "observe", "plan": {"to": "v1"}}`, "nothing is rolled back: the deploy is only observed (mode observe)"},
		"one that is observed for a reason": {
			`{"state": "failed", "mode": "observe", "mode_reason": "this version was put back by run r_1", "plan": {"to": ""}}`, "nothing is rolled back: this version was put back by run r_1",
		},
		"a pass": {`{"state": "passed", "rollback": null}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var w watchAnswer
			if err := json.Unmarshal([]byte(c.answer), &w); err != nil {
				t.Fatal(err)
			}
			if got := w.follows(); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
	if got := timeOf("2026-11-30T16:17:18.027782325+08:00"); got != "2026-11-30 08:17:18 UTC" {
		t.Errorf("the time is shown as %s", got)
	}
	var out strings.Builder
	runAnswer{ID: "r_1", Service: "orders", From: "v3", State: "refused"}.print(&out)
	if !strings.Contains(out.String(), "orders rollback of v3: refused") {
		t.Error(out.String())
	}
	for want, r := range map[string]runAnswer{
		"r_1: orders v3 → v2: cured":           {Rollback: true, Runbook: "back", Service: "orders", From: "v3", To: "v2", State: "cured"},
		"r_1: orders to v2: cured":             {Rollback: true, Runbook: "back", Service: "orders", To: "v2", State: "cured"},
		"r_1: orders rollback: refused":        {Rollback: true, Runbook: "back", Service: "orders", State: "refused"},
		"r_1: orders undo promo-1111: cured":   {Rollback: true, Runbook: "undo", Kind: "operation", Service: "orders", From: "promo-1111", State: "cured"},
		"r_1: orders runbook restart: refused": {Runbook: "restart", Service: "orders", State: "refused"},
		"r_1: runbook restart: cured":          {Runbook: "restart", State: "cured"},
	} {
		var out strings.Builder
		r.ID = "r_1"
		r.print(&out)
		if !strings.HasPrefix(out.String(), want) || r.other() && strings.Contains(out.String(), "rollback") {
			t.Errorf("%q, want %q", out.String(), want)
		}
	}
}
