package rules_test

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"guardian/rules"
)

var epoch = time.Date(2026, 11, 2, 8, 0, 0, 0, time.UTC)

func minute(n int) time.Time { return epoch.Add(time.Duration(n) * time.Minute) }

// load reads one rule file that is known to be good.
func load(tb testing.TB, content string) []*rules.Group {
	tb.Helper()
	groups, err := rules.Load([]rules.File{{Name: "test.yaml", Content: []byte(content)}}, rules.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	return groups
}

// alerting gives an alerting rule with the given lines beside its expression.
func alerting(tb testing.TB, lines ...string) *rules.Rule {
	tb.Helper()
	return load(tb, "groups: [{name: g, rules: [{alert: A, expr: up == 0, "+strings.Join(lines, ", ")+"}]}]")[0].Rules[0]
}

var instance = rules.Instance{Labels: map[string]string{"alertname": "A", "check": "c"}, Value: 0}

// draw steps a rule once a minute through readings, of which x is true, . is not and ? is
// not known, and draws the alert: p pending, F firing, r resolved, - none.
func draw(r *rules.Rule, readings string) string {
	var alerts []rules.Alert
	var out strings.Builder
	for i, reading := range readings {
		var seen []rules.Instance
		if reading == 'x' {
			seen = []rules.Instance{instance}
		}
		known := func(map[string]string) bool { return reading != '?' }
		alerts, _ = rules.Step(r, alerts, seen, known, minute(i))
		out.WriteString(letter(alerts))
	}
	return out.String()
}

func letter(alerts []rules.Alert) string {
	if len(alerts) == 0 {
		return "-"
	}
	return map[rules.State]string{rules.Pending: "p", rules.Firing: "F", rules.Resolved: "r"}[alerts[0].State]
}

func TestTimelines(t *testing.T) {
	for name, tt := range map[string]struct{ lines, readings, want string }{
		"without for, an alert fires at once and resolves at once":                     {"", "x.", "Fr"},
		"an alert fires when for is over":                                              {"for: 3m", "xxxxx", "pppFF"},
		"a pending alert whose condition goes away was nothing":                        {"for: 3m", "xx.xxxx", "pp-pppF"},
		"unknown readings do not reset for":                                            {"for: 3m", "x??x", "pppF"},
		"for may be over while blind, and then the alert does not fire from blindness": {"for: 1m", "x????", "ppppp"},
		"an alert fires at the first known reading after blindness":                    {"for: 1m", "x????x", "pppppF"},
		"a pending alert that turns out to be over after blindness was nothing":        {"for: 1m", "x???.", "pppp-"},
		"a firing alert keeps firing while blind":                                      {"", "x?????.", "FFFFFFr"},
		"nothing begins while blind":                                                   {"", "???.", "----"},
		"keep_firing_for holds an alert":                                               {"keep_firing_for: 2m", "x....", "FFFrr"},
		"keep_firing_for begins anew when the condition comes back":                    {"keep_firing_for: 2m", "x..x...", "FFFFFFr"},
		"keep_firing_for does not end while blind":                                     {"keep_firing_for: 2m", "x.???.", "FFFFFr"},
		"keep_firing_for does not hold a pending alert":                                {"for: 2m, keep_firing_for: 5m", "xx.", "pp-"},
		"a resolved alert is remembered for fifteen minutes":                           {"", "x" + strings.Repeat(".", 18), "F" + strings.Repeat("r", 16) + "--"},
		"a resolved alert that comes back is a new one, with for from the beginning":   {"for: 2m", "xxx.xxx", "ppFrppF"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := draw(alerting(t, tt.lines), tt.readings); got != tt.want {
				t.Errorf("%s\nreadings %s\ngot      %s\nwant     %s", tt.lines, tt.readings, got, tt.want)
			}
		})
	}
}

