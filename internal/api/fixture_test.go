package api_test

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"guardian/decide"
	"guardian/internal/announce"
	"guardian/internal/api"
	"guardian/internal/config"
	"guardian/internal/history"
	"guardian/internal/ingest"
	"guardian/internal/leadership"
	"guardian/internal/notify"
	"guardian/internal/quota"
	"guardian/internal/recording"
	"guardian/internal/secret"
	"guardian/internal/series"
	"guardian/internal/server"
	"guardian/internal/store"
	"guardian/notifiers"
	"guardian/probes"
	"guardian/probes/sample"
	"guardian/sla"
	"guardian/watch"
)

func start() time.Time { return time.Date(2026, 11, 2, 8, 0, 0, 0, time.UTC) }

const fixtureConfig = `
server: {listen: "127.0.0.1:0", timezone: Asia/Shanghai}
services:
  - {name: orders, objective: {availability: 99%}, watch: {for: 30m, mode: observe}}
  - {name: stock, environment: staging}
checks:
  - {name: push, service: orders, every: 15s, http: {url: "http://127.0.0.1:1/"}}
  - {name: read, service: orders, every: 15s, counts_for_sla: false, http: {url: "http://127.0.0.1:1/"}}
  - {name: nightly, service: stock, every: 1m, heartbeat: {period: 24h}}
rules: [rules.yaml]
`

const fixtureRules = `
groups:
  - name: shop
    rules:
      - {alert: Down, expr: 'probe_success == 0', labels: {tier: critical}}
`

// standby is the back end of a guardian that does not lead, over a real journal and real series.
type standby struct {
	server.Backend
	build              func() server.Backend
	t                  *testing.T
	now                time.Time
	journal            *store.Store
	token              store.Fence // of the guardian that leads
	series             *series.DB
	record             *recording.Record
	running            api.Running
	leader             leadership.Status
	looked             []string
	journalError, gone string
	reload             error
	warnings           config.Mistakes
	leads              bool // it holds the lease after all
	log                *slog.Logger
}

func newStandby(t *testing.T) *standby {
	t.Helper()
	dir, ctx := t.TempDir(), t.Context()
	s := &standby{t: t, now: start(), log: slog.New(slog.DiscardHandler)}
	now := func() time.Time { return s.now }
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range map[string]string{"guardian.yaml": fixtureConfig, "rules.yaml": fixtureRules} {
		must(os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	c, err := config.Load(filepath.Join(dir, "guardian.yaml"), config.Options{})
	must(err)
	decisions, err := c.Decisions()
	must(err)
	s.running = api.Running{
		Config: c, Loaded: start(), Passive: func(kind string) bool { return probes.Builtin()[kind].Passive },
		Teller: notify.Settings{Teller: announce.Renderer{Language: c.Server.Language, ExternalURL: c.Server.ExternalURL, Location: c.Location()}}.For,
	}

	s.series, err = series.Open(series.Options{Dir: filepath.Join(dir, "series"), Log: s.log})
	must(err)
	t.Cleanup(func() { _ = s.series.Close() })
	s.journal, err = store.Open(ctx, store.Options{Path: filepath.Join(dir, "journal.db"), Now: now})
	must(err)
	t.Cleanup(func() { _ = s.journal.Close() })
	lease, _, err := s.journal.Acquire(ctx, "another", "", 10000*time.Hour)
	must(err)
	s.token = lease.Token

	s.record = recording.New(recording.Options{Journal: s.journal, Now: now, Log: s.log})
	var checks []recording.Check
	for _, c := range c.Checks {
		checks = append(checks, recording.Check{Name: c.Name, Service: c.Service, Kind: c.Kind, Labels: c.Labels, Interval: time.Duration(c.Every)})
	}
	s.record.Apply(checks)
	past := history.New(history.Options{
		Journal: s.journal, Series: s.series,
		Current:  func(_ string, saved []sla.Rollup) []sla.Rollup { return saved },
		Counters: func(string) (history.Counters, error) { return s.series, nil },
	})
	notifier := notify.New(notify.Options{
		Settings: func() notify.Settings {
			return notify.Settings{Decisions: decisions, Teller: announce.Renderer{Language: "en"}}
		},
		Journal: s.journal, Wake: func(string) {}, Now: now, Log: s.log, Registerer: prometheus.NewRegistry(),
	})
	s.leader = leadership.Status{Other: &lease}
	process := api.Process{
		Version: "v1", Started: start(), Holder: "this",
		Leadership: func() leadership.Status { return s.leader },
		Receivers:  func() []notifiers.Status { return []notifiers.Status{{Receiver: "oncall", MonthCalls: 7}} },
		Reload:     func(context.Context) (config.Mistakes, error) { return s.warnings, s.reload }, ReloadError: func() string { return "" }, JournalError: func() string { return s.journalError }, Gone: func() string { return s.gone },
	}
	s.build = func() server.Backend {
		return api.New(api.Options{
			Rooms: api.Rooms{
				Journal: s.journal, Series: s.series, Record: s.record, Notifier: notifier,
				Quotas: quota.New(quota.Options{Series: s.series, Now: now}),
				Ingest: ingest.New(ingest.Options{Storage: s.series, Names: func() ingest.Names { return c.Ingested }, Now: now}),
			},
			Process: process, Running: func() api.Running { return s.running },
			Decider:  func() decide.Decider { return decide.Decider{Settings: decisions, Past: past} },
			Leading:  func() (api.Leading, bool) { return api.Leading{Leadership: s}, s.leads },
			LookSoon: func(check string) { s.looked = append(s.looked, check) },
			Changes:  &api.Changes{}, Redactor: &secret.Redactor{}, Now: now, Log: s.log,
		})
	}
	s.restart(t)
	return s
}

// restart makes the back end anew, as after a restart of the process.
func (s *standby) restart(t *testing.T) {
	t.Helper()
	s.Backend = s.build()
}

// Context implements api.Leadership.
func (s *standby) Context() context.Context { return s.t.Context() }

// Commit implements api.Leadership.
func (s *standby) Commit(b store.Batch) error {
	return s.journal.Commit(s.t.Context(), s.token, b)
}

// write commits facts as the guardian that leads.
func (s *standby) write(b store.Batch) {
	s.t.Helper()
	if err := s.journal.Commit(s.t.Context(), s.token, b); err != nil {
		s.t.Fatal(err)
	}
}

// look takes what a check saw.
func (s *standby) look(check, service string, o sample.Observation) {
	s.t.Helper()
	x := sample.Sample{Check: check, Kind: "http", Service: service, At: s.now, Duration: 200 * time.Millisecond, Observation: o}
	s.record.Add(x)
	if _, err := s.series.AppendSample(x); err != nil {
		s.t.Fatal(err)
	}
}

// watched is a watch in a state, begun a time after the start.
func watched(id, service, environment string, state watch.State, after time.Duration) watch.Watch {
	w := watch.Watch{
		ID: id, DeployID: "d" + id, Service: service, Environment: environment, State: state,
		Started: start().Add(after), Switched: start().Add(after), Deadline: start().Add(after + 30*time.Minute),
	}
	if state.Final() {
		w.Ended = start().Add(after + 10*time.Minute)
	}
	return w
}
