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

// What an alert of another program is about is often in its labels alone.
func TestANoticeSaysWhichInstanceAnAlertIsAbout(t *testing.T) {
	at := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	sent := func(name, instance, summary string) rules.Alert {
		labels := map[string]string{"alertname": name, "severity": "page", "job": "mysqld", "instance": instance}
		_, changes, _ := rules.StepSent(nil, []rules.Sent{{Labels: labels, Annotations: map[string]string{"summary": summary}, StartsAt: at}}, at)
		return changes[0].Alert
	}
	told := func(firing ...rules.Alert) (title, text, labels string) {
		n := announce.Renderer{}.Alerts(decide.Telling{Firing: firing}, nil, at)
		for _, f := range n.Facts {
			if f.Name == "Labels" {
				labels = f.Value
			}
		}
		return n.Title, n.Text, labels
	}

	if title, _, labels := told(sent("DatabaseDown", "db-7:9104", "")); !strings.Contains(title, "DatabaseDown, instance=db-7:9104, job=mysqld") || labels != "instance=db-7:9104, job=mysqld" {
		t.Errorf("without a summary: title %q, labels %q", title, labels)
	}
	if title, _, labels := told(sent("DatabaseDown", "db-7:9104", "a database is down")); strings.Contains(title, "job") || labels != "instance=db-7:9104, job=mysqld" {
		t.Errorf("with a summary: title %q, labels %q", title, labels)
	}

	for _, summary := range []string{"", "a database is down"} {
		_, text, labels := told(sent("DatabaseDown", "db-7", summary), sent("DatabaseDown", "db-8", summary))
		if !strings.Contains(text, ", instance=db-7") || !strings.Contains(text, ", instance=db-8") || strings.Contains(text, "job") || labels != "job=mysqld" {
			t.Errorf("summary %q, two that are called the same: labels %q, text\n%s", summary, labels, text)
		}
	}
	if _, text, _ := told(sent("DatabaseDown", "db-7", "db-7 is down"), sent("DatabaseDown", "db-8", "db-8 is down")); strings.Contains(text, "instance") {
		t.Errorf("two whose summaries differ:\n%s", text)
	}

	long := sent("DatabaseDown", strings.Repeat("x", 1000), "")
	if title, _, labels := told(long); len(title) > 150 || len(labels) > 300 {
		t.Errorf("a long label makes a title of %d and labels of %d bytes", len(title), len(labels))
	}
}
