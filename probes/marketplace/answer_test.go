package marketplace_test

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"guardian/probes/marketplace"
)

// reading writes one as "operation remaining/limit used reset source", "-" for what was not said.
func reading(r marketplace.Reading) string {
	num := func(f *float64) string {
		if f == nil {
			return "-"
		}
		return fmt.Sprint(*f)
	}
	reset := "-"
	if r.ResetAt != nil {
		reset = r.ResetAt.UTC().Format(time.RFC3339Nano)
	}
	ratio := "-"
	if v, ok := r.UsedRatio(); ok {
		ratio = fmt.Sprintf("%.4g", v)
	}
	return fmt.Sprintf("%s %s/%s used %s ratio %s reset %s %s", r.Operation, num(r.Remaining), num(r.Limit), num(r.Used), ratio, reset, r.Source)
}

type answerCase struct {
	platform  string
	operation string
	method    string
	path      string
	status    int
	header    []string
	body      string

	class marketplace.Class
	code  string
	retry string   // "" if not told
	words string   // must be in the words
	quota []string // see reading; of a throttle that tells no more: nothing is left until retry
}

func (tc answerCase) run(t *testing.T) {
	t.Helper()
	m := platform(t, tc.platform).Read(marketplace.Answer{
		Operation: tc.operation, Method: tc.method, Path: tc.path, Status: tc.status, Header: header(tc.header...), Body: []byte(tc.body),
	}, now)
	retry := ""
	if m.RetryAfter != nil {
		retry = m.RetryAfter.String()
	}
	if m.Class != tc.class || m.Code != tc.code || retry != tc.retry {
		t.Errorf("class %s, code %q, retry after %q; want %s, %q, %q (%s)", m.Class, m.Code, retry, tc.class, tc.code, tc.retry, m.Why)
	}
	if m.Why.IsZero() || !strings.Contains(m.Why.String(), tc.words) {
		t.Errorf("words %q, want %q in them", m.Why, tc.words)
	}
	var got []string
	for _, r := range m.Quota {
		got = append(got, reading(r))
	}
	if tc.class == marketplace.Throttled && tc.quota == nil {
		reset, source := "-", "header"
		if m.RetryAfter != nil {
			reset = now.Add(*m.RetryAfter).UTC().Format(time.RFC3339Nano)
		}
		if tc.body != "" {
			source = "body"
		}
		operation := tc.operation
		if len(m.Quota) > 0 && operation == "" {
			operation = m.Quota[0].Operation
		}
		tc.quota = []string{fmt.Sprintf("%s 0/- used - ratio - reset %s %s", operation, reset, source)}
	}
	if diff := cmp.Diff(tc.quota, got); diff != "" {
		t.Error(diff)
	}
}

func TestAmazonsAnswers(t *testing.T) {
	const quota = `{ "errors": [ { "message": "You exceeded your quota for the requested resource.", "code": "QuotaExceeded" } ] }`
	for name, tc := range map[string]answerCase{
		"a throttle as it was captured": {
			status: 429, method: "GET", path: "/orders/v0/orders?CreatedAfter=x", body: quota,
			header: []string{
				"Date: Sat, 31 Oct 2020 09:44:43 GMT", "Content-Type: application/json", "x-amzn-RequestId: 08994608-0658-4072-b813-88a208b8e506",
				"x-amzn-ErrorType: TooManyRequestsException", "x-amz-apigw-id: VRTB2HecDoEF2yA=",
			},
			class: marketplace.Throttled, code: "QuotaExceeded", words: "exceeded your quota",
		},
		"a throttle without a body": {status: 429, header: []string{"x-amzn-ErrorType: TooManyRequestsException"}, class: marketplace.Throttled, code: "QuotaExceeded"},
		"a rate is a limit and no more": {
			status: 200, operation: "getOrders", header: []string{"x-amzn-RateLimit-Limit: 0.0167"}, body: `{"payload":{}}`,
			class: marketplace.OK, quota: []string{"getOrders -/0.0167 used - ratio - reset - header"},
		},
		"a rate that is no number is ignored": {status: 200, header: []string{"x-amzn-RateLimit-Limit: NaN"}, class: marketplace.OK},
		"no access token": {
			status: 403, body: `{"errors":[{"code":"Unauthorized","message":"Access to requested resource is denied.","details":"Access token is missing in the request header."}]}`,
			class: marketplace.CredentialBad, code: "Unauthorized",
		},
		"data that a role lacks": {
			status: 403, body: `{"errors":[{"code":"Unauthorized","message":"Application does not have access to one or more requested data elements: [shippingAddress]","details":""}]}`,
			class: marketplace.Permission, code: "Unauthorized",
		},
		"a token that has expired": {
			status: 403, body: `{"errors":[{"code":"Unauthorized","message":"Access to requested resource is denied.","details":"The access token you provided has expired."}]}`,
			class: marketplace.CredentialBad, code: "Unauthorized",
		},
		"a throttle that tells its rate": {
			status: 429, operation: "getOrders", header: []string{"x-amzn-RateLimit-Limit: 0.0167"}, body: quota, class: marketplace.Throttled, code: "QuotaExceeded",
			quota: []string{"getOrders -/0.0167 used - ratio - reset - header", "getOrders 0/- used - ratio - reset - body"},
		},
		"a role that lacks":           {status: 403, body: `{"errors":[{"code":"Unauthorized","message":"Access to requested resource is denied.","details":""}]}`, class: marketplace.Permission, code: "Unauthorized"},
		"a refresh token not taken":   {status: 400, body: `{"error":"invalid_grant","error_description":"The request has an invalid grant parameter : refresh_token"}`, class: marketplace.CredentialBad, code: "invalid_grant"},
		"a client not taken":          {status: 401, body: `{"error":"invalid_client","error_description":"Client authentication failed"}`, class: marketplace.CredentialBad, code: "invalid_client"},
		"a client that may not":       {status: 400, body: `{"error":"unauthorized_client"}`, class: marketplace.CredentialBad, code: "unauthorized_client"},
		"a grant type that is none":   {status: 400, body: `{"error":"unsupported_grant_type"}`, class: marketplace.OurFault, code: "unsupported_grant_type"},
		"the sandbox's limits":        {status: 400, body: `{"errors":[{"code":"InvalidInput","message":"Could not match input arguments"}]}`, class: marketplace.InSandbox, code: "InvalidInput"},
		"a bad parameter":             {status: 400, body: `{"errors":[{"code":"InvalidInput","message":"Invalid Input"}]}`, class: marketplace.OurFault, code: "InvalidInput"},
		"an error of theirs":          {status: 500, body: `{"errors":[{"code":"InternalFailure","message":"We encountered an internal error."}]}`, class: marketplace.TheirFault, code: "InternalFailure"},
		"no capacity is no throttle":  {status: 503, header: []string{"Retry-After: 30"}, body: `{"errors":[{"code":"ServiceUnavailable"}]}`, class: marketplace.TheirFault, code: "ServiceUnavailable", retry: "30s"},
		"an answer without a body":    {status: 204, class: marketplace.OK},
		"a page in place of an error": {status: 502, body: "<html>", class: marketplace.TheirFault},
	} {
		tc.platform = "amazon"
		t.Run(name, tc.run)
	}
}

