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
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang/snappy"
	"github.com/prometheus/prometheus/prompb"

	"guardian/test/beside"
	"guardian/test/promapi"
	"guardian/test/rig"
)

var scale = flag.Int("scale", 10, "by what the times of the restart are divided")

// log is what both programs told.
type log struct {
	mu    sync.Mutex
	began time.Time
	lines []string            // for people
	told  map[string][]string // by program
}

func (l *log) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	var body struct {
		Alerts []struct {
			Status string
			Labels map[string]string
		}
	}
	_ = json.NewDecoder(r.Body).Decode(&body)
	program := strings.TrimPrefix(r.URL.Path, "/")
	for _, a := range body.Alerts {
		text := a.Labels["alertname"] + " " + a.Status
		l.note(program, text)
		l.mu.Lock()
		l.told[program] = append(l.told[program], text)
		l.mu.Unlock()
	}
}

func (l *log) note(who, what string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, fmt.Sprintf("%7.1fs  %-12s  %s", time.Since(l.began).Seconds(), who, what))
}

// BenchmarkRestart restarts a guardian, by a power cut, and a Prometheus, as an administrator does,
// for three seconds. One alert has fired after for: 5m, the other is held by keep_firing_for: 30m.
// The guardian tells nothing then. What the others tell is printed.
func BenchmarkRestart(b *testing.B) {
	of := func(d time.Duration) time.Duration { return d / time.Duration(*scale) }
	for b.Loop() {
		l := &log{began: time.Now(), told: map[string][]string{}}
		server := httptest.NewServer(l)
		rules := fmt.Sprintf(`
groups:
  - name: g
    rules:
      - {alert: FiveMinFor, expr: vector(1), for: %s, labels: {tier: critical}}
      - {alert: KeepFiring, expr: held > 0, keep_firing_for: %s, labels: {tier: critical}}
`, of(5*time.Minute), of(30*time.Minute))
		g, p := pair(b, server.URL, rules)
		l.began = time.Now()
		stop := make(chan struct{})
		var writing sync.WaitGroup
		writing.Go(func() { hold(stop, of(2*time.Minute), g.URL, p.URL) })
		time.Sleep(of(7 * time.Minute))

		l.note("both", "restart, 3 s")
		var restarts sync.WaitGroup
		restarts.Go(func() { p.Restart(3 * time.Second) })
		g.Kill()
		time.Sleep(3 * time.Second)
		g.Start()
		restarts.Wait()
		l.note("both", "run again")
		time.Sleep(of(5*time.Minute) + of(time.Minute) + 15*time.Second)
		close(stop)
		writing.Wait()
		b.Logf("what was told, times divided by %d:\n%s", *scale, strings.Join(l.lines, "\n"))
		if got := strings.Join(l.told["guardian"], ", "); got != "KeepFiring firing, FiveMinFor firing" {
			b.Errorf("the guardian tells %s", got)
		}
		b.ReportMetric(float64(len(l.told["guardian"])), "messages")
		b.ReportMetric(float64(len(l.told["alertmanager"])), "their-messages")
		g.Kill()
		p.Kill()
		server.Close()
	}
	b.ReportMetric(0, "ns/op")
}

// pair starts a guardian, and a Prometheus that sends its alerts to an Alertmanager, with the same
// rules and routes.
func pair(b *testing.B, url, rules string) (*rig.Guardian, *promapi.Prometheus) {
	b.Helper()
	of := func(d time.Duration) time.Duration { return d / time.Duration(*scale) }
	const route = "{receiver: team, group_by: [alertname], group_wait: 1s, group_interval: 5s}"
	a := beside.New(b, "receivers: [{name: team, webhook_configs: [{url: \""+url+"/alertmanager\"}]}]\nroute: "+route+"\n")
	a.Start()
	file := filepath.Join(b.TempDir(), "rules.yaml")
	if err := os.WriteFile(file, []byte(rules), 0o600); err != nil {
		b.Fatal(err)
	}
	every := max(of(5*time.Second), time.Second)
	p := promapi.Start(b, fmt.Sprintf("global: {evaluation_interval: %s}\nrule_files: [%q]\nalerting: {alertmanagers: [{static_configs: [{targets: [%q]}]}]}\n",
		every, file, strings.TrimPrefix(a.URL, "http://")),
		"--rules.alert.resend-delay="+of(time.Minute).String(), "--rules.alert.for-grace-period="+of(10*time.Minute).String())
	binary, err := rig.BuildPlain(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	g := rig.New(b, binary, `
server: {listen: "LISTEN"}
storage: {path: data}
rules: [rules.yaml]
evaluation_interval: `+every.String()+`
ingest: [held]
receivers: [{name: team, webhook: {url: "`+url+`/guardian", payload: alertmanager}}]
routes: `+route+"\n", map[string]string{"rules.yaml": rules})
	g.Level = "warn"
	g.Start()
	return g, p
}

// hold writes a series each second that is 1 for a time, and 0 from then on.
func hold(stop <-chan struct{}, length time.Duration, urls ...string) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for began := time.Now(); ; {
		value := 1.0
		if time.Since(began) > length {
			value = 0
		}
		request := prompb.WriteRequest{Timeseries: []prompb.TimeSeries{{
			Labels: []prompb.Label{{Name: "__name__", Value: "held"}}, Samples: []prompb.Sample{{Timestamp: time.Now().UnixMilli(), Value: value}},
		}}}
		for _, url := range urls {
			_ = send(url, request) // it may be down
		}
		select {
		case <-stop:
			return
		case <-tick.C:
		}
	}
}

// send writes samples to a server.
func send(url string, request prompb.WriteRequest) error {
	raw, err := request.Marshal()
	if err != nil {
		return err
	}
	req, err := http.NewRequest(http.MethodPost, url+"/api/v1/write", bytes.NewReader(snappy.Encode(nil, raw)))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Encoding", "snappy")
	req.Header.Set("Content-Type", "application/x-protobuf")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if text, _ := io.ReadAll(resp.Body); resp.StatusCode >= 300 {
		return fmt.Errorf("%s: %s", resp.Status, text)
	}
	return nil
}
