package reason

// execWords are the codes of steps of kind exec.
func execWords(code string) (Words, bool) {
	switch code {
	case "exec_exit_status":
		return Words{"{command} ended with exit status {status}", "{command} 以退出码 {status} 结束"}, true
	case "exec_start":
		return Words{"start {command}: {error}", "无法启动 {command}：{error}"}, true
	case "exec_no_dir":
		return Words{"start {command}: its working directory (dir) is not there", "无法启动 {command}：工作目录（dir）不存在"}, true
	case "exec_no_run_bit":
		return Words{"start {command}: the file is not executable; run chmod +x on it", "无法启动 {command}：文件没有执行权限，请执行 chmod +x"}, true
	case "exec_byte_order_mark":
		return Words{
			"start {command}: the script begins with a byte order mark, as editors on Windows write it; save it as UTF-8 without BOM",
			"无法启动 {command}：脚本开头有 BOM（Windows 编辑器所加），请另存为不带 BOM 的 UTF-8",
		}, true
	case "exec_crlf":
		return Words{
			"start {command}: the script has Windows line ends (CRLF), so that its interpreter is not found; convert it with dos2unix",
			"无法启动 {command}：脚本使用 Windows 换行符（CRLF），因此找不到解释器；请用 dos2unix 转换",
		}, true
	case "exec_exit_crlf":
		return Words{
			"{command} ended with exit status {status}; the script {script} has Windows line ends (CRLF), convert it with dos2unix",
			"{command} 以退出码 {status} 结束；脚本 {script} 使用 Windows 换行符（CRLF），请用 dos2unix 转换",
		}, true
	case "exec_script_crlf":
		return Words{
			"the script {script} has Windows line ends (CRLF), so that its commands fail; convert it with dos2unix",
			"脚本 {script} 使用 Windows 换行符（CRLF），其中的命令会执行失败；请用 dos2unix 转换",
		}, true
	case "exec_no_script":
		return Words{"{command} would find no script {script}: there is no such file", "{command} 找不到脚本 {script}：文件不存在"}, true
	case "exec_plan":
		return Words{
			"runs {command} on the guardian's own machine[, in {dir}][. Its status_command cannot be run, so that after a crash a person is asked whether the step happened: {status}]",
			"在 guardian 所在的机器上运行 {command}[，工作目录 {dir}][。status_command 无法运行，崩溃后需要人工确认该步骤是否已执行：{status}]",
		}, true
	case "exec_no_interpreter":
		return Words{"start {command}: its first line names the interpreter {interpreter}, which is not there", "无法启动 {command}：首行指定的解释器 {interpreter} 不存在"}, true
	case "exec_no_interpreter_line":
		return Words{
			"start {command}: it is neither a program for this machine nor a script whose first line names its interpreter, such as #!/bin/sh",
			"无法启动 {command}：既不是本机可运行的程序，首行也没有指定解释器（如 #!/bin/sh）",
		}, true
	case "exec_stopped":
		return Words{"{command} was stopped: {error}", "{command} 被终止：{error}"}, true
	case "exec_lost":
		return Words{"{command}: {error}", "{command}：{error}"}, true
	case "exec_secret_argument":
		return Words{
			"argument {number} would hold a secret, and every user of the machine can read arguments; put it under secrets or stdin",
			"参数 {number} 含有密钥，而本机所有用户都能看到命令参数；请改用 secrets 或 stdin",
		}, true
	case "exec_too_much":
		return Words{"{command} wrote more than {most:byte|bytes}, so that its output is not whole", "{command} 的输出超过 {most} 字节，不完整"}, true
	case "exec_no_status_command":
		return Words{"the step has no status_command", "该步骤没有配置 status_command"}, true
	case "exec_status_command":
		return Words{"status_command: {error}", "执行 status_command 失败：{error}"}, true
	case "exec_status_unclear":
		return Words{"status_command ended with exit status {status}[: {output}]", "status_command 以退出码 {status} 结束[：{output}]"}, true
	default:
		return Words{}, false
	}
}

