package notify_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/prometheus/prompb"

	"guardian/test/beside"
	"guardian/test/promapi"
	"guardian/test/rig"
)

var rate = flag.Int("rate", 100, "alerts a second, each a group of its own")

// Each series fires for a while in each cycle. After three cycles its alert would come and go too
// often to be told each time.
const (
	cycles = 3
	cycle  = 10 * time.Second
	fires  = 4 * time.Second
	parts  = 10 // targets, and groups of rules, beside an Alertmanager
)

// shop is what is measured: series that are 1 while their alert is to fire. It shows them as a
// target of scrapes, and takes the messages about them.
type shop struct {
	mu    sync.Mutex
	on    []time.Time                // since when each fires; zero: not
	heard map[string]map[int]bool    // by program, of this cycle
	late  map[string][]time.Duration // by program, how long each message took
	lost  map[string]int             // messages that did not come while the alert fired
}

func newShop(programs ...string) *shop {
	s := &shop{on: make([]time.Time, *rate*int(cycle/time.Second)), heard: map[string]map[int]bool{}, late: map[string][]time.Duration{}, lost: map[string]int{}}
	for _, p := range programs {
		s.heard[p] = map[int]bool{}
	}
	return s
}

// ServeHTTP answers scrapes, and takes messages at /program.
func (s *shop) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet {
		s.scrape(w, r.URL.Query().Get("part"))
		return
	}
	var body struct {
		Alerts []struct {
			Status string
			Labels map[string]string
		}
	}
	_ = json.NewDecoder(r.Body).Decode(&body)
	now, program := time.Now(), strings.TrimPrefix(r.URL.Path, "/")
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range body.Alerts {
		var i int
		if _, err := fmt.Sscan(a.Labels["item"], &i); err != nil || a.Status != "firing" || s.on[i].IsZero() || s.heard[program][i] {
			continue
		}
		s.heard[program][i] = true
		s.late[program] = append(s.late[program], now.Sub(s.on[i]))
	}
}

// scrape shows the series of a part.
func (s *shop) scrape(w io.Writer, part string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var b bytes.Buffer
	b.WriteString("# TYPE stuck gauge\n")
	for i, since := range s.on {
		if fmt.Sprint(i%parts) != part {
			continue
		}
		v := 0
		if !since.IsZero() {
			v = 1
		}
		fmt.Fprintf(&b, "stuck{item=\"%d\",part=\"%d\"} %d\n", i, i%parts, v)
	}
	_, _ = w.Write(b.Bytes())
}

// run lets the alerts begin and end. changed is called for each change, if it is set.
func (s *shop) run(changed func(item int, value float64)) {
	pause := time.Second / time.Duration(*rate)
	off := int(fires / pause)
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for n := range cycles*len(s.on) + off {
		if n < cycles*len(s.on) {
			s.set(n%len(s.on), time.Now(), changed)
		}
		if n >= off {
			s.set((n-off)%len(s.on), time.Time{}, changed)
		}
		<-tick.C
	}
}

func (s *shop) set(i int, since time.Time, changed func(int, float64)) {
	s.mu.Lock()
	value := 1.0
	if since.IsZero() {
		value = 0
		for program, heard := range s.heard {
			if !heard[i] {
				s.lost[program]++
			}
			delete(heard, i)
		}
	}
	s.on[i] = since
	s.mu.Unlock()
	if changed != nil {
		changed(i, value)
	}
}

// quantile of how long the messages of a program took, in milliseconds.
func (s *shop) quantile(program string, q float64) float64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := slices.Sorted(slices.Values(s.late[program]))
	if len(all) == 0 {
		return 0
	}
	return float64(all[int(q*float64(len(all)-1))].Microseconds()) / 1000
}

// ruleFile is one rule in as many groups, each for a part of the series. A Prometheus scrapes each
// target, and evaluates each group, at a moment of its own in the interval, which its name decides. How
// long a notice takes depends on how far these two are apart: several tell what it is on average.
func ruleFile(groups int) string {
	var b strings.Builder
	b.WriteString("groups:\n")
	for i := range groups {
		fmt.Fprintf(&b, "  - {name: g%d, rules: [{alert: Stuck, expr: 'stuck{part=\"%d\"} > 0', labels: {tier: critical}}]}\n", i, i)
	}
	return b.String()
}

