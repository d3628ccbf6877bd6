package runs_test

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"guardian/actions"
	"guardian/decide"
	"guardian/internal/announce"
	"guardian/internal/reason"
	"guardian/internal/runs"
	"guardian/internal/store"
	"guardian/notifiers"
	"guardian/test/leader"
	"guardian/watch"
)

// lead plays a test with a leader whose runs are driven.
func lead(t *testing.T, mode watch.Mode, play func(l *leader.Leader)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		l := leader.New(t, leader.Settings(t, mode))
		l.Runs.Start()
		play(l)
	})
}

func rollback(t *testing.T, l *leader.Leader, version string, mode watch.Mode) actions.Run {
	t.Helper()
	run, err := l.Rollback(l.Deploy(version), mode, runs.With{})
	if err != nil {
		t.Fatal(err)
	}
	return run
}

// restart begins the runbook of an alert that fired at a moment.
func restart(t *testing.T, l *leader.Leader, id string, fired time.Time) (actions.Run, error) {
	t.Helper()
	var run actions.Run
	err := l.Runs.Decide(func() error {
		req, err := l.Decider().ByAlert(t.Context(), decide.Started{
			OnAlert: decide.OnAlert{Runbook: "restart", Mode: watch.Auto}, Service: "orders", Environment: watch.DefaultEnvironment,
			Trigger: actions.Trigger{Kind: actions.ByAlert, Alert: "a_1", AlertEpisode: fired.UnixNano()},
		}, l.Present("orders"), leader.Now())
		if err != nil {
			return err
		}
		req.ID = id
		run, err = l.Runs.Begin(t.Context(), req, runs.With{})
		return err
	})
	return run, err
}

func wantState(t *testing.T, l *leader.Leader, id string, want actions.State) {
	t.Helper()
	synctest.Wait()
	if r := l.Run(id); r.State != want {
		t.Errorf("run %s is %s (%s), want %s", id, r.State, r.Reason, want)
	}
}

func wantSteps(t *testing.T, l *leader.Leader, want ...string) {
	t.Helper()
	if diff := cmp.Diff(append([]string{}, want...), append([]string{}, l.Steps()...)); diff != "" {
		t.Errorf("what was done (-want +got):\n%s", diff)
	}
}

func TestARunIsRecordedWithWhatLedToItAndDriven(t *testing.T) {
	lead(t, watch.Auto, func(l *leader.Leader) {
		t := l.T
		d := l.Deploy("v2")
		run, err := l.Rollback(d, watch.Auto, runs.With{Batch: store.Batch{Audit: []store.Audit{{At: leader.Now(), Who: store.Guardian, What: "verdict", Subject: "w_v2"}}}})
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(l.Batches(), func(b store.Batch) bool { return len(b.Runs) > 0 })
		first := l.Batches()[i]
		if len(first.Runs) != 1 || first.Audit[0].What != "verdict" || len(first.Entries) == 0 {
			t.Errorf("the run is not recorded with what led to it: %+v", first)
		}
		wantState(t, l, run.ID, actions.Cured)
		wantSteps(t, l, "back v1")
		if diff := cmp.Diff([]string{"oncall run running", "oncall run cured"}, l.Notices()); diff != "" {
			t.Errorf("notices (-want +got):\n%s", diff)
		}
		entries, err := l.Store.Entries(t.Context(), run.ID)
		if err != nil {
			t.Fatal(err)
		}
		var whats []string
		for _, e := range entries {
			whats = append(whats, e.What)
		}
		if diff := cmp.Diff([]string{"created", "intent", "outcome", "ended"}, whats); diff != "" {
			t.Errorf("the ledger (-want +got):\n%s", diff)
		}
	})
}

