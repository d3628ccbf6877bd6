// Package leadership lets one guardian at a time act: the one that holds the journal's lease.
//
// An Elector asks for the lease while another guardian holds it, and renews it once it is its own.
// With the lease begins a Leadership: Options.Lead starts the rooms that act and tell, and gives
// what stops them. A Leadership ends when the process stops (in order: what is under way comes to
// its end first, then the lease is given back), or when the lease is lost: it could not be renewed
// in time, or a write was refused because another guardian has it.
//
// Two clocks guard the lease. The leader itself stops acting when its lease expires by its own
// monotonic clock (Elector.MayAct). The journal checks the lease's fencing token in each
// transaction (Leadership.Commit), so that a process that was paused writes nothing afterwards.
//
// It knows only the lease, and not what is done with it. Start at Elector.Run.
package leadership
