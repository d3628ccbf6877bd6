package announce_test

import (
	"slices"
	"strings"
	"testing"

	"guardian/actions"
	"guardian/internal/announce"
	"guardian/internal/reason"
	"guardian/notifiers"
	"guardian/rules"
	"guardian/watch"
)

// What advice may be about, in both languages: a word that is in it, and not in other advice.
var (
	rollBack   = [2]string{"roll it back", "一键回滚"}
	fromPage   = [2]string{"To roll back", "如需回滚"}
	byHand     = [2]string{"Roll back by hand", "请人工回滚"}
	again      = [2]string{"start the rollback again", "重新发起回滚"}
	wait       = [2]string{"Wait for the result", "等待结果"}
	approve    = [2]string{"Approve on", "处置详情页批准"}
	underWay   = [2]string{"being rolled back", "正在回滚"}
	waits      = [2]string{"waits for approval", "等待批准"}
	already    = [2]string{"rolled back already", "已回滚"}
	alreadyRun = [2]string{"rolled back already", "已经回滚"}
	elsewhere  = [2]string{"another cause", "其他原因"}
	fixForward = [2]string{"fix forward", "修复版本"}
	outdated   = [2]string{"Another version runs", "其他版本"}
	otherRun   = [2]string{"run that is under way", "正在进行的处置"}
	lookYou    = [2]string{"Check the service yourself", "人工确认服务"}
	whatFailed = [2]string{"Find what was wrong", "查明该版本"}
	stillFails = [2]string{"what still fails", "仍未恢复"}
	newlyDown  = [2]string{"down now", "新出现故障"}
	actByHand  = [2]string{"act by hand", "人工处理"}
	pickOther  = [2]string{"Choose another version", "其他版本：guardian rollback"}
	anyway     = [2]string{"a person may do it all the same", "可人工执行"}
	shared     = [2]string{"what they share", "共同原因"}
	complete   = [2]string{"Complete it by hand", "人工补完"}
)

