package ingest_test

import (
	"bytes"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang/snappy"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/prompb"
	writev2 "github.com/prometheus/prometheus/prompb/io/prometheus/write/v2"

	"guardian/internal/ingest"
	"guardian/internal/series"
)

var now = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)

// edge is a receiver over a storage of its own.
type edge struct {
	*ingest.Receiver
	db    *series.DB
	wrote []string
	reg   *prometheus.Registry
}

func newEdge(tb testing.TB, l ingest.Limits, most int) *edge {
	tb.Helper()
	db, err := series.Open(series.Options{Dir: tb.TempDir(), MaxSeries: most, Exemplars: 5})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = db.Close() })
	names, err := ingest.NewNames([]string{"orders_total", "erp_*"})
	if err != nil {
		tb.Fatal(err)
	}
	names = names.Without(map[string]bool{"erp_checked": true})
	e := &edge{db: db, reg: prometheus.NewRegistry()}
	e.Receiver = ingest.New(ingest.Options{
		Storage: db, Names: func() ingest.Names { return names }, Wrote: func(points []series.Point) {
			for _, p := range points {
				e.wrote = append(e.wrote, p.Metric.Get("__name__"))
			}
		},
		Now: func() time.Time { return now }, Limits: l, Registerer: e.reg,
	})
	return e
}

func (e *edge) send(body []byte, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "/api/v1/write", bytes.NewReader(body))
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	e.ServeHTTP(w, r)
	return w
}

const (
	contentV1 = "application/x-protobuf"
	contentV2 = "application/x-protobuf;proto=io.prometheus.write.v2.Request"
)

func packV1(tb testing.TB, series ...prompb.TimeSeries) []byte {
	tb.Helper()
	return packed(tb, &prompb.WriteRequest{Timeseries: series})
}

func packed(tb testing.TB, r *prompb.WriteRequest) []byte {
	tb.Helper()
	b, err := r.Marshal()
	if err != nil {
		tb.Fatal(err)
	}
	return snappy.Encode(nil, b)
}

// write sends series in version 1.
func (e *edge) write(tb testing.TB, series ...prompb.TimeSeries) *httptest.ResponseRecorder {
	tb.Helper()
	return e.send(packV1(tb, series...), "Content-Type", contentV1, "Content-Encoding", "snappy", "X-Prometheus-Remote-Write-Version", "0.1.0")
}

// ts makes a series: name, then labels by pairs.
func ts(samples []prompb.Sample, name string, pairs ...string) prompb.TimeSeries {
	s := prompb.TimeSeries{Samples: samples, Labels: []prompb.Label{{Name: "__name__", Value: name}}}
	for i := 0; i < len(pairs); i += 2 {
		s.Labels = append(s.Labels, prompb.Label{Name: pairs[i], Value: pairs[i+1]})
	}
	return s
}

func one(ago time.Duration, v float64) []prompb.Sample {
	return []prompb.Sample{{Timestamp: now.Add(-ago).UnixMilli(), Value: v}}
}

