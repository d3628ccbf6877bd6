package replay

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"guardian/actions"
	"guardian/decide"
	"guardian/internal/config"
	"guardian/internal/series"
	"guardian/internal/store"
	"guardian/internal/windows"
	"guardian/notifiers"
	"guardian/notifiers/route"
	"guardian/probes"
	"guardian/rules"
	"guardian/watch"
)

// Samples is what was recorded by checks and others; series.Reader is one.
type Samples interface {
	Queryable
	Looks(ctx context.Context, check string, from, to time.Time) ([]series.Look, error)
	Span() (first, last time.Time, ok bool)
}

// Journal is what happened; store.Store is one.
type Journal interface {
	Deploys(ctx context.Context, f store.DeployFilter) ([]watch.Deploy, error)
	Watches(ctx context.Context, f store.WatchFilter) ([]watch.Watch, error)
	KnownGoods(ctx context.Context, service, environment string) ([]store.KnownGood, error)
	Runs(ctx context.Context, f store.RunFilter) ([]actions.Run, error)
	AlertEpisodes(ctx context.Context, f store.AlertFilter) ([]rules.Alert, error)
	Deliveries(ctx context.Context, f store.DeliveryFilter) ([]notifiers.Delivery, error)
	Silences(ctx context.Context, since time.Time) ([]route.Silence, error)
	Windows(ctx context.Context, after time.Time) ([]windows.Window, error)
	Maintenance(ctx context.Context, from, to time.Time) ([]store.Maintenance, error)
	Audit(ctx context.Context, f store.AuditFilter) (store.AuditPage, error)
}

// Options say what is replayed over what.
type Options struct {
	Config  *config.Config
	Kinds   map[string]probes.Kind // of checks: which series they make; nil: none but the common ones
	Samples Samples
	Journal Journal
	// From and To are the time that is replayed: [From, To).
	From, To time.Time
	// Step is the time between evaluations of a rule, at most its group's interval. 0: as
	// short as some 43,200 evaluations for each rule allow, but no shorter than the fastest
	// check's interval and a second.
	Step time.Duration
	// Progress is told, from one goroutine at a time, how much of what is done, 0 to 1.
	Progress func(what string, part float64)
}

// Run replays and compares.
func Run(ctx context.Context, o Options) (Report, error) {
	if !o.From.Before(o.To) {
		return Report{}, errors.New("replay: --from is not before --to")
	}
	if o.Progress == nil {
		o.Progress = func(string, float64) {}
	}
	s, err := newSetup(o.Config, o.Kinds)
	if err != nil {
		return Report{}, err
	}
	was, err := readPast(ctx, o.Journal, o.From, o.To)
	if err != nil {
		return Report{}, fmt.Errorf("replay: %w", err)
	}
	r := Report{From: o.From.UTC(), To: o.To.UTC(), Config: o.Config.File}
	r.cover(o.Samples)

	e, err := newEvaluation(ctx, o, s)
	if err != nil {
		return Report{}, err
	}
	if err := e.run(ctx); err != nil {
		return Report{}, fmt.Errorf("replay the rules: %w", err)
	}
	r.Evaluations, r.Notes = e.evaluations(), append(r.Notes, e.notes()...)
	r.Step = e.longestStep().String()

	j := newJudging(o, s, was, e)
	if err := j.run(ctx); err != nil {
		return Report{}, fmt.Errorf("replay the watches: %w", err)
	}
	t := newTelling(s, was, o.From, o.To)
	t.alerts(j.episodes)
	t.watches(j.watches)
	t.blind(e.sights)

	r.compareAlerts(was.episodes, j.episodes, e)
	r.compareWatches(was, j.watches)
	r.compareNotices(was.deliveries, t, e)
	r.compareActs(was, j)
	r.Notes = append(r.Notes, was.notes...)
	r.conclude()
	return r, nil
}

