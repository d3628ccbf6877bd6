package api

import (
	"context"
	"slices"
	"time"

	"github.com/prometheus/prometheus/model/exemplar"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/tsdb/index"

	"guardian/internal/ingest"
	"guardian/internal/series"
	"guardian/internal/server"
)

// queries implements server.Queries.
type queries struct {
	series interface {
		Instant(ctx context.Context, expr string, at time.Time, ask series.Ask) (series.Result, error)
		Range(ctx context.Context, expr string, over series.Span, ask series.Ask) (series.Result, error)
	}
}

// Query implements server.Queries.
func (q queries) Query(ctx context.Context, expr string, at time.Time, o server.QueryOptions) (server.QueryResult, error) {
	r, err := q.series.Instant(ctx, expr, at, series.Ask(o))
	return resultOf(expr, r), err
}

// QueryRange implements server.Queries.
func (q queries) QueryRange(ctx context.Context, expr string, over server.QueryRange, o server.QueryOptions) (server.QueryResult, error) {
	r, err := q.series.Range(ctx, expr, series.Span(over), series.Ask(o))
	return resultOf(expr, r), err
}

// maxNotes is how many warnings, and how many infos, are given of a query.
const maxNotes = 10

func resultOf(expr string, r series.Result) server.QueryResult {
	warnings, infos := r.Notes.AsStrings(expr, maxNotes, maxNotes)
	return server.QueryResult{Value: r.Value, Warnings: warnings, Infos: infos, Stats: r.Stats}
}

// samples implements server.Exemplars, server.Federation and server.Storage.
type samples struct{ db *series.DB }

// Exemplars implements server.Exemplars.
func (s samples) Exemplars(ctx context.Context, selectors [][]*labels.Matcher, start, end time.Time) ([]exemplar.QueryResult, error) {
	return s.db.Exemplars(ctx, selectors, start, end)
}

// LastSamples implements server.Federation.
func (s samples) LastSamples(ctx context.Context, selectors [][]*labels.Matcher, at time.Time) (promql.Vector, error) {
	return s.db.Last(ctx, selectors, at)
}

// StorageStats implements server.Storage.
func (s samples) StorageStats(_ context.Context, limit int) (server.StorageStats, error) {
	st := s.db.TSDBStats(limit)
	most := st.IndexPostingStats
	return server.StorageStats{
		Series: int(st.NumSeries), LabelPairs: most.NumLabelPairs, First: st.MinTime, Last: st.MaxTime, //nolint:gosec // it fits memory
		SeriesOfMetric: counted(most.CardinalityMetricsStats), ValuesOfLabel: counted(most.CardinalityLabelStats),
		BytesOfLabel: counted(most.LabelValueStats), Pairs: counted(most.LabelValuePairsStats),
	}, nil
}

func counted(stats []index.Stat) []server.Counted {
	all := make([]server.Counted, len(stats))
	for i, s := range stats {
		all[i] = server.Counted{Name: s.Name, Value: s.Count}
	}
	return all
}

// StorageBlocks implements server.Storage.
func (s samples) StorageBlocks(context.Context) ([]tsdb.BlockMeta, error) { return s.db.Blocks(), nil }

// StorageReplay implements server.Storage.
func (s samples) StorageReplay(context.Context) (server.Replay, error) {
	r := s.db.Replayed()
	return server.Replay{Min: r.Min, Max: r.Max, Current: r.Current}, nil
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
