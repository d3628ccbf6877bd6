package runs_test

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"guardian/actions"
	"guardian/internal/store"
	"guardian/probes/sample"
	"guardian/test/leader"
	"guardian/watch"
)

// worsens is a leader whose rollback leaves the check "stock" down, which was up.
func worsens(t *testing.T, mode watch.Mode, worse string, play func(l *leader.Leader)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		settings := leader.Settings(t, mode)
		stock := settings.Checks[0]
		stock.Check = "stock"
		settings.Checks = append(settings.Checks, stock)
		l := leader.New(t, settings)
		l.Books["back"].Verify = actions.Verify{For: time.Minute, Every: 10 * time.Second, Successes: 2}
		l.Books["back"].Worse = worse
		l.Runs.Start()
		play(l)
	})
}

// TestARollbackThatMakesItWorseIsUndoneOnceWhereTheRunbookSaysSo.
func TestARollbackThatMakesItWorseIsUndoneOnceWhereTheRunbookSaysSo(t *testing.T) {
	for name, c := range map[string]struct {
		worse string
		mode  watch.Mode
		steps []string
		state actions.State // of what undoes it; "": nothing does
	}{
		"hold":             {actions.WorseHold, watch.Auto, []string{"back v1"}, ""},
		"undo":             {actions.WorseUndo, watch.Auto, []string{"back v1", "back v2"}, actions.NotCured},
		"undo, when asked": {actions.WorseUndo, watch.Approve, []string{"back v1"}, actions.AwaitingApproval},
	} {
		t.Run(name, func(t *testing.T) {
			worsens(t, c.mode, c.worse, func(l *leader.Leader) {
				t := l.T
				run := rollback(t, l, "v2", c.mode)
				synctest.Wait()
				if c.mode == watch.Approve {
					if _, _, err := l.Runs.Answer(t.Context(), run.ID, actions.Answer{Decision: actions.Approve, By: "ada", Role: "approver"}); err != nil {
						t.Fatal(err)
					}
				}
				l.Set("stock", sample.Down)
				time.Sleep(5 * time.Minute)
				wantState(t, l, run.ID, actions.Worse)
				wantSteps(t, l, c.steps...)
				all, err := l.Store.Runs(t.Context(), store.RunFilter{Trigger: actions.ByUndo})
				if err != nil || (len(all) == 0) != (c.state == "") || len(all) > 1 {
					t.Fatalf("undone by %+v, %v", all, err)
				}
				if len(all) == 1 && (all[0].State != c.state || all[0].Trigger.Run != run.ID || all[0].From != "v1" || all[0].To != "v2" || all[0].UndoNext) {
					t.Errorf("undone by %+v", all[0])
				}
			})
		})
	}
}

// TestTheNextGuardianUndoesWhatItsPredecessorDidNotComeTo: and none does it twice.
func TestTheNextGuardianUndoesWhatItsPredecessorDidNotComeTo(t *testing.T) {
	for name, c := range map[string]struct {
		dead  time.Duration
		steps []string
	}{
		"soon":  {3 * time.Minute, []string{"back v1", "back v2"}},
		"later": {31 * time.Minute, []string{"back v1"}},
	} {
		t.Run(name, func(t *testing.T) {
			worsens(t, watch.Auto, actions.WorseUndo, func(l *leader.Leader) {
				t := l.T
				away := errors.New("the journal is away")
				l.Refuse(func(b store.Batch) error {
					if slices.ContainsFunc(b.Runs, func(r actions.Run) bool { return r.Trigger.Kind == actions.ByUndo }) {
						return away
					}
					return nil
				})
				run := rollback(t, l, "v2", watch.Auto)
				synctest.Wait()
				l.Set("stock", sample.Down)
				time.Sleep(2 * time.Minute)
				wantState(t, l, run.ID, actions.Worse)
				wantSteps(t, l, "back v1")
				ended := l.Run(run.ID).Ended
				time.Sleep(c.dead - leader.Now().Sub(ended))
				l.Restart()
				l.Refuse(nil)
				l.Runs.Start()
				synctest.Wait()
				wantSteps(t, l, c.steps...)
				time.Sleep(5 * time.Minute)
				l.Restart()
				l.Runs.Start()
				synctest.Wait()
				wantSteps(t, l, c.steps...)
			})
		})
	}
}
