package runs_test

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"guardian/actions"
	"guardian/internal/store"
	"guardian/oncall"
	"guardian/test/leader"
	"guardian/watch"
)

// escalating is a leader whose questions go to wei, then to nobody, then to the boss, ten minutes each.
func escalating(t *testing.T, play func(l *leader.Leader)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		settings := leader.Settings(t, watch.Approve)
		receivers := []string{"oncall", "wei-sms", "boss-sms"}
		roster, err := oncall.NewRoster([]oncall.Settings{
			{Name: "later", Layers: []oncall.Layer{{People: []string{"wei"}, Start: "2030-01-01"}}},
		}, receivers, oncall.Options{People: []oncall.Person{
			{Name: "wei", FullName: "Wei", Receivers: []string{"wei-sms"}}, {Name: "boss", Receivers: []string{"boss-sms"}},
		}})
		if err != nil {
			t.Fatal(err)
		}
		policy, err := oncall.NewPolicy(oncall.Escalation{
			Name: "critical", Matchers: []string{`tier="critical"`}, Repeat: 3,
			Steps: []oncall.Step{{Person: "wei"}, {Schedule: "later"}, {Person: "boss"}},
		}, roster, receivers)
		if err != nil {
			t.Fatal(err)
		}
		settings.Escalations = []oncall.Policy{policy}
		l := leader.New(t, settings)
		l.Roster = roster
		l.Books["back"].Approval.OnTimeout = actions.OnTimeoutEscalate
		l.Runs.Start()
		play(l)
	})
}

// told lists the notices about runs, oldest first, as "receiver event".
func told(l *leader.Leader) []string {
	var all []string
	for _, n := range l.Notices() {
		if receiver, rest, _ := strings.Cut(n, " "); strings.HasPrefix(rest, "run ") {
			all = append(all, receiver+strings.TrimPrefix(rest, "run"))
		}
	}
	return all
}

func wantTold(t *testing.T, l *leader.Leader, want ...string) {
	t.Helper()
	synctest.Wait()
	if diff := cmp.Diff(want, told(l)); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
}

// TestAQuestionThatNobodyAnswersGoesToTheNext: to each step of the escalation that reaches anybody, once and for
// as long as the first had; after the last it expires. They hear what becomes of it.
func TestAQuestionThatNobodyAnswersGoesToTheNext(t *testing.T) {
	escalating(t, func(l *leader.Leader) {
		t := l.T
		run := rollback(t, l, "v2", watch.Approve)
		wantTold(t, l, "oncall awaiting_approval")
		time.Sleep(10*time.Minute - time.Second)
		wantTold(t, l, "oncall awaiting_approval")
		time.Sleep(2 * time.Second)
		wantState(t, l, run.ID, actions.AwaitingApproval)
		wantTold(t, l, "oncall awaiting_approval", "wei-sms escalated")
		if r := l.Run(run.ID); !strings.Contains(r.Reason.String(), "step 1 of 3 of escalation critical is asked: Wei") || r.Question.Until.Sub(leader.Now()) < 9*time.Minute {
			t.Errorf("it waits until %s because %q", r.Question.Until, r.Reason)
		}
		l.Restart() // a guardian that takes over repeats no step, and leaves none out
		l.Runs.Start()
		time.Sleep(10 * time.Minute)
		wantTold(t, l, "oncall awaiting_approval", "wei-sms escalated", "boss-sms escalated")
		time.Sleep(10*time.Minute - 5*time.Second)
		wantState(t, l, run.ID, actions.AwaitingApproval)
		time.Sleep(10 * time.Second)
		wantState(t, l, run.ID, actions.Expired)
		wantTold(t, l, "oncall awaiting_approval", "wei-sms escalated", "boss-sms escalated", "oncall expired", "wei-sms expired", "boss-sms expired")
		wantSteps(t, l)
	})
}