// targetWords are the codes of targets that were asked before a run.
func targetWords(code string) (Words, bool) {
	switch code {
	case "target_cannot_tell":
		return Words{"a step of kind {kind} cannot tell before what it would do", "{kind} 类型的步骤无法事先说明将执行什么"}, true
	case "target_no_version":
		return Words{"no version of {service} is known to go back to; name one with --to VERSION", "{service} 没有已知可回退的版本；请用 --to VERSION 指定"}, true
	case "target_silent":
		return Words{"no answer within {within}", "{within} 内没有响应"}, true
	default:
		return Words{}, false
	}
}

// windowWords are the codes of announced windows, and of the steps that announce them.
func windowWords(code string) (Words, bool) {
	switch code {
	case "freeze_plan":
		return Words{"no deploys[ of {service}] for {for}; rollbacks go on", "{for} 内不允许部署[ {service}]；回滚不受影响"}, true
	case "maintenance_plan":
		return Words{"maintenance[ of {service}] for {for}: nobody is notified of what checks see", "[{service} ]维护 {for}：期间探测到的问题不通知"}, true
	case "freeze_begun":
		return Words{"freeze[ of {service}] from {from} until {until}[, by run {run}][: {why}]", "[{service} ]冻结期 {from} 至 {until}[，由处置 {run} 宣布][：{why}]"}, true
	case "freeze_ended":
		return Words{"the freeze[ of {service}] until {until} was ended", "[{service} ]原定到 {until} 的冻结期已提前结束"}, true
	case "maintenance_begun":
		return Words{"maintenance[ of {service}] from {from} until {until}[, by run {run}][: {why}]", "[{service} ]维护窗口 {from} 至 {until}[，由处置 {run} 宣布][：{why}]"}, true
	case "maintenance_ended":
		return Words{"the maintenance[ of {service}] until {until} was ended", "[{service} ]原定到 {until} 的维护窗口已提前结束"}, true
	case "hold_begun":
		return Words{"nothing is started by itself[ for {service}] from {from} until {until}[: {why}]", "{from} 至 {until} [{service} ]不自动执行任何处置[：{why}]"}, true
	case "hold_ended":
		return Words{"the hold[ of {service}] until {until} was ended", "[{service} ]原定到 {until} 的自动处置暂停已提前结束"}, true
	case "guard_hold":
		return Words{
			"nothing is started by itself until {until}[: {why}]; approve it, or end the hold (guardian hold end {hold})",
			"{until} 前不自动执行任何处置[：{why}]；可批准执行，或结束暂停（guardian hold end {hold}）",
		}, true
	case "window_refused":
		return Words{"the window was refused: {error}", "窗口被拒绝：{error}"}, true
	case "window_not_written":
		return Words{"the window could not be written to the journal: {error}", "窗口无法写入日志：{error}"}, true
	case "window_not_read":
		return Words{"the windows could not be read from the journal: {error}", "无法从日志读取窗口：{error}"}, true
	case "window_announced":
		return Words{"window {window} was announced by this step at {at}", "窗口 {window} 已由该步骤于 {at} 宣布"}, true
	case "window_not_announced":
		return Words{"this step announced no window", "该步骤未宣布窗口"}, true
	default:
		return Words{}, false
	}
}

