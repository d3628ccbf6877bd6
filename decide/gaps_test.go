package decide_test

import (
	"testing"
	"time"

	"guardian/decide"
	"guardian/oncall"
)

// TestGapsAreToldOnceBeforeAndOnceWhenTheyBegin asks every minute for three days about a schedule
// without anybody from Tuesday 18:00 to Wednesday 09:00.
func TestGapsAreToldOnceBeforeAndOnceWhenTheyBegin(t *testing.T) {
	layers := []oncall.Layer{{People: []string{"wei"}, Start: "2026-01-01", Times: []oncall.Times{{From: "wednesday 09:00", To: "tuesday 18:00"}}}}
	for fallback, want := range map[string][]string{
		"":      {"ahead Mon 18:01", "began Tue 18:00"},
		"group": nil,
	} {
		r, err := oncall.NewRoster([]oncall.Settings{{Name: "orders", Layers: layers, Fallback: fallback}}, []string{"group"}, oncall.Options{People: []oncall.Person{{Name: "wei"}}})
		if err != nil {
			t.Fatal(err)
		}
		var told []string
		known := map[string]bool{}
		for at := firedAt(); at.Before(firedAt().AddDate(0, 0, 3)); at = at.Add(time.Minute) {
			for _, n := range decide.Gaps(r, at) {
				if known[n.Occasion()] {
					continue
				}
				known[n.Occasion()] = true
				told = append(told, map[bool]string{true: "began", false: "ahead"}[n.Began]+at.Format(" Mon 15:04"))
				if got := n.Gap.To.Sub(n.Gap.From); got != 15*time.Hour {
					t.Errorf("the gap lasts %s", got)
				}
			}
		}
		if len(told) != len(want) || len(want) > 0 && (told[0] != want[0] || told[1] != want[1]) {
			t.Errorf("fallback %q: told %v, want %v", fallback, told, want)
		}
	}
}
