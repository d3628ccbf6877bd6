package api

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"guardian/actions"
	"guardian/internal/config"
	"guardian/internal/drills"
	"guardian/internal/store"
	"guardian/sla"
	"guardian/watch"
)

// reports implements server.Reports by the journal and what the record has not saved yet.
type reports struct {
	journal reportJournal
	record  interface {
		LatestIntervals(saved []sla.Interval) []sla.Interval
	}
	running func() Running
	now     func() time.Time
	month   atomic.Pointer[runningMonth]
}

type reportJournal interface {
	Intervals(ctx context.Context, from, to time.Time) ([]sla.Interval, error)
	FirstInterval(ctx context.Context, check string) (time.Time, error)
	Maintenance(ctx context.Context, from, to time.Time) ([]store.Maintenance, error)
	Runs(ctx context.Context, f store.RunFilter) ([]actions.Run, error)
	Deploys(ctx context.Context, f store.DeployFilter) ([]watch.Deploy, error)
	Watches(ctx context.Context, f store.WatchFilter) ([]watch.Watch, error)
	Audit(ctx context.Context, f store.AuditFilter) (store.AuditPage, error)
	Drills(ctx context.Context, f store.DrillFilter) ([]drills.Drill, error)
}

// runningMonth is the report of the running month as it was a moment ago.
type runningMonth struct {
	config   *config.Config
	at       time.Time
	services map[string]sla.ServiceReport
}

// monthFresh is how old the running month may be where it is shown beside other things.
const monthFresh = 10 * time.Second

// Report implements server.Reports.
func (rs *reports) Report(ctx context.Context, period sla.Period, service string) (sla.Report, error) {
	running := rs.running()
	if service != "" {
		if _, err := running.service(service); err != nil {
			return sla.Report{}, err
		}
	}
	return rs.build(ctx, running, period, service, rs.now())
}

func (rs *reports) build(ctx context.Context, running Running, period sla.Period, service string, now time.Time) (sla.Report, error) {
	location := running.Config.Location()
	from, to := period.Bounds(location)
	facts, err := rs.facts(ctx, from, to)
	if err != nil {
		return sla.Report{}, err
	}
	facts.Services = reportServices(running, service)
	if facts.Known, err = rs.known(ctx, facts, from, to); err != nil {
		return sla.Report{}, err
	}
	return sla.Build(facts, period, now, location), nil
}

// known tells when each check looked first, as far as that matters for a period: of one that looked
// before it, any time before it will do; one that never did is not known before its end.
func (rs *reports) known(ctx context.Context, f sla.Facts, from, to time.Time) (map[string]time.Time, error) {
	first := map[string]time.Time{}
	for _, i := range f.Intervals {
		if at, ok := first[i.Check]; !ok || i.From.Before(at) {
			first[i.Check] = i.From
		}
	}
	for _, s := range f.Services {
		for _, c := range s.Checks {
			if at, ok := first[c]; ok && !at.After(from) {
				continue
			}
			before, err := rs.journal.FirstInterval(ctx, c)
			if err != nil {
				return nil, fmt.Errorf("read when check %s looked first: %w", c, err)
			}
			at, ok := first[c]
			if !ok {
				at = to
			}
			if !before.IsZero() && before.Before(at) {
				at = before
			}
			first[c] = at
		}
	}
	return first, nil
}

// soFar gives the running month's report by service. It need not be of this second.
func (rs *reports) soFar(ctx context.Context, now time.Time) (map[string]sla.ServiceReport, error) {
	running := rs.running()
	if m := rs.month.Load(); m != nil && m.config == running.Config && now.Sub(m.at) < monthFresh {
		return m.services, nil
	}
	r, err := rs.build(ctx, running, sla.MonthOf(now.In(running.Config.Location())), "", now)
	if err != nil {
		return nil, err
	}
	all := map[string]sla.ServiceReport{}
	for _, s := range r.Services {
		all[s.Name] = s
	}
	rs.month.Store(&runningMonth{config: running.Config, at: now, services: all})
	return all, nil
}

// The facts of a period begin before it: its first days may show the end of a watch or a run.
const (
	runsBefore    = 7 * 24 * time.Hour
	watchesBefore = 8 * 24 * time.Hour
	watchesAfter  = 24 * time.Hour
)

