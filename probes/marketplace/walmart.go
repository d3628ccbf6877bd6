package marketplace

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// walmart is the Marketplace API (developer.walmart.com). Tokens live for 15 minutes and
// replenish gradually: of 20 an hour there is one every three minutes.
func walmart() Platform {
	return Platform{
		Name: "walmart", Title: "Walmart Marketplace",
		Hosts: []string{"marketplace.walmartapis.com"},
		Sandbox: Sandbox{
			Hosts: []string{"sandbox.walmartapis.com"}, Header: map[string]string{"WM_SANDBOX": "v2"}, Create: &Creation{Operation: "simulateOrder", Build: walmartSimulation, ID: "purchaseOrderId"},
			Words: "With the header it remembers: POST /v1/simulations/orders makes an order that GET /v3/orders shows. Without, it answers from a fixed set.",
		},
		Usage: FromHeader,
		Operations: []Operation{
			{Name: "getTokenDetail", Method: http.MethodGet, Path: "/v3/token/detail"},
			{Name: "getToken", Method: http.MethodPost, Path: "/v3/token"},
			{Name: "getOrders", Method: http.MethodGet, Path: "/v3/orders"},
			{Name: "getReleasedOrders", Method: http.MethodGet, Path: "/v3/orders/released"},
			{Name: "getOrder", Method: http.MethodGet, Path: "/v3/orders/{purchaseOrderId}"},
			{Name: "simulateOrder", Method: http.MethodPost, Path: "/v1/simulations/orders"},
			{Name: "testNotification", Method: http.MethodPost, Path: "/v3/webhooks/test"},
		},
		SafeRead: SafeRead{Operation: "getTokenDetail", Every: time.Minute, Why: "it proves the credential and reads no order"},
		Push: Push{
			Topic: "PO_CREATED", Build: walmartPush,
			Signed: true, Digits: true, Paid: "ACKNOWLEDGED",
			Answer: Receipt{From: 200, To: 299},
			Words:  "A subscription's authMethod is BASIC_AUTH, OAUTH or HMAC; what is signed and verified here is HMAC, with WM_SEC.TIMESTAMP and WM_SEC.SIGNATURE.",
		},
		Feeds:    []Feed{{URL: "https://developer.walmart.com/us-marketplace/page/whats-new", Format: "html", Words: "what is new; pages have Markdown twins with updatedAt"}},
		complete: walmartComplete,
		request: bearer("WM_SEC.ACCESS_TOKEN", "", map[string]string{
			"WM_SVC.NAME": "Walmart Marketplace", "Accept": "application/json",
		}),
		push:   scheme{sign: walmartSign, verify: walmartVerify},
		faults: walmartFaults,
		codes: append([]known{
			{code: "token_not_valid", class: CredentialBad, why: "market_token_refused"},
			{code: "REQUEST_THRESHOLD_VIOLATED.GMP_GATEWAY_API", class: Throttled, why: "market_rate_tokens_used", wait: walmartReplenished},
			{status: http.StatusTooManyRequests, class: Throttled, why: "market_rate_tokens_used", wait: walmartReplenished},
			{code: "UNAUTHORIZED.GMP_GATEWAY_API", class: CredentialBad, why: "market_token_refused"},
			{code: "SYSTEM_ERROR.GMP_GATEWAY_API", class: TheirFault, why: "market_internal_error"},
			{status: 413, class: OurFault, why: "market_feed_too_large"},
		}, refusedTokens()...),
	}
}

// walmartReplenished returns the wait for the next token, even if it is unknown how many are left.
func walmartReplenished(_ fault, a Answer, now time.Time) (time.Duration, bool) {
	for _, name := range []string{"X-Next-Replenishment-Time", "X-Next-Replenish-Time"} {
		if at, ok := ResetTime(a.Header.Get(name), now); ok && at.After(now) {
			return at.Sub(now), true
		}
	}
	return 0, false
}

// walmartFaults reads {"error": [{code, field, description}]}, the same below "errors" or as XML,
// and OAuth's form.
func walmartFaults(a Answer) []fault {
	type one struct {
		Code, Field, Description, Info word
	}
	var body struct {
		Error  json.RawMessage `json:"error"`
		Errors json.RawMessage `json:"errors"`
		oauthDescription
		Valid *bool `json:"is_valid"`
	}
	decode(fromXML(a.Body), &body)
	var nested struct {
		Error oneOrMany[one] `json:"error"`
	}
	list := nested.Error
	if len(body.Error) > 0 && (body.Error[0] == '[' || body.Error[0] == '{') {
		_ = json.Unmarshal(body.Error, &list)
	} else if len(body.Errors) > 0 && body.Errors[0] == '[' {
		_ = json.Unmarshal(body.Errors, &list)
	} else if len(body.Errors) > 0 {
		_ = json.Unmarshal(body.Errors, &nested)
		list = nested.Error
	}
	var all []fault
	for _, e := range list {
		f := fault{code: string(e.Code), message: orElse(string(e.Description), string(e.Info))}
		f.credential = walmartCredential(a, f, string(e.Field))
		all = append(all, f)
	}
	if len(all) > 0 {
		return all
	}
	var f fault
	if len(body.Error) > 0 {
		var code word
		_ = code.UnmarshalJSON(body.Error)
		f = fault{code: string(code), message: string(body.Description)}
	}
	if body.Valid != nil && !*body.Valid && !f.is() {
		f.code = "token_not_valid"
	}
	f.credential = walmartCredential(a, f, "")
	return []fault{f}
}

