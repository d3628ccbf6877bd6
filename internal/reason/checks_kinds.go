package reason

// kindWords are the codes of the other kinds of check.
func kindWords(code string) (Words, bool) {
	switch code {
	case "sql_failed":
		return Words{"the database query failed: {why}", "数据库查询失败：{why}"}, true
	case "sql_rows":
		return Words{"{n:row|rows} came, {want} wanted", "返回 {n} 行，要求 {want}"}, true
	case "sql_more_rows":
		return Words{"more than {n} rows came, {want} wanted", "返回超过 {n} 行，要求 {want}"}, true
	case "sql_no_rows":
		return Words{"no rows came", "没有返回任何行"}, true
	case "sql_too_many_rows":
		return Words{"more than {n} rows came (max_rows): judge in the query", "返回超过 {n} 行（max_rows）：请在查询语句中判断"}, true
	case "sql_no_column":
		return Words{`the query gives no column "{column}"; it gives {columns}`, "查询结果没有列“{column}”，只有 {columns}"}, true
	case "sql_not_number":
		return Words{"{column} is {got}[ for {row}], which is no number", "{column} 为 {got}[（{row}）]，不是数字"}, true
	case "sql_not_time":
		return Words{"{column} is {got}[ for {row}], which is no time", "{column} 为 {got}[（{row}）]，不是时间"}, true
	case "sql_value":
		return Words{"{column} is {got}[ for {row}], {want} wanted", "{column} 为 {got}[（{row}）]，要求 {want}"}, true
	case "sql_age":
		return Words{"{column} is {age} old[ for {row}], {want} wanted", "{column} 距今 {age}[（{row}）]，要求 {want}"}, true
	case "exec_timeout":
		return Words{"the program did not end within {took} and was killed: give it a shorter time of its own", "程序在 {took}内没有结束，已被终止：请在程序里设置更短的超时"}, true
	case "exec_not_run":
		return Words{"the program could not be run: {error}", "程序无法运行：{error}"}, true
	case "exec_ended":
		return Words{"the program was ended: {state}", "程序被终止：{state}"}, true
	case "exec_exit":
		return Words{"exit code {code}: {said}", "退出码 {code}：{said}"}, true
	case "exec_exit_silent":
		return Words{"exit code {code}, and the program printed nothing", "退出码 {code}，程序没有任何输出"}, true
	case "feed_unread":
		return Words{"the feed could not be read: {why}", "无法读取公告源：{why}"}, true
	case "feed_not_feed":
		return Words{"the body is neither RSS nor Atom nor JSON Feed", "响应体不是 RSS、Atom 或 JSON Feed"}, true
	case "feed_broken":
		return Words{"the feed is broken: {error}", "公告源格式有误：{error}"}, true
	case "feed_gone":
		return Words{"{api} was decommissioned {days:day|days} ago: {title}", "{api} 已在 {days} 天前下线：{title}"}, true
	case "feed_ending":
		return Words{"{api} is decommissioned in {days:day|days}, at least {least} wanted: {title}", "{api} 将在 {days} 天后下线，要求至少还有 {least}：{title}"}, true
	case "heartbeat_unread":
		return Words{"the last heartbeat could not be read: {error}", "无法读取最近一次心跳：{error}"}, true
	case "heartbeat_none_yet":
		return Words{"no heartbeat yet; the first is due within {within}", "尚未收到心跳；首次心跳应在 {within}内到达"}, true
	case "heartbeat_never":
		return Words{"no heartbeat in {since} of watching, due every {period}", "开始监控 {since}以来没有收到心跳，应每 {period}一次"}, true
	case "heartbeat_late":
		return Words{"the last heartbeat came {age} ago, due every {period}", "最近一次心跳在 {age}前，应每 {period}一次"}, true
	case "heartbeat_failed":
		return Words{"the job reported a failure[: {said}]", "任务报告失败[：{said}]"}, true
	case "journey_step":
		return Words{"step {step}: {why}", "步骤 {step}：{why}"}, true
	case "journey_cookie_jar":
		return Words{"the cookies cannot be kept: {error}", "无法保存 Cookie：{error}"}, true
	case "journey_nothing_to_extract":
		return Words{"nothing to extract for {name}: {why}", "提取 {name} 失败：{why}"}, true
	case "journey_extract_too_long":
		return Words{"what was extracted for {name} has {n} bytes, at most {limit} are allowed", "为 {name} 提取的内容有 {n} 字节，上限为 {limit} 字节"}, true
	case "promql_unanswered":
		return Words{"the query was not answered: {error}", "查询没有得到结果：{error}"}, true
	case "promql_partial":
		return Words{"the answer is not whole: {warning}[, and {more:warning|warnings} more]", "查询结果不完整：{warning}[，另有 {more} 条警告]"}, true
	case "promql_type":
		return Words{"the query gives a {type}, want a scalar or an instant vector", "查询结果的类型是 {type}，期望标量或瞬时向量"}, true
	case "promql_empty":
		return Words{"the result is empty", "查询结果为空"}, true
	case "promql_not_number":
		return Words{"the result is not a number[: {series}]", "查询结果不是数字[：{series}]"}, true
	case "promql_value":
		return Words{"{got} is not {want}[: {series}][, and {more} more]", "{got} 不满足 {want}[：{series}][，另有 {more} 个]"}, true
	case "scrape_not_text":
		return Words{"the body is not in Prometheus' text format: {error}", "响应体不是 Prometheus 文本格式：{error}"}, true
	case "scrape_too_many":
		return Words{"{n} series are chosen, at most {limit} are taken (max_series): choose fewer", "选中了 {n} 个时间序列，上限为 {limit}（max_series）：请缩小范围"}, true
	case "scrape_not_number":
		return Words{"{series} is not a number", "{series} 不是数字"}, true
	case "scrape_low":
		return Words{"{series} is {got}, at least {limit} wanted", "{series} 为 {got}，下限为 {limit}"}, true
	case "scrape_high":
		return Words{"{series} is {got}, at most {limit} wanted", "{series} 为 {got}，上限为 {limit}"}, true
	case "scrape_missing":
		return Words{"{metric} is not there", "没有指标 {metric}"}, true
	case "page_chromium_not_found":
		return Words{"chromium: {path} is not a program: install Chromium (Debian: apt-get install chromium) or correct the path", "chromium：{path} 不是可执行程序，请安装 Chromium（Debian：apt-get install chromium）或改正路径"}, true
	case "page_no_chromium":
		return Words{"there is no Chromium on PATH: install it (Debian: apt-get install chromium) or give its path as chromium", "PATH 中没有 Chromium，请安装（Debian：apt-get install chromium）或用 chromium 指定路径"}, true
	case "page_no_profile":
		return Words{"the folder for the browser's profile could not be made: {error}", "无法创建浏览器的配置目录：{error}"}, true
	case "page_no_sandbox":
		return Words{"Chromium cannot make its sandbox here: run the guardian as another user than root, or set no_sandbox", "Chromium 无法在此建立沙箱：请不要用 root 运行 Guardian，或设置 no_sandbox"}, true
	case "page_start_timeout":
		return Words{"Chromium did not start in time: raise the check's timeout", "Chromium 没有及时启动：请调大该检查的 timeout"}, true
	case "page_not_started":
		return Words{"Chromium could not be started: {error}", "Chromium 无法启动：{error}"}, true
	case "page_browser_failed":
		return Words{"Chromium failed while {doing}: {error}", "Chromium 在{doing}时出错：{error}"}, true
	case "page_timeout":
		return Words{"the look's time was over while {doing}", "{doing}时超时"}, true
	case "page_no_answer":
		return Words{"the page came without an answer of a server", "页面没有收到服务器的响应"}, true
	case "page_not_loaded":
		return Words{"the page could not be loaded: {error}", "页面无法加载：{error}"}, true
	case "page_no_element":
		return Words{"the element {element} did not appear", "元素 {element} 没有出现"}, true
	case "page_bad_selector":
		return Words{`{setting}: "{element}" is not a CSS selector`, "{setting}：“{element}”不是 CSS 选择器"}, true
	case "page_slow_ttfb":
		return Words{"the first byte came after {took}, at most {limit} wanted", "首字节耗时 {took}，上限为 {limit}"}, true
	case "page_slow_fcp":
		return Words{"something showed after {took}, at most {limit} wanted", "首次内容绘制（FCP）耗时 {took}，上限为 {limit}"}, true
	case "page_slow_lcp":
		return Words{"the largest part showed after {took}, at most {limit} wanted", "最大内容绘制（LCP）耗时 {took}，上限为 {limit}"}, true
	case "page_slow_load":
		return Words{"the page was loaded after {took}, at most {limit} wanted", "页面加载耗时 {took}，上限为 {limit}"}, true
	case "page_layout_shift":
		return Words{"the layout shifted by {got}, at most {limit} wanted", "布局偏移（CLS）为 {got}，上限为 {limit}"}, true
	case "page_console_errors":
		return Words{"{n:error|errors} on the console, at most {limit} wanted: {first}", "控制台有 {n} 个错误，上限为 {limit}：{first}"}, true
	default:
		return Words{}, false
	}
}
