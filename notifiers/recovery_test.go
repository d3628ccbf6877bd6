package notifiers_test

import (
	"slices"
	"strings"
	"sync/atomic"
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
			var up atomic.Bool
			m := &messenger{answer: func(n int, notice notifiers.Notice) error {
				if up.Load() {
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
			up.Store(true)
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

// Once a messenger has been down for two minutes, a new notice need not wait for as long again: in an
// outage of an hour each alert would come late.
func TestWhileAMessengerIsDownNewNoticesGoToTheFallbackAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var up atomic.Bool
		a := &messenger{answer: func(n int, notice notifiers.Notice) error {
			if up.Load() {
				return nil
			}
			return down(n, notice)
		}}
		b := &messenger{}
		k := open(t, map[string]notifiers.Receiver{"a": {Channel: a, Fallback: "b"}, "b": {Channel: b}})
		k.start()
		k.put("a", "critical", "x/1")
		for b.titles() == "" {
			pass(time.Second)
		}
		before := len(a.all())
		for _, name := range []string{"x/2", "y/3", "z/4"} { // in the pause after a call, and after it
			k.put("a", "critical", name)
			pass(time.Second)
			if d := k.state("a/"+name, notifiers.Delivered); d.Receiver != "b" {
				t.Errorf("%s is at %q", name, d.Receiver)
			}
			pass(2 * time.Minute)
		}
		if n := len(a.all()); n != before+2 {
			t.Errorf("the messenger was called %d times meanwhile, want 2: they show whether it is up again", n-before)
		}
		up.Store(true)
		pass(2 * time.Minute)
		k.put("a", "critical", "x/5")
		pass(time.Second)
		if d := k.state("a/x/5", notifiers.Delivered); d.Receiver != "a" {
			t.Errorf("when the messenger is up again, a notice goes to %q", d.Receiver)
		}
		up.Store(false)
		k.put("a", "critical", "x/6")
		pass(time.Minute)
		if d := k.outbox.Get("a/x/6"); d.Receiver != "a" {
			t.Errorf("after a minute of the next outage a notice is at %q", d.Receiver)
		}
	})
}

// One robot that is down does not make the receiver down.
func TestARobotThatIsDownLeavesNoticesToTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second, b := &messenger{answer: down}, &messenger{}, &messenger{}
		k := open(t, map[string]notifiers.Receiver{"a": {Channel: group{first, second}, Fallback: "b"}, "b": {Channel: b}})
		k.start()
		for i := range 20 {
			k.put("a", "critical", "x/"+string(rune('a'+i)))
			pass(20 * time.Second)
		}
		if len(first.all()) == 0 || len(second.all()) < 20 || len(b.all()) != 0 {
			t.Errorf("calls: %d of the robot that is down, %d of the other, %d of the fallback", len(first.all()), len(second.all()), len(b.all()))
		}
	})
}

// A message that comes late, or to others than the routes say, must not read as if it did not.
func TestAMessageSaysThatItIsLateAndForWhomItIsSentHere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var up atomic.Bool
		a := &messenger{answer: func(n int, notice notifiers.Notice) error {
			if up.Load() {
				return nil
			}
			return down(n, notice)
		}}
		b, program := &messenger{}, &messenger{}
		k := open(t, map[string]notifiers.Receiver{
			"a": {Channel: a}, "moves": {Channel: &messenger{answer: down}, Fallback: "b"}, "b": {Channel: b},
			"program": {Channel: &messenger{answer: down}, Fallback: "c"}, "c": {Channel: program, AsWritten: true},
		})
		k.start()
		k.put("a", "critical", "x/1")
		k.put("moves", "critical", "x/2")
		k.put("program", "critical", "x/4")
		k.put("b", "critical", "x/3")
		pass(5 * time.Minute)
		up.Store(true)
		pass(2 * time.Minute)
		facts := map[string]string{}
		for _, c := range slices.Concat(a.all(), b.all(), program.all()) {
			if c.err == nil {
				for _, f := range c.notice.Facts {
					facts[c.notice.Title] += f.Name + ": " + f.Value + "\n"
				}
			}
		}
		if f := facts["1"]; !strings.HasPrefix(f, "Late: written 5 min ago") && !strings.HasPrefix(f, "Late: written 6 min ago") || strings.Contains(f, "because") {
			t.Errorf("after an outage of five minutes: %q", f)
		}
		if f := facts["2"]; !strings.Contains(f, "Late: written 2 min ago") || !strings.Contains(f, "Sent here because: moves did not take it") {
			t.Errorf("at the fallback: %q", f)
		}
		if f := facts["4"]; f != "" || program.titles() != "4" {
			t.Errorf("a program gets %q, with %q", program.titles(), f)
		}
		if f := facts["3"]; f != "" {
			t.Errorf("in time, to its own receiver: %q", f)
		}
	})
}
