package notifiers_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"guardian/notifiers"
)

// Notices that arrive one by one, in any interleaving with the calls, stay within the
// vendor's rate limit. Notices that arrive together are sent in digests.
func TestAStormIsAFewMessagesAndTheBudgetHolds(t *testing.T) {
	storm := func(minute int) (names []string) {
		for i := range 100 {
			names = append(names, fmt.Sprintf("k%d-%d/w", minute, i))
		}
		return names
	}
	synctest.Test(t, func(t *testing.T) {
		m := &messenger{}
		budget := notifiers.Builtin()["dingtalk"].Budget
		k := open(t, map[string]notifiers.Receiver{"oncall": {Channel: m, Budget: budget}})
		k.start()
		for minute := range 10 {
			k.put("oncall", "warning", storm(minute)...)
			pass(time.Minute)
		}
		// A digest of a DingTalk robot has room for 40 lines.
		if calls := m.all(); len(calls) != 30 {
			t.Errorf("%d messages for 10 storms of 100 notices, want 3 for each", len(calls))
		}
		for minute := range 10 {
			for _, name := range storm(10 + minute) {
				k.put("oncall", "warning", name)
			}
			pass(time.Minute)
		}
		pass(5 * time.Minute)
		calls := m.all()
		holds(t, calls, budget)
		for _, d := range k.outbox.All() {
			if d.State != notifiers.Delivered {
				t.Fatalf("%+v", d)
			}
		}
	})
}

// holds checks the rate limit: never more than Limit calls in any window.
func holds(t *testing.T, calls []call, b notifiers.Budget) {
	t.Helper()
	for i := range calls {
		in := 0
		for _, c := range calls[i:] {
			if c.at.Sub(calls[i].at) < time.Minute {
				in++
			}
		}
		if in > b.Limit {
			t.Fatalf("%d calls in a minute, the budget is %d", in, b.Limit)
		}
	}
}

func TestTheBudgetHoldsAcrossARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &messenger{}
		budget := map[string]notifiers.Receiver{"oncall": {Channel: m, Budget: notifiers.Budget{Limit: 3, Per: time.Minute}}}
		k := open(t, budget)
		k.start()
		for _, name := range []string{"a/1", "b/2", "c/3"} {
			k.put("oncall", "critical", name)
			pass(time.Second)
		}
		// The process ends, and another one goes on with the outbox.
		if err := k.d.Stop(context.Background()); err != nil {
			t.Fatal(err)
		}
		next := open(t, budget)
		next.outbox = k.outbox
		next.o.Outbox = k.outbox
		var err error
		if next.d, err = notifiers.NewDispatcher(next.o); err != nil {
			t.Fatal(err)
		}
		next.start()
		next.put("oncall", "critical", "d/4")
		pass(30 * time.Second)
		if n := len(m.all()); n != 3 {
			t.Errorf("%d calls within the minute, want the budget's 3", n)
		}
		pass(time.Minute)
		if n := len(m.all()); n != 4 {
			t.Errorf("%d calls after it, want all 4", n)
		}
	})
}

func TestPartOfTheBudgetIsReservedForCriticalNotices(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &messenger{}
		k := open(t, map[string]notifiers.Receiver{"oncall": {Channel: m, Budget: notifiers.Budget{Limit: 6, Per: time.Minute, Reserved: 2, MergeAt: -1}}})
		k.start()
		for i := range 4 {
			k.put("oncall", "info", fmt.Sprintf("i%d/i", i))
			pass(time.Second)
		}
		k.put("oncall", "info", "i9/late")
		k.put("oncall", "critical", "c1/now")
		pass(time.Second)
		if got := m.titles(); got != "i i i i now" {
			t.Errorf("arrived: %s", got)
		}
		pass(time.Minute)
		if got := m.titles(); got != "i i i i now late" {
			t.Errorf("arrived: %s", got)
		}
	})
}

func TestSlacksSpacingIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &messenger{}
		k := open(t, map[string]notifiers.Receiver{"oncall": {Channel: m, Budget: notifiers.Builtin()["slack"].Budget}})
		k.start()
		k.put("oncall", "warning", "a/1", "b/2", "c/3")
		pass(10 * time.Second)
		calls := m.all()
		if len(calls) != 3 || calls[1].at.Sub(calls[0].at) != time.Second || calls[2].at.Sub(calls[1].at) != time.Second {
			t.Errorf("calls %+v", calls)
		}
	})
}

// A storm: every 90 ms another group is told, for a minute. No robot is called more than twelve
// times a minute, and each critical notice that comes while the minute is not used up is told
// within the pace of five seconds.
func TestAStormIsToldSoonAndWithinTheBudget(t *testing.T) {
	for kind := range map[string]bool{"dingtalk": true, "wecom": true, "feishu": true, "slack": true} {
		t.Run(kind, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := &messenger{}
				budget := notifiers.Builtin()[kind].Budget
				k := open(t, map[string]notifiers.Receiver{"oncall": {Channel: m, Budget: budget}})
				k.start()
				began := time.Now()
				for i := 0; time.Since(began) < time.Minute; i++ {
					tier := "warning"
					if i%3 == 0 {
						tier = "critical"
					}
					k.put("oncall", tier, fmt.Sprintf("k%d/n%d", i, i))
					pass(90 * time.Millisecond)
				}
				pass(5 * time.Minute)
				calls := m.all()
				holds(t, calls, notifiers.Budget{Limit: 12})
				last := time.Duration(0)
				for _, d := range k.outbox.All() {
					if d.State != notifiers.Delivered {
						t.Fatalf("%+v", d)
					}
					waited := d.Updated.Sub(d.Notice.Created)
					if at := d.Notice.Created.Sub(began); d.Notice.Tier == "critical" && at < 35*time.Second {
						last = max(last, waited)
					}
				}
				if last > 5*time.Second {
					t.Errorf("a critical notice waited %s, want 5s at most", last)
				}
			})
		})
	}
}

// SMS cost money and sleep: with a limit a storm is a few digests, and the first is told at once.
func TestAReceiversOwnLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &messenger{}
		k := open(t, map[string]notifiers.Receiver{"sms": {Channel: m, Budget: notifiers.Builtin()["webhook"].Budget.AtMost(3)}})
		k.start()
		began := time.Now()
		for i := range 200 {
			k.put("sms", "critical", fmt.Sprintf("k%d/n%d", i, i))
			pass(300 * time.Millisecond)
		}
		pass(10 * time.Minute)
		holds(t, m.all(), notifiers.Budget{Limit: 3})
		if n := len(m.all()); n > 6 || m.all()[0].at.Sub(began) > time.Second {
			t.Errorf("%d messages, the first after %s", n, m.all()[0].at.Sub(began))
		}
		for _, d := range k.outbox.All() {
			if d.State != notifiers.Delivered {
				t.Fatalf("%+v", d)
			}
		}
	})
	if b := notifiers.Builtin()["dingtalk"].Budget; b.AtMost(100) != b || b.AtMost(0) != b || b.AtMost(5).Limit != 5 {
		t.Error("a limit can only be lowered")
	}
}
