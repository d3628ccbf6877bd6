package promapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang/snappy"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/prompb"

	"guardian/internal/app"
	"guardian/internal/config"
	"guardian/test/promapi"
)

// guardian runs a guardian with this configuration and files beside it, and returns its URL.
func guardian(t *testing.T, text string, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	files["guardian.yaml"] = "server: {listen: 127.0.0.1:0}\nstorage: {path: data, lease: 2s}\nservices: [{name: erp}]\n" + text
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	a, err := app.New(t.Context(), app.Options{Version: "v1", Load: func() (*config.Config, error) {
		return config.Load(filepath.Join(dir, "guardian.yaml"), config.Options{})
	}})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
		defer cancel()
		if err := a.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	return "http://" + a.Addr()
}

type reply struct {
	status int
	body   string
}

func do(t *testing.T, method, address string, body []byte) reply {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, address, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-protobuf")
		req.Header.Set("Content-Encoding", "snappy")
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply{res.StatusCode, string(text)}
}

func write(t *testing.T, server string, series ...prompb.TimeSeries) reply {
	t.Helper()
	b, err := (&prompb.WriteRequest{Timeseries: series}).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return do(t, http.MethodPost, server+"/api/v1/write", snappy.Encode(nil, b))
}

func ts(name string, samples []prompb.Sample, pairs ...string) prompb.TimeSeries {
	s := prompb.TimeSeries{Samples: samples, Labels: []prompb.Label{{Name: "__name__", Value: name}}}
	for i := 0; i < len(pairs); i += 2 {
		s.Labels = append(s.Labels, prompb.Label{Name: pairs[i], Value: pairs[i+1]})
	}
	return s
}

// eventually waits until a server's answer contains a text.
func eventually(t *testing.T, address, want string) {
	t.Helper()
	var got reply
	for begin := time.Now(); time.Since(begin) < 3*time.Minute; time.Sleep(20 * time.Millisecond) {
		if got = do(t, http.MethodGet, address, nil); strings.Contains(got.body, want) {
			return
		}
	}
	t.Fatalf("%s does not answer %s but\n%d %s", address, want, got.status, got.body)
}

func query(server, expr string) string {
	return server + "/api/v1/query?query=" + url.QueryEscape(expr)
}

// A Prometheus scrapes a shop and sends what ingest lists by remote write. A rule that reads
// these samples is evaluated at once, without waiting for its interval.
func TestPrometheusWritesAndWakesARule(t *testing.T) {
	target := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "# HELP erp_lag How far behind.\n# TYPE erp_lag gauge\nerp_lag{shop=\"sg-1\"} 5\nother 1\n")
	}))
	defer target.Close()
	server := guardian(t, "ingest: [\"erp_*\"]\nrules: [rules.yaml]\n", map[string]string{"rules.yaml": `
groups:
  - name: erp
    interval: 1h
    rules: [{alert: Behind, expr: erp_lag > 3, labels: {tier: warning}}]
`})
	// It is active before the samples come. Its next evaluation by interval is an hour away.
	eventually(t, server+"/api/v1/status", `"role":"active"`)
	promapi.Start(t, fmt.Sprintf(`
global: {scrape_interval: 200ms}
scrape_configs:
  - job_name: erp
    static_configs: [{targets: [%q]}]
remote_write:
  - url: %s/api/v1/write
    queue_config: {batch_send_deadline: 100ms}
    metadata_config: {send_interval: 200ms}
    write_relabel_configs: [{source_labels: [__name__], regex: erp_.*, action: keep}]
`, strings.TrimPrefix(target.URL, "http://"), server))
	eventually(t, query(server, `erp_lag{job="erp"}`), `"5"`)
	eventually(t, server+"/api/v1/alerts", `"alertname":"Behind"`)
	eventually(t, server+"/api/v1/metadata?metric=erp_lag", "How far behind.")
	if got := do(t, http.MethodGet, query(server, "other"), nil); !strings.Contains(got.body, `"result":[]`) {
		t.Errorf("what is not declared is here: %s", got.body)
	}
}

