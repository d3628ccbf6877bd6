package app_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"guardian/internal/app"
	"guardian/internal/config"
	"guardian/internal/secret"
	"guardian/internal/server"
	"guardian/watch"
)

// orderServer speaks Prometheus' API and has one counter of orders and one of those that
// were lost, since a time: one in five from then on.
func orderServer(t *testing.T, begin, lostSince time.Time) *httptest.Server {
	t.Helper()
	moment := func(text string) float64 {
		v, err := strconv.ParseFloat(text, 64)
		if err != nil {
			t.Errorf("asked at %q", text)
		}
		return v
	}
	value := func(query string, at float64) string {
		since := begin
		each := 1.0
		if strings.Contains(query, "lost") {
			since, each = lostSince, 0.2
		}
		return strconv.FormatFloat(max(0, each*(at-float64(since.Unix()))), 'f', -1, 64)
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		query, kind := r.FormValue("query"), "vector"
		one := map[string]any{"metric": map[string]string{"instance": "a"}}
		if strings.HasSuffix(r.URL.Path, "_range") {
			kind = "matrix"
			var values [][2]any
			for at := moment(r.FormValue("start")); at <= moment(r.FormValue("end")); at += moment(r.FormValue("step")) {
				values = append(values, [2]any{at, value(query, at)})
			}
			one["values"] = values
		} else {
			at := moment(r.FormValue("time"))
			one["value"] = [2]any{at, value(query, at)}
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"status": "success", "data": map[string]any{"resultType": kind, "result": []any{one}}})
	}))
	t.Cleanup(s.Close)
	return s
}

func TestADeployIsJudgedOnTheCountersOfAnotherServer(t *testing.T) {
	start := time.Date(2026, 11, 2, 8, 0, 0, 0, time.UTC)
	prometheus := orderServer(t, start.Add(-24*time.Hour), start.Add(10*time.Minute))
	text := fmt.Sprintf(`
server: {listen: "127.0.0.1:0", timezone: UTC}
services: [{name: stock, watch: {for: 30m, mode: observe, metrics: [{name: orders, failures: sum(lost_total), total: sum(orders_total), source: team}]}}]
rule_sources: [{name: team, server: %q}]
`, prometheus.URL)
	dir, r, c := t.TempDir(), &secret.Redactor{}, newClock(start)
	a, err := app.New(t.Context(), app.Options{
		Load: func() (*config.Config, error) { return load(t, dir, text, r) }, Redactor: r, Now: c.now, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	s := app.Stepped{App: a}
	if err := s.Begin(t.Context()); err != nil {
		t.Fatal(err)
	}
	opened, err := s.Backend().Deploys.Announce(t.Context(), server.DeployRequest{Service: "stock", Version: "v2"}, server.Caller{Name: "ci", Role: server.Deployer})
	if err != nil {
		t.Fatal(err)
	}
	for second := 0; second < 20*60; second += 15 {
		c.set(start.Add(time.Duration(second) * time.Second))
		s.TickWatches()
	}
	w, err := s.Backend().Watches.Watch(t.Context(), opened.Watch.ID, 0)
	if err != nil || w.State != watch.Failed || w.Verdict.Cause != "orders" {
		t.Fatalf("%s %s, %v; want failed by orders", w.State, w.Reason, err)
	}
	if took := w.Ended.Sub(start.Add(10 * time.Minute)); took <= 0 || took > 3*time.Minute {
		t.Errorf("found %s after it began", took)
	}
	if e := w.Evidence[0]; e.Before.Looks < 10_000 || e.Before.Failures != 0 {
		t.Errorf("before the deploy %+v, want hours of orders", e.Before)
	}
	if err := a.Stop(context.Background()); err != nil {
		t.Fatal(err)
	}
}
