package actions

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"guardian/internal/reason"
)

// Why a run does not take an answer; internal/server turns these into statuses.
var (
	ErrNotQueued   = errors.New("this run is not queued")
	ErrNotAsked    = errors.New("this run asks nobody anything now")
	ErrNotAllowed  = errors.New("this role may not answer")
	ErrNotAChoice  = errors.New("this is not an answer to the question")
	ErrIsAuthor    = errors.New("whoever deployed may not approve this alone: somebody else must")
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

// The decisions of an Answer: the first two for AskApproval, the rest for AskOutcome.
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

// words is the answer in words.
func (a Answer) words() reason.Reason { return reason.New("answer_"+a.Decision, "note", a.Note) }

// Answer gives the run after a person's answer: it goes on (Running), is over, or waits
// for more people. It is pure; Engine.Answer journals it.
func (r Run) Answer(a Answer, now time.Time) (Run, error) {
	if err := r.accepts(a, now); err != nil {
		return r, err
	}
	a.At = now
	r = r.clone()
	r.Answers = append(r.Answers, a)
	switch a.Decision {
	case Approve:
		if n := len(r.approvers()); n < r.Question.Quorum {
			r.Reason = reason.New("approvals_so_far", "have", n, "need", r.Question.Quorum)
			return r, nil
		}
		r.resume(reason.New("approved_by", "people", r.approvers()))
	case Reject:
		r.end(Rejected, reason.New("rejected_by", "person", a.By, "note", a.Note), now)
	case Done:
		s := &r.Steps[r.Question.Step]
		s.State, s.Ended, s.Resolved = StepDone, now, reason.New("step_confirmed_by", "person", a.By, "note", a.Note)
		r.resume(reason.Reason{})
	case Repeat:
		s := &r.Steps[r.Question.Step]
		s.State, s.Ended, s.Resolved = StepPending, time.Time{}, reason.New("step_repeated_by", "person", a.By, "note", a.Note)
		r.resume(reason.Reason{})
	case Abort:
		r.end(FailedRun, reason.New("aborted_by", "person", a.By, "note", a.Note), now)
	}
	return r, nil
}

// RefusedAnswer says in words that are kept why a run did not take an answer; zero for an error that
// is none of those above.
func RefusedAnswer(a Answer, err error) reason.Reason {
	for code, sentinel := range map[string]error{
		"answer_not_asked": ErrNotAsked, "answer_not_allowed": ErrNotAllowed, "answer_no_choice": ErrNotAChoice, "answer_of_author": ErrIsAuthor,
		"answer_twice": ErrAnswered, "answer_too_late": ErrTooLate, "answer_after_end": ErrRunIsOver, "answer_while_acting": ErrRunIsActing,
	} {
		if errors.Is(err, sentinel) {
			return reason.New("answer_refused", "decision", a.Decision, "why", reason.New(code), "note", a.Note)
		}
	}
	return reason.Reason{}
}

// accepts gives why the run does not take an answer, or nil.
func (r Run) accepts(a Answer, now time.Time) error {
	switch {
	case r.State.Final():
		return fmt.Errorf("%w: it is %s", ErrRunIsOver, r.State)
	case r.State != AwaitingApproval || r.Question == nil:
		return fmt.Errorf("%w: it is %s", ErrNotAsked, r.State)
	case !r.Question.Until.IsZero() && !now.Before(r.Question.Until):
		return fmt.Errorf("%w at %s", ErrTooLate, r.Question.Until.UTC().Format(time.RFC3339))
	case !slices.Contains(r.Question.Choices(), a.Decision):
		return fmt.Errorf("%w: %q is not one of %s", ErrNotAChoice, a.Decision, strings.Join(r.Question.Choices(), ", "))
	case !r.Question.allows(a.Role):
		return fmt.Errorf("%w: it takes one of %s", ErrNotAllowed, strings.Join(r.Question.Roles, ", "))
	case a.Decision == Approve && r.Question.byAuthor(a.By):
		return ErrIsAuthor
	case a.Decision == Approve && slices.Contains(r.approvers(), a.By):
		return ErrAnswered
	default:
		return nil
	}
}

// Author is who deployed what a run rolls back.
type Author struct {
	Names []string // every name under which they may answer
	// Unknown: none of them is known to be somebody's who may approve.
	Unknown bool
}

// without lets the approval of an author not count. One who is not known may be among those who
// approve, so that one more must.
func (q *Question) without(a Author) {
	q.Author = a.Names
	if a.Unknown {
		q.Quorum++
	}
}

func (q Question) byAuthor(name string) bool {
	return slices.ContainsFunc(q.Author, func(author string) bool { return author != "" && strings.EqualFold(author, name) })
}

// Abort gives the run ended by a person. A step whose outcome is not known becomes
// StepUnknown, those that were not begun StepSkipped. It is pure; Engine.Abort journals it.
func (r Run) Abort(by, note string, now time.Time) (Run, error) {
	if r.State.Final() {
		return r, fmt.Errorf("%w: it is %s", ErrRunIsOver, r.State)
	}
	r = r.clone()
	r.end(FailedRun, reason.New("aborted_by", "person", by, "note", note), now)
	return r, nil
}

// Expire gives the run after its question has expired, and whether that changed anything: it
// is Expired, or goes on when the runbook approves on timeout. It is pure; Engine.Advance
// applies it.
func (r Run) Expire(now time.Time) (Run, bool) {
	q := r.Question
	if r.State != AwaitingApproval || q == nil || q.Until.IsZero() || now.Before(q.Until) {
		return r, false
	}
	if q.Code == AskApproval && q.OnTimeout == OnTimeoutEscalate {
		return r, false // somebody else is asked first: see Run.Escalate
	}
	r = r.clone()
	if q.Code == AskApproval && q.OnTimeout == OnTimeoutApprove {
		r.resume(reason.New("approved_by_timeout"))
		return r, true
	}
	r.end(Expired, reason.New("question_expired"), now)
	return r, true
}

// allows tells whether a role may answer. Each role includes the ones before it; a name that
// is not in the ladder stands for itself.
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

// approvers are the different people who have approved.
func (r Run) approvers() []string {
	var names []string
	for _, a := range r.Answers {
		if a.Decision == Approve && !slices.Contains(names, a.By) {
			names = append(names, a.By)
		}
	}
	return names
}

// waitsForApproval is nil while a run waits for an approval; else ErrNotAsked with how it is.
func (r Run) waitsForApproval() error {
	if r.State != AwaitingApproval || r.Question == nil || r.Question.Code != AskApproval {
		return fmt.Errorf("%w: it is %s", ErrNotAsked, r.State)
	}
	return nil
}