// ask returns what a query answers, as lines.
func (e *edge) ask(tb testing.TB, expr string) string {
	tb.Helper()
	v, err := e.db.Query(tb.Context(), expr, now)
	if err != nil {
		tb.Fatal(err)
	}
	var lines []string
	for _, s := range v {
		lines = append(lines, fmt.Sprintf("%s %g", s.Metric, s.F))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func TestSamplesAreStoredAndAnswered(t *testing.T) {
	long := strings.Repeat("x", 5000)
	for name, c := range map[string]struct {
		before []prompb.TimeSeries // written first, and taken
		series []prompb.TimeSeries
		status int
		says   []string
		stored string // {__name__=~".+"} afterwards
	}{
		"a declared metric": {
			series: []prompb.TimeSeries{ts(one(time.Minute, 5), "orders_total", "shop", "sg-1")},
			status: 204, stored: `{__name__="orders_total", shop="sg-1"} 5`,
		},
		"a metric that a glob takes, its labels in any order": {
			series: []prompb.TimeSeries{ts(one(0, 1), "erp_lag", "z", "1", "a", "2")},
			status: 204, stored: `{__name__="erp_lag", a="2", z="1"} 1`,
		},
		"an undeclared metric beside a declared one": {
			series: []prompb.TimeSeries{ts(one(0, 1), "order_total"), ts(one(0, 2), "orders_total")},
			status: 400, says: []string{"1 samples were stored", "order_total is not declared: add it to ingest"},
			stored: `{__name__="orders_total"} 2`,
		},
		"a metric of the guardian's own": {
			series: []prompb.TimeSeries{ts(one(0, 1), "probe_success", "check", "shop")},
			status: 400, says: []string{"probe_success is a metric that the guardian makes itself"},
		},
		"a metric that a check makes, though a glob takes it": {
			series: []prompb.TimeSeries{ts(one(0, 1), "erp_checked")},
			status: 400, says: []string{"erp_checked is a metric that the guardian makes itself"},
		},
		"the end of a series": {
			before: []prompb.TimeSeries{ts(one(time.Minute, 5), "orders_total")},
			series: []prompb.TimeSeries{ts(one(0, math.Float64frombits(value.StaleNaN)), "orders_total")},
			status: 204, stored: "",
		},
		"the same sample again": {
			before: []prompb.TimeSeries{ts(one(0, 5), "orders_total")},
			series: []prompb.TimeSeries{ts(one(0, 5), "orders_total")},
			status: 204, stored: `{__name__="orders_total"} 5`,
		},
		"another value for the same time": {
			before: []prompb.TimeSeries{ts(one(0, 5), "orders_total")},
			series: []prompb.TimeSeries{ts(one(0, 6), "orders_total")},
			status: 400, says: []string{"1 duplicate", "another value"}, stored: `{__name__="orders_total"} 5`,
		},
		"a sample before the last one": {
			before: []prompb.TimeSeries{ts(one(0, 5), "orders_total")},
			series: []prompb.TimeSeries{ts(one(time.Minute, 4), "orders_total")},
			status: 400, says: []string{"1 out of order"}, stored: `{__name__="orders_total"} 5`,
		},
		"samples that run backwards within a request": {
			series: []prompb.TimeSeries{ts(append(one(time.Minute, 5), one(2*time.Minute, 4)...), "orders_total")},
			status: 400, says: []string{"1 out of order", "2026-11-22T09:58:00Z"}, stored: `{__name__="orders_total"} 5`,
		},
		"a sample of yesterday": {
			series: []prompb.TimeSeries{ts(one(24*time.Hour, 4), "orders_total")},
			status: 400, says: []string{"1 too old", "more than an hour old"},
		},
		"a sample of tomorrow, which would shut everybody out": {
			series: []prompb.TimeSeries{ts(one(-24*time.Hour, 4), "orders_total")},
			status: 400, says: []string{"1 too new", "clock"},
		},
		"a series without a name": {
			series: []prompb.TimeSeries{{Labels: []prompb.Label{{Name: "a", Value: "b"}}, Samples: one(0, 1)}},
			status: 400, says: []string{"a series has no metric name"},
		},
		"a label twice": {
			series: []prompb.TimeSeries{ts(one(0, 1), "orders_total", "a", "1", "a", "2")},
			status: 400, says: []string{`the label "a" twice`},
		},
		"an empty label, which is none": {
			series: []prompb.TimeSeries{ts(one(0, 1), "orders_total", "a", "")},
			status: 204, stored: `{__name__="orders_total"} 1`,
		},
		"a label's value that is too long": {
			series: []prompb.TimeSeries{ts(one(0, 1), "orders_total", "a", long)},
			status: 400, says: []string{`the value of label "a" is longer than 4096 bytes`},
		},
		"a name that is too long is not repeated whole": {
			series: []prompb.TimeSeries{ts(one(0, 1), "erp_"+long)},
			status: 400, says: []string{"longer than 256 bytes", "erp_xxx"},
		},
		"a label that is not UTF-8": {
			series: []prompb.TimeSeries{ts(one(0, 1), "orders_total", "a", "\xff")},
			status: 400, says: []string{"not UTF-8"},
		},
		"too many labels": {
			series: []prompb.TimeSeries{ts(one(0, 1), "orders_total", many(70)...)},
			status: 400, says: []string{"71 labels, more than 64"},
		},
		"nothing at all": {status: 204},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEdge(t, ingest.Limits{}, 0)
			if len(c.before) > 0 {
				if w := e.write(t, c.before...); w.Code != http.StatusNoContent {
					t.Fatalf("before: %d %s", w.Code, w.Body)
				}
			}
			w := e.write(t, c.series...)
			if w.Code != c.status {
				t.Errorf("%d, want %d: %s", w.Code, c.status, w.Body)
			}
			for _, s := range c.says {
				if !strings.Contains(w.Body.String(), s) {
					t.Errorf("the answer does not say %q: %s", s, w.Body)
				}
			}
			// Prometheus logs the first line, at most so long.
			if body := w.Body.String(); strings.Count(body, "\n") > 1 || len(body) > 1000 {
				t.Errorf("the answer is not one line: %q", body)
			}
			if got := e.ask(t, `{__name__=~".+"}`); got != c.stored {
				t.Errorf("stored is\n%s\nwant\n%s", got, c.stored)
			}
		})
	}
}

