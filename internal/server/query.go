package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
)

// Queries answers PromQL. Selectors were parsed once, so they are well-formed. Errors of the
// parser and of promql (ErrQueryTimeout, ErrTooManySamples, …) become Prometheus' own answers.
type Queries interface {
	Query(ctx context.Context, expr string, at time.Time) (QueryResult, error)
	QueryRange(ctx context.Context, expr string, start, end time.Time, step time.Duration) (QueryResult, error)
}

// SeriesIndex knows which series, label names and label values there are among those that
// match any of the selectors; no selector means all (Series always has one). limit 0 means
// no limit.
type SeriesIndex interface {
	Series(ctx context.Context, selectors []string, start, end time.Time, limit int) ([]labels.Labels, error)
	LabelNames(ctx context.Context, selectors []string, start, end time.Time, limit int) ([]string, error)
	LabelValues(ctx context.Context, name string, selectors []string, start, end time.Time, limit int) ([]string, error)
}

// MetricHelp knows what metrics are.
type MetricHelp interface {
	// Metadata gives type, help and unit of each metric, by its name.
	Metadata(ctx context.Context) (map[string]Metadata, error)
}

// Metadata is what is known of a metric, as in Prometheus' API.
type Metadata struct {
	Type string `json:"type"` // counter, gauge, histogram, …, unknown
	Help string `json:"help"`
	Unit string `json:"unit"`
}

// QueryResult is what a query gave: a promql.Vector, Matrix, Scalar or String.
type QueryResult struct {
	Value    parser.Value
	Warnings []string
	Infos    []string
}

