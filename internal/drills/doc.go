// Package drills holds what a drill is: a rehearsal of a service's rollback, at a service that is marked
// as not production.
//
// The nouns: a Plan is a drill as it is configured; a Drill is one that was started, the record that the
// journal keeps; its Stages are the moments that are measured. One way of data: what the journal says of
// a drill (Seen) and a time go into Drill.Next, which gives the drill as it stands now and the one act
// that is due; whoever does the act records the drill with it. A deploy is announced, a run of the plan's
// steps injects the fault, the watch of the deploy finds it, the service's own runbook rolls back, and
// another run takes the fault back.
//
// What fails on the way ends in the same place: whatever happens after the fault was injected, the steps
// that take it back are run, once, and a drill whose fault could not be taken back says so. A drill that
// is interrupted goes on from its record; one that was interrupted before its fault was injected never
// injects it. It imports the types of actions and watch, and does nothing itself. Start at Drill.Next.
package drills
