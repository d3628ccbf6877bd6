package rules_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/promqltest"
	"pgregory.net/rapid"

	"guardian/rules"
)

// names lists the rules of a set.
func names(g *rules.Group, s rules.RuleSet) string {
	var all []string
	for i, r := range g.Rules {
		if s.Has(i) {
			all = append(all, r.Name())
		}
	}
	return strings.Join(all, " ")
}

// point is a sample at a second.
func point(second int, v float64, name string, more ...string) promql.Sample {
	return promql.Sample{Metric: labels.FromStrings(append([]string{"__name__", name}, more...)...), T: int64(second) * 1000, F: v}
}

// wakes tells which rules a sample wakes.
func wakes(groups []*rules.Group, w *rules.Waker, s promql.Sample) string {
	var all []string
	found, repeated := w.Sample(s)
	for _, one := range found {
		set := one.Rules
		if repeated {
			set = one.Always
		}
		if n := names(groups[one.Group], set); n != "" {
			all = append(all, n)
		}
	}
	return strings.Join(all, " | ")
}

func TestASampleWakesTheRulesThatSelectIt(t *testing.T) {
	groups := load(t, `
groups:
- name: one
  rules:
  - {alert: OfA, expr: 'up{check="a"} == 0'}
  - {alert: OfB, expr: 'up{check="b"} == 0'}
  - {alert: OfAll, expr: 'up == 0 and on () other > 1'}
  - {alert: NotOfA, expr: 'up{check!="a"} == 0'}
  - {alert: OfAnyName, expr: '{__name__=~"u.*", check=~"a|c"} == 0'}
  - {alert: OfOther, expr: 'absent(other)'}
- name: two
  rules:
  - {alert: OfAToo, expr: 'sum(up{check=~"a.*"}) == 0'}
`)
	w := rules.NewWaker(groups)
	for _, tt := range []struct {
		sample promql.Sample
		want   string
	}{
		{point(0, 1, "up", "check", "a"), "OfA OfAll OfAnyName | OfAToo"},
		{point(0, 1, "up", "check", "b"), "OfB OfAll NotOfA"},
		{point(0, 1, "up", "check", "c"), "OfAll NotOfA OfAnyName"},
		{point(0, 1, "up"), "OfAll NotOfA"},
		{point(0, 1, "other", "check", "a"), "OfAll OfOther"},
		{point(0, 1, "down", "check", "a"), ""},
	} {
		if got := wakes(groups, w, tt.sample); got != tt.want {
			t.Errorf("%s wakes %q, want %q", tt.sample.Metric, got, tt.want)
		}
	}
}

// TestASampleThatRepeatsItsValue wakes only what sees more of a series than its last value.
func TestASampleThatRepeatsItsValue(t *testing.T) {
	groups := load(t, `
groups:
- name: g
  rules:
  - {alert: Last, expr: up == 0}
  - {alert: Range, expr: 'avg_over_time(up[5m]) < 1'}
  - {alert: Subquery, expr: 'max_over_time((up == 0)[5m:1m])'}
  - {alert: Offset, expr: up offset 1m == 0}
  - {alert: Time, expr: time() - timestamp(up) > 60}
`)
	const all, seeMore = "Last Range Subquery Offset Time", "Range Subquery Offset Time"
	gone := math.Float64frombits(value.StaleNaN)
	w := rules.NewWaker(groups)
	for i, tt := range []struct {
		second int
		value  float64
		want   string
	}{
		{0, 1, all},
		{15, 1, seeMore},
		{30, 0, all},
		{45, 0, seeMore},
		{60, gone, all},
		{75, gone, seeMore},
		{90, 0, all},
		{105, 0, seeMore},
		{405, 0, all}, // the one before is gone from the results
		{400, 0, all}, // later than one that is newer
	} {
		if got := wakes(groups, w, point(tt.second, tt.value, "up", "check", "a")); got != tt.want {
			t.Errorf("sample %d: %v at %d wakes %q, want %q", i, tt.value, tt.second, got, tt.want)
		}
	}
	h := point(420, 0, "up", "check", "a")
	h.H = &histogram.FloatHistogram{}
	for range 2 {
		if got := wakes(groups, w, h); got != all {
			t.Errorf("a histogram wakes %q, want %q", got, all)
		}
	}
	if got := wakes(groups, w, point(435, 0, "up", "check", "a")); got != all {
		t.Errorf("a number after a histogram wakes %q, want %q", got, all)
	}
}

// TestARepeatedValueThatIsNotVisibleYet: with a query offset the evaluation after the next sample
// sees this one.
func TestARepeatedValueThatIsNotVisibleYet(t *testing.T) {
	groups := load(t, "groups: [{name: g, query_offset: 30s, rules: [{alert: A, expr: up == 0}]}]")
	w := rules.NewWaker(groups)
	for i := range 3 {
		if got := wakes(groups, w, point(i, 1, "up")); got != "A" {
			t.Errorf("sample %d wakes %q, want A", i, got)
		}
	}
}

