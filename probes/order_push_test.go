package probes_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/prometheus/common/model"

	"guardian/internal/secret"
	"guardian/probes"
	"guardian/probes/sample"
	"guardian/test/pg"
)

// journal keeps synthetic orders in memory, with every stage that was saved.
type journal struct {
	mu     sync.Mutex
	orders []probes.Order
	stages []string
	refuse string // a stage whose Save fails, as when the lease is lost
}

func (j *journal) Save(_ context.Context, o probes.Order) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if o.Stage == j.refuse {
		return errors.New("the lease is lost")
	}
	j.stages = append(j.stages, o.Stage)
	i := slices.IndexFunc(j.orders, func(x probes.Order) bool { return x.ID == o.ID })
	if i < 0 {
		j.orders = append(j.orders, o)
	} else {
		j.orders[i] = o
	}
	return nil
}

func (j *journal) Open(_ context.Context, check string) ([]probes.Order, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	var open []probes.Order
	for _, o := range j.orders {
		if o.Check == check && o.Stage != "cleaned" && o.Stage != "abandoned" {
			open = append(open, o)
		}
	}
	return open, nil
}

func (j *journal) history() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return strings.Join(j.stages, " ")
}

// orderShop takes orders over HTTP, like a seller's system that a marketplace pushes to.
type orderShop struct {
	mu     sync.Mutex
	orders map[string]map[string]any
	pushes int
	marked int // requests that carried the marker

	pushStatus  int
	pushDelay   time.Duration
	appearAfter time.Duration
	lose        bool
	change      func(map[string]any)
	cleanStatus int
	seeStatus   int
	verifySig   func(r *http.Request, body []byte) bool
}

func (s *orderShop) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.Header.Get("X-Guardian-Synthetic") != "" {
		s.marked++
	}
	id := strings.TrimPrefix(r.URL.Path, "/orders/")
	body, _ := io.ReadAll(r.Body)
	switch r.Method {
	case http.MethodPost:
		s.pushes++
		time.Sleep(s.pushDelay)
		if s.verifySig != nil && !s.verifySig(r, body) {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		if s.pushStatus != 0 {
			w.WriteHeader(s.pushStatus)
			return
		}
		var o map[string]any
		if err := json.Unmarshal(body, &o); err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		o["ref"], o["at"] = "R-"+o["id"].(string), time.Now()
		if s.change != nil {
			s.change(o)
		}
		if !s.lose {
			s.orders[o["id"].(string)] = o
		}
		_, _ = fmt.Fprintf(w, `{"ref":%q}`, o["ref"])
	case http.MethodGet:
		if s.seeStatus != 0 {
			w.WriteHeader(s.seeStatus)
			return
		}
		o, ok := s.orders[id]
		if !ok || time.Since(o["at"].(time.Time)) < s.appearAfter {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		_ = json.NewEncoder(w).Encode(o)
	case http.MethodDelete:
		if s.cleanStatus != 0 {
			w.WriteHeader(s.cleanStatus)
			return
		}
		id = strings.TrimPrefix(id, "R-")
		if _, ok := s.orders[id]; !ok {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		delete(s.orders, id)
	}
}

func (s *orderShop) left() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.orders)
}

func (s *orderShop) set(f func(*orderShop)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(s)
}

// orderPatience is the time of a look that ends by itself: long enough for a busy machine.
const orderPatience = time.Minute