// Amazon documents its sandbox's cases by parameters, status and codes.
func TestAmazonsSandboxCases(t *testing.T) {
	raw, err := os.ReadFile("testdata/amazon_sandbox.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Operation, Method, Path string
		Parameters              json.RawMessage
		Status                  int
		Codes, Keys             []string
	}
	if err := json.Unmarshal(raw, &cases); err != nil || len(cases) == 0 {
		t.Fatal(err, len(cases))
	}
	p := platform(t, "amazon")
	for _, c := range cases {
		body := map[string]any{}
		for _, key := range c.Keys {
			body[key] = map[string]any{}
		}
		var errs []map[string]string
		for _, code := range c.Codes {
			errs = append(errs, map[string]string{"code": code, "message": "Request has missing or invalid parameters", "details": ""})
		}
		if errs != nil {
			body["errors"] = errs
		}
		text, _ := json.Marshal(body)
		if c.Status == 204 {
			text = nil
		}
		m := p.Read(marketplace.Answer{Method: c.Method, Path: c.Path, Status: c.Status, Body: text}, now)
		want := marketplace.OK
		if c.Status >= 400 {
			want = marketplace.OurFault
		}
		if m.Class != want || len(c.Codes) > 0 && m.Code != c.Codes[0] {
			t.Errorf("%s %s: %s %q, want %s %v", c.Operation, c.Parameters, m.Class, m.Code, want, c.Codes)
		}
		if o, ok := p.Operation(c.Method, c.Path); !ok || !strings.HasPrefix(o.Name, c.Operation) {
			t.Errorf("%s %s is %q, not %s", c.Method, c.Path, o.Name, c.Operation)
		}
	}
}

