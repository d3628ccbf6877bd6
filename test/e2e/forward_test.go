package e2e_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"
)

// An Alertmanager hears when an alert of the guardian fires and when it is over.
func TestAlertsAreForwardedToAnAlertmanager(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var fires, over bool
	am := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var alerts []struct {
			Labels map[string]string
			EndsAt time.Time
		}
		if err := json.NewDecoder(r.Body).Decode(&alerts); err != nil || r.URL.Path != "/api/v2/alerts" {
			http.Error(w, "no alerts", http.StatusBadRequest)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		for _, a := range alerts {
			if a.Labels["alertname"] == "ApiDown" && a.Labels["service"] == "order-sync" {
				ended := !a.EndsAt.After(time.Now())
				fires, over = fires || !ended, over || ended
			}
		}
	}))
	defer am.Close()
	state := func(which *bool) func() bool {
		return func() bool {
			mu.Lock()
			defer mu.Unlock()
			return *which
		}
	}
	w := newWorld(t)
	rules := `
groups:
  - name: api
    interval: 1s
    rules:
      - alert: ApiDown
        expr: probe_success{check="service"} == 0
        labels: {tier: warning, service: order-sync}
`
	g := newGuardian(t, w.config(configOptions{extra: fmt.Sprintf("alertmanagers: [{name: central, url: %q}]\n", am.URL)}), map[string]string{"rules.yaml": rules})
	g.Start()
	g.Up("service")
	w.set(func(w *world) { w.bad = true })
	eventually(t, "the Alertmanager hears that it fires", state(&fires))
	w.set(func(w *world) { w.bad = false })
	eventually(t, "the Alertmanager hears that it is over", state(&over))
}
