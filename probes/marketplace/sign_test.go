package marketplace_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/md5"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"maps"
	"net/http"
	"os"
	"strings"
	"testing"

	"guardian/internal/secret"
	"guardian/probes/marketplace"
)

// input is a call with its keys, in the form in which the command line reads it.
type input struct {
	Platform    string            `json:"platform"`
	Kind        string            `json:"kind"`
	Secret      string            `json:"secret"`
	AppKey      string            `json:"app_key"`
	PublicKey   string            `json:"public_key"`
	Method      string            `json:"method"`
	Path        string            `json:"path"`
	Query       map[string]string `json:"query"`
	Headers     map[string]string `json:"headers"`
	Body        string            `json:"body"`
	CallbackURL string            `json:"callback_url"`
}

func (in input) call() (marketplace.Kind, marketplace.Call, marketplace.Keys) {
	h := http.Header{}
	for name, value := range in.Headers {
		h.Set(name, value)
	}
	return marketplace.Kind(in.Kind), marketplace.Call{
		Method: in.Method, Path: in.Path, Query: in.Query, Header: h, Body: []byte(in.Body), URL: in.CallbackURL,
	}, marketplace.Keys{Secret: secret.New(in.Secret), AppKey: in.AppKey, PublicKey: in.PublicKey}
}

