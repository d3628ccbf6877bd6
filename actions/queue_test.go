package actions_test

import (
	"context"
	"errors"
	"slices"
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

// TestWhichRunsWaitForEachOther: what may not be under way at the same time is what acts on the same target.
func TestWhichRunsWaitForEachOther(t *testing.T) {
	flags := []actions.StepRun{{Name: "pause", Kind: "flag"}}
	of := func(runbook string, change func(*actions.Run)) actions.Run {
		r := actions.Run{ID: "r_0", Runbook: runbook, State: actions.Running, Trigger: actions.Trigger{Kind: actions.ByAlert}}
		if change != nil {
			change(&r)
		}
		return r
	}
	for name, c := range map[string]struct {
		change func(*actions.Facts)
		run    actions.Run
		busy   bool
	}{
		"another runbook of the service":               {nil, of("drain", nil), true},
		"a rollback of the service":                    {nil, of("back", func(r *actions.Run) { r.Rollback = true }), true},
		"one that waits for an approval":               {nil, of("drain", func(r *actions.Run) { r.State = actions.AwaitingApproval }), true},
		"one that is over":                             {nil, of("drain", func(r *actions.Run) { r.State = actions.NotCured }), false},
		"without a service, another runbook":           {func(f *actions.Facts) { f.Service = "" }, of("drain", nil), false},
		"without a service, the same runbook":          {func(f *actions.Facts) { f.Service = "" }, of("restart", nil), true},
		"behind kill switches that wait for approval":  {nil, of("pause", func(r *actions.Run) { r.Steps, r.State = flags, actions.AwaitingApproval }), false},
		"kill switches while a rollback is under way":  {func(f *actions.Facts) { f.StopsHarm = true }, of("back", func(r *actions.Run) { r.Rollback = true }), false},
		"the same kill switches":                       {func(f *actions.Facts) { f.StopsHarm, f.Runbook = true, "pause" }, of("pause", func(r *actions.Run) { r.Steps = flags }), true},
		"a rollback by kill switches waits for others": {func(f *actions.Facts) { f.StopsHarm, f.Rollback = true, true }, of("drain", nil), true},
	} {
		t.Run(name, func(t *testing.T) {
			f := clean()
			f.Rollback, f.Runbook, f.Trigger, f.Deploy = false, "restart", actions.ByAlert, ""
			f.Runs = []actions.Run{c.run}
			if c.change != nil {
				c.change(&f)
			}
			busy := slices.ContainsFunc(actions.Guard(f, noon), func(r actions.Refusal) bool { return r.Code == actions.RunInProgress })
			if busy != c.busy {
				t.Errorf("it may not begin: %v, want %v", busy, c.busy)
			}
		})
	}
}

// TestTheOrderOfTheQueue: rollbacks first, then by age; who asks first when a run ends is chance.
func TestTheOrderOfTheQueue(t *testing.T) {
	queued := func(id string, rollback bool, created time.Duration) actions.Run {
		return past(id, created, func(r *actions.Run) {
			r.State, r.Rollback, r.Started, r.Ended = actions.Queued, rollback, time.Time{}, time.Time{}
		})
	}
	first, second := queued("r_1", false, -2*time.Minute), queued("r_2", false, -time.Minute)
	back, twin := queued("r_3", true, 0), queued("r_0", false, -2*time.Minute)
	for name, c := range map[string]struct {
		own   actions.Run
		queue []actions.Run
		waits bool
	}{
		"alone":                            {first, []actions.Run{first}, false},
		"the one that waited longest":      {first, []actions.Run{second, first}, false},
		"the one that came after":          {second, []actions.Run{second, first}, true},
		"a rollback goes before them":      {back, []actions.Run{back, second, first}, false},
		"and they wait for it":             {first, []actions.Run{back, second, first}, true},
		"of one moment the first by ID":    {twin, []actions.Run{first, twin}, false},
		"and the other one waits for it":   {first, []actions.Run{first, twin}, true},
		"what is new comes after them":     {actions.Run{}, []actions.Run{first}, true},
		"what is new and finds it empty":   {actions.Run{}, nil, false},
		"a new one beside another service": {actions.Run{Runbook: "other"}, []actions.Run{first}, false},
	} {
		t.Run(name, func(t *testing.T) {
			f := actions.Facts{Service: "orders", Runbook: "back", Trigger: actions.ByAlert, Rollback: c.own.Rollback, Own: c.own, Runs: c.queue}
			if c.own.Runbook == "other" {
				f.Service, f.Runbook = "", "other"
			}
			if why, _ := actions.Queue(f, nil); why.IsZero() == c.waits {
				t.Errorf("it waits for %q; want that it waits: %v", why, c.waits)
			}
		})
	}
}
