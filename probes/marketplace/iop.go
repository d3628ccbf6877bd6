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
	params := map[string]string{}
	for name, value := range c.Query {
		if name != "" && value != "" {
			params[name] = value
		}
	}
	return strings.ToUpper(mac(sha256.New, k.Secret, path, sorted(params, "sign"), string(c.Body)))
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
	tooFast := "The operation is called too often; it may be called again in the next second."
	return []known{
		{code: "901", class: Throttled, words: tooFast, wait: nextSecond},
		{code: "E901", class: Throttled, words: "The operation is called too often, or is switched off for a while.", wait: banWait},
		{code: "ApiCallLimit", class: Throttled, words: "The operation's quota is used up.", wait: banWait},
		{code: "ApiCallLimits", class: Throttled, words: "The operation's quota is used up.", wait: banWait},
		{code: "AppApiCallLimit", class: Throttled, words: "The app's quota of this operation is used up.", wait: banWait},
		{code: "AppCallLimit", class: Throttled, words: "The app's quota is used up.", wait: banWait},
		{code: "SellerCallLimit", class: Throttled, words: "The seller's quota is used up.", wait: banWait},
		{contains: "ban will last", class: Throttled, words: "The app is banned for a while.", wait: banWait},
		{code: "IllegalAccessToken", class: CredentialBad, words: "The access token is not taken or has expired."},
		{code: "IllegalRefreshToken", class: CredentialBad, words: "The refresh token is not taken or has expired."},
		{code: "IncompleteSignature", class: CredentialBad, words: "The signature is not taken: the app secret, or what it signs."},
		{code: "MissingParameter", contains: "sign", class: CredentialBad, words: "The signature is missing."},
		{code: "InvalidCode", class: CredentialBad, words: "The authorisation code is not taken."},
		{code: "InvalidAppKey", class: CredentialBad, words: "The app key is not taken."},
		{code: "InsufficientPermission", class: Permission, words: "The app lacks the permission for this operation."},
		{code: "ServiceTimeout", class: TheirFault, words: "The platform's own service took too long."},
		{code: "ServiceUnavailable", class: TheirFault, words: "The platform's own service is not there."},
		{code: "InternalError", class: TheirFault, words: "The platform has an error of its own."},
	}
}