// TestNoRunGoesOnBeforeTheLeaseOfADeadProcessIsOver: what that process began last may still arrive.
func TestNoRunGoesOnBeforeTheLeaseOfADeadProcessIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := leader.New(t, leader.Settings(t, watch.Auto))
		run := rollback(t, l, "v2", watch.Auto) // nobody drives it yet
		l.ActsFrom = leader.Now().Add(5 * time.Second)
		l.Restart()
		l.Runs.Start()
		time.Sleep(5*time.Second - time.Millisecond)
		wantState(t, l, run.ID, actions.Running)
		wantSteps(t, l)
		time.Sleep(2 * time.Millisecond)
		wantState(t, l, run.ID, actions.Cured)
		wantSteps(t, l, "back v1")
	})
}

// TestOneRunForEachCause: the journal lets no verdict and no firing of an alert have a second run.
func TestOneRunForEachCause(t *testing.T) {
	lead(t, watch.Auto, func(l *leader.Leader) {
		t := l.T
		d := l.Deploy("v2")
		if _, err := l.Rollback(d, watch.Auto, runs.With{}); err != nil {
			t.Fatal(err)
		}
		fired := leader.Now()
		synctest.Wait()
		if _, err := restart(t, l, "r_a", fired); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		before := len(l.Batches())
		var err error
		_ = l.Runs.Decide(func() error {
			_, err = l.Runs.Begin(t.Context(), actions.Request{
				ID: "r_again", Service: "orders", Environment: watch.DefaultEnvironment, Runbook: "back", Rollback: true, From: "v2", To: "v1",
				Trigger: actions.Trigger{Kind: actions.ByVerdict, Deploy: d.ID},
			}, runs.With{})
			return nil
		})
		if !errors.Is(err, store.ErrAlreadyRun) {
			t.Errorf("a second run of a verdict: %v", err)
		}
		if _, err := restart(t, l, "r_b", fired); !errors.Is(err, store.ErrAlreadyRun) {
			t.Errorf("a second run of one firing: %v", err)
		}
		if len(l.Batches()) != before {
			t.Error("something was written for them")
		}
		if _, err := restart(t, l, "r_c", fired.Add(time.Hour)); err != nil {
			t.Errorf("the next firing has a run of its own: %v", err)
		}
		synctest.Wait()
		wantSteps(t, l, "back v1", "restart", "restart")
	})
}

func TestAnApprovalIsWaitedFor(t *testing.T) {
	yes := actions.Answer{Decision: actions.Approve, By: "ada", Role: "approver"}
	for name, c := range map[string]struct {
		play  func(l *leader.Leader, id string)
		state actions.State
		steps []string
	}{
		"nothing is done without one": {func(*leader.Leader, string) { time.Sleep(9 * time.Minute) }, actions.AwaitingApproval, nil},
		"the question expires":        {func(*leader.Leader, string) { time.Sleep(10*time.Minute + time.Second) }, actions.Expired, nil},
		"somebody approves": {func(l *leader.Leader, id string) {
			t := l.T
			if _, outdated, err := l.Runs.Answer(t.Context(), id, yes); err != nil || !outdated.IsZero() {
				t.Errorf("%v %v", outdated, err)
			}
		}, actions.Cured, []string{"back v1"}},
		"somebody rejects": {func(l *leader.Leader, id string) {
			t := l.T
			if _, _, err := l.Runs.Answer(t.Context(), id, actions.Answer{Decision: actions.Reject, By: "ada", Role: "approver"}); err != nil {
				t.Error(err)
			}
		}, actions.Rejected, nil},
		"somebody aborts": {func(l *leader.Leader, id string) {
			t := l.T
			if _, _, err := l.Runs.Answer(t.Context(), id, actions.Answer{Decision: actions.Abort, By: "ada", Role: "approver"}); err != nil {
				t.Error(err)
			}
		}, actions.FailedRun, nil},
		"a fix was deployed meanwhile, and the approval comes too late": {func(l *leader.Leader, id string) {
			t := l.T
			time.Sleep(time.Minute)
			l.Deploy("v3")
			if _, outdated, err := l.Runs.Answer(t.Context(), id, yes); err != nil || outdated.IsZero() {
				t.Errorf("it was taken: %v %v", outdated, err)
			}
		}, actions.Refused, nil},
		"a fix is announced, and nobody is asked any more": {func(l *leader.Leader, id string) {
			t := l.T
			time.Sleep(time.Minute)
			l.Deploy("v3")
			l.Runs.RefuseOutdated(t.Context(), "orders", watch.DefaultEnvironment)
			if _, _, err := l.Runs.Answer(t.Context(), id, yes); !errors.Is(err, actions.ErrRunIsOver) {
				t.Errorf("an answer to a run that is over: %v", err)
			}
		}, actions.Refused, nil},
		"a fix of another environment changes nothing": {func(l *leader.Leader, _ string) {
			t := l.T
			l.Runs.RefuseOutdated(t.Context(), "orders", "staging")
			l.Runs.RefuseOutdated(t.Context(), "orders", watch.DefaultEnvironment)
		}, actions.AwaitingApproval, nil},
	} {
		t.Run(name, func(t *testing.T) {
			lead(t, watch.Approve, func(l *leader.Leader) {
				t := l.T
				run := rollback(t, l, "v2", watch.Approve)
				synctest.Wait()
				c.play(l, run.ID)
				wantState(t, l, run.ID, c.state)
				wantSteps(t, l, c.steps...)
			})
		})
	}
}