// overHTTP are settings that push to, look at and clean up the shop. Their timeouts are long; a test
// of something that never happens shortens the one that ends it.
func overHTTP(url string) func(*probes.OrderPushSettings) {
	return func(s *probes.OrderPushSettings) {
		s.Vars = map[string]string{"SKU": "TEST-1", "Price": "9.90"}
		s.Push.URL = url + "/orders/"
		s.Push.Body = `{"id":"{{.ID}}","sku":"{{.SKU}}","quantity":2,"price":{{.Price}},"at":"{{.Now.Format "2006-01-02"}}"}`
		s.Push.Ref = "ref"
		s.Push.Timeout = model.Duration(10 * time.Second)
		s.Lookup.HTTP = &probes.LookupHTTP{Request: probes.Request{URL: url + "/orders/{{.ID}}"}}
		s.Lookup.Every, s.Lookup.Within = model.Duration(10*time.Millisecond), model.Duration(10*time.Second)
		s.Verify = []probes.Field{{JSON: "sku", Equals: "{{.SKU}}"}, {JSON: "quantity", Equals: "2"}, {JSON: "price", Equals: "{{.Price}}"}}
		s.Cleanup.HTTP = &probes.CleanupHTTP{Request: probes.Request{Method: "DELETE", URL: url + "/orders/{{.Ref}}"}}
		s.Cleanup.Timeout, s.Cleanup.Backoff = model.Duration(10*time.Second), model.Duration(time.Millisecond)
		s.Cleanup.Tries = 3
	}
}

// soonLost gives an order up that does not appear.
func soonLost(s *probes.OrderPushSettings) {
	s.Lookup.Within, s.Lookup.LostAfter = model.Duration(200*time.Millisecond), model.Duration(400*time.Millisecond)
}

func newOrderShop(tb testing.TB) (*orderShop, string) {
	tb.Helper()
	shop := &orderShop{orders: map[string]map[string]any{}}
	return shop, serve(tb, shop.ServeHTTP)
}

func TestOrderPush(t *testing.T) {
	for name, tc := range map[string]struct {
		shop    func(*orderShop)
		set     func(*probes.OrderPushSettings)
		health  sample.Health
		reason  string
		result  string
		history string
		left    int
		open    float64
	}{
		"an order that arrives as it was pushed is up": {
			health: sample.Up, result: "ok", history: "intended pushed visible verified cleaned",
		},
		"an order that takes its time is up": {
			shop: func(s *orderShop) { s.appearAfter = 100 * time.Millisecond }, health: sample.Up, result: "ok",
			history: "intended pushed visible verified cleaned",
		},
		"an order that is refused is down": {
			shop: func(s *orderShop) { s.pushStatus = 422 }, health: sample.Down, reason: "push: status 422, want 2xx", result: "rejected",
			// The push was refused for good: that there is nothing to clean up is no surprise.
			history: "intended cleaned",
		},
		"an order whose push fails may still come": {
			shop: func(s *orderShop) { s.pushStatus = 500 }, health: sample.Down, reason: "push: status 500", result: "rejected",
			history: "intended intended", open: 1,
		},
		"an order that is answered too late is down": {
			shop:   func(s *orderShop) { s.pushDelay = 400 * time.Millisecond },
			set:    func(s *probes.OrderPushSettings) { s.Push.Timeout = model.Duration(300 * time.Millisecond) },
			health: sample.Down, reason: "push: no answer within", result: "rejected",
			history: "intended intended", open: 1, left: 1,
		},
		"a lost order is down": {
			shop: func(s *orderShop) { s.lose = true }, set: soonLost, health: sample.Down, reason: "order lost: accepted, but not visible within", result: "lost",
			history: "intended pushed pushed", open: 1,
		},
		"a slow order is down": {
			shop: func(s *orderShop) { s.appearAfter = 300 * time.Millisecond },
			set:  func(s *probes.OrderPushSettings) { s.Lookup.Within = model.Duration(200 * time.Millisecond) }, health: sample.Down, reason: "at most 200 ms wanted", result: "slow",
			history: "intended pushed visible verified cleaned",
		},
		"a changed order is down": {
			shop:   func(s *orderShop) { s.change = func(o map[string]any) { o["quantity"], o["price"] = 1, 99 } },
			health: sample.Down, reason: `quantity is "1" instead of "2" and price is "99" instead of "9.90"`, result: "mismatch", history: "intended pushed visible cleaned",
		},
		"a failed cleanup leaves the order up and is counted": {
			shop: func(s *orderShop) { s.cleanStatus = 500 }, health: sample.Up, result: "ok",
			history: "intended pushed visible verified verified", left: 1, open: 1,
		},
		"a cleanup that finds nothing though the order is there has failed": {
			shop: func(s *orderShop) { s.cleanStatus = 404 }, health: sample.Up, result: "ok",
			history: "intended pushed visible verified verified", left: 1, open: 1,
		},
		"a cleanup that fails to the end is told": {
			shop: func(s *orderShop) { s.cleanStatus = 500 }, set: func(s *probes.OrderPushSettings) { s.Cleanup.Tries = 1 },
			health: sample.Down, reason: "must be removed by hand", result: "abandoned",
			history: "intended pushed visible verified abandoned", left: 1,
		},
		"a place to look that fails is down": {
			shop: func(s *orderShop) { s.seeStatus = 503 }, set: soonLost, health: sample.Down, reason: "accepted, but the lookup failed", result: "lost",
			history: "intended pushed cleaned",
		},
		"a template without its name pushes nothing": {
			set:    func(s *probes.OrderPushSettings) { s.Push.Body = "{{.ID}} {{.Nothing}}" },
			health: sample.Unknown, reason: "nothing was pushed",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			shop, url := newOrderShop(t)
			if tc.shop != nil {
				tc.shop(shop)
			}
			j := &journal{}
			p := build(t, "order_push", probes.Env{Check: "push", Orders: j}, func(s *probes.OrderPushSettings) {
				overHTTP(url)(s)
				if tc.set != nil {
					tc.set(s)
				}
			})
			o := look(t, p, orderPatience)
			if o.Health != tc.health || !strings.Contains(o.Reason.String(), tc.reason) || (o.Health == sample.Up) != (o.Reason.IsZero()) {
				t.Errorf("got %s %q, want %s %q", o.Health, o.Reason, tc.health, tc.reason)
			}
			if got := j.history(); got != tc.history {
				t.Errorf("journal: %s, want %s", got, tc.history)
			}
			if tc.result != "" && value(t, o, "order_push_orders_total", "result="+tc.result) != 1 {
				t.Errorf("result %s is not counted: %v", tc.result, o.Values)
			}
			if got := shop.left(); got != tc.left {
				t.Errorf("%d orders are left in the shop, want %d", got, tc.left)
			}
			if got := value(t, o, "order_push_uncleaned"); got != tc.open {
				t.Errorf("uncleaned %v, want %v", got, tc.open)
			}
			if shop.pushes > 0 && shop.marked < shop.pushes {
				t.Errorf("a push came without its marker")
			}
			if tc.result == "ok" {
				value(t, o, "order_push_stage_seconds", "stage=visible")
				value(t, o, "order_push_stage_seconds", "stage=total")
			}
		})
	}
}

