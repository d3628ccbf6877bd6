package app

import (
	"context"
	"errors"
	"slices"
	"time"

	"guardian/decide"
	"guardian/internal/announce"
	"guardian/internal/notify"
	"guardian/internal/selfcheck"
	"guardian/internal/store"
	"guardian/notifiers"
	"guardian/probes/sample"
)

func (a *App) newChecker() *selfcheck.Checker {
	return selfcheck.New(selfcheck.Options{
		Measure: a.measure, Notify: a.notifyFault, NotifyGap: a.notifyGap,
		Acts: func(faults []decide.Fault) bool {
			away := slices.ContainsFunc(faults, func(f decide.Fault) bool { return f.Name == decide.FaultJournal || f.Name == decide.FaultFolder })
			return a.acting.Load() != nil || away
		},
		Gaps: func(now time.Time) []decide.GapNews { return decide.Gaps(a.roster.Load(), now) },
		Heartbeat: func() (selfcheck.Heartbeat, bool) {
			h := a.setup.Load().config.Heartbeat
			if h == nil {
				return selfcheck.Heartbeat{}, false
			}
			return selfcheck.Heartbeat{URL: h.URL, Every: time.Duration(h.Every)}, true
		},
		UserAgent: a.userAgent(), Now: a.now, Log: a.log, Registerer: a.registry,
	})
}

func (a *App) newDirect() *notify.Direct {
	return &notify.Direct{
		Settings:  a.notices,
		Receivers: func() map[string]notifiers.Receiver { return a.setup.Load().receivers.Direct },
		Now:       a.now,
	}
}

// journalTimeout bounds what a measurement asks of the journal.
const journalTimeout = 2 * time.Second

// measure asks everybody how they are.
func (a *App) measure(ctx context.Context, now time.Time) decide.Vitals {
	s := a.setup.Load()
	var v decide.Vitals
	v.Disk.Free, v.Disk.Size = selfcheck.Disk(s.config.Storage.Path)
	v.Disk.InodesFree, v.Disk.Inodes = selfcheck.Inodes(s.config.Storage.Path)
	if a.wall != nil {
		v.ClockOff = now.Sub(a.wall())
	}
	a.measureJournal(ctx, now, &v)
	v.Folder = a.data.Gone()
	guessing := a.server.Guessing()
	v.Guessers, v.Guesses = guessing.Addresses, guessing.Wrong
	if v.Journal != "" {
		v.Down = a.down(s, now)
	}
	v.Overflows = a.overflows.measure(a.series.Overflows(), now)
	for _, schedule := range s.config.Schedules {
		for _, address := range s.config.CalendarAddresses(schedule.Name) {
			if why := a.calendars.Problem(address); !why.IsZero() {
				v.Calendar, v.CalendarWhy = schedule.Name, why
			}
		}
	}
	t := a.acting.Load()
	if t == nil {
		return v
	}
	since := t.since
	if s.loaded.After(since) {
		since = s.loaded
	}
	v.LateGroup, v.RulesLate = t.alerts.Overdue(since, now)
	v.LateCheck, v.LooksLate = a.overdueCheck(s, since, now)
	return v
}

// down names the checks that are down, after their services.
func (a *App) down(s *setup, now time.Time) []string {
	var all []string
	for _, c := range s.checks {
		if c.control || a.record.Health(c.Name, now) != sample.Down {
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

func (a *App) measureJournal(ctx context.Context, now time.Time, v *decide.Vitals) {
	ctx, cancel := context.WithTimeout(ctx, journalTimeout)
	defer cancel()
	if leader := a.elector.Status(); leader.Other == nil || now.After(leader.Other.Until) {
		v.Journal = textOf(a.storeError.Load()) // else another guardian writes, and this one cannot know
	}
	stats, err := a.store.DeliveryStats(ctx, now)
	if err != nil {
		v.Journal = a.redactor.Redact(err.Error())
		return
	}
	v.Undelivered = stats.OldestOpen
}

// overdueCheck gives the check whose look is overdue most, and by how much. Those that a budget
// may hold up are not among them.
func (a *App) overdueCheck(s *setup, since, now time.Time) (check string, by time.Duration) {
	for _, c := range s.checks {
		if c.Budgeted {
			continue
		}
		last := since
		if seen := a.record.Status(c.Name, now).Last; seen != nil && seen.At.After(since) {
			last = seen.At
		}
		due := last.Add(c.Every)
		if c.Schedule != nil {
			due = c.Schedule.Next(last)
		}
		if late := now.Sub(due.Add(c.Timeout)); late > by {
			check, by = c.Name, late
		}
	}
	return check, by
}

// notifyFault tells people of a fault: past the outbox where that cannot be relied on.
func (a *App) notifyFault(ctx context.Context, f decide.FaultNews) error {
	render := func(t announce.Renderer) notifiers.Notice { return t.Fault(f, a.now()) }
	if f.Direct() {
		return a.direct.Send(ctx, store.NewID("n_"), render)
	}
	t := a.acting.Load()
	if t == nil && f.Local() { // its outbox is the leader's
		return a.direct.Send(ctx, store.NewID("n_"), render)
	}
	if t == nil {
		return errors.New("another guardian leads")
	}
	_, err := a.notifier.Send(t, render)
	return err
}

// notifyGap tells people once that nobody is on call.
func (a *App) notifyGap(ctx context.Context, g decide.GapNews) error {
	t := a.acting.Load()
	if t == nil {
		return errors.New("another guardian leads")
	}
	before, err := a.store.Deliveries(ctx, store.DeliveryFilter{Key: g.Key(), Limit: 1})
	if err != nil || len(before) > 0 {
		return err
	}
	_, err = a.notifier.Send(t, func(w announce.Renderer) notifiers.Notice { return w.OnCallGap(g, a.now()) })
	return err
}
