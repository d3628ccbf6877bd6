package marketplace_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"guardian/internal/secret"
	"guardian/probes/marketplace"
)

// Some servers write a byte order mark before their JSON.
func TestAByteOrderMarkIsNoFault(t *testing.T) {
	for name, tc := range map[string]answerCase{
		"tiktok_shop, all well": {platform: "tiktok_shop", status: 200, body: "\ufeff" + `{"code":0,"message":"Success"}`, class: marketplace.OK},
		"lazada's throttle":     {platform: "lazada", status: 200, operation: "o", body: "\ufeff" + `{"code":"901"}`, class: marketplace.Throttled, code: "901", retry: "1s"},
		"shopify's throttle":    {platform: "shopify", status: 200, operation: "graphql", body: "\ufeff" + `{"errors":[{"extensions":{"code":"THROTTLED"}}]}`, class: marketplace.Throttled, code: "THROTTLED"},
	} {
		t.Run(name, tc.run)
	}
}

// Where an error has a code, the code counts and not a word in its message; of several errors, any.
func TestThrottlesAreReadFromCodes(t *testing.T) {
	const points = `,"extensions":{"cost":{"requestedQueryCost":400,"throttleStatus":{"maximumAvailable":1000,"currentlyAvailable":300,"restoreRate":50}}}`
	left := []string{"graphql 300/1000 used - ratio 0.7 reset 2026-11-22T10:00:14Z body"}
	for name, tc := range map[string]answerCase{
		"a status for a code":           {platform: "shopify", status: 200, operation: "graphql", body: `{"errors":[{"message":"Too many requests","extensions":{"code":"429"}}]}`, class: marketplace.Throttled, code: "429"},
		"a status for a code, a number": {platform: "shopify", status: 200, operation: "graphql", body: `{"errors":[{"message":"x","extensions":{"code":429}}]` + points + `}`, class: marketplace.Throttled, code: "429", retry: "2s", quota: left},
		"the second of two":             {platform: "shopify", status: 200, operation: "graphql", body: `{"errors":[{"message":"Field is wrong","extensions":{"code":"undefinedField"}},{"message":"Throttled","extensions":{"code":"THROTTLED"}}]` + points + `}`, class: marketplace.Throttled, code: "THROTTLED", retry: "2s", quota: left},
		"behind one without a code":     {platform: "shopify", status: 200, operation: "graphql", body: `{"errors":[{"message":"x"},{"message":"slow down","extensions":{"code":"THROTTLED"}}]}`, class: marketplace.Throttled, code: "THROTTLED"},
		"the word beside another code":  {platform: "shopify", status: 200, operation: "graphql", body: `{"errors":[{"message":"Discount 'Throttled10' is invalid","extensions":{"code":"BAD_REQUEST"}}]}`, class: marketplace.OurFault, code: "BAD_REQUEST"},
		"the word without a code":       {platform: "shopify", status: 200, operation: "graphql", body: `{"errors":[{"message":"Throttled"}]}`, class: marketplace.Throttled},
		"the second of amazon's":        {platform: "amazon", status: 400, operation: "getOrder", body: `{"errors":[{"code":"InvalidInput","message":"x"},{"code":"QuotaExceeded","message":"y"}]}`, class: marketplace.Throttled, code: "QuotaExceeded"},
		"the second of ebay's":          {platform: "ebay", status: 400, operation: "getOrder", body: `{"errors":[{"errorId":5,"message":"x"},{"errorId":2001,"message":"y"}]}`, class: marketplace.Throttled, code: "2001"},
		"the second of walmart's":       {platform: "walmart", status: 400, operation: "getOrders", body: `{"errors":{"error":[{"code":"X","description":"x"},{"code":"REQUEST_THRESHOLD_VIOLATED.GMP_GATEWAY_API"}]}}`, class: marketplace.Throttled, code: "REQUEST_THRESHOLD_VIOLATED.GMP_GATEWAY_API"},
		"ebay's words beside a code":    {platform: "ebay", status: 400, body: `{"errors":[{"errorId":25002,"message":"The title says: request limit has been reached"}]}`, class: marketplace.OurFault, code: "25002"},
		"a status in temu's body":       {platform: "temu", status: 200, operation: "o", body: `{"success":false,"errorCode":429,"errorMsg":"x"}`, class: marketplace.Throttled, code: "429"},
		"a status in lazada's body":     {platform: "lazada", status: 200, operation: "o", body: `{"code":"429","message":"x"}`, class: marketplace.Throttled, code: "429"},
		"temu's many items":             {platform: "temu", status: 200, body: `{"success":false,"errorCode":7,"errorMsg":"too many items in one order"}`, class: marketplace.OurFault, code: "7"},
		"tiktok_shop's many orders":     {platform: "tiktok_shop", status: 400, body: `{"code":36009004,"message":"too many ids: at most 50"}`, class: marketplace.OurFault, code: "36009004"},
	} {
		t.Run(name, tc.run)
	}
}

