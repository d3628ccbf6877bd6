package replay

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/prometheus/prometheus/promql"

	"guardian/actions"
	"guardian/decide"
	"guardian/internal/series"
	"guardian/probes/sample"
	"guardian/rules"
	"guardian/watch"
)

// world is the past as it stood at a replayed moment: what was recorded until then, with the
// verdicts and runs of the replay in the place of the recorded ones. It implements decide.Past.
type world struct {
	now      time.Time
	checks   map[string]check
	samples  Samples
	engine   *promql.Engine
	episodes []*episode

	deploys []watch.Deploy
	runs    []*run
	goods   []good
	failed  []decide.FailedWatch
	ended   []decide.PastWatch // before the replay began
	watches []*watched         // of the replay
}

var _ decide.Past = (*world)(nil)

// good is a version that is known to be good from a time on.
type good struct {
	service, environment, version string
	kind                          watch.Kind
	at                            time.Time
}

// goodOf is the version of a deploy, known to be good from a time on.
func goodOf(d watch.Deploy, at time.Time) good {
	return good{d.Service, d.Environment, d.Version, d.Kind, at}
}

// LastDeploy implements decide.Past.
func (w *world) LastDeploy(_ context.Context, service, environment string, kind watch.Kind) (last watch.Deploy, ok bool, err error) {
	for _, d := range w.deploys {
		if d.Service != service || d.Environment != environment || !watch.SameKind(d.Kind, kind) || w.withdrawn(d) {
			continue
		}
		if !ok || !d.At.Before(last.At) {
			last, ok = d, true
		}
	}
	return last, ok, nil
}

// withdrawn tells whether a deploy is known by now not to have happened.
func (w *world) withdrawn(d watch.Deploy) bool {
	if !d.Void.IsZero() {
		return !d.Void.After(w.now)
	}
	for _, e := range w.watches {
		if e.deploy.ID == d.ID {
			_, seen := e.at(w.now)
			return !seen
		}
	}
	return d.Withdrawn()
}

// Runs implements decide.Past.
func (w *world) Runs(_ context.Context, service, environment string, since time.Time) ([]actions.Run, error) {
	var all []actions.Run
	for _, r := range w.runs {
		if r.Service != service || r.Environment != environment || r.Created.After(w.now) {
			continue
		}
		if is := r.at(w.now); !r.Created.Before(since) || !is.State.Final() {
			all = append(all, is)
		}
	}
	slices.SortStableFunc(all, func(x, y actions.Run) int { return y.Created.Compare(x.Created) })
	return all, nil
}

// KnownGoods implements decide.Past.
func (w *world) KnownGoods(_ context.Context, service, environment string) ([]actions.KnownGood, error) {
	var all []actions.KnownGood
	for _, g := range w.goods {
		if g.service != service || g.environment != environment || g.at.After(w.now) {
			continue
		}
		i := slices.IndexFunc(all, func(k actions.KnownGood) bool { return k.Version == g.version })
		if i < 0 {
			all = append(all, actions.KnownGood{Version: g.version, At: g.at, Kind: string(g.kind)})
		} else if g.at.After(all[i].At) {
			all[i].At = g.at
		}
	}
	return all, nil
}

// FailedWatches implements decide.Past.
func (w *world) FailedWatches(_ context.Context, service, environment string, since time.Time) ([]decide.FailedWatch, error) {
	var all []decide.FailedWatch
	for _, f := range w.failed {
		if (service == "" || f.Service == service) && (environment == "" || f.Environment == environment) &&
			!f.Ended.Before(since) && !f.Ended.After(w.now) {
			all = append(all, f)
		}
	}
	return all, nil
}

// Watches implements decide.Past: those of the replay, and those that had ended before it began.
func (w *world) Watches(_ context.Context, service string, since time.Time) ([]decide.PastWatch, error) {
	var all []decide.PastWatch
	for _, x := range w.ended {
		if x.Service == service && !x.Ended.Before(since) {
			all = append(all, x)
		}
	}
	for _, e := range w.watches {
		if is, seen := e.at(w.now); seen && is.Service == service && !is.Started.After(w.now) && (is.Ended.IsZero() || !is.Ended.Before(since)) {
			all = append(all, is)
		}
	}
	slices.Reverse(all) // of two that began at the same moment, the newer one comes first
	slices.SortStableFunc(all, func(x, y decide.PastWatch) int { return y.Started.Compare(x.Started) })
	return all, nil
}

