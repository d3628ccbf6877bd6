package server

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"guardian/probes"
	"guardian/probes/sample"
)

// healthy says that the process answers, and nothing more: a supervisor restarts what does not.
func (*Server) healthy(w http.ResponseWriter, _ *http.Request) {
	plain(w, http.StatusOK, "Guardian is healthy.")
}

// ready says whether a load balancer may send here. A standby may be asked: it answers reads
// and passes writes on.
func (s *Server) ready(w http.ResponseWriter, r *http.Request) {
	st, err := s.backend.Status(r.Context())
	switch {
	case err != nil:
		s.log.ErrorContext(r.Context(), "status is not known", "error", s.redactor.Redact(err.Error()))
		plain(w, http.StatusServiceUnavailable, "Guardian is not ready: its status is not known; its log says more.")
	case !st.Ready:
		plain(w, http.StatusServiceUnavailable, fmt.Sprintf("Guardian is not ready (%s): %s", st.Role, s.redactor.Redact(st.Reason)))
	case st.Role == "standby":
		plain(w, http.StatusOK, "Guardian is ready (standby).")
	default:
		plain(w, http.StatusOK, "Guardian is ready ("+st.Role+").")
	}
}

func plain(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = fmt.Fprintln(w, text)
}

func (s *Server) reload(w http.ResponseWriter, r *http.Request, by Caller) error {
	if err := s.backend.Reload(r.Context(), by); err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, map[string]string{"status": "reloaded"})
}

func (s *Server) status(w http.ResponseWriter, r *http.Request, _ Caller) error {
	st, err := s.backend.Status(r.Context())
	if err != nil {
		return err
	}
	st.Blind = orEmpty(st.Blind)
	return writeJSON(w, http.StatusOK, st)
}

// beat takes a job's report. The body may be left out: that a job calls says that it ran.
func (s *Server) beat(w http.ResponseWriter, r *http.Request, by Caller) error {
	o, _, err := body(w, r, true)
	if err != nil {
		return err
	}
	b := probes.Heartbeat{Check: r.PathValue("check"), At: s.now().UTC(), OK: o.flag("ok", true), Reason: o.text("reason", maxReason)}
	if err := o.done(); err != nil {
		return err
	}
	if err := s.backend.Beat(r.Context(), b, by); err != nil {
		return err
	}
	return writeJSON(w, http.StatusAccepted, b)
}

func (s *Server) journal(w http.ResponseWriter, r *http.Request, _ Caller) error {
	f, err := journalFilter(r)
	if err != nil {
		return err
	}
	entries, err := s.backend.Entries(r.Context(), f)
	if err != nil {
		return err
	}
	entries.Entries = orEmpty(entries.Entries)
	return writeJSON(w, http.StatusOK, entries)
}

func journalFilter(r *http.Request) (JournalFilter, error) {
	q := r.URL.Query()
	f := JournalFilter{Service: q.Get("service"), Before: q.Get("before"), Limit: 100}
	if v := q.Get("limit"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil || n < 1 || n > listLimits {
			return f, &InvalidError{Fields: []FieldError{{"?limit", "expected a number from 1 to 1000"}}}
		}
		f.Limit = n
	}
	return f, nil
}

type serviceView struct {
	Name         string        `json:"name"`
	Environment  string        `json:"environment"`
	Health       sample.Health `json:"health"`
	Since        time.Time     `json:"since,omitzero"`
	Reason       string        `json:"reason,omitempty"`
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
	Reason string            `json:"reason,omitempty"`
}

func (s *Server) services(w http.ResponseWriter, r *http.Request, _ Caller) error {
	list, err := s.backend.ServiceList(r.Context())
	if err != nil {
		return err
	}
	views := make([]serviceView, 0, len(list))
	for _, v := range list {
		view := serviceView{
			Name: v.Name, Environment: v.Environment, Health: v.Health, Since: v.Since, Reason: v.Reason, Version: v.Version,
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
