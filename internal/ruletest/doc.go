// Package ruletest runs unit tests of rules: promtool's file format with promtool's meaning,
// on the rule engine that the service itself uses.
//
// A test file that passes or fails under `promtool test rules` of the Prometheus version in
// go.mod does the same here, for the same reasons; test/promtool holds the two side by side.
// It knows nothing of blindness: a test's input is all there is. Start at Run.
package ruletest
