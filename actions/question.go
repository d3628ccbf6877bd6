package actions

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"guardian/internal/reason"
)

// What a person's answer can run into; internal/server turns these into statuses.
var (
	ErrNotQueued   = errors.New("this run is not queued")
	ErrNotAsked    = errors.New("this run asks nobody anything now")
	ErrNotAllowed  = errors.New("this role may not answer")
	ErrNotAChoice  = errors.New("this is not an answer to the question")
	ErrAnswered    = errors.New("this person has answered already")
	ErrTooLate     = errors.New("the question has expired")
	ErrRunIsOver   = errors.New("this run is over")
	ErrRunIsActing = errors.New("this run is under way")
)

// The codes of a Question.
const (
	AskApproval = "approval"
	AskOutcome  = "outcome_unknown"
)

// The decisions of an Answer: the first two for approval, the rest for outcome_unknown.
const (
	Approve = "approve"
	Reject  = "reject"
	Done    = "done"   // it happened: go on with the next step
	Repeat  = "repeat" // do it again, under the same intent
	Abort   = "abort"  // end the run here
)

// Choices gives the decisions that answer the question.
func (q Question) Choices() []string {
	if q.Code == AskOutcome {
		return []string{Done, Repeat, Abort}
	}
	return []string{Approve, Reject}
}

// Answer gives the run after a person's answer: it goes on (Running), is over, or waits
// for more people. It is pure; Engine.Answer journals it.
func (r Run) Answer(a Answer, now time.Time) (Run, error) {
	switch {
	case r.State.Final():
		return r, fmt.Errorf("%w: it is %s", ErrRunIsOver, r.State)
	case r.State != AwaitingApproval || r.Question == nil:
		return r, fmt.Errorf("%w: it is %s", ErrNotAsked, r.State)
	case !r.Question.Until.IsZero() && !now.Before(r.Question.Until):
		return r, fmt.Errorf("%w at %s", ErrTooLate, r.Question.Until.Format(time.RFC3339))
	case !slices.Contains(r.Question.Choices(), a.Decision):
		return r, fmt.Errorf("%w: %q is not one of %s", ErrNotAChoice, a.Decision, strings.Join(r.Question.Choices(), ", "))
	case !r.Question.allows(a.Role):
		return r, fmt.Errorf("%w: it takes one of %s", ErrNotAllowed, strings.Join(r.Question.Roles, ", "))
	}
	a.At = now
	r = r.clone()
	switch a.Decision {
	case Approve:
		if r.approvedBy(a.By) {
			return r, ErrAnswered
		}
		r.Answers = append(r.Answers, a)
		if n := r.approvals(); n < r.Question.Quorum {
			r.Reason = reason.Text(fmt.Sprintf("%d of %d people have approved", n, r.Question.Quorum))
			return r, nil
		}
		r.goOn(reason.Text("approved by " + strings.Join(r.approvers(), ", ")))
	case Reject:
		r.Answers = append(r.Answers, a)
		r.end(Rejected, reason.Text(withNote("rejected by "+a.By, a.Note)), now)
	case Done:
		r.Answers = append(r.Answers, a)
		s := &r.Steps[r.Question.Step]
		s.State, s.Ended, s.Resolved = StepDone, now, reason.Text(withNote(a.By+" says that it happened", a.Note))
		r.goOn(reason.Reason{})
	case Repeat:
		r.Answers = append(r.Answers, a)
		s := &r.Steps[r.Question.Step]
		s.State, s.Ended, s.Resolved = StepPending, time.Time{}, reason.Text(withNote(a.By+" says that it is to be done again", a.Note))
		r.goOn(reason.Reason{})
	case Abort:
		r.Answers = append(r.Answers, a)
		r.end(FailedRun, reason.Text(withNote("aborted by "+a.By, a.Note)), now)
	}
	return r, nil
}

// Abort gives the run ended by a person. A step whose outcome is open becomes StepUnknown,
// those that were not begun StepSkipped. It is pure; Engine.Abort journals it.
func (r Run) Abort(by, note string, now time.Time) (Run, error) {
	if r.State.Final() {
		return r, fmt.Errorf("%w: it is %s", ErrRunIsOver, r.State)
	}
	r = r.clone()
	r.end(FailedRun, reason.Text(withNote("aborted by "+by, note)), now)
	return r, nil
}

// Expire gives the run after its question's time is over, and whether that changed
// anything: it is Expired, or goes on when the question said so. It is pure; Engine.Advance
// applies it.
func (r Run) Expire(now time.Time) (Run, bool) {
	q := r.Question
	if r.State != AwaitingApproval || q == nil || q.Until.IsZero() || now.Before(q.Until) {
		return r, false
	}
	r = r.clone()
	if q.Code == AskApproval && q.OnTimeout == OnTimeoutApprove {
		r.goOn(reason.Text("nobody answered in time, and the runbook takes that for a yes"))
		return r, true
	}
	r.end(Expired, reason.Text("nobody answered in time"), now)
	return r, true
}

// allows: each role includes the ones before it; other names stand for themselves.
func (q Question) allows(role string) bool {
	ladder := []string{"viewer", "deployer", "approver", "admin"}
	if len(q.Roles) == 0 {
		return role != ""
	}
	for _, want := range q.Roles {
		if role == want {
			return true
		}
		if i := slices.Index(ladder, want); i >= 0 && slices.Index(ladder, role) > i {
			return true
		}
	}
	return false
}

func (r Run) approvers() []string {
	var names []string
	for _, a := range r.Answers {
		if a.Decision == Approve && !slices.Contains(names, a.By) {
			names = append(names, a.By)
		}
	}
	return names
}

func (r Run) approvals() int { return len(r.approvers()) }

func (r Run) approvedBy(name string) bool { return slices.Contains(r.approvers(), name) }

// goOn lets the run work again.
func (r *Run) goOn(why reason.Reason) {
	r.State, r.Question, r.Reason = Running, nil, why
}

// end closes the run and whatever of its steps is open.
func (r *Run) end(state State, why reason.Reason, now time.Time) {
	r.State, r.Reason, r.Question, r.Ended = state, why, nil, now
	for i := range r.Steps {
		switch s := &r.Steps[i]; s.State {
		case StepPending:
			s.State = StepSkipped
		case StepIntent:
			s.State, s.Ended = StepUnknown, now
		case StepDone, StepFailed, StepUnknown, StepSkipped:
		}
	}
}

// clone copies what a run shares with its copies, so that a change of one is none of another.
func (r Run) clone() Run {
	r.Steps = slices.Clone(r.Steps)
	r.Answers = slices.Clone(r.Answers)
	r.Verification = slices.Clone(r.Verification)
	if r.Question != nil {
		q := *r.Question
		r.Question = &q
	}
	return r
}

func withNote(text, note string) string {
	if note == "" {
		return text
	}
	return text + ": " + note
}
