package marketplace

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"net/http"
	"time"
)

// beijing is the offset of the day by which Shopee and AliExpress count.
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
		fault: shopeeFault,
		expiry: func(a Answer, _ time.Time) (time.Time, time.Duration, bool) {
			var body struct {
				Expires word `json:"expire_time"`
			}
			decode(a.Body, &body)
			at, ok := body.Expires.epoch()
			return at, 14 * 24 * time.Hour, ok
		},
		codes: []known{
			{code: "error_rate_limit", class: Throttled, words: "Too many requests in a short time."},
			{code: "error_limit", class: Throttled, words: "The app's daily quota is used up until 00:00 (UTC+8); a few operations say this to a burst, too.", wait: untilMidnight},
			{code: "error_api_call_restricted", contains: "permission", class: Permission, words: "Shopee has restricted what the app may call."},
			{code: "error_api_call_restricted", class: Throttled, words: "Calls of this operation are restricted."},
			{code: "error_auth", contains: "access_token", class: CredentialBad, words: "The access token is not taken."},
			{code: "error_auth", contains: "partner_id", class: CredentialBad, words: "The partner ID is not taken."},
			{code: "error_auth", contains: "app is deleted", class: CredentialBad, words: "The app was deleted."},
			{code: "error_auth", contains: "system error", class: TheirFault, words: "Shopee has an error of its own."},
			{code: "error_auth", class: Permission, words: "The shop may not do this."},
			{code: "error_param", contains: "invalid partner_id", class: CredentialBad, words: "The partner ID is not taken."},
			{code: "error_param", contains: "currently offline", class: Deprecated, words: "What was called is offline, or its path is wrong."},
			{code: "error_param", contains: "timestamp is expired", class: OurFault, words: "The timestamp is more than 5 minutes away from Shopee's clock: look at ours."},
			{code: "error_sign", class: CredentialBad, words: "The signature is not taken: the partner key, or what it signs."},
			{code: "source_ip_undeclared", class: Permission, words: "The address that calls is not on the app's list of addresses."},
			{code: "shop_access_expired", class: CredentialBad, words: "The shop's authorisation has expired: the seller has to give it again."},
			{code: "error_partner_key_expired", class: CredentialBad, words: "The partner key has expired."},
			{code: "merchant_access_expired", class: CredentialBad, words: "The merchant's authorisation has expired: the seller has to give it again."},
			{code: "supplier_access_expired", class: CredentialBad, words: "The supplier's authorisation has expired: the seller has to give it again."},
			{code: "shop_no_linked", class: CredentialBad, words: "The shop has not authorised the app."},
			{code: "merchant_no_linked", class: CredentialBad, words: "The merchant has not authorised the app."},
			{code: "supplier_no_linked", class: CredentialBad, words: "The supplier has not authorised the app."},
			{code: "partner_shop_no_link", class: CredentialBad, words: "The shop has not authorised the app."},
			{code: "invalid_partner_id", class: CredentialBad, words: "The partner ID is not taken."},
			{code: "refresh_token_expired", class: CredentialBad, words: "The refresh token has expired."},
			{code: "error_shop_refresh_token", class: CredentialBad, words: "The refresh token is not taken."},
			{code: "error_merchant_refresh_token", class: CredentialBad, words: "The refresh token is not taken."},
			{code: "invalid_code", class: CredentialBad, words: "The authorisation code is not taken."},
			{code: "invalid_access_token", class: CredentialBad, words: "The access token is not taken."},
			{code: "invalid_acceess_token", class: CredentialBad, words: "The access token is not taken."}, // sic
			{code: "error_permission", class: Permission, words: "The app may not call this."},
			{code: "error_api_permission", class: Permission, words: "The app's type may not call this."},
			{code: "error_ashop_api_permission", class: Permission, words: "An affiliate shop may not call this."},
			{code: "error_kyc_auth", class: Permission, words: "The seller has to finish the registration first."},
			{code: "error_perm_non_admin", class: Permission, words: "Only the shop's main account may do this."},
			{code: "error_seller_under_penalty", class: Permission, words: "The seller is under a penalty."},
			{code: "error_busi_invalid_shop_status", class: Permission, words: "The shop's status does not allow this."},
			{code: "error_busi_invalid_account_status", class: Permission, words: "The account's status does not allow this."},
			{code: "shop_banned", class: Permission, words: "The shop is banned."},
			{code: "api_suspended", class: Deprecated, words: "What was called was taken away."},
			{code: "error_server", class: TheirFault, words: "Shopee has an error of its own."},
			{code: "error_inner", class: TheirFault, words: "Shopee has an error of its own."},
			{code: "error_system_busy", class: TheirFault, words: "Shopee is busy."},
			{code: "error_network", class: TheirFault, words: "Shopee has an error of its own."},
			{code: "error_marshal", class: TheirFault, words: "Shopee has an error of its own."},
			{code: "error_get_shop_fail", class: TheirFault, words: "Shopee has an error of its own."},
			{code: "error_unknown", class: TheirFault, words: "Shopee has an error of its own."},
			{contains: "contact openapi team", class: TheirFault, words: "Shopee has an error of its own."},
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
