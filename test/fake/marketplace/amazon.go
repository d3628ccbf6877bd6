package marketplace

import (
	_ "embed" // the sandbox's cases
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

//go:embed testdata/amazon-sandbox.json
var amazonSandbox []byte

// AmazonCase is a request that Amazon's static sandbox answers (the x-amzn-api-sandbox blocks of
// amzn/selling-partner-api-models, Orders v0 and v2026-01-01).
type AmazonCase struct {
	Operation, Method, Path string
	Want                    map[string]any // parameters of path and query, and body
	Status                  int
	Codes                   []string // of the errors that it answers
	Members                 []string // of the answer's body
}

// AmazonCases returns all of them.
func AmazonCases() ([]AmazonCase, error) {
	var all []AmazonCase
	if err := json.Unmarshal(amazonSandbox, &all); err != nil {
		return nil, fmt.Errorf("read the cases of Amazon's sandbox: %w", err)
	}
	return all, nil
}

// Request returns the path with query, and the body, of a case.
func (c AmazonCase) Request() (target string, body []byte) {
	path, query := c.Path, url.Values{}
	for name, value := range c.Want {
		in := "{" + name + "}"
		switch {
		case name == "body":
			body, _ = json.Marshal(value)
		case strings.Contains(path, in):
			path = strings.ReplaceAll(path, in, fmt.Sprint(value))
		default:
			query.Set(name, textOf(value))
		}
	}
	path = strings.ReplaceAll(path, "{orderId}", "902-1106328-1059050") // where any will do
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	return path, body
}

func textOf(value any) string {
	list, ok := value.([]any)
	if !ok {
		return fmt.Sprint(value)
	}
	texts := make([]string, len(list))
	for i, v := range list {
		texts[i] = fmt.Sprint(v)
	}
	return strings.Join(texts, ",")
}

// fits tells whether a request is exactly that of the case.
func (c AmazonCase) fits(r request) bool {
	queried := 0
	for name, value := range c.Want {
		if name == "body" {
			var body any
			if json.Unmarshal(r.body, &body) != nil || !reflect.DeepEqual(body, value) {
				return false
			}
			continue
		}
		got, inPath := r.path[name]
		if !inPath {
			queried++
			got = r.params[name]
		}
		if got != textOf(value) {
			return false
		}
	}
	return queried == len(r.params)
}

func amazonError(status int, code, message, details string) *answer {
	return &answer{
		status: status, header: map[string]string{"x-amzn-RequestId": "08994608-0658-4072-b813-88a208b8e506"},
		body: object{"errors": []object{{"code": code, "message": message, "details": details}}},
	}
}

// sandboxAnswer returns the answer of the matching case with the most parameters.
func sandboxAnswer(name string, r request) answer {
	cases, err := AmazonCases()
	if err != nil {
		return *amazonError(500, "InternalFailure", err.Error(), "")
	}
	slices.SortStableFunc(cases, func(a, b AmazonCase) int { return len(b.Want) - len(a.Want) })
	for _, c := range cases {
		if _, here := match(c.Path, r.URL.Path); !here || c.Method != r.Method || !c.fits(r) {
			continue
		}
		if c.Status == http.StatusNoContent {
			return answer{status: c.Status}
		}
		body := object{}
		for _, m := range c.Members {
			body[m] = object{}
		}
		var errs []object
		for _, code := range c.Codes {
			errs = append(errs, object{"code": code, "message": "Invalid request", "details": "a case of " + name})
		}
		if errs != nil {
			body["errors"] = errs
		}
		return answer{status: c.Status, body: body}
	}
	return *amazonError(400, "InvalidInput", "Could not match input arguments", "")
}

func amazon() vendor {
	const v0, v2026 = "/orders/v0/orders", "/orders/2026-01-01/orders"
	order := func(o Order) object {
		return object{"orderId": o.ID, "orderItems": []object{{"sellerSku": o.SKU, "quantityOrdered": o.Quantity, "unitPrice": object{"amount": o.Price, "currencyCode": o.Currency}}}}
	}
	search := func(s *Server, _ request) answer {
		list := []object{}
		for _, o := range s.sorted() {
			list = append(list, order(o))
		}
		return answer{status: 200, body: object{"orders": list}}
	}
	get := func(s *Server, r request) answer {
		o, ok := s.orders[r.path["orderId"]]
		if !ok {
			return *amazonError(404, "NotFound", "The requested order does not exist.", "")
		}
		return answer{status: 200, body: object{"order": order(o), "payload": order(o)}}
	}
	none := func(*Server, request) answer { return answer{status: 204} }
	slow, burst := Limit{Rate: 0.0167, Burst: 20}, Limit{Rate: 0.5, Burst: 30}
	operations := []operation{
		{name: "getOrders", method: "GET", path: v0, limit: slow, serve: search},
		{name: "getOrderV0", method: "GET", path: v0 + "/{orderId}", limit: burst, serve: get},
		{name: "getOrderBuyerInfo", method: "GET", path: v0 + "/{orderId}/buyerInfo", limit: burst, serve: get},
		{name: "getOrderAddress", method: "GET", path: v0 + "/{orderId}/address", limit: burst, serve: get},
		{name: "getOrderItems", method: "GET", path: v0 + "/{orderId}/orderItems", limit: burst, serve: get},
		{name: "getOrderItemsBuyerInfo", method: "GET", path: v0 + "/{orderId}/orderItems/buyerInfo", limit: burst, serve: get},
		{name: "getOrderRegulatedInfo", method: "GET", path: v0 + "/{orderId}/regulatedInfo", limit: burst, serve: get},
		{name: "updateVerificationStatus", method: "PATCH", path: v0 + "/{orderId}/regulatedInfo", limit: burst, serve: none},
		{name: "confirmShipment", method: "POST", path: v0 + "/{orderId}/shipmentConfirmation", limit: Limit{Rate: 2, Burst: 10}, serve: none},
		{name: "updateShipmentStatus", method: "POST", path: v0 + "/{orderId}/shipment", limit: Limit{Rate: 5, Burst: 15}, serve: none},
		{name: "searchOrders", method: "GET", path: v2026, limit: Limit{Rate: 0.0056, Burst: 20}, serve: search},
		{name: "getOrder", method: "GET", path: v2026 + "/{orderId}", limit: burst, serve: get},
		{name: "getMarketplaceParticipations", method: "GET", path: "/sellers/v1/marketplaceParticipations", limit: Limit{Rate: 0.016, Burst: 15}, serve: func(*Server, request) answer {
			return answer{status: 200, body: object{"payload": []object{}}}
		}},
	}
	for i, o := range operations {
		operations[i].serve = func(s *Server, r request) answer {
			if s.sandbox {
				return sandboxAnswer(o.name, r)
			}
			return o.serve(s, r)
		}
	}
	operations = append(operations, operation{
		name: "sendTestNotification", method: "POST", path: "/notifications/v1/subscriptions/{notificationType}/testNotification",
		limit: Limit{Rate: 1, Burst: 5}, serve: amazonTestNotification,
	})
	return vendor{
		operations: operations,
		inSandbox:  &Limit{Rate: 5, Burst: 15},
		check: func(s *Server, r request) *answer {
			const denied = "Access to requested resource is denied."
			switch token := r.Header.Get("X-Amz-Access-Token"); {
			case token == "":
				return amazonError(403, "Unauthorized", denied, "Access token is missing in the request header.")
			case token != s.keys.Token:
				return amazonError(403, "Unauthorized", denied, "The access token you provided is revoked, malformed or invalid.")
			case s.expired:
				return amazonError(403, "Unauthorized", denied, "The access token you provided has expired.")
			}
			return nil
		},
		// As captured: a 429 has neither Retry-After nor the rate.
		throttled: func(*Server, operation, throttle) answer {
			return answer{
				status: 429, header: map[string]string{"x-amzn-ErrorType": "TooManyRequestsException", "x-amzn-RequestId": "08994608-0658-4072-b813-88a208b8e506"},
				body: `{ "errors": [ { "message": "You exceeded your quota for the requested resource.", "code": "QuotaExceeded" } ] }`,
			}
		},
		quota: func(h http.Header, s *Server, o operation, b *bucket) {
			if o.limit.Rate > 0 && !s.storm {
				h.Set("x-amzn-RateLimit-Limit", strconv.FormatFloat(b.limit.Rate, 'f', -1, 64))
			}
		},
		unknown: *amazonError(404, "NotFound", "The resource does not exist.", ""),
		push: func(o Order, e Endpoint, shop string) (http.Header, []byte) {
			at := o.At.UTC().Format("2006-01-02T15:04:05.000Z")
			return nil, fmt.Appendf(nil, `{"NotificationVersion":"1.0","NotificationType":"ORDER_CHANGE","PayloadVersion":"1.0","EventTime":%q,"Payload":{"OrderChangeNotification":{"NotificationLevel":"OrderLevel","SellerId":%q,"AmazonOrderId":%q,"OrderChangeType":"OrderStatusChange","Summary":{"OrderStatus":%q,"PurchaseDate":%q}}},"NotificationMetadata":{"ApplicationId":%q,"SubscriptionId":"s","PublishTime":%q,"NotificationId":%q}}`,
				at, shop, o.ID, o.Status, at, e.App, at, o.ID)
		},
	}
}

// amazonTestNotification sends a made-up notification to the seller's queue, in the sandbox.
func amazonTestNotification(s *Server, r request) answer {
	var body struct {
		DestinationID    string `json:"destinationId"`
		TestNotification struct {
			PayloadVersion string `json:"payloadVersion"`
			TestScenario   string `json:"testScenario"`
		} `json:"testNotification"`
	}
	switch err := json.Unmarshal(r.body, &body); {
	case !s.sandbox:
		return *amazonError(403, "Unauthorized", "Access to requested resource is denied.", "This operation is of the sandbox.")
	case err != nil || body.DestinationID == "" || body.TestNotification.TestScenario == "":
		return *amazonError(400, "InvalidInput", "testScenario is empty", "")
	}
	return s.makeOrder(Order{SKU: "TEST", Quantity: 1, Status: "Unshipped"}, answer{status: 202})
}
