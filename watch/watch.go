package watch

import (
	"time"

	"guardian/probes/sample"
	"guardian/watch/judge"
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
	Every       time.Duration     `json:"every"`            // blind when nothing came for BlindAfter(Every)
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

// Watch is the observation of one deploy until a verdict. It is a value: everything it knows
// is in it, and a watch that was stored as JSON and read back gives the same verdict at the
// same observation. It is not safe for concurrent use; one goroutine owns it.
type Watch struct {
	ID              string   `json:"id"` // made by the caller of Open
	DeployID        string   `json:"deploy"`
	Service         string   `json:"service"`
	Environment     string   `json:"environment"`
	Version         string   `json:"version"`
	PreviousVersion string   `json:"previous_version,omitempty"`
	Shops           []string `json:"shops,omitempty"` // empty: all
	Kind            Kind     `json:"kind"`

	Mode Mode `json:"mode"`
	// ModeReason says why Mode is not the policy's, in English; "" when it is.
	ModeReason string `json:"mode_reason,omitempty"`
	Policy     Policy `json:"policy"`

	State    State     `json:"state"`
	Switched time.Time `json:"switched"` // when the deploy happened
	Started  time.Time `json:"started"`  // the later of the switch and its announcement
	From     time.Time `json:"from"`     // switch and grace: looks that began before it are not judged
	Deadline time.Time `json:"deadline"` // Started and Policy.For
	Ended    time.Time `json:"ended,omitzero"`

	Snapshot Snapshot `json:"snapshot"`
	// Checks are those that the deploy is judged on, in the order given to Open.
	Checks []CheckState `json:"checks"`
	// Others are checks of the service that belong to shops which the deploy does not reach yet.
	Others []CheckPolicy `json:"others,omitempty"`
	// Alert is the alert that failed the watch.
	Alert *RuleEvidence `json:"alert,omitempty"`

	Verdict *Verdict `json:"verdict,omitempty"`
	// Reason is the verdict's reason, or while watching how it stands at the last Tick.
	Reason string `json:"reason,omitempty"`
	// LogThreshold is the exact threshold of judge.Known where a single check decides; 0:
	// the average of the checks' evidence is held against 1/Policy.Alpha.
	LogThreshold float64 `json:"log_threshold,omitempty"`
	// Seq grows with every change, so that a store can tell a newer value from an older one.
	Seq int64 `json:"seq"`
}

// CheckState is what a watch knows of one check.
type CheckState struct {
	CheckPolicy
	// Share is its part of the evidence, see Watch.EValue. Shares add up to 1 until Extend.
	Share   float64   `json:"share"`
	From    time.Time `json:"from"`    // looks that began before it are not judged
	Horizon int       `json:"horizon"` // planned looks
	// Allowed is the failure rate that it is held against: FailureRate, or more where it
	// failed more often before the deploy.
	Allowed float64          `json:"allowed"`
	Judge   judge.KnownState `json:"judge"` // judged looks and failures
	After   Counts           `json:"after"` // all looks since From, judged or not
	// Excused is why it is not judged (yet): it was red or unknown before the deploy and was
	// not seen up since; "" when it is judged.
	Excused string `json:"excused,omitempty"`

	Health     sample.Health `json:"health"`               // of the last look
	LastAt     time.Time     `json:"last_at,omitzero"`     // when the last look began
	LastKnown  time.Time     `json:"last_known,omitzero"`  // when the last look began that was not Unknown
	LastJudged time.Time     `json:"last_judged,omitzero"` // when the last judged look began
	// LastJudgedDown says that it was a failure.
	LastJudgedDown bool      `json:"last_judged_down,omitempty"`
	LastReason     string    `json:"last_reason,omitempty"`
	LastFailure    time.Time `json:"last_failure,omitzero"`
	// FirstFailure is when the judged failures began that are more than chance; zero when
	// there are none. Onset dates it.
	FirstFailure time.Time   `json:"first_failure,omitzero"`
	Onset        judge.Onset `json:"onset,omitempty"`
	// FailingSince is when it went from up to down; zero unless the last known look was Down.
	FailingSince time.Time `json:"failing_since,omitzero"`
	// BlindReason is what the last look said that was Unknown.
	BlindReason string `json:"blind_reason,omitempty"`
	// Current and Previous count looks that the deployed and the previous version visibly
	// answered.
	Current  int `json:"current,omitempty"`
	Previous int `json:"previous,omitempty"`
}

// RuleEvidence is the alert that failed a watch.
type RuleEvidence struct {
	ID       string    `json:"id"`
	Rule     string    `json:"rule"`
	Expr     string    `json:"expr,omitempty"`
	Summary  string    `json:"summary,omitempty"`
	Value    float64   `json:"value"`
	ActiveAt time.Time `json:"active_at"`
	FiredAt  time.Time `json:"fired_at,omitzero"`
}
