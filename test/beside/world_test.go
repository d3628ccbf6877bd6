package beside_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang/snappy"
	"github.com/prometheus/prometheus/prompb"

	"guardian/test/beside"
	"guardian/test/rig"
)

const (
	ours   = "guardian"
	theirs = "alertmanager"
)

// world is a guardian and an Alertmanager with the same routes. The guardian gets the alerts from
// its own rule over a metric that is written to it, the Alertmanager as from a Prometheus.
type world struct {
	t        *testing.T
	guardian *rig.Guardian
	manager  *beside.Alertmanager
	inbox    *inbox

	mu     sync.Mutex // of the alerts, and while they are sent
	alerts map[string]*alert
	down   bool
	// again are the cases whose ends are sent again and again, as Prometheus does for 15 minutes.
	again map[string]bool
}

// alert is one as it is now.
type alert struct {
	labels      map[string]string
	from, until time.Time // until is zero while it fires
	sent        bool      // its end was sent to the Alertmanager
}

// newWorld starts both with a routing tree, which has the keys routes, inhibit_rules and
// time_intervals.
func newWorld(t *testing.T, tree string) *world {
	t.Helper()
	w := &world{t: t, inbox: newInbox(t), alerts: map[string]*alert{}, again: map[string]bool{}}
	w.manager = beside.New(t, w.managerConfig(tree))
	w.guardian = rig.New(t, binary, w.guardianConfig(tree), map[string]string{"rules.yaml": `
groups: [{name: cases, rules: [{alert: Case, expr: beside > 0}]}]
`})
	w.guardian.Level = "warn"
	w.start()
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for tick := time.NewTicker(2 * time.Second); ; {
			select {
			case <-stop:
				return
			case <-tick.C:
				w.send("")
			}
		}
	}()
	t.Cleanup(func() { close(stop); <-done })
	return w
}

var receivers = []string{"team", "first", "second", "old", "new", "silent"}

func (w *world) guardianConfig(tree string) string {
	var b strings.Builder
	b.WriteString("server: {listen: \"LISTEN\"}\nstorage: {path: data}\nrules: [rules.yaml]\nevaluation_interval: 1s\ningest: [beside]\nreceivers:\n")
	for _, name := range receivers {
		fmt.Fprintf(&b, "  - {name: %s, webhook: {url: \"%s/%s/%s\", payload: alertmanager}}\n", name, w.inbox.url, ours, name)
	}
	return b.String() + tree
}

func (w *world) managerConfig(tree string) string {
	var b strings.Builder
	b.WriteString("receivers:\n")
	for _, name := range receivers {
		fmt.Fprintf(&b, "  - {name: %s, webhook_configs: [{url: \"%s/%s/%s\", send_resolved: %t}]}\n", name, w.inbox.url, theirs, name, name != "silent")
	}
	return b.String() + strings.Replace(tree, "routes:", "route:", 1)
}

func (w *world) start() {
	w.manager.Start()
	w.guardian.Start()
	w.mu.Lock()
	w.down = false
	w.mu.Unlock()
}

// restart cuts the guardian's power, stops the Alertmanager as an administrator does, and starts
// both. What changed meanwhile is sent afterwards, as by a Prometheus.
func (w *world) restart(meanwhile func()) {
	w.mu.Lock()
	w.down = true
	w.mu.Unlock()
	w.guardian.Kill()
	w.manager.Stop()
	meanwhile()
	w.start()
	w.send("")
}

// reload gives both another tree.
func (w *world) reload(tree string) {
	w.t.Helper()
	w.manager.Write(w.managerConfig(tree))
	_, listen, _ := strings.Cut(w.guardian.URL, "http://")
	w.guardian.Write("guardian.yaml", strings.ReplaceAll(w.guardianConfig(tree), "LISTEN", listen))
	for _, url := range []string{w.guardian.URL, w.manager.URL} {
		if _, err := call(http.MethodPost, url+"/-/reload", nil); err != nil {
			w.t.Fatal(err)
		}
	}
}

