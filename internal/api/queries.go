package api

import (
	"context"
	"slices"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"

	"guardian/internal/ingest"
	"guardian/internal/series"
	"guardian/internal/server"
)

// queries implements server.Queries.
type queries struct {
	series interface {
		Instant(ctx context.Context, expr string, at time.Time) (series.Result, error)
		Range(ctx context.Context, expr string, start, end time.Time, step time.Duration) (series.Result, error)
	}
}

// Query implements server.Queries.
func (q queries) Query(ctx context.Context, expr string, at time.Time) (server.QueryResult, error) {
	r, err := q.series.Instant(ctx, expr, at)
	return resultOf(expr, r), err
}

// QueryRange implements server.Queries.
func (q queries) QueryRange(ctx context.Context, expr string, start, end time.Time, step time.Duration) (server.QueryResult, error) {
	r, err := q.series.Range(ctx, expr, start, end, step)
	return resultOf(expr, r), err
}

// maxNotes is how many warnings, and how many infos, are given of a query.
const maxNotes = 10

func resultOf(expr string, r series.Result) server.QueryResult {
	warnings, infos := r.Notes.AsStrings(expr, maxNotes, maxNotes)
	return server.QueryResult{Value: r.Value, Warnings: warnings, Infos: infos}
}

// seriesIndex implements server.SeriesIndex.
type seriesIndex struct {
	series interface {
		Series(ctx context.Context, selectors [][]*labels.Matcher, start, end time.Time, limit int) ([]labels.Labels, error)
		LabelNames(ctx context.Context, start, end time.Time, matchers ...*labels.Matcher) ([]string, error)
		LabelValues(ctx context.Context, name string, start, end time.Time, matchers ...*labels.Matcher) ([]string, error)
	}
}

// Series implements server.SeriesIndex.
func (si seriesIndex) Series(ctx context.Context, selectors []string, start, end time.Time, limit int) ([]labels.Labels, error) {
	parsed, err := parseSelectors(selectors)
	if err != nil {
		return nil, err
	}
	return si.series.Series(ctx, parsed, start, end, limit)
}

// LabelNames implements server.SeriesIndex.
func (si seriesIndex) LabelNames(ctx context.Context, selectors []string, start, end time.Time, limit int) ([]string, error) {
	return anyOf(selectors, limit, func(ms ...*labels.Matcher) ([]string, error) {
		return si.series.LabelNames(ctx, start, end, ms...)
	})
}

// LabelValues implements server.SeriesIndex.
func (si seriesIndex) LabelValues(ctx context.Context, name string, selectors []string, start, end time.Time, limit int) ([]string, error) {
	return anyOf(selectors, limit, func(ms ...*labels.Matcher) ([]string, error) {
		return si.series.LabelValues(ctx, name, start, end, ms...)
	})
}

// anyOf joins what is found by each of the selectors; without a selector, all that there is.
func anyOf(selectors []string, limit int, find func(...*labels.Matcher) ([]string, error)) ([]string, error) {
	parsed, err := parseSelectors(selectors)
	if err != nil {
		return nil, err
	}
	if len(parsed) == 0 {
		parsed = [][]*labels.Matcher{nil}
	}
	var all []string
	for _, ms := range parsed {
		found, err := find(ms...)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	slices.Sort(all)
	all = slices.Compact(all)
	if limit > 0 && len(all) > limit {
		all = all[:limit]
	}
	return all, nil
}

func parseSelectors(selectors []string) ([][]*labels.Matcher, error) {
	p := parser.NewParser(parser.Options{})
	var all [][]*labels.Matcher
	for _, s := range selectors {
		ms, err := p.ParseMetricSelector(s)
		if err != nil {
			return nil, invalid("?match[]", err)
		}
		all = append(all, ms)
	}
	return all, nil
}

// metricHelp implements server.MetricHelp by what writers say of their metrics.
type metricHelp struct {
	ingest interface {
		Metadata() map[string]ingest.Metadata
	}
}

// Metadata implements server.MetricHelp.
func (mh metricHelp) Metadata(context.Context) (map[string]server.Metadata, error) {
	all := map[string]server.Metadata{}
	for name, m := range mh.ingest.Metadata() {
		all[name] = server.Metadata{Type: m.Type, Help: m.Help, Unit: m.Unit}
	}
	return all, nil
}
