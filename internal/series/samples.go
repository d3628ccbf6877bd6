package series

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"

	"guardian/probes/sample"
)

// The series that every check has.
const (
	nameSuccess  = "probe_success"
	nameUnknown  = "probe_unknown"
	nameDuration = "probe_duration_seconds"
	// nameRestamped is written with each restamp, so that restamped values can be told from looks.
	// It has only stale markers as values, so that no query returns it.
	nameRestamped = "probe_restamped"
)

// track is the state of one check: its schedule and its last written values.
type track struct {
	mu             sync.Mutex
	every, grace   time.Duration // 0: not tracked, never restamped
	lookAt         time.Time     // when the last look began; zero: none in this process
	stamped        int64         // time of the last sample written, ms
	leftoversFound bool          // the series of a former process have been searched

	kind, service string
	labels        map[string]string
	prefix        []byte // prefix of the keys of its series, made of the fields above

	series map[storage.SeriesRef]*stamp
	others []*stamp // series without a reference yet: restored, or left by a former process
	round  uint64
	key    []byte
}

// stamp is one series of a check with its last written value.
type stamp struct {
	labels labels.Labels
	v      float64
	round  uint64 // number of the last sample that had this series
}

func (db *DB) track(check string, begin bool) *track {
	db.mu.Lock()
	defer db.mu.Unlock()
	t, ok := db.checks[check]
	if !ok && begin {
		t = &track{series: map[storage.SeriesRef]*stamp{}}
		db.checks[check] = t
	}
	return t
}

// AppendSample writes one look: probe_success (1 up, 0 down), probe_unknown,
// probe_duration_seconds and the values, with the labels check, kind, service, those of the
// check and those of the value. A series of the previous look that this one lacks gets a stale
// marker. An Unknown look writes probe_unknown=1 and marks all other series of the check stale.
//
// It returns the points that were written, stale markers included. The error wraps ErrOutOfOrder
// or ErrDuplicate if the look is not later than the check's last one, and otherwise the same errors
// as that of Append.
func (db *DB) AppendSample(s sample.Sample) (written []Point, err error) {
	t := db.track(s.Check, true)
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.lookAt.IsZero() && !s.At.After(t.lookAt) {
		err := ErrOutOfOrder
		if s.At.Equal(t.lookAt) {
			err = ErrDuplicate
		}
		return nil, fmt.Errorf("append sample of check %s: %w", s.Check, db.reject(err))
	}
	if err := db.findLeftovers(s.Check, t, s.At); err != nil {
		return nil, err
	}
	// A slow look may have begun before the previous one was last restamped. It is still newer.
	at := max(s.At.UnixMilli(), t.stamped+1)
	t.identify(s)
	t.round++
	w := writer{db: db, track: t, app: db.tsdb.Appender(context.Background()), at: at, written: make([]Point, 0, 3+len(s.Values))}
	if s.Health == sample.Unknown {
		w.value(sample.Value{Name: nameUnknown, V: 1}, s)
	} else {
		w.value(sample.Value{Name: nameSuccess, V: upOf(s.Health)}, s)
		w.value(sample.Value{Name: nameUnknown, V: 0}, s)
		w.value(sample.Value{Name: nameDuration, V: s.Duration.Seconds()}, s)
		for _, v := range s.Values {
			w.value(v, s)
		}
	}
	w.endOthers()
	if err := w.commit(); err != nil {
		return nil, fmt.Errorf("append sample of check %s: %w", s.Check, err)
	}
	t.lookAt = s.At
	return w.written, w.bad.err("sample of check "+s.Check, w.n+w.bad.n)
}

func upOf(h sample.Health) float64 {
	if h == sample.Up {
		return 1
	}
	return 0
}

// Track sets the longest interval between looks of a check, and how late a look may be. During
// this time Restamp keeps the last values visible.
func (db *DB) Track(check string, every, grace time.Duration) {
	t := db.track(check, true)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.every, t.grace = every, grace
}

// Restore sets the last sample of a check from before a restart, so that Restamp continues with
// it. It writes nothing, and it is ignored if there was a later look.
func (db *DB) Restore(s sample.Sample) {
	t := db.track(s.Check, true)
	t.mu.Lock()
	defer t.mu.Unlock()
	if !s.At.After(t.lookAt) {
		return
	}
	t.lookAt = s.At
	t.identify(s)
	vs := []sample.Value{{Name: nameUnknown, V: 1}}
	if s.Health != sample.Unknown {
		vs = append([]sample.Value{
			{Name: nameSuccess, V: upOf(s.Health)},
			{Name: nameUnknown, V: 0},
			{Name: nameDuration, V: s.Duration.Seconds()},
		}, s.Values...)
	}
	t.others = nil
	for _, v := range vs {
		t.others = append(t.others, &stamp{labels: seriesLabels(v, s), v: v.V, round: t.round})
	}
	t.leftoversFound = false // other series of a former process still have to be ended
}

// restampAfter is the minimum age of a check's last sample for a restamp. It is a little less
// than the interval of one minute in which Restamp is called, and far below Lookback.
const restampAfter = 50 * time.Second

// Restamp keeps slow checks visible to queries: it appends the last values of each tracked check
// again with the current time. When the next look is overdue by more than its grace, it marks
// the series stale instead, because the health is then unknown. Call it each minute.
func (db *DB) Restamp(now time.Time) error {
	db.mu.Lock()
	checks := make([]string, 0, len(db.checks))
	for name := range db.checks {
		checks = append(checks, name)
	}
	db.mu.Unlock()
	var errs []error
	for _, name := range checks {
		if t := db.track(name, false); t != nil {
			errs = append(errs, db.restamp(name, t, now))
		}
	}
	return errors.Join(errs...)
}

