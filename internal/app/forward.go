package app

import (
	"context"
	"time"

	"guardian/internal/forward"
	"guardian/internal/store"
	"guardian/rules"
)

// newForwarder makes what sends alerts to Alertmanagers.
func (a *App) newForwarder() *forward.Forwarder {
	return forward.New(forward.Options{
		Surroundings: func() forward.Surroundings { return a.setup.Load().forwarding() },
		Alerts: func() []rules.Alert {
			if t := a.acting.Load(); t != nil {
				return t.alerts.Own()
			}
			return nil
		},
		Recent: func(ctx context.Context, _ time.Time) ([]rules.Alert, error) {
			return a.store.Alerts(ctx, store.AlertFilter{Limit: store.MaxLimit})
		},
		Now: a.now, Log: a.log, Redactor: a.redactor, Registerer: a.registry, UserAgent: a.userAgent(),
	})
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
