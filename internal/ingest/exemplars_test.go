package ingest_test

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/prompb"
	writev2 "github.com/prometheus/prometheus/prompb/io/prometheus/write/v2"

	"guardian/internal/ingest"
)

// exemplars lists what is kept of all series: value and labels.
func (e *edge) exemplars(tb testing.TB) string {
	tb.Helper()
	all, err := e.db.Exemplars(tb.Context(), [][]*labels.Matcher{{labels.MustNewMatcher(labels.MatchRegexp, "__name__", ".+")}}, now.Add(-2*time.Hour), now.Add(time.Hour))
	if err != nil {
		tb.Fatal(err)
	}
	var lines []string
	for _, of := range all {
		for _, x := range of.Exemplars {
			lines = append(lines, fmt.Sprintf("%s %g %s", of.SeriesLabels.Get("__name__"), x.Value, x.Labels))
		}
	}
	return strings.Join(lines, "\n")
}

// rejections gives how many exemplars were refused for a reason.
func (e *edge) rejections(tb testing.TB, reason string, n int) {
	tb.Helper()
	families, err := e.reg.Gather()
	if err != nil {
		tb.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == "guardian_ingest_exemplars_rejected_total" && m.GetLabel()[0].GetValue() == reason {
				if got := int(m.GetCounter().GetValue()); got != n {
					tb.Errorf("%d exemplars are refused as %s, want %d", got, reason, n)
				}
				return
			}
		}
	}
	tb.Errorf("%s is no reason", reason)
}

func traced(ago time.Duration, v float64, pairs ...string) prompb.Exemplar {
	x := prompb.Exemplar{Timestamp: now.Add(-ago).UnixMilli(), Value: v}
	for i := 0; i < len(pairs); i += 2 {
		x.Labels = append(x.Labels, prompb.Label{Name: pairs[i], Value: pairs[i+1]})
	}
	return x
}

func exemplarsOf(name string, all ...prompb.Exemplar) prompb.TimeSeries {
	s := ts(nil, name)
	s.Exemplars = all
	return s
}

func TestExemplarsAreKept(t *testing.T) {
	long := strings.Repeat("x", 129)
	var many []string
	for i := range 200 {
		many = append(many, fmt.Sprintf("l%d", i), "v")
	}
	for name, c := range map[string]struct {
		series []prompb.TimeSeries
		kept   string
		reason string // why others are not
	}{
		"with its series":              {[]prompb.TimeSeries{exemplarsOf("orders_total", traced(0, 2, "trace_id", "a", "b", ""))}, `orders_total 2 {trace_id="a"}`, ""},
		"without labels":               {[]prompb.TimeSeries{exemplarsOf("orders_total", traced(0, 2))}, `orders_total 2 {}`, ""},
		"twice":                        {[]prompb.TimeSeries{exemplarsOf("orders_total", traced(0, 2)), exemplarsOf("orders_total", traced(0, 2))}, `orders_total 2 {}`, ""},
		"of a series that is not":      {[]prompb.TimeSeries{exemplarsOf("erp_none", traced(0, 2))}, "", "no_series"},
		"of an undeclared metric":      {[]prompb.TimeSeries{exemplarsOf("other", traced(0, 2))}, "", "undeclared"},
		"of an own metric":             {[]prompb.TimeSeries{exemplarsOf("probe_success", traced(0, 2))}, "", "own_name"},
		"from long ago":                {[]prompb.TimeSeries{exemplarsOf("orders_total", traced(61*time.Minute, 2))}, "", "too_old"},
		"from the future":              {[]prompb.TimeSeries{exemplarsOf("orders_total", traced(-11*time.Minute, 2))}, "", "too_new"},
		"with long labels":             {[]prompb.TimeSeries{exemplarsOf("orders_total", traced(0, 2, "a", long))}, "", "invalid"},
		"with many labels":             {[]prompb.TimeSeries{exemplarsOf("orders_total", traced(0, 2, many...))}, "", "invalid"},
		"with a label twice":           {[]prompb.TimeSeries{exemplarsOf("orders_total", traced(0, 2, "a", "1", "a", "2"))}, "", "invalid"},
		"with a label that is no text": {[]prompb.TimeSeries{exemplarsOf("orders_total", traced(0, 2, "a", "\xff"))}, "", "invalid"},
		"the newest of many": {
			[]prompb.TimeSeries{exemplarsOf("orders_total", traced(7, 0), traced(6, 1), traced(5, 2), traced(4, 3), traced(3, 4), traced(2, 5), traced(1, 6))},
			"orders_total 2 {}\norders_total 3 {}\norders_total 4 {}\norders_total 5 {}\norders_total 6 {}", "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEdge(t, ingest.Limits{}, 100)
			for i := range c.series[len(c.series)-1].Exemplars { // one millisecond apart
				c.series[len(c.series)-1].Exemplars[i].Timestamp += int64(i)
			}
			if w := e.write(t, ts(one(time.Minute, 5), "orders_total")); w.Code != 204 {
				t.Fatal(w.Code, w.Body)
			}
			if w := e.write(t, c.series...); w.Code != 204 {
				t.Errorf("the request fails because of exemplars: %d %s", w.Code, w.Body)
			}
			if got := e.exemplars(t); got != c.kept {
				t.Errorf("kept\n%s\nwant\n%s", got, c.kept)
			}
			if c.reason != "" {
				e.rejections(t, c.reason, 1)
			}
		})
	}
}

// An exemplar that is earlier than the last one of its series is refused, as a sample is.
func TestExemplarsComeInOrder(t *testing.T) {
	e := newEdge(t, ingest.Limits{}, 100)
	for i, ago := range []time.Duration{time.Minute, 2 * time.Minute} {
		if w := e.write(t, ts(one(time.Minute-time.Duration(i)*time.Second, 5), "orders_total"), exemplarsOf("orders_total", traced(ago, float64(i)))); w.Code != 204 {
			t.Fatal(w.Code, w.Body)
		}
	}
	if got := e.exemplars(t); got != "orders_total 0 {}" {
		t.Errorf("kept %s", got)
	}
	e.rejections(t, "out_of_order", 1)
}

// A request in version 2 says how many exemplars were kept.
func TestExemplarsOfVersion2(t *testing.T) {
	e := newEdge(t, ingest.Limits{}, 100)
	send := func(x writev2.Exemplar) *httptest.ResponseRecorder {
		return e.send(packV2(t, &writev2.Request{
			Symbols: []string{"", "__name__", "orders_total", "trace_id", "4bf92f35"},
			Timeseries: []writev2.TimeSeries{{
				LabelsRefs: []uint32{1, 2}, Samples: []writev2.Sample{{Timestamp: now.UnixMilli(), Value: 7}}, Exemplars: []writev2.Exemplar{x},
			}},
		}), "Content-Type", contentV2)
	}
	const header = "X-Prometheus-Remote-Write-Exemplars-Written"
	w := send(writev2.Exemplar{LabelsRefs: []uint32{3, 4}, Value: 0.5, Timestamp: now.UnixMilli()})
	if w.Code != 204 || w.Header().Get(header) != "1" {
		t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
	}
	if got := e.exemplars(t); got != `orders_total 0.5 {trace_id="4bf92f35"}` {
		t.Errorf("kept %s", got)
	}
	for name, refs := range map[string][]uint32{"a label without a value": {3}, "a symbol that is not there": {3, 9}} {
		if w := send(writev2.Exemplar{LabelsRefs: refs, Timestamp: now.UnixMilli()}); w.Code != 400 || w.Header().Get(header) != "0" {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
}
