// Package rules turns Prometheus rule files and a way to query into alerts.
//
// A Group is a group of a rule file. Group.Eval evaluates its expressions through a QueryFunc
// and gives the recorded samples and the alerts that changed. The step of one alerting rule is
// a pure function of its alerts, the result of the query and the time. A query that failed, or
// that depends on a check that is blind, is Unknown and changes nothing. Everything else is as
// in Prometheus, with these exceptions:
//
//   - An evaluation that exceeds the group's limit changes nothing; Prometheus forgets the
//     rule's alerts, which looks to receivers as if they were resolved.
//   - ALERTS and ALERTS_FOR_STATE go on while a rule is unknown, so that rules that read them
//     do not change because of it.
//   - The time that a restart takes counts towards for, as any blindness does, and the alert
//     fires at the first evaluation that is not unknown; Prometheus subtracts that time.
//   - A rule that is removed from the configuration resolves its alerts at once.
//   - A label that expands to nothing is not in ALERTS; Prometheus shows its template there.
//
// It will not store, notify or act, and reads no clock. Start at Group.Eval.
package rules
