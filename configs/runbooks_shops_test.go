package configs_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"guardian/actions"
	"guardian/actions/kinds"
	"guardian/internal/config"
	"guardian/internal/secret"
)

// shopTool is a deploy tool with an address for each shop.
type shopTool struct {
	mu    sync.Mutex
	calls []string
	fails string // calls of this path fail
}

func (s *shopTool) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, strings.TrimSpace(r.URL.Path+" "+string(body)))
	if s.fails != "" && strings.HasPrefix(r.URL.Path, s.fails) {
		http.Error(w, "no such shop", http.StatusConflict)
	}
}

// seer sees what a test says; everything else is up.
type seer map[string]string

func (s seer) Look(_ context.Context, check string) (actions.CheckResult, error) {
	if h := s[check]; h != "" {
		return actions.CheckResult{Health: h}, nil
	}
	return actions.CheckResult{Health: "up"}, nil
}

func (s seer) Ask(ctx context.Context, _ actions.Run, sy actions.Symptom, _ time.Time) (actions.CheckResult, error) {
	return s.Look(ctx, sy.Name)
}

// noLedger keeps nothing.
type noLedger struct{}

func (noLedger) Record(context.Context, actions.Record) error { return nil }

// runShops runs configs/runbooks/shops.yaml against a tool, with a verification that takes no time.
func runShops(t *testing.T, tool *shopTool, seen seer, shops ...string) actions.Run {
	t.Helper()
	server := httptest.NewServer(tool)
	t.Cleanup(server.Close)
	text := strings.ReplaceAll(string(read(t, "runbooks/shops.yaml")), "https://deploy.example.com", server.URL)
	file := filepath.Join(t.TempDir(), "shops.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(file, config.Options{Redactor: &secret.Redactor{}})
	if err != nil {
		t.Fatal(err)
	}
	book, err := actions.NewRunbook(c.Runbooks[0], kinds.Builtin(), actions.Env{Now: time.Now, UserAgent: "guardian/test", Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if got := book.Verify.Success[0]; got.Hold != 300 || got.Limit != 0.995 || !got.Lower {
		t.Errorf("the criterion is %+v", got)
	}
	book.Verify.Every, book.Verify.For, book.Verify.Success[0].Hold = time.Millisecond, time.Second, 0.01
	e, err := actions.NewEngine(actions.Options{
		Runbooks: func(string) (*actions.Runbook, bool) { return book, true }, Ledger: noLedger{}, Verifier: seen,
		Now: time.Now, Log: slog.New(slog.DiscardHandler), LeaseValid: func() bool { return true },
	})
	if err != nil {
		t.Fatal(err)
	}
	run, err := e.Create(t.Context(), noLedger{}, actions.Request{
		ID: "r_1", Service: "price-sync", Environment: "production", Runbook: book.Name, Rollback: true, Kind: "code", From: "v2", To: "v1", Shops: shops,
		Trigger: actions.Trigger{Kind: actions.ByVerdict}, Failing: []string{"deploy-api"},
	})
	if err == nil {
		run, err = e.Advance(t.Context(), run)
	}
	if err != nil {
		t.Fatal(err)
	}
	return run
}

// TestTheRunbookOfShopsRollsBackThoseThatHaveTheVersion is the file of docs/runbooks/runbook.md.
func TestTheRunbookOfShopsRollsBackThoseThatHaveTheVersion(t *testing.T) {
	back := func(shop string) string { return "/shops/" + shop + `/version {"version": "v1"}` }
	for name, c := range map[string]struct {
		shops []string
		fails string
		seen  seer
		state actions.State
		calls []string
	}{
		"all": {
			state: actions.Cured,
			calls: []string{"/caches/cn/drop", "/caches/sea/drop", back("lazada-my"), back("shopee-sg"), back("tb-main")},
		},
		"one": {shops: []string{"shopee-sg"}, state: actions.Cured, calls: []string{"/caches/sea/drop", back("shopee-sg")}},
		"one of them fails: the others are done, then the fallback": {
			fails: "/shops/lazada-my", state: actions.Cured,
			calls: []string{"/jobs/price-sync/pause", back("lazada-my"), back("shopee-sg"), back("tb-main")},
		},
		"a cache fails, which does not matter": {
			shops: []string{"tb-main"}, fails: "/caches", state: actions.Cured, calls: []string{"/caches/cn/drop", back("tb-main")},
		},
		"the deploy tool is down":          {seen: seer{"deploy-api": "down"}, state: actions.Refused},
		"orders are not accepted after it": {shops: []string{"tb-main"}, seen: seer{"order success": "down"}, state: actions.NotCured, calls: []string{"/caches/cn/drop", back("tb-main")}},
		"nobody sees whether they are":     {shops: []string{"tb-main"}, seen: seer{"order success": "unknown"}, state: actions.NotCured, calls: []string{"/caches/cn/drop", back("tb-main")}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tool := &shopTool{fails: c.fails}
			run := runShops(t, tool, c.seen, c.shops...)
			slices.Sort(tool.calls)
			if run.State != c.state || !slices.Equal(tool.calls, c.calls) {
				t.Errorf("%s because %q, called %q; want %s, %q", run.State, run.Reason, tool.calls, c.state, c.calls)
			}
		})
	}
}
