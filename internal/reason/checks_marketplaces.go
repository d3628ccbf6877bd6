package reason

// marketplaceWords are the codes of what marketplaces answer.
func marketplaceWords(code string) (Words, bool) {
	switch code {
	case "market_ok":
		return Words{"It works.", "调用正常。"}, true
	case "market_said":
		return Words{"It said: {said}", "对方返回：{said}"}, true
	case "market_see":
		return Words{"See {link}", "详见 {link}"}, true
	case "market_deprecated":
		return Words{"It works, but it is deprecated.", "调用正常，但该接口已被弃用。"}, true
	case "market_deprecated_from":
		return Words{"Deprecated from {at}.", "弃用时间：{at}。"}, true
	case "market_deprecated_until":
		return Words{"It ends at {at}.", "停用时间：{at}。"}, true
	case "market_version_replaced":
		return Words{"The version {asked} was asked for and {answered} answered: the former is no longer served.", "请求的是 {asked} 版本，响应的是 {answered} 版本：前者已不再提供。"}, true
	case "market_authorisation_ends":
		return Words{"It works, but the authorisation of the shop ends at {at}: renew it before.", "调用正常，但店铺授权将于 {at} 到期，请提前续期。"}, true
	case "market_sandbox_cannot":
		return Words{"The sandbox does not do this.", "沙箱不支持此操作。"}, true
	case "market_sandbox_no_case":
		return Words{"The sandbox has no case for these parameters: send exactly those of a documented case.", "沙箱没有与这些参数对应的用例：请按文档中的用例原样发送参数。"}, true
	case "market_token_refused":
		return Words{"The access token is not accepted.", "访问令牌无效。"}, true
	case "market_token_expired":
		return Words{"The access token has expired.", "访问令牌已过期。"}, true
	case "market_token_missing":
		return Words{"The access token is missing.", "请求没有带访问令牌。"}, true
	case "market_token_missing_or_refused":
		return Words{"The access token is missing, expired or not accepted.", "访问令牌缺失、过期或无效。"}, true
	case "market_token_refused_or_expired":
		return Words{"The access token is not accepted or has expired.", "访问令牌无效或已过期。"}, true
	case "market_token_type":
		return Words{"The token's type is not accepted.", "令牌类型不对。"}, true
	case "market_token_scopes":
		return Words{"The token's scopes do not cover this.", "令牌的授权范围不包含此操作。"}, true
	case "market_session_missing":
		return Words{"The session is missing.", "请求没有带会话令牌。"}, true
	case "market_session_refused_or_expired":
		return Words{"The session is not accepted or has expired.", "会话令牌无效或已过期。"}, true
	case "market_refresh_token_refused":
		return Words{"The refresh token is not accepted.", "刷新令牌无效。"}, true
	case "market_refresh_token_expired":
		return Words{"The refresh token has expired.", "刷新令牌已过期。"}, true
	case "market_refresh_token_refused_or_expired":
		return Words{"The refresh token is not accepted or has expired.", "刷新令牌无效或已过期。"}, true
	case "market_refresh_token_spent":
		return Words{"The refresh token or code is used, expired or revoked.", "刷新令牌或授权码已被使用、已过期或已被撤销。"}, true
	case "market_refresh_not_allowed":
		return Words{"The app may not renew this token.", "该应用不能刷新此令牌。"}, true
	case "market_grant_not_allowed":
		return Words{"The app may not ask for tokens in this way.", "该应用不能用这种方式获取令牌。"}, true
	case "market_grant_type":
		return Words{"The grant type is not accepted.", "不支持该授权类型（grant_type）。"}, true
	case "market_client_refused":
		return Words{"The client ID or client secret is not accepted.", "客户端 ID 或密钥无效。"}, true
	case "market_auth_code_refused":
		return Words{"The authorisation code is not accepted.", "授权码无效。"}, true
	case "market_app_authorisation_refused":
		return Words{"The app's authorisation is not accepted.", "应用的授权无效。"}, true
	case "market_app_key_refused":
		return Words{"The app key is not accepted.", "App Key 无效。"}, true
	case "market_partner_id_refused":
		return Words{"The partner ID is not accepted.", "Partner ID 无效。"}, true
	case "market_partner_key_expired":
		return Words{"The partner key has expired.", "Partner Key 已过期。"}, true
	case "market_credential_refused":
		return Words{"The credential is not accepted.", "凭证无效。"}, true
	case "market_credential_not_allowed":
		return Words{"The credential is known, but may not do this.", "凭证有效，但没有此操作的权限。"}, true
	case "market_signature_refused":
		return Words{"The signature is not accepted.", "签名无效。"}, true
	case "market_signature_refused_app_secret":
		return Words{"The signature is not accepted: check the app secret and what is signed.", "签名无效：请检查 App Secret 和参与签名的内容。"}, true
	case "market_signature_refused_partner_key":
		return Words{"The signature is not accepted: check the partner key and what is signed.", "签名无效：请检查 Partner Key 和参与签名的内容。"}, true
	case "market_signature_missing":
		return Words{"The signature is missing.", "请求没有签名。"}, true
	case "market_signature_unwanted":
		return Words{"The request has a wrong signature: this API wants none.", "请求带了错误的签名：该接口不需要签名。"}, true
	case "market_too_fast":
		return Words{"Too many requests.", "请求过于频繁。"}, true
	case "market_too_fast_back_off":
		return Words{"Too many requests: wait for 1 second, twice as long each time, up to 60.", "请求过于频繁：请等待 1 秒后重试，每次加倍，最多 60 秒。"}, true
	case "market_operation_too_fast":
		return Words{"The operation is called too often.", "该接口调用过于频繁。"}, true
	case "market_operation_next_second":
		return Words{"The operation is called too often; it may be called again in the next second.", "该接口调用过于频繁，下一秒可再次调用。"}, true
	case "market_operation_too_fast_or_off":
		return Words{"The operation is called too often, or is switched off for a while.", "该接口调用过于频繁，或被暂时关闭。"}, true
	case "market_operation_restricted":
		return Words{"Calls of this operation are restricted.", "该接口的调用受到限制。"}, true
	case "market_record_too_fast":
		return Words{"One record is asked for too often.", "对同一条数据的请求过于频繁。"}, true
	case "market_app_banned":
		return Words{"The app is banned for a while.", "应用被暂时封禁。"}, true
	case "market_quota_used":
		return Words{"The quota is used up.", "配额已用完。"}, true
	case "market_app_quota_used":
		return Words{"The app's quota is used up.", "应用的配额已用完。"}, true
	case "market_operation_quota_used":
		return Words{"The operation's quota is used up.", "该接口的配额已用完。"}, true
	case "market_app_operation_quota_used":
		return Words{"The app's quota of this operation is used up.", "应用在该接口的配额已用完。"}, true
	case "market_seller_quota_used":
		return Words{"The seller's quota is used up.", "卖家的配额已用完。"}, true
	case "market_endpoint_quota_used":
		return Words{"The endpoint's quota is used up.", "该端点的配额已用完。"}, true
	case "market_resource_daily_quota_used":
		return Words{"The day's quota of this resource is used up.", "该资源当日的配额已用完。"}, true
	case "market_call_daily_quota_used":
		return Words{"The day's quota of the call is used up.", "该调用当日的配额已用完。"}, true
	case "market_app_daily_quota_used":
		return Words{"The app's daily quota is used up; the day is Beijing's.", "应用当日（北京时间）的配额已用完。"}, true
	case "market_app_daily_quota_or_burst":
		return Words{"The app's daily quota is used up until 00:00 (UTC+8); a few operations say this to a burst, too.", "应用当日的配额已用完，00:00（UTC+8）恢复；个别接口在瞬时请求过多时也会返回此错误。"}, true
	case "market_rate_tokens_used":
		return Words{"The tokens are used up.", "限流令牌已用完。"}, true
	case "market_points_used":
		return Words{"The bucket of points is empty.", "点数桶已空。"}, true
	case "market_operation_bucket_empty":
		return Words{"The operation's bucket is empty.", "该接口的令牌桶已空。"}, true
	case "market_query_too_costly":
		return Words{"The query costs more than any bucket holds.", "单次查询的开销超过了点数桶的容量。"}, true
	case "market_scope_missing":
		return Words{"The app lacks the scope for this.", "应用缺少此操作的授权范围。"}, true
	case "market_scope_not_granted":
		return Words{"The scope that was asked for is not granted.", "没有获得所请求的授权范围。"}, true
	case "market_app_permission_missing":
		return Words{"The app lacks the permission for this operation.", "应用没有该接口的权限。"}, true
	case "market_seller_permission_missing":
		return Words{"The seller lacks the permission for this operation.", "卖家没有该接口的权限。"}, true
	case "market_role_missing":
		return Words{"The app lacks the role for what was asked for.", "应用缺少所请求内容的角色（role）。"}, true
	case "market_role_or_authorisation_missing":
		return Words{"The app lacks the role for this operation, or the seller did not authorise it.", "应用缺少该接口的角色（role），或卖家没有授权。"}, true
	case "market_app_not_allowed":
		return Words{"The app may not do this.", "应用没有此操作的权限。"}, true
	case "market_app_type_not_allowed":
		return Words{"The app's type may not call this.", "该类型的应用不能调用此接口。"}, true
	case "market_app_restricted":
		return Words{"{platform} has restricted what the app may call.", "{platform} 限制了该应用可调用的接口。"}, true
	case "market_app_deleted":
		return Words{"The app was deleted.", "应用已被删除。"}, true
	case "market_seller_not_allowed":
		return Words{"The seller may not do this.", "卖家没有此操作的权限。"}, true
	case "market_shop_not_allowed":
		return Words{"The shop may not do this.", "店铺没有此操作的权限。"}, true
	case "market_affiliate_not_allowed":
		return Words{"An affiliate shop may not call this.", "附属店铺不能调用此接口。"}, true
	case "market_main_account_only":
		return Words{"Only the shop's main account may do this.", "只有店铺主账号可以进行此操作。"}, true
	case "market_cross_border_only":
		return Words{"Only cross-border sellers may do this.", "只有跨境卖家可以进行此操作。"}, true
	case "market_shop_not_linked":
		return Words{"The shop has not authorised the app.", "店铺没有授权该应用。"}, true
	case "market_merchant_not_linked":
		return Words{"The merchant has not authorised the app.", "商户没有授权该应用。"}, true
	case "market_supplier_not_linked":
		return Words{"The supplier has not authorised the app.", "供应商没有授权该应用。"}, true
	case "market_shop_access_expired":
		return Words{"The shop's authorisation has expired: the seller has to give it again.", "店铺授权已过期，需要卖家重新授权。"}, true
	case "market_merchant_access_expired":
		return Words{"The merchant's authorisation has expired: the seller has to give it again.", "商户授权已过期，需要卖家重新授权。"}, true
	case "market_supplier_access_expired":
		return Words{"The supplier's authorisation has expired: the seller has to give it again.", "供应商授权已过期，需要卖家重新授权。"}, true
	case "market_address_not_listed":
		return Words{"The calling IP address is not on the app's allow list.", "调用方的 IP 地址不在应用的白名单中。"}, true
	case "market_shop_status":
		return Words{"The shop's status does not allow this.", "店铺当前的状态不允许此操作。"}, true
	case "market_account_status":
		return Words{"The account's status does not allow this.", "账号当前的状态不允许此操作。"}, true
	case "market_shop_locked":
		return Words{"The shop is locked.", "店铺已被锁定。"}, true
	case "market_shop_inactive":
		return Words{"The shop is inactive.", "店铺未激活。"}, true
	case "market_shop_frozen":
		return Words{"The shop is frozen: its bill is open.", "店铺已被冻结：有未付账单。"}, true
	case "market_shop_banned":
		return Words{"The shop is banned.", "店铺已被封禁。"}, true
	case "market_seller_penalty":
		return Words{"The seller is under a penalty.", "卖家正在受处罚。"}, true
	case "market_seller_not_verified":
		return Words{"The seller is not verified.", "卖家未通过认证。"}, true
	case "market_seller_not_active":
		return Words{"The seller is not active.", "卖家账号未激活。"}, true
	case "market_seller_registration":
		return Words{"The seller has to finish the registration first.", "卖家需要先完成注册。"}, true
	case "market_other_seller":
		return Words{"It is another seller's.", "该数据属于其他卖家。"}, true
	case "market_no_such_order":
		return Words{"There is no such order.", "没有该订单。"}, true
	case "market_version_not_served":
		return Words{"The version that was called is not served, or not any more.", "所调用的版本不存在或已不再提供。"}, true
	case "market_gone":
		return Words{"What was called was taken away.", "所调用的接口已下线。"}, true
	case "market_offline":
		return Words{"What was called is offline, or its path is wrong.", "所调用的接口已下线，或路径有误。"}, true
	case "market_operation_deprecated":
		return Words{"What was called is deprecated.", "所调用的接口已被弃用。"}, true
	case "market_moved":
		return Words{"The address has moved.", "地址已变更。"}, true
	case "market_clock_5m":
		return Words{"The timestamp is more than 5 minutes away from {platform}'s clock: check the clock of this machine.", "时间戳与 {platform} 的时钟相差超过 5 分钟：请检查本机时钟。"}, true
	case "market_clock_30s":
		return Words{"The timestamp is not within -5 minutes and +30 seconds of {platform}'s clock: check the clock of this machine.", "时间戳不在 {platform} 时钟的 -5 分钟至 +30 秒之内：请检查本机时钟。"}, true
	case "market_shop_cipher_missing":
		return Words{"query.shop_cipher is missing.", "缺少 query.shop_cipher。"}, true
	case "market_header_invalid":
		return Words{"A header is not valid.", "请求头有误。"}, true
	case "market_request_invalid":
		return Words{"The request is not one that {platform} takes.", "{platform} 不接受此请求。"}, true
	case "market_refused":
		return Words{"The request was refused.", "请求被拒绝。"}, true
	case "market_unknown_code":
		return Words{"The request was refused with a code that is not known here.", "请求被拒绝，返回的错误码未收录。"}, true
	case "market_feed_too_large":
		return Words{"The feed is larger than is allowed; this is no throttle.", "提交的数据文件过大，不是限流。"}, true
	case "market_busy":
		return Words{"{platform} is busy.", "{platform} 繁忙。"}, true
	case "market_overloaded":
		return Words{"{platform} has less capacity than it needs.", "{platform} 容量不足。"}, true
	case "market_unavailable":
		return Words{"{platform} has less capacity than it needs; this is no throttle.", "{platform} 容量不足，不是限流。"}, true
	case "market_internal_error":
		return Words{"{platform} has an error of its own.", "{platform} 内部出错。"}, true
	case "market_internal_timeout":
		return Words{"{platform}'s own service took too long.", "{platform} 的内部服务超时。"}, true
	case "market_internal_unavailable":
		return Words{"{platform}'s own service is not there.", "{platform} 的内部服务不可用。"}, true
	case "market_request_timeout":
		return Words{"{platform} gave up waiting for the request.", "{platform} 等待请求超时。"}, true
	case "market_unreadable":
		return Words{"Status {status} came with a body that is no answer of {platform}.", "响应（状态码 {status}）的内容不是 {platform} 的格式。"}, true
	default:
		return Words{}, false
	}
}