// TestAnAnswerAtOnceIsTaken: who sees the question as soon as it is recorded is not told that the
// run is over because it is not driven yet.
func TestAnAnswerAtOnceIsTaken(t *testing.T) {
	lead(t, watch.Approve, func(l *leader.Leader) {
		t := l.T
		d := l.Deploy("v2")
		asked, answered := make(chan struct{}), make(chan error, 1)
		_ = l.Runs.Decide(func() error {
			go func() {
				close(asked)
				_, _, err := l.Runs.Answer(t.Context(), "r_now", actions.Answer{Decision: actions.Reject, By: "ada", Role: "approver"})
				answered <- err
			}()
			<-asked
			for range 100 {
				runtime.Gosched()
			}
			_, err := l.Runs.Begin(t.Context(), actions.Request{
				ID: "r_now", Service: "orders", Environment: watch.DefaultEnvironment, Runbook: "back", Rollback: true, From: "v2", To: "v1",
				Trigger: actions.Trigger{Kind: actions.ByVerdict, Deploy: d.ID}, Approve: reason.New("run_approve"),
			}, runs.With{})
			if err != nil {
				t.Error(err)
			}
			return nil
		})
		if err := <-answered; err != nil {
			t.Errorf("the answer was not taken: %v", err)
		}
		wantState(t, l, "r_now", actions.Rejected)
	})
}

func TestAnOpenRunGoesOnAfterARestart(t *testing.T) {
	lead(t, watch.Approve, func(l *leader.Leader) {
		t := l.T
		run := rollback(t, l, "v2", watch.Approve)
		synctest.Wait()
		l.Restart()
		l.Runs.Start()
		if _, _, err := l.Runs.Answer(t.Context(), run.ID, actions.Answer{Decision: actions.Approve, By: "ada", Role: "approver"}); err != nil {
			t.Fatal(err)
		}
		wantState(t, l, run.ID, actions.Cured)
		wantSteps(t, l, "back v1")
	})
}

// slow makes steps take a minute.
func slow(l *leader.Leader) {
	l.Step = func(ctx context.Context, _ actions.Call) (string, error) {
		select {
		case <-ctx.Done():
			return "", ctx.Err()
		case <-time.After(time.Minute):
			return "done", nil
		}
	}
}

