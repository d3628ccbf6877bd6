package sla

import (
	"encoding/json"
	"fmt"
	"math"
	"time"

	"guardian/internal/reason"
)

// Span is a duration that is marshalled to JSON in seconds.
type Span time.Duration

// Duration converts to a time.Duration.
func (s Span) Duration() time.Duration { return time.Duration(s) }

// Seconds converts to seconds.
func (s Span) Seconds() float64 { return time.Duration(s).Seconds() }

// String formats like time.Duration, rounded to seconds from one minute on, else to milliseconds.
func (s Span) String() string {
	d := time.Duration(s).Round(time.Millisecond)
	if d >= time.Minute || d <= -time.Minute {
		d = d.Round(time.Second)
	}
	return d.String()
}

// MarshalJSON writes seconds.
func (s Span) MarshalJSON() ([]byte, error) { return json.Marshal(s.Seconds()) }

// UnmarshalJSON reads seconds, to the microsecond.
func (s *Span) UnmarshalJSON(b []byte) error {
	var v float64
	if err := json.Unmarshal(b, &v); err != nil {
		return fmt.Errorf("span in seconds: %w", err)
	}
	*s = Span(time.Duration(v * float64(time.Second)).Round(time.Microsecond))
	return nil
}

// Report is the report of a period for all services. Every figure can be recomputed from the
// lists in the report.
type Report struct {
	Period  Period    `json:"period"`
	Month   string    `json:"month,omitempty"` // the period, if it is a calendar month
	Zone    string    `json:"zone"`            // time zone of the days
	From    time.Time `json:"from"`            // start of the period
	To      time.Time `json:"to"`              // end of what is reported: the end of the period, or now
	End     time.Time `json:"end"`             // end of the period
	Running bool      `json:"running"`

	// Overall sums up the times and deploys of all services.
	Overall  Summary         `json:"overall"`
	Services []ServiceReport `json:"services"`
}

// Length is how many days the period has.
func (r Report) Length() int { return int(math.Round(r.End.Sub(r.From).Hours() / 24)) }

// ServiceReport is one service's part.
type ServiceReport struct {
	Name string `json:"name"`
	// Known is when the service was looked at first, if that is within the period: what was before
	// is no time.
	Known time.Time `json:"known,omitzero"`
	// Objective is the availability objective; 0: there is none.
	Objective float64 `json:"objective,omitempty"`
	Summary

	Incidents   []Incident    `json:"incidents"`
	Downtimes   []Downtime    `json:"downtimes"`
	Maintenance []Window      `json:"maintenance"`
	Deploys     []DeployLine  `json:"deploys"`
	Checks      []CheckReport `json:"checks"`
}

// Summary has the figures of one service, or of all services.
type Summary struct {
	Times Times `json:"times"`
	// Availability excludes announced maintenance. It is compared with the objective.
	Availability Figure `json:"availability"`
	// AvailabilityAll includes maintenance with the health that was observed.
	AvailabilityAll Figure `json:"availability_all"`
	// AvailabilityLow and AvailabilityHigh are what Availability would be if the service had been
	// down, or up, for all of the blind time: it lies between them. Blind time of several services is
	// never added up: there are none for all.
	AvailabilityLow  Figure `json:"availability_low,omitzero"`
	AvailabilityHigh Figure `json:"availability_high,omitzero"`
	Budget           Budget `json:"budget"`
	// Met is whether the objective is met so far. Known is false without an objective or without
	// any look.
	Met Answer `json:"met"`

	Changes   Changes   `json:"changes"`
	Rollbacks Rollbacks `json:"rollbacks"`
	Detect    Spread    `json:"time_to_detect"`
	Recover   Spread    `json:"time_to_recover"`
	Days      []Day     `json:"days"`
}

// Times splits the period: Wall = Up + Down + Blind + Maintenance.
type Times struct {
	Wall        Span `json:"wall_seconds"`
	Up          Span `json:"up_seconds"`
	Down        Span `json:"down_seconds"`
	Blind       Span `json:"blind_seconds"`
	Maintenance Span `json:"maintenance_seconds"`
	// The health during Maintenance; these add up to Maintenance.
	MaintenanceUp    Span `json:"maintenance_up_seconds"`
	MaintenanceDown  Span `json:"maintenance_down_seconds"`
	MaintenanceBlind Span `json:"maintenance_blind_seconds"`
}

// Figure is a number with an explanation of how it was computed.
type Figure struct {
	Value  float64 `json:"value"`
	Known  bool    `json:"known"`   // false: there is no data, and Value is 0
	MadeOf string  `json:"made_of"` // in English: the inputs and the formula
}

// Answer is yes or no with an explanation of how it was computed.
type Answer struct {
	Yes    bool   `json:"yes"`
	Known  bool   `json:"known"`
	MadeOf string `json:"made_of"`
}

// Budget is the error budget: how much downtime the objective allows in the whole period.
type Budget struct {
	Allowed Span   `json:"allowed_seconds"`
	Spent   Span   `json:"spent_seconds"`
	Left    Span   `json:"left_seconds"` // negative: exceeded
	Known   bool   `json:"known"`        // false without an objective
	MadeOf  string `json:"made_of"`
}

