package server

import (
	"context"
	"net/http"

	"guardian/watch"
)

// Gates knows whether a service may be deployed now.
type Gates interface {
	// Gate tells whether the service may be deployed now; a NotFoundError for one that is not
	// configured, or not for this environment. "" is the service's own.
	Gate(ctx context.Context, service, environment string) (Gate, error)
}

// Gate is whether a service may be deployed now, and if not, why.
type Gate struct {
	Open    bool               `json:"open"`
	Reasons []watch.GateReason `json:"reasons"`
}

// gateOf gives the gate as it was when a deploy was announced.
func gateOf(d watch.Deploy) Gate {
	return Gate{Open: len(d.GateClosed) == 0, Reasons: orEmpty(d.GateClosed)}
}

func (*Server) gate(from Gates) handler {
	return func(w http.ResponseWriter, r *http.Request, _ Caller) error {
		service, environment := r.URL.Query().Get("service"), r.URL.Query().Get("environment")
		if service == "" {
			return &InvalidError{Fields: []FieldError{{"?service", "is required"}}}
		}
		gate, err := from.Gate(r.Context(), service, environment)
		if err != nil {
			return err
		}
		gate.Reasons = orEmpty(gate.Reasons)
		return writeJSON(w, http.StatusOK, gate)
	}
}
