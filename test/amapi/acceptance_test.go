package amapi_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/common/model"

	"guardian/test/rig"
)

// The API part of Alertmanager's acceptance tests (test/with_api_v2), told in our words: what an
// Alertmanager answers to these calls, a guardian answers too.

type set = map[string]string

// postable is an alert as a program sends it.
type postable struct {
	Labels       set        `json:"labels"`
	Annotations  set        `json:"annotations,omitempty"`
	StartsAt     *time.Time `json:"startsAt,omitempty"`
	EndsAt       *time.Time `json:"endsAt,omitempty"`
	GeneratorURL string     `json:"generatorURL,omitempty"`
}

// active is an alert that fires from now on for five minutes.
func active(labels set) postable {
	from := time.Now()
	until := from.Add(5 * time.Minute)
	return postable{Labels: labels, StartsAt: &from, EndsAt: &until}
}

func post(g *rig.Guardian, alerts ...postable) { g.Call("POST", "/api/v2/alerts", alerts, nil) }

func get(g *rig.Guardian, query string) []gettable {
	var list []gettable
	g.Call("GET", "/api/v2/alerts?"+query, nil, &list)
	return list
}

func fingerprint(labels set) string {
	all := model.LabelSet{}
	for name, value := range labels {
		all[model.LabelName(name)] = model.LabelValue(value)
	}
	return all.Fingerprint().String()
}

func filters(texts ...string) string { return url.Values{"filter": texts}.Encode() }

// hook is a webhook receiver that keeps what it is told.
type hook struct {
	*httptest.Server
	mu   sync.Mutex
	told []string
}

// newHook keeps the status and the names of the alerts of each message.
func newHook(t *testing.T) *hook {
	t.Helper()
	h := &hook{}
	h.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var message struct {
			Alerts []struct {
				Status string
				Labels set
			}
		}
		if json.NewDecoder(r.Body).Decode(&message) != nil {
			return
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		for _, a := range message.Alerts {
			h.told = append(h.told, a.Status+" "+a.Labels["alertname"])
		}
	}))
	t.Cleanup(h.Close)
	return h
}

func (h *hook) heard(what string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Contains(h.told, what)
}

func quiet(t *testing.T, h *hook, more string) *rig.Guardian {
	t.Helper()
	g := rig.New(t, binary, `
server: {listen: "LISTEN"}
storage: {path: data}
receivers: [{name: default, webhook: {url: "`+h.URL+`", payload: alertmanager}}]
routes: {receiver: default, group_by: [], group_wait: 1s, group_interval: 1s, repeat_interval: 1h}
`+more, nil)
	g.Start()
	return g
}

const criticalInhibits = `inhibit_rules: [{source_match: {severity: critical}, target_match: {severity: warning}, equal: [alertname]}]`

func TestSentAlertsAreListedAsTheyWereSent(t *testing.T) {
	t.Parallel()
	g := quiet(t, newHook(t), "")
	labels := set{"a": "a", "00": "b", "Σ": "c", "\xf0\x9f\x99\x82": "dΘ"}
	post(g, active(labels))
	same := func(list []gettable) {
		t.Helper()
		if len(list) != 1 || fingerprint(list[0].Labels) != fingerprint(labels) || list[0].Fingerprint != fingerprint(labels) {
			t.Errorf("got %+v", list)
		}
	}
	same(get(g, ""))
	query := filters("00=b", "Σ=c", `"\xf0\x9f\x99\x82"=dΘ`)
	same(get(g, query))
	var groups []struct{ Alerts []gettable }
	g.Call("GET", "/api/v2/alerts/groups?"+query, nil, &groups)
	if len(groups) != 1 {
		t.Fatalf("got %+v", groups)
	}
	same(groups[0].Alerts)
	if list := get(g, filters("00=c")); len(list) != 0 {
		t.Errorf("got %+v", list)
	}
}

func TestAnAlertsStatusIsThatOfThisMoment(t *testing.T) {
	t.Parallel()
	g := quiet(t, newHook(t), criticalInhibits)
	warning, critical := set{"alertname": "test1", "severity": "warning"}, set{"alertname": "test1", "severity": "critical"}
	post(g, active(warning))
	if list := get(g, ""); len(list) != 1 || list[0].Status.State != "active" {
		t.Fatalf("got %+v", list)
	}
	var made struct{ SilenceID string }
	g.Call("POST", "/api/v2/silences", map[string]any{
		"startsAt": time.Now(), "endsAt": time.Now().Add(5 * time.Minute), "comment": "a", "createdBy": "a",
		"matchers": []any{map[string]any{"name": "alertname", "value": "test1", "isRegex": false}},
	}, &made)
	if list := get(g, ""); list[0].Status.State != "suppressed" || !slices.Equal(list[0].Status.SilencedBy, []string{made.SilenceID}) || list[0].Fingerprint != fingerprint(warning) {
		t.Errorf("silenced: %+v", list)
	}
	post(g, active(critical))
	find := func(labels set) gettable {
		list := get(g, "")
		i := slices.IndexFunc(list, func(a gettable) bool { return a.Fingerprint == fingerprint(labels) })
		if i < 0 {
			t.Fatalf("%v is not among %+v", labels, list)
		}
		return list[i]
	}
	for _, labels := range []set{warning, critical} {
		if a := find(labels); !slices.Equal(a.Status.SilencedBy, []string{made.SilenceID}) {
			t.Errorf("silenced: %+v", a)
		}
	}
	if a := find(warning); a.Status.State != "suppressed" || !slices.Equal(a.Status.InhibitedBy, []string{fingerprint(critical)}) {
		t.Errorf("inhibited: %+v", a)
	}
	g.Call("DELETE", "/api/v2/silence/"+made.SilenceID, nil, nil)
	if a := find(critical); a.Status.State != "active" || len(a.Status.SilencedBy) > 0 {
		t.Errorf("after the silence: %+v", a)
	}
	if a := find(warning); a.Status.State != "suppressed" || len(a.Status.SilencedBy) > 0 {
		t.Errorf("still inhibited: %+v", a)
	}
}

