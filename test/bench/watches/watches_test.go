package watches_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"guardian/internal/app"
	"guardian/internal/config"
	"guardian/internal/secret"
	"guardian/probes"
	"guardian/probes/sample"
)

var (
	count  = flag.Int("watches", 10000, "how many services, each with one check and one open watch")
	length = flag.Duration("length", 30*time.Second, "how long is measured, once all watches are open")
)

// The goals for a guardian with 10,000 watches; they are printed beside the measurements.
const (
	mostCores  = 1.0
	mostMemory = 1 << 30
	mostWait   = 0.1 // seconds, of 99 in 100 samples
)

// always is a probe that is up at no cost, so that only the handling of its results is measured.
type always struct{ looks *atomic.Int64 }

func (a always) Look(context.Context) sample.Observation {
	a.looks.Add(1)
	return sample.Observation{Health: sample.Up}
}

// BenchmarkWatches runs everything but real probes: runner, series, watches, journal on
// disk, API. The measured time begins when all watches are open.
func BenchmarkWatches(b *testing.B) {
	looks := &atomic.Int64{}
	kinds := map[string]probes.Kind{"http": {
		Settings: func() any { return &struct{}{} },
		Build:    func(any, probes.Env) (probes.Probe, error) { return always{looks}, nil },
	}}
	dir := b.TempDir()
	file := filepath.Join(dir, "guardian.yaml")
	if err := os.WriteFile(file, []byte(configuration(*count)), 0o600); err != nil {
		b.Fatal(err)
	}
	redactor := &secret.Redactor{}
	a, err := app.New(b.Context(), app.Options{
		Load: func() (*config.Config, error) {
			c, err := config.Load(file, config.Options{Probes: kinds, Redactor: redactor})
			if err == nil {
				c.Storage.Path = filepath.Join(dir, "data")
			}
			return c, err
		},
		Probes: kinds, Redactor: redactor, Log: slog.New(slog.NewTextHandler(b.Output(), &slog.HandlerOptions{Level: slog.LevelWarn})), Version: "bench",
	})
	if err != nil {
		b.Fatal(err)
	}
	if err := a.Start(b.Context()); err != nil {
		b.Fatal(err)
	}
	defer func() {
		if err := a.Stop(context.Background()); err != nil {
			b.Error(err)
		}
	}()
	url := "http://" + a.Addr()
	ready(b, url)
	debug.SetGCPercent(app.GCPercent) // as guardian serve does
	opened := time.Now()
	open(b, url, *count)
	b.Logf("%d watches opened in %s", *count, time.Since(opened).Round(time.Millisecond))
	debug.FreeOSMemory()

	for b.Loop() {
		measure(b, url, looks)
	}
}

func measure(b *testing.B, url string, looks *atomic.Int64) {
	b.Helper()
	before, used, seen, began := reactions(b, url), processor(), looks.Load(), time.Now()
	most := uint64(0)
	for time.Since(began) < *length {
		time.Sleep(time.Second)
		most = max(most, resident(b))
	}
	took := time.Since(began).Seconds()
	cores := (processor() - used).Seconds() / took
	rate := float64(looks.Load()-seen) / took
	p99 := quantile(before, reactions(b, url), 0.99)
	b.ReportMetric(cores, "cores")
	b.ReportMetric(float64(most)/(1<<20), "MiB")
	b.ReportMetric(p99*1000, "p99-ms")
	b.ReportMetric(rate, "results/s")
	b.ReportMetric(0, "ns/op")
	b.Logf("%d watches: %.2f cores (wanted: under %.0f), %d MiB (under %d), 99 in 100 samples judged within %.0f ms (under %.0f), %.0f results a second",
		*count, cores, mostCores, most>>20, mostMemory>>20, p99*1000, mostWait*1000, rate)
}

func configuration(n int) string {
	var b strings.Builder
	b.WriteString("server: {listen: \"127.0.0.1:0\", limits: {series: 200000}}\nservices:\n")
	for i := range n {
		fmt.Fprintf(&b, "  - {name: s%d, watch: {for: 2h, mode: observe}}\n", i)
	}
	b.WriteString("checks:\n")
	for i := range n {
		fmt.Fprintf(&b, "  - {name: c%d, service: s%d, every: 1s, http: {}}\n", i, i)
	}
	return b.String()
}

func ready(b *testing.B, url string) {
	b.Helper()
	for end := time.Now().Add(3 * time.Minute); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		resp, err := http.Get(url + "/api/v1/status")
		if err != nil {
			continue
		}
		var s struct{ Role string }
		err = json.NewDecoder(resp.Body).Decode(&s)
		_ = resp.Body.Close()
		if err == nil && strings.EqualFold(s.Role, "active") {
			return
		}
	}
	b.Fatal("the guardian does not act within a minute")
}

// open announces a deploy of each service.
func open(b *testing.B, url string, n int) {
	b.Helper()
	client := &http.Client{Timeout: time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: 4}}
	defer client.CloseIdleConnections()
	next := make(chan int)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for i := range next {
				body := fmt.Sprintf(`{"service": "s%d", "version": "v2"}`, i)
				resp, err := client.Post(url+"/api/v1/deploys", "application/json", bytes.NewReader([]byte(body)))
				if err != nil {
					b.Error(err)
					continue
				}
				said, _ := io.ReadAll(resp.Body)
				_ = resp.Body.Close()
				if resp.StatusCode != http.StatusCreated {
					b.Errorf("s%d: the hook answered %s %s", i, resp.Status, said)
				}
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	all.Wait()
	if b.Failed() {
		b.FailNow()
	}
}

// processor returns the processor time that this process has used.
func processor() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// resident returns the resident memory of this process, in bytes.
func resident(b *testing.B) uint64 {
	b.Helper()
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.Sys
	}
	var size, pages uint64
	if _, err := fmt.Sscan(string(text), &size, &pages); err != nil {
		b.Fatal(err)
	}
	return pages * uint64(os.Getpagesize())
}

// reactions reads the guardian's own histogram of the time from a sample's arrival to its
// judgement: by upper bound in seconds, how many took at most as long.
func reactions(b *testing.B, url string) map[float64]float64 {
	b.Helper()
	resp, err := http.Get(url + "/metrics")
	if err != nil {
		b.Fatal(err)
	}
	defer resp.Body.Close()
	found := map[float64]float64{}
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		var bound string
		var n float64
		if k, _ := fmt.Sscanf(lines.Text(), "guardian_decision_duration_seconds_bucket{le=%q} %g", &bound, &n); k != 2 {
			continue
		}
		v, err := strconv.ParseFloat(bound, 64)
		if err != nil {
			b.Fatal(err)
		}
		found[v] = n
	}
	if len(found) == 0 {
		b.Fatal("the guardian does not show guardian_decision_duration_seconds")
	}
	return found
}

// quantile returns the upper bound of the bucket in which a quantile lies, for the observations
// between two readings.
func quantile(before, after map[float64]float64, q float64) float64 {
	all := after[math.Inf(1)] - before[math.Inf(1)]
	for _, bound := range slices.Sorted(maps.Keys(after)) {
		if after[bound]-before[bound] >= q*all {
			return bound
		}
	}
	return math.Inf(1)
}
