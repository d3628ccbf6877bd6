package series

import (
	"context"
	"errors"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/prometheus/prometheus/util/annotations"
)

// latestQueryable answers what rules ask: the last values from memory, everything else from the
// storage. It implements storage.Queryable.
type latestQueryable struct{ db *DB }

// Querier implements storage.Queryable.
func (l latestQueryable) Querier(mint, maxt int64) (storage.Querier, error) {
	return &latestQuerier{db: l.db, mint: mint, maxt: maxt}, nil
}

// latestQuerier answers one query. The engine selects everything before it reads any of it: all is
// read at one moment, when the first of it is.
type latestQuerier struct {
	db         *DB
	mint, maxt int64
	sets       []*latestSet // not read yet
	stored     storage.Querier
}

// Select implements storage.Querier.
func (q *latestQuerier) Select(ctx context.Context, sorted bool, hints *storage.SelectHints, ms ...*labels.Matcher) storage.SeriesSet {
	s := &latestSet{querier: q, at: -1}
	s.selector, s.lastOnly = lastOnly(hints, ms)
	if s.lastOnly && !sorted {
		s.err = q.db.latest.prepare(q.db.tsdb, s.selector)
	} else {
		s.lastOnly = false
	}
	s.ask = func() storage.SeriesSet { return q.stored.Select(ctx, sorted, hints, ms...) }
	q.sets = append(q.sets, s)
	return s
}

// read reads all that was selected.
func (q *latestQuerier) read() {
	l := q.db.latest
	l.mu.RLock()
	defer l.mu.RUnlock()
	for _, s := range q.sets {
		s.done = true
		if s.err != nil {
			continue
		}
		if s.lastOnly {
			if s.found, s.lastOnly = l.find(s.selector); s.lastOnly {
				continue
			}
		}
		if s.err = q.open(); s.err == nil {
			s.rest = s.ask()
		}
	}
	q.sets = nil
}

// open opens the storage.
func (q *latestQuerier) open() (err error) {
	if q.stored == nil {
		q.stored, err = q.db.tsdb.Querier(q.mint, q.maxt)
	}
	return err
}

// LabelValues implements storage.Querier.
func (q *latestQuerier) LabelValues(ctx context.Context, name string, hints *storage.LabelHints, ms ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	if err := q.open(); err != nil {
		return nil, nil, err
	}
	return q.stored.LabelValues(ctx, name, hints, ms...)
}

// LabelNames implements storage.Querier.
func (q *latestQuerier) LabelNames(ctx context.Context, hints *storage.LabelHints, ms ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	if err := q.open(); err != nil {
		return nil, nil, err
	}
	return q.stored.LabelNames(ctx, hints, ms...)
}

// Close implements storage.Querier.
func (q *latestQuerier) Close() error {
	if q.stored == nil {
		return nil
	}
	return q.stored.Close()
}

// latestSet is the answer to one selector: samples from memory, or a set of the storage.
type latestSet struct {
	querier  *latestQuerier
	selector selector
	lastOnly bool
	ask      func() storage.SeriesSet

	done  bool
	err   error
	found []promql.Sample
	at    int
	rest  storage.SeriesSet
}

// Next implements storage.SeriesSet.
func (s *latestSet) Next() bool {
	if !s.done {
		s.querier.read()
	}
	if s.rest != nil {
		return s.rest.Next()
	}
	s.at++
	return s.err == nil && s.at < len(s.found)
}

// At implements storage.SeriesSet.
func (s *latestSet) At() storage.Series {
	if s.rest != nil {
		return s.rest.At()
	}
	return (*latestSeries)(&s.found[s.at])
}

// Err implements storage.SeriesSet.
func (s *latestSet) Err() error {
	if s.rest != nil {
		return errors.Join(s.err, s.rest.Err())
	}
	return s.err
}

// Warnings implements storage.SeriesSet.
func (s *latestSet) Warnings() annotations.Annotations {
	if s.rest != nil {
		return s.rest.Warnings()
	}
	return nil
}

// latestSeries is a series with one sample.
type latestSeries promql.Sample

// Labels implements storage.Series.
func (s *latestSeries) Labels() labels.Labels { return s.Metric }

// Iterator implements storage.Series.
func (s *latestSeries) Iterator(again chunkenc.Iterator) chunkenc.Iterator {
	if it, ok := again.(interface{ Reset(samples storage.Samples) }); ok {
		it.Reset(s)
		return again
	}
	return storage.NewListSeriesIterator(s)
}

// Get implements storage.Samples.
func (s *latestSeries) Get(int) chunks.Sample {
	return memoryPoint{promql.FPoint{T: s.T, F: s.F}}
}

// Len implements storage.Samples.
func (s *latestSeries) Len() int { return 1 }
