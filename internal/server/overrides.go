package server

import (
	"context"
	"net/http"

	"guardian/oncall"
)

// Overrides keeps the overrides of shifts that people make.
type Overrides interface {
	// OverrideList gives those that have not ended, those that end first first.
	OverrideList(ctx context.Context) ([]oncall.Made, error)
	// CreateOverride puts somebody on call from now on or later. ID, By, Created and a From that is not
	// given are set.
	CreateOverride(ctx context.Context, m oncall.Made, by Caller) (oncall.Made, error)
	// DeleteOverride takes one back, from now on; ErrNotFound when there is none that has not ended.
	DeleteOverride(ctx context.Context, id string, by Caller) error
}

func (*Server) overrides(from Overrides) handler {
	return func(w http.ResponseWriter, r *http.Request, _ Caller) error {
		list, err := from.OverrideList(r.Context())
		if err != nil {
			return err
		}
		return writeJSON(w, http.StatusOK, map[string]any{"overrides": orEmpty(list)})
	}
}

func (*Server) createOverride(overrides Overrides) handler {
	return func(w http.ResponseWriter, r *http.Request, by Caller) error {
		o, _, err := body(w, r, false)
		if err != nil {
			return err
		}
		m := oncall.Made{
			Schedule: o.required("schedule", maxName), Person: o.required("person", maxName), Replaces: o.text("replaces", maxName),
			From: o.time("from"), To: o.time("to"),
		}
		if m.To.IsZero() && len(o.mistakes) == 0 {
			o.wrong("to", "is required, such as 2026-11-22T10:00:00Z")
		}
		if err := o.done(); err != nil {
			return err
		}
		created, err := overrides.CreateOverride(r.Context(), m, by)
		if err != nil {
			return err
		}
		return writeJSON(w, http.StatusCreated, created)
	}
}

func (*Server) deleteOverride(overrides Overrides) handler {
	return func(w http.ResponseWriter, r *http.Request, by Caller) error {
		if err := overrides.DeleteOverride(r.Context(), r.PathValue("id"), by); err != nil {
			return err
		}
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
}