func TestAnOverdrawnBucketIsEmpty(t *testing.T) {
	const head, tail = `{"errors":[{"message":"Throttled","extensions":{"code":"THROTTLED"}}],"extensions":{"cost":{"requestedQueryCost":`, `}}}}`
	for name, tc := range map[string]answerCase{
		"by points": {
			platform: "shopify", body: head + `400,"throttleStatus":{"maximumAvailable":1000.0,"currentlyAvailable":-100,"restoreRate":50.0` + tail, code: "THROTTLED", class: marketplace.Throttled, retry: "10s",
			quota: []string{"graphql 0/1000 used - ratio 1 reset 2026-11-22T10:00:22Z body"},
		},
		"by a fraction": {
			platform: "shopify", body: head + `10,"throttleStatus":{"maximumAvailable":2000,"currentlyAvailable":-0.5,"restoreRate":100` + tail, code: "THROTTLED", class: marketplace.Throttled, retry: "105ms",
			quota: []string{"graphql 0/2000 used - ratio 1 reset 2026-11-22T10:00:20.005Z body"},
		},
		"in quotes": {
			platform: "shopify", body: head + `100,"throttleStatus":{"maximumAvailable":"1000","currentlyAvailable":"-900","restoreRate":"50"` + tail, code: "THROTTLED", class: marketplace.Throttled, retry: "20s",
			quota: []string{"graphql 0/1000 used - ratio 1 reset 2026-11-22T10:00:38Z body"},
		},
		"ebay's": {
			platform: "ebay", body: `{"rateLimits":[{"resources":[{"name":"a","rates":[{"limit":100,"remaining":-3}]}]}]}`, class: marketplace.OK,
			quota: []string{"a 0/100 used - ratio 1 reset - api"},
		},
	} {
		tc.status, tc.operation = 200, "graphql"
		t.Run(name, tc.run)
	}
}

func TestRefusedSignaturesAreCredentials(t *testing.T) {
	for name, tc := range map[string]answerCase{
		"ebay's, refused":             {platform: "ebay", status: 403, body: `{"errors":[{"errorId":215122,"domain":"ACCESS","category":"REQUEST","message":"Signature validation failed","longMessage":"Signature validation failed to fulfill the request."}]}`, class: marketplace.CredentialBad, code: "215122"},
		"ebay's, the older number":    {platform: "ebay", status: 403, body: `{"errors":[{"errorId":215120,"message":"Signature validation failed"}]}`, class: marketplace.CredentialBad, code: "215120"},
		"ebay's, a missing header":    {platform: "ebay", status: 400, body: `{"errors":[{"errorId":215001,"message":"Missing x-ebay-signature-key header"}]}`, class: marketplace.CredentialBad, code: "215001"},
		"ebay's, an unknown number":   {platform: "ebay", status: 403, body: `{"errors":[{"errorId":215999,"domain":"ACCESS","message":"The signature key has expired"}]}`, class: marketplace.CredentialBad, code: "215999"},
		"ebay's, in a 400":            {platform: "ebay", status: 400, body: `{"errors":[{"errorId":215998,"domain":"ACCESS","message":"Signature is not valid for the content digest"}]}`, class: marketplace.CredentialBad, code: "215998"},
		"ebay's own error":            {platform: "ebay", status: 500, body: `{"errors":[{"errorId":215000,"category":"APPLICATION","message":"Signature validation failed: internal error"}]}`, class: marketplace.TheirFault, code: "215000"},
		"mercadolibre's with 403":     {platform: "mercadolibre", status: 403, body: `{"error":"forbidden","message":"invalid signature"}`, class: marketplace.CredentialBad, code: "forbidden"},
		"a signature by the receiver": {platform: "ebay", status: 403, body: `{"errors":[{"errorId":7,"message":"Signature confirmation is needed for this parcel"}]}`, class: marketplace.Permission, code: "7"},
	} {
		t.Run(name, tc.run)
	}
}

