// Package oncall knows who is on call: people and how they are reached, schedules with
// rotations, restrictions to times of the week, overrides and calendars in iCalendar format.
//
// Who is on call is a pure function of the configuration, the content of the calendars and a
// time. The package fetches no calendar and notifies nobody; what follows when an alert is not
// acknowledged is decided in package decide. Start at New and Schedule.Shifts.
package oncall
