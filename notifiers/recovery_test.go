package notifiers_test

import (
	"testing"
	"testing/synctest"
	"time"

	"guardian/notifiers"
)

// The first call that succeeds after an outage shows that the messenger is up: what it did not take
// need not wait out its delay of a minute.
func TestWhatAnOutageDelayedIsSentWhenTheMessengerIsUp(t *testing.T) {
	for _, restart := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			up := false
			m := &messenger{answer: func(n int, notice notifiers.Notice) error {
				if up {
					return nil
				}
				return down(n, notice)
			}}
			k := open(t, one(m))
			k.start()
			k.put("oncall", "warning", "a/1", "b/2", "c/3")
			pass(10 * time.Minute)
			for calls := len(m.all()); len(m.all()) < calls+3; { // the next tries are a minute away
				pass(time.Second)
			}
			if restart {
				if err := k.d.Stop(t.Context()); err != nil {
					t.Fatal(err)
				}
				again, err := notifiers.NewDispatcher(k.o)
				if err != nil {
					t.Fatal(err)
				}
				k.d = again
				k.start()
			}
			up = true
			k.put("oncall", "warning", "d/4")
			for m.titles() == "" {
				pass(time.Second)
			}
			pass(time.Second)
			for _, id := range []string{"a/1", "b/2", "c/3"} {
				k.state("oncall/"+id, notifiers.Delivered)
			}
		})
	}
}

// A notice that the messenger never takes keeps its delay, however many others succeed: each of its
// tries makes them wait.
func TestANoticeThatAlwaysFailsIsNotTriedAfterEachThatSucceeds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &messenger{answer: func(n int, notice notifiers.Notice) error {
			if notice.Title == "bad" {
				return down(n, notice)
			}
			return nil
		}}
		k := open(t, one(m))
		k.start()
		k.put("oncall", "warning", "x/bad")
		pass(10 * time.Minute)
		before := len(m.all())
		for range 60 {
			k.put("oncall", "warning", "y/good")
			pass(10 * time.Second)
		}
		bad := 0
		for _, c := range m.all()[before:] {
			if c.notice.Title == "bad" {
				bad++
			}
		}
		if bad > 14 {
			t.Errorf("it was tried %d times in ten minutes", bad)
		}
	})
}
