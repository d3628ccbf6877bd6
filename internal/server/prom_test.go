package server_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/api"
	promv1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/promql"

	"guardian/internal/server"
)

// A parameter that a route of Prometheus' API does not take is refused with its name and what there is; what
// clients add to everything is taken.
func TestUnknownParametersAreRefused(t *testing.T) {
	s := newServer(t, busy(), nil)
	for _, pattern := range s.PromRoutes() {
		method, path := asRequest(pattern)
		if strings.Contains(path, "/admin/") {
			continue // nothing is answered there anyway
		}
		ask := func(more string) *httptest.ResponseRecorder {
			if method == http.MethodGet {
				return (called{method: method, path: path + "?" + more}).of(s)
			}
			r := httptest.NewRequestWithContext(t.Context(), method, "http://localhost"+path, strings.NewReader(more))
			r.RemoteAddr = "127.0.0.1:54321"
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			w := httptest.NewRecorder()
			s.ServeHTTP(w, r)
			return w
		}
		for _, more := range []string{"lookback=5m", "lookback=", "dedup=true&lookback=5m"} {
			got := ask(more)
			if got.Code != http.StatusBadRequest || !strings.Contains(got.Body.String(), "lookback") || !strings.Contains(got.Body.String(), "supported are") {
				t.Errorf("%s with %s: %d %s", pattern, more, got.Code, got.Body)
			}
			if path != "/federate" && !strings.Contains(got.Body.String(), `"errorType":"bad_data"`) {
				t.Errorf("%s with %s: %s", pattern, more, got.Body)
			}
		}
		plain := ask("")
		for _, more := range []string{"_=1700000000", "timeout=10s", "dedup=true&partial_response=false", "max_source_resolution=5m&deny_partial_response=1", "nocache=1&engine=prometheus"} {
			if got := ask(more); got.Code != plain.Code {
				t.Errorf("%s with %s: %d %s, without %d %s", pattern, more, got.Code, got.Body, plain.Code, plain.Body)
			}
		}
		for _, more := range []string{"timeout=soon", "engine=thanos"} {
			if got := ask(more); got.Code != http.StatusBadRequest {
				t.Errorf("%s with %s: %d %s", pattern, more, got.Code, got.Body)
			}
		}
	}
}

