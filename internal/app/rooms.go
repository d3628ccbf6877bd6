package app

import (
	"context"
	"time"

	"guardian/internal/netpath"
	"guardian/internal/quota"
	"guardian/internal/recording"
	"guardian/internal/store"
	"guardian/probes/sample"
	"guardian/sla"
	"guardian/watch"
)

// pathChecks gives the checks as netpath needs them.
func pathChecks(checks []builtCheck) []netpath.Check {
	all := make([]netpath.Check, len(checks))
	for i, c := range checks {
		all[i] = netpath.Check{Name: c.Name, Path: c.path, Control: c.control, Fresh: watch.BlindAfter(c.Every)}
	}
	return all
}

// quotaSettings gives what a setup says about quotas.
func quotaSettings(s *setup) quota.Settings {
	m := s.config.Marketplaces
	q := quota.Settings{Budgets: m.Budgets(), CallsMetric: m.CallsMetric, ThrottledMetric: m.ThrottledMetric}
	for _, c := range s.checks {
		q.Checks = append(q.Checks, quota.Check{
			Name: c.Name, Labels: c.Labels, Uses: c.uses, SingleRequest: c.Kind == "http" || c.Kind == "quota",
		})
	}
	return q
}

// lookedAt gives when each check looked last.
func lookedAt(states map[string]store.CheckState) map[string]time.Time {
	at := make(map[string]time.Time, len(states))
	for check, s := range states {
		at[check] = s.At
	}
	return at
}

// recordChecks gives the checks as the record needs them.
func recordChecks(checks []builtCheck) []recording.Check {
	all := make([]recording.Check, len(checks))
	for i, c := range checks {
		all[i] = recording.Check{Name: c.Name, Service: c.Service, Kind: c.Kind, Labels: c.Labels, Series: c.names, Interval: c.Every}
	}
	return all
}

// newWriter makes what saves the record of a leadership.
func (a *App) newWriter(t *leading) *recording.Writer {
	return recording.NewWriter(recording.WriterOptions{
		Record: a.record, Leader: t, Facts: a.store,
		Others: func(b *store.Batch, now time.Time, full bool) (saved func()) {
			b.Watches, saved = t.watches.Unsaved(now, full)
			return saved
		},
		Plan:      func(from, to time.Time) []sla.Maintenance { return a.setup.Load().plannedMaintenance(from, to) },
		Retention: func() time.Duration { return time.Duration(a.setup.Load().config.Storage.Retention.Journal) },
		Now:       a.now, Log: a.log,
	})
}

// plannedMaintenance gives the configured maintenance windows of each service within a time.
func (s *setup) plannedMaintenance(from, to time.Time) []sla.Maintenance {
	var all []sla.Maintenance
	for _, m := range s.config.Maintenance {
		services := []string{m.Service}
		if m.Service == "" {
			services = nil
			for _, svc := range s.config.Services {
				services = append(services, svc.Name)
			}
		}
		for _, w := range m.Windows(from, to, s.location) {
			for _, service := range services {
				all = append(all, sla.Maintenance{Name: m.Name, Service: service, From: w.From, To: w.To})
			}
		}
	}
	return all
}

// resumeRecord goes on with the record, the quotas and the series where the journal ends. It
// gives the looks of the last minutes, for the watches.
func (a *App) resumeRecord(ctx context.Context) ([]sample.Sample, error) {
	resumed, err := a.record.Resume(ctx)
	if err != nil {
		return nil, err
	}
	a.quotas.Resume(lookedAt(resumed.States))
	running := a.setup.Load()
	for _, st := range resumed.States {
		if _, stays := running.check(st.Check); stays {
			a.series.Restore(st.Last)
			continue
		}
		// Removed while no guardian ran: its last values must not stay visible for minutes more.
		if err := a.series.Forget(st.Check, a.now()); err != nil {
			a.log.Warn("the series of a removed check could not be ended", "check", st.Check, "error", err)
		}
	}
	return resumed.Looks, nil
}
