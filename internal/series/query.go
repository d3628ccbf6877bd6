package series

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/util/annotations"
	"github.com/prometheus/prometheus/util/stats"
)

// Result is the result of a query with its annotations.
type Result struct {
	Value parser.Value // promql.Vector, promql.Scalar, promql.String or promql.Matrix
	Notes annotations.Annotations
	Stats *stats.Statistics
}

// Ask says how a query is evaluated. The zero value is the default.
type Ask struct {
	Lookback time.Duration // how far back the last value of a series is looked for; 0: Lookback
	PerStep  bool          // the statistics are wanted of each step, too
}

func (a Ask) options() promql.QueryOpts { return promql.NewPrometheusQueryOpts(a.PerStep, a.Lookback) }

// Query evaluates an expression at a time. It returns a scalar as a vector with one element
// without labels, so that it can be used as a rules.QueryFunc. Of what is asked again and again, it
// has the last values at hand.
func (db *DB) Query(ctx context.Context, expr string, at time.Time) (promql.Vector, error) {
	res, err := db.instant(ctx, latestQueryable{db}, expr, at, Ask{})
	if err != nil {
		return nil, fmt.Errorf("query %q: %w", expr, err)
	}
	switch v := res.Value.(type) {
	case promql.Vector:
		return v, nil
	case promql.Scalar:
		return promql.Vector{promql.Sample{T: v.T, F: v.V, Metric: labels.EmptyLabels()}}, nil
	default:
		return nil, fmt.Errorf("query %q: the answer is a %s; a vector or a scalar is needed", expr, res.Value.Type())
	}
}

// Instant evaluates an expression of any type at a time. Its errors are those of the engine.
func (db *DB) Instant(ctx context.Context, expr string, at time.Time, ask Ask) (Result, error) {
	return db.instant(ctx, db.tsdb, expr, at, ask)
}

func (db *DB) instant(ctx context.Context, from storage.Queryable, expr string, at time.Time, ask Ask) (Result, error) {
	q, err := db.engine.NewInstantQuery(ctx, from, ask.options(), expr, at)
	if err != nil {
		return Result{}, err
	}
	return answer(ctx, q)
}

// QueryRange evaluates an expression at each step from start to end, both included.
func (db *DB) QueryRange(ctx context.Context, expr string, start, end time.Time, step time.Duration) (promql.Matrix, error) {
	res, err := db.Range(ctx, expr, Span{start, end, step}, Ask{})
	if err != nil {
		return nil, fmt.Errorf("query %q: %w", expr, err)
	}
	m, ok := res.Value.(promql.Matrix)
	if !ok {
		return nil, fmt.Errorf("query %q: the answer is a %s; a matrix was expected", expr, res.Value.Type())
	}
	return m, nil
}

// Span is the times of a range query: each step from start to end, both included.
type Span struct {
	Start, End time.Time
	Step       time.Duration
}

// Range is QueryRange with annotations. As in Prometheus there may be at most 11,000 steps.
func (db *DB) Range(ctx context.Context, expr string, over Span, ask Ask) (Result, error) {
	switch {
	case over.Step <= 0:
		return Result{}, errors.New("query range: the step must be more than zero")
	case over.End.Before(over.Start):
		return Result{}, errors.New("query range: the end is before the start")
	case over.End.Sub(over.Start)/over.Step > 11000:
		return Result{}, errors.New("query range: more than 11,000 points per series; use a longer step or a shorter range")
	}
	q, err := db.engine.NewRangeQuery(ctx, db.tsdb, ask.options(), expr, over.Start, over.End, over.Step)
	if err != nil {
		return Result{}, err
	}
	return answer(ctx, q)
}

// answer executes a query, and copies the result, whose memory the engine reuses after the query is closed.
func answer(ctx context.Context, q promql.Query) (Result, error) {
	defer q.Close()
	r := q.Exec(ctx)
	if r.Err != nil {
		return Result{}, r.Err
	}
	v := r.Value
	if m, ok := v.(promql.Matrix); ok {
		own := make(promql.Matrix, len(m))
		for i, s := range m {
			own[i] = promql.Series{Metric: s.Metric, Floats: slices.Clone(s.Floats), Histograms: slices.Clone(s.Histograms)}
		}
		v = own
	}
	return Result{Value: v, Notes: r.Warnings, Stats: q.Stats()}, nil
}
