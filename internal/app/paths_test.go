package app_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"guardian/internal/app"
	"guardian/internal/config"
	"guardian/internal/secret"
	"guardian/probes/sample"
)

func TestAPathIsCutOffWhenNoControlAnswers(t *testing.T) {
	at := time.Date(2026, 11, 2, 8, 0, 0, 0, time.UTC)
	look := func(seconds int, h sample.Health) app.ControlLook {
		return app.ControlLook{At: at.Add(time.Duration(seconds) * time.Second), Health: h, Reason: "no answer"}
	}
	for name, c := range map[string]struct {
		controls   map[string]app.ControlLook
		cut, known bool
		why        string
	}{
		"its control is down":               {map[string]app.ControlLook{"a": look(1, sample.Down)}, true, true, "cut off: control a does not answer (no answer)"},
		"its control could not look":        {map[string]app.ControlLook{"a": look(1, sample.Unknown)}, true, true, "control a"},
		"its control is up":                 {map[string]app.ControlLook{"a": look(0, sample.Up)}, false, true, ""},
		"one of two is up":                  {map[string]app.ControlLook{"a": look(1, sample.Down), "b": look(2, sample.Up)}, false, true, ""},
		"both are down":                     {map[string]app.ControlLook{"a": look(1, sample.Down), "b": look(2, sample.Down)}, true, true, "control a does not answer (no answer); control b"},
		"one is down, the other one is old": {map[string]app.ControlLook{"a": look(1, sample.Down), "b": look(-1, sample.Down)}, false, false, ""},
		"one is up, the other one is old":   {map[string]app.ControlLook{"a": look(1, sample.Up), "b": look(-1, sample.Down)}, false, true, ""},
		"the good look is from before":      {map[string]app.ControlLook{"a": look(-1, sample.Up)}, false, false, ""},
		"the control was never looked at":   {map[string]app.ControlLook{"a": {}}, false, false, ""},
		"there is no control on this path":  {nil, false, false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			why, isCut, known := app.JudgePath(c.controls, at)
			if isCut != c.cut || known != c.known || !strings.Contains(why, c.why) {
				t.Errorf("cut %t, known %t, %q; want %t, %t, %q", isCut, known, why, c.cut, c.known, c.why)
			}
		})
	}
}

// line is a network path: everything behind it is unreachable while it is closed.
type line struct {
	net.Listener
	mu     sync.Mutex
	closed bool
	served atomic.Int64
}

func (l *line) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		l.mu.Lock()
		closed := l.closed
		l.mu.Unlock()
		if !closed {
			return c, nil
		}
		_ = c.Close()
	}
}

func (l *line) close(closed bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = closed
}

// behind serves 200, or what status says, behind a line.
func behind(t *testing.T, status *atomic.Int64) (*line, string) {
	t.Helper()
	inner, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &line{Listener: inner}
	s := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		l.served.Add(1)
		if code := status.Load(); code != 0 {
			w.WriteHeader(int(code))
		}
	})}
	go func() { _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close() })
	return l, "http://" + inner.Addr().String()
}

