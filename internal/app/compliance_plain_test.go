//go:build !race

package app_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang/snappy"
	gocmp "github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/prompb"
	"github.com/prometheus/prometheus/promql/parser"

	"guardian/internal/app"
	"guardian/internal/config"
	"guardian/internal/secret"
	"guardian/probes/sample"
)

// compliance is a case of how the alerts of a Prometheus live: what is written step by step, what
// the API shows at each step, and what an Alertmanager is sent. Times are since the beginning.
type compliance struct {
	name    string
	differs string   // from Prometheus, on purpose: how, and why
	config  string   // more of the configuration
	rules   string   // the rule file
	samples []string // series, with a sample for each step, in promtool's notation
	looks   string   // of check "push", in the same notation: 1 up, 0 down, _ it could not look
	until   time.Duration
	does    map[string]func(*stand) // just before the step of that time
	// What the API shows, each time that it changes: alerts that are pending or firing, and rules
	// that are not well.
	shows string
	sent  string // what the Alertmanager is sent
}

// complianceStep is the time between two samples, and between two looks at the API.
const complianceStep = 15 * time.Second

const complianceConfig = `
server: {listen: "127.0.0.1:0", timezone: UTC, external_url: "https://guardian.example.com"}
services: [{name: orders}]
checks: [{name: push, service: orders, every: 15s, http: {url: "http://127.0.0.1:1/"}}]
ingest: ["erp_*"]
rules: [rules.yaml]
`

func TestAlertsLiveAsThoseOfPrometheus_Plain(t *testing.T) {
	for _, c := range slices.Concat(lifeCases(), labelCases(), troubleCases(), ownCases()) {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			am := newAlertmanager(t)
			synctest.Test(t, func(t *testing.T) {
				p := &stand{t: t, c: c, am: am, dir: t.TempDir(), folds: map[string]int{}}
				p.play()
				compare(t, "the API shows", c.shows, p.shown)
				compare(t, "the Alertmanager is sent", c.sent, p.sends())
			})
		})
	}
}

// compare compares lines; how they are aligned does not count.
func compare(t *testing.T, what, want string, got []string) {
	t.Helper()
	var lines []string
	for line := range strings.Lines(want) {
		if line = strings.Join(strings.Fields(line), " "); line != "" {
			lines = append(lines, line)
		}
	}
	if diff := gocmp.Diff(lines, got); diff != "" {
		t.Errorf("%s (- want, + got):\n%s\nall of it:\n%s", what, diff, strings.Join(got, "\n"))
	}
}

// stand is a guardian that lives through a case.
type stand struct {
	t     *testing.T
	c     compliance
	am    *alertmanager
	dir   string
	s     app.Stepped
	up    bool
	mute  bool // nothing is forwarded yet
	began time.Time

	last  string   // what was shown last
	shown []string // all of it
	sent  []sending
	folds map[string]int // where a line of sent is
}

// sending is what an Alertmanager is sent, with the times at which it was.
type sending struct {
	what string
	at   []time.Duration
}

func (p *stand) play() {
	p.t.Helper()
	p.configure(p.c.rules)
	p.began = time.Now().Add(time.Second)
	p.start()
	series, looks := p.parse()
	for i := 0; time.Duration(i)*complianceStep <= p.c.until; i++ {
		at := time.Duration(i) * complianceStep
		if do := p.c.does[span(at)]; do != nil {
			do(p)
		}
		p.sleep(at)
		if p.up {
			p.look(looks, i)
			p.write(series, i)
		}
		p.sleep(at + time.Second/2)
		if p.mute {
			p.mute = false
			p.s.Forward() // each second, between two of them
		}
		for second := range complianceStep / time.Second {
			p.sleep(at + second*time.Second + 900*time.Millisecond)
			p.receive(at + second*time.Second)
			if second == 0 && p.up {
				p.check(at)
			}
		}
	}
	if p.up {
		p.stop()
	}
}

// configure writes the files of a configuration.
func (p *stand) configure(rules string) {
	p.t.Helper()
	text := complianceConfig + p.c.config
	if !strings.Contains(p.c.config, "alertmanagers:") {
		text += fmt.Sprintf("alertmanagers: [{name: central, url: %q}]\n", p.am.URL)
	}
	for name, content := range map[string]string{"guardian.yaml": strings.ReplaceAll(text, "ALERTMANAGER", p.am.URL), "rules.yaml": rules} {
		if err := os.WriteFile(filepath.Join(p.dir, name), []byte(content), 0o600); err != nil {
			p.t.Fatal(err)
		}
	}
}

