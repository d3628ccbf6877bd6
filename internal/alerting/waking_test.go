package alerting_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"

	"guardian/internal/store"
	"guardian/rules"
	"guardian/test/leader"
	"guardian/watch"
)

// arrive appends samples of now and wakes who reads them, as a write does.
func (n *night) arrive(samples ...promql.Sample) {
	n.t.Helper()
	for i := range samples {
		samples[i].T = leader.Now().UnixMilli()
	}
	if err := n.series.Append(n.t.Context(), samples); err != nil {
		n.t.Fatal(err)
	}
	n.alerts.Arrived(samples)
}

// of is a value of a check's series.
func of(check, name string, v float64) promql.Sample {
	return promql.Sample{Metric: labels.FromStrings("__name__", name, "check", check), F: v}
}

// looks lets checks look every 15 seconds for some minutes, one after the other, and gives the
// queries of each minute.
func (n *night) looks(checks, minutes int) []int64 {
	n.t.Helper()
	var perMinute []int64
	before := n.asked.Load()
	for i := range minutes * 4 * checks {
		time.Sleep(15 * time.Second / time.Duration(checks))
		check := fmt.Sprint("c", i%checks)
		n.arrive(of(check, "probe_success", 1), of(check, "probe_duration_seconds", float64(i)))
		if (i+1)%(4*checks) == 0 {
			now := n.asked.Load()
			perMinute, before = append(perMinute, now-before), now
		}
	}
	return perMinute
}

// TestLooksCauseFewQueries: 200 checks look every 15 s, 100 rules read them at the same interval.
func TestLooksCauseFewQueries(t *testing.T) {
	const most, interval = 1200, 400
	for name, exprs := range map[string][2]string{
		"of one check each":  {`probe_success{check="c%d"} == 0`, `probe_duration_seconds{check="c%d"} > 1e9`},
		"of all checks":      {`probe_success == %d+2`, `probe_duration_seconds > 1e9+%d`},
		"of a time in which": {`avg_over_time(probe_success[1m]) > %d+2`, `sum(rate(probe_duration_seconds[1m])) > 1e9+%d`},
	} {
		t.Run(name, func(t *testing.T) {
			var file strings.Builder
			file.WriteString("groups:\n")
			for i := range 100 {
				if i%20 == 0 {
					fmt.Fprintf(&file, "- name: g%d\n  interval: 15s\n  rules:\n", i)
				}
				fmt.Fprintf(&file, "  - {alert: A%d, expr: '"+exprs[i%2]+"', labels: {tier: %s}}\n", i, i, []string{"critical", "warning", "info"}[i%3])
			}
			play(t, leader.Settings(t, watch.Auto), file.String(), func(n *night) {
				t := n.T
				n.alerts.Start()
				for minute, queries := range n.looks(200, 2) {
					if queries > most || queries < interval-20 {
						t.Errorf("minute %d: %d queries, want %d to %d", minute, queries, interval, most)
					}
				}
			})
		})
	}
}

// TestAStreamOfWritesCostsAtMostTwiceTheInterval: every write wakes all rules.
func TestAStreamOfWritesCostsAtMostTwiceTheInterval(t *testing.T) {
	const size, interval, length = 200, 5 * time.Second, time.Minute
	var file strings.Builder
	fmt.Fprintf(&file, "groups:\n- name: g\n  interval: %s\n  rules:\n", interval)
	for i := range size {
		fmt.Fprintf(&file, "  - {record: 'r:%d', expr: x + %d}\n", i, i)
	}
	for _, every := range []time.Duration{20 * time.Millisecond, 100 * time.Millisecond, 5 * time.Second} {
		t.Run(every.String(), func(t *testing.T) {
			play(t, leader.Settings(t, watch.Auto), file.String(), func(n *night) {
				t := n.T
				n.alerts.Start()
				for i := range int(length / every) {
					time.Sleep(every)
					n.arrive(promql.Sample{Metric: labels.FromStrings("__name__", "x"), F: float64(i)})
				}
				most := int64(2*size*length/interval + 2*size)
				if every == interval {
					most = int64(size*length/interval + 2*size)
				}
				if got := n.asked.Load(); got > most {
					t.Errorf("%d queries, want at most %d", got, most)
				}
				delayed, err := testutil.GatherAndCount(n.Metrics, "guardian_rule_delayed_total")
				if err != nil || delayed != 1 {
					t.Errorf("%d metrics of delays, %v", delayed, err)
				}
			})
		})
	}
}

const reactions = `
groups:
- name: g
  interval: 1m
  rules:
  - {alert: Down, expr: 'probe_success{check="push"} == 0', labels: {tier: critical, service: orders}}
  - {alert: DownForLong, expr: 'probe_success{check="push"} == 0', for: 5m, labels: {tier: warning, service: orders}}
  - {alert: Slow, expr: 'probe_duration_seconds{check="push"} > 10', labels: {tier: warning, service: orders}}
`

// open gives an open alert of a rule.
func (n *night) open(rule string) rules.Alert {
	for _, al := range n.alerts.Open() {
		if al.Rule == rule {
			return al
		}
	}
	return rules.Alert{}
}