func TestARuleIsWokenWithThoseThatReadWhatItRecords(t *testing.T) {
	groups := load(t, `
groups:
- name: g
  rules:
  - {alert: Early, expr: 'x:sum > 1'}
  - {record: 'x:sum', expr: 'sum by (shop) (x)', labels: {team: a}}
  - {record: 'x:max', expr: 'max(x:sum{team="a"})'}
  - {alert: OfTeamB, expr: 'x:sum{team="b"} > 1'}
  - {alert: OfMax, expr: 'x:max > 1'}
  - {alert: Unrelated, expr: 'y > 1'}
  - {alert: OfAlerts, expr: 'ALERTS{alertname="OfMax"} == 1'}
  - {alert: OfOtherAlerts, expr: 'ALERTS_FOR_STATE{alertname="Unrelated"} > 0'}
  - {alert: OfAnything, expr: '{team="a"}'}
`)
	w := rules.NewWaker(groups)
	if got, want := wakes(groups, w, point(0, 1, "x", "shop", "s")), "x:sum x:max OfMax OfAlerts OfAnything"; got != want {
		t.Errorf("x wakes %q, want %q", got, want)
	}
	if got, want := wakes(groups, w, point(0, 1, "y")), "Unrelated OfOtherAlerts OfAnything"; got != want {
		t.Errorf("y wakes %q, want %q", got, want)
	}
}

// TestWhatASampleDoesNotWakeDoesNotChange compares, for random samples, the result of each rule
// that was not woken with the one before.
func TestWhatASampleDoesNotWakeDoesNotChange(t *testing.T) {
	exprs := []string{
		`a > 1`, `a{x="1"} == 0`, `a{x!="1"} == 0 or b > 1`, `sum by (x) (b) > 2`, `absent(a{x="2"})`, `count(a) < 2`,
		`{x="1"} > 1`, `a{x=~"1|2"} * on (x) b > 1`, `changes(a[1m]) > 1`, `timestamp(b) % 2 == 0`, `a offset 10s > 1`, `b unless a`,
	}
	var file strings.Builder
	file.WriteString("groups:\n- name: g\n  rules:\n")
	for i, e := range exprs {
		fmt.Fprintf(&file, "  - {alert: R%d, expr: '%s'}\n", i, e)
	}
	groups := load(t, file.String())
	rapid.Check(t, func(rt *rapid.T) {
		storage := promqltest.LoadedStorage(t, "")
		defer storage.Close()
		engine := promql.NewEngine(promql.EngineOpts{MaxSamples: 10_000, Timeout: time.Minute, LookbackDelta: 5 * time.Minute})
		results := func(now time.Time) []string {
			var all []string
			for _, r := range groups[0].Rules {
				q, err := engine.NewInstantQuery(t.Context(), storage, nil, r.Expr, now)
				if err != nil {
					rt.Fatal(err)
				}
				v, err := q.Exec(t.Context()).Vector()
				if err != nil {
					rt.Fatal(err)
				}
				var lines []string
				for _, s := range v {
					lines = append(lines, fmt.Sprint(s.Metric, s.F))
				}
				slices.Sort(lines)
				all = append(all, strings.Join(lines, "\n"))
				q.Close()
			}
			return all
		}
		w := rules.NewWaker(groups)
		for i := range rapid.IntRange(1, 25).Draw(rt, "samples") {
			now := time.Unix(int64(1000+i), 0)
			before := results(now)
			v := []float64{0, 1, 2, 3, math.Float64frombits(value.StaleNaN)}[rapid.IntRange(0, 4).Draw(rt, "value")]
			s := point(1000+i, v, rapid.SampledFrom([]string{"a", "b"}).Draw(rt, "name"), "x", rapid.SampledFrom([]string{"1", "2"}).Draw(rt, "x"))
			app := storage.Appender(t.Context())
			if _, err := app.Append(0, s.Metric, s.T, s.F); err != nil {
				rt.Fatal(err)
			}
			if err := app.Commit(); err != nil {
				rt.Fatal(err)
			}
			woken := rules.RuleSet{}
			found, repeated := w.Sample(s)
			for _, one := range found {
				if repeated {
					woken.AddAll(one.Always)
				} else {
					woken.AddAll(one.Rules)
				}
			}
			after := results(now)
			for r := range groups[0].Rules {
				if !woken.Has(r) && before[r] != after[r] {
					rt.Fatalf("%s %v (repeated: %t) did not wake %s, whose result changed from\n%s\nto\n%s", s.Metric, s.F, repeated, groups[0].Rules[r].Expr, before[r], after[r])
				}
			}
		}
	})
}
