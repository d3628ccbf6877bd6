package actions_test

import (
	"errors"
	"testing"
	"time"

	"guardian/actions"
	"guardian/internal/reason"
)

func asked(q actions.Question) actions.Run {
	return actions.Run{
		ID: "r_1", State: actions.AwaitingApproval, Question: &q,
		Steps: []actions.StepRun{{Name: "one", State: actions.StepUnknown, Intent: "r_1-1", Attempt: 1}, {Name: "two", State: actions.StepPending}},
	}
}

func TestAnswer(t *testing.T) {
	approval := actions.Question{Code: actions.AskApproval, Quorum: 1, Roles: []string{"approver"}, Until: at(time.Minute)}
	two := approval
	two.Quorum = 2
	authored, unnamed := approval, approval
	authored.Author, unnamed.Author = []string{"li", "li@example.com"}, []string{""}
	outcome := actions.Question{Code: actions.AskOutcome, Step: 0, Roles: []string{"approver"}}
	type a = actions.Answer
	for name, c := range map[string]struct {
		q       actions.Question
		answers []a
		now     time.Time
		state   actions.State
		step    actions.StepState
		err     error
	}{
		"a yes goes on":                      {approval, []a{{By: "li", Role: "approver", Decision: "approve"}}, noon, actions.Running, actions.StepUnknown, nil},
		"a no ends it":                       {approval, []a{{By: "li", Role: "approver", Decision: "reject"}}, noon, actions.Rejected, actions.StepUnknown, nil},
		"a higher role may":                  {approval, []a{{By: "li", Role: "admin", Decision: "approve"}}, noon, actions.Running, actions.StepUnknown, nil},
		"a lower role may not":               {approval, []a{{By: "li", Role: "deployer", Decision: "approve"}}, noon, actions.AwaitingApproval, actions.StepUnknown, actions.ErrNotAllowed},
		"no role may not":                    {approval, []a{{By: "li", Decision: "approve"}}, noon, actions.AwaitingApproval, actions.StepUnknown, actions.ErrNotAllowed},
		"too late":                           {approval, []a{{By: "li", Role: "admin", Decision: "approve"}}, at(time.Minute), actions.AwaitingApproval, actions.StepUnknown, actions.ErrTooLate},
		"one of two waits":                   {two, []a{{By: "li", Role: "admin", Decision: "approve"}}, noon, actions.AwaitingApproval, actions.StepUnknown, nil},
		"the same person is not two":         {two, []a{{By: "li", Role: "admin", Decision: "approve"}, {By: "li", Role: "admin", Decision: "approve"}}, noon, actions.AwaitingApproval, actions.StepUnknown, actions.ErrAnswered},
		"two people are two":                 {two, []a{{By: "li", Role: "admin", Decision: "approve"}, {By: "wang", Role: "approver", Decision: "approve"}}, noon, actions.Running, actions.StepUnknown, nil},
		"who approved may still say no":      {two, []a{{By: "li", Role: "admin", Decision: "approve"}, {By: "li", Role: "admin", Decision: "reject"}}, noon, actions.Rejected, actions.StepUnknown, nil},
		"a second answer finds nobody asks":  {approval, []a{{By: "li", Role: "admin", Decision: "approve"}, {By: "wang", Role: "admin", Decision: "approve"}}, noon, actions.Running, actions.StepUnknown, actions.ErrNotAsked},
		"a word that is no answer":           {approval, []a{{By: "li", Role: "admin", Decision: "done"}}, noon, actions.AwaitingApproval, actions.StepUnknown, actions.ErrNotAChoice},
		"it happened, a person knows":        {outcome, []a{{By: "li", Role: "admin", Decision: "done"}}, noon, actions.Running, actions.StepDone, nil},
		"a person wants it again":            {outcome, []a{{By: "li", Role: "admin", Decision: "repeat"}}, noon, actions.Running, actions.StepPending, nil},
		"a person ends it":                   {outcome, []a{{By: "li", Role: "admin", Decision: "abort"}}, noon, actions.FailedRun, actions.StepUnknown, nil},
		"an approval says nothing about it":  {outcome, []a{{By: "li", Role: "admin", Decision: "approve"}}, noon, actions.AwaitingApproval, actions.StepUnknown, actions.ErrNotAChoice},
		"after the end nobody can answer it": {approval, []a{{By: "li", Role: "admin", Decision: "reject"}, {By: "li", Role: "admin", Decision: "approve"}}, noon, actions.Rejected, actions.StepUnknown, actions.ErrRunIsOver},
		"the author does not count":          {authored, []a{{By: "Li", Role: "admin", Decision: "approve"}}, noon, actions.AwaitingApproval, actions.StepUnknown, actions.ErrIsAuthor},
		"the author may say no":              {authored, []a{{By: "li", Role: "admin", Decision: "reject"}}, noon, actions.Rejected, actions.StepUnknown, nil},
		"somebody else counts":               {authored, []a{{By: "wang", Role: "admin", Decision: "approve"}}, noon, actions.Running, actions.StepUnknown, nil},
		"an author without a name is nobody": {unnamed, []a{{By: "li", Role: "admin", Decision: "approve"}}, noon, actions.Running, actions.StepUnknown, nil},
	} {
		t.Run(name, func(t *testing.T) {
			r := asked(c.q)
			var err error
			for _, a := range c.answers {
				before := r
				r, err = r.Answer(a, c.now)
				if before.Question != nil && len(before.Steps) == 2 && before.Steps[0].State != actions.StepUnknown {
					t.Error("the answer changed the run that it was given")
				}
			}
			if r.State != c.state || r.Steps[0].State != c.step || !errors.Is(err, c.err) {
				t.Errorf("state %s, step %s, error %v; want %s, %s, %v", r.State, r.Steps[0].State, err, c.state, c.step, c.err)
			}
			if r.State.Final() && (r.Reason.IsZero() || r.Ended.IsZero() || r.Steps[1].State != actions.StepSkipped) {
				t.Errorf("ended without a reason, a time or with an open step: %+v", r)
			}
		})
	}
}

