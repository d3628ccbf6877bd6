package looks_test

import (
	"bufio"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"guardian/test/program"
	"guardian/test/rig"
)

var (
	count  = flag.Int("checks", 10000, "how many checks, of one look every 10 s")
	shared = flag.Int("targets", 2000, "how many targets are looked at by both, every 5 s")
	length = flag.Duration("length", time.Minute, "how long is measured, once every check has been looked at")
)

// The goals for a guardian; they are printed beside the measurements.
const (
	mostLate   = 250 * time.Millisecond // 99 in 100 looks
	mostMemory = 60 << 10               // bytes per check
	// As a share of what Prometheus and its blackbox exporter take.
	mostOfProcessor = 0.5
	mostOfMemory    = 0.35
)

// BenchmarkLooks runs a guardian with many HTTP checks.
func BenchmarkLooks(b *testing.B) {
	const every = 10 * time.Second
	f, binary := newFarm(b, *count), build(b)
	for b.Loop() {
		none := idle(b, binary)
		p, url := serve(b, binary, configuration(f, *count, every))
		all(b, f, *count, every)
		skipped := sum(b, url, "guardian_probe_skipped_total")
		f.reset()
		u := watch(b, *length, p)
		looks := f.looks()
		skipped = sum(b, url, "guardian_probe_skipped_total") - skipped
		p.stop()

		lost, late := f.punctuality(every)
		p99 := late[len(late)*99/100]
		each := (u.memory - none) / int64(*count)
		cores := u.processor.Seconds() / length.Seconds()
		b.ReportMetric(float64(lost)+skipped, "lost")
		b.ReportMetric(ms(p99), "late-p99-ms")
		b.ReportMetric(float64(each)/1024, "KiB/check")
		b.ReportMetric(cores, "cores")
		b.ReportMetric(0, "ns/op") // the pace of the checks, not the guardian's
		b.Logf("%d checks every %s, %d looks in %s: %d lost (wanted: 0; it says itself that it left out %.0f), "+
			"99 in 100 began within %.0f ms (under %.0f), %.1f KiB a check (under %d; %d MiB beside %d MiB without checks), %.2f cores, %.2f ms of processor a look",
			*count, every, looks, *length, lost, skipped, ms(p99), ms(mostLate), float64(each)/1024, mostMemory>>10,
			u.memory>>20, none>>20, cores, ms(u.processor)/float64(looks))
	}
}

// BenchmarkBesideBlackbox looks at the same targets first with Prometheus and its blackbox
// exporter, then with a guardian.
func BenchmarkBesideBlackbox(b *testing.B) {
	const every = 5 * time.Second
	prometheus, exporter := program.Installed(b, "prometheus", "prometheus"), program.Installed(b, "prometheus-blackbox-exporter", "prometheus-blackbox-exporter")
	f, binary := newFarm(b, *shared), build(b)
	for b.Loop() {
		theirs := measure(b, f, every, func(n int) []*process { return blackbox(b, f, prometheus, exporter, n, every) })
		ours := measure(b, f, every, func(n int) []*process {
			p, _ := serve(b, binary, configuration(f, n, every))
			return []*process{p}
		})
		processor, memory := ours.look.Seconds()/theirs.look.Seconds(), float64(ours.memory)/float64(theirs.memory)
		b.ReportMetric(processor, "of-their-processor")
		b.ReportMetric(memory, "of-their-memory")
		b.ReportMetric(0, "ns/op")
		b.Logf("%d targets every %s: a look costs %.2f ms of processor where Prometheus and blackbox exporter take %.2f: %.2f (wanted: at most %.2f); "+
			"a check %.1f KiB where they take %.1f: %.2f (at most %.2f)",
			*shared, every, ms(ours.look), ms(theirs.look), processor, mostOfProcessor,
			float64(ours.memory)/1024, float64(theirs.memory)/1024, memory, mostOfMemory)
	}
}

// cost is the processor time of a look and the memory of a target.
type cost struct {
	look   time.Duration
	memory int64 // bytes beyond those of a process without targets
}

// measure runs programs with no target, and then with all.
func measure(b *testing.B, f *farm, every time.Duration, run func(targets int) []*process) cost {
	b.Helper()
	without := run(0)
	none := watch(b, 10*time.Second, without...).memory
	for _, p := range without {
		p.stop()
	}
	f.reset()
	with := run(*shared)
	all(b, f, *shared, every)
	f.reset()
	u := watch(b, *length, with...)
	looks := f.looks()
	for _, p := range with {
		p.stop()
	}
	return cost{look: u.processor / time.Duration(looks), memory: (u.memory - none) / int64(*shared)}
}

