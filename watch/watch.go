package watch

import (
	"time"

	"guardian/probes/sample"
	"guardian/rules"
)

// Policy is how a service's deploys are watched.
type Policy struct {
	For      time.Duration `json:"for"`       // the watch's length; default 30m
	Mode     Mode          `json:"mode"`      // default approve
	Alpha    float64       `json:"alpha"`     // chance of a false rollback, default 0.001; (0, 0.5)
	Grace    time.Duration `json:"grace"`     // after the switch, not judged; default 0
	MaxBlind time.Duration `json:"max_blind"` // how long past the deadline a blind watch waits to see again; default 0: "not back before the deadline"
	// MinSamples is how many judged looks a Passed verdict needs in all; default 10.
	MinSamples int `json:"min_samples"`
}

// CheckPolicy is what the watch needs to know of one check of the service.
type CheckPolicy struct {
	Check       string            `json:"check"`
	Labels      map[string]string `json:"labels,omitempty"` // shop, marketplace, …: a deploy to some shops is judged on those
	FailureRate float64           `json:"failure_rate"`     // allowed, default 0.01; (0, 0.5]
	Weight      float64           `json:"weight"`           // relative; default 1
	Every       time.Duration     `json:"every"`            // blind when nothing came for 2*Every + 30s
}

// Snapshot is what was known the moment before the deploy.
type Snapshot struct {
	Health map[string]sample.Health `json:"health"` // by check
	Firing []string                 `json:"firing"` // IDs of alerts that were pending or firing
	Before map[string]Counts        `json:"before"` // by check: looks of the last hours, for the reader
}

// Counts are looks and failures.
type Counts struct {
	Looks    int `json:"looks"`
	Failures int `json:"failures"`
	Unknown  int `json:"unknown,omitempty"`
}

// Evidence is what one check or rule says about a deploy, in numbers a person can check.
type Evidence struct {
	Check   string  `json:"check"`  // or the alert's name
	Metric  string  `json:"metric"` // "failures" or "alert"
	Before  Counts  `json:"before"`
	After   Counts  `json:"after"`
	EValue  float64 `json:"e_value"` // capped at 1e300
	Weight  float64 `json:"weight,omitempty"`
	Samples int     `json:"samples"`           // judged looks
	Excused string  `json:"excused,omitempty"` // why it does not count: "red before the deploy", …
	Reason  string  `json:"reason,omitempty"`  // the last failure in words
	// Since is when its failures began; zero when there were none.
	Since time.Time `json:"since,omitzero"`
}

// Verdict is how a watch ended.
type Verdict struct {
	State  State     `json:"state"`
	Reason string    `json:"reason"` // in English, one or two sentences
	At     time.Time `json:"at"`
	// Cause is the check or rule that weighed most; "" when none did.
	Cause string `json:"cause,omitempty"`
	// ByRule says that the verdict rests on a rule, outside the judge's guarantee.
	ByRule bool `json:"by_rule,omitempty"`
	// Failing lists the checks that a rollback must cure.
	Failing []string `json:"failing,omitempty"`
}

// Outcome is what one step of a watch led to: nil verdict means: go on.
type Outcome = *Verdict

var (
	_ = sample.Unknown
	_ = rules.Firing
)