func TestOrderPushPushesNothingWithoutItsJournal(t *testing.T) {
	shop, url := newOrderShop(t)
	j := &journal{refuse: "intended"}
	p := build(t, "order_push", probes.Env{Check: "push", Orders: j}, overHTTP(url))
	o := look(t, p, orderPatience)
	if o.Health != sample.Unknown || !strings.Contains(o.Reason.String(), "nothing was pushed: the order could not be recorded in the journal: the lease is lost") {
		t.Errorf("got %s %q", o.Health, o.Reason)
	}
	if shop.pushes != 0 {
		t.Error("an order was pushed")
	}
}

func TestOrderPushNeverSentNeedsNoCleanup(t *testing.T) {
	j := &journal{}
	p := build(t, "order_push", probes.Env{Check: "push", Orders: j}, overHTTP("http://127.0.0.1:1"))
	o := look(t, p, orderPatience)
	if o.Health != sample.Down || !strings.Contains(o.Reason.String(), "push: the connection was refused") || j.history() != "intended cleaned" {
		t.Errorf("got %s %q, journal %s", o.Health, o.Reason, j.history())
	}
}

func TestOrderPushRefusesWhatCannotEndWell(t *testing.T) {
	shop, url := newOrderShop(t)
	j := &journal{}
	p := build(t, "order_push", probes.Env{Check: "push", Orders: j}, func(s *probes.OrderPushSettings) {
		overHTTP(url)(s)
		s.MaxOrdersPerDay = 1
	})
	if o := look(t, p, 500*time.Millisecond); o.Health != sample.Unknown || !strings.Contains(o.Reason.String(), "raise the check's timeout") {
		t.Errorf("too little time: got %s %q", o.Health, o.Reason)
	}
	if o := look(t, p, orderPatience); o.Health != sample.Up {
		t.Errorf("the first: got %s %q", o.Health, o.Reason)
	}
	if o := look(t, p, orderPatience); o.Health != sample.Unknown || !strings.Contains(o.Reason.String(), "max_orders_per_day") {
		t.Errorf("the second of a day: got %s %q", o.Health, o.Reason)
	}
	for i := range 20 {
		j.orders = append(j.orders, probes.Order{ID: fmt.Sprint(i), Check: "push", Stage: "pushed", Tries: 1, Updated: time.Now().Add(time.Hour)})
	}
	p = build(t, "order_push", probes.Env{Check: "push", Orders: j}, overHTTP(url))
	if o := look(t, p, orderPatience); o.Health != sample.Unknown || !strings.Contains(o.Reason.String(), "max_uncleaned") {
		t.Errorf("too many uncleaned: got %s %q", o.Health, o.Reason)
	}
	if shop.pushes != 1 {
		t.Errorf("%d orders were pushed, want 1", shop.pushes)
	}
}

