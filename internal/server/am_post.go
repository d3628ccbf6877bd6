package server

import (
	"context"
	"errors"
	"net/http"
	"time"

	"guardian/rules"
)

// Intake takes alerts of other programs.
type Intake interface {
	// TakeAlerts takes what another program sends. Alerts that are refused are named in an
	// InvalidError; the others count all the same.
	TakeAlerts(ctx context.Context, sent []rules.Sent) error
}

// maxAlerts bounds the body of alerts that are sent; a Prometheus sends at most 256 at once.
const maxAlerts = 8 << 20

// maxURL bounds the link to what made an alert, in bytes.
const maxURL = 16 << 10

// amPostable is an alert as it is sent.
type amPostable struct {
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations"`
	StartsAt     time.Time         `json:"startsAt"`
	EndsAt       time.Time         `json:"endsAt"`
	GeneratorURL string            `json:"generatorURL"`
}

func (*Server) amPostAlerts(intake Intake) handler {
	return func(w http.ResponseWriter, r *http.Request, _ Caller) error {
		var posted []*amPostable
		if err := amBody(w, r, maxAlerts, &posted); err != nil {
			return err
		}
		sent := make([]rules.Sent, 0, len(posted))
		for _, p := range posted {
			if p == nil {
				return &statusError{http.StatusBadRequest, "one of the alerts is null"}
			}
			if len(p.GeneratorURL) > maxURL {
				p.GeneratorURL = "" // the alert is what counts
			}
			sent = append(sent, rules.Sent(*p))
		}
		if err := intake.TakeAlerts(r.Context(), sent); err != nil {
			return err
		}
		w.WriteHeader(http.StatusOK)
		return nil
	}
}

// InvalidAlerts makes an InvalidError of the reasons for which alerts were refused; nil of none.
func InvalidAlerts(errs []error) error {
	if len(errs) == 0 {
		return nil
	}
	return &InvalidError{Fields: []FieldError{{Detail: errors.Join(errs...).Error()}}}
}