// fire lets alerts of a case begin, each given as its name and further labels: "a zone=eu".
func (w *world) fire(name string, labels map[string]string, alerts ...string) {
	w.mu.Lock()
	for _, text := range alerts {
		fields := strings.Fields(text)
		a := &alert{labels: map[string]string{"alertname": "Case", "case": name, "alert": fields[0], "tier": "warning"}, from: time.Now()}
		maps.Copy(a.labels, labels)
		for _, f := range fields[1:] {
			label, value, _ := strings.Cut(f, "=")
			a.labels[label] = value
		}
		w.alerts[name+"/"+fields[0]] = a
	}
	w.mu.Unlock()
	w.send(name)
}

// end lets alerts of a case end.
func (w *world) end(name string, alerts ...string) {
	w.mu.Lock()
	for _, one := range alerts {
		w.alerts[name+"/"+one].until = time.Now()
	}
	w.mu.Unlock()
	w.send(name)
}

// send sends the alerts of a case, or those of all that fire, to both.
func (w *world) send(name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.down {
		return
	}
	var request prompb.WriteRequest
	var posts []map[string]any
	now := time.Now()
	for _, key := range slices.Sorted(maps.Keys(w.alerts)) {
		a := w.alerts[key]
		if name != "" && a.labels["case"] != name {
			continue
		}
		series := prompb.TimeSeries{Labels: []prompb.Label{{Name: "__name__", Value: "beside"}}}
		for _, label := range slices.Sorted(maps.Keys(a.labels)) {
			if label != "alertname" {
				series.Labels = append(series.Labels, prompb.Label{Name: label, Value: a.labels[label]})
			}
		}
		value, until := 1.0, now.Add(time.Hour)
		if !a.until.IsZero() {
			value, until = 0, a.until
		}
		if a.until.IsZero() || !a.sent || w.again[a.labels["case"]] {
			posts = append(posts, map[string]any{"labels": a.labels, "startsAt": a.from, "endsAt": until})
			a.sent = !a.until.IsZero()
		}
		series.Samples = []prompb.Sample{{Timestamp: now.UnixMilli(), Value: value}}
		request.Timeseries = append(request.Timeseries, series)
	}
	if len(request.Timeseries) == 0 {
		return
	}
	raw, err := request.Marshal()
	if err == nil {
		_, err = call(http.MethodPost, w.guardian.URL+"/api/v1/write", snappy.Encode(nil, raw))
	}
	if err != nil {
		w.t.Error(err)
	}
	if len(posts) > 0 {
		if _, err := call(http.MethodPost, w.manager.URL+"/api/v2/alerts", posts); err != nil {
			w.t.Error(err)
		}
	}
	time.Sleep(2 * time.Millisecond) // two samples of a series have two times
}

// silence makes the same silence in both, and gives what ends it.
func (w *world) silence(length time.Duration, matchers ...map[string]any) (end func()) {
	w.t.Helper()
	now := time.Now()
	body := map[string]any{"matchers": matchers, "startsAt": now, "endsAt": now.Add(length), "createdBy": "li.wei", "comment": "a test"}
	urls := map[string]string{}
	for _, url := range []string{w.guardian.URL, w.manager.URL} {
		answer, err := call(http.MethodPost, url+"/api/v2/silences", body)
		var made struct{ SilenceID string }
		if err == nil {
			err = json.Unmarshal(answer, &made)
		}
		if err != nil {
			w.t.Error(err)
		}
		urls[url] = made.SilenceID
	}
	return func() {
		for url, id := range urls {
			if _, err := call(http.MethodDelete, url+"/api/v2/silence/"+id, nil); err != nil {
				w.t.Error(err)
			}
		}
	}
}

// matcher is one of a silence: label, operator and value.
func matcher(name, op, value string) map[string]any {
	return map[string]any{"name": name, "value": value, "isRegex": strings.HasSuffix(op, "~"), "isEqual": strings.HasPrefix(op, "=")}
}

// call makes a call; a body of bytes is a remote write.
func call(method, url string, body any) ([]byte, error) {
	raw, written := body.([]byte)
	if !written && body != nil {
		var err error
		if raw, err = json.Marshal(body); err != nil {
			return nil, err
		}
	}
	req, err := http.NewRequest(method, url, bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	if written {
		req.Header.Set("Content-Type", "application/x-protobuf")
		req.Header.Set("Content-Encoding", "snappy")
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode >= 300 {
		err = fmt.Errorf("%s %s: %s: %s", method, url, resp.Status, answer)
	}
	return answer, err
}
