package marketplace

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Marketplaces whose calls carry a token and are not signed; Amazon is one more.

func shopify() vendor {
	bad := func(status int, errors any) *answer { return &answer{status: status, body: object{"errors": errors}} }
	rest := Limit{Rate: 2, Burst: 40}
	order := func(o Order) object {
		n, _ := strconv.ParseInt(o.ID, 10, 64)
		if o.Price == "" {
			o.Price = "0.00" // prices are decimals, always
		}
		return object{
			"id": n, "name": "#" + o.ID, "test": true, "currency": o.Currency, "total_price": o.Price, "financial_status": o.Status,
			"line_items": []object{{"id": 1, "sku": o.SKU, "quantity": o.Quantity, "price": o.Price}}, "shipping_address": object{"country_code": o.Country},
		}
	}
	return vendor{
		operations: []operation{
			{name: "graphql", method: "POST", path: "/admin/api/{version}/graphql.json", limit: Limit{Rate: 100, Burst: 2000}, serve: func(s *Server, _ request) answer {
				b := s.buckets["graphql"]
				return answer{status: 200, body: object{"data": object{"shop": object{"name": "fake"}}, "extensions": shopifyCost(1, 1, b)}}
			}},
			{name: "shop", method: "GET", path: "/admin/api/{version}/shop.json", shared: "rest", limit: rest, serve: func(*Server, request) answer {
				return answer{status: 200, body: object{"shop": object{"id": 1, "name": "fake", "currency": "USD"}}}
			}},
			{name: "orders", method: "GET", path: "/admin/api/{version}/orders.json", shared: "rest", limit: rest, serve: func(s *Server, _ request) answer {
				list := []object{}
				for _, o := range s.sorted() {
					list = append(list, order(o))
				}
				return answer{status: 200, body: object{"orders": list}}
			}},
			{name: "createOrder", method: "POST", path: "/admin/api/{version}/orders.json", shared: "rest", limit: rest, serve: func(s *Server, r request) answer {
				var body struct {
					Order struct {
						Test     bool   `json:"test"`
						Currency string `json:"currency"`
						Address  struct {
							Country string `json:"country_code"`
						} `json:"shipping_address"`
						Lines []struct {
							SKU      string `json:"sku"`
							Quantity int    `json:"quantity"`
							Price    string `json:"price"`
						} `json:"line_items"`
					} `json:"order"`
				}
				if json.Unmarshal(r.body, &body) != nil || len(body.Order.Lines) == 0 {
					return *bad(422, object{"order": []string{"Line items must have at least one line item"}})
				}
				l := body.Order.Lines[0]
				o := Order{SKU: l.SKU, Quantity: l.Quantity, Price: l.Price, Currency: body.Order.Currency, Country: body.Order.Address.Country, Status: "paid"}
				out := s.makeOrder(o, answer{status: 201})
				out.body = object{"order": order(s.orders[s.lastID()])}
				return out
			}},
			{name: "order", method: "GET", path: "/admin/api/{version}/orders/{id}.json", shared: "rest", limit: rest, serve: func(s *Server, r request) answer {
				o, ok := s.orders[r.path["id"]]
				if !ok {
					return *bad(404, "Not Found")
				}
				return answer{status: 200, body: object{"order": order(o)}}
			}},
			{name: "deleteOrder", method: "DELETE", path: "/admin/api/{version}/orders/{id}.json", shared: "rest", limit: rest, serve: func(s *Server, r request) answer {
				if _, ok := s.orders[r.path["id"]]; !ok {
					return *bad(404, "Not Found")
				}
				delete(s.orders, r.path["id"])
				return answer{status: 200, body: object{}}
			}},
		},
		check: func(s *Server, r request) *answer {
			if r.Header.Get("X-Shopify-Access-Token") != s.keys.Token || s.expired {
				return bad(401, "[API] Invalid API key or access token (unrecognized login or wrong password)")
			}
			return nil
		},
		throttled: func(_ *Server, o operation, t throttle) answer {
			if o.name == "graphql" {
				return answer{status: 200, body: object{
					"errors":     []object{{"message": "Throttled", "extensions": object{"code": "THROTTLED"}}},
					"extensions": object{"cost": object{"requestedQueryCost": 100, "actualQueryCost": nil, "throttleStatus": object{"maximumAvailable": 2000.0, "currentlyAvailable": 0, "restoreRate": 100.0}}},
				}}
			}
			a := *bad(429, "Exceeded 2 calls per second for api client. Reduce request rates to resume uninterrupted service.")
			a.header = map[string]string{"Retry-After": fmt.Sprintf("%.1f", max(t.wait.Seconds(), 2))}
			return a
		},
		quota: func(h http.Header, s *Server, o operation, b *bucket) {
			if o.shared == "rest" {
				used := b.limit.Burst - int(b.held)
				if s.storm {
					used = b.limit.Burst
				}
				h.Set("X-Shopify-Shop-Api-Call-Limit", fmt.Sprintf("%d/%d", used, b.limit.Burst))
			}
		},
		unknown: *bad(404, "Not Found"),
		push: func(o Order, _ Endpoint, shop string) (http.Header, []byte) {
			at := o.At.UTC().Format(time.RFC3339)
			h := http.Header{}
			for name, value := range map[string]string{
				"X-Shopify-Topic": "orders/create", "X-Shopify-Shop-Domain": shop, "X-Shopify-Webhook-Id": o.ID, "X-Shopify-Triggered-At": at,
			} {
				h.Set(name, value)
			}
			return h, fmt.Appendf(nil, `{"id":%s,"name":"#%s","created_at":%q,"currency":%q,"financial_status":%q,"test":true,"total_price":%q,"line_items":[{"id":1,"sku":%q,"quantity":%d,"price":%q}],"shipping_address":{"country_code":%q}}`,
				o.ID, o.ID, at, o.Currency, o.Status, o.Price, o.SKU, o.Quantity, o.Price, o.Country)
		},
	}
}

