package server

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"time"

	"guardian/actions"
	"guardian/watch"
)

type runPageView struct {
	actions.Run
	Watch  *Watch // whose verdict led to it; nil when it was something else
	Ledger []actions.Entry
	Took   time.Duration
	Title  string
	// Doubt is the step that a person is asked about; nil when it is something else.
	Doubt *actions.StepRun
}

// Beside are the symptoms that must be over beside the checks that must be up again.
func (v runPageView) Beside() []actions.Symptom {
	return slices.DeleteFunc(slices.Clone(v.Symptoms), func(s actions.Symptom) bool { return s.Kind == actions.SymptomCheck })
}

func (s *Server) runPage(runs Runs, watches Watches) handler {
	return func(w http.ResponseWriter, r *http.Request, by Caller) error {
		detail, err := runs.Run(r.Context(), r.PathValue("id"), 0)
		if err != nil {
			return err
		}
		run, words := detail.Run, s.pages.language(r)
		v := runPageView{Run: run, Watch: s.watchOf(r.Context(), watches, run), Ledger: detail.Ledger, Doubt: doubt(run)}
		if !run.Started.IsZero() {
			v.Took = s.now().Sub(run.Started)
			if !run.Ended.IsZero() {
				v.Took = run.Ended.Sub(run.Started)
			}
		}
		v.Title = runTitle(words, run)
		refresh := 0
		if !run.State.Final() {
			refresh = 5
		}
		return s.render(w, r, http.StatusOK, "run", v.Title, refresh, by, v)
	}
}

// runTitle names what a run is.
func runTitle(words locale, run actions.Run) string {
	switch {
	case run.Rollback && run.Kind == string(watch.Operation):
		return words.T("run.title_undo", run.Service, run.From)
	case run.Rollback:
		return words.T("run.title_back", run.Service)
	case run.Service == "":
		return run.Runbook
	default:
		return words.T("run.title_other", run.Runbook, run.Service)
	}
}

// watchOf gives the watch whose verdict led to a run; nil when none did, or when it cannot be
// read: the page has the run's own reason then.
func (s *Server) watchOf(ctx context.Context, from Watches, run actions.Run) *Watch {
	if run.Trigger.Watch == "" {
		return nil
	}
	v, err := from.Watch(ctx, run.Trigger.Watch, 0)
	if err != nil {
		s.log.WarnContext(ctx, "run is shown without its watch", "run", run.ID, "error", s.redactor.Redact(err.Error()))
		return nil
	}
	return &v
}

func doubt(run actions.Run) *actions.StepRun {
	q := run.Question
	if q == nil || q.Code != "outcome_unknown" || q.Step < 0 || q.Step >= len(run.Steps) {
		return nil
	}
	return &run.Steps[q.Step]
}

func (*Server) runForm(control RunControl) handler {
	return func(w http.ResponseWriter, r *http.Request, by Caller) error {
		decision := Decision(r.PostFormValue("decision"))
		if !decision.known() {
			return &InvalidError{Fields: []FieldError{{"/decision", "is not one of approve, reject, done, repeat, abort"}}}
		}
		note := r.PostFormValue("note")
		if why := badText(note, maxReason); why != "" {
			return &InvalidError{Fields: []FieldError{{"/note", why}}}
		}
		id := r.PathValue("id")
		if _, err := control.AnswerRun(r.Context(), id, RunAnswer{Decision: decision, Note: note}, by); err != nil {
			return err
		}
		back(w, r, "/rollbacks/"+url.PathEscape(id), string(decision))
		return nil
	}
}

func (*Server) rollbackForm(control RunControl) handler {
	return func(w http.ResponseWriter, r *http.Request, by Caller) error {
		q := RunRequest{
			Service: r.PathValue("name"), Environment: r.PostFormValue("environment"), To: r.PostFormValue("to"), Reason: r.PostFormValue("reason"),
		}
		var wrong []FieldError
		for _, f := range []struct {
			name, text string
			limit      int
		}{{"environment", q.Environment, maxName}, {"to", q.To, maxName}} {
			if why := badText(f.text, f.limit); why != "" {
				wrong = append(wrong, FieldError{"/" + f.name, why})
			}
		}
		if why := neededText(q.Reason, maxReason); why != "" {
			wrong = append(wrong, FieldError{"/reason", why})
		}
		if len(wrong) > 0 {
			return &InvalidError{Fields: wrong}
		}
		run, err := control.StartRun(r.Context(), q, by)
		if err != nil {
			return err
		}
		back(w, r, "/rollbacks/"+url.PathEscape(run.ID), "rollback")
		return nil
	}
}
