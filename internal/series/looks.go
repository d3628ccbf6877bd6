package series

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"

	"guardian/probes/sample"
)

// Look is a look as the series store it, without reason and version.
type Look struct {
	At       time.Time // when it began, to the millisecond
	Health   sample.Health
	Duration time.Duration // 0 if it was Unknown
}

// Looks returns the looks of a check in [from, to], oldest first, without restamped values.
func (r *Reader) Looks(ctx context.Context, check string, from, to time.Time) ([]Look, error) {
	return readLooks(ctx, r, check, from, to)
}

// Looks reads what a check saw in [from, to], as Reader.Looks does.
func (db *DB) Looks(ctx context.Context, check string, from, to time.Time) ([]Look, error) {
	return readLooks(ctx, db.tsdb, check, from, to)
}

// queryable returns a querier of [mint, maxt], in milliseconds.
type queryable interface {
	Querier(mint, maxt int64) (storage.Querier, error)
}

func readLooks(ctx context.Context, from queryable, check string, first, last time.Time) ([]Look, error) {
	if last.Before(first) {
		return nil, nil // there is no time in which it could have looked
	}
	q, err := from.Querier(first.UnixMilli(), last.UnixMilli())
	if err != nil {
		return nil, fmt.Errorf("read the looks of check %s: %w", check, err)
	}
	defer q.Close()
	l := looker{ctx: ctx, q: q, check: check}
	unknown := l.points(nameUnknown)
	success, duration, restamped := l.points(nameSuccess), l.points(nameDuration), l.points(nameRestamped)
	if l.err != nil {
		return nil, fmt.Errorf("read the looks of check %s: %w", check, l.err)
	}
	looks := make([]Look, 0, len(unknown))
	var s, d, again cursor
	for _, u := range unknown {
		if _, ok := again.at(restamped, u.T); ok {
			continue
		}
		look := Look{At: time.UnixMilli(u.T).UTC()}
		if u.F == 0 {
			up, ok := s.at(success, u.T)
			if !ok {
				continue
			}
			look.Health = sample.Down
			if up == 1 {
				look.Health = sample.Up
			}
			seconds, _ := d.at(duration, u.T)
			look.Duration = time.Duration(seconds * float64(time.Second))
		}
		looks = append(looks, look)
	}
	return looks, nil
}

// looker reads series of one check and keeps the first error.
type looker struct {
	ctx   context.Context //nolint:containedctx // used only during one call
	q     storage.Querier
	check string
	it    chunkenc.Iterator
	err   error
}

// points returns the samples of the check's series with a name, by time, without stale markers
// (except for nameRestamped, which has nothing else). A check whose labels changed has several
// series, one after the other.
func (l *looker) points(name string) []promql.FPoint {
	if l.err != nil {
		return nil
	}
	set := l.q.Select(l.ctx, false, nil,
		labels.MustNewMatcher(labels.MatchEqual, model.MetricNameLabel, name),
		labels.MustNewMatcher(labels.MatchEqual, "check", l.check))
	var all []promql.FPoint
	n := 0
	for set.Next() {
		n++
		l.it = set.At().Iterator(l.it)
		for l.it.Next() == chunkenc.ValFloat {
			if t, v := l.it.At(); !value.IsStaleNaN(v) || name == nameRestamped {
				all = append(all, promql.FPoint{T: t, F: v})
			}
		}
		if l.err = l.it.Err(); l.err != nil {
			return nil
		}
	}
	l.err = set.Err()
	if n > 1 {
		slices.SortFunc(all, func(x, y promql.FPoint) int { return cmp.Compare(x.T, y.T) })
	}
	return all
}

// cursor walks along points whose times only grow.
type cursor struct{ i int }

func (c *cursor) at(points []promql.FPoint, t int64) (float64, bool) {
	for c.i < len(points) && points[c.i].T < t {
		c.i++
	}
	if c.i < len(points) && points[c.i].T == t {
		return points[c.i].F, true
	}
	return 0, false
}
