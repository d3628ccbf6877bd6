package decide_test

import (
	"strings"
	"testing"
	"time"

	"guardian/actions"
	"guardian/decide"
)

func TestWhatWorsens(t *testing.T) {
	at := firedAt()
	told := actions.Breach{At: at, Down: []string{"push"}, Tier: "warning", Excess: map[string]float64{"orders": 2, "stock": 1.5}}
	for name, c := range map[string]struct {
		is    actions.Breach
		after time.Duration
		says  string // "": nothing
	}{
		"nothing changes":                           {actions.Breach{Down: []string{"push"}, Tier: "warning", Excess: map[string]float64{"orders": 2}}, time.Hour, ""},
		"it is better":                              {actions.Breach{}, time.Hour, ""},
		"another check is down":                     {actions.Breach{Down: []string{"price", "push"}}, time.Hour, "more checks are down: price (2 down now)"},
		"another check is down in place of the one": {actions.Breach{Down: []string{"price"}}, time.Hour, "more checks are down: price (1 down now)"},
		"an alert of a higher tier fires":           {actions.Breach{Down: []string{"push"}, Tier: "critical"}, time.Hour, "an alert of the tier critical fires now"},
		"an alert of a lower tier fires":            {actions.Breach{Tier: "info"}, time.Hour, ""},
		"an excess is three times as large":         {actions.Breach{Excess: map[string]float64{"orders": 6}}, time.Hour, "orders is 6 times what is tolerated, after 2 times"},
		"an excess is nearly three times as large":  {actions.Breach{Excess: map[string]float64{"orders": 5.99}}, time.Hour, ""},
		"what was not measured before":              {actions.Breach{Excess: map[string]float64{"prices": 90}}, time.Hour, ""},
		"too soon after people were told":           {actions.Breach{Down: []string{"price", "push"}, Tier: "critical"}, decide.WorseEvery - 1, ""},
		"as soon as people may be told":             {actions.Breach{Down: []string{"price", "push"}}, decide.WorseEvery, "more checks are down"},
	} {
		t.Run(name, func(t *testing.T) {
			why, known := decide.Worsens(told, c.is, at.Add(c.after))
			if (c.says == "") != why.IsZero() || !strings.Contains(why.String(), c.says) {
				t.Errorf("it says %q, want %q", why, c.says)
			}
			if again, _ := decide.Worsens(known, c.is, at.Add(c.after+time.Hour)); !why.IsZero() && !again.IsZero() {
				t.Errorf("and again %q", again)
			}
		})
	}
}