// history is 45 minutes of samples of five series, one of which ends with a stale marker, with
// values that are hard to print.
func history(now time.Time) []prompb.TimeSeries {
	hard := []float64{0, 1, -1, 0.1, 1e21, 1e-7, 123456789.125, math.Inf(1), math.Inf(-1), math.NaN(), math.MaxFloat64, 5e-324}
	var lag, orders, ended []prompb.Sample
	for i := range 180 {
		at := now.Add(-45*time.Minute + time.Duration(i)*15*time.Second).UnixMilli()
		lag = append(lag, prompb.Sample{Timestamp: at, Value: hard[i%len(hard)]})
		orders = append(orders, prompb.Sample{Timestamp: at, Value: float64((i % 50) * 3)})
		if i < 100 {
			ended = append(ended, prompb.Sample{Timestamp: at, Value: float64(i) + 0.5})
		}
	}
	ended = append(ended, prompb.Sample{Timestamp: ended[99].Timestamp + 15000, Value: math.Float64frombits(value.StaleNaN)})
	return []prompb.TimeSeries{
		ts("erp_lag", lag, "shop", "sg-1", "note", "<&> \"quoted\" 订单 \u2028"),
		ts("erp_orders_total", orders, "shop", "sg-1"),
		ts("erp_orders_total", ended, "shop", "my-2"),
		ts("erp_seconds_bucket", orders[:60], "le", "0.5"),
		ts("erp_seconds_bucket", orders[:60], "le", "+Inf"),
	}
}

func both(t *testing.T, now time.Time) (prometheus, own string) {
	t.Helper()
	p := promapi.Start(t, "global: {}\n")
	own = guardian(t, "ingest: [\"erp_*\"]\n", map[string]string{})
	for _, server := range []string{p.URL, own} {
		if r := write(t, server, history(now)...); r.status != http.StatusNoContent {
			t.Fatalf("%s: %d %s", server, r.status, r.body)
		}
	}
	return p.URL, own
}

// With the same samples, a guardian answers dashboards and scripts as Prometheus does, byte by byte.
func TestAnswersAreThoseOfPrometheus(t *testing.T) {
	now := time.Now().Truncate(time.Minute)
	theirs, own := both(t, now)
	// The times lie between two samples, because Prometheus 2, which Debian has, counts a sample
	// at the very start of a range, and Prometheus 3, whose engine we use, does not.
	at, start := fmt.Sprint(now.Add(-7*time.Second).Unix()), fmt.Sprint(now.Add(-40*time.Minute-7*time.Second).Unix())
	var cases []string
	for _, expr := range []string{
		`erp_lag`, `erp_orders_total`, `erp_lag offset 5m`, `rate(erp_orders_total[5m])`, `increase(erp_orders_total[10m])`,
		`sum by (shop) (erp_orders_total)`, `topk(1, erp_orders_total)`, `erp_orders_total > 10`, `absent(erp_none)`, `erp_none`,
		`histogram_quantile(0.9, erp_seconds_bucket)`, `1 + 1`, `"text"`, `time()`, `vector(1)`, `erp_lag[2m]`, `erp_orders_total[40m]`,
		`max_over_time(erp_orders_total[40m:1m])`, `min_over_time(erp_orders_total[20m])`, `count_over_time(erp_lag[7m])`, `erp_orders_total and erp_lag`,
		`label_replace(erp_orders_total, "x", "$1", "shop", "(.*)-.*")`, `count_values("v", erp_orders_total)`, `1/0`, `-1/0`, `0/0`, `1e21`, `1e-7`,
		`sort_desc(erp_orders_total offset 25m)`, `quantile_over_time(0.5, erp_orders_total[10m])`, `changes(erp_lag[10m])`,
		`erp_orders_total @ ` + start, `scalar(erp_orders_total{shop="sg-1"})`, `stddev(erp_orders_total offset 30m)`, `deriv(erp_orders_total[10m])`,
	} {
		q := url.QueryEscape(expr)
		cases = append(cases, "query?time="+at+"&query="+q)
		if !strings.HasSuffix(expr, "]") && expr != `"text"` {
			cases = append(cases, "query_range?start="+start+"&end="+at+"&step=60&query="+q)
		}
	}
	all := "&start=" + start + "&end=" + at
	cases = append(cases,
		"series?match[]=erp_lag"+all, "series?match[]={shop=~%22.%2B%22}"+all, "series?match[]=erp_none"+all, "series?match[]=erp_lag&match[]={shop=%22sg-1%22}"+all,
		"labels?"+all, "labels?match[]=erp_lag"+all, "label/shop/values?"+all, "label/__name__/values?match[]={shop=%22sg-1%22}"+all, "label/none/values?"+all,
		"series?match[]=erp_lag&start="+at+"&end="+start, "label/shop/values?start="+at+"&end="+start,
		"labels", "label/shop/values", "rules", "rules?type=alert", "alerts", "metadata",
		"format_query?query=sum(rate(foo[5m]))by(shop)%2Fbar",
	)
	for _, path := range cases {
		want, got := do(t, http.MethodGet, theirs+"/api/v1/"+path, nil), do(t, http.MethodGet, own+"/api/v1/"+path, nil)
		sorted := strings.Contains(path, "sort") || strings.Contains(path, "label")
		if want.status != got.status || data(t, want, sorted) != data(t, got, sorted) {
			t.Errorf("%s\nPrometheus says %d %s\nguardian says   %d %s", path, want.status, want.body, got.status, got.body)
		}
	}
}

