package forward_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"guardian/internal/forward"
	"guardian/internal/secret"
	"guardian/rules"
	"guardian/test/program"
)

// world is what a forwarder sees, and an Alertmanager that records what it is sent.
type world struct {
	mu   sync.Mutex
	open []rules.Alert
	// resolved gives the alerts of the journal that resolved.
	resolved func(now time.Time) []rules.Alert
	status   int
	began    time.Time
	lines    []string // what arrived: seconds since the beginning, name, and seconds until the end
	labels   []map[string]string
	auth     string
}

func (w *world) set(change func(*world)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change(w)
}

func (w *world) said() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := w.lines
	w.lines = nil
	return out
}

// RoundTrip implements http.RoundTripper: requests are answered without a network, so that time can
// be a test's.
func (w *world) RoundTrip(r *http.Request) (*http.Response, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.auth = r.Header.Get("Authorization")
	b, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	if w.status != 0 {
		return &http.Response{StatusCode: w.status, Body: io.NopCloser(strings.NewReader("token-4711 is wrong")), Request: r}, nil
	}
	var alerts []struct {
		Labels           map[string]string
		StartsAt, EndsAt time.Time
		GeneratorURL     string
	}
	if err := json.Unmarshal(b, &alerts); err != nil || !strings.HasSuffix(r.URL.Path, "/prefix/api/v2/alerts") {
		return &http.Response{StatusCode: http.StatusBadRequest, Body: http.NoBody, Request: r}, err
	}
	for _, a := range alerts {
		w.lines = append(w.lines, fmt.Sprintf("%.0f %s %.0f", time.Since(w.began).Seconds(), a.Labels["alertname"], time.Until(a.EndsAt).Seconds()))
		w.labels = append(w.labels, a.Labels)
	}
	return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody, Request: r}, nil
}

func (w *world) options(log io.Writer, reg prometheus.Registerer) forward.Options {
	redactor := &secret.Redactor{}
	redactor.Learn(secret.New("token-4711"))
	return forward.Options{
		Surroundings: func() forward.Surroundings {
			return forward.Surroundings{
				Targets:  []forward.Target{{Name: "central", URL: secret.New("http://am.test/prefix/"), Token: secret.New("token-4711"), Timeout: time.Second, Resend: time.Minute}},
				External: map[string]string{"region": "sz", "service": "never"}, Base: "https://guardian.example.com/",
				Interval: func(a rules.Alert) time.Duration {
					if a.Rule == "Slow" {
						return 2 * time.Minute
					}
					return 15 * time.Second
				},
			}
		},
		Alerts: func() []rules.Alert {
			w.mu.Lock()
			defer w.mu.Unlock()
			return append([]rules.Alert(nil), w.open...)
		},
		Recent: func(context.Context, time.Time) ([]rules.Alert, error) {
			if w.resolved == nil {
				return nil, nil
			}
			return w.resolved(time.Now()), nil
		},
		Now: time.Now, Log: slog.New(slog.NewTextHandler(log, nil)), Redactor: redactor, Registerer: reg, UserAgent: "guardian",
		Transport: w,
	}
}

func alert(name string, at time.Time) rules.Alert {
	return rules.Alert{ID: "a_" + name, Rule: name, State: rules.Firing, Labels: map[string]string{"service": "orders", "empty": ""}, FiredAt: at, ActiveAt: at}
}

func run(t *testing.T, w *world, check func(pass func(time.Duration), want func(...string))) (log string, reg *prometheus.Registry) {
	t.Helper()
	var out bytes.Buffer
	reg = prometheus.NewRegistry()
	synctest.Test(t, func(t *testing.T) {
		w.began = time.Now()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		f := forward.New(w.options(&out, reg))
		go func() {
			f.Run(ctx)
			close(done)
		}()
		check(func(d time.Duration) {
			time.Sleep(d)
			synctest.Wait()
		}, func(lines ...string) {
			t.Helper()
			if got := w.said(); strings.Join(got, ", ") != strings.Join(lines, ", ") {
				t.Errorf("sent %q, want %q", got, lines)
			}
		})
		cancel()
		<-done
	})
	return out.String(), reg
}

// Prometheus' rules: at once when it fires and when it resolves, again each minute, with an end at
// four times the longer of interval and delay, and resolved for a quarter of an hour.
func TestAlertsAreSentAsPrometheusSendsThem(t *testing.T) {
	w := &world{}
	run(t, w, func(pass func(time.Duration), want func(...string)) {
		pass(1500 * time.Millisecond)
		want()
		pending, foreign := alert("Pending", time.Now()), alert("Foreign", time.Now())
		pending.State, foreign.Origin = rules.Pending, &rules.Origin{}
		w.set(func(w *world) {
			w.open = []rules.Alert{alert("A", time.Now()), alert("Slow", time.Now()), pending, foreign}
		})
		pass(time.Second)
		want("2 A 240", "2 Slow 480")
		if got := w.labels[0]; got["region"] != "sz" || got["service"] != "orders" || len(got) != 3 || w.auth != "Bearer token-4711" {
			t.Errorf("labels %v with %q", got, w.auth)
		}
		pass(59 * time.Second)
		want()
		pass(time.Second)
		want("62 A 240", "62 Slow 480")
		w.set(func(w *world) { w.open = w.open[1:] })
		pass(time.Second)
		want("63 A 0")
		pass(time.Minute)
		want("122 Slow 480", "123 A -60")
		w.set(func(w *world) { w.open = nil })
		pass(20 * time.Minute)
		last := w.said()
		if n := len(last); n < 28 || n > 31 || !strings.HasPrefix(last[n-1], "10") {
			t.Errorf("resolved alerts were sent %d times, the last with %q; want a quarter of an hour", n, last[n-1])
		}
		// It fires again: another incarnation is sent at once.
		w.set(func(w *world) { w.open = []rules.Alert{alert("A", time.Now())} })
		pass(time.Second)
		if got := w.said(); len(got) != 1 || !strings.HasSuffix(got[0], "A 240") {
			t.Errorf("sent %q", got)
		}
	})
}