// TestAnAlertFiresAtItsSample although the check was looked at many times before it, and the
// interval is long.
func TestAnAlertFiresAtItsSample(t *testing.T) {
	play(t, leader.Settings(t, watch.Auto), reactions, func(n *night) {
		t := n.T
		n.alerts.Start()
		for i := range 200 {
			time.Sleep(5 * time.Second)
			n.arrive(of("push", "probe_success", 1), of("push", "probe_duration_seconds", float64(i%7)))
		}
		time.Sleep(5 * time.Second)
		at := leader.Now()
		n.arrive(of("push", "probe_success", 0), of("push", "probe_duration_seconds", 1))
		time.Sleep(50 * time.Millisecond)
		if al := n.open("Down"); al.State != rules.Firing || al.FiredAt.Sub(at) > 20*time.Millisecond {
			t.Errorf("down at %s, the alert: %+v", at, al)
		}
		n.wantNotices(firing)
	})
}

// TestAnAlertFiresWhenItsTimeIsOver: neither samples nor the interval have to come for it.
func TestAnAlertFiresWhenItsTimeIsOver(t *testing.T) {
	play(t, leader.Settings(t, watch.Auto), strings.Replace(reactions, "interval: 1m", "interval: 4m", 1), func(n *night) {
		t := n.T
		n.alerts.Start()
		n.arrive(of("push", "probe_success", 0))
		time.Sleep(3 * time.Minute)
		n.arrive(of("push", "probe_success", 0))
		time.Sleep(time.Minute + 59*time.Second)
		if al := n.open("DownForLong"); al.State != rules.Pending {
			t.Fatalf("before: %+v", al)
		}
		time.Sleep(2 * time.Second)
		al := n.open("DownForLong")
		if al.State != rules.Firing || al.FiredAt.Sub(al.ActiveAt) > 5*time.Minute+50*time.Millisecond {
			t.Errorf("%s, active %s, fired %s", al.State, al.ActiveAt, al.FiredAt)
		}
	})
}

// TestOnlyWokenRulesAreEvaluated, and the others stay what they are.
func TestOnlyWokenRulesAreEvaluated(t *testing.T) {
	play(t, leader.Settings(t, watch.Auto), reactions, func(n *night) {
		t := n.T
		n.alerts.Start()
		n.arrive(of("push", "probe_success", 1), of("push", "probe_duration_seconds", 11))
		time.Sleep(70 * time.Second) // and the interval
		if n.open("Slow").State != rules.Firing {
			t.Fatal("the slow check has no alert")
		}
		whole, last := n.alerts.State(n.groups[0].Key())
		queries := n.asked.Load()
		time.Sleep(15 * time.Second)
		n.arrive(of("push", "probe_success", 0))
		time.Sleep(time.Second)
		if got := n.asked.Load() - queries; got != 2 {
			t.Errorf("%d queries, want those of the two rules that read the sample", got)
		}
		now, again := n.alerts.State(n.groups[0].Key())
		if !again.At.Equal(last.At) {
			t.Errorf("the whole group was evaluated last at %s, now at %s", last.At, again.At)
		}
		for _, r := range n.groups[0].Rules {
			moved := now.Rules[r.Key].LastEval.After(whole.Rules[r.Key].LastEval)
			if want := r.Alert != "Slow"; moved != want {
				t.Errorf("%s was evaluated again: %t, want %t", r.Alert, moved, want)
			}
		}
		if al := n.open("Slow"); al.State != rules.Firing {
			t.Errorf("the alert of the rule that was not evaluated: %+v", al)
		}
		// ALERTS of all of them is there, whenever they were evaluated.
		v, err := n.series.Query(t.Context(), `ALERTS`, leader.Now())
		if err != nil || len(v) != 3 {
			t.Errorf("ALERTS: %v, %v", v, err)
		}
		// What resolves ends its series at once.
		n.arrive(of("push", "probe_success", 1))
		time.Sleep(time.Second)
		if v, err := n.series.Query(t.Context(), `ALERTS`, leader.Now()); err != nil || len(v) != 1 {
			t.Errorf("ALERTS after it is up: %v, %v", v, err)
		}
	})
}

// TestWhatCouldNotBeRecordedIsTriedAgainSoon, without a sample or the interval.
func TestWhatCouldNotBeRecordedIsTriedAgainSoon(t *testing.T) {
	play(t, leader.Settings(t, watch.Auto), reactions, func(n *night) {
		n.alerts.Start()
		n.Refuse(func(store.Batch) error { return errors.New("the disk is full") })
		n.arrive(of("push", "probe_success", 0))
		time.Sleep(5 * time.Second)
		n.wantNotices()
		n.Refuse(nil)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		n.wantNotices(firing)
	})
}

// TestARepeatedSampleOfARuleThatIsUnknown evaluates it: it may be known now.
func TestARepeatedSampleOfARuleThatIsUnknown(t *testing.T) {
	play(t, leader.Settings(t, watch.Auto), reactions, func(n *night) {
		n.loses([]string{"push"})
		n.alerts.Start()
		n.arrive(of("push", "probe_success", 0))
		time.Sleep(time.Second)
		n.wantNotices()
		n.sees()
		n.arrive(of("push", "probe_success", 0))
		time.Sleep(50 * time.Millisecond)
		n.wantNotices(firing)
	})
}
