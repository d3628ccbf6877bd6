package series

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
)

// Reader reads the samples of a folder as they were when it was opened, possibly while a guardian
// writes to it. It is safe for concurrent use.
type Reader struct {
	db     *tsdb.DBReadOnly
	blocks []tsdb.BlockReader
	// tail holds the samples that are not in a block yet, those of the last two or three hours. It
	// is read only once, because reading the write-ahead log is as slow as a start.
	tail        *Memory
	first, last int64
}

// OpenReader opens the samples in a folder. While it is open, the folder has a subfolder with
// links, because the write-ahead log cannot be read in place.
func OpenReader(ctx context.Context, dir string, log *slog.Logger) (_ *Reader, err error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	db, err := tsdb.OpenDBReadOnly(dir, "", log)
	if err != nil {
		return nil, fmt.Errorf("read series in %s: %w (the folder must be there, and writable by this user)", dir, err)
	}
	r := &Reader{db: db, tail: NewMemory(), first: math.MaxInt64, last: math.MinInt64}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("read series in %s: %w", dir, err), db.Close())
		}
	}()
	if r.blocks, err = db.Blocks(); err != nil {
		return nil, err
	}
	end := int64(math.MinInt64)
	for _, b := range r.blocks {
		m := b.Meta()
		r.first, r.last, end = min(r.first, m.MinTime), max(r.last, m.MaxTime-1), max(end, m.MaxTime)
	}
	if _, statErr := os.Stat(filepath.Join(dir, "wal")); errors.Is(statErr, fs.ErrNotExist) {
		return r, nil // a copy with blocks only
	}
	return r, r.readTail(ctx, end)
}

func (r *Reader) readTail(ctx context.Context, from int64) error {
	q, err := r.db.Querier(from, math.MaxInt64)
	if err != nil {
		return err
	}
	defer q.Close()
	set := q.Select(ctx, false, nil, labels.MustNewMatcher(labels.MatchRegexp, "__name__", ".+"))
	var it chunkenc.Iterator
	for set.Next() {
		s := set.At()
		var points []promql.FPoint
		it = s.Iterator(it)
		for kind := it.Next(); kind != chunkenc.ValNone; kind = it.Next() {
			if kind != chunkenc.ValFloat {
				continue
			}
			if t, v := it.At(); t >= from {
				points = append(points, promql.FPoint{T: t, F: v})
			}
		}
		if err := it.Err(); err != nil {
			return err
		}
		if len(points) > 0 {
			r.first, r.last = min(r.first, points[0].T), max(r.last, points[len(points)-1].T)
			r.tail.Append(s.Labels().Copy(), points...)
		}
	}
	return set.Err()
}

// Close closes the reader.
func (r *Reader) Close() error { return r.db.Close() }

// Span returns the times of the first and the last sample; false if there is none.
func (r *Reader) Span() (first, last time.Time, ok bool) {
	if r.last < r.first {
		return first, last, false
	}
	return time.UnixMilli(r.first).UTC(), time.UnixMilli(r.last).UTC(), true
}

// Querier implements storage.Queryable. It opens only blocks that overlap the time range.
func (r *Reader) Querier(mint, maxt int64) (storage.Querier, error) {
	var qs []storage.Querier
	for _, b := range r.blocks {
		if m := b.Meta(); m.MaxTime <= mint || m.MinTime > maxt {
			continue
		}
		q, err := tsdb.NewBlockQuerier(b, mint, maxt)
		if err != nil {
			for _, open := range qs {
				err = errors.Join(err, open.Close())
			}
			return nil, fmt.Errorf("read a block of series: %w", err)
		}
		qs = append(qs, q)
	}
	tail, err := r.tail.Querier(mint, maxt)
	if err != nil {
		return nil, err
	}
	return storage.NewMergeQuerier(append(qs, tail), nil, storage.ChainedSeriesMerge), nil
}

// NewEngine makes a PromQL engine with the semantics of a DB's engine and higher limits, for
// batch queries over long periods.
func NewEngine(log *slog.Logger) *promql.Engine {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return promql.NewEngine(engineOptions(promql.EngineOpts{
		Logger: log, MaxSamples: 200_000_000, Timeout: time.Hour,
	}))
}

// engineOptions sets the options that determine the result of an expression, equal for all engines.
func engineOptions(o promql.EngineOpts) promql.EngineOpts {
	o.LookbackDelta = Lookback
	o.NoStepSubqueryIntervalFn = func(int64) int64 { return time.Minute.Milliseconds() }
	o.EnableAtModifier = true
	o.EnableNegativeOffset = true
	o.EnablePerStepStats = true // for who asks for them
	o.Parser = newParsedExprs(parser.NewParser(parser.Options{ExperimentalDurationExpr: true}))
	return o
}