func (db *DB) restamp(check string, t *track, now time.Time) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	at := now.UnixMilli()
	switch {
	case t.every <= 0 || t.lookAt.IsZero() || len(t.series)+len(t.others) == 0:
		return nil
	case now.After(t.lookAt.Add(t.every + t.grace)):
		t.round++ // no series is part of this round: all are ended
	case at-max(t.stamped, t.lookAt.UnixMilli()) < restampAfter.Milliseconds():
		return nil
	}
	if err := db.findLeftovers(check, t, now); err != nil {
		return err
	}
	w := writer{db: db, track: t, app: db.tsdb.Appender(context.Background()), at: max(at, t.stamped+1)}
	if w.restampAll(); w.n > 0 {
		w.markRestamped(check)
	}
	w.endOthers()
	if err := w.commit(); err != nil {
		return fmt.Errorf("restamp check %s: %w", check, err)
	}
	return w.bad.err("last values of check "+check, w.n+w.bad.n)
}

// Forget marks all series of a removed check stale. A later sample would start them again.
func (db *DB) Forget(check string, now time.Time) error {
	t := db.track(check, true)
	t.mu.Lock()
	defer t.mu.Unlock()
	db.mu.Lock()
	delete(db.checks, check)
	db.mu.Unlock()

	if err := db.findLeftovers(check, t, now); err != nil {
		return err
	}
	at := max(now.UnixMilli(), t.stamped+1)
	t.round++
	w := writer{db: db, track: t, app: db.tsdb.Appender(context.Background()), at: at}
	w.endOthers()
	if err := w.commit(); err != nil {
		return fmt.Errorf("forget check %s: %w", check, err)
	}
	return nil
}

// findLeftovers finds, once per check, the series that a former process wrote within the lookback, so
// that they are marked stale if the check does not continue them.
func (db *DB) findLeftovers(check string, t *track, at time.Time) error {
	if t.leftoversFound {
		return nil
	}
	q, err := db.tsdb.Querier(at.Add(-Lookback).UnixMilli(), at.Add(Lookback).UnixMilli())
	if err != nil {
		return fmt.Errorf("findLeftovers check %s: %w", check, err)
	}
	defer q.Close()
	set := q.Select(context.Background(), false, nil,
		labels.MustNewMatcher(labels.MatchEqual, "check", check),
		labels.MustNewMatcher(labels.MatchNotEqual, "kind", ""),
		// Not the series that rules derive from the check's series.
		labels.MustNewMatcher(labels.MatchEqual, labels.AlertName, ""),
		labels.MustNewMatcher(labels.MatchNotRegexp, model.MetricNameLabel, ".*:.*|"+nameRestamped),
	)
	for set.Next() {
		s := set.At()
		it := s.Iterator(nil)
		last, live := int64(0), false
		for it.Next() == chunkenc.ValFloat {
			var v float64
			last, v = it.At()
			live = !value.IsStaleNaN(v)
		}
		t.stamped = max(t.stamped, last)
		if live && !t.has(s.Labels()) {
			// Part of no round: it is marked stale unless it is written before.
			t.others = append(t.others, &stamp{labels: s.Labels().Copy(), round: math.MaxUint64})
		}
	}
	if err := set.Err(); err != nil {
		return fmt.Errorf("findLeftovers check %s: %w", check, err)
	}
	t.leftoversFound = true
	return nil
}

func (t *track) has(l labels.Labels) bool {
	return slices.ContainsFunc(t.others, func(s *stamp) bool { return labels.Equal(s.labels, l) })
}

// identify computes the key prefix of the check's series if its labels changed.
func (t *track) identify(s sample.Sample) {
	if t.prefix != nil && t.kind == s.Kind && t.service == s.Service && maps.Equal(t.labels, s.Labels) {
		return
	}
	t.kind, t.service, t.labels = s.Kind, s.Service, maps.Clone(s.Labels)
	t.prefix = append(t.prefix[:0], 's')
	for _, part := range []string{s.Check, s.Kind, s.Service} {
		t.prefix = append(append(t.prefix, part...), 0xff)
	}
	for _, name := range slices.Sorted(maps.Keys(s.Labels)) {
		t.prefix = append(append(t.prefix, name...), 0xff)
		t.prefix = append(append(t.prefix, s.Labels[name]...), 0xff)
	}
	t.prefix = append(t.prefix, 0xfe)
}

// keyOf returns the cache key of one of the check's series. It is valid until the next call.
func (t *track) keyOf(v sample.Value) []byte {
	t.key = append(append(t.key[:0], t.prefix...), v.Name...)
	var few [8]string
	names := few[:0]
	for name := range v.Labels {
		names = append(names, name)
	}
	slices.SortFunc(names, cmp.Compare[string])
	for _, name := range names {
		t.key = append(append(t.key, 0xff), name...)
		t.key = append(append(t.key, 0xff), v.Labels[name]...)
	}
	return t.key
}

func seriesLabels(v sample.Value, s sample.Sample) labels.Labels {
	lb := labels.NewBuilder(labels.EmptyLabels())
	lb.Set("service", s.Service)
	for name, val := range s.Labels {
		lb.Set(name, val)
	}
	for name, val := range v.Labels {
		lb.Set(name, val)
	}
	lb.Set("check", s.Check)
	lb.Set("kind", s.Kind)
	lb.Set(model.MetricNameLabel, v.Name)
	return lb.Labels()
}