func TestARollbackWaitsForTheRunOfAnAlert(t *testing.T) {
	lead(t, watch.Auto, func(l *leader.Leader) {
		t := l.T
		slow(l)
		if _, err := restart(t, l, "r_a", leader.Now()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		run := rollback(t, l, "v2", watch.Auto)
		wantState(t, l, run.ID, actions.Queued)
		time.Sleep(59 * time.Second)
		wantState(t, l, run.ID, actions.Queued)
		wantSteps(t, l, "restart")
		time.Sleep(2 * time.Second) // it is woken when the other one ends, and need not wait for the next poll
		wantState(t, l, run.ID, actions.Running)
		time.Sleep(time.Minute)
		wantState(t, l, run.ID, actions.Cured)
		wantSteps(t, l, "restart", "back v1")
	})
}

func TestAQueuedRollbackAsksTheGuardsAgain(t *testing.T) {
	for name, c := range map[string]struct {
		mode  watch.Mode
		takes time.Duration // the run before it
		fix   bool
		state actions.State
	}{
		"in mode approve a person is asked then":  {mode: watch.Approve, takes: time.Minute, state: actions.AwaitingApproval},
		"after half an hour a person must decide": {mode: watch.Auto, takes: 31 * time.Minute, state: actions.Refused},
		"a fix came meanwhile":                    {mode: watch.Auto, takes: time.Minute, fix: true, state: actions.Refused},
	} {
		t.Run(name, func(t *testing.T) {
			lead(t, c.mode, func(l *leader.Leader) {
				t := l.T
				l.Step = func(context.Context, actions.Call) (string, error) { time.Sleep(c.takes); return "done", nil }
				if _, err := restart(t, l, "r_a", leader.Now()); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				run := rollback(t, l, "v2", c.mode)
				wantState(t, l, run.ID, actions.Queued)
				if c.fix {
					time.Sleep(time.Second)
					l.Deploy("v3")
				}
				time.Sleep(c.takes)
				wantState(t, l, run.ID, c.state)
				wantSteps(t, l, "restart")
			})
		})
	}
}

func TestNothingWaitsBehindARollback(t *testing.T) {
	lead(t, watch.Auto, func(l *leader.Leader) {
		t := l.T
		slow(l)
		first := rollback(t, l, "v2", watch.Auto)
		wantState(t, l, first.ID, actions.Running)
		time.Sleep(time.Second)
		second := rollback(t, l, "v3", watch.Auto)
		wantState(t, l, second.ID, actions.Refused)
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		wantSteps(t, l, "back v1")
	})
}

// TestDrain: while the guardian stops, a step under way comes to its end and no other one begins.
func TestDrain(t *testing.T) {
	lead(t, watch.Auto, func(l *leader.Leader) {
		t := l.T
		slow(l)
		second := l.Books["back"].Steps[0]
		second.Name = "clean up"
		l.Books["back"].Steps = append(l.Books["back"].Steps, second)
		run := rollback(t, l, "v2", watch.Auto)
		time.Sleep(30 * time.Second)
		begun := leader.Now()
		l.Runs.Drain(10 * time.Minute)
		if took := leader.Now().Sub(begun); took < 29*time.Second || took > 31*time.Second {
			t.Errorf("it waited %s for the step under way", took)
		}
		stopped := l.Run(run.ID)
		if stopped.Steps[0].State != actions.StepDone || stopped.Steps[1].State != actions.StepPending {
			t.Errorf("its steps are %s and %s", stopped.Steps[0].State, stopped.Steps[1].State)
		}
		l.Restart()
		l.Runs.Start()
		time.Sleep(2 * time.Minute)
		wantState(t, l, run.ID, actions.Cured)
		wantSteps(t, l, "back v1", "back v1")
	})
}

// TestAQueuedRollbackStaysQueuedWhileDraining: after the next start the guards are asked about that
// time.
func TestAQueuedRollbackStaysQueuedWhileDraining(t *testing.T) {
	lead(t, watch.Auto, func(l *leader.Leader) {
		t := l.T
		slow(l)
		if _, err := restart(t, l, "r_a", leader.Now()); err != nil {
			t.Fatal(err)
		}
		run := rollback(t, l, "v2", watch.Auto)
		time.Sleep(30 * time.Second)
		l.Runs.Drain(10 * time.Minute)
		wantState(t, l, run.ID, actions.Queued)
		if got := l.Run("r_a").Steps[0].State; got != actions.StepDone {
			t.Errorf("the step under way is %s", got)
		}
	})
}

func TestNoRunBeginsWhileDraining(t *testing.T) {
	lead(t, watch.Auto, func(l *leader.Leader) {
		t := l.T
		l.Runs.Drain(time.Minute)
		run := rollback(t, l, "v2", watch.Auto)
		time.Sleep(time.Hour)
		wantState(t, l, run.ID, actions.Running)
		wantSteps(t, l)
		l.Restart()
		l.Runs.Start()
		wantState(t, l, run.ID, actions.Cured)
	})
}

func TestWhatWaitsForAPersonDoesNotHoldTheStop(t *testing.T) {
	lead(t, watch.Approve, func(l *leader.Leader) {
		t := l.T
		rollback(t, l, "v2", watch.Approve)
		begun := leader.Now()
		l.Runs.Drain(10 * time.Minute)
		if took := leader.Now().Sub(begun); took > time.Second {
			t.Errorf("it waited %s", took)
		}
	})
}

// TestAFencedRunEndsHere: what another guardian has taken over is left as it is.
func TestAFencedRunEndsHere(t *testing.T) {
	lead(t, watch.Auto, func(l *leader.Leader) {
		t := l.T
		l.Refuse(func(b store.Batch) error {
			if slices.ContainsFunc(b.Entries, func(e actions.Entry) bool { return e.What == "intent" }) {
				return store.ErrFenced
			}
			return nil
		})
		run := rollback(t, l, "v2", watch.Auto)
		time.Sleep(time.Hour)
		wantState(t, l, run.ID, actions.Running)
		wantSteps(t, l)
		if err := l.Runs.Record(t.Context(), actions.Record{Run: run, Entries: []actions.Entry{{Run: run.ID, What: "intent"}}}); !errors.Is(err, actions.ErrLostLease) {
			t.Errorf("a fenced record gives %v", err)
		}
	})
}

// TestTheLeaseIsAskedBetweenIntentAndAct: the intent was written, and the lease ran out since.
func TestTheLeaseIsAskedBetweenIntentAndAct(t *testing.T) {
	lead(t, watch.Auto, func(l *leader.Leader) {
		t := l.T
		l.LeaseValid = func() bool { return false }
		run := rollback(t, l, "v2", watch.Auto)
		time.Sleep(time.Hour)
		synctest.Wait()
		wantSteps(t, l)
		if got := l.Run(run.ID).Steps[0].State; got != actions.StepIntent {
			t.Errorf("its step is %s", got)
		}
	})
}

func TestAJournalThatIsAwayIsTriedAgain(t *testing.T) {
	lead(t, watch.Auto, func(l *leader.Leader) {
		t := l.T
		l.Refuse(func(b store.Batch) error {
			if slices.ContainsFunc(b.Entries, func(e actions.Entry) bool { return e.What == "intent" }) {
				return errors.New("the disk is full")
			}
			return nil
		})
		run := rollback(t, l, "v2", watch.Auto)
		time.Sleep(10 * time.Second)
		wantState(t, l, run.ID, actions.Running)
		wantSteps(t, l)
		l.Refuse(nil)
		time.Sleep(2 * time.Second)
		wantState(t, l, run.ID, actions.Cured)
		wantSteps(t, l, "back v1")
	})
}

// TestTheVerdictsNoticeSaysThatItsRunBegins: people do not hear of the run's beginning twice.
func TestTheVerdictsNoticeSaysThatItsRunBegins(t *testing.T) {
	lead(t, watch.Auto, func(l *leader.Leader) {
		t := l.T
		var b store.Batch
		receivers := l.Notifier.Add(&b, leader.Now(), verdictNotice)
		if _, err := l.Rollback(l.Deploy("v2"), watch.Auto, runs.With{Batch: b, Receivers: receivers}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if diff := cmp.Diff([]string{"oncall watch failed", "oncall run cured"}, l.Notices()); diff != "" {
			t.Errorf("notices (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]string{"oncall", "oncall"}, l.Woken()); diff != "" {
			t.Errorf("woken (-want +got):\n%s", diff)
		}
	})
}

func verdictNotice(announce.Renderer) notifiers.Notice {
	return notifiers.Notice{Key: "watch/w_v2", Tier: "critical", Title: "v2 failed", Kind: "watch", Event: "failed"}
}