func TestErrorsInXMLAreRead(t *testing.T) {
	const head = `<?xml version="1.0" encoding="UTF-8"?><ns2:errors xmlns:ns2="http://walmart.com/">`
	for name, tc := range map[string]answerCase{
		"a token": {platform: "walmart", status: 400, path: "/v3/orders", body: head + `<ns2:error><ns2:code>INVALID_TOKEN.GMP_GATEWAY_API</ns2:code><ns2:field>WM_SEC.ACCESS_TOKEN</ns2:field></ns2:error></ns2:errors>`, class: marketplace.CredentialBad, code: "INVALID_TOKEN.GMP_GATEWAY_API"},
		"a token, by its field alone": {platform: "walmart", status: 400, path: "/v3/orders", body: "\xef\xbb\xbf" + `<errors><error>
			<code>X</code><field>WM_SEC.ACCESS_TOKEN</field><description>Bad &amp; old</description></error></errors>`, class: marketplace.CredentialBad, code: "X", words: "Bad & old"},
		"the second of two":              {platform: "walmart", status: 400, path: "/v3/orders", body: head + `<ns2:error><ns2:code>Y</ns2:code></ns2:error><ns2:error><ns2:code>UNAUTHORIZED.GMP_GATEWAY_API</ns2:code></ns2:error></ns2:errors>`, class: marketplace.CredentialBad, code: "UNAUTHORIZED.GMP_GATEWAY_API"},
		"one error as the root":          {platform: "walmart", status: 400, path: "/v3/orders", body: `<error><code>INVALID_TOKEN.GMP_GATEWAY_API</code></error>`, class: marketplace.CredentialBad, code: "INVALID_TOKEN.GMP_GATEWAY_API"},
		"a threshold":                    {platform: "walmart", status: 420, operation: "getOrders", body: head + `<ns2:error><ns2:code>REQUEST_THRESHOLD_VIOLATED.GMP_GATEWAY_API</ns2:code></ns2:error></ns2:errors>`, class: marketplace.Throttled, code: "REQUEST_THRESHOLD_VIOLATED.GMP_GATEWAY_API"},
		"a parameter":                    {platform: "walmart", status: 400, path: "/v3/orders", body: head + `<ns2:error><ns2:code>INVALID_REQUEST_PARAM.GMP_ORDER_API</ns2:code><ns2:field>limit</ns2:field></ns2:error></ns2:errors>`, class: marketplace.OurFault, code: "INVALID_REQUEST_PARAM.GMP_ORDER_API"},
		"orders":                         {platform: "walmart", status: 200, path: "/v3/orders", body: `<ns3:list xmlns:ns3="http://walmart.com/"><ns3:meta><ns3:totalCount>0</ns3:totalCount></ns3:meta></ns3:list>`, class: marketplace.OK},
		"a page":                         {platform: "walmart", status: 400, path: "/v3/orders", body: `<html><body><br>Bad Request</body></html>`, class: marketplace.OurFault},
		"cut off":                        {platform: "walmart", status: 400, path: "/v3/orders", body: head + `<ns2:error><ns2:code>INVALID_TOK`, class: marketplace.OurFault},
		"deeper than any":                {platform: "walmart", status: 400, path: "/v3/orders", body: strings.Repeat("<a>", 5000) + strings.Repeat("</a>", 5000), class: marketplace.OurFault},
		"ebay's traditional token":       {platform: "ebay", status: 200, body: `<?xml version="1.0"?><GetOrdersResponse xmlns="urn:ebay:apis:eBLBaseComponents"><Ack>Failure</Ack><Errors><ShortMessage>Auth token is hard expired.</ShortMessage><LongMessage>x</LongMessage><ErrorCode>932</ErrorCode><SeverityCode>Error</SeverityCode></Errors></GetOrdersResponse>`, class: marketplace.CredentialBad, code: "932"},
		"ebay's traditional throttle":    {platform: "ebay", operation: "o", status: 200, body: `<GetItemResponse><Ack>Failure</Ack><Errors><ErrorCode>518</ErrorCode></Errors></GetItemResponse>`, class: marketplace.Throttled, code: "518"},
		"ebay's warning with its answer": {platform: "ebay", status: 200, body: `<GetItemResponse><Ack>Warning</Ack><Errors><ErrorCode>21919</ErrorCode><SeverityCode>Warning</SeverityCode></Errors></GetItemResponse>`, class: marketplace.OK},
	} {
		t.Run(name, tc.run)
	}
}

// iopDigest is what the vendors' SDKs compute: path, then all parameters sorted, then a body that is
// no form.
func iopDigest(path string, params map[string]string, body string) string {
	var names []string
	for n := range params {
		names = append(names, n)
	}
	slices.Sort(names)
	var text strings.Builder
	text.WriteString(path)
	for _, n := range names {
		text.WriteString(n + params[n])
	}
	m := hmac.New(sha256.New, []byte("helloworld"))
	m.Write([]byte(text.String() + body))
	return strings.ToUpper(hex.EncodeToString(m.Sum(nil)))
}

