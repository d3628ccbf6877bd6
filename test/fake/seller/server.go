package seller

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"time"

	"github.com/tidwall/gjson"

	"guardian/test/fake/marketplace"
)

// Order is an order as the seller's system stores it.
type Order struct {
	ID       string `json:"id"`
	Status   string `json:"status"`
	SKU      string `json:"sku"`
	Quantity int64  `json:"quantity"`
	Price    string `json:"price"`
	Currency string `json:"currency"`
	Country  string `json:"country"`
	Copies   int    `json:"copies"` // how many times it would be shipped
	changed  string
}

// Faults say what the system does wrong.
type Faults struct {
	Lose          bool          // accepts pushes and stores nothing
	TakeAnything  bool          // does not verify signatures
	Breaks        bool          // answers 500
	Talks         bool          // answers with a body, where the marketplace wants none
	Delay         time.Duration // before it answers
	Copies        bool          // ships an order again when it is pushed again
	LastWins      bool          // applies the push that comes last, not the newest one
	RefuseOld     bool          // refuses pushes that are older than ten minutes
	Change        func(*Order)  // changes an order before it is stored
	CleanupBroken bool          // deletes nothing
}

// Server is one seller's system at one marketplace.
type Server struct {
	platform string
	http     *httptest.Server

	mu       sync.Mutex
	endpoint marketplace.Endpoint
	faults   Faults
	orders   map[string]*Order
	newest   string // the order that came last
	pushes   int
	refused  int
	hang     map[string]chan struct{}
	stopped  chan struct{}
}

// New starts a system. The endpoint has the keys of the pushes; New sets its address.
func New(platform string, e marketplace.Endpoint) *Server {
	s := &Server{platform: platform, orders: map[string]*Order{}, hang: map[string]chan struct{}{}, stopped: make(chan struct{})}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /push", s.push)
	mux.HandleFunc("GET /orders/{id}", s.see)
	mux.HandleFunc("DELETE /orders/{id}", s.clean)
	s.http = httptest.NewServer(mux)
	e.URL = s.http.URL + "/push"
	s.endpoint = e
	return s
}

// Close ends the server.
func (s *Server) Close() {
	close(s.stopped)
	s.http.CloseClientConnections()
	s.http.Close()
}

// Endpoint is where it takes pushes.
func (s *Server) Endpoint() marketplace.Endpoint { return s.endpoint }

// URL is its address, for /orders/{id} and /orders/newest.
func (s *Server) URL() string { return s.http.URL }

// Set replaces the faults; the zero value is none.
func (s *Server) Set(f Faults) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = f
}

// Orders returns the number of stored orders.
func (s *Server) Orders() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.orders)
}

// IDs returns the IDs of the stored orders, sorted.
func (s *Server) IDs() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.orders))
}

// Pushes returns how many pushes came, and how many of them were refused.
func (s *Server) Pushes() (came, refused int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pushes, s.refused
}

// Hold makes requests of a kind hang until Release: "push" after its order is stored, "see" and
// "clean" before they do anything.
func (s *Server) Hold(place string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hang[place] = make(chan struct{})
}

// Release ends a Hold.
func (s *Server) Release(place string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.hang[place]; c != nil {
		close(c)
		delete(s.hang, place)
	}
}

// wait waits while requests of a kind are held. It returns false when the client has left meanwhile:
// then nothing is done.
func (s *Server) wait(place string, r *http.Request) bool {
	s.mu.Lock()
	c := s.hang[place]
	s.mu.Unlock()
	if c == nil {
		return true
	}
	select {
	case <-c:
		return true
	case <-s.stopped:
	case <-r.Context().Done():
	}
	return false
}

func (s *Server) push(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		return
	}
	status := s.take(r, body)
	if !s.wait("push", r) {
		return
	}
	s.mu.Lock()
	f := s.faults
	s.mu.Unlock()
	time.Sleep(f.Delay)
	w.WriteHeader(status)
	if f.Talks {
		_, _ = io.WriteString(w, "thank you")
	}
}

