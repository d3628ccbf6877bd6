package rules_test

import (
	"bufio"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"guardian/test/promapi"
	"guardian/test/rig"
)

var (
	count  = flag.Int("rules", 1000, "how many rules, over half as many series, evaluated every 5 s")
	length = flag.Duration("length", time.Minute, "how long each rate of writes is measured, with rules and without")
)

// The goals for a guardian, as shares of the processor time that the rules take in Prometheus. They
// are printed beside the measurements.
const (
	mostSeldom = 0.7 // with a write as often as the rules are evaluated
	mostOften  = 1.4 // with ten and with fifty writes a second
)

// BenchmarkBesidePrometheus writes the same samples to a guardian and to a Prometheus, which run at
// once. What a process without rules takes with the same writes is no cost of the rules.
func BenchmarkBesidePrometheus(b *testing.B) {
	binary, err := rig.BuildPlain(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	f := factory{rules: *count, series: *count / 2}
	for b.Loop() {
		for _, every := range []time.Duration{5 * time.Second, 100 * time.Millisecond, 20 * time.Millisecond} {
			pair := func(rules string) cost {
				g := rig.New(b, binary, f.guardian(), map[string]string{"rules.yaml": rules})
				g.Level = "error"
				p := promapi.Start(b, f.prometheus(b, rules))
				g.Start()
				defer p.Kill()
				defer g.Kill()
				return measure(b, f, every, g, p)
			}
			without := pair("groups: []\n")
			with := pair(f.file())
			ours, theirs := with.ours-without.ours, with.theirs-without.theirs
			most := mostOften
			if every >= time.Second {
				most = mostSeldom
			}
			ratio := ours.Seconds() / theirs.Seconds()
			b.ReportMetric(ratio, fmt.Sprintf("of-theirs-at-%g/s", 1/every.Seconds()))
			b.Logf("%d rules over %d series every 5 s, a write of all series every %s: the rules take %.2f%% of a processor where those of Prometheus take %.2f%%: %.2f (wanted: at most %.2f); "+
				"%.0f queries a second where the interval asks for %.0f; without rules %.2f%% and %.2f%%",
				f.rules, f.series, every, percent(ours), percent(theirs), ratio, most, with.queries, float64(f.rules)/5, percent(without.ours), percent(without.theirs))
		}
		b.ReportMetric(0, "ns/op") // the pace of the writes, not the guardian's
	}
}

// percent of a processor over the time that is measured.
func percent(d time.Duration) float64 { return 100 * d.Seconds() / length.Seconds() }

// cost is the processor time of both while they are measured.
type cost struct {
	ours, theirs time.Duration
	queries      float64 // of the guardian, a second
}

// measure writes for a while before it measures.
func measure(b *testing.B, f factory, every time.Duration, g *rig.Guardian, p *promapi.Prometheus) cost {
	b.Helper()
	w := newWriter(b, f, []string{g.URL + "/api/v1/write", p.URL + "/api/v1/write"})
	w.write(every, 20*time.Second)
	used := func() (c cost) {
		var err error
		if c.ours, err = g.CPU(); err != nil {
			b.Skipf("no /proc as Linux has it: %v", err)
		}
		if c.theirs, err = p.CPU(); err != nil {
			b.Skipf("no /proc as Linux has it: %v", err)
		}
		c.queries = value(b, g.URL, queries)
		return c
	}
	before := used()
	w.write(every, *length)
	after := used()
	return cost{ours: after.ours - before.ours, theirs: after.theirs - before.theirs, queries: (after.queries - before.queries) / length.Seconds()}
}

// BenchmarkQueries counts the queries of 100 rules over 200 checks that look every 15 s, which is
// the interval of the rules too.
func BenchmarkQueries(b *testing.B) {
	const checks, rules, mostQueries = 200, 100, 1200
	binary, err := rig.BuildPlain(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	target := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer target.Close()
	var config, file strings.Builder
	config.WriteString("server: {listen: LISTEN}\nevaluation_interval: 15s\nrules: [rules.yaml]\nservices: [{name: s}]\nchecks:\n")
	for i := range checks {
		fmt.Fprintf(&config, "  - {name: c%d, service: s, every: 15s, http: {url: %q}}\n", i, target.URL)
	}
	file.WriteString("groups:\n- name: g\n  rules:\n")
	for i := range rules {
		if i%2 == 0 {
			fmt.Fprintf(&file, "  - {alert: Down%d, expr: 'probe_success{check=\"c%d\"} == 0', labels: {tier: critical}}\n", i, i)
		} else {
			fmt.Fprintf(&file, "  - {alert: Slow%d, expr: 'avg_over_time(probe_duration_seconds[1m]) > %d'}\n", i, i)
		}
	}
	for b.Loop() {
		g := rig.New(b, binary, config.String(), map[string]string{"rules.yaml": file.String()})
		g.Level = "error"
		g.Start()
		time.Sleep(30 * time.Second)
		before := value(b, g.URL, queries)
		time.Sleep(*length)
		n := (value(b, g.URL, queries) - before) / length.Minutes()
		g.Kill()
		b.ReportMetric(n, "queries/min")
		b.ReportMetric(0, "ns/op")
		b.Logf("%d checks every 15 s, %d rules: %.0f queries a minute (wanted: at most %d) where the interval asks for %d", checks, rules, n, mostQueries, 4*rules)
	}
}

// queries counts the guardian's queries, those of its rules included.
const queries = `guardian_prometheus_engine_query_duration_seconds_count{slice="inner_eval"}`

// value reads one of the guardian's own metrics.
func value(b *testing.B, url, metric string) float64 {
	b.Helper()
	resp, err := http.Get(url + "/metrics")
	if err != nil {
		b.Fatal(err)
	}
	defer resp.Body.Close()
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		text, ok := strings.CutPrefix(lines.Text(), metric+" ")
		if !ok {
			continue
		}
		v, err := strconv.ParseFloat(text, 64)
		if err != nil {
			b.Fatal(err)
		}
		return v
	}
	b.Fatalf("the guardian does not show %s", metric)
	return 0
}
