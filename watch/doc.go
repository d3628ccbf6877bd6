// Package watch takes announced deploys and what checks and rules saw, and gives verdicts.
//
// A Watch is a value: everything it knows is in it, it is stored as JSON, and a watch that
// is read back goes on with the same evidence. Observe, AlertFired and Tick are pure: they
// take what happened and the time, and say whether a verdict was reached. Not knowing is
// neither good nor bad: a watch that was blind too long ends Inconclusive.
//
// Accept says what an announced deploy means for the watches that are open, and Gate whether
// it may be deployed at all.
//
// It will not act and not tell: it does not know runbooks or receivers. The mathematics is
// in watch/judge. Start at Open and Watch.Observe.
package watch
