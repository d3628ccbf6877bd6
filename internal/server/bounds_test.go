package server_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"

	"guardian/internal/server"
)

// heavyQueries counts how many work at once. Each ends when it is let go.
type heavyQueries struct {
	began, letGo chan struct{}
	working      atomic.Int32
	value        promql.Matrix
}

func (h *heavyQueries) Query(ctx context.Context, expr string, _ time.Time, _ server.QueryOptions) (server.QueryResult, error) {
	h.working.Add(1)
	defer h.working.Add(-1)
	h.began <- struct{}{}
	select {
	case <-h.letGo:
	case <-ctx.Done():
		return server.QueryResult{}, ctx.Err()
	}
	if expr == "nothing" {
		return server.QueryResult{Value: promql.Matrix{}}, nil
	}
	return server.QueryResult{Value: h.value}, nil
}

func (h *heavyQueries) QueryRange(ctx context.Context, expr string, over server.QueryRange, o server.QueryOptions) (server.QueryResult, error) {
	return h.Query(ctx, expr, over.End, o)
}

func manyPoints(series, points int) (all promql.Matrix) {
	floats := make([]promql.FPoint, points)
	for i := range series {
		all = append(all, promql.Series{Metric: labels.FromStrings("id", fmt.Sprint(i)), Floats: floats})
	}
	return all
}

func TestFewQueriesWorkAtOnce(t *testing.T) {
	h := &heavyQueries{began: make(chan struct{}, 200), letGo: make(chan struct{})}
	base := serve(t, busy(), func(o *server.Options) { o.Backend.Queries, o.Queries = h, 2 })
	const all = 140
	got := make(chan answer, all)
	for range all {
		go func() { got <- send(t, base, "GET", "/api/v1/query?query=up", "") }()
	}
	<-h.began
	<-h.began
	for range all - 102 { // two work and a hundred wait: the others are refused at once
		if got := <-got; got.status != http.StatusServiceUnavailable || got.header.Get("Retry-After") == "" {
			t.Errorf("beyond those that may wait: %d %v", got.status, got.header)
		}
	}
	if n := h.working.Load(); n != 2 {
		t.Errorf("%d work at once", n)
	}
	if status := send(t, base, "GET", "/api/v1/services", "").status; status != 200 {
		t.Errorf("another call beside them: %d", status)
	}
	close(h.letGo)
	for range 102 {
		if got := <-got; got.status != 200 {
			t.Errorf("one that waited: %d", got.status)
		}
	}
}

func TestQueriesWithVeryLargeAnswersAreRefused(t *testing.T) {
	h := &heavyQueries{began: make(chan struct{}, 9), letGo: make(chan struct{}), value: manyPoints(400, 10_000)}
	close(h.letGo)
	base := serve(t, busy(), func(o *server.Options) { o.Backend.Queries = h })
	if got := send(t, base, "GET", "/api/v1/query?query=up", ""); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, "larger step") {
		t.Errorf("%d %.200s", got.status, got.body)
	}
	h.value = manyPoints(2, 11_000)
	if got := send(t, base, "GET", "/api/v1/query?query=up", ""); got.status != 200 {
		t.Errorf("an answer as Grafana asks for: %d %.200s", got.status, got.body)
	}
}

func TestWhoeverReadsNoAnswerIsCutOff(t *testing.T) {
	h := &heavyQueries{began: make(chan struct{}, 9), letGo: make(chan struct{}), value: manyPoints(150, 10_000)}
	close(h.letGo)
	// There is room for one answer.
	base := serve(t, busy(), func(o *server.Options) {
		o.Backend.Queries, o.Queries, o.CallTime, o.Unread = h, 1, 2*time.Second, 20<<20
	})
	c := askAndReadNothing(t, base)
	defer func() { _ = c.Close() }()
	<-h.began
	refused := 0
	for end := time.Now().Add(time.Minute); time.Now().Before(end); refused++ {
		go func() { <-h.began }()
		resp, err := http.Get(base + "/api/v1/query?query=up")
		if err != nil {
			continue // this one was slow itself
		}
		_, err = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		if resp.StatusCode == http.StatusOK && err == nil {
			return
		}
	}
	t.Errorf("one that does not read has room for its answer forever; %d others were refused", refused)
}

// TestWhoeverReadsSlowlyKeepsNobodyWaiting: its answer is made, and the next one's turn begins.
func TestWhoeverReadsSlowlyKeepsNobodyWaiting(t *testing.T) {
	h := &heavyQueries{began: make(chan struct{}, 9), letGo: make(chan struct{}), value: manyPoints(150, 10_000)}
	close(h.letGo)
	base := serve(t, busy(), func(o *server.Options) { o.Backend.Queries, o.Queries = h, 1 })
	c := askAndReadNothing(t, base)
	defer func() { _ = c.Close() }()
	<-h.began
	if got := send(t, base, "GET", "/api/v1/query?query=nothing", ""); got.status != 200 {
		t.Fatalf("beside one that reads slowly: %d %.200s", got.status, got.body)
	}
	// It was not cut off for that: all of its answer is there.
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if n, err := io.Copy(io.Discard, resp.Body); err != nil || n < 1<<20 {
		t.Errorf("it read %d bytes: %v", n, err)
	}
}

func askAndReadNothing(t *testing.T, base string) net.Conn {
	t.Helper()
	u, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", u.Host)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(c, "GET /api/v1/query?query=up HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	return c
}
