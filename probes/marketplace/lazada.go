package marketplace

import (
	"net/http"
	"time"
)

// lazada is the Lazada Open Platform (open.lazada.com). It publishes no numbers, and has no
// sandbox.
func lazada() Platform {
	return Platform{
		Name: "lazada", Title: "Lazada",
		Hosts:   []string{"api.lazada.sg", "api.lazada.co.th", "api.lazada.com.my", "api.lazada.vn", "api.lazada.com.ph", "api.lazada.co.id"},
		Root:    "/rest",
		Sandbox: Sandbox{Words: "There is none: an app in testing and test sellers on production."},
		Usage:   Inferred,
		Operations: []Operation{
			{Name: "/seller/get", Method: http.MethodGet, Path: "/seller/get"},
			{Name: "/orders/get", Method: http.MethodGet, Path: "/orders/get"},
			{Name: "/order/get", Method: http.MethodGet, Path: "/order/get"},
			{Name: "/order/items/get", Method: http.MethodGet, Path: "/order/items/get"},
		},
		SafeRead: SafeRead{Operation: "/seller/get", Every: 5 * time.Minute, Why: "it reads one record; too many calls lead to a ban of hours"},
		Push: Push{
			Topic: "0", Build: lazadaPush,
			Signed: true, Digits: true, Paid: "pending",
			Answer:  Receipt{From: 200, To: 200, Within: 500 * time.Millisecond},
			Retries: "every 30 minutes, 12 times",
			Words:   "message_type 8 warns 48 hours before a token ends. The certificate must be OV or EV.",
		},
		Feeds: []Feed{
			{URL: "https://isvconsole.lazada.com/handler/share/apidoc/getApiCategoryMixed.json", Format: "json", Words: "the list of operations, to be compared"},
			{URL: "https://isvconsole.lazada.com/handler/share/apidoc/getApi.json?path=/order/get", Format: "json", Words: "an operation's page, to be compared"},
		},
		complete: lazadaComplete, signedIn: "query",
		request: iopScheme(iopRequest),
		push:    inHeader("Authorization", appKeyAndBody),
		faults:  single(iopFault),
		codes: append(iopCodes(),
			known{code: "4154", class: Throttled, why: "market_operation_too_fast"},
			known{code: "E1002", class: Throttled, why: "market_operation_too_fast"},
			known{code: "HOT_KEY_BLOCK_EXCEPTION", class: Throttled, why: "market_record_too_fast"},
			known{code: "SellerNotActive", class: Permission, why: "market_seller_not_active"},
			known{code: "SellerNotVerified", class: Permission, why: "market_seller_not_verified"},
			known{code: "AUTH_TYPE_UNSUPPORTED", class: Permission, why: "market_refresh_not_allowed"},
			known{code: "ONLY_CB_SELLER_SUPPORTED", class: Permission, why: "market_cross_border_only"},
			known{contains: "SELLER_NOT_PERMITTED", class: Permission, why: "market_seller_not_allowed"},
			// The order operations number their errors; the type says ISP of all of them.
			known{code: "6", contains: "invalid status filter", class: OurFault, why: "market_request_invalid"},
			known{code: "6", class: TheirFault, why: "market_internal_error"},
			known{code: "1000", class: TheirFault, why: "market_internal_error"},
			known{code: "SYS_ERROR", class: TheirFault, why: "market_internal_error"},
			known{contains: "invalid order id", class: OurFault, why: "market_no_such_order"},
			known{contains: "invalid", class: OurFault, why: "market_request_invalid"},
			known{contains: "is mandatory", class: OurFault, why: "market_request_invalid"},
		),
	}
}

func lazadaPush(o Order) Message {
	type data struct {
		Status  string `json:"order_status"`
		Order   string `json:"trade_order_id"`
		Line    string `json:"trade_order_line_id"`
		Updated int64  `json:"status_update_time"`
	}
	return post(struct {
		Seller    string `json:"seller_id"`
		Type      int    `json:"message_type"`
		Data      data   `json:"data"`
		Timestamp int64  `json:"timestamp"`
		Site      string `json:"site"`
	}{o.Shop, 0, data{orElse(o.Status, "unpaid"), o.ID, o.ID, o.At.Unix()}, o.At.UnixMilli(), o.Site}, nil)
}
