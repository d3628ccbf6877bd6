package reason

// httpWords are the codes of what comes over HTTP, TLS, TCP, DNS and gRPC.
func httpWords(code string) (Words, bool) {
	switch code {
	case "http_status":
		return Words{"status {status}, want {want}", "状态码 {status}，期望 {want}"}, true
	case "http_header_missing":
		return Words{"the header {header} is missing", "缺少响应头 {header}"}, true
	case "http_header_mismatch":
		return Words{"the header {header} does not match {pattern}", "响应头 {header} 与 {pattern} 不匹配"}, true
	case "http_header_line_break":
		return Words{"the request header {header} contains a line break", "请求头 {header} 含有换行符"}, true
	case "http_body_lacks":
		return Words{`the body does not contain "{text}"`, "响应体中没有“{text}”"}, true
	case "http_body_contains":
		return Words{`the body contains "{text}"`, "响应体中出现了“{text}”"}, true
	case "http_body_mismatch":
		return Words{"the body does not match {pattern}", "响应体与 {pattern} 不匹配"}, true
	case "http_body_matches":
		return Words{"the body matches {pattern}", "响应体匹配了不应出现的 {pattern}"}, true
	case "http_body_too_long":
		return Words{"the body is longer than {limit} bytes (body_limit)", "响应体超过 {limit} 字节（body_limit）"}, true
	case "body_coding_unknown":
		return Words{"the body cannot be read: its content encoding {coding} is not known", "无法读取响应体：不支持内容编码 {coding}"}, true
	case "body_coding_broken":
		return Words{"the body cannot be read: it is not proper {coding} ({error})", "无法读取响应体：不是有效的 {coding} 数据（{error}）"}, true
	case "body_charset_unknown":
		return Words{"the body cannot be read: its character set {charset} is not known", "无法读取响应体：不支持字符集 {charset}"}, true
	case "body_charset_broken":
		return Words{"the body cannot be read: it is not in {charset}, as it declares", "无法读取响应体：声明的字符集是 {charset}，内容却不是"}, true
	case "body_charset_untold":
		return Words{"the body cannot be read for sure: it is not UTF-8 and declares no character set (set charset)", "无法可靠地读取响应体：不是 UTF-8，也没有声明字符集（请设置 charset）"}, true
	case "http_not_json":
		return Words{"the body is not JSON", "响应体不是 JSON"}, true
	case "http_graphql_errors":
		return Words{"{why}; GraphQL says: {said}", "{why}；GraphQL 返回的错误：{said}"}, true
	case "http_slow":
		return Words{"took {took}, at most {limit} allowed", "耗时 {took}，上限为 {limit}"}, true
	case "http_too_many_redirects":
		return Words{"more redirects than max_redirects allows", "重定向次数超过 max_redirects 的上限"}, true
	case "json_present":
		return Words{"json {path} is there", "JSON 中不应有 {path}"}, true
	case "json_missing":
		return Words{"json {path} is missing", "JSON 中缺少 {path}"}, true
	case "json_differs":
		return Words{`json {path} is "{got}", want "{want}"`, "JSON 中 {path} 为“{got}”，期望“{want}”"}, true
	case "json_mismatch":
		return Words{`json {path} is "{got}", which does not match {pattern}`, "JSON 中 {path} 为“{got}”，与 {pattern} 不匹配"}, true
	case "json_unlike":
		return Words{"json {path} does not match {pattern}", "JSON 中 {path} 与 {pattern} 不匹配"}, true
	case "json_not_number":
		return Words{`json {path} is "{got}", want a number`, "JSON 中 {path} 为“{got}”，不是数字"}, true
	case "json_low":
		return Words{"json {path} is {got}, at least {limit} wanted", "JSON 中 {path} 为 {got}，下限为 {limit}"}, true
	case "json_high":
		return Words{"json {path} is {got}, at most {limit} wanted", "JSON 中 {path} 为 {got}，上限为 {limit}"}, true
	case "tls_handshake_failed":
		return Words{"the TLS handshake failed: {error}", "TLS 握手失败：{error}"}, true
	case "tls_certificate_refused":
		return Words{"the certificate is not accepted: {error}", "证书校验未通过：{error}"}, true
	case "tls_certificate_expired":
		return Words{"the certificate is not accepted: {error}", "证书已过期或尚未生效：{error}"}, true
	case "tls_certificate_over":
		return Words{"the certificate is not accepted: {subject} has been expired since {since@} ({age})", "证书未通过校验：{subject} 自 {since@} 起已过期（{age}）"}, true
	case "tls_certificate_early":
		return Words{"the certificate is not accepted: {subject} is valid only from {from}", "证书未通过校验：{subject} 要到 {from} 才生效"}, true
	case "tls_certificate_untrusted":
		return Words{"the certificate is not accepted: {error}", "证书的签发机构不受信任：{error}"}, true
	case "tls_certificate_wrong_name":
		return Words{"the certificate is not accepted: {error}", "证书与主机名不符：{error}"}, true
	case "tls_chain_expires":
		return Words{"a certificate of the chain expires in {left}, on {at}; at least {least} wanted", "证书链中有证书将在 {left}后（{at}）过期，要求至少还有 {least}"}, true
	case "tls_chain_expired":
		return Words{"a certificate of the chain expired on {at}", "证书链中有证书已于 {at} 过期"}, true
	case "tls_chain_over":
		return Words{"a certificate of the chain has been expired since {since@} ({age})", "证书链中有证书自 {since@} 起已过期（{age}）"}, true
	case "tls_version":
		return Words{"{got} was negotiated, at least TLS {least} wanted", "协商到的版本是 {got}，要求至少 TLS {least}"}, true
	case "tls_starttls_refused":
		return Words{`the {protocol} server says "{said}", want {want}`, "{protocol} 服务器返回“{said}”，期望 {want}"}, true
	case "tls_ocsp_missing":
		return Words{"no OCSP response is stapled", "握手时没有附带 OCSP 响应"}, true
	case "tls_ocsp_invalid":
		return Words{"the stapled OCSP response is not valid: {error}", "附带的 OCSP 响应无效：{error}"}, true
	case "tls_ocsp_unknown":
		return Words{"the stapled OCSP response does not know the certificate", "附带的 OCSP 响应不认识该证书"}, true
	case "tls_ocsp_outdated":
		return Words{"the stapled OCSP response is out of date since {since}", "附带的 OCSP 响应自 {since} 起已过期"}, true
	case "tls_revoked":
		return Words{"the certificate was revoked on {at}", "证书已于 {at} 被吊销"}, true
	case "tcp_no_match":
		return Words{"{step}: {n:byte|bytes} came, and none match {pattern}", "{step}：收到 {n} 字节，与 {pattern} 不匹配"}, true
	case "tcp_mismatch":
		return Words{`{step}: "{heard}" does not match {pattern}: {why}`, "{step}：“{heard}”与 {pattern} 不匹配：{why}"}, true
	case "dns_malformed":
		return Words{"the answer is not a proper DNS message: {error}", "收到的不是有效的 DNS 响应：{error}"}, true
	case "dns_other_question":
		return Words{"the answer is for another question: {name} {type}", "响应对应的是另一个查询：{name} {type}"}, true
	case "dns_rcode":
		return Words{"the answer for {name} {type} is {got}, want {want}", "{name} {type} 的响应码为 {got}，期望 {want}"}, true
	case "dns_too_few":
		return Words{"{n} records of type {type} came for {name}, at least {least} wanted", "{name} 只返回 {n} 条 {type} 记录，要求至少 {least} 条"}, true
	case "dns_record_missing":
		return Words{"{wanted} is not among the answers for {name} {type}[, which are: {got}]", "{name} {type} 的记录中没有 {wanted}[，返回的是：{got}]"}, true
	case "dns_record_mismatch":
		return Words{"the answer {record} for {name} {type} does not match {pattern}", "{name} {type} 的记录 {record} 与 {pattern} 不匹配"}, true
	case "dns_record_unwanted":
		return Words{"the answer {record} for {name} {type} is not a wanted one", "{name} {type} 的记录 {record} 不在期望之列"}, true
	case "grpc_health":
		return Words{"the health service says {status}[ of {service}]", "健康检查服务返回[ {service} 的状态] {status}"}, true
	case "grpc_no_health_service":
		return Words{"the server has no grpc.health.v1 service: {said}", "服务器没有 grpc.health.v1 服务：{said}"}, true
	case "grpc_unknown_service":
		return Words{"the health service does not know[ {service}] (NOT_FOUND)", "健康检查服务不认识该服务[ {service}]（NOT_FOUND）"}, true
	case "grpc_error":
		return Words{"the health service answers {code}: {said}", "健康检查服务返回 {code}：{said}"}, true
	default:
		return Words{}, false
	}
}
