package probes_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/common/model"

	"guardian/internal/secret"
	"guardian/probes"
	"guardian/probes/marketplace"
	"guardian/probes/sample"
)

// queueShop takes pushes into a queue and answers, or not, before it stores them; its DELETE always
// says 204.
type queueShop struct {
	mu     sync.Mutex
	status int // of the answer to a push; 0: none in time
	queued []string
	orders map[string]bool
	looks  int
	due    bool // what is queued is stored before the next lookup
}

func (s *queueShop) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := strings.TrimPrefix(r.URL.Path, "/orders/")
	switch r.Method {
	case http.MethodPost:
		var o struct{ ID string }
		_ = json.NewDecoder(r.Body).Decode(&o)
		s.queued = append(s.queued, o.ID)
		if s.status == 0 {
			s.mu.Unlock()
			<-r.Context().Done()
			s.mu.Lock()
			return
		}
		w.WriteHeader(s.status)
	case http.MethodGet:
		s.looks++
		if s.due {
			s.store()
		}
		if !s.orders[id] {
			w.WriteHeader(http.StatusNotFound)
		}
	case http.MethodDelete:
		delete(s.orders, id)
		w.WriteHeader(http.StatusNoContent)
	}
}

// work stores what is queued.
func (s *queueShop) work() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.store()
}

// workAtNextLook stores what is queued before the next lookup, and so not between a lookup and its cleanup.
func (s *queueShop) workAtNextLook() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.due = true
}

func (s *queueShop) store() {
	for _, id := range s.queued {
		s.orders[id] = true
	}
	s.queued = nil
}

func (s *queueShop) left() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.orders) + len(s.queued)
}

// An order whose push was not answered may come later, whatever a cleanup says before: it is looked for
// again, and cleaned up then.
func TestOrdersThatComeAfterTheirCleanupAreCleanedUp(t *testing.T) {
	for name, tc := range map[string]struct {
		status int
		change func(*probes.OrderPushSettings)
	}{
		"a push that was not answered":        {status: 0},
		"a push that the gateway answered":    {status: 504},
		"a push that was accepted and queued": {status: 202},
		"a push whose cleanup asks by its ref": {status: 500, change: func(s *probes.OrderPushSettings) {
			s.Lookup.HTTP.Ref = "ref"
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			shop := &queueShop{status: tc.status, orders: map[string]bool{}}
			url := serve(t, shop.ServeHTTP)
			j := &journal{}
			p := build(t, "order_push", probes.Env{Check: "push", Orders: j}, func(s *probes.OrderPushSettings) {
				overHTTP(url)(s)
				s.Verify, s.Push.Ref = nil, ""
				if tc.status == 0 { // what is answered has time to be
					s.Push.Timeout = model.Duration(200 * time.Millisecond)
				}
				s.Cleanup.HTTP.URL = url + "/orders/{{.ID}}"
				soonLost(s)
				if tc.change != nil {
					tc.change(s)
				}
			})
			if o := look(t, p, orderPatience); o.Health != sample.Down {
				t.Errorf("the look was %s %q", o.Health, o.Reason)
			}
			if open, _ := j.Open(t.Context(), "push"); len(open) != 1 {
				t.Fatalf("%d orders are open after the first cleanup: %s", len(open), j.history())
			}
			shop.work()
			time.Sleep(5 * time.Millisecond) // the backoff
			if err := p.(probes.Sweeper).Sweep(t.Context()); err != nil {
				t.Error(err)
			}
			if shop.left() != 0 || j.orders[0].Stage != "cleaned" {
				t.Errorf("%d orders are left, the journal has %s", shop.left(), j.history())
			}
		})
	}
}

// One that never comes is given up, without a report.
func TestAnOrderThatNeverComesIsGivenUp(t *testing.T) {
	shop := &queueShop{orders: map[string]bool{}}
	url := serve(t, shop.ServeHTTP)
	j := &journal{}
	p := build(t, "order_push", probes.Env{Check: "push", Orders: j}, func(s *probes.OrderPushSettings) {
		overHTTP(url)(s)
		s.Verify, s.Push.Ref, s.Push.Timeout = nil, "", model.Duration(200*time.Millisecond)
		s.Cleanup.HTTP.URL, s.Cleanup.Tries = url+"/orders/{{.ID}}", 2
	})
	look(t, p, orderPatience)
	time.Sleep(5 * time.Millisecond)
	_ = p.(probes.Sweeper).Sweep(t.Context())
	if o := j.orders[0]; o.Stage != "cleaned" || o.Tries != 2 || !strings.Contains(o.Reason.String(), "appeared") {
		t.Errorf("%+v %s", o, o.Reason)
	}
}

// checkoutShop makes orders as shops with carts do: the order is there once it is paid, and is known by
// what the last answer says.
type checkoutShop struct {
	mu     sync.Mutex
	carts  map[string]string // code to note
	lines  map[string]int
	orders map[string]string // ID to note
	refuse string            // a step that is refused
	seen   []string
}

