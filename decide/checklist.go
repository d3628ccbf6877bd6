package decide

import (
	"cmp"
	"slices"
	"time"

	"github.com/prometheus/common/model"

	"guardian/actions"
	"guardian/internal/secret"
	"guardian/watch"
)

// Checklist is what a team keeps on paper of a runbook: what starts it, what it does, who is asked,
// what keeps it from starting, and when it is over.
type Checklist struct {
	Runbook  string             `json:"runbook"`
	Triggers []ChecklistTrigger `json:"triggers"`
	Asked    ChecklistApproval  `json:"asked"`
	Limits   ChecklistLimits    `json:"limits"`
	Require  []ChecklistNumber  `json:"require"` // what must be so before the first step
	Steps    []ChecklistStep    `json:"steps"`
	Failure  string             `json:"on_failure"` // stop, continue or fallback
	Fallback []ChecklistStep    `json:"fallback"`   // after a step failed whose on_failure is fallback
	Worse    string             `json:"worse"`      // hold or undo
	Verify   ChecklistVerify    `json:"verify"`
	Freezes  []ChecklistFreeze  `json:"freezes"` // of its services, that do not allow rollbacks
}

// ChecklistTrigger is one thing that starts a runbook.
type ChecklistTrigger struct {
	// By is verdict (a deploy of Service failed), operation (an operation of Service failed and is undone)
	// or alert (one with the labels of Match fires).
	By          string            `json:"by"`
	Service     string            `json:"service,omitempty"`
	Environment string            `json:"environment,omitempty"`
	Match       map[string]string `json:"match,omitempty"`
	Mode        watch.Mode        `json:"mode"` // auto: at once; approve: after people said so; observe: it is only told
}

// ChecklistApproval is who is asked.
type ChecklistApproval struct {
	Quorum    int            `json:"quorum"`
	Roles     []string       `json:"roles"`
	Timeout   model.Duration `json:"timeout"` // 0s: for ever
	OnTimeout string         `json:"on_timeout"`
	AuthorMay bool           `json:"author_may_approve"`
}

// ChecklistLimits are the guards that count.
type ChecklistLimits struct {
	Cooldown      model.Duration `json:"cooldown"`
	MaxRunsPerDay int            `json:"max_runs_per_day"`
	BrakeServices int            `json:"brake_services"` // 0: there is no brake
	BrakeWithin   model.Duration `json:"brake_within"`
}

// ChecklistStep is one step, with its templates as they are written.
type ChecklistStep struct {
	Name       string            `json:"name"`
	Kind       string            `json:"kind"`
	Timeout    model.Duration    `json:"timeout"`
	Idempotent bool              `json:"idempotent"`
	Settings   []actions.Setting `json:"settings"`
	// Group: steps in a row of one group are done at the same time.
	Group   string   `json:"group,omitempty"`
	When    []string `json:"when,omitempty"`
	Shops   []string `json:"shops,omitempty"`      // those of them that have the version
	Failure string   `json:"on_failure,omitempty"` // "": as the runbook says
}

// ChecklistNumber is a condition: a check that is up or down, or a query within a limit.
type ChecklistNumber struct {
	Name  string         `json:"name"`
	Check string         `json:"check,omitempty"`
	Is    string         `json:"is,omitempty"` // up or down
	Query string         `json:"query,omitempty"`
	Min   *float64       `json:"min,omitempty"`
	Max   *float64       `json:"max,omitempty"`
	For   model.Duration `json:"for,omitempty"` // how long it must hold; 0s: as many looks as the verification says
}

// ChecklistVerify is when a run is over. For 0s: when its steps are done.
type ChecklistVerify struct {
	For       model.Duration `json:"for"`
	Every     model.Duration `json:"every"`
	Successes int            `json:"successes"`
	Checks    []string       `json:"checks"` // in addition to what failed

	Success []ChecklistNumber `json:"success"` // what must hold in addition
}

