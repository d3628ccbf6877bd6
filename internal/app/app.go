package app

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"guardian/actions"
	"guardian/actions/kinds"
	"guardian/internal/api"
	"guardian/internal/calendars"
	"guardian/internal/clock"
	"guardian/internal/config"
	"guardian/internal/drift"
	"guardian/internal/drilling"
	"guardian/internal/flags"
	"guardian/internal/forward"
	"guardian/internal/history"
	"guardian/internal/ingest"
	"guardian/internal/leadership"
	"guardian/internal/netpath"
	"guardian/internal/notify"
	"guardian/internal/orders"
	"guardian/internal/present"
	"guardian/internal/quota"
	"guardian/internal/recording"
	"guardian/internal/roster"
	"guardian/internal/secret"
	"guardian/internal/selfcheck"
	"guardian/internal/series"
	"guardian/internal/server"
	"guardian/internal/store"
	"guardian/internal/windows"
	"guardian/notifiers"
	"guardian/probes"
)

// GCPercent is what a process that runs a guardian sets its garbage collector to, unless its
// environment says otherwise: a guardian has more processor than memory to spare, because
// most of what it holds lives as long as a watch.
const GCPercent = 50

// Options is what a process is made of.
type Options struct {
	// Load loads the configuration: at the start, and again at each reload.
	Load     func() (*config.Config, error)
	Redactor *secret.Redactor // the one that Load's secrets were learned by
	Log      *slog.Logger
	Version  string

	// The tables of kinds; nil: the builtin ones.
	Probes    map[string]probes.Kind
	Actions   map[string]actions.Kind
	Notifiers map[string]notifiers.Kind

	// Recorded hears of every run after each of its changes is in the journal, and before anything is done
	// about it; nil: nobody does. See actions.Options.Observer.
	Recorded func(actions.Run)

	Now func() time.Time // nil: a clock of the process that does not jump
	// Wall is the machine's clock, which people and time servers set; the process's own clock
	// follows it slowly. nil: time.Now. It is not read when Now is given.
	Wall func() time.Time
	// Drain is how long Stop waits for a step under way and for notices; default 30s.
	Drain time.Duration
}

func (o Options) withDefaults() Options {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Redactor == nil {
		o.Redactor = &secret.Redactor{}
	}
	if o.Probes == nil {
		o.Probes = probes.Builtin()
	}
	if o.Actions == nil {
		o.Actions = kinds.Builtin()
	}
	if o.Notifiers == nil {
		o.Notifiers = notifiers.Builtin()
	}
	if o.Drain == 0 {
		o.Drain = 30 * time.Second
	}
	if o.Now != nil {
		o.Wall = nil
		return o
	}
	if o.Wall == nil {
		o.Wall = time.Now
	}
	o.Now = clock.New(time.Now, o.Wall, o.Log).Now
	return o
}

func (o Options) userAgent() string { return "guardian/" + o.Version }

// App is one guardian: what it is made of, how it is now, and what ends it.
type App struct {
	o          Options
	holder     string // its name in the lease
	advertised string // where another guardian of the journal reaches it
	started    time.Time
	registry   *prometheus.Registry
	metrics    *metrics
	storage
	inputs
	facts
	effects
	edge
	state
	lifetime
}

// storage is where everything is kept.
type storage struct {
	store  *store.Store
	series *series.DB
	files  selfcheck.Files
	// ownKey signs the links in messages where the configuration has no key for that.
	ownKey secret.Secret
}

// inputs are the rooms that look, and take in what others saw.
type inputs struct {
	runner *probes.Runner
	paths  *netpath.Paths
	quotas *quota.Quotas
	record *recording.Record
	ingest *ingest.Receiver
}

// facts are the rooms that know what decisions depend on.
type facts struct {
	history   history.History
	present   present.Present
	calendars *calendars.Calendars
	roster    *roster.Keeper
	flags     *flags.Board
	windows   *windows.Board
	drift     drift.Comparer
}

// effects are the rooms that act and tell, beside those of a leadership.
type effects struct {
	elector    *leadership.Elector
	engine     *actions.Engine
	drills     *drilling.Meter
	orders     *orders.Journal
	notifier   *notify.Notifier
	dispatcher *notifiers.Dispatcher
	forwarder  *forward.Forwarder
	checker    *selfcheck.Checker
}

// edge is where people and programs reach the guardian.
type edge struct {
	port    *server.Port
	server  *server.Server
	changes api.Changes
}

// state is how the guardian is now.
type state struct {
	reloading sync.Mutex
	setup     atomic.Pointer[setup]
	loadError atomic.Pointer[string]  // of the last reload; nil: it went well
	held      atomic.Pointer[leading] // set while the lease is held
	acting    atomic.Pointer[leading] // set once everything that is open was taken over
}

// lifetime is what was begun and must end.
type lifetime struct {
	undo   undo
	loops  sync.WaitGroup
	cancel context.CancelFunc
}

// New builds everything and binds the port; it starts nothing. When it fails, nothing is
// left behind.
func New(ctx context.Context, o Options) (_ *App, err error) {
	a := &App{o: o.withDefaults(), holder: leadership.NewHolder(), registry: prometheus.NewRegistry()}
	a.started = a.o.Now()
	defer func() {
		if err != nil {
			stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
			defer cancel()
			err = errors.Join(err, a.undo.run(stop))
		}
	}()
	c, err := a.o.Load()
	if err != nil {
		return nil, err
	}
	a.logNotes(c)
	a.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	a.metrics = newMetrics(a.registry, a.o.Version)
	if err := a.openStorage(ctx, c); err != nil {
		return nil, err
	}
	if err := a.listen(ctx, c); err != nil {
		return nil, err
	}
	s, err := a.buildRooms(c)
	if err != nil {
		return nil, err
	}
	if err := a.share(ctx, s); err != nil {
		return nil, err
	}
	a.setup.Store(s)
	a.roster.Apply(c)
	return a, nil
}

// Start begins to serve, to look and to ask for the lease.
func (a *App) Start(ctx context.Context) error {
	ctx, a.cancel = context.WithCancel(context.WithoutCancel(ctx))
	// Cleanups run in reverse: pages first, then looks, then what acts and tells.
	a.undo.add("loops", func(context.Context) error {
		a.cancel()
		a.loops.Wait()
		return nil
	})
	a.loops.Go(func() { a.notifier.Run(ctx) })
	a.loops.Go(func() { a.series.Run(ctx, a.o.Now) })
	a.loops.Go(func() { a.calendars.Run(ctx) })
	a.loops.Go(func() { a.roster.Run(ctx) })
	a.loops.Go(func() { a.flags.Run(ctx) })
	a.loops.Go(func() { a.windows.Run(ctx) })
	a.loops.Go(func() { a.checker.Run(ctx) })
	a.undo.add("checks", func(ctx context.Context) error { return a.runner.Stop(ctx) })
	a.apply(a.setup.Load())
	a.metrics.reloaded(nil, a.o.Now())
	a.serve()
	a.loops.Go(func() { a.elector.Run(ctx) })
	return nil
}

// Stop ends everything in order: pages, looks, then what acts (a step under way comes to its
// end, within the drain) and tells, and gives the lease back. It may be called again.
func (a *App) Stop(ctx context.Context) error { return a.undo.run(ctx) }