func (in input) sign(t *testing.T) marketplace.Signed {
	t.Helper()
	kind, c, k := in.call()
	s, err := platform(t, in.Platform).Sign(kind, c, k)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (in input) verify(t *testing.T) marketplace.Verification {
	t.Helper()
	kind, c, k := in.call()
	v, err := platform(t, in.Platform).Verify(kind, c, k)
	if err != nil {
		t.Fatal(err)
	}
	if v.Reason == "" {
		t.Error("no reason")
	}
	return v
}

// withQuery and withHeader give a copy with one more parameter or header.
func (in input) withQuery(name, value string) input {
	q := map[string]string{name: value}
	for n, v := range in.Query {
		if n != name {
			q[n] = v
		}
	}
	in.Query = q
	return in
}

func (in input) withHeader(name, value string) input {
	h := map[string]string{name: value}
	for n, v := range in.Headers {
		if !strings.EqualFold(n, name) {
			h[n] = v
		}
	}
	in.Headers = h
	return in
}

type vector struct {
	Name, Signature, Header string
	Input                   input
}

func vectors(t *testing.T) []vector {
	t.Helper()
	raw, err := os.ReadFile("testdata/signatures.json")
	if err != nil {
		t.Fatal(err)
	}
	var all []vector
	if err := json.Unmarshal(raw, &all); err != nil || len(all) == 0 {
		t.Fatal(err, len(all))
	}
	return all
}

func TestKnownSignatures(t *testing.T) {
	for _, v := range vectors(t) {
		t.Run(v.Name, func(t *testing.T) {
			s := v.Input.sign(t)
			if s.Signature != v.Signature {
				t.Fatalf("signed %s, want %s", s.Signature, v.Signature)
			}
			signed := v.Input.withQuery("sign", v.Signature)
			if v.Header != "" {
				if s.Headers[v.Header] != v.Signature {
					t.Errorf("headers %v", s.Headers)
				}
				signed = v.Input.withHeader(strings.ToLower(v.Header), v.Signature)
			}
			if got := signed.verify(t); !got.Valid {
				t.Error(got.Reason)
			}
			other := signed
			other.Secret += "x"
			if other.verify(t).Valid {
				t.Error("valid with another secret")
			}
			other = signed
			other.Body += " "
			if v.Input.Platform != "shopee" && other.verify(t).Valid {
				t.Error("valid with another body")
			}
			if v.Input.verify(t).Valid {
				t.Error("valid without its signature")
			}
		})
	}
}

func TestSigning(t *testing.T) {
	lazada := input{Platform: "lazada", Kind: "request", Secret: "helloworld", Path: "/order/get", Query: map[string]string{
		"order_id": "1234", "timestamp": "1517820392000", "app_key": "123456", "sign_method": "sha256", "access_token": "test",
	}}
	ali := lazada
	ali.Platform, ali.Path = "aliexpress", "/orders/1234"
	const aliSigned = "65C5F90759C5FBC85311798FAD124309FEE13D7ED419005A7FA17CAF363A7AF4"
	tiktok := input{Platform: "tiktok_shop", Kind: "request", Secret: "s", Path: "/p", Query: map[string]string{"b": "2", "a": "1"}, Body: `{"x":1}`}
	upload := tiktok.withHeader("content-type", `Multipart/Form-Data; boundary="x"`)
	temu := input{Platform: "temu", Kind: "request", Secret: "s", Body: ` {"b": [1, {"c": "d e"}], "a": "x\u0041", "n": 1.50, "t": true, "sign": "no", "z": null} `}
	for name, tc := range map[string]struct {
		input input
		same  input  // signs the same
		want  string // or a known digest
	}{
		"lazada leaves out what is empty, and an old signature":      {input: lazada.withQuery("empty", "").withQuery("sign", "x"), same: lazada},
		"lazada's path is signed without /rest":                      {input: func() input { in := lazada; in.Path = "/rest/order/get"; return in }(), same: lazada},
		"aliexpress signs its path, unlike its own worked example":   {input: ali, want: aliSigned},
		"aliexpress signs no path where a method is named":           {input: func() input { in := ali.withQuery("method", "m"); in.Path = "/sync"; return in }(), same: func() input { in := ali.withQuery("method", "m"); in.Path = ""; return in }()},
		"tiktok_shop never signs the token":                          {input: tiktok.withQuery("access_token", "x").withQuery("sign", "y"), same: tiktok},
		"tiktok_shop does not sign an upload's body":                 {input: upload, same: func() input { in := tiktok; in.Body = ""; return in }()},
		"tiktok_shop's message is path, parameters, body in secrets": {input: tiktok, want: hmacHex("s", `s/pa1b2{"x":1}s`)},
		"shopee signs no body and no parameter of the call":          {input: input{Platform: "shopee", Kind: "request", Secret: "k", AppKey: "1", Path: "/p", Query: map[string]string{"timestamp": "2", "page": "9"}, Body: "x"}, want: hmacHex("k", "1/p2")},
		"shopee signs the merchant's ID":                             {input: input{Platform: "shopee", Kind: "request", Secret: "k", AppKey: "1", Path: "/p", Query: map[string]string{"timestamp": "2", "access_token": "t", "merchant_id": "3"}}, want: hmacHex("k", "1/p2t3")},
		"shopee's push has the address before the body":              {input: input{Platform: "shopee", Kind: "push", Secret: "k", CallbackURL: "https://e.com/x", Body: "{}"}, want: hmacHex("k", "https://e.com/x|{}")},
		"temu signs the members of the body":                         {input: temu, want: strings.ToUpper(md5Hex(`saxAb[1,{"c":"d e"}]n1.50ttrues`))},
		"temu signs the query where there is no body":                {input: input{Platform: "temu", Kind: "request", Secret: "s", Query: map[string]string{"b": "2", "a": "1"}}, want: strings.ToUpper(md5Hex("sa1b2s"))},
		"the older gateway signs with MD5 in secrets":                {input: input{Platform: "aliexpress", Kind: "request", Secret: "s", Query: map[string]string{"sign_method": "md5", "a": "1"}}, want: strings.ToUpper(md5Hex("sa1sign_methodmd5s"))},
		"ebay's challenge is the hash of code, token and address":    {input: input{Platform: "ebay", Kind: "challenge", Secret: "token", CallbackURL: "https://e.com/x", Query: map[string]string{"challenge_code": "c"}}, want: sha256Hex("ctokenhttps://e.com/x")},
		"walmart's push signs method, address, time and body's digest": {
			input: input{Platform: "walmart", Kind: "push", Secret: "s", CallbackURL: "https://e.com/x?y=1", Headers: map[string]string{"wm_sec.timestamp": "5"}, Body: "{}"},
			want:  base64Hex(hmacHex("s", "POST\n/x?y=1\n5\n"+sha256Hex("{}"))),
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, want := tc.input.sign(t).Signature, tc.want
			if want == "" {
				want = tc.same.sign(t).Signature
			}
			if want == "" || got != want {
				t.Errorf("signed %s, want %s", got, want)
			}
		})
	}
}

