package hostile

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// shop is what is looked at, and who is told.
type shop struct {
	server *httptest.Server
	scrape atomic.Int64 // how often the exporter was read

	mu     sync.Mutex
	down   map[int]bool
	heard  map[string]time.Time // of each check, when people were first told that it is down
	over   map[string]bool      // of each check, that they were told that it is up again
	events map[string][]string  // of each check, all that they were told
	faults map[string]int       // of each notice of the guardian's own faults, how often
}

func newShop(tb testing.TB) *shop {
	tb.Helper()
	s := &shop{down: map[int]bool{}, faults: map[string]int{}}
	s.forget()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /check/{n}", s.check)
	mux.HandleFunc("GET /exporter", s.exporter)
	mux.HandleFunc("POST /told", s.told)
	s.server = httptest.NewServer(mux)
	tb.Cleanup(func() {
		s.server.CloseClientConnections()
		s.server.Close()
	})
	return s
}

func (s *shop) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.heard, s.over, s.events = map[string]time.Time{}, map[string]bool{}, map[string][]string{}
}

func (s *shop) set(n int, down bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down[n] = down
}

func (s *shop) check(w http.ResponseWriter, r *http.Request) {
	n, _ := strconv.Atoi(r.PathValue("n"))
	s.mu.Lock()
	down := s.down[n]
	s.mu.Unlock()
	if down {
		http.Error(w, "out of order", http.StatusInternalServerError)
		return
	}
	_, _ = io.WriteString(w, "ok\n")
}

// exporter shows other series at each scrape.
func (s *shop) exporter(w http.ResponseWriter, _ *http.Request) {
	n := s.scrape.Add(1)
	w.Header().Set("Content-Type", "text/plain; version=0.0.4")
	for i := range 1900 {
		_, _ = fmt.Fprintf(w, "queue_depth{item=\"%d-%d\",noise=\"%s\"} %d\n", n, i, strings.Repeat("n", 200), rand.IntN(9)) //nolint:gosec // any number will do
	}
}

func (s *shop) told(_ http.ResponseWriter, r *http.Request) {
	now := time.Now()
	var body struct {
		Event  string
		Labels map[string]string
	}
	text, _ := io.ReadAll(r.Body)
	_ = json.Unmarshal(text, &body)
	s.mu.Lock()
	defer s.mu.Unlock()
	name := body.Labels["check"]
	s.events[name] = append(s.events[name], now.Format(time.TimeOnly)+" "+body.Event)
	switch {
	case name == "":
	case body.Event == "resolved":
		s.over[name] = true
	case s.heard[name].IsZero():
		s.heard[name] = now
	}
	if strings.Contains(string(text), "series of source") {
		s.faults[string(text)]++
	}
}

// when gives when people were told of a check; false: they were not.
func (s *shop) when(check string) (time.Time, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := s.heard[check]
	return at, !at.IsZero()
}

func (s *shop) isOver(check string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.over[check]
}

// untold lists what was told of the checks of which something is missing.
func (s *shop) untold(checks []int) (all []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range checks {
		if name := fmt.Sprintf("c%d", n+1); s.heard[name].IsZero() || !s.over[name] {
			all = append(all, fmt.Sprintf("%s (down: %t): %v", name, s.down[n+1], s.events[name]))
		}
	}
	return all
}

func (s *shop) toldOfWriter() (all []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for text, n := range s.faults {
		for range n {
			all = append(all, text)
		}
	}
	return all
}
