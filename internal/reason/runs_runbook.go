package reason

// runbookWords are the codes of conditions, preconditions, criteria and fallbacks of runbooks, and of what
// follows when a service is worse.
func runbookWords(code string) (Words, bool) {
	switch code {
	case "step_not_meant":
		return Words{"it is for {condition}[, and this run has {is}]", "仅适用于 {condition}[，本次为 {is}]"}, true
	case "guard_no_step":
		return Words{
			"no step of runbook {runbook} is meant for this run: none has a when that holds; act by hand, or add a step for it",
			"预案 {runbook} 中没有适用于本次处置的步骤（when 均不满足）；请人工处理，或为这种情况补充步骤",
		}, true
	case "guard_name_no_step":
		return Words{"no step", "没有适用的步骤"}, true
	case "required_met":
		return Words{"met: {conditions}", "均已满足：{conditions}"}, true
	case "required_is":
		return Words{"{condition} is {is}[ ({why})]", "{condition} 当前{is}[（{why}）]"}, true
	case "required_unseen":
		return Words{"{condition} could not be seen[ ({why})]", "{condition} 无法确认[（{why}）]"}, true
	case "required_down":
		return Words{"down", "异常"}, true
	case "required_up":
		return Words{"up", "正常"}, true
	case "required_beyond":
		return Words{"beyond its limit", "未达要求"}, true
	case "guard_not_met":
		return Words{
			"preconditions of runbook {runbook} are not met: {conditions}; mend them and start it again, or act by hand",
			"预案 {runbook} 的前置条件未满足：{conditions}；请处理后重新执行，或人工处理",
		}, true
	case "guard_name_precondition":
		return Words{"precondition", "前置条件"}, true
	case "run_fell_back":
		return Words{"the steps of the fallback were done", "已执行备用步骤"}, true
	case "verify_holds":
		return Words{"within the limit: {checks}", "已达到要求：{checks}"}, true
	case "symptom_query":
		return Words{"{name} beyond its limit", "{name} 未达要求"}, true
	case "query_fails":
		return Words{"{value}, must be {wanted}", "当前为 {value}，要求{wanted}"}, true
	case "query_holds":
		return Words{"{value}, {wanted}", "当前为 {value}，{wanted}"}, true
	case "query_at_least":
		return Words{"at least {limit}", "不低于 {limit}"}, true
	case "query_at_most":
		return Words{"at most {limit}", "不高于 {limit}"}, true
	case "worse_hold":
		return Words{"nothing else is put back by itself", "不会再自动恢复其他版本"}, true
	case "worse_undo":
		return Words{"as the runbook says, the rollback is undone: {from} is to be put in place again", "按预案撤销本次回滚，重新恢复 {from}"}, true
	case "worse_undo_asks":
		return Words{
			"the service is watched in mode {mode}: a person must approve that the rollback is undone",
			"服务的观察模式为 {mode}，撤销回滚需人工批准",
		}, true
	case "guard_already_undone":
		return Words{
			"run {run} has undone this rollback already and ended: {state}; a person must decide what is next",
			"处置 {run} 已撤销过本次回滚，结果：{state}；下一步需人工决定",
		}, true
	default:
		return Words{}, false
	}
}
