//go:build !race

package alerting_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"guardian/rules"
	"guardian/test/leader"
	"guardian/watch"
)

func TestAlertsOfOthersAreBounded_Plain(t *testing.T) {
	s := leader.Settings(t, watch.Auto)
	s.Routes = nil
	play(t, s, down, func(n *night) {
		var many []rules.Sent
		for i := range 10_001 {
			one := theirs(time.Hour)
			one.Labels = map[string]string{"alertname": "Theirs", "n": fmt.Sprint(i)}
			many = append(many, one)
		}
		refused, err := n.alerts.Take(many)
		if err != nil || len(refused) != 1 || !strings.Contains(refused[0].Error(), "10000 alerts") || len(n.alerts.Open()) != 10_000 {
			n.t.Fatalf("%v %v, %d open", refused, err, len(n.alerts.Open()))
		}
		if refused, err := n.alerts.Take(many[:10]); err != nil || len(refused) > 0 {
			n.t.Errorf("those that are known: %v %v", refused, err)
		}
	})
}