func (s *Server) take(r *http.Request, body []byte) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pushes++
	o := read(s.platform, body)
	switch err := marketplace.VerifyPush(s.platform, s.endpoint, r.Header, body); {
	case err != nil && !s.faults.TakeAnything:
		s.refused++
		if s.platform == "ebay" {
			return http.StatusPreconditionFailed
		}
		return http.StatusUnauthorized
	case s.faults.Breaks:
		return http.StatusInternalServerError
	case o.ID == "":
		return http.StatusBadRequest
	case s.faults.RefuseOld && stale(o.changed):
		return http.StatusBadRequest
	case !s.faults.Lose:
		s.keep(o)
	}
	return http.StatusOK
}

func (s *Server) keep(o Order) {
	o.Copies = 1
	if s.faults.Change != nil {
		s.faults.Change(&o)
	}
	s.newest = o.ID
	old := s.orders[o.ID]
	switch {
	case old == nil:
		s.orders[o.ID] = &o
	case s.faults.Copies:
		old.Copies++
	case o.changed > old.changed || s.faults.LastWins:
		old.Status, old.changed = o.Status, o.changed
	}
}

func stale(changed string) bool {
	if at, err := time.Parse(time.RFC3339, changed); err == nil {
		return time.Since(at) > 10*time.Minute
	}
	n := gjson.Parse(changed).Int()
	return n > 0 && time.Since(time.Unix(n, 0)) > 10*time.Minute
}

// read reads the order from a push, in the format that the marketplace documents.
func read(platform string, body []byte) Order {
	at := func(path string) string { return gjson.GetBytes(body, path).String() }
	switch platform {
	case "shopee":
		return Order{ID: at("data.ordersn"), Status: at("data.status"), changed: at("data.update_time")}
	case "lazada":
		return Order{ID: at("data.trade_order_id"), Status: at("data.order_status"), changed: at("data.status_update_time")}
	case "tiktok_shop":
		return Order{ID: at("data.order_id"), Status: at("data.order_status"), changed: at("data.update_time")}
	case "shopify":
		return Order{
			ID: at("id"), Status: at("financial_status"), changed: at("updated_at"), SKU: at("line_items.0.sku"),
			Quantity: gjson.GetBytes(body, "line_items.0.quantity").Int(), Price: at("line_items.0.price"), Currency: at("currency"), Country: at("shipping_address.country_code"),
		}
	case "walmart":
		return Order{
			ID: at("payload.purchaseOrderId"), Status: at("payload.orderLines.0.status"), changed: at("source.eventTime"),
			SKU: at("payload.orderLines.0.sku"), Quantity: gjson.GetBytes(body, "payload.orderLines.0.quantity.measurementValue").Int(),
		}
	case "ebay":
		return Order{ID: at("notification.data.orderId"), changed: at("notification.eventDate")}
	case "mercadolibre":
		resource := at("resource")
		if len(resource) <= len("/orders/") {
			return Order{}
		}
		return Order{ID: resource[len("/orders/"):], changed: at("sent")}
	case "amazon":
		const n = "Payload.OrderChangeNotification."
		return Order{ID: at(n + "AmazonOrderId"), Status: at(n + "Summary.OrderStatus"), changed: at("EventTime")}
	default:
		// The push formats of AliExpress and Temu are not published: this one is our own.
		return Order{ID: at("id"), Status: at("status"), SKU: at("sku"), Quantity: gjson.GetBytes(body, "quantity").Int()}
	}
}

// id is the order's ID in a request's path, which may be "newest".
func (s *Server) id(r *http.Request) string {
	if id := r.PathValue("id"); id != "newest" {
		return id
	}
	return s.newest
}

func (s *Server) see(w http.ResponseWriter, r *http.Request) {
	if !s.wait("see", r) {
		return
	}
	s.mu.Lock()
	o := s.orders[s.id(r)]
	var text []byte
	if o != nil {
		text, _ = json.Marshal(o)
	}
	s.mu.Unlock()
	if o == nil {
		http.Error(w, "no such order", http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(text)
}

func (s *Server) clean(w http.ResponseWriter, r *http.Request) {
	if !s.wait("clean", r) {
		return
	}
	s.mu.Lock()
	_, there := s.orders[s.id(r)]
	broken := s.faults.CleanupBroken
	if !broken {
		delete(s.orders, s.id(r))
	}
	s.mu.Unlock()
	switch {
	case broken:
		w.WriteHeader(http.StatusInternalServerError)
	case !there:
		w.WriteHeader(http.StatusNotFound)
	default:
		w.WriteHeader(http.StatusNoContent)
	}
}
