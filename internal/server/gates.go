package server

import (
	"context"
	"net/http"

	"guardian/watch"
)

// Gates knows whether a service may be deployed now.
type Gates interface {
	// Gate tells whether the service may be deployed now; a NotFoundError for one that is not
	// configured.
	Gate(ctx context.Context, service, environment string) (Gate, error)
}

// Gate is whether a service may be deployed now, and if not, why.
type Gate struct {
	Open    bool               `json:"open"`
	Reasons []watch.GateReason `json:"reasons"`
}

func (*Server) gate(from Gates) handler {
	return func(w http.ResponseWriter, r *http.Request, _ Caller) error {
		service, environment := r.URL.Query().Get("service"), r.URL.Query().Get("environment")
		if service == "" {
			return &InvalidError{Fields: []FieldError{{"?service", "is required"}}}
		}
		if environment == "" {
			environment = "production"
		}
		gate, err := from.Gate(r.Context(), service, environment)
		if err != nil {
			return err
		}
		gate.Reasons = orEmpty(gate.Reasons)
		return writeJSON(w, http.StatusOK, gate)
	}
}
