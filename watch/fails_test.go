package watch_test

import (
	"testing"
	"time"

	"guardian/watch"
)

func TestFailsSince(t *testing.T) {
	at := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	state := func(failing time.Duration, every time.Duration, excused watch.Excuse) watch.CheckState {
		c := watch.CheckState{Excused: excused}
		c.Every = every
		if failing > 0 {
			c.FailingSince = at.Add(-failing)
		}
		return c
	}
	for name, c := range map[string]struct {
		checks []watch.CheckState
		want   time.Duration // ago; 0: it does not fail
	}{
		"nothing fails":                         {[]watch.CheckState{state(0, time.Minute, "")}, 0},
		"from the second look on":               {[]watch.CheckState{state(10*time.Minute, time.Minute, "")}, 9 * time.Minute},
		"the first of several":                  {[]watch.CheckState{state(5*time.Minute, time.Minute, ""), state(8*time.Minute, time.Minute, "")}, 7 * time.Minute},
		"not what failed before the deploy":     {[]watch.CheckState{state(10*time.Minute, time.Minute, watch.ExcusedInherited)}, 0},
		"a slow check counts with its own pace": {[]watch.CheckState{state(10*time.Minute, 4*time.Minute, "")}, 6 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			w := watch.Watch{Checks: c.checks}
			got := w.FailsSince()
			if c.want == 0 && !got.IsZero() || c.want > 0 && !got.Equal(at.Add(-c.want)) {
				t.Errorf("since %s, want %s ago", got, c.want)
			}
			if w.Drill = "dr_1"; !w.FailsSince().IsZero() {
				t.Error("what a drill broke counts")
			}
		})
	}
}
