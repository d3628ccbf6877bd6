package clock_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"guardian/internal/clock"
)

// TestAClockThatJumpsMovesNoDeadline sets the machine's time an hour forward and back again.
func TestAClockThatJumpsMovesNoDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		var set time.Duration
		machine := func() time.Time { return time.Now().Add(set) }
		now := clock.New(time.Now, machine, slog.New(slog.NewTextHandler(&log, nil))).Now
		start := now()
		pass := func(d time.Duration) time.Time {
			for end := time.Now().Add(d); time.Now().Before(end); {
				time.Sleep(time.Second)
				now()
			}
			return now()
		}
		if got := pass(time.Minute).Sub(start); got != time.Minute {
			t.Fatalf("a minute took %s", got)
		}
		set = time.Hour
		if got := pass(time.Minute).Sub(start); got < 2*time.Minute || got > 2*time.Minute+7*time.Second {
			t.Errorf("a minute after a jump of an hour, %s have passed since the start; want two minutes and at most a tenth of one", got)
		}
		if !strings.Contains(log.String(), "jumped") {
			t.Error("the jump was not said")
		}
		set = -time.Hour
		before := now()
		if got := pass(time.Minute).Sub(before); got < 53*time.Second || got > time.Minute {
			t.Errorf("a minute after a jump back took %s", got)
		}
		set = 0
		if got := pass(3 * time.Hour).Sub(start); got < 3*time.Hour || got > 3*time.Hour+4*time.Minute {
			t.Errorf("it does not follow the machine's time: %s since the start", got)
		}
	})
}
