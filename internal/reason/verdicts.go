package reason

// verdictWords are the codes of what watches, rules and gates say.
func verdictWords(code string) (Words, bool) {
	for _, texts := range [...]func(string) (Words, bool){evidenceWords, numberWords, outcomeWords, blindWords, gateWords, foreseenWords} {
		if w, ok := texts(code); ok {
			return w, true
		}
	}
	return Words{}, false
}

// evidenceWords are the codes of what checks, counters and rules say about a deploy.
func evidenceWords(code string) (Words, bool) {
	switch code {
	case "looks_failed":
		return Words{
			"{check} failed {failures} of {looks:look|looks} since {since}[, beginning at {began}]; allowed is {allowed%}; {before}[; {elsewhere}].",
			"{check} 自 {since} 起探测 {looks} 次，失败 {failures} 次[，从 {began} 开始失败]；允许的失败率为 {allowed%}；{before}[；{elsewhere}]。",
		}, true
	case "failed_before":
		return Words{"before the deploy it failed {failures} of {looks}", "部署前 {looks} 次中失败 {failures} 次"}, true
	case "flaky_before":
		return Words{
			"that is more than the configured {configured%}, because before the deploy it failed {failures} of {looks}",
			"高于配置的 {configured%}，因为部署前 {looks} 次中已失败 {failures} 次",
		}, true
	case "nothing_before":
		return Words{"nothing is known of it from before the deploy", "部署前没有它的数据"}, true
	case "failed_elsewhere":
		return Words{"where it was not deployed {failures} of {looks} failed meanwhile", "同期未部署之处 {looks} 次中失败 {failures} 次"}, true
	case "looks_slow":
		return Words{
			"{check} took longer than {limit} in {slow} of {looks:look|looks} since {since}[, beginning at {began}]; before the deploy at most {slow_before} of {looks_before} did.",
			"{check} 自 {since} 起探测 {looks} 次，其中 {slow} 次耗时超过 {limit}[，从 {began} 开始变慢]；部署前 {looks_before} 次中至多 {slow_before} 次。",
		}, true
	case "last_error":
		return Words{"Error: {error}", "错误：{error}"}, true
	case "also_failing":
		return Words{"Failing too: {checks}.", "同时失败的检查：{checks}。"}, true
	case "rule_fires":
		return Words{
			"The rule {rule} fires: its condition is true since {since}, after the deploy, and its value is {value}.",
			"规则 {rule} 已触发：其条件在部署之后自 {since} 起成立，当前值为 {value}。",
		}, true
	case "rule_summary":
		return Words{"Summary: {summary}", "摘要：{summary}"}, true
	case "deployed_meanwhile":
		return Words{"Deployed meanwhile, a possible cause too: {deploys}[ and {more} more].", "期间还部署了（也可能是原因）：{deploys}[，另有 {more} 个]。"}, true
	case "other_deploy":
		return Words{"{service} {version} ({at})", "{service} {version}（{at}）"}, true
	case "other_code":
		return Words{"{service} code {version} ({at})", "{service} 代码 {version}（{at}）"}, true
	case "other_config":
		return Words{"{service} configuration {version} ({at})", "{service} 配置 {version}（{at}）"}, true
	case "other_operation":
		return Words{"{service} operation {version} ({at})", "{service} 运营操作 {version}（{at}）"}, true
	case "failures_not_counted":
		return Words{
			"{failures:failure was|failures were} not counted, because the control {control} was not up meanwhile.",
			"有 {failures} 次失败未计入，因为当时对照检查 {control} 不正常。",
		}, true
	case "looks_seen":
		return Words{
			"{looks:look|looks} of {checks:check|checks} since {since}, {failures} failed[, {unknown} without a result].",
			"自 {since} 起，{checks} 个检查共探测 {looks} 次，失败 {failures} 次[，{unknown} 次无法探测]。",
		}, true
	default:
		return Words{}, false
	}
}

