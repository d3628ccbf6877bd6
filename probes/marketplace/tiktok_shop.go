package marketplace

import (
	"crypto/sha256"
	"mime"
	"net/http"
	"strings"
	"time"
)

// tiktokShop is the TikTok Shop API (partner.tiktokshop.com). Its limits move with the load
// of app, shop and endpoint, and nothing tells of them before they are over.
func tiktokShop() Platform {
	clock := "The timestamp is not within -5 minutes and +30 seconds of TikTok Shop's clock: look at ours."
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
		fault:   tiktokFault,
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
			{code: "36009002", class: Throttled, words: "Too many requests: wait for 1 second, twice as long each time, up to 60."},
			{code: "36009037", class: Throttled, words: "Too many requests."},
			{code: "105002", class: CredentialBad, words: "The access token has expired."},
			{code: "105001", class: CredentialBad, words: "The access token is not taken."},
			{code: "105005", class: Permission, words: "The app lacks the scope for this."},
			{code: "106001", class: CredentialBad, words: "The signature is not taken: the app secret, or what it signs."},
			{code: "106013", class: OurFault, words: "query.shop_cipher is missing."},
			{code: "101000", class: OurFault, words: "A header is not valid."},
			{code: "36009003", class: TheirFault, words: "TikTok Shop has an error of its own."},
			{code: "36009007", class: TheirFault, words: "TikTok Shop's own service took too long."},
			{code: "36004004", class: CredentialBad, words: "The authorisation code is not taken."},
			{code: "36009033", class: Permission, words: "The address that calls is not on the app's list of addresses."},
			// One code for about a dozen failures: only the message tells.
			{code: "36009004", contains: "timestamp", class: OurFault, words: clock},
			{code: "36009004", contains: "current time", class: OurFault, words: clock},
			{code: "36009004", contains: "too many", class: Throttled, words: "Too many requests."},
			{code: "36009004", contains: "rate limit", class: Throttled, words: "Too many requests."},
			{code: "36009004", contains: "access_token", class: CredentialBad, words: "The access token is not taken."},
			{code: "36009004", contains: "access token", class: CredentialBad, words: "The access token is not taken."},
			{code: "36009004", contains: "signature", class: CredentialBad, words: "The signature is not taken."},
			{code: "36009004", contains: "app_key", class: CredentialBad, words: "The app key is not taken."},
			{code: "36009004", contains: "x-tts-access-token", class: CredentialBad, words: "The access token is not taken."},
			{code: "36009004", contains: "scope", class: Permission, words: "The app lacks the scope for this."},
			{code: "36009004", contains: "api version", class: Deprecated, words: "The version that was called is not served, or not any more."},
			{code: "36009004", contains: "permission", class: Permission, words: "The app may not do this."},
			{code: "36009004", contains: "deprecated", class: Deprecated, words: "What was called is deprecated."},
			{code: "36009004", class: OurFault, words: "The request was refused."},
			{code: "36009014", class: Deprecated, words: "The version that was called is not served, or not any more."},
			// Each resource has codes of its own, which tell in words alone whose error it is.
			{contains: "internal error", class: TheirFault, words: "TikTok Shop has an error of its own."},
			{contains: "failed to get orders", class: TheirFault, words: "TikTok Shop has an error of its own."},
			{contains: "no permission", class: Permission, words: "The seller may not do this."},
			{contains: "have the permission", class: Permission, words: "The seller may not do this."},
			{contains: "does not belong to the current seller", class: Permission, words: "It is another seller's."},
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
