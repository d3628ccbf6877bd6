package cli_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"os"
	"strings"
	"testing"

	"guardian/internal/cli"
)

// runMarketplace gives a command its standard input and returns its exit code and what it wrote.
func runCLI(t *testing.T, stdin string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = cli.Main(args, strings.NewReader(stdin), &out, &errs)
	return code, out.String(), errs.String()
}

// marketplaceObject runs a marketplace command that must succeed and reads its JSON.
func marketplaceObject(t *testing.T, command string, input any) map[string]any {
	t.Helper()
	text, err := json.Marshal(input)
	if err != nil {
		t.Fatal(err)
	}
	code, stdout, stderr := runCLI(t, string(text), "marketplace", command)
	var got map[string]any
	if err := json.Unmarshal([]byte(stdout), &got); err != nil || code != 0 || stderr != "" {
		t.Fatalf("exit %d, %q, %q", code, stdout, stderr)
	}
	return got
}

func TestMarketplaceSignatures(t *testing.T) {
	raw, err := os.ReadFile("../../probes/marketplace/testdata/signatures.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []struct {
		Name, Signature, Header string
		Input                   map[string]any
	}
	if err := json.Unmarshal(raw, &vectors); err != nil || len(vectors) == 0 {
		t.Fatal(err, len(vectors))
	}
	for _, v := range vectors {
		t.Run(v.Name, func(t *testing.T) {
			if got := marketplaceObject(t, "sign", v.Input)["signature"]; got != v.Signature {
				t.Fatalf("signed %v, want %s", got, v.Signature)
			}
			if v.Header != "" {
				v.Input["headers"] = map[string]any{strings.ToUpper(v.Header): v.Signature}
			} else {
				v.Input["query"].(map[string]any)["sign"] = v.Signature
			}
			if got := marketplaceObject(t, "verify", v.Input); got["valid"] != true {
				t.Errorf("%v", got)
			}
			v.Input["secret"] = "another"
			if got := marketplaceObject(t, "verify", v.Input); got["valid"] != false || got["reason"] == "" {
				t.Errorf("with another secret: %v", got)
			}
		})
	}
}

func TestEbaysPushOnTheCommandLine(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	raw, _ := x509.MarshalPKCS8PrivateKey(key)
	private := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw}))
	raw, _ = x509.MarshalPKIXPublicKey(&key.PublicKey)
	public := "-----BEGIN PUBLIC KEY-----" + base64.StdEncoding.EncodeToString(raw) + "-----END PUBLIC KEY-----"
	signed := marketplaceObject(t, "sign", map[string]any{"platform": "ebay", "kind": "push", "secret": private, "app_key": "k1", "body": `{"a": 1}`})
	came := map[string]any{"platform": "ebay", "kind": "push", "public_key": public, "body": `{"a":1}`, "headers": signed["headers"]}
	if got := marketplaceObject(t, "verify", came); got["valid"] != true {
		t.Errorf("%v", got)
	}
	came["body"] = `{"a":2}`
	if got := marketplaceObject(t, "verify", came); got["valid"] != false {
		t.Errorf("%v", got)
	}
}

func TestMaskHidesTheMarketplaceToken(t *testing.T) {
	const input = `{"platform":"ebay","kind":"request","secret":"v^1.1#token"}`
	if _, out, _ := runCLI(t, input, "marketplace", "sign", "--mask"); strings.Contains(out, "token\"") || !strings.Contains(out, "Bearer <secret>") || !strings.Contains(out, `"signature":""`) {
		t.Error(out)
	}
	if _, out, _ := runCLI(t, input, "marketplace", "sign"); !strings.Contains(out, `"Bearer v^1.1#token"`) {
		t.Error(out)
	}
}