// An outage in which pushes fail is seen to its end, however many orders it has left to be looked for.
func TestOrderPushSeesTheEndOfALongOutage(t *testing.T) {
	shop, url := newOrderShop(t)
	shop.pushStatus = 500
	j := &journal{}
	settings := func(s *probes.OrderPushSettings) {
		overHTTP(url)(s)
		s.MaxUncleaned, s.Cleanup.Backoff = 3, model.Duration(time.Hour)
	}
	p := build(t, "order_push", probes.Env{Check: "push", Orders: j}, settings)
	for i := range 5 {
		if o := look(t, p, orderPatience); o.Health != sample.Down {
			t.Fatalf("look %d in the outage: got %s %q", i+1, o.Health, o.Reason)
		}
	}
	shop.set(func(s *orderShop) { s.pushStatus = 0 })
	if o := look(t, p, orderPatience); o.Health != sample.Up {
		t.Errorf("after the outage: got %s %q", o.Health, o.Reason)
	}
	// Orders that were accepted and cannot be found count: they may stand in the shop, unseen.
	shop.set(func(s *orderShop) { s.lose = true })
	p = build(t, "order_push", probes.Env{Check: "push", Orders: j}, func(s *probes.OrderPushSettings) { settings(s); soonLost(s) })
	for range 3 {
		look(t, p, orderPatience)
	}
	if o := look(t, p, orderPatience); o.Health != sample.Unknown || !strings.Contains(o.Reason.String(), "max_uncleaned") {
		t.Errorf("three were accepted and lost: got %s %q", o.Health, o.Reason)
	}
}

func TestOrderPushTriesTheCleanupAgain(t *testing.T) {
	shop, url := newOrderShop(t)
	shop.cleanStatus = 500
	j := &journal{}
	p := build(t, "order_push", probes.Env{Check: "push", Orders: j}, overHTTP(url))
	look(t, p, orderPatience)
	time.Sleep(5 * time.Millisecond) // the backoff
	shop.set(func(s *orderShop) { s.cleanStatus = 0 })
	o := look(t, p, orderPatience)
	if shop.left() != 0 || value(t, o, "order_push_uncleaned") != 0 {
		t.Errorf("%d orders are left: %v", shop.left(), j.orders)
	}
}

func TestOrderPushGivesUpAndTellsOnce(t *testing.T) {
	shop, url := newOrderShop(t)
	shop.cleanStatus = 500
	j := &journal{}
	p := build(t, "order_push", probes.Env{Check: "push", Orders: j}, func(s *probes.OrderPushSettings) {
		overHTTP(url)(s)
		s.Cleanup.Tries = 2
	})
	look(t, p, orderPatience)
	shop.set(func(s *orderShop) { s.pushStatus = 422 }) // no more orders that need a cleanup
	time.Sleep(5 * time.Millisecond)
	o := look(t, p, orderPatience)
	if !strings.Contains(o.Reason.String(), j.orders[0].ID+": the cleanup failed 2 times: status 500") || j.orders[0].Stage != "abandoned" {
		t.Errorf("got %q, %+v", o.Reason, j.orders[0])
	}
	if o = look(t, p, orderPatience); strings.Contains(o.Reason.String(), j.orders[0].ID) {
		t.Errorf("told again: %q", o.Reason)
	}
}

