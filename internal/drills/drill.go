package drills

import (
	"slices"
	"time"

	"guardian/internal/reason"
)

// Plan is a drill as it is configured.
type Plan struct {
	Name        string
	Service     string
	Environment string
	Runbook     string        // that rolls the service back
	Version     string        // that is announced; "": one is made up for each drill
	Objective   time.Duration // from the fault until the service is cured
	Within      time.Duration // how long it may take at most until the fault is taken back
	Overdue     time.Duration // it is overdue when the last one that succeeded began longer ago
	// Next gives when it starts by itself after a time; nil: somebody starts it.
	Next func(after time.Time) time.Time
}

// Inject and Restore name the runbooks of a plan's own steps. A configured runbook cannot have such a
// name.
func (p Plan) Inject() string { return "drill:" + p.Name + ":inject" }

// Restore names the runbook that takes the fault back.
func (p Plan) Restore() string { return "drill:" + p.Name + ":restore" }

// Phase is what a drill waits for.
type Phase string

// The phases of a drill, in order.
const (
	Announcing Phase = "announcing" // nothing was changed yet
	Injecting  Phase = "injecting"  // the steps that inject the fault run
	Finding    Phase = "finding"    // the watch has no verdict yet
	Curing     Phase = "curing"     // the rollback runs
	Restoring  Phase = "restoring"  // the steps that take the fault back run
	Over       Phase = "over"
)

// Result is what came of a drill.
type Result string

// The results; "" while the drill is under way.
const (
	Passed Result = "passed" // cured within the objective
	Slow   Result = "slow"   // cured, and later than that
	Failed Result = "failed" // not found, not cured, or the fault could not be taken back
)

// Drill is a drill that was started, as the journal keeps it.
type Drill struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	Service     string `json:"service"`
	Environment string `json:"environment"`
	Runbook     string `json:"runbook"`
	Version     string `json:"version"`            // that was announced
	Previous    string `json:"previous,omitempty"` // that ran before
	By          string `json:"by,omitempty"`       // who started it; "": its schedule

	Started time.Time     `json:"started"`
	Ended   time.Time     `json:"ended,omitzero"`
	Phase   Phase         `json:"phase"`
	Result  Result        `json:"result,omitempty"`
	Reason  reason.Reason `json:"reason,omitzero"` // why it failed

	Deploy     string `json:"deploy,omitempty"`
	Watch      string `json:"watch,omitempty"`
	InjectRun  string `json:"inject_run"`
	Rollback   string `json:"rollback,omitempty"` // run
	RestoreRun string `json:"restore_run"`

	Objective time.Duration `json:"objective"`
	Within    time.Duration `json:"within"`
	Stages    Stages        `json:"stages"`
	// LeftBroken: the fault was injected, and could not be taken back.
	LeftBroken bool `json:"left_broken,omitempty"`
	// Aborted: its runs were ended because its time was over.
	Aborted bool `json:"aborted,omitempty"`
}

// Stages are the moments of a drill; zero: it did not come to that.
type Stages struct {
	Announced time.Time `json:"announced,omitzero"`
	Begun     time.Time `json:"begun,omitzero"`    // the first step that injects
	Injected  time.Time `json:"injected,omitzero"` // the last one was done, or the fault was seen
	Failing   time.Time `json:"failing,omitzero"`  // the first look that failed
	Verdict   time.Time `json:"verdict,omitzero"`
	FirstStep time.Time `json:"first_step,omitzero"` // of the rollback: it began
	LastStep  time.Time `json:"last_step,omitzero"`  // it was done
	Cured     time.Time `json:"cured,omitzero"`
	Restored  time.Time `json:"restored,omitzero"`
}

// Stage is a moment of a drill with how long it came after the one before.
type Stage struct {
	Name string
	At   time.Time
	Took time.Duration // zero for the first
}

// List gives the moments that were reached, in order.
func (s Stages) List() []Stage {
	all := []Stage{
		{Name: "injected", At: s.Injected},
		{Name: "failing", At: s.Failing},
		{Name: "verdict", At: s.Verdict},
		{Name: "first_step", At: s.FirstStep},
		{Name: "last_step", At: s.LastStep},
		{Name: "cured", At: s.Cured},
	}
	all = slices.DeleteFunc(all, func(st Stage) bool { return st.At.IsZero() })
	for i := range all[min(1, len(all)):] {
		all[i+1].Took = max(0, all[i+1].At.Sub(all[i].At))
	}
	return all
}

// Took is from the fault until the service was cured; zero: it was not.
func (s Stages) Took() time.Duration { return between(s.Injected, s.Cured) }

// Reaction is from the verdict until the first step of the rollback.
func (s Stages) Reaction() time.Duration { return between(s.Verdict, s.FirstStep) }

// Cure is from the verdict until the service was cured.
func (s Stages) Cure() time.Duration { return between(s.Verdict, s.Cured) }

func between(from, to time.Time) time.Duration {
	if from.IsZero() || to.IsZero() {
		return 0
	}
	return max(0, to.Sub(from))
}

// Open tells whether the drill is under way.
func (d Drill) Open() bool { return d.Phase != Over }

// Succeeded tells whether the guardian found the fault and cured it, in time or not.
func (d Drill) Succeeded() bool { return d.Result == Passed || d.Result == Slow }