func shopifyCost(requested, actual int, b *bucket) object {
	return object{"cost": object{
		"requestedQueryCost": requested, "actualQueryCost": actual,
		"throttleStatus": object{"maximumAvailable": float64(b.limit.Burst), "currentlyAvailable": int(b.held), "restoreRate": b.limit.Rate},
	}}
}

func ebay() vendor {
	bad := func(status, id int, domain, message string) *answer {
		return &answer{status: status, body: object{"errors": []object{{"errorId": id, "domain": domain, "category": "REQUEST", "message": message, "longMessage": message}}}}
	}
	order := func(o Order) object {
		return object{
			"orderId": o.ID, "orderFulfillmentStatus": o.Status, "pricingSummary": object{"total": object{"value": o.Price, "currency": o.Currency}},
			"lineItems": []object{{"sku": o.SKU, "quantity": o.Quantity}},
		}
	}
	const fulfillment, analytics, mint = "/sell/fulfillment/v1/order", "/developer/analytics/v1_beta/", "/identity/v1/oauth2/token"
	limits := func(s *Server, _ request) answer {
		var resources []object
		for _, name := range []string{"getOrders", "getOrder"} {
			b := s.buckets[name]
			limit, used := 100000, 0
			if own, ok := s.limits[name]; ok {
				limit = own.PerDay
			}
			if b != nil {
				used = b.today
			}
			resources = append(resources, object{"name": "sell.fulfillment." + name, "rates": []object{{
				"limit": limit, "remaining": limit - used, "count": used, "timeWindow": 86400,
				"reset": s.now().UTC().Truncate(24 * time.Hour).Add(32 * time.Hour).Format("2006-01-02T15:04:05.000Z"),
			}}})
		}
		return answer{status: 200, body: object{"rateLimits": []object{{"apiContext": "sell", "apiName": "Fulfillment", "apiVersion": "v1", "resources": resources}}}}
	}
	daily := Limit{PerDay: 100000} // an example: each app has a limit of its own
	return vendor{
		operations: []operation{
			{name: "getOrders", method: "GET", path: fulfillment, limit: daily, serve: func(s *Server, _ request) answer {
				list := []object{}
				for _, o := range s.sorted() {
					list = append(list, order(o))
				}
				return answer{status: 200, body: object{"total": len(list), "orders": list}}
			}},
			{name: "getOrder", method: "GET", path: fulfillment + "/{orderId}", limit: daily, serve: func(s *Server, r request) answer {
				o, ok := s.orders[r.path["orderId"]]
				if !ok {
					return *bad(404, 32100, "API_FULFILLMENT", "Invalid order ID")
				}
				return answer{status: 200, body: order(o)}
			}},
			// RFC 6749: the application's token, for its ID and secret; at most 1,000 a day.
			{name: "mintToken", method: "POST", path: mint, limit: Limit{PerDay: 1000}, serve: func(s *Server, r request) answer {
				form, err := url.ParseQuery(string(r.body))
				if err != nil || form.Get("grant_type") != "client_credentials" {
					return answer{status: 400, body: object{"error": "unsupported_grant_type", "error_description": "grant type in request is not supported by the authorization server"}}
				}
				return answer{status: 200, body: object{"access_token": s.keys.Token, "expires_in": 7200, "token_type": "Application Access Token"}}
			}},
			// The key of what is pushed to the endpoint, in one line as eBay writes it.
			{name: "getPublicKey", method: "GET", path: "/commerce/notification/v1/public_key/{kid}", limit: Limit{PerDay: 10000}, serve: func(s *Server, r request) answer {
				if r.path["kid"] != s.endpoint.App || s.endpoint.Public == "" {
					return *bad(404, 195007, "API_NOTIFICATION", "Invalid public key ID")
				}
				return answer{status: 200, body: object{"key": strings.ReplaceAll(s.endpoint.Public, "\n", ""), "algorithm": "ECDSA", "digest": "SHA1"}}
			}},
			{name: "getRateLimits", method: "GET", path: analytics + "rate_limit/", limit: Limit{PerDay: 5000}, serve: limits},
			{name: "getUserRateLimits", method: "GET", path: analytics + "user_rate_limit/", limit: Limit{PerDay: 5000}, serve: limits},
			{name: "testSubscription", method: "POST", path: "/commerce/notification/v1/subscription/{subscription_id}/test", limit: Limit{PerDay: 10000}, serve: func(s *Server, _ request) answer {
				return s.makeOrder(Order{SKU: "TEST", Quantity: 1}, answer{status: 202})
			}},
		},
		check: func(s *Server, r request) *answer {
			if r.URL.Path == mint {
				if id, secret, _ := r.BasicAuth(); id != s.keys.App || secret != s.keys.Secret {
					return &answer{status: 401, body: object{"error": "invalid_client", "error_description": "client authentication failed"}}
				}
				return nil
			}
			kind, token, ok := strings.Cut(r.Header.Get("Authorization"), " ")
			switch {
			case !ok || !strings.EqualFold(kind, "Bearer"): // eBay's own SDK writes bearer
				return bad(401, 1002, "OAuth", "Missing access token")
			case token != s.keys.Token || s.expired:
				return bad(401, 1001, "OAuth", "Invalid access token")
			}
			return nil
		},
		throttled: func(*Server, operation, throttle) answer {
			return *bad(429, 2001, "ACCESS", "The request limit has been reached for the resource.")
		},
		unknown: *bad(404, 2002, "ACCESS", "Resource not found"),
		push: func(o Order, _ Endpoint, _ string) (http.Header, []byte) {
			at := o.At.UTC().Format("2006-01-02T15:04:05.000Z")
			return nil, fmt.Appendf(nil, `{"metadata":{"topic":"ORDER_CONFIRMATION","schemaVersion":"1.0","deprecated":false},"notification":{"notificationId":%q,"eventDate":%q,"publishDate":%q,"publishAttemptCount":1,"data":{"orderId":%q}}}`,
				o.ID, at, at, o.ID)
		},
	}
}

