package marketplace

import (
	"encoding/json"
	"fmt"
	"time"
)

// shopifyOrder is what a push of Shopify says of an order: the fields that receivers read
// (shopify.dev, "The Order object").
type shopifyOrder struct {
	ID                json.RawMessage `json:"id"`
	GraphQL           string          `json:"admin_graphql_api_id"`
	Name              string          `json:"name"`
	Number            json.RawMessage `json:"order_number"`
	Email             string          `json:"email"`
	ContactEmail      string          `json:"contact_email"`
	CreatedAt         string          `json:"created_at"`
	UpdatedAt         string          `json:"updated_at"`
	ProcessedAt       string          `json:"processed_at"`
	CancelledAt       *string         `json:"cancelled_at"`
	ClosedAt          *string         `json:"closed_at"`
	Currency          string          `json:"currency"`
	PresentedIn       string          `json:"presentment_currency"`
	FinancialStatus   string          `json:"financial_status"`
	FulfillmentStatus *string         `json:"fulfillment_status"`
	Confirmed         bool            `json:"confirmed"`
	Test              bool            `json:"test"`
	SourceName        string          `json:"source_name"`
	Note              string          `json:"note"`
	Tags              string          `json:"tags"`
	TaxesIncluded     bool            `json:"taxes_included"`
	TotalPrice        string          `json:"total_price"`
	CurrentTotal      string          `json:"current_total_price"`
	SubtotalPrice     string          `json:"subtotal_price"`
	TotalLineItems    string          `json:"total_line_items_price"`
	TotalDiscounts    string          `json:"total_discounts"`
	TotalTax          string          `json:"total_tax"`
	TotalPriceSet     shopifyMoneySet `json:"total_price_set"`
	TotalWeight       int             `json:"total_weight"`
	Gateways          []string        `json:"payment_gateway_names"`
	NoteAttributes    []struct{}      `json:"note_attributes"`
	DiscountCodes     []struct{}      `json:"discount_codes"`
	TaxLines          []struct{}      `json:"tax_lines"`
	ShippingLines     []struct{}      `json:"shipping_lines"`
	Fulfillments      []struct{}      `json:"fulfillments"`
	Refunds           []struct{}      `json:"refunds"`
	Customer          shopifyCustomer `json:"customer"`
	LineItems         []shopifyLine   `json:"line_items"`
	ShippingAddress   *shopifyAddress `json:"shipping_address,omitempty"`
	BillingAddress    *shopifyAddress `json:"billing_address,omitempty"`
}

type shopifyMoney struct {
	Amount   string `json:"amount"`
	Currency string `json:"currency_code"`
}

type shopifyMoneySet struct {
	Shop      shopifyMoney `json:"shop_money"`
	Presented shopifyMoney `json:"presentment_money"`
}

type shopifyCustomer struct {
	ID    int64  `json:"id"`
	Email string `json:"email"`
	First string `json:"first_name"`
	Last  string `json:"last_name"`
}

type shopifyLine struct {
	ID               int64           `json:"id"`
	Variant          int64           `json:"variant_id"`
	Product          int64           `json:"product_id"`
	Title            string          `json:"title"`
	Name             string          `json:"name"`
	SKU              string          `json:"sku"`
	Quantity         int             `json:"quantity"`
	Current          int             `json:"current_quantity"`
	Fulfillable      int             `json:"fulfillable_quantity"`
	Price            string          `json:"price"`
	PriceSet         shopifyMoneySet `json:"price_set"`
	TotalDiscount    string          `json:"total_discount"`
	Grams            int             `json:"grams"`
	Taxable          bool            `json:"taxable"`
	RequiresShipping bool            `json:"requires_shipping"`
	GiftCard         bool            `json:"gift_card"`
	Properties       []struct{}      `json:"properties"`
	TaxLines         []struct{}      `json:"tax_lines"`
}

type shopifyAddress struct {
	First    string `json:"first_name"`
	Last     string `json:"last_name"`
	Address1 string `json:"address1"`
	City     string `json:"city"`
	Zip      string `json:"zip"`
	Country  string `json:"country_code"`
}

// shopifyAPIVersion is the newest stable version at a time: one appears with each quarter.
func shopifyAPIVersion(at time.Time) string {
	return fmt.Sprintf("%d-%02d", at.Year(), (int(at.Month())-1)/3*3+1)
}

const synthetic = "Guardian synthetic order"

func shopifyPush(o Order) Message {
	o = o.filled()
	at := o.At.UTC().Format(time.RFC3339)
	total := o.total()
	money := func(amount string) shopifyMoneySet {
		m := shopifyMoney{amount, o.Currency}
		return shopifyMoneySet{m, m}
	}
	none := []struct{}{}
	order := shopifyOrder{
		ID: asNumber(o.ID), GraphQL: "gid://shopify/Order/" + o.ID, Name: "#" + o.ID, Number: asNumber(o.ID),
		Email: "guardian@example.com", ContactEmail: "guardian@example.com", CreatedAt: at, UpdatedAt: at, ProcessedAt: at,
		Currency: o.Currency, PresentedIn: o.Currency, FinancialStatus: orElse(o.Status, "pending"), Confirmed: true, Test: true,
		SourceName: "web", Note: synthetic, TotalPrice: total, CurrentTotal: total, SubtotalPrice: total, TotalLineItems: total,
		TotalDiscounts: "0.00", TotalTax: "0.00", TotalPriceSet: money(total), Gateways: []string{"bogus"},
		NoteAttributes: none, DiscountCodes: none, TaxLines: none, ShippingLines: none, Fulfillments: none, Refunds: none,
		Customer: shopifyCustomer{1, "guardian@example.com", "Guardian", "Synthetic"},
		LineItems: []shopifyLine{{
			ID: 1, Variant: 1, Product: 1, Title: synthetic, Name: synthetic, SKU: o.SKU, Quantity: o.Quantity, Current: o.Quantity,
			Fulfillable: o.Quantity, Price: o.Price, PriceSet: money(o.Price), TotalDiscount: "0.00", RequiresShipping: true,
			Properties: none, TaxLines: none,
		}},
	}
	if o.Country != "" {
		order.ShippingAddress = &shopifyAddress{"Guardian", "Synthetic", "1 Example Street", "Example", "00000", o.Country}
		order.BillingAddress = order.ShippingAddress
	}
	return post(order, map[string]string{
		"X-Shopify-Topic":        "orders/create",
		"X-Shopify-Shop-Domain":  o.Shop,
		"X-Shopify-API-Version":  shopifyAPIVersion(o.At.UTC()),
		"X-Shopify-Webhook-Id":   o.Delivery,
		"X-Shopify-Event-Id":     orElse(o.Event, o.Delivery),
		"X-Shopify-Test":         "true",
		"X-Shopify-Triggered-At": at,
	})
}
