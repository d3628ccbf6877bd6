// Package rules turns Prometheus rule files and a way to query into alerts.
//
// A Group is what a rule file's group says; Group.Eval asks its expressions through a
// QueryFunc and gives what was recorded and which alerts changed. The step of one alerting
// rule is a pure function of its alerts, what the query answered and the time; a query
// that failed, or one behind which a check is blind, is Unknown and changes nothing.
// Everything else means what it means in Prometheus.
//
// It will not store, tell or act, and keeps no clock. Start at Group.Eval.
package rules
