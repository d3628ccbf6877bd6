package watch

import (
	"time"

	"guardian/probes/sample"
	"guardian/rules"
)

// Open begins the watch of a deploy at now. The caller sets ID.
func Open(d Deploy, p Policy, checks []CheckPolicy, before Snapshot, now time.Time) *Watch {
	return &Watch{DeployID: d.ID, State: Watching, Started: now}
}

// Observe takes one look of one check. It gives a verdict when this look decided the watch,
// otherwise nil.
func (w *Watch) Observe(s sample.Sample) *Verdict { return nil }

// AlertFired takes an alert that fires now. It may be called again and again while it fires.
func (w *Watch) AlertFired(a rules.Alert, now time.Time) *Verdict { return nil }

// Tick takes the time: the deadline, and how long a blind watch waits past it.
func (w *Watch) Tick(now time.Time) *Verdict { return nil }

// Supersede ends the watch because another deploy (its ID or version) took its place.
func (w *Watch) Supersede(by string, now time.Time) *Verdict { return nil }

// Cancel ends the watch because a person said so.
func (w *Watch) Cancel(who string, now time.Time) *Verdict { return nil }

// Extend takes more shops into the watch; without any, it takes all. The watch goes on with
// the evidence that it has and gets its full length from now. It tells whether anything changed.
func (w *Watch) Extend(shops []string, before Snapshot, now time.Time) bool { return false }

// Blind lists the checks that were not seen for 2*Every + 30s at now, in order.
func (w *Watch) Blind(now time.Time) []string { return nil }

// Failing lists the judged checks whose last known look was Down, in order.
func (w *Watch) Failing() []string { return nil }

// EValue is the evidence that the deploy made it worse, capped at 1e300.
func (w *Watch) EValue() float64 { return 1 }

// Evidence says what each check and rule contributed, in order of the configuration.
func (w *Watch) Evidence() []Evidence { return nil }
