package marketplace

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"regexp"
	"strings"
	"time"
)

// shopify is the Admin API, REST and GraphQL (shopify.dev, "API rate limits"). Buckets depend
// on the plan: an answer's numbers take precedence over the table.
func shopify() Platform {
	return Platform{
		Name: "shopify", Title: "Shopify",
		Hosts:   []string{"{shop}.myshopify.com"},
		Sandbox: Sandbox{Create: &Creation{Operation: "createOrder", Build: shopifyTestOrder, ID: "order.id"}, Words: "No host of its own: a development shop, and orders with test set; 5 new orders a minute on trial and development shops."},
		Usage:   FromHeader,
		Operations: []Operation{
			{Name: "graphql", Method: "POST", Path: "/admin/api/{version}/graphql.json", Cost: 1},
			{Name: "shop", Method: "GET", Path: "/admin/api/{version}/shop.json", Rate: 2, Burst: 40, Shares: "REST"},
			{Name: "orders", Method: "GET", Path: "/admin/api/{version}/orders.json", Rate: 2, Burst: 40, Shares: "REST"},
			{Name: "order", Method: "GET", Path: "/admin/api/{version}/orders/{id}", Rate: 2, Burst: 40, Shares: "REST"},
			{Name: "createOrder", Method: "POST", Path: "/admin/api/{version}/orders.json", Rate: 2, Burst: 40, Shares: "REST"},
			{Name: "REST", Path: "/admin/api/{version}/{...}", Rate: 2, Burst: 40, Shares: "REST"}, // every other resource
		},
		SafeRead: SafeRead{Operation: "graphql", Every: 30 * time.Second, Why: "{shop{name}} costs 1 point of 100 a second on the smallest plan, and the answer tells what is left"},
		Push: Push{
			Topic: "orders/create", Build: shopifyPush,
			Signed: true, Digits: true, Paid: "paid",
			Answer:  Receipt{From: 200, To: 299, Within: 5 * time.Second, Connect: time.Second},
			Retries: "8 times over 4 hours, then the subscription is deleted",
			Words:   "A new secret may take an hour until it signs.",
		},
		Feeds: []Feed{
			{URL: "https://shopify.dev/changelog/feed.xml", Format: "rss", Words: "changelog; each page has a Markdown twin with its dates"},
		},
		complete: shopifyComplete,
		request:  bearer("X-Shopify-Access-Token", "", nil),
		push:     shopifyScheme(),
		faults:   shopifyFaults,
		quota:    shopifyCost,
		served: func(a Answer) (asked, answered string) {
			if _, rest, ok := strings.Cut(a.Path, "/admin/api/"); ok {
				asked, _, _ = strings.Cut(rest, "/")
			}
			answered = a.Header.Get("X-Shopify-API-Version")
			if !shopifyVersion.MatchString(asked) || !shopifyVersion.MatchString(answered) {
				return "", ""
			}
			return asked, answered
		},
		codes: append([]known{
			{code: "THROTTLED", class: Throttled, why: "market_points_used", wait: shopifyWait},
			{code: "429", class: Throttled, why: "market_points_used", wait: shopifyWait},
			{status: 200, contains: "Throttled", uncoded: true, class: Throttled, why: "market_points_used", wait: shopifyWait}, // as it was told before codes
			{code: "MAX_COST_EXCEEDED", class: OurFault, why: "market_query_too_costly"},
			{code: "ACCESS_DENIED", class: Permission, why: "market_scope_missing"},
			{code: "SHOP_INACTIVE", class: Permission, why: "market_shop_inactive"},
			{code: "INTERNAL_SERVER_ERROR", class: TheirFault, why: "market_internal_error"},
			{status: 402, class: Permission, why: "market_shop_frozen"},
			{status: 423, class: Permission, why: "market_shop_locked"},
			{contains: "Invalid API key or access token", class: CredentialBad, why: "market_token_refused"},
			{contains: "merchant approval for", class: Permission, why: "market_scope_missing"},
		}, refusedTokens()...),
	}
}

var shopifyVersion = regexp.MustCompile(`^(\d{4}-\d{2}|unstable)$`)

