package server

import (
	"net/http"
	"slices"
	"time"

	"guardian/actions"
	"guardian/probes/sample"
	"guardian/rules"
	"guardian/watch"
)

type overview struct {
	Services     []serviceRow
	Down, Unseen []string
	Checks       int
	Blind        []string
	Asking       []askingRun
	Acting       []actions.Run
	Firing       []Alert
	Watching     []watchRow
	Calm, Alone  bool
}

// askingRun is a run that waits for a person, with the watch whose verdict led to it, if any.
type askingRun struct {
	actions.Run
	Watch *Watch
}

type serviceRow struct {
	Service
	Up, Bad, Unknown int // checks
}

type watchRow struct {
	Watch
	Progress float64
	Left     time.Duration
	Looks    int
	Failures int
}

func (s *Server) overviewPage(w http.ResponseWriter, r *http.Request, by Caller) error {
	ctx := r.Context()
	services, err := s.backend.ServiceList(ctx)
	if err != nil {
		return err
	}
	alerts, err := s.backend.AlertList(ctx)
	if err != nil {
		return err
	}
	watches, err := s.backend.WatchList(ctx, Filter{Open: true, Limit: listLimit})
	if err != nil {
		return err
	}
	runs, err := s.backend.RunList(ctx, Filter{Open: true, Limit: listLimit})
	if err != nil {
		return err
	}
	v := newOverview(services, alerts, watches, runs, s.now())
	for i := range v.Asking {
		v.Asking[i].Watch = s.watchOf(ctx, v.Asking[i].Run)
	}
	return s.render(w, r, http.StatusOK, "overview", s.pages.language(r).T("over.title"), 15, by, v)
}

func newOverview(services []Service, alerts []Alert, watches []Watch, runs []actions.Run, now time.Time) overview {
	v := overview{Alone: len(services) == 1}
	for _, svc := range services {
		row := serviceRow{Service: svc}
		for _, c := range svc.Checks {
			health := sample.Unknown
			if c.Last != nil {
				health = c.Last.Health
			}
			switch health {
			case sample.Up:
				row.Up++
			case sample.Down:
				row.Bad++
			case sample.Unknown:
				row.Unknown++
				v.Blind = append(v.Blind, c.Name)
			}
		}
		v.Checks += len(svc.Checks)
		switch svc.Health {
		case sample.Down:
			v.Down = append(v.Down, svc.Name)
		case sample.Unknown:
			v.Unseen = append(v.Unseen, svc.Name)
		case sample.Up:
		}
		v.Services = append(v.Services, row)
	}
	for _, run := range runs {
		if run.State == actions.AwaitingApproval {
			v.Asking = append(v.Asking, askingRun{Run: run})
		} else {
			v.Acting = append(v.Acting, run)
		}
	}
	for _, a := range alerts {
		if a.State == rules.Firing {
			v.Firing = append(v.Firing, a)
		}
	}
	sortAlerts(v.Firing)
	for _, open := range watches {
		v.Watching = append(v.Watching, newWatchRow(open, now))
	}
	v.Calm = len(v.Asking)+len(v.Acting)+len(v.Firing)+len(v.Watching) == 0
	return v
}

func newWatchRow(v Watch, now time.Time) watchRow {
	row := watchRow{Watch: v}
	if whole := v.Deadline.Sub(v.Started); whole > 0 {
		row.Progress = min(max(float64(now.Sub(v.Started))/float64(whole), 0), 1)
		row.Left = max(v.Deadline.Sub(now), 0)
	}
	for _, e := range v.Evidence {
		if e.Metric == watch.Latency || e.Metric == watch.Counted {
			continue // the same looks again, or none at all
		}
		row.Looks += e.After.Looks
		row.Failures += e.After.Failures
	}
	return row
}

// lookedFrom begins a chart where there is something to see: the checks of a guardian that is
// new have no three hours behind them.
func lookedFrom(looks map[string][]Look, from, now time.Time) time.Time {
	first := now.Add(-10 * time.Minute)
	for _, list := range looks {
		if len(list) > 0 && list[0].At.Before(first) {
			first = list[0].At
		}
	}
	if first.Before(from) {
		return from
	}
	return first
}

type serviceDetail struct {
	serviceRow
	Chart   chart
	Watches []watchRow
	Runs    []actions.Run
	Alerts  []Alert
}

func (s *Server) servicePage(w http.ResponseWriter, r *http.Request, by Caller) error {
	ctx, name := r.Context(), r.PathValue("name")
	services, err := s.backend.ServiceList(ctx)
	if err != nil {
		return err
	}
	var found *Service
	names := make([]string, 0, len(services))
	for i := range services {
		names = append(names, services[i].Name)
		if services[i].Name == name {
			found = &services[i]
		}
	}
	if found == nil {
		return &NotFoundError{What: "service", Name: name, Known: names}
	}
	now := s.now()
	v := serviceDetail{serviceRow: newOverview([]Service{*found}, nil, nil, nil, now).Services[0]}
	from := now.Add(-3 * time.Hour)
	looks, err := s.backend.Looks(ctx, name, from, now, 800)
	if err != nil {
		return err
	}
	v.Chart = chart{From: lookedFrom(looks, from, now), To: now}
	for _, c := range found.Checks {
		v.Chart.Rows = append(v.Chart.Rows, chartRow{Name: c.Name, Looks: looks[c.Name]})
	}
	watches, err := s.backend.WatchList(ctx, Filter{Service: name, Limit: 20})
	if err != nil {
		return err
	}
	words := s.pages.language(r)
	for _, one := range slices.Backward(watches) {
		if at := one.Deploy.At; at.After(v.Chart.From) {
			v.Chart.Lines = append(v.Chart.Lines, chartLine{At: at, Label: words.T("line.switch", one.Deploy.Version), Tone: "deploy"})
		}
	}
	for _, one := range watches {
		v.Watches = append(v.Watches, newWatchRow(one, now))
	}
	if v.Runs, err = s.backend.RunList(ctx, Filter{Service: name, Limit: 20}); err != nil {
		return err
	}
	alerts, err := s.backend.AlertList(ctx)
	if err != nil {
		return err
	}
	for _, a := range alerts {
		if a.Service() == name && a.State != rules.Resolved {
			v.Alerts = append(v.Alerts, a)
		}
	}
	sortAlerts(v.Alerts)
	return s.render(w, r, http.StatusOK, "service", words.T("svc.title", name), 15, by, v)
}
