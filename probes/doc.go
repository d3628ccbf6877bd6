// Package probes looks at targets: one file per kind of check, and the Runner that looks on
// schedule.
//
// A Probe looks once and gives an observation; it is Unknown when it could not look. The
// Runner owns one goroutine per check, never has two looks of a check under way, gives a
// look less time than its interval, and turns a panic into Unknown. Only order_push changes
// anything outside, and journals before it does. It will not judge, store or tell.
// Start at Builtin and Runner.
package probes
