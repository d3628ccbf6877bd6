package server

import (
	"context"
	"net/http"
	"time"

	"guardian/actions"
	"guardian/internal/reason"
	"guardian/watch"
)

// Plans tells what a rollback would do.
type Plans interface {
	// RunPlan tells what StartRun would begin now, and does nothing. The reason may be left out.
	RunPlan(ctx context.Context, r RunRequest, by Caller) (RunPlan, error)
}

// RunPlan is what a rollback would do.
type RunPlan struct {
	Service     string     `json:"service"`
	Environment string     `json:"environment"`
	Kind        watch.Kind `json:"kind"`
	// Plan is for who asks; its refusals are those that remain for a person.
	actions.Plan
	From string `json:"from"`
	// State and Reason are those that the run of a person who asks would begin with.
	State    actions.State     `json:"state"`
	Reason   reason.Reason     `json:"reason,omitzero"`
	Refusals []actions.Refusal `json:"refusals"`
	// Automatic is what would become of a rollback after a failed verdict.
	Automatic AutomaticPlan `json:"automatic"`
	// Loses are the versions that would no longer run, the newest first; LosesMore: perhaps others, too.
	Loses     []LostVersion         `json:"loses"`
	LosesMore bool                  `json:"loses_more"`
	Steps     []actions.StepPreview `json:"steps"`
	// MustRecover are the checks that fail now and must be up afterwards.
	MustRecover []string `json:"must_recover"`
}

// AutomaticPlan is what would become of a rollback after a failed verdict. In mode observe nothing is
// started.
type AutomaticPlan struct {
	Mode     watch.Mode        `json:"mode"`
	State    actions.State     `json:"state"`
	Reason   reason.Reason     `json:"reason,omitzero"`
	Refusals []actions.Refusal `json:"refusals"`
}

// LostVersion is a version that would no longer run.
type LostVersion struct {
	Version string        `json:"version"`
	Since   time.Time     `json:"since,omitzero"`  // zero: not known
	Proof   actions.Proof `json:"proof,omitempty"` // passed, healthy, unproven or bad; "": it runs now
}

func (*Server) runPlan(from Plans) handler {
	return func(w http.ResponseWriter, r *http.Request, by Caller) error {
		q := r.URL.Query()
		request := RunRequest{Service: q.Get("service"), Environment: q.Get("environment"), Kind: watch.Kind(q.Get("kind")), To: q.Get("to")}
		if request.Service == "" {
			return &InvalidError{Fields: []FieldError{{"?service", "is required"}}}
		}
		if err := known("?kind", string(request.Kind), watch.Code, watch.Config, watch.Operation); err != nil {
			return err
		}
		if request.To != "" && !actions.ValidVersion(request.To) {
			return &InvalidError{Fields: []FieldError{{"?to", "expected " + actions.VersionRule}}}
		}
		plan, err := from.RunPlan(r.Context(), request, by)
		if err != nil {
			return err
		}
		plan.Refusals, plan.Automatic.Refusals = orEmpty(plan.Refusals), orEmpty(plan.Automatic.Refusals)
		plan.Loses, plan.Steps, plan.MustRecover = orEmpty(plan.Loses), orEmpty(plan.Steps), orEmpty(plan.MustRecover)
		return writeJSON(w, http.StatusOK, plan)
	}
}
