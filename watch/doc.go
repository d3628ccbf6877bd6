// Package watch judges announced deploys by the results of checks, counters and rules.
//
// A Watch is a value that is stored as JSON; one that is read back goes on with the same
// evidence. Observe, Measure, AlertFired and Tick are pure: they take what happened and the
// time, and give a verdict once it is reached. Unknown is neither good nor bad: a watch that
// was blind for too long ends Inconclusive.
//
// Accept decides what an announced deploy means for the open watches, and Gate whether a
// service may be deployed at all.
//
// It will not act or notify: it knows neither runbooks nor receivers. The mathematics is in
// watch/judge. Start at Open and Watch.Observe.
package watch