func hmacHex(key, message string) string {
	// RFC 2104 by hand, so that the test does not repeat what it tests.
	block := make([]byte, 64)
	copy(block, key)
	pad := func(x byte) string {
		p := make([]byte, 64)
		for i := range p {
			p[i] = block[i] ^ x
		}
		return string(p)
	}
	inner := sha256.Sum256([]byte(pad(0x36) + message))
	return sha256Hex(pad(0x5c) + string(inner[:]))
}

func sha256Hex(s string) string { sum := sha256.Sum256([]byte(s)); return hex.EncodeToString(sum[:]) }
func md5Hex(s string) string    { sum := md5.Sum([]byte(s)); return hex.EncodeToString(sum[:]) }
func base64Hex(s string) string {
	raw, _ := hex.DecodeString(s)
	return base64.StdEncoding.EncodeToString(raw)
}

func TestWhatIsNotValidSaysWhy(t *testing.T) {
	push := input{Platform: "tiktok_shop", Kind: "push", Secret: "123", AppKey: "abcdef", Body: "{}"}
	right := push.sign(t).Signature
	shop := input{Platform: "shopify", Kind: "push", Secret: "hush", Body: "{}"}
	request := input{Platform: "lazada", Kind: "request", Secret: "s", Path: "/order/get", Query: map[string]string{"a": "1"}}
	lower := strings.ToLower(request.sign(t).Signature)
	wal := input{Platform: "walmart", Kind: "push", Secret: "s", CallbackURL: "https://e.com/", Body: "{}"}
	for name, tc := range map[string]struct {
		input  input
		reason string
	}{
		"no header":                           {push, "header Authorization is missing"},
		"an empty header":                     {push.withHeader("Authorization", " "), "is missing"},
		"a Bearer before it":                  {push.withHeader("Authorization", "Bearer "+right), `has a prefix, "Bearer"`},
		"no hex":                              {push.withHeader("authorization", strings.Repeat("g", 64)), "malformed"},
		"hex that is too short":               {push.withHeader("authorization", right[:62]), "malformed"},
		"another signature":                   {push.withHeader("authorization", strings.Repeat("0", 64)), "not the signature"},
		"shopify without its header":          {shop, "header X-Shopify-Hmac-Sha256 is missing"},
		"shopify in hex":                      {shop.withHeader("X-Shopify-Hmac-Sha256", hmacHex("hush", "{}")), "malformed"},
		"shopify with a prefix":               {shop.withHeader("X-Shopify-Hmac-Sha256", "sha256="+shop.sign(t).Signature), "malformed"},
		"shopify without a body":              {input{Platform: "shopify", Kind: "push", Secret: "hush"}.withHeader("X-Shopify-Hmac-Sha256", "Knm8rWjeSXNIt2H0AOMT7DQ8/YSy8sQi/pEjbuUmGMs="), "body is empty"},
		"a request without its signature":     {request, "query.sign is missing"},
		"a request's signature in lower case": {request.withQuery("sign", lower), "wrong case"},
		"mercadolibre's push":                 {input{Platform: "mercadolibre", Kind: "push", Body: `{"resource":"/orders/1"}`}, "fetch the resource"},
		"amazon's push":                       {input{Platform: "amazon", Kind: "push", Secret: "x", Body: "{}"}, "no HMAC"},
		"temu's push":                         {input{Platform: "temu", Kind: "push", Secret: "x", Body: "{}"}, "not published"},
		"walmart without a time":              {wal.withHeader("WM_SEC.SIGNATURE", "x"), "WM_SEC.TIMESTAMP is missing"},
		"walmart without a signature":         {wal.withHeader("WM_SEC.TIMESTAMP", "5"), "WM_SEC.SIGNATURE is missing"},
		"walmart with another time":           {wal.withHeader("WM_SEC.TIMESTAMP", "6").withHeader("WM_SEC.SIGNATURE", wal.withHeader("WM_SEC.TIMESTAMP", "5").sign(t).Signature), "not the signature"},
		"a bearer without its word":           {input{Platform: "ebay", Kind: "request", Secret: "t", Headers: map[string]string{"authorization": "t"}}, `start with "Bearer"`},
		"a bearer of another token":           {input{Platform: "ebay", Kind: "request", Secret: "t", Headers: map[string]string{"authorization": "Bearer u"}}, "another token"},
		"a challenge answered wrongly":        {input{Platform: "ebay", Kind: "challenge", Secret: "t", CallbackURL: "u", Query: map[string]string{"challenge_code": "c"}, Body: `{"challengeResponse":"00"}`}, "not the signature"},
		"a challenge not answered":            {input{Platform: "ebay", Kind: "challenge", Secret: "t", CallbackURL: "u", Query: map[string]string{"challenge_code": "c"}}, "challengeResponse"},
	} {
		t.Run(name, func(t *testing.T) {
			if v := tc.input.verify(t); v.Valid || !strings.Contains(v.Reason, tc.reason) {
				t.Errorf("%v %q, want not valid and %q", v.Valid, v.Reason, tc.reason)
			}
		})
	}
}

