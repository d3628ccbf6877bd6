package reason

// networkWords are the codes of looks and of connections in general.
func networkWords(code string) (Words, bool) {
	switch code {
	case "look_stopped":
		return Words{"the look was stopped while {doing}", "探测在{doing}时被中止"}, true
	case "look_tries":
		return Words{"{why} (after {tries} tries)", "{why}（共尝试 {tries} 次）"}, true
	case "look_over_budget":
		return Words{"not looked: {why}", "未探测：{why}"}, true
	case "probe_panicked":
		return Words{"the probe crashed, which is a bug in Guardian: {error}", "探测程序崩溃，这是 Guardian 的缺陷：{error}"}, true
	case "setting_unusable":
		return Words{"{setting}: {error}", "{setting}：{error}"}, true
	case "client_settings":
		return Words{"the connection settings cannot be used: {error}", "连接配置无法使用：{error}"}, true
	case "request_unfilled":
		return Words{"the request could not be built: {error}", "无法生成请求：{error}"}, true
	case "doing_resolve":
		return Words{"resolving the name", "解析域名"}, true
	case "doing_connect":
		return Words{"connecting", "建立连接"}, true
	case "doing_tls":
		return Words{"negotiating TLS", "TLS 握手"}, true
	case "doing_first_byte":
		return Words{"waiting for the answer's first byte", "等待响应首字节"}, true
	case "doing_body":
		return Words{"reading the body", "读取响应体"}, true
	case "doing_answer":
		return Words{"waiting for the answer", "等待响应"}, true
	case "doing_starttls":
		return Words{"asking for STARTTLS", "请求 STARTTLS"}, true
	case "doing_send":
		return Words{"sending {step}", "发送 {step}"}, true
	case "doing_wait":
		return Words{"waiting for the answer to {step}", "等待 {step} 的响应"}, true
	case "doing_query":
		return Words{"querying the database", "查询数据库"}, true
	case "doing_backup":
		return Words{"listing the backups", "列出备份"}, true
	case "doing_program":
		return Words{"running the program", "运行程序"}, true
	case "doing_lookup":
		return Words{"waiting for the order to appear", "等待订单出现"}, true
	case "doing_browser_start":
		return Words{"starting Chromium", "启动 Chromium"}, true
	case "doing_page_load":
		return Words{"loading the page", "加载页面"}, true
	case "doing_page_elements":
		return Words{"looking for elements", "查找页面元素"}, true
	case "doing_page_measure":
		return Words{"measuring the page", "测量页面性能"}, true
	case "net_refused":
		return Words{"the connection was refused", "连接被拒绝"}, true
	case "net_reset":
		return Words{"the connection was reset while {doing}", "{doing}时连接被重置"}, true
	case "net_closed":
		return Words{"the connection was closed while {doing}", "{doing}时连接被对方关闭"}, true
	case "net_timeout":
		return Words{"no answer within {took}, while {doing}", "{doing}时超时（{took}）"}, true
	case "net_failed":
		return Words{"failed while {doing}: {error}", "{doing}时出错：{error}"}, true
	case "net_name_not_found":
		return Words{"the name {host} does not exist", "域名 {host} 不存在"}, true
	case "net_no_address":
		return Words{"{host} has no address of the configured family", "{host} 没有所配置地址族的地址"}, true
	case "net_lookup_failed":
		return Words{"the name {host} could not be resolved: {error}", "域名 {host} 解析失败：{error}"}, true
	case "net_resolver_timeout":
		return Words{"our resolver gave no answer within {took}", "本机的域名解析服务在 {took}内没有响应"}, true
	case "net_proxy_unreachable":
		return Words{"the proxy cannot be reached: {error}", "无法连接代理：{error}"}, true
	case "net_proxy_refused":
		return Words{"the proxy refused: {status}", "代理拒绝了请求：{status}"}, true
	case "net_local_error":
		return Words{"a problem on Guardian's own machine: {error}", "Guardian 所在机器自身的问题：{error}"}, true
	default:
		return Words{}, false
	}
}