// walmartCredential reports whether a 400 is about the credential: by the field that it names, or
// because the request was for a token or its details. Walmart answers 400 and not 401 to some
// credentials that it does not accept.
func walmartCredential(a Answer, f fault, field string) bool {
	if a.Status != http.StatusBadRequest {
		return false
	}
	said := strings.ToLower(f.code + " " + f.message + " " + field)
	if strings.Contains(said, "grant_type") || strings.Contains(said, "grant type") {
		return false
	}
	for _, word := range []string{"access_token", "access token", "invalid token", "invalid_token", "unauthorized", "invalid_client", "client id", "client secret", "client_id", "clientid", "credential", "wm_sec.", "authorization header"} {
		if strings.Contains(said, word) {
			return true
		}
	}
	return a.Operation == "getTokenDetail" || a.Operation == "getToken"
}

const (
	walmartStamp  = "WM_SEC.TIMESTAMP"
	walmartHeader = "WM_SEC.SIGNATURE"
)

// walmartMAC signs method, path with query, timestamp and the body's hex SHA-256, each on its
// line (developer.walmart.com, "Security and authenticity"), as base64.
func walmartMAC(c Call, k Keys) (string, error) {
	target := c.Path
	if c.URL != "" {
		if u, err := url.Parse(c.URL); err == nil && u.Host != "" {
			target = u.RequestURI()
		}
	}
	stamp := strings.TrimSpace(c.Header.Get(walmartStamp))
	if err := needs(
		"secret", k.Secret.Reveal(), "the webhook's secret",
		"callback_url", target, "the registered address of the endpoint, or path with its query",
		"headers."+walmartStamp, stamp, "epoch seconds of the push; it is signed",
	); err != nil {
		return "", err
	}
	sum := sha256.Sum256(c.Body)
	m := hmac.New(sha256.New, []byte(k.Secret.Reveal()))
	_, _ = m.Write([]byte(strings.ToUpper(orElse(c.Method, http.MethodPost)) + "\n" + target + "\n" + stamp + "\n" + hex.EncodeToString(sum[:])))
	return base64.StdEncoding.EncodeToString(m.Sum(nil)), nil
}

func walmartSign(c Call, k Keys) (Signed, error) {
	s, err := walmartMAC(c, k)
	return Signed{Signature: s, Headers: map[string]string{walmartStamp: strings.TrimSpace(c.Header.Get(walmartStamp)), walmartHeader: s}}, err
}

func walmartVerify(c Call, k Keys) (Verification, error) {
	for _, name := range []string{walmartStamp, walmartHeader} {
		if _, v := oneHeader(c.Header, name); v != nil {
			return *v, needsSecret(k, "the webhook's secret")
		}
	}
	want, err := walmartMAC(c, k)
	if err != nil {
		return Verification{}, err
	}
	got := strings.TrimSpace(c.Header.Get(walmartHeader))
	if sum, err := base64.StdEncoding.DecodeString(got); err != nil || len(sum) != sha256.Size {
		return invalid("header %s is malformed: it must be the base64 of the %d bytes of an HMAC-SHA256", walmartHeader, sha256.Size)
	}
	if !equal(got, want) {
		return invalid("header %s is not the signature of this push: another secret, another address, or the push was changed", walmartHeader)
	}
	return valid("header %s is the signature of this push", walmartHeader)
}

func walmartPush(o Order) Message {
	type source struct {
		EventType string `json:"eventType"`
		EventTime string `json:"eventTime"`
		EventID   string `json:"eventId"`
	}
	type quantity struct {
		Unit  string `json:"unitOfMeasure"`
		Value string `json:"measurementValue"`
	}
	type line struct {
		Number     string   `json:"lineNumber"`
		SKU        string   `json:"sku"`
		Name       string   `json:"productName"`
		Quantity   quantity `json:"quantity"`
		Status     string   `json:"status"`
		StatusDate string   `json:"statusDate"`
	}
	type payload struct {
		Partner  string `json:"partnerId"`
		Purchase string `json:"purchaseOrderId"`
		Customer string `json:"customerOrderId"`
		Date     string `json:"orderDate"`
		Lines    []line `json:"orderLines"`
	}
	o = o.filled()
	at := o.At.UTC().Format("2006-01-02T15:04:05.000Z")
	return post(struct {
		Source  source  `json:"source"`
		Payload payload `json:"payload"`
	}{
		source{"PO_CREATED", at, o.Delivery},
		payload{o.Shop, o.ID, o.ID, at, []line{{
			"1", o.SKU, "synthetic order", quantity{"EACH", strconv.Itoa(o.Quantity)}, orElse(o.Status, "CREATED"), at,
		}}},
	}, nil)
}
