package history

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/prometheus/prometheus/promql"

	"guardian/actions"
	"guardian/decide"
	"guardian/internal/series"
	"guardian/internal/store"
	"guardian/sla"
	"guardian/watch"
)

// Journal is what is asked of the journal; store.Store is one.
type Journal interface {
	Deploys(ctx context.Context, f store.DeployFilter) ([]watch.Deploy, error)
	Watches(ctx context.Context, f store.WatchFilter) ([]watch.Watch, error)
	Runs(ctx context.Context, f store.RunFilter) ([]actions.Run, error)
	KnownGoods(ctx context.Context, service, environment string) ([]store.KnownGood, error)
	RollupsOf(ctx context.Context, check string, from, to time.Time) ([]sla.Rollup, error)
}

// Looks reads what a check saw; series.DB does.
type Looks interface {
	Looks(ctx context.Context, check string, from, to time.Time) ([]series.Look, error)
}

// Counters answers queries for counters: the series, or another server.
type Counters interface {
	Query(ctx context.Context, expr string, at time.Time) (promql.Vector, error)
	QueryRange(ctx context.Context, expr string, start, end time.Time, step time.Duration) (promql.Matrix, error)
}

// Options is what a History reads. All fields are needed.
type Options struct {
	Journal Journal
	Series  Looks
	// Counters gives what answers for the counters of a rule source; "" is the guardian's own series.
	Counters func(source string) (Counters, error)
	// Current puts rollups of a check that are not in the journal yet in their places.
	Current func(check string, written []sla.Rollup) []sla.Rollup
}

// History implements decide.Past.
type History struct{ o Options }

var _ decide.Past = History{}

// New makes a history.
func New(o Options) History { return History{o} }

// deploysRead is how many deploys are read at first to find the last one of a kind; each time it is
// not among them, ten times as many are.
const deploysRead = 20

// LastDeploy implements decide.Past.
func (h History) LastDeploy(ctx context.Context, service, environment string, kind watch.Kind) (watch.Deploy, bool, error) {
	for limit := deploysRead; ; limit *= 10 {
		ds, err := h.o.Journal.Deploys(ctx, store.DeployFilter{Service: service, Environment: environment, Limit: min(limit, store.MaxLimit)})
		if err != nil {
			return watch.Deploy{}, false, err
		}
		for _, d := range ds {
			if watch.SameKind(d.Kind, kind) && !d.Withdrawn() {
				return d, true, nil
			}
		}
		if len(ds) < limit {
			return watch.Deploy{}, false, nil
		}
	}
}

// Runs implements decide.Past.
func (h History) Runs(ctx context.Context, service, environment string, since time.Time) ([]actions.Run, error) {
	all, err := h.o.Journal.Runs(ctx, store.RunFilter{Service: service, Environment: environment, Since: since})
	if err != nil {
		return nil, err
	}
	open, err := h.o.Journal.Runs(ctx, store.RunFilter{Service: service, Environment: environment, Open: true})
	if err != nil {
		return nil, err
	}
	for _, r := range open { // of before since: they are older than the others
		if !slices.ContainsFunc(all, func(o actions.Run) bool { return o.ID == r.ID }) {
			all = append(all, r)
		}
	}
	// An empty service asks the journal for all; the runs of no service are meant.
	return slices.DeleteFunc(all, func(r actions.Run) bool { return r.Service != service }), nil
}

// KnownGoods implements decide.Past.
func (h History) KnownGoods(ctx context.Context, service, environment string) ([]actions.KnownGood, error) {
	stored, err := h.o.Journal.KnownGoods(ctx, service, environment)
	if err != nil {
		return nil, err
	}
	goods := make([]actions.KnownGood, len(stored))
	for i, g := range stored {
		goods[i] = actions.KnownGood{Version: g.Version, At: g.At, Kind: string(g.Kind)}
		if g.Kind == "" { // journals of before do not say it
			ds, err := h.o.Journal.Deploys(ctx, store.DeployFilter{Service: service, Environment: environment, Version: g.Version, Limit: 1})
			if err != nil {
				return nil, err
			}
			if len(ds) > 0 {
				goods[i].Kind = string(ds[0].Kind)
			}
		}
	}
	return goods, nil
}

