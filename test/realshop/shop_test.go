//go:build realshop

package realshop_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"guardian/test/pg"
	"guardian/test/port"
	"guardian/test/process"
	"guardian/test/proxy"
	"guardian/test/rig"
)

const password = "correct-horse-battery-shop"

// shop is a Vendure that one version at a time serves, with its database and its deploy tool.
type shop struct {
	tb       testing.TB
	url      string
	deployer string // the URL of its deploy tool
	token    string // of its administrator
	dsn      string // of its database, through the proxy
	database *proxy.Proxy
	log      rig.LogBuffer

	direct string // the database's own address, which is never away
	port   string

	mu      sync.Mutex // of a deploy
	process *process.Process
	first   map[string]time.Time // when each version answered first
	former  []priceOf            // before the price job
}

type priceOf struct {
	ID    string `json:"id"`
	SKU   string `json:"sku,omitempty"`
	Price int    `json:"price"`
}

// openShop makes a shop with a catalogue and starts v1.
func openShop(tb testing.TB) *shop {
	tb.Helper()
	if _, err := os.Stat("shop/node_modules/@vendure/core"); err != nil {
		tb.Fatalf("Vendure is not installed: run make realshop, or npm ci in test/realshop/shop: %v", err)
	}
	n, err := port.Free()
	if err != nil {
		tb.Fatal(err)
	}
	s := &shop{tb: tb, direct: pg.Start(tb), port: fmt.Sprint(n), url: fmt.Sprintf("http://127.0.0.1:%d", n), first: map[string]time.Time{}}
	at, err := url.Parse(s.direct)
	if err != nil {
		tb.Fatal(err)
	}
	s.database = proxy.New(tb, at.Host)
	at.Host = s.database.Addr
	s.dsn = at.String()
	began := time.Now()
	if out, err := s.node("seed.js", "v1").CombinedOutput(); err != nil {
		tb.Fatalf("make the catalogue: %v\n%s", err, out)
	}
	tb.Cleanup(s.stop)
	if err := s.deploy(tb.Context(), "v1"); err != nil {
		tb.Fatal(err)
	}
	fmt.Printf("the shop was installed and answers after %s\n", time.Since(began).Round(time.Second))
	s.signIn()
	s.writePriceList()
	mux := http.NewServeMux()
	done := func(w http.ResponseWriter, err error) {
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	}
	mux.HandleFunc("POST /deploys/{version}", func(w http.ResponseWriter, r *http.Request) { done(w, s.deploy(r.Context(), r.PathValue("version"))) })
	mux.HandleFunc("POST /prices/{job}", func(w http.ResponseWriter, r *http.Request) { done(w, s.writePrices(r.Context())) })
	mux.HandleFunc("DELETE /prices/{job}", func(w http.ResponseWriter, r *http.Request) { done(w, s.putPricesBack(r.Context())) })
	tool := httptest.NewServer(mux)
	tb.Cleanup(tool.Close)
	s.deployer = tool.URL
	return s
}

// node is a command that runs a program of the shop in one of its versions.
func (s *shop) node(program, version string) *exec.Cmd {
	cmd := exec.Command("node", program)
	cmd.Dir = "shop"
	cmd.Env = append(os.Environ(), "SHOP_VERSION="+version, "SHOP_PORT="+s.port, "SHOP_DATABASE="+strings.TrimSuffix(s.dsn, "?sslmode=disable"),
		"SHOP_PASSWORD="+password)
	return cmd
}

// deploy stops the version that runs, starts another one and waits until it answers.
func (s *shop) deploy(ctx context.Context, version string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.end()
	cmd := s.node("serve.js", version)
	cmd.Stdout, cmd.Stderr = &s.log, &s.log
	p, err := process.Start(cmd)
	if err != nil {
		return err
	}
	s.process = p
	ctx, cancel := context.WithTimeout(ctx, rig.Patience)
	defer cancel()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"/health", nil)
		if err != nil {
			return err
		}
		resp, err := http.DefaultClient.Do(req)
		if err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK && resp.Header.Get("X-Version") == version {
				if s.first[version].IsZero() {
					s.first[version] = time.Now()
				}
				return nil
			}
		}
		select {
		case <-p.Done:
			return fmt.Errorf("%s of the shop ended:\n%s", version, &s.log)
		case <-ctx.Done():
			return fmt.Errorf("%s of the shop does not answer:\n%s", version, &s.log)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (s *shop) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.end()
}

