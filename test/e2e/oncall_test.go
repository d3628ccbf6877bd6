package e2e_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// team is the calendar of a team that can be taken away, and the service that expects heartbeats.
type team struct {
	*httptest.Server
	away  atomic.Bool
	beats atomic.Int32
}

func newTeam(t *testing.T, person string) *team {
	t.Helper()
	w := &team{}
	from := time.Now().UTC().AddDate(0, 0, -1).Format("20060102")
	to := time.Now().UTC().AddDate(0, 0, 2).Format("20060102")
	mux := http.NewServeMux()
	mux.HandleFunc("GET /team.ics", func(rw http.ResponseWriter, _ *http.Request) {
		if w.away.Load() {
			http.Error(rw, "down", http.StatusServiceUnavailable)
			return
		}
		_, _ = fmt.Fprintf(rw, "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:1\r\nSUMMARY:On call - %s\r\nDTSTART;VALUE=DATE:%s\r\nDTEND;VALUE=DATE:%s\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n", person, from, to)
	})
	mux.HandleFunc("POST /beat", func(http.ResponseWriter, *http.Request) { w.beats.Add(1) })
	mux.HandleFunc("/", func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) })
	w.Server = httptest.NewServer(mux)
	t.Cleanup(w.Close)
	return w
}

// read gives a page.
func read(t *testing.T, url string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestAnAlertIsEscalatedUntilItIsAcknowledged: who is on call is told first, then the boss; an
// acknowledgement from the command line stops it, also over a crash.
func TestAnAlertIsEscalatedUntilItIsAcknowledged(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var told []string
	var alert string
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var n struct {
			Event  string
			People []struct{ Mobile string }
			Alerts []string
		}
		if r.Method != http.MethodPost || json.NewDecoder(r.Body).Decode(&n) != nil {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		said := []string{r.URL.Path, n.Event}
		for _, p := range n.People {
			said = append(said, p.Mobile)
		}
		told = append(told, strings.Join(said, " "))
		if len(n.Alerts) > 0 {
			alert = n.Alerts[0]
		}
	}))
	t.Cleanup(hook.Close)
	heard := func(what string) int {
		mu.Lock()
		defer mu.Unlock()
		n := 0
		for _, one := range told {
			if one == what {
				n++
			}
		}
		return n
	}
	g := newGuardian(t, fmt.Sprintf(`
server: {listen: "LISTEN"}
services: [{name: orders, watch: {grace: 0s}}]
checks: [{name: push, service: orders, every: 1s, http: {url: "http://127.0.0.1:1/"}}]
rules: [rules.yaml]
receivers:
  - {name: group, webhook: {url: "%[1]s/group"}}
  - {name: sms, webhook: {url: "%[1]s/sms"}}
routes: {receiver: group}
people: [{name: wei, mobile: "13800138000", receivers: [sms]}, {name: boss, mobile: "13900139000", receivers: [sms]}]
schedules: [{name: orders, layers: [{people: [wei], start: 2026-01-01}]}]
escalations:
  - name: critical
    matchers: [tier="critical"]
    steps: [{schedule: orders, wait: 10s}, {person: boss, wait: 10s}, {receivers: [sms]}]
`, hook.URL), map[string]string{"rules.yaml": "groups: [{name: a, interval: 1s, rules: [{alert: Down, expr: 'probe_success == 0', labels: {tier: critical}}]}]"})
	g.Start()
	eventually(t, "who is on call is told", func() bool { return heard("/sms escalated 13800138000") > 0 })
	eventually(t, "the acceptance is in the journal", func() bool {
		var list struct {
			Notices []struct{ Receiver, State string }
		}
		mu.Lock()
		path := "/api/v1/alerts/" + alert + "/notices"
		mu.Unlock()
		g.Call("GET", path, nil, &list)
		for _, n := range list.Notices {
			if n.Receiver == "sms" && n.State == "delivered" {
				return true
			}
		}
		return false
	})
	g.Kill() // in the middle of the wait
	g.Start()
	eventually(t, "then the boss", func() bool { return heard("/sms escalated 13900139000") > 0 })
	if n := heard("/sms escalated 13800138000"); n != 1 {
		t.Errorf("who is on call was told %d times", n)
	}
	mu.Lock()
	id := alert
	mu.Unlock()
	if page := read(t, g.URL+"/alerts/"+id+"?lang=en"); !strings.Contains(page, "took step 2 at") {
		t.Errorf("the page does not say where the escalation stands:\n%s", page)
	}
	if out, said, code := shell(t, g, "ack", id, "--note", "looking"); code != 0 {
		t.Fatal(out, said)
	}
	time.Sleep(12 * time.Second)
	if page := read(t, g.URL+"/alerts?lang=en"); !strings.Contains(page, "is stopped by the acknowledgement") {
		t.Error("the page does not say that the escalation is stopped")
	}
	if n := heard("/sms escalated"); n != 0 {
		t.Errorf("the third step was taken after the acknowledgement")
	}
}

// TestWhoIsOnCall: the calendar of a team says who is on call, also after a restart while it is
// away; and a heartbeat says that all is well.
func TestWhoIsOnCall(t *testing.T) {
	t.Parallel()
	w := newTeam(t, "Siti Rahma")
	g := newGuardian(t, fmt.Sprintf(`
server: {listen: "LISTEN"}
services: [{name: orders, watch: {grace: 0s}}]
checks: [{name: push, service: orders, every: 1s, http: {url: "%[1]s/"}}]
receivers: [{name: group, webhook: {url: "%[1]s/group"}}]
routes: {receiver: group}
people:
  - {name: wei, full_name: 王伟, mobile: "13800138000"}
  - {name: siti, full_name: Siti Rahma, mobile: "+65-81234567"}
schedules:
  - name: orders
    layers:
      - {name: calendar, calendar: {url: "%[1]s/team.ics"}}
      - {name: rotation, people: [wei], start: 2026-01-01}
heartbeat: {url: "%[1]s/beat", every: 10s}
`, w.URL), nil)
	g.Start()
	onCall := func(name string, args ...string) func() bool {
		return func() bool {
			out, _, code := shell(t, g, append([]string{"oncall"}, args...)...)
			return code == 0 && strings.HasPrefix(out, "orders: "+name)
		}
	}
	eventually(t, "the calendar decides", onCall("Siti Rahma until"))
	if later := time.Now().AddDate(0, 0, 5).UTC().Format(time.RFC3339); !onCall("王伟", "--at", later)() {
		out, said, _ := shell(t, g, "oncall", "--at", later)
		t.Errorf("after the calendar's end the rotation does not decide: %s%s", out, said)
	}
	if _, said, code := shell(t, g, "oncall", "prices"); code != 2 || !strings.Contains(said, "known is orders") {
		t.Errorf("an unknown schedule exits %d and says %s", code, said)
	}
	if page := read(t, g.URL+"/oncall?lang=zh"); !strings.Contains(page, "Siti Rahma") || !strings.Contains(page, "王伟") {
		t.Errorf("the page does not show the shifts:\n%s", page)
	}
	eventually(t, "a heartbeat", func() bool { return w.beats.Load() > 0 })

	w.away.Store(true)
	g.Kill()
	g.Start()
	if !onCall("Siti Rahma until")() {
		out, said, _ := shell(t, g, "oncall")
		t.Errorf("after a restart without the calendar: %s%s", out, said)
	}
}
