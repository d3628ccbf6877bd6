package server

import (
	"encoding/json"
	"errors"
	"fmt"

	jsoniter "github.com/json-iterator/go"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/util/jsonutil"
)

// resultJSON writes a query's value as Prometheus' API does, to the byte: what promql's own
// MarshalJSON makes of very large and very small numbers is not that.
func resultJSON(value parser.Value) (json.RawMessage, error) {
	// Strings are escaped as encoding/json escapes them.
	stream := jsoniter.ConfigCompatibleWithStandardLibrary.BorrowStream(nil)
	defer jsoniter.ConfigCompatibleWithStandardLibrary.ReturnStream(stream)
	switch v := value.(type) {
	case nil:
		return nil, errors.New("the query gave no value")
	case promql.Vector:
		list(stream, len(v), func(i int) { writeSample(stream, v[i]) })
	case promql.Matrix:
		list(stream, len(v), func(i int) { writeSeries(stream, v[i]) })
	case promql.Scalar, promql.String:
		return json.Marshal(v)
	default:
		return nil, fmt.Errorf("the query gave a %T", value)
	}
	if stream.Error != nil {
		return nil, stream.Error
	}
	return append(json.RawMessage(nil), stream.Buffer()...), nil
}

func list(stream *jsoniter.Stream, n int, write func(i int)) {
	stream.WriteArrayStart()
	for i := range n {
		if i > 0 {
			stream.WriteMore()
		}
		write(i)
	}
	stream.WriteArrayEnd()
}

func writeSample(stream *jsoniter.Stream, s promql.Sample) {
	writeMetric(stream, s.Metric)
	stream.WriteMore()
	if s.H != nil {
		stream.WriteObjectField("histogram")
		writeHistogram(stream, promql.HPoint{T: s.T, H: s.H})
	} else {
		stream.WriteObjectField("value")
		writeFloat(stream, promql.FPoint{T: s.T, F: s.F})
	}
	stream.WriteObjectEnd()
}

func writeSeries(stream *jsoniter.Stream, s promql.Series) {
	writeMetric(stream, s.Metric)
	if len(s.Floats) > 0 {
		stream.WriteMore()
		stream.WriteObjectField("values")
		list(stream, len(s.Floats), func(i int) { writeFloat(stream, s.Floats[i]) })
	}
	if len(s.Histograms) > 0 {
		stream.WriteMore()
		stream.WriteObjectField("histograms")
		list(stream, len(s.Histograms), func(i int) { writeHistogram(stream, s.Histograms[i]) })
	}
	stream.WriteObjectEnd()
}

// writeMetric begins an object with its labels.
func writeMetric(stream *jsoniter.Stream, l labels.Labels) {
	stream.WriteObjectStart()
	stream.WriteObjectField("metric")
	writeLabels(stream, l)
}

func writeLabels(stream *jsoniter.Stream, l labels.Labels) {
	stream.WriteObjectStart()
	first := true
	l.Range(func(l labels.Label) {
		if !first {
			stream.WriteMore()
		}
		first = false
		stream.WriteStringWithHTMLEscaped(l.Name)
		stream.WriteRaw(":")
		stream.WriteStringWithHTMLEscaped(l.Value)
	})
	stream.WriteObjectEnd()
}

func writeFloat(stream *jsoniter.Stream, p promql.FPoint) {
	stream.WriteArrayStart()
	jsonutil.MarshalTimestamp(p.T, stream)
	stream.WriteMore()
	jsonutil.MarshalFloat(p.F, stream)
	stream.WriteArrayEnd()
}

func writeHistogram(stream *jsoniter.Stream, p promql.HPoint) {
	stream.WriteArrayStart()
	jsonutil.MarshalTimestamp(p.T, stream)
	stream.WriteMore()
	jsonutil.MarshalHistogram(p.H, stream)
	stream.WriteArrayEnd()
}
