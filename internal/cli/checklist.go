package cli

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"guardian/actions"
	"guardian/decide"
	"guardian/watch"
)

// sheet prints a runbook as a checklist in Markdown, in English or Chinese.
type sheet struct {
	w  io.Writer
	zh bool
}

// say gives a text in the sheet's language; both take the same values.
func (s sheet) say(en, zh string, args ...any) string {
	if s.zh {
		en = zh
	}
	return fmt.Sprintf(en, args...)
}

// line prints a line.
func (s sheet) line(en, zh string, args ...any) { _, _ = fmt.Fprintln(s.w, s.say(en, zh, args...)) }

// list joins names.
func (s sheet) list(names []string) string { return strings.Join(names, s.say(", ", "、")) }

// triggers says what starts the runbook, a line each.
func (s sheet) triggers(l decide.Checklist) []string {
	var all []string
	for _, t := range l.Triggers {
		what := s.say("a failed deploy of %s in %s", "%s（%s）部署失败", t.Service, t.Environment)
		switch t.By {
		case "operation":
			what = s.say("a failed operation of %s in %s", "%s（%s）操作失败", t.Service, t.Environment)
		case "alert":
			var labels []string
			for _, name := range slices.Sorted(maps.Keys(t.Match)) {
				labels = append(labels, fmt.Sprintf("%s=%q", name, t.Match[name]))
			}
			what = s.say("an alert with %s", "告警带有标签 %s", strings.Join(labels, ", "))
		}
		switch t.Mode {
		case watch.Auto:
			what += s.say(", at once", "，自动执行")
		case watch.Approve:
			what += s.say(", after approval", "，批准后执行")
		default:
			what += s.say(" (mode observe: it is told, and not started)", "（observe 模式：仅通知，不执行）")
		}
		all = append(all, what)
	}
	return append(all, s.say("a person", "人工执行"))
}

func (s sheet) print(l decide.Checklist) {
	s.line("# Runbook %s\n\n## What starts it\n", "# 预案 %s\n\n## 触发条件\n", l.Runbook)
	for _, t := range s.triggers(l) {
		s.line("- [ ] %s", "- [ ] %s", t)
	}
	s.line("\n## Who is asked\n", "\n## 批准人\n")
	s.line("- %d of the role %s or higher, where approval is needed; %s", "- 需要批准时：%d 名角色为 %s 或更高的人；%s", l.Asked.Quorum, s.list(l.Asked.Roles), s.deadline(l.Asked))
	if !l.Asked.AuthorMay {
		s.line("- not whoever deployed; one more, where that is nobody who may approve", "- 部署者的批准不计；若部署者不是已知的批准人，则需多一人批准")
	}
	s.line("\n## What keeps it from starting by itself\n", "\n## 不会自动执行的情况\n")
	s.line("- another run of the service is under way; the version is not known to be good", "- 该服务有其他处置正在进行；目标版本不是已知良好版本")
	s.line("- the cool-down: %s after a run; at most %d runs within 24 hours", "- 冷却期：执行后 %s；24 小时内最多 %d 次", l.Limits.Cooldown, l.Limits.MaxRunsPerDay)
	if l.Limits.BrakeServices > 0 {
		s.line("- the brake: %d services failed within %s (a person is asked)", "- 全局刹车：%d 个服务在 %s 内异常（需人工批准）", l.Limits.BrakeServices, l.Limits.BrakeWithin)
	}
	for _, f := range l.Freezes {
		s.line("- the freeze %s, %s to %s (a person is asked)", "- 冻结期 %s，%s 至 %s（需人工批准）", f.Name, shownTime(f.From), shownTime(f.To))
	}
	if len(l.Require) > 0 {
		s.line("\n## What must be so before the first step\n", "\n## 执行前必须满足\n")
		for _, q := range l.Require {
			s.line("- [ ] %s", "- [ ] %s", s.condition(q))
		}
		s.line("- else it is refused; what cannot be seen is not so", "- 不满足则不予执行；无法确认视为不满足")
	}
	s.line("\n## What is done\n", "\n## 步骤\n")
	s.steps(l.Steps)
	s.line("\nAfter a failed step %s.", "\n某一步失败后：%s。", s.afterFailure(l.Failure))
	if len(l.Fallback) > 0 {
		s.line("\n## The fallback\n", "\n## 备用步骤\n")
		s.steps(l.Fallback)
	}
	s.verification(l)
}

