// Package leader makes a guardian that leads, for the tests of the packages that decide, record and
// drive: the real journal in a SQLite file of the test, with the real lease, notifier, history,
// engine and driver of runs. What checks see, what a step does and the time are the test's.
//
// It probes and serves nothing; what it sends arrives at once, but for receivers that are Away. Use it
// in a bubble of testing/synctest.
package leader