// data returns the bytes of an answer's data. The elements of a list are sorted, unless the
// expression sorts: Prometheus returns them in the order of its index.
func data(t *testing.T, r reply, sorted bool) string {
	t.Helper()
	var answer struct{ Data json.RawMessage }
	if err := json.Unmarshal([]byte(r.body), &answer); err != nil {
		t.Fatalf("%v: %s", err, r.body)
	}
	text := string(answer.Data)
	var result struct{ Result json.RawMessage }
	var elements []json.RawMessage
	if json.Unmarshal(answer.Data, &result) != nil || result.Result == nil {
		result.Result = answer.Data
	}
	if sorted || json.Unmarshal(result.Result, &elements) != nil {
		return text
	}
	slices.SortFunc(elements, func(a, b json.RawMessage) int { return bytes.Compare(a, b) })
	raw := make([][]byte, len(elements))
	for i, e := range elements {
		raw[i] = e
	}
	ordered := bytes.Join(raw, []byte(","))
	return strings.Replace(text, string(result.Result), "["+string(ordered)+"]", 1)
}

// A wrong request gets the same status and error type as from Prometheus.
func TestMistakesAreAnsweredAsPrometheusDoes(t *testing.T) {
	now := time.Now().Truncate(time.Minute)
	theirs, own := both(t, now)
	for _, path := range []string{
		"query?query=sum(", "query?query=erp_lag&time=noon", "query?query=erp_lag&timeout=soon", "query?query=", "query",
		"query?query=erp_lag+%2B+on(shop)+erp_orders_total+*+on(none)+erp_orders_total", "query_range?query=erp_lag&start=1&end=2", "query_range?query=erp_lag&start=2&end=1&step=1",
		"query_range?query=erp_lag&start=1&end=2&step=0", "query_range?query=erp_lag[5m]&start=1&end=2&step=1", "query_range?query=erp_lag&start=1&end=99999&step=1",
		"series", "series?match[]={", "series?match[]={a=~%22.*%22}", "series?match[]=erp_lag&start=x", "labels?match[]={", "labels?start=x", "rules?type=big",
		"metadata?limit=few", "format_query?query=sum(",
	} {
		want, got := do(t, http.MethodGet, theirs+"/api/v1/"+path, nil), do(t, http.MethodGet, own+"/api/v1/"+path, nil)
		var w, g struct{ Status, ErrorType string }
		for text, into := range map[string]any{want.body: &w, got.body: &g} {
			if err := json.Unmarshal([]byte(text), into); err != nil {
				t.Fatalf("%s: %v: %s", path, err, text)
			}
		}
		if want.status != got.status || w != g {
			t.Errorf("%s\nPrometheus says %d %s\nguardian says   %d %s", path, want.status, want.body, got.status, got.body)
		}
	}
}

