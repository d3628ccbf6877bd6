package app_test

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"guardian/internal/app"
	"guardian/internal/config"
	"guardian/internal/reason"
	"guardian/internal/secret"
	"guardian/probes/sample"
)

// clock is a clock that stands until it is moved.
type clock struct{ at atomic.Pointer[time.Time] }

func newClock(at time.Time) *clock {
	c := &clock{}
	c.set(at)
	return c
}

func (c *clock) now() time.Time   { return *c.at.Load() }
func (c *clock) set(at time.Time) { c.at.Store(&at) }

// load reads a configuration that is given as text.
func load(t *testing.T, dir, text string, r *secret.Redactor) (*config.Config, error) {
	t.Helper()
	path := filepath.Join(dir, "guardian.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return config.Load(path, config.Options{Redactor: r})
}

// stepped begins a guardian that a test takes from step to step by its own clock, and ends it with the test.
func stepped(t *testing.T, dir, text string, c *clock) app.Stepped {
	t.Helper()
	r := &secret.Redactor{}
	a, err := app.New(t.Context(), app.Options{
		Load: func() (*config.Config, error) { return load(t, dir, text, r) }, Redactor: r, Now: c.now, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Stop(context.Background()) })
	s := app.Stepped{App: a}
	if err := s.Begin(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

const slowConfig = `
server: {listen: "127.0.0.1:0", timezone: UTC}
services: [{name: reports, objective: {availability: 99%}}]
checks:
  - {name: each-ten-minutes, service: reports, every: 10m, http: {url: "http://127.0.0.1:1/"}}
  - {name: each-hour, service: reports, every: 1h, http: {url: "http://127.0.0.1:1/"}}
rules: [rules.yaml]
`

const slowRules = `
groups:
  - name: slow
    interval: 1m
    rules:
      - {alert: Gone, expr: 'absent(probe_success{check="each-hour"}) or absent(probe_success{check="each-ten-minutes"})'}
      - {alert: Failing, expr: 'probe_success == 0', labels: {tier: critical}}
      - {alert: UpForAnHour, expr: 'min_over_time(probe_success{check="each-hour"}[30m]) == 1', for: 1h}
`

// TestSlowChecksStayVisibleBetweenTheirLooks walks through four hours, minute by minute.
func TestSlowChecksStayVisibleBetweenTheirLooks(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "rules.yaml"), []byte(slowRules), 0o600); err != nil {
		t.Fatal(err)
	}
	start := time.Date(2026, 11, 2, 8, 0, 0, 0, time.UTC)
	c := newClock(start)
	s := stepped(t, dir, slowConfig, c)
	look := func(check string, h sample.Health) {
		s.Look(sample.Sample{
			Check: check, Kind: "http", Service: "reports", At: c.now(), Duration: time.Second,
			Observation: sample.Observation{Health: h, Reason: reason.Text(map[sample.Health]string{sample.Down: "status 500", sample.Unknown: "no network"}[h])},
		})
	}
	firing := func() string {
		var names []string
		for _, al := range s.OpenAlerts() {
			if al.State == "firing" {
				names = append(names, al.Rule+"/"+al.Labels["check"])
			}
		}
		return strings.Join(names, " ")
	}
	// walk goes on minute by minute; the slow checks look at their times.
	walk := func(minutes int, ten, hour sample.Health, each func()) {
		t.Helper()
		for range minutes {
			c.set(c.now().Add(time.Minute))
			m := int(c.now().Sub(start).Minutes())
			if m%10 == 1 {
				look("each-ten-minutes", ten)
			}
			if m%60 == 1 {
				look("each-hour", hour)
			}
			if err := s.Minute(t.Context()); err != nil {
				t.Fatal(err)
			}
			if each != nil {
				each()
			}
		}
	}
	walk(1, sample.Up, sample.Up, nil)
	walk(119, sample.Up, sample.Up, func() {
		t.Helper()
		if n, err := s.Count(t.Context(), `probe_success == 1`); err != nil || n != 2 {
			t.Fatalf("at %s %d checks are up in PromQL (%v), want 2", c.now(), n, err)
		}
		if strings.Contains(firing(), "Gone") || strings.Contains(firing(), "Failing") {
			t.Fatalf("at %s these fire: %s", c.now(), firing())
		}
	})
	if !strings.Contains(firing(), "UpForAnHour") {
		t.Errorf("a rule that needs an hour of an hourly check does not fire: %s", firing())
	}
	report, err := s.MonthReport(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	times := report.Services[0].Times
	if up := times.Up.Duration(); up < 115*time.Minute || times.Down != 0 {
		t.Errorf("the report says up %s, down %s after two good hours", times.Up, times.Down)
	}

	// An hourly check that fails fires until its next look, one that is unknown changes nothing.
	walk(60, sample.Up, sample.Down, func() {
		t.Helper()
		if !strings.Contains(firing(), "Failing/each-hour") {
			t.Fatalf("at %s the failing hourly check does not fire: %s", c.now(), firing())
		}
	})
	walk(30, sample.Up, sample.Unknown, nil)
	if !strings.Contains(firing(), "Failing/each-hour") {
		t.Error("an alert resolved because its check went blind")
	}
	if n, _ := s.Count(t.Context(), `probe_success{check="each-hour"}`); n != 0 {
		t.Error("a value from before the blindness is still visible")
	}

	// A check that is taken out leaves nothing that fires.
	next, err := load(t, dir, strings.Replace(slowConfig, "  - {name: each-hour, service: reports, every: 1h, http: {url: \"http://127.0.0.1:1/\"}}\n", "", 1), &secret.Redactor{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Replace(next); err != nil {
		t.Fatal(err)
	}
	walk(2, sample.Up, sample.Up, nil)
	if strings.Contains(firing(), "Failing/each-hour") {
		t.Errorf("a removed check left an alert behind: %s", firing())
	}
}

// TestACheckTakenOutBetweenTwoStartsLeavesNothingThatFires takes one out while nobody runs:
// what it saw last is younger than what PromQL looks back.
func TestACheckTakenOutBetweenTwoStartsLeavesNothingThatFires(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "rules.yaml"), []byte(slowRules), 0o600); err != nil {
		t.Fatal(err)
	}
	c := newClock(time.Date(2026, 11, 2, 8, 0, 0, 0, time.UTC))
	r := &secret.Redactor{}
	start := func(text string) (app.Stepped, func()) {
		a, err := app.New(t.Context(), app.Options{
			Load: func() (*config.Config, error) { return load(t, dir, text, r) }, Redactor: r, Now: c.now, Log: slog.New(slog.DiscardHandler),
		})
		if err != nil {
			t.Fatal(err)
		}
		s := app.Stepped{App: a}
		if err := s.Begin(t.Context()); err != nil {
			t.Fatal(err)
		}
		return s, func() { _ = a.Stop(context.Background()) }
	}
	failing := func(s app.Stepped) (checks []string) {
		if err := s.Minute(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, al := range s.OpenAlerts() {
			if al.Rule == "Failing" {
				checks = append(checks, al.Labels["check"])
			}
		}
		return checks
	}
	s, stop := start(slowConfig)
	for _, check := range []string{"each-ten-minutes", "each-hour"} {
		s.Look(sample.Sample{
			Check: check, Kind: "http", Service: "reports", At: c.now(), Duration: time.Second,
			Observation: sample.Observation{Health: sample.Down, Reason: reason.Text("status 500")},
		})
	}
	if got := failing(s); len(got) != 2 {
		t.Fatalf("these fail: %v, want both", got)
	}
	stop()
	c.set(c.now().Add(20 * time.Second))
	s, stop = start(strings.Replace(slowConfig, "  - {name: each-hour, service: reports, every: 1h, http: {url: \"http://127.0.0.1:1/\"}}\n", "", 1))
	defer stop()
	if got := strings.Join(failing(s), " "); got != "each-ten-minutes" {
		t.Errorf("with the hourly check taken out these fail: %q, want the other alone", got)
	}
}
