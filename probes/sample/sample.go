package sample

import (
	"fmt"
	"time"

	"guardian/internal/reason"
)

// Health is what a look says of its target. The zero value is Unknown: who does not know
// says so, and nothing fires, resolves or rolls back because of it.
type Health uint8

// The three answers of a look.
const (
	Unknown Health = iota // the guardian could not look
	Up                    // it looked, and all was as asserted
	Down                  // it looked, and something was wrong
)

// String gives "unknown", "up" or "down".
func (h Health) String() string {
	switch h {
	case Up:
		return "up"
	case Down:
		return "down"
	case Unknown:
		return "unknown"
	default:
		return fmt.Sprintf("health(%d)", uint8(h))
	}
}

// MarshalText implements encoding.TextMarshaler.
func (h Health) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (h *Health) UnmarshalText(b []byte) error {
	switch string(b) {
	case "unknown":
		*h = Unknown
	case "up":
		*h = Up
	case "down":
		*h = Down
	default:
		return fmt.Errorf("health %q is not one of unknown, up, down", b)
	}
	return nil
}

// Value is one measured number of a look: a series name and labels beyond the check's own.
type Value struct {
	Name   string            `json:"name"` // a Prometheus metric name, e.g. probe_http_status_code
	Labels map[string]string `json:"labels,omitempty"`
	V      float64           `json:"v"`

	Exemplar *Exemplar `json:"-"` // nil: none was told
}

// Exemplar is one event that a value counts, such as a request with its trace.
type Exemplar struct {
	Labels map[string]string
	V      float64
	At     time.Time // zero: that of the look
}

// Observation is what one look saw. The zero value is "Unknown, no reason".
type Observation struct {
	Health Health        `json:"health"`
	Reason reason.Reason `json:"reason,omitzero"` // redacted; none when Up
	Values []Value       `json:"values,omitempty"`
	// Version is the version that answered, where the check can see it; otherwise "".
	Version string `json:"version,omitempty"`
	// Detail is what a person wants to read about a look that failed: status line, headers
	// (secrets removed), an excerpt of the body. At most a few KiB; redacted.
	Detail string `json:"detail,omitempty"`
}

// Sample is an observation stamped by the runner.
type Sample struct {
	Check    string            `json:"check"`
	Kind     string            `json:"kind"`
	Service  string            `json:"service"`
	Labels   map[string]string `json:"labels,omitempty"` // marketplace, shop, site and the check's own
	At       time.Time         `json:"at"`               // when the look began, UTC
	Duration time.Duration     `json:"duration"`
	// Recheck marks a look between scheduled ones, made because the check had failed. Rechecks are
	// close together and prove less than other looks: leave them out where looks are counted.
	Recheck bool `json:"raised,omitempty"`
	Observation
}
