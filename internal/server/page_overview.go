package server

import (
	"context"
	"net/http"
	"slices"
	"time"

	"guardian/actions"
	"guardian/internal/flags"
	"guardian/internal/windows"
	"guardian/probes/sample"
	"guardian/rules"
)

type overview struct {
	Services     []serviceRow
	Down, Unseen []string
	Degraded     []string
	Checks       int
	Blind        []string
	Asking       []askingRun
	Acting       []actions.Run
	Firing       []Alert
	Watching     []watchRow
	Flags        []flags.State
	Windows      []windows.Window // that last
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

func (s *Server) overviewPage(services Services, alerts Alerts, watches Watches, runs Runs, noted noticed) handler {
	return func(w http.ResponseWriter, r *http.Request, by Caller) error {
		ctx := r.Context()
		allServices, err := services.ServiceList(ctx)
		if err != nil {
			return err
		}
		allAlerts, err := alerts.AlertList(ctx)
		if err != nil {
			return err
		}
		openWatches, err := watches.WatchList(ctx, Filter{Open: true, Limit: listLimit})
		if err != nil {
			return err
		}
		openRuns, err := runs.RunList(ctx, Filter{Open: true, Limit: listLimit})
		if err != nil {
			return err
		}
		v := newOverview(overviewFacts{allServices, allAlerts, openWatches, openRuns}, s.now())
		for i := range v.Asking {
			v.Asking[i].Watch = s.watchOf(ctx, watches, v.Asking[i].Run)
		}
		v.Flags, _ = noted.FlagList(ctx) // while they are not known the page shows none
		if v.Windows, err = noted.WindowList(ctx); err != nil {
			return err
		}
		v.Windows = slices.DeleteFunc(v.Windows, func(w windows.Window) bool { return !w.Current(s.now()) })
		return s.render(w, r, http.StatusOK, "overview", s.pages.language(r).T("over.title"), 15, by, v)
	}
}

// noticed is what people and runbooks set for a time.
type noticed struct {
	Flags
	Windows
}

// overviewFacts is what the overview is made of: the open watches and runs.
type overviewFacts struct {
	services []Service
	alerts   []Alert
	watches  []Watch
	runs     []actions.Run
}

func newServiceRow(svc Service) serviceRow {
	row := serviceRow{Service: svc}
	for _, c := range svc.Checks {
		switch c.Health() {
		case sample.Up:
			row.Up++
		case sample.Down:
			row.Bad++
		case sample.Unknown:
			row.Unknown++
		}
	}
	return row
}

func newOverview(f overviewFacts, now time.Time) overview {
	v := overview{Alone: len(f.services) == 1}
	for _, svc := range f.services {
		row := newServiceRow(svc)
		for _, c := range svc.Checks {
			if c.Health() == sample.Unknown {
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
			if !svc.Degraded.IsZero() {
				v.Degraded = append(v.Degraded, svc.Name)
			}
		}
		v.Services = append(v.Services, row)
	}
	for _, run := range f.runs {
		if run.State == actions.AwaitingApproval {
			v.Asking = append(v.Asking, askingRun{Run: run})
		} else {
			v.Acting = append(v.Acting, run)
		}
	}
	for _, a := range f.alerts {
		if a.State == rules.Firing {
			v.Firing = append(v.Firing, a)
		}
	}
	sortAlerts(v.Firing)
	for _, open := range f.watches {
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
		if !e.OfLooks() {
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

// serviceSources is what a service's page reads.
type serviceSources struct {
	services Services
	looks    Looks
	watches  Watches
	runs     Runs
	alerts   Alerts
}

func (s *Server) servicePage(from serviceSources) handler {
	return func(w http.ResponseWriter, r *http.Request, by Caller) error {
		ctx, name := r.Context(), r.PathValue("name")
		found, err := findService(ctx, from.services, name)
		if err != nil {
			return err
		}
		now, words := s.now(), s.pages.language(r)
		v := serviceDetail{serviceRow: newServiceRow(found)}
		watches, err := from.watches.WatchList(ctx, Filter{Service: name, Limit: 20})
		if err != nil {
			return err
		}
		if v.Chart, err = serviceChart(ctx, from.looks, found, now); err != nil {
			return err
		}
		for _, one := range slices.Backward(watches) {
			if at := one.Deploy.At; at.After(v.Chart.From) {
				v.Chart.Lines = append(v.Chart.Lines, chartLine{At: at, Label: words.T("line.switch", one.Deploy.Version), Tone: "deploy"})
			}
		}
		for _, one := range watches {
			v.Watches = append(v.Watches, newWatchRow(one, now))
		}
		if v.Runs, err = from.runs.RunList(ctx, Filter{Service: name, Limit: 20}); err != nil {
			return err
		}
		alerts, err := from.alerts.AlertList(ctx)
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
}

// findService gives a service by its name, or an error that lists those that there are.
func findService(ctx context.Context, from Services, name string) (Service, error) {
	all, err := from.ServiceList(ctx)
	if err != nil {
		return Service{}, err
	}
	names := make([]string, 0, len(all))
	for _, one := range all {
		names = append(names, one.Name)
		if one.Name == name {
			return one, nil
		}
	}
	return Service{}, &NotFoundError{What: "service", Name: name, Known: names}
}

// serviceChart is what the checks of a service saw in the last three hours.
func serviceChart(ctx context.Context, from Looks, svc Service, now time.Time) (chart, error) {
	begin := now.Add(-3 * time.Hour)
	looks, err := from.Looks(ctx, svc.Name, begin, now, 800)
	if err != nil {
		return chart{}, err
	}
	c := chart{From: lookedFrom(looks, begin, now), To: now}
	for _, check := range svc.Checks {
		c.Rows = append(c.Rows, chartRow{Name: check.Name, Looks: looks[check.Name]})
	}
	return c, nil
}
