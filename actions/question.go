package actions

import (
	"errors"
	"time"
)

// What a person's answer can run into; internal/server turns these into statuses.
var (
	ErrNotAsked    = errors.New("this run asks nobody anything now")
	ErrNotAllowed  = errors.New("this role may not answer")
	ErrNotAChoice  = errors.New("this is not an answer to the question")
	ErrAnswered    = errors.New("this person has answered already")
	ErrTooLate     = errors.New("the question has expired")
	ErrRunIsOver   = errors.New("this run is over")
	ErrRunIsActing = errors.New("this run is under way")
)

// Answer gives the run after a person's answer: it goes on (Running), is over, or waits
// for more people. It is pure; Engine.Answer journals it.
func (r Run) Answer(a Answer, now time.Time) (Run, error) { return r, nil }

// Abort gives the run ended by a person. A step whose outcome is open becomes StepUnknown,
// those that were not begun StepSkipped. It is pure; Engine.Abort journals it.
func (r Run) Abort(by, note string, now time.Time) (Run, error) { return r, nil }

// Expire gives the run after its question's time is over, and whether that changed
// anything: it is Expired, or goes on when the question said so. It is pure; Engine.Advance
// applies it.
func (r Run) Expire(now time.Time) (Run, bool) { return r, false }
