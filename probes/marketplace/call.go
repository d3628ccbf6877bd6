package marketplace

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"guardian/internal/secret"
)

// Account is a seller's account and application at a platform.
type Account struct {
	Shop   string // the seller's ID
	App    string // app key, partner ID
	Secret secret.Secret
	Token  secret.Secret // access token; it is never renewed
}

// Creation is how a platform's sandbox creates an order, or tests its push.
type Creation struct {
	Operation string              // the name of one of Operations
	Build     func(Order) Message // nil: the body depends on the seller, and has to be configured
	ID        string              // GJSON path of the order's ID in the answer; "" if it has none
}

// Request completes a call to an operation: first the fields that the platform requires in each call,
// then the signature or the token. Fields that are set stay. unique is an ID of the call.
func (p Platform) Request(o Operation, c Call, a Account, now time.Time, unique string) (Call, error) {
	if c.Header == nil {
		c.Header = http.Header{}
	}
	if c.Query == nil {
		c.Query = map[string]string{}
	}
	if c.Method == "" {
		c.Method = o.Method
	}
	if p.complete != nil {
		p.complete(&c, o, a, now, unique)
	}
	keys := Keys{Secret: a.Secret, AppKey: a.App}
	if p.signedIn == "" {
		keys.Secret = a.Token
	}
	signed, err := p.Sign(KindRequest, c, keys)
	if err != nil {
		return c, err
	}
	for name, value := range signed.Headers {
		c.Header.Set(name, value)
	}
	switch p.signedIn {
	case "query":
		c.Query["sign"] = signed.Signature
	case "body":
		return c, addMember(&c, "sign", signed.Signature)
	}
	return c, nil
}

// addMember adds a text to a JSON object.
func addMember(c *Call, name, value string) error {
	members := map[string]any{}
	if len(c.Body) > 0 {
		if err := json.Unmarshal(c.Body, &members); err != nil {
			return errors.New("body is not a JSON object")
		}
	}
	members[name] = value
	body, err := json.Marshal(members)
	if err != nil {
		return fmt.Errorf("write the body: %w", err)
	}
	c.Body = body
	return nil
}

func epochSeconds(now time.Time) string { return strconv.FormatInt(now.Unix(), 10) }
func epochMillis(now time.Time) string  { return strconv.FormatInt(now.UnixMilli(), 10) }

func shopeeComplete(c *Call, _ Operation, a Account, now time.Time, _ string) {
	c.Query["partner_id"], c.Query["timestamp"] = a.App, epochSeconds(now)
	c.Query["access_token"], c.Query["shop_id"] = a.Token.Reveal(), a.Shop
}

func lazadaComplete(c *Call, _ Operation, a Account, now time.Time, _ string) {
	c.Query["app_key"], c.Query["access_token"] = a.App, a.Token.Reveal()
	c.Query["timestamp"], c.Query["sign_method"] = epochMillis(now), "sha256"
}

func aliexpressComplete(c *Call, o Operation, a Account, now time.Time, _ string) {
	c.Query["method"], c.Query["app_key"], c.Query["session"] = o.Name, a.App, a.Token.Reveal()
	c.Query["timestamp"], c.Query["sign_method"] = epochMillis(now), "sha256"
}

func tiktokComplete(c *Call, _ Operation, a Account, now time.Time, _ string) {
	c.Query["app_key"], c.Query["timestamp"] = a.App, epochSeconds(now)
	c.Header.Set("X-Tts-Access-Token", a.Token.Reveal())
	c.Header.Set("Content-Type", "application/json")
}

func temuComplete(c *Call, o Operation, a Account, now time.Time, _ string) {
	for name, value := range map[string]string{
		"type": o.Name, "app_key": a.App, "access_token": a.Token.Reveal(), "timestamp": epochSeconds(now), "data_type": "JSON",
	} {
		// A body that is no object is an error when it is signed.
		_ = addMember(c, name, value)
	}
	c.Header.Set("Content-Type", "application/json")
}

func shopifyComplete(c *Call, o Operation, _ Account, _ time.Time, _ string) {
	if o.Name == "graphql" && len(c.Body) == 0 {
		c.Body = []byte(`{"query":"{shop{name}}"}`)
	}
	if len(c.Body) > 0 {
		c.Header.Set("Content-Type", "application/json")
	}
}

func walmartComplete(c *Call, _ Operation, _ Account, _ time.Time, unique string) {
	c.Header.Set("WM_QOS.CORRELATION_ID", unique)
}

// shopifyTestOrder is an order with test set (shopify.dev, "Manage test orders").
func shopifyTestOrder(o Order) Message {
	o = o.filled()
	type line struct {
		Title    string `json:"title"`
		SKU      string `json:"sku"`
		Quantity int    `json:"quantity"`
		Price    string `json:"price"`
	}
	type address struct {
		Country string `json:"country_code,omitempty"`
	}
	type transaction struct {
		Kind   string `json:"kind"`
		Status string `json:"status"`
		Amount string `json:"amount"`
		Test   bool   `json:"test"`
	}
	type order struct {
		Test         bool          `json:"test"`
		Note         string        `json:"note"`
		Currency     string        `json:"currency"`
		Lines        []line        `json:"line_items"`
		Address      address       `json:"shipping_address"`
		Transactions []transaction `json:"transactions"`
	}
	return post(struct {
		Order order `json:"order"`
	}{order{
		true, o.ID, o.Currency,
		[]line{{"synthetic order", o.SKU, o.Quantity, o.Price}},
		address{o.Country},
		[]transaction{{"sale", "success", o.total(), true}},
	}}, nil)
}

// walmartSimulation is an order of the dynamic sandbox. Its schema is not public: if the sandbox wants
// another one, configure it as the push's body.
func walmartSimulation(o Order) Message {
	o = o.filled()
	type line struct {
		SKU      string `json:"sku"`
		Quantity int    `json:"quantity"`
		Price    string `json:"price"`
		Currency string `json:"currency"`
	}
	return post(struct {
		Customer string `json:"customerOrderId"`
		Lines    []line `json:"orderLines"`
	}{o.ID, []line{{o.SKU, o.Quantity, o.Price, o.Currency}}}, nil)
}