func TestShopifysNewerHeaderCounts(t *testing.T) {
	in := input{Platform: "shopify", Kind: "push", Secret: "hush", Body: "{}"}
	if v := in.withHeader("Shopify-Hmac-Sha256", in.sign(t).Signature).verify(t); !v.Valid {
		t.Error(v.Reason)
	}
}

func TestChallengeIsProven(t *testing.T) {
	in := input{Platform: "ebay", Kind: "challenge", Secret: "token", CallbackURL: "https://e.com/x", Query: map[string]string{"challenge_code": "c"}}
	in.Body = fmt.Sprintf(`{"challengeResponse": %q}`, in.sign(t).Signature)
	if v := in.verify(t); !v.Valid {
		t.Error(v.Reason)
	}
}

func TestBearerRequestsNeedHeadersOnly(t *testing.T) {
	for name, header := range map[string]string{
		"amazon": "x-amz-access-token", "shopify": "X-Shopify-Access-Token", "ebay": "Authorization",
		"walmart": "WM_SEC.ACCESS_TOKEN", "mercadolibre": "Authorization",
	} {
		in := input{Platform: name, Kind: "request", Secret: "the-token"}
		s := in.sign(t)
		if s.Signature != "" || s.Reason == "" || !strings.HasSuffix(s.Headers[header], "the-token") {
			t.Errorf("%s: %+v", name, s)
		}
		if v := in.withHeader(header, s.Headers[header]).verify(t); !v.Valid {
			t.Errorf("%s: %s", name, v.Reason)
		}
	}
}

// pair makes eBay's role in a rehearsal: a key pair in PEM.
func pair(t *testing.T, curve elliptic.Curve) (private, public string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	pub, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: raw})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: pub}))
}

