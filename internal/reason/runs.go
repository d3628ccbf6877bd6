package reason

// runWords are the codes of what guards, runs and their steps say.
func runWords(code string) (Words, bool) {
	for _, texts := range [...]func(string) (Words, bool){guardWords, guardNameWords, runEventWords, worseWords, verifyWords, execWords, flagWords, gitWords, sshWords, windowWords, targetWords, webhookWords, dockerWords, helmWords, kubernetesWords, trafficWords, sqlWords, snapshotWords, drillWords, runbookWords} {
		if w, ok := texts(code); ok {
			return w, true
		}
	}
	return Words{}, false
}

// guardWords are the codes of guards, of the version that is put back, and of why a run exists.
func guardWords(code string) (Words, bool) {
	switch code {
	case "guard_same_version":
		return Words{"{version} is the version that runs now; choose another one", "{version} 就是当前运行的版本，请选择其他版本"}, true
	case "guard_not_known_good":
		return Words{
			"{version} never passed a watch and nobody declared it good, or it was rolled back since; list it under known_good, or name it yourself",
			"{version} 没有通过过观察，也没有人声明它良好，或之后已被回滚；请将它列入 known_good，或手动指定该版本",
		}, true
	case "guard_target_never_passed":
		return Words{
			"{version} ran healthy before, but never passed a watch; approve it, or let such rollbacks start unasked (rollback_asks: false)",
			"{version} 此前运行正常，但没有通过过观察；请批准，或设置 rollback_asks: false 允许直接执行",
		}, true
	case "guard_target_skips":
		return Words{
			"going back to {version} skips {skipped}, which passed or ran healthy; approve it, or let such rollbacks start unasked (rollback_asks: false)",
			"回滚到 {version} 会越过通过观察或运行正常的 {skipped}；请批准，或设置 rollback_asks: false 允许直接执行",
		}, true
	case "guard_other_environment":
		return Words{
			"it is about {environment}, and {service} is configured for {configured}: its runbooks act there; configure {environment} as a service of its own",
			"此次涉及的环境是 {environment}，而 {service} 配置的环境是 {configured}，预案只会在 {configured} 执行；请将 {environment} 配置为单独的服务",
		}, true
	case "guard_superseded":
		return Words{"{version} is no longer the current version, {current} is", "{version} 已不是当前版本，当前版本是 {current}"}, true
	case "guard_not_reversible":
		return Words{
			"the deploy was announced with reversible: false; a person must decide how to roll it back",
			"该部署声明为不可逆（reversible: false），需人工决定如何回退",
		}, true
	case "guard_run_in_progress":
		return Words{
			"run {run} of runbook {runbook} is {state}; wait for its end or abort it",
			"预案 {runbook} 的处置 {run} 尚未结束（{state}）；请等待其结束或将其中止",
		}, true
	case "guard_already_rolled_back":
		return Words{
			"run {run} has rolled this deploy back already and ended: {state}; a person must decide what is next",
			"处置 {run} 已对本次部署做过回滚，结果：{state}；下一步需人工决定",
		}, true
	case "guard_cooldown":
		return Words{
			"run {run} ended at {ended}; the cool-down lasts until {until}",
			"处置 {run} 结束于 {ended}，冷却期到 {until} 为止",
		}, true
	case "guard_daily_budget":
		return Words{
			"{runs:run|runs} started automatically within 24 hours, and max_runs_per_day of the runbook is {max}; a person must decide",
			"24 小时内已自动执行 {runs} 次处置，预案的上限（max_runs_per_day）为 {max} 次；需人工决定",
		}, true
	case "guard_brake":
		return Words{
			"{number:service|services} failed within {within} ({services}): look for what they share before rolling back",
			"{within}内有 {number} 个服务异常（{services}）：回滚前请先查看它们的共同依赖",
		}, true
	case "guard_late":
		return Words{
			"it waited for {queued} behind another run; look at how things are now and decide",
			"已排队 {queued}，此前一直在等另一项处置结束；请查看现状后决定",
		}, true
	case "guard_alert_over":
		return Words{"the alert resolved while the run was queued", "排队期间告警已恢复"}, true
	case "guard_not_started":
		return Words{"no entry of on_alert starts runbook {runbook} for this alert any more", "on_alert 中已没有为该告警执行预案 {runbook} 的配置"}, true
	case "target_none":
		return Words{
			"no version of {service} but the bad one is known to be good; let one pass a watch, or list it under known_good",
			"除出问题的版本外，{service} 没有已知良好的版本；请让某个版本通过观察，或将其列入 known_good",
		}, true
	case "target_no_config":
		return Words{"no configuration[ before {version}] is known, so there is none to go back to", "没有[ {version} 之前的]配置，无可恢复的配置"}, true
	case "target_ran_before":
		return Words{"{version} ran before[, since {since}], and is known to be good", "{version} 是此前运行的已知良好版本[（自 {since} 起运行）]"}, true
	case "target_ran_healthy":
		return Words{"{version} ran healthy before[, since {since}]", "{version} 此前运行正常[（自 {since} 起运行）]"}, true
	case "target_declared_good":
		return Words{"{version} is declared good in the configuration", "{version} 在配置中声明为良好"}, true
	case "target_newest_good":
		return Words{"{version} is the newest known good version, since {since}", "{version} 是最新的已知良好版本（自 {since} 起）"}, true
	default:
		return Words{}, false
	}
}

