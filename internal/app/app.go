package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"guardian/actions"
	"guardian/actions/kinds"
	"guardian/internal/api"
	"guardian/internal/calendars"
	"guardian/internal/chatops"
	"guardian/internal/clock"
	"guardian/internal/config"
	"guardian/internal/flags"
	"guardian/internal/forward"
	"guardian/internal/history"
	"guardian/internal/ingest"
	"guardian/internal/leadership"
	"guardian/internal/netpath"
	"guardian/internal/notify"
	"guardian/internal/orders"
	"guardian/internal/quota"
	"guardian/internal/recording"
	"guardian/internal/secret"
	"guardian/internal/selfcheck"
	"guardian/internal/series"
	"guardian/internal/server"
	"guardian/internal/store"
	"guardian/internal/windows"
	"guardian/notifiers"
	"guardian/oncall"
	"guardian/probes"
	"guardian/probes/sample"
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

	Now func() time.Time // nil: a clock of the process that does not jump
	// Wall is the machine's clock, which people and time servers set; the process's own clock
	// follows it slowly. nil: time.Now. It is not read when Now is given.
	Wall func() time.Time
	// Drain is how long Stop waits for a step under way and for notices; default 30s.
	Drain time.Duration
}

// App is one guardian: what it is made with and of, how it is now, and what ends it.
type App struct {
	o Options
	tools
	identity
	storage
	rooms
	outlets
	state
	lifetime
}

// tools are what everything is built with.
type tools struct {
	log      *slog.Logger
	now      func() time.Time
	wall     func() time.Time // the machine's clock; nil when the process was given its time
	redactor *secret.Redactor
	registry *prometheus.Registry
	metrics  *metrics
}

// identity is how others know this guardian.
type identity struct {
	holder     string // in the lease
	advertised string // address at which another guardian of the journal reaches it
	started    time.Time
}

// storage is where facts are kept.
type storage struct {
	store     *store.Store
	series    *series.DB
	data      selfcheck.Files
	overflows overflows
	// ownLinkKey signs the links in messages where the configuration has no key for that.
	ownLinkKey secret.Secret
}

// rooms are the parts that do the work; see docs/architecture.md.
type rooms struct {
	runner    *probes.Runner
	paths     *netpath.Paths
	quotas    *quota.Quotas
	record    *recording.Record
	orders    *orders.Journal
	history   history.History
	engine    *actions.Engine
	notifier  *notify.Notifier
	elector   *leadership.Elector
	ingest    *ingest.Receiver
	server    *server.Server
	calendars *calendars.Calendars
	flags     *flags.Board
	windows   *windows.Board
	checker   *selfcheck.Checker
}

// outlets are the parts through which others hear of what happens.
type outlets struct {
	dispatcher *notifiers.Dispatcher
	direct     *notify.Direct
	forwarder  *forward.Forwarder
}

// state is how the guardian is now.
type state struct {
	setup      atomic.Pointer[setup]
	held       atomic.Pointer[leading] // set while the lease is held
	acting     atomic.Pointer[leading] // set once everything that is open was taken over
	loadError  atomic.Pointer[string]
	storeError atomic.Pointer[string]
	roster     atomic.Pointer[oncall.Roster]
	overrides  atomic.Pointer[[]oncall.Made]
	changes    api.Changes
	reloading  sync.Mutex
	rostering  sync.Mutex
	rereading  sync.Mutex
}

// lifetime is what was begun and must end.
type lifetime struct {
	listener net.Listener
	undo     undo
	loops    sync.WaitGroup
	cancel   context.CancelFunc
	drain    time.Duration // how long a step under way and notices are waited for
}