func TestMarketplaceInputSaysWhatIsWrong(t *testing.T) {
	const key = "a-secret-that-must-not-show"
	for name, tc := range map[string]struct{ command, input, want string }{
		"nothing":                  {"sign", "", "standard input is empty"},
		"no JSON":                  {"sign", `{"secret":"` + key + `",}`, "invalid JSON at byte"},
		"half a JSON":              {"verify", `{"secret":"` + key, "unexpected end"},
		"two JSONs":                {"verify", `{"platform":"shopee"} {"secret":"` + key + `"}`, "unexpected data after"},
		"a list":                   {"classify", `[]`, "one JSON object"},
		"a field of none":          {"sign", `{"platform":"shopee","secrets":"` + key + `"}`, `unknown field "secrets"`},
		"a number for a text":      {"sign", `{"platform":"shopee","secret":1234567}`, "secret must be a string"},
		"a number in the query":    {"sign", `{"platform":"shopee","query":{"timestamp":1}}`, "query must be an object of strings"},
		"a header that is none":    {"verify", `{"platform":"shopee","headers":{"Authorization":1}}`, "headers.Authorization must be a string"},
		"headers that are none":    {"verify", `{"platform":"shopee","headers":"x"}`, "headers must be an object"},
		"no platform":              {"sign", `{}`, "platform is missing: it is one of aliexpress, amazon, ebay"},
		"a platform of none":       {"quota", `{"platform":"etsy"}`, `platform "etsy" is not one of aliexpress, amazon, ebay`},
		"no kind":                  {"sign", `{"platform":"ebay"}`, "kind is missing: for ebay it is one of challenge, push, request"},
		"a kind of none":           {"sign", `{"platform":"ebay","kind":"x"}`, "not one of request, push, challenge"},
		"what a signature needs":   {"sign", `{"platform":"shopee","kind":"push","secret":"` + key + `"}`, "callback_url is missing"},
		"what a proof needs":       {"verify", `{"platform":"ebay","kind":"push"}`, "public_key is missing"},
		"no secret":                {"verify", `{"platform":"shopify","kind":"push"}`, "secret is missing"},
		"no status":                {"classify", `{"platform":"shopee"}`, "status is 0: must be the HTTP status"},
		"a status in quotes":       {"quota", `{"platform":"shopee","status":"200"}`, "status must be a whole number"},
		"a private key for secret": {"sign", `{"platform":"ebay","kind":"push","secret":"` + key + `"}`, "secret is no PEM"},
	} {
		t.Run(name, func(t *testing.T) {
			code, stdout, stderr := runCLI(t, tc.input, "marketplace", tc.command)
			if code != 2 || stdout != "" || !strings.Contains(stderr, tc.want) {
				t.Errorf("exit %d, %q, %q; want 2 and %q", code, stdout, stderr, tc.want)
			}
			if strings.Contains(stderr, key) || strings.Contains(stderr, "1234567") {
				t.Errorf("%q holds the secret", stderr)
			}
		})
	}
}

func TestMarketplaceAnswers(t *testing.T) {
	for name, tc := range map[string]struct{ command, input, want string }{
		"a throttle, counted from the answer's date": {
			"classify",
			`{"platform":"shopee","operation":"get_order_list","status":429,"headers":{"date":"Sun, 22 Nov 2026 10:00:00 GMT"},"body":"{\"error\":\"error_limit\",\"message\":\"x\"}"}`,
			`{"class":"throttled","retry_after_seconds":21600,"words":"The app's daily quota is used up until 00:00 (UTC+8); a few operations say this to a burst, too. It said: error_limit: x.","quota":[{"operation":"get_order_list","remaining":0,"reset_at":"2026-11-22T16:00:00Z","source":"body"}]}`,
		},
		"a header in a list": {
			"quota", `{"platform":"shopify","operation":"orders","status":200,"headers":{"X-Shopify-Shop-Api-Call-Limit":["32/40"]},"body":"{}"}`,
			`{"class":"ok","words":"It works.","quota":[{"operation":"orders","limit":40,"remaining":8,"used_ratio":0.8,"source":"header"}]}`,
		},
		"a rate alone": {
			"quota", `{"platform":"amazon","request":{"method":"GET","path":"/orders/v0/orders"},"status":200,"headers":{"x-amzn-ratelimit-limit":"0.0167"},"body":""}`,
			`{"class":"ok","words":"It works.","quota":[{"operation":"getOrders","limit":0.0167,"source":"header"}]}`,
		},
		"a body that is no text but its JSON": {
			"classify", `{"platform":"lazada","status":200,"headers":{"Date":"Sun, 22 Nov 2026 10:00:00 GMT"},"body":{"code":"901","message":"slow"}}`,
			`{"class":"throttled","retry_after_seconds":1,"words":"The operation is called too often; it may be called again in the next second. It said: 901: slow.","quota":[{"operation":"","remaining":0,"reset_at":"2026-11-22T10:00:01Z","source":"body"}]}`,
		},
		"no body": {"classify", `{"platform":"ebay","status":204,"body":null}`, `{"class":"ok","words":"It works."}`},
	} {
		t.Run(name, func(t *testing.T) {
			code, stdout, stderr := runCLI(t, tc.input, "marketplace", tc.command)
			if code != 0 || strings.TrimSpace(stdout) != tc.want {
				t.Errorf("exit %d, %s\n%s\nwant\n%s", code, stderr, stdout, tc.want)
			}
		})
	}
}

func TestMarketplaceInText(t *testing.T) {
	for _, tc := range []struct{ command, input, want string }{
		{"verify", `{"platform":"mercadolibre","kind":"push"}`, "not valid: Mercado Libre does not sign"},
		{"sign", `{"platform":"shopify","kind":"push","secret":"hush","body":"\"my secret message\""}`, "X-Shopify-Hmac-Sha256: hMTq0K2x"},
		{"quota", `{"platform":"shopify","status":429,"headers":{"X-Shopify-Shop-Api-Call-Limit":"40/40","Retry-After":"2.0"}}`, "retry after 2 s\nquota, source header: limit 40 remaining 0"},
	} {
		if code, out, _ := runCLI(t, tc.input, "marketplace", tc.command, "--output", "text"); code != 0 || !strings.Contains(out, tc.want) {
			t.Errorf("%s: exit %d, %s", tc.command, code, out)
		}
	}
}
