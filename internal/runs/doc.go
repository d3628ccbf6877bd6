// Package runs takes the runs of runbooks from their decision to their end, as long as this
// guardian leads: it decides them one after the other, records each with what led to it and
// the notices about it in one transaction, drives them, queues rollbacks behind other runs,
// and ends those that wait for an approval of a version that is gone.
//
// What is decided stands in package decide, what a step does in package actions. A run's state
// has one owner: the goroutine here that drives it. Start at Driver.
package runs