const (
	// longestWatch is how long before its end a watch can have begun, unless it was extended: the
	// journal finds watches by their beginning.
	longestWatch = 2 * watch.MaxFor
	// mostFailed bounds the failed watches that are read.
	mostFailed = 1000
)

// FailedWatches implements decide.Past.
func (h History) FailedWatches(ctx context.Context, service, environment string, since time.Time) ([]decide.FailedWatch, error) {
	ws, err := h.o.Journal.Watches(ctx, store.WatchFilter{
		Service: service, Environment: environment, State: watch.Failed, Since: since.Add(-longestWatch), Limit: mostFailed,
	})
	if err != nil {
		return nil, err
	}
	var failed []decide.FailedWatch
	for i := range ws {
		if w := &ws[i]; !w.Ended.Before(since) {
			failed = append(failed, decide.FailedWatchOf(w))
		}
	}
	return failed, nil
}

// mostWatches bounds the watches of a service that are read.
const mostWatches = 200

// Watches implements decide.Past.
func (h History) Watches(ctx context.Context, service string, since time.Time) ([]decide.PastWatch, error) {
	ws, err := h.o.Journal.Watches(ctx, store.WatchFilter{Service: service, Since: since.Add(-longestWatch), Limit: mostWatches})
	if err != nil {
		return nil, err
	}
	var all []decide.PastWatch
	for i := range ws {
		if w, seen := decide.PastWatchOf(&ws[i]); seen && (w.Ended.IsZero() || !w.Ended.Before(since)) {
			all = append(all, w)
		}
	}
	slices.SortStableFunc(all, func(x, y decide.PastWatch) int { return y.Started.Compare(x.Started) })
	return all, nil
}

// Looks implements decide.Past.
func (h History) Looks(ctx context.Context, check string, from, to time.Time) ([]watch.Look, error) {
	seen, err := h.o.Series.Looks(ctx, check, from, to)
	if err != nil {
		return nil, err
	}
	looks := make([]watch.Look, 0, len(seen))
	for _, l := range seen {
		if l.At.Before(to) {
			looks = append(looks, watch.Look{At: l.At, Health: l.Health, Took: l.Duration})
		}
	}
	return looks, nil
}

// Counts implements decide.Past.
func (h History) Counts(ctx context.Context, check string, from, to time.Time) (watch.Counts, error) {
	written, err := h.o.Journal.RollupsOf(ctx, check, from, to)
	if err != nil {
		return watch.Counts{}, err
	}
	var n watch.Counts
	for _, r := range h.o.Current(check, written) {
		n.Looks += r.Looks
		n.Failures += r.Failures
	}
	return n, nil
}

// Readings implements decide.Past.
func (h History) Readings(ctx context.Context, m watch.CounterSettings, from, to time.Time) ([]watch.Reading, error) {
	source, err := h.o.Counters(m.Source)
	if err != nil {
		return nil, err
	}
	return decide.Readings(ctx, source, m, from, to)
}

// Reading asks what one of metrics stands at now.
func (h History) Reading(ctx context.Context, m watch.CounterSettings, at time.Time) (watch.Reading, error) {
	source, err := h.o.Counters(m.Source)
	if err != nil {
		return watch.Reading{At: at}, err
	}
	var answers []promql.Vector
	for _, expr := range m.Queries() {
		answer, err := source.Query(ctx, expr, at)
		if err != nil {
			return watch.Reading{At: at}, fmt.Errorf("ask %s: %w", expr, err)
		}
		answers = append(answers, answer)
	}
	return m.Reading(answers, at), nil
}

// ErrNoSource is given for counters whose rule source is not configured any more.
var ErrNoSource = errors.New("this rule source is not configured any more")
