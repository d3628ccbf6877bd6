// Package probes looks at targets: one file per kind of check, and the Runner that looks on
// schedule.
//
// A Probe looks once and returns an observation, which is Unknown when it could not look.
// Which errors are the target's (Down) and which are this machine's (Unknown) is decided in one
// place: see fault. The Runner has one goroutine per check and never makes two looks of a check
// at once. It gives a look less time than the check's interval, skips and counts looks that
// come too late, and turns a panic into Unknown.
//
// Of the built-in kinds, only order_push changes anything outside: it records every synthetic
// order in the journal before it pushes it, and always cleans it up. The requests of a journey
// and the programs of kind exec may do anything. Looks of these kinds are made only by the
// guardian that holds the lease.
//
// Secrets do not leave a probe: addresses are shown without user and query, and text from
// libraries and targets is redacted.
//
// The package does not judge deploys, store samples or send notices, and reads nothing from the
// environment but the variables that a check of kind exec names. Start at Builtin and Runner.
package probes
