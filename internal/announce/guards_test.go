package announce_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"guardian/actions"
	"guardian/internal/announce"
	"guardian/internal/reason"
)

// guarded is a scenario in which a guard says no, or asks a person: what people read of it, and what they can
// do now, in both languages.
type guarded struct {
	code     actions.Code
	facts    func(f *actions.Facts) // that the guards are asked about
	says     func() actions.Refusal // instead: who finds it out beside the guards
	en, zh   string                 // why
	do, doZh string                 // what a person can do now
	unneeded bool                   // nothing is left to do
}

var guardNoon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// rolledBack is a rollback of orders that ended some minutes ago.
func rolledBack(ago time.Duration, change func(*actions.Run)) actions.Run {
	at := guardNoon.Add(-ago)
	r := actions.Run{
		ID: "r_1", Service: "orders", Runbook: "back", Rollback: true, State: actions.NotCured, Created: at, Started: at, Ended: at.Add(time.Minute),
		Trigger: actions.Trigger{Kind: actions.ByVerdict, Deploy: "d_0"},
	}
	if change != nil {
		change(&r)
	}
	return r
}

func guardedScenarios() []guarded {
	const anyway, anywayZh = "a person may do it all the same: guardian rollback --service orders", "可人工执行：guardian rollback --service orders"
	const approve, approveZh = "Approve on the run's page", "在处置详情页批准"
	window := &actions.Freeze{Detail: reason.New("gate_freeze", "freeze", "sale", "until", guardNoon.Add(time.Hour)), Until: guardNoon.Add(time.Hour)}
	return []guarded{
		{
			code: actions.NoKnownGood, facts: func(f *actions.Facts) { f.To, f.KnownGood = "", nil },
			en: "no version of orders but the bad one is known to be good", zh: "orders 没有已知良好的版本", do: "declare it", doZh: "known_good",
		},
		{
			code: actions.NotKnownGood, facts: func(f *actions.Facts) { f.To = "v0" },
			en: "v0 never passed a watch", zh: "v0 没有通过过观察", do: "--to VERSION", doZh: "--to 版本号",
		},
		{
			code: actions.SameVersion, facts: func(f *actions.Facts) { f.To = "v2" },
			en: "v2 is the version that runs now", zh: "v2 就是当前运行的版本", do: "--to VERSION", doZh: "--to 版本号",
		},
		{code: actions.AlreadyRolledBack, facts: func(f *actions.Facts) {
			f.Runs = []actions.Run{rolledBack(3*time.Hour, func(r *actions.Run) { r.Trigger.Deploy = "d_2" })}
		}, en: "has rolled this deploy back already", zh: "已对本次部署做过回滚", do: "look at what still fails", doZh: "查看仍未恢复的项目"},
		{
			code: actions.InCooldown, facts: func(f *actions.Facts) { f.Runs = []actions.Run{rolledBack(20*time.Minute, nil)} },
			en: "the cool-down lasts until", zh: "冷却期到", do: anyway, doZh: anywayZh,
		},
		{code: actions.DailyBudget, facts: func(f *actions.Facts) {
			f.MaxRunsPerDay, f.Runs = 1, []actions.Run{rolledBack(9*time.Hour, nil)}
		}, en: "max_runs_per_day of the runbook is 1", zh: "上限（max_runs_per_day）为 1 次", do: anyway, doZh: anywayZh},
		{
			code: actions.NotReversible, facts: func(f *actions.Facts) { f.Reversible = false },
			en: "reversible: false", zh: "不可逆", do: "guardian rollback --service orders --dry-run", doZh: "guardian rollback --service orders --dry-run",
		},
		{code: actions.RunInProgress, facts: func(f *actions.Facts) {
			f.Runs = []actions.Run{rolledBack(time.Minute, func(r *actions.Run) { r.State, r.Ended = actions.Running, time.Time{} })}
		}, en: "is running; wait for its end or abort it", zh: "尚未结束", do: "Wait for the end of the run", doZh: "请等待正在进行的处置结束"},
		{code: actions.Brake, facts: func(f *actions.Facts) {
			f.Verdicts = []actions.FailedVerdict{{Service: "prices", At: guardNoon.Add(-time.Minute)}, {Service: "stock", At: guardNoon.Add(-time.Second)}, {Service: "orders", At: guardNoon}}
		}, en: "3 services failed within", zh: "3 个服务异常", do: approve, doZh: approveZh},
		{code: actions.OnHold, facts: func(f *actions.Facts) {
			f.Hold = &actions.Freeze{Detail: reason.New("guard_hold", "until", guardNoon.Add(time.Hour), "why", "stock-taking", "hold", "win_1"), Until: guardNoon.Add(time.Hour)}
		}, en: "nothing is started by itself until", zh: "不自动执行任何处置", do: approve, doZh: approveZh},
		{code: actions.Frozen, facts: func(f *actions.Facts) { f.Freeze = window }, en: "sale", zh: "sale", do: approve, doZh: approveZh},
		{code: actions.UnprovenTarget, facts: func(f *actions.Facts) {
			f.Ran = []actions.Release{{Version: "v1", Proof: actions.Healthy}}
		}, en: "v1 ran healthy before, but never passed a watch", zh: "v1 此前运行正常，但没有通过过观察", do: approve, doZh: approveZh},
		{
			code: actions.OtherEnvironment, facts: func(f *actions.Facts) { f.Configured = "staging" },
			en: "it is about production, and orders is configured for staging", zh: "orders 配置的环境是 staging", do: "Roll back by hand", doZh: "请人工回滚",
		},
		{
			code: actions.NoStep, facts: func(f *actions.Facts) { f.NoStep = true },
			en: "no step of runbook back is meant for this run", zh: "没有适用于本次处置的步骤", do: "Roll back by hand", doZh: "请人工回滚",
		},
		{code: actions.NotMet, says: func() actions.Refusal {
			return actions.NewNotMet("back", actions.Unmet([]actions.Requirement{{Symptom: actions.Symptom{Kind: actions.SymptomCheck, Name: "backup"}, Title: "backup", Is: "up"}}, []actions.CheckResult{{Health: "down"}}))
		}, en: "preconditions of runbook back are not met: backup is down", zh: "backup 当前异常", do: "Mend what is not met", doZh: "处理未满足的前置条件"},
		{
			code: actions.Superseded, facts: func(f *actions.Facts) { f.Current = "v3" },
			en: "v2 is no longer the current version, v3 is", zh: "v2 已不是当前版本，当前版本是 v3", do: "Another version runs by now", doZh: "当前运行的已是其他版本",
		},
		{
			code: actions.Late, says: func() actions.Refusal { return actions.NewLate(31 * time.Minute) },
			en: "it waited for 31", zh: "已排队 31", do: anyway, doZh: anywayZh,
		},
		{code: actions.AlertOver, says: actions.NewAlertOver, en: "the alert resolved while the run was queued", zh: "排队期间告警已恢复", unneeded: true},
		{
			code: actions.NotStarted, says: func() actions.Refusal { return actions.NewNotStarted("back") },
			en: "no entry of on_alert starts runbook back", zh: "on_alert 中已没有", unneeded: true,
		},
	}
}

