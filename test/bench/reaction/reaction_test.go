package reaction_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"guardian/test/rig"
)

// place is the service: it records when it answered a look and when it was rolled back.
type place struct {
	mu       sync.Mutex
	bad      bool
	answered time.Time // the last look
	acts     chan step
}

// step is the first step of a rollback as the service saw it.
type step struct {
	at    time.Time
	since time.Duration // the last look was answered
}

func (p *place) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if r.Method == http.MethodPost {
		p.acts <- step{time.Now(), time.Since(p.answered)}
		p.bad = false
		return
	}
	if p.bad {
		w.WriteHeader(http.StatusInternalServerError)
	}
	p.answered = time.Now()
}

// BenchmarkReaction announces bad deploys, with a check every second, on a journal that syncs
// to disk. It measures from the answer to the look that completes the evidence to the first step of the
// rollback, and from the verdict to that. Each deploy has a guardian of its own, because after a history of outages the judge
// needs more evidence.
func BenchmarkReaction(b *testing.B) {
	p := &place{acts: make(chan step, 1)}
	target := httptest.NewServer(p)
	defer target.Close()
	dir := b.TempDir()
	binary, err := rig.BuildPlain(dir)
	if err != nil {
		b.Fatal(err)
	}
	var all, afterVerdict []time.Duration
	for b.Loop() {
		url, stop := serve(b, binary.Path, target.URL)
		post(b, url+"/api/v1/deploys", map[string]any{"service": "shop", "version": fmt.Sprintf("v%d", len(all)+2)})
		p.mu.Lock()
		p.bad = true
		p.mu.Unlock()
		select {
		case s := <-p.acts:
			all = append(all, s.since)
			afterVerdict = append(afterVerdict, s.at.Sub(verdictOf(b, url)))
		case <-time.After(rig.Patience):
			b.Fatalf("no step within %s", rig.Patience)
		}
		waitIdle(b, url)
		stop()
	}
	slices.Sort(all)
	slices.Sort(afterVerdict)
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	b.ReportMetric(ms(all[len(all)/2]), "median-ms")
	b.ReportMetric(ms(all[len(all)-1]), "max-ms")
	b.ReportMetric(ms(afterVerdict[len(all)/2]), "verdict-to-step-median-ms")
	b.ReportMetric(ms(afterVerdict[len(all)-1]), "verdict-to-step-max-ms")
	b.ReportMetric(0, "ns/op") // the pace of the check, not the guardian's
}

func serve(b *testing.B, binary, target string) (url string, stop func()) {
	b.Helper()
	dir := b.TempDir()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	listen := l.Addr().String()
	_ = l.Close()
	config := strings.NewReplacer("LISTEN", listen, "TARGET", target).Replace(`
server: {listen: LISTEN}
services: [{name: shop, watch: {for: 5m, mode: auto}, rollback: back, known_good: [v1]}]
checks: [{name: shop, service: shop, every: 1s, http: {url: "TARGET/"}}]
brake: {max_failing_services: 0}
runbooks:
  - name: back
    cooldown: 0s
    max_runs_per_day: 1000000
    steps: [{webhook: {url: "TARGET/"}}]
    verify: {for: 5s, every: 50ms, successes: 1}
`)
	file := filepath.Join(dir, "guardian.yaml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		b.Fatal(err)
	}
	cmd := exec.Command(binary, "serve", "--config", file, "--log-level", "error")
	var log bytes.Buffer
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	url = "http://" + listen
	for end := time.Now().Add(rig.Patience); ; time.Sleep(20 * time.Millisecond) {
		var a struct{ Data struct{ Result []any } }
		if get(url+"/api/v1/query?query=probe_success", &a) == nil && len(a.Data.Result) == 1 {
			break
		}
		if time.Now().After(end) {
			b.Fatalf("the guardian did not come up:\n%s", log.String())
		}
	}
	return url, func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }
}

func get(url string, into any) error {
	resp, err := http.Get(url)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	return json.NewDecoder(resp.Body).Decode(into)
}

func post(b *testing.B, url string, body any) {
	b.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		b.Fatal(err)
	}
	resp, err := http.Post(url, "application/json", bytes.NewReader(raw))
	if err != nil {
		b.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusCreated {
		b.Fatalf("the hook answered %s", resp.Status)
	}
}

// verdictOf gives when the verdict on the last deploy fell.
func verdictOf(b *testing.B, url string) time.Time {
	b.Helper()
	var a struct{ Watches []struct{ Ended time.Time } }
	if err := get(url+"/api/v1/watches?limit=1", &a); err != nil || len(a.Watches) != 1 || a.Watches[0].Ended.IsZero() {
		b.Fatalf("there is no verdict: %+v, %v", a, err)
	}
	return a.Watches[0].Ended
}

// waitIdle waits until no run is under way.
func waitIdle(b *testing.B, url string) {
	b.Helper()
	for end := time.Now().Add(rig.Patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		var a struct{ Rollbacks []struct{ State string } }
		if get(url+"/api/v1/rollbacks?limit=1", &a) == nil && len(a.Rollbacks) == 1 && a.Rollbacks[0].State == "cured" {
			return
		}
	}
	b.Fatal("the rollback did not end")
}
