// Package promtool compares internal/ruletest, our runner of unit tests for rules, with promtool:
// both run on the same files and must have the same exit code and the same failures.
//
// It is a module of its own, because building promtool needs modules that the service does
// not. Start at TestSameAsPromtool.
package promtool
