// Package decide holds what a guardian decides: whether a deploy is accepted and what its
// watch is held against, what a verdict or an alert leads to, whether a run may begin, and
// who is notified.
//
// Every decision is a function of the configuration (Settings), of what happened before
// (Past), of how things are (Present) and of a given time. The service and `guardian replay`
// both decide here, the one over its journal, the other over what was recorded. The package
// reads no clock, starts no goroutine, writes nothing and makes no IDs. Start at Decider.
package decide