// flagWords are the codes of steps of kind flag.
func flagWords(code string) (Words, bool) {
	switch code {
	case "flag_plan":
		return Words{"flag {flag} is set to {variant} for {for}", "开关 {flag} 将设为 {variant}，持续 {for}"}, true
	case "flag_plan_reset":
		return Words{"flag {flag} gets its default back", "开关 {flag} 将恢复默认值"}, true
	case "flag_refused":
		return Words{"flag {flag}: {error}", "开关 {flag}：{error}"}, true
	case "flag_not_written":
		return Words{"flag {flag} could not be written to the journal: {error}", "开关 {flag} 无法写入日志：{error}"}, true
	case "flag_not_read":
		return Words{"flag {flag} could not be read from the journal: {error}", "无法从日志读取开关 {flag}：{error}"}, true
	case "flag_written":
		return Words{"flag {flag} was changed by this step at {at}", "开关 {flag} 已由该步骤于 {at} 更改"}, true
	case "flag_changed_since":
		return Words{"flag {flag} was changed by {by} at {at}, after this step began", "该步骤开始后，开关 {flag} 已由 {by} 于 {at} 更改"}, true
	case "flag_not_changed":
		return Words{"this step did not change flag {flag}", "该步骤未更改开关 {flag}"}, true
	default:
		return Words{}, false
	}
}

// webhookWords are the codes of steps of kind webhook.
func webhookWords(code string) (Words, bool) {
	switch code {
	case "webhook_plan":
		return Words{"{method} {host}, which answers at {address}[ with TLS, certificate until {until}]", "{method} {host}，可连接（{address}）[，TLS 证书有效期至 {until}]"}, true
	case "webhook_plan_proxy":
		return Words{"{method} {host}, by the proxy {proxy}, which answers", "{method} {host}，经代理 {proxy}，代理可连接"}, true
	case "webhook_no_host":
		return Words{"{host} has no address: {error}; check the name, and the DNS of this machine", "{host} 无法解析：{error}；请检查主机名和本机的 DNS"}, true
	case "webhook_no_connection":
		return Words{"{host} takes no connection from here: {error}; check the port, and the firewall in between", "本机无法连接 {host}：{error}；请检查端口和防火墙"}, true
	case "webhook_no_tls":
		return Words{"{host} takes connections, and no TLS comes about: {error}; check its certificate, or whether the address is http", "{host} 可连接，但 TLS 握手失败：{error}；请检查其证书，或地址是否应为 http"}, true
	case "webhook_answered":
		return Words{"{method} {host} answered {status}", "{method} {host} 返回 {status}"}, true
	case "webhook_redirect":
		return Words{
			"{method} {host} answered {status}: redirects are not followed, give the final address",
			"{method} {host} 返回 {status}：不跟随重定向，请填写最终地址",
		}, true
	case "webhook_lost":
		return Words{"{method} {host}: {error}", "{method} {host} 失败：{error}"}, true
	case "webhook_not_json":
		return Words{"the answer is not JSON", "返回的内容不是 JSON"}, true
	case "webhook_needs_answer":
		return Words{"poll.url needs the first answer: {error}", "poll.url 需要用到首次请求的返回内容：{error}"}, true
	case "webhook_other_host":
		return Words{
			"the first answer leads to another host than {host}, which must not get the headers",
			"首次请求的返回内容指向 {host} 以外的主机，请求头不应发往该主机",
		}, true
	case "webhook_poll_timeout":
		return Words{
			"{host} accepted it, and did not say in time that it is done; the last answer: {last}",
			"{host} 已受理，但未在期限内表示完成；最后一次返回：{last}",
		}, true
	case "webhook_target_failed":
		return Words{"the target says that it failed: {seen}", "目标系统表示执行失败：{seen}"}, true
	case "webhook_value":
		return Words{"{path} is {value}", "{path} 为 {value}"}, true
	case "webhook_no_status_request":
		return Words{"the step has no status_request", "该步骤没有配置 status_request"}, true
	case "webhook_settling":
		return Words{"no trace of it, and it may still appear: {seen}", "尚无该步骤的记录，可能稍后出现：{seen}"}, true
	case "webhook_done":
		return Words{"the work is done", "操作已完成"}, true
	case "webhook_says_neither":
		return Words{"the answer says neither that it happened nor that it did not: {answer}", "返回的内容既不表示已发生，也不表示未发生：{answer}"}, true
	default:
		return Words{}, false
	}
}