// The options of Prometheus' client do what they say.
func TestOptionsOfAQuery(t *testing.T) {
	url := serve(t, busy(), nil)
	for name, c := range map[string]struct{ path, says, not string }{
		"one of two series":             {"query?query=probe_success&limit=1", `"results truncated due to limit"`, "odd"},
		"two of two series":             {"query?query=probe_success&limit=2", "odd", "truncated"},
		"any number of series":          {"query?query=probe_success&limit=0", "odd", "truncated"},
		"no statistics":                 {"query?query=probe_success", `"resultType"`, "stats"},
		"statistics":                    {"query?query=probe_success&stats=true", `"stats":{"timings":{`, "PerStep"},
		"statistics of each step":       {"query?query=probe_success&stats=all", `"peakSamples"`, "deprecated"},
		"statistics of another name":    {"query?query=probe_success&stats=yes", "deprecated", "truncated"},
		"a lookback":                    {"query?query=lookback&lookback_delta=90s", `"90"`, "stats"},
		"a step with an instant":        {"query?query=probe_success&step=15s", "odd", "error"}, // vmalert
		"a label that needs quotes":     {"label/U__check/values", "push-shopee-sg", "error"},   // Grafana
		"rules by group, Mimir's way":   {"rules?rule_group=none", `"groups":[]`, "orders"},
		"rules by group, both ways":     {"rules?rule_group=orders&rule_group[]=orders&file=rules/orders.yaml&file[]=rules/orders.yaml", "orders", "error"},
		"a rule without alerts":         {"rules?exclude_alerts=true", `"alerts":[]`, "activeAt"},
		"a recording rule has no state": {"rules?type=record", `"labels":{}`, "alerts"},
		"exemplars":                     {"query_exemplars?query=erp_seconds_bucket", `[{"seriesLabels":{"__name__":"erp_seconds_bucket","le":"1"},"exemplars":[{"labels":{"trace_id":"4bf92f35"},"value":"0.25","timestamp":1795342500}]}]`, "error"},
		"exemplars of another time":     {"query_exemplars?query=erp_seconds_bucket&end=1", `"data":[]`, "trace"},
		"targets that are up":           {"targets?scrapePool=http", `"health":"up"`, "order-db"},
		"targets that are down":         {"targets?scrapePool=sql", `"lastError":"refused"`, "order-api"},
		"targets of other states":       {"targets?state=dropped", `"activeTargets":[]`, "order"},
		"pools":                         {"scrape_pools", `["http","sql"]`, "order"},
		"a target's own page":           {"targets?scrapePool=sql", `"scrapeUrl":"/checks/order-db"`, "https"},
		"no metadata of targets":        {"targets/metadata", `"data":[]`, "null"},
		"features":                      {"features", `"query_stats":true`, "error"},
		"ten entries":                   {"status/tsdb", `{"name":"up","value":10}`, "null"},
		"as many entries as asked for":  {"status/tsdb?limit=3", `{"name":"up","value":3}`, "null"},
		"blocks":                        {"status/tsdb/blocks", `"blocks":[]`, "null"},
		"replay":                        {"status/walreplay", `{"min":0,"max":3,"current":3}`, "null"},
	} {
		t.Run(name, func(t *testing.T) {
			got := send(t, url, "GET", "/api/v1/"+c.path, "")
			if got.status != http.StatusOK || !strings.Contains(got.body, c.says) || strings.Contains(got.body, c.not) {
				t.Errorf("%d, want %s and no %s\n%s", got.status, c.says, c.not, got.body)
			}
		})
	}
	for _, path := range []string{"status/tsdb?limit=0", "status/tsdb?limit=10001", "query?query=1&limit=-1", "query_range?query=1&start=1&end=2&step=1&limit=x", "status/self_metrics?metric_name_pattern=(", "parse_query?query=sum(", "query?query=1&lookback_delta=soon", "query_range?query=1&start=1&end=2&step=1&lookback_delta=-5m"} {
		if got := send(t, url, "GET", "/api/v1/"+path, ""); got.status != http.StatusBadRequest || !strings.Contains(got.body, "bad_data") {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
	}
}

// The syntax tree is that of Prometheus 3.
func TestAnExpressionsTree(t *testing.T) {
	url := serve(t, busy(), nil)
	for expr, want := range map[string]string{
		`1e3`:     `{"type":"numberLiteral","val":"1000"}`,
		`-time()`: `{"expr":{"args":[],"func":{"argTypes":[],"name":"time","returnType":"scalar","variadic":0},"type":"call"},"op":"-","type":"unaryExpr"}`,
		`("a")`:   `{"expr":{"type":"stringLiteral","val":"a"},"type":"parenExpr"}`,
		`time()`:  `{"args":[],"func":{"argTypes":[],"name":"time","returnType":"scalar","variadic":0},"type":"call"}`,
		`up{a!~"b.*"} offset 5m`: `{"anchored":false,"matchers":[{"name":"a","type":"!~","value":"b.*"},{"name":"__name__","type":"=","value":"up"}],"name":"up","offset":300000,` +
			`"offsetExpr":null,"smoothed":false,"startOrEnd":null,"timestamp":null,"type":"vectorSelector"}`,
		`up[1m] @ 5`: `{"anchored":false,"matchers":[{"name":"__name__","type":"=","value":"up"}],"name":"up","offset":0,"offsetExpr":null,"range":60000,"rangeExpr":null,` +
			`"smoothed":false,"startOrEnd":null,"timestamp":5000,"type":"matrixSelector"}`,
		`vector(1)[5m:1m] @ end()`: `{"expr":{"args":[{"type":"numberLiteral","val":"1"}],"func":{"argTypes":["scalar"],"name":"vector","returnType":"vector","variadic":0},"type":"call"},"offset":0,"offsetExpr":null,"range":300000,"rangeExpr":null,"startOrEnd":"end","step":60000,"stepExpr":null,` +
			`"timestamp":null,"type":"subquery"}`,
		`topk without (b) (2, vector(1))`: `{"expr":{"args":[{"type":"numberLiteral","val":"1"}],"func":{"argTypes":["scalar"],"name":"vector","returnType":"vector","variadic":0},"type":"call"},"grouping":["b"],"op":"topk","param":{"type":"numberLiteral","val":"2"},"type":"aggregation","without":true}`,
		`1 > bool 2`:                      `{"bool":true,"lhs":{"type":"numberLiteral","val":"1"},"matching":null,"op":"\u003e","rhs":{"type":"numberLiteral","val":"2"},"type":"binaryExpr"}`,
	} {
		got := send(t, url, "POST", "/api/v1/parse_query", "query="+escape(expr), "Content-Type", "application/x-www-form-urlencoded")
		if got.status != http.StatusOK || !strings.Contains(got.body, `"data":`+want+"}") {
			t.Errorf("%s: %d %s\nwant %s", expr, got.status, got.body, want)
		}
	}
	got := send(t, url, "GET", "/api/v1/parse_query?query="+escape("a / on (b) group_left (c) d"), "")
	if !strings.Contains(got.body, `"matching":{"card":"many-to-one","fillValues":{"lhs":null,"rhs":null},"include":["c"],"labels":["b"],"on":true}`) {
		t.Errorf("%d %s", got.status, got.body)
	}
}

func escape(text string) string {
	return strings.NewReplacer(" ", "%20", "+", "%2B", "&", "%26", "{", "%7B", "}", "%7D", `"`, "%22", "[", "%5B", "]", "%5D", "*", "%2A").Replace(text)
}

// Samples can be deleted by nobody, and a client sees it as of a Prometheus that does not allow it.
func TestNothingIsDeleted(t *testing.T) {
	client, err := api.NewClient(api.Config{Address: serve(t, busy(), nil)})
	if err != nil {
		t.Fatal(err)
	}
	prom := promv1.NewAPI(client)
	for name, err := range map[string]error{
		"delete": prom.DeleteSeries(t.Context(), []string{"up"}, fixedNow(), fixedNow()),
		"clean":  prom.CleanTombstones(t.Context()),
	} {
		if err == nil {
			t.Errorf("%s: it is done", name)
		}
	}
	got := send(t, serve(t, busy(), nil), "PUT", "/api/v1/admin/tsdb/snapshot", "")
	if got.status != http.StatusInternalServerError || strings.TrimSpace(got.body) != `{"status":"error","errorType":"unavailable","error":"admin APIs disabled"}` {
		t.Errorf("snapshot: %d %s", got.status, got.body)
	}
}

// A Prometheus that federates gets samples with their times and the labels of this guardian.
func TestFederation(t *testing.T) {
	url := serve(t, busy(), nil)
	got := send(t, url, "GET", "/federate?match%5B%5D=up", "")
	const want = "# TYPE erp_lag untyped\nerp_lag{region=\"own\",instance=\"\"} +Inf 1795342500000\n" +
		"# TYPE up untyped\nup{shop=\"sg\",instance=\"\",region=\"sg\"} 1 1795342500000\n"
	if got.status != http.StatusOK || got.body != want || !strings.HasPrefix(got.header.Get("Content-Type"), "text/plain; version=0.0.4") {
		t.Errorf("%d %v\n%s", got.status, got.header, got.body)
	}
	large := busy()
	large.last = make(promql.Vector, 1<<21)
	if got := send(t, serve(t, large, nil), "GET", "/federate?match%5B%5D=up", ""); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, "longer than 64 MiB") {
		t.Errorf("too much: %d %.200s", got.status, got.body)
	}
	if got := send(t, url, "GET", "/federate", ""); got.status != http.StatusOK || got.body != "" {
		t.Errorf("nothing asked for: %d %s", got.status, got.body)
	}
	if got := send(t, url, "GET", "/federate?match%5B%5D=up", "", "Accept", "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"); !strings.Contains(got.header.Get("Content-Type"), "protobuf") || !strings.Contains(got.body, "erp_lag") {
		t.Errorf("as protobuf: %v %q", got.header, got.body)
	}
}

