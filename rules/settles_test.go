package rules_test

import (
	"testing"
	"time"
)

func TestHowLongAnAlertFiresOnAfterItsCauseIsGone(t *testing.T) {
	for name, c := range map[string]struct {
		rules string
		want  time.Duration
	}{
		"until the next evaluation": {"- {alert: A, expr: 'up == 0'}", 30 * time.Second},
		"as far as it looks back":   {"- {alert: A, expr: 'rate(orders[5m]) == 0'}", 5*time.Minute + 30*time.Second},
		"as far as the longest of its parts looks back": {
			"- {alert: A, expr: 'rate(orders[5m]) == 0 and avg_over_time(up[1h]) > 0'}", time.Hour + 30*time.Second,
		},
		"with its offset":      {"- {alert: A, expr: 'rate(orders[5m] offset 10m) == 0'}", 15*time.Minute + 30*time.Second},
		"and with a subquery":  {"- {alert: A, expr: 'max_over_time(rate(orders[5m])[30m:1m]) == 0'}", 35*time.Minute + 30*time.Second},
		"with keep_firing_for": {"- {alert: A, expr: 'up == 0', keep_firing_for: 2m}", 2*time.Minute + 30*time.Second},
		"through what another rule records": {
			"- {record: orders:rate, expr: 'rate(orders[10m])'}\n    - {alert: A, expr: 'avg_over_time(orders:rate[5m]) == 0'}", 15*time.Minute + 30*time.Second,
		},
		"also through one that records itself": {
			"- {record: a, expr: 'max_over_time(a[10m])'}\n    - {alert: A, expr: 'a == 0'}", 10*time.Minute + 30*time.Second,
		},
	} {
		t.Run(name, func(t *testing.T) {
			gs := load(t, "groups:\n- name: g\n  interval: 30s\n  rules:\n    "+c.rules+"\n")
			for _, r := range gs[0].Rules {
				if r.Alert == "A" && r.Settles != c.want {
					t.Errorf("%s, want %s", r.Settles, c.want)
				}
			}
		})
	}
}
