package server

import (
	"net/http"

	"guardian/actions"
)

func (s *Server) runs(w http.ResponseWriter, r *http.Request, _ Caller) error {
	f, err := filter(r)
	if err != nil {
		return err
	}
	if err := known("?state", f.State, actions.Waiting, actions.AwaitingApproval, actions.Running, actions.Verifying, actions.Cured, actions.NotCured,
		actions.Worse, actions.FailedRun, actions.Rejected, actions.Expired, actions.Refused); err != nil {
		return err
	}
	if err := known("?trigger", f.Trigger, actions.ByVerdict, actions.ByAlert, actions.ByPerson, actions.ByDrill); err != nil {
		return err
	}
	list, err := s.backend.RunList(r.Context(), f)
	if err != nil {
		return err
	}
	views := make([]runView, 0, len(list))
	for _, run := range list {
		views = append(views, s.viewRun(run))
	}
	return writeJSON(w, http.StatusOK, map[string]any{"rollbacks": views})
}

func (s *Server) run(w http.ResponseWriter, r *http.Request, _ Caller) error {
	wait, free, err := s.hold(w, r)
	if err != nil {
		return err
	}
	defer free()
	detail, err := s.backend.Run(r.Context(), r.PathValue("id"), wait)
	if err != nil {
		return err
	}
	view := s.viewRun(detail.Run)
	view.Ledger = detail.Ledger
	return writeJSON(w, http.StatusOK, view)
}

// startRun is the one-click rollback.
func (s *Server) startRun(w http.ResponseWriter, r *http.Request, by Caller) error {
	o, _, err := body(w, r, false)
	if err != nil {
		return err
	}
	request := RunRequest{
		Service:     o.required("service", maxName),
		Environment: o.text("environment", maxName),
		To:          o.version("to", false),
		Reason:      o.required("reason", maxReason),
	}
	if request.Environment == "" {
		request.Environment = "production"
	}
	if err := o.done(); err != nil {
		return err
	}
	run, err := s.backend.StartRun(r.Context(), request, by)
	if err != nil {
		return err
	}
	w.Header().Set("Location", s.link("/api/v1/rollbacks/"+run.ID))
	return writeJSON(w, http.StatusCreated, s.viewRun(run))
}

func (s *Server) answerRun(w http.ResponseWriter, r *http.Request, by Caller) error {
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
	run, err := s.backend.AnswerRun(r.Context(), r.PathValue("id"), answer, by)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, s.viewRun(run))
}

func (d Decision) known() bool {
	switch d {
	case ApproveRun, RejectRun, StepDone, StepRepeat, AbortRun:
		return true
	default:
		return false
	}
}
