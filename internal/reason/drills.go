package reason

// drillWords are the codes of drills.
func drillWords(code string) (Words, bool) {
	for _, texts := range [...]func(string) (Words, bool){drillEvents, drillVerdicts, drillRefusals, drillFailures} {
		if w, ok := texts(code); ok {
			return w, true
		}
	}
	return Words{}, false
}

func drillEvents(code string) (Words, bool) {
	switch code {
	case "drill_trigger":
		return Words{"drill {drill}", "演练 {drill}"}, true
	case "drill_begun":
		return Words{"drill {drill} of {service} ({environment}) begun", "开始演练 {drill}：{service}（{environment}）"}, true
	case "drill_ended":
		return Words{"drill {drill}: {result}[, cured after {took}][: {why}]", "演练 {drill}：{result}[，{took} 后恢复][：{why}]"}, true
	case "drill_passed":
		return Words{"passed", "通过"}, true
	case "drill_slow":
		return Words{"slower than its objective", "超出目标时间"}, true
	case "drill_failed":
		return Words{"failed", "失败"}, true
	default:
		return Words{}, false
	}
}

func drillVerdicts(code string) (Words, bool) {
	switch code {
	case "drill_verdict_passed":
		return Words{"passed", "通过"}, true
	case "drill_verdict_failed":
		return Words{"failed", "失败"}, true
	case "drill_verdict_superseded":
		return Words{"superseded", "被新的部署取代"}, true
	case "drill_verdict_cancelled":
		return Words{"cancelled", "已取消"}, true
	case "drill_verdict_inconclusive":
		return Words{"inconclusive", "无法判定"}, true
	default:
		return Words{}, false
	}
}

// drillRefusals say why a drill may not begin, or not do a step.
func drillRefusals(code string) (Words, bool) {
	switch code {
	case "run_step_forbidden":
		return Words{"step {step} was refused: {why}", "步骤 {step} 被拒绝执行：{why}"}, true
	case "drill_in_production":
		return Words{
			"{service} is production, or is not configured any more: a drill touches only services that are marked with production: false",
			"{service} 属于生产环境，或配置中已不存在：演练只能针对标记为 production: false 的服务",
		}, true
	case "drill_target_production":
		return Words{
			"it acts on the same target as step {step} of runbook {runbook} does for {service}, which is production",
			"它操作的目标与预案 {runbook} 的步骤 {step} 相同，而后者用于生产服务 {service}",
		}, true
	case "drill_target_owned":
		return Words{"it acts on {what}, which production uses", "它操作的 {what} 正被生产环境使用"}, true
	case "drill_target_untold":
		return Words{
			"what a step of kind {kind} acts on cannot be compared with production: {error}",
			"无法确认 {kind} 类型步骤的操作目标是否涉及生产环境：{error}",
		}, true
	case "drill_under_way":
		return Words{"drill {drill} of this service is under way", "该服务的演练 {drill} 正在进行"}, true
	case "drill_service_down":
		return Words{"the service is not well, so that nobody could tell what the drill broke: {checks}", "服务当前不正常，无法分辨演练造成的故障：{checks}"}, true
	case "drill_service_blind":
		return Words{"no check by which deploys of {service} are judged is up", "{service} 没有任何用于判定部署的检查处于正常状态"}, true
	case "drill_deploy_watched":
		return Words{"version {version} is being watched; wait for its verdict", "版本 {version} 正在观察，请等待结论"}, true
	default:
		return Words{}, false
	}
}

// drillFailures say why a drill failed.
func drillFailures(code string) (Words, bool) {
	switch code {
	case "drill_gone":
		return Words{"the configuration does not have this drill any more", "配置中已没有该演练"}, true
	case "drill_interrupted":
		return Words{"the guardian stopped before the fault was injected; nothing was changed", "注入故障前 guardian 停止，未做任何更改"}, true
	case "drill_never_begun":
		return Words{"the fault could not be injected within {after}", "{after} 内未能开始注入故障"}, true
	case "drill_not_begun":
		return Words{"it did not begin: {why}", "未能开始：{why}"}, true
	case "drill_not_injected":
		return Words{"the fault was not injected: {why}", "故障未能注入：{why}"}, true
	case "drill_not_found":
		return Words{"the fault was not found within {after}", "{after} 内未发现故障"}, true
	case "drill_other_verdict":
		return Words{"the fault was not found: the verdict is {verdict}", "未发现故障：观察结论为{verdict}"}, true
	case "drill_no_rollback":
		return Words{"the fault was found, and no rollback followed", "发现了故障，但没有触发回滚"}, true
	case "drill_not_cured":
		return Words{"the rollback did not cure it ({state})[: {why}]", "回滚未能恢复服务（{state}）[：{why}]"}, true
	case "drill_not_restored":
		return Words{"the fault could not be taken back (run {run}): {why}", "故障未能撤销（处置 {run}）：{why}"}, true
	case "drill_restore_stuck":
		return Words{"run {run}, which takes the fault back, was not over after {after}", "撤销故障的处置 {run} 在 {after} 后仍未结束"}, true
	case "drill_restore_not_begun":
		return Words{"the fault could not be taken back: {why}", "故障未能撤销：{why}"}, true
	default:
		return Words{}, false
	}
}