// numberWords are the codes of what counters and other numbers say about a deploy.
func numberWords(code string) (Words, bool) {
	switch code {
	case "counter_failed":
		return Words{
			"{counter} counted {failures,} failures among {total,} since {since}; allowed is {allowed%}[; {before}].",
			"{counter} 自 {since} 起共计 {total,} 次，其中失败 {failures,} 次；允许的失败率为 {allowed%}[；{before}]。",
		}, true
	case "counted_before":
		return Words{"before the deploy {failures,} among {total,}", "部署前 {total,} 次中失败 {failures,} 次"}, true
	case "counter_empty":
		return Words{
			"{counter} had no data at {missing} of {readings:reading|readings} since {since}; before the deploy it had.",
			"{counter} 自 {since} 起读取 {readings} 次，其中 {missing} 次没有数据；部署前有数据。",
		}, true
	case "counter_silent":
		return Words{"{counter} has no data since {since}; before the deploy it had.", "{counter} 自 {since} 起没有数据；部署前有数据。"}, true
	case "counter_fell":
		return Words{
			"{counter} counted only {total,} since {since}[; before the deploy it was never less than {expected,} in as long].",
			"{counter} 自 {since} 起只有 {total,} 次[；部署前同样长的时间里从未少于 {expected,} 次]。",
		}, true
	case "only_recent_known":
		return Words{
			"Only the last hours are known to compare with, neither the same time of other days nor shops without the deploy: a person must say whether that is usual at this time. If it is not, roll back (guardian rollback); if it is, declare the version good (known_good).",
			"可比较的只有部署前几小时的数据，没有其他日子同一时段的数据，也没有未部署的店铺：这个时段这样是否正常，需要人来判断：不正常请回滚（guardian rollback），正常请声明该版本良好（known_good）。",
		}, true
	case "counter_over_limit":
		return Words{
			"As bad as before, and before was bad: {counter} counted {failures,} failures among {total,} since {since}, surely more than its failure_rate of {allowed%}; only one above {needed%} would let it pass.",
			"与部署前一样差，而部署前就不好：{counter} 自 {since} 起共计 {total,} 次，其中失败 {failures,} 次，确定超出其 failure_rate（{allowed%}）；只有设为高于 {needed%} 才能判通过。",
		}, true
	case "counter_is_gauge":
		return Words{
			"{counter} is not judged: its values fall without beginning at zero, so it is no counter; a number that goes up and down belongs under value.",
			"{counter} 未参与判定：它的值会下降但并非归零重计，不是计数器；会升降的数值应配置为 value。",
		}, true
	case "number_not_known":
		return Words{
			"{number} is not judged: before the deploy it had fewer than {needed} values to compare with.",
			"{number} 未参与判定：部署前的数值不足 {needed} 个，无法比较。",
		}, true
	case "number_above":
		return Words{
			"{number} was above {limit} in {beyond} of {readings:reading|readings} since {since}, last at {last}; before the deploy at most {beyond_before} of {readings_before} were.",
			"{number} 自 {since} 起读取 {readings} 次，其中 {beyond} 次高于 {limit}，最近一次为 {last}；部署前 {readings_before} 次中至多 {beyond_before} 次。",
		}, true
	case "number_below":
		return Words{
			"{number} was below {limit} in {beyond} of {readings:reading|readings} since {since}, last at {last}; before the deploy at most {beyond_before} of {readings_before} were.",
			"{number} 自 {since} 起读取 {readings} 次，其中 {beyond} 次低于 {limit}，最近一次为 {last}；部署前 {readings_before} 次中至多 {beyond_before} 次。",
		}, true
	default:
		return Words{}, false
	}
}

