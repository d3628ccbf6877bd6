package rules

import "time"

// Tier is how loudly an alert is told.
type Tier string

// The tiers, loudest first.
const (
	Critical Tier = "critical"
	Warning  Tier = "warning"
	Info     Tier = "info"
)

// State is where an alert stands.
type State string

// The states of an alert.
const (
	Pending  State = "pending"
	Firing   State = "firing"
	Resolved State = "resolved"
)

// Alert is one instance of an alerting rule: one label set. It is a value that survives a
// restart whole; all of its times are UTC.
type Alert struct {
	ID          string            `json:"id"`   // fingerprint of group, rule and labels: the same across restarts
	Rule        string            `json:"rule"` // alertname
	Group       string            `json:"group"`
	File        string            `json:"file"`
	Expr        string            `json:"expr"`
	Tier        Tier              `json:"tier"`
	State       State             `json:"state"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations,omitempty"`
	Value       float64           `json:"value"`

	ActiveAt        time.Time     `json:"active_at"` // the condition became true
	FiredAt         time.Time     `json:"fired_at,omitzero"`
	ResolvedAt      time.Time     `json:"resolved_at,omitzero"`
	KeepFiringSince time.Time     `json:"keep_firing_since,omitzero"`
	LastEval        time.Time     `json:"last_eval"` // the last evaluation that knew
	For             time.Duration `json:"for,omitempty"`
	// FailsWatch is the rule's label fails_watch: "true".
	FailsWatch bool `json:"fails_watch,omitempty"`
}

// Service gives the alert's service label, or "".
func (a Alert) Service() string { return a.Labels["service"] }

// Change is an alert that moved from one state to another. From is "" for a new alert and
// To is "" for a pending alert whose condition went away.
type Change struct {
	From, To State
	Alert    Alert
}