// TestAdviceFollowsWhatHappened names for each state what its notice advises, and whether it may
// advise to roll back: never what is rolled back, is being rolled back, or was put back.
func TestAdviceFollowsWhatHappened(t *testing.T) {
	plan := announce.Plan{Runbook: "order-sync-back", To: "v1.4.2", Run: "r_01"}
	refused := func(codes ...actions.Code) announce.Plan {
		p := plan
		for _, c := range codes {
			p.Refusals = append(p.Refusals, actions.Refusal{Code: c, Detail: reason.Text(string(c))})
		}
		return p
	}
	queued := plan
	queued.QueuedBehind = reason.Text("another run")
	verdict := func(mode watch.Mode, p announce.Plan, change func(*watch.Deploy)) func(announce.Renderer) notifiers.Notice {
		d := deploy()
		if change != nil {
			change(&d)
		}
		return func(r announce.Renderer) notifiers.Notice { return r.Verdict(observed(watch.Failed, mode), d, p, now) }
	}
	told := func(state actions.State, rollback bool) func(announce.Renderer) notifiers.Notice {
		r := run(state)
		if r.Rollback = rollback; !rollback {
			r.Trigger = actions.Trigger{Kind: actions.ByAlert, Alert: "a_01", Reason: reason.Text("it fires")}
		}
		return func(t announce.Renderer) notifiers.Notice { return t.Run(r, now) }
	}
	refusedRun := func(code actions.Code, rollback bool) func(announce.Renderer) notifiers.Notice {
		r := run(actions.Refused)
		r.Rollback = rollback
		return func(t announce.Renderer) notifiers.Notice {
			return t.Refused(r, []actions.Refusal{{Code: code, Detail: reason.Text("no")}}, now)
		}
	}
	alerted := func(change func(*announce.LastDeploy)) func(announce.Renderer) notifiers.Notice {
		last := lastDeploy(deploy())
		change(last)
		return func(t announce.Renderer) notifiers.Notice { return t.Alerts(firing(alert(rules.Critical)), last, now) }
	}
	rollback := func(state actions.State) func(announce.Renderer) notifiers.Notice {
		return alerted(func(l *announce.LastDeploy) { l.Rollback = &actions.Run{State: state} })
	}
	putBack := func(d *watch.Deploy) { d.RollbackRun = "r_00" }
	toRollBack := [][2]string{rollBack, fromPage, byHand, again}
	for name, c := range map[string]struct {
		tell  func(announce.Renderer) notifiers.Notice
		wants [][2]string
	}{
		"verdict: observed, a rollback would be possible": {verdict(watch.Observe, plan, nil), [][2]string{fromPage}},
		"verdict: observed, no version to go back to":     {verdict(watch.Observe, announce.Plan{Runbook: "b"}, nil), [][2]string{lookYou}},
		"verdict: observed, refused":                      {verdict(watch.Observe, refused(actions.NotReversible), nil), [][2]string{lookYou}},
		"verdict: observed, rolled back already":          {verdict(watch.Observe, refused(actions.AlreadyRolledBack), nil), [][2]string{alreadyRun}},
		"verdict: observed, the version was put back":     {verdict(watch.Observe, plan, putBack), [][2]string{elsewhere}},
		"verdict: no runbook":                             {verdict(watch.Auto, announce.Plan{}, nil), [][2]string{byHand}},
		"verdict: no version to go back to":               {verdict(watch.Auto, announce.Plan{Runbook: "b"}, nil), [][2]string{byHand}},
		"verdict: refused":                                {verdict(watch.Auto, refused(actions.NotKnownGood), nil), [][2]string{pickOther}},
		"verdict: refused, rolled back already":           {verdict(watch.Auto, refused(actions.InCooldown, actions.AlreadyRolledBack), nil), [][2]string{alreadyRun}},
		"verdict: refused, another version runs":          {verdict(watch.Auto, refused(actions.Superseded, actions.InCooldown), nil), [][2]string{outdated}},
		"verdict: refused, a run is under way":            {verdict(watch.Auto, refused(actions.RunInProgress), nil), [][2]string{otherRun}},
		"verdict: queued":                                 {verdict(watch.Auto, queued, nil), [][2]string{wait}},
		"verdict: running":                                {verdict(watch.Auto, plan, nil), [][2]string{wait}},
		"verdict: awaiting approval":                      {verdict(watch.Approve, plan, nil), [][2]string{approve}},
		"verdict: a guard asks":                           {verdict(watch.Auto, refused(actions.Brake), nil), [][2]string{shared}},
		"verdict: a guard asks about its target":          {verdict(watch.Auto, refused(actions.UnprovenTarget), nil), [][2]string{approve}},

		"run: queued":                        {told(actions.Queued, true), [][2]string{wait}},
		"run: awaiting approval":             {told(actions.AwaitingApproval, true), [][2]string{approve}},
		"run: running":                       {told(actions.Running, true), [][2]string{wait}},
		"run: verifying":                     {told(actions.Verifying, true), nil},
		"run: cured":                         {told(actions.Cured, true), [][2]string{whatFailed}},
		"run: not cured":                     {told(actions.NotCured, true), [][2]string{alreadyRun, stillFails}},
		"run: worse":                         {told(actions.Worse, true), [][2]string{newlyDown}},
		"run: failed":                        {told(actions.FailedRun, true), [][2]string{again}},
		"run: rejected":                      {told(actions.Rejected, true), nil},
		"run: expired":                       {told(actions.Expired, true), [][2]string{fromPage}},
		"run: refused":                       {refusedRun(actions.InCooldown, true), [][2]string{anyway}},
		"run: refused, rolled back already":  {refusedRun(actions.AlreadyRolledBack, true), [][2]string{alreadyRun}},
		"run: refused, another version runs": {refusedRun(actions.Superseded, true), [][2]string{outdated}},
		"run of an alert: running":           {told(actions.Running, false), [][2]string{wait}},
		"run of an alert: cured":             {told(actions.Cured, false), nil},
		"run of an alert: not cured":         {told(actions.NotCured, false), [][2]string{stillFails}},
		"run of an alert: worse":             {told(actions.Worse, false), [][2]string{newlyDown}},
		"run of an alert: failed":            {told(actions.FailedRun, false), [][2]string{complete}},
		"run of an alert: expired":           {told(actions.Expired, false), [][2]string{actByHand}},
		"run of an alert: refused":           {refusedRun(actions.InCooldown, false), [][2]string{actByHand}},

		"alert after a deploy":                         {alerted(func(*announce.LastDeploy) {}), [][2]string{rollBack}},
		"alert after a deploy that is not reversible":  {alerted(func(l *announce.LastDeploy) { l.Reversible = false }), [][2]string{fixForward}},
		"alert after a version was put back":           {alerted(func(l *announce.LastDeploy) { putBack(&l.Deploy) }), [][2]string{elsewhere}},
		"alert while a rollback is queued":             {rollback(actions.Queued), [][2]string{underWay}},
		"alert while it is rolled back":                {rollback(actions.Running), [][2]string{underWay}},
		"alert while the rollback is verified":         {rollback(actions.Verifying), [][2]string{underWay}},
		"alert while the rollback awaits approval":     {rollback(actions.AwaitingApproval), [][2]string{waits}},
		"alert after it was rolled back":               {rollback(actions.Cured), [][2]string{already}},
		"alert after it was rolled back, to no effect": {rollback(actions.NotCured), [][2]string{already}},
		"alert after a rollback made it worse":         {rollback(actions.Worse), [][2]string{already}},
		"alert after the rollback failed":              {rollback(actions.FailedRun), [][2]string{rollBack}},
		"alert after the rollback was rejected":        {rollback(actions.Rejected), [][2]string{rollBack}},
		"alert after nobody approved":                  {rollback(actions.Expired), [][2]string{rollBack}},
		"alert after the rollback was refused":         {rollback(actions.Refused), [][2]string{rollBack}},
	} {
		t.Run(name, func(t *testing.T) {
			for i, lang := range []string{"en", "zh"} {
				n := c.tell(renderers()[lang])
				steps := strings.Join(n.Steps, "\n")
				for _, want := range c.wants {
					if !strings.Contains(steps, want[i]) {
						t.Errorf("%s: it advises %q, want …%s…", lang, steps, want[i])
					}
				}
				for _, not := range toRollBack {
					if !slices.Contains(c.wants, not) && strings.Contains(steps, not[i]) {
						t.Errorf("%s: it advises %q, which is %q", lang, steps, not[i])
					}
				}
				if len(c.wants) == 0 && len(n.Steps) > 0 {
					t.Errorf("%s: it advises %q, want nothing", lang, steps)
				}
			}
		})
	}
}

