package marketplace

import (
	"encoding/json"
	"net/http"
	"time"
)

// mercadolibre is the API of Mercado Libre (developers.mercadolibre.com). Limits are by app
// and endpoint and unpublished; how much was used is told a day later.
func mercadolibre() Platform {
	return Platform{
		Name: "mercadolibre", Title: "Mercado Libre",
		Hosts:   []string{"api.mercadolibre.com"},
		Sandbox: Sandbox{Words: "There is none: up to 10 test users on production, who trade with one another and end after 60 idle days."},
		Usage:   FromAPI,
		Operations: []Operation{
			{Name: "getUser", Method: http.MethodGet, Path: "/users/me"},
			{Name: "searchOrders", Method: http.MethodGet, Path: "/orders/search"},
			{Name: "getOrder", Method: http.MethodGet, Path: "/orders/{id}"},
			{Name: "getMissedFeeds", Method: http.MethodGet, Path: "/missed_feeds"},
			{Name: "getConsumedApplications", Method: http.MethodGet, Path: "/applications/v1/{app_id}/consumed-applications"},
		},
		SafeRead: SafeRead{Operation: "getUser", Every: time.Minute, Why: "it proves the credential and reads no order"},
		Push: Push{
			Topic: "orders_v2", Build: mercadolibrePush,
			Digits:  true,
			Answer:  Receipt{From: 200, To: 200, Within: 500 * time.Millisecond},
			Retries: "for 1 hour; then the topic is disabled, and what happens meanwhile is lost",
			Lost:    "GET /missed_feeds?app_id=",
			Words:   "It is not signed: only the resource that it names is to be believed.",
		},
		Feeds:   []Feed{{URL: "https://developers.mercadolibre.com.ar/en_us/news", Format: "html", Words: "dated pages"}},
		request: bearer("Authorization", "Bearer ", nil),
		push:    unsigned("Mercado Libre does not sign its pushes: fetch the resource that this one names and believe that", nil),
		faults: single(func(a Answer) fault {
			var body struct {
				Error   word `json:"error"`
				Code    word `json:"code"`
				Message word `json:"message"`
			}
			decode(a.Body, &body)
			if body.Error == "" && a.Status < 400 {
				return fault{}
			}
			return fault{code: orElse(string(body.Error), string(body.Code)), message: string(body.Message)}
		}),
		quota: mercadolibreQuota,
		codes: append([]known{
			{code: "local_rate_limited", class: Throttled, why: "market_endpoint_quota_used"},
			{code: "too_many_requests", class: Throttled, why: "market_app_quota_used"},
			{status: 403, contains: "invalid access token", class: CredentialBad, why: "market_token_refused"},
			{contains: "client.id over quota", uncoded: true, class: Throttled, why: "market_app_quota_used"},
		}, refusedTokens()...),
	}
}

// mercadolibreQuota reads what consumed-applications tells of a past span: how much was
// used, without a limit, so that there is no share.
func mercadolibreQuota(a Answer, _ time.Time) []Reading {
	type api struct {
		Total word `json:"total_request"`
	}
	var body struct {
		Total    word `json:"total_request"`
		Statuses oneOrMany[struct {
			api
			Status word `json:"status"`
		}] `json:"request_by_status"`
	}
	decode(a.Body, &body)
	used := body.Total.count()
	if used == nil {
		return nil
	}
	all := []Reading{{Operation: "all", Policy: "requests", Used: used, Source: FromAPI}}
	for _, s := range body.Statuses {
		if n := s.Total.count(); n != nil && s.Status == "429" {
			all = append(all, Reading{Operation: "all, status 429", Policy: "throttled", Used: n, Source: FromAPI})
		}
	}
	return all
}

func mercadolibrePush(o Order) Message {
	at := o.At.UTC().Format("2006-01-02T15:04:05.000Z")
	return post(struct {
		Resource string          `json:"resource"`
		User     json.RawMessage `json:"user_id"`
		Topic    string          `json:"topic"`
		App      json.RawMessage `json:"application_id"`
		Attempts int             `json:"attempts"`
		Sent     string          `json:"sent"`
		Received string          `json:"received"`
	}{"/orders/" + o.ID, asNumber(o.Shop), "orders_v2", asNumber(o.App), 1, at, at}, nil)
}
