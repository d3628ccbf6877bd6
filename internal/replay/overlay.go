package replay

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"strings"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"

	"guardian/internal/series"
)

// Queryable is where PromQL finds recorded samples.
type Queryable = storage.Queryable

// overlay is the recorded samples with what the rules that are replayed record in the place
// of what rules recorded then. Before the replay begins, what was recorded then stands.
type overlay struct {
	base   Queryable
	memory *series.Memory
	names  map[string]bool // that the replayed rules record
	start  int64           // of the replay, ms
	others *labels.Matcher // every name but these
}

func newOverlay(base Queryable, memory *series.Memory, names map[string]bool, start int64) *overlay {
	quoted := make([]string, 0, len(names))
	for n := range names {
		quoted = append(quoted, regexp.QuoteMeta(n))
	}
	slices.Sort(quoted)
	return &overlay{
		base: base, memory: memory, names: names, start: start,
		others: labels.MustNewMatcher(labels.MatchNotRegexp, model.MetricNameLabel, strings.Join(quoted, "|")),
	}
}

// Querier implements storage.Queryable.
func (o *overlay) Querier(mint, maxt int64) (storage.Querier, error) {
	base, err := o.base.Querier(mint, maxt)
	if err != nil {
		return nil, err
	}
	memory, err := o.memory.Querier(mint, maxt)
	if err != nil {
		return nil, errors.Join(err, base.Close())
	}
	return &overlayQuerier{Querier: base, memory: memory, o: o}, nil
}

type overlayQuerier struct {
	storage.Querier // of what was recorded
	memory          storage.Querier
	o               *overlay
}

// Select implements storage.Querier.
func (q *overlayQuerier) Select(ctx context.Context, sorted bool, hints *storage.SelectHints, ms ...*labels.Matcher) storage.SeriesSet {
	name := series.NameOf(ms)
	if name != "" && !q.o.names[name] || len(q.o.names) == 0 {
		return q.Querier.Select(ctx, sorted, hints, ms...)
	}
	sets := []storage.SeriesSet{q.memory.Select(ctx, true, hints, ms...)}
	if name == "" {
		sets = append(sets, q.Querier.Select(ctx, true, hints, append(slices.Clone(ms), q.o.others)...))
	} else if hints != nil && hints.Start < q.o.start {
		old := *hints
		old.End = min(old.End, q.o.start-1)
		sets = append(sets, q.Querier.Select(ctx, true, &old, ms...))
	}
	return storage.NewMergeSeriesSet(sets, 0, storage.ChainedSeriesMerge)
}