// shopifyScheme verifies the base64 HMAC of the raw body. Newer events name the header
// without X-; either counts.
func shopifyScheme() scheme {
	const header, newer = "X-Shopify-Hmac-Sha256", "Shopify-Hmac-Sha256"
	sign := func(c Call, k Keys) (string, error) {
		if err := needsSecret(k, "the app's client secret"); err != nil {
			return "", err
		}
		m := hmac.New(sha256.New, []byte(k.Secret.Reveal()))
		_, _ = m.Write(c.Body)
		return base64.StdEncoding.EncodeToString(m.Sum(nil)), nil
	}
	return scheme{
		sign: func(c Call, k Keys) (Signed, error) {
			s, err := sign(c, k)
			return Signed{Signature: s, Headers: map[string]string{header: s}}, err
		},
		verify: func(c Call, k Keys) (Verification, error) {
			want, err := sign(c, k)
			if err != nil {
				return Verification{}, err
			}
			if len(c.Body) == 0 {
				return invalid("the body is empty: there is nothing that could be signed")
			}
			name := header
			if len(c.Header.Values(header)) == 0 && len(c.Header.Values(newer)) > 0 {
				name = newer
			}
			got, v := oneHeader(c.Header, name)
			if v != nil {
				return *v, nil
			}
			if sum, err := base64.StdEncoding.DecodeString(got); err != nil || len(sum) != sha256.Size {
				return invalid("header %s is malformed: it must be the base64 of the %d bytes of an HMAC-SHA256", name, sha256.Size)
			}
			if !equal(got, want) {
				return invalid("header %s is not the signature of this body: another secret, or the body was changed", name)
			}
			return valid("header %s is the signature of this body", name)
		},
	}
}

func shopifyFaults(a Answer) []fault {
	var body struct {
		Errors json.RawMessage `json:"errors"`
		oauthError
	}
	decode(a.Body, &body)
	var list oneOrMany[struct {
		Message    word `json:"message"`
		Extensions struct {
			Code word `json:"code"`
		} `json:"extensions"`
	}]
	switch {
	case len(body.Errors) == 0 || string(body.Errors) == "null" || string(body.Errors) == "[]" || string(body.Errors) == "{}":
		return []fault{{code: string(body.Error), message: string(body.Description)}}
	case body.Errors[0] == '"':
		var text string
		_ = json.Unmarshal(body.Errors, &text) // decode has seen that it is valid
		return []fault{{message: text}}
	case body.Errors[0] == '[':
		_ = json.Unmarshal(body.Errors, &list)
		var coded, others []fault
		for _, e := range list {
			f := fault{code: string(e.Extensions.Code), message: string(e.Message)}
			switch {
			case f.code != "":
				coded = append(coded, f)
			case f.is():
				others = append(others, f)
			}
		}
		if all := append(coded, others...); len(all) > 0 {
			return all
		}
	}
	return []fault{{message: string(body.Errors)}} // {"field": ["is wrong"]}
}

type shopifyStatus struct {
	Extensions struct {
		Cost struct {
			Requested word `json:"requestedQueryCost"`
			Throttle  struct {
				Maximum word `json:"maximumAvailable"`
				Left    word `json:"currentlyAvailable"`
				Restore word `json:"restoreRate"`
			} `json:"throttleStatus"`
		} `json:"cost"`
	} `json:"extensions"`
}

// shopifyCost reads the bucket of points in a GraphQL answer.
func shopifyCost(a Answer, now time.Time) []Reading {
	var s shopifyStatus
	decode(a.Body, &s)
	t := s.Extensions.Cost.Throttle
	r := Reading{Operation: orElse(a.Operation, "graphql"), Policy: "points", Limit: t.Maximum.count(), Remaining: t.Left.left(), Source: FromBody}
	if r.Limit == nil || r.Remaining == nil {
		return nil
	}
	if restore, left := t.Restore.count(), t.Left.signed(); restore != nil && *restore > 0 {
		if d, ok := span((*r.Limit - *left) / *restore); ok {
			at := now.Add(d)
			r.ResetAt = &at
		}
	}
	return []Reading{r}
}

// shopifyWait returns how long until the bucket holds enough points for the query; the bucket may be
// overdrawn.
func shopifyWait(_ fault, a Answer, _ time.Time) (time.Duration, bool) {
	var s shopifyStatus
	decode(a.Body, &s)
	asked, left, restore := s.Extensions.Cost.Requested.count(), s.Extensions.Cost.Throttle.Left.signed(), s.Extensions.Cost.Throttle.Restore.count()
	if asked == nil || left == nil || restore == nil || *restore <= 0 {
		return 0, false
	}
	return span(max(*asked-*left, 0) / *restore)
}
