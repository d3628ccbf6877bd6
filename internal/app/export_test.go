package app

import (
	"context"
	"net/http"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"guardian/actions"
	"guardian/internal/config"
	"guardian/internal/leadership"
	"guardian/internal/reason"
	"guardian/internal/series"
	"guardian/internal/server"
	"guardian/internal/store"
	"guardian/internal/watching"
	"guardian/notifiers"
	"guardian/probes/sample"
	"guardian/rules"
	"guardian/sla"
	"guardian/watch"
)

// Stepped drives a guardian by hand, at times of the test's choosing: nothing of it runs by
// itself.
type Stepped struct{ *App }

// Begin takes the lease for as long as the test lasts and goes on with what is open.
func (s Stepped) Begin(ctx context.Context) error {
	s.see(s.setup.Load())
	begun := make(chan error, 1)
	s.hold(ctx, func(l *leadership.Leadership) (leadership.Rooms, error) {
		t := &leading{Leadership: l, app: s.App}
		_, err := t.resume()
		s.acting.Store(t)
		begun <- err
		return stepped{t}, err
	})
	if err := <-begun; err != nil {
		return err
	}
	for !s.elector.Status().Leading {
		time.Sleep(time.Millisecond)
	}
	return nil
}

// see lets the rooms see by a setup, though no check looks by itself.
func (s Stepped) see(set *setup) {
	s.record.Apply(each(set.checks, recorded))
	s.paths.Apply(each(set.checks, onPath))
	s.quotas.Apply(set.budgets())
	s.series.Apply(each(set.checks, tracked), s.o.Now())
}

// stepped is what acts and tells, of which nothing runs by itself.
type stepped struct{ t *leading }

func (s stepped) Drain() {
	s.t.runs.Drain(time.Millisecond) // a step under way is left as an open intent
	s.t.writer.Save(true)
}

func (s stepped) Stop() {
	s.t.runs.Wait()
	s.t.alerts.Wait()
	s.t.loops.Wait()
}

// hold asks for the lease once.
func (s Stepped) hold(ctx context.Context, lead func(*leadership.Leadership) (leadership.Rooms, error)) {
	o := s.electorOptions(10000*time.Hour, lead)
	o.Registerer = nil // those of the App's own are there already
	s.elector = leadership.New(o)
	ctx, cancel := context.WithCancel(ctx)
	var run sync.WaitGroup
	run.Go(func() { s.elector.Run(ctx) })
	s.undo.add("stepped", func(context.Context) error { cancel(); run.Wait(); return nil })
}

// StandBy lets another guardian be the active one.
func (s Stepped) StandBy() {
	s.acting.Store(nil)
	s.held.Store(nil)
	ctx := context.Background()
	if err := s.store.Release(ctx, store.Lease{Token: s.elector.Token()}); err != nil {
		panic(err)
	}
	another, err := store.Open(ctx, store.Options{Path: filepath.Join(s.setup.Load().config.Storage.Path, "journal.db"), Now: s.o.Now})
	if err != nil {
		panic(err)
	}
	if _, _, err := another.Acquire(ctx, "another", "another", time.Hour); err != nil {
		panic(err)
	}
	if err := another.Close(); err != nil {
		panic(err)
	}
	s.hold(ctx, nil)
	for s.elector.Status().Other == nil {
		time.Sleep(time.Millisecond)
	}
}

// Look takes a sample in, as if its check had looked.
func (s Stepped) Look(x sample.Sample) { s.sink(s.paths.Correct(context.Background(), x)) }

// Tick lets the guardian see that nobody can look, and that somebody can again.
func (s Stepped) Tick() { s.acting.Load().alerts.Tick(s.o.Now()) }

// Minute does what happens each minute: last values are stamped again, rules evaluated, what
// was seen written down.
func (s Stepped) Minute(ctx context.Context) error {
	if err := s.series.Restamp(s.o.Now()); err != nil {
		return err
	}
	t := s.acting.Load()
	t.alerts.EvaluateAll(ctx)
	t.alerts.Tick(s.o.Now())
	t.writer.Save(true)
	return nil
}

// AnnounceDrill announces the deploy that the fault of a drill stands for.
func (s Stepped) AnnounceDrill(ctx context.Context, service, version string, length time.Duration) error {
	_, err := s.acting.Load().watches.Announce(ctx, watching.Announcement{
		By: store.Guardian,
		Deploy: watch.Deploy{
			Service: service, Environment: watch.DefaultEnvironment, Version: version, Kind: watch.Code, Reversible: true, At: s.o.Now(), Drill: "dr_1",
			Asked: &watch.Asked{For: length},
		},
		Answer: func(watch.Deploy, *watch.Watch, []reason.Reason) ([]byte, error) { return nil, nil },
	})
	return err
}

// TickWatches lets the watches see the time, and reads their counters.
func (s Stepped) TickWatches() {
	t := s.acting.Load()
	t.watches.Tick(s.o.Now())
	t.watches.ReadCounters(t.Context())
}

// Repeats tells again of what still fires.
func (s Stepped) Repeats() { s.acting.Load().alerts.Tick(s.o.Now()) }

// Replace swaps the configuration, as a reload does.
func (s Stepped) Replace(c *config.Config) error {
	next, err := s.build(c)
	if err != nil {
		return err
	}
	s.setup.Store(next)
	s.see(next)
	return nil
}