func TestEbaysPush(t *testing.T) {
	private, public := pair(t, elliptic.P256())
	_, another := pair(t, elliptic.P256())
	const body = `{"metadata":{"topic":"ORDER_CONFIRMATION"},"notification":{"data":{"orderId":"1 2"}}}`
	in := input{Platform: "ebay", Kind: "push", Secret: private, AppKey: "kid-1", Body: body}
	signed := in.sign(t)
	header := signed.Headers["x-ebay-signature"]
	raw, err := base64.StdEncoding.DecodeString(header)
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]string
	if err := json.Unmarshal(raw, &fields); err != nil {
		t.Fatal(err)
	}
	if fields["kid"] != "kid-1" || fields["digest"] != "SHA1" || fields["alg"] != "ecdsa" || fields["signature"] != signed.Signature {
		t.Errorf("header %s", raw)
	}
	came := input{Platform: "ebay", Kind: "push", PublicKey: public, Body: body}.withHeader("X-EBAY-SIGNATURE", header)
	change := func(field, value string) input {
		changed := maps.Clone(fields)
		changed[field] = value
		text, _ := json.Marshal(changed)
		return came.withHeader("x-ebay-signature", base64.StdEncoding.EncodeToString(text))
	}
	with := func(f func(*input)) input { c := came; f(&c); return c }
	for name, tc := range map[string]struct {
		input  input
		reason string // "" if valid
	}{
		"as it came":                        {input: came},
		"with spaces that a parser put in":  {input: with(func(in *input) { in.Body = strings.ReplaceAll(body, ":", ": ") })},
		"a key on one line":                 {input: with(func(in *input) { in.PublicKey = strings.ReplaceAll(public, "\n", "") })},
		"a key with written line breaks":    {input: with(func(in *input) { in.PublicKey = strings.ReplaceAll(public, "\n", `\n`) })},
		"a key with spaces for line breaks": {input: with(func(in *input) { in.PublicKey = strings.ReplaceAll(public, "\n", " ") })},
		"another body":                      {with(func(in *input) { in.Body = strings.ReplaceAll(body, "1 2", "12") }), "not the signature"},
		"another key":                       {with(func(in *input) { in.PublicKey = another }), "not the signature"},
		"no header":                         {with(func(in *input) { in.Headers = nil }), "missing"},
		"no base64":                         {came.withHeader("x-ebay-signature", "{}"), "malformed"},
		"base64 of no JSON":                 {came.withHeader("x-ebay-signature", base64.StdEncoding.EncodeToString([]byte("x"))), "malformed"},
		"another digest":                    {change("digest", "SHA256"), "want SHA1"},
		"another algorithm":                 {change("alg", "none"), "want ecdsa"},
		"a signature that is no base64":     {change("signature", "??"), "malformed"},
		"an empty signature":                {change("signature", ""), "malformed"},
		"a signature of nothing":            {change("signature", "MAYCAQACAQA="), "not the signature"},
	} {
		t.Run(name, func(t *testing.T) {
			if v := tc.input.verify(t); v.Valid != (tc.reason == "") || !strings.Contains(v.Reason, tc.reason) {
				t.Errorf("%v %q, want %q", v.Valid, v.Reason, tc.reason)
			}
		})
	}
}

