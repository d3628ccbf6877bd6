package reason

// decisionWords are the codes of what is decided from verdicts, alerts and routes.
func decisionWords(code string) (Words, bool) {
	switch code {
	case "watched_in_approve":
		return Words{"the service is watched in mode approve", "该服务以 approve 模式观察"}, true
	case "on_alert_approve":
		return Words{"on_alert binds this runbook in mode approve", "on_alert 以 approve 模式绑定此预案"}, true
	case "alert_fires":
		return Words{"alert {alert} fires since {since}", "告警 {alert} 自 {since} 起触发"}, true
	case "no_rollback_runbook":
		return Words{"the service names no rollback runbook", "该服务没有配置回滚预案"}, true
	case "verdict_passed":
		return Words{"passed: {reason}", "通过：{reason}"}, true
	case "verdict_failed":
		return Words{"failed: {reason}", "失败：{reason}"}, true
	case "verdict_inconclusive":
		return Words{"inconclusive: {reason}", "无法判定：{reason}"}, true
	case "verdict_superseded":
		return Words{"superseded: {reason}", "被取代：{reason}"}, true
	case "verdict_cancelled":
		return Words{"cancelled: {reason}", "已取消：{reason}"}, true
	case "guard_says":
		return Words{"{code!}: {detail}", "{code!}：{detail}"}, true
	case "clock_ahead":
		return Words{
			"the clock of the caller is {by} ahead of the guardian's; its times were put right, synchronise it (NTP)",
			"调用方的时钟比 Guardian 快 {by}，时间已修正；请同步时钟（NTP）",
		}, true
	case "clock_behind":
		return Words{
			"the clock of the caller is {by} behind the guardian's; its times were put right, synchronise it (NTP)",
			"调用方的时钟比 Guardian 慢 {by}，时间已修正；请同步时钟（NTP）",
		}, true
	case "at_ahead":
		return Words{
			"at lies {by} in the future, so the deploy is taken to have happened now: a switch cannot be announced in advance; or the caller's clock is ahead, then synchronise it (NTP)",
			"at 比当前时间晚 {by}，按现在已部署处理：不能提前通知部署；如果是调用方的时钟偏快，请同步时钟（NTP）",
		}, true
	case "previous_differs":
		return Words{
			"the announcement says that {previous} ran before, but as far as the guardian knows {current} did; " +
				"{previous} is gone back to only if it is known to be good, or was watched without evidence against it",
			"通告称之前运行的是 {previous}，但据 Guardian 所知是 {current}；只有 {previous} 是已知良好的版本，或曾被观察且没有对其不利的证据，才会回滚到它",
		}, true
	case "operation_known_good":
		return Words{
			"known_good was ignored: an operation has no version that anything goes back to",
			"已忽略 known_good：operation 类型的部署没有可供回滚的版本",
		}, true
	case "silenced":
		return Words{"silence {silence} by {by}", "{by} 的静默 {silence}"}, true
	case "in_maintenance":
		return Words{"maintenance {maintenance}[: {why}]", "维护窗口 {maintenance}[：{why}]"}, true
	case "inhibited":
		return Words{"alert {by} fires, which inhibits it by {rule}", "告警 {by} 正在触发，按抑制规则 {rule} 不再通知"}, true
	case "route_muted":
		return Words{"the route's mute time {interval}[, until {until}]", "该路由处于静音时段 {interval}[，至 {until}]"}, true
	case "route_not_active":
		return Words{"the route is outside of its active times[, until {until}]", "该路由不在生效时段[，至 {until}]"}, true
	case "notice_first":
		return Words{"it is the first of its group", "本组首次通知"}, true
	case "notice_new":
		return Words{"{alerts:new alert|new alerts} in a group that was notified before", "已通知过的分组中新增 {alerts} 条告警"}, true
	case "notice_resolved":
		return Words{"it resolved", "已恢复"}, true
	case "notice_repeat":
		return Words{"repeat_interval is {interval}", "按 repeat_interval（{interval}）重复通知"}, true
	case "notice_kept":
		return Words{"until now it was held back by: {by}", "此前暂不通知：{by}"}, true
	case "notice_supersedes":
		return Words{"it is in place of earlier notices that were not sent yet", "此前的通知尚未发出，由本条代替"}, true
	case "notice_waits":
		return Words{"waits for its group until {until}", "等待同组告警，{until} 发送"}, true
	case "notice_flaps":
		return Words{"comes and goes; told again when it has stayed as it is until {until}", "反复触发；如保持现状至 {until} 再通知"}, true
	default:
		return Words{}, false
	}
}