// TestAnOperationIsUndoneAndNotRolledBack: nothing about it and its undoing advises to roll a
// version back, or says that one was.
func TestAnOperationIsUndoneAndNotRolledBack(t *testing.T) {
	undoing := func(state actions.State) actions.Run {
		r := run(state)
		r.Kind, r.Runbook, r.From, r.To = string(watch.Operation), "promo-undo", "promo-1111", ""
		return r
	}
	said := map[string]func(announce.Renderer) notifiers.Notice{
		"observed": func(r announce.Renderer) notifiers.Notice {
			w, d := operation(watch.Failed)
			w.Mode = watch.Observe
			return r.Verdict(w, d, announce.Plan{Runbook: "promo-undo", Undo: true}, now)
		},
		"alone": func(r announce.Renderer) notifiers.Notice {
			w, d := operation(watch.Failed)
			return r.Verdict(w, d, announce.Plan{}, now)
		},
		"inconclusive": func(r announce.Renderer) notifiers.Notice {
			w, d := operation(watch.Inconclusive)
			return r.Verdict(w, d, announce.Plan{}, now)
		},
		"a step that failed": func(r announce.Renderer) notifiers.Notice { return r.StepFailed(undoing(actions.FailedRun), 0, now) },
		"undone already": func(r announce.Renderer) notifiers.Notice {
			return r.Refused(undoing(actions.Refused), []actions.Refusal{{Code: actions.AlreadyRolledBack, Detail: reason.Text("no")}}, now)
		},
	}
	for _, state := range []actions.State{actions.NotCured, actions.Worse, actions.FailedRun, actions.Expired, actions.Refused, actions.Cured} {
		said[string(state)] = func(r announce.Renderer) notifiers.Notice { return r.Run(undoing(state), now) }
	}
	for name, tell := range said {
		for lang, words := range map[string][]string{"en": {"roll back", "rolled back", "rollback again", "version is"}, "zh": {"回滚", "该版本的问题"}} {
			n := tell(renderers()[lang])
			for _, text := range append(n.Steps, n.Text) {
				for _, word := range words {
					if strings.Contains(strings.ToLower(text), word) {
						t.Errorf("%s, %s: %q is about %s", name, lang, text, word)
					}
				}
			}
		}
	}
}

