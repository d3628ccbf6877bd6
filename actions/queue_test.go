package actions_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"guardian/actions"
	"guardian/internal/reason"
)

// The rollback of a failed deploy is queued while another run works on the service. Then it
// begins as the guards say at that time.
func TestAQueuedRollback(t *testing.T) {
	brake := []actions.Refusal{{Code: actions.Brake, Detail: reason.Text("three red")}}
	gone := []actions.Refusal{{Code: actions.Superseded, Detail: reason.Text("v3 is the current version")}}
	for name, c := range map[string]struct {
		waits string
		then  []actions.Refusal
		ends  actions.State
		whats string
	}{
		"free by then":                       {"", nil, actions.Running, "created waits turn"},
		"still busy":                         {"run r_0 is running", nil, actions.Queued, "created waits"},
		"busy with another one by then":      {"run r_9 is running", nil, actions.Queued, "created waits waits"},
		"another version by then":            {"", gone, actions.Refused, "created waits turn ended"},
		"another version while it is busy":   {"run r_0 is running", gone, actions.Refused, "created waits turn ended"},
		"the brake asks after waiting":       {"", brake, actions.AwaitingApproval, "created waits turn asked"},
		"the brake does not ask while it is": {"run r_0 is running", brake, actions.Queued, "created waits"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, step("a", act{do: ok}))
				req := request()
				req.QueuedBehind = reason.Text("run r_0 is running")
				run, err := r.Create(t.Context(), r.ledger, req)
				if err != nil || run.State != actions.Queued {
					t.Fatalf("it begins %s, %v; want it to wait", run.State, err)
				}
				created := run.Created
				time.Sleep(time.Minute)
				if run, err = r.Advance(t.Context(), run); err != nil || run.State != actions.Queued {
					t.Fatalf("while it is queued it goes on to %s, %v", run.State, err)
				}
				req.QueuedBehind, req.Refusals = reason.Text(c.waits), c.then
				if run, err = r.Dequeue(t.Context(), r.ledger, run, req); err != nil {
					t.Fatal(err)
				}
				if run.State != c.ends || !run.Created.Equal(created) || r.ledger.whats() != c.whats {
					t.Errorf("it is %s of %s, ledger %q; want %s of %s, %q", run.State, run.Created, r.ledger.whats(), c.ends, created, c.whats)
				}
			})
		})
	}
}

func TestOnlyWhatWaitsForAnApprovalIsRefusedLater(t *testing.T) {
	gone := actions.NewSuperseded("v2", "v3")
	for name, c := range map[string]struct {
		change func(*actions.Request)
		step   act
	}{
		"it is over":                {func(*actions.Request) {}, act{do: ok}},
		"a step must be settled":    {func(*actions.Request) {}, act{do: func(context.Context, actions.Call) (string, error) { return "", actions.ErrUnclear }}},
		"it waits for another run":  {func(q *actions.Request) { q.QueuedBehind = reason.Text("run r_0 is running") }, act{do: ok}},
		"it was refused beforehand": {func(q *actions.Request) { q.Refusals = []actions.Refusal{gone} }, act{do: ok}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, step("a", c.step))
				r.looks["push"], r.looks["api"] = "u", "u"
				run := r.through(t, c.change)
				if got, err := r.Refuse(t.Context(), r.ledger, run, gone); !errors.Is(err, actions.ErrNotAsked) || got.State != run.State {
					t.Errorf("%s, %v; want %s, ErrNotAsked", got.State, err, run.State)
				}
			})
		})
	}
}

func TestARunThatWaitsComesToAnEnd(t *testing.T) {
	r := newRig(t, step("a", act{do: ok}))
	run, err := r.Create(t.Context(), r.ledger, actions.Request{
		ID: "r_1", Runbook: "back", Trigger: actions.Trigger{Kind: actions.ByVerdict},
		QueuedBehind: reason.Text("run r_0 is running"),
	})
	if err != nil {
		t.Fatal(err)
	}
	orphan, err := r.Create(t.Context(), r.ledger, actions.Request{
		ID: "r_2", Runbook: "back", Trigger: actions.Trigger{Kind: actions.ByVerdict},
		QueuedBehind: reason.Text("run r_0 is running"),
	})
	if err != nil {
		t.Fatal(err)
	}
	if orphan, err = r.Dequeue(t.Context(), r.ledger, orphan, actions.Request{ID: "r_2", Runbook: "gone"}); err != nil || orphan.State != actions.Refused {
		t.Errorf("dequeued when its runbook is gone: %s, %v; want it refused, and not to wait for ever", orphan.State, err)
	}
	if run, err = r.Abort(t.Context(), run, "li", "fixed forward"); err != nil || run.State != actions.FailedRun {
		t.Fatalf("aborted: %s, %v", run.State, err)
	}
	if _, err := r.Dequeue(t.Context(), r.ledger, run, actions.Request{ID: "r_1", Runbook: "back"}); !errors.Is(err, actions.ErrNotQueued) {
		t.Errorf("dequeued after its end: %v", err)
	}
}