func TestWhatIsMissingIsNamed(t *testing.T) {
	_, p384 := pair(t, elliptic.P384())
	const key = "a-secret-that-must-not-show"
	for name, tc := range map[string]struct {
		input input
		want  []string
	}{
		"a kind of none":                 {input{Platform: "lazada", Kind: "hook"}, []string{"request, push, challenge"}},
		"a kind that lazada has not":     {input{Platform: "lazada", Kind: "challenge"}, []string{"lazada has no challenge", "push, request"}},
		"shopee's everything":            {input{Platform: "shopee", Kind: "request"}, []string{"secret is missing", "app_key is missing", "path is missing", "query.timestamp is missing"}},
		"shopee's address":               {input{Platform: "shopee", Kind: "push", Secret: key}, []string{"callback_url is missing"}},
		"tiktok_shop's app key":          {input{Platform: "tiktok_shop", Kind: "push", Secret: key}, []string{"app_key is missing"}},
		"ebay's public key":              {input{Platform: "ebay", Kind: "push"}, []string{"public_key is missing"}},
		"a public key that is none":      {input{Platform: "ebay", Kind: "push", PublicKey: "-----BEGIN PUBLIC KEY-----"}, []string{"public_key is no PEM"}},
		"a public key of rubbish":        {input{Platform: "ebay", Kind: "push", PublicKey: "AAAA"}, []string{"no public key"}},
		"a public key of another curve":  {input{Platform: "ebay", Kind: "push", PublicKey: p384}, []string{"P-256"}},
		"a challenge's code and address": {input{Platform: "ebay", Kind: "challenge", Secret: key}, []string{"query.challenge_code is missing", "callback_url is missing"}},
		"a token":                        {input{Platform: "amazon", Kind: "request"}, []string{"secret is missing"}},
	} {
		t.Run(name, func(t *testing.T) {
			kind, c, k := tc.input.call()
			_, err := platform(t, tc.input.Platform).Verify(kind, c, k)
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range tc.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not say %q", err, want)
				}
			}
			if strings.Contains(err.Error(), key) {
				t.Errorf("%q holds the secret", err)
			}
		})
	}
}

// A call that lacks what is signed cannot be signed, and one that came like that is not valid.
func TestACallThatLacksWhatIsSigned(t *testing.T) {
	for name, tc := range map[string]struct {
		input input
		want  string
	}{
		"shopee's time":            {input{Platform: "shopee", Kind: "request", Secret: "k", AppKey: "1", Path: "/p"}, "query.timestamp is missing"},
		"shopee's shop":            {input{Platform: "shopee", Kind: "request", Secret: "k", AppKey: "1", Path: "/p", Query: map[string]string{"timestamp": "1", "access_token": "t"}}, "shop_id, merchant_id, principal_id"},
		"a path":                   {input{Platform: "tiktok_shop", Kind: "request", Secret: "k"}, "path is missing"},
		"a path without its query": {input{Platform: "lazada", Kind: "request", Secret: "k", Path: "/p?a=1"}, "hold no query"},
		"a sign method of ours":    {input{Platform: "aliexpress", Kind: "request", Secret: "k", Query: map[string]string{"sign_method": "rot13"}}, "sha256, md5, hmac, hmac-md5"},
		"a body that is an object": {input{Platform: "temu", Kind: "request", Secret: "k", Body: "[1]"}, "not a JSON object"},
		"anything to sign":         {input{Platform: "temu", Kind: "request", Secret: "k"}, "body is missing"},
		"a challenge's code":       {input{Platform: "ebay", Kind: "challenge", Secret: "k", CallbackURL: "u"}, "query.challenge_code is missing"},
	} {
		t.Run(name, func(t *testing.T) {
			kind, c, k := tc.input.call()
			p := platform(t, tc.input.Platform)
			if _, err := p.Sign(kind, c, k); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("signed: %v, want %q", err, tc.want)
			}
			if v, err := p.Verify(kind, c, k); err != nil || v.Valid || !strings.Contains(v.Reason, tc.want) {
				t.Errorf("verified: %+v, %v, want %q", v, err, tc.want)
			}
		})
	}
}

func TestAPrivateKeyDoesNotShow(t *testing.T) {
	for _, key := range []string{"-----BEGIN EC PRIVATE KEY-----MHcCAQEEIA", "-----BEGIN EC PRIVATE KEY-----MHcCAQEEIA-----END EC PRIVATE KEY-----", "MHcCAQEEIA=="} {
		_, err := platform(t, "ebay").Sign(marketplace.KindPush, marketplace.Call{}, marketplace.Keys{Secret: secret.New(key)})
		if err == nil || strings.Contains(err.Error(), "MHcCAQEEIA") {
			t.Errorf("%v", err)
		}
	}
}
