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
		request: inQuery("sign", iopRequest),
		push:    inHeader("Authorization", appKeyAndBody),
		fault:   iopFault,
		codes: append(iopCodes(),
			known{code: "4154", class: Throttled, words: "The operation is called too often."},
			known{code: "E1002", class: Throttled, words: "The operation is called too often."},
			known{code: "HOT_KEY_BLOCK_EXCEPTION", class: Throttled, words: "One record is asked for too often."},
			known{code: "SellerNotActive", class: Permission, words: "The seller is not active."},
			known{code: "SellerNotVerified", class: Permission, words: "The seller is not verified."},
			known{code: "AUTH_TYPE_UNSUPPORTED", class: Permission, words: "The app may not renew this token."},
			known{code: "ONLY_CB_SELLER_SUPPORTED", class: Permission, words: "Only cross-border sellers may do this."},
			known{contains: "SELLER_NOT_PERMITTED", class: Permission, words: "The seller may not do this."},
			// The order operations number their errors; the type says ISP of all of them.
			known{code: "6", contains: "invalid status filter", class: OurFault, words: "The request is not one that Lazada takes."},
			known{code: "6", class: TheirFault, words: "Lazada has an error of its own."},
			known{code: "1000", class: TheirFault, words: "Lazada has an error of its own."},
			known{code: "SYS_ERROR", class: TheirFault, words: "Lazada has an error of its own."},
			known{contains: "invalid order id", class: OurFault, words: "There is no such order."},
			known{contains: "invalid", class: OurFault, words: "The request is not one that Lazada takes."},
			known{contains: "is mandatory", class: OurFault, words: "The request is not one that Lazada takes."},
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
