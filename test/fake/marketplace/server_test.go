package marketplace_test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tidwall/gjson"

	"guardian/probes/marketplace"
	fake "guardian/test/fake/marketplace"
)

func do(t *testing.T, s *fake.Server, method, target string, body []byte, headers ...string) (*http.Response, []byte) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.URL()+target, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer, b
}

// at gives a server the clock of a vendor's example.
func at(seconds float64) fake.Option {
	return fake.WithNow(func() time.Time { return time.UnixMilli(int64(seconds * 1000)) })
}

// The calls are those of the vendors' own examples, with the digests that they print.
func TestSignaturesAreTheVendors(t *testing.T) {
	for name, tc := range map[string]struct {
		platform string
		keys     fake.Credentials
		at       float64
		target   string
		refused  string // what the answer holds when the signature is not taken
	}{
		"lazada": {
			"lazada",
			fake.Credentials{App: "123456", Secret: "helloworld", Token: "test"},
			1517820392,
			"/rest/order/get?app_key=123456&access_token=test&order_id=1234&sign_method=sha256&timestamp=1517820392000&sign=4190D32361CFB9581350222F345CB77F3B19F0E31D162316848A2C1FFD5FAB4A",
			"IncompleteSignature",
		},
		"tiktok_shop": {
			"tiktok_shop",
			fake.Credentials{App: "29a39d", Secret: "e59af819cc"},
			1623812664,
			"/authorization/202309/shops?app_key=29a39d&timestamp=1623812664&sign=b596b73e0cc6de07ac26f036364178ab16b0a907af13d43f0a0cd2345f582dc8",
			"106001",
		},
		"shopee": {
			"shopee",
			fake.Credentials{App: "2001887", Secret: "57615053704d6470644f554a78656d50484143644964436a5568777544524579", Token: "59777174636562737266615546704c6d", Shop: "14701711"},
			1655714431,
			"/api/v2/shop/get_shop_info?partner_id=2001887&timestamp=1655714431&access_token=59777174636562737266615546704c6d&shop_id=14701711&sign=b914bea03c13799deb036bb9d10e689f5a6bade160c44af568646f1ef7d796c1",
			"error_sign",
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := fake.New(tc.platform, fake.WithCredentials(tc.keys), at(tc.at))
			defer s.Close()
			if _, body := do(t, s, "GET", tc.target, nil); strings.Contains(string(body), tc.refused) {
				t.Errorf("the vendor's own example is refused: %s", body)
			}
			changed := strings.NewReplacer("=4190", "=4191", "=b596", "=b597", "=b914", "=b915").Replace(tc.target)
			if _, body := do(t, s, "GET", changed, nil); !strings.Contains(string(body), tc.refused) {
				t.Errorf("another signature is taken: %s", body)
			}
		})
	}
}

