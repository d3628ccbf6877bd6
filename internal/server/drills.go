package server

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"guardian/internal/drills"
	"guardian/internal/reason"
)

// Drills are rehearsals of rollbacks at services that are not production.
type Drills interface {
	// DrillPlans gives how the configured drills stand, in the order of the configuration.
	DrillPlans(ctx context.Context) ([]drills.Standing, error)
	// DrillList gives the drills that were started, newest first.
	DrillList(ctx context.Context, f DrillFilter) ([]drills.Drill, error)
	// Drill gives one drill; ErrNotFound. It waits at most so long for its end.
	Drill(ctx context.Context, id string, wait time.Duration) (drills.Drill, error)
	// StartDrill starts one, by its name, its service or its runbook; ErrNotFound, or ErrConflict when it
	// may not begin now.
	StartDrill(ctx context.Context, of string, by Caller) (drills.Drill, error)
}

// DrillFilter filters drills; the zero value matches everything.
type DrillFilter struct {
	Name, Service string
	Since         time.Time
	Limit         int
}

// shownDrill is a drill in the API.
type shownDrill struct {
	ID          string        `json:"id"`
	Drill       string        `json:"drill"`
	Service     string        `json:"service"`
	Environment string        `json:"environment"`
	Runbook     string        `json:"runbook"`
	Version     string        `json:"version"`
	Previous    string        `json:"previous,omitempty"`
	By          string        `json:"by,omitempty"` // absent: its schedule
	Started     time.Time     `json:"started"`
	Ended       time.Time     `json:"ended,omitzero"`
	Phase       drills.Phase  `json:"phase"`
	Result      drills.Result `json:"result,omitempty"`
	Reason      reason.Reason `json:"reason,omitzero"`
	LeftBroken  bool          `json:"left_broken,omitempty"`
	Stages      []shownStage  `json:"stages"`
	Took        float64       `json:"took_seconds,omitempty"`     // fault to cured
	Reaction    float64       `json:"reaction_seconds,omitempty"` // verdict to first step
	Cure        float64       `json:"cure_seconds,omitempty"`     // verdict to cured
	Objective   float64       `json:"objective_seconds"`
	Restored    time.Time     `json:"restored,omitzero"`
	Deploy      string        `json:"deploy,omitempty"`
	Watch       string        `json:"watch,omitempty"`
	InjectRun   string        `json:"inject_run"`
	Rollback    string        `json:"rollback,omitempty"`
	RestoreRun  string        `json:"restore_run"`
}

type shownStage struct {
	Stage string    `json:"stage"`
	At    time.Time `json:"at"`
	Took  float64   `json:"seconds"` // since the one before
}

func showDrill(d drills.Drill) shownDrill {
	v := shownDrill{
		ID: d.ID, Drill: d.Name, Service: d.Service, Environment: d.Environment, Runbook: d.Runbook, Version: d.Version, Previous: d.Previous,
		By: d.By, Started: d.Started, Ended: d.Ended, Phase: d.Phase, Result: d.Result, Reason: d.Reason, LeftBroken: d.LeftBroken,
		Stages: []shownStage{}, Took: d.Stages.Took().Seconds(), Reaction: d.Stages.Reaction().Seconds(), Cure: d.Stages.Cure().Seconds(),
		Objective: d.Objective.Seconds(), Restored: d.Stages.Restored, Deploy: d.Deploy, Watch: d.Watch, InjectRun: d.InjectRun,
		Rollback: d.Rollback, RestoreRun: d.RestoreRun,
	}
	for _, s := range d.Stages.List() {
		v.Stages = append(v.Stages, shownStage{s.Name, s.At, s.Took.Seconds()})
	}
	return v
}

// shownPlan is a configured drill in the API.
type shownPlan struct {
	Drill       string    `json:"drill"`
	Service     string    `json:"service"`
	Environment string    `json:"environment"`
	Runbook     string    `json:"runbook"`
	Next        time.Time `json:"next,omitzero"` // when it starts by itself
	Overdue     bool      `json:"overdue"`
	Succeeded   time.Time `json:"succeeded,omitzero"` // when the last one that succeeded began
	Last        string    `json:"last,omitempty"`     // ID of the last one that is over
}

