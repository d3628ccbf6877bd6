package server_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

type amAlert struct {
	Labels, Annotations         map[string]string
	Fingerprint, GeneratorURL   string
	StartsAt, EndsAt, UpdatedAt time.Time
	Receivers                   []struct{ Name string }
	Status                      struct {
		State                            string
		SilencedBy, InhibitedBy, MutedBy []string
	}
}

type amGroup struct {
	Labels, RouteLabels map[string]string
	Receiver            struct{ Name string }
	Alerts              []amAlert
}

// noisy is a shop with a critical alert and a warning of order-sync, and a warning of price-sync.
func noisy(t *testing.T) string {
	t.Helper()
	m := busy()
	m.silences = nil
	slow := m.alerts[0]
	slow.ID, slow.Rule, slow.Labels = "a_9", "OrdersSlow", map[string]string{"alertname": "OrdersSlow", "service": "order-sync"}
	m.alerts = append(m.alerts, slow)
	return serve(t, m, nil)
}

func namesOf(list []amAlert) string {
	var names []string
	for _, a := range list {
		names = append(names, a.Labels["alertname"])
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

func TestAlertmanagersAlerts(t *testing.T) {
	base := noisy(t)
	var all []amAlert
	send(t, base, "GET", "/api/v2/alerts", "").json(t, &all)
	if got := namesOf(all); got != "OrderPushFailing OrdersSlow QuotaLow" {
		t.Fatalf("got %s; pending and resolved alerts are none to Alertmanager", got)
	}
	if !slices.IsSortedFunc(all, func(a, b amAlert) int { return strings.Compare(a.Fingerprint, b.Fingerprint) }) {
		t.Error("they are not sorted by fingerprint")
	}
	find := func(name string) amAlert {
		return all[slices.IndexFunc(all, func(a amAlert) bool { return a.Labels["alertname"] == name })]
	}
	down, slow := find("OrderPushFailing"), find("OrdersSlow")
	if down.Status.State != "active" || down.Annotations["summary"] == "" || len(down.Fingerprint) != 16 || !down.StartsAt.Equal(fixedNow().Add(-7*time.Minute)) ||
		!down.EndsAt.After(fixedNow()) || fmt.Sprint(down.Receivers) != "[{oncall}]" || down.Status.MutedBy == nil || down.Status.SilencedBy == nil {
		t.Errorf("got %+v", down)
	}
	if slow.Status.State != "suppressed" || fmt.Sprint(slow.Status.InhibitedBy) != "["+down.Fingerprint+"]" || fmt.Sprint(slow.Receivers) != "[{oncall} {log}]" {
		t.Errorf("got %+v", slow)
	}
	id := postSilence(t, base, postable("", 0, time.Hour, `[{"name":"alertname","value":"QuotaLow","isRegex":false}]`))
	send(t, base, "GET", "/api/v2/alerts", "").json(t, &all)
	if quota := find("QuotaLow"); quota.Status.State != "suppressed" || fmt.Sprint(quota.Status.SilencedBy) != "["+id+"]" {
		t.Errorf("got %+v", quota)
	}
	for query, want := range map[string]string{
		"filter=service%3Dorder-sync":                  "OrderPushFailing OrdersSlow",
		"filter=" + url.QueryEscape(`shop=""`):         "OrdersSlow",
		"filter=service%3D~order.*&filter=shop%3Dsg-1": "OrderPushFailing",
		"active=false":               "OrdersSlow QuotaLow",
		"silenced=false":             "OrderPushFailing OrdersSlow",
		"inhibited=false":            "OrderPushFailing QuotaLow",
		"receiver=log":               "OrdersSlow QuotaLow",
		"receiver=on.*":              "OrderPushFailing OrdersSlow QuotaLow",
		"receiver=call":              "",
		"receiver_matchers=team%3Dx": "",
	} {
		var list []amAlert
		send(t, base, "GET", "/api/v2/alerts?"+query, "").json(t, &list)
		if got := namesOf(list); got != want {
			t.Errorf("%s: got %s, want %s", query, got, want)
		}
	}
	for _, query := range []string{"filter=%7Ba%3Db%7D", "receiver=(", "receiver_matchers=a"} {
		for _, path := range []string{"/api/v2/alerts", "/api/v2/alerts/groups"} {
			if got := send(t, base, "GET", path+"?"+query, ""); got.status != 400 || !strings.HasPrefix(got.body, `"`) {
				t.Errorf("%s?%s: %d %s", path, query, got.status, got.body)
			}
		}
	}
}

func TestAlertmanagersGroups(t *testing.T) {
	base := noisy(t)
	show := func(query string) string {
		var list []amGroup
		send(t, base, "GET", "/api/v2/alerts/groups?"+query, "").json(t, &list)
		var lines []string
		for _, g := range list {
			line := fmt.Sprintf("%s %s: %s", g.Receiver.Name, g.Labels["service"], namesOf(g.Alerts))
			if len(g.Alerts[0].Status.MutedBy) > 0 {
				line += " muted by " + g.Alerts[0].Status.MutedBy[0] + ", " + g.Alerts[0].Status.State
			}
			lines = append(lines, line)
		}
		return strings.Join(lines, "; ")
	}
	for query, want := range map[string]string{
		"":                   "log order-sync: OrdersSlow muted by nights, suppressed; log price-sync: QuotaLow muted by nights, suppressed; oncall order-sync: OrderPushFailing OrdersSlow; oncall price-sync: QuotaLow",
		"muted=false":        "oncall order-sync: OrderPushFailing OrdersSlow; oncall price-sync: QuotaLow",
		"receiver=log":       "log order-sync: OrdersSlow muted by nights, suppressed; log price-sync: QuotaLow muted by nights, suppressed",
		"active=false":       "log order-sync: OrdersSlow muted by nights, suppressed; oncall order-sync: OrdersSlow",
		"filter=shop%3Dsg-1": "oncall order-sync: OrderPushFailing",
	} {
		if got := show(query); got != want {
			t.Errorf("%s:\ngot  %s\nwant %s", query, got, want)
		}
	}
	if got := send(t, serve(t, newMemory(), nil), "GET", "/api/v2/alerts/groups", ""); got.body != "[]\n" {
		t.Errorf("no alerts: %s", got.body)
	}
}

func TestAlertsAreSent(t *testing.T) {
	m := newMemory()
	base := serve(t, m, nil)
	post := func(body string) answer { return send(t, base, "POST", "/api/v2/alerts", body) }
	end := fixedNow().Add(time.Minute).Format(time.RFC3339Nano)
	if got := post(`[{"labels":{"alertname":"A","x":""},"annotations":{"summary":"s"},"endsAt":"` + end + `","generatorURL":"http://prometheus/graph?g0.expr=x","unknown":1},
		{"labels":{"alertname":"B"}}]`); got.status != 200 || got.body != "" {
		t.Fatalf("%d %s", got.status, got.body)
	}
	var all []amAlert
	send(t, base, "GET", "/api/v2/alerts?filter=alertname%3DA", "").json(t, &all)
	if len(all) != 1 || all[0].GeneratorURL != "http://prometheus/graph?g0.expr=x" || all[0].Annotations["summary"] != "s" || len(all[0].Labels) != 1 ||
		!all[0].StartsAt.Equal(fixedNow().Add(time.Minute)) && !all[0].StartsAt.Equal(fixedNow()) || !all[0].EndsAt.Equal(fixedNow().Add(time.Minute)) {
		t.Errorf("got %+v", all)
	}
	page := send(t, base, "GET", "/alerts", "", "Accept-Language", "en").body
	if !strings.Contains(page, `Sent by another program · <a href="http://prometheus/graph?g0.expr=x"`) || strings.Contains(page, "<pre></pre>") {
		t.Errorf("the page does not say where the alert is from:\n%s", page)
	}
	// What is wrong is refused, and the rest is taken.
	if got := post(`[{"labels":{}},{"labels":{"alertname":"C"}}]`); got.status != 400 || !strings.Contains(got.body, "alert 0: at least one label pair") {
		t.Errorf("%d %s", got.status, got.body)
	}
	send(t, base, "GET", "/api/v2/alerts", "").json(t, &all)
	if got := namesOf(all); got != "A B C" {
		t.Errorf("got %s", got)
	}
	for _, bad := range []string{``, `{}`, `[null]`, `[{"labels":{"a":1}}]`, `[{"labels":{"a":"b"},"startsAt":"noon"}]`} {
		if got := post(bad); got.status != 400 {
			t.Errorf("%s: %d %s", bad, got.status, got.body)
		}
	}
	if got := post(`[{"labels":{"a":"` + strings.Repeat("x", 9<<20) + `"}}]`); got.status != 413 {
		t.Errorf("too large: %d", got.status)
	}
}