// New builds everything and binds the port; it starts nothing. When it fails, nothing is
// left behind.
func New(ctx context.Context, o Options) (_ *App, err error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Wall == nil {
		o.Wall = time.Now
	}
	wall := o.Wall
	if o.Now == nil {
		o.Now = clock.New(time.Now, o.Wall, o.Log).Now
	} else {
		wall = nil
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
	a := &App{
		o: o, tools: tools{log: o.Log, now: o.Now, wall: wall, redactor: o.Redactor, registry: prometheus.NewRegistry()},
		identity: identity{holder: newHolder(), started: o.Now()}, lifetime: lifetime{drain: o.Drain},
	}
	defer func() {
		if err != nil {
			stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
			defer cancel()
			err = errors.Join(err, a.undo.run(stop))
		}
	}()
	c, err := o.Load()
	if err != nil {
		return nil, err
	}
	a.warnOfWhatCannotWork(c)
	a.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	a.metrics = newMetrics(a.registry, o.Version)

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
	a.ingest = a.newIngest()
	if a.server, err = server.New(server.Options{
		Backend: a.backend(), ExternalURL: a.externalURL(c), Language: c.Server.Language, Location: c.Location(),
		Now: a.now, Log: a.log, Redactor: a.redactor, Registerer: a.registry, Gatherer: a.registry,
		RemoteWrite: a.ingest.From, Active: func() (bool, string) { return a.elector.LeaderAddress() }, TrustedProxies: c.Server.Proxies(), SessionKey: a.linkKey(c).For("sessions"),
	}); err != nil {
		return nil, err
	}
	a.undo.add("pages", func(context.Context) error { return a.server.Close() })
	a.setup.Store(s)
	a.updateRoster()
	return a, nil
}

// openStorage opens the series and the journal.
func (a *App) openStorage(ctx context.Context, c *config.Config) error {
	if err := os.MkdirAll(c.Storage.Path, 0o750); err != nil {
		return fmt.Errorf("storage.path: %w; choose a folder that this user may write", err)
	}
	var err error
	// The series first: their lock keeps a second process out before it touches the journal.
	if a.series, err = series.Open(series.Options{
		Dir: filepath.Join(c.Storage.Path, "series"), Retention: time.Duration(c.Storage.Retention.Samples),
		MaxSeries: c.Server.Limits.Series, QueryTimeout: time.Duration(c.Server.Limits.QueryTimeout), QueryMaxSamples: c.Server.Limits.QuerySamples,
		SourceSeries: map[series.Source]int{
			series.Scraped: c.Server.Limits.Scraped, series.Computed: c.Server.Limits.Computed, series.RemoteWrite: c.Server.Limits.Ingested,
		},
		Exemplars: c.Storage.Exemplars,
		Log:       a.log, Registerer: a.registry,
	}); err != nil {
		return fmt.Errorf("series: %w", err)
	}
	a.undo.add("series", func(context.Context) error { return a.series.Close() })
	if a.store, err = store.Open(ctx, store.Options{
		Path: filepath.Join(c.Storage.Path, "journal.db"), Postgres: c.Storage.Postgres,
		Redactor: a.redactor, Log: a.log, Registerer: a.registry, Now: a.now, ForLife: true,
	}); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	a.undo.add("journal", func(context.Context) error { return a.store.Close() })
	a.data = selfcheck.OpenedFiles(c.Storage.Path)
	if a.ownLinkKey, err = chatops.OpenKey(c.Storage.Path); err != nil {
		return fmt.Errorf("the key of links in messages: %w", err)
	}
	a.redactor.Learn(a.ownLinkKey)
	if err := a.secure(ctx, c); err != nil {
		return err
	}
	return a.compareLinkKey(ctx, c)
}

// buildRooms builds what tells, acts and looks, and the setup that they run.
func (a *App) buildRooms(c *config.Config) (*setup, error) {
	a.notifier, a.history = a.newNotifier(), a.newHistory()
	a.orders, a.calendars, a.flags, a.windows = a.newOrders(), a.newCalendars(c), a.newFlags(), a.newWindows()
	a.checker, a.direct = a.newChecker(), a.newDirect()
	s, err := a.build(c)
	if err != nil {
		return nil, err
	}
	if a.dispatcher, err = notifiers.NewDispatcher(notifiers.Options{
		Receivers: s.receivers.Queued, Outbox: store.Outbox{Store: a.store, Fence: a.token}, Log: a.log, Registerer: a.registry,
		Redactor: a.redactor, Now: a.now,
		MaySend: a.mayAct,
		// What was silenced after it was queued is not sent any more. Notices about alerts are: the
		// notification log says that they were, so that nobody would hear of the alert afterwards.
		Drop: func(d notifiers.Delivery) string {
			if d.Notice.Kind == "alert" {
				return ""
			}
			return a.notifier.Suppressed(d.Notice.Kind, d.Notice.Labels).String()
		},
		OnGiveUp: func(d notifiers.Delivery, to string) notifiers.Notice {
			n := a.notices().For(to).GivenUp(d, a.now())
			n.ID, n.Created = store.NewID("n_"), a.now()
			return n
		},
		OnQuota: func(u notifiers.Usage, to string) notifiers.Notice {
			n := a.notices().For(to).QuotaUsed(u, a.now())
			n.ID, n.Created = store.NewID("n_"), a.now()
			return n
		},
	}); err != nil {
		return nil, err
	}
	if a.engine, err = actions.NewEngine(actions.Options{
		Runbooks: func(name string) (*actions.Runbook, bool) { return a.setup.Load().book(name) },
		Ledger:   ledger{a}, Verifier: verifier{a}, Now: a.now, Log: a.log, Registerer: a.registry,
		LeaseValid: a.mayAct,
	}); err != nil {
		return nil, err
	}
	a.elector = leadership.New(a.electorOptions(time.Duration(c.Storage.Lease), a.lead))
	a.record = recording.New(recording.Options{Journal: a.store, Now: a.now, Log: a.log, Registerer: a.registry})
	a.forwarder = a.newForwarder()
	a.quotas = quota.New(quota.Options{
		Series: a.series, Now: a.now, Log: a.log, Registerer: a.registry,
		OnWritten: func(points []series.Point) {
			if t := a.acting.Load(); t != nil {
				t.alerts.Arrived(points)
			}
		},
	})
	a.paths = netpath.New(netpath.Options{
		Now: a.now, Registerer: a.registry,
		Look: func(ctx context.Context, check string) (sample.Sample, error) { return a.runner.LookNow(ctx, check) },
	})
	a.runner = probes.NewRunner(probes.RunnerOptions{
		Log: a.log, Registerer: a.registry, Now: a.now, OnSample: a.sink, Redactor: a.redactor, Budget: a.quotas, Drain: a.drain,
		Correct: func(ctx context.Context, s sample.Sample) sample.Sample {
			return a.quotas.Forecast(a.paths.Correct(ctx, s))
		},
	})
	return s, nil
}

// listen binds the port, so that two guardians with one address cannot both start.
func (a *App) listen(ctx context.Context, c *config.Config) error {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", c.Server.Listen)
	if err != nil {
		return fmt.Errorf("server.listen: %w; is another guardian running on %s?", err, c.Server.Listen)
	}
	a.listener = l
	a.undo.add("port", func(context.Context) error {
		if err := l.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			return err
		}
		return nil
	})
	a.advertised = a.bound(c, c.Server.AdvertiseURL)
	return nil
}

