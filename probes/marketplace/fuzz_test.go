package marketplace_test

import (
	"encoding/json"
	"math"
	"net/http"
	"slices"
	"testing"
	"unicode/utf8"

	"guardian/internal/secret"
	"guardian/probes/marketplace"
)

// FuzzRead gives every platform any answer: it must not panic, and what it says must be
// something that a page, a series and JSON can hold.
func FuzzRead(f *testing.F) {
	for _, body := range []string{
		"", "{}", "[]", `{"errors":[{"code":"QuotaExceeded"}]}`, `{"errors":"x"}`, `{"errors":{"a":[1]}}`, `{"error":{"a":1}}`,
		`{"error":"error_limit"}`, `{"code":901}`, `{"code":36009004,"message":"timestamp"}`, `{"success":false}`,
		`{"error_response":{"code":7,"msg":"This ban will last 5 seconds"}}`, `{"expire_time":1795946400}`,
		`{"extensions":{"cost":{"requestedQueryCost":400,"throttleStatus":{"maximumAvailable":1e3,"currentlyAvailable":300,"restoreRate":0.000001}}}}`,
		`{"rateLimits":[{"resources":[{"name":"a","rates":[{"limit":1,"remaining":2,"reset":"x","count":"3"}]}]}]}`,
		`{"total_request":5,"request_by_status":{"status":429,"total_request":1}}`, `{"is_valid":false}`, `{"Ack":"Failure","Errors":[]}`,
	} {
		f.Add(200, "/admin/api/2026-10/graphql.json", "2.0", "@1688169600", `<a>; rel="sunset"`, body)
		f.Add(429, "", "x", "true", "<", body)
	}
	f.Fuzz(func(t *testing.T, status int, path, wait, deprecated, link, body string) {
		h := http.Header{}
		h.Set("Retry-After", wait)
		h.Set("Deprecation", deprecated)
		h.Set("Sunset", deprecated)
		h.Set("Link", link)
		h.Set("X-Shopify-API-Version", path)
		h.Set("X-Next-Replenish-Time", wait)
		h.Set("X-Current-Token-Count", wait)
		for _, p := range marketplace.Platforms() {
			m := p.Read(marketplace.Answer{Method: "GET", Path: path, Status: status, Header: h, Body: []byte(body)}, now)
			if !slices.Contains(marketplace.Classes(), m.Class) || m.Why.IsZero() {
				t.Errorf("%s: %+v", p.Name, m)
			}
			if !utf8.ValidString(m.Why.String()) {
				t.Errorf("%s: words that are no text: %q", p.Name, m.Why)
			}
			if m.RetryAfter != nil && *m.RetryAfter < 0 {
				t.Errorf("%s: wait %v", p.Name, *m.RetryAfter)
			}
			for _, r := range m.Quota {
				for _, n := range []*float64{r.Limit, r.Remaining, r.Used} {
					if n != nil && (!(*n >= 0) || math.IsInf(*n, 0)) {
						t.Errorf("%s: %v", p.Name, *n)
					}
				}
				if ratio, ok := r.UsedRatio(); ok && !(ratio >= 0 && ratio <= 1) {
					t.Errorf("%s: ratio %v", p.Name, ratio)
				}
				if r.ResetAt != nil {
					if _, err := json.Marshal(r.ResetAt.UTC()); err != nil {
						t.Errorf("%s: %v", p.Name, err)
					}
				}
			}
		}
	})
}

// FuzzVerify gives every platform any call with any key: nothing that was not signed is valid.
func FuzzVerify(f *testing.F) {
	f.Add("push", "secret", "Bearer x", "{}", "", "https://e.com/?a=1")
	f.Add("request", "s", "4190D3", `{"sign":"x","a":{}}`, "-----BEGIN PUBLIC KEY-----\\nAAAA-----END PUBLIC KEY-----", "")
	f.Add("challenge", "s", "e30=", `{"challengeResponse":1}`, "AAAA", "%zz")
	f.Fuzz(func(t *testing.T, kind, key, signature, body, public, address string) {
		h := http.Header{}
		for _, name := range []string{"Authorization", "X-Shopify-Hmac-Sha256", "x-ebay-signature", "WM_SEC.SIGNATURE", "WM_SEC.TIMESTAMP"} {
			h.Set(name, signature)
		}
		h.Set("Content-Type", body)
		c := marketplace.Call{
			Method: "POST", Path: "/p", Header: h, Body: []byte(body), URL: address,
			Query: map[string]string{"sign": signature, "timestamp": "1", "challenge_code": "c", "sign_method": address},
		}
		for _, p := range marketplace.Platforms() {
			k := marketplace.Keys{Secret: secret.New("fuzzed" + key), AppKey: "app", PublicKey: public}
			v, err := p.Verify(marketplace.Kind(kind), c, k)
			if err == nil && v.Reason == "" {
				t.Errorf("%s: no reason", p.Name)
			}
			// No input of the fuzzer can be an HMAC, nor "Bearer " and the token, by chance.
			if v.Valid {
				t.Errorf("%s: valid: %s", p.Name, v.Reason)
			}
			_, _ = p.Sign(marketplace.Kind(kind), c, k)
		}
	})
}

// FuzzReadDeprecation reads any headers.
func FuzzReadDeprecation(f *testing.F) {
	f.Add("@1688169600", "Wed, 31 Dec 2025 23:59:59 GMT", `<https://e.com>; rel="deprecation"`)
	f.Add("@9999999999999999999", "true", `<>;rel`)
	f.Fuzz(func(t *testing.T, deprecation, sunset, link string) {
		h := http.Header{}
		h.Set("Deprecation", deprecation)
		h.Set("Sunset", sunset)
		h.Set("Link", link)
		d, ok := marketplace.ReadDeprecation(h)
		if !ok && d != (marketplace.Deprecation{}) {
			t.Errorf("nothing found, but %+v", d)
		}
		if d.At != nil {
			if _, err := json.Marshal(d.At); err != nil {
				t.Error(err)
			}
		}
	})
}