func walmart() vendor {
	bad := func(status int, code, field, description string) *answer {
		return &answer{status: status, body: object{"error": []object{{
			"code": code, "field": field, "description": description, "info": description, "severity": "ERROR", "category": "DATA",
		}}}}
	}
	order := func(o Order) object {
		return object{
			"purchaseOrderId": o.ID, "customerOrderId": o.ID, "shippingInfo": object{"postalAddress": object{"country": o.Country}},
			"orderLines": object{"orderLine": []object{{
				"lineNumber": "1", "item": object{"sku": o.SKU}, "orderLineQuantity": object{"unitOfMeasurement": "EACH", "amount": strconv.Itoa(o.Quantity)},
				"charges": object{"charge": []object{{"chargeAmount": object{"currency": o.Currency, "amount": o.Price}}}},
			}}},
		}
	}
	// Like the vendor's example of 20 calls an hour: a burst of 20, and one more every three seconds
	// instead of minutes.
	each := Limit{Rate: 1.0 / 3, Burst: 20}
	get := func(s *Server, r request) answer {
		o, ok := s.orders[r.path["purchaseOrderId"]]
		if !ok {
			return *bad(404, "CONTENT_NOT_FOUND.GMP_ORDER_API", "purchaseOrderId", "There is no such order")
		}
		return answer{status: 200, body: object{"order": order(o)}}
	}
	return vendor{
		operations: []operation{
			{name: "getTokenDetail", method: "GET", path: "/v3/token/detail", limit: each, serve: func(s *Server, _ request) answer {
				return answer{status: 200, body: object{"expire_at": "900", "issued_at": "0", "is_valid": true}}
			}},
			{name: "getOrders", method: "GET", path: "/v3/orders", limit: each, serve: func(s *Server, _ request) answer {
				list := []object{}
				for _, o := range s.sorted() {
					list = append(list, order(o))
				}
				return answer{status: 200, body: object{"list": object{"meta": object{"totalCount": len(list)}, "elements": object{"order": list}}}}
			}},
			{name: "getOrder", method: "GET", path: "/v3/orders/{purchaseOrderId}", limit: each, serve: get},
			{name: "cancelOrder", method: "POST", path: "/v3/orders/{purchaseOrderId}/cancel", limit: each, serve: func(s *Server, r request) answer {
				a := get(s, r)
				delete(s.orders, r.path["purchaseOrderId"])
				return a
			}},
			{name: "simulateOrder", method: "POST", path: "/v1/simulations/orders", limit: each, serve: func(s *Server, r request) answer {
				if !s.sandbox || r.Header.Get("WM_SANDBOX") != "v2" {
					return *bad(404, "CONTENT_NOT_FOUND.GMP_GATEWAY_API", "", "Only the dynamic sandbox, WM_SANDBOX: v2, simulates orders")
				}
				var body struct {
					Lines []struct {
						SKU      string `json:"sku"`
						Quantity int    `json:"quantity"`
						Price    string `json:"price"`
						Currency string `json:"currency"`
					} `json:"orderLines"`
				}
				if json.Unmarshal(r.body, &body) != nil || len(body.Lines) == 0 {
					return *bad(400, "INVALID_REQUEST_CONTENT.GMP_ORDER_API", "orderLines", "orderLines is missing")
				}
				l := body.Lines[0]
				out := s.makeOrder(Order{SKU: l.SKU, Quantity: l.Quantity, Price: l.Price, Currency: l.Currency, Country: "US", Status: "Created"}, answer{status: 201})
				out.body = object{"purchaseOrderId": s.lastID()}
				return out
			}},
		},
		check: func(s *Server, r request) *answer {
			if token := r.Header.Get("WM_SEC.ACCESS_TOKEN"); token == "" || token != s.keys.Token || s.expired {
				// The vendor was seen to answer 400, not 401.
				return bad(400, "INVALID_TOKEN.GMP_GATEWAY_API", "WM_SEC.ACCESS_TOKEN", "Invalid Token")
			}
			for _, name := range []string{"WM_QOS.CORRELATION_ID", "WM_SVC.NAME"} {
				if r.Header.Get(name) == "" {
					return bad(400, "INVALID_REQUEST_HEADER.GMP_GATEWAY_API", name, name+" set blank or null")
				}
			}
			return nil
		},
		throttled: func(*Server, operation, throttle) answer {
			return *bad(429, "REQUEST_THRESHOLD_VIOLATED.GMP_GATEWAY_API", "", "The number of requests is over the limit")
		},
		quota: func(h http.Header, s *Server, _ operation, b *bucket) {
			held := int(b.held)
			if s.storm {
				held = 0
			}
			h.Set("X-Current-Token-Count", strconv.Itoa(held))
			h.Set("X-Next-Replenishment-Time", strconv.FormatInt(b.full(s.now()).UnixMilli(), 10))
		},
		unknown: *bad(404, "CONTENT_NOT_FOUND.GMP_GATEWAY_API", "", "There is no such resource"),
		push: func(o Order, _ Endpoint, shop string) (http.Header, []byte) {
			at := o.At.UTC().Format("2006-01-02T15:04:05.000Z")
			return nil, fmt.Appendf(nil, `{"source":{"eventType":"PO_CREATED","eventTime":%q,"eventId":%q},"payload":{"partnerId":%q,"purchaseOrderId":%q,"customerOrderId":%q,"orderDate":%q,"orderLines":[{"lineNumber":"1","sku":%q,"productName":"fake","quantity":{"unitOfMeasure":"EACH","measurementValue":"%d"},"status":%q,"statusDate":%q}]}}`,
				at, o.ID, shop, o.ID, o.ID, at, o.SKU, o.Quantity, o.Status, at)
		},
	}
}

