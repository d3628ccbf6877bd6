package sla

import (
	"encoding/json"
	"fmt"
	"time"

	"guardian/internal/reason"
)

// Month is a calendar month.
type Month struct {
	Year  int
	Month time.Month
}

// ParseMonth reads "2026-11".
func ParseMonth(s string) (Month, error) {
	t, err := time.Parse("2006-01", s)
	if err != nil {
		return Month{}, fmt.Errorf("month %q is not written as 2026-11", s)
	}
	return MonthOf(t), nil
}

// MonthOf is the month of a time, in the time's own zone.
func MonthOf(t time.Time) Month { return Month{Year: t.Year(), Month: t.Month()} }

// String writes "2026-11".
func (m Month) String() string { return fmt.Sprintf("%04d-%02d", m.Year, int(m.Month)) }

// Add gives the month n months later, or earlier when n is negative.
func (m Month) Add(n int) Month {
	return MonthOf(time.Date(m.Year, m.Month+time.Month(n), 1, 0, 0, 0, 0, time.UTC))
}

// Bounds gives the month's first moment and that of the next month in a zone.
func (m Month) Bounds(loc *time.Location) (from, to time.Time) {
	return time.Date(m.Year, m.Month, 1, 0, 0, 0, 0, loc), time.Date(m.Year, m.Month+1, 1, 0, 0, 0, 0, loc)
}

// MarshalText implements encoding.TextMarshaler.
func (m Month) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (m *Month) UnmarshalText(b []byte) (err error) {
	*m, err = ParseMonth(string(b))
	return err
}

// Span is a length of time that is written to JSON in seconds.
type Span time.Duration

// Duration gives it as a time.Duration.
func (s Span) Duration() time.Duration { return time.Duration(s) }

// Seconds gives it in seconds.
func (s Span) Seconds() float64 { return time.Duration(s).Seconds() }

// String writes it as time.Duration does, to the second from a minute on, else to the millisecond.
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

// Report is one month of all services. Every figure in it can be recomputed from the lists
// that it carries.
type Report struct {
	Month   Month     `json:"month"`
	Zone    string    `json:"zone"` // name of the time zone whose month and days these are
	From    time.Time `json:"from"` // the month's first moment
	To      time.Time `json:"to"`   // what is reported ends here: the month's end, or now
	End     time.Time `json:"end"`  // the month's end
	Running bool      `json:"running"`

	// Overall takes the services together: their times added up, their deploys counted as one.
	Overall  Summary         `json:"overall"`
	Services []ServiceReport `json:"services"`
}

// ServiceReport is one service's month.
type ServiceReport struct {
	Name string `json:"name"`
	// Objective is the promised availability; 0: none was promised.
	Objective float64 `json:"objective,omitempty"`
	Summary

	Downtimes   []Downtime    `json:"downtimes"`
	Maintenance []Window      `json:"maintenance"`
	Deploys     []DeployLine  `json:"deploys"`
	Checks      []CheckReport `json:"checks"`
}

// Summary is what is said of one service and of all of them.
type Summary struct {
	Times Times `json:"times"`
	// Availability leaves announced maintenance out; the objective is held against it.
	Availability Figure `json:"availability"`
	// AvailabilityAll counts maintenance as what it was: up, down or blind.
	AvailabilityAll Figure `json:"availability_all"`
	Budget          Budget `json:"budget"`
	// Met says whether the objective is kept (so far); Known is false without an objective
	// or when nothing was seen.
	Met Answer `json:"met"`

	Changes   Changes   `json:"changes"`
	Rollbacks Rollbacks `json:"rollbacks"`
	Detect    Spread    `json:"time_to_detect"`
	Recover   Spread    `json:"time_to_recover"`
	Days      []Day     `json:"days"`
}

// Times is where the time went: Wall = Up + Down + Blind + Maintenance.
type Times struct {
	Wall        Span `json:"wall_seconds"`
	Up          Span `json:"up_seconds"`
	Down        Span `json:"down_seconds"`
	Blind       Span `json:"blind_seconds"`
	Maintenance Span `json:"maintenance_seconds"`
	// What was seen during Maintenance; they add up to it.
	MaintenanceUp    Span `json:"maintenance_up_seconds"`
	MaintenanceDown  Span `json:"maintenance_down_seconds"`
	MaintenanceBlind Span `json:"maintenance_blind_seconds"`
}