const (
	maxPoints    = 11_000 // of one series of a range query, as in Prometheus
	queryTimeout = 2 * time.Minute
	maxForm      = 1 << 20 // bytes of a posted query
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
	kind, status := s.queryKind(r, err)
	text := err.Error()
	if kind == "internal" {
		s.log.ErrorContext(r.Context(), "query failed", "route", r.Pattern, "error", s.redactor.Redact(text))
		text = "internal error; the guardian's log says more"
	}
	if status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="guardian"`)
	}
	_ = writeJSON(w, status, queryAnswer{Status: "error", ErrorType: kind, Error: s.redactor.Redact(text)})
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
	default:
		return "internal", http.StatusInternalServerError
	}
}

func isQuery(path string) bool { return path == "/api/v1/query" || path == "/api/v1/query_range" }

// params reads a query's parameters of the address or the posted form.
func params(w http.ResponseWriter, r *http.Request) error {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		return badData("error parsing form values: %w", err)
	}
	return nil
}

func timeParam(r *http.Request, name string, otherwise time.Time) (time.Time, error) {
	text := r.FormValue(name)
	if text == "" {
		return otherwise, nil
	}
	if f, err := strconv.ParseFloat(text, 64); err == nil && math.Abs(f) < 1e11 {
		return time.UnixMilli(int64(math.Round(f * 1000))).UTC(), nil
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return time.Time{}, badData("invalid parameter %q: cannot parse %q to a valid timestamp", name, text)
	}
	return t.UTC(), nil
}

func durationParam(text string) (time.Duration, error) {
	if f, err := strconv.ParseFloat(text, 64); err == nil {
		if math.IsNaN(f) || math.Abs(f) > 1e9 {
			return 0, fmt.Errorf("cannot parse %q to a valid duration", text)
		}
		return time.Duration(f * float64(time.Second)), nil
	}
	d, err := model.ParseDuration(text)
	if err != nil {
		return 0, fmt.Errorf("cannot parse %q to a valid duration", text)
	}
	return time.Duration(d), nil
}

func timed(r *http.Request) (context.Context, context.CancelFunc, error) {
	limit := queryTimeout
	if text := r.FormValue("timeout"); text != "" {
		d, err := durationParam(text)
		if err != nil {
			return nil, nil, badData("invalid parameter %q: %w", "timeout", err)
		}
		limit = min(limit, d)
	}
	ctx, cancel := context.WithTimeout(r.Context(), limit)
	return ctx, cancel, nil
}

func (s *Server) query(from Queries) handler {
	return func(w http.ResponseWriter, r *http.Request, _ Caller) error {
		if err := params(w, r); err != nil {
			return err
		}
		at, err := timeParam(r, "time", s.now())
		if err != nil {
			return err
		}
		ctx, cancel, err := timed(r)
		if err != nil {
			return err
		}
		defer cancel()
		result, err := from.Query(ctx, r.FormValue("query"), at)
		if err != nil {
			return mistaken(err)
		}
		return writeResult(w, result)
	}
}

func (*Server) queryRange(from Queries) handler {
	return func(w http.ResponseWriter, r *http.Request, _ Caller) error {
		if err := params(w, r); err != nil {
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
		expr := r.FormValue("query")
		if e, err := parser.NewParser(parser.Options{}).ParseExpr(expr); err == nil && e.Type() != parser.ValueTypeVector && e.Type() != parser.ValueTypeScalar {
			return badData("invalid expression type %q for range query, must be Scalar or instant Vector", parser.DocumentedType(e.Type()))
		}
		ctx, cancel, err := timed(r)
		if err != nil {
			return err
		}
		defer cancel()
		result, err := from.QueryRange(ctx, expr, start, end, step)
		if err != nil {
			return mistaken(err)
		}
		return writeResult(w, result)
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

func writeResult(w http.ResponseWriter, result QueryResult) error {
	if err := tooLarge(result.Value, maxResult); err != nil {
		return err
	}
	value, err := resultJSON(result.Value)
	if err != nil {
		return err
	}
	return writeQuery(w, struct {
		Type   parser.ValueType `json:"resultType"`
		Result json.RawMessage  `json:"result"`
	}{result.Value.Type(), value}, result.Warnings, result.Infos)
}

// selection is what series, labels and label values have in common.
type selection struct {
	selectors  []string
	start, end time.Time
	limit      int
}

func (s *Server) selection(w http.ResponseWriter, r *http.Request) (selection, error) {
	if err := params(w, r); err != nil {
		return selection{}, err
	}
	// Prometheus takes all of time when none is given; what is kept bounds it as well.
	start, err := timeParam(r, "start", time.UnixMilli(0).UTC())
	if err != nil {
		return selection{}, err
	}
	end, err := timeParam(r, "end", s.now())
	if err != nil {
		return selection{}, err
	}
	limit := 0
	if text := r.FormValue("limit"); text != "" {
		if limit, err = strconv.Atoi(text); err != nil || limit < 0 {
			return selection{}, badData("invalid parameter %q: limit must be a number that is not negative", "limit")
		}
	}
	if _, err := matchers(r); err != nil {
		return selection{}, err
	}
	return selection{r.Form["match[]"], start, end, limit}, nil
}

// matchers reads the selectors of match[], of which one must hold.
func matchers(r *http.Request) ([][]*labels.Matcher, error) {
	var all [][]*labels.Matcher
	p := parser.NewParser(parser.Options{})
	for _, text := range r.Form["match[]"] {
		ms, err := p.ParseMetricSelector(text)
		if err != nil {
			return nil, badData("invalid parameter %q: %w", "match[]", err)
		}
		if !selects(ms) {
			return nil, badData("invalid parameter %q: match[] must contain at least one non-empty matcher", "match[]")
		}
		all = append(all, ms)
	}
	return all, nil
}

func selects(matchers []*labels.Matcher) bool {
	for _, m := range matchers {
		if m != nil && !m.Matches("") {
			return true
		}
	}
	return false
}

func (s *Server) series(from SeriesIndex) handler {
	return func(w http.ResponseWriter, r *http.Request, _ Caller) error {
		q, err := s.selection(w, r)
		if err != nil {
			return err
		}
		if len(q.selectors) == 0 {
			return badData("no match[] parameter provided")
		}
		list, err := from.Series(r.Context(), q.selectors, q.start, q.end, q.limit)
		if err != nil {
			return err
		}
		return writeQuery(w, orEmpty(list), nil, nil)
	}
}

func (s *Server) labelNames(from SeriesIndex) handler {
	return func(w http.ResponseWriter, r *http.Request, _ Caller) error {
		q, err := s.selection(w, r)
		if err != nil {
			return err
		}
		list, err := from.LabelNames(r.Context(), q.selectors, q.start, q.end, q.limit)
		if err != nil {
			return err
		}
		return writeQuery(w, orEmpty(list), nil, nil)
	}
}

func (s *Server) labelValues(from SeriesIndex) handler {
	return func(w http.ResponseWriter, r *http.Request, _ Caller) error {
		name := r.PathValue("name")
		if !model.UTF8Validation.IsValidLabelName(name) {
			return badData("invalid label name: %q", name)
		}
		q, err := s.selection(w, r)
		if err != nil {
			return err
		}
		list, err := from.LabelValues(r.Context(), name, q.selectors, q.start, q.end, q.limit)
		if err != nil {
			return err
		}
		return writeQuery(w, orEmpty(list), nil, nil)
	}
}

// metadata answers Grafana's question what the metrics are. A metric has one meaning here,
// so that limit_per_metric takes nothing away unless it is 0.
func (*Server) metadata(from MetricHelp) handler {
	return func(w http.ResponseWriter, r *http.Request, _ Caller) error {
		if err := params(w, r); err != nil {
			return err
		}
		limits := map[string]int{"limit": -1, "limit_per_metric": -1}
		for name := range limits {
			text := r.FormValue(name)
			if text == "" {
				continue
			}
			n, err := strconv.Atoi(text)
			if err != nil {
				return badData("%s must be a number", name)
			}
			limits[name] = n
		}
		all, err := from.Metadata(r.Context())
		if err != nil {
			return err
		}
		found := map[string][]Metadata{}
		for _, name := range slices.Sorted(maps.Keys(all)) {
			if only := r.FormValue("metric"); only != "" && only != name {
				continue
			}
			if limits["limit"] >= 0 && len(found) >= limits["limit"] {
				break
			}
			found[name] = []Metadata{all[name]}
		}
		return writeQuery(w, found, nil, nil)
	}
}

// formatQuery prints an expression as Prometheus would.
func (*Server) formatQuery(w http.ResponseWriter, r *http.Request, _ Caller) error {
	if err := params(w, r); err != nil {
		return err
	}
	expr, err := parser.NewParser(parser.Options{}).ParseExpr(r.FormValue("query"))
	if err != nil {
		return badData("invalid parameter %q: %w", "query", err)
	}
	return writeQuery(w, expr.Pretty(0), nil, nil)
}

// buildInfo is what Grafana asks to find out whom it talks to.
func (*Server) buildInfo(process Process) handler {
	return func(w http.ResponseWriter, r *http.Request, _ Caller) error {
		st, err := process.Status(r.Context())
		if err != nil {
			return err
		}
		return writeQuery(w, map[string]string{"version": st.Version, "application": "guardian"}, nil, nil)
	}
}
