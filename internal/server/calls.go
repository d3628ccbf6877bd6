package server

import (
	"context"
	"encoding/json"
	"net/http"
	"time"
)

// Calls takes reports of what the sellers' own applications call at marketplaces.
type Calls interface {
	// ReportCalls takes a report once per key; ErrIdempotencyMismatch when the key came with
	// another report. What cannot be used is an InvalidError.
	ReportCalls(ctx context.Context, report CallReport, by Caller) error
}

// CallReport is what an application did since its report before.
type CallReport struct {
	Marketplace string    `json:"marketplace"`
	App         string    `json:"app,omitempty"`
	Shop        string    `json:"shop"`
	Operation   string    `json:"operation"`
	Calls       int       `json:"calls"` // that were served
	Throttled   int       `json:"throttled"`
	At          time.Time `json:"at"`

	Key      string `json:"-"` // the header Idempotency-Key; "" where there is none
	BodyHash string `json:"-"`
}

const (
	maxCalls    = 1_000_000
	maxCallsAge = time.Hour
)

// calls takes a report of calls.
func (s *Server) calls(calls Calls) handler {
	return func(w http.ResponseWriter, r *http.Request, by Caller) error {
		o, hash, err := body(w, r, false)
		if err != nil {
			return err
		}
		now := s.now().UTC()
		c := CallReport{
			Marketplace: o.required("marketplace", maxName), App: o.text("app", maxName), Shop: o.required("shop", maxName),
			Operation: o.required("operation", maxName), Calls: o.count("calls", maxCalls), Throttled: o.count("throttled", maxCalls),
			At: o.time("at"), Key: r.Header.Get("Idempotency-Key"), BodyHash: hash,
		}
		switch {
		case c.At.IsZero():
			c.At = now
		case c.At.After(now.Add(maxAhead)):
			o.wrong("at", "lies in the future: report calls when they were made, and check this machine's clock")
		case c.At.Before(now.Add(-maxCallsAge)):
			o.wrong("at", "is more than %s ago: usage is inferred of what is now", maxCallsAge)
		}
		if err := o.done(); err != nil {
			return err
		}
		if why := badText(c.Key, 255); why != "" {
			return &statusError{http.StatusBadRequest, "the header Idempotency-Key " + why}
		}
		if err := calls.ReportCalls(r.Context(), c, by); err != nil {
			return err
		}
		return writeJSON(w, http.StatusAccepted, c)
	}
}

// count reads a whole number from 0 to a limit; 0 when it is left out.
func (o *object) count(name string, limit int) int {
	v, ok := o.has(name)
	if !ok {
		return 0
	}
	var n int
	if json.Unmarshal(v, &n) != nil || n < 0 || n > limit {
		o.wrong(name, "expected a whole number from 0 to %d", limit)
		return 0
	}
	return n
}
