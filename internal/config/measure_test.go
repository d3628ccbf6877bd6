package config_test

import (
	"strings"
	"testing"

	"guardian/probes"
)

func TestACheckThatOnlyMeasuresSaysSoInOneKey(t *testing.T) {
	const head = "services: [{name: orders}]\nchecks:\n  - {name: stock, service: orders, every: 1m, measure: true, "
	c, err := load(t, head+`promql: {server: "http://127.0.0.1:9", query: margin}}`)
	if err != nil {
		t.Fatal(err)
	}
	if k := c.Checks[0]; k.Watch || k.CountsForSLA || k.Settings.(*probes.PromQLSettings).UpIf != ">= -Inf" {
		t.Errorf("%+v", k)
	}
	c, err = load(t, head+`sql: {driver: postgres, dsn: "postgres://u@h/d", query: SELECT 1}}`)
	if err != nil {
		t.Fatal(err)
	}
	if s := c.Checks[0].Settings.(*probes.SQLSettings); s.UpIf != ">= -Inf" || s.Judge != "rows" {
		t.Errorf("%+v", s)
	}
	c, err = load(t, head+`http: {url: "http://127.0.0.1:9/x"}}`)
	if err != nil {
		t.Fatal(err)
	}
	if c.Checks[0].Watch || c.Checks[0].CountsForSLA {
		t.Errorf("%+v", c.Checks[0])
	}
	for text, want := range map[string]string{
		`watch: true, http: {url: "http://127.0.0.1:9/x"}}`:                         "checks[0].watch: contradicts measure: true",
		`counts_for_sla: true, http: {url: "http://127.0.0.1:9/x"}}`:                "checks[0].counts_for_sla: contradicts measure: true",
		`control: true, http: {url: "http://127.0.0.1:9/x"}}`:                       "checks[0].control: contradicts measure: true",
		`promql: {server: "http://127.0.0.1:9", query: margin, up_if: "> 3"}}`:      "checks[0].promql.up_if: contradicts measure: true",
		`sql: {driver: postgres, dsn: "postgres://u@h/d", query: q, up_if: "> 3"}}`: "checks[0].sql.up_if: contradicts measure: true",
		`watch: false, counts_for_sla: false, http: {url: "http://127.0.0.1:9/x"}}`: "",
	} {
		_, err := load(t, head+text)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
