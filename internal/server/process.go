package server

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"guardian/internal/reason"
	"guardian/notifiers"
	"guardian/probes"
)

// Process is the guardian itself.
type Process interface {
	Status(ctx context.Context) (Status, error)
	// Reload loads the configuration anew; on a mistake nothing changes and the error is a
	// MistakesError. The warnings say what is valid and cannot work, and what people set that the
	// configuration has no place for.
	Reload(ctx context.Context, by Caller) (warnings []string, err error)
}

// Status is how the guardian is.
type Status struct {
	Version string `json:"version"`
	// Ready: it serves what it knows. A standby is ready.
	Ready bool `json:"ready"`
	// Role is active, standby or starting.
	Role       string        `json:"role"`
	Reason     reason.Reason `json:"reason,omitzero"`  // why it is not ready, or not active
	Holder     string        `json:"holder,omitempty"` // who holds the lease
	Started    time.Time     `json:"started"`
	Loaded     time.Time     `json:"config_loaded"`               // when the running configuration was loaded
	LoadError  string        `json:"config_error,omitempty"`      // of the last reload, when it failed
	Checks     int           `json:"checks"`                      // configured
	Blind      []string      `json:"blind"`                       // checks that cannot look
	Queued     int           `json:"notices_queued"`              // notices not yet delivered
	GivenUp    int           `json:"notices_given_up"`            // in the last day
	LastNotice time.Time     `json:"last_notice_at,omitzero"`     // last delivered
	Storage    string        `json:"storage"`                     // sqlite or postgres
	StorageErr string        `json:"storage_error,omitempty"`     // of the last write, when it failed
	OldestDue  time.Time     `json:"oldest_undelivered,omitzero"` // created time of the oldest undelivered notice
	// Receivers is how each receiver does; none of a guardian that does not lead.
	Receivers []notifiers.Status `json:"receivers,omitempty"`
}

// Heartbeats takes jobs' reports.
type Heartbeats interface {
	// Beat keeps a report; ErrNotFound when no heartbeat check has this name.
	Beat(ctx context.Context, b probes.Heartbeat, by Caller) error
}

// healthy is the liveness probe: the process answers, nothing more.
func (*Server) healthy(w http.ResponseWriter, _ *http.Request) {
	plain(w, http.StatusOK, "Guardian is healthy.")
}

// ready is the readiness probe. A standby is ready: it answers reads and forwards writes.
func (s *Server) ready(process Process) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		st, err := process.Status(r.Context())
		switch {
		case err != nil:
			s.log.ErrorContext(r.Context(), "status is not known", "error", s.redactor.Redact(err.Error()))
			plain(w, http.StatusServiceUnavailable, "Guardian is not ready: its status is not known; its log says more.")
		case !st.Ready:
			plain(w, http.StatusServiceUnavailable, fmt.Sprintf("Guardian is not ready (%s): %s", st.Role, s.redactor.Redact(st.Reason.String())))
		case st.Role == "standby":
			plain(w, http.StatusOK, "Guardian is ready (standby).")
		default:
			plain(w, http.StatusOK, "Guardian is ready ("+st.Role+").")
		}
	}
}

func plain(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = fmt.Fprintln(w, text)
}

func (*Server) reload(process Process) handler {
	return func(w http.ResponseWriter, r *http.Request, by Caller) error {
		warnings, err := process.Reload(r.Context(), by)
		if err != nil {
			return err
		}
		return writeJSON(w, http.StatusOK, map[string]any{"status": "reloaded", "warnings": orEmpty(warnings)})
	}
}

func (*Server) status(process Process) handler {
	return func(w http.ResponseWriter, r *http.Request, _ Caller) error {
		st, err := process.Status(r.Context())
		if err != nil {
			return err
		}
		st.Blind = orEmpty(st.Blind)
		return writeJSON(w, http.StatusOK, st)
	}
}

// beat takes a job's heartbeat. The body is optional: a call without one means that it ran.
func (s *Server) beat(heartbeats Heartbeats) handler {
	return func(w http.ResponseWriter, r *http.Request, by Caller) error {
		o, _, err := body(w, r, true)
		if err != nil {
			return err
		}
		b := probes.Heartbeat{Check: r.PathValue("check"), At: s.now().UTC(), OK: o.flag("ok", true), Reason: o.text("reason", maxReason)}
		if err := o.done(); err != nil {
			return err
		}
		if err := heartbeats.Beat(r.Context(), b, by); err != nil {
			return err
		}
		return writeJSON(w, http.StatusAccepted, b)
	}
}