// facts reads what happened in a time.
func (rs *reports) facts(ctx context.Context, from, to time.Time) (sla.Facts, error) {
	var f sla.Facts
	saved, err := rs.journal.Intervals(ctx, from, to)
	if err != nil {
		return f, fmt.Errorf("read intervals: %w", err)
	}
	f.Intervals = rs.record.LatestIntervals(saved)
	windows, err := rs.journal.Maintenance(ctx, from, to)
	if err != nil {
		return f, fmt.Errorf("read maintenance: %w", err)
	}
	for _, w := range windows {
		f.Maintenance = append(f.Maintenance, w.Maintenance)
	}
	rehearsals, err := rs.journal.Drills(ctx, store.DrillFilter{Since: from.Add(-runsBefore), Until: to, Limit: store.MaxLimit})
	if err != nil {
		return f, fmt.Errorf("read drills: %w", err)
	}
	f.Maintenance = append(f.Maintenance, drillTimes(rehearsals, to)...)
	runs, err := rs.journal.Runs(ctx, store.RunFilter{Since: from.Add(-runsBefore), Until: to, Limit: store.MaxLimit})
	if err != nil {
		return f, fmt.Errorf("read runs: %w", err)
	}
	deploys, err := rs.journal.Deploys(ctx, store.DeployFilter{Since: from.Add(-runsBefore), Until: to, Limit: store.MaxLimit})
	if err != nil {
		return f, fmt.Errorf("read deploys: %w", err)
	}
	watches, err := rs.journal.Watches(ctx, store.WatchFilter{Since: from.Add(-watchesBefore), Until: to.Add(watchesAfter), Limit: store.MaxLimit})
	if err != nil {
		return f, fmt.Errorf("read watches: %w", err)
	}
	f.Runs, f.Deploys = runFacts(runs), deployFacts(deploys, watches, runs)
	return f, nil
}

// reportServices gives the services of a report, or the one that is asked for.
func reportServices(running Running, only string) []sla.Service {
	checks := running.checksByService()
	var all []sla.Service
	for _, svc := range running.Config.Services {
		if only != "" && svc.Name != only {
			continue
		}
		v := sla.Service{Name: svc.Name}
		if svc.Objective != nil {
			v.Objective = float64(svc.Objective.Availability)
		}
		for _, c := range checks[svc.Name] {
			if c.CountsForSLA {
				v.Checks = append(v.Checks, c.Name)
			}
		}
		all = append(all, v)
	}
	return all
}

func runFacts(runs []actions.Run) []sla.RunFact {
	all := make([]sla.RunFact, len(runs))
	for i, r := range runs {
		all[i] = sla.RunFact{
			ID: r.ID, Service: r.Service, Runbook: r.Runbook, Trigger: triggerOf(r), State: string(r.State),
			Rollback: r.Rollback, Created: r.Created, Ended: r.Ended,
		}
	}
	return all
}

// triggerOf is what started a run; a part of a drill is one of those that are left out.
func triggerOf(r actions.Run) string {
	if r.Trigger.Rehearses() {
		return string(actions.ByDrill)
	}
	return string(r.Trigger.Kind)
}

// drillTimes are the times in which drills broke their services on purpose: they are no downtime. One
// that is under way lasts until the end of what is reported.
func drillTimes(all []drills.Drill, to time.Time) (times []sla.Maintenance) {
	for _, d := range all {
		end := d.Ended
		if end.IsZero() {
			end = to
		}
		times = append(times, sla.Maintenance{Name: d.Name, Service: d.Service, From: d.Started, To: end, Announced: d.Started})
	}
	return times
}

// deployFacts joins deploys with their watches and the first rollback of each. Runs and watches
// are newest first. Faults of drills are no deploys.
func deployFacts(deploys []watch.Deploy, watches []watch.Watch, runs []actions.Run) []sla.DeployFact {
	rollbacks := map[string]*actions.Run{}
	for i := range runs {
		if r := &runs[i]; r.Rollback && r.Trigger.Deploy != "" && !r.Trigger.Rehearses() {
			rollbacks[r.Trigger.Deploy] = r
		}
	}
	watchOf := map[string]*watch.Watch{}
	for i := range watches {
		watchOf[watches[i].DeployID] = &watches[i]
	}
	all := make([]sla.DeployFact, 0, len(deploys))
	for _, d := range deploys {
		if d.Drill != "" {
			continue
		}
		v := sla.DeployFact{
			ID: d.ID, Service: d.Service, Environment: d.Environment, Version: d.Version, Author: d.Author, Kind: string(d.Kind),
			At: d.At, PutsBack: d.RollbackRun != "",
		}
		if w := watchOf[d.ID]; w != nil {
			v.Watch, v.State, v.Reason, v.WatchEnds = w.ID, string(w.State), w.Reason, w.Deadline
			if !w.Ended.IsZero() {
				v.WatchEnds = w.Ended
			}
			if w.Verdict != nil {
				v.Reason, v.DecidedAt, v.FaultSince = w.Verdict.Reason, w.Verdict.At, w.FaultSince()
			}
		}
		if r := rollbacks[d.ID]; r != nil {
			v.Run, v.RunState, v.RunStarted, v.RunEnded = r.ID, string(r.State), r.Started, r.Ended
		}
		all = append(all, v)
	}
	return all
}

// FactsRevision implements server.Reports.
func (rs *reports) FactsRevision(ctx context.Context, period sla.Period) (string, error) {
	running, now := rs.running(), rs.now()
	page, err := rs.journal.Audit(ctx, store.AuditFilter{Limit: 1})
	if err != nil {
		return "", err
	}
	newest := ""
	if len(page.Lines) > 0 {
		newest = page.Lines[0].ID
	}
	// A period that is over still changes when a run or watch of its last days ends; both
	// leave a line in the journal. A running one changes with the clock.
	clock := int64(0)
	if _, end := period.Bounds(running.Config.Location()); now.Before(end) {
		clock = now.Unix() / 30
	}
	return fmt.Sprint(period, " ", running.Loaded.UnixNano(), " ", newest, " ", clock), nil
}