// An end is that of the alert, also when nobody looked while it fired. It is told no more once the
// alert is pending again: the next thing to be told may be that it fires.
func TestAnEndIsToldUntilTheAlertIsActiveAgain(t *testing.T) {
	w := &world{}
	run(t, w, func(pass func(time.Duration), want func(...string)) {
		pass(1500 * time.Millisecond)
		a := alert("A", time.Now())
		a.State, a.ResolvedAt = rules.Resolved, time.Now().Add(300*time.Millisecond)
		old := alert("Old", time.Now().Add(-time.Hour))
		old.State, old.ResolvedAt = rules.Resolved, time.Now().Add(-16*time.Minute)
		w.set(func(w *world) { w.open = []rules.Alert{a, old} })
		pass(time.Second)
		want("2 A -0")
		pass(time.Minute)
		want("62 A -60")
		pending := alert("A", time.Time{})
		pending.State = rules.Pending
		w.set(func(w *world) { w.open = []rules.Alert{pending} })
		pass(5 * time.Minute)
		want()
	})
	w = &world{status: http.StatusServiceUnavailable}
	run(t, w, func(pass func(time.Duration), want func(...string)) {
		a := alert("A", time.Now())
		w.set(func(w *world) { w.open = []rules.Alert{a} })
		pass(2 * time.Second)
		a.State, a.FiredAt = rules.Pending, time.Time{}
		w.set(func(w *world) { w.open = []rules.Alert{a} })
		pass(20 * time.Second)
		w.set(func(w *world) { w.status = 0 })
		pass(5 * time.Minute)
		if got := w.said(); len(got) != 1 || !strings.Contains(got[0], " A -") {
			t.Errorf("sent %q, want once that it is over: nobody has heard of it yet", got)
		}
	})
}

func TestWhatAnAlertmanagerDoesNotTakeIsSentAgain(t *testing.T) {
	w := &world{status: http.StatusServiceUnavailable}
	log, reg := run(t, w, func(pass func(time.Duration), want func(...string)) {
		w.set(func(w *world) { w.open = []rules.Alert{alert("A", time.Now())} })
		pass(10 * time.Second)
		w.set(func(w *world) { w.status, w.open = 0, nil }) // it resolved while the Alertmanager was away
		pass(20 * time.Second)
		if got := w.said(); len(got) != 1 || !strings.Contains(got[0], " A -") {
			t.Errorf("sent %q, want that it is over", got)
		}
	})
	if strings.Count(log, "level=ERROR") != 1 || !strings.Contains(log, "HTTP 503") || !strings.Contains(log, "forwarded again") || strings.Contains(log, "4711") || strings.Contains(log, "am.test") {
		t.Errorf("log %s, want one error without the token and address, and its end", log)
	}
	if n := testutil.CollectAndCount(reg, "guardian_forwarded_alerts_total"); n != 2 {
		t.Errorf("%d series", n)
	}
}

// After a takeover the Alertmanager hears of what resolved while nobody led.
func TestWhatResolvedLatelyIsSentAfterATakeover(t *testing.T) {
	w := &world{}
	w.resolved = func(now time.Time) []rules.Alert {
		ended := func(name string, ago time.Duration) rules.Alert {
			a := alert(name, now.Add(-time.Hour))
			a.State, a.ResolvedAt = rules.Resolved, now.Add(-ago)
			return a
		}
		return []rules.Alert{ended("Lately", time.Minute), ended("LongAgo", time.Hour)}
	}
	run(t, w, func(pass func(time.Duration), want func(...string)) {
		pass(500 * time.Millisecond)
		want("0 Lately -60")
	})
}

func TestARealAlertmanagerShowsWhatIsForwarded(t *testing.T) {
	path := program.Installed(t, "prometheus-alertmanager", "prometheus-alertmanager")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	_ = l.Close()
	folder := t.TempDir()
	file := filepath.Join(folder, "alertmanager.yml")
	if err := os.WriteFile(file, []byte("route: {receiver: nobody}\nreceivers: [{name: nobody}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), path, "--config.file", file, "--storage.path", folder, "--web.listen-address", addr, "--cluster.listen-address=")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	w := &world{open: []rules.Alert{alert("OrdersLate", time.Now().Add(-time.Minute).UTC())}}
	o := w.options(io.Discard, prometheus.NewRegistry())
	o.Transport = nil
	o.Surroundings = func() forward.Surroundings {
		return forward.Surroundings{
			Targets:  []forward.Target{{Name: "real", URL: secret.New("http://" + addr), Timeout: time.Second, Resend: time.Minute}},
			Interval: func(rules.Alert) time.Duration { return time.Second },
		}
	}
	go forward.New(o).Run(t.Context())
	shows := func() string {
		r, err := http.Get("http://" + addr + "/api/v2/alerts")
		if err != nil {
			return err.Error()
		}
		defer func() { _ = r.Body.Close() }()
		b, _ := io.ReadAll(r.Body)
		return string(b)
	}
	wait := func(what string, holds func(string) bool) {
		t.Helper()
		for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
			if holds(shows()) {
				return
			}
		}
		t.Fatalf("%s: %s", what, shows())
	}
	wait("the alert is not there", func(s string) bool { return strings.Contains(s, `"alertname":"OrdersLate"`) })
	w.set(func(w *world) { w.open = nil })
	wait("the alert is still there", func(s string) bool { return strings.TrimSpace(s) == "[]" })
}
