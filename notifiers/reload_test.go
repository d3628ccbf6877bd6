package notifiers_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"guardian/notifiers"
)

func TestReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		same, changed, removed, fresh := &messenger{answer: penalized}, &messenger{answer: penalized}, &messenger{answer: down}, &messenger{}
		k := open(t, map[string]notifiers.Receiver{
			"same": {Channel: same, Fingerprint: "s1"}, "changed": {Channel: changed, Fingerprint: "c1"},
			"removed": {Channel: removed, Fallback: "same", Fingerprint: "r1"}, "removed2": {Channel: removed, Fingerprint: "r2"},
		})
		k.start()
		for _, name := range []string{"same", "changed", "removed", "removed2"} {
			k.put(name, "critical", "x/"+name)
		}
		pass(time.Second)

		if err := k.d.Apply(map[string]notifiers.Receiver{"same": {Channel: same, Fallback: "nobody", Fingerprint: "s1"}}); err == nil || !strings.Contains(err.Error(), `fallback "nobody" is not configured`) {
			t.Errorf("a bad reload: %v", err)
		}
		if n := len(k.d.Status()); n != 4 {
			t.Errorf("a bad reload left %d receivers", n)
		}

		err := k.d.Apply(map[string]notifiers.Receiver{
			"same": {Channel: fresh, Fingerprint: "s1"}, "changed": {Channel: fresh, Fingerprint: "c2"}, "new": {Channel: fresh},
		})
		if err != nil {
			t.Fatal(err)
		}
		k.put("new", "critical", "y/new")
		pass(15 * time.Second)
		k.state("same/x/same", notifiers.Queued)          // the penalty goes on
		k.state("changed/x/changed", notifiers.Delivered) // another robot has none
		k.state("new/y/new", notifiers.Delivered)
		if d := k.state("removed/x/removed", notifiers.Queued); d.Receiver != "same" {
			t.Errorf("what waited for a removed receiver went to %q", d.Receiver)
		}
		if d := k.state("removed2/x/removed2", notifiers.Delivered); d.Receiver != "changed" {
			t.Errorf("what waited for a removed receiver without a fallback went to %q", d.Receiver)
		}
		if n := len(same.all()); n != 1 {
			t.Errorf("%d calls to a robot in penalty", n)
		}
	})
}

// Without a fingerprint nothing says that a receiver is the same as before.
func TestAReloadReplacesAReceiverWithoutAFingerprint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		before, after := &messenger{}, &messenger{}
		k := open(t, one(before))
		k.start()
		pass(time.Second)
		if err := k.d.Apply(one(after)); err != nil {
			t.Fatal(err)
		}
		k.put("oncall", "critical", "a/1")
		pass(time.Second)
		if len(before.all()) != 0 || len(after.all()) != 1 {
			t.Errorf("%d calls of the former channel and %d of the new one", len(before.all()), len(after.all()))
		}
	})
}

func TestNoticesOfAReceiverThatIsNotConfiguredMoveToAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &messenger{}
		k := open(t, one(m))
		k.put("renamed", "critical", "x/left-behind") // by a guardian with another configuration
		k.start()
		pass(time.Second)
		if d := k.state("renamed/x/left-behind", notifiers.Delivered); d.Receiver != "oncall" {
			t.Errorf("it went to %q, want oncall", d.Receiver)
		}
		// A notice that was on its way into the outbox when its receiver was taken out.
		k.put("renamed", "critical", "x/late")
		pass(2 * time.Minute)
		k.state("renamed/x/late", notifiers.Delivered)
		if got := m.titles(); got != "left-behind late" {
			t.Errorf("%q were sent, want each once", got)
		}
	})
}
