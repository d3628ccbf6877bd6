package store

import (
	"context"
	"fmt"
	"time"

	"guardian/actions"
	"guardian/internal/drills"
	"guardian/probes/sample"
	"guardian/rules"
	"guardian/sla"
	"guardian/watch"
)

// Deploys returns deploys, newest first.
func (s *Store) Deploys(ctx context.Context, f DeployFilter) ([]watch.Deploy, error) {
	q := &query{table: "deploys", order: "at DESC, id DESC"}
	is(q, "id", f.ID)
	is(q, "service", f.Service)
	is(q, "environment", f.Environment)
	is(q, "version", f.Version)
	q.between("at", f.Since, f.Until)
	q.atMost(f.Limit)
	return list[watch.Deploy](ctx, s, q)
}

// DeployByVersion returns the newest deploy of a version; false if there is none.
func (s *Store) DeployByVersion(ctx context.Context, service, environment, version string) (watch.Deploy, bool, error) {
	q := &query{table: "deploys", order: "at DESC, id DESC"}
	q.and("service = ?", text(service))
	q.and("environment = ?", text(environment))
	q.and("version = ?", text(version))
	return first[watch.Deploy](ctx, s, q)
}

// Watches returns watches, newest first.
func (s *Store) Watches(ctx context.Context, f WatchFilter) ([]watch.Watch, error) {
	q := &query{table: "watches", order: "started DESC, id DESC"}
	is(q, "id", f.ID)
	is(q, "deploy", f.Deploy)
	is(q, "service", f.Service)
	is(q, "environment", f.Environment)
	is(q, "state", f.State)
	q.only("is_open", f.Open)
	q.between("started", f.Since, f.Until)
	q.atMost(f.Limit)
	return list[watch.Watch](ctx, s, q)
}

// Watch returns one watch, or ErrNotFound.
func (s *Store) Watch(ctx context.Context, id string) (watch.Watch, error) {
	return byID[watch.Watch](ctx, s, "watches", id)
}

// KnownGoods returns the known good versions of a service, most recently confirmed first.
func (s *Store) KnownGoods(ctx context.Context, service, environment string) ([]KnownGood, error) {
	q := &query{table: "known_goods", order: "at DESC, version DESC"}
	q.and("service = ?", text(service))
	q.and("environment = ?", text(environment))
	return list[KnownGood](ctx, s, q)
}

// Runs returns runs, newest first.
func (s *Store) Runs(ctx context.Context, f RunFilter) ([]actions.Run, error) {
	q := &query{table: "runs", order: "created DESC, id DESC"}
	is(q, "id", f.ID)
	is(q, "service", f.Service)
	is(q, "environment", f.Environment)
	is(q, "runbook", f.Runbook)
	is(q, "deploy", f.Deploy)
	is(q, "watch", f.Watch)
	is(q, "alert", f.Alert)
	is(q, "trigger_kind", f.Trigger)
	is(q, "state", f.State)
	q.only("is_open", f.Open)
	q.only("is_rollback", f.Rollbacks)
	q.between("created", f.Since, f.Until)
	q.atMost(f.Limit)
	return list[actions.Run](ctx, s, q)
}

// Run returns one run, or ErrNotFound.
func (s *Store) Run(ctx context.Context, id string) (actions.Run, error) {
	return byID[actions.Run](ctx, s, "runs", id)
}

// Drills returns drills, newest first.
func (s *Store) Drills(ctx context.Context, f DrillFilter) ([]drills.Drill, error) {
	q := &query{table: "drills", order: "started DESC, id DESC"}
	is(q, "name", f.Name)
	is(q, "service", f.Service)
	q.only("is_open", f.Open)
	q.between("started", f.Since, f.Until)
	q.atMost(f.Limit)
	return list[drills.Drill](ctx, s, q)
}

// Drill returns one drill, or ErrNotFound.
func (s *Store) Drill(ctx context.Context, id string) (drills.Drill, error) {
	return byID[drills.Drill](ctx, s, "drills", id)
}

// byID reads the fact with this ID.
func byID[T any](ctx context.Context, s *Store, table, id string) (T, error) {
	q := &query{table: table, order: "id"}
	q.and("id = ?", text(id))
	fact, ok, err := first[T](ctx, s, q)
	if err == nil && !ok {
		err = fmt.Errorf("%s: %w", id, ErrNotFound)
	}
	return fact, err
}

// Entries returns a run's ledger, oldest first.
func (s *Store) Entries(ctx context.Context, run string) ([]actions.Entry, error) {
	q := &query{table: "ledger", order: "seq"}
	q.and("run = ?", text(run))
	return list[actions.Entry](ctx, s, q)
}