// outcomeWords are the codes of how a watch ends or stands.
func outcomeWords(code string) (Words, bool) {
	switch code {
	case "no_checks":
		return Words{"No check looks at this service, so nothing was seen; give it a check.", "没有检查探测该服务，因此什么也没有看到；请为它配置检查。"}, true
	case "no_checks_of_shops":
		return Words{"No check looks at {shops}, so nothing was seen; give these shops a check.", "没有检查探测 {shops}，因此什么也没有看到；请为这些店铺配置检查。"}, true
	case "blind_at_the_end":
		return Words{"A pass needs results up to the end of the watch.", "判通过需要直到观察结束都有探测结果。"}, true
	case "only_previous_answered":
		return Words{
			"Only the previous version {previous} answered ({looks:look|looks}), never {version}: was it switched?",
			"只有旧版本 {previous} 有响应（{looks} 次），{version} 从未响应：确定切换了吗？",
		}, true
	case "only_other_answered":
		return Words{"Only the version {other} answered, never {version}: was it switched?", "只有版本 {other} 有响应，{version} 从未响应：确定切换了吗？"}, true
	case "too_few_looks": // of journals of before
		return Words{
			"Too little was seen: a pass needs {needed:judged look|judged looks} (min_samples), there were {judged}; watch longer or look more often.",
			"样本太少：判通过需要 {needed} 次有效探测（min_samples），实际只有 {judged} 次；请延长观察时间或提高探测频率。",
		}, true
	case "too_few_looks_of":
		return Words{
			"Too little was seen: a pass needs {needed:judged look|judged looks} of each check (min_samples), there were fewer of {checks}; watch longer or look more often.",
			"样本太少：判通过需要每个检查 {needed} 次有效探测（min_samples），以下检查不足：{checks}；请延长观察时间或提高探测频率。",
		}, true
	case "check_with_looks":
		return Words{"{check} ({judged})", "{check}（{judged} 次）"}, true
	case "pass_needs":
		return Words{"A pass needs {needed:judged look|judged looks} of each check (min_samples).", "判通过需要每个检查 {needed} 次有效探测（min_samples）。"}, true
	case "nothing_counted":
		return Words{"Nothing was counted, so nothing was seen of the deploy.", "没有任何计数，因此没有看到本次部署的任何表现。"}, true
	case "over_limit":
		return Words{
			"{check} failed {failures} of {looks:look|looks} since {since}, which is surely more than its failure_rate of {allowed%}; with failure_rate {passes%} it would pass.",
			"{check} 自 {since} 起 {looks} 次探测失败 {failures} 次，确定高于其 failure_rate {allowed%}；若 failure_rate 为 {passes%} 则可通过。",
		}, true
	case "over_limit_once":
		return Words{
			"{check} failed {failures} of {looks:look|looks} since {since}, all of them from {from} to {until}, which is surely more than its failure_rate of {allowed%}. If it was a restart, set grace, or deploy under guardian watch --exec.",
			"{check} 自 {since} 起 {looks} 次探测失败 {failures} 次，集中在 {from} 至 {until}，确定高于其 failure_rate {allowed%}。如果这是重启造成的，请设置 grace，或用 guardian watch --exec 执行部署。",
		}, true
	case "passed_unsure":
		return Words{
			"It is not known whether the deploy happened: its command failed, or nobody said that it ended.",
			"无法确定是否已部署：部署命令失败，或没有收到结束通知。",
		}, true
	case "over_limit_as_before":
		return Words{
			"{check} is as bad as before, and before was bad: it failed {failures} of {looks:look|looks} since {since} and {failures_before} of {looks_before} before, which is surely more than its failure_rate of {allowed%}; with failure_rate {passes%} it would pass.",
			"{check} 与部署前一样差，而部署前就不正常：自 {since} 起 {looks} 次探测失败 {failures} 次，部署前 {looks_before} 次中失败 {failures_before} 次，确定高于其 failure_rate {allowed%}；若 failure_rate 为 {passes%} 则可通过。",
		}, true
	case "switch_estimated":
		return Words{
			"The deploy is taken to have happened at {since}, when checks began to fail, before the hook at {hook}; looks before the hook are no evidence.",
			"检查从 {since} 开始失败，推定部署发生在此时，早于 {hook} 的部署通知；通知之前的探测不作为证据。",
		}, true
	case "switch_estimated_unended":
		return Words{
			"The deploy is taken to have happened at {since}, when checks began to fail; nobody said that it ended, and looks before {noticed} are no evidence.",
			"检查从 {since} 开始失败，推定部署发生在此时；没有收到部署结束的通知，{noticed} 之前的探测不作为证据。",
		}, true
	case "began_before_hook":
		return Words{
			"What failed began at {since}[, before the hook at {hook}][, before the deploy began at {start}] and longer before it than act_within ({act_within}): it may have another cause than the deploy.",
			"故障自 {since} 开始[，早于 {hook} 的部署通知][，早于 {start} 开始的部署]，且提前的时间超过 act_within（{act_within}）：原因可能不是本次部署。",
		}, true
	case "begins_often":
		return Words{
			"What failed began at {since}[, before the hook at {hook}][; the deploy began at {start}], and such failures began {times:time|times} in the seven days before without a bad deploy: it may have another cause than the deploy.",
			"故障自 {since} 开始[，早于 {hook} 的部署通知][（部署开始于 {start}）]，而此前七天里没有问题部署时也出现过 {times} 次类似故障：原因可能不是本次部署。",
		}, true
	case "other_kind_undecided":
		return Words{
			"Deployed before this one, and undecided when it came: {deploys}. Either may be the cause.",
			"在此之前部署、本次部署时尚无结论的还有：{deploys}，两者都可能是原因。",
		}, true
	case "usual_runs":
		return Words{
			"Such stretches are usual here: before the deploy {check} had {runs:run|runs} of failures, the longest of {longest:look|looks}.",
			"这样的连续失败在这里较为常见：部署前 {check} 出现过 {runs} 段连续失败，最长一段为 {longest} 次探测。",
		}, true
	case "somewhat_slower":
		return Words{
			"{check} is slower than before, but not by enough to count: {longer} of {looks:look|looks} took longer than {notable}.",
			"{check} 比部署前慢，但幅度不足以计入判定：{looks} 次探测中有 {longer} 次耗时超过 {notable}。",
		}, true
	case "undecided":
		return Words{"That is too much to pass and too little to fail.", "要判通过则失败偏多，要判失败则证据不足。"}, true
	case "looks_to_pass":
		return Words{"{looks:more look|more looks} without a failure would have passed.", "再有 {looks} 次探测不失败即可通过。"}, true
	case "not_judged":
		return Words{"Not judged, because not seen up since: {checks}.", "未参与判定（此后一直未见正常）：{checks}。"}, true
	case "check_with_excuse":
		return Words{"{check} ({why})", "{check}（{why}）"}, true
	case "red_before":
		return Words{"down before the deploy", "部署前就已失败"}, true
	case "red_elsewhere":
		return Words{"down at the deploy, and so were others that it cannot have broken", "部署时已失败，且与本次部署无关的其他检查也同时失败"}, true
	case "red_from_version_before":
		return Words{"left down by the version before", "由之前的版本造成的失败"}, true
	case "unknown_before":
		return Words{"unknown before the deploy", "部署前状态未知"}, true
	case "watching":
		return Words{"Watching until {until}.", "观察至 {until}。"}, true
	case "deploy_under_way":
		return Words{
			"The deploy is under way since {since}; looks are judged from its end on, and the watch lasts {for} from then.",
			"部署自 {since} 起正在进行；结束后才开始判定探测结果，观察从那时起持续 {for}。",
		}, true
	case "deploy_under_way_grace":
		return Words{
			"The deploy is under way since {since}; looks are judged from {from} on, and the watch lasts {for} from its end.",
			"部署自 {since} 起正在进行；从 {from} 起判定探测结果，观察从部署结束起持续 {for}。",
		}, true
	case "deploy_never_ended":
		return Words{
			"The deploy was under way since {since} and its end was not announced, so no look was judged.",
			"该部署自 {since} 起进行，尚未收到结束通知，因此没有判定任何探测结果。",
		}, true
	case "fast_phase_passed":
		return Words{"It passed the fast phase at {at}.", "已于 {at} 通过快速阶段。"}, true
	case "watch_superseded":
		return Words{"{version} was deployed before a verdict was reached.", "得出结论前又部署了 {version}。"}, true
	case "watch_superseded_by_code":
		return Words{"Code {version} was deployed before a verdict was reached.", "得出结论前又部署了代码 {version}。"}, true
	case "watch_superseded_by_config":
		return Words{"Configuration {version} was deployed before a verdict was reached.", "得出结论前又部署了配置 {version}。"}, true
	case "watch_superseded_by_operation":
		return Words{"Operation {version} was announced before a verdict was reached.", "得出结论前又执行了运营操作 {version}。"}, true
	case "watch_taken_back":
		return Words{
			"Run {run} put {version} in its place before a verdict was reached.",
			"得出结论前，处置 {run} 已将其换成 {version}。",
		}, true
	case "watch_undone":
		return Words{"Run {run} undid it before a verdict was reached.", "得出结论前，处置 {run} 已将其撤销。"}, true
	case "watch_cancelled":
		return Words{"Cancelled by {who}.", "由 {who} 取消。"}, true
	case "watch_withdrawn":
		return Words{"Nothing was deployed: the announcement was taken back.", "未执行部署：该次通知已撤回。"}, true
	case "rollback_only_observed":
		return Words{
			"this version was put back by run {run}: a rollback is watched, but never rolled back again",
			"该版本由处置 {run} 恢复：回滚只观察，不会再次回滚",
		}, true
	case "bound_not_covered":
		return Words{
			"The false-alarm risk is bounded as long as failures do not become more frequent than tolerated for other reasons than the deploy, and come in bursts no longer than history shows. " +
				"Not covered are greater drift, longer bursts, and an unrelated incident during the watch; only controls, and shops without the deploy, can tell such an incident apart.",
			"误判概率的上限有两个前提：除部署以外，没有别的原因使失败率超出容许范围；连续失败不比历史上更长。" +
				"更大的漂移、更长的连续失败以及观察期间的无关故障不在保证之内；无关故障只有靠对照检查或未部署的店铺才能区分。",
		}, true
	default:
		return Words{}, false
	}
}