func TestShopifysAnswers(t *testing.T) {
	throttled := `{"errors":[{"message":"Throttled","extensions":{"code":"THROTTLED","documentation":"https://shopify.dev"}}],"extensions":{"cost":{"requestedQueryCost":400,"actualQueryCost":null,"throttleStatus":{"maximumAvailable":1000.0,"currentlyAvailable":300,"restoreRate":50.0}}}}`
	for name, tc := range map[string]answerCase{
		"a throttle of GraphQL with status 200": {
			status: 200, operation: "graphql", body: throttled, class: marketplace.Throttled, code: "THROTTLED", retry: "2s",
			quota: []string{"graphql 300/1000 used - ratio 0.7 reset 2026-11-22T10:00:14Z body"},
		},
		"a throttle of GraphQL before it had codes": {status: 200, operation: "graphql", body: `{"errors":[{"message":"Throttled"}]}`, class: marketplace.Throttled},
		"points of GraphQL when all is well": {
			status: 200, method: "POST", path: "/admin/api/2026-10/graphql.json", class: marketplace.OK,
			body:  `{"data":{"shop":{"name":"x"}},"extensions":{"cost":{"requestedQueryCost":1,"actualQueryCost":1,"throttleStatus":{"maximumAvailable":2000.0,"currentlyAvailable":1999,"restoreRate":100.0}}}}`,
			quota: []string{"graphql 1999/2000 used - ratio 0.0005 reset 2026-11-22T10:00:00.01Z body"},
		},
		"points that are no numbers are ignored": {status: 200, class: marketplace.OK, body: `{"data":{},"extensions":{"cost":{"throttleStatus":{"maximumAvailable":"many","currentlyAvailable":[1]}}}}`},
		"no rate of return tells no reset": {
			status: 200, operation: "graphql", class: marketplace.OK, body: `{"data":{},"extensions":{"cost":{"throttleStatus":{"maximumAvailable":100,"currentlyAvailable":50,"restoreRate":0}}}}`,
			quota: []string{"graphql 50/100 used - ratio 0.5 reset - body"},
		},
		"a throttle of REST": {
			status: 429, operation: "orders", header: []string{"Retry-After: 2.0", "X-Shopify-Shop-Api-Call-Limit: 40/40"},
			body:  `{"errors":"Exceeded 2 calls per second for api client. Reduce request rates to resume uninterrupted service."}`,
			class: marketplace.Throttled, retry: "2s", words: "Exceeded 2 calls", quota: []string{"orders 0/40 used - ratio 1 reset 2026-11-22T10:00:02Z header"},
		},
		"a limit of a day":               {status: 429, body: `{"errors":{"base":["Daily variant creation limit reached. Please try again later."]}}`, class: marketplace.Throttled, words: "Daily variant creation limit"},
		"REST's bucket":                  {status: 200, operation: "orders", header: []string{"X-Shopify-Shop-Api-Call-Limit: 32/40"}, body: `{"orders":[]}`, class: marketplace.OK, quota: []string{"orders 8/40 used - ratio 0.8 reset - header"}},
		"a bucket in words is ignored":   {status: 200, header: []string{"X-Shopify-Shop-Api-Call-Limit: invalid/invalid"}, class: marketplace.OK},
		"a token not taken":              {status: 401, body: `{"errors":"[API] Invalid API key or access token (unrecognized login or wrong password)"}`, class: marketplace.CredentialBad},
		"a scope that lacks":             {status: 403, body: `{"errors":"[API] This action requires merchant approval for read_orders scope."}`, class: marketplace.Permission},
		"a scope that lacks, by GraphQL": {status: 200, body: `{"errors":[{"message":"Access denied for orders field.","extensions":{"code":"ACCESS_DENIED"}}],"data":{"orders":null}}`, class: marketplace.Permission, code: "ACCESS_DENIED"},
		"an error of theirs, by GraphQL": {status: 200, body: `{"errors":[{"message":"Internal error.","extensions":{"code":"INTERNAL_SERVER_ERROR"}}]}`, class: marketplace.TheirFault, code: "INTERNAL_SERVER_ERROR"},
		"a query that is wrong":          {status: 200, body: `{"errors":[{"message":"Field 'x' doesn't exist on type 'Shop'","extensions":{"code":"undefinedField"}}]}`, class: marketplace.OurFault, code: "undefinedField"},
		"a frozen shop":                  {status: 402, body: `{"errors":"Unavailable Shop"}`, class: marketplace.Permission},
		"a field that is wrong":          {status: 422, body: `{"errors":{"order":["is wrong"]}}`, class: marketplace.OurFault, words: "is wrong"},
		"no errors in a list":            {status: 200, body: `{"errors":[]}`, class: marketplace.OK},
		"a deprecated field":             {status: 200, header: []string{"X-Shopify-API-Deprecated-Reason: Shop.products, Shop.productVariants"}, class: marketplace.Deprecated, words: "Shop.products"},
		"a version that fell forward": {
			status: 200, method: "GET", path: "/admin/api/2025-01/shop.json", header: []string{"X-Shopify-API-Version: 2026-01"},
			class: marketplace.Deprecated, words: "version 2025-01 was asked for and 2026-01 answered",
		},
		"the version that was asked for": {status: 200, method: "GET", path: "/admin/api/2026-10/shop.json", header: []string{"X-Shopify-API-Version: 2026-10"}, class: marketplace.OK},
		"a throttle goes before a deprecation": {
			status: 429, header: []string{"X-Shopify-API-Deprecated-Reason: x", "Retry-After: 1"}, class: marketplace.Throttled, retry: "1s",
		},
	} {
		tc.platform = "shopify"
		t.Run(name, tc.run)
	}
}

