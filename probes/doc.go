// Package probes looks at targets: one file per kind of check, and the Runner that looks on
// schedule.
//
// A Probe looks once and gives an observation; it is Unknown when it could not look. Whose
// fault a request's error is, the target's or this machine's, is one table: see fault. The
// Runner owns one goroutine per check, never has two looks of a check under way, gives a
// look less time than its interval, skips and counts what is late, and turns a panic into
// Unknown. Only order_push changes anything outside: it journals every synthetic order
// before it is pushed, and cleans it up whatever happens. What a journey's requests and a
// program of kind exec do is their author's: only the guardian that holds the lease looks so.
//
// A probe keeps its secrets: addresses are shown without user and query, and what comes from
// libraries and targets is masked before it is told.
//
// It will not judge, store or tell, and takes nothing from the environment but the variables
// that a check of kind exec names. Start at Builtin and Runner.
package probes