// blindWords are the codes of what could not be seen.
func blindWords(code string) (Words, bool) {
	switch code {
	case "cannot_see":
		return Words{"{blind}.", "{blind}。"}, true
	case "check_never_seen":
		return Words{"{check} was never seen[ ({why})]", "{check} 从未有过结果[（{why}）]"}, true
	case "check_not_seen":
		return Words{"{check} was not seen since {since}[ ({why})]", "{check} 自 {since} 起没有结果[（{why}）]"}, true
	case "control_not_up":
		return Words{"the control {control} was not up since {since}[ ({why})]", "对照检查 {control} 自 {since} 起不正常[（{why}）]"}, true
	case "waits_to_see":
		return Words{"The watch waits for that until {until}.", "观察最多等到 {until}。"}, true
	case "check_blind":
		return Words{"check {check} is blind[ since {since}][: {why}]", "检查 {check}[ 自 {since} 起]无法探测[：{why}]"}, true
	case "source_not_asked":
		return Words{"rule source {source} was not asked for {series} yet", "尚未向规则数据源 {source} 查询 {series}"}, true
	default:
		return Words{}, false
	}
}

// gateWords are the codes of why a service may not be deployed now.
func gateWords(code string) (Words, bool) {
	switch code {
	case "freeze_lasts":
		return Words{"Freeze {freeze} lasts until {until}; wait, or take the service out of it.", "冻结期 {freeze} 持续到 {until}；请等待，或将该服务移出冻结期。"}, true
	case "freeze_announced":
		return Words{
			"A freeze lasts until {until}[: {why}]; wait, or end it with guardian freeze end {freeze}.",
			"冻结期持续到 {until}[：{why}]；请等待，或用 guardian freeze end {freeze} 结束。",
		}, true
	case "rollback_under_way":
		return Words{
			"Run {run} puts {service} back to {version}; wait until it ended, or abort it.",
			"处置 {run} 正在将 {service} 恢复到 {version}；请等它结束，或中止它。",
		}, true
	case "rollback_asks":
		return Words{
			"Run {run} waits for approval to put {service} back to {version}; approve or reject it. Another version that is deployed all the same ends the question.",
			"处置 {run} 等待批准，批准后将把 {service} 恢复到 {version}；请先批准或拒绝。如仍然部署其他版本，该请求自动作废。",
		}, true
	case "rollback_queued":
		return Words{
			"Run {run} puts {service} back to {version} once another run has ended; wait for it, or abort it.",
			"处置 {run} 正在排队，前一项处置结束后将把 {service} 恢复到 {version}；请等待，或中止它。",
		}, true
	case "rollback_cooling_down", "cooling_down":
		return Words{
			"Run {run} put {service} back to {version}, and ended at {at}; the cool-down of {cool_down} is not over.",
			"处置 {run} 已将 {service} 恢复到 {version}，于 {at} 结束；冷却期（{cool_down}）尚未结束。",
		}, true
	case "undo_under_way":
		return Words{
			"Run {run} undoes {from} of {service}; wait until it ended, or abort it.",
			"处置 {run} 正在撤销 {service} 的 {from}；请等它结束，或中止它。",
		}, true
	case "undo_asks":
		return Words{
			"Run {run} waits for approval to undo {from} of {service}; approve or reject it.",
			"处置 {run} 等待批准，批准后将撤销 {service} 的 {from}；请先批准或拒绝。",
		}, true
	case "undo_queued":
		return Words{
			"Run {run} undoes {from} of {service} once another run has ended; wait for it, or abort it.",
			"处置 {run} 正在排队，前一项处置结束后将撤销 {service} 的 {from}；请等待，或中止它。",
		}, true
	case "undo_cooling_down":
		return Words{
			"Run {run} undid {from} of {service}, and ended at {at}; the cool-down of {cool_down} is not over.",
			"处置 {run} 已撤销 {service} 的 {from}，于 {at} 结束；冷却期（{cool_down}）尚未结束。",
		}, true
	case "backup_not_good":
		return Words{
			"Check {check} is down: there is no good backup of before the deploy. Make one, and wait for the check.",
			"检查 {check} 异常：部署前没有可用的备份。请先完成备份并等待检查恢复。",
		}, true
	case "backup_not_seen":
		return Words{
			"Check {check} could not be made: whether there is a backup of before the deploy is not known. See why, and wait for the check.",
			"检查 {check} 状态未知：无法确认部署前是否有备份。请查明原因并等待检查恢复。",
		}, true
	case "alert_blocks_deploys":
		return Words{
			"Alert {rule} fires since {since} and its rule blocks deploys; wait until it is resolved.",
			"告警 {rule} 自 {since} 起触发，其规则禁止部署；请等待恢复。",
		}, true
	default:
		return Words{}, false
	}
}
