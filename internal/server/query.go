package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/util/stats"
)

// Queries answers PromQL. Selectors were parsed once, so they are well-formed. Errors of the
// parser and of promql (ErrQueryTimeout, ErrTooManySamples, …) become Prometheus' own answers.
type Queries interface {
	Query(ctx context.Context, expr string, at time.Time, o QueryOptions) (QueryResult, error)
	QueryRange(ctx context.Context, expr string, over QueryRange, o QueryOptions) (QueryResult, error)
}

// QueryRange is the times of a range query: each step from start to end, both included.
type QueryRange struct {
	Start, End time.Time
	Step       time.Duration
}

// QueryOptions says how a query is evaluated.
type QueryOptions struct {
	Lookback time.Duration // how far back the last value of a series is looked for; 0: the default
	PerStep  bool          // the statistics are wanted of each step, too
}

// QueryResult is what a query gave: a promql.Vector, Matrix, Scalar or String.
type QueryResult struct {
	Value    parser.Value
	Warnings []string
	Infos    []string
	Stats    *stats.Statistics
}

const (
	maxPoints    = 11_000 // of one series of a range query, as in Prometheus
	queryTimeout = 2 * time.Minute
)

// queryError is a Prometheus API error: its type decides the status.
type queryError struct {
	kind string
	err  error
}

func (e *queryError) Error() string { return e.err.Error() }
func (e *queryError) Unwrap() error { return e.err }

func badData(format string, args ...any) error {
	return &queryError{"bad_data", fmt.Errorf(format, args...)}
}

// queryAnswer is the envelope of Prometheus' API.
type queryAnswer struct {
	Status    string   `json:"status"`
	Data      any      `json:"data,omitempty"`
	ErrorType string   `json:"errorType,omitempty"`
	Error     string   `json:"error,omitempty"`
	Warnings  []string `json:"warnings,omitempty"`
	Infos     []string `json:"infos,omitempty"`
}

func writeQuery(w http.ResponseWriter, data any, warnings, infos []string) error {
	return writeJSON(w, http.StatusOK, queryAnswer{Status: "success", Data: data, Warnings: warnings, Infos: infos})
}

// refuseQuery answers as Prometheus does, so that Grafana and promtool show the reason.
func (s *Server) refuseQuery(w http.ResponseWriter, r *http.Request, err error) {
	kind, status, text := s.queryRefusal(w, r, err)
	_ = writeJSON(w, status, queryAnswer{Status: "error", ErrorType: kind, Error: text})
}

// refusePlain answers an error of the federation as Prometheus does: as text.
func (s *Server) refusePlain(w http.ResponseWriter, r *http.Request, err error) {
	_, status, text := s.queryRefusal(w, r, err)
	plain(w, status, text)
}

// queryRefusal says what is answered instead of an error, and logs what the caller may not see.
func (s *Server) queryRefusal(w http.ResponseWriter, r *http.Request, err error) (kind string, status int, text string) {
	kind, status = s.queryKind(r, err)
	text = err.Error()
	if kind == "internal" {
		s.log.ErrorContext(r.Context(), "query failed", "route", r.Pattern, "error", s.redactor.Redact(text))
		text = "internal error; the guardian's log says more"
	}
	if p, known := explain(err); known {
		p.headers(w)
	}
	return kind, status, s.redactor.Redact(text)
}

func (s *Server) queryKind(r *http.Request, err error) (kind string, status int) {
	var (
		own      *queryError
		syntax   parser.ParseErrors
		oneError *parser.ParseErr
		canceled promql.ErrQueryCanceled
		timeout  promql.ErrQueryTimeout
		tooMany  promql.ErrTooManySamples
		storage  promql.ErrStorage
		large    *http.MaxBytesError
	)
	switch {
	case errors.As(err, &own):
		kind = own.kind
	case errors.As(err, &syntax), errors.As(err, &oneError):
		kind = "bad_data"
	case errors.As(err, &large):
		return "bad_data", http.StatusRequestEntityTooLarge
	case errors.As(err, &timeout), errors.Is(err, context.DeadlineExceeded):
		kind = "timeout"
	case errors.As(err, &canceled), errors.Is(err, context.Canceled):
		kind = "canceled"
	case errors.As(err, &storage):
		kind = "internal"
	case errors.As(err, &tooMany):
		kind = "execution"
	default:
		if p, known := explain(err); known {
			if p.Status >= http.StatusInternalServerError {
				return "unavailable", p.Status
			}
			return "bad_data", p.Status
		}
		// What is left of a query's errors says what the expression cannot do; what is left
		// of the others is ours.
		kind = "internal"
		if r.Pattern != "" && isQuery(r.URL.Path) {
			kind = "execution"
		}
	}
	switch kind {
	case "bad_data":
		return kind, http.StatusBadRequest
	case "execution":
		return kind, http.StatusUnprocessableEntity
	case "timeout":
		return kind, http.StatusServiceUnavailable
	case "canceled":
		return kind, statusClientGone // as Prometheus answers
	case "unavailable":
		return kind, http.StatusInternalServerError // as Prometheus answers
	default:
		return "internal", http.StatusInternalServerError
	}
}

