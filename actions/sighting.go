package actions

import (
	"context"
	"regexp"
	"time"

	"guardian/internal/reason"
)

// Fit tells whether a part runs what it should. The zero value is NotKnown.
type Fit uint8

// The answers.
const (
	NotKnown Fit = iota // nobody can tell, or nothing says what it should run
	Fits
	Differs
)

// Part is one thing that a step's target consists of, such as a service of a compose project or a path
// of a repository, as it is now.
type Part struct {
	Name   string `json:"name"`
	Runs   string `json:"runs,omitempty"`   // as people write it, such as shop:v3; "": nothing
	Exact  string `json:"exact,omitempty"`  // the same, so that it means nothing else later: the image's ID
	Source string `json:"source,omitempty"` // where exactly that can be fetched from: the image by its digest
	// Should is what it should run, as people write it, and Fit whether it does.
	Should string `json:"-"`
	Fit    Fit    `json:"-"`
}

// Sight is what runs at a step's target.
type Sight struct {
	// Target names the target alike in every runbook. "": what is seen is of no use later, and is not
	// recorded.
	Target string
	Parts  []Part
}

// Sighted is a step that can tell what its target runs, and whether that is what should run while a
// version is in place.
type Sighted interface {
	// Sees tells whether the settings are such that Sight can tell.
	Sees() bool
	// Sight tells it of version Run.To of the call. The error is why it cannot be told. It changes
	// nothing.
	Sight(ctx context.Context, call Call) (Sight, error)
}

// Sighting is what a target ran while a version was in place.
type Sighting struct {
	Service     string    `json:"service"`
	Environment string    `json:"environment"`
	Target      string    `json:"target"`
	Version     string    `json:"version"`
	Kind        string    `json:"kind,omitempty"` // what the version is of: code or config
	Placed      string    `json:"placed"`         // the deploy or the run that put it in place
	At          time.Time `json:"at"`             // when it was seen
	Parts       []Part    `json:"parts"`
}

// Sightings gives what was recorded; store.Store does.
type Sightings interface {
	// Sighted gives the newest record of s.Service, s.Environment, s.Target and s.Version that was made
	// before s.At, or of all when that is zero; false: there is none.
	Sighted(ctx context.Context, s Sighting) (Sighting, bool, error)
}

// maxParts bounds what is recorded of one target.
const maxParts = 200

// Recordable tells whether a sight may be recorded for later: every part is known exactly, and none
// is known to be what it should not.
func (s Sight) Recordable() bool {
	if s.Target == "" || len(s.Parts) == 0 || len(s.Parts) > maxParts {
		return false
	}
	for _, p := range s.Parts {
		if p.Exact == "" || p.Fit == Differs {
			return false
		}
	}
	return true
}

// StepSight is what one step saw; Why is why it saw nothing.
type StepSight struct {
	Step string
	Sight
	Why reason.Reason
}

// sightTimeout bounds how long one target is asked.
const sightTimeout = 10 * time.Second

// Sees gives a step that can tell what its target runs; false: it cannot.
func Sees(s Step) (Sighted, bool) {
	sighted, ok := s.(Sighted)
	return sighted, ok && sighted.Sees()
}

// ByVersion tells whether a template says what a version runs, whatever ran before it.
func ByVersion(template string) bool {
	return usesTo.MatchString(template) && !usesFrom.MatchString(template)
}

// usesFrom finds the use of the version that is taken back in a template.
var usesFrom = regexp.MustCompile(`\{\{[^}]*\.From\b`)

// Sight asks the targets of the steps that can tell what they run. run names the version that should
// run in To. Steps that are not meant for its deploy, and those of a fallback, are not asked.
func (b *Runbook) Sight(ctx context.Context, run Run) []StepSight {
	var all []StepSight
	for i, st := range b.begin(run) {
		s := b.Steps[i]
		sighted, ok := Sees(s.Step)
		if !ok || st.Fallback || st.State == StepSkipped {
			continue
		}
		seen := StepSight{Step: s.Name}
		asking, cancel := context.WithTimeout(ctx, min(sightTimeout, s.Timeout))
		sight, err := sighted.Sight(asking, Call{Intent: intentOf(run.ID, i), Run: run, Step: st})
		cancel()
		if err != nil {
			seen.Why = bounded(ReasonOf(err))
		} else {
			seen.Sight = sight
		}
		all = append(all, seen)
	}
	return all
}
