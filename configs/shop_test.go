//go:build !race

package configs_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"guardian/probes"
	"guardian/test/pg"
)

// shop is everything that the checks of the packs look at: the shop's database, and a server
// that plays its API, Prometheus, Loki, a marketplace's feed and the guardian's metrics.
type shop struct {
	dsn  string
	db   *pgxpool.Pool
	http *httptest.Server
	tls  *httptest.Server

	mu        sync.Mutex
	success   float64        // share of API calls
	lines     map[string]int // in five minutes, by what is asked: errors, all
	remaining int            // of the daily quota of 10,000
	falls     int            // by how much with each call
	throttles bool
	pushes    string // what becomes of a pushed order: ok, lost, wrong
	gone      time.Time
	beat      probes.Heartbeat
	runs      string // the version that the containers run
	metrics   string
	served    *tls.Certificate
}

func openShop(t *testing.T) *shop {
	t.Helper()
	s := &shop{dsn: pg.Start(t)}
	var err error
	if s.db, err = pgxpool.New(t.Context(), s.dsn); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.db.Close)
	mux := http.NewServeMux()
	mux.HandleFunc("/api/v1/query", s.prometheus)
	mux.HandleFunc("/loki/api/v1/query", s.loki)
	mux.HandleFunc("GET /admin/api/shop.json", s.quota)
	mux.HandleFunc("POST /hooks/shopee", s.push)
	mux.HandleFunc("GET /feed", s.feed)
	mux.HandleFunc("GET /metrics", s.exposition)
	s.http = httptest.NewServer(mux)
	t.Cleanup(s.http.Close)
	s.tls = httptest.NewUnstartedServer(http.NotFoundHandler())
	s.tls.TLS = &tls.Config{MinVersion: tls.VersionTLS12, GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		return &tls.Config{Certificates: []tls.Certificate{*s.served}, MinVersion: tls.VersionTLS12}, nil
	}}
	s.tls.StartTLS()
	t.Cleanup(s.tls.Close)
	return s
}

// heal resets the shop to a healthy state.
func (s *shop) heal(t *testing.T) {
	t.Helper()
	schema, err := os.ReadFile(filepath.Join("testdata", "shop.sql"))
	if err != nil {
		t.Fatal(err)
	}
	query(string(schema))(t, s)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.success, s.lines = 0.995, map[string]int{"errors": 4, "all": 900}
	s.remaining, s.falls, s.throttles = 9000, 5, false
	s.pushes, s.gone = "ok", time.Now().Add(300*24*time.Hour)
	s.runs = "v2"
	s.beat = probes.Heartbeat{At: time.Now().Add(-10 * time.Minute), OK: true}
	s.metrics = `guardian_is_leader 1
guardian_notices_oldest_age_seconds{receiver="oncall"} 12
guardian_notices_total{receiver="oncall",result="given_up"} 0
guardian_journal_commit_failures_total 0
guardian_probe_looks_total{check="a",health="up"} 100
guardian_probe_looks_total{check="a",health="unknown"} 0
guardian_probe_schedule_lag_seconds{check="a"} 0.002
guardian_probe_panics_total{check="a"} 0
guardian_rule_failures_total 0
`
	s.served = certificate(t, 60*24*time.Hour)
}

// fault breaks something in the shop.
type fault func(t *testing.T, s *shop)

// query changes the shop's database.
func query(text string) fault {
	return func(t *testing.T, s *shop) {
		t.Helper()
		if _, err := s.db.Exec(t.Context(), text); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
}

// answers changes the servers' answers.
func answers(change func(*shop)) fault {
	return func(_ *testing.T, s *shop) {
		s.mu.Lock()
		defer s.mu.Unlock()
		change(s)
	}
}

func (s *shop) lookupEnv(name string) (string, bool) {
	values := map[string]string{
		"SHOP_DSN": s.dsn, "SHOP_API": s.http.URL, "SHOP_API_TOKEN": "token-of-the-shop", "SHOP_HOOKS": s.tls.Listener.Addr().String(),
		"PROMETHEUS_URL": s.http.URL, "LOKI_URL": s.http.URL + "/loki", "EBAY_FEED": s.http.URL + "/feed",
		"GUARDIAN_ADDRESS": s.http.URL, "GUARDIAN_TOKEN": "token-of-a-viewer",
	}
	v, ok := values[name]
	return v, ok
}

// certificate creates a certificate with that remaining lifetime.
func certificate(t *testing.T, left time.Duration) *tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(left)}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// vector encodes an instant vector of one element like Prometheus' API.
func vector(w http.ResponseWriter, metric map[string]string, v float64, more map[string]any) {
	data := map[string]any{"resultType": "vector", "result": []any{map[string]any{
		"metric": metric, "value": []any{float64(time.Now().UnixMilli()) / 1000, strconv.FormatFloat(v, 'f', -1, 64)},
	}}}
	maps.Copy(data, more)
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"status": "success", "data": data})
}

