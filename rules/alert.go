package rules

import (
	"encoding/json"
	"math"
	"strconv"
	"time"
)

// Tier is the severity of an alert.
type Tier string

// The tiers, most severe first.
const (
	Critical Tier = "critical"
	Warning  Tier = "warning"
	Info     Tier = "info"
)

// State is the state of an alert.
type State string

// The states of an alert.
const (
	Pending  State = "pending"
	Firing   State = "firing"
	Resolved State = "resolved"
)

// Alert is one instance of an alerting rule: one label set. It is a value that is stored and
// restored as a whole; all of its times are UTC.
type Alert struct {
	ID          string            `json:"id"`       // fingerprint of group, rule and labels: the same across restarts
	Rule        string            `json:"rule"`     // alertname
	RuleKey     string            `json:"rule_key"` // which rule of its group: name and labels, see Rule.Key
	Group       string            `json:"group"`
	File        string            `json:"file"` // Group.FileID
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
	LastEval        time.Time     `json:"last_eval"` // the last evaluation that was not unknown
	For             time.Duration `json:"for,omitempty"`
	// FailsWatch is the rule's label fails_watch: "true".
	FailsWatch bool `json:"fails_watch,omitempty"`
	// Reach is how far back the rule's expression reads samples, as in rate(x[5m]).
	Reach time.Duration `json:"reach,omitempty"`
	// Settles is how long it may fire on after its cause is gone, see Rule.Settles.
	Settles time.Duration `json:"settles,omitempty"`
	// Origin is set for an alert that another program sent: it belongs to no rule here.
	Origin *Origin `json:"origin,omitempty"`
}

// Service gives the alert's service label, or "".
func (a Alert) Service() string { return a.Labels["service"] }

// Change is an alert that moved from one state to another. From is "" for a new alert and
// To is "" for a pending alert whose condition went away.
type Change struct {
	From, To State
	Alert    Alert
}

// alertJSON is Alert without its methods.
type alertJSON Alert

// number is a float64 of which JSON can hold every value: NaN and the infinities, which PromQL
// gives for a division by zero, are strings.
type number float64

func (n number) MarshalJSON() ([]byte, error) {
	f := float64(n)
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return strconv.AppendQuote(nil, strconv.FormatFloat(f, 'f', -1, 64)), nil
	}
	return json.Marshal(f)
}

func (n *number) UnmarshalJSON(b []byte) error {
	if len(b) > 1 && b[0] == '"' {
		f, err := strconv.ParseFloat(string(b[1:len(b)-1]), 64)
		*n = number(f)
		return err
	}
	return json.Unmarshal(b, (*float64)(n))
}

// MarshalJSON gives a value that is not a finite number as "NaN", "+Inf" or "-Inf".
func (a Alert) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		alertJSON
		Value number `json:"value"`
	}{alertJSON(a), number(a.Value)})
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (a *Alert) UnmarshalJSON(b []byte) error {
	v := struct {
		*alertJSON
		Value number `json:"value"`
	}{alertJSON: (*alertJSON)(a)}
	if err := json.Unmarshal(b, &v); err != nil {
		return err
	}
	a.Value = float64(v.Value)
	return nil
}
