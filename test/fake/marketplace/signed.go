package marketplace

import (
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// Marketplaces whose calls are signed.

func vendors() map[string]vendor {
	return map[string]vendor{
		"aliexpress": aliexpress(), "amazon": amazon(), "ebay": ebay(), "lazada": lazada(), "mercadolibre": mercadolibre(),
		"shopee": shopee(), "shopify": shopify(), "temu": temu(), "tiktok_shop": tiktokShop(), "walmart": walmart(),
	}
}

type object = map[string]any

// away returns how far a timestamp is from now; negative: in the past.
func away(text string, unit time.Duration, now time.Time) time.Duration {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 1 << 62
	}
	return time.Unix(0, n*int64(unit)).Sub(now)
}

func shopee() vendor {
	bad := func(status int, code, message string) *answer {
		return &answer{status: status, body: object{"error": code, "message": message, "request_id": "e3e3e7f354b40442d084e9a48e52600"}}
	}
	order := func(o Order) object {
		return object{
			"order_sn": o.ID, "order_status": o.Status, "region": o.Country, "currency": o.Currency, "create_time": o.At.Unix(),
			"item_list": []object{{"item_sku": o.SKU, "model_quantity_purchased": o.Quantity, "model_discounted_price": o.Price}},
		}
	}
	reply := func(response any) answer {
		return answer{status: 200, body: object{"error": "", "message": "", "request_id": "r", "response": response}}
	}
	return vendor{
		operations: []operation{
			{name: "get_shop_info", method: "GET", path: "/api/v2/shop/get_shop_info", serve: func(s *Server, _ request) answer {
				return answer{status: 200, body: object{
					"error": "", "message": "", "shop_name": "fake", "region": "SG", "status": "NORMAL",
					"expire_time": s.now().Add(300 * 24 * time.Hour).Unix(),
				}}
			}},
			{name: "get_order_list", method: "GET", path: "/api/v2/order/get_order_list", serve: func(s *Server, _ request) answer {
				var list []object
				for _, o := range s.sorted() {
					list = append(list, object{"order_sn": o.ID})
				}
				return reply(object{"more": false, "order_list": list})
			}},
			{name: "get_order_detail", method: "GET", path: "/api/v2/order/get_order_detail", serve: func(s *Server, r request) answer {
				var list []object
				if o, ok := s.orders[r.params["order_sn_list"]]; ok {
					list = append(list, order(o))
				}
				return reply(object{"order_list": list})
			}},
		},
		check: func(s *Server, r request) *answer {
			p := r.params
			switch d := away(p["timestamp"], time.Second, s.now()); {
			case p["partner_id"] != s.keys.App:
				return bad(403, "error_auth", "partner_id is invalid.")
			case p["shop_id"] == "":
				return bad(400, "error_param", "There is no shop_id in query.")
			case d < -5*time.Minute || d > 5*time.Minute:
				return bad(400, "error_param", "Timestamp is expired.")
			case p["sign"] != shopeeSign(s.keys.Secret, r):
				return bad(403, "error_sign", "Wrong sign.")
			case p["access_token"] != s.keys.Token || p["shop_id"] != s.keys.Shop || s.expired:
				return bad(403, "error_auth", "Invalid access_token.")
			}
			return nil
		},
		throttled: func(_ *Server, _ operation, t throttle) answer {
			if t.daily {
				return *bad(429, "error_limit", "The total API call number made by your APP has reached the daily API call limit, please try again after 00:00 (UTC+08:00)")
			}
			return *bad(429, "error_rate_limit", "Too many requests. You have reached the rate limit. Please try again later.")
		},
		unknown: *bad(404, "error_not_found", "There is no such API."),
		push: func(o Order, e Endpoint, shop string) (http.Header, []byte) {
			return nil, fmt.Appendf(nil, `{"data":{"items":[],"ordersn":%q,"status":%q,"completed_scenario":"","update_time":%d},"shop_id":%s,"code":3,"timestamp":%d}`,
				o.ID, o.Status, o.At.Unix(), shop, o.At.Unix())
		},
	}
}

