package rules_test

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang/snappy"
	"github.com/prometheus/prometheus/prompb"
)

// factory makes rules and the series that they read.
type factory struct{ rules, series int }

const metrics = 10

// file is a rule file with twenty groups. Of five rules one is a threshold for one shop, one for a
// mean of one shop, one for all shops with a text, of which some fire, one for a sum, and one
// records.
func (f factory) file() string {
	var out strings.Builder
	out.WriteString("groups:\n")
	const perGroup = 50
	for i := range f.rules {
		if i%perGroup == 0 {
			fmt.Fprintf(&out, "- name: g%d\n  rules:\n", i/perGroup)
		}
		metric, shop := i%metrics, i/metrics%(f.series/metrics)
		switch i % 5 {
		case 0:
			fmt.Fprintf(&out, "  - {alert: High%d, expr: 'load_%d{shop=\"shop-%d\"} > 2', labels: {tier: critical}}\n", i, metric, shop)
		case 1:
			fmt.Fprintf(&out, "  - {alert: Mean%d, expr: 'avg_over_time(load_%d{shop=\"shop-%d\"}[1m]) > 2', for: 1m, labels: {tier: warning}}\n", i, metric, shop)
		case 2:
			fmt.Fprintf(&out, "  - {alert: Hot%d, expr: 'load_%d > 0.9', for: 1m, labels: {tier: warning}, annotations: {summary: 'load of {{ $labels.shop }} is {{ $value }}'}}\n", i, metric)
		case 3:
			fmt.Fprintf(&out, "  - {alert: Sum%d, expr: 'sum by (site) (rate(load_%d[1m])) > 1000', labels: {tier: info}}\n", i, metric)
		default:
			fmt.Fprintf(&out, "  - {record: 'site:load_%d:sum%d', expr: 'sum by (site) (load_%d)'}\n", metric, i, metric)
		}
	}
	return out.String()
}

// guardian is the configuration of a guardian.
func (f factory) guardian() string {
	return "server: {listen: LISTEN}\nevaluation_interval: 5s\nrules: [rules.yaml]\ningest: [\"load_*\"]\nservices: [{name: s}]\n"
}

// prometheus is the configuration of a Prometheus with its rules.
func (f factory) prometheus(b *testing.B, rules string) string {
	b.Helper()
	file := filepath.Join(b.TempDir(), "rules.yaml")
	if err := os.WriteFile(file, []byte(rules), 0o600); err != nil {
		b.Fatal(err)
	}
	return fmt.Sprintf("global: {evaluation_interval: 5s}\nrule_files: [%q]\n", file)
}

// writer writes samples of all series to several servers.
type writer struct {
	b       *testing.B
	request prompb.WriteRequest
	urls    []string
}

func newWriter(b *testing.B, f factory, urls []string) *writer {
	b.Helper()
	w := &writer{b: b, urls: urls}
	for i := range f.series {
		w.request.Timeseries = append(w.request.Timeseries, prompb.TimeSeries{
			Labels: []prompb.Label{
				{Name: "__name__", Value: fmt.Sprintf("load_%d", i%metrics)},
				{Name: "shop", Value: fmt.Sprintf("shop-%d", i/metrics)},
				{Name: "site", Value: []string{"de", "sg", "us"}[i/metrics%3]},
			},
			Samples: []prompb.Sample{{}},
		})
	}
	return w
}

// write writes every so often, for a time. One in fifty series is hot; each value is another than
// the one before.
func (w *writer) write(every, length time.Duration) {
	w.b.Helper()
	tick := time.NewTicker(every)
	defer tick.Stop()
	for end := time.Now().Add(length); time.Now().Before(end); <-tick.C {
		for i := range w.request.Timeseries {
			v := 0.8 * rand.Float64()
			if i/metrics%50 == 7 {
				v = 0.95 + v/100
			}
			w.request.Timeseries[i].Samples[0] = prompb.Sample{Timestamp: time.Now().UnixMilli(), Value: v}
		}
		raw, err := w.request.Marshal()
		if err != nil {
			w.b.Fatal(err)
		}
		packed := snappy.Encode(nil, raw)
		var both sync.WaitGroup
		for _, url := range w.urls {
			both.Go(func() {
				if err := post(url, packed); err != nil {
					w.b.Error(err)
				}
			})
		}
		both.Wait()
	}
}

func post(url string, body []byte) error {
	req, err := http.NewRequest(http.MethodPost, url, bytes.NewReader(body))
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
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode >= 300 {
		err = fmt.Errorf("%s: %s: %s", url, resp.Status, text)
	}
	return err
}
