package marketplace

import (
	"time"
)

// amazon is the Selling Partner API. Rates are those of the vendor's models
// (amzn/selling-partner-api-models). Answers contain the rate and
// never what is left of a bucket.
func amazon() Platform {
	const orders = "Orders v2026-01-01 replaces it by 2027-03-27"
	return Platform{
		Name: "amazon", Title: "Amazon SP-API",
		Hosts: []string{"sellingpartnerapi-na.amazon.com", "sellingpartnerapi-eu.amazon.com", "sellingpartnerapi-fe.amazon.com"},
		Sandbox: Sandbox{
			Create: &Creation{Operation: "sendTestNotification"},
			Hosts:  []string{"sandbox.sellingpartnerapi-na.amazon.com", "sandbox.sellingpartnerapi-eu.amazon.com", "sandbox.sellingpartnerapi-fe.amazon.com"},
			Words:  "Static cases that match on exact parameters; 5 requests a second, burst 15.",
		},
		Usage: Inferred,
		Operations: []Operation{
			{Name: "getOrders", Method: "GET", Path: "/orders/v0/orders", Rate: 0.0167, Burst: 20, Deprecated: orders},
			{Name: "getOrder", Method: "GET", Path: "/orders/2026-01-01/orders/{orderId}", Rate: 0.5, Burst: 30},
			{Name: "searchOrders", Method: "GET", Path: "/orders/2026-01-01/orders", Rate: 0.0056, Burst: 20},
			{Name: "getOrderV0", Method: "GET", Path: "/orders/v0/orders/{orderId}", Rate: 0.5, Burst: 30, Deprecated: orders},
			{Name: "getOrderBuyerInfo", Method: "GET", Path: "/orders/v0/orders/{orderId}/buyerInfo", Rate: 0.5, Burst: 30, Deprecated: orders},
			{Name: "getOrderAddress", Method: "GET", Path: "/orders/v0/orders/{orderId}/address", Rate: 0.5, Burst: 30, Deprecated: orders},
			{Name: "getOrderItems", Method: "GET", Path: "/orders/v0/orders/{orderId}/orderItems", Rate: 0.5, Burst: 30, Deprecated: orders},
			{Name: "getOrderItemsBuyerInfo", Method: "GET", Path: "/orders/v0/orders/{orderId}/orderItems/buyerInfo", Rate: 0.5, Burst: 30, Deprecated: orders},
			{Name: "getOrderRegulatedInfo", Method: "GET", Path: "/orders/v0/orders/{orderId}/regulatedInfo", Rate: 0.5, Burst: 30},
			{Name: "updateVerificationStatus", Method: "PATCH", Path: "/orders/v0/orders/{orderId}/regulatedInfo", Rate: 0.5, Burst: 30},
			{Name: "confirmShipment", Method: "POST", Path: "/orders/v0/orders/{orderId}/shipmentConfirmation", Rate: 2, Burst: 10},
			{Name: "updateShipmentStatus", Method: "POST", Path: "/orders/v0/orders/{orderId}/shipment", Rate: 5, Burst: 15},
			{Name: "getMarketplaceParticipations", Method: "GET", Path: "/sellers/v1/marketplaceParticipations", Rate: 0.016, Burst: 15},
			{Name: "createRestrictedDataToken", Method: "POST", Path: "/tokens/2021-03-01/restrictedDataToken", Rate: 1, Burst: 10},
			{Name: "getSubscription", Method: "GET", Path: "/notifications/v1/subscriptions/{notificationType}", Rate: 1, Burst: 5},
			{Name: "getDestinations", Method: "GET", Path: "/notifications/v1/destinations", Rate: 1, Burst: 5},
			{Name: "getVendorOrders", Method: "GET", Path: "/vendor/directFulfillment/orders/2021-12-28/purchaseOrders", Rate: 10, Burst: 10},
			{Name: "sendTestNotification", Method: "POST", Path: "/notifications/v1/subscriptions/{notificationType}/testNotification", Rate: 1, Burst: 5},
			{Name: "createFulfillmentOrder", Method: "POST", Path: "/fba/outbound/2020-07-01/fulfillmentOrders", Rate: 2, Burst: 30},
			{Name: "rotateApplicationClientSecret", Method: "POST", Path: "/applications/2023-11-30/clientSecret", Rate: 0.0167, Burst: 1},
		},
		SafeRead: SafeRead{
			Operation: "getOrder", Every: 5 * time.Minute,
			Why: "one known order costs 1 of 150 requests that the bucket gets in that time; searching orders gets one request in 3 minutes",
		},
		Push: Push{
			Topic: "ORDER_CHANGE", Queue: "sqs", Build: amazonPush,
			Paid:  "Unshipped",
			Words: "It comes through the seller's own SQS queue or EventBridge and is protected by IAM. sendTestNotification in the sandbox sends one.",
		},
		Feeds: []Feed{
			{URL: "https://developer-docs.amazon.com/sp-api/changelog.rss", Format: "rss", Words: "changelog"},
			{URL: "https://developer-docs.amazon.com/sp-api/docs/sp-api-deprecations", Format: "html", Words: "deprecation schedule, with deprecation and removal dates"},
		},
		request: bearer("x-amz-access-token", "", nil),
		push:    unsigned("Amazon's notifications carry no HMAC: they come through the seller's own SQS queue or EventBridge, which IAM protects", nil),
		faults:  amazonFaults,
		codes: append([]known{
			{code: "QuotaExceeded", class: Throttled, why: "market_operation_bucket_empty"},
			{contains: "Could not match input arguments", class: InSandbox, why: "market_sandbox_no_case"},
			{code: "Unauthorized", contains: "does not have access", class: Permission, why: "market_role_missing"},
			{code: "Unauthorized", contains: "access token", class: CredentialBad, why: "market_token_missing_or_refused"},
			{code: "Unauthorized", contains: "application", class: CredentialBad, why: "market_app_authorisation_refused"},
			{status: 403, code: "Unauthorized", class: Permission, why: "market_role_or_authorisation_missing"},
			{status: 403, code: "InvalidSignature", class: CredentialBad, why: "market_signature_unwanted"},
		}, refusedTokens()...),
	}
}

