package watch

import (
	"slices"
	"time"

	"guardian/internal/versions"
)

// Decision is what an announced deploy means for the open watches.
type Decision string

// The decisions.
const (
	Opens   Decision = "opens"   // a new deploy and watch; Supersedes lists the watches that end
	Extends Decision = "extends" // the same version for more shops: Watch goes on with Shops added
	Repeats Decision = "repeats" // announced before, with nothing new: Watch is its watch
)

// Acceptance is what an announced deploy leads to.
type Acceptance struct {
	Decision Decision
	// Watch is the ID of the open watch that is extended or repeated.
	Watch string
	// Shops are those that Extend is called with: nil means all.
	Shops []string
	// Supersedes are the IDs of open watches of other versions, oldest first.
	Supersedes []string
	// RollbackRun is the run that put this version back, when this is the announcement of a
	// rollback: set it on the deploy before Open, whose watch then never rolls back.
	RollbackRun string
}

// DefaultEnvironment is the environment of a deploy without one.
const DefaultEnvironment = "production"

func environment(name string) string {
	if name == "" {
		return DefaultEnvironment
	}
	return name
}

// RollbackMemory is how long after a rollback ended an announcement of the version that it put
// back is recognised as the rollback's own: deploy tools call the hook for every change within
// minutes, also for rollbacks.
const RollbackMemory = time.Hour

// Accept decides what the deploy d, announced at now, leads to, given the open watches and the
// recent rollbacks of any service; those of others are ignored.
//
// The same version for more shops extends its open watch. The same version with nothing new
// repeats the announcement of its open watch. Another version supersedes the open watches. The
// announcement of a rollback is recognised: its version is watched but never rolled back again.
func Accept(d Deploy, open []*Watch, recent []Rollback, now time.Time) Acceptance {
	a := Acceptance{Decision: Opens, RollbackRun: announcedRollback(d, recent, now)}
	var others []*Watch
	for _, w := range open {
		if w.State.Final() || w.Service != d.Service || environment(w.Environment) != environment(d.Environment) {
			continue
		}
		if !versions.Same(w.Version, d.Version) || !SameKind(w.Kind, d.Kind) {
			others = append(others, w)
			continue
		}
		a.Watch, a.Decision = w.ID, Repeats
		if more, grows := moreShops(w.Shops, d.Shops); grows {
			a.Decision, a.Shops = Extends, more
		}
	}
	slices.SortStableFunc(others, func(x, y *Watch) int { return x.Started.Compare(y.Started) })
	for _, w := range others {
		a.Supersedes = append(a.Supersedes, w.ID)
	}
	return a
}

// moreShops gives the announced shops that are not watched yet; nil and true means all.
func moreShops(watched, announced []string) (more []string, grows bool) {
	switch {
	case len(watched) == 0:
		return nil, false
	case len(announced) == 0:
		return nil, true
	}
	for _, s := range announced {
		if !slices.Contains(watched, s) && !slices.Contains(more, s) {
			more = append(more, s)
		}
	}
	return more, len(more) > 0
}

// announcedRollback finds the run that put the announced version back; "" when none did.
func announcedRollback(d Deploy, recent []Rollback, now time.Time) string {
	if d.RollbackRun != "" {
		return d.RollbackRun
	}
	run, newest := "", time.Time{}
	for _, r := range recent {
		if r.Service != d.Service || environment(r.Environment) != environment(d.Environment) || !d.PutsVersion() || !versions.Same(r.To, d.Version) {
			continue
		}
		fresh := r.Ended.IsZero() && !r.Queued || r.Acted && now.Sub(r.Ended) <= RollbackMemory
		if fresh && r.Created.After(newest) {
			run, newest = r.Run, r.Created
		}
	}
	return run
}
