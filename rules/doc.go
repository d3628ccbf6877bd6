// Package rules turns Prometheus rule files and a way to query into alerts.
//
// A Group is what a rule file's group says; Group.Eval asks its expressions through a
// QueryFunc and gives what was recorded and which alerts changed. The step of one alerting
// rule is a pure function of its alerts, what the query answered and the time; a query
// that failed, or one behind which a check is blind, is Unknown and changes nothing.
// Everything else means what it means in Prometheus, with these exceptions:
//
//   - An evaluation that exceeds the group's limit changes nothing; Prometheus forgets the
//     rule's alerts, which to whoever was told of them looks like an end.
//   - ALERTS and ALERTS_FOR_STATE go on while a rule is unknown, so that rules that read them
//     do not change because of it.
//   - The time that a restart takes counts towards for, as any blindness does, and the alert
//     fires at the first evaluation that knows; Prometheus takes that time off again.
//   - A rule that is taken out of the configuration resolves its alerts at once.
//   - A label that expands to nothing is not in ALERTS; Prometheus shows its template there.
//
// It will not store, tell or act, and keeps no clock. Start at Group.Eval.
package rules
