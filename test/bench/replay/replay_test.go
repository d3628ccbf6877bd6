package replay_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"

	"guardian/internal/config"
	"guardian/internal/replay"
	"guardian/internal/series"
	"guardian/internal/store"
	"guardian/probes"
	"guardian/watch"
)

const (
	days   = 30
	checks = 200
	every  = 15 * time.Second
)

var epoch = time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)

func shop(i int) string { return fmt.Sprintf("shop-%d", i%20) }

// BenchmarkReplay prints the time that one replay takes, which must be under three minutes
// on two cores.
func BenchmarkReplay(b *testing.B) {
	dir := os.Getenv("GUARDIAN_BENCH_DATA")
	if dir == "" {
		dir = b.TempDir()
	}
	if _, err := os.Stat(filepath.Join(dir, "guardian.yaml")); err != nil {
		began := time.Now()
		write(b, dir)
		b.Logf("writing the data set took %s", time.Since(began).Round(time.Second))
	}
	c, err := config.Load(filepath.Join(dir, "guardian.yaml"), config.Options{})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		began := time.Now()
		samples, err := series.OpenReader(b.Context(), filepath.Join(dir, "series"), nil)
		if err != nil {
			b.Fatal(err)
		}
		journal, err := store.Open(b.Context(), store.Options{Path: filepath.Join(dir, "journal.db"), ReadOnly: true})
		if err != nil {
			b.Fatal(err)
		}
		report, err := replay.Run(b.Context(), replay.Options{
			Config: c, Kinds: probes.Builtin(), Samples: samples, Journal: journal, From: epoch, To: epoch.Add(days * 24 * time.Hour),
		})
		if err != nil {
			b.Fatal(err)
		}
		b.Logf("%s: %d evaluations, %d alerts, %d watches, %d notices", time.Since(began).Round(time.Second), report.Evaluations, len(report.Alerts), len(report.Watches), len(report.Notices))
		if len(report.Alerts) == 0 || len(report.Watches) != days {
			b.Errorf("%d alerts and %d watches: the replay has seen nothing", len(report.Alerts), len(report.Watches))
		}
		_, _ = samples.Close(), journal.Close()
	}
}

// write makes the data set: a block for each day, and a journal with a deploy each day.
func write(b *testing.B, dir string) {
	b.Helper()
	for _, sub := range []string{"series", "rules"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o750); err != nil {
			b.Fatal(err)
		}
	}
	var wg sync.WaitGroup
	next := make(chan int)
	errs := make(chan error, days)
	for range 2 {
		wg.Go(func() {
			for day := range next {
				errs <- writeDay(b.Context(), filepath.Join(dir, "series"), day)
			}
		})
	}
	for day := range days {
		next <- day
	}
	close(next)
	wg.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			b.Fatal(err)
		}
	}
	writeJournal(b, dir)
	writeConfig(b, dir)
}

// writeDay writes the looks of a day. One look in five hundred fails, and each check has an
// outage of some minutes each few days.
func writeDay(ctx context.Context, dir string, day int) error {
	length := 24 * time.Hour
	w, err := tsdb.NewBlockWriter(slog.New(slog.DiscardHandler), dir, length.Milliseconds())
	if err != nil {
		return err
	}
	defer w.Close()
	r := rand.New(rand.NewPCG(uint64(day), 1))
	names := []string{"probe_success", "probe_unknown", "probe_duration_seconds"}
	sets := make([][3]labels.Labels, checks)
	refs := make([][3]storage.SeriesRef, checks)
	outage := make([][2]time.Duration, checks)
	phase := make([]time.Duration, checks)
	for i := range checks {
		for k, name := range names {
			sets[i][k] = labels.FromStrings("__name__", name, "check", fmt.Sprintf("c-%d", i), "kind", "tcp", "service", fmt.Sprintf("s-%d", i%20), "shop", shop(i))
		}
		phase[i] = time.Duration(r.IntN(int(every/time.Millisecond))) * time.Millisecond
		if r.IntN(3) == 0 {
			from := time.Duration(r.IntN(23*60)) * time.Minute
			outage[i] = [2]time.Duration{from, from + time.Duration(3+r.IntN(20))*time.Minute}
		}
	}
	app := w.Appender(ctx)
	begin := epoch.Add(time.Duration(day) * length)
	for n, at := 0, time.Duration(0); at < length; n, at = n+1, at+every {
		for i := range checks {
			t := begin.Add(at + phase[i]).UnixMilli()
			up := 1.0
			if at >= outage[i][0] && at < outage[i][1] || r.IntN(500) == 0 {
				up = 0
			}
			values := [3]float64{up, 0, 0.1 + r.Float64()/10}
			for k := range names {
				if refs[i][k], err = app.Append(refs[i][k], sets[i][k], t, values[k]); err != nil {
					return err
				}
			}
		}
		if n%40 == 39 {
			if err := app.Commit(); err != nil {
				return err
			}
			app = w.Appender(ctx)
		}
	}
	if err := app.Commit(); err != nil {
		return err
	}
	_, err = w.Flush(ctx)
	return err
}