// guardNames are the codes of guards, as texts name them.
func guardNameWords(code string) (Words, bool) {
	switch code {
	case "guard_name_no_known_good":
		return Words{"no known good version", "没有已知良好版本"}, true
	case "guard_name_not_known_good":
		return Words{"not known good", "不是已知良好版本"}, true
	case "guard_name_same_version":
		return Words{"same version", "版本相同"}, true
	case "guard_name_already_rolled_back":
		return Words{"already rolled back", "已回滚过"}, true
	case "guard_name_cooldown":
		return Words{"cool-down", "冷却期"}, true
	case "guard_name_daily_budget":
		return Words{"daily budget", "每日次数上限"}, true
	case "guard_name_not_reversible":
		return Words{"not reversible", "不可逆"}, true
	case "guard_name_run_in_progress":
		return Words{"run in progress", "有处置正在进行"}, true
	case "guard_name_brake":
		return Words{"brake", "多个服务同时异常"}, true
	case "guard_name_superseded":
		return Words{"superseded", "已不是当前版本"}, true
	case "guard_name_late":
		return Words{"late", "排队过久"}, true
	case "guard_name_hold":
		return Words{"hold", "暂停自动处置"}, true
	case "guard_name_freeze":
		return Words{"freeze", "冻结期"}, true
	case "guard_name_unproven_target":
		return Words{"unproven target", "回滚目标需确认"}, true
	case "guard_name_other_environment":
		return Words{"other environment", "环境不同"}, true
	case "guard_name_alert_over":
		return Words{"alert over", "告警已恢复"}, true
	case "guard_name_not_started":
		return Words{"no longer started", "配置已变更"}, true
	default:
		return Words{}, false
	}
}

// worseWords are the codes of why people are told again of what a run that waits is to end.
func worseWords(code string) (Words, bool) {
	switch code {
	case "worse_checks":
		return Words{"more checks are down: {checks} ({number} down now)", "又有检查变为异常：{checks}（当前共 {number} 个异常）"}, true
	case "worse_tier":
		return Words{"an alert of the tier {tier} fires now", "已触发级别更高的告警（{tier}）"}, true
	case "worse_excess":
		return Words{
			"{name} is {times} times what is tolerated, after {before} times when you were told last",
			"{name} 已达允许值的 {times} 倍（上次通知时为 {before} 倍）",
		}, true
	case "tier_critical":
		return Words{"critical", "严重"}, true
	case "tier_warning":
		return Words{"warning", "警告"}, true
	case "tier_info":
		return Words{"info", "提示"}, true
	default:
		return Words{}, false
	}
}

