package server

import (
	"net/http"
	"strings"

	"guardian/actions"
	"guardian/watch"
)

// watchView is a watch as the API tells it.
type watchView struct {
	Watch
	Rollback *runView `json:"rollback"`
	URL      string   `json:"url"`
}

// runView is a run as the API tells it.
type runView struct {
	actions.Run
	Ledger []actions.Entry `json:"ledger,omitempty"`
	URL    string          `json:"url"`
}

func (s *Server) viewWatch(v Watch) watchView {
	v.Evidence = orEmpty(v.Evidence)
	view := watchView{Watch: v, URL: s.link("/watches/" + v.ID)}
	if v.Rollback != nil {
		run := s.viewRun(*v.Rollback)
		view.Rollback = &run
	}
	return view
}

func (s *Server) viewRun(run actions.Run) runView {
	run.Steps = orEmpty(run.Steps)
	return runView{Run: run, URL: s.link("/rollbacks/" + run.ID)}
}

func (s *Server) watches(w http.ResponseWriter, r *http.Request, _ Caller) error {
	f, err := filter(r)
	if err != nil {
		return err
	}
	if err := known("?state", f.State, watch.Watching, watch.Passed, watch.Failed, watch.Inconclusive, watch.Superseded, watch.Cancelled); err != nil {
		return err
	}
	list, err := s.backend.WatchList(r.Context(), f)
	if err != nil {
		return err
	}
	views := make([]watchView, 0, len(list))
	for _, v := range list {
		views = append(views, s.viewWatch(v))
	}
	return writeJSON(w, http.StatusOK, map[string]any{"watches": views})
}

func (s *Server) watch(w http.ResponseWriter, r *http.Request, _ Caller) error {
	wait, free, err := s.hold(w, r)
	if err != nil {
		return err
	}
	defer free()
	v, err := s.backend.Watch(r.Context(), r.PathValue("id"), wait)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, s.viewWatch(v))
}

func (s *Server) cancelWatch(w http.ResponseWriter, r *http.Request, by Caller) error {
	o, _, err := body(w, r, true)
	if err != nil {
		return err
	}
	if err := o.done(); err != nil {
		return err
	}
	v, err := s.backend.CancelWatch(r.Context(), r.PathValue("id"), by)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, s.viewWatch(v))
}

// known checks a parameter that is empty or one of a closed set.
func known[T ~string](pointer, value string, set ...T) error {
	if value == "" {
		return nil
	}
	var list strings.Builder
	for _, v := range set {
		if string(v) == value {
			return nil
		}
		list.WriteString(" " + string(v))
	}
	return &InvalidError{Fields: []FieldError{{pointer, "is not one of" + list.String()}}}
}
