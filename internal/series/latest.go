package series

import (
	"context"
	"math"
	"sync"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
)

// latest holds the last samples of the series that rules read the last value of. The storage would
// decode all samples of the lookback to find it, at each evaluation. A metric is followed from the
// first query of it on.
type latest struct {
	mu      sync.RWMutex // also held while samples are committed, so that the storage and this agree
	metrics map[string]*metric
}

// metric is the series of one name.
type metric struct {
	since      int64 // series that have no sample from then on may be missing, ms
	swept      int64
	n          int
	series     map[uint64][]*last
	selections map[string]*selection
	tooMany    bool // it is not followed
}

// last is one series with its last sample and the one before.
type last struct {
	labels   labels.Labels
	now, was lastSample
}

// lastSample is a sample in ms; of a histogram only its time.
type lastSample struct {
	t         int64
	v         float64
	histogram bool
}

// selection is the series that a selector matches.
type selection struct {
	matchers []*labels.Matcher
	series   []*last
}

const (
	mostFollowed   = 20_000 // series of one name
	mostSelections = 20_000 // selectors of one name
	lookbackMillis = int64(Lookback / 1e6)
	// What is older than this is forgotten; less would be asked for again by groups with an offset.
	keptMillis = 2 * lookbackMillis
)

func newLatest() *latest { return &latest{metrics: map[string]*metric{}} }

// commit commits an append of points, and follows them unless rejected says otherwise.
func (l *latest) commit(app storage.Appender, points []Point, rejected map[int]bool) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := app.Commit(); err != nil {
		return err
	}
	if len(l.metrics) == 0 {
		return nil
	}
	for i, p := range points {
		if rejected[i] {
			continue
		}
		if m := l.metrics[p.Metric.Get(model.MetricNameLabel)]; m != nil {
			m.add(p.Metric, lastSample{t: p.T, v: p.F, histogram: p.H != nil})
		}
	}
	return nil
}

// add follows a sample. As in the storage, only one that is later than the last counts.
func (m *metric) add(l labels.Labels, p lastSample) {
	if m.tooMany {
		return
	}
	hash := l.Hash()
	for _, s := range m.series[hash] {
		if !labels.Equal(s.labels, l) {
			continue
		}
		if p.t > s.now.t {
			s.was, s.now = s.now, p
		}
		return
	}
	if m.n >= mostFollowed {
		*m = metric{tooMany: true}
		return
	}
	s := &last{labels: l, now: p, was: lastSample{t: math.MinInt64}}
	m.n++
	m.series[hash] = append(m.series[hash], s)
	for _, sel := range m.selections {
		if matches(l, sel.matchers) {
			sel.series = append(sel.series, s)
		}
	}
}

// follow begins to follow a metric with the samples that are there.
func (l *latest) follow(db *tsdb.DB, name string, end int64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	m := l.metrics[name]
	switch {
	case m == nil:
		m = &metric{since: end - keptMillis, swept: end, series: map[uint64][]*last{}, selections: map[string]*selection{}}
	case m.tooMany || end-m.swept < lookbackMillis:
		return nil
	default:
		m.sweep(end)
		return nil
	}
	q, err := db.Querier(m.since, math.MaxInt64)
	if err != nil {
		return err
	}
	defer q.Close()
	set := q.Select(context.Background(), false, nil, labels.MustNewMatcher(labels.MatchEqual, model.MetricNameLabel, name))
	var it chunkenc.Iterator
	for set.Next() {
		it = set.At().Iterator(it)
		own := set.At().Labels().Copy()
		for kind := it.Next(); kind != chunkenc.ValNone; kind = it.Next() {
			p := lastSample{t: it.AtT(), histogram: kind != chunkenc.ValFloat}
			if !p.histogram {
				_, p.v = it.At()
			}
			m.add(own, p)
		}
		if err := it.Err(); err != nil {
			return err
		}
	}
	if err := set.Err(); err != nil {
		return err
	}
	l.metrics[name] = m
	return nil
}

// sweep forgets series that have had no sample for long.
func (m *metric) sweep(end int64) {
	m.swept, m.since = end, max(m.since, end-keptMillis)
	gone := func(s *last) bool { return s.now.t < m.since }
	for hash, all := range m.series {
		if kept := without(all, gone); len(kept) > 0 {
			m.series[hash] = kept
		} else {
			delete(m.series, hash)
		}
		m.n -= len(all) - len(m.series[hash])
	}
	for _, sel := range m.selections {
		sel.series = without(sel.series, gone)
	}
}

// without copies a list without some of its series; a reader may still have the old one.
func without(all []*last, gone func(*last) bool) []*last {
	kept := make([]*last, 0, len(all))
	for _, s := range all {
		if !gone(s) {
			kept = append(kept, s)
		}
	}
	return kept
}

// selector is what a query asks for: the last samples in (start-1, end] of a metric's series.
type selector struct {
	name       string
	start, end int64
	matchers   []*labels.Matcher
}

// lastOnly gives the selector of a query for the last value of one metric; false for others.
func lastOnly(hints *storage.SelectHints, ms []*labels.Matcher) (selector, bool) {
	name := NameOf(ms)
	if name == "" || hints == nil || hints.Range != 0 || hints.End-hints.Start != lookbackMillis-1 {
		return selector{}, false
	}
	return selector{name: name, start: hints.Start, end: hints.End, matchers: ms}, true
}

// find gives the samples that a selector asks for; false when the storage has to be asked. The
// caller holds mu.
func (l *latest) find(s selector) ([]promql.Sample, bool) {
	m := l.metrics[s.name]
	if m == nil || m.tooMany || s.start < m.since {
		return nil, false
	}
	sel := m.selections[string(keyOf(s.matchers))]
	if sel == nil {
		return nil, false
	}
	found := make([]promql.Sample, 0, len(sel.series))
	for _, one := range sel.series {
		p := one.now
		if p.t > s.end {
			p = one.was
		}
		if p.t > s.end || p.t >= s.start && p.histogram {
			return nil, false
		}
		if p.t >= s.start && !value.IsStaleNaN(p.v) {
			found = append(found, promql.Sample{Metric: one.labels, T: p.t, F: p.v})
		}
	}
	return found, true
}

// prepare follows what a selector asks for, so that find finds it.
func (l *latest) prepare(db *tsdb.DB, s selector) error {
	l.mu.RLock()
	m := l.metrics[s.name]
	ready := m != nil && (m.tooMany || m.selections[string(keyOf(s.matchers))] != nil && s.end-m.swept < lookbackMillis)
	l.mu.RUnlock()
	if ready {
		return nil
	}
	if err := l.follow(db, s.name, s.end); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.metrics[s.name].selects(s.matchers)
	return nil
}

// selects remembers which series a selector matches.
func (m *metric) selects(ms []*labels.Matcher) {
	key := string(keyOf(ms))
	if m.tooMany || m.selections[key] != nil {
		return
	}
	if len(m.selections) >= mostSelections {
		clear(m.selections)
	}
	sel := &selection{matchers: ms}
	for _, all := range m.series {
		for _, s := range all {
			if matches(s.labels, ms) {
				sel.series = append(sel.series, s)
			}
		}
	}
	m.selections[key] = sel
}

// keyOf tells selectors apart.
func keyOf(ms []*labels.Matcher) []byte {
	var buf [256]byte
	key := buf[:0]
	for _, m := range ms {
		key = append(key, byte(m.Type))
		key = append(append(key, m.Name...), 0xff)
		key = append(append(key, m.Value...), 0xff)
	}
	return key
}
