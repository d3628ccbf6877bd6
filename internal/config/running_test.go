package config_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"guardian/probes"
	"guardian/sla"
)

// What a blind check hides is all that its looks make, also what comes of retries and quotas.
func TestABlindCheckHidesAllItsSeries(t *testing.T) {
	c := mustLoad(t, `
services: [{name: s}]
checks:
  - {name: plain, service: s, http: {url: "http://127.0.0.1/"}, retry: {times: 0}}
  - {name: again, service: s, http: {url: "http://127.0.0.1/"}, retry: {times: 2}}
  - {name: shop, service: s, every: 5m, labels: {marketplace: shopee, shop: sg-1}, http: {url: "https://partner.shopeemobile.com/api/v2/order/get_order_list"}}
`)
	for name, want := range map[string]map[string]bool{
		"plain": {}, "again": {probes.RetriesSeries: true}, "shop": {probes.BudgetSeries()[0]: true},
	} {
		check, _ := c.Check(name)
		hidden := check.HiddenSeries(probes.Builtin()[check.Kind])
		for _, n := range []string{"probe_success", "probe_duration_seconds", "probe_http_status_code", probes.RetriesSeries, probes.BudgetSeries()[0]} {
			common := n != probes.RetriesSeries && n != probes.BudgetSeries()[0]
			if hidden[n] != (common || want[n]) {
				t.Errorf("%s hides %s: %v", name, n, hidden[n])
			}
		}
		if hidden["probe_unknown"] {
			t.Errorf("%s hides that it is blind", name)
		}
	}
}

func TestAMaintenanceOfAllIsPlannedForEachService(t *testing.T) {
	c := mustLoad(t, `
services: [{name: orders}, {name: prices}]
maintenance:
  - {name: all, from: 2026-11-02T02:00:00Z, to: 2026-11-02T05:00:00Z}
  - {name: one, service: prices, from: 2026-11-02T06:00:00Z, to: 2026-11-02T07:00:00Z}
`)
	hour := func(h int) time.Time { return time.Date(2026, 11, 2, h, 0, 0, 0, time.UTC) }
	want := []sla.Maintenance{
		{Name: "all", Service: "orders", From: hour(2), To: hour(5)},
		{Name: "all", Service: "prices", From: hour(2), To: hour(5)},
		{Name: "one", Service: "prices", From: hour(6), To: hour(7)},
	}
	if diff := cmp.Diff(want, c.PlannedMaintenance(hour(4), hour(8))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestWhichChangesNeedARestart(t *testing.T) {
	was := mustLoad(t, `server: {listen: "127.0.0.1:1", timezone: UTC, language: en}`)
	for text, want := range map[string][]string{
		`server: {listen: "127.0.0.1:1", timezone: UTC, language: en, external_url: "https://guardian.example.com"}`: nil,
		`server: {listen: "127.0.0.1:2", timezone: UTC, language: zh}`:                                               {"server.listen", "server.language"},
		`{server: {listen: "127.0.0.1:1", timezone: Asia/Shanghai, language: en}, storage: {lease: 9s}}`:             {"server.timezone", "storage.lease"},
	} {
		next := mustLoad(t, text)
		next.Storage.Path = was.Storage.Path
		if diff := cmp.Diff(want, was.NeedsRestart(next)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
	}
}
