package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"
)

// ShopOptions configures one running version of the shop.
type ShopOptions struct {
	Version   string // v1 is good; v2 loses one order in three and is slow
	Listen    string // host:port
	Warehouse string // base URL of the Warehouse that keeps the orders
}

// The marketplace's rate limit is a leaky bucket like that of Shopify's REST API: quotaSize is its
// size and quotaLeak its leak rate per second.
const (
	quotaSize = 40
	quotaLeak = 2
)

// Shop is one running version of the order-sync service, with the storefront and the
// marketplace stub that belong to it.
type Shop struct {
	o       ShopOptions
	client  *http.Client
	pushed  atomic.Int64
	used    atomic.Int64 // requests counted against the rate limit
	started time.Time
}

// RunShop serves a shop until ctx ends or stdin is closed, which happens when its parent process
// ends.
func RunShop(ctx context.Context, o ShopOptions, stdin io.Reader) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		_, _ = io.Copy(io.Discard, stdin)
		cancel()
	}()
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", o.Listen)
	if err != nil {
		return fmt.Errorf("shop: listen: %w", err)
	}
	s := &Shop{o: o, client: &http.Client{Timeout: 5 * time.Second}, started: time.Now()}
	srv := &http.Server{Handler: s.Handler(), ReadHeaderTimeout: 5 * time.Second}
	done := make(chan error, 1)
	go func() { done <- srv.Serve(l) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		stop, cancelStop := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancelStop()
		_ = srv.Shutdown(stop)
		if err := <-done; !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	}
}

// Handler serves the shop.
func (s *Shop) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.storefront)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok\n") })
	mux.HandleFunc("POST /orders", s.push)
	mux.HandleFunc("GET /marketplace/orders", s.marketplace)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Version", s.o.Version)
		mux.ServeHTTP(w, r)
	})
}

func (s *Shop) bad() bool { return s.o.Version == "v2" }

func (s *Shop) storefront(w http.ResponseWriter, _ *http.Request) {
	if s.bad() {
		time.Sleep(250 * time.Millisecond)
	}
	_, _ = fmt.Fprintf(w, "<!doctype html><title>Shop</title><h1>Shop %s</h1>\n", s.o.Version)
}

// push accepts an order and forwards it to the warehouse. The bad version answers 201 to each
// third order without forwarding it: a fault that no status code shows.
func (s *Shop) push(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<16))
	if err != nil {
		http.Error(w, err.Error(), http.StatusRequestEntityTooLarge)
		return
	}
	var order struct {
		ID string `json:"id"`
	}
	if err := json.Unmarshal(body, &order); err != nil || order.ID == "" {
		http.Error(w, "an order is a JSON object with an id", http.StatusBadRequest)
		return
	}
	n := s.pushed.Add(1)
	if s.bad() {
		time.Sleep(120 * time.Millisecond)
	}
	if !s.bad() || n%3 != 0 {
		if err := s.forward(r.Context(), order.ID, body); err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusCreated)
	_ = json.NewEncoder(w).Encode(map[string]string{"id": order.ID, "status": "accepted"})
}

func (s *Shop) forward(ctx context.Context, id string, body []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, s.o.Warehouse+"/orders/"+id, bytesReader(body))
	if err != nil {
		return err
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return err
	}
	_ = resp.Body.Close()
	if resp.StatusCode >= 300 {
		return fmt.Errorf("warehouse answered %s", resp.Status)
	}
	return nil
}

// marketplace is the stub of a marketplace's API that returns its quota in a header.
func (s *Shop) marketplace(w http.ResponseWriter, _ *http.Request) {
	leaked := int64(time.Since(s.started).Seconds() * quotaLeak)
	used := max(s.used.Add(1)-leaked, 1)
	w.Header().Set("X-Shopify-Shop-Api-Call-Limit", strconv.FormatInt(min(used, quotaSize), 10)+"/"+strconv.Itoa(quotaSize))
	w.Header().Set("Content-Type", "application/json")
	if used > quotaSize {
		w.Header().Set("Retry-After", "2.0")
		w.WriteHeader(http.StatusTooManyRequests)
		_, _ = io.WriteString(w, `{"errors":"Exceeded 2 calls per second for api client."}`)
		return
	}
	_, _ = io.WriteString(w, `{"orders":[]}`)
}
