package hostile

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// expressions ask for as much as they can.
func expressions() []string {
	return []string{
		`{__name__=~".+"}`,
		`count by (__name__, order, instance) ({__name__=~".+"})`,
		`ext_orders * on (order) group_left ext_orders`,
		`ext_orders * on () group_left () topk(1, ext_orders)`,
		`sum by (order) (rate({__name__=~"ext_.*"}[1h]))`,
		`quantile_over_time(0.9, {__name__=~"ext_.*|probe_.*"}[1h:1s])`,
		`label_replace({__name__=~".*"}, "copy", "$1$1$1$1", "text", "(.*)")`,
		`{__name__=~"(a|b|c|d|e|.*)*(x+x+)+y|.*"}`,
		`sort_desc(max_over_time({__name__=~".+"}[24h]))`,
		`count_values("v", {__name__=~".+"}) and on () (probe_success == probe_success)`,
	}
}

// asked is how one query was answered.
type asked struct {
	kind   string
	status int // 0: no answer
	took   time.Duration
}

// ask asks everything at once, n at a time, for as long as ctx lasts, and waits for the answers: each expression
// as an instant query, a range query and by POST.
func ask(ctx context.Context, base string, n int) (answers []asked) {
	var mu sync.Mutex
	var all sync.WaitGroup
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: n}}
	defer client.CloseIdleConnections()
	for i := range n {
		all.Go(func() {
			for k := i; k == i || ctx.Err() == nil; k++ {
				one := query(context.WithoutCancel(ctx), client, base, k)
				mu.Lock()
				answers = append(answers, one)
				mu.Unlock()
				if one.status == http.StatusServiceUnavailable { // as it says: again in a few seconds
					time.Sleep(time.Second)
				}
			}
		})
	}
	all.Wait()
	return answers
}

func query(ctx context.Context, client *http.Client, base string, k int) asked {
	expr := expressions()[k%len(expressions())]
	now := time.Now()
	v := url.Values{"query": {expr}}
	kind, path := "instant", "/api/v1/query"
	if k%3 > 0 {
		kind, path = "range", "/api/v1/query_range"
		v.Set("start", fmt.Sprint(now.Add(-3*time.Hour).Unix()))
		v.Set("end", fmt.Sprint(now.Unix()))
		v.Set("step", "1")
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+path+"?"+v.Encode(), nil)
	if k%2 == 1 {
		kind += ", POST"
		req, err = http.NewRequestWithContext(ctx, http.MethodPost, base+path, strings.NewReader(v.Encode()))
	}
	if err != nil {
		return asked{kind: kind}
	}
	if k%2 == 1 {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	resp, err := client.Do(req)
	if err != nil {
		return asked{kind: kind, took: time.Since(now)}
	}
	_, err = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	status := resp.StatusCode
	if err != nil {
		status = 0
	}
	return asked{kind, status, time.Since(now)}
}

// idle opens connections that do nothing: half of them have asked for something before. It gives how many the
// guardian has taken.
func idle(ctx context.Context, base string, n int) int {
	at := strings.TrimPrefix(base, "http://")
	opened := 0
	for i := range n {
		c, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, "tcp", at)
		if err != nil {
			continue
		}
		context.AfterFunc(ctx, func() { _ = c.Close() })
		opened++
		if i%2 == 0 {
			_, _ = io.WriteString(c, "GET /-/healthy HTTP/1.1\r\nHost: localhost\r\n\r\n")
		}
	}
	return opened
}

// slow asks for large answers and reads a byte of them each second.
func slow(ctx context.Context, base string, n int) {
	at := strings.TrimPrefix(base, "http://")
	for range n {
		go func() {
			for ctx.Err() == nil {
				readSlowly(ctx, at)
			}
		}()
	}
}

func readSlowly(ctx context.Context, at string) {
	c, err := (&net.Dialer{}).DialContext(ctx, "tcp", at)
	if err != nil {
		time.Sleep(time.Second)
		return
	}
	defer c.Close()
	defer context.AfterFunc(ctx, func() { _ = c.Close() })()
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetReadBuffer(4 << 10)
	}
	_, _ = io.WriteString(c, "GET /api/v1/query?query="+url.QueryEscape(`{__name__=~"ext_o.*|probe_.*"}`)+" HTTP/1.1\r\nHost: localhost\r\n\r\n")
	for b := make([]byte, 1); ; time.Sleep(time.Second) {
		if _, err := c.Read(b); err != nil {
			return
		}
	}
}

// summary is how the queries of a kind were answered.
func summary(answers []asked) string {
	type sum struct {
		n    map[int]int
		most map[int]time.Duration
	}
	kinds := map[string]*sum{}
	for _, a := range answers {
		s := kinds[a.kind]
		if s == nil {
			s = &sum{map[int]int{}, map[int]time.Duration{}}
			kinds[a.kind] = s
		}
		s.n[a.status]++
		s.most[a.status] = max(s.most[a.status], a.took)
	}
	var b strings.Builder
	b.WriteString("| queries | answers (status: how many, the longest) |\n|---|---|\n")
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		s, parts := kinds[kind], []string(nil)
		for _, status := range slices.Sorted(maps.Keys(s.n)) {
			parts = append(parts, fmt.Sprintf("%d: %d, %.1f s", status, s.n[status], s.most[status].Seconds()))
		}
		fmt.Fprintf(&b, "| %s | %s |\n", kind, strings.Join(parts, "; "))
	}
	return b.String()
}
