package looks_test

import (
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// farm serves all targets, each at an address of its own, from a few local servers.
type farm struct {
	servers []string // http://127.0.0.1:port

	mu       sync.Mutex
	arrivals [][]time.Time // of each target
}

// newFarm serves n targets until the benchmark's end.
func newFarm(b *testing.B, n int) *farm {
	b.Helper()
	f := &farm{arrivals: make([][]time.Time, n)}
	for range 4 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			b.Fatal(err)
		}
		s := &http.Server{Handler: f, ReadHeaderTimeout: 10 * time.Second}
		go func() { _ = s.Serve(l) }()
		b.Cleanup(func() { _ = s.Close() })
		f.servers = append(f.servers, "http://"+l.Addr().String())
	}
	return f
}

// ServeHTTP answers as a health page does.
func (f *farm) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	now := time.Now()
	n, err := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/"))
	if err != nil || n >= len(f.arrivals) {
		http.NotFound(w, r)
		return
	}
	f.mu.Lock()
	f.arrivals[n] = append(f.arrivals[n], now)
	f.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	_, _ = fmt.Fprintf(w, `{"status":"ok","target":%d}`, n)
}

func (f *farm) url(n int) string { return fmt.Sprintf("%s/%d", f.servers[n%len(f.servers)], n) }

// reset forgets all requests.
func (f *farm) reset() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range f.arrivals {
		f.arrivals[i] = nil
	}
}

// looks returns the number of looks at all targets.
func (f *farm) looks() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, at := range f.arrivals {
		n += len(at)
	}
	return n
}

// punctuality returns how many looks of an even schedule are missing, and how late the others came.
// A target's schedule begins as late as it can without any look being early, so that the shortest
// time that a request took to arrive does not count as lateness.
func (f *farm) punctuality(every time.Duration) (lost int, late []time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, at := range f.arrivals {
		if len(at) == 0 {
			lost++
			continue
		}
		// Looks are numbered by the nearest step from the first one.
		first, last, earliest := at[0], 0, time.Duration(0)
		offsets := make([]time.Duration, len(at))
		for i, t := range at {
			step := int((t.Sub(first) + every/2) / every)
			offsets[i] = t.Sub(first) - time.Duration(step)*every
			earliest = min(earliest, offsets[i])
			if missing := step - last - 1; i > 0 && missing > 0 {
				lost += missing
			}
			last = step
		}
		for _, o := range offsets {
			late = append(late, o-earliest)
		}
	}
	slices.Sort(late)
	return lost, late
}