func TestEbaysAnswers(t *testing.T) {
	for name, tc := range map[string]answerCase{
		"the rate limits": {
			status: 200, method: "GET", path: "/developer/analytics/v1_beta/rate_limit/?api_context=buy", class: marketplace.OK,
			body:  `{"rateLimits":[{"apiContext":"buy","apiName":"Browse","apiVersion":"v1","resources":[{"name":"buy.browse","rates":[{"limit":5000,"remaining":5000,"reset":"2018-08-06T07:00:00.000Z","timeWindow":86400}]}]}]}`,
			quota: []string{"buy.browse 5000/5000 used - ratio 0 reset 2018-08-06T07:00:00Z api"},
		},
		"the rate limits with a count, and an empty list": {
			status: 200, class: marketplace.OK,
			body:  `{"rateLimits":[{"resources":[{"name":"a","rates":[]},{"name":"sell.fulfillment","rates":[{"count":25,"limit":100,"remaining":75,"reset":"2026-11-23T08:00:00.000Z","timeWindow":86400}]}]},{"resources":[]}]}`,
			quota: []string{"sell.fulfillment 75/100 used 25 ratio 0.25 reset 2026-11-23T08:00:00Z api"},
		},
		"a count without what remains": {
			status: 200, class: marketplace.OK, body: `{"rateLimits":[{"resources":[{"name":"a","rates":[{"count":25,"limit":100}]}]}]}`,
			quota: []string{"a -/100 used 25 ratio 0.25 reset - api"},
		},
		"no rate limits":              {status: 204, class: marketplace.OK},
		"a quota used up":             {status: 429, body: `{"errors":[{"errorId":2001,"domain":"ACCESS","category":"REQUEST","message":"Too many requests.","longMessage":"The request limit has been reached for the resource."}]}`, class: marketplace.Throttled, code: "2001"},
		"a token not taken":           {status: 401, body: `{"errors":[{"errorId":1001,"domain":"OAuth","category":"REQUEST","message":"Invalid access token","longMessage":"Invalid access token. Check the value of the Authorization HTTP request header."}]}`, class: marketplace.CredentialBad, code: "1001"},
		"a scope that lacks":          {status: 403, body: `{"errors":[{"errorId":1100,"domain":"ACCESS","category":"REQUEST","message":"Access denied","longMessage":"Insufficient permissions to fulfill the request."}]}`, class: marketplace.Permission, code: "1100"},
		"a token request":             {status: 400, body: `{"error":"invalid_grant","error_description":"the provided authorization grant code is invalid"}`, class: marketplace.CredentialBad, code: "invalid_grant"},
		"an error of theirs":          {status: 500, body: `{"errors":[{"errorId":2003,"category":"APPLICATION","message":"Internal error"}]}`, class: marketplace.TheirFault, code: "2003"},
		"post-order's form":           {status: 400, body: `{"error":[{"errorId":1616,"domain":"returnErrorDomain","category":"REQUEST","message":"Invalid Input."}]}`, class: marketplace.OurFault, code: "1616"},
		"the traditional form":        {status: 200, body: `{"Ack":"Failure","Errors":[{"ErrorCode":"932","ShortMessage":"Auth token is hard expired","LongMessage":"Authentication token is hard expired"}]}`, class: marketplace.CredentialBad, code: "932"},
		"the traditional throttle":    {status: 200, body: `{"Ack":"Failure","Errors":[{"ErrorCode":"518","LongMessage":"Your application has exceeded usage limit on this call: Call usage limit has been reached."}]}`, class: marketplace.Throttled, code: "518"},
		"an order list is no error":   {status: 200, body: `{"orders":[],"total":0}`, class: marketplace.OK},
		"a warning beside the answer": {status: 200, body: `{"warnings":[{"errorId":1}]}`, class: marketplace.OK},
	} {
		tc.platform = "ebay"
		t.Run(name, tc.run)
	}
}

func TestWalmartsAnswers(t *testing.T) {
	for name, tc := range map[string]answerCase{
		"tokens with epoch milliseconds, long ago": {
			status: 200, operation: "getOrders", header: []string{"x-current-token-count: 19", "x-next-replenishment-time: 1781189744550"}, class: marketplace.OK,
			quota: []string{"getOrders 19/- used - ratio - reset 2026-06-11T14:55:44.55Z header"},
		},
		"tokens with epoch seconds":    {status: 200, operation: "getOrders", header: []string{"X-Current-Token-Count: 5", "X-Next-Replenishment-Time: 1795341630"}, class: marketplace.OK, quota: []string{"getOrders 5/- used - ratio - reset 2026-11-22T10:00:30Z header"}},
		"tokens with a date":           {status: 200, operation: "getOrders", header: []string{"X-Current-Token-Count: 5", "X-Next-Replenishment-Time: 2026-11-22T10:00:30Z"}, class: marketplace.OK, quota: []string{"getOrders 5/- used - ratio - reset 2026-11-22T10:00:30Z header"}},
		"tokens under the other name":  {status: 200, operation: "getOrders", header: []string{"X-Current-Token-Count: 5", "x-next-replenish-time: 1795341630000"}, class: marketplace.OK, quota: []string{"getOrders 5/- used - ratio - reset 2026-11-22T10:00:30Z header"}},
		"a time that is none":          {status: 200, operation: "getOrders", header: []string{"X-Current-Token-Count: 5", "X-Next-Replenishment-Time: soon"}, class: marketplace.OK, quota: []string{"getOrders 5/- used - ratio - reset - header"}},
		"tokens that are no number":    {status: 200, header: []string{"X-Current-Token-Count: -1", "X-Next-Replenishment-Time: 1795341630000"}, class: marketplace.OK},
		"no token left, told by reset": {status: 429, operation: "getOrders", header: []string{"X-Current-Token-Count: 0", "X-Next-Replenishment-Time: 1795341630000"}, class: marketplace.Throttled, retry: "30s", quota: []string{"getOrders 0/- used - ratio - reset 2026-11-22T10:00:30Z header"}},
		"a reset long ago tells no wait, above all not none": {
			status: 429, operation: "getOrders", header: []string{"X-Current-Token-Count: 0", "X-Next-Replenishment-Time: 1781189744550"}, class: marketplace.Throttled,
			quota: []string{"getOrders 0/- used - ratio - reset 2026-06-11T14:55:44.55Z header"},
		},
		"a time alone":             {status: 429, operation: "getOrders", header: []string{"X-Next-Replenishment-Time: 1795341630000"}, class: marketplace.Throttled, retry: "30s"},
		"a threshold":              {status: 429, body: `{"error":[{"code":"REQUEST_THRESHOLD_VIOLATED.GMP_GATEWAY_API","description":"Threshold violated"}]}`, class: marketplace.Throttled, code: "REQUEST_THRESHOLD_VIOLATED.GMP_GATEWAY_API"},
		"a credential with 401":    {status: 401, body: `{"error":[{"code":"UNAUTHORIZED.GMP_GATEWAY_API","field":"UNAUTHORIZED","description":"Unauthorized","severity":"ERROR","category":"DATA"}]}`, class: marketplace.CredentialBad, code: "UNAUTHORIZED.GMP_GATEWAY_API"},
		"a credential with 400":    {status: 400, body: `{"error":[{"code":"INVALID_TOKEN.GMP_GATEWAY_API","field":"WM_SEC.ACCESS_TOKEN","description":"Invalid Token"}]}`, class: marketplace.CredentialBad, code: "INVALID_TOKEN.GMP_GATEWAY_API"},
		"a credential's detail":    {status: 400, method: "GET", path: "/v3/token/detail", class: marketplace.CredentialBad},
		"a token that has ended":   {status: 200, method: "GET", path: "/v3/token/detail", body: `{"is_valid":false}`, class: marketplace.CredentialBad, code: "token_not_valid"},
		"a grant type that lacks":  {status: 400, method: "POST", path: "/v3/token", body: `{"error":"invalid_request","error_description":"grant_type is missing"}`, class: marketplace.OurFault, code: "invalid_request"},
		"a bad parameter":          {status: 400, method: "GET", path: "/v3/orders", body: `{"errors":{"error":[{"code":"INVALID_REQUEST_PARAM.GMP_ORDER_API","field":"createdStartDate","description":"Invalid date"}]}}`, class: marketplace.OurFault, code: "INVALID_REQUEST_PARAM.GMP_ORDER_API"},
		"a feed that is too large": {status: 413, class: marketplace.OurFault, words: "no throttle"},
		"an error of theirs":       {status: 520, body: `{"error":[{"code":"SYSTEM_ERROR.GMP_GATEWAY_API"}]}`, class: marketplace.TheirFault, code: "SYSTEM_ERROR.GMP_GATEWAY_API"},
	} {
		tc.platform = "walmart"
		t.Run(name, tc.run)
	}
}