func (p *stand) load(r *secret.Redactor) (*config.Config, error) {
	return config.Load(filepath.Join(p.dir, "guardian.yaml"), config.Options{Redactor: r})
}

// start begins before a step.
func (p *stand) start() {
	p.t.Helper()
	r := &secret.Redactor{}
	a, err := app.New(p.t.Context(), app.Options{
		Load: func() (*config.Config, error) { return p.load(r) }, Redactor: r, Now: time.Now, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		p.t.Fatal(err)
	}
	p.s, p.up, p.mute = app.Stepped{App: a}, true, true
	if err := p.s.Begin(context.WithoutCancel(p.t.Context())); err != nil {
		p.t.Fatal(err)
	}
	p.s.Drive()
}

func (p *stand) stop() {
	p.t.Helper()
	p.up, p.last = false, ""
	if err := p.s.End(); err != nil {
		p.t.Fatal(err)
	}
}

// reload takes another rule file.
func (p *stand) reload(rules string) {
	p.t.Helper()
	p.configure(rules)
	c, err := p.load(nil)
	if err == nil {
		err = p.s.Reload(c)
	}
	if err != nil {
		p.t.Fatal(err)
	}
}

func (p *stand) sleep(at time.Duration) {
	time.Sleep(time.Until(p.began.Add(at)))
	synctest.Wait()
}

type described struct {
	labels labels.Labels
	values []parser.SequenceValue
}

func (p *stand) parse() (series []described, looks []parser.SequenceValue) {
	p.t.Helper()
	parse := func(text string) described {
		l, values, err := parser.NewParser(parser.Options{}).ParseSeriesDesc(text)
		if err != nil {
			p.t.Fatal(err)
		}
		return described{l, values}
	}
	for _, text := range p.c.samples {
		series = append(series, parse(text))
	}
	if p.c.looks != "" {
		looks = parse("{} " + p.c.looks).values
	}
	return series, looks
}

// write sends the samples of a step as a Prometheus sends them.
func (p *stand) write(series []described, step int) {
	p.t.Helper()
	var req prompb.WriteRequest
	for _, s := range series {
		if step >= len(s.values) || s.values[step].Omitted {
			continue
		}
		v := s.values[step].Value
		if value.IsStaleNaN(v) {
			v = math.Float64frombits(value.StaleNaN)
		}
		one := prompb.TimeSeries{Samples: []prompb.Sample{{Timestamp: time.Now().UnixMilli(), Value: v}}}
		s.labels.Range(func(l labels.Label) { one.Labels = append(one.Labels, prompb.Label{Name: l.Name, Value: l.Value}) })
		req.Timeseries = append(req.Timeseries, one)
	}
	if len(req.Timeseries) == 0 {
		return
	}
	b, err := req.Marshal()
	if err != nil {
		p.t.Fatal(err)
	}
	r := httptest.NewRequestWithContext(p.t.Context(), http.MethodPost, "http://127.0.0.1/api/v1/write", bytes.NewReader(snappy.Encode(nil, b)))
	r.Header.Set("Content-Type", "application/x-protobuf")
	r.Header.Set("Content-Encoding", "snappy")
	if code, body := p.answer(r); code != http.StatusNoContent {
		p.t.Fatalf("samples of step %d: HTTP %d %s", step, code, body)
	}
}

// look lets the check look.
func (p *stand) look(looks []parser.SequenceValue, step int) {
	if step >= len(looks) {
		return
	}
	h := sample.Down
	switch v := looks[step]; {
	case v.Omitted:
		h = sample.Unknown
	case v.Value == 1:
		h = sample.Up
	}
	p.s.Look(sample.Sample{Check: "push", Kind: "http", Service: "orders", At: time.Now().UTC(), Observation: sample.Observation{Health: h}})
}

func (p *stand) answer(r *http.Request) (code int, body []byte) {
	r.RemoteAddr = "127.0.0.1:4711"
	w := httptest.NewRecorder()
	p.s.Handler().ServeHTTP(w, r)
	return w.Code, w.Body.Bytes()
}

// get reads data that the API answers.
func (p *stand) get(path string, data any) {
	p.t.Helper()
	code, body := p.answer(httptest.NewRequestWithContext(p.t.Context(), http.MethodGet, "http://127.0.0.1"+path, nil))
	answer := struct {
		Status string
		Data   any
	}{Data: data}
	if err := json.Unmarshal(body, &answer); err != nil || code != http.StatusOK || answer.Status != "success" {
		p.t.Fatalf("%s: HTTP %d %s: %v", path, code, body, err)
	}
}

// receive takes what the Alertmanager was sent within a second.
func (p *stand) receive(at time.Duration) {
	p.t.Helper()
	calls, faults := p.am.take()
	for _, fault := range faults {
		p.t.Errorf("at %s the Alertmanager refuses what it is sent: %s", span(at), fault)
	}
	for _, a := range calls {
		if !strings.HasPrefix(a.GeneratorURL, "https://guardian.example.com/alerts#a_") {
			p.t.Errorf("at %s the generatorURL is %q, want the alert's page", span(at), a.GeneratorURL)
		}
		state, ends := "resolved", "ended "+p.since(a.EndsAt)
		if after := a.EndsAt.Sub(p.began.Add(at)); after > 0 && a.EndsAt.After(time.Now()) {
			state, ends = "firing", "ends +"+span(after.Truncate(time.Second))
		}
		what := fmt.Sprintf("%s %s starts %s %s%s", named(a.Labels), state, p.since(a.StartsAt), ends, annotated(a.Annotations))
		i, ok := p.folds[what]
		if !ok {
			i = len(p.sent)
			p.folds[what] = i
			p.sent = append(p.sent, sending{what: what})
		}
		p.sent[i].at = append(p.sent[i].at, at)
	}
}

// sends are the lines of what the Alertmanager was sent.
func (p *stand) sends() []string {
	var lines []string
	for _, s := range p.sent {
		times := span(s.at[0])
		even := len(s.at) > 2
		for i := 2; i < len(s.at); i++ {
			even = even && s.at[i]-s.at[i-1] == s.at[1]-s.at[0]
		}
		if even {
			times = fmt.Sprintf("%s to %s each %s", times, span(s.at[len(s.at)-1]), span(s.at[1]-s.at[0]))
		} else {
			for _, at := range s.at[1:] {
				times += ", " + span(at)
			}
		}
		lines = append(lines, times+" "+s.what)
	}
	return lines
}

// since gives a time as one since the beginning, in tenths of a second: a rule is evaluated some
// hundredths after a sample arrived.
func (p *stand) since(at time.Time) string {
	return span(at.Sub(p.began).Truncate(time.Second / 10))
}

// span writes a duration without the parts that are zero.
func span(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	return text
}

// named writes labels as PromQL does, with the alert's name in front.
func named(of map[string]string) string {
	var pairs []string
	for _, name := range slices.Sorted(maps.Keys(of)) {
		if name != labels.AlertName {
			pairs = append(pairs, fmt.Sprintf("%s=%q", name, of[name]))
		}
	}
	return of[labels.AlertName] + "{" + strings.Join(pairs, ", ") + "}"
}

func annotated(as map[string]string) string {
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(as)) {
		fmt.Fprintf(&text, " | %s: %s", name, strings.Join(strings.Fields(as[name]), " "))
	}
	return text.String()
}