// Reload swaps the configuration with its rules.
func (s Stepped) Reload(c *config.Config) error {
	if err := s.Replace(c); err != nil {
		return err
	}
	s.acting.Load().alerts.Apply(c.Groups)
	return nil
}

// OpenAlerts gives the alerts that are pending or firing.
func (s Stepped) OpenAlerts() []rules.Alert { return s.acting.Load().alerts.Open() }

// Count gives the number of elements that an expression has now.
func (s Stepped) Count(ctx context.Context, expr string) (int, error) {
	v, err := s.series.Query(ctx, expr, s.o.Now())
	return len(v), err
}

// MonthReport gives the report of the running month.
func (s Stepped) MonthReport(ctx context.Context) (sla.Report, error) {
	return s.backend().Reports.Report(ctx, sla.MonthOf(s.o.Now().In(s.setup.Load().config.Location())), "")
}

// Backend gives what the pages and the API ask.
func (a *App) Backend() server.Backend { return a.backend() }

// Deliveries lists what was told, oldest first.
func (s Stepped) Deliveries(ctx context.Context) ([]string, error) {
	ds, err := s.store.Deliveries(ctx, store.DeliveryFilter{})
	var titles []string
	for _, d := range slices.Backward(ds) {
		titles = append(titles, d.Notice.Title)
	}
	return titles, err
}

// LookNow looks at a check at once, as who verifies a cure does.
func (a *App) LookNow(ctx context.Context, check string) (sample.Sample, error) {
	return a.runner.LookNow(ctx, check)
}

// InferUsage infers what is used of quotas, as happens again and again by itself.
func (a *App) InferUsage() { a.quotas.Infer(a.acting.Load().Context()) }

// Acting tells whether this guardian holds the lease and has taken over what is open.
func (a *App) Acting() bool { return a.acting.Load() != nil }

// Write keeps a counter's value of now, as remote write does.
func (a *App) Write(ctx context.Context, of map[string]string, v float64) error {
	return a.series.Append(ctx, []series.Point{{Metric: labels.FromMap(of), T: a.o.Now().UnixMilli(), F: v}})
}

// Drive lets the runs go on by themselves.
func (s Stepped) Drive() {
	t := s.acting.Load()
	t.alerts.Start()
	t.runs.Start()
}

// EndFlags records which kill switches are not set any more, as happens each second by itself.
func (s Stepped) EndFlags(ctx context.Context) { s.flags.Expire(ctx) }

// Forward lets alerts be sent to Alertmanagers by themselves.
func (s Stepped) Forward() {
	t := s.acting.Load()
	t.loops.Go(func() { s.forwarder.Run(t.Context()) })
}

// Handler answers the requests of the API and the pages.
func (s Stepped) Handler() http.Handler { return s.server }

// End ends the leadership and the process in order.
func (s Stepped) End() error { return s.Stop(context.Background()) }

// SelfCheck measures the guardian once, and tells what people must hear.
func (s Stepped) SelfCheck(ctx context.Context) { s.checker.Step(ctx) }

// LoseJournal ends the journal under the guardian.
func (s Stepped) LoseJournal() error { return s.store.Close() }

// Deliver marks what waits in the outbox as delivered.
func (s Stepped) Deliver(ctx context.Context) error {
	ds, err := s.store.Deliveries(ctx, store.DeliveryFilter{Open: true})
	for i := range ds {
		ds[i].State, ds[i].Updated = notifiers.Delivered, s.o.Now()
	}
	if err != nil || len(ds) == 0 {
		return err
	}
	return s.store.Commit(ctx, s.token(), store.Batch{Deliveries: ds})
}

// LinksOf gives the links that a receiver's message gets.
func (a *App) LinksOf(receiver string, d notifiers.Delivery) []notifiers.Link {
	if links := a.setup.Load().receivers.Queued[receiver].Actions; links != nil {
		return links(d)
	}
	return nil
}

// Tell records a message about an alert that was just delivered, and gives its delivery's ID.
func (s Stepped) Tell(alert string) (string, error) {
	id, now := store.NewID("q_"), s.o.Now().UTC()
	return id, s.acting.Load().Commit(store.Batch{Deliveries: []notifiers.Delivery{{
		ID: id, Receiver: "group", State: notifiers.Delivered, Updated: now,
		Notice: notifiers.Notice{ID: store.NewID("n_"), Kind: "alert", Alerts: []string{alert}, Created: now},
	}}})
}

// LookAt looks at a check of the configuration now, and takes in what it sees.
func (s Stepped) LookAt(ctx context.Context, check string) sample.Sample {
	for _, c := range s.setup.Load().checks {
		if c.Name == check {
			x := sample.Sample{Check: c.Name, Kind: c.Kind, Service: c.Service, Labels: c.Labels, At: s.o.Now(), Observation: c.Probe.Look(ctx)}
			s.Look(x)
			return x
		}
	}
	panic("there is no check " + check)
}

// Sighted gives what was recorded of a target.
func (s Stepped) Sighted(ctx context.Context, asked actions.Sighting) (actions.Sighting, bool, error) {
	return s.store.Sighted(ctx, asked)
}