// guardian starts a guardian that notifies the shop, with rules and more configuration.
func guardian(b *testing.B, url, rules, more string) *rig.Guardian {
	b.Helper()
	binary, err := rig.BuildPlain(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	g := rig.New(b, binary, `
server: {listen: "LISTEN"}
storage: {path: data}
rules: [rules.yaml]
evaluation_interval: 1s
services: [{name: shop}]
receivers: [{name: team, webhook: {url: "`+url+`/guardian", payload: alertmanager}}]
routes: {receiver: team, group_by: ['...'], group_wait: 0s, group_interval: 1s}
`+more, map[string]string{"rules.yaml": rules})
	g.Level = "warn"
	g.Start()
	return g
}

// BenchmarkFromSampleToMessage writes samples, each of which makes an alert fire.
func BenchmarkFromSampleToMessage(b *testing.B) {
	for b.Loop() {
		s := newShop("guardian")
		server := httptest.NewServer(s)
		g := guardian(b, server.URL, ruleFile(1), "ingest: [stuck]\n")
		var writes sync.WaitGroup
		s.run(func(item int, value float64) {
			at := time.Now().UnixMilli()
			writes.Go(func() {
				if err := write(g.URL, item, value, at); err != nil {
					b.Error(err)
				}
			})
		})
		writes.Wait()
		report(b, s, "guardian", "", 100, 0.99, 500)
		g.Kill()
		server.Close()
	}
	b.ReportMetric(0, "ns/op") // the pace of the alerts
}

func report(b *testing.B, s *shop, program, unit string, median, q, high float64) {
	b.Helper()
	b.ReportMetric(s.quantile(program, 0.5), unit+"p50-ms")
	b.ReportMetric(s.quantile(program, q), fmt.Sprintf("%sp%.0f-ms", unit, 100*q))
	b.Logf("%s, %d alerts a second, %d messages: median %.0f ms (wanted: under %.0f), p95 %.0f ms, p99 %.0f ms (p%.0f wanted: under %.0f), most %.0f ms; not told while the alert fired: %d",
		program, *rate, len(s.late[program]), s.quantile(program, 0.5), median, s.quantile(program, 0.95), s.quantile(program, 0.99), 100*q, high, s.quantile(program, 1), s.lost[program])
}

// BenchmarkBesideAlertmanager scrapes the same targets by a guardian and by a Prometheus that sends
// its alerts to an Alertmanager, each second.
func BenchmarkBesideAlertmanager(b *testing.B) {
	const mostMedian, mostP95 = 0.62, 0.8
	for b.Loop() {
		s := newShop("guardian", "alertmanager")
		server := httptest.NewServer(s)
		a := beside.New(b, `
receivers: [{name: team, webhook_configs: [{url: "`+server.URL+`/alertmanager"}]}]
route: {receiver: team, group_by: ['...'], group_wait: 0s, group_interval: 1s}
`)
		a.Start()
		file := filepath.Join(b.TempDir(), "rules.yaml")
		if err := os.WriteFile(file, []byte(ruleFile(parts)), 0o600); err != nil {
			b.Fatal(err)
		}
		host := func(url string) string { return strings.TrimPrefix(url, "http://") }
		p := promapi.Start(b, fmt.Sprintf(`
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [%q]
alerting: {alertmanagers: [{static_configs: [{targets: [%q]}]}]}
scrape_configs:
%s`, file, host(a.URL), each("  - {job_name: shop%[1]d, params: {part: ['%[1]d']}, static_configs: [{targets: ['"+host(server.URL)+"']}]}\n")))
		g := guardian(b, server.URL, ruleFile(parts), "checks:\n"+
			each("  - {name: shop%[1]d, service: shop, every: 1s, scrape: {url: '"+server.URL+"/metrics?part=%[1]d', metrics: [stuck], max_series: 2000}}\n"))
		for i := range parts {
			g.Up(fmt.Sprint("shop", i))
		}
		time.Sleep(3 * time.Second)
		s.run(nil)
		report(b, s, "guardian", "", mostMedian*s.quantile("alertmanager", 0.5), 0.95, mostP95*s.quantile("alertmanager", 0.95))
		report(b, s, "alertmanager", "theirs-", 0, 0.95, 0)
		b.ReportMetric(s.quantile("guardian", 0.5)/s.quantile("alertmanager", 0.5), "of-their-median")
		b.ReportMetric(s.quantile("guardian", 0.95)/s.quantile("alertmanager", 0.95), "of-their-p95")
		g.Kill()
		p.Kill()
		a.Kill()
		server.Close()
	}
	b.ReportMetric(0, "ns/op")
}

// each writes a line for each part, of which a format gets the number.
func each(format string) string {
	var b strings.Builder
	for i := range parts {
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}

// write writes one sample.
func write(url string, item int, value float64, at int64) error {
	return send(url, prompb.WriteRequest{Timeseries: []prompb.TimeSeries{{
		Labels:  []prompb.Label{{Name: "__name__", Value: "stuck"}, {Name: "item", Value: fmt.Sprint(item)}, {Name: "part", Value: "0"}},
		Samples: []prompb.Sample{{Timestamp: at, Value: value}},
	}}})
}
