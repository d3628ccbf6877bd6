// Package watching holds the open watches while this guardian leads: it takes announced deploys
// in, hands looks, alerts, counters and the time to the watches of a service, and records a
// verdict with all that follows from it (the run, the known good version, the notices) in one
// transaction.
//
// When a watch decides stands in packages watch and watch/judge, what a verdict leads to in
// package decide. Start at Watches.
package watching
