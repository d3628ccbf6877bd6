package series

import (
	"math"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/exemplar"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/storage"

	"guardian/probes/sample"
)

// writer appends samples of one check with one timestamp in one transaction.
type writer struct {
	db    *DB
	track *track
	app   storage.Appender
	at    int64 // ms
	n     int
	bad   rejects

	written []Point // stale markers included
}

// value appends one value of a look. For a known series it needs only its key and two lookups;
// labels are built only for an unknown one.
func (w *writer) value(v sample.Value, s sample.Sample) {
	key := w.track.keyOf(v)
	if ref := w.db.cachedRef(key); ref != 0 {
		if st, ok := w.track.series[ref]; ok {
			st.v = v.V
			if got := w.append(ref, st); got != 0 && got != ref {
				w.db.cacheRef(key, got)
			}
			w.exemplar(st, v.Exemplar)
			return
		}
	}
	w.db.metrics.misses.Inc()
	st := &stamp{labels: seriesLabels(v, s), v: v.V}
	if got := w.append(0, st); got != 0 {
		w.db.cacheRef(key, got)
	}
	w.exemplar(st, v.Exemplar)
}

// The ages between which an exemplar of a target is kept: its clock may be wrong.
const (
	exemplarOldest = time.Hour
	exemplarAhead  = 10 * time.Minute
)

// exemplar keeps the exemplar of a series that was written. One that cannot be kept, or is kept already, is
// left out: the storage counts it.
func (w *writer) exemplar(st *stamp, x *sample.Exemplar) {
	if x == nil || !w.db.exemplars {
		return
	}
	e := exemplar.Exemplar{Labels: labels.FromMap(x.Labels), Value: x.V, Ts: w.at}
	if !x.At.IsZero() {
		e.Ts, e.HasTs = x.At.UnixMilli(), true
		if e.Ts < w.at-exemplarOldest.Milliseconds() || e.Ts > w.at+exemplarAhead.Milliseconds() {
			return
		}
	}
	if _, err := w.app.AppendExemplar(0, st.labels, e); err != nil {
		w.db.log.Debug("an exemplar is not kept", "series", st.labels.String(), "error", err)
	}
}

// append appends a series' value and remembers it under the reference that the storage returns.
// It passes the labels, so that a series that was dropped from memory is created again, with
// another reference.
func (w *writer) append(ref storage.SeriesRef, st *stamp) storage.SeriesRef {
	got, err := w.db.appendAs(w.track.source(st.labels), ref, st.labels, func() (storage.SeriesRef, error) {
		return w.app.Append(ref, st.labels, w.at, st.v)
	})
	if err != nil {
		w.bad.add(w.db.reject(err))
		return 0
	}
	w.n++
	w.written = append(w.written, Point{Metric: st.labels, T: w.at, F: st.v})
	if got != ref && ref != 0 {
		delete(w.track.series, ref)
	}
	st.round = w.track.round
	w.track.series[got] = st
	return got
}

// restampAll appends the values of the last look once more.
func (w *writer) restampAll() {
	t := w.track
	for ref, st := range t.series {
		if st.round == t.round {
			w.restamp(ref, st)
		}
	}
	for i, st := range t.others {
		if st.round == t.round {
			w.restamp(0, st)
			t.others[i] = nil
		}
	}
	kept := t.others[:0]
	for _, st := range t.others {
		if st != nil {
			kept = append(kept, st)
		}
	}
	t.others = kept
}

func (w *writer) restamp(ref storage.SeriesRef, st *stamp) {
	if w.append(ref, st) != 0 {
		w.db.metrics.restamped.Inc()
	}
}

// markRestamped records that the values at this time are restamped and not a look.
func (w *writer) markRestamped(check string) {
	l := labels.FromStrings(model.MetricNameLabel, nameRestamped, "check", check, "kind", w.track.kind, "service", w.track.service)
	if _, err := w.db.appendAs(Checks, 0, l, func() (storage.SeriesRef, error) {
		return w.app.Append(0, l, w.at, math.Float64frombits(value.StaleNaN))
	}); err != nil {
		w.bad.add(w.db.reject(err))
	}
}

// endOthers marks all series of the check stale that are not part of this round.
func (w *writer) endOthers() {
	t := w.track
	for ref, st := range t.series {
		if st.round != t.round {
			w.end(ref, st)
			delete(t.series, ref)
		}
	}
	for _, st := range t.others {
		w.end(0, st)
	}
	t.others = nil
}

// end marks a series stale, unless it was written in this transaction under another reference.
func (w *writer) end(ref storage.SeriesRef, st *stamp) {
	if ref == 0 {
		for _, have := range w.track.series {
			if have.round == w.track.round && have.labels.Hash() == st.labels.Hash() {
				return
			}
		}
	}
	gone := math.Float64frombits(value.StaleNaN)
	if _, err := w.app.Append(ref, st.labels, w.at, gone); err != nil {
		_ = w.db.reject(err) // counted; without a stale marker the series ends after the lookback
		return
	}
	w.n++
	w.written = append(w.written, Point{Metric: st.labels, T: w.at, F: gone})
}

func (w *writer) commit() error {
	if err := w.db.latest.commit(w.app, w.written, nil); err != nil {
		w.db.metrics.checks.WithLabelValues(storageFailed).Add(float64(w.n))
		return err
	}
	w.track.stamped = w.at
	w.db.metrics.appended.Add(float64(w.n))
	return nil
}
