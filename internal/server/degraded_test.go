package server_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"guardian/internal/reason"
	"guardian/probes/sample"
)

// A service that is not well although its last looks were up is shown so everywhere.
func TestAServiceThatIsDegradedIsNotShownGreen(t *testing.T) {
	m := busy()
	for i := range m.services {
		m.services[i].Health, m.services[i].Reason = sample.Up, reason.Reason{}
	}
	why := reason.New("service_alert_fires", "rule", "PricesZero", "since", m.now.Add(-time.Minute))
	m.services[0].Degraded = why
	s := newServer(t, m, nil)
	for path, words := range map[string][2]string{
		"/":                    {"1 of 3 services degraded: order-sync", "3 个服务中有 1 个异常"},
		"/services/order-sync": {"degraded", "异常"},
		"/sla":                 {"degraded", "异常"},
	} {
		for i, lang := range []string{"en", "zh"} {
			page := ask(s, "GET", path+"?lang="+lang, "").Body.String()
			if !strings.Contains(page, words[i]) || !strings.Contains(page, "PricesZero") {
				t.Errorf("%s in %s does not say that the service is degraded, and why", path, lang)
			}
		}
	}
	if page := ask(s, "GET", "/?lang=en", "").Body.String(); strings.Contains(page, "services are up") {
		t.Error("the overview says that all is well")
	}
	var list struct {
		Services []struct{ Health, Degraded string }
	}
	if err := json.Unmarshal(ask(s, "GET", "/api/v1/services", "").Body.Bytes(), &list); err != nil || len(list.Services) != 3 {
		t.Fatalf("%+v, %v", list, err)
	}
	if is := list.Services[0]; is.Health != "up" || !strings.Contains(is.Degraded, "PricesZero") {
		t.Errorf("the API says %+v", is)
	}
	if is := list.Services[1]; is.Degraded != "" {
		t.Errorf("the other service is degraded: %s", is.Degraded)
	}
}