func many(n int) []string {
	var pairs []string
	for i := range n {
		pairs = append(pairs, fmt.Sprintf("l%03d", i), "v")
	}
	return pairs
}

func TestAnInvalidRequestIsRejectedAsAWhole(t *testing.T) {
	good, v1 := packV1(t, ts(one(0, 1), "orders_total")), []string{"Content-Type", contentV1}
	plain, err := snappy.Decode(nil, good)
	if err != nil {
		t.Fatal(err)
	}
	var samples []prompb.Sample
	for i := range 21 {
		samples = append(samples, prompb.Sample{Timestamp: now.UnixMilli() + int64(i), Value: 1})
	}
	for name, c := range map[string]struct {
		body    []byte
		headers []string
		status  int
		says    string
	}{
		"another content type":          {good, []string{"Content-Type", "application/json"}, 415, "application/x-protobuf"},
		"another message":               {good, []string{"Content-Type", contentV1 + ";proto=io.prometheus.write.v3.Request"}, 415, "v2.Request"},
		"another encoding":              {good, append(v1, "Content-Encoding", "zstd"), 415, "snappy"},
		"not packed":                    {[]byte("\xff\xff\xff\xff\xff\xff"), v1, 400, "not compressed with snappy"},
		"cut short":                     {good[:len(good)-2], v1, 400, "not compressed with snappy"},
		"a broken message":              {snappy.Encode(nil, plain[:len(plain)-3]), v1, 400, "not a remote write request"},
		"no message":                    {snappy.Encode(nil, []byte("orders_total 1")), v1, 400, "not a remote write request"},
		"a body that is too long":       {make([]byte, 5000), v1, 413, "longer than 4096 bytes"},
		"a body that is long unpacked":  {snappy.Encode(nil, make([]byte, 1<<20)), v1, 413, "longer than 4096 bytes"},
		"a body that says it is huge":   {[]byte("\xff\xff\xff\xff\x0f"), v1, 413, "longer than 4096 bytes"},
		"too many samples in a series":  {packV1(t, ts(samples, "orders_total")), v1, 400, "max_samples_per_send"},
		"too many samples in many":      {packV1(t, ts(samples[:11], "orders_total"), ts(samples[:11], "erp_lag")), v1, 400, "too many samples"},
		"too many symbols":              {snappy.Encode(nil, bytes.Repeat([]byte{4<<3 | 2, 0}, 100)), []string{"Content-Type", contentV2}, 400, "symbols"},
		"symbols that are not there":    {packV2(t, &writev2.Request{Symbols: []string{""}, Timeseries: []writev2.TimeSeries{{LabelsRefs: []uint32{1, 2}}}}), []string{"Content-Type", contentV2}, 400, "symbol 1 and has 1"},
		"a label without a value":       {packV2(t, &writev2.Request{Symbols: []string{"", "a"}, Timeseries: []writev2.TimeSeries{{LabelsRefs: []uint32{1}}}}), []string{"Content-Type", contentV2}, 400, "a name and no value"},
		"a first symbol that is a word": {packV2(t, &writev2.Request{Symbols: []string{"a"}}), []string{"Content-Type", contentV2}, 400, "first symbol"},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEdge(t, ingest.Limits{Body: 4096, Samples: 20}, 0)
			w := e.send(c.body, c.headers...)
			if w.Code != c.status || !strings.Contains(w.Body.String(), c.says) {
				t.Errorf("%d %q, want %d and %q", w.Code, w.Body, c.status, c.says)
			}
			if got := e.ask(t, `{__name__=~".+"}`); got != "" {
				t.Errorf("stored all the same:\n%s", got)
			}
		})
	}
}

