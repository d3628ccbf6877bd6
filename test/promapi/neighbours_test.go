package promapi_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"guardian/test/promapi"
)

// A Prometheus scrapes a shop whose metrics have exemplars, sends both on, and federates what the guardian has.
func TestPrometheusSendsExemplarsAndFederates(t *testing.T) {
	target := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/openmetrics-text; version=1.0.0; charset=utf-8")
		_, _ = io.WriteString(w, "# TYPE erp_calls counter\nerp_calls_total 17 # {trace_id=\"4bf92f35\"} 0.25\n# EOF\n")
	}))
	defer target.Close()
	own := guardian(t, "ingest: [\"erp_*\"]\nexternal_labels: {guardian: north}\n", map[string]string{})
	theirs := promapi.Start(t, fmt.Sprintf(`
global: {scrape_interval: 200ms}
scrape_configs:
  - job_name: erp
    static_configs: [{targets: [%q]}]
  - job_name: guardian
    honor_labels: true
    metrics_path: /federate
    params: {"match[]": [erp_calls_total]}
    metric_relabel_configs: [{source_labels: [guardian], regex: (.+), target_label: federated}]
    static_configs: [{targets: [%q]}]
remote_write:
  - url: %s/api/v1/write
    send_exemplars: true
    queue_config: {batch_send_deadline: 100ms}
    write_relabel_configs: [{source_labels: [__name__, federated], regex: erp_.*;, action: keep}]
`, strings.TrimPrefix(target.URL, "http://"), strings.TrimPrefix(own, "http://"), own), "--enable-feature=exemplar-storage")
	eventually(t, own+"/api/v1/query_exemplars?query=erp_calls_total", `"exemplars":[{"labels":{"trace_id":"4bf92f35"},"value":"0.25"`)
	eventually(t, query(theirs.URL, `erp_calls_total{federated="north",job="erp"}`), `"17"`)
}
