package runs_test

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"guardian/actions"
	"guardian/decide"
	"guardian/internal/runs"
	"guardian/rules"
	"guardian/test/leader"
	"guardian/watch"
)

// bound is a leader of a service of which two alerts fire, each with a runbook of its own.
func bound(t *testing.T, play func(l *leader.Leader)) {
	t.Helper()
	lead(t, watch.Auto, func(l *leader.Leader) {
		l.Settings.Runbooks["drain"] = decide.Runbook{MaxRunsPerDay: 9}
		l.Books["drain"] = func() *actions.Runbook { b := *l.Books["restart"]; b.Name = "drain"; return &b }()
		l.Settings.OnAlert = []decide.OnAlert{
			{Match: map[string]string{"alertname": "Slow"}, Runbook: "restart", Mode: watch.Auto},
			{Match: map[string]string{"alertname": "Full"}, Runbook: "drain", Mode: watch.Auto},
		}
		slow(l)
		play(l)
	})
}

// fires is an alert that fires from now on.
func fires(l *leader.Leader, name, service string) rules.Alert {
	now := leader.Now()
	al := rules.Alert{
		ID: "a_" + name, Rule: name, State: rules.Firing, Tier: rules.Critical, ActiveAt: now, FiredAt: now,
		Labels: map[string]string{"alertname": name, "service": service},
	}
	l.SetAlerts(append(l.Present("").Alerts, al)...)
	return al
}

// start starts the runbook that an alert is bound to.
func start(t *testing.T, l *leader.Leader, al rules.Alert) actions.Run {
	t.Helper()
	var run actions.Run
	err := l.Runs.Decide(func() error {
		st := l.Decider().Settings.OfAlert(al)[0]
		req, err := l.Decider().ByAlert(t.Context(), st, l.Present(st.Service), leader.Now())
		if err != nil {
			return err
		}
		req.ID = "r_" + al.Rule
		run, err = l.Runs.Begin(t.Context(), req, runs.With{})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return run
}

func TestTheRunOfASecondAlertWaitsForTheFirst(t *testing.T) {
	bound(t, func(l *leader.Leader) {
		t := l.T
		first, second := start(t, l, fires(l, "Slow", "orders")), start(t, l, fires(l, "Full", "orders"))
		wantState(t, l, first.ID, actions.Running)
		wantState(t, l, second.ID, actions.Queued)
		time.Sleep(61 * time.Second)
		wantState(t, l, first.ID, actions.Cured)
		wantState(t, l, second.ID, actions.Running)
		time.Sleep(time.Minute)
		wantState(t, l, second.ID, actions.Cured)
		wantSteps(t, l, "restart", "drain")
	})
}

func TestTheRunOfAnAlertThatResolvesInTheQueueIsDropped(t *testing.T) {
	bound(t, func(l *leader.Leader) {
		t := l.T
		slowAlert := fires(l, "Slow", "orders")
		start(t, l, slowAlert)
		second := start(t, l, fires(l, "Full", "orders"))
		wantState(t, l, second.ID, actions.Queued)
		time.Sleep(20 * time.Second)
		l.SetAlerts(slowAlert)
		time.Sleep(2 * time.Minute)
		wantState(t, l, second.ID, actions.Refused)
		if got := l.Run(second.ID).Reason.String(); got != "alert over: the alert resolved while the run was queued" {
			t.Errorf("it was dropped because of %q", got)
		}
		wantSteps(t, l, "restart")
	})
}

func TestTheRunOfAnAlertWaitsForARollback(t *testing.T) {
	bound(t, func(l *leader.Leader) {
		t := l.T
		rollback(t, l, "v2", watch.Auto)
		second := start(t, l, fires(l, "Full", "orders"))
		wantState(t, l, second.ID, actions.Queued)
		l.Restart() // and it waits on under the next guardian
		l.Runs.Start()
		wantState(t, l, second.ID, actions.Queued)
		time.Sleep(3 * time.Minute)
		wantState(t, l, second.ID, actions.Cured)
		if got := l.Steps(); got[len(got)-1] != "drain" || slices.Index(got, "drain") != len(got)-1 {
			t.Errorf("done: %v", got)
		}
	})
}

// TestOneAtATimeLeavesTheQueue, in the order in which they came: they are woken at the same moment.
func TestOneAtATimeLeavesTheQueue(t *testing.T) {
	for range 5 { // whoever is woken first
		bound(t, func(l *leader.Leader) {
			t := l.T
			begun := make(chan struct{})
			l.Step = func(ctx context.Context, c actions.Call) (string, error) {
				if c.Run.ID == "r_Slow" {
					<-begun
				}
				time.Sleep(time.Minute)
				return "done", nil
			}
			start(t, l, fires(l, "Slow", "orders"))
			start(t, l, fires(l, "Full", "orders"))
			time.Sleep(time.Second)
			run := rollback(t, l, "v2", watch.Auto)
			wantState(t, l, run.ID, actions.Queued)
			close(begun)
			time.Sleep(90 * time.Second)
			wantState(t, l, run.ID, actions.Running)
			wantState(t, l, "r_Full", actions.Queued)
			time.Sleep(time.Minute)
			wantState(t, l, "r_Full", actions.Running)
			time.Sleep(time.Minute)
			synctest.Wait()
			wantSteps(t, l, "restart", "back v1", "drain")
		})
	}
}

// TestAlertsWithoutAServiceWaitForTheirOwnRunbookOnly: nothing else says that they act on the same thing.
func TestAlertsWithoutAServiceWaitForTheirOwnRunbookOnly(t *testing.T) {
	bound(t, func(l *leader.Leader) {
		t := l.T
		one, other := start(t, l, fires(l, "Slow", "")), start(t, l, fires(l, "Full", ""))
		wantState(t, l, one.ID, actions.Running)
		wantState(t, l, other.ID, actions.Running)
		again := fires(l, "Slow", "")
		again.ID = "a_twin"
		again.Rule = "Twin"
		l.SetAlerts(append(l.Present("").Alerts, again)...)
		twin := start(t, l, again)
		wantState(t, l, twin.ID, actions.Queued)
		time.Sleep(61 * time.Second)
		wantState(t, l, twin.ID, actions.Running)
	})
}
