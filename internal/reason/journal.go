package reason

// journalWords are the codes of lines of the journal, and of what the guardian says about
// itself.
func journalWords(code string) (Words, bool) {
	switch code {
	case "flag_set":
		return Words{"{flag} set to {variant} until {until}[ by run {run}][: {why}]", "{flag} 设为 {variant}，至 {until}[，由处置 {run} 设置][：{why}]"}, true
	case "flag_default":
		return Words{"{flag} has its default {variant} again[ by run {run}][: {why}]", "{flag} 恢复默认值 {variant}[，由处置 {run} 设置][：{why}]"}, true
	case "flag_variant_gone":
		return Words{
			"{flag} was set to {variant} until {until}[ by {by}][ by run {run}], and the configuration has no such variant any more: its default {default} holds",
			"{flag} 此前[由 {by} ][由处置 {run} ]设为 {variant}（至 {until}），但配置中已没有这个取值，现按默认值 {default} 生效",
		}, true
	case "flag_gone":
		return Words{
			"{flag} was set to {variant} until {until}[ by {by}][ by run {run}], and the configuration has no such flag any more: programs that read it get the default of their own code",
			"{flag} 此前[由 {by} ][由处置 {run} ]设为 {variant}（至 {until}），但配置中已没有这个开关，读取它的程序将使用自身代码中的默认值",
		}, true
	case "not_looked":
		return Words{"not looked", "没有探测"}, true
	case "deploy_announced":
		return Words{
			"{version} announced in {environment}[. The gate was closed: {closed}]",
			"宣布在 {environment} 部署 {version}[。当时发布闸门已关闭：{closed}]",
		}, true
	case "deploy_begun":
		return Words{
			"{version} begins to be deployed in {environment}[. The gate was closed: {closed}]",
			"开始在 {environment} 部署 {version}[。当时发布闸门已关闭：{closed}]",
		}, true
	case "deploy_ended":
		return Words{
			"the deploy of {version} ended after {took}[. Its command failed ({failed}): whether it happened is not known]",
			"{version} 的部署已结束，用时 {took}[。部署命令失败（{failed}），无法确定是否已部署]",
		}, true
	case "deploy_withdrawn":
		return Words{"{version} was announced and not deployed[ ({failed})]", "{version} 已通知，但未部署[（{failed}）]"}, true
	case "exit_status":
		return Words{"exit status {status}", "退出码 {status}"}, true
	case "deploy_end_missing":
		return Words{
			"nobody said that the deploy of {version}, which began at {start}, ended: it is watched as if it was announced now, and whether it happened is not known",
			"{version} 的部署于 {start} 开始，至今未收到结束通知：按现在收到通知继续观察，无法确定是否已部署",
		}, true
	case "deploy_extended":
		return Words{
			"{version} extended to {shops}[. The gate was closed: {closed}]",
			"{version} 的观察范围扩大到 {shops}[。当时发布闸门已关闭：{closed}]",
		}, true
	case "deploy_extended_to_all":
		return Words{
			"{version} extended to all shops[. The gate was closed: {closed}]",
			"{version} 的观察范围扩大到所有店铺[。当时发布闸门已关闭：{closed}]",
		}, true
	case "alert_firing":
		return Words{"{rule} firing[, {receivers:receiver|receivers} notified]", "{rule} 触发[，已通知 {receivers} 个接收人]"}, true
	case "alert_resolved":
		return Words{"{rule} resolved[, {receivers:receiver|receivers} notified]", "{rule} 已恢复[，已通知 {receivers} 个接收人]"}, true
	case "alert_acknowledged":
		return Words{"{rule}[: {note}]", "{rule}[：{note}]"}, true
	case "alerts_silenced":
		return Words{"{matchers} until {until}[: {comment}]", "{matchers}，静默至 {until}[：{comment}]"}, true
	case "override_made":
		return Words{
			"{schedule}: {person} on call[ in place of {replaces}] from {from} to {to}",
			"{schedule}：{person} [替 {replaces} ]值班，{from} 至 {to}",
		}, true
	case "override_deleted":
		return Words{"{schedule}: {person} no longer by override", "{schedule}：{person} 的临时替班已取消"}, true
	case "silenced_from_message":
		return Words{"from a message", "在消息中操作"}, true
	case "verdict_marked_right":
		return Words{"{verdict} is right[: {note}]", "“{verdict}”的结论正确[：{note}]"}, true
	case "verdict_marked_late":
		return Words{"{verdict} is right, but came late[: {note}]", "“{verdict}”的结论正确，但太晚[：{note}]"}, true
	case "verdict_marked_wrong":
		return Words{"{verdict} is wrong[: {note}]", "“{verdict}”的结论错误[：{note}]"}, true
	case "watch_passed":
		return Words{"passed", "通过"}, true
	case "watch_failed":
		return Words{"failed", "失败"}, true
	case "watch_inconclusive":
		return Words{"inconclusive", "无法判定"}, true
	case "check_says":
		return Words{"{check}[: {why}]", "{check}[：{why}]"}, true
	case "service_deploy_failed":
		return Words{"the deploy of {version} failed at {at}[; its rollback: {rollback}]", "{version} 的部署于 {at} 被判定失败[；回滚：{rollback}]"}, true
	case "service_deploy_suspect":
		return Words{"the deploy of {version} is being watched, and there is evidence against it", "{version} 正在观察中，已有迹象表明它使服务变差"}, true
	case "service_alert_fires":
		return Words{"alert {rule} fires since {since}[: {summary}]", "告警 {rule} 自 {since} 起触发[：{summary}]"}, true
	case "service_looks_fail":
		return Words{"{check}: {failures} of the last {looks:look|looks} failed", "{check}：最近 {looks} 次探测中失败 {failures} 次"}, true
	case "no_check_counts":
		return Words{"no check of this service counts", "该服务没有计入可用率的检查"}, true
	case "taking_over":
		return Words{"taking over what is open", "正在接管未完成的工作"}, true
	case "holder_not_known":
		return Words{"the journal has not said yet who holds the lease", "尚未从数据库得知由谁持有租约"}, true
	case "own_lease_runs":
		return Words{"the lease of the guardian that ran here before has not run out yet", "此前在本机运行的 guardian 的租约尚未到期"}, true
	case "another_leads":
		return Words{"another guardian acts", "由另一个 guardian 负责执行"}, true
	case "journal_silent":
		return Words{"the journal does not answer", "数据库没有响应"}, true
	default:
		return Words{}, false
	}
}
