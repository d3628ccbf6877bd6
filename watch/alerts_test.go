package watch_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"guardian/probes/sample"
	"guardian/rules"
	"guardian/watch"
)

func TestRules(t *testing.T) {
	alert := func(change func(*rules.Alert)) rules.Alert {
		a := rules.Alert{
			ID: "a1", Rule: "ApiSuccessLow", State: rules.Firing, FailsWatch: true, Value: 0.91,
			Labels:   map[string]string{"service": "order-sync"},
			ActiveAt: t0().Add(3 * time.Minute), FiredAt: t0().Add(5 * time.Minute),
		}
		if change != nil {
			change(&a)
		}
		return a
	}
	for name, c := range map[string]struct {
		change func(*rules.Alert)
		fails  bool
	}{
		"a rule that fails watches":      {nil, true},
		"a rule that does not ask to":    {func(a *rules.Alert) { a.FailsWatch = false }, false},
		"an alert that is pending":       {func(a *rules.Alert) { a.State = rules.Pending }, false},
		"an alert of another service":    {func(a *rules.Alert) { a.Labels = map[string]string{"service": "price-sync"} }, false},
		"an alert of no service":         {func(a *rules.Alert) { a.Labels = nil }, false},
		"a condition from before":        {func(a *rules.Alert) { a.ActiveAt = t0().Add(-time.Second) }, false},
		"an alert of another stage":      {func(a *rules.Alert) { a.Labels["environment"] = "staging" }, false},
		"an alert of a shop not reached": {func(a *rules.Alert) { a.Labels["shop"] = "my-1" }, false},
		"an alert of a shop reached":     {func(a *rules.Alert) { a.Labels["shop"] = "sg-1" }, true},
	} {
		t.Run(name, func(t *testing.T) {
			before := green("push")
			d := deploy()
			d.Shops = []string{"sg-1"}
			w := watch.Open(d, policy(), []watch.CheckPolicy{check("push")}, before, t0())
			w.Observe(look("push", sample.Down, t0().Add(every)))
			v := w.AlertFired(alert(c.change), t0().Add(5*time.Minute))
			if (v != nil) != c.fails {
				t.Fatalf("verdict %+v", v)
			}
			if c.fails && (v.State != watch.Failed || !v.ByRule || v.Cause != "ApiSuccessLow" || !cmp.Equal(v.Failing, []string{"push"})) {
				t.Errorf("verdict %+v", v)
			}
		})
	}
}

func TestAnAlertDuringTheGraceCountsIfItStillFiresAfterwards(t *testing.T) {
	w := watch.Open(deploy(), policy(func(p *watch.Policy) { p.Grace = 5 * time.Minute }), []watch.CheckPolicy{check("push")}, green("push"), t0())
	a := rules.Alert{ID: "a", Rule: "R", State: rules.Firing, FailsWatch: true, Labels: map[string]string{"service": "order-sync"}, ActiveAt: t0().Add(time.Minute)}
	if v := w.AlertFired(a, t0().Add(2*time.Minute)); v != nil {
		t.Fatal("judged within the grace")
	}
	if v := w.AlertFired(a, t0().Add(6*time.Minute)); v == nil {
		t.Error("ignored after the grace")
	}
}
