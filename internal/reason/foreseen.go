package reason

// foreseenWords are the codes of what is said when a watch begins: what cannot work in it.
func foreseenWords(code string) (Words, bool) {
	switch code {
	case "foreseen_too_few_looks":
		return Words{
			"{check} is looked at {looks:time|times} in this watch and {needed} looks are needed, so it cannot pass. Look more often, watch for longer, or set watch: false for the check.",
			"{check} 在本次观察中只探测 {looks} 次，而判定通过需要 {needed} 次，因此本次观察不可能通过。请缩短探测间隔、延长观察时间，或将该检查设为 watch: false。",
		}, true
	case "foreseen_no_outage":
		return Words{
			"{check} is looked at {looks:time|times} in this watch: too few to find an outage that it shows alone. Look more often, or watch for longer.",
			"{check} 在本次观察中只探测 {looks} 次：如果故障只体现在它身上，次数不足以判定。请缩短探测间隔或延长观察时间。",
		}, true
	case "foreseen_excused":
		return Words{
			"{check} is not judged until it is up: {why}.",
			"{check} 恢复正常之前不参与判定：{why}。",
		}, true
	case "foreseen_onset":
		return Words{
			"Checks have been failing since {since}, shortly before this announcement. If they still fail, it counts against this deploy; announce when it happened (at), or run it under guardian watch --exec.",
			"从 {since} 起（就在本次通知之前）已有检查失败。若继续失败，将计入本次部署；请在通知中注明部署时间（at），或用 guardian watch --exec 执行部署。",
		}, true
	case "foreseen_restart":
		return Words{
			"{restarts} of the last {deploys:deploy|deploys} failed for up to {longest} around the switch and then passed, and grace is {grace}: that counts against the deploy. Set watch.grace to how long a restart takes.",
			"最近 {deploys} 次部署中有 {restarts} 次在切换前后短暂失败（最长 {longest}），随后通过；而 grace 为 {grace}，这段失败会计入部署。请将 watch.grace 设为重启所需的时间。",
		}, true
	default:
		return Words{}, false
	}
}