// ChecklistFreeze is a freeze in which a person is asked.
type ChecklistFreeze struct {
	Name string    `json:"name"`
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

// Checklist gives what the settings say about a runbook. What the redactor knows, and what looks like
// a secret, is masked.
func (s *Settings) Checklist(b *actions.RunbookSettings, r *secret.Redactor) Checklist {
	list := Checklist{
		Runbook: b.Name, Triggers: []ChecklistTrigger{}, Freezes: []ChecklistFreeze{}, Failure: b.OnFailure, Worse: b.Worse,
		Require: []ChecklistNumber{}, Steps: checklistSteps(b.Steps, ChecklistStep{}, r), Fallback: checklistSteps(b.Fallback, ChecklistStep{}, r),
		Asked:  ChecklistApproval{Quorum: b.Approval.Quorum, Roles: b.Approval.Roles, Timeout: b.Approval.Timeout, OnTimeout: b.Approval.OnTimeout, AuthorMay: b.Approval.AuthorMayApprove && b.Approval.Quorum == 1},
		Limits: ChecklistLimits{Cooldown: b.Cooldown, MaxRunsPerDay: b.MaxRunsPerDay, BrakeServices: s.Brake.MaxFailingServices, BrakeWithin: model.Duration(s.Brake.Within)},
		Verify: ChecklistVerify{For: b.Verify.For, Every: b.Verify.Every, Successes: b.Verify.Successes, Checks: append([]string{}, b.Verify.Checks...)},
	}
	services := map[string]bool{}
	for _, svc := range s.Services {
		for _, use := range []struct{ by, runbook string }{{"verdict", svc.Rollback}, {"operation", svc.Undo}} {
			if use.runbook == b.Name {
				list.Triggers = append(list.Triggers, ChecklistTrigger{By: use.by, Service: svc.Name, Environment: svc.Environment, Mode: svc.Watch.Mode})
				services[svc.Name] = true
			}
		}
	}
	for _, o := range s.OnAlert {
		if o.Runbook == b.Name {
			list.Triggers = append(list.Triggers, ChecklistTrigger{By: "alert", Match: o.Match, Mode: o.Mode})
		}
	}
	for _, q := range b.Require {
		one := numberOf(q.NumberSettings)
		if q.Check != "" {
			one.Name, one.Check, one.Is = cmp.Or(q.Name, q.Check), q.Check, q.Is
		}
		list.Require = append(list.Require, one)
	}
	list.Verify.Success = []ChecklistNumber{}
	for _, c := range b.Verify.Success {
		one := numberOf(c.NumberSettings)
		one.For = c.For
		list.Verify.Success = append(list.Verify.Success, one)
	}
	for _, f := range s.Freezes {
		if slices.Contains(f.Allow, watch.ActRollback) {
			continue
		}
		if len(f.Services) == 0 || slices.ContainsFunc(f.Services, func(name string) bool { return services[name] }) {
			list.Freezes = append(list.Freezes, ChecklistFreeze{f.Name, f.From, f.To})
		}
	}
	return list
}

// checklistSteps gives steps one after the other; of is what all of them have in common.
func checklistSteps(steps []actions.StepSettings, of ChecklistStep, r *secret.Redactor) []ChecklistStep {
	all := []ChecklistStep{}
	for i := range steps {
		st := &steps[i]
		one := of
		one.When = slices.Concat(of.When, st.When)
		one.Failure = cmp.Or(st.OnFailure, of.Failure)
		if st.IsGroup() {
			one.Group = st.Title()
			all = append(all, checklistSteps(st.Parallel, one, r)...)
			continue
		}
		one.Name, one.Kind, one.Timeout, one.Idempotent, one.Settings, one.Shops = st.Title(), st.Kind, st.Timeout, st.Idempotent, st.Written(r), st.Shops
		all = append(all, one)
	}
	return all
}

func numberOf(n actions.NumberSettings) ChecklistNumber {
	return ChecklistNumber{Name: n.Title(), Query: n.Query, Min: n.Min, Max: n.Max}
}
