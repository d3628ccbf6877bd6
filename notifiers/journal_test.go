package notifiers_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"guardian/notifiers"
)

func TestADeliveryInterruptedByACrashIsSentAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &messenger{}
		k := open(t, one(m))
		k.put("oncall", "critical", "a/1", "a/2")
		d := k.outbox.Get("oncall/a/1")
		d.State, d.Attempts, d.Tried = notifiers.Sending, 1, time.Now()
		if err := k.outbox.Save(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		k.start()
		pass(0)
		if got := m.titles(); got != "1 2" {
			t.Errorf("arrived: %s", got)
		}
		if d := k.state("oncall/a/1", notifiers.Delivered); d.Attempts != 2 {
			t.Errorf("%+v", d)
		}
	})
}

func TestAnAttemptThatCannotBeSavedIsNotMade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &messenger{}
		k := open(t, one(m))
		k.put("oncall", "critical", "a/1")
		var fenced atomic.Bool
		fenced.Store(true)
		k.outbox.Fail = func(int, []notifiers.Delivery) error {
			if fenced.Load() {
				return errors.New("another guardian holds the lease")
			}
			return nil
		}
		k.start()
		pass(10 * time.Minute)
		if len(m.all()) != 0 {
			t.Errorf("%d calls by a guardian without the lease", len(m.all()))
		}
		fenced.Store(false)
		pass(time.Minute)
		k.state("oncall/a/1", notifiers.Delivered)
	})
}

func TestNothingIsSentAgainWhileAnOutcomeCannotBeSaved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &messenger{}
		k := open(t, one(m))
		k.put("oncall", "critical", "a/1", "b/2")
		refused := 0
		k.outbox.Fail = func(_ int, d []notifiers.Delivery) error {
			if d[0].State == notifiers.Delivered && refused < 4 {
				refused++
				return errors.New("disk full")
			}
			return nil
		}
		k.start()
		pass(5 * time.Minute)
		if got := m.titles(); got != "1 2" || refused != 4 {
			t.Errorf("arrived %q after %d refused saves", got, refused)
		}
		k.state("oncall/a/1", notifiers.Delivered)
	})
}

// A process that was paused after it saved the attempt may have been replaced.
func TestWithoutTheLeaseNoCallIsMade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, may := &messenger{}, atomic.Bool{}
		k := open(t, one(m), func(o *notifiers.Options) { o.MaySend = may.Load })
		k.start()
		k.put("oncall", "critical", "a/1")
		pass(time.Minute)
		if len(m.all()) != 0 {
			t.Errorf("%d calls without the lease", len(m.all()))
		}
		k.state("oncall/a/1", notifiers.Sending) // so that the process with the lease sends it
		may.Store(true)
		pass(time.Minute)
		if len(m.all()) != 1 {
			t.Errorf("%d calls once it holds the lease, want one", len(m.all()))
		}
		k.state("oncall/a/1", notifiers.Delivered)
	})
}

func TestStopSendsOnlyWhatIsDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &messenger{answer: func(n int, x notifiers.Notice) error {
			if x.Title == "stuck" {
				return down(n, x)
			}
			return nil
		}}
		k := open(t, one(m))
		k.start()
		pass(time.Second)
		for i := range 5 { // no wake: Stop itself must look
			k.put("elsewhere", "info", "x/1")
			k.put("oncall", "info", fmt.Sprintf("k%d/n%d", i, i))
		}
		began := time.Now()
		if err := k.d.Stop(context.Background()); err != nil {
			t.Fatal(err)
		}
		if time.Since(began) > time.Second || len(strings.Fields(m.titles())) != 5 {
			t.Errorf("after %s arrived %q", time.Since(began), m.titles())
		}
		if err := k.d.Stop(context.Background()); err != nil {
			t.Error("a second Stop:", err)
		}
		k.put("oncall", "info", "late/late")
		k.d.Start(context.Background()) // and it can start again
		pass(time.Second)
		if !slices.Contains(strings.Fields(m.titles()), "late") {
			t.Errorf("arrived %q", m.titles())
		}
	})
}
