package app_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"guardian/internal/app"
	"guardian/internal/config"
	"guardian/internal/secret"
	"guardian/probes"
)

// acting starts a guardian that looks at nothing by itself within the test.
func acting(t *testing.T, dir, text string) *app.App {
	t.Helper()
	r := &secret.Redactor{}
	a, err := app.New(t.Context(), app.Options{
		Load: func() (*config.Config, error) { return load(t, dir, text, r) }, Redactor: r, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Stop(context.Background()) })
	for !a.Acting() {
		time.Sleep(5 * time.Millisecond)
	}
	return a
}

func TestAThrottledLookRestsEveryCheckOfItsQuota(t *testing.T) {
	var status atomic.Int64
	var calls atomic.Int64
	status.Store(http.StatusOK)
	shop := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		calls.Add(1)
		w.Header().Set("Content-Type", "application/json")
		if status.Load() == http.StatusOK {
			_, _ = io.WriteString(w, `{"payload":{}}`)
			return
		}
		w.Header().Set("Retry-After", "600")
		w.WriteHeader(int(status.Load()))
		_, _ = io.WriteString(w, `{"errors":[{"code":"QuotaExceeded","message":"You exceeded your quota for the requested resource."}]}`)
	}))
	defer shop.Close()
	dir := t.TempDir()
	// The checks are due in minutes and later: all looks are asked for.
	text := fmt.Sprintf(`
server: {listen: "127.0.0.1:0"}
services: [{name: orders}]
marketplaces: {max_quota_share: 50%%}
checks:
  - {name: one, service: orders, cron: "0 0 1 1 *", labels: {marketplace: amazon, shop: us-1, operation: getOrder}, http: {url: %[1]q}}
  - {name: two, service: orders, cron: "0 0 1 1 *", labels: {marketplace: amazon, shop: us-1, operation: getOrder}, http: {url: %[1]q}}
  - {name: other, service: orders, cron: "0 0 1 1 *", labels: {marketplace: amazon, shop: us-2, operation: getOrder}, http: {url: %[1]q}}
  - {name: front, service: orders, cron: "0 0 1 1 *", labels: {marketplace: amazon, shop: us-1}, http: {url: %[1]q}}
`, shop.URL)
	a := acting(t, dir, text)
	look := func(check string) error {
		_, err := a.LookNow(t.Context(), check)
		return err
	}
	if err := look("one"); err != nil {
		t.Fatalf("a look within the share: %v", err)
	}
	status.Store(http.StatusTooManyRequests)
	if err := look("one"); err != nil {
		t.Fatalf("the look that is throttled: %v", err)
	}
	before := calls.Load()
	for _, check := range []string{"one", "two"} {
		if err := look(check); !errors.Is(err, probes.ErrBudget) || !strings.Contains(err.Error(), "getOrder of amazon, shop us-1 was throttled") {
			t.Errorf("%s after the throttle: %v", check, err)
		}
	}
	if calls.Load() != before {
		t.Error("the marketplace was called although it had said to wait")
	}
	if err := look("other"); err != nil {
		t.Errorf("another shop: %v", err)
	}
	if err := look("front"); err != nil {
		t.Errorf("a check that uses no quota: %v", err)
	}

	// Once the journal has what was looked at, a restart does not fill the budget up again.
	if err := a.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	status.Store(http.StatusOK)
	a = acting(t, dir, text)
	if err := look("one"); !errors.Is(err, probes.ErrBudget) || !strings.Contains(err.Error(), "share of getOrder of amazon, shop us-1 is used") {
		t.Errorf("right after a restart: %v", err)
	}
}

func TestUsageIsInferredOfWhatApplicationsReport(t *testing.T) {
	a := acting(t, t.TempDir(), `
server: {listen: "127.0.0.1:0"}
services: [{name: orders}]
marketplaces: {operations: [{marketplace: lazada, operation: /orders/get, rate: 0.001, burst: 100}]}
`)
	report := func(key, body string, want int) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+a.Addr()+"/api/v1/calls", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Idempotency-Key", key)
		got, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer got.Body.Close()
		if text, _ := io.ReadAll(got.Body); got.StatusCode != want {
			t.Fatalf("%s: %d, want %d: %s", body, got.StatusCode, want, text)
		}
	}
	// value gives the only value of a query, and whether there is one.
	value := func(query string) (v float64, ok bool) {
		t.Helper()
		a.InferUsage()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+a.Addr()+"/api/v1/query?query="+url.QueryEscape(query), nil)
		if err != nil {
			t.Fatal(err)
		}
		got, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer got.Body.Close()
		var answer struct {
			Data struct {
				Result []struct{ Value [2]any }
			}
		}
		if err := json.NewDecoder(got.Body).Decode(&answer); err != nil {
			t.Fatal(err)
		}
		if len(answer.Data.Result) != 1 {
			return 0, false
		}
		_, err = fmt.Sscan(fmt.Sprint(answer.Data.Result[0].Value[1]), &v)
		return v, err == nil
	}
	const used = `marketplace_quota_used_ratio{marketplace="lazada",shop="sg-1",operation="/orders/get",source="inferred"}`
	const unsure = `marketplace_quota_used_uncertainty{marketplace="lazada",shop="sg-1",source="inferred"}`
	of := func(calls, throttled int) string {
		return fmt.Sprintf(`{"marketplace":"lazada","shop":"sg-1","operation":"/orders/get","calls":%d,"throttled":%d}`, calls, throttled)
	}

	if v, ok := value(used); ok {
		t.Errorf("%v is inferred of nothing", v)
	}
	report("1", of(20, 0), http.StatusAccepted)
	v, ok := value(used)
	if u, _ := value(unsure); !ok || v < 0.55 || v > 0.61 || u < 0.39 || u > 0.45 {
		t.Errorf("after 20 calls of 100, of a bucket that nobody knows: %v ± %v, %v; want 0.6 ± 0.4", v, u, ok)
	}
	time.Sleep(2 * time.Millisecond) // a series has one sample in a millisecond
	report("1", of(20, 0), http.StatusAccepted)
	if again, _ := value(used); again > v+0.01 {
		t.Errorf("the same key counted twice: %v, before %v", again, v)
	}
	report("1", of(21, 0), http.StatusUnprocessableEntity)
	time.Sleep(2 * time.Millisecond)
	report("2", of(10, 3), http.StatusAccepted)
	if v, _ := value(used); v < 0.999 {
		t.Errorf("after a throttle %v, want 1", v)
	}
	report("3", `{"marketplace":"lazda","shop":"sg-1","operation":"/orders/get","calls":1}`, http.StatusUnprocessableEntity)
	report("4", `{"marketplace":"temu","shop":"sg-1","operation":"x","calls":1}`, http.StatusUnprocessableEntity)
}
