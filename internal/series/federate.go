package series

import (
	"context"
	"fmt"
	"time"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
)

// Last gives the last sample of each series that one of the selectors matches, with its own time, as a
// federation reads it: those of the lookback before a time, without series that have ended.
func (db *DB) Last(ctx context.Context, selectors [][]*labels.Matcher, at time.Time) (promql.Vector, error) {
	end := at.UnixMilli()
	start := end - lookbackMillis
	q, err := db.tsdb.Querier(start, end)
	if err != nil {
		return nil, fmt.Errorf("read the last samples: %w", err)
	}
	defer q.Close()
	hints := &storage.SelectHints{Start: start, End: end}
	sets := make([]storage.SeriesSet, len(selectors))
	for i, ms := range selectors {
		sets[i] = q.Select(ctx, true, hints, ms...)
	}
	var all promql.Vector
	var it chunkenc.Iterator
	set := storage.NewMergeSeriesSet(sets, 0, storage.ChainedSeriesMerge)
	for set.Next() {
		it = set.At().Iterator(it)
		last, found, err := lastOf(it)
		if err != nil {
			return nil, fmt.Errorf("read the last samples: %w", err)
		}
		if found {
			last.Metric = set.At().Labels()
			all = append(all, last)
		}
	}
	if err := set.Err(); err != nil {
		return nil, fmt.Errorf("read the last samples: %w", err)
	}
	return all, nil
}

// lastOf reads samples to their end; false when there is none, or the last one is a stale marker.
func lastOf(it chunkenc.Iterator) (last promql.Sample, found bool, err error) {
	kind := chunkenc.ValNone
	for next := it.Next(); next != chunkenc.ValNone; next = it.Next() {
		kind, last = next, promql.Sample{T: it.AtT()}
		if kind == chunkenc.ValFloat {
			_, last.F = it.At()
			continue
		}
		_, last.H = it.AtFloatHistogram(&histogram.FloatHistogram{})
	}
	if err := it.Err(); err != nil || kind == chunkenc.ValNone {
		return promql.Sample{}, false, err
	}
	stale := value.IsStaleNaN(last.F) || last.H != nil && value.IsStaleNaN(last.H.Sum)
	return last, !stale, nil
}