func (s *shop) end() {
	if s.process == nil {
		return
	}
	_ = s.process.Signal(syscall.SIGTERM)
	select {
	case <-s.process.Done:
	case <-time.After(5 * time.Second):
		s.process.Kill()
	}
	s.process = nil
}

// answered is when a version answered first.
func (s *shop) answered(version string) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.first[version]
}

// admin asks the shop as its administrator.
func (s *shop) admin(ctx context.Context, query string, variables, into any) (header http.Header, err error) {
	body, err := json.Marshal(map[string]any{"query": query, "variables": variables})
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+"/admin-api", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+s.token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	var answer struct {
		Data   json.RawMessage
		Errors []struct{ Message string }
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return nil, err
	}
	if len(answer.Errors) > 0 {
		return nil, fmt.Errorf("the shop says: %s", answer.Errors[0].Message)
	}
	return resp.Header, json.Unmarshal(answer.Data, into)
}

func (s *shop) signIn() {
	s.tb.Helper()
	h, err := s.admin(s.tb.Context(), `mutation ($p: String!) { login(username: "superadmin", password: $p) { __typename } }`,
		map[string]any{"p": password}, new(json.RawMessage))
	if err != nil {
		s.tb.Fatal(err)
	}
	if s.token = h.Get("vendure-auth-token"); s.token == "" {
		s.tb.Fatal("the shop gives its administrator no token")
	}
}

func (s *shop) prices(ctx context.Context) ([]priceOf, error) {
	var d struct{ ProductVariants struct{ Items []priceOf } }
	_, err := s.admin(ctx, `{ productVariants(options: {take: 100}) { items { id sku price } } }`, nil, &d)
	return d.ProductVariants.Items, err
}

func (s *shop) setPrices(ctx context.Context, all []priceOf) error {
	_, err := s.admin(ctx, `mutation ($all: [UpdateProductVariantInput!]!) { updateProductVariants(input: $all) { id } }`,
		map[string]any{"all": all}, new(json.RawMessage))
	return err
}

// writePrices is a price job whose author forgot that the shop counts in cents.
func (s *shop) writePrices(ctx context.Context) error {
	former, err := s.prices(ctx)
	if err != nil {
		return err
	}
	wrong := make([]priceOf, len(former))
	for i := range former {
		former[i].SKU = ""
		wrong[i] = priceOf{ID: former[i].ID, Price: former[i].Price / 100}
	}
	s.former = former
	return s.setPrices(ctx, wrong)
}

func (s *shop) putPricesBack(ctx context.Context) error { return s.setPrices(ctx, s.former) }

// writePriceList keeps the prices as they should be, as the team's own system has them.
func (s *shop) writePriceList() {
	s.tb.Helper()
	all, err := s.prices(s.tb.Context())
	if err != nil {
		s.tb.Fatal(err)
	}
	if len(all) < 10 {
		s.tb.Fatalf("the shop has %d articles:\n%s", len(all), &s.log)
	}
	s.query("CREATE TABLE price_list (sku text PRIMARY KEY, price int NOT NULL)")
	for _, p := range all {
		s.query("INSERT INTO price_list VALUES ($1, $2)", p.SKU, p.Price)
	}
}

// query asks the database, whether it is away for others or not, for at most one number.
func (s *shop) query(statement string, args ...any) (n int) {
	s.tb.Helper()
	ctx := context.WithoutCancel(s.tb.Context())
	conn, err := pgx.Connect(ctx, s.direct)
	if err != nil {
		s.tb.Fatal(err)
	}
	defer func() { _ = conn.Close(ctx) }()
	if !strings.HasPrefix(statement, "SELECT") {
		_, err = conn.Exec(ctx, statement, args...)
	} else {
		err = conn.QueryRow(ctx, statement, args...).Scan(&n)
	}
	if err != nil {
		s.tb.Fatalf("%s: %v", statement, err)
	}
	return n
}