// runEventWords are the codes of where a run stands, of questions and answers, and of its steps.
func runEventWords(code string) (Words, bool) {
	switch code {
	case "run_state_waiting":
		return Words{"queued", "排队中"}, true
	case "run_state_awaiting_approval":
		return Words{"waiting for a person", "等待人工答复"}, true
	case "run_state_running":
		return Words{"running", "执行中"}, true
	case "run_state_verifying":
		return Words{"verifying", "验证恢复中"}, true
	case "run_state_cured":
		return Words{"cured", "已恢复"}, true
	case "run_state_done":
		return Words{"done", "已完成"}, true
	case "run_state_unseen":
		return Words{"not verified", "未能验证"}, true
	case "run_state_not_cured":
		return Words{"not cured", "未恢复"}, true
	case "run_state_worse":
		return Words{"worse than before", "情况恶化"}, true
	case "run_state_failed":
		return Words{"failed", "失败"}, true
	case "run_state_rejected":
		return Words{"rejected", "已拒绝"}, true
	case "run_state_expired":
		return Words{"expired", "已过期"}, true
	case "run_state_refused":
		return Words{"refused", "不予执行"}, true
	case "run_ended":
		return Words{"{state}[: {reason}]", "{state}[：{reason}]"}, true
	case "run_refused":
		return Words{"{guard!}: {why}", "{why}（{guard!}）"}, true
	case "run_dequeued":
		return Words{"the guards were asked again", "已重新检查保护规则"}, true
	case "run_runbook_gone":
		return Words{"the runbook {runbook} is no longer configured", "预案 {runbook} 已不在配置中"}, true
	case "run_runbook_changed":
		return Words{
			"the steps of runbook {runbook} were changed while this run was under way",
			"处置进行期间，预案 {runbook} 的步骤被修改",
		}, true
	case "run_step_failed":
		return Words{"step {step} failed: {error}", "步骤 {step} 失败：{error}"}, true
	case "run_steps_failed":
		return Words{"steps failed: {steps}", "失败的步骤：{steps}"}, true
	case "run_outcome_unknown":
		return Words{"it is not known whether step {step} happened", "无法确定步骤 {step} 是否已发生"}, true
	case "question_outcome":
		return Words{
			"Did step {step} ({kind}) of run {run} happen? It was begun at {started}, and its outcome is not known.[ The last error: {error}]",
			"处置 {run} 的步骤 {step}（{kind}）是否已发生？该步骤于 {started} 开始执行，结果未知。[最后一次错误：{error}]",
		}, true
	case "question_expired":
		return Words{"nobody answered in time", "期限内无人答复"}, true
	case "question_escalated":
		return Words{
			"nobody answered in time, so step {step} of {steps} of escalation {escalation} is asked[: {people}]",
			"期限内无人答复，按升级策略 {escalation} 转给第 {step}/{steps} 级[：{people}]",
		}, true
	case "question_nobody_left":
		return Words{"nobody answered in time, and no escalation reaches anybody else", "期限内无人答复，升级策略中也没有其他可通知的人"}, true
	case "approved_by_timeout":
		return Words{
			"nobody answered in time, and the runbook then approves (on_timeout: approve)",
			"期限内无人答复，按预案设置（on_timeout: approve）自动批准",
		}, true
	case "approved_by":
		return Words{"approved by {people}", "由 {people} 批准"}, true
	case "approvals_so_far":
		return Words{"{have} of {need} people have approved", "需 {need} 人批准，已有 {have} 人批准"}, true
	case "rejected_by":
		return Words{"rejected by {person}[: {note}]", "被 {person} 拒绝[：{note}]"}, true
	case "aborted_by":
		return Words{"aborted by {person}[: {note}]", "被 {person} 中止[：{note}]"}, true
	case "answer_refused":
		return Words{"the answer {decision} was not taken: {why}[. {note}]", "未采纳答复 {decision}：{why}[。{note}]"}, true
	case "answer_not_asked":
		return Words{"the run asked nobody anything then", "当时没有需要答复的问题"}, true
	case "answer_not_allowed":
		return Words{"the role may not answer", "该角色无权答复"}, true
	case "answer_no_choice":
		return Words{"it was no answer to the question", "不是该问题的可选答复"}, true
	case "answer_of_author":
		return Words{"whoever deployed does not count", "部署者的批准不计"}, true
	case "answer_twice":
		return Words{"the person had answered already", "此人已经答复过"}, true
	case "answer_too_late":
		return Words{"the question had expired", "问题已过期"}, true
	case "answer_after_end":
		return Words{"the run was over", "处置已结束"}, true
	case "answer_while_acting":
		return Words{"the run was under way", "处置正在执行"}, true
	case "answer_not_logged_in":
		return Words{"nobody who is known was logged in", "未登录，或登录已失效"}, true
	case "answer_other_site":
		return Words{"it did not come from the run's page as this login was shown it", "请求不是从本次登录打开的处置页面发出的"}, true
	case "answer_by_get":
		return Words{"a link only shows the page; it answers nothing", "链接只能打开页面，不能作为答复"}, true
	case "answer_approve":
		return Words{"approve[: {note}]", "批准[：{note}]"}, true
	case "answer_reject":
		return Words{"reject[: {note}]", "拒绝[：{note}]"}, true
	case "answer_done":
		return Words{"done[: {note}]", "确认已发生[：{note}]"}, true
	case "answer_repeat":
		return Words{"repeat[: {note}]", "要求重做[：{note}]"}, true
	case "answer_abort":
		return Words{"abort[: {note}]", "中止[：{note}]"}, true
	case "step_begun":
		return Words{"{step} ({kind}), attempt {attempt}", "{step}（{kind}），第 {attempt} 次尝试"}, true
	case "step_done":
		return Words{"done", "完成"}, true
	case "step_never_happened":
		return Words{"was begun {attempts:time|times} and never happened", "已尝试 {attempts} 次，均未生效"}, true
	case "step_panicked":
		return Words{"the step panicked: {panic}", "步骤发生内部错误（panic）：{panic}"}, true
	case "step_confirmed_by":
		return Words{"{person} confirmed that it happened[: {note}]", "{person} 确认该步骤已发生[：{note}]"}, true
	case "step_repeated_by":
		return Words{"{person} asked to do it again[: {note}]", "{person} 要求重做该步骤[：{note}]"}, true
	case "step_status_happened":
		return Words{"the target says that it happened[: {detail}]", "目标系统表示该步骤已发生[：{detail}]"}, true
	case "step_status_not_happened":
		return Words{"the target says that it did not happen[: {detail}]", "目标系统表示该步骤未发生[：{detail}]"}, true
	case "step_status_failed":
		return Words{"the target says that it was tried and failed[: {detail}]", "目标系统表示该步骤执行失败[：{detail}]"}, true
	case "step_status_pending":
		return Words{"the target still works on it[: {detail}]", "目标系统仍在执行[：{detail}]"}, true
	case "step_status_unclear":
		return Words{"the target does not tell whether it happened[: {detail}]", "目标系统无法说明该步骤是否已发生[：{detail}]"}, true
	case "template":
		return Words{"fill in {template}: {error}", "填写模板 {template} 失败：{error}"}, true
	case "version_misfit":
		return Words{
			"runbook {runbook} cannot put {version} back: {image} is no name of an image; write its template with {template}",
			"预案 {runbook} 无法恢复到 {version}：{image} 不是有效的镜像名；请在模板中使用 {template}",
		}, true
	case "template_version":
		return Words{
			"version {version} holds characters that no version has; allowed are letters, digits and ._:/@+~-, beginning with a letter, a digit or _",
			"版本 {version} 含有不允许的字符：只允许字母、数字和 ._:/@+~-，且以字母、数字或 _ 开头",
		}, true
	default:
		return Words{}, false
	}
}

