package reason

// driftWords are the codes of checks of kind drift.
func driftWords(code string) (Words, bool) {
	switch code {
	case "drift_differs":
		return Words{"{step}: {runs} runs, and with {version} it should be {should}", "{step}：实际运行 {runs}，版本 {version} 应为 {should}"}, true
	case "drift_step":
		return Words{"{step}: {why}", "{step}：{why}"}, true
	case "drift_unread":
		return Words{"what should run could not be found out: {error}", "无法得知应运行的版本：{error}"}, true
	case "drift_not_known":
		return Words{"no target can tell whether it runs {version}", "目标系统无法判断运行的是否为 {version}"}, true
	case "drift_watch":
		return Words{"not compared while the deploy of {version} is watched", "部署 {version} 观察期间不比对"}, true
	case "drift_run":
		return Words{"not compared while run {run} is under way", "处置 {run} 进行期间不比对"}, true
	case "drift_changed_by_run":
		return Words{"not compared until the next deploy: run {run} has changed something since the version was put in place", "下次部署前不比对：该版本上线后，处置 {run} 做过改动"}, true
	case "drift_unsure":
		return Words{"not compared: it is not known whether the deploy of {version} happened", "不比对：不确定 {version} 是否已部署"}, true
	case "drift_shops":
		return Words{"not compared: {version} was deployed to some shops only ({shops})", "不比对：{version} 只部署到部分店铺（{shops}）"}, true
	case "drift_maintenance":
		return Words{"not compared: {why}", "不比对：{why}"}, true
	case "drift_changed":
		return Words{"something was put in place while it was compared", "比对期间有新的变更"}, true
	default:
		return Words{}, false
	}
}