// alertmanager is a server that takes alerts. It lives outside of the time of the test.
type alertmanager struct {
	*httptest.Server
	mu     sync.Mutex
	alerts []postedAlert
	faults []string
}

type postedAlert struct {
	Labels, Annotations map[string]string
	StartsAt, EndsAt    time.Time
	GeneratorURL        string
}

func newAlertmanager(t *testing.T) *alertmanager {
	t.Helper()
	am := &alertmanager{}
	am.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var posted []postedAlert
		d := json.NewDecoder(r.Body)
		d.DisallowUnknownFields()
		err := d.Decode(&posted)
		am.mu.Lock()
		defer am.mu.Unlock()
		if err != nil || r.Method != http.MethodPost || r.URL.Path != "/api/v2/alerts" || r.Header.Get("Content-Type") != "application/json" {
			am.faults = append(am.faults, fmt.Sprintf("%s %s %s: %v", r.Method, r.URL.Path, r.Header.Get("Content-Type"), err))
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		am.alerts = append(am.alerts, posted...)
		_, _ = io.WriteString(w, "{}")
	}))
	am.Config.SetKeepAlivesEnabled(false) // time stands while a connection is open
	am.Start()
	t.Cleanup(am.Close)
	return am
}

func (am *alertmanager) take() (alerts []postedAlert, faults []string) {
	am.mu.Lock()
	defer am.mu.Unlock()
	alerts, faults = am.alerts, am.faults
	am.alerts, am.faults = nil, nil
	slices.SortStableFunc(alerts, func(x, y postedAlert) int { return cmp.Compare(named(x.Labels), named(y.Labels)) })
	return alerts, faults
}

// number reads a value of the API.
func (p *stand) number(text string) string {
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		p.t.Errorf("a value is %q, want a number", text)
	}
	return strconv.FormatFloat(v, 'g', 6, 64)
}

func query(expr string) string { return "/api/v1/query?query=" + url.QueryEscape(expr) }