func TestShopeesAnswers(t *testing.T) {
	for name, tc := range map[string]answerCase{
		"the daily quota as it was captured": {
			status: 429, operation: "get_order_list",
			body:  `{"error":"error_limit","message":"The total API call number made by your APP has reached the daily API call limit, please try again after 00:00 (UTC+08:00)","warning":null,"request_id":"e3e3e7f354b40442d084e9a48e52600","response":null}`,
			class: marketplace.Throttled, code: "error_limit", retry: "6h0m0s", quota: []string{"get_order_list 0/- used - ratio - reset 2026-11-22T16:00:00Z body"},
		},
		"too fast, with status 200":    {status: 200, body: `{"error":"error_rate_limit","message":"Too many requests. You have reached the rate limit. Please try again later."}`, class: marketplace.Throttled, code: "error_rate_limit"},
		"all is well":                  {status: 200, body: `{"error":"","message":"","request_id":"x","response":{}}`, class: marketplace.OK},
		"a token":                      {status: 403, body: `{"error":"error_auth","message":"Invalid access_token."}`, class: marketplace.CredentialBad, code: "error_auth"},
		"a token in other words":       {status: 403, body: `{"error":"invalid_access_token","message":"x"}`, class: marketplace.CredentialBad, code: "invalid_access_token"},
		"an app that is gone":          {status: 403, body: `{"error":"error_auth","message":"The App is deleted, and you'll be unable to make any API call."}`, class: marketplace.CredentialBad, code: "error_auth"},
		"a permission, by error_auth":  {status: 403, body: `{"error":"error_auth","message":"No permission to current api."}`, class: marketplace.Permission, code: "error_auth"},
		"their error, by error_auth":   {status: 200, body: `{"error":"error_auth","message":"System error, please try again later."}`, class: marketplace.TheirFault, code: "error_auth"},
		"a shop that is not linked":    {status: 403, body: `{"error":"shop_no_linked","message":"Partner and shop has no linked."}`, class: marketplace.CredentialBad, code: "shop_no_linked"},
		"a shop that has expired":      {status: 403, body: `{"error":"shop_access_expired","message":"x"}`, class: marketplace.CredentialBad, code: "shop_access_expired"},
		"a shop that is banned":        {status: 403, body: `{"error":"shop_banned","message":"x"}`, class: marketplace.Permission, code: "shop_banned"},
		"an app that is restricted":    {status: 200, body: `{"error":"error_api_call_restricted","message":"The App permission for api call have been restricted."}`, class: marketplace.Permission, code: "error_api_call_restricted"},
		"calls that are restricted":    {status: 200, body: `{"error":"error_api_call_restricted","message":"x"}`, class: marketplace.Throttled, code: "error_api_call_restricted"},
		"an API that was taken away":   {status: 200, body: `{"error":"api_suspended","message":"The API is offline. Please call v2 API instead."}`, class: marketplace.Deprecated, code: "api_suspended"},
		"a partner":                    {status: 200, body: `{"error":"error_auth","message":"partner_id is invalid"}`, class: marketplace.CredentialBad, code: "error_auth"},
		"a shop that may not":          {status: 200, body: `{"error":"error_auth","message":"Your shop can not use this feature."}`, class: marketplace.Permission, code: "error_auth"},
		"a clock":                      {status: 200, body: `{"error":"error_param","message":"Timestamp is expired."}`, class: marketplace.OurFault, code: "error_param", words: "check the clock"},
		"a shop that was left out":     {status: 200, body: `{"error":"error_param","message":"There is no shop_id in query."}`, class: marketplace.OurFault, code: "error_param"},
		"a signature":                  {status: 403, body: `{"error":"error_sign","message":"Wrong sign."}`, class: marketplace.CredentialBad, code: "error_sign"},
		"an address":                   {status: 403, body: `{"error":"source_ip_undeclared","message":"x"}`, class: marketplace.Permission, code: "source_ip_undeclared"},
		"a misspelt token":             {status: 403, body: `{"error":"invalid_acceess_token","message":"x"}`, class: marketplace.CredentialBad, code: "invalid_acceess_token"},
		"an authorisation that ends":   {status: 200, body: `{"error":"","shop_name":"x","expire_time":1795946400}`, class: marketplace.CredentialExpiring, words: "2026-11-29"},
		"one that has ended and works": {status: 200, body: `{"error":"","shop_name":"x","expire_time":1663000000}`, class: marketplace.CredentialExpiring, words: "2022-09-12"},
		"one that ends far away":       {status: 200, body: `{"error":"","shop_name":"x","expire_time":1820000000}`, class: marketplace.OK},
		"no JSON":                      {status: 200, body: `<html>`, class: marketplace.TheirFault, words: "no answer of Shopee"},
		"nothing":                      {status: 200, class: marketplace.TheirFault},
	} {
		tc.platform = "shopee"
		t.Run(name, tc.run)
	}
}