func isQuery(path string) bool { return path == "/api/v1/query" || path == "/api/v1/query_range" }

// asked is what an instant and a range query have in common.
type asked struct {
	expr    string
	limit   int // of series; 0: none
	stats   string
	options QueryOptions
}

func askedOf(r *http.Request) (asked, error) {
	a := asked{expr: r.FormValue("query"), stats: r.FormValue("stats")}
	var err error
	if a.limit, err = limitParam(r); err != nil {
		return a, err
	}
	a.options.PerStep = a.stats == "all"
	if text := r.FormValue("lookback_delta"); text != "" {
		if a.options.Lookback, err = durationParam(text); err != nil {
			return a, badData("error parsing lookback delta duration: %w", err)
		}
	}
	return a, nil
}

func (s *Server) query(from Queries) handler {
	return func(w http.ResponseWriter, r *http.Request, _ Caller) error {
		a, err := askedOf(r)
		if err != nil {
			return err
		}
		at, err := timeParam(r, "time", s.now())
		if err != nil {
			return err
		}
		result, err := from.Query(r.Context(), a.expr, at, a.options)
		if err != nil {
			return mistaken(err)
		}
		return a.write(w, result)
	}
}

func (*Server) queryRange(from Queries) handler {
	return func(w http.ResponseWriter, r *http.Request, _ Caller) error {
		a, err := askedOf(r)
		if err != nil {
			return err
		}
		for _, name := range []string{"start", "end"} {
			if r.FormValue(name) == "" {
				return badData("invalid parameter %q: cannot parse \"\" to a valid timestamp", name)
			}
		}
		start, err := timeParam(r, "start", time.Time{})
		if err != nil {
			return err
		}
		end, err := timeParam(r, "end", time.Time{})
		if err != nil {
			return err
		}
		if end.Before(start) {
			return badData("invalid parameter %q: end timestamp must not be before start time", "end")
		}
		step, err := durationParam(r.FormValue("step"))
		if err != nil {
			return badData("invalid parameter %q: %w", "step", err)
		}
		if step < time.Millisecond {
			return badData("invalid parameter %q: zero or negative query resolution step widths are not accepted. Try a positive integer", "step")
		}
		if end.Sub(start)/step > maxPoints {
			return badData("exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)")
		}
		if e, err := promParser().ParseExpr(a.expr); err == nil && e.Type() != parser.ValueTypeVector && e.Type() != parser.ValueTypeScalar {
			return badData("invalid expression type %q for range query, must be Scalar or instant Vector", parser.DocumentedType(e.Type()))
		}
		result, err := from.QueryRange(r.Context(), a.expr, QueryRange{start, end, step}, a.options)
		if err != nil {
			return mistaken(err)
		}
		return a.write(w, result)
	}
}

// mistaken names the parameter of an expression that cannot be parsed.
func mistaken(err error) error {
	var syntax parser.ParseErrors
	if errors.As(err, &syntax) {
		return badData("invalid parameter %q: %w", "query", syntax)
	}
	return err
}

// truncated warns of an answer that is cut off, in Prometheus' words.
const truncated = "results truncated due to limit"

// write answers with a result, cut off at the limit, and with statistics if they are asked for.
func (a asked) write(w http.ResponseWriter, result QueryResult) error {
	switch v := result.Value.(type) {
	case promql.Vector:
		if a.limit > 0 && len(v) > a.limit {
			result.Value, result.Warnings = v[:a.limit], append(result.Warnings, truncated)
		}
	case promql.Matrix:
		if a.limit > 0 && len(v) > a.limit {
			result.Value, result.Warnings = v[:a.limit], append(result.Warnings, truncated)
		}
	}
	if err := tooLarge(result.Value, maxResult); err != nil {
		return err
	}
	value, err := resultJSON(result.Value)
	if err != nil {
		return err
	}
	data := struct {
		Type   parser.ValueType `json:"resultType"`
		Result json.RawMessage  `json:"result"`
		Stats  stats.QueryStats `json:"stats,omitempty"`
	}{Type: result.Value.Type(), Result: value}
	if a.stats != "" && result.Stats != nil {
		data.Stats = stats.NewQueryStats(result.Stats)
	}
	if a.stats != "" && a.stats != "true" && a.stats != "all" {
		result.Warnings = append(result.Warnings, fmt.Sprintf("value %q for parameter \"stats\" is deprecated, use \"true\" or \"all\"", a.stats))
	}
	return writeQuery(w, data, result.Warnings, result.Infos)
}
