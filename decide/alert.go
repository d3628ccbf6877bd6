package decide

import (
	"slices"

	"guardian/actions"
	"guardian/internal/reason"
	"guardian/rules"
	"guardian/watch"
)

// matches tells whether on_alert binds an alert.
func (o OnAlert) matches(al rules.Alert) bool {
	for name, want := range o.Match {
		have := al.Labels[name]
		if name == "tier" {
			have = string(al.Tier)
		}
		if have != want {
			return false
		}
	}
	return true
}

// Started is a run that an alert starts.
type Started struct {
	OnAlert
	Trigger     actions.Trigger
	Symptoms    []actions.Symptom // the alert
	Service     string
	Environment string
}

// OfAlert gives the runs that a firing alert starts: at most one for each binding and firing.
// Those in mode observe are among them, and only told in the log.
func (s *Settings) OfAlert(al rules.Alert) []Started {
	env := al.Labels["environment"]
	if svc, ok := s.Service(al.Service()); ok && env == "" {
		env = svc.Environment
	}
	if env == "" {
		env = watch.DefaultEnvironment
	}
	var all []Started
	for _, o := range s.OnAlert {
		if o.matches(al) {
			all = append(all, Started{OnAlert: o, Service: al.Service(), Environment: env, Symptoms: []actions.Symptom{alertSymptom(al)}, Trigger: actions.Trigger{
				Kind: actions.ByAlert, Alert: al.ID, AlertEpisode: al.FiredAt.UnixNano(),
				Reason: reason.New("alert_fires", "alert", al.Rule, "since", al.FiredAt),
			}})
		}
	}
	return all
}

// stillStarts gives the start of a queued run as the configuration has it by now, and why it is dropped:
// its alert resolved, also when it fires anew, or no entry of on_alert starts its runbook any more.
func (s *Settings) stillStarts(run actions.Run, p Present) (st Started, no actions.Refusal) {
	st = Started{
		OnAlert: OnAlert{Runbook: run.Runbook}, Trigger: run.Trigger, Symptoms: run.Symptoms, Service: run.Service, Environment: run.Environment,
	}
	i := slices.IndexFunc(p.Alerts, func(al rules.Alert) bool {
		return al.State == rules.Firing && al.ID == run.Trigger.Alert && al.FiredAt.UnixNano() == run.Trigger.AlertEpisode
	})
	if i < 0 {
		return st, actions.NewAlertOver()
	}
	all := s.OfAlert(p.Alerts[i])
	j := slices.IndexFunc(all, func(o Started) bool { return o.Runbook == run.Runbook && o.Mode != watch.Observe })
	if j < 0 {
		return st, actions.NewNotStarted(run.Runbook)
	}
	st.OnAlert = all[j].OnAlert
	return st, no
}