// Looks implements decide.Past.
func (w *world) Looks(ctx context.Context, name string, from, to time.Time) ([]watch.Look, error) {
	seen, err := w.samples.Looks(ctx, name, from, to)
	if err != nil {
		return nil, err
	}
	looks := make([]watch.Look, 0, len(seen))
	for _, l := range seen {
		if l.At.Before(to) && !l.At.Add(l.Duration).After(w.now) {
			looks = append(looks, watch.Look{At: l.At, Health: l.Health, Took: l.Duration})
		}
	}
	return looks, nil
}

// Counts implements decide.Past: a guardian counts by the hour.
func (w *world) Counts(ctx context.Context, name string, from, to time.Time) (watch.Counts, error) {
	since := from.Truncate(time.Hour)
	if since.Before(from) {
		since = since.Add(time.Hour)
	}
	looks, err := w.Looks(ctx, name, since, to)
	var n watch.Counts
	for _, l := range looks {
		switch l.Health {
		case sample.Unknown:
			continue
		case sample.Down:
			n.Failures++
		case sample.Up:
		}
		n.Looks++
	}
	return n, err
}

// Readings implements decide.Past. What counters of other servers stood at is not recorded.
func (w *world) Readings(ctx context.Context, m watch.CounterSettings, from, to time.Time) ([]watch.Reading, error) {
	if m.Source != "" {
		return nil, nil
	}
	return decide.Readings(ctx, w, m, from, to)
}

// QueryRange implements decide.RangeQuerier. An expression that cannot be answered is no
// evidence, as it is to a guardian.
func (w *world) QueryRange(ctx context.Context, expr string, from, to time.Time, step time.Duration) (promql.Matrix, error) {
	q, err := w.engine.NewRangeQuery(ctx, w.samples, nil, expr, from, to, step)
	if err != nil {
		return nil, err
	}
	defer q.Close()
	answer := q.Exec(ctx)
	var bad promql.ErrStorage
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case errors.As(answer.Err, &bad):
		return nil, answer.Err
	case answer.Err != nil:
		return nil, nil
	}
	m, err := answer.Matrix()
	own := slices.Clone(m)
	for i := range own {
		own[i].Floats = slices.Clone(own[i].Floats) // what is not copied is the engine's again
	}
	return own, err
}

// at is a replayed watch as it stood at a time; false when its deploy was known by then not to have
// happened.
func (e *watched) at(now time.Time) (is decide.PastWatch, seen bool) {
	is, seen = decide.PastWatchOf(e.w)
	if is.Ended.After(now) {
		is.State, is.Ended, seen = watch.Watching, time.Time{}, true
	}
	return is, seen
}

// present is how the checks of a service and the controls, and all alerts, were at the moment.
func (w *world) present(ctx context.Context, service string) (decide.Present, error) {
	p := decide.Present{Health: map[string]sample.Health{}}
	for name, c := range w.checks {
		if c.Service != service && !c.Control {
			continue
		}
		looks, err := w.samples.Looks(ctx, name, w.now.Add(-2*watch.BlindAfter(c.every)), w.now)
		if err != nil {
			return p, err
		}
		p.Health[name] = healthAt(looks, c.every, w.now)
	}
	for _, ep := range w.episodes {
		if ep.alert.ActiveAt.After(w.now) || !ep.ended.IsZero() && !ep.ended.After(w.now) {
			continue
		}
		al := ep.alert
		if ep.fired.After(w.now) {
			al.State = rules.Pending
		}
		p.Alerts = append(p.Alerts, al)
	}
	return p, nil
}

// healthAt is what a check was known to be at a time, by its last look that had come to an
// end; looks are by time.
func healthAt(looks []series.Look, every time.Duration, now time.Time) sample.Health {
	for _, l := range slices.Backward(looks) {
		if l.At.Add(l.Duration).After(now) {
			continue
		}
		if now.Sub(l.At) > watch.BlindAfter(every) {
			return sample.Unknown
		}
		return l.Health
	}
	return sample.Unknown
}