// idle returns the memory of a guardian without checks.
func idle(b *testing.B, binary string) int64 {
	b.Helper()
	p, _ := serve(b, binary, configuration(nil, 0, time.Minute))
	defer p.stop()
	return watch(b, 10*time.Second, p).memory
}

// all waits until every target was looked at twice.
func all(b *testing.B, f *farm, n int, every time.Duration) {
	b.Helper()
	f.reset()
	for end := time.Now().Add(10*every + time.Minute); ; time.Sleep(100 * time.Millisecond) {
		waiting := 0
		f.mu.Lock()
		for _, at := range f.arrivals[:n] {
			if len(at) < 2 {
				waiting++
			}
		}
		f.mu.Unlock()
		if waiting == 0 {
			return
		}
		if time.Now().After(end) {
			b.Fatalf("%d of %d targets were not looked at twice", waiting, n)
		}
	}
}

func build(b *testing.B) string {
	b.Helper()
	binary, err := rig.BuildPlain(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	return binary.Path
}

// configuration returns a guardian's configuration with n checks, a hundred per service.
func configuration(f *farm, n int, every time.Duration) string {
	var c strings.Builder
	c.WriteString("server: {listen: LISTEN, limits: {series: 1000000}}\nservices:\n")
	for i := range n/100 + 1 {
		fmt.Fprintf(&c, "  - {name: s%d}\n", i)
	}
	for i := range n {
		if i == 0 {
			c.WriteString("checks:\n")
		}
		fmt.Fprintf(&c, "  - {name: c%d, service: s%d, every: %s, http: {url: %q}}\n", i, i/100, every, f.url(i))
	}
	return c.String()
}

// serve runs a guardian as a user does.
func serve(b *testing.B, binary, config string) (*process, string) {
	b.Helper()
	listen := address(b)
	file := write(b, "guardian.yaml", strings.ReplaceAll(config, "LISTEN", listen))
	p := start(b, binary, "serve", "--config", file)
	ready(b, p, "http://"+listen+"/-/ready")
	return p, "http://" + listen
}

// blackbox runs Prometheus and the blackbox exporter on n targets, set up as their manual says.
func blackbox(b *testing.B, f *farm, prometheus, exporter string, n int, every time.Duration) []*process {
	b.Helper()
	prober, listen := address(b), address(b)
	e := start(b, exporter, "--web.listen-address="+prober, "--config.file="+write(b, "blackbox.yml",
		"modules: {http_2xx: {prober: http, timeout: 4s, http: {preferred_ip_protocol: ip4}}}\n"))
	var targets []string
	for i := range n {
		targets = append(targets, strconv.Quote(f.url(i)))
	}
	config := fmt.Sprintf(`
scrape_configs:
  - job_name: blackbox
    scrape_interval: %s
    scrape_timeout: 4s
    metrics_path: /probe
    params: {module: [http_2xx]}
    static_configs: [{targets: [%s]}]
    relabel_configs:
      - {source_labels: [__address__], target_label: __param_target}
      - {source_labels: [__param_target], target_label: instance}
      - {target_label: __address__, replacement: %q}
`, every, strings.Join(targets, ", "), prober)
	p := start(b, prometheus, "--config.file="+write(b, "prometheus.yml", config), "--storage.tsdb.path="+b.TempDir(), "--web.listen-address="+listen)
	ready(b, e, "http://"+prober+"/-/healthy")
	ready(b, p, "http://"+listen+"/-/ready")
	return []*process{e, p}
}

func ready(b *testing.B, p *process, url string) {
	b.Helper()
	for end := time.Now().Add(rig.Patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		select {
		case <-p.done:
			b.Fatalf("%s ended:\n%s", filepath.Base(p.cmd.Path), p.log.String())
		default:
		}
		resp, err := http.Get(url)
		if err != nil {
			continue
		}
		_ = resp.Body.Close()
		if resp.StatusCode == http.StatusOK {
			return
		}
	}
	b.Fatalf("%s does not answer within a minute", url)
}

// sum returns the sum of a metric over its labels.
func sum(b *testing.B, url, metric string) float64 {
	b.Helper()
	resp, err := http.Get(url + "/metrics")
	if err != nil {
		b.Fatal(err)
	}
	defer resp.Body.Close()
	total, found := 0.0, false
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		if !strings.HasPrefix(lines.Text(), metric+"{") {
			continue
		}
		v, err := strconv.ParseFloat(lines.Text()[strings.LastIndexByte(lines.Text(), ' ')+1:], 64)
		if err != nil {
			b.Fatal(err)
		}
		total, found = total+v, true
	}
	if !found {
		b.Fatalf("the guardian does not show %s", metric)
	}
	return total
}

func write(b *testing.B, name, content string) string {
	b.Helper()
	path := filepath.Join(b.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		b.Fatal(err)
	}
	return path
}

func address(b *testing.B) string {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