// TestANoticeSaysWhatCameInItsPlace: a configuration replaces no version of code.
func TestANoticeSaysWhatCameInItsPlace(t *testing.T) {
	for kind, words := range map[watch.Kind][2]string{
		watch.Code: {"another version replaced", "已被新版本取代"}, watch.Config: {"a configuration was deployed after", "之后又部署了配置"},
		watch.Operation: {"an operation came after", "之后又执行了运营操作"},
	} {
		w := observed(watch.Watching, watch.Auto)
		w.State, w.Verdict = watch.Watching, nil
		if w.SupersededBy(watch.Deploy{Version: "x9", Kind: kind}, now) == nil {
			t.Fatal("no verdict")
		}
		for i, lang := range []string{"en", "zh"} {
			n := renderers()[lang].Verdict(w, deploy(), announce.Plan{}, now)
			if !strings.Contains(n.Title, words[i]) {
				t.Errorf("%s: %s", lang, n.Title)
			}
		}
	}
}

// TestADeclaredVersionIsKnownGoodWhateverIsSeen of it: no notice says that it is not.
func TestADeclaredVersionIsKnownGoodWhateverIsSeen(t *testing.T) {
	for lang, words := range map[string][2]string{"en": {"does not make v1.5.0 known good", "declared known good"}, "zh": {"不会因本次观察记为已知良好版本", "已声明为已知良好版本"}} {
		for i, declared := range []bool{false, true} {
			d := deploy()
			d.KnownGood = declared
			n := renderers()[lang].Verdict(observed(watch.Inconclusive, watch.Auto), d, announce.Plan{}, now)
			if !strings.Contains(n.Text, words[i]) || strings.Contains(n.Text, words[1-i]) {
				t.Errorf("%s, declared %v: %s", lang, declared, n.Text)
			}
			if advises := strings.Contains(strings.Join(n.Steps, " "), "known_good"); advises == declared {
				t.Errorf("%s, declared %v: the advice is %q", lang, declared, n.Steps)
			}
		}
	}
}

// What follows from a verdict or an alert is told under the same key, so that it comes in order and
// is one conversation.
func TestAnIncidentIsOneConversation(t *testing.T) {
	r := renderers()["en"]
	watched := r.Verdict(observed(watch.Failed, watch.Auto), deploy(), announce.Plan{}, now).Key
	for _, state := range []actions.State{actions.AwaitingApproval, actions.Running, actions.Cured, actions.NotCured, actions.Expired} {
		if key := r.Run(run(state), now).Key; key != watched {
			t.Errorf("a run that is %s has the key %s, its verdict %s", state, key, watched)
		}
	}
	byAlert, byPerson := run(actions.Running), run(actions.Running)
	byAlert.Trigger = actions.Trigger{Kind: actions.ByAlert, Alert: "a_01"}
	byPerson.Trigger = actions.Trigger{Kind: actions.ByPerson}
	if thread, want := r.Run(byAlert, now).Thread, r.Alerts(firing(alert(rules.Critical)), nil, now).Thread; thread != want {
		t.Errorf("a run of an alert is in the conversation %s, the alert in %s", thread, want)
	}
	if key := r.Run(byPerson, now).Key; key == watched || key == "" {
		t.Errorf("a person's run has the key %q", key)
	}
}