func lazada() vendor {
	bad := func(kind, code, message string) *answer {
		return &answer{status: 200, body: object{"type": kind, "code": code, "message": message, "request_id": "0ba2887315172940728551014"}}
	}
	order := func(o Order) object {
		return object{"order_id": o.ID, "order_number": o.ID, "price": o.Price, "statuses": []string{o.Status}, "address_shipping": object{"country": o.Country}}
	}
	reply := func(data any) answer {
		return answer{status: 200, body: object{"code": "0", "data": data, "request_id": "0ba2887315178178017221014"}}
	}
	return vendor{
		operations: []operation{
			{name: "/seller/get", method: "GET", path: "/rest/seller/get", serve: func(s *Server, _ request) answer {
				return reply(object{"seller_id": s.keys.Shop, "status": "ACTIVE", "name": "fake"})
			}},
			{name: "/orders/get", method: "GET", path: "/rest/orders/get", serve: func(s *Server, _ request) answer {
				var list []object
				for _, o := range s.sorted() {
					list = append(list, order(o))
				}
				return reply(object{"count": len(list), "orders": list})
			}},
			{name: "/order/get", method: "GET", path: "/rest/order/get", serve: func(s *Server, r request) answer {
				o, ok := s.orders[r.params["order_id"]]
				if !ok {
					return *bad("ISP", "16", "E016: Invalid Order ID")
				}
				return reply(order(o))
			}},
		},
		check: func(s *Server, r request) *answer {
			p := r.params
			switch d := away(p["timestamp"], time.Millisecond, s.now()); {
			case p["app_key"] != s.keys.App:
				return bad("ISV", "InvalidAppKey", "The specified app key is invalid")
			case d < -7200*time.Second || d > 7200*time.Second:
				return bad("ISV", "IllegalTimestamp", "The specified timestamp is invalid")
			case p["sign"] != lazadaSign(s.keys.Secret, r):
				return bad("ISV", "IncompleteSignature", "The request signature does not conform to lazada standards")
			case p["access_token"] != s.keys.Token || s.expired:
				return bad("ISV", "IllegalAccessToken", "The specified access token is invalid or expired")
			}
			return nil
		},
		throttled: func(_ *Server, _ operation, t throttle) answer {
			if t.daily {
				return *bad("ISV", "AppApiCallLimit", "The frequency of app access to the api exceeds the limit. This ban will last 50400 seconds")
			}
			return *bad("ISV", "901", "Limit service request speed in server side temporarily.")
		},
		unknown: *bad("ISV", "InvalidApiPath", "The specified API path is invalid"),
		push: func(o Order, _ Endpoint, shop string) (http.Header, []byte) {
			return nil, fmt.Appendf(nil, `{"seller_id":%q,"message_type":0,"data":{"order_status":%q,"trade_order_id":%q,"trade_order_line_id":%q,"status_update_time":%d},"timestamp":%d,"site":"lazada_sg"}`,
				shop, o.Status, o.ID, o.ID, o.At.Unix(), o.At.UnixMilli())
		},
	}
}

func tiktokShop() vendor {
	bad := func(status, code int, message string) *answer {
		return &answer{status: status, body: object{"code": code, "message": message, "request_id": "202611220000000000000000000000000A"}}
	}
	reply := func(data any) answer {
		return answer{status: 200, body: object{"code": 0, "message": "Success", "request_id": "r", "data": data}}
	}
	// An older page says 50 a second for each operation and app; today's says that the limit varies.
	moving := Limit{Rate: 50, Burst: 50}
	orders := func(s *Server, _ request) answer {
		var list []object
		for _, o := range s.sorted() {
			list = append(list, object{
				"id": o.ID, "status": o.Status, "payment": object{"currency": o.Currency, "total_amount": o.Price},
				"line_items": []object{{"seller_sku": o.SKU}}, "recipient_address": object{"region_code": o.Country},
			})
		}
		return reply(object{"orders": list, "total_count": len(list)})
	}
	return vendor{
		operations: []operation{
			{name: "getAuthorizedShops", method: "GET", path: "/authorization/202309/shops", limit: moving, serve: func(s *Server, _ request) answer {
				return reply(object{"shops": []object{{"id": s.keys.Shop, "region": "GB", "cipher": "fake-cipher"}}})
			}},
			{name: "searchOrders", method: "POST", path: "/order/202309/orders/search", limit: moving, serve: orders},
			{name: "getOrders", method: "GET", path: "/order/202507/orders", limit: moving, serve: orders},
		},
		check: func(s *Server, r request) *answer {
			p := r.params
			switch d := away(p["timestamp"], time.Second, s.now()); {
			case p["app_key"] != s.keys.App:
				return bad(400, 36009004, "Invalid app_key.")
			case d > 30*time.Second:
				return bad(400, 36009004, "Invalid timestamp: it must not exceed the current time by more than 30 seconds.")
			case d < -5*time.Minute:
				return bad(400, 36009004, "Invalid timestamp: it has expired.")
			case p["sign"] != tiktokSign(s.keys.Secret, r):
				return bad(401, 106001, "Invalid sign.")
			case r.Header.Get("X-Tts-Access-Token") != s.keys.Token || s.expired:
				return bad(401, 105002, "Expired credentials. The access token has expired.")
			case r.URL.Path[1:6] == "order" && p["shop_cipher"] == "":
				return bad(400, 106013, "The shop_cipher is missing.")
			}
			return nil
		},
		throttled: func(*Server, operation, throttle) answer { return *bad(429, 36009002, "Too many requests.") },
		unknown:   *bad(404, 36009009, "Invalid path."),
		push: func(o Order, _ Endpoint, shop string) (http.Header, []byte) {
			return nil, fmt.Appendf(nil, `{"type":1,"tts_notification_id":"7380066284010030890","shop_id":%q,"timestamp":%d,"data":{"is_on_hold_order":false,"order_id":%q,"order_status":%q,"update_time":%d}}`,
				shop, o.At.Unix(), o.ID, o.Status, o.At.Unix())
		},
	}
}

