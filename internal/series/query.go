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
)

// Result is the result of a query with its annotations.
type Result struct {
	Value parser.Value // promql.Vector, promql.Scalar, promql.String or promql.Matrix
	Notes annotations.Annotations
}

// Query evaluates an expression at a time. It returns a scalar as a vector with one element
// without labels, so that it can be used as a rules.QueryFunc. Of what is asked again and again, it
// has the last values at hand.
func (db *DB) Query(ctx context.Context, expr string, at time.Time) (promql.Vector, error) {
	res, err := db.instant(ctx, latestQueryable{db}, expr, at)
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
func (db *DB) Instant(ctx context.Context, expr string, at time.Time) (Result, error) {
	return db.instant(ctx, db.tsdb, expr, at)
}

func (db *DB) instant(ctx context.Context, from storage.Queryable, expr string, at time.Time) (Result, error) {
	q, err := db.engine.NewInstantQuery(ctx, from, nil, expr, at)
	if err != nil {
		return Result{}, err
	}
	defer q.Close()
	return answer(q.Exec(ctx))
}

// QueryRange evaluates an expression at each step from start to end, both included.
func (db *DB) QueryRange(ctx context.Context, expr string, start, end time.Time, step time.Duration) (promql.Matrix, error) {
	res, err := db.Range(ctx, expr, start, end, step)
	if err != nil {
		return nil, fmt.Errorf("query %q: %w", expr, err)
	}
	m, ok := res.Value.(promql.Matrix)
	if !ok {
		return nil, fmt.Errorf("query %q: the answer is a %s; a matrix was expected", expr, res.Value.Type())
	}
	return m, nil
}

// Range is QueryRange with annotations. As in Prometheus there may be at most 11,000 steps.
func (db *DB) Range(ctx context.Context, expr string, start, end time.Time, step time.Duration) (Result, error) {
	switch {
	case step <= 0:
		return Result{}, errors.New("query range: the step must be more than zero")
	case end.Before(start):
		return Result{}, errors.New("query range: the end is before the start")
	case end.Sub(start)/step > 11000:
		return Result{}, errors.New("query range: more than 11,000 points per series; use a longer step or a shorter range")
	}
	q, err := db.engine.NewRangeQuery(ctx, db.tsdb, nil, expr, start, end, step)
	if err != nil {
		return Result{}, err
	}
	defer q.Close()
	return answer(q.Exec(ctx))
}

// answer copies the result, whose memory the engine reuses after the query is closed.
func answer(r *promql.Result) (Result, error) {
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
	return Result{Value: v, Notes: r.Warnings}, nil
}

// Series lists the label sets that one of the selectors matches between start and end, at
// most limit of them (0: all).
func (db *DB) Series(ctx context.Context, selectors [][]*labels.Matcher, start, end time.Time, limit int) ([]labels.Labels, error) {
	q, err := db.tsdb.Querier(start.UnixMilli(), end.UnixMilli())
	if err != nil {
		return nil, fmt.Errorf("list series: %w", err)
	}
	defer q.Close()
	hints := &storage.SelectHints{Start: start.UnixMilli(), End: end.UnixMilli(), Func: "series", Limit: limit}
	sets := make([]storage.SeriesSet, 0, len(selectors))
	for _, ms := range selectors {
		sets = append(sets, q.Select(ctx, len(selectors) > 1, hints, ms...))
	}
	set := storage.NewMergeSeriesSet(sets, limit, storage.ChainedSeriesMerge)
	var all []labels.Labels
	for set.Next() {
		if all = append(all, set.At().Labels()); limit > 0 && len(all) >= limit {
			break
		}
	}
	if err := set.Err(); err != nil {
		return nil, fmt.Errorf("list series: %w", err)
	}
	return all, nil
}

// LabelNames lists the label names of the series that the matchers match, sorted.
func (db *DB) LabelNames(ctx context.Context, start, end time.Time, matchers ...*labels.Matcher) ([]string, error) {
	q, err := db.tsdb.Querier(start.UnixMilli(), end.UnixMilli())
	if err != nil {
		return nil, fmt.Errorf("list label names: %w", err)
	}
	defer q.Close()
	names, _, err := q.LabelNames(ctx, nil, matchers...)
	if err != nil {
		return nil, fmt.Errorf("list label names: %w", err)
	}
	return slices.Clone(names), nil
}

// LabelValues lists the values of a label in the series that the matchers match, sorted.
func (db *DB) LabelValues(ctx context.Context, name string, start, end time.Time, matchers ...*labels.Matcher) ([]string, error) {
	q, err := db.tsdb.Querier(start.UnixMilli(), end.UnixMilli())
	if err != nil {
		return nil, fmt.Errorf("list values of label %q: %w", name, err)
	}
	defer q.Close()
	values, _, err := q.LabelValues(ctx, name, nil, matchers...)
	if err != nil {
		return nil, fmt.Errorf("list values of label %q: %w", name, err)
	}
	out := make([]string, 0, len(values))
	for _, v := range values {
		out = append(out, string([]byte(v))) // the storage may unmap the memory of v
	}
	return out, nil
}