// bound gives an address of the configuration with the port that was bound, where the
// configuration leaves the choice to the machine (port 0).
func (a *App) bound(c *config.Config, url string) string {
	if base, ok := strings.CutSuffix(strings.TrimRight(url, "/"), c.Server.Listen); ok && a.listener != nil {
		return base + a.listener.Addr().String()
	}
	return strings.TrimRight(url, "/")
}

// externalURL is where people reach the pages: links in notices begin with it.
func (a *App) externalURL(c *config.Config) string { return a.bound(c, c.Server.ExternalURL) }

// Addr is the address that the guardian listens on, as host:port.
func (a *App) Addr() string { return a.listener.Addr().String() }

// URL is where people reach the pages.
func (a *App) URL() string { return a.externalURL(a.setup.Load().config) }

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
	a.loops.Go(func() { a.restampLoop(ctx) })
	a.loops.Go(func() { a.calendars.Run(ctx) })
	a.loops.Go(func() { a.overridesLoop(ctx) })
	a.loops.Go(func() { a.flags.Run(ctx) })
	a.loops.Go(func() { a.windows.Run(ctx) })
	a.loops.Go(func() { a.checker.Run(ctx) })
	a.undo.add("checks", func(ctx context.Context) error { return a.runner.Stop(ctx) })
	a.swap(a.setup.Load())
	a.metrics.reloaded(nil, a.now())
	a.startServing()
	a.loops.Go(func() { a.elector.Run(ctx) })
	return nil
}

func (a *App) startServing() {
	srv := &http.Server{
		Handler: a.server, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: 64 << 10, ConnState: server.NewConnections().Changed, ErrorLog: slog.NewLogLogger(a.log.Handler(), slog.LevelDebug),
	}
	a.undo.add("pages and API", func(ctx context.Context) error {
		a.changes.Close() // answers that are held end now
		short, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		if err := srv.Shutdown(short); err != nil {
			return srv.Close()
		}
		return nil
	})
	tls := a.setup.Load().config.Server.TLS
	a.loops.Go(func() {
		var err error
		if tls != nil {
			err = srv.ServeTLS(a.listener, tls.Cert, tls.Key)
		} else {
			err = srv.Serve(a.listener)
		}
		if !errors.Is(err, http.ErrServerClosed) {
			a.log.Error("serving pages and API ended", "error", err)
		}
	})
}

// Stop ends everything in order: pages, looks, then what acts (a step under way comes to its
// end, within the drain) and tells, and gives the lease back. It may be called again.
func (a *App) Stop(ctx context.Context) error { return a.undo.run(ctx) }

// sink takes every sample, in the goroutine of its check.
func (a *App) sink(s sample.Sample) {
	arrived := a.now()
	a.record.Add(s)
	written, err := a.series.AppendSample(s)
	if err != nil {
		a.log.Debug("a sample was not taken", "check", s.Check, "error", err)
	}
	if t := a.acting.Load(); t != nil {
		t.watches.Observe(s, arrived)
		t.alerts.Arrived(written)
	}
}

// token is the fencing token of now; zero, which the journal refuses, on standby.
func (a *App) token() store.Fence { return a.elector.Token() }

// mayAct tells whether this guardian is still the one to act and tell.
func (a *App) mayAct() bool { return a.elector.MayAct() }

// noteCommit remembers whether the journal takes writes.
func (a *App) noteCommit(err error) {
	if errors.Is(err, store.ErrFenced) {
		return // it was refused before anything was written: that shows nothing
	}
	if err == nil || errors.Is(err, store.ErrAlreadyRun) || errors.Is(err, store.ErrIdempotent) {
		a.storeError.Store(nil)
		return
	}
	text := a.redactor.Redact(err.Error())
	a.storeError.Store(&text)
}

// newHolder names this process among those that share a journal.
func newHolder() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown-host"
	}
	return fmt.Sprintf("%s/%d/%s", host, os.Getpid(), ulid.Make().String()[18:])
}
