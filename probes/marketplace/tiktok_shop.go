package marketplace

import (
	"crypto/sha256"
	"mime"
	"net/http"
	"strings"
	"time"
)

// tiktokShop is the TikTok Shop API (partner.tiktokshop.com). Its limits depend on
// the load of app, shop and endpoint, and are not told before they are exceeded.
func tiktokShop() Platform {
	return Platform{
		Name: "tiktok_shop", Title: "TikTok Shop",
		Hosts:   []string{"open-api.tiktokglobalshop.com"},
		Sandbox: Sandbox{Words: "There is none since API version 202309: test shops and test orders of the Partner Center."},
		Usage:   Inferred,
		Operations: []Operation{
			{Name: "getAuthorizedShops", Method: http.MethodGet, Path: "/authorization/202309/shops"},
			{Name: "searchOrders", Method: http.MethodPost, Path: "/order/202309/orders/search"},
			{Name: "getOrders", Method: http.MethodGet, Path: "/order/202507/orders"},
		},
		SafeRead: SafeRead{Operation: "getAuthorizedShops", Every: time.Minute, Why: "it proves the credential, needs no shop_cipher and reads no order"},
		Push: Push{
			Topic: "1", Build: tiktokPush,
			Signed: true, Digits: true, Paid: "AWAITING_SHIPMENT",
			Answer:  Receipt{From: 200, To: 299},
			Retries: "after 2 minutes, 30 minutes, 3 hours and 12 hours",
			Words:   "Repeats have the same tts_notification_id. Type 6 is a withdrawn authorisation, type 7 one that ends soon. The deadline is not published.",
		},
		Feeds:    []Feed{{URL: "https://partner.tiktokshop.com/docv2/page/changelog", Format: "html", Words: "announcements; versions are in the paths"}},
		complete: tiktokComplete, signedIn: "query",
		request: inQuery("sign", tiktokRequest),
		push:    inHeader("Authorization", appKeyAndBody),
		faults:  single(tiktokFault),
		expiry: func(a Answer, _ time.Time) (time.Time, time.Duration, bool) {
			var body struct {
				Data struct {
					Refresh word `json:"refresh_token_expire_in"` // a time in spite of its name
				} `json:"data"`
			}
			decode(a.Body, &body)
			at, ok := body.Data.Refresh.epoch()
			return at, 14 * 24 * time.Hour, ok
		},
		codes: []known{
			{code: "36009002", class: Throttled, why: "market_too_fast_back_off"},
			{code: "36009037", class: Throttled, why: "market_too_fast"},
			{code: "105002", class: CredentialBad, why: "market_token_expired"},
			{code: "105001", class: CredentialBad, why: "market_token_refused"},
			{code: "105005", class: Permission, why: "market_scope_missing"},
			{code: "106001", class: CredentialBad, why: "market_signature_refused_app_secret"},
			{code: "106013", class: OurFault, why: "market_shop_cipher_missing"},
			{code: "101000", class: OurFault, why: "market_header_invalid"},
			{code: "36009003", class: TheirFault, why: "market_internal_error"},
			{code: "36009007", class: TheirFault, why: "market_internal_timeout"},
			{code: "36004004", class: CredentialBad, why: "market_auth_code_refused"},
			{code: "36009033", class: Permission, why: "market_address_not_listed"},
			// One code for about a dozen errors, which only the message distinguishes.
			{code: "36009004", contains: "timestamp", class: OurFault, why: "market_clock_30s"},
			{code: "36009004", contains: "current time", class: OurFault, why: "market_clock_30s"},
			{code: "36009004", contains: "too many requests", class: Throttled, why: "market_too_fast"},
			{code: "36009004", contains: "rate limit", class: Throttled, why: "market_too_fast"},
			{code: "36009004", contains: "access_token", class: CredentialBad, why: "market_token_refused"},
			{code: "36009004", contains: "access token", class: CredentialBad, why: "market_token_refused"},
			{code: "36009004", contains: "signature", class: CredentialBad, why: "market_signature_refused"},
			{code: "36009004", contains: "app_key", class: CredentialBad, why: "market_app_key_refused"},
			{code: "36009004", contains: "x-tts-access-token", class: CredentialBad, why: "market_token_refused"},
			{code: "36009004", contains: "scope", class: Permission, why: "market_scope_missing"},
			{code: "36009004", contains: "api version", class: Deprecated, why: "market_version_not_served"},
			{code: "36009004", contains: "permission", class: Permission, why: "market_app_not_allowed"},
			{code: "36009004", contains: "deprecated", class: Deprecated, why: "market_operation_deprecated"},
			{code: "36009004", class: OurFault, why: "market_refused"},
			{code: "36009014", class: Deprecated, why: "market_version_not_served"},
			// Each resource has its own codes; only their messages tell whose error it is.
			{contains: "internal error", class: TheirFault, why: "market_internal_error"},
			{contains: "failed to get orders", class: TheirFault, why: "market_internal_error"},
			{contains: "no permission", class: Permission, why: "market_seller_not_allowed"},
			{contains: "have the permission", class: Permission, why: "market_seller_not_allowed"},
			{contains: "does not belong to the current seller", class: Permission, why: "market_other_seller"},
		},
	}
}

// tiktokRequest signs path, sorted parameters and body, wrapped in the secret. The token is
// never signed, wherever it is, and the body of an upload is not.
func tiktokRequest(c Call, k Keys) (string, error) {
	if err := unusable(needsSecret(k, "the app secret"), needsPath(c, "/authorization/202309/shops")); err != nil {
		return "", err
	}
	base := c.Path + sorted(c.Query, "sign", "access_token")
	kind, _, err := mime.ParseMediaType(c.Header.Get("Content-Type"))
	if err != nil {
		kind, _, _ = strings.Cut(strings.ToLower(c.Header.Get("Content-Type")), ";")
	}
	if !strings.HasPrefix(strings.TrimSpace(kind), "multipart/") {
		base += string(c.Body)
	}
	secret := k.Secret.Reveal()
	return mac(sha256.New, k.Secret, secret, base, secret), nil
}

func tiktokFault(a Answer) fault {
	var body struct {
		Code    word `json:"code"`
		Message word `json:"message"`
	}
	if !decode(a.Body, &body) {
		return fault{unreadable: true}
	}
	if body.Code == "0" || body.Code == "" {
		return fault{}
	}
	return fault{code: string(body.Code), message: string(body.Message)}
}

func tiktokPush(o Order) Message {
	type data struct {
		Hold    bool   `json:"is_on_hold_order"`
		Order   string `json:"order_id"`
		Status  string `json:"order_status"`
		Updated int64  `json:"update_time"`
	}
	return post(struct {
		Type      int    `json:"type"`
		ID        string `json:"tts_notification_id"`
		Shop      string `json:"shop_id"`
		Timestamp int64  `json:"timestamp"`
		Data      data   `json:"data"`
	}{1, o.Delivery, o.Shop, o.At.Unix(), data{false, o.ID, orElse(o.Status, "UNPAID"), o.At.Unix()}}, nil)
}