// Alerts returns alerts in their latest state, newest first.
func (s *Store) Alerts(ctx context.Context, f AlertFilter) ([]rules.Alert, error) {
	return s.alerts(ctx, "alerts", "active_at", f)
}

// AlertEpisodes returns every episode in which an alert fired, newest first.
func (s *Store) AlertEpisodes(ctx context.Context, f AlertFilter) ([]rules.Alert, error) {
	return s.alerts(ctx, "alert_episodes", "fired_at", f)
}

func (s *Store) alerts(ctx context.Context, table, when string, f AlertFilter) ([]rules.Alert, error) {
	q := &query{table: table, order: when + " DESC, id DESC"}
	is(q, "id", f.ID)
	is(q, "service", f.Service)
	q.only("is_open", f.Open)
	q.between(when, f.Since, f.Until)
	q.atMost(f.Limit)
	return list[rules.Alert](ctx, s, q)
}

// Intervals returns the intervals that overlap [from, to), by check and oldest first.
func (s *Store) Intervals(ctx context.Context, from, to time.Time) ([]sla.Interval, error) {
	q := &query{table: "intervals", order: "check_name, from_at"}
	q.overlap(from, to)
	return list[sla.Interval](ctx, s, q)
}

// FirstInterval tells when the first interval of a check begins that the journal has; zero: it has none.
func (s *Store) FirstInterval(ctx context.Context, check string) (time.Time, error) {
	at, err := column[int64](ctx, s, "SELECT from_at FROM intervals WHERE check_name = $1 ORDER BY from_at LIMIT 1", text(check))
	if err != nil || len(at) == 0 {
		return time.Time{}, err
	}
	return time.Unix(0, at[0]).UTC(), nil
}

// LastIntervals returns the newest interval of each check.
func (s *Store) LastIntervals(ctx context.Context) (map[string]sla.Interval, error) {
	intervals, err := documents[sla.Interval](ctx, s, `SELECT i.doc FROM intervals i JOIN
		(SELECT check_name, MAX(from_at) AS last FROM intervals GROUP BY check_name) l
		ON i.check_name = l.check_name AND i.from_at = l.last`)
	if err != nil {
		return nil, s.explain("read intervals of the journal", err)
	}
	byCheck := make(map[string]sla.Interval, len(intervals))
	for _, i := range intervals {
		byCheck[i.Check] = i
	}
	return byCheck, nil
}

// Rollups returns the hours that start in [from, to), by check and oldest first.
func (s *Store) Rollups(ctx context.Context, from, to time.Time) ([]sla.Rollup, error) {
	q := &query{table: "rollups", order: "check_name, hour"}
	q.between("hour", from, to)
	return list[sla.Rollup](ctx, s, q)
}

// RollupsOf returns the rollups of one check whose hour begins in [from, to), oldest first.
func (s *Store) RollupsOf(ctx context.Context, check string, from, to time.Time) ([]sla.Rollup, error) {
	q := &query{table: "rollups", order: "hour"}
	is(q, "check_name", check)
	q.between("hour", from, to)
	return list[sla.Rollup](ctx, s, q)
}

// CheckStates returns the latest state of each check.
func (s *Store) CheckStates(ctx context.Context) (map[string]CheckState, error) {
	states, err := list[CheckState](ctx, s, &query{table: "check_states", order: "check_name"})
	if err != nil {
		return nil, err
	}
	byCheck := make(map[string]CheckState, len(states))
	for _, c := range states {
		byCheck[c.Check] = c
	}
	return byCheck, nil
}

// Failures returns the latest looks of each check that were not up, newest first.
func (s *Store) Failures(ctx context.Context) (map[string][]sample.Sample, error) {
	all, err := list[sample.Sample](ctx, s, &query{table: "failures", order: "check_name, at DESC"})
	if err != nil {
		return nil, err
	}
	byCheck := map[string][]sample.Sample{}
	for _, f := range all {
		byCheck[f.Check] = append(byCheck[f.Check], f)
	}
	return byCheck, nil
}

// Maintenance returns the windows that overlap [from, to), oldest first.
func (s *Store) Maintenance(ctx context.Context, from, to time.Time) ([]Maintenance, error) {
	q := &query{table: "maintenance", order: "from_at, id"}
	q.overlap(from, to)
	return list[Maintenance](ctx, s, q)
}

// overlap selects rows whose [from_at, to_at) overlaps [from, to).
func (q *query) overlap(from, to time.Time) {
	if !from.IsZero() {
		q.and("to_at > ?", nanos(from))
	}
	if !to.IsZero() {
		q.and("from_at < ?", nanos(to))
	}
}