func packV2(tb testing.TB, r *writev2.Request) []byte {
	tb.Helper()
	b, err := r.Marshal()
	if err != nil {
		tb.Fatal(err)
	}
	return snappy.Encode(nil, b)
}

func TestVersion2IsTakenAndCounted(t *testing.T) {
	e := newEdge(t, ingest.Limits{}, 0)
	hist := &histogram.Histogram{
		Schema: 1, ZeroThreshold: 1e-9, ZeroCount: 1, Count: 4, Sum: 9,
		PositiveSpans: []histogram.Span{{Offset: 0, Length: 2}}, PositiveBuckets: []int64{1, 1},
	}
	r := &writev2.Request{
		Symbols: []string{"", "__name__", "orders_total", "shop", "sg-1", "Orders that were pushed.", "orders", "erp_seconds", "order_total"},
		Timeseries: []writev2.TimeSeries{
			{
				LabelsRefs: []uint32{1, 2, 3, 4}, Samples: []writev2.Sample{{Timestamp: now.UnixMilli(), Value: 7}},
				Metadata: writev2.Metadata{Type: writev2.Metadata_METRIC_TYPE_COUNTER, HelpRef: 5, UnitRef: 6},
			},
			{LabelsRefs: []uint32{1, 7}, Histograms: []writev2.Histogram{writev2.FromIntHistogram(0, now.UnixMilli(), hist)}},
			{LabelsRefs: []uint32{1, 8}, Samples: []writev2.Sample{{Timestamp: now.UnixMilli(), Value: 7}}},
		},
	}
	w := e.send(packV2(t, r), "Content-Type", contentV2)
	if w.Code != http.StatusBadRequest {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	for header, want := range map[string]string{"Samples": "1", "Histograms": "1", "Exemplars": "0"} {
		if got := w.Header().Get("X-Prometheus-Remote-Write-" + header + "-Written"); got != want {
			t.Errorf("%s written %q, want %s", header, got, want)
		}
	}
	if got, want := e.ask(t, "orders_total or histogram_count(erp_seconds) or histogram_sum(erp_seconds)"), "{__name__=\"orders_total\", shop=\"sg-1\"} 7\n{} 4"; got != want {
		t.Errorf("stored is\n%s\nwant\n%s", got, want)
	}
	if diff := cmp.Diff(map[string]ingest.Metadata{"orders_total": {Type: "counter", Help: "Orders that were pushed.", Unit: "orders"}}, onlyTold(e.Metadata())); diff != "" {
		t.Error(diff)
	}
	slices.Sort(e.wrote)
	if diff := cmp.Diff([]string{"erp_seconds", "orders_total"}, slices.Compact(e.wrote)); diff != "" {
		t.Errorf("who reads what arrived is told of other metrics: %s", diff)
	}
}

// A histogram of integers is wrong when its buckets do not add up to its count; of floats, rounding is
// allowed.
func TestHistogramsAreValidatedAsTheyWereSent(t *testing.T) {
	whole := func(count uint64, sum float64, deltas ...int64) writev2.Histogram {
		return writev2.FromIntHistogram(0, now.UnixMilli(), &histogram.Histogram{
			ZeroThreshold: 1e-9, Count: count, Sum: sum,
			PositiveSpans: []histogram.Span{{Length: uint32(len(deltas))}}, PositiveBuckets: deltas,
		})
	}
	floats := func(count float64, buckets ...float64) writev2.Histogram {
		return writev2.FromFloatHistogram(0, now.UnixMilli(), &histogram.FloatHistogram{
			ZeroThreshold: 1e-9, Count: count, Sum: 1,
			PositiveSpans: []histogram.Span{{Length: uint32(len(buckets))}}, PositiveBuckets: buckets,
		})
	}
	for name, tc := range map[string]struct {
		h      writev2.Histogram
		status int
	}{
		"integers that add up":                       {whole(6, 9, 2, 0, 0), http.StatusNoContent},
		"more in the buckets than counted":           {whole(2, 1, 1, 0, 0), http.StatusBadRequest},
		"fewer in the buckets than counted":          {whole(7, 9, 2, 0, 0), http.StatusBadRequest},
		"fewer, where the rest were no numbers":      {whole(7, math.NaN(), 2, 0, 0), http.StatusNoContent},
		"more, where the rest were no numbers":       {whole(5, math.NaN(), 2, 0, 0), http.StatusBadRequest},
		"a bucket below zero":                        {whole(1, 1, 2, -3, 2), http.StatusBadRequest},
		"a marker that the series is gone":           {whole(0, math.Float64frombits(value.StaleNaN)), http.StatusNoContent},
		"floats that are more by what was rounded":   {floats(0.3, 0.1, 0.1, 0.1), http.StatusNoContent},
		"floats of a rate, whose buckets do not add": {floats(2, 1, 1, 1), http.StatusNoContent},
		"a bucket of floats below zero":              {floats(1, 1, -1, 1), http.StatusBadRequest},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEdge(t, ingest.Limits{}, 0)
			w := e.send(packV2(t, &writev2.Request{
				Symbols:    []string{"", "__name__", "erp_seconds"},
				Timeseries: []writev2.TimeSeries{{LabelsRefs: []uint32{1, 2}, Histograms: []writev2.Histogram{tc.h}}},
			}), "Content-Type", contentV2)
			if w.Code != tc.status || tc.status == http.StatusBadRequest && !strings.Contains(w.Body.String(), "erp_seconds") {
				t.Errorf("%d %s, want %d", w.Code, w.Body, tc.status)
			}
		})
	}
}

