package decide

import (
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
	Steps    []ChecklistStep    `json:"steps"`
	Failure  string             `json:"on_failure"` // stop or continue
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
}

// ChecklistVerify is when a run is over. For 0s: when its steps are done.
type ChecklistVerify struct {
	For       model.Duration `json:"for"`
	Every     model.Duration `json:"every"`
	Successes int            `json:"successes"`
	Checks    []string       `json:"checks"` // in addition to what failed
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
		Runbook: b.Name, Triggers: []ChecklistTrigger{}, Steps: []ChecklistStep{}, Freezes: []ChecklistFreeze{}, Failure: b.OnFailure,
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
	for _, st := range b.Steps {
		list.Steps = append(list.Steps, ChecklistStep{Name: st.Title(), Kind: st.Kind, Timeout: st.Timeout, Idempotent: st.Idempotent, Settings: st.Written(r)})
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
