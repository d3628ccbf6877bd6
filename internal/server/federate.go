package server

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
)

// Federation gives the last samples, for a Prometheus that scrapes them.
type Federation interface {
	// LastSamples gives the last sample of each series that one of the selectors matches.
	LastSamples(ctx context.Context, selectors [][]*labels.Matcher, at time.Time) (promql.Vector, error)
}

// federate answers a Prometheus that federates, as Prometheus does: with the last samples, each with its time,
// untyped, and with the external labels where a series does not have them.
func (s *Server) federate(from Federation, setup Setup) handler {
	return func(w http.ResponseWriter, r *http.Request, _ Caller) error {
		var selectors [][]*labels.Matcher
		p := promParser()
		for _, text := range r.Form["match[]"] {
			ms, err := p.ParseMetricSelector(text)
			if err != nil {
				return badData("%w", err)
			}
			selectors = append(selectors, ms)
		}
		with, err := setup.PromSetup(r.Context())
		if err != nil {
			return err
		}
		found, err := from.LastSamples(r.Context(), selectors, s.now())
		if err != nil {
			return err
		}
		if err := tooLarge(found, maxResult); err != nil {
			return err
		}
		format := expfmt.NegotiateAccept(r.Header, expfmt.NewFormat(expfmt.TypeProtoDelim), expfmt.NewFormat(expfmt.TypeProtoText),
			expfmt.NewFormat(expfmt.TypeProtoCompact), expfmt.NewFormat(expfmt.TypeTextPlain))
		w.Header().Set("Content-Type", string(format))
		enc := expfmt.NewEncoder(w, format)
		for _, f := range families(found, with.ExternalLabels, format.FormatType() != expfmt.TypeTextPlain) {
			if err := enc.Encode(f); err != nil {
				return nil //nolint:nilerr // the answer has begun; who does not read on has gone
			}
		}
		return nil
	}
}

// families makes metric families of samples. Native histograms are left out where the format has none.
func families(all promql.Vector, external map[string]string, native bool) []*dto.MetricFamily {
	all = slices.DeleteFunc(slices.Clone(all), func(s promql.Sample) bool {
		return s.Metric.Get(model.MetricNameLabel) == "" || s.H != nil && !native && !s.H.UsesCustomBuckets()
	})
	slices.SortStableFunc(all, func(a, b promql.Sample) int {
		return strings.Compare(a.Metric.Get(model.MetricNameLabel), b.Metric.Get(model.MetricNameLabel))
	})
	added := maps.Clone(external)
	if added == nil {
		added = map[string]string{}
	}
	if _, ok := added[model.InstanceLabel]; !ok { // who scrapes must not add its own
		added[model.InstanceLabel] = ""
	}
	var out []*dto.MetricFamily
	for _, s := range all {
		name, kind := s.Metric.Get(model.MetricNameLabel), familyType(s)
		if n := len(out); n == 0 || out[n-1].GetName() != name || out[n-1].GetType() != kind {
			out = append(out, &dto.MetricFamily{Name: new(name), Type: kind.Enum()})
		}
		last := out[len(out)-1]
		last.Metric = append(last.Metric, metricOf(s, added))
	}
	return out
}

// familyType gives the type of a sample's family: what it was when it was scraped is not stored.
func familyType(s promql.Sample) dto.MetricType {
	switch {
	case s.H == nil:
		return dto.MetricType_UNTYPED
	case s.H.CounterResetHint == histogram.GaugeType:
		return dto.MetricType_GAUGE_HISTOGRAM
	default:
		return dto.MetricType_HISTOGRAM
	}
}

func metricOf(s promql.Sample, added map[string]string) *dto.Metric {
	m := &dto.Metric{TimestampMs: new(s.T)}
	s.Metric.Range(func(l labels.Label) {
		if l.Name != model.MetricNameLabel && l.Value != "" {
			m.Label = append(m.Label, &dto.LabelPair{Name: new(l.Name), Value: new(l.Value)})
		}
	})
	for _, name := range slices.Sorted(maps.Keys(added)) {
		if s.Metric.Get(name) == "" {
			m.Label = append(m.Label, &dto.LabelPair{Name: new(name), Value: new(added[name])})
		}
	}
	switch {
	case s.H == nil:
		m.Untyped = &dto.Untyped{Value: new(s.F)}
	case s.H.UsesCustomBuckets():
		m.Histogram = classic(s.H)
	default:
		m.Histogram = native(s.H)
	}
	return m
}

// native gives a histogram of exponential buckets.
func native(h *histogram.FloatHistogram) *dto.Histogram {
	return &dto.Histogram{
		SampleCountFloat: new(h.Count), SampleSum: new(h.Sum), Schema: new(h.Schema),
		ZeroThreshold: new(h.ZeroThreshold), ZeroCountFloat: new(h.ZeroCount),
		PositiveSpan: spans(h.PositiveSpans), PositiveCount: h.PositiveBuckets, NegativeSpan: spans(h.NegativeSpans), NegativeCount: h.NegativeBuckets,
	}
}

func spans(all []histogram.Span) []*dto.BucketSpan {
	out := make([]*dto.BucketSpan, len(all))
	for i, s := range all {
		out[i] = &dto.BucketSpan{Offset: new(s.Offset), Length: new(s.Length)}
	}
	return out
}

// classic gives a histogram with buckets of its own as one with upper bounds; that of infinity is the count.
func classic(h *histogram.FloatHistogram) *dto.Histogram {
	out := &dto.Histogram{SampleCountFloat: new(h.Count), SampleSum: new(h.Sum)}
	in := map[int32]float64{}
	for it := h.PositiveBucketIterator(); it.Next(); {
		in[it.At().Index] = it.At().Count
	}
	total := 0.0
	for i, bound := range h.CustomValues {
		total += in[int32(i)] //nolint:gosec // a histogram has few buckets
		out.Bucket = append(out.Bucket, &dto.Bucket{UpperBound: new(bound), CumulativeCountFloat: new(total)})
	}
	return out
}
