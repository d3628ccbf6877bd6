package app_test

import (
	"encoding/json"
	"testing"

	"guardian/internal/replay"
)

// The run of a second alert of a service waits for that of the first, live and in the replay: it begins
// when that is over, or is dropped when its alert resolved meanwhile.
func TestTheRunOfASecondAlertIsQueuedInTheReplayToo(t *testing.T) {
	for name, c := range map[string]struct {
		heals int // the quarter
		drain replay.Outcome
	}{
		"it goes on":          {60, replay.RolledBack}, // restart goes on from 6:15 to 7:52, LongDown fires at 7:15
		"it resolved earlier": {30, replay.Refused},
	} {
		t.Run(name, func(t *testing.T) {
			report := live(t, []event{{20, "fail", "orders", ""}, {c.heals, "heal", "orders", ""}})
			if !report.Same {
				text, _ := json.MarshalIndent(differences(report), "", " ")
				t.Fatalf("the replay differs from what happened: %s", text)
			}
			got := map[string]replay.Outcome{}
			for _, a := range report.Acts {
				got[a.Alert] = a.Then
			}
			if got["Down"] != replay.RolledBack || got["LongDown"] != c.drain || got["SomeDown"] != replay.RolledBack {
				t.Errorf("%v; want Down and SomeDown rolled_back, LongDown %s", got, c.drain)
			}
		})
	}
}