// verifyWords are the codes of verifications.
func verifyWords(code string) (Words, bool) {
	switch code {
	case "verify_begun":
		return Words{"must be up: {checks}", "必须恢复：{checks}"}, true
	case "verify_must_end":
		return Words{"must be over: {symptoms}", "必须消除：{symptoms}"}, true
	case "symptom_check":
		return Words{"check {name} down", "检查 {name} 异常"}, true
	case "symptom_slow":
		return Words{"check {name} slow", "检查 {name} 变慢"}, true
	case "symptom_counter":
		return Words{"failures of counter {name}", "计数器 {name} 的失败"}, true
	case "symptom_traffic":
		return Words{"too little counted by {name}", "计数器 {name} 计数过少"}, true
	case "symptom_number":
		return Words{"number {name} beyond its limit", "数值 {name} 超出界限"}, true
	case "symptom_alert":
		return Words{"alert {name}", "告警 {name}"}, true
	case "verify_nothing":
		return Words{"every step is done, and no check is configured to prove it", "所有步骤已完成，但没有配置用于验证的检查"}, true
	case "verify_flags":
		return Words{"the kill switches are set, and nothing is verified after that", "开关已设置，之后不做验证"}, true
	case "verify_announced":
		return Words{"the window is announced, and nothing is verified after that", "窗口已宣布，之后不做验证"}, true
	case "verify_runbook_gone":
		return Words{
			"the runbook {runbook} is no longer configured: it was not verified whether the service is cured",
			"预案 {runbook} 已不在配置中：未能验证服务是否恢复",
		}, true
	case "verify_up_again":
		return Words{"up again: {checks}", "已恢复：{checks}"}, true
	case "verify_still_up":
		return Words{"up: {checks}", "正常：{checks}"}, true
	case "verify_fast_again":
		return Words{"as fast as before: {checks}", "耗时已恢复：{checks}"}, true
	case "verify_counts_again":
		return Words{"failing no more than is tolerated: {checks}", "失败率已回到允许范围：{checks}"}, true
	case "verify_traffic_again":
		return Words{"counting as much as before: {checks}", "计数量已恢复：{checks}"}, true
	case "verify_number_again":
		return Words{"within the limit again: {checks}", "数值已回到界限内：{checks}"}, true
	case "verify_resolved":
		return Words{"resolved: {checks}", "告警已恢复：{checks}"}, true
	case "verify_worse":
		return Words{"down now and up before: {checks}", "之前正常、现在异常：{checks}"}, true
	case "verify_still_down":
		return Words{"still down: {checks}", "仍然异常：{checks}"}, true
	case "verify_not_seen":
		return Words{"could not be seen: {checks}", "无法确认：{checks}"}, true
	case "verify_too_short":
		return Words{"not up for long enough: {checks}", "恢复的时间不够长：{checks}"}, true
	case "look_slow":
		return Words{"{check} took {took}, longer than {limit}", "{check} 耗时 {took}，超过 {limit}"}, true
	case "alert_still_firing":
		return Words{"alert {rule} still fires, since {since}[: {summary}]", "告警 {rule} 仍在触发（自 {since} 起）[：{summary}]"}, true
	case "alert_still_pending":
		return Words{"the condition of alert {rule} is still true, since {since}[: {summary}]", "告警 {rule} 的条件仍成立（自 {since} 起）[：{summary}]"}, true
	case "alert_not_settled":
		return Words{
			"the rule of alert {rule} looks back over, or keeps it firing for, {settles}: until {until} it cannot tell whether it is over",
			"告警 {rule} 的规则回看（或持续触发）{settles}：{until} 之前无法判断是否已恢复",
		}, true
	case "alert_over":
		return Words{"alert {rule} is resolved", "告警 {rule} 已恢复"}, true
	case "counter_still_fails":
		return Words{
			"{counter} counted {failures,} failures among {total,} since {since}; allowed is {allowed%}",
			"{counter} 自 {since} 起共计 {total,} 次，其中失败 {failures,} 次；允许的失败率为 {allowed%}",
		}, true
	case "counter_counts":
		return Words{"{counter} counted {failures,} failures among {total,} since {since}", "{counter} 自 {since} 起共计 {total,} 次，其中失败 {failures,} 次"}, true
	case "traffic_still_low":
		return Words{"{counter} counted {total,} since {since}; expected are at least {expected,}", "{counter} 自 {since} 起共计 {total,} 次，预期至少 {expected,} 次"}, true
	case "traffic_is_back":
		return Words{"{counter} counted {total,} since {since}", "{counter} 自 {since} 起共计 {total,} 次"}, true
	case "number_still_beyond":
		return Words{"{number} is {value}, and its limit {limit}", "{number} 当前为 {value}，界限为 {limit}"}, true
	case "number_is_back":
		return Words{"{number} is {value}", "{number} 当前为 {value}"}, true
	case "number_has_no_value":
		return Words{"{number} has no value", "{number} 没有数值"}, true
	case "counter_counts_nothing":
		return Words{"{counter} has counted nothing since {since}", "{counter} 自 {since} 起没有计数"}, true
	case "check_seen":
		return Words{"{check}[ ({reason})]", "{check}[（{reason}）]"}, true
	default:
		return Words{}, false
	}
}
