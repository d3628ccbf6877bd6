package watch

import (
	"math"
	"time"

	"guardian/internal/reason"
)

// SwitchBy is how it is known when a deploy happened. The values are stored in the journal.
type SwitchBy string

// How it is known when a deploy happened, the surest first.
const (
	ByCaller  SwitchBy = "told"    // the announcement said so
	ByVersion SwitchBy = "version" // the first look that the deployed version answered
	ByTarget  SwitchBy = "target"  // the start of the container or workload that runs the version
	ByOnset   SwitchBy = "onset"   // checks began to fail shortly before the hook, and still did
	ByHook    SwitchBy = "hook"    // nothing tells: the hook
)

// Switch is when a deploy happened, as far as is known.
type Switch struct {
	At time.Time `json:"at"`
	By SwitchBy  `json:"by"`
}

// Answered is a version that a check saw, and when its first and its last answer began.
type Answered struct {
	Version     string
	First, Last time.Time
	// Again is when it answered first after another version had; zero: none did since First.
	Again time.Time
}

// Beginning is where a watch begins, and where what it is compared with ends. The zero value
// leaves both to Open: the switch as the deploy names it.
type Beginning struct {
	Switch Switch `json:"switch,omitzero"`
	// Hook is when the deploy was announced first; looks from then on are evidence, however the
	// switch is known.
	Hook time.Time `json:"hook,omitzero"`
	// Start is when the deploy was announced to begin; zero: it was announced by a hook only. When
	// its end does not come, Hook is when that was noticed, and nobody called it.
	Start time.Time `json:"start,omitzero"`
	// Before is where "before" ends: at the switch; earlier when checks began to fail shortly
	// before it, or when the version before was bad or undecided.
	Before time.Time `json:"before,omitzero"`
	// Excuses say which checks are not judged until they are up.
	Excuses map[string]Excuse `json:"excuses,omitempty"`
	// RecoverBy is until when what the version before left failing is no evidence against this
	// one: a fix may need a moment. Zero: it left nothing.
	RecoverBy time.Time `json:"recover_by,omitzero"`
	// Doubt is why a fault may not be this deploy's, so that a person is asked before it is rolled
	// back: one that goes on from before the hook, or may be of another deploy; see Beside.
	Doubt reason.Reason `json:"doubt,omitzero"`
}

// BeforeEnds is where what the watch is compared with ends. Watches of earlier builds have no
// other end than the switch.
func (w *Watch) BeforeEnds() time.Time {
	if w.Begin.Before.IsZero() {
		return w.Switched
	}
	return w.Begin.Before
}

// Suspect reports whether there is evidence against the version: it failed, or the evidence
// that it made something worse outweighs the evidence that it did not.
func (w *Watch) Suspect() bool {
	switch w.State {
	case Failed:
		return true
	case Passed:
		return false
	default:
		return len(w.Checks)+len(w.Counters) > 0 && w.logEvidence() > 0
	}
}

// FewestJudged is how many judged looks the check has that has the fewest; 0 without checks.
func (w *Watch) FewestJudged() int {
	if len(w.Checks) == 0 {
		return 0
	}
	fewest := math.MaxInt
	for i := range w.Checks {
		fewest = min(fewest, w.Checks[i].Judged.Looks)
	}
	return fewest
}

// mayRecover reports whether what failed before the hook is still left to the version before.
func (w *Watch) mayRecover(at time.Time) bool { return at.Before(w.Begin.RecoverBy) }

// The codes of doubts.
const (
	DoubtEarly = "began_before_hook"
	DoubtOften = "begins_often"
	// DoubtUndecided: a deploy of another kind was undecided when this one came.
	DoubtUndecided = "other_kind_undecided"
)

// IsDoubt reports whether a reason is why a fault may not be the deploy's.
func IsDoubt(r reason.Reason) bool {
	return r.Code == DoubtEarly || r.Code == DoubtOften || r.Code == DoubtUndecided
}

// doubtful reports whether the fault that failed the watch may go on from before the hook: it
// was there when the looks that count began, or nobody can tell when it began. One of a deploy whose
// watch this one cut short may begin at any time.
func (w *Watch) doubtful() bool {
	switch w.Begin.Doubt.Code {
	case "":
		return false
	case DoubtUndecided:
		return true
	}
	since := w.FaultSince()
	slowest := time.Duration(0)
	for i := range w.Checks {
		slowest = max(slowest, w.Checks[i].Every)
	}
	return since.IsZero() || since.Sub(w.From) <= BlindAfter(slowest)
}