func onlyTold(all map[string]ingest.Metadata) map[string]ingest.Metadata {
	told := map[string]ingest.Metadata{}
	for name, m := range all {
		if m.Help != "" {
			told[name] = m
		}
	}
	return told
}

func TestMetadataOfVersion1IsKeptForWhatIsDeclared(t *testing.T) {
	e := newEdge(t, ingest.Limits{}, 0)
	b, err := (&prompb.WriteRequest{Metadata: []prompb.MetricMetadata{
		{Type: prompb.MetricMetadata_GAUGE, MetricFamilyName: "erp_lag", Help: "How far behind.", Unit: "seconds"},
		{Type: prompb.MetricMetadata_GAUGE, MetricFamilyName: "order_total", Help: "Not declared."},
	}}).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if w := e.send(snappy.Encode(nil, b), "Content-Type", contentV1); w.Code != http.StatusNoContent {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if diff := cmp.Diff(map[string]ingest.Metadata{"erp_lag": {Type: "gauge", Help: "How far behind.", Unit: "seconds"}}, e.Metadata()); diff != "" {
		t.Error(diff)
	}
}

func TestTooManySeriesMayBeTriedAgain(t *testing.T) {
	e := newEdge(t, ingest.Limits{}, 2)
	w := e.write(t, ts(one(0, 1), "erp_lag", "a", "1"), ts(one(0, 1), "erp_lag", "a", "2"), ts(one(0, 1), "erp_lag", "a", "3"))
	if w.Code != http.StatusTooManyRequests || !strings.Contains(w.Body.String(), "2 samples were stored") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if got := e.ask(t, "count(erp_lag)"); got != "{} 2" {
		t.Errorf("stored: %s", got)
	}
}

func TestAStorageThatFailsIsAskedAgain(t *testing.T) {
	e := newEdge(t, ingest.Limits{}, 0)
	if err := e.db.Close(); err != nil {
		t.Fatal(err)
	}
	w := e.write(t, ts(one(0, 1), "orders_total"))
	if w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), "wal") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if len(e.wrote) > 0 {
		t.Error("rules were woken for what was not stored")
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestMetricsAreGood(t *testing.T) {
	e := newEdge(t, ingest.Limits{}, 0)
	e.write(t, ts(one(0, 1), "orders_total"), ts(one(0, 1), "order_total"), ts(one(2*time.Hour, 1), "erp_lag"))
	if problems, err := testutil.GatherAndLint(e.reg); err != nil || len(problems) > 0 {
		t.Error(problems, err)
	}
	want := `
# HELP guardian_ingest_samples_total Samples and histograms stored by remote write.
# TYPE guardian_ingest_samples_total counter
guardian_ingest_samples_total 1
# HELP guardian_samples_rejected_total Samples that were not stored, by source (checks, computed by rules and forecasts, remote_write) and reason; for reason malformed: requests.
# TYPE guardian_samples_rejected_total counter
guardian_samples_rejected_total{reason="duplicate",source="remote_write"} 0
guardian_samples_rejected_total{reason="invalid",source="remote_write"} 0
guardian_samples_rejected_total{reason="malformed",source="remote_write"} 0
guardian_samples_rejected_total{reason="out_of_order",source="remote_write"} 0
guardian_samples_rejected_total{reason="own_name",source="remote_write"} 0
guardian_samples_rejected_total{reason="too_many_series",source="remote_write"} 0
guardian_samples_rejected_total{reason="too_new",source="remote_write"} 0
guardian_samples_rejected_total{reason="too_old",source="remote_write"} 1
guardian_samples_rejected_total{reason="undeclared",source="remote_write"} 1
`
	if err := testutil.GatherAndCompare(e.reg, strings.NewReader(want), "guardian_samples_rejected_total", "guardian_ingest_samples_total"); err != nil {
		t.Error(err)
	}
}

func TestNamesAreReadStrictly(t *testing.T) {
	for name, c := range map[string]struct{ pattern, says string }{
		"everything":                {"*", "would match every name"},
		"a selector":                {`a{b="c"}`, "not a metric name"}, // a dash is no mistake since names are UTF-8
		"two names":                 {"a, b", "not a metric name"},
		"a space at the end":        {"http.server.requests ", "not a metric name"},
		"a control character":       {"http\u0007", "not a metric name"},
		"the guardian's own, dots":  {"probe_http.*", "makes itself"},
		"nothing":                   {"", "not a metric name"},
		"the guardian's own":        {"guardian_up", "makes itself"},
		"the guardian's own, globs": {"ALERTS*", "makes itself"},
		"a class of letters":        {"a[bc]", "not a metric name"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := ingest.NewNames([]string{c.pattern}); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v, want %q", err, c.says)
			}
		})
	}
	n, err := ingest.NewNames([]string{"p*", "job:*:rate5m", "http.server.*", "订单.总数", "queue/depth-*", "a*b*a"})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{
		"pods": true, "probe_success": false, "job:x:rate5m": true, "job:x:rate1m": false,
		"http.server.requests": true, "http_server_requests": false, "http.server": false,
		"订单.总数": true, "订单.总": false, "queue/depth-orders/eu": true, "queue/depth": false,
		"aba": true, "abba": true, "aa": false, "ab": false, "a-b-a": true,
	} {
		if n.Has(name) != want {
			t.Errorf("%s: %v", name, !want)
		}
	}
	if (ingest.Names{}).Has("pods") {
		t.Error("without a declaration something may be written")
	}
}
