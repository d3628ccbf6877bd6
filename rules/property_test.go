package rules_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"guardian/rules"
)

// reading is what one evaluation sees of three checks, at a time.
type reading struct {
	at      time.Time
	true    [3]bool
	unknown [3]bool
}

var checks = [3]string{"a", "b", "c"}

func (r reading) seen() []rules.Instance {
	var seen []rules.Instance
	for i, c := range checks {
		if r.true[i] {
			seen = append(seen, rules.Instance{Labels: map[string]string{"alertname": "A", "check": c}, Annotations: map[string]string{}})
		}
	}
	return seen
}

func (r reading) known(lbls map[string]string) bool {
	return !r.unknown[slices.Index(checks[:], lbls["check"])]
}

func readings(t *rapid.T, blind bool) []reading {
	at := epoch
	var rs []reading
	for range rapid.IntRange(1, 60).Draw(t, "evaluations") {
		at = at.Add(time.Duration(rapid.IntRange(1, 400).Draw(t, "seconds")) * time.Second)
		r := reading{at: at}
		for i := range checks {
			r.true[i] = rapid.Bool().Draw(t, "true")
			r.unknown[i] = blind && rapid.IntRange(0, 2).Draw(t, "blind") == 0
		}
		rs = append(rs, r)
	}
	return rs
}

func ruleOf(tb testing.TB, t *rapid.T) *rules.Rule {
	tb.Helper()
	durations := rapid.SampledFrom([]string{"0s", "10s", "1m", "5m", "30m"})
	return alerting(tb, "for: "+durations.Draw(t, "for"), "keep_firing_for: "+durations.Draw(t, "keep_firing_for"))
}

type facts struct {
	Check, State                                 string
	ActiveAt, FiredAt, KeepFiringSince, Resolved time.Time
}

func ourAlerts(alerts []rules.Alert) []facts {
	var all []facts
	for _, a := range alerts {
		all = append(all, facts{a.Labels["check"], string(a.State), a.ActiveAt, a.FiredAt, a.KeepFiringSince, a.ResolvedAt})
	}
	slices.SortFunc(all, func(a, b facts) int { return strings.Compare(a.Check, b.Check) })
	return all
}

// TestNeverFiresBeforeFor holds for any readings and blindness: when an alert fires, its
// condition was true for as long as For, at every evaluation that knew.
func TestNeverFiresBeforeFor(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r := ruleOf(t, rt)
		var alerts []rules.Alert
		since := map[string]time.Time{}
		for _, reading := range readings(rt, true) {
			for i, c := range checks {
				switch {
				case reading.unknown[i]:
				case !reading.true[i]:
					delete(since, c)
				case since[c].IsZero():
					since[c] = reading.at
				}
			}
			var changes []rules.Change
			alerts, changes = rules.Step(r, alerts, reading.seen(), reading.known, reading.at)
			for _, c := range changes {
				began, ok := since[c.Alert.Labels["check"]]
				if c.To == rules.Firing && (!ok || reading.at.Sub(began) < r.For) {
					rt.Fatalf("%s fired at %s; true since %s, for %s", c.Alert.Labels["check"], reading.at, began, r.For)
				}
			}
		}
	})
}

// TestUnknownChangesNothing takes the blind alerts of each step: they are byte for byte what
// they were, and nothing is told of them.
func TestUnknownChangesNothing(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r := ruleOf(t, rt)
		var alerts []rules.Alert
		for _, reading := range readings(rt, true) {
			next, changes := rules.Step(r, alerts, reading.seen(), reading.known, reading.at)
			blind := func(all []rules.Alert) []rules.Alert {
				return slices.DeleteFunc(slices.Clone(all), func(a rules.Alert) bool { return reading.known(a.Labels) })
			}
			if diff := cmp.Diff(blind(alerts), blind(next), cmpopts.EquateEmpty()); diff != "" {
				rt.Fatalf("blind alerts changed:\n%s", diff)
			}
			for _, c := range changes {
				if !reading.known(c.Alert.Labels) {
					rt.Fatalf("a blind alert moved from %q to %q", c.From, c.To)
				}
			}
			alerts = next
		}
	})
}

// TestRestartAtAnyMomentChangesNothing writes the alerts as JSON and reads them back.
func TestRestartAtAnyMomentChangesNothing(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		groups := load(t, "groups: [{name: g, rules: [{alert: A, expr: up == 0, for: 1m, keep_firing_for: 2m}]}]")
		r := groups[0].Rules[0]
		var steady, restarted []rules.Alert
		for _, reading := range readings(rt, true) {
			steady, _ = rules.Step(r, steady, reading.seen(), reading.known, reading.at)
			restarted, _ = rules.Step(r, restarted, reading.seen(), reading.known, reading.at)
			if rapid.Bool().Draw(rt, "restart") {
				b, err := json.Marshal(restarted)
				if err != nil {
					rt.Fatal(err)
				}
				var back []rules.Alert
				if err := json.Unmarshal(b, &back); err != nil {
					rt.Fatal(err)
				}
				states, ended := rules.Restore(groups, back, reading.at)
				if len(ended.Changes) > 0 {
					rt.Fatalf("a restart ended %v", ended.Changes)
				}
				restarted = states[groups[0].Key()].Alerts()
			}
			if diff := cmp.Diff(ourAlerts(steady), ourAlerts(restarted)); diff != "" {
				rt.Fatalf("without (-) and with (+) restarts:\n%s", diff)
			}
		}
	})
}
