package announce_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"guardian/decide"
	"guardian/internal/announce"
	"guardian/rules"
)

// Programs get the alerts of a group as they are, with what Alertmanager's API calls them.
func TestANoticeHoldsItsAlertsForPrograms(t *testing.T) {
	at := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	fires := rules.Alert{ID: "a_1", Rule: "OrdersLate", Tier: rules.Critical, State: rules.Firing, Labels: map[string]string{"service": "orders", "shop": "1"}, Annotations: map[string]string{"summary": "late"}, ActiveAt: at.Add(-time.Minute), FiredAt: at}
	ended := fires
	ended.ID, ended.State, ended.ResolvedAt, ended.Labels = "a_2", rules.Resolved, at.Add(time.Minute), map[string]string{"service": "orders", "shop": "2"}
	n := announce.Renderer{ExternalURL: "https://guardian.example.com/"}.Alerts(decide.Telling{
		Group: "{}:{service=\"orders\"}", Labels: map[string]string{"service": "orders"}, Firing: []rules.Alert{fires}, Resolved: []rules.Alert{ended},
	}, nil, at)
	g := n.Group
	if g == nil || g.Key != "{}:{service=\"orders\"}" || g.Labels["service"] != "orders" || len(g.Alerts) != 2 || g.Truncated != 0 {
		t.Fatalf("group %+v", g)
	}
	first, second := g.Alerts[0], g.Alerts[1]
	if first.Labels["alertname"] != "OrdersLate" || first.Labels["tier"] != "critical" || first.Annotations["summary"] != "late" || !first.StartsAt.Equal(at) || !first.EndsAt.IsZero() {
		t.Errorf("the one that fires is %+v", first)
	}
	if !second.EndsAt.Equal(at.Add(time.Minute)) || first.Fingerprint == second.Fingerprint || len(first.Fingerprint) != 16 || first.GeneratorURL != "https://guardian.example.com/alerts#a_1" {
		t.Errorf("%+v, %+v", first, second)
	}

	var many []rules.Alert
	for i := range 120 {
		a := fires
		a.ID = strconv.Itoa(i)
		many = append(many, a)
	}
	if g := (announce.Renderer{}).Alerts(decide.Telling{Firing: many}, nil, at).Group; len(g.Alerts) != 100 || g.Truncated != 20 {
		t.Errorf("%d alerts and %d more, want 100 and 20", len(g.Alerts), g.Truncated)
	}
}

// An alert that another program sent has no condition and value here, but a source; programs get it
// as it was sent.
func TestAnAlertThatOthersSentLeadsToItsSource(t *testing.T) {
	at := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	labels := map[string]string{"system": "foo", "severity": "critical"}
	_, changes, _ := rules.StepSent(nil, []rules.Sent{{Labels: labels, StartsAt: at, GeneratorURL: "http://prometheus/graph"}}, at)
	n := announce.Renderer{}.Alerts(decide.Telling{Firing: []rules.Alert{changes[0].Alert}}, nil, at)
	if want := `{severity="critical", system="foo"}`; !strings.Contains(n.Title, want) || len(n.Links) != 1 || n.Links[0].URL != "http://prometheus/graph" {
		t.Errorf("title %q, links %+v", n.Title, n.Links)
	}
	for _, f := range n.Facts {
		if f.Name == "Value" || f.Name == "Condition" {
			t.Errorf("it says %s: %s", f.Name, f.Value)
		}
	}
	if a := n.Group.Alerts[0]; len(a.Labels) != 2 || a.GeneratorURL != "http://prometheus/graph" {
		t.Errorf("programs get %+v", a)
	}
}
