package decide

import (
	"strings"
	"time"

	"guardian/actions"
	"guardian/internal/reason"
	"guardian/internal/windows"
	"guardian/notifiers/route"
	"guardian/oncall"
	"guardian/watch"
)

// Settings is what a configuration says about decisions. It is immutable; make it with
// NewSettings.
type Settings struct {
	Services    []Service
	Checks      []Check
	Runbooks    map[string]Runbook // by name
	OnAlert     []OnAlert
	Freezes     []watch.Freeze
	Holds       []windows.Window // in which nothing is started by itself
	Brake       actions.BrakeLimit
	Maintenance []Maintenance
	Routes      *route.Tree // nil: there are no receivers
	Inhibitions *route.Inhibitions
	Escalations []oncall.Policy
	People      []oncall.Person
	Approvers   []string // names of tokens that may approve

	index
}

// index finds what the settings name.
type index struct {
	service map[string]int     // place in Services, by name
	check   map[string]int     // place in Checks, by name
	checks  map[string][]Check // by service

	controls []Check
	peers    map[string][]Check // by service
}

// NewSettings makes settings ready to be asked.
func NewSettings(s Settings) *Settings {
	s.service, s.check, s.checks = map[string]int{}, map[string]int{}, map[string][]Check{}
	for i, svc := range s.Services {
		s.service[svc.Name] = i
	}
	for i, c := range s.Checks {
		s.check[c.Check] = i
		s.checks[c.Service] = append(s.checks[c.Service], c)
		if c.Control {
			s.controls = append(s.controls, c)
		}
	}
	s.peers = map[string][]Check{}
	rehearses := map[string]bool{}
	for _, svc := range s.Services {
		rehearses[svc.Name] = svc.Rehearses
	}
	for _, svc := range s.Services {
		on := map[string]bool{}
		for _, c := range s.checks[svc.Name] {
			if m := c.Labels["marketplace"]; m != "" && c.Judges {
				on[strings.ToLower(m)] = true
			}
		}
		for _, c := range s.Checks {
			if rehearses[c.Service] && !svc.Rehearses {
				continue // what a drill breaks excuses no deploy of production
			}
			if c.Service != svc.Name && !c.Control && c.Kind != DriftKind && on[strings.ToLower(c.Labels["marketplace"])] {
				s.peers[svc.Name] = append(s.peers[svc.Name], c)
			}
		}
	}
	return &s
}

// Service is something that is deployed and can be rolled back.
type Service struct {
	Name        string
	Environment string
	Watch       watch.Settings
	Rollback    string // the runbook that puts a version back; "": none
	Undo        string // the runbook that undoes an operation; "": none
	// RollbackUnasked: nobody is asked about a target that never passed, or that skips a release.
	RollbackUnasked bool
	KnownGood       []string // versions that are declared good
	Backup          string   // the check that must be up before a deploy; "": none
	// Rehearses: it is marked as not production, and drills may break it.
	Rehearses bool
}

// In gives the environment that a caller of the API means: the service's own when none is
// named. false: the one that is named is not configured for the service.
func (s Service) In(asked string) (environment string, ok bool) {
	return s.Environment, asked == "" || asked == s.Environment
}

// runbook is the one that takes a deploy of a kind back; "": none.
func (s Service) runbook(kind watch.Kind) string {
	if kind == watch.Operation {
		return s.Undo
	}
	return s.Rollback
}

// Check is what decisions need to know of a check.
type Check struct {
	watch.CheckPolicy
	Service    string
	Judges     bool          // deploys are judged on it
	Control    bool          // a control of its network path
	BlindAfter time.Duration // how long it may be unknown before people are notified
}

// Runbook is what decisions need to know of a runbook.
type Runbook struct {
	Cooldown       time.Duration
	MaxRunsPerDay  int           // that start by themselves
	ApprovalWithin time.Duration // 0: a question waits forever
	StopsHarm      bool          // it sets kill switches or announces windows, and does nothing else
	// Misfit says why it cannot put a version back; zero: it can, as far as is known. nil: not known.
	Misfit func(version string) reason.Reason
	// Applies tells whether any of its steps is meant for a run. nil: every one has such a step.
	Applies func(run actions.Run) bool
}

// OnAlert binds alerts to a runbook.
type OnAlert struct {
	Match   map[string]string // labels that the alert must have; "tier" is its tier
	Runbook string
	Mode    watch.Mode
}

// Span is a stretch of time: from From on, until before To.
type Span struct{ From, To time.Time }

// Contains tells whether a time is in the span.
func (s Span) Contains(at time.Time) bool { return !at.Before(s.From) && at.Before(s.To) }

// Maintenance is an announced time in which what checks see is not notified.
type Maintenance struct {
	Name    string
	Service string        // "": all
	Why     reason.Reason // of whoever announced it; zero: it is configured
	// Spans gives the stretches that touch [from, to).
	Spans func(from, to time.Time) []Span
}

// Service gives the service of a name.
func (s *Settings) Service(name string) (Service, bool) {
	i, ok := s.service[name]
	if !ok {
		return Service{}, false
	}
	return s.Services[i], true
}

// Counter gives the counter of a name that a service's deploys are judged on.
func (s *Settings) Counter(service, name string) (watch.CounterSettings, bool) {
	svc, _ := s.Service(service)
	for _, m := range svc.Watch.Metrics {
		if m.Name == name {
			return m, true
		}
	}
	return watch.CounterSettings{}, false
}

// Check gives the check of a name.
func (s *Settings) Check(name string) (Check, bool) {
	i, ok := s.check[name]
	if !ok {
		return Check{}, false
	}
	return s.Checks[i], true
}

// PeersOf gives the checks of other services on the marketplaces that a service's checks look at.
func (s *Settings) PeersOf(service string) []Check { return s.peers[service] }

// ChecksOf gives the checks of a service, in the order of the configuration.
func (s *Settings) ChecksOf(service string) []Check { return s.checks[service] }