func TestOrderPushSweepsWhatACrashLeft(t *testing.T) {
	shop, url := newOrderShop(t)
	j := &journal{}
	for _, o := range []probes.Order{
		{ID: "guardian-seen", Stage: "visible", Ref: "R-guardian-seen"},
		{ID: "guardian-noref", Stage: "intended"}, // pushed, and then the guardian died
		{ID: "guardian-lost", Stage: "intended", Ref: "R-guardian-lost"},
	} {
		o.Check = "push"
		j.orders = append(j.orders, o)
		if o.ID != "guardian-lost" {
			shop.orders[o.ID] = map[string]any{"id": o.ID, "ref": "R-" + o.ID, "at": time.Now()}
		}
	}
	p := build(t, "order_push", probes.Env{Check: "push", Orders: j}, func(s *probes.OrderPushSettings) {
		overHTTP(url)(s)
		s.Lookup.HTTP.Ref = "ref"
	})
	err := p.(probes.Sweeper).Sweep(t.Context())
	if err == nil || !strings.Contains(err.Error(), "guardian-lost") || strings.Contains(err.Error(), "seen") {
		t.Errorf("sweep: %v", err)
	}
	if shop.left() != 0 {
		t.Errorf("left in the shop: %v", shop.orders)
	}
	var got []string
	for _, o := range j.orders {
		got = append(got, o.Stage)
	}
	if !slices.Equal(got, []string{"cleaned", "cleaned", "intended"}) {
		t.Errorf("stages %v", got)
	}
}

func TestOrderPushCleansUpWhenBrokenOff(t *testing.T) {
	shop, url := newOrderShop(t)
	shop.appearAfter = time.Hour
	j := &journal{}
	p := build(t, "order_push", probes.Env{Check: "push", Orders: j}, overHTTP(url))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		for j.history() != "intended pushed" {
			time.Sleep(time.Millisecond)
		}
		cancel()
	}()
	o := p.Look(ctx)
	if o.Health != sample.Unknown || !strings.Contains(o.Reason.String(), "the look was stopped") {
		t.Errorf("got %s %q", o.Health, o.Reason)
	}
	if shop.left() != 0 || j.history() != "intended pushed cleaned" {
		t.Errorf("left %d, journal %s", shop.left(), j.history())
	}
}

func TestOrderPushSigns(t *testing.T) {
	const key = "57615053704d6470644f55"
	for name, tc := range map[string]struct {
		sign probes.Sign
		want func(r *http.Request, body []byte) string
	}{
		"Shopify: base64 of the body": {
			probes.Sign{Encoding: "base64", Header: "X-Shopify-Hmac-Sha256"},
			func(_ *http.Request, body []byte) string {
				m := hmac.New(sha256.New, []byte(key))
				m.Write(body)
				return base64.StdEncoding.EncodeToString(m.Sum(nil))
			},
		},
		"Shopee: hex of address and body": {
			probes.Sign{Content: "{{.URL}}|{{.Body}}", Header: "Authorization"},
			func(r *http.Request, body []byte) string {
				m := hmac.New(sha256.New, []byte(key))
				_, _ = fmt.Fprintf(m, "http://%s%s|%s", r.Host, r.URL, body)
				return hex.EncodeToString(m.Sum(nil))
			},
		},
		"upper case, with a prefix, SHA-1 and a name": {
			probes.Sign{Algorithm: "hmac-sha1", Encoding: "upper_hex", Prefix: "sha1=", Content: "{{.SKU}}{{.Path}}", Header: "X-Sign"},
			func(r *http.Request, _ []byte) string {
				m := hmac.New(sha1.New, []byte(key))
				_, _ = fmt.Fprintf(m, "TEST-1%s", r.URL.Path)
				return "sha1=" + strings.ToUpper(hex.EncodeToString(m.Sum(nil)))
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			shop, url := newOrderShop(t)
			shop.verifySig = func(r *http.Request, body []byte) bool { return r.Header.Get(tc.sign.Header) == tc.want(r, body) }
			p := build(t, "order_push", probes.Env{Check: "push", Orders: &journal{}}, func(s *probes.OrderPushSettings) {
				overHTTP(url)(s)
				sign := tc.sign
				sign.Secret = secret.New(key)
				s.Push.Sign = &sign
			})
			if o := look(t, p, orderPatience); o.Health != sample.Up {
				t.Errorf("got %s %q", o.Health, o.Reason)
			}
		})
	}
}

