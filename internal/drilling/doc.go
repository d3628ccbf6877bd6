// Package drilling carries drills out while this guardian leads: it starts them when somebody asks or
// their schedule is due, does the one act that a drill's record says is due, and records each with what it
// changes: the announced deploy, the run that injects the fault, the one that takes it back, and the
// notice about how it ended.
//
// What is due is decided in package drills, whether a drill may begin in package decide, and what a step
// may touch by the engine of runs, which asks before each one. A drill's record has one owner: the
// goroutine here that carries drills out, one after the other. It also writes how the plans stand into
// the series, so that rules fire for drills that failed, were slow or are overdue. Start at Drilling.Run.
package drilling
