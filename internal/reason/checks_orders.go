package reason

// orderWords are the codes of synthetic orders, pushes and quotas.
func orderWords(code string) (Words, bool) {
	switch code {
	case "order_open_unread":
		return Words{"nothing was pushed: the open synthetic orders could not be read: {error}", "没有推送：无法读取未清理的测试订单：{error}"}, true
	case "order_daily_limit":
		return Words{"nothing was pushed: {n:synthetic order|synthetic orders} today is the daily limit (max_orders_per_day); it goes on at 00:00 UTC", "没有推送：今天已推送 {n} 个测试订单，达到每日上限（max_orders_per_day），UTC 00:00 后继续"}, true
	case "order_uncleaned_limit":
		return Words{"nothing was pushed: {n:synthetic order waits|synthetic orders wait} for cleanup (max_uncleaned)", "没有推送：有 {n} 个测试订单等待清理（max_uncleaned）"}, true
	case "order_no_time":
		return Words{"nothing was pushed: push.timeout, lookup.within and cleanup.timeout need {need}, and the look has {left}: raise the check's timeout", "没有推送：push.timeout、lookup.within 和 cleanup.timeout 共需 {need}，而本次探测只有 {left}：请调大该检查的 timeout"}, true
	case "order_no_id":
		return Words{"nothing was pushed: no order ID could be made: {error}", "没有推送：无法生成订单标识：{error}"}, true
	case "order_unfilled":
		return Words{"nothing was pushed: the push could not be built: {error}", "没有推送：无法生成推送请求：{error}"}, true
	case "order_not_recorded":
		return Words{"nothing was pushed: the order could not be recorded in the journal: {error}", "没有推送：无法记入日志：{error}"}, true
	case "order_push_failed":
		return Words{"push: {why}", "推送：{why}"}, true
	case "order_slow":
		return Words{"slow: visible after {took}, at most {limit} wanted", "过慢：{took}后才可见，上限为 {limit}"}, true
	case "order_lost":
		return Words{"order lost: accepted, but not visible within {waited}", "订单丢失：已被接收，但 {waited}内不可见"}, true
	case "order_unseen":
		return Words{"accepted, but for {waited} it could not be checked whether it arrived: {why}", "已被接收，但 {waited}内无法确认是否到达：{why}"}, true
	case "order_lookup_failed":
		return Words{"accepted, but the lookup failed for {waited}: {why}", "已被接收，但查询订单的接口 {waited}内没有正常响应：{why}"}, true
	case "order_not_there":
		return Words{"the order is not there", "订单不存在"}, true
	case "order_changed":
		return Words{"the order arrived changed: {fields}", "到达的订单内容有变：{fields}"}, true
	case "order_field_missing":
		return Words{"{field} is missing", "缺少 {field}"}, true
	case "order_field_differs":
		return Words{`{field} is "{got}" instead of "{want}"`, "{field} 为“{got}”，应为“{want}”"}, true
	case "order_forged":
		return Words{"a push with a wrong signature was accepted (status {status}): verify it and answer 401, or anybody can make orders", "签名错误的推送被接受了（状态码 {status}）：请验证签名并返回 401，否则任何人都能伪造订单"}, true
	case "order_forged_though_refused":
		return Words{"a push with a wrong signature was refused (status {status}), but its order is there", "签名错误的推送被拒绝了（状态码 {status}），但其订单仍然存在"}, true
	case "order_forged_unknown":
		return Words{"a push with a wrong signature was refused, but it could not be checked whether its order is there: {why}", "签名错误的推送被拒绝了，但无法确认其订单是否存在：{why}"}, true
	case "order_forgery_unknown":
		return Words{"it could not be checked whether a push with a wrong signature is refused: {why}", "无法确认签名错误的推送是否会被拒绝：{why}"}, true
	case "order_left_behind":
		return Words{"{n:synthetic order stays|synthetic orders stay} behind and must be removed by hand; {order}: the cleanup failed {tries:time|times}[: {why}]", "{n} 个测试订单残留，必须手工删除；{order}：清理失败 {tries} 次[：{why}]"}, true
	case "order_and":
		return Words{"{why}; {more}", "{why}；{more}"}, true
	case "order_never_sent":
		return Words{"it was never sent", "从未发出"}, true
	case "order_never_appeared":
		return Words{"it never appeared", "一直没有出现"}, true
	case "order_not_yet_there":
		return Words{"it has not appeared yet", "尚未出现"}, true
	case "order_cleanup_found_none":
		return Words{"the cleanup found no such order, but it is visible", "清理时没有找到该订单，但它仍然可见"}, true
	case "order_cleanup_unknown":
		return Words{"the cleanup found no such order, and it could not be checked whether it is there: {why}", "清理时没有找到该订单，也无法确认它是否存在：{why}"}, true
	case "order_ref_unknown":
		return Words{"the target's ID of the order is not known: {why}", "不知道对方系统中的订单号：{why}"}, true
	case "order_ref_unset":
		return Words{"the target's ID of the order is not known; set lookup.http.ref, or clean up by the template .ID", "不知道对方系统中的订单号；请设置 lookup.http.ref，或用模板 .ID 清理"}, true
	case "push_not_counted":
		return Words{"{platform} does not count this as an answer: {why}", "{platform} 不会把这当作有效响应：{why}"}, true
	case "push_status":
		return Words{"status {status} instead of {want}", "状态码 {status}，应为 {want}"}, true
	case "push_body":
		return Words{"a body of {n:byte|bytes} instead of none", "响应体有 {n} 字节，应为空"}, true
	case "push_slow":
		return Words{"{took} until the answer instead of at most {limit}", "响应耗时 {took}，上限为 {limit}"}, true
	case "push_slow_connect":
		return Words{"{took} to connect instead of at most {limit}", "建立连接耗时 {took}，上限为 {limit}"}, true
	case "quota_unread":
		return Words{"the quota could not be read: {why}", "无法读取配额：{why}"}, true
	case "quota_no_header":
		return Words{"status {status} came without a quota header; the headers are: {headers}", "响应（状态码 {status}）没有配额相关的响应头；响应头有：{headers}"}, true
	case "quota_throttled":
		return Words{"{operation} is throttled: {why}[, retry after {wait}]", "{operation} 被限流：{why}[（{wait}后重试）]"}, true
	case "quota_throttled_status":
		return Words{"status {status}", "状态码 {status}"}, true
	case "quota_none_left":
		return Words{"the quota of {operation} is used up[ ({policy})][; it resets in {reset}]", "{operation} 的配额已用完[（{policy}）][，{reset}后恢复]"}, true
	case "quota_used":
		return Words{"{used%} of the quota of {operation} is used, under {limit%} wanted[ ({policy})][; it resets in {reset}]", "{operation} 的配额已用 {used%}，要求低于 {limit%}[（{policy}）][，{reset}后恢复]"}, true
	case "quota_of":
		return Words{"{operation} of {marketplace}[, shop {shop}][, application {app}]", "{marketplace} 的 {operation}[，店铺 {shop}][，应用 {app}]"}, true
	case "quota_sandbox":
		return Words{"{operation} of {marketplace} (sandbox)[, shop {shop}][, application {app}]", "{marketplace}（沙箱）的 {operation}[，店铺 {shop}][，应用 {app}]"}, true
	case "quota_resting":
		return Words{"{quota} was throttled; no calls until {until}", "{quota}被限流，暂停调用至 {until}"}, true
	case "quota_share_used":
		return Words{"the guardian's share of {quota} is used until {until}", "Guardian 在{quota}的配额份额已用完，{until} 恢复"}, true
	default:
		return Words{}, false
	}
}
