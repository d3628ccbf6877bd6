package servertest

import (
	"time"

	"guardian/actions"
	"guardian/internal/server"
)

func answers(w world) {
	t := w.T
	ctx, b := t.Context(), w.Backend
	id := w.Ask(t)
	open, err := b.Runs.RunList(ctx, server.Filter{Service: w.Service, Open: true, Limit: 10})
	if err != nil || len(open) != 1 || open[0].ID != id || open[0].State != actions.AwaitingApproval || open[0].Question == nil {
		t.Fatalf("open runs %+v, %v; want the one that asks", open, err)
	}
	_, err = b.RunControl.AnswerRun(ctx, id, server.RunAnswer{Decision: server.StepDone}, person())
	wantError(t, "an answer to another question", err, server.ErrConflict)
	run, err := b.RunControl.AnswerRun(ctx, id, server.RunAnswer{Decision: server.RejectRun, Note: "not now"}, person())
	if err != nil || run.State != actions.Rejected || len(run.Answers) != 1 || run.Answers[0].By != person().Name || run.Answers[0].Note != "not now" {
		t.Fatalf("rejected: %+v, %v", run, err)
	}
	for _, d := range []server.Decision{server.ApproveRun, server.RejectRun, server.AbortRun} {
		_, err = b.RunControl.AnswerRun(ctx, id, server.RunAnswer{Decision: d}, person())
		wantError(t, string(d)+" a run that is over", err, server.ErrConflict)
	}
	// Who tried what in vain is recorded, beside what was taken.
	lines, err := b.Journal.Entries(ctx, server.JournalFilter{Limit: 50})
	if err != nil {
		t.Fatal(err)
	}
	refused := 0
	for _, l := range lines.Entries {
		if l.What == "run_refused_answer" && l.Subject == id && l.Who == person().Name {
			refused++
		}
	}
	if refused != 4 {
		t.Errorf("%d refused answers are in the journal, want 4", refused)
	}
	if open, err := b.Runs.RunList(ctx, server.Filter{Service: w.Service, Open: true, Limit: 10}); err != nil || len(open) > 0 {
		t.Errorf("open runs %+v, %v; want none", open, err)
	}
}

func waitForRun(w world) {
	t := w.T
	id := w.Ask(t)
	if d, err := w.Backend.Runs.Run(t.Context(), id, 20*time.Millisecond); err != nil || d.Run.State != actions.AwaitingApproval {
		t.Errorf("waited in vain: %s, %v", d.Run.State, err)
	}
	begin, ended := time.Now(), make(chan server.RunDetail)
	go func() {
		d, _ := w.Backend.Runs.Run(t.Context(), id, time.Minute)
		ended <- d
	}()
	time.Sleep(20 * time.Millisecond)
	if _, err := w.Backend.RunControl.AnswerRun(t.Context(), id, server.RunAnswer{Decision: server.RejectRun}, person()); err != nil {
		t.Fatal(err)
	}
	if d := <-ended; d.Run.State != actions.Rejected || time.Since(begin) > 30*time.Second {
		t.Errorf("waited %s for %s", time.Since(begin), d.Run.State)
	}
}

func rollbackToTheSame(w world) {
	t := w.T
	w.announce(t, "v2")
	run, err := w.Backend.RunControl.StartRun(t.Context(), server.RunRequest{Service: w.Service, Environment: "production", To: "v2", Reason: "why"}, person())
	if err == nil && run.State == actions.Refused {
		return
	}
	wantError(t, "a rollback to what runs", err, server.ErrConflict)
}

func planStartsNothing(w world) {
	t := w.T
	ctx, b := t.Context(), w.Backend
	w.announce(t, "v2")
	viewer := server.Caller{Name: "li", Role: server.Viewer}
	plan, err := b.Plans.RunPlan(ctx, server.RunRequest{Service: w.Service, To: "v1"}, viewer)
	if err != nil || plan.To != "v1" || plan.From != "v2" || plan.Runbook == "" || plan.State != actions.Running {
		t.Errorf("plan %+v, %v", plan, err)
	}
	plan, err = b.Plans.RunPlan(ctx, server.RunRequest{Service: w.Service, To: "v2"}, viewer)
	if err != nil || plan.State != actions.Refused || len(plan.Refusals) != 1 || plan.Refusals[0].Code != actions.SameVersion {
		t.Errorf("a plan to what runs: %+v, %v", plan, err)
	}
	_, err = b.Plans.RunPlan(ctx, server.RunRequest{Service: "no-such"}, viewer)
	wantError(t, "a plan of what is not configured", err, server.ErrNotFound)
	if all, err := b.Runs.RunList(ctx, server.Filter{Service: w.Service, Limit: 10}); err != nil || len(all) > 0 {
		t.Errorf("runs %+v, %v; want none", all, err)
	}
}