// overSQL runs one order through a database: the shop's push handler inserts, the probe looks
// and deletes.
func overSQL(t *testing.T, driver, dsn string, db *sql.DB, placeholder string) {
	t.Helper()
	if _, err := db.Exec(`CREATE TABLE orders (id TEXT PRIMARY KEY, sku TEXT, quantity INTEGER, price NUMERIC(10,4), note TEXT)`); err != nil {
		t.Fatal(err)
	}
	price := "9.9000"
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if _, err := db.Exec(fmt.Sprintf(`INSERT INTO orders VALUES (%s, '007', 2, %s, NULL)`, placeholder, price), string(body)); err != nil {
			t.Error(err)
		}
		w.WriteHeader(http.StatusAccepted)
	})
	set := func(s *probes.OrderPushSettings) {
		s.Push.URL, s.Push.Body = url, "{{.ID}}"
		s.Lookup.SQL = &probes.SQL{Driver: driver, DSN: secret.New(dsn), Query: "SELECT id, sku, quantity, price, note FROM orders WHERE id = " + placeholder, Args: []string{"{{.ID}}"}}
		s.Verify = []probes.Field{{Column: "sku", Equals: "007"}, {Column: "quantity", Equals: "2"}, {Column: "price", Equals: "9.90"}, {Column: "note", Equals: "NULL"}}
		s.Cleanup.SQL = &probes.SQL{Driver: driver, DSN: secret.New(dsn), Query: "DELETE FROM orders WHERE id = " + placeholder, Args: []string{"{{.ID}}"}}
	}
	count := func() (n int) {
		if err := db.QueryRow("SELECT count(*) FROM orders").Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	j := &journal{}
	p := build(t, "order_push", probes.Env{Check: "push", Orders: j}, set)
	if o := look(t, p, 10*time.Second); o.Health != sample.Up || count() != 0 || j.history() != "intended pushed visible verified cleaned" {
		t.Fatalf("got %s %q %s; %d rows left; journal %s", o.Health, o.Reason, o.Detail, count(), j.history())
	}
	price = "99"
	if o := look(t, p, 10*time.Second); o.Health != sample.Down || !strings.Contains(o.Reason.String(), "price is") || count() != 0 {
		t.Errorf("a changed price: got %s %q; %d rows left", o.Health, o.Reason, count())
	}
	price = "9.9"
	p = build(t, "order_push", probes.Env{Check: "push", Orders: j}, func(s *probes.OrderPushSettings) {
		set(s)
		s.Lookup.Within, s.Lookup.LostAfter, s.Lookup.SQL.Query = model.Duration(50*time.Millisecond), model.Duration(2*time.Second), "SELECT * FROM no_such_table WHERE id = "+placeholder
	})
	if o := look(t, p, 10*time.Second); o.Health != sample.Unknown || !strings.Contains(o.Reason.String(), "no_such_table") || count() != 0 {
		t.Errorf("a query that fails: got %s %q; %d rows left", o.Health, o.Reason, count())
	}
}

func TestOrderPushOverSQLite(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a shop.db")
	db, err := sql.Open("sqlite", file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	overSQL(t, "sqlite", file, db, "?")
}

func TestOrderPushOverPostgres(t *testing.T) {
	dsn := pg.Start(t)
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		t.Fatal(err)
	}
	db := stdlib.OpenDB(*config)
	t.Cleanup(func() { _ = db.Close() })
	overSQL(t, "postgres", dsn, db, "$1")
}

