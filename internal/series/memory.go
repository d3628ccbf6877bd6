package series

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/prometheus/prometheus/util/annotations"
)

// Memory is an in-memory storage of float series for PromQL: for the results of recording rules
// in a replay, and for samples that are not in a block yet. It is safe for concurrent use.
type Memory struct {
	mu     sync.RWMutex
	byName map[string][]*memorySeries
	byHash map[uint64][]*memorySeries
}

type memorySeries struct {
	labels labels.Labels
	points []promql.FPoint // by time
}

// NewMemory makes an empty Memory.
func NewMemory() *Memory {
	return &Memory{byName: map[string][]*memorySeries{}, byHash: map[uint64][]*memorySeries{}}
}

// Append appends points to a series and creates it if necessary. Points must be in order of time;
// those that are not later than the last one are ignored.
func (m *Memory) Append(l labels.Labels, points ...promql.FPoint) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.series(l)
	for _, p := range points {
		if n := len(s.points); n == 0 || p.T > s.points[n-1].T {
			s.points = append(s.points, p)
		}
	}
}

func (m *Memory) series(l labels.Labels) *memorySeries {
	h := l.Hash()
	for _, s := range m.byHash[h] {
		if labels.Equal(s.labels, l) {
			return s
		}
	}
	s := &memorySeries{labels: l}
	m.byHash[h] = append(m.byHash[h], s)
	name := l.Get(model.MetricNameLabel)
	m.byName[name] = append(m.byName[name], s)
	return s
}

// Forget drops points before a time. Results of earlier queries stay valid.
func (m *Memory) Forget(before time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	t := before.UnixMilli()
	for _, all := range m.byHash {
		for _, s := range all {
			if i := s.from(t); i > 0 {
				s.points = slices.Clone(s.points[i:])
			}
		}
	}
}

func (s *memorySeries) from(t int64) int {
	i, _ := slices.BinarySearchFunc(s.points, t, func(p promql.FPoint, t int64) int { return cmp.Compare(p.T, t) })
	return i
}

// Querier implements storage.Queryable.
func (m *Memory) Querier(mint, maxt int64) (storage.Querier, error) {
	return &memoryQuerier{m: m, mint: mint, maxt: maxt}, nil
}

type memoryQuerier struct {
	m          *Memory
	mint, maxt int64
}

// Select implements storage.Querier.
func (q *memoryQuerier) Select(_ context.Context, _ bool, hints *storage.SelectHints, ms ...*labels.Matcher) storage.SeriesSet {
	mint, maxt := q.mint, q.maxt
	if hints != nil {
		mint, maxt = hints.Start, hints.End
	}
	q.m.mu.RLock()
	defer q.m.mu.RUnlock()
	set := &memorySet{at: -1}
	add := func(all []*memorySeries) {
		for _, s := range all {
			if !matches(s.labels, ms) {
				continue
			}
			if points := s.points[s.from(mint):max(s.from(mint), s.from(maxt+1))]; len(points) > 0 {
				set.series = append(set.series, &memorySeries{labels: s.labels, points: points})
			}
		}
	}
	if name := NameOf(ms); name != "" {
		add(q.m.byName[name])
	} else {
		for _, all := range q.m.byName {
			add(all)
		}
	}
	slices.SortFunc(set.series, func(x, y *memorySeries) int { return labels.Compare(x.labels, y.labels) })
	return set
}

// NameOf returns the metric name if the matchers have an equality matcher for it, or else "".
func NameOf(ms []*labels.Matcher) string {
	for _, m := range ms {
		if m.Name == model.MetricNameLabel && m.Type == labels.MatchEqual {
			return m.Value
		}
	}
	return ""
}

func matches(l labels.Labels, ms []*labels.Matcher) bool {
	return !slices.ContainsFunc(ms, func(m *labels.Matcher) bool { return !m.Matches(l.Get(m.Name)) })
}

// LabelValues implements storage.Querier.
func (q *memoryQuerier) LabelValues(ctx context.Context, name string, _ *storage.LabelHints, ms ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	var values []string
	for set := q.Select(ctx, false, nil, ms...); set.Next(); {
		if v := set.At().Labels().Get(name); v != "" {
			values = append(values, v)
		}
	}
	slices.Sort(values)
	return slices.Compact(values), nil, nil
}

// LabelNames implements storage.Querier.
func (q *memoryQuerier) LabelNames(ctx context.Context, _ *storage.LabelHints, ms ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	var names []string
	for set := q.Select(ctx, false, nil, ms...); set.Next(); {
		set.At().Labels().Range(func(l labels.Label) { names = append(names, l.Name) })
	}
	slices.SortFunc(names, strings.Compare)
	return slices.Compact(names), nil, nil
}

// Close implements storage.Querier.
func (q *memoryQuerier) Close() error { return nil }

type memorySet struct {
	series []*memorySeries
	at     int
}

func (s *memorySet) Next() bool                        { s.at++; return s.at < len(s.series) }
func (s *memorySet) At() storage.Series                { return s.series[s.at] }
func (s *memorySet) Err() error                        { return nil }
func (s *memorySet) Warnings() annotations.Annotations { return nil }

// Labels implements storage.Series.
func (s *memorySeries) Labels() labels.Labels { return s.labels }

// Iterator implements storage.Series.
func (s *memorySeries) Iterator(chunkenc.Iterator) chunkenc.Iterator {
	return storage.NewListSeriesIterator(memoryPoints(s.points))
}

// memoryPoints implements storage.Samples.
type memoryPoints []promql.FPoint

func (p memoryPoints) Get(i int) chunks.Sample { return memoryPoint{p[i]} }
func (p memoryPoints) Len() int                { return len(p) }

// memoryPoint implements chunks.Sample: a float.
type memoryPoint struct{ p promql.FPoint }

func (p memoryPoint) ST() int64                     { return 0 }
func (p memoryPoint) T() int64                      { return p.p.T }
func (p memoryPoint) F() float64                    { return p.p.F }
func (p memoryPoint) H() *histogram.Histogram       { return nil }
func (p memoryPoint) FH() *histogram.FloatHistogram { return nil }
func (p memoryPoint) Type() chunkenc.ValueType      { return chunkenc.ValFloat }
func (p memoryPoint) Copy() chunks.Sample           { return p }