// steps prints steps; those of a group are done at the same time.
func (s sheet) steps(steps []decide.ChecklistStep) {
	for i, st := range steps {
		more := ""
		if st.Idempotent {
			more += s.say(", may be repeated", "，可重复执行")
		}
		if st.Group != "" {
			more += s.say(", at the same time as the others of %s", "，与 %s 中的其他步骤并行", st.Group)
		}
		s.line("%d. [ ] **%s** (%s, within %s%s)", "%d. [ ] **%s**（%s，限时 %s%s）", i+1, st.Name, st.Kind, st.Timeout, more)
		if len(st.When) > 0 {
			s.line("   - only when %s", "   - 仅当 %s", strings.Join(st.When, ", "))
		}
		if len(st.Shops) > 0 {
			s.line("   - for each of %s that has the version, at the same time", "   - 对 %s 中已部署该版本的店铺并行执行", s.list(st.Shops))
		}
		if st.Failure != "" {
			s.line("   - if it fails, %s", "   - 失败时：%s", s.afterFailure(st.Failure))
		}
		for _, set := range st.Settings {
			s.line("   - %s: `%s`", "   - %s：`%s`", set.Key, set.Value)
		}
	}
}

// afterFailure says what follows a failed step.
func (s sheet) afterFailure(choice string) string {
	switch choice {
	case actions.OnFailureContinue:
		return s.say("the next one follows, and the run has failed at its end", "继续下一步，最后按失败结束")
	case actions.OnFailureFallback:
		return s.say("the rest is skipped, and the fallback follows", "跳过其余步骤，执行备用步骤")
	default:
		return s.say("the run has failed, and a person goes on", "按失败结束，由人接手")
	}
}

// condition says what must be so.
func (s sheet) condition(n decide.ChecklistNumber) string {
	text := ""
	switch {
	case n.Check != "" && n.Is == "down":
		return s.say("the check %s is down", "检查 %s 为异常", n.Check)
	case n.Check != "":
		return s.say("the check %s is up", "检查 %s 正常", n.Check)
	case n.Min != nil:
		text = s.say("%s is at least %v", "%s 不低于 %v", n.Name, *n.Min)
	case n.Max != nil:
		text = s.say("%s is at most %v", "%s 不高于 %v", n.Name, *n.Max)
	}
	if n.For > 0 {
		text += s.say(", for %s without a break", "，持续 %s", n.For)
	}
	if n.Name != n.Query {
		text += s.say(" (`%s`)", "（`%s`）", n.Query)
	}
	return text
}

// verification prints when a run is over, and what follows when the service is worse.
func (s sheet) verification(l decide.Checklist) {
	s.line("\n## When it is over\n", "\n## 恢复标准\n")
	if l.Verify.For == 0 {
		s.line("- [ ] its steps are done; nothing is verified", "- [ ] 各步骤完成即结束，不做验证")
		return
	}
	s.line("- [ ] within %s what made it necessary is over: %d looks in a row, every %s, are up", "- [ ] %s 内触发原因消失：连续 %d 次、每 %s 一次的探测均正常",
		l.Verify.For, l.Verify.Successes, l.Verify.Every)
	for _, c := range l.Verify.Checks {
		s.line("- [ ] the check %s is up", "- [ ] 检查 %s 正常", c)
	}
	for _, c := range l.Verify.Success {
		s.line("- [ ] %s", "- [ ] %s", s.condition(c))
	}
	if l.Worse == actions.WorseUndo {
		s.line("- if checks that were up before a rollback are down after it, the rollback is undone, once", "- 若回滚后原本正常的检查出现故障，自动撤销本次回滚，仅一次")
	} else {
		s.line("- if checks that were up before are down after it, people are told, and nothing else is put back", "- 若执行后原本正常的检查出现故障，只通知，不再自动恢复其他版本")
	}
}

func (s sheet) deadline(a decide.ChecklistApproval) string {
	switch {
	case a.Timeout == 0:
		return s.say("the question waits for ever", "一直等待答复")
	case a.OnTimeout == actions.OnTimeoutApprove:
		return s.say("without an answer within %s it starts", "%s 内无人答复则自动执行", a.Timeout)
	case a.OnTimeout == actions.OnTimeoutEscalate:
		return s.say("without an answer within %s the next people of the escalation are asked", "%s 内无人答复则按升级策略请下一批人批准", a.Timeout)
	default:
		return s.say("without an answer within %s it is not started", "%s 内无人答复则不执行", a.Timeout)
	}
}
