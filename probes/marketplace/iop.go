package marketplace

import (
	"crypto/sha256"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Lazada and AliExpress share a gateway, the International Open Platform.

// iopRequest signs the path without /rest, the sorted parameters and the body with
// HMAC-SHA256 as upper-case hex. Parameters without name or value are not signed.
func iopRequest(c Call, k Keys) (string, error) {
	if err := unusable(needsSecret(k, "the app secret"), needsPath(c, "/order/get")); err != nil {
		return "", err
	}
	path := c.Path
	if rest, ok := strings.CutPrefix(path, "/rest/"); ok {
		path = "/" + rest
	}
	return iopMAC(path, c, k), nil
}

func iopMAC(path string, c Call, k Keys) string {
	params, body := iopParams(c)
	return strings.ToUpper(mac(sha256.New, k.Secret, path, sorted(params, "sign"), body))
}

// iopParams returns the parameters of a call, and what of its body is signed behind them. The fields
// of a form are parameters like those of the query: the vendors' SDKs sign all together, sorted.
// Parameters without name or value are not signed, nor are the files of an upload.
func iopParams(c Call) (params map[string]string, body string) {
	fields, isForm := form(c)
	if !isForm {
		body = string(c.Body)
	}
	params = map[string]string{}
	for _, from := range []map[string]string{fields, c.Query} {
		for name, value := range from {
			if name != "" && value != "" {
				params[name] = value
			}
		}
	}
	return params, body
}

// iopScheme is a signature among the parameters, in the query or in the form.
func iopScheme(sign func(Call, Keys) (string, error)) scheme {
	s := inQuery("sign", sign)
	query := s.verify
	s.verify = func(c Call, k Keys) (Verification, error) {
		fields, _ := form(c)
		if c.Query["sign"] != "" || fields["sign"] == "" {
			return query(c, k)
		}
		want, err := sign(c, k)
		if err != nil {
			return Verification{}, err
		}
		return compare("sign of the form", fields["sign"], want)
	}
	return s
}

// appKeyAndBody is the push that Lazada and TikTok Shop sign alike.
func appKeyAndBody(c Call, k Keys) (string, error) {
	err := needs("secret", k.Secret.Reveal(), "the app secret", "app_key", k.AppKey, "the app key, which is signed before the body")
	return mac(sha256.New, k.Secret, k.AppKey, string(c.Body)), err
}

var banned = regexp.MustCompile(`(?i)ban will last (\d{1,9}) ?s`)

// banWait reads "This ban will last N seconds".
func banWait(f fault, _ Answer, _ time.Time) (time.Duration, bool) {
	m := banned.FindStringSubmatch(f.message)
	if m == nil {
		return 0, false
	}
	n, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		return 0, false
	}
	return span(n)
}

// iopFault reads the gateway's envelope, {"code": "0"} when all is well, and the older
// {"error_response": {...}}.
func iopFault(a Answer) fault {
	type one struct {
		Type    word `json:"type"`
		Code    word `json:"code"`
		Message word `json:"message"`
		Msg     word `json:"msg"`
		SubCode word `json:"sub_code"`
		SubMsg  word `json:"sub_msg"`
	}
	var body struct {
		one
		Error *one `json:"error_response"`
	}
	if !decode(a.Body, &body) {
		return fault{unreadable: true}
	}
	e := body.one
	if body.Error != nil {
		e = *body.Error
	} else if e.Code == "0" || e.Code == "" {
		return fault{}
	}
	f := fault{code: orElse(string(e.Code), "error_response"), message: orElse(string(e.Message), string(e.Msg))}
	for _, more := range []word{e.SubCode, e.SubMsg} {
		if more != "" {
			f.message += " " + string(more)
		}
	}
	f.message = strings.TrimSpace(f.message)
	f.theirs = e.Type == "SYSTEM" || e.Type == "ISP" || strings.HasPrefix(strings.ToLower(string(e.SubCode)), "isp.")
	return f
}

// iopCodes are documented for both. The 901 comes as a number of an error and as E901.
func iopCodes() []known {
	nextSecond := func(f fault, a Answer, now time.Time) (time.Duration, bool) {
		if d, ok := banWait(f, a, now); ok {
			return d, true
		}
		return time.Second, true
	}
	return []known{
		{code: "901", class: Throttled, why: "market_operation_next_second", wait: nextSecond},
		{code: "E901", class: Throttled, why: "market_operation_too_fast_or_off", wait: banWait},
		{code: "ApiCallLimit", class: Throttled, why: "market_operation_quota_used", wait: banWait},
		{code: "ApiCallLimits", class: Throttled, why: "market_operation_quota_used", wait: banWait},
		{code: "AppApiCallLimit", class: Throttled, why: "market_app_operation_quota_used", wait: banWait},
		{code: "AppCallLimit", class: Throttled, why: "market_app_quota_used", wait: banWait},
		{code: "SellerCallLimit", class: Throttled, why: "market_seller_quota_used", wait: banWait},
		{contains: "ban will last", class: Throttled, why: "market_app_banned", wait: banWait},
		{code: "IllegalAccessToken", class: CredentialBad, why: "market_token_refused_or_expired"},
		{code: "IllegalRefreshToken", class: CredentialBad, why: "market_refresh_token_refused_or_expired"},
		{code: "IncompleteSignature", class: CredentialBad, why: "market_signature_refused_app_secret"},
		{code: "MissingParameter", contains: "sign", class: CredentialBad, why: "market_signature_missing"},
		{code: "InvalidCode", class: CredentialBad, why: "market_auth_code_refused"},
		{code: "InvalidAppKey", class: CredentialBad, why: "market_app_key_refused"},
		{code: "InsufficientPermission", class: Permission, why: "market_app_permission_missing"},
		{code: "ServiceTimeout", class: TheirFault, why: "market_internal_timeout"},
		{code: "ServiceUnavailable", class: TheirFault, why: "market_internal_unavailable"},
		{code: "InternalError", class: TheirFault, why: "market_internal_error"},
	}
}
