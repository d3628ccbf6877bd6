package app

import (
	"time"

	"guardian/internal/forward"
	"guardian/internal/netpath"
	"guardian/internal/quota"
	"guardian/internal/recording"
	"guardian/internal/selfcheck"
	"guardian/internal/series"
	"guardian/probes"
	"guardian/rules"
	"guardian/watch"
)

// each gives the checks as a room needs them.
func each[T any](checks []builtCheck, as func(c builtCheck) T) []T {
	all := make([]T, len(checks))
	for i, c := range checks {
		all[i] = as(c)
	}
	return all
}

func looked(c builtCheck) probes.Check { return c.Check }

func tracked(c builtCheck) series.Check { return series.Check{Name: c.Name, Every: c.Every} }

func measured(c builtCheck) selfcheck.Check {
	return selfcheck.Check{Check: c.Check, Control: c.config.Control}
}

func recorded(c builtCheck) recording.Check {
	return recording.Check{Name: c.Name, Service: c.Service, Kind: c.Kind, Labels: c.Labels, Series: c.hidden, Interval: c.Every}
}

func onPath(c builtCheck) netpath.Check {
	return netpath.Check{Name: c.Name, Path: c.config.NetworkPath, Control: c.config.Control, Fresh: watch.BlindAfter(c.Every)}
}

func counted(c builtCheck) quota.Check {
	return quota.Check{Name: c.Name, Labels: c.Labels, Uses: c.config.Uses(), SingleRequest: c.Kind == "http" || c.Kind == "quota"}
}

// budgets is what the setup says about quotas.
func (s *setup) budgets() quota.Settings {
	m := s.config.Marketplaces
	return quota.Settings{Budgets: m.Budgets(), CallsMetric: m.CallsMetric, ThrottledMetric: m.ThrottledMetric, Checks: each(s.checks, counted)}
}

// forwarding is what the setup says about Alertmanagers.
func (s *setup) forwarding() forward.Surroundings {
	intervals := map[string]time.Duration{}
	for _, g := range s.config.Groups {
		intervals[g.Key()] = g.Interval
	}
	out := forward.Surroundings{
		External: s.config.ExternalLabels, Base: s.external,
		Interval: func(al rules.Alert) time.Duration { return intervals[al.File+";"+al.Group] },
	}
	for _, m := range s.config.Alertmanagers {
		out.Targets = append(out.Targets, forward.Target{
			Name: m.Name, URL: m.URL, Token: m.Token, Timeout: time.Duration(m.Timeout), Resend: time.Duration(m.ResendDelay),
		})
	}
	return out
}

// heartbeat is where a sign of life is sent; false: nowhere.
func (s *setup) heartbeat() (selfcheck.Heartbeat, bool) {
	h := s.config.Heartbeat
	if h == nil {
		return selfcheck.Heartbeat{}, false
	}
	return selfcheck.Heartbeat{URL: h.URL, Every: time.Duration(h.Every)}, true
}
