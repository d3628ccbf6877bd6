package sdk_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"testing"
	"time"

	shopify "github.com/bold-commerce/go-shopify/v4"

	"guardian/internal/secret"
	probed "guardian/probes/marketplace"
	"guardian/test/fake/marketplace"
	"guardian/test/fake/seller"
)

// towards sends every request to a fake, whatever its host.
type towards struct {
	host string
	last *probed.Answer
}

func (to *towards) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.URL.Scheme, r.URL.Host, r.Host = "http", to.host, to.host
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	answer.Body = io.NopCloser(bytes.NewReader(body))
	to.last = &probed.Answer{Method: r.Method, Path: r.URL.Path, Status: answer.StatusCode, Header: answer.Header, Body: body}
	return answer, err
}

func hostOf(t *testing.T, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u.Host
}

// class is how the guardian classifies the last answer.
func (to *towards) class(t *testing.T, platform string) probed.Meaning {
	t.Helper()
	p, err := probed.Find(platform)
	if err != nil {
		t.Fatal(err)
	}
	return p.Read(*to.last, time.Now())
}

func TestGoShopify(t *testing.T) {
	market := marketplace.New("shopify")
	defer market.Close()
	market.AddOrder(marketplace.Order{ID: "450789469", SKU: "TEST-1", Quantity: 2, Price: "9.90", Currency: "USD"})
	to := &towards{host: hostOf(t, market.URL())}
	client := func(token string) *shopify.Client {
		c, err := shopify.NewClient(shopify.App{}, "fake", token, shopify.WithVersion("2026-10"), shopify.WithHTTPClient(&http.Client{Transport: to}))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	good := client(market.Credentials().Token)

	order, err := good.Order.Get(t.Context(), 450789469, nil)
	if err != nil || order.Id != 450789469 || len(order.LineItems) != 1 || order.LineItems[0].SKU != "TEST-1" || order.LineItems[0].Quantity != 2 {
		t.Errorf("an order: %+v, %v", order, err)
	}
	if m := to.class(t, "shopify"); m.Class != probed.OK || len(m.Quota) != 1 {
		t.Errorf("an order is %s, quota %v", m.Class, m.Quota)
	} else if limits := good.RateLimits; float64(limits.BucketSize) != *m.Quota[0].Limit || float64(limits.BucketSize-limits.RequestCount) != *m.Quota[0].Remaining {
		t.Errorf("the client reads %d/%d, the guardian %v of %v left", limits.RequestCount, limits.BucketSize, *m.Quota[0].Remaining, *m.Quota[0].Limit)
	}

	made, err := good.Order.Create(t.Context(), shopify.Order{Test: true, LineItems: []shopify.LineItem{{Title: "x", SKU: "TEST-2", Quantity: 1}}})
	if err != nil || made.Id == 0 || !made.Test {
		t.Errorf("a test order: %+v, %v", made, err)
	}
	var shop struct{ Shop struct{ Name string } }
	if err := good.GraphQL.Query(t.Context(), "{shop{name}}", nil, &shop); err != nil || shop.Shop.Name == "" {
		t.Errorf("GraphQL: %+v, %v", shop, err)
	}

	market.Storm(true)
	_, err = good.Order.Get(t.Context(), 450789469, nil)
	var limited shopify.RateLimitError
	if m := to.class(t, "shopify"); !errors.As(err, &limited) || m.Class != probed.Throttled || m.RetryAfter == nil || limited.RetryAfter != int(m.RetryAfter.Seconds()) {
		t.Errorf("a throttle: the client says %v (retry after %d s), the guardian %s %v", err, limited.RetryAfter, m.Class, m.RetryAfter)
	}
	err = good.GraphQL.Query(t.Context(), "{shop{name}}", nil, &shop)
	if m := to.class(t, "shopify"); !errors.As(err, &limited) || m.Class != probed.Throttled {
		t.Errorf("a throttle in a 200: the client says %v, the guardian %s", err, m.Class)
	}
	market.Storm(false)

	_, err = client("another-token").Order.Get(t.Context(), 450789469, nil)
	var refused shopify.ResponseError
	if m := to.class(t, "shopify"); !errors.As(err, &refused) || refused.Status != 401 || m.Class != probed.CredentialBad {
		t.Errorf("another token: the client says %v, the guardian %s", err, m.Class)
	}
}

// The client verifies what the guardian's platform code and the fake sign.
func TestGoShopifyTakesOurPushes(t *testing.T) {
	app := shopify.App{ApiSecret: "fake-push-secret-0001"}
	p, err := probed.Find("shopify")
	if err != nil {
		t.Fatal(err)
	}
	m := p.Push.Build(probed.Order{ID: "450789469", Shop: "fake.myshopify.com", Delivery: "d-1", At: time.Now()})
	var order shopify.Order
	if err := json.Unmarshal(m.Body, &order); err != nil || order.Id != 450789469 || len(order.LineItems) != 1 {
		t.Errorf("the client reads our push as %+v, %v", order, err)
	}
	for key, want := range map[string]bool{app.ApiSecret: true, "another": false} {
		r, err := http.NewRequestWithContext(t.Context(), m.Method, "http://shop.test/hook", bytes.NewReader(m.Body))
		if err != nil {
			t.Fatal(err)
		}
		signed, err := p.Sign(probed.KindPush, probed.Call{Method: m.Method, Header: r.Header, Body: m.Body}, probed.Keys{Secret: secret.New(key)})
		if err != nil {
			t.Fatal(err)
		}
		for name, value := range signed.Headers {
			r.Header.Set(name, value)
		}
		if got := app.VerifyWebhookRequest(r); got != want {
			t.Errorf("signed with %s: the client says %v", key, got)
		}
	}

	market, shop := marketplace.New("shopify"), seller.New("shopify", marketplace.Endpoint{Secret: app.ApiSecret})
	defer market.Close()
	defer shop.Close()
	if status, err := market.Push(t.Context(), shop.Endpoint(), marketplace.Order{ID: "1", Price: "1", Currency: "USD"}); err != nil || status != 200 {
		t.Errorf("the fake's own push: %d, %v", status, err)
	}
}
