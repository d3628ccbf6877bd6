package announce_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"guardian/actions"
	"guardian/internal/announce"
	"guardian/internal/reason"
	"guardian/watch"
)

// states are all in which a run is told.
func states() []actions.State {
	return []actions.State{
		actions.Queued, actions.AwaitingApproval, actions.Running, actions.Verifying, actions.Cured, actions.NotCured, actions.Worse,
		actions.FailedRun, actions.Rejected, actions.Expired, actions.Refused,
	}
}

// TestARunIsToldAsWhatItIs: in each state and language, whatever is known of it.
func TestARunIsToldAsWhatItIs(t *testing.T) {
	now := time.Date(2026, 11, 22, 10, 5, 0, 0, time.UTC)
	ill := []string{"push"}
	for name, c := range map[string]struct {
		run    actions.Run
		titles []string // in English and Chinese
		never  []string // words that are not true of it
	}{
		"the runbook of an alert": {
			actions.Run{Service: "orders", Runbook: "restart", Failing: ill},
			[]string{"restart for orders", "orders 执行预案 restart"},
			[]string{"roll", "version", "deploy", "回滚", "版本", "部署"},
		},
		"of one without a service": {
			actions.Run{Runbook: "restart", Failing: ill},
			[]string{"runbook restart", "执行预案 restart"},
			[]string{"roll", "version", "回滚", "版本"},
		},
		"kill switches": {
			actions.Run{Service: "orders", Runbook: "pause", Failing: ill, Steps: []actions.StepRun{{Name: "pause", Kind: "flag", State: actions.StepDone}}},
			[]string{"pause for orders", "orders 执行预案 pause"},
			[]string{"roll", "Cured", "回滚", "已恢复"},
		},
		"an operation that is undone": {
			actions.Run{Service: "orders", Rollback: true, Kind: string(watch.Operation), From: "promo-1111", Failing: ill},
			[]string{"undo of promo-1111 of orders", "撤销 orders 的 promo-1111"},
			[]string{"roll", "version", "回滚", "版本"},
		},
		"an operation of which no name is known": {
			actions.Run{Service: "orders", Rollback: true, Kind: string(watch.Operation), Failing: ill},
			[]string{"undo of the last operation of orders", "撤销 orders 的最近一次运营操作"},
			[]string{"roll", "of  of", "回滚"},
		},
		"a rollback": {
			actions.Run{Service: "orders", Rollback: true, From: "v2", To: "v1", Failing: ill},
			[]string{"rollback of orders from v2 to v1", "orders 从 v2 回滚到 v1"},
			nil,
		},
		"a rollback from what nobody announced": {
			actions.Run{Service: "orders", Rollback: true, To: "v1", Failing: ill}, []string{"rollback of orders to v1", "orders 回滚到 v1"}, []string{"orders from"},
		},
		"a rollback without a version to go back to": {
			actions.Run{Service: "orders", Rollback: true, From: "v2", Failing: ill}, []string{"rollback of orders from v2", "orders 从 v2 回滚"}, []string{"to \n", "到 "},
		},
		"a rollback of which nothing is known": {
			actions.Run{Service: "orders", Rollback: true, Failing: ill}, []string{"rollback of orders", "orders 回滚"}, []string{"orders from", "orders to"},
		},
		"a rollback of what is healthy": {
			actions.Run{Service: "orders", Rollback: true, From: "v2", To: "v1", Trigger: actions.Trigger{Kind: actions.ByPerson, Person: "ada"}},
			[]string{"rollback of orders from v2 to v1", "orders 从 v2 回滚到 v1"},
			[]string{"Cured", "what failed is over, after", "已恢复", "故障已消除"},
		},
	} {
		for i, lang := range []string{"en", "zh"} {
			for _, state := range states() {
				run := c.run
				run.ID, run.State, run.Created, run.Ended = "r_1", state, now.Add(-time.Minute), now
				if run.Steps == nil {
					run.Steps = []actions.StepRun{{Name: "one", Kind: "exec", State: actions.StepDone}}
				}
				if state == actions.Cured && !run.SetsFlagsOnly() {
					run.Verification = []actions.CheckResult{{Check: "push", Health: "up"}}
				}
				n := announce.Renderer{Language: lang}.Run(run, now)
				if !strings.HasSuffix(n.Title, c.titles[i]) || strings.Contains(n.Title, "  ") {
					t.Errorf("%s, %s, %s: the title is %q, want …%q", name, lang, state, n.Title, c.titles[i])
				}
				said := strings.ReplaceAll(strings.Join(slices.Concat([]string{n.Title, n.Text}, n.Steps), "\n"), "guardian rollback --kind operation", "")
				for _, word := range c.never {
					if strings.Contains(said, word) {
						t.Errorf("%s, %s, %s: it says %q:\n%s", name, lang, state, word, said)
					}
				}
				if n.StateOf != "run/r_1" {
					t.Errorf("%s, %s: it is the state of %q", name, state, n.StateOf)
				}
			}
		}
	}
}

func TestWhatNobodySawIsNotToldAsAFailure(t *testing.T) {
	run := actions.Run{
		ID: "r_1", Service: "orders", Rollback: true, From: "v2", To: "v1", State: actions.NotCured, Failing: []string{"push"},
		Verification: []actions.CheckResult{{Kind: actions.SymptomAlert, Check: "PricesZero", Health: "unknown"}, {Check: "push", Health: "up"}},
	}
	n := announce.Renderer{}.Run(run, time.Now())
	if n.Title != "Not verified: rollback of orders from v2 to v1" || strings.Contains(n.Text, "not over") || !n.Mention {
		t.Errorf("%q: %q", n.Title, n.Text)
	}
	run.Verification[0].Health = "down"
	if n = (announce.Renderer{}).Run(run, time.Now()); !strings.HasPrefix(n.Title, "NOT cured") {
		t.Errorf("%q", n.Title)
	}
}

func TestARunThatIsNotNeededAnyMoreWakesNobody(t *testing.T) {
	run := actions.Run{ID: "r_1", Service: "orders", Runbook: "restart", State: actions.Refused}
	over := actions.NewAlertOver()
	n := announce.Renderer{}.Refused(run, []actions.Refusal{over}, time.Now())
	if n.Title != "No longer needed: restart for orders" || n.Mention || len(n.Steps) > 0 || !strings.Contains(n.Text, "the alert resolved") {
		t.Errorf("%+v", n)
	}
	n = announce.Renderer{}.Refused(run, []actions.Refusal{{Code: actions.InCooldown, Detail: reason.Text("wait")}}, time.Now())
	if n.Title != "Not done: restart for orders" || !n.Mention {
		t.Errorf("%+v", n)
	}
}
