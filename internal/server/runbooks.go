package server

import (
	"context"
	"net/http"

	"guardian/decide"
)

// Runbooks gives the configured runbooks as checklists.
type Runbooks interface {
	RunbookList(ctx context.Context) ([]decide.Checklist, error)
}

func (*Server) runbookList(from Runbooks) handler {
	return func(w http.ResponseWriter, r *http.Request, _ Caller) error {
		list, err := from.RunbookList(r.Context())
		if err != nil {
			return err
		}
		return writeJSON(w, http.StatusOK, map[string]any{"runbooks": orEmpty(list)})
	}
}

func (*Server) runbook(from Runbooks) handler {
	return func(w http.ResponseWriter, r *http.Request, _ Caller) error {
		list, err := runbookOf(r, from)
		if err != nil {
			return err
		}
		return writeJSON(w, http.StatusOK, list)
	}
}

func runbookOf(r *http.Request, from Runbooks) (decide.Checklist, error) {
	all, err := from.RunbookList(r.Context())
	if err != nil {
		return decide.Checklist{}, err
	}
	missing := &NotFoundError{What: "runbook", Name: r.PathValue("name")}
	for _, l := range all {
		if l.Runbook == missing.Name {
			return l, nil
		}
		missing.Known = append(missing.Known, l.Runbook)
	}
	return decide.Checklist{}, missing
}

func (s *Server) runbookPage(from Runbooks) handler {
	return func(w http.ResponseWriter, r *http.Request, by Caller) error {
		list, err := runbookOf(r, from)
		if err != nil {
			return err
		}
		return s.render(w, r, http.StatusOK, "runbook", list.Runbook, 0, by, list)
	}
}
