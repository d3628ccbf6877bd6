package selfcheck

import (
	"context"
	"time"

	"guardian/decide"
	"guardian/internal/leadership"
	"guardian/internal/reason"
	"guardian/internal/recording"
	"guardian/internal/secret"
	"guardian/internal/series"
	"guardian/internal/store"
	"guardian/probes"
	"guardian/probes/sample"
)

// Journal tells how long notices wait; store.Store does.
type Journal interface {
	DeliveryStats(ctx context.Context, since time.Time) (store.DeliveryStats, error)
}

// Series knows which sources refuse new series; series.DB does.
type Series interface {
	Overflows() map[series.Source]series.Overflow
}

// Record is what checks saw; recording.Record is one.
type Record interface {
	Health(check string, now time.Time) sample.Health
	Status(check string, now time.Time) recording.Status
}

// Rules evaluates rules; alerting.Alerts does.
type Rules interface {
	// Overdue gives the group whose evaluation is overdue most, and by how much.
	Overdue(since, now time.Time) (group string, by time.Duration)
}

// Check is a check that should look.
type Check struct {
	probes.Check
	Control bool
}

// Running is what runs.
type Running struct {
	Checks []Check
	Loaded time.Time // the configuration
	Rules  Rules     // nil: this guardian does not lead
	Leads  time.Time // since when it does
}

// MeterOptions is what a Meter asks. All fields but Wall are needed.
type MeterOptions struct {
	Files   Files
	Journal Journal
	Series  Series
	Record  Record
	Running func() Running
	// Leadership says who leads, and WriteError, redacted, why the journal takes no writes; "": it does.
	Leadership func() leadership.Status
	WriteError func() string
	// Calendar gives a schedule whose calendar cannot be read, and why; "": none.
	Calendar func() (schedule string, why reason.Reason)
	// Guesses gives the addresses that sent many wrong tokens, and how many were tried.
	Guesses func() (addresses []string, wrong int)
	// Wall is the machine's clock; nil: the time is not its.
	Wall     func() time.Time
	Redactor *secret.Redactor
}

// Meter measures the guardian: it asks everybody how they are. Use it from one goroutine.
type Meter struct {
	o         MeterOptions
	overflows overflows
}

// NewMeter makes a Meter.
func NewMeter(o MeterOptions) *Meter { return &Meter{o: o} }

// Measure gives the vitals of now.
func (m *Meter) Measure(ctx context.Context, now time.Time) decide.Vitals {
	running := m.o.Running()
	v := decide.Vitals{Folder: m.o.Files.Gone(), Overflows: m.overflows.measure(m.o.Series.Overflows(), now)}
	v.Disk.Free, v.Disk.Size = Disk(m.o.Files.Folder())
	v.Disk.InodesFree, v.Disk.Inodes = Inodes(m.o.Files.Folder())
	if m.o.Wall != nil {
		v.ClockOff = now.Sub(m.o.Wall())
	}
	m.measureJournal(ctx, now, &v)
	if v.Journal != "" {
		v.Down = m.down(running.Checks, now)
	}
	v.Calendar, v.CalendarWhy = m.o.Calendar()
	v.Guessers, v.Guesses = m.o.Guesses()
	if running.Rules == nil {
		return v // another guardian looks and evaluates
	}
	since := running.Leads
	if running.Loaded.After(since) {
		since = running.Loaded
	}
	v.LateGroup, v.RulesLate = running.Rules.Overdue(since, now)
	v.LateCheck, v.LooksLate = m.overdue(running.Checks, since, now)
	return v
}

// journalTimeout bounds what a measurement asks of the journal.
const journalTimeout = 2 * time.Second

func (m *Meter) measureJournal(ctx context.Context, now time.Time, v *decide.Vitals) {
	ctx, cancel := context.WithTimeout(ctx, journalTimeout)
	defer cancel()
	// While another guardian leads, that one writes, and this one cannot know.
	if s := m.o.Leadership(); s.Other == nil || now.After(s.Other.Until) {
		v.Journal = m.o.WriteError()
	}
	stats, err := m.o.Journal.DeliveryStats(ctx, now)
	if err != nil {
		v.Journal = m.o.Redactor.Redact(err.Error())
		return
	}
	v.Undelivered = stats.OldestOpen
}

// down names the checks that are down, after their services.
func (m *Meter) down(checks []Check, now time.Time) []string {
	var all []string
	for _, c := range checks {
		if c.Control || m.o.Record.Health(c.Name, now) != sample.Down {
			continue
		}
		name := c.Name
		if c.Service != "" {
			name = c.Service + "/" + name
		}
		all = append(all, name)
	}
	return all
}

// overdue gives the check whose look is overdue most, and by how much. Those that a budget may hold up
// are not among them.
func (m *Meter) overdue(checks []Check, since, now time.Time) (check string, by time.Duration) {
	for _, c := range checks {
		if c.Budgeted {
			continue
		}
		last := since
		if seen := m.o.Record.Status(c.Name, now).Last; seen != nil && seen.At.After(since) {
			last = seen.At
		}
		if late := now.Sub(c.Schedule.Next(last).Add(c.Timeout)); late > by {
			check, by = c.Name, late
		}
	}
	return check, by
}