func (s *checkoutShop) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	body, _ := io.ReadAll(r.Body)
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	s.seen = append(s.seen, r.Method+" "+r.URL.Path)
	if s.refuse != "" && strings.Contains(r.Method+" "+r.URL.Path, s.refuse) {
		w.WriteHeader(http.StatusUnprocessableEntity)
		return
	}
	switch {
	case r.Method == http.MethodPost && parts[0] == "carts" && len(parts) == 1:
		code := fmt.Sprintf("C%d", len(s.carts)+1)
		s.carts[code] = string(body)
		http.SetCookie(w, &http.Cookie{Name: "session", Value: code, Path: "/"})
		_, _ = fmt.Fprintf(w, `{"code":%q}`, code)
	case r.Method == http.MethodPost && len(parts) == 3 && parts[2] == "lines":
		if c, err := r.Cookie("session"); err != nil || c.Value != parts[1] {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		s.lines[parts[1]]++
		w.Header().Set("X-Lines", strconv.Itoa(s.lines[parts[1]]))
	case r.Method == http.MethodPost && len(parts) == 3 && parts[2] == "pay":
		id := "R-" + parts[1]
		s.orders[id] = s.carts[parts[1]]
		_, _ = fmt.Fprintf(w, `{"order":{"id":%q}}`, id)
	case r.Method == http.MethodGet && s.orders[parts[1]] != "":
		_, _ = fmt.Fprintf(w, `{"note":%q,"lines":%d}`, s.orders[parts[1]], s.lines[strings.TrimPrefix(parts[1], "R-")])
	case r.Method == http.MethodDelete && s.orders[parts[1]] != "":
		delete(s.orders, parts[1])
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

func inSteps(url string) func(*probes.OrderPushSettings) {
	return func(s *probes.OrderPushSettings) {
		overHTTP(url)(s)
		post := func(name, path, body string, extract ...probes.Extract) probes.JourneyStep {
			return probes.JourneyStep{Name: name, Request: probes.Request{Method: "POST", URL: url + path, Body: body}, Extract: extract}
		}
		s.Push.Request, s.Push.Ref = probes.Request{}, ""
		s.Push.Steps = []probes.JourneyStep{
			post("cart", "/carts", "{{.ID}}", probes.Extract{Name: "code", JSON: "code"}),
			post("line", "/carts/{{.code}}/lines", "{{.SKU}}", probes.Extract{Name: "lines", Header: "X-Lines"}),
			post("pay", "/carts/{{.code}}/pay", "", probes.Extract{Name: "order", JSON: "order.id"}),
		}
		s.Lookup.HTTP = &probes.LookupHTTP{Request: probes.Request{URL: url + "/orders/{{.order}}"}}
		s.Verify = []probes.Field{{JSON: "note", Equals: "{{.ID}}"}, {JSON: "lines", Equals: "{{.lines}}"}}
		s.Cleanup.HTTP = &probes.CleanupHTTP{Request: probes.Request{Method: "DELETE", URL: url + "/orders/{{.order}}"}}
	}
}

func TestAPushMayHaveSteps(t *testing.T) {
	for name, tc := range map[string]struct {
		refuse, reason string
		health         sample.Health
		stage          string
		values         int
	}{
		"all well":               {health: sample.Up, stage: "cleaned", values: 2},
		"the first is refused":   {refuse: "POST /carts", health: sample.Down, reason: "step cart", stage: "cleaned"},
		"the second is refused":  {refuse: "/lines", health: sample.Down, reason: "step line", stage: "intended"},
		"the payment is refused": {refuse: "/pay", health: sample.Down, reason: "step pay", stage: "intended", values: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			shop := &checkoutShop{carts: map[string]string{}, lines: map[string]int{}, orders: map[string]string{}, refuse: tc.refuse}
			url := serve(t, shop.ServeHTTP)
			j := &journal{}
			p := build(t, "order_push", probes.Env{Check: "push", Orders: j}, inSteps(url))
			o := look(t, p, orderPatience)
			if o.Health != tc.health || !strings.Contains(o.Reason.String(), tc.reason) {
				t.Errorf("%s %q, want %s %q: %v", o.Health, o.Reason, tc.health, tc.reason, shop.seen)
			}
			if got := j.orders[0]; got.Stage != tc.stage || len(got.Values) != tc.values || len(shop.orders) != 0 {
				t.Errorf("the journal has %s %v, %d orders are left, want %s and %d values", got.Stage, got.Values, len(shop.orders), tc.stage, tc.values)
			}
		})
	}
}

// What the answers gave is in the journal, so that another guardian can clean up.
func TestStepsAreCleanedUpAfterACrash(t *testing.T) {
	shop := &checkoutShop{carts: map[string]string{"C1": "x"}, lines: map[string]int{}, orders: map[string]string{"R-C1": "x"}}
	url := serve(t, shop.ServeHTTP)
	j := &journal{orders: []probes.Order{{ID: "guardian-1", Check: "push", Stage: "visible", Values: map[string]string{"order": "R-C1"}}}}
	p := build(t, "order_push", probes.Env{Check: "push", Orders: j}, inSteps(url))
	if err := p.(probes.Sweeper).Sweep(t.Context()); err != nil || len(shop.orders) != 0 || j.orders[0].Stage != "cleaned" {
		t.Errorf("%v, %d orders are left, %s", err, len(shop.orders), j.history())
	}
}

func TestFieldsAndHeadersBesideThePlatforms(t *testing.T) {
	var got http.Header
	var body []byte
	url := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			got = r.Header.Clone()
			body, _ = io.ReadAll(r.Body)
		}
	})
	p := build(t, "order_push", probes.Env{Check: "push", Orders: &journal{}, Labels: map[string]string{"shop": "sg-1"}}, func(s *probes.OrderPushSettings) {
		overHTTP(url)(s)
		s.Platform, s.Seller = "shopify", probes.Seller{Shop: "fake.myshopify.com", Secret: secret.New("hush-hush")}
		s.Push.Body, s.Push.Ref, s.Verify = "", "", nil
		s.Push.Headers = map[string]secret.Secret{"X-Tenant": secret.New("{{.Labels.shop}}"), "X-Shopify-API-Version": secret.New("2025-07")}
		s.Push.Fields = map[string]string{
			"customer.email": "{{.ID}}@example.com", "note_attributes": `[{"name":"channel","value":"{{.Labels.shop}}"}]`,
			"location_id": "42", "token": `"42"`, "line_items.0.vendor": "ACME",
		}
		s.Lookup.HTTP, s.Cleanup.HTTP.URL = &probes.LookupHTTP{Request: probes.Request{URL: url + "/{{.ID}}"}}, url+"/{{.ID}}"
	})
	look(t, p, orderPatience)
	for name, want := range map[string]string{"X-Tenant": "sg-1", "X-Shopify-Api-Version": "2025-07", "X-Shopify-Topic": "orders/create"} {
		if got.Get(name) != want {
			t.Errorf("%s is %q, want %q", name, got.Get(name), want)
		}
	}
	for _, name := range []string{"X-Shopify-Event-Id", "X-Shopify-Webhook-Id", "X-Shopify-Triggered-At", "X-Shopify-Hmac-Sha256"} {
		if got.Get(name) == "" {
			t.Errorf("%s is missing", name)
		}
	}
	var order struct {
		ID       json.Number
		Location json.RawMessage `json:"location_id"`
		Token    json.RawMessage
		Customer struct {
			Email     string
			FirstName string `json:"first_name"`
		}
		Attributes []struct{ Name, Value string } `json:"note_attributes"`
		Lines      []struct{ Vendor, SKU string } `json:"line_items"`
	}
	if err := json.Unmarshal(body, &order); err != nil {
		t.Fatal(err)
	}
	if order.Customer.Email != order.ID.String()+"@example.com" || order.Customer.FirstName == "" || string(order.Location) != "42" || string(order.Token) != `"42"` ||
		len(order.Attributes) != 1 || order.Attributes[0].Value != "sg-1" || len(order.Lines) != 1 || order.Lines[0].Vendor != "ACME" || order.Lines[0].SKU == "" {
		t.Errorf("%s", body)
	}
	platform, err := marketplace.Find("shopify")
	if err != nil {
		t.Fatal(err)
	}
	v, err := platform.Verify(marketplace.KindPush, marketplace.Call{Header: got, Body: body}, marketplace.Keys{Secret: secret.New("hush-hush")})
	if err != nil || !v.Valid {
		t.Errorf("the signature is not that of the changed push: %s %v", v.Reason, err)
	}
}