// Every guard has a scenario here in which it alone speaks, and its message says why, and what a person can do
// now, in both languages. None of them lets the run begin.
func TestEveryGuardSaysWhyAndWhatToDo(t *testing.T) {
	tried := map[string]bool{}
	for _, c := range guardedScenarios() {
		t.Run(string(c.code), func(t *testing.T) {
			tried[string(c.code)] = true
			f := actions.Facts{
				Service: "orders", Environment: "production", Configured: "production", Runbook: "back", Trigger: actions.ByVerdict, Rollback: true,
				From: "v2", To: "v1", Current: "v2", Deploy: "d_2", Reversible: true, KnownGood: []actions.KnownGood{{Version: "v1", At: guardNoon.Add(-48 * time.Hour)}},
				Cooldown: 30 * time.Minute, MaxRunsPerDay: 3, Brake: actions.BrakeLimit{MaxFailingServices: 3, Within: 10 * time.Minute},
			}
			var refusals []actions.Refusal
			if c.says != nil {
				refusals = []actions.Refusal{c.says()}
			} else {
				if before := actions.Guard(f, guardNoon); len(before) > 0 {
					t.Fatalf("without the scenario it is refused: %+v", before)
				}
				c.facts(&f)
				refusals = actions.Guard(f, guardNoon)
			}
			if len(refusals) != 1 || refusals[0].Code != c.code {
				t.Fatalf("the guards say %+v, want %s alone", refusals, c.code)
			}
			run := actions.NewRun(actions.Request{
				ID: "r_2", Service: f.Service, Environment: f.Environment, Runbook: "back", Rollback: !c.unneeded, From: f.From, To: f.To,
				Trigger: actions.Trigger{Kind: actions.ByVerdict, Deploy: f.Deploy}, Refusals: refusals,
			}, &actions.Runbook{Name: "back", Approval: actions.Approval{Timeout: time.Hour, Quorum: 1, OnTimeout: actions.OnTimeoutExpire}}, guardNoon)
			if run.State == actions.Running {
				t.Error("the run begins all the same")
			}
			for language, want := range map[string][2]string{"en": {c.en, c.do}, "zh": {c.zh, c.doZh}} {
				teller := announce.Renderer{Language: language, Location: time.UTC}
				n := teller.Run(run, guardNoon)
				if run.State == actions.Refused {
					n = teller.Refused(run, refusals, guardNoon)
				}
				lines := []string{n.Title, n.Text}
				for _, fact := range n.Facts {
					lines = append(lines, fact.Value)
				}
				said := strings.Join(lines, "\n")
				if !strings.Contains(said, want[0]) {
					t.Errorf("%s: it does not say %q:\n%s", language, want[0], said)
				}
				if steps := strings.Join(n.Steps, "\n"); !strings.Contains(steps, want[1]) || (steps == "") != c.unneeded || n.Mention == c.unneeded {
					t.Errorf("%s: what to do is %q, want %q", language, steps, want[1])
				}
			}
		})
	}
	for _, code := range codesOfGuards(t) {
		if !tried[code] {
			t.Errorf("guard %s has no scenario here", code)
		}
	}
}

// codesOfGuards reads the codes of all guards: the constants of the type Code.
func codesOfGuards(t *testing.T) (codes []string) {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), "../../actions/guard.go", nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(f, func(n ast.Node) bool {
		if v, ok := n.(*ast.ValueSpec); ok {
			if of, ok := v.Type.(*ast.Ident); ok && of.Name == "Code" {
				code, err := strconv.Unquote(v.Values[0].(*ast.BasicLit).Value)
				if err != nil {
					t.Fatal(err)
				}
				codes = append(codes, code)
			}
		}
		return true
	})
	if len(codes) < 17 || slices.Contains(codes, "") {
		t.Fatalf("only %q were found", codes)
	}
	return codes
}
