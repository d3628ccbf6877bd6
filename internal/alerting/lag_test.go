package alerting_test

import (
	"testing"
	"time"

	"guardian/test/leader"
	"guardian/watch"
)

func TestAGroupThatIsNotEvaluatedIsOverdue(t *testing.T) {
	play(t, leader.Settings(t, watch.Auto), down, func(n *night) {
		begun := leader.Now()
		n.line("....")
		if group, by := n.alerts.Overdue(begun, leader.Now()); by != 0 {
			n.t.Errorf("%s is overdue by %s right after its evaluation", group, by)
		}
		time.Sleep(2 * time.Minute)
		if group, by := n.alerts.Overdue(begun, leader.Now()); group != "outages" || by != 105*time.Second {
			n.t.Errorf("%s is overdue by %s, want outages by 1m45s", group, by)
		}
		// After a reload its time begins anew.
		if group, by := n.alerts.Overdue(leader.Now().Add(-10*time.Second), leader.Now()); by != 0 {
			n.t.Errorf("%s is overdue by %s right after a reload", group, by)
		}
	})
}