// The error messages are the same, too, where Prometheus 2 and 3 agree.
func TestMistakesAreToldInPrometheusWords(t *testing.T) {
	theirs, own := both(t, time.Now().Truncate(time.Minute))
	for _, path := range []string{
		"query?query=sum(", "query?query=rate(erp_lag)", "query?query={}", "query?query=nothing(erp_lag)", "query?query=label_replace(erp_lag,%22a%22,%22b%22,%22c%22,%22(%22)",
		"query_range?query=erp_lag&start=1&end=99999&step=1", "query_range?query=erp_lag&start=1&step=1", "query_range?query=erp_lag&start=1&end=2",
		"query_range?query=erp_lag&start=1&end=2&step=0",
	} {
		want, got := do(t, http.MethodGet, theirs+"/api/v1/"+path, nil), do(t, http.MethodGet, own+"/api/v1/"+path, nil)
		if want.status != got.status || strings.TrimSpace(want.body) != strings.TrimSpace(got.body) {
			t.Errorf("%s\nPrometheus says %d %s\nguardian says   %d %s", path, want.status, want.body, got.status, got.body)
		}
	}
}

func TestWritesAreRefusedAsPrometheusDoes(t *testing.T) {
	now := time.Now().Truncate(time.Minute)
	theirs, own := both(t, now)
	at := func(d time.Duration, v float64) []prompb.Sample {
		return []prompb.Sample{{Timestamp: now.Add(d).UnixMilli(), Value: v}}
	}
	for name, s := range map[string]prompb.TimeSeries{
		"out of order": ts("erp_orders_total", at(-10*time.Minute, 1), "shop", "sg-1"),
		"a duplicate":  ts("erp_orders_total", at(-15*time.Second, -1), "shop", "sg-1"),
		"the same":     ts("erp_orders_total", at(-15*time.Second, float64((179%50)*3)), "shop", "sg-1"),
		"too old":      ts("erp_orders_total", at(-48*time.Hour, 1), "shop", "none"),
		"new":          ts("erp_orders_total", at(0, 1), "shop", "sg-1"),
	} {
		want, got := write(t, theirs, s), write(t, own, s)
		for got.status == http.StatusServiceUnavailable { // a sender whose samples were refused waits for some milliseconds
			time.Sleep(20 * time.Millisecond)
			got = write(t, own, s)
		}
		if want.status != got.status {
			t.Errorf("%s\nPrometheus says %d %s\nguardian says   %d %s", name, want.status, want.body, got.status, got.body)
		}
	}
}

func TestPromtoolAsksHere(t *testing.T) {
	now := time.Now().Truncate(time.Minute)
	theirs, own := both(t, now)
	at, start := fmt.Sprint(now.Unix()), fmt.Sprint(now.Add(-10*time.Minute).Unix())
	for _, args := range [][]string{
		{"instant", "--time=" + at, "SERVER", `erp_orders_total > 5`},
		{"range", "--start=" + start, "--end=" + at, "--step=1m", "SERVER", `sum(erp_orders_total)`},
		{"series", "--start=" + start, "--end=" + at, `--match=erp_lag`, "SERVER"},
		{"labels", "--start=" + start, "--end=" + at, "SERVER", "shop"},
	} {
		ask := func(server string) string {
			full := []string{"query"}
			for _, a := range args {
				full = append(full, strings.ReplaceAll(a, "SERVER", server))
			}
			return promapi.Promtool(t, full...)
		}
		if want, got := ask(theirs), ask(own); want != got || want == "" {
			t.Errorf("promtool query %v\nof Prometheus: %s\nof us:         %s", args, want, got)
		}
	}
}
