package ingest_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/golang/snappy"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/prompb"
	writev2 "github.com/prometheus/prometheus/prompb/io/prometheus/write/v2"

	"guardian/internal/ingest"
)

// FuzzReceiver sends anything as a message. What the official types read, ours reads too,
// and accounts for every sample of it: taken, or refused with a reason.
func FuzzReceiver(f *testing.F) {
	plain := func(packed []byte) []byte {
		b, err := snappy.Decode(nil, packed)
		if err != nil {
			f.Fatal(err)
		}
		return b
	}
	f.Add(plain(packV1(f, ts(one(0, 1), "orders_total", "a", "b"), ts(one(0, 1), "erp_lag"))), false)
	f.Add(plain(packV2(f, &writev2.Request{
		Symbols:    []string{"", "__name__", "erp_lag"},
		Timeseries: []writev2.TimeSeries{{LabelsRefs: []uint32{1, 2}, Samples: []writev2.Sample{{Timestamp: now.UnixMilli(), Value: 1}}}},
	})), true)
	f.Add(plain(packV1(f, ts(one(0, 1), "orders_total"), exemplarsOf("orders_total", traced(0, 2, "trace_id", "x")))), false)
	f.Add(plain(packV2(f, &writev2.Request{
		Symbols: []string{"", "__name__", "erp_lag", "trace_id", "x"},
		Timeseries: []writev2.TimeSeries{{
			LabelsRefs: []uint32{1, 2}, Samples: []writev2.Sample{{Timestamp: now.UnixMilli(), Value: 1}},
			Exemplars: []writev2.Exemplar{{LabelsRefs: []uint32{3, 4}, Value: 1, Timestamp: now.UnixMilli()}},
		}},
	})), true)
	f.Add([]byte("\x0a\x00"), false)
	const most = 1000
	e := newEdge(f, ingest.Limits{Samples: most}, 1_000_000)
	f.Fuzz(func(t *testing.T, body []byte, two bool) {
		content, message := contentV1, samplesV1
		if two {
			content, message = contentV2, samplesV2
		}
		before := accounted(t, e.reg)
		w := e.send(snappy.Encode(nil, body), "Content-Type", content)
		switch w.Code {
		case http.StatusNoContent:
		case http.StatusBadRequest:
			if w.Body.Len() < 10 {
				t.Error("refused without a reason")
			}
		default:
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		if strings.Contains(w.Body.String(), "more than") {
			return // a limit
		}
		if want, ok := message(body); ok && accounted(t, e.reg)-before != float64(want) {
			t.Errorf("%d %s accounts for %g samples of %d", w.Code, w.Body, accounted(t, e.reg)-before, want)
		}
	})
}

// accounted counts the samples that were taken or refused.
func accounted(t *testing.T, reg *prometheus.Registry) float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	for _, f := range families {
		if !strings.HasPrefix(f.GetName(), "guardian_ingest_samples_") {
			continue
		}
		for _, m := range f.GetMetric() {
			if len(m.GetLabel()) == 0 || m.GetLabel()[0].GetValue() != "malformed" {
				sum += m.GetCounter().GetValue()
			}
		}
	}
	return sum
}

func samplesV1(body []byte) (n int, ok bool) {
	var r prompb.WriteRequest
	if r.Unmarshal(body) != nil {
		return 0, false
	}
	for _, s := range r.Timeseries {
		n += len(s.Samples) + len(s.Histograms)
	}
	return n, true
}

// samplesV2 counts what a message has whose references are all there.
func samplesV2(body []byte) (n int, ok bool) {
	var r writev2.Request
	if r.Unmarshal(body) != nil || (len(r.Symbols) > 0 && r.Symbols[0] != "") {
		return 0, false
	}
	for _, s := range r.Timeseries {
		refs := append(slices.Clone(s.LabelsRefs), s.Metadata.HelpRef, s.Metadata.UnitRef)
		for _, x := range s.Exemplars {
			if len(x.LabelsRefs)%2 != 0 {
				return 0, false
			}
			refs = append(refs, x.LabelsRefs...)
		}
		for _, ref := range refs {
			// What the message does not say reads as 0, which needs no symbol.
			if ref != 0 && int(ref) >= len(r.Symbols) {
				return 0, false
			}
		}
		if len(s.LabelsRefs)%2 != 0 {
			return 0, false
		}
		n += len(s.Samples) + len(s.Histograms)
	}
	return n, true
}
