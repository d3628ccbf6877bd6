package server

import (
	"context"
	"net/http"
	"time"

	"guardian/internal/reason"
	"guardian/probes/sample"
	"guardian/watch"
)

// Services knows what is guarded and how it is.
type Services interface {
	// ServiceList gives every service in the order of the configuration, without samples.
	ServiceList(ctx context.Context) ([]Service, error)
	// KnownService gives a NotFoundError for a name that neither the configuration nor the journal has.
	KnownService(ctx context.Context, name string) error
}

// ofKnownService refuses a query for a service that there never was: its empty answer would look like one
// to what was meant.
func ofKnownService(services Services, next handler) handler {
	return func(w http.ResponseWriter, r *http.Request, by Caller) error {
		if name := r.URL.Query().Get("service"); name != "" {
			if err := services.KnownService(r.Context(), name); err != nil {
				return err
			}
		}
		return next(w, r, by)
	}
}

// Service is one service as the pages show it.
type Service struct {
	Name        string
	Environment string
	Health      sample.Health
	Since       time.Time     // since when it has this health; zero: not known
	Reason      reason.Reason // why it is Down or Unknown
	Degraded    reason.Reason // why it is not well although it is Up; zero: it is well
	Version     string        // what is believed to run; "" when nothing was announced
	KnownGood   []string      // newest first
	Mode        watch.Mode
	Checks      []Check
	// Objective is the promised availability, (0, 1]; 0: none was promised.
	Objective float64
	// Availability of this calendar month so far, [0, 1]; negative: not known yet.
	Availability float64
	// BudgetLeft is the share of this month's error budget that is left, at most 1, negative
	// when it is overspent; meaningless without an objective.
	BudgetLeft float64
	Gate       Gate
}

// State is the health of a service in a word: degraded too.
func (s Service) State() string {
	if s.Health == sample.Up && !s.Degraded.IsZero() {
		return "degraded"
	}
	return s.Health.String()
}

// Why is why it is not well; zero when it is.
func (s Service) Why() reason.Reason {
	if s.Degraded.IsZero() {
		return s.Reason
	}
	return s.Degraded
}

// Check is one check with the last it saw.
type Check struct {
	Name   string
	Kind   string
	Labels map[string]string
	Every  time.Duration // mean time between looks
	Last   *sample.Sample
	Since  time.Time // since when it has its health; zero: not known
}

// Health is that of the last look.
func (c Check) Health() sample.Health {
	if c.Last == nil {
		return sample.Unknown
	}
	return c.Last.Health
}

type serviceView struct {
	Name         string        `json:"name"`
	Environment  string        `json:"environment"`
	Health       sample.Health `json:"health"`
	Since        time.Time     `json:"since,omitzero"`
	Reason       reason.Reason `json:"reason,omitzero"`
	Degraded     reason.Reason `json:"degraded,omitzero"` // why it is not well although it is up
	Version      string        `json:"version,omitempty"`
	KnownGood    []string      `json:"known_good"`
	Objective    float64       `json:"objective,omitempty"`
	Availability *float64      `json:"availability"` // of this month; null: not known yet
	BudgetLeft   *float64      `json:"budget_left"`  // null without an objective
	Gate         Gate          `json:"gate"`
	Checks       []checkView   `json:"checks"`
}

type checkView struct {
	Name   string            `json:"name"`
	Kind   string            `json:"kind"`
	Labels map[string]string `json:"labels,omitempty"`
	Health sample.Health     `json:"health"`
	Since  time.Time         `json:"since,omitzero"`
	At     time.Time         `json:"last_look_at,omitzero"`
	Reason reason.Reason     `json:"reason,omitzero"`
}

func (*Server) services(from Services) handler {
	return func(w http.ResponseWriter, r *http.Request, _ Caller) error {
		list, err := from.ServiceList(r.Context())
		if err != nil {
			return err
		}
		views := make([]serviceView, 0, len(list))
		for _, v := range list {
			view := serviceView{
				Name: v.Name, Environment: v.Environment, Health: v.Health, Since: v.Since, Reason: v.Reason, Degraded: v.Degraded, Version: v.Version,
				KnownGood: orEmpty(v.KnownGood), Objective: v.Objective, Gate: v.Gate, Checks: []checkView{},
			}
			view.Gate.Reasons = orEmpty(view.Gate.Reasons)
			if v.Availability >= 0 {
				view.Availability = &v.Availability
				if v.Objective > 0 {
					view.BudgetLeft = &v.BudgetLeft
				}
			}
			for _, c := range v.Checks {
				check := checkView{Name: c.Name, Kind: c.Kind, Labels: c.Labels, Since: c.Since}
				if c.Last != nil {
					check.Health, check.At, check.Reason = c.Last.Health, c.Last.At, c.Last.Reason
				}
				view.Checks = append(view.Checks, check)
			}
			views = append(views, view)
		}
		return writeJSON(w, http.StatusOK, map[string]any{"services": views})
	}
}
