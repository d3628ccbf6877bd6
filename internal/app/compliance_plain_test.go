//go:build !race

package app_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
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

	"guardian/internal/app"
	"guardian/internal/config"
	"guardian/internal/secret"
	"guardian/probes/sample"
	"guardian/test/compliance"
)

const complianceConfig = `
server: {listen: "127.0.0.1:0", timezone: UTC, external_url: "https://guardian.example.com"}
services: [{name: orders}]
checks: [{name: push, service: orders, every: 15s, http: {url: "http://127.0.0.1:1/"}}]
ingest: ["erp_*"]
rules: [rules.yaml]
`

// What Prometheus itself makes of these cases is compared in test/promtool.
func TestAlertsLiveAsThoseOfPrometheus_Plain(t *testing.T) {
	for _, c := range compliance.Cases() {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			am := newAlertmanager(t)
			synctest.Test(t, func(t *testing.T) {
				p := &stand{t: t, c: c, am: am, dir: t.TempDir()}
				p.play()
				compare(t, "the API shows", c.Shows, p.line.Shown())
				compare(t, "the Alertmanager is sent", c.Sent, p.line.Sent())
			})
		})
	}
}

func compare(t *testing.T, what, want string, got []string) {
	t.Helper()
	if diff := gocmp.Diff(compliance.Lines(want), got); diff != "" {
		t.Errorf("%s (- want, + got):\n%s\nall of it:\n%s", what, diff, strings.Join(got, "\n"))
	}
}

// stand is a guardian that lives through a case.
type stand struct {
	t    *testing.T
	c    compliance.Case
	am   *alertmanager
	dir  string
	s    app.Stepped
	up   bool
	mute bool // nothing is forwarded yet
	line compliance.Timeline
}

func (p *stand) play() {
	p.t.Helper()
	p.configure(p.c.Rules)
	p.line.Began = time.Now().Add(time.Second)
	p.start()
	series, looks := p.parse()
	for i := 0; time.Duration(i)*compliance.Step <= p.c.Until; i++ {
		at := time.Duration(i) * compliance.Step
		p.happens(at)
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
		for second := at; second < at+compliance.Step; second += time.Second {
			p.sleep(second + 900*time.Millisecond)
			p.receive(second)
			if second == at && p.up {
				p.check(at)
			}
		}
	}
	if p.up {
		p.stop()
	}
}

// happens does what the case says just before a step.
func (p *stand) happens(at time.Duration) {
	p.t.Helper()
	if p.c.Starts > 0 && at == p.c.Stops {
		p.stop()
	}
	if p.c.Starts > 0 && at == p.c.Starts {
		p.start()
	}
	if rules, ok := p.c.Reloads[at]; ok {
		p.configure(rules)
		c, err := p.load(nil)
		if err == nil {
			err = p.s.Reload(c)
		}
		if err != nil {
			p.t.Fatal(err)
		}
	}
}

// configure writes the files of a configuration.
func (p *stand) configure(rules string) {
	p.t.Helper()
	external, err := json.Marshal(p.c.External)
	if err != nil {
		p.t.Fatal(err)
	}
	text := complianceConfig + fmt.Sprintf("alertmanagers: [{name: central, url: %q, resend_delay: %s}]\nexternal_labels: %s\n", p.am.URL, p.c.ResendDelay(), external)
	for name, content := range map[string]string{"guardian.yaml": text, "rules.yaml": rules} {
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
	p.up = false
	if err := p.s.End(); err != nil {
		p.t.Fatal(err)
	}
}

func (p *stand) sleep(at time.Duration) {
	time.Sleep(time.Until(p.line.Began.Add(at)))
	synctest.Wait()
}

func (p *stand) parse() (series []compliance.Series, looks *compliance.Series) {
	p.t.Helper()
	for _, text := range p.c.Samples {
		s, err := compliance.Parse(text)
		if err != nil {
			p.t.Fatal(err)
		}
		series = append(series, s)
	}
	if p.c.Looks != "" {
		s, err := compliance.Parse("{} " + p.c.Looks)
		if err != nil {
			p.t.Fatal(err)
		}
		looks = &s
	}
	return series, looks
}

// write sends the samples of a step as a Prometheus sends them.
func (p *stand) write(series []compliance.Series, step int) {
	p.t.Helper()
	var req prompb.WriteRequest
	for _, s := range series {
		v, ok, _ := s.At(step)
		if !ok {
			continue
		}
		if value.IsStaleNaN(v) {
			v = math.Float64frombits(value.StaleNaN)
		}
		one := prompb.TimeSeries{Samples: []prompb.Sample{{Timestamp: time.Now().UnixMilli(), Value: v}}}
		s.Labels.Range(func(l labels.Label) { one.Labels = append(one.Labels, prompb.Label{Name: l.Name, Value: l.Value}) })
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
func (p *stand) look(looks *compliance.Series, step int) {
	if looks == nil {
		return
	}
	h := sample.Down
	switch v, ok, over := looks.At(step); {
	case over:
		return
	case !ok:
		h = sample.Unknown
	case v == 1:
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
	posted, faults := p.am.take()
	for _, fault := range faults {
		p.t.Errorf("at %s the Alertmanager refuses what it is sent: %s", compliance.Span(at), fault)
	}
	for _, a := range posted {
		if !strings.HasPrefix(a.GeneratorURL, "https://guardian.example.com/alerts#a_") {
			p.t.Errorf("at %s the generatorURL is %q, want the alert's page", compliance.Span(at), a.GeneratorURL)
		}
		p.line.Send(p.line.Began.Add(at+time.Second/2), a)
	}
}

// alertmanager is a server that takes alerts. It lives outside of the time of the test.
type alertmanager struct {
	*httptest.Server
	mu     sync.Mutex
	alerts []compliance.Posted
	faults []string
}

func newAlertmanager(t *testing.T) *alertmanager {
	t.Helper()
	am := &alertmanager{}
	am.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var posted []compliance.Posted
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

func (am *alertmanager) take() (alerts []compliance.Posted, faults []string) {
	am.mu.Lock()
	defer am.mu.Unlock()
	alerts, faults = am.alerts, am.faults
	am.alerts, am.faults = nil, nil
	return alerts, faults
}

func query(expr string) string { return "/api/v1/query?query=" + url.QueryEscape(expr) }
