package reason

// journalWords are the codes of lines of the journal, and of what the guardian says about
// itself.
func journalWords(code string) (Words, bool) {
	switch code {
	case "not_looked":
		return Words{"not looked", "没有探测"}, true
	case "deploy_announced":
		return Words{"{version} announced in {environment}", "宣布在 {environment} 部署 {version}"}, true
	case "deploy_extended":
		return Words{"{version} extended to {shops}", "{version} 的观察范围扩大到 {shops}"}, true
	case "deploy_extended_to_all":
		return Words{"{version} extended to all shops", "{version} 的观察范围扩大到所有店铺"}, true
	case "alert_firing":
		return Words{"{rule} firing, {receivers:receiver|receivers} notified", "{rule} 触发，已通知 {receivers} 个接收人"}, true
	case "alert_resolved":
		return Words{"{rule} resolved, {receivers:receiver|receivers} notified", "{rule} 已恢复，已通知 {receivers} 个接收人"}, true
	case "alert_acknowledged":
		return Words{"{rule}[: {note}]", "{rule}[：{note}]"}, true
	case "alerts_silenced":
		return Words{"{matchers} until {until}[: {comment}]", "{matchers}，静默至 {until}[：{comment}]"}, true
	default:
		return Words{}, false
	}
}