func (s *shop) prometheus(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	vector(w, map[string]string{"operation": "getOrder"}, s.success, nil)
}

// loki answers like Grafana Loki: it requires a LogQL query and a time in seconds with a decimal
// point or in nanoseconds, and adds statistics that Prometheus does not have.
func (s *shop) loki(w http.ResponseWriter, r *http.Request) {
	asked, at := r.FormValue("query"), r.FormValue("time")
	seconds, err := strconv.ParseFloat(at, 64)
	if err != nil || (strings.Contains(at, ".") && seconds > 1e11) || !strings.Contains(asked, "count_over_time({") {
		http.Error(w, "parse error at line 1, col 1: syntax error", http.StatusBadRequest)
		return
	}
	what := "all"
	if strings.Contains(asked, "error") {
		what = "errors"
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	vector(w, map[string]string{}, float64(s.lines[what]), map[string]any{
		"stats": map[string]any{"summary": map[string]any{"bytesProcessedPerSecond": 0, "execTime": 0.001}}, "encodingFlags": []string{"categorize-labels"},
	})
}

func (s *shop) quota(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.Header.Get("X-Shopify-Access-Token") != "token-of-the-shop" {
		http.Error(w, "who are you", http.StatusUnauthorized)
		return
	}
	if s.throttles {
		http.Error(w, "slow down", http.StatusTooManyRequests)
		return
	}
	s.remaining -= s.falls
	h := w.Header()
	h.Set("X-Shopify-Shop-Api-Call-Limit", "4/40")
	h.Set("X-Daily-Limit", "10000")
	h.Set("X-Daily-Remaining", strconv.Itoa(s.remaining))
	h.Set("X-Daily-Reset", strconv.Itoa(8*3600))
	_, _ = fmt.Fprintln(w, `{"shop": {}}`)
}

func (s *shop) push(w http.ResponseWriter, r *http.Request) {
	var order struct {
		ID       string `json:"ordersn"`
		SKU      string `json:"sku"`
		Quantity int    `json:"quantity"`
	}
	if err := json.NewDecoder(r.Body).Decode(&order); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	pushes := s.pushes
	s.mu.Unlock()
	if pushes == "lost" {
		return
	}
	if pushes == "wrong" {
		order.Quantity++
	}
	if _, err := s.db.Exec(r.Context(), "INSERT INTO arrived VALUES ($1, $2, $3)", order.ID, order.SKU, order.Quantity); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

// feed is eBay's feed: RSS with dates in elements of its own.
func (s *shop) feed(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w.Header().Set("Content-Type", "application/rss+xml")
	_, _ = fmt.Fprintf(w, `<?xml version="1.0"?><rss version="2.0"><channel><title>API deprecation</title>
<item><title>getOrders of Fulfillment</title><guid>1</guid><pubDate>Tue, 05 May 2026 07:00:00 GMT</pubDate><api>Fulfillment</api>
<methods><method>getOrders</method></methods><deprecationDate>2025/11/06</deprecationDate><decommissionDate>%s</decommissionDate></item>
<item><title>findItems of Shopping</title><guid>2</guid><pubDate>Tue, 05 May 2026 07:00:00 GMT</pubDate><api>Shopping</api>
<decommissionDate>%s</decommissionDate></item></channel></rss>`, s.gone.Format("2006/01/02"), time.Now().Format("2006/01/02"))
}

func (s *shop) exposition(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "Bearer token-of-a-viewer" {
		http.Error(w, "who are you", http.StatusUnauthorized)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	w.Header().Set("Content-Type", "text/plain; version=0.0.4")
	_, _ = fmt.Fprint(w, s.metrics)
}

func (s *shop) heartbeat(context.Context, string) (probes.Heartbeat, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.beat, true, nil
}

// compare holds the containers against version v2.
func (s *shop) compare(context.Context, string) (probes.Comparison, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := probes.Compared{Step: "docker", Known: true}
	if s.runs != "v2" {
		c.Differs, c.Runs, c.Should = true, "shop: shop:"+s.runs, "shop: shop:v2"
	}
	return probes.Comparison{Version: "v2", Steps: []probes.Compared{c}}, nil
}

// certificateEnds gives the server a certificate with that remaining lifetime.
func certificateEnds(left time.Duration) fault {
	return func(t *testing.T, s *shop) {
		t.Helper()
		c := certificate(t, left)
		answers(func(s *shop) { s.served = c })(t, s)
	}
}