func TestOrderPushKeepsSecrets(t *testing.T) {
	const key, header, password = "sign-key-5ae1c0", "header-token-77be", "db-password-99fe"
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = fmt.Fprintf(w, "%v %v", r.Header, r.URL)
		_, _ = io.Copy(w, r.Body)
	})
	for name, pushTo := range map[string]string{"when the push is echoed": url, "when the database is not there": serve(t, func(http.ResponseWriter, *http.Request) {})} {
		t.Run(name, func(t *testing.T) {
			j := &journal{}
			p := build(t, "order_push", probes.Env{Check: "push", Orders: j}, func(s *probes.OrderPushSettings) {
				overHTTP(pushTo)(s)
				soonLost(s)
				s.Secrets = map[string]secret.Secret{"key": secret.New(key)}
				s.Push.Headers = map[string]secret.Secret{"X-Key": secret.New(header)}
				s.Push.Body = "{{.ID}} {{.Secrets.key}}"
				s.Push.Sign = &probes.Sign{Secret: secret.New(key), Header: "X-Sign"}
				s.Lookup.HTTP, s.Verify = nil, nil
				dsn := secret.New("postgres://shop:" + password + "@127.0.0.1:1/shop?connect_timeout=1")
				s.Lookup.SQL = &probes.SQL{Driver: "postgres", DSN: dsn, Query: "SELECT 1"}
				s.Cleanup.SQL, s.Cleanup.HTTP = &probes.SQL{Driver: "postgres", DSN: dsn, Query: "DELETE"}, nil
				s.Cleanup.Tries = 1
			})
			o := look(t, p, orderPatience)
			if o.Health == sample.Up {
				t.Fatal("up")
			}
			wantSilent(t, o, key, header, password)
			for _, o := range j.orders {
				if strings.Contains(stored(t, o), password) {
					t.Errorf("the journal tells: %s", o.Reason)
				}
			}
		})
	}
}

func TestOrderPushSettingsTellEveryMistake(t *testing.T) {
	s := probes.Builtin()["order_push"].Settings().(*probes.OrderPushSettings)
	s.Prefix, s.MarkerHeader, s.MaxOrdersPerDay, s.MaxUncleaned = "a b", "a b", 0, 0
	s.Vars = map[string]string{"ID": "x"}
	s.Push.Sign = &probes.Sign{Algorithm: "md5", Encoding: "oct"}
	s.Lookup.SQL = &probes.SQL{Driver: "oracle", Query: "SELECT '{{.ID}}'"}
	s.Lookup.LostAfter = 1
	s.Verify = []probes.Field{{JSON: "x"}}
	s.Cleanup.Tries, s.Cleanup.Timeout, s.Cleanup.Backoff = 0, 0, 0
	err := s.Validate()
	for _, want := range []string{
		"prefix", "marker_header", "max_orders_per_day", "max_uncleaned", "vars.ID", "push.url is missing", "carries {{.ID}}", "push.sign.algorithm", "push.sign.encoding",
		"push.sign.secret", "push.sign.header", "lookup.sql.driver", "lookup.sql.dsn", "lookup.sql.query is no template", "lookup.lost_after", "verify[0]: give column",
		"cleanup: give http or sql", "cleanup.tries", "cleanup.timeout", "cleanup.backoff",
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing in:\n%v", want, err)
		}
	}
	_, url := newOrderShop(t)
	k := probes.Builtin()["order_push"]
	good := k.Settings().(*probes.OrderPushSettings)
	overHTTP(url)(good)
	if _, err := k.Build(good, probes.Env{}); err == nil || !strings.Contains(err.Error(), "journal") {
		t.Errorf("without a journal: %v", err)
	}
	if _, err := k.Build(good, probes.Env{Orders: &journal{}, Timeout: 100 * time.Millisecond}); err == nil || !strings.Contains(err.Error(), "raise the check's timeout") {
		t.Errorf("with too little time: %v", err)
	}
}
