package server

import (
	"context"
	"net/http"
	"time"

	"guardian/actions"
	"guardian/internal/reason"
	"guardian/watch"
)

// Runs reads runs of runbooks.
type Runs interface {
	// RunList gives runs, newest first.
	RunList(ctx context.Context, f Filter) ([]actions.Run, error)
	// Run gives one run with its ledger, as soon as it is final or wait is over.
	Run(ctx context.Context, id string, wait time.Duration) (RunDetail, error)
}

// RunControl starts and answers runs of runbooks.
type RunControl interface {
	// StartRun starts a rollback that a person asks for. A guard that forbids it is an error of
	// kind ErrConflict, or a run in state refused.
	StartRun(ctx context.Context, r RunRequest, by Caller) (actions.Run, error)
	// AnswerRun answers a run's question; ErrConflict when it asks nothing of the kind.
	AnswerRun(ctx context.Context, id string, a RunAnswer, by Caller) (actions.Run, error)
	// NotAdmitted records that an answer did not reach the run, and why: who sent it may not answer, or is
	// nobody who is known. An answer to a run that there is not is not recorded.
	NotAdmitted(ctx context.Context, id string, a RefusedAnswer)
}

// RefusedAnswer is an answer to a run that was not admitted.
type RefusedAnswer struct {
	Decision Decision
	Who      string        // a token's name, or the address of somebody who is not known
	Why      reason.Reason // in words that are kept
}

// RunDetail is a run with its ledger, oldest entry first.
type RunDetail struct {
	Run    actions.Run
	Ledger []actions.Entry
}

// RunRequest asks for a rollback.
type RunRequest struct {
	Service     string
	Environment string     // "" when left out: the service's own
	Kind        watch.Kind // of what is rolled back; "": the code or, where only that was announced, the configuration or operation
	To          string     // "": what ran before, if it is known to be good or ran healthy
	Reason      string
}

// RunAnswer is a person's answer to a run.
type RunAnswer struct {
	Decision Decision
	Note     string
}

// Decision is what a person decides about a run.
type Decision string

// The decisions.
const (
	ApproveRun Decision = "approve" // yes, do it
	RejectRun  Decision = "reject"  // no, leave it
	StepDone   Decision = "done"    // the step in doubt did happen
	StepRepeat Decision = "repeat"  // it did not: do it again
	AbortRun   Decision = "abort"   // stop here
)

func (s *Server) runs(from Runs) handler {
	return func(w http.ResponseWriter, r *http.Request, _ Caller) error {
		f, err := filter(r)
		if err != nil {
			return err
		}
		if err := known("?state", f.State, actions.Queued, actions.AwaitingApproval, actions.Running, actions.Verifying, actions.Cured, actions.NotCured,
			actions.Worse, actions.FailedRun, actions.Rejected, actions.Expired, actions.Refused); err != nil {
			return err
		}
		if err := known("?trigger", f.Trigger, actions.ByVerdict, actions.ByAlert, actions.ByPerson, actions.ByDrill, actions.ByUndo); err != nil {
			return err
		}
		list, err := from.RunList(r.Context(), f)
		if err != nil {
			return err
		}
		views := make([]runView, 0, len(list))
		for _, run := range list {
			views = append(views, s.viewRun(run))
		}
		return writeJSON(w, http.StatusOK, map[string]any{"rollbacks": views})
	}
}

func (s *Server) run(from Runs) handler {
	return func(w http.ResponseWriter, r *http.Request, _ Caller) error {
		wait, free, err := s.hold(w, r)
		if err != nil {
			return err
		}
		defer free()
		detail, err := from.Run(r.Context(), r.PathValue("id"), wait)
		if err != nil {
			return err
		}
		view := s.viewRun(detail.Run)
		view.Ledger = detail.Ledger
		return writeJSON(w, http.StatusOK, view)
	}
}

// startRun is the one-click rollback.
func (s *Server) startRun(control RunControl) handler {
	return func(w http.ResponseWriter, r *http.Request, by Caller) error {
		o, _, err := body(w, r, false)
		if err != nil {
			return err
		}
		request := RunRequest{
			Service:     o.required("service", maxName),
			Environment: o.text("environment", maxName),
			Kind:        watch.Kind(o.oneOf("kind", string(watch.Code), string(watch.Config), string(watch.Operation))),
			To:          o.version("to", false),
			Reason:      o.required("reason", maxReason),
		}
		if err := o.done(); err != nil {
			return err
		}
		run, err := control.StartRun(r.Context(), request, by)
		if err != nil {
			return err
		}
		w.Header().Set("Location", s.link("/api/v1/rollbacks/"+run.ID))
		return writeJSON(w, http.StatusCreated, s.viewRun(run))
	}
}

func (s *Server) answerRun(control RunControl) handler {
	return func(w http.ResponseWriter, r *http.Request, by Caller) error {
		decision := Decision(r.PathValue("decision"))
		if !decision.known() {
			return Refuse(ErrNotFound, "a run is answered with approve, reject, done, repeat or abort, not %q", decision)
		}
		o, _, err := body(w, r, true)
		if err != nil {
			return err
		}
		answer := RunAnswer{Decision: decision, Note: o.text("note", maxReason)}
		if err := o.done(); err != nil {
			return err
		}
		run, err := control.AnswerRun(r.Context(), r.PathValue("id"), answer, by)
		if err != nil {
			return err
		}
		return writeJSON(w, http.StatusOK, s.viewRun(run))
	}
}

func (d Decision) known() bool {
	switch d {
	case ApproveRun, RejectRun, StepDone, StepRepeat, AbortRun:
		return true
	default:
		return false
	}
}
