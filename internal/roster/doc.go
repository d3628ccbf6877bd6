// Package roster keeps up to date who is on call: the schedules of the running configuration, with
// the calendars as they were read last and the overrides that people made, at any guardian.
//
// How a schedule is computed is package oncall's business, and calendars are read by package
// calendars. Start at Keeper.
package roster