func aliexpress() vendor {
	bad := func(code, message, sub string) *answer {
		e := object{"code": code, "msg": message, "request_id": "0ba2887315172940728551014"}
		if sub != "" {
			e["sub_code"] = sub
		}
		return &answer{status: 200, body: object{"error_response": e}}
	}
	get := func(s *Server, r request) answer {
		result := object{"order_status": "PLACE_ORDER_SUCCESS"}
		if o, ok := s.orders[r.params["order_id"]]; ok {
			result = object{"order_id": o.ID, "order_status": o.Status, "order_amount": object{"amount": o.Price, "currency_code": o.Currency}}
		}
		return answer{status: 200, body: object{"code": "0", "request_id": "r", "result": result}}
	}
	return vendor{
		named: func(r request) string { return r.params["method"] },
		operations: []operation{
			{name: "aliexpress.ds.order.get", method: "POST", path: "/sync", serve: get},
			{name: "aliexpress.solution.order.get", method: "POST", path: "/sync", serve: get},
		},
		check: func(s *Server, r request) *answer {
			p := r.params
			switch d := away(p["timestamp"], time.Millisecond, s.now()); {
			case p["app_key"] != s.keys.App:
				return bad("29", "Invalid app Key", "")
			case d < -7200*time.Second || d > 7200*time.Second:
				return bad("IllegalTimestamp", "The specified timestamp is invalid", "")
			case p["sign_method"] != "sha256" || p["sign"] != aliexpressSign(s.keys.Secret, r):
				return bad("IncompleteSignature", "The request signature does not conform to platform standards", "")
			case p["session"] == "":
				return bad("26", "Missing session", "")
			case p["session"] != s.keys.Token || s.expired:
				return bad("27", "Invalid session", "")
			}
			return nil
		},
		throttled: func(_ *Server, _ operation, t throttle) answer {
			if t.daily {
				return *bad("7", "App Call Limited", "accesscontrol.limited-by-app-access-count")
			}
			return *bad("AppApiCallLimit", "The frequency of app access to the api exceeds the limit. This ban will last 14229 seconds", "")
		},
		unknown: *bad("InvalidApiPath", "Invalid method", ""),
	}
}

func temu() vendor {
	bad := func(code int, message string) *answer {
		return &answer{status: 200, body: object{"success": false, "requestId": "us-fake", "errorCode": code, "errorMsg": message}}
	}
	return vendor{
		named: func(r request) string { return r.member("type") },
		operations: []operation{
			{name: "bg.order.list.v2.get", method: "POST", path: "/openapi/router", limit: Limit{Rate: 20, Burst: 20}, serve: func(s *Server, _ request) answer {
				var list []object
				for _, o := range s.sorted() {
					list = append(list, object{"parentOrderMap": object{"parentOrderSn": o.ID}})
				}
				return answer{status: 200, body: object{"success": true, "errorCode": 1000000, "result": object{"totalItemNum": len(list), "pageItems": list}}}
			}},
		},
		check: func(s *Server, r request) *answer {
			switch d := away(r.member("timestamp"), time.Second, s.now()); {
			case r.member("app_key") != s.keys.App:
				return bad(3000001, "app_key is not valid")
			case d < -5*time.Minute || d > 5*time.Minute:
				return bad(3000003, "timestamp is out of range")
			case r.member("sign") != temuSign(s.keys.Secret, r.body):
				return bad(3000002, "sign is not valid")
			case r.member("access_token") != s.keys.Token || s.expired:
				return bad(7000018, "access_token has expired or is not valid")
			}
			return nil
		},
		throttled: func(*Server, operation, throttle) answer { return *bad(4000000, "Too many requests") },
		unknown:   *bad(3000008, "type does not exist"),
	}
}