func amazonFaults(a Answer) []fault {
	var body struct {
		Errors oneOrMany[struct {
			Code, Message, Details word
		}] `json:"errors"`
		oauthError
	}
	decode(a.Body, &body)
	var all []fault
	for _, e := range body.Errors {
		f := fault{code: string(e.Code), message: string(e.Message)}
		if e.Details != "" {
			f.message += " " + string(e.Details)
		}
		all = append(all, f)
	}
	switch {
	case len(all) > 0:
		return all
	case body.Error != "":
		return []fault{{code: string(body.Error), message: string(body.Description)}}
	case a.Header.Get("x-amzn-ErrorType") == "TooManyRequestsException":
		return []fault{{code: "QuotaExceeded"}}
	}
	return nil
}

func amazonPush(o Order) Message {
	type trigger struct{ TimeOfOrderChange, ChangeReason string }
	type summary struct {
		MarketplaceID   string `json:"MarketplaceId"`
		OrderStatus     string
		PurchaseDate    string
		FulfillmentType string
		OrderItems      []struct{}
	}
	type change struct {
		NotificationLevel  string
		SellerID           string `json:"SellerId"`
		AmazonOrderID      string `json:"AmazonOrderId"`
		OrderChangeType    string
		OrderChangeTrigger trigger
		Summary            summary
	}
	type payload struct{ OrderChangeNotification change }
	type metadata struct {
		ApplicationID  string `json:"ApplicationId"`
		SubscriptionID string `json:"SubscriptionId"`
		PublishTime    string
		NotificationID string `json:"NotificationId"`
	}
	at := o.At.UTC().Format("2006-01-02T15:04:05.000Z")
	return post(struct {
		NotificationVersion, NotificationType, PayloadVersion, EventTime string
		Payload                                                          payload
		NotificationMetadata                                             metadata
	}{
		"1.0", "ORDER_CHANGE", "1.0", at,
		payload{change{
			NotificationLevel: "OrderLevel", SellerID: o.Shop, AmazonOrderID: o.ID, OrderChangeType: "OrderStatusChange",
			OrderChangeTrigger: trigger{at, "NewOrder"},
			Summary:            summary{o.Site, orElse(o.Status, "Pending"), at, "MFN", []struct{}{}},
		}},
		metadata{o.App, o.App, at, o.Delivery},
	}, nil)
}