// Figure is a number with what it is made of.
type Figure struct {
	Value  float64 `json:"value"`
	Known  bool    `json:"known"`   // false: there is nothing to compute it of, and Value is 0
	MadeOf string  `json:"made_of"` // in English: the parts and how they were put together
}

// Answer is yes or no with what it is made of.
type Answer struct {
	Yes    bool   `json:"yes"`
	Known  bool   `json:"known"`
	MadeOf string `json:"made_of"`
}

// Budget is how much downtime the objective allows in the whole month.
type Budget struct {
	Allowed Span   `json:"allowed_seconds"`
	Spent   Span   `json:"spent_seconds"`
	Left    Span   `json:"left_seconds"` // negative: overdrawn
	Known   bool   `json:"known"`        // false without an objective
	MadeOf  string `json:"made_of"`
}

// Changes counts deploys by how their watches ended. Deploys that put a version back are
// counted in PutBack and nowhere else.
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

// Rollbacks counts runs that put a version back, drills left out, by how they ended.
type Rollbacks struct {
	Total    int    `json:"total"` // those that acted or act: Cured + NotCured + Failed + Open
	Cured    int    `json:"cured"`
	NotCured int    `json:"not_cured"` // not cured, or worse
	Failed   int    `json:"failed"`    // a step failed, or it was aborted
	Open     int    `json:"open"`
	NotDone  int    `json:"not_done"` // refused, rejected, expired: nothing was put back
	Drills   int    `json:"drills"`
	MadeOf   string `json:"made_of"`
}

// Spread is how a set of lengths of time is spread.
type Spread struct {
	N      int  `json:"n"`
	Mean   Span `json:"mean_seconds"`
	Median Span `json:"median_seconds"`
	// P90 is the smallest length that nine in ten do not exceed (nearest rank).
	P90    Span   `json:"p90_seconds"`
	MadeOf string `json:"made_of"`
}

// Day is one calendar day of the report's zone, for the strip on the page.
type Day struct {
	Date         string `json:"date"` // 2026-11-22
	Times        Times  `json:"times"`
	Availability Figure `json:"availability"`
	Downtimes    int    `json:"downtimes"` // that touch the day
	Deploys      int    `json:"deploys"`
	Rollbacks    int    `json:"rollbacks"`
}

// Downtime is a stretch in which a service was down, within the month.
type Downtime struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
	Span Span      `json:"seconds"`
	Open bool      `json:"open"` // still down at the report's end
	// Began is when it really began, when that was before the month.
	Began time.Time `json:"began,omitzero"`
	// Checks are those that were down in it, in the order in which they went down.
	Checks []string      `json:"checks"`
	Reason reason.Reason `json:"reason"` // of the first
	// Deploy is the deploy in whose watch it began; Run the rollback that ended it or tried to.
	Deploy string `json:"deploy,omitempty"`
	Watch  string `json:"watch,omitempty"`
	Run    string `json:"run,omitempty"`
	// Maintenance names the announced window in which it began.
	Maintenance string `json:"maintenance,omitempty"`
	// Counted is the part of it outside of maintenance.
	Counted Span `json:"counted_seconds"`
}

// Window is an announced maintenance as it counts in the month.
type Window struct {
	Name      string    `json:"name"`
	From      time.Time `json:"from"`
	To        time.Time `json:"to"`
	Announced time.Time `json:"announced"`
	Span      Span      `json:"seconds"`
	Down      Span      `json:"down_seconds"` // what it takes out of the downtime
	// Late says that it was announced after its start and counts from then on only.
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

// CheckReport is one check's month; maintenance is not taken out.
type CheckReport struct {
	Check        string `json:"check"`
	Up           Span   `json:"up_seconds"`
	Down         Span   `json:"down_seconds"`
	Blind        Span   `json:"blind_seconds"`
	Availability Figure `json:"availability"`
}
