package server_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"guardian/internal/server"
)

// guessing is a server that is asked from addresses of the test's choosing.
type guessing struct {
	*server.Server
	now time.Time
	log bytes.Buffer
}

func newGuessing(t *testing.T, trusted ...string) *guessing {
	t.Helper()
	g := &guessing{now: fixedNow()}
	g.Server = newServer(t, secured(), func(o *server.Options) {
		o.Now, o.Log = func() time.Time { return g.now }, slog.New(slog.NewTextHandler(&g.log, nil))
		for _, p := range trusted {
			o.TrustedProxies = append(o.TrustedProxies, netip.MustParsePrefix(p))
		}
	})
	return g
}

// ask sends a token from an address, and gives the status.
func (g *guessing) ask(t *testing.T, from, forwarded, token string) int {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://guardian.example.com/api/v1/services", nil)
	r.RemoteAddr = netip.AddrPortFrom(netip.MustParseAddr(from), 4711).String()
	r.Header.Set("Authorization", "Bearer "+token)
	if forwarded != "" {
		r.Header.Set("X-Forwarded-For", forwarded)
	}
	w := httptest.NewRecorder()
	g.ServeHTTP(w, r)
	if w.Code == http.StatusTooManyRequests && w.Header().Get("Retry-After") == "" {
		t.Error("it is not said when to try again")
	}
	return w.Code
}

func TestGuessesAtTokensAreSlowedAndTold(t *testing.T) {
	g := newGuessing(t)
	if got := g.ask(t, "203.0.113.9", "", "the viewer"); got != 200 {
		t.Fatal(got)
	}
	slowed := 0
	for i := range 100 {
		if g.ask(t, "203.0.113.9", fmt.Sprintf("198.51.100.%d", i), fmt.Sprint("guess ", i)) == http.StatusTooManyRequests { // an address that it makes up does not help
			slowed++
		}
	}
	if slowed != 80 {
		t.Errorf("%d of 100 guesses were slowed", slowed)
	}
	if n := strings.Count(g.log.String(), "guesses at tokens"); n != 1 || !strings.Contains(g.log.String(), "203.0.113.9") || strings.Contains(g.log.String(), "guess 1") {
		t.Errorf("told %d times: %s", n, g.log.String())
	}
	if got := g.ask(t, "203.0.113.9", "", "the admin"); got != http.StatusTooManyRequests {
		t.Errorf("a right guess among many: %d, so that guesses are not slowed at all", got)
	}
	if got := g.ask(t, "203.0.113.9", "", "the viewer"); got != 200 {
		t.Errorf("a program that worked before is locked out: %d", got)
	}
	if got := g.ask(t, "203.0.113.10", "", "the admin"); got != 200 {
		t.Errorf("another address: %d", got)
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "http://guardian.example.com/login", strings.NewReader("token=a+guess"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.RemoteAddr = "203.0.113.9:1"
	w := httptest.NewRecorder()
	if g.ServeHTTP(w, r); w.Code != http.StatusTooManyRequests {
		t.Errorf("a guess on the page: %d", w.Code)
	}
	g.now = g.now.Add(5 * time.Second)
	if got := g.ask(t, "203.0.113.9", "", "the admin"); got != 200 {
		t.Errorf("after a while: %d", got)
	}
}

func TestWhoseGuessItIsBehindAProxy(t *testing.T) {
	g := newGuessing(t, "10.0.0.0/8")
	for i := range 30 {
		g.ask(t, "10.0.0.1", fmt.Sprintf("192.0.2.%d, 203.0.113.9", i), "a guess")
		g.ask(t, "2001:db8:1:2::1", "", "a guess")
	}
	for _, c := range []struct {
		from, forwarded string
		want            int
	}{
		{"10.0.0.1", "203.0.113.9", 429},
		{"10.0.0.2", "203.0.113.9, 10.0.0.1", 429},
		{"10.0.0.1", "203.0.113.10", 200},
		{"203.0.113.9", "", 429},
		{"203.0.113.10", "203.0.113.9", 200}, // no proxy of ours
		{"2001:db8:1:2:ffff::7", "", 429},    // the same network
		{"2001:db8:1:3::1", "", 200},
	} {
		g.now = g.now.Add(time.Millisecond)
		if got := g.ask(t, c.from, c.forwarded, "another guess"); (got == 429) != (c.want == 429) {
			t.Errorf("from %s for %q: %d", c.from, c.forwarded, got)
		}
	}
}

func TestGuessesFromVeryManyAddressesNeedBoundedMemory(t *testing.T) {
	g := newGuessing(t)
	slowed := 0
	for i := range 10_100 {
		if g.ask(t, fmt.Sprintf("10.%d.%d.1", i/250, i%250), "", "a guess") == http.StatusTooManyRequests {
			slowed++
		}
	}
	if slowed != 80 { // the last hundred share one pace
		t.Errorf("%d slowed", slowed)
	}
}

func TestWhoGuessesIsKnownForAnHour(t *testing.T) {
	g := newGuessing(t)
	for range 19 {
		g.ask(t, "203.0.113.7", "", "a guess")
	}
	if got := g.Guessing(); len(got.Addresses) > 0 {
		t.Errorf("after a few wrong tokens: %+v", got)
	}
	for i := range 40 {
		g.ask(t, "203.0.113.8", "", fmt.Sprint(i))
	}
	for range 6 {
		for range 25 {
			g.ask(t, "203.0.113.9", "", "a guess")
		}
		g.now = g.now.Add(5 * time.Minute)
	}
	if got := g.Guessing(); !slices.Equal(got.Addresses, []string{"203.0.113.9", "203.0.113.8"}) || got.Wrong != 6*20+20 {
		t.Errorf("known are %+v", got)
	}
	g.now = g.now.Add(35 * time.Minute)
	if got := g.Guessing(); !slices.Equal(got.Addresses, []string{"203.0.113.9"}) {
		t.Errorf("an hour after the first one's last: %+v", got)
	}
	for i := range 300 {
		for range 20 {
			g.ask(t, fmt.Sprintf("198.51.%d.%d", i/200, i%200), "", "a guess")
		}
	}
	if got := g.Guessing(); len(got.Addresses) > 101 || !slices.Contains(got.Addresses, "many addresses") {
		t.Errorf("%d addresses are kept", len(got.Addresses))
	}
	g.now = g.now.Add(time.Hour)
	if got := g.Guessing(); len(got.Addresses) > 0 || got.Wrong > 0 {
		t.Errorf("an hour later: %+v", got)
	}
}
