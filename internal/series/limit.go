package series

import (
	"errors"
	"maps"
	"strings"
	"sync"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/tsdb/chunks"
)

// Source is who writes series. Each has a limit of its own, so that none can take another's place.
type Source string

// The sources of series.
const (
	Checks      Source = "checks"       // the looks of own checks
	Scraped     Source = "scraped"      // what checks of kind scrape read
	Computed    Source = "computed"     // rules and forecasts
	RemoteWrite Source = "remote_write" // other programs
)

// Sources lists all sources.
func Sources() []Source { return []Source{Checks, Scraped, Computed, RemoteWrite} }

// ErrTooManySeries is the error for a new series when its source has as many as it may.
var ErrTooManySeries = errors.New("too many series: raise the limit, or remove labels that take many values")

// Overflow is a source whose new series are refused.
type Overflow struct {
	Source Source
	Limit  int
	Metric string // of the series that was refused last
}

// places is how many series one counts as: one for each KiB that its labels take in memory. A label takes more
// than its text, because it is indexed by its value. So a limit of series is one of memory, too.
func places(series labels.Labels) int {
	bytes := 0
	series.Range(func(l labels.Label) { bytes += len(l.Name) + len(l.Value) + labelBytes })
	return 1 + bytes/placeBytes
}

const (
	labelBytes = 48
	placeBytes = 1 << 10
)

// seriesLimit counts the series in memory by their source, and rejects new ones of a source that
// has as many as it may.
type seriesLimit struct {
	most map[Source]int

	mu      sync.Mutex
	open    bool                // what the storage reads at the start is never rejected
	of      map[uint64]holder   // of each series, by the hash of its labels
	count   map[Source]int      // of places
	writing map[uint64]Source   // the source of series that are written now and may be new
	full    map[Source]Overflow // since the last call of overflows
}

// holder is who wrote a series, and how many places it takes.
type holder struct {
	by     Source
	places int
}

func newSeriesLimit(all int, own map[Source]int) *seriesLimit {
	l := &seriesLimit{most: map[Source]int{}, of: map[uint64]holder{}, count: map[Source]int{}, writing: map[uint64]Source{}, full: map[Source]Overflow{}}
	for _, s := range Sources() {
		l.most[s] = all
		if own[s] > 0 {
			l.most[s] = own[s]
		}
	}
	return l
}

func (l *seriesLimit) start() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open = true
}

// begin says who is about to write a series that may be new. What it returns is to be called after
// that: it also corrects the source of a series that was read at the start.
func (l *seriesLimit) begin(series labels.Labels, by Source) (end func()) {
	hash := series.Hash()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.writing[hash] = by
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.writing, hash)
		if was, ok := l.of[hash]; ok && was.by != by {
			l.count[was.by] -= was.places
			l.count[by] += was.places
			l.of[hash] = holder{by, was.places}
		}
	}
}

// source gives whose a series is. Who wrote one that the storage reads at the start is not known
// until it is written again: other programs may write everything but the guardian's own names, and
// what they wrote must not count as anybody else's.
func (l *seriesLimit) source(series labels.Labels, hash uint64) Source {
	if by, ok := l.writing[hash]; ok {
		return by
	}
	switch name := series.Get(model.MetricNameLabel); {
	case strings.HasPrefix(name, "probe_") && series.Get("check") != "" && series.Get("kind") != "":
		return Checks
	case name == "ALERTS" || name == "ALERTS_FOR_STATE":
		return Computed
	default:
		return RemoteWrite
	}
}

// scrapeKind is the kind of the checks whose values have names and labels that others choose.
const scrapeKind = "scrape"

func ofEveryCheck(name string) bool {
	return name == nameSuccess || name == nameUnknown || name == nameDuration || name == nameRestamped
}

// PreCreation implements tsdb.SeriesLifecycleCallback.
func (l *seriesLimit) PreCreation(series labels.Labels) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.room(series, l.source(series, series.Hash()))
}

// room tells whether a source may write a new series; l.mu is held.
func (l *seriesLimit) room(series labels.Labels, by Source) error {
	if l.open && l.count[by]+places(series) > l.most[by] {
		if metric := series.Get(model.MetricNameLabel); l.full[by].Metric != metric {
			l.full[by] = Overflow{Source: by, Limit: l.most[by], Metric: strings.Clone(metric)}
		}
		return ErrTooManySeries
	}
	return nil
}

// Admits tells whether Write would take points of a series now: ErrTooManySeries for a new one beyond the limit.
// It costs far less than to write it, and does not keep the labels.
func (db *DB) Admits(series labels.Labels) error {
	hash := series.Hash()
	l := db.limit
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, known := l.of[hash]; known {
		return nil
	}
	return l.room(series, RemoteWrite)
}

// PostCreation implements tsdb.SeriesLifecycleCallback.
func (l *seriesLimit) PostCreation(series labels.Labels) {
	hash := series.Hash()
	l.mu.Lock()
	defer l.mu.Unlock()
	by := l.source(series, hash)
	l.of[hash] = holder{by, places(series)}
	l.count[by] += l.of[hash].places
}

// PostDeletion implements tsdb.SeriesLifecycleCallback.
func (l *seriesLimit) PostDeletion(gone map[chunks.HeadSeriesRef]labels.Labels) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, series := range gone {
		hash := series.Hash()
		if was, ok := l.of[hash]; ok {
			l.count[was.by] -= was.places
			delete(l.of, hash)
		}
	}
}

func (l *seriesLimit) counted(by Source) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.count[by]
}

// Overflows gives the sources of which new series were refused since the last call.
func (db *DB) Overflows() map[Source]Overflow {
	db.limit.mu.Lock()
	defer db.limit.mu.Unlock()
	all := maps.Clone(db.limit.full)
	clear(db.limit.full)
	return all
}

// source gives whose a series of the check is.
func (t *track) source(series labels.Labels) Source {
	if t.kind == scrapeKind && !ofEveryCheck(series.Get(model.MetricNameLabel)) {
		return Scraped
	}
	return Checks
}
