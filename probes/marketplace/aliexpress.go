package marketplace

import (
	"crypto/hmac"
	"crypto/md5" // what the older gateway signs with
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// aliexpress is the gateway that AliExpress shares with Lazada, and the older TOP gateway.
// It publishes no numbers; its daily quotas are reset at midnight in Beijing.
//
// The worked example of its signing page shows Lazada's digest for another message: it is no
// known answer, and many copies of it are wrong.
func aliexpress() Platform {
	daily := func(f fault, a Answer, now time.Time) (time.Duration, bool) {
		if d, ok := banWait(f, a, now); ok {
			return d, true
		}
		return nextMidnight(now, beijing), true
	}
	return Platform{
		Name: "aliexpress", Title: "AliExpress",
		Hosts:   []string{"api-sg.aliexpress.com"},
		Sandbox: Sandbox{Words: "None is known."},
		Usage:   Inferred,
		Operations: []Operation{
			{Name: "aliexpress.ds.order.get", Method: http.MethodPost, Path: "/sync"},
			{Name: "aliexpress.solution.order.get", Method: http.MethodPost, Path: "/sync"},
		},
		SafeRead: SafeRead{Operation: "aliexpress.ds.order.get", Every: 5 * time.Minute, Why: "one known order; too many calls lead to a ban of hours"},
		Push:     Push{Words: "Orders come through a message service whose format and signature are not published: there is nothing to build or to verify."},
		complete: aliexpressComplete, signedIn: "query",
		request: iopScheme(aliexpressRequest),
		push:    unsigned("the signature of AliExpress's message service is not published: fetch the order to be sure", nil),
		faults:  single(iopFault),
		codes: append([]known{
			{contains: "limited-by-app-access-count", class: Throttled, why: "market_app_daily_quota_used", wait: daily},
			{contains: "accesscontrol.limited-by", class: Throttled, why: "market_operation_quota_used", wait: banWait},
			{code: "7", class: Throttled, why: "market_app_quota_used", wait: banWait},
			{code: "10", class: TheirFault, why: "market_overloaded"},
			{code: "11", class: Permission, why: "market_app_permission_missing"},
			{code: "12", class: Permission, why: "market_seller_permission_missing"},
			{code: "25", class: CredentialBad, why: "market_signature_refused_app_secret"},
			{code: "26", class: CredentialBad, why: "market_session_missing"},
			{code: "27", class: CredentialBad, why: "market_session_refused_or_expired"},
			{code: "29", class: CredentialBad, why: "market_app_key_refused"},
		}, iopCodes()...),
	}
}

// aliexpressRequest signs as sign_method says: sha256 as Lazada does, with no path before
// the parameters where a method names what is called; md5 and hmac as the older TOP gateway
// does, which knows parameters only.
func aliexpressRequest(c Call, k Keys) (string, error) {
	if err := needsSecret(k, "the app secret"); err != nil {
		return "", err
	}
	secret := k.Secret.Reveal()
	params, body := iopParams(c)
	switch method := strings.ToLower(params["sign_method"]); method {
	case "", "sha256", "hmac-sha256":
		if params["method"] != "" && (c.Path == "" || strings.TrimRight(c.Path, "/") == "/sync" || c.Path == "/router/rest") {
			return iopMAC("", c, k), nil
		}
		return iopRequest(c, k)
	case "md5":
		sum := md5.Sum([]byte(secret + sorted(params, "sign") + body + secret))
		return strings.ToUpper(hex.EncodeToString(sum[:])), nil
	case "hmac", "hmac-md5":
		m := hmac.New(md5.New, []byte(secret))
		_, _ = m.Write([]byte(sorted(params, "sign") + body))
		return strings.ToUpper(hex.EncodeToString(m.Sum(nil))), nil
	default:
		return "", unlikeError{fmt.Errorf("sign_method %.20q is not one of sha256, md5, hmac, hmac-md5", method)}
	}
}
