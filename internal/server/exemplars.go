package server

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	jsoniter "github.com/json-iterator/go"
	"github.com/prometheus/prometheus/model/exemplar"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/util/jsonutil"
)

// Exemplars knows the exemplars that writers sent with their samples.
type Exemplars interface {
	// Exemplars gives those between start and end of the series that one of the selectors matches.
	Exemplars(ctx context.Context, selectors [][]*labels.Matcher, start, end time.Time) ([]exemplar.QueryResult, error)
}

func (*Server) queryExemplars(from Exemplars) handler {
	return func(w http.ResponseWriter, r *http.Request, _ Caller) error {
		start, err := timeParam(r, "start", minTime())
		if err != nil {
			return err
		}
		end, err := timeParam(r, "end", maxTime())
		if err != nil {
			return err
		}
		if end.Before(start) {
			return badData("end timestamp must not be before start timestamp")
		}
		expr, err := promParser().ParseExpr(r.FormValue("query"))
		if err != nil {
			return badData("%w", err)
		}
		selectors := parser.ExtractSelectors(expr)
		if len(selectors) == 0 { // as in Prometheus: the expression reads no series
			w.WriteHeader(http.StatusNoContent)
			return nil
		}
		found, err := from.Exemplars(r.Context(), selectors, start, end)
		if err != nil {
			return err
		}
		data, err := exemplarsJSON(found)
		if err != nil {
			return err
		}
		return writeQuery(w, data, nil, nil)
	}
}

// exemplarsJSON writes exemplars as Prometheus' API does.
func exemplarsJSON(found []exemplar.QueryResult) (json.RawMessage, error) {
	stream := jsoniter.ConfigCompatibleWithStandardLibrary.BorrowStream(nil)
	defer jsoniter.ConfigCompatibleWithStandardLibrary.ReturnStream(stream)
	list(stream, len(found), func(i int) {
		of := found[i]
		stream.WriteObjectStart()
		stream.WriteObjectField("seriesLabels")
		writeLabels(stream, of.SeriesLabels)
		stream.WriteMore()
		stream.WriteObjectField("exemplars")
		list(stream, len(of.Exemplars), func(i int) { writeExemplar(stream, of.Exemplars[i]) })
		stream.WriteObjectEnd()
	})
	if stream.Error != nil {
		return nil, stream.Error
	}
	return append(json.RawMessage(nil), stream.Buffer()...), nil
}

func writeExemplar(stream *jsoniter.Stream, e exemplar.Exemplar) {
	stream.WriteObjectStart()
	stream.WriteObjectField("labels")
	writeLabels(stream, e.Labels)
	stream.WriteMore()
	stream.WriteObjectField("value")
	jsonutil.MarshalFloat(e.Value, stream)
	stream.WriteMore()
	stream.WriteObjectField("timestamp")
	jsonutil.MarshalTimestamp(e.Ts, stream)
	stream.WriteObjectEnd()
}