func writeJournal(b *testing.B, dir string) {
	b.Helper()
	j, err := store.Open(b.Context(), store.Options{Path: filepath.Join(dir, "journal.db")})
	if err != nil {
		b.Fatal(err)
	}
	defer j.Close()
	l, _, err := j.Acquire(b.Context(), "bench", "", time.Hour)
	if err != nil {
		b.Fatal(err)
	}
	var batch store.Batch
	for day := range days {
		at := epoch.Add(time.Duration(day)*24*time.Hour + 10*time.Hour)
		batch.Deploys = append(batch.Deploys, watch.Deploy{
			ID: fmt.Sprintf("d_%02d", day), Service: fmt.Sprintf("s-%d", day%20), Environment: "production", Version: fmt.Sprintf("v%d", day),
			Kind: watch.Code, Reversible: true, At: at, Announced: at,
		})
	}
	if err := j.Commit(b.Context(), l.Token, batch); err != nil {
		b.Fatal(err)
	}
}

func writeConfig(b *testing.B, dir string) {
	b.Helper()
	var c, r strings.Builder
	c.WriteString("storage: {path: .}\nservices:\n")
	for i := range 20 {
		fmt.Fprintf(&c, "  - {name: s-%d}\n", i)
	}
	c.WriteString("checks:\n")
	for i := range checks {
		fmt.Fprintf(&c, "  - {name: c-%d, service: s-%d, every: 15s, labels: {shop: %s}, tcp: {address: \"127.0.0.1:1\"}}\n", i, i%20, shop(i))
	}
	c.WriteString("rules: [rules/*.yaml]\nreceivers:\n  - {name: oncall, webhook: {url: \"http://127.0.0.1:1/\"}}\nroutes: {receiver: oncall}\n")
	r.WriteString("groups:\n- name: all\n  interval: 1m\n  rules:\n")
	rule := func(format string, args ...any) { fmt.Fprintf(&r, format, args...) }
	for i := range 5 {
		rule("  - record: shop:success:rate%dm\n    expr: avg by (shop) (avg_over_time(probe_success[%dm]))\n", 5*(i+1), 5*(i+1))
		rule("  - alert: ShopLow%d\n    expr: shop:success:rate%dm < 0.%d\n    for: 2m\n    labels: {tier: critical}\n", i, 5*(i+1), 95-i)
	}
	for i := range 15 {
		rule("  - alert: Down%d\n    expr: probe_success == 0\n    for: %dm\n    labels: {tier: warning}\n    annotations: {summary: \"{{ $labels.check }} is down\"}\n", i, i+1)
	}
	for i := range 10 {
		rule("  - alert: Flaky%d\n    expr: avg_over_time(probe_success[%dm]) < 0.8\n    labels: {tier: warning}\n", i, i+3)
	}
	for i := range 10 {
		rule("  - alert: Slow%d\n    expr: avg by (service) (probe_duration_seconds) > 0.%d\n    for: 5m\n", i, i+2)
	}
	for i := range 5 {
		rule("  - alert: Shop%d\n    expr: count by (shop) (probe_success{shop=~\"shop-%d.*\"} == 0) > 3\n    for: 1m\n", i, i)
	}
	for name, text := range map[string]string{"guardian.yaml": c.String(), "rules/all.yaml": r.String()} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			b.Fatal(err)
		}
	}
}
