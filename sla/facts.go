package sla

import (
	"time"

	"guardian/internal/reason"
	"guardian/probes/sample"
)

// Interval is a stretch of time in which a check had one health. Intervals of one check do
// not overlap; To is exclusive and lies ahead of the last look while the interval goes on
// (a look vouches until the next one is due).
type Interval struct {
	Check   string        `json:"check"`
	Service string        `json:"service"`
	Health  sample.Health `json:"health"`
	From    time.Time     `json:"from"`
	To      time.Time     `json:"to"`
	Reason  reason.Reason `json:"reason,omitzero"` // of the first sample of a Down or Unknown interval
	// Seen is when the last look in it began; zero when there was none (nobody looked).
	Seen time.Time `json:"seen,omitzero"`
}

// Rollup is one check's hour.
type Rollup struct {
	Check    string        `json:"check"`
	Service  string        `json:"service"`
	Hour     time.Time     `json:"hour"` // its start, UTC
	Up       time.Duration `json:"up"`
	Down     time.Duration `json:"down"`
	Unknown  time.Duration `json:"unknown"`
	Looks    int           `json:"looks"`    // those that saw: up or down
	Failures int           `json:"failures"` // those that were down
	// Latency is the sum of the durations of the looks that were Up.
	Latency time.Duration `json:"latency"`
}

// Maintenance is one announced window.
type Maintenance struct {
	Name      string    `json:"name"`
	Service   string    `json:"service"`
	From      time.Time `json:"from"`
	To        time.Time `json:"to"`
	Announced time.Time `json:"announced"` // a window announced after its start counts from then on only
}

// DeployFact is what the report needs of a deploy, its watch and its rollback.
type DeployFact struct {
	ID, Service, Environment, Version, Author, Kind string
	At                                              time.Time
	Watch                                           string        // watch ID
	State                                           string        // the watch's state
	Reason                                          reason.Reason // the verdict's reason
	FaultSince                                      time.Time     // when failures began, of a failed watch
	DecidedAt                                       time.Time     // verdict
	Run                                             string        // run ID; "" when nothing was rolled back
	RunState                                        string
	RunStarted                                      time.Time
	RunEnded                                        time.Time
	// WatchEnds is when the watch ended or its deadline: a downtime that began in between is
	// shown with the deploy. Zero: one that began within an hour of At is.
	WatchEnds time.Time
	// PutsBack says that this deploy put an earlier version back: it is counted apart.
	PutsBack bool
}

// RunFact is what the report needs of a run that no deploy led to, or any rollback.
type RunFact struct {
	ID, Service, Runbook, Trigger, State string
	Rollback                             bool
	Created, Ended                       time.Time
}

// Service is a service with its objective.
type Service struct {
	Name string
	// Objective is the promised availability, (0, 1]; 0: none was promised.
	Objective float64
	// Checks are the checks that count, in the order of the configuration.
	Checks []string
}

// Facts is everything that Build reads.
type Facts struct {
	Services    []Service
	Intervals   []Interval
	Maintenance []Maintenance
	Deploys     []DeployFact
	Runs        []RunFact
}
