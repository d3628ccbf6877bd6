package series

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"
)

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

// TSDBStats gives statistics of the series in memory, each with at most limit entries. It reads the whole index.
func (db *DB) TSDBStats(limit int) tsdb.Stats {
	return *db.tsdb.Head().Stats(model.MetricNameLabel, limit)
}

// Blocks describes the blocks on disk.
func (db *DB) Blocks() []tsdb.BlockMeta { return db.tsdb.BlockMetas() }

// Replayed says how far the write-ahead log was read at the start.
func (db *DB) Replayed() tsdb.WALReplayStatus {
	return db.replay.Head.WALReplayStatus.GetWALReplayStatus()
}
