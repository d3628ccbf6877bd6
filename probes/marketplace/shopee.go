package marketplace

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"net/http"
	"time"
)

// beijing is the UTC offset of the daily quotas of Shopee and AliExpress.
const beijing = 8 * time.Hour

// shopee is the Open Platform v2 (open.shopee.com). It publishes no numbers: what is used is
// counted, and a quota shows only when it is used up.
func shopee() Platform {
	untilMidnight := func(_ fault, _ Answer, now time.Time) (time.Duration, bool) { return nextMidnight(now, beijing), true }
	return Platform{
		Name: "shopee", Title: "Shopee",
		Hosts:   []string{"partner.shopeemobile.com", "openplatform.shopee.cn", "openplatform.shopee.com.br"},
		Sandbox: Sandbox{Hosts: []string{"openplatform.sandbox.test-stable.shopee.sg", "openplatform.sandbox.test-stable.shopee.cn"}, Words: "Partner IDs, keys and shops of its own."},
		Usage:   Inferred,
		Operations: []Operation{
			{Name: "get_shop_info", Method: http.MethodGet, Path: "/api/v2/shop/get_shop_info"},
			{Name: "get_order_list", Method: http.MethodGet, Path: "/api/v2/order/get_order_list"},
			{Name: "get_order_detail", Method: http.MethodGet, Path: "/api/v2/order/get_order_detail"},
			{Name: "get_app_push_config", Method: http.MethodGet, Path: "/api/v2/push/get_app_push_config"},
			{Name: "get_lost_push_message", Method: http.MethodGet, Path: "/api/v2/push/get_lost_push_message"},
		},
		SafeRead: SafeRead{Operation: "get_shop_info", Every: 5 * time.Minute, Why: "it tells in expire_time until when the shop's authorisation lives; the app's daily quota is shared by all shops"},
		Push: Push{
			Topic: "3", Build: shopeePush,
			Signed: true, Paid: "READY_TO_SHIP",
			Answer:  Receipt{From: 200, To: 299, Empty: true},
			Retries: "pushes that fail may disable the subscription",
			Lost:    "v2.push.get_lost_push_message, of the last 3 days",
			Words:   "The body of the answer must be empty. The deadline is not published.",
		},
		Feeds: []Feed{
			{URL: "https://open.shopee.com/opservice/api/v1/content/list?SPC_CDS_VER=2&category_id=55&page_size=10&page_index=1", Format: "json", Words: "announcements"},
			{URL: "https://open.shopee.com/opservice/api/v1/doc/api/?version=2&api_name=v2.order.get_order_list", Format: "json", Words: "an operation's page, to be compared"},
		},
		complete: shopeeComplete, signedIn: "query",
		request: inQuery("sign", shopeeRequest),
		push: inHeader("Authorization", func(c Call, k Keys) (string, error) {
			err := needs("secret", k.Secret.Reveal(), "the partner key", "callback_url", c.URL, "the registered address of the push, which is signed")
			return mac(sha256.New, k.Secret, c.URL, "|", string(c.Body)), err
		}),
		faults: single(shopeeFault),
		expiry: func(a Answer, _ time.Time) (time.Time, time.Duration, bool) {
			var body struct {
				Expires word `json:"expire_time"`
			}
			decode(a.Body, &body)
			at, ok := body.Expires.epoch()
			return at, 14 * 24 * time.Hour, ok
		},
		codes: []known{
			{code: "error_rate_limit", class: Throttled, why: "market_too_fast"},
			{code: "error_limit", class: Throttled, why: "market_app_daily_quota_or_burst", wait: untilMidnight},
			{code: "error_api_call_restricted", contains: "permission", class: Permission, why: "market_app_restricted"},
			{code: "error_api_call_restricted", class: Throttled, why: "market_operation_restricted"},
			{code: "error_auth", contains: "access_token", class: CredentialBad, why: "market_token_refused"},
			{code: "error_auth", contains: "partner_id", class: CredentialBad, why: "market_partner_id_refused"},
			{code: "error_auth", contains: "app is deleted", class: CredentialBad, why: "market_app_deleted"},
			{code: "error_auth", contains: "system error", class: TheirFault, why: "market_internal_error"},
			{code: "error_auth", class: Permission, why: "market_shop_not_allowed"},
			{code: "error_param", contains: "invalid partner_id", class: CredentialBad, why: "market_partner_id_refused"},
			{code: "error_param", contains: "currently offline", class: Deprecated, why: "market_offline"},
			{code: "error_param", contains: "timestamp is expired", class: OurFault, why: "market_clock_5m"},
			{code: "error_sign", class: CredentialBad, why: "market_signature_refused_partner_key"},
			{code: "source_ip_undeclared", class: Permission, why: "market_address_not_listed"},
			{code: "shop_access_expired", class: CredentialBad, why: "market_shop_access_expired"},
			{code: "error_partner_key_expired", class: CredentialBad, why: "market_partner_key_expired"},
			{code: "merchant_access_expired", class: CredentialBad, why: "market_merchant_access_expired"},
			{code: "supplier_access_expired", class: CredentialBad, why: "market_supplier_access_expired"},
			{code: "shop_no_linked", class: CredentialBad, why: "market_shop_not_linked"},
			{code: "merchant_no_linked", class: CredentialBad, why: "market_merchant_not_linked"},
			{code: "supplier_no_linked", class: CredentialBad, why: "market_supplier_not_linked"},
			{code: "partner_shop_no_link", class: CredentialBad, why: "market_shop_not_linked"},
			{code: "invalid_partner_id", class: CredentialBad, why: "market_partner_id_refused"},
			{code: "refresh_token_expired", class: CredentialBad, why: "market_refresh_token_expired"},
			{code: "error_shop_refresh_token", class: CredentialBad, why: "market_refresh_token_refused"},
			{code: "error_merchant_refresh_token", class: CredentialBad, why: "market_refresh_token_refused"},
			{code: "invalid_code", class: CredentialBad, why: "market_auth_code_refused"},
			{code: "invalid_access_token", class: CredentialBad, why: "market_token_refused"},
			{code: "invalid_acceess_token", class: CredentialBad, why: "market_token_refused"}, // sic
			{code: "error_permission", class: Permission, why: "market_app_not_allowed"},
			{code: "error_api_permission", class: Permission, why: "market_app_type_not_allowed"},
			{code: "error_ashop_api_permission", class: Permission, why: "market_affiliate_not_allowed"},
			{code: "error_kyc_auth", class: Permission, why: "market_seller_registration"},
			{code: "error_perm_non_admin", class: Permission, why: "market_main_account_only"},
			{code: "error_seller_under_penalty", class: Permission, why: "market_seller_penalty"},
			{code: "error_busi_invalid_shop_status", class: Permission, why: "market_shop_status"},
			{code: "error_busi_invalid_account_status", class: Permission, why: "market_account_status"},
			{code: "shop_banned", class: Permission, why: "market_shop_banned"},
			{code: "api_suspended", class: Deprecated, why: "market_gone"},
			{code: "error_server", class: TheirFault, why: "market_internal_error"},
			{code: "error_inner", class: TheirFault, why: "market_internal_error"},
			{code: "error_system_busy", class: TheirFault, why: "market_busy"},
			{code: "error_network", class: TheirFault, why: "market_internal_error"},
			{code: "error_marshal", class: TheirFault, why: "market_internal_error"},
			{code: "error_get_shop_fail", class: TheirFault, why: "market_internal_error"},
			{code: "error_unknown", class: TheirFault, why: "market_internal_error"},
			{contains: "contact openapi team", class: TheirFault, why: "market_internal_error"},
		},
	}
}

