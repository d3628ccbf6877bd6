package server_test

import (
	"context"
	"slices"
	"time"

	"guardian/internal/drills"
	"guardian/internal/reason"
	"guardian/internal/server"
)

// rehearsed are drills of one plan: one passed, and one before it failed and left its service broken.
func rehearsed(now time.Time) []drills.Drill {
	at := func(ago, after time.Duration) time.Time { return now.Add(-ago).Add(after) }
	const hours = 50 * time.Hour
	good := drills.Drill{
		ID: "dr_2", Name: "order-sync-weekly", Service: "order-sync", Environment: "staging", Runbook: "order-sync-back", Version: "drill-20261120-100000", Previous: "v1.3.8",
		By: "wang.fang", Started: at(hours, 0), Ended: at(hours, 49*time.Second), Phase: drills.Over, Result: drills.Passed,
		Deploy: "d_5", Watch: "w_5", InjectRun: "r_1", Rollback: "r_2", RestoreRun: "r_1", Objective: 5 * time.Minute, Within: 30 * time.Minute,
		Stages: drills.Stages{
			Announced: at(hours, 0), Begun: at(hours, 20*time.Millisecond), Injected: at(hours, 1200*time.Millisecond), Failing: at(hours, 3400*time.Millisecond),
			Verdict: at(hours, 18*time.Second), FirstStep: at(hours, 18*time.Second+7*time.Millisecond), LastStep: at(hours, 31*time.Second), Cured: at(hours, 47*time.Second), Restored: at(hours, 49*time.Second),
		},
	}
	bad := good
	bad.ID, bad.By, bad.Started, bad.Ended = "dr_1", "", at(220*time.Hour, 0), at(219*time.Hour, 0)
	bad.Result, bad.Rollback, bad.LeftBroken = drills.Failed, "", true
	bad.Reason = reason.Join(reason.New("drill_not_found", "after", 30*time.Minute), reason.New("drill_not_restored", "run", "r_1", "why", reason.New("run_steps_failed", "steps", []string{"restore"})))
	bad.Stages = drills.Stages{Announced: bad.Started, Begun: bad.Started, Injected: bad.Started.Add(time.Second)}
	return []drills.Drill{good, bad}
}

func (m *memory) plan() drills.Plan {
	return drills.Plan{
		Name: "order-sync-weekly", Service: "order-sync", Environment: "staging", Runbook: "order-sync-back",
		Objective: 5 * time.Minute, Within: 30 * time.Minute, Overdue: 35 * 24 * time.Hour,
		Next: func(after time.Time) time.Time { return after.Add(70 * time.Hour) },
	}
}

// DrillPlans implements server.Drills.
func (m *memory) DrillPlans(context.Context) (_ []drills.Standing, err error) {
	defer m.lock(&err)()
	return []drills.Standing{drills.Stand(m.plan(), m.drills)}, err
}

// DrillList implements server.Drills.
func (m *memory) DrillList(_ context.Context, f server.DrillFilter) (all []drills.Drill, err error) {
	defer m.lock(&err)()
	for _, d := range m.drills {
		if (f.Name == "" || d.Name == f.Name) && (f.Service == "" || d.Service == f.Service) && !d.Started.Before(f.Since) {
			all = append(all, d)
		}
	}
	return all, err
}

// Drill implements server.Drills.
func (m *memory) Drill(_ context.Context, id string, _ time.Duration) (_ drills.Drill, err error) {
	defer m.lock(&err)()
	if i := slices.IndexFunc(m.drills, func(d drills.Drill) bool { return d.ID == id }); i >= 0 {
		return m.drills[i], err
	}
	return drills.Drill{}, &server.NotFoundError{What: "drill", Name: id}
}

// StartDrill implements server.Drills.
func (m *memory) StartDrill(_ context.Context, of string, by server.Caller) (_ drills.Drill, err error) {
	defer m.acts(&err)()
	p := m.plan()
	switch {
	case err != nil:
		return drills.Drill{}, err
	case !slices.Contains([]string{p.Name, p.Service, p.Runbook}, of):
		return drills.Drill{}, &server.NotFoundError{What: "drill", Name: of, Known: []string{p.Name}}
	case len(m.drills) > 0 && m.drills[0].Open():
		return drills.Drill{}, server.Refuse(server.ErrConflict, "the drill %s does not begin: it is under way", p.Name)
	}
	d := drills.Drill{ID: "dr_3", Name: p.Name, Service: p.Service, Environment: p.Environment, Runbook: p.Runbook, By: by.Name, Started: m.now, Phase: drills.Announcing, Objective: p.Objective}
	m.drills = append([]drills.Drill{d}, m.drills...)
	m.note(by, d.Service, "drill_begun", d.ID, reason.Reason{})
	return d, nil
}
