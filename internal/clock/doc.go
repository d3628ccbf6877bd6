// Package clock is the process's own clock, which does not jump when somebody sets the machine's.
//
// It runs on the machine's monotonic clock and follows the machine's time slowly, so that setting
// the time neither ends a watch early nor stops one. It starts nothing and has no goroutine: each
// reading adjusts it. Start at Clock.Now.
package clock
