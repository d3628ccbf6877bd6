package api

import (
	"context"
	"log/slog"
	"time"

	"guardian/decide"
	"guardian/internal/alerting"
	"guardian/internal/drilling"
	"guardian/internal/flags"
	"guardian/internal/ingest"
	"guardian/internal/notify"
	"guardian/internal/quota"
	"guardian/internal/recording"
	"guardian/internal/runs"
	"guardian/internal/secret"
	"guardian/internal/series"
	"guardian/internal/server"
	"guardian/internal/store"
	"guardian/internal/watching"
	"guardian/internal/windows"
)

// Rooms are what answers.
type Rooms struct {
	Journal  *store.Store
	Series   *series.DB
	Record   *recording.Record
	Notifier *notify.Notifier
	Quotas   *quota.Quotas
	Flags    *flags.Board
	Windows  *windows.Board
	Ingest   *ingest.Receiver
}

// Options is what the back end is made of. All fields are needed.
type Options struct {
	Rooms
	Process Process
	Running func() Running
	Decider func() decide.Decider
	// Leading gives what acts; false while another guardian leads, and while this one begins to.
	Leading  func() (Leading, bool)
	LookSoon func(check string) // looks at a check without waiting for the result
	Changes  *Changes
	Redactor *secret.Redactor
	Now      func() time.Time
	Log      *slog.Logger
}

// Leading is what acts while this guardian leads.
type Leading struct {
	Leadership Leadership
	Watches    *watching.Watches
	Runs       *runs.Driver
	Alerts     *alerting.Alerts
	Drills     *drilling.Drilling
	Present    func(service string) decide.Present
}

// Leadership is the time in which this guardian leads; leadership.Leadership is one.
type Leadership interface {
	Context() context.Context
	Commit(b store.Batch) error
}

// New gives the whole back end.
func New(o Options) server.Backend {
	leader := leader(o.Leading)
	gates := gates{journal: o.Journal, running: o.Running, decider: o.Decider, leader: leader, health: o.Record.Health, now: o.Now}
	reports := &reports{journal: o.Journal, record: o.Record, running: o.Running, now: o.Now}
	watches := watches{journal: o.Journal, leader: leader, changes: o.Changes, now: o.Now}
	chat := chatActions{journal: o.Journal, notifier: o.Notifier, running: o.Running, leader: leader, now: o.Now, played: &played{}}
	listed := alerts{journal: o.Journal, notifier: o.Notifier, leader: leader, now: o.Now}
	return server.Backend{
		Tokens:   tokens{journal: o.Journal, running: o.Running, now: o.Now, log: o.Log},
		Services: services{journal: o.Journal, leader: leader, running: o.Running, record: o.Record, decider: o.Decider, gate: gates.gate, month: reports.soFar, now: o.Now},
		Gates:    gates,
		Checks:   checks{running: o.Running, record: o.Record, redactor: o.Redactor, now: o.Now},
		Looks:    looks{series: o.Series, record: o.Record},

		Deploys:    deploys{journal: o.Journal, running: o.Running, decider: o.Decider, leader: leader, watches: watches, now: o.Now},
		Watches:    watches,
		Marks:      marks{watches: watches, redactor: o.Redactor},
		Scores:     scores{journal: o.Journal},
		Runs:       runReader{journal: o.Journal, changes: o.Changes},
		RunControl: runControl{journal: o.Journal, refused: &paced{}, running: o.Running, decider: o.Decider, leader: leader, now: o.Now, log: o.Log},
		Plans:      plans{running: o.Running, decider: o.Decider, leader: leader, redactor: o.Redactor, now: o.Now},

		Alerts:   listed,
		Acks:     acks{journal: o.Journal, notifier: o.Notifier, leader: leader, now: o.Now},
		Silences: silences{journal: o.Journal, notifier: o.Notifier, now: o.Now},
		Chat:     chat,
		Commands: commands{chat},
		Intake:   intake{leader: leader},
		Routing:  routing{alerts: listed, running: o.Running, decider: o.Decider, now: o.Now},
		Rules:    ruleReader{running: o.Running, leader: leader},

		Queries:    queries{series: o.Series},
		Series:     seriesIndex{series: o.Series},
		MetricHelp: metricHelp{ingest: o.Ingest},
		Exemplars:  samples{db: o.Series},
		Federation: samples{db: o.Series},
		Storage:    samples{db: o.Series},
		Setup:      setup{running: o.Running, features: o.Series.Features, redactor: o.Redactor},
		Targets:    targets{running: o.Running, record: o.Record, redactor: o.Redactor, now: o.Now},

		Reports:    reports,
		Journal:    journal{lines: o.Journal},
		Heartbeats: heartbeats{journal: o.Journal, running: o.Running, lookSoon: o.LookSoon},
		Calls:      calls{quotas: o.Quotas},
		OnCall:     onCall{running: o.Running},
		Overrides:  overrides{journal: o.Journal, running: o.Running, reread: o.Process.RereadOverrides, now: o.Now},
		Flags:      switches{board: o.Flags, leader: leader, now: o.Now},
		Runbooks:   books{running: o.Running, decider: o.Decider, redactor: o.Redactor},
		Windows:    announced{board: o.Windows, leader: leader},
		Drills:     rehearsals{journal: o.Journal, running: o.Running, changes: o.Changes, leader: leader},
		Process:    process{Process: o.Process, journal: o.Journal, record: o.Record, running: o.Running, redactor: o.Redactor, now: o.Now},
	}
}

// leader gives what acts, if this guardian leads.
type leader func() (Leading, bool)

// required is for what only the leader may do.
func (l leader) required() (Leading, error) {
	if leading, ok := l(); ok {
		return leading, nil
	}
	return Leading{}, server.ErrStandby
}

// committer writes what every guardian may write.
type committer interface {
	Commit(ctx context.Context, token store.Fence, b store.Batch) error
}
