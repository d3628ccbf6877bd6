package sdk_test

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	probed "guardian/probes/marketplace"
	"guardian/test/fake/marketplace"
)

// bearer sets the type of eBay's tokens to Bearer: eBay's answer says "Application Access Token",
// which the client would send before the token, and eBay refuses that.
type bearer struct{ oauth2.TokenSource }

func (b bearer) Token() (*oauth2.Token, error) {
	t, err := b.TokenSource.Token()
	if err != nil {
		return nil, err
	}
	t.TokenType = "Bearer"
	return t, nil
}

// TestOAuth2AtEBay lets Go's own OAuth 2.0 client mint eBay's token and read orders with it.
func TestOAuth2AtEBay(t *testing.T) {
	market := marketplace.New("ebay")
	defer market.Close()
	market.AddOrder(marketplace.Order{ID: "12-34567-89012", SKU: "TEST-1", Quantity: 1, Price: "9.90", Currency: "USD"})
	to := &towards{host: hostOf(t, market.URL())}
	client := func(secret string) *http.Client {
		c := clientcredentials.Config{
			ClientID: market.Credentials().App, ClientSecret: secret, AuthStyle: oauth2.AuthStyleInHeader,
			TokenURL: "https://api.ebay.com/identity/v1/oauth2/token", Scopes: []string{"https://api.ebay.com/oauth/api_scope"},
		}
		ctx := context.WithValue(t.Context(), oauth2.HTTPClient, &http.Client{Transport: to})
		return oauth2.NewClient(ctx, bearer{c.TokenSource(ctx)})
	}
	orders := func(c *http.Client) (int, error) {
		resp, err := c.Get("https://api.ebay.com/sell/fulfillment/v1/order?limit=1")
		if err != nil {
			return 0, err
		}
		return resp.StatusCode, resp.Body.Close()
	}
	refused := func(err error) *oauth2.RetrieveError {
		var e *oauth2.RetrieveError
		if !errors.As(err, &e) {
			t.Fatalf("the client says %v, want a token that was refused", err)
		}
		return e
	}

	good := client(market.Credentials().Secret)
	if status, err := orders(good); err != nil || status != http.StatusOK || to.class(t, "ebay").Class != probed.OK {
		t.Errorf("orders: %d %v, the guardian says %s", status, err, to.class(t, "ebay").Class)
	}

	market.Storm(true)
	if status, err := orders(good); err != nil || status != http.StatusTooManyRequests || to.class(t, "ebay").Class != probed.Throttled {
		t.Errorf("a throttle: %d %v, the guardian says %s", status, err, to.class(t, "ebay").Class)
	}
	_, err := orders(client(market.Credentials().Secret))
	if e := refused(err); e.Response.StatusCode != http.StatusTooManyRequests || to.class(t, "ebay").Class != probed.Throttled {
		t.Errorf("a throttled token: %v, the guardian says %s", e, to.class(t, "ebay").Class)
	}
	market.Storm(false)

	_, err = orders(client("another-secret"))
	if e := refused(err); e.ErrorCode != "invalid_client" || to.class(t, "ebay").Class != probed.CredentialBad {
		t.Errorf("another secret: %v, the guardian says %s", e, to.class(t, "ebay").Class)
	}
	market.ExpireToken(true)
	if status, err := orders(good); err != nil || status != http.StatusUnauthorized || to.class(t, "ebay").Class != probed.CredentialBad {
		t.Errorf("a token that has expired: %d %v, the guardian says %s", status, err, to.class(t, "ebay").Class)
	}
}