func mercadolibre() vendor {
	bad := func(status int, code, message string) *answer {
		return &answer{status: status, body: object{"status": status, "error": code, "message": message}}
	}
	order := func(o Order) object {
		n, _ := strconv.ParseInt(o.ID, 10, 64)
		return object{
			"id": n, "status": o.Status, "currency_id": o.Currency, "total_amount": o.Price,
			"order_items": []object{{"item": object{"seller_sku": o.SKU}, "quantity": o.Quantity}},
		}
	}
	return vendor{
		operations: []operation{
			{name: "getUser", method: "GET", path: "/users/me", serve: func(s *Server, _ request) answer {
				n, _ := strconv.ParseInt(s.keys.Shop, 10, 64)
				return answer{status: 200, body: object{"id": n, "nickname": "FAKE", "site_id": "MLA", "status": object{"site_status": "active"}}}
			}},
			{name: "searchOrders", method: "GET", path: "/orders/search", serve: func(s *Server, _ request) answer {
				list := []object{}
				for _, o := range s.sorted() {
					list = append(list, order(o))
				}
				return answer{status: 200, body: object{"results": list, "paging": object{"total": len(list)}}}
			}},
			{name: "getOrder", method: "GET", path: "/orders/{id}", serve: func(s *Server, r request) answer {
				o, ok := s.orders[r.path["id"]]
				if !ok {
					return *bad(404, "order_not_found", "Order do not exists")
				}
				return answer{status: 200, body: order(o)}
			}},
			{name: "getConsumedApplications", method: "GET", path: "/applications/v1/{app_id}/consumed-applications", serve: func(s *Server, _ request) answer {
				answered, throttled := 0, 0
				for _, n := range s.calls {
					answered += n
				}
				for _, n := range s.refused {
					throttled += n
				}
				total := answered + throttled
				return answer{status: 200, body: object{"total_request": total, "request_by_status": []object{
					{"status": 200, "total_request": answered, "percentage": 100 * float64(answered) / float64(max(total, 1))},
					{"status": 429, "total_request": throttled, "percentage": 100 * float64(throttled) / float64(max(total, 1))},
				}}}
			}},
		},
		check: func(s *Server, r request) *answer {
			if r.Header.Get("Authorization") != "Bearer "+s.keys.Token || s.expired {
				return bad(401, "unauthorized", "invalid access token")
			}
			return nil
		},
		throttled: func(_ *Server, _ operation, t throttle) answer {
			if t.storm {
				return *bad(429, "too_many_requests", "client.id over quota")
			}
			return answer{status: 429, body: object{"status": 429, "error": "local_rate_limited"}}
		},
		unknown: *bad(404, "not_found", "resource not found"),
		push: func(o Order, e Endpoint, shop string) (http.Header, []byte) {
			at := o.At.UTC().Format("2006-01-02T15:04:05.000Z")
			return nil, fmt.Appendf(nil, `{"resource":"/orders/%s","user_id":%s,"topic":"orders_v2","application_id":%s,"attempts":1,"sent":%q,"received":%q}`, o.ID, shop, e.App, at, at)
		},
	}
}