func TestFormFieldsAreParameters(t *testing.T) {
	query := map[string]string{"app_key": "123456", "timestamp": "1517820392000", "sign_method": "sha256"}
	fields := map[string]string{"payload": "<Request>商品 & co</Request>", "order_id": "1234", "empty": ""}
	values := url.Values{}
	for n, v := range fields {
		values.Set(n, v)
	}
	var upload bytes.Buffer
	w := multipart.NewWriter(&upload)
	for n, v := range fields {
		_ = w.WriteField(n, v)
	}
	f, _ := w.CreateFormFile("image", "a.png")
	_, _ = f.Write([]byte{0, 1, 2})
	_ = w.Close()
	together := map[string]string{"payload": fields["payload"], "order_id": "1234"}
	maps.Copy(together, query)
	const plain = "application/x-www-form-urlencoded"
	for name, tc := range map[string]struct {
		platform, kind, path, signedPath string
		body                             []byte
		params                           map[string]string
		signedBody                       string
	}{
		"lazada's form":                  {"lazada", plain, "/product/update", "/product/update", []byte(values.Encode()), together, ""},
		"lazada's form with a charset":   {"lazada", plain + "; charset=UTF-8", "/rest/product/update", "/product/update", []byte(values.Encode()), together, ""},
		"lazada's upload":                {"lazada", w.FormDataContentType(), "/image/upload", "/image/upload", upload.Bytes(), together, ""},
		"lazada's JSON stays a body":     {"lazada", "application/json", "/product/update", "/product/update", []byte(`{"a":1}`), query, `{"a":1}`},
		"aliexpress' form":               {"aliexpress", plain, "/ds/order/get", "/ds/order/get", []byte(values.Encode()), together, ""},
		"aliexpress' form, with /rest":   {"aliexpress", strings.ToUpper(plain), "/rest/ds/order/get", "/ds/order/get", []byte(values.Encode()), together, ""},
		"aliexpress' JSON stays a body":  {"aliexpress", "", "/ds/order/get", "/ds/order/get", []byte(`{"a":1}`), query, `{"a":1}`},
		"what says form and is not well": {"lazada", plain, "/product/update", "/product/update", []byte("a=%zz"), query, "a=%zz"},
	} {
		t.Run(name, func(t *testing.T) {
			want := iopDigest(tc.signedPath, tc.params, tc.signedBody)
			c := marketplace.Call{Method: "POST", Path: tc.path, Query: query, Header: http.Header{"Content-Type": {tc.kind}}, Body: tc.body}
			keys := marketplace.Keys{Secret: secret.New("helloworld")}
			s, err := platform(t, tc.platform).Sign(marketplace.KindRequest, c, keys)
			if err != nil || s.Signature != want {
				t.Errorf("signed %s %v, want %s", s.Signature, err, want)
			}
			c.Query = map[string]string{"sign": want}
			maps.Copy(c.Query, query)
			if v, err := platform(t, tc.platform).Verify(marketplace.KindRequest, c, keys); err != nil || !v.Valid {
				t.Errorf("%s %v", v.Reason, err)
			}
			c.Body = append([]byte("order_id=9&"), c.Body...)
			if v, err := platform(t, tc.platform).Verify(marketplace.KindRequest, c, keys); err != nil || v.Valid && tc.signedBody != "" {
				t.Errorf("another body is valid: %s %v", v.Reason, err)
			}
		})
	}
}

// Everything may be in the form, the signature and the method too.
func TestASignatureMayBeInTheForm(t *testing.T) {
	params := map[string]string{"app_key": "1", "method": "aliexpress.ds.order.get", "sign_method": "sha256", "timestamp": "1517820392000", "order_id": "7"}
	values := url.Values{}
	for n, v := range params {
		values.Set(n, v)
	}
	values.Set("sign", iopDigest("", params, ""))
	c := marketplace.Call{Method: "POST", Path: "/sync", Header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, Body: []byte(values.Encode())}
	keys := marketplace.Keys{Secret: secret.New("helloworld")}
	if v, err := platform(t, "aliexpress").Verify(marketplace.KindRequest, c, keys); err != nil || !v.Valid {
		t.Errorf("%s %v", v.Reason, err)
	}
	values.Set("order_id", "8")
	c.Body = []byte(values.Encode())
	if v, err := platform(t, "aliexpress").Verify(marketplace.KindRequest, c, keys); err != nil || v.Valid {
		t.Errorf("a changed form: %s %v", v.Reason, err)
	}
}
