package e2e_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
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
	if _, said, code := shell(t, g, "oncall", "prices"); code != 2 || !strings.Contains(said, "there are: orders") {
		t.Errorf("an unknown schedule exits %d and says %s", code, said)
	}
	var page string
	eventually(t, "the page shows it", func() bool {
		resp, err := http.Get(g.URL + "/oncall?lang=zh")
		if err != nil {
			return false
		}
		defer resp.Body.Close()
		b, _ := io.ReadAll(resp.Body)
		page = string(b)
		return strings.Contains(page, "Siti Rahma") && strings.Contains(page, "王伟")
	})
	eventually(t, "a heartbeat", func() bool { return w.beats.Load() > 0 })

	w.away.Store(true)
	g.Kill()
	g.Start()
	if !onCall("Siti Rahma until")() {
		out, said, _ := shell(t, g, "oncall")
		t.Errorf("after a restart without the calendar: %s%s", out, said)
	}
}
