package series

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
)

// Append appends points. Valid points are appended even if others are rejected; the error then
// wraps the reasons: ErrLate, ErrOutOfOrder, ErrDuplicate, ErrTooManySeries or ErrInvalid.
// Within a call the points of one series must be in order of time: the storage drops others at
// commit and only counts them.
func (db *DB) Append(ctx context.Context, points []Point) error {
	return db.append(ctx, points, func(error) bool { return true })
}

// Record appends the results of recording rules. Unlike Append it does not return errors for
// late and duplicate samples, which are normal when a rule is evaluated at any time; they are
// only counted.
func (db *DB) Record(ctx context.Context, points []Point) error {
	return db.append(ctx, points, func(err error) bool {
		return !errors.Is(err, ErrLate) && !errors.Is(err, ErrOutOfOrder) && !errors.Is(err, ErrDuplicate)
	})
}

func (db *DB) append(ctx context.Context, points []Point, worthAnError func(error) bool) error {
	var bad rejects
	_, err := db.write(ctx, points, Computed, func(_ int, name string, why error) {
		db.metrics.computed.WithLabelValues(name).Inc()
		if worthAnError(why) {
			bad.add(why)
		}
	})
	if err != nil {
		db.metrics.computed.WithLabelValues(storageFailed).Add(float64(len(points)))
		return err
	}
	return bad.err("samples", len(points))
}

// Write appends points of other programs as Append does. It returns how many it appended and calls rejected
// with the index of each point that it did not, and one of the errors of Append; the caller
// counts these. An error is the storage's own and may be temporary; what was appended before it may be written
// again. Points are appended a few at a time: the looks of checks wait for no more than that.
func (db *DB) Write(ctx context.Context, points []Point, rejected func(i int, why error)) (appended int, err error) {
	for from := 0; from < len(points); from += writeAtOnce {
		part := points[from:min(from+writeAtOnce, len(points))]
		n, err := db.write(ctx, part, RemoteWrite, func(i int, _ string, why error) { rejected(from+i, why) })
		appended += n
		if err != nil {
			return appended, err
		}
	}
	return appended, nil
}

// writeAtOnce is how many points of other programs are committed together.
const writeAtOnce = 250

func (db *DB) write(ctx context.Context, points []Point, by Source, rejected func(i int, name string, why error)) (appended int, err error) {
	if len(points) == 0 {
		return 0, nil
	}
	app := db.tsdb.Appender(ctx)
	var key []byte
	bad := map[int]bool{}
	n := 0
	for i, p := range points {
		key = append(key[:0], 'p')
		key = appendKey(key, p)
		ref := db.cachedRef(key)
		if ref == 0 {
			db.metrics.misses.Inc()
		}
		got, err := db.appendAs(by, ref, p.Metric, func() (storage.SeriesRef, error) { return appendPoint(app, ref, p) })
		if err != nil {
			name, why := reasonOf(err)
			rejected(i, name, why)
			bad[i] = true
			continue
		}
		n++
		if got != ref {
			db.cacheRef(key, got)
		}
	}
	if err := db.latest.commit(app, points, bad); err != nil {
		return 0, fmt.Errorf("append %d samples: %w", len(points), err)
	}
	db.metrics.appended.Add(float64(n))
	return n, nil
}

// appendAs appends to a series with a reference, or 0. With the labels, an outdated reference is
// only a cache miss.
func (db *DB) appendAs(by Source, ref storage.SeriesRef, series labels.Labels, do func() (storage.SeriesRef, error)) (storage.SeriesRef, error) {
	if ref != 0 {
		got, err := do()
		if err == nil && got != ref {
			db.limit.begin(series, by)()
		}
		if !errors.Is(err, ErrTooManySeries) {
			return got, err
		}
		// The reference is outdated, and it was not known who writes.
	}
	end := db.limit.begin(series, by)
	defer end()
	return do()
}

func appendPoint(app storage.Appender, ref storage.SeriesRef, p Point) (storage.SeriesRef, error) {
	if p.H != nil {
		return app.AppendHistogram(ref, p.Metric, p.T, nil, p.H)
	}
	return app.Append(ref, p.Metric, p.T, p.F)
}

func appendKey(key []byte, p Point) []byte {
	var buf [512]byte
	return append(key, p.Metric.Bytes(buf[:0])...)
}

// cachedRef returns the cached reference for a series key, or 0. Entries may be evicted at any
// time; a miss costs a lookup by labels.
func (db *DB) cachedRef(key []byte) storage.SeriesRef {
	var buf [8]byte
	v, ok := db.cache.HasGet(buf[:0], key)
	if !ok || len(v) != 8 {
		return 0
	}
	return storage.SeriesRef(binary.LittleEndian.Uint64(v))
}

func (db *DB) cacheRef(key []byte, ref storage.SeriesRef) {
	var buf [8]byte
	binary.LittleEndian.PutUint64(buf[:], uint64(ref))
	db.cache.Set(key, buf[:])
}
