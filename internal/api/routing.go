package api

import (
	"context"
	"time"

	"guardian/decide"
	"guardian/internal/server"
	"guardian/rules"
)

// routing implements server.Routing.
type routing struct {
	alerts  server.Alerts
	running func() Running
	decider func() decide.Decider
	now     func() time.Time
}

// ReceiverNames implements server.Routing.
func (rs routing) ReceiverNames(context.Context) ([]string, error) {
	var names []string
	for _, r := range rs.running().Config.Receivers {
		names = append(names, r.Name)
	}
	return names, nil
}

// openFor is how long an alert of our own counts as firing unless it is seen to fire again.
const openFor = 5 * time.Minute

// RoutedAlerts implements server.Routing.
func (rs routing) RoutedAlerts(ctx context.Context) ([]server.RoutedAlert, error) {
	all, err := rs.alerts.AlertList(ctx)
	if err != nil {
		return nil, err
	}
	now := rs.now()
	var firing []rules.Alert
	for _, a := range all {
		if a.State == rules.Firing {
			firing = append(firing, a.Alert)
		}
	}
	board := decide.NewBoard(rs.decider().Settings, firing, nil)
	var routed []server.RoutedAlert
	for _, a := range all {
		if a.State != rules.Firing {
			continue
		}
		r := server.RoutedAlert{Alert: a, Known: decide.AlertLabels(a.Alert), EndsAt: now.Add(openFor)}
		if a.Origin != nil {
			r.Known = a.Labels
			r.EndsAt, r.GeneratorURL = a.Origin.EndsAt, a.Origin.URL
		}
		taken, by := board.Routes(a.ID, now)
		if by != "" {
			r.InhibitedBy = []string{by}
		}
		for _, t := range taken {
			r.Routes = append(r.Routes, server.AlertRoute{Receiver: t.Target.Receiver, Group: t.Group, MutedBy: t.Target.MutedBy(now)})
		}
		routed = append(routed, r)
	}
	return routed, nil
}

// intake implements server.Intake.
type intake struct{ leader leader }

// TakeAlerts implements server.Intake.
func (in intake) TakeAlerts(_ context.Context, sent []rules.Sent) error {
	leading, err := in.leader.required()
	if err != nil {
		return err
	}
	refused, err := leading.Alerts.Take(sent)
	if err != nil {
		return apiError(err)
	}
	return server.InvalidAlerts(refused)
}