// shopeeRequest signs partner ID, path and timestamp, and for calls to a shop its token and
// ID; neither body nor other parameters. The key is the text of 64 characters as it is.
func shopeeRequest(c Call, k Keys) (string, error) {
	if err := unusable(
		needs("secret", k.Secret.Reveal(), "the partner key", "app_key", k.AppKey, "the partner ID"),
		errors.Join(
			needsPath(c, "/api/v2/shop/get_shop_info"),
			needs("query.timestamp", c.Query["timestamp"], "epoch seconds of the call"),
		),
	); err != nil {
		return "", err
	}
	base := k.AppKey + c.Path + c.Query["timestamp"]
	if token := c.Query["access_token"]; token != "" {
		whose := ""
		for _, id := range []string{"shop_id", "merchant_id", "principal_id"} {
			if whose == "" {
				whose = c.Query[id]
			}
		}
		if err := unusable(nil, needs("query.shop_id", whose, "whose access_token it is: one of shop_id, merchant_id, principal_id")); err != nil {
			return "", err
		}
		base += token + whose
	}
	return mac(sha256.New, k.Secret, base), nil
}

func shopeeFault(a Answer) fault {
	var body struct {
		Error   word `json:"error"`
		Message word `json:"message"`
	}
	if !decode(a.Body, &body) {
		return fault{unreadable: true}
	}
	if body.Error == "" {
		return fault{}
	}
	return fault{code: string(body.Error), message: string(body.Message)}
}

func shopeePush(o Order) Message {
	type data struct {
		Items    []struct{} `json:"items"`
		Order    string     `json:"ordersn"`
		Status   string     `json:"status"`
		Scenario string     `json:"completed_scenario"`
		Updated  int64      `json:"update_time"`
	}
	at := o.At.Unix()
	return post(struct {
		Data      data            `json:"data"`
		Shop      json.RawMessage `json:"shop_id"`
		Code      int             `json:"code"`
		Timestamp int64           `json:"timestamp"`
	}{data{[]struct{}{}, o.ID, orElse(o.Status, "UNPAID"), "", at}, asNumber(o.Shop), 3, at}, nil)
}
