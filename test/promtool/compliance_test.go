package promtool_test

import (
	"context"
	"log/slog"
	"maps"
	"math"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/notifier"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	prometheus "github.com/prometheus/prometheus/rules"
	"github.com/prometheus/prometheus/util/teststorage"

	"guardian/test/compliance"
)

// The cases that the guardian is played in internal/app say what Prometheus itself shows and sends,
// and those that say that it differs are right about that.
func TestTheCasesAreThoseOfPrometheus(t *testing.T) {
	for _, c := range compliance.Cases() {
		if c.Alone() {
			continue
		}
		t.Run(c.Name, func(t *testing.T) {
			p := newPrometheus(t, c)
			p.play()
			shown := cmp.Diff(compliance.Lines(c.Shows), p.line.Shown())
			sent := cmp.Diff(compliance.Lines(c.Sent), p.line.Sent())
			switch same := shown+sent == ""; {
			case c.Differs == "" && !same:
				t.Errorf("the case (-) and Prometheus (+) show\n%s\nand send\n%s", shown, sent)
			case c.Differs != "" && same:
				t.Errorf("Prometheus does the same, which the case says it does not: %s", c.Differs)
			}
		})
	}
}

// prometheusServer is a Prometheus that lives through a case. It evaluates its rules with each step:
// what comes with a sample is there at once, as here.
type prometheusServer struct {
	t       *testing.T
	c       compliance.Case
	storage *teststorage.TestStorage
	groups  map[string]*prometheus.Group
	now     time.Time
	line    compliance.Timeline
}

func newPrometheus(t *testing.T, c compliance.Case) *prometheusServer {
	t.Helper()
	p := &prometheusServer{t: t, c: c, storage: teststorage.New(t), line: compliance.Timeline{Began: time.Date(2026, 11, 2, 8, 0, 0, 0, time.UTC)}}
	file := filepath.Join(t.TempDir(), "rules.yaml")
	if err := os.WriteFile(file, []byte(c.Rules), 0o600); err != nil {
		t.Fatal(err)
	}
	url, err := url.Parse("https://guardian.example.com")
	if err != nil {
		t.Fatal(err)
	}
	engine := promql.NewEngine(promql.EngineOpts{MaxSamples: 1e6, Timeout: time.Minute})
	manager := prometheus.NewManager(&prometheus.ManagerOptions{
		QueryFunc: prometheus.EngineQueryFunc(engine, p.storage), Appendable: p.storage, Queryable: p.storage,
		NotifyFunc: prometheus.SendAlerts(p, url.String()), ExternalURL: url, Context: t.Context(), Logger: slog.New(slog.DiscardHandler),
		// It sends again when more than the delay is over; we when the delay is over.
		ResendDelay: c.ResendDelay() - time.Millisecond,
		Parser:      parser.NewParser(parser.Options{}),
	})
	var errs []error
	p.groups, errs = manager.LoadGroups(time.Minute, labels.FromMap(c.External), url.String(), nil, false, file)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	for _, g := range p.groups {
		for _, r := range g.AlertingRules() {
			r.SetRestored(true) // there is nothing to restore
		}
	}
	return p
}

// Send implements prometheus.Sender. External labels are added as its notifier does.
func (p *prometheusServer) Send(alerts ...*notifier.Alert) {
	for _, a := range alerts {
		posted := compliance.Posted{Labels: a.Labels.Map(), Annotations: a.Annotations.Map(), StartsAt: a.StartsAt, EndsAt: a.EndsAt}
		for name, v := range p.c.External {
			if posted.Labels[name] == "" {
				posted.Labels[name] = v
			}
		}
		p.line.Send(p.now, posted)
	}
}

func (p *prometheusServer) play() {
	p.t.Helper()
	var series []compliance.Series
	for _, text := range p.c.Samples {
		s, err := compliance.Parse(text)
		if err != nil {
			p.t.Fatal(err)
		}
		series = append(series, s)
	}
	for i := 0; time.Duration(i)*compliance.Step <= p.c.Until; i++ {
		at := time.Duration(i) * compliance.Step
		p.now = p.line.Began.Add(at)
		p.write(series, i)
		for _, name := range slices.Sorted(maps.Keys(p.groups)) {
			p.groups[name].Eval(p.t.Context(), p.now)
		}
		p.show(at)
	}
}

func (p *prometheusServer) write(series []compliance.Series, step int) {
	p.t.Helper()
	app := p.storage.Appender(context.Background())
	for _, s := range series {
		v, ok, _ := s.At(step)
		if !ok {
			continue
		}
		if value.IsStaleNaN(v) {
			v = math.Float64frombits(value.StaleNaN)
		}
		if _, err := app.Append(0, s.Labels, p.now.UnixMilli(), v); err != nil {
			p.t.Fatal(err)
		}
	}
	if err := app.Commit(); err != nil {
		p.t.Fatal(err)
	}
}

func (p *prometheusServer) show(at time.Duration) {
	var alerts, unwell []string
	for _, g := range p.groups {
		for _, r := range g.AlertingRules() {
			for _, a := range r.ActiveAlerts() {
				alerts = append(alerts, p.line.Describe(compliance.Alert{
					Labels: a.Labels.Map(), Annotations: a.Annotations.Map(), State: a.State.String(), Value: a.Value,
					ActiveAt: a.ActiveAt, KeepFiringSince: a.KeepFiringSince,
				}))
			}
			if r.Health() != prometheus.HealthGood {
				unwell = append(unwell, r.Name()+" "+r.LastError().Error())
			}
		}
	}
	slices.Sort(alerts)
	p.line.Show(at, append(alerts, unwell...))
}
