package watch

import "time"

// Decision is what an announced deploy means for the open watches.
type Decision string

// The decisions.
const (
	Opens   Decision = "opens"   // a new deploy and watch; Supersedes lists the watches that end
	Extends Decision = "extends" // the same version for more shops: Watch goes on with Shops added
	Repeats Decision = "repeats" // announced before, nothing new: Watch is the answer
)

// Acceptance is how an announced deploy is taken.
type Acceptance struct {
	Decision Decision
	// Watch is the ID of the open watch that is extended or repeated.
	Watch string
	// Shops are those that Extend is called with: nil means all.
	Shops []string
	// Supersedes are the IDs of open watches of other versions, oldest first.
	Supersedes []string
	// RollbackRun is the run that brought this version back: set it on the deploy before
	// Open, which then watches it and never asks for another rollback.
	RollbackRun string
}

// Accept decides how the deploy d, announced at now, is taken, given the open watches and the recent rollbacks.
func Accept(d Deploy, open []*Watch, recent []Rollback, now time.Time) Acceptance {
	return Acceptance{Decision: Opens}
}