func TestOnlyARunThatAsksTakesAnAnswer(t *testing.T) {
	approve := actions.Answer{By: "li", Role: "admin", Decision: "approve"}
	for name, change := range map[string]func(*actions.Run){
		"it goes on already":  func(r *actions.Run) { r.State = actions.Running },
		"it has no question":  func(r *actions.Run) { r.Question = nil },
		"it waits in a queue": func(r *actions.Run) { r.State, r.Question = actions.Queued, nil },
	} {
		t.Run(name, func(t *testing.T) {
			r := asked(actions.Question{Code: actions.AskApproval, Quorum: 1, Until: at(-time.Minute)})
			change(&r)
			if _, err := r.Answer(approve, noon); !errors.Is(err, actions.ErrNotAsked) {
				t.Errorf("its answer is %v, want ErrNotAsked", err)
			}
			if got, changed := r.Expire(noon); changed {
				t.Errorf("it expires: %+v", got)
			}
		})
	}
}

func TestWhoMayAnswer(t *testing.T) {
	for name, c := range map[string]struct {
		roles []string
		role  string
		want  error
	}{
		"anybody with a role, when none is named":      {nil, "viewer", nil},
		"nobody without a role":                        {nil, "", actions.ErrNotAllowed},
		"a role of one's own":                          {[]string{"release"}, "release", nil},
		"a role of one's own is below no other":        {[]string{"release"}, "admin", actions.ErrNotAllowed},
		"a role that nobody knows is above no other":   {[]string{"viewer"}, "release", actions.ErrNotAllowed},
		"one of several":                               {[]string{"release", "deployer"}, "approver", nil},
		"the named one, but not the one that is below": {[]string{"approver"}, "deployer", actions.ErrNotAllowed},
	} {
		t.Run(name, func(t *testing.T) {
			r := asked(actions.Question{Code: actions.AskApproval, Quorum: 1, Roles: c.roles})
			if _, err := r.Answer(actions.Answer{By: "li", Role: c.role, Decision: "approve"}, noon); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}

// Who settled a step has not approved by it, and an answer has the time at which it came.
func TestOnlyApprovalsCount(t *testing.T) {
	r := asked(actions.Question{Code: actions.AskApproval, Quorum: 2})
	r.Answers = []actions.Answer{{By: "li", Role: "admin", Decision: "repeat"}}
	for i, by := range []string{"wang", "li"} {
		var err error
		if r, err = r.Answer(actions.Answer{By: by, Role: "admin", Decision: "approve"}, noon); err != nil {
			t.Fatal(err)
		}
		if want := []actions.State{actions.AwaitingApproval, actions.Running}[i]; r.State != want {
			t.Errorf("after %d approvals it is %s, want %s", i+1, r.State, want)
		}
	}
	if last := r.Answers[len(r.Answers)-1]; !last.At.Equal(noon) {
		t.Errorf("the answer is of %s, want %s", last.At, noon)
	}
}

func TestExpire(t *testing.T) {
	q := actions.Question{Code: actions.AskApproval, Quorum: 1, OnTimeout: "expire", Until: at(time.Minute)}
	yes := q
	yes.OnTimeout = "approve"
	forEver := q
	forEver.Until = time.Time{}
	for name, c := range map[string]struct {
		q    actions.Question
		now  time.Time
		want actions.State
	}{
		"in time it waits":               {q, at(time.Minute - 1), actions.AwaitingApproval},
		"after its time it is over":      {q, at(time.Minute), actions.Expired},
		"silence may be a yes":           {yes, at(time.Minute), actions.Running},
		"a question may wait for ever":   {forEver, at(9000 * time.Hour), actions.AwaitingApproval},
		"silence never settles outcomes": {actions.Question{Code: actions.AskOutcome, OnTimeout: "approve", Until: at(0)}, at(1), actions.Expired},
	} {
		t.Run(name, func(t *testing.T) {
			before := asked(c.q)
			got, changed := before.Expire(c.now)
			if got.State != c.want || changed != (c.want != actions.AwaitingApproval) {
				t.Errorf("%s, changed %v; want %s", got.State, changed, c.want)
			}
		})
	}
}

func TestWhenTheAuthorCounts(t *testing.T) {
	known, unknown := actions.Author{Names: []string{"li"}}, actions.Author{Names: []string{"ci"}, Unknown: true}
	for name, c := range map[string]struct {
		quorum   int
		may      bool
		rollback bool
		author   actions.Author
		need     int
		excluded bool
	}{
		"by default":                                 {1, true, true, known, 1, false},
		"by default, not known":                      {1, true, true, unknown, 1, false},
		"not, when the runbook says so":              {1, false, true, known, 1, true},
		"not, where two must":                        {2, true, true, known, 2, true},
		"one more, when the author is not known":     {2, true, true, unknown, 3, true},
		"one more of one":                            {1, false, true, unknown, 2, true},
		"nobody deployed what an alert's run undoes": {2, false, false, unknown, 2, false},
	} {
		t.Run(name, func(t *testing.T) {
			book := &actions.Runbook{Name: "back", Approval: actions.Approval{Quorum: c.quorum, AuthorExcluded: !c.may, Roles: []string{"approver"}}}
			q := request()
			q.Approve, q.Author, q.Rollback = reason.New("watched_in_approve"), c.author, c.rollback
			asked := actions.NewRun(q, book, noon).Question
			if asked == nil || asked.Quorum != c.need || (len(asked.Author) > 0) != c.excluded {
				t.Errorf("%+v; want %d people, and that the author is excluded: %v", asked, c.need, c.excluded)
			}
		})
	}
}