// Changes counts deploys by the result of their watch. Deploys that restored an earlier version
// are counted only in PutBack.
type Changes struct {
	Deploys      int `json:"deploys"`
	Passed       int `json:"passed"`
	Failed       int `json:"failed"`
	Inconclusive int `json:"inconclusive"`
	Superseded   int `json:"superseded"`
	Cancelled    int `json:"cancelled"`
	Watching     int `json:"watching"`
	Unwatched    int `json:"unwatched"`
	PutBack      int `json:"put_back"`
	// FailureRate is the change failure rate: Failed of Passed and Failed.
	FailureRate Figure `json:"failure_rate"`
}

// Rollbacks counts rollbacks without drills, by their result.
type Rollbacks struct {
	Total    int    `json:"total"` // rollbacks that were executed or are in progress: Cured + NotCured + Failed + Open
	Cured    int    `json:"cured"`
	NotCured int    `json:"not_cured"` // not cured, or worse
	Failed   int    `json:"failed"`    // a step failed, or it was aborted
	Open     int    `json:"open"`
	NotDone  int    `json:"not_done"` // refused, rejected, expired: not executed
	Drills   int    `json:"drills"`
	MadeOf   string `json:"made_of"`
}

// Spread summarizes the distribution of a set of durations.
type Spread struct {
	N      int  `json:"n"`
	Mean   Span `json:"mean_seconds"`
	Median Span `json:"median_seconds"`
	// P90 is the 90th percentile by nearest rank.
	P90    Span   `json:"p90_seconds"`
	MadeOf string `json:"made_of"`
}

// Day is one calendar day in the zone of the report.
type Day struct {
	Date         string `json:"date"` // 2026-11-22
	Times        Times  `json:"times"`
	Availability Figure `json:"availability"`
	Downtimes    int    `json:"downtimes"` // that overlap the day
	Deploys      int    `json:"deploys"`
	Rollbacks    int    `json:"rollbacks"`
}

// Incident is what people count as one: downtimes of one deploy or rollback, or of which one followed
// soon after another.
type Incident struct {
	From        time.Time     `json:"from"`
	To          time.Time     `json:"to"`
	Open        bool          `json:"open"`             // still down at the end of the report
	Began       time.Time     `json:"began,omitzero"`   // if it began before the period
	Times       int           `json:"downtimes"`        // how many downtimes
	Down        Span          `json:"down_seconds"`     // their sum
	Charged     Span          `json:"charged_seconds"`  // the part outside of maintenance, which the budget pays
	Checks      []string      `json:"checks"`           // in the order in which they went down
	Reason      reason.Reason `json:"reason"`           // of the first
	Deploy      string        `json:"deploy,omitempty"` // in whose watch it began
	Watch       string        `json:"watch,omitempty"`
	Run         string        `json:"run,omitempty"`         // the first rollback during it
	Maintenance string        `json:"maintenance,omitempty"` // the announced window in which it began
}

// Downtime is a time within the period in which a service was down.
type Downtime struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
	Span Span      `json:"seconds"`
	Open bool      `json:"open"` // still down at the end of the report
	// Began is the start of the downtime if it began before the period.
	Began time.Time `json:"began,omitzero"`
	// Checks are the checks that were down, in the order in which they went down.
	Checks []string      `json:"checks"`
	Reason reason.Reason `json:"reason"` // of the first
	// Deploy is the deploy in whose watch the downtime began, Run the rollback during it.
	Deploy string `json:"deploy,omitempty"`
	Watch  string `json:"watch,omitempty"`
	Run    string `json:"run,omitempty"`
	// Maintenance is the name of the announced window in which it began.
	Maintenance string `json:"maintenance,omitempty"`
	// Counted is the part outside of maintenance.
	Counted Span `json:"counted_seconds"`
}

// Window is an announced maintenance window, clipped to the part that counts in the period.
type Window struct {
	Name      string    `json:"name"`
	From      time.Time `json:"from"`
	To        time.Time `json:"to"`
	Announced time.Time `json:"announced"`
	Span      Span      `json:"seconds"`
	Down      Span      `json:"down_seconds"` // downtime that it excludes
	// Late is set if it was announced after its start: it counts only from then on.
	Late bool `json:"late,omitempty"`
}

// DeployLine is one deploy in the report.
type DeployLine struct {
	ID         string        `json:"id"`
	Version    string        `json:"version"`
	Author     string        `json:"author,omitempty"`
	Kind       string        `json:"kind,omitempty"`
	At         time.Time     `json:"at"`
	Watch      string        `json:"watch,omitempty"`
	State      string        `json:"state"`
	Reason     reason.Reason `json:"reason,omitzero"`
	FaultSince time.Time     `json:"fault_since,omitzero"`
	DecidedAt  time.Time     `json:"decided_at,omitzero"`
	Run        string        `json:"run,omitempty"`
	RunState   string        `json:"run_state,omitempty"`
	CuredAt    time.Time     `json:"cured_at,omitzero"`
	PutsBack   bool          `json:"puts_back,omitempty"`
}

// CheckReport is one check's part. Maintenance is not excluded.
type CheckReport struct {
	Check        string `json:"check"`
	Up           Span   `json:"up_seconds"`
	Down         Span   `json:"down_seconds"`
	Blind        Span   `json:"blind_seconds"`
	Availability Figure `json:"availability"`
}