func TestIOPsAnswers(t *testing.T) {
	for name, tc := range map[string]answerCase{
		"lazada's 901":                      {platform: "lazada", status: 200, body: `{"code":"901","type":"SYSTEM","message":"Limit service request speed in server side temporarily.","request_id":"x"}`, class: marketplace.Throttled, code: "901", retry: "1s"},
		"lazada's 901 as a number":          {platform: "lazada", status: 429, body: `{"code":901}`, class: marketplace.Throttled, code: "901", retry: "1s"},
		"lazada's E901":                     {platform: "lazada", status: 200, body: `{"code":"E901","message":"The request is too frequent, or the requested functionality is temporarily disabled."}`, class: marketplace.Throttled, code: "E901"},
		"lazada's ApiCallLimit":             {platform: "lazada", status: 200, body: `{"code":"ApiCallLimit","type":"ISV","message":"The request speed is limited. This ban will last 1 seconds more."}`, class: marketplace.Throttled, code: "ApiCallLimit", retry: "1s"},
		"lazada's AppApiCallLimit":          {platform: "lazada", status: 200, body: `{"code":"AppApiCallLimit","message":"x"}`, class: marketplace.Throttled, code: "AppApiCallLimit"},
		"lazada's SellerCallLimit":          {platform: "lazada", status: 200, body: `{"code":"SellerCallLimit","message":"x"}`, class: marketplace.Throttled, code: "SellerCallLimit"},
		"lazada's 4154":                     {platform: "lazada", status: 200, body: `{"code":"4154","message":"SYS_REQUEST_TOO_FAST"}`, class: marketplace.Throttled, code: "4154"},
		"lazada when all is well":           {platform: "lazada", status: 200, body: `{"code":"0","data":{},"request_id":"x"}`, class: marketplace.OK},
		"lazada's token":                    {platform: "lazada", status: 200, body: `{"code":"IllegalAccessToken","type":"ISV","message":"The specified access token is invalid or expired"}`, class: marketplace.CredentialBad, code: "IllegalAccessToken"},
		"lazada's signature":                {platform: "lazada", status: 200, body: `{"code":"IncompleteSignature","type":"ISV","message":"x"}`, class: marketplace.CredentialBad, code: "IncompleteSignature"},
		"lazada's missing signature":        {platform: "lazada", status: 200, body: `{"code":"MissingParameter","type":"ISV","message":"the input parameter “sign” that is mandatory for processing this request is not supplied"}`, class: marketplace.CredentialBad, code: "MissingParameter"},
		"lazada's order that there is not":  {platform: "lazada", status: 200, body: `{"code":"16","type":"ISP","message":"E016: \"7\" Invalid Order ID"}`, class: marketplace.OurFault, code: "16"},
		"lazada's filter that is wrong":     {platform: "lazada", status: 200, body: `{"code":"6","type":"ISP","message":"Invalid status filter"}`, class: marketplace.OurFault, code: "6"},
		"lazada's system error":             {platform: "lazada", status: 200, body: `{"code":"6","type":"ISP","message":"E006: System Error"}`, class: marketplace.TheirFault, code: "6"},
		"lazada's seller":                   {platform: "lazada", status: 200, body: `{"code":"SellerNotVerified","type":"ISP","message":"x"}`, class: marketplace.Permission, code: "SellerNotVerified"},
		"lazada's permission":               {platform: "lazada", status: 200, body: `{"code":"InsufficientPermission","type":"ISV","message":"x"}`, class: marketplace.Permission, code: "InsufficientPermission"},
		"lazada's own error":                {platform: "lazada", status: 200, body: `{"code":"ServiceTimeout","type":"ISP","message":"x"}`, class: marketplace.TheirFault, code: "ServiceTimeout"},
		"an unknown error of the platform":  {platform: "lazada", status: 200, body: `{"code":"X","type":"SYSTEM","message":"x"}`, class: marketplace.TheirFault, code: "X"},
		"an unknown error of ours":          {platform: "lazada", status: 200, body: `{"code":"MissingParameter","type":"ISV","message":"x"}`, class: marketplace.OurFault, code: "MissingParameter"},
		"aliexpress' ban tells its end":     {platform: "aliexpress", operation: "o", status: 200, body: `{"error_response":{"code":"AppApiCallLimit","msg":"The frequency of app access to the api exceeds the limit. This ban will last 14229 seconds","request_id":"x"}}`, class: marketplace.Throttled, code: "AppApiCallLimit", retry: "3h57m9s", quota: []string{"o 0/- used - ratio - reset 2026-11-22T13:57:09Z body"}},
		"aliexpress' daily quota":           {platform: "aliexpress", status: 200, body: `{"error_response":{"code":7,"msg":"App Call Limited","sub_code":"accesscontrol.limited-by-app-access-count","sub_msg":"x"}}`, class: marketplace.Throttled, code: "7", retry: "6h0m0s"},
		"aliexpress' quota of an operation": {platform: "aliexpress", status: 200, body: `{"error_response":{"code":7,"msg":"App Call Limited","sub_code":"accesscontrol.limited-by-app-api-access-count"}}`, class: marketplace.Throttled, code: "7"},
		"a ban without end is not believed": {platform: "aliexpress", status: 200, body: `{"error_response":{"code":"ApiCallLimits","msg":"This ban will last 999999999 seconds"}}`, class: marketplace.Throttled, code: "ApiCallLimits"},
		"aliexpress' session":               {platform: "aliexpress", status: 200, body: `{"error_response":{"code":27,"msg":"Invalid session"}}`, class: marketplace.CredentialBad, code: "27"},
		"aliexpress' own error":             {platform: "aliexpress", status: 200, body: `{"error_response":{"code":15,"msg":"Remote service error","sub_code":"isp.http-read-timeout"}}`, class: marketplace.TheirFault, code: "15"},
		"aliexpress when all is well":       {platform: "aliexpress", status: 200, body: `{"aliexpress_ds_order_get_response":{"result":{}}}`, class: marketplace.OK},
	} {
		t.Run(name, tc.run)
	}
}