// past is what the journal says of the time that is replayed.
type past struct {
	deploys     []watch.Deploy         // announced before To, oldest first, the last one before From of each service included
	watches     map[string]watch.Watch // by deploy
	runs        []actions.Run          // oldest first
	episodes    []rules.Alert          // that touch the time, oldest first
	deliveries  []notifiers.Delivery
	silences    []route.Silence
	maintenance []store.Maintenance // that was configured, or announced
	windows     []windows.Window
	acks        map[string][]time.Time // by alert ID
	journal     Journal
	notes       []string // what could not be read
}

// freezes gives the freezes and holds that were announced: maintenance is read from what the report counts.
func (p *past) freezes() []windows.Window {
	return slices.DeleteFunc(slices.Clone(p.windows), func(w windows.Window) bool { return w.Kind == windows.Maintenance })
}

// note keeps what a reader must know to read the result rightly.
func (p *past) note(text string) { p.notes = append(p.notes, text) }

// kindOf gives what a version that is known to be good is of. Journals of before do not say it.
func (p *past) kindOf(g store.KnownGood) watch.Kind {
	if g.Kind != "" {
		return g.Kind
	}
	for _, d := range slices.Backward(p.deploys) {
		if d.Service == g.Service && d.Environment == g.Environment && d.Version == g.Version {
			return d.Kind
		}
	}
	return ""
}

// runOf finds a recorded run.
func (p *past) runOf(is func(actions.Run) bool) *actions.Run {
	if i := slices.IndexFunc(p.runs, is); i >= 0 {
		return &p.runs[i]
	}
	return nil
}

// before is how far back of the time the journal is read: what was deployed, rolled back or
// began to fire then may matter.
const before = decide.ReleaseMemory

func readPast(ctx context.Context, j Journal, from, to time.Time) (*past, error) {
	p := &past{watches: map[string]watch.Watch{}, acks: map[string][]time.Time{}, journal: j}
	var err error
	since := from.Add(-before)
	if p.deploys, err = j.Deploys(ctx, store.DeployFilter{Since: since, Until: to, Limit: store.MaxLimit}); err != nil {
		return nil, err
	}
	ws, err := j.Watches(ctx, store.WatchFilter{Since: since, Until: to, Limit: store.MaxLimit})
	if err != nil {
		return nil, err
	}
	for _, w := range ws {
		p.watches[w.DeployID] = w
	}
	if p.runs, err = j.Runs(ctx, store.RunFilter{Since: since, Until: to, Limit: store.MaxLimit}); err != nil {
		return nil, err
	}
	eps, err := j.AlertEpisodes(ctx, store.AlertFilter{Since: since, Until: to, Limit: store.MaxLimit})
	if err != nil {
		return nil, err
	}
	for _, a := range eps {
		if a.ResolvedAt.IsZero() || a.ResolvedAt.After(from) {
			p.episodes = append(p.episodes, a)
		}
	}
	if p.deliveries, err = j.Deliveries(ctx, store.DeliveryFilter{Since: from, Until: to, Limit: store.MaxLimit}); err != nil {
		return nil, err
	}
	if p.silences, err = j.Silences(ctx, from); err != nil {
		return nil, err
	}
	if p.windows, err = j.Windows(ctx, from); err != nil {
		return nil, err
	}
	if p.maintenance, err = j.Maintenance(ctx, from, to); err != nil {
		return nil, err
	}
	slices.Reverse(p.deploys)
	slices.Reverse(p.runs)
	slices.Reverse(p.episodes)
	slices.Reverse(p.deliveries)
	sortedBy(p.deploys, func(d watch.Deploy) time.Time { return d.Announced })
	return p, p.readAcks(ctx, j, from, to)
}

// readAcks finds when people said that they are on an alert: it is not told again then.
func (p *past) readAcks(ctx context.Context, j Journal, from, to time.Time) error {
	for f := (store.AuditFilter{Since: from.Add(-before), Until: to, Limit: 10_000}); ; {
		page, err := j.Audit(ctx, f)
		if err != nil {
			return err
		}
		for _, l := range page.Lines {
			if l.What == "ack" {
				p.acks[l.Subject] = append(p.acks[l.Subject], l.At)
			}
		}
		if page.Next == "" {
			return nil
		}
		f.Before = page.Next
	}
}