func TestWhoIsAskedNextMayAnswer(t *testing.T) {
	escalating(t, func(l *leader.Leader) {
		t := l.T
		run := rollback(t, l, "v2", watch.Approve)
		time.Sleep(10*time.Minute + time.Second)
		if _, _, err := l.Runs.Answer(t.Context(), run.ID, actions.Answer{Decision: actions.Approve, By: "wei", Role: "approver"}); err != nil {
			t.Fatal(err)
		}
		wantState(t, l, run.ID, actions.Cured)
		wantSteps(t, l, "back v1")
		wantTold(t, l, "oncall awaiting_approval", "wei-sms escalated", "oncall running", "wei-sms running", "oncall cured", "wei-sms cured")
	})
}

// TestAQuestionWithoutAnEscalationExpires: the configuration may have lost it since.
func TestAQuestionWithoutAnEscalationExpires(t *testing.T) {
	lead(t, watch.Approve, func(l *leader.Leader) {
		t := l.T
		l.Books["back"].Approval.OnTimeout = actions.OnTimeoutEscalate
		run := rollback(t, l, "v2", watch.Approve)
		time.Sleep(10*time.Minute + time.Second)
		wantState(t, l, run.ID, actions.Expired)
		wantSteps(t, l)
	})
}

// TestABreachThatWorsensIsToldAgain, once for each way in which it does, and not more often than people can read.
func TestABreachThatWorsensIsToldAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := leader.New(t, leader.Settings(t, watch.Approve))
		var is atomic.Pointer[actions.Breach]
		set := func(tier string, excess float64, down ...string) {
			is.Store(&actions.Breach{Down: down, Tier: tier, Excess: map[string]float64{"orders": excess}})
		}
		set("", 2, "push")
		l.Breach = func(context.Context, actions.Run) actions.Breach { return *is.Load() }
		l.Books["back"].Approval.Timeout = time.Hour
		l.Languages = map[string]string{"oncall": "zh"}
		l.Restart() // with it
		l.Runs.Start()
		run := rollback(t, l, "v2", watch.Approve)
		texts := func() (all []string) {
			ds, err := l.Store.Deliveries(t.Context(), store.DeliveryFilter{})
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range slices.Backward(ds) {
				if d.Notice.Event == "worsened" {
					all = append(all, d.Notice.Title+" "+d.Notice.Text)
				}
			}
			return all
		}
		want := func(when string, number int, says string) {
			t.Helper()
			synctest.Wait()
			all := texts()
			if len(all) != number || number > 0 && !strings.Contains(all[number-1], says) {
				t.Errorf("%s people are told %q, want %d times, and at last %q", when, all, number, says)
			}
		}
		time.Sleep(3 * time.Minute)
		want("while it stays as it is", 0, "")
		set("", 2, "price", "push", "stock")
		time.Sleep(16 * time.Second)
		want("when more checks are down", 1, "又有检查变为异常：price、stock（当前共 3 个异常）")
		set("critical", 2, "price", "push", "stock")
		time.Sleep(time.Minute)
		want("a minute later", 1, "又有检查变为异常")
		time.Sleep(time.Minute + 15*time.Second)
		want("when an alert of a higher tier fires", 2, "级别更高的告警（严重）")
		set("critical", 5.9, "price", "push", "stock")
		time.Sleep(3 * time.Minute)
		want("when an excess is less than three times as large", 2, "")
		set("critical", 6.1, "push")
		time.Sleep(16 * time.Second)
		want("when it is", 3, "orders 已达允许值的 6.1 倍（上次通知时为 2 倍）")
		set("critical", 6.1, "price", "push", "stock")
		time.Sleep(5 * time.Minute)
		want("when what came before comes again", 3, "")
		l.Restart()
		l.Runs.Start()
		time.Sleep(time.Hour - time.Minute)
		want("after a restart", 3, "")
		wantState(t, l, run.ID, actions.Expired)
		entries, err := l.Store.Entries(t.Context(), run.ID)
		if err != nil {
			t.Fatal(err)
		}
		worsened := slices.DeleteFunc(entries, func(e actions.Entry) bool { return e.What != "worsened" })
		if len(worsened) != 3 {
			t.Errorf("the ledger says so %d times, want 3", len(worsened))
		}
	})
}
