package clock_test

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
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

// TestNoReadingWaitsForAnother: on a busy machine the one that is read may stand still for long.
func TestNoReadingWaitsForAnother(t *testing.T) {
	stands, goOn := make(chan struct{}), make(chan struct{})
	first := true
	machine := func() time.Time {
		if first {
			first = false
			close(stands)
			<-goOn
		}
		return time.Now()
	}
	c := clock.New(time.Now, machine, slog.New(slog.DiscardHandler))
	var all sync.WaitGroup
	all.Go(func() { c.Now() })
	<-stands
	began := c.Now()
	if c.Now().Before(began) {
		t.Error("the clock runs backwards")
	}
	close(goOn)
	all.Wait()
}

// TestNoReadingIsBeforeAnEarlierOne: one stands still while another follows the machine's time, which was set back.
func TestNoReadingIsBeforeAnEarlierOne(t *testing.T) {
	epoch := time.Now().Round(0)
	elapsed, meanwhile := time.Duration(0), func() {}
	var c *clock.Clock
	monotonic := func() time.Time {
		read := epoch.Add(elapsed)
		do := meanwhile
		meanwhile = func() {}
		do()
		return read
	}
	c = clock.New(monotonic, func() time.Time { return epoch.Add(elapsed - time.Hour) }, slog.New(slog.DiscardHandler))
	elapsed = 10 * time.Second
	before := c.Now()
	meanwhile = func() {
		elapsed = 70 * time.Second
		before = c.Now()
	}
	if now := c.Now(); now.Before(before) {
		t.Errorf("%s after %s", now, before)
	}
}
