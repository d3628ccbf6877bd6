// Package ruletest runs unit tests of rules: promtool's file format with promtool's meaning,
// on the rule engine that the service itself uses.
//
// A test file that passes or fails under `promtool test rules` of the Prometheus version in
// go.mod does the same here, for the same reasons; test/promtool compares the two. No check is
// blind in a test: its input is complete. Start at Run.
package ruletest