func TestOtherAnswers(t *testing.T) {
	for name, tc := range map[string]answerCase{
		"tiktok_shop's throttle":                {platform: "tiktok_shop", status: 429, body: `{"code":36009002,"message":"Too many requests","request_id":"x"}`, class: marketplace.Throttled, code: "36009002"},
		"tiktok_shop's throttle with 200":       {platform: "tiktok_shop", status: 200, body: `{"code":36009002,"message":"Too many requests","request_id":"x"}`, class: marketplace.Throttled, code: "36009002"},
		"tiktok_shop's 503 is no throttle":      {platform: "tiktok_shop", status: 503, header: []string{"Retry-After: 5"}, class: marketplace.TheirFault, words: "no throttle", retry: "5s"},
		"tiktok_shop's one code, a clock":       {platform: "tiktok_shop", status: 400, body: `{"code":36009004,"message":"timestamp must not exceed the current time by more than 30 seconds"}`, class: marketplace.OurFault, code: "36009004", words: "check the clock"},
		"tiktok_shop's one code, a token":       {platform: "tiktok_shop", status: 401, body: `{"code":36009004,"message":"access_token is invalid"}`, class: marketplace.CredentialBad, code: "36009004"},
		"tiktok_shop's one code, a header":      {platform: "tiktok_shop", status: 401, body: "{\"code\":36009004,\"message\":\"Invalid credentials. The `x-tts-access-token` header is invalid.\"}", class: marketplace.CredentialBad, code: "36009004"},
		"tiktok_shop's one code, a signature":   {platform: "tiktok_shop", status: 401, body: `{"code":36009004,"message":"Missing credentials. The request does not include a required signature in the query."}`, class: marketplace.CredentialBad, code: "36009004"},
		"tiktok_shop's one code, a version":     {platform: "tiktok_shop", status: 400, body: "{\"code\":36009004,\"message\":\"Invalid API version. The `version` value is invalid or unsupported.\"}", class: marketplace.Deprecated, code: "36009004"},
		"tiktok_shop's orders that it lost":     {platform: "tiktok_shop", status: 200, body: `{"code":10002014,"message":"Failed to get orders, If multiple retry have failed, please contact the platform for assistance"}`, class: marketplace.TheirFault, code: "10002014"},
		"tiktok_shop's seller that may not":     {platform: "tiktok_shop", status: 200, body: `{"code":12019114,"message":"Seller has no permission"}`, class: marketplace.Permission, code: "12019114"},
		"tiktok_shop's one code, else":          {platform: "tiktok_shop", status: 400, body: `{"code":36009004,"message":"page_size is out of range"}`, class: marketplace.OurFault, code: "36009004"},
		"tiktok_shop's expired token":           {platform: "tiktok_shop", status: 401, body: `{"code":105002,"message":"Expired credentials"}`, class: marketplace.CredentialBad, code: "105002"},
		"tiktok_shop's scope":                   {platform: "tiktok_shop", status: 401, body: `{"code":105005,"message":"Access denied"}`, class: marketplace.Permission, code: "105005"},
		"tiktok_shop's signature":               {platform: "tiktok_shop", status: 401, body: `{"code":106001,"message":"signature is invalid"}`, class: marketplace.CredentialBad, code: "106001"},
		"tiktok_shop's cipher":                  {platform: "tiktok_shop", status: 400, body: `{"code":106013,"message":"x"}`, class: marketplace.OurFault, code: "106013"},
		"tiktok_shop's addresses":               {platform: "tiktok_shop", status: 200, body: `{"code":36009033,"message":"x"}`, class: marketplace.Permission, code: "36009033"},
		"tiktok_shop's own error":               {platform: "tiktok_shop", status: 200, body: `{"code":36009003,"message":"x"}`, class: marketplace.TheirFault, code: "36009003"},
		"tiktok_shop when all is well":          {platform: "tiktok_shop", status: 200, body: `{"code":0,"message":"Success","data":{}}`, class: marketplace.OK},
		"mercadolibre's endpoint":               {platform: "mercadolibre", status: 429, body: `{"status":429,"error":"local_rate_limited"}`, class: marketplace.Throttled, code: "local_rate_limited"},
		"mercadolibre's app":                    {platform: "mercadolibre", status: 429, body: `{"error":"too_many_requests","message":"client.id over quota","status":429}`, class: marketplace.Throttled, code: "too_many_requests"},
		"mercadolibre's refresh token":          {platform: "mercadolibre", status: 400, body: `{"message":"Error validating grant.","error":"invalid_grant","status":400,"cause":[]}`, class: marketplace.CredentialBad, code: "invalid_grant"},
		"mercadolibre's token":                  {platform: "mercadolibre", status: 401, body: `{"code":"unauthorized","message":"invalid access token"}`, class: marketplace.CredentialBad, code: "unauthorized"},
		"mercadolibre's token, with 403":        {platform: "mercadolibre", status: 403, body: `{"message":"invalid access token","error":"forbidden","status":403}`, class: marketplace.CredentialBad, code: "forbidden"},
		"mercadolibre's permission":             {platform: "mercadolibre", status: 403, body: `{"message":"forbidden","error":"forbidden","status":403}`, class: marketplace.Permission, code: "forbidden"},
		"mercadolibre's order has a status":     {platform: "mercadolibre", status: 200, body: `{"id":1,"status":"paid"}`, class: marketplace.OK},
		"mercadolibre's usage, without a limit": {platform: "mercadolibre", status: 200, body: `{"total_request":1200,"request_by_status":[{"status":200,"total_request":1190,"percentage":99.2},{"status":429,"total_request":10,"percentage":0.8}]}`, class: marketplace.OK, quota: []string{"all -/- used 1200 ratio - reset - api", "all, status 429 -/- used 10 ratio - reset - api"}},
		"temu's throttle":                       {platform: "temu", status: 200, body: `{"success":false,"errorCode":4000000,"errorMsg":"Requests are too frequent"}`, class: marketplace.Throttled, code: "4000000"},
		"temu's signature":                      {platform: "temu", status: 200, body: `{"success":false,"errorCode":3000000,"errorMsg":"sign is invalid"}`, class: marketplace.CredentialBad, code: "3000000"},
		"temu when all is well":                 {platform: "temu", status: 200, body: `{"success":true,"errorCode":1000000,"result":{}}`, class: marketplace.OK},
		"an unknown code keeps its words":       {platform: "temu", status: 200, body: `{"success":false,"errorCode":5,"errorMsg":"odd"}`, class: marketplace.OurFault, code: "5", words: "5: odd"},
		"what a sandbox does not do":            {platform: "ebay", status: 400, body: `{"errors":[{"errorId":5,"message":"This is not supported in Sandbox."}]}`, class: marketplace.InSandbox, code: "5"},
		"a word that holds sign":                {platform: "temu", status: 200, body: `{"success":false,"errorCode":5,"errorMsg":"order is assigned"}`, class: marketplace.OurFault, code: "5"},
		"a request that timed out":              {platform: "ebay", status: 408, class: marketplace.TheirFault},
		"what was taken away":                   {platform: "ebay", status: 410, class: marketplace.Deprecated},
		"what has moved":                        {platform: "ebay", status: 301, class: marketplace.OurFault},
		"a future end":                          {platform: "ebay", status: 200, header: []string{"Deprecation: @1688169600", "Sunset: Wed, 31 Dec 2025 23:59:59 GMT", `Link: <https://e.com/a>; rel="next", <https://e.com/d>; rel="deprecation"`}, class: marketplace.Deprecated, words: "Deprecated from 2023-07-01 00:00:00 UTC. It ends at 2025-12-31 23:59:59 UTC. See https://e.com/d"},
		"a deprecation as drafts had it":        {platform: "ebay", status: 200, header: []string{"Deprecation: true"}, class: marketplace.Deprecated},
		"a deprecation of rubbish is ignored":   {platform: "ebay", status: 200, header: []string{"Deprecation: @soon", "Sunset: tomorrow"}, class: marketplace.OK},
	} {
		t.Run(name, tc.run)
	}
}

func TestLongAnswersAreCut(t *testing.T) {
	body, _ := json.Marshal(map[string]string{"error": "x", "message": strings.Repeat("ü\n", 100000)})
	m := platform(t, "shopee").Read(marketplace.Answer{Status: 400, Body: body}, now)
	if words := m.Why.String(); len(words) > 600 || strings.Contains(words, "\n") {
		t.Errorf("%d bytes", len(words))
	}
}
