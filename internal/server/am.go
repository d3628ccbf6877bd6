package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"time"

	"guardian/notifiers/route"
)

// Alertmanager's API v2 for amtool, Karma and a Prometheus that sends its alerts here. Its
// models are written down here: Alertmanager's own come with a framework that is as large as
// this server.

// Routing reads how notices are routed.
type Routing interface {
	// ReceiverNames lists the configured receivers.
	ReceiverNames(ctx context.Context) ([]string, error)
	// RoutedAlerts gives the alerts that fire, each with the routes that it takes.
	RoutedAlerts(ctx context.Context) ([]RoutedAlert, error)
}

// amTime is a time as Alertmanager writes it.
type amTime struct{ time.Time }

func (t amTime) MarshalJSON() ([]byte, error) {
	return json.Marshal(t.UTC().Format("2006-01-02T15:04:05.000Z07:00"))
}

type amReceiver struct {
	Name string `json:"name"`
}

// refuseAM answers an error as Alertmanager does: its text as a JSON string. What the caller
// wrote wrong is 400 there.
func (s *Server) refuseAM(w http.ResponseWriter, r *http.Request, err error) {
	p, ok := s.fail(r, err)
	if !ok {
		return
	}
	if p.Status == http.StatusUnprocessableEntity {
		p.Status = http.StatusBadRequest
		parts := make([]string, len(p.Errors))
		for i, f := range p.Errors {
			parts[i] = strings.TrimPrefix(f.Pointer+": ", ": ") + f.Detail
		}
		p.Detail = strings.Join(parts, "; ")
	}
	p.headers(w)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p.Detail)
}

// amBody reads a JSON body into v, bounded. Fields that are not known are ignored, as Alertmanager
// does: clients of later versions send more.
func amBody(w http.ResponseWriter, r *http.Request, limit int64, v any) error {
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	if err != nil {
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			return &statusError{http.StatusRequestEntityTooLarge, fmt.Sprintf("the body is larger than %d bytes", limit)}
		}
		return &statusError{http.StatusBadRequest, "the body could not be read to its end"}
	}
	if err := json.Unmarshal(raw, v); err != nil {
		return &statusError{http.StatusBadRequest, "the body is not what is expected here: " + jsonFault(raw, err)}
	}
	return nil
}

// amFilter reads the matchers of ?filter=.
func amFilter(r *http.Request, param string) (route.Matchers, error) {
	var all route.Matchers
	for _, text := range r.URL.Query()[param] {
		if strings.HasPrefix(text, "{") || strings.HasSuffix(text, "}") {
			return nil, &statusError{http.StatusBadRequest, "unexpected open or close brace: " + text}
		}
		m, err := route.ParseMatcher(text)
		if err != nil {
			return nil, &statusError{http.StatusBadRequest, err.Error()}
		}
		all = append(all, m)
	}
	return all, nil
}

// amFlag reads a boolean parameter that is true when it is left out.
func amFlag(r *http.Request, param string) bool {
	values, there := r.URL.Query()[param]
	return !there || slices.Contains([]string{"true", "1", "yes", "ok", "y", "on", "t"}, strings.ToLower(values[len(values)-1]))
}

func (*Server) amStatus(process Process) handler {
	return func(w http.ResponseWriter, r *http.Request, _ Caller) error {
		st, err := process.Status(r.Context())
		if err != nil {
			return err
		}
		return writeJSON(w, http.StatusOK, map[string]any{
			"cluster":     map[string]any{"status": "disabled", "peers": []any{}},
			"config":      map[string]string{"original": ""},
			"uptime":      amTime{st.Started},
			"versionInfo": map[string]string{"version": st.Version, "revision": "", "branch": "", "buildUser": "", "buildDate": "", "goVersion": runtime.Version()},
		})
	}
}

func (*Server) amReceivers(from Routing) handler {
	return func(w http.ResponseWriter, r *http.Request, _ Caller) error {
		filter, err := amFilter(r, "receiver_matchers")
		if err != nil {
			return err
		}
		names, err := from.ReceiverNames(r.Context())
		if err != nil {
			return err
		}
		all := []amReceiver{}
		for _, name := range names {
			if filter.Match(nil) { // receivers have no labels here
				all = append(all, amReceiver{Name: name})
			}
		}
		return writeJSON(w, http.StatusOK, all)
	}
}