func (s *Server) showPlan(st drills.Standing) shownPlan {
	v := shownPlan{
		Drill: st.Plan.Name, Service: st.Plan.Service, Environment: st.Plan.Environment, Runbook: st.Plan.Runbook,
		Overdue: st.Overdue(s.now()), Succeeded: st.Good,
	}
	if st.Plan.Next != nil {
		v.Next = st.Plan.Next(s.now())
	}
	if st.Last != nil {
		v.Last = st.Last.ID
	}
	return v
}

func (s *Server) drillList(from Drills) handler {
	return func(w http.ResponseWriter, r *http.Request, _ Caller) error {
		f, err := filter(r)
		if err != nil {
			return err
		}
		plans, err := from.DrillPlans(r.Context())
		if err != nil {
			return err
		}
		list, err := from.DrillList(r.Context(), DrillFilter{Name: r.URL.Query().Get("drill"), Service: f.Service, Since: f.Since, Limit: f.Limit})
		if err != nil {
			return err
		}
		shown, configured := make([]shownDrill, len(list)), make([]shownPlan, len(plans))
		for i, d := range list {
			shown[i] = showDrill(d)
		}
		for i, p := range plans {
			configured[i] = s.showPlan(p)
		}
		return writeJSON(w, http.StatusOK, map[string]any{"drills": shown, "configured": configured})
	}
}

func (s *Server) drill(from Drills) handler {
	return func(w http.ResponseWriter, r *http.Request, _ Caller) error {
		wait, free, err := s.hold(w, r)
		if err != nil {
			return err
		}
		defer free()
		d, err := from.Drill(r.Context(), r.PathValue("id"), wait)
		if err != nil {
			return err
		}
		return writeJSON(w, http.StatusOK, showDrill(d))
	}
}

func (*Server) startDrill(to Drills) handler {
	return func(w http.ResponseWriter, r *http.Request, by Caller) error {
		o, _, err := body(w, r, false)
		if err != nil {
			return err
		}
		of := o.required("drill", maxName)
		if err := o.done(); err != nil {
			return err
		}
		d, err := to.StartDrill(r.Context(), of, by)
		if err != nil {
			return err
		}
		return writeJSON(w, http.StatusCreated, showDrill(d))
	}
}

type drillsData struct {
	Plans  []shownPlan
	Drills []drills.Drill
}

func (s *Server) drillsPage(from Drills) handler {
	return func(w http.ResponseWriter, r *http.Request, by Caller) error {
		plans, err := from.DrillPlans(r.Context())
		if err != nil {
			return err
		}
		var v drillsData
		for _, p := range plans {
			v.Plans = append(v.Plans, s.showPlan(p))
		}
		if v.Drills, err = from.DrillList(r.Context(), DrillFilter{Limit: 100}); err != nil {
			return err
		}
		return s.render(w, r, http.StatusOK, "drills", s.pages.language(r).T("drills.title"), 15, by, v)
	}
}

func (s *Server) drillPage(from Drills) handler {
	return func(w http.ResponseWriter, r *http.Request, by Caller) error {
		d, err := from.Drill(r.Context(), r.PathValue("id"), 0)
		if err != nil {
			return err
		}
		every := 0
		if d.Open() {
			every = 3
		}
		return s.render(w, r, http.StatusOK, "drill", d.Name, every, by, d)
	}
}

func (*Server) drillForm(to Drills) handler {
	return func(w http.ResponseWriter, r *http.Request, by Caller) error {
		d, err := to.StartDrill(r.Context(), r.PathValue("name"), by)
		if err != nil {
			return err
		}
		back(w, r, "/drills/"+url.PathEscape(d.ID), "drill")
		return nil
	}
}
