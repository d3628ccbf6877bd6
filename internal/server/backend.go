package server

import (
	"reflect"
)

// Backend is what the server asks of the process that it lives in: one small interface for
// each part, declared beside the handlers that use it. Methods are called concurrently,
// honour ctx, and report what the caller did wrong with the errors of this package (see
// errors.go). Package servertest holds what each of them promises.
type Backend struct {
	Tokens     Tokens
	Services   Services
	Gates      Gates
	Checks     Checks
	Looks      Looks
	Deploys    Deploys
	Watches    Watches
	Marks      Marks
	Scores     Scores
	Runs       Runs
	RunControl RunControl
	Plans      Plans
	Alerts     Alerts
	Acks       Acks
	Silences   Silences
	Chat       ChatActions
	Commands   Commands
	Routing    Routing
	Intake     Intake
	Rules      Rules
	Queries    Queries
	Series     SeriesIndex
	MetricHelp MetricHelp
	Exemplars  Exemplars
	Federation Federation
	Targets    Targets
	Setup      Setup
	Storage    Storage
	Reports    Reports
	Journal    Journal
	Heartbeats Heartbeats
	Calls      Calls
	OnCall     OnCall
	Overrides  Overrides
	Flags      Flags
	Windows    Windows
	Drills     Drills
	Runbooks   Runbooks
	Process    Process
}

// missing names a part that is not there; "" when all are.
func (b Backend) missing() string {
	parts := reflect.ValueOf(b)
	for i := range parts.NumField() {
		if parts.Field(i).IsNil() {
			return parts.Type().Field(i).Name
		}
	}
	return ""
}