// TestBeingCutOffIsToldFromThemBeingDown looks with the real runner and real connections.
func TestBeingCutOffIsToldFromThemBeingDown(t *testing.T) {
	var targetStatus, controlStatus atomic.Int64
	target, targetURL := behind(t, &targetStatus)
	control, controlURL := behind(t, &controlStatus)
	const many = 20
	dir := t.TempDir()
	text := fmt.Sprintf(`
server: {listen: "127.0.0.1:0"}
services: [{name: orders}]
checks:
  - {name: target, service: orders, every: 1h, network_path: hk, http: {url: %q}}
  - {name: elsewhere, service: orders, every: 1h, http: {url: %q}}
  - {name: control, service: orders, every: 1h, network_path: hk, control: true, http: {url: %q}}
`, targetURL, targetURL, controlURL)
	for i := range many {
		text += fmt.Sprintf("  - {name: many-%d, service: orders, every: 1h, network_path: hk, http: {url: %q}}\n", i, targetURL)
	}
	r := &secret.Redactor{}
	a, err := app.New(t.Context(), app.Options{
		Load: func() (*config.Config, error) { return load(t, dir, text, r) }, Redactor: r, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Stop(context.Background()) })
	look := func(check string) sample.Sample {
		t.Helper()
		s, err := a.LookNow(t.Context(), check)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	want := func(check string, h sample.Health, reason string) {
		t.Helper()
		if s := look(check); s.Health != h || !strings.Contains(s.Reason, reason) {
			t.Errorf("%s is %s (%s), want %s (%s)", check, s.Health, s.Reason, h, reason)
		}
	}
	want("target", sample.Up, "")
	if n := control.served.Load(); n != 0 {
		t.Errorf("the control was asked %d times while all was well", n)
	}
	targetStatus.Store(http.StatusInternalServerError)
	want("target", sample.Down, "status 500")
	if n := control.served.Load(); n != 1 {
		t.Errorf("the control was asked %d times about a failure, want once", n)
	}
	target.close(true)
	control.close(true)
	want("target", sample.Unknown, "cut off: control control does not answer")
	want("elsewhere", sample.Down, "")
	want("control", sample.Unknown, "cut off: control control does not answer")
	control.close(false)
	want("control", sample.Up, "")
	want("target", sample.Down, "")

	// Many failures at once share what the control says, and are not each a question to it.
	before := control.served.Load()
	var wg sync.WaitGroup
	for i := range many {
		wg.Go(func() { look(fmt.Sprint("many-", i)) })
	}
	wg.Wait()
	if n := control.served.Load() - before; n < 1 || n > 4 {
		t.Errorf("%d failures at once asked the control %d times", many, n)
	}
}

const cutConfig = `
server: {listen: "127.0.0.1:0", timezone: UTC}
services: [{name: orders}]
defaults: {blind_after: 1m}
receivers: [{name: oncall, webhook: {url: "http://127.0.0.1:1/"}}]
routes: {receiver: oncall}
checks:
  - {name: one, service: orders, every: 10s, blind_after: 1m, network_path: hk, http: {url: "http://127.0.0.1:1/"}}
  - {name: two, service: orders, every: 20s, blind_after: 1m, network_path: hk, http: {url: "http://127.0.0.1:1/"}}
  - {name: control, service: orders, every: 10s, blind_after: 1m, network_path: hk, control: true, http: {url: "http://127.0.0.1:1/"}}
  - {name: other, service: orders, every: 10s, blind_after: 1m, http: {url: "http://127.0.0.1:1/"}}
`

// TestACutPathIsToldOnce goes on second by second while the checks look at their times.
func TestACutPathIsToldOnce(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want string
	}{
		"one of two paths": {cutConfig, "The guardian is cut off on the path hk; The path hk is back"},
		"the only path": {
			strings.Replace(cutConfig, "  - {name: other, service: orders, every: 10s, blind_after: 1m, http: {url: \"http://127.0.0.1:1/\"}}\n", "", 1),
			"The guardian is cut off on the path hk; The path hk is back",
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "rules.yaml"), []byte("groups: []\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			k := newClock(time.Date(2026, 11, 2, 8, 0, 0, 0, time.UTC))
			r := &secret.Redactor{}
			a, err := app.New(t.Context(), app.Options{
				Load: func() (*config.Config, error) { return load(t, dir, c.text, r) }, Redactor: r, Now: k.now, Log: slog.New(slog.DiscardHandler),
			})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = a.Stop(context.Background()) })
			s := app.Stepped{App: a}
			if err := s.Begin(t.Context()); err != nil {
				t.Fatal(err)
			}
			start := k.now()
			for n := range 600 {
				k.set(start.Add(time.Duration(n) * time.Second))
				behind := sample.Observation{Health: sample.Up}
				if n >= 100 && n < 400 {
					behind = sample.Observation{Health: sample.Unknown, Reason: "no network"}
				}
				for i, check := range []string{"control", "one", "two", "other"} {
					o := behind
					if check == "other" {
						if c.text != cutConfig {
							continue
						}
						o = sample.Observation{Health: sample.Up}
					}
					if (check == "two" && n%20 == 7) || (check != "two" && n%10 == i) {
						s.Look(sample.Sample{Check: check, Kind: "http", Service: "orders", At: k.now(), Observation: o})
					}
				}
				s.Tick()
			}
			told, err := s.Deliveries(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(told, "; "); got != c.want {
				t.Errorf("told %q, want %q", got, c.want)
			}
		})
	}
}

// TestALookThatBeganDuringTheCutSawNothing: it ends when a control answers again already.
func TestALookThatBeganDuringTheCutSawNothing(t *testing.T) {
	k := newClock(time.Date(2026, 11, 2, 8, 0, 0, 0, time.UTC))
	r := &secret.Redactor{}
	dir := t.TempDir()
	a, err := app.New(t.Context(), app.Options{
		Load: func() (*config.Config, error) { return load(t, dir, cutConfig, r) }, Redactor: r, Now: k.now, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Stop(context.Background()) })
	s := app.Stepped{App: a}
	if err := s.Begin(t.Context()); err != nil {
		t.Fatal(err)
	}
	start := k.now()
	look := func(check string, began, ended int, h sample.Health) sample.Health {
		k.set(start.Add(time.Duration(ended) * time.Second))
		s.Look(sample.Sample{
			Check: check, Kind: "http", Service: "orders", At: start.Add(time.Duration(began) * time.Second),
			Duration: time.Duration(ended-began) * time.Second, Observation: sample.Observation{Health: h, Reason: "no answer"},
		})
		d, err := a.Backend().CheckDetail(t.Context(), check)
		if err != nil {
			t.Fatal(err)
		}
		return d.Last.Health
	}
	look("control", 10, 11, sample.Down)
	look("control", 20, 20, sample.Up)
	if h := look("one", 15, 25, sample.Down); h != sample.Unknown {
		t.Errorf("a look that began during the cut is %s, want unknown", h)
	}
	if h := look("one", 26, 27, sample.Down); h != sample.Down {
		t.Errorf("a look after the cut is %s, want down", h)
	}
}
