// Package promtool holds the unit tests of rules beside the original: it runs promtool and
// internal/ruletest over the same files and wants the same exit and the same failures.
//
// It is a module of its own, because building promtool needs modules that the service does
// not. Start at TestSameAsPromtool.
package promtool