func TestPushSignaturesAreTheVendors(t *testing.T) {
	for name, tc := range map[string]struct {
		platform, app, secret, header, body string
	}{
		"tiktok_shop": {
			"tiktok_shop", "abcdef", "123", "Authorization: 5dec0f11ec2f6783b8deee53c9ffbf8d024302f7c7e7fa55a35d17629031ac05",
			`{"type":1,"tts_notification_id":"7380066284010030890","shop_id":"7495540735365777507","timestamp":1718305585,"data":{"is_on_hold_order":true,"order_id":"576653688135258178","order_status":"UNPAID","update_time":1718305585}}`,
		},
		"lazada": {
			"lazada", "123456", "3412gyo124goi3124", "Authorization: db0ff45c239239076b916c2d1e190ea65ea591bb7427ba473ba766bb1f5d06a3",
			`{"seller_id":"null","message_type":8,"data":{"app_key":"123456","auth_expiry_time":1627542238,"seller_id":"1000165972"},"timestamp":1627416758,"site":"lazada_ph"}`,
		},
		"shopify": {"shopify", "", "hush", "X-Shopify-Hmac-Sha256: hMTq0K2x7oyOjoBwGYeTj5oxfnaVYXzbanUG9aajpKI=", `"my secret message"`},
	} {
		h := http.Header{}
		header, value, _ := strings.Cut(tc.header, ": ")
		h.Set(header, value)
		e := fake.Endpoint{App: tc.app, Secret: tc.secret}
		if err := fake.VerifyPush(tc.platform, e, h, []byte(tc.body)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if fake.VerifyPush(tc.platform, e, h, []byte(tc.body+" ")) == nil {
			t.Errorf("%s: a body that was changed is taken", name)
		}
	}
}

func TestClocksThatAreOff(t *testing.T) {
	const now = 1655714431
	for name, tc := range map[string]struct {
		platform string
		target   string
		off      float64 // of the caller's clock, in seconds
		refused  bool
	}{
		"shopee takes 5 minutes":                  {"shopee", "/api/v2/shop/get_shop_info?partner_id=2001887&shop_id=1&timestamp=1655714431", 300, false},
		"shopee takes no more":                    {"shopee", "/api/v2/shop/get_shop_info?partner_id=2001887&shop_id=1&timestamp=1655714431", -301, true},
		"lazada takes two hours":                  {"lazada", "/rest/seller/get?app_key=2001887&timestamp=1655714431000", -7200, false},
		"lazada takes no more":                    {"lazada", "/rest/seller/get?app_key=2001887&timestamp=1655714431000", 7201, true},
		"tiktok takes 30 seconds ahead":           {"tiktok_shop", "/authorization/202309/shops?app_key=2001887&timestamp=1655714431", 30, false},
		"tiktok takes no more ahead":              {"tiktok_shop", "/authorization/202309/shops?app_key=2001887&timestamp=1655714431", 31, true},
		"tiktok takes 5 minutes behind":           {"tiktok_shop", "/authorization/202309/shops?app_key=2001887&timestamp=1655714431", -300, false},
		"tiktok takes no more behind":             {"tiktok_shop", "/authorization/202309/shops?app_key=2001887&timestamp=1655714431", -301, true},
		"aliexpress takes two hours, as IOP does": {"aliexpress", "/sync?method=aliexpress.ds.order.get&app_key=2001887&timestamp=1655714431000", 7200, false},
	} {
		s := fake.New(tc.platform, at(now-tc.off))
		method := "GET"
		if tc.platform == "aliexpress" {
			method = "POST"
		}
		_, body := do(t, s, method, tc.target, nil)
		s.Close()
		if got := strings.Contains(strings.ToLower(string(body)), "timestamp"); got != tc.refused {
			t.Errorf("%s: %s", name, body)
		}
	}
}

// What the sandbox answers is read as the vendor documents it.
func TestAmazonsSandboxCases(t *testing.T) {
	cases, err := fake.AmazonCases()
	if err != nil {
		t.Fatal(err)
	}
	if len(cases) < 30 {
		t.Fatalf("only %d cases", len(cases))
	}
	amazon, err := marketplace.Find("amazon")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	s := fake.New("amazon", fake.WithSandbox(), fake.WithNow(func() time.Time { now = now.Add(time.Second); return now }))
	defer s.Close()
	for _, c := range cases {
		target, body := c.Request()
		answer, text := do(t, s, c.Method, target, body, "X-Amz-Access-Token: "+s.Credentials().Token)
		if answer.StatusCode != c.Status {
			t.Errorf("%s %s: status %d, want %d: %s", c.Method, target, answer.StatusCode, c.Status, text)
			continue
		}
		for _, m := range c.Members {
			if !gjson.GetBytes(text, m).Exists() {
				t.Errorf("%s %s: %s is missing in %s", c.Method, target, m, text)
			}
		}
		m := amazon.Read(marketplace.Answer{Method: c.Method, Path: target, Status: answer.StatusCode, Header: answer.Header, Body: text}, now)
		wantClass, wantCode := marketplace.OK, ""
		if c.Status >= 400 {
			wantClass = marketplace.OurFault
		}
		if len(c.Codes) > 0 {
			wantCode = c.Codes[0]
		}
		if m.Class != wantClass || m.Code != wantCode {
			t.Errorf("%s %s: %s %q, want %s %q", c.Method, target, m.Class, m.Code, wantClass, wantCode)
		}
	}
	_, text := do(t, s, "GET", "/orders/v0/orders?CreatedAfter=2026-01-01", nil, "X-Amz-Access-Token: "+s.Credentials().Token)
	m := amazon.Read(marketplace.Answer{Operation: "getOrders", Status: 400, Header: http.Header{}, Body: text}, now)
	if m.Class != marketplace.InSandbox {
		t.Errorf("parameters of no case are %s: %s", m.Class, text)
	}
}

func TestAmazonsBucketIsTheDocumentedOne(t *testing.T) {
	now := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	s := fake.New("amazon", fake.WithNow(func() time.Time { return now }))
	defer s.Close()
	call := func() int {
		answer, _ := do(t, s, "GET", "/orders/2026-01-01/orders", nil, "X-Amz-Access-Token: "+s.Credentials().Token)
		return answer.StatusCode
	}
	for i := range 20 {
		if got := call(); got != 200 {
			t.Fatalf("call %d of a burst of 20: %d", i+1, got)
		}
	}
	if got := call(); got != 429 {
		t.Fatalf("call 21: %d, want 429", got)
	}
	now = now.Add(178 * time.Second)
	if got := call(); got != 429 {
		t.Errorf("after 178 s: %d, want 429: there is one in 179 s", got)
	}
	now = now.Add(time.Second)
	if got := call(); got != 200 {
		t.Errorf("after 179 s: %d, want 200", got)
	}
}
