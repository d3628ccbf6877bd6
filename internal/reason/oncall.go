package reason

// onCallWords are the codes of schedules and of what the guardian finds wrong with itself.
func onCallWords(code string) (Words, bool) {
	switch code {
	case "oncall_nobody":
		return Words{
			"nobody is on call from {from} to {to} ({gaps:gap|gaps} in this time), and the schedule has no fallback",
			"{from} 至 {to} 无人值班（这段时间内共 {gaps} 处空缺），且值班表没有设置 fallback",
		}, true
	case "calendar_unreadable":
		return Words{
			"its calendar cannot be read since {since}, and the last copy, if there is one, stays in use: {error}",
			"自 {since} 起无法读取日历，沿用最近一次读到的内容（如果有）：{error}",
		}, true
	case "calendar_names_nobody":
		return Words{
			"events of its calendar name no configured person: {events}",
			"日历中有日程没有对应到任何已配置的人员：{events}",
		}, true
	case "escalated":
		return Words{
			"{rule}: step {step} of {steps} of escalation {escalation}, {receivers} notified[, mentioning {people}]",
			"{rule}：升级策略 {escalation} 第 {step}/{steps} 步，已通知 {receivers}[，提醒 {people}]",
		}, true
	case "escalated_to_nobody":
		return Words{
			"{rule}: step {step} of {steps} of escalation {escalation} reaches nobody",
			"{rule}：升级策略 {escalation} 第 {step}/{steps} 步没有通知到任何人",
		}, true
	case "escalation_stopped":
		return Words{"escalation {escalation} is stopped by the acknowledgement", "升级策略 {escalation} 因有人处理而停止"}, true
	case "escalation_not_begun":
		return Words{"escalation {escalation} has not begun", "升级策略 {escalation} 尚未开始"}, true
	case "escalation_done":
		return Words{"escalation {escalation} took its last step at {at}", "升级策略 {escalation} 的最后一步已于 {at} 执行"}, true
	case "escalation_next":
		return Words{"escalation {escalation} took step {step} at {at}, the next one is due at {next}", "升级策略 {escalation} 第 {step} 步已于 {at} 执行，下一步在 {next}"}, true
	case "escalation_begins":
		return Words{"escalation {escalation} begins with it", "升级策略 {escalation} 由此开始"}, true
	case "escalation_goes_on":
		return Words{"nobody acknowledged it since {since} (escalation {escalation})", "自 {since} 起无人响应（升级策略 {escalation}）"}, true
	case "escalation_over":
		return Words{"you were notified by an escalation", "此前曾通过升级策略通知你"}, true
	case "self_journal":
		return Words{"the journal cannot be read or written: {error}", "事件日志（journal）无法读写：{error}"}, true
	case "self_looks_late":
		return Words{"checks are not looked at in time: {check} is overdue by {by}", "检查未按时执行：{check} 已逾期 {by}"}, true
	case "self_rules_late":
		return Words{"rules are not evaluated in time: group {group} is overdue by {by}", "规则未按时求值：规则组 {group} 已逾期 {by}"}, true
	case "self_outbox_old":
		return Words{"a notice waits for {waits} to be delivered", "有通知已等待 {waits} 仍未送达"}, true
	case "self_disk_full":
		return Words{"the disk of the data folder is nearly full: {free} MiB of {size} MiB are free", "数据目录所在磁盘即将写满：剩余 {free} MiB，共 {size} MiB"}, true
	case "self_inodes_full":
		return Words{"the disk of the data folder takes no more files: {free} of {all} inodes are free", "数据目录所在磁盘的 inode 即将用尽：剩余 {free} 个，共 {all} 个"}, true
	case "self_outage":
		return Words{"no alert can be recorded without the journal, and this is down: {down}", "事件日志（journal）不可用，无法生成告警；当前异常的检查：{down}"}, true
	case "self_folder":
		return Words{"the data folder was deleted or replaced while Guardian runs: {folder}", "数据目录在 Guardian 运行期间被删除或替换：{folder}"}, true
	case "self_series_full":
		return Words{
			"new series of source {source} are refused, because it has {limit}, its limit; the last one was of metric {metric}",
			"来源 {source} 的序列数已达上限 {limit}，新序列被拒绝；最近被拒绝的指标是 {metric}",
		}, true
	case "self_calendar":
		return Words{"the calendar of schedule {schedule}: {why}", "值班表 {schedule} 的日历：{why}"}, true
	case "self_guesses":
		return Words{
			"{wrong} wrong tokens or logins came from {addresses}[, and {more:other address|other addresses}]; further ones are slowed",
			"来自 {addresses}[ 等（另有 {more} 个地址）] 的错误令牌或登录共 {wrong} 次；后续尝试已限速",
		}, true
	case "self_clock_off":
		return Words{"the machine's clock is off by {by}: synchronise it (NTP)", "本机时钟偏差 {by}：请同步时钟（NTP）"}, true
	default:
		return Words{}, false
	}
}