// The guardian's own metrics come as JSON as well.
func TestSelfMetrics(t *testing.T) {
	reg := prometheus.NewRegistry()
	g := prometheus.NewGauge(prometheus.GaugeOpts{Name: "guardian_prometheus_tsdb_head_chunks", Help: "h"})
	g.Set(42)
	reg.MustRegister(g, prometheus.NewGauge(prometheus.GaugeOpts{Name: "other", Help: "h"}))
	url := serve(t, busy(), func(o *server.Options) { o.Gatherer = reg })
	var answer struct{ Data []struct{ Name, Type string } }
	send(t, url, "GET", "/api/v1/status/self_metrics?metric_name_pattern=guardian_.%2B", "").json(t, &answer)
	if len(answer.Data) != 1 || answer.Data[0].Name != "guardian_prometheus_tsdb_head_chunks" || answer.Data[0].Type != "GAUGE" {
		t.Errorf("%+v", answer)
	}
	if got := send(t, url, "GET", "/api/v1/status/tsdb", ""); !strings.Contains(got.body, `"chunkCount":42`) {
		t.Errorf("chunks: %s", got.body)
	}
}

// Every field that Prometheus' documentation names is in a target.
func TestATargetHasItsFields(t *testing.T) {
	var answer struct {
		Data struct{ ActiveTargets []map[string]json.RawMessage }
	}
	send(t, serve(t, busy(), nil), "GET", "/api/v1/targets", "").json(t, &answer)
	for _, name := range []string{
		"discoveredLabels", "labels", "scrapePool", "scrapeUrl", "globalUrl", "lastError", "lastScrape", "lastScrapeDuration", "health", "scrapeInterval", "scrapeTimeout",
	} {
		if slices.ContainsFunc(answer.Data.ActiveTargets, func(t map[string]json.RawMessage) bool { return t[name] == nil }) || len(answer.Data.ActiveTargets) != 2 {
			t.Errorf("a target without %s: %v", name, answer.Data.ActiveTargets)
		}
	}
}