func TestAlertsAreFiltered(t *testing.T) {
	t.Parallel()
	g := quiet(t, newHook(t), criticalInhibits)
	post(g, active(set{"alertname": "test1", "severity": "warning"}), active(set{"system": "foo", "severity": "critical"}))
	if list := get(g, filters("alertname=test1", "severity=warning")); len(list) != 1 || list[0].Status.State != "active" {
		t.Errorf("got %+v", list)
	}
	if list := get(g, filters("system=foo")); len(list) != 1 {
		t.Errorf("got %+v", list)
	}
}

func TestSilencesHaveUTF8Matchers(t *testing.T) {
	t.Parallel()
	g := quiet(t, newHook(t), "")
	g.Call("POST", "/api/v2/silences", map[string]any{
		"startsAt": time.Now(), "endsAt": time.Now().Add(24 * time.Hour), "comment": "test", "createdBy": "test",
		"matchers": []any{map[string]any{"name": "fooΣ", "value": "bar🙂", "isRegex": false, "isEqual": true}},
	}, nil)
	for _, query := range []string{"", filters("fooΣ=bar🙂")} {
		var list []silence
		g.Call("GET", "/api/v2/silences?"+query, nil, &list)
		if len(list) != 1 || len(list[0].Matchers) != 1 || list[0].Matchers[0].Name != "fooΣ" || list[0].Matchers[0].Value != "bar🙂" || !list[0].Matchers[0].IsEqual {
			t.Errorf("%s: %+v", query, list)
		}
	}
}

// An alert is told, silenced, told no more, and its end is told to who heard of it when the silence is
// over: Alertmanager leaves such a receiver with an alert that fires for ever.
func TestSentAlertsAreToldAndSilenced(t *testing.T) {
	t.Parallel()
	h := newHook(t)
	g := quiet(t, h, "")
	post(g, active(set{"alertname": "test1"}))
	g.Eventually("it is told", func() bool { return h.heard("firing test1") })
	var made struct{ SilenceID string }
	g.Call("POST", "/api/v2/silences", map[string]any{
		"startsAt": time.Now(), "endsAt": time.Now().Add(time.Hour), "comment": "a", "createdBy": "a",
		"matchers": []any{map[string]any{"name": "alertname", "value": "test.+", "isRegex": true}},
	}, &made)
	post(g, active(set{"alertname": "test2"}))
	over := active(set{"alertname": "test1"})
	*over.EndsAt = time.Now()
	post(g, over)
	g.Eventually("it is over", func() bool { return len(get(g, filters("alertname=test1"))) == 0 })
	time.Sleep(3 * time.Second)
	if h.heard("firing test2") || h.heard("resolved test1") {
		t.Errorf("silenced, and told: %v", h.told)
	}
	g.Call("DELETE", "/api/v2/silence/"+made.SilenceID, nil, nil)
	g.Eventually("what was silenced is told", func() bool { return h.heard("firing test2") && h.heard("resolved test1") })
}

// A restart is no reason to tell that what others sent is over.
func TestSentAlertsOutliveARestart(t *testing.T) {
	t.Parallel()
	h := newHook(t)
	g := quiet(t, h, "")
	soon := active(set{"alertname": "test1"})
	*soon.EndsAt = time.Now().Add(5 * time.Second)
	post(g, soon)
	g.Eventually("it is told", func() bool { return h.heard("firing test1") })
	g.Kill()
	time.Sleep(time.Until(*soon.EndsAt) + time.Second)
	g.Start()
	if list := get(g, ""); len(list) != 1 || list[0].Status.State != "active" {
		t.Errorf("after the restart: %+v", list)
	}
	now := time.Now()
	soon.EndsAt = &now
	post(g, soon)
	g.Eventually("its end is told", func() bool { return h.heard("resolved test1") })
	// What was killed between an answer and its record is sent again.
	if told := strings.Join(slices.Compact(slices.Clone(h.told)), ", "); told != "firing test1, resolved test1" {
		t.Errorf("told %s", told)
	}
}