// Receivers that keep numbers as floating point read the IDs exactly.
func TestNumericIDsAreExactInFloatingPoint(t *testing.T) {
	for _, platform := range []string{"lazada", "mercadolibre", "shopify", "tiktok_shop", "walmart"} {
		for prefix, digits := range map[string]int{"guardian-": 16, "1": 16, "8999": 16, "9007": 15, "99": 15, "900719": 15, "123456": 16} {
			j := &journal{}
			p := build(t, "order_push", probes.Env{Check: "push", Orders: j, Now: func() time.Time { return time.Date(2026, 11, 30, 10, 0, 0, 0, time.UTC) }}, func(s *probes.OrderPushSettings) {
				overHTTP("http://127.0.0.1:1")(s)
				s.Platform, s.Prefix, s.Push.Body, s.Push.Ref, s.Verify = platform, prefix, "", "", nil
				s.Seller = probes.Seller{Shop: "1", AppKey: "2", Secret: secret.New("hush-hush")}
			})
			look(t, p, orderPatience)
			id := j.orders[0].ID
			n, err := strconv.ParseInt(id, 10, 64)
			if err != nil || len(id) != digits || strconv.FormatFloat(float64(n), 'f', 0, 64) != id {
				t.Errorf("%s with prefix %s: %s (%v), want %d digits", platform, prefix, id, err, digits)
			}
		}
	}
}