func TestForIsATimeAndNotACount(t *testing.T) {
	r := alerting(t, "for: 1m")
	var alerts []rules.Alert
	var changes []rules.Change
	for s := range 60 {
		alerts, changes = rules.Step(r, alerts, []rules.Instance{instance}, nil, epoch.Add(time.Duration(s)*time.Second))
		if s > 0 && len(changes) > 0 {
			t.Fatalf("after %d s of many evaluations the alert is %s", s, alerts[0].State)
		}
	}
	_, changes = rules.Step(r, alerts, []rules.Instance{instance}, nil, minute(1))
	if len(changes) != 1 || changes[0].From != rules.Pending || changes[0].To != rules.Firing {
		t.Fatalf("after a minute: %+v, want pending to firing", changes)
	}
	a := changes[0].Alert
	if !a.ActiveAt.Equal(epoch) || !a.FiredAt.Equal(minute(1)) {
		t.Errorf("active at %s, fired at %s; want %s and %s", a.ActiveAt, a.FiredAt, epoch, minute(1))
	}
}

func TestLongerForAfterReloadTakesAFiringAlertBack(t *testing.T) {
	alerts, _ := rules.Step(alerting(t), nil, []rules.Instance{instance}, nil, epoch)
	_, changes := rules.Step(alerting(t, "for: 1h"), alerts, []rules.Instance{instance}, nil, minute(1))
	if len(changes) != 1 || changes[0].From != rules.Firing || changes[0].To != rules.Pending {
		t.Fatalf("changes %+v, want firing to pending, as in Prometheus", changes)
	}
}

func TestStepLeavesItsInputAlone(t *testing.T) {
	r := alerting(t)
	alerts, _ := rules.Step(r, nil, []rules.Instance{instance}, nil, epoch)
	before, err := json.Marshal(alerts)
	if err != nil {
		t.Fatal(err)
	}
	rules.Step(r, alerts, nil, nil, minute(1))
	after, err := json.Marshal(alerts)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(before), string(after)); diff != "" {
		t.Errorf("the alerts that were given changed:\n%s", diff)
	}
}

func TestTheSameAlertHasTheSameIDAndAnotherHasNot(t *testing.T) {
	ids := map[string]string{}
	id := func(r *rules.Rule, in rules.Instance) string {
		alerts, _ := rules.Step(r, nil, []rules.Instance{in}, nil, epoch)
		return alerts[0].ID
	}
	ids["as it is"] = id(alerting(t), instance)
	if again := id(alerting(t, "for: 5m"), instance); again != ids["as it is"] {
		t.Errorf("another for gives another ID: %s, %s", again, ids["as it is"])
	}
	ids["another rule of the same name"] = id(alerting(t, "labels: {tier: critical}"), instance)
	ids["other labels"] = id(alerting(t), rules.Instance{Labels: map[string]string{"alertname": "A", "check": "d"}})
	ids["labels that run together"] = id(alerting(t), rules.Instance{Labels: map[string]string{"alertname": "A", "checkc": ""}})
	seen := map[string]string{}
	for what, id := range ids {
		if other, ok := seen[id]; ok {
			t.Errorf("%q and %q have the same ID %s", what, other, id)
		}
		seen[id] = what
	}
}

func TestTiers(t *testing.T) {
	for labels, want := range map[string]rules.Tier{
		"{}": rules.Info, "{tier: critical}": rules.Critical, "{tier: info, severity: page}": rules.Info,
		"{severity: page}": rules.Critical, "{severity: critical}": rules.Critical, "{severity: error}": rules.Critical,
		"{severity: warning}": rules.Warning, "{severity: warn}": rules.Warning, "{severity: none}": rules.Info,
		"{tier: loud, severity: warn}": rules.Warning,
	} {
		if r := alerting(t, "labels: "+labels); r.Tier != want {
			t.Errorf("labels %s: tier %s, want %s", labels, r.Tier, want)
		}
	}
}

func TestAlertSurvivesJSONWhateverItsValue(t *testing.T) {
	for _, text := range []string{"NaN", "+Inf", "-Inf", "0.1"} {
		var a, b rules.Alert
		if err := json.Unmarshal([]byte(`{"id":"a_1","value":"`+text+`","active_at":"2026-11-02T08:00:00Z"}`), &a); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		out, err := json.Marshal(a)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if err := json.Unmarshal(out, &b); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if same := a.Value == b.Value || (math.IsNaN(a.Value) && math.IsNaN(b.Value)); !same || b.ID != "a_1" || !b.ActiveAt.Equal(epoch) {
			t.Errorf("%s came back as %+v", text, b)
		}
	}
}
