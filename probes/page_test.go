package probes_test

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"

	"guardian/internal/secret"
	"guardian/probes"
	"guardian/probes/sample"
)

// browser skips a test where there is no Chromium, or fails it in CI.
func browser(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("chromium"); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("chromium is missing: apt-get install chromium")
		}
		t.Skip("chromium is missing: apt-get install chromium")
	}
}

func storefront(w http.ResponseWriter, r *http.Request) {
	const head = `<!doctype html><html><head><link rel="icon" href="data:,"><title>shop</title></head><body style="margin:0">`
	w.Header().Set("Content-Type", "text/html")
	switch r.URL.Path {
	case "/good":
		_, _ = fmt.Fprint(w, head+`<h1 id="shop">Shop</h1><div hidden id="hidden">x</div>
			<script>setTimeout(() => document.body.insertAdjacentHTML("beforeend", "<p id=late>late</p>"), 150)</script>`)
	case "/500":
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = fmt.Fprint(w, head+"<h1>Sorry</h1>")
	case "/errors":
		_, _ = fmt.Fprintf(w, head+`<h1>Shop</h1><script>console.error("cart for %s"); console.log("fine"); undefinedFunction()</script>`, r.URL.Query().Get("key"))
	case "/shifts":
		_, _ = fmt.Fprint(w, head+`<p>first</p><h1>Shop</h1>
			<script>new PerformanceObserver(() => setTimeout(() => document.querySelector("p").style.height = "400px", 50)).observe({type: "paint", buffered: true})</script>`)
	case "/asks":
		_, _ = fmt.Fprint(w, head+`<h1 id="shop">Shop</h1><script>alert("Sale!"); confirm("Cookies?")</script>`)
	case "/bare": // the browser asks for the icon, and there is none
		_, _ = fmt.Fprint(w, `<!doctype html><h1 id="shop">Shop</h1>`)
	case "/broken":
		_, _ = fmt.Fprint(w, head+`<h1 id="shop">Shop</h1><script src="/cart.js?key=1"></script>`)
	case "/favicon.ico", "/cart.js":
		http.NotFound(w, r)
	case "/slow":
		time.Sleep(300 * time.Millisecond)
		_, _ = fmt.Fprint(w, head+"<h1>Shop</h1>")
	case "/hangs":
		select {
		case <-r.Context().Done():
		case <-time.After(10 * time.Second):
		}
	}
}

// One after another: browsers that share the CPU measure each other.
func TestPage(t *testing.T) {
	browser(t)
	url := serve(t, storefront)
	none, tenth, little := 0, 0.1, 0.01
	for _, tc := range []struct {
		name, path string
		set        func(*probes.PageSettings)
		timeout    time.Duration
		health     sample.Health
		reason     string
	}{
		{name: "a page with its elements is up", path: "/good", set: func(s *probes.PageSettings) {
			s.Elements, s.MaxConsoleErrors, s.MaxCLS = []string{"#shop", "p#late"}, &none, &tenth
		}, health: sample.Up},
		{name: "an element that never comes is down", path: "/good", set: func(s *probes.PageSettings) { s.Elements = []string{"#shop", "#hidden"} }, timeout: 6 * time.Second, health: sample.Down, reason: "the element #hidden did not appear"},
		{name: "what is no selector is unknown", path: "/good", set: func(s *probes.PageSettings) { s.Elements = []string{"#shop", "p["} }, health: sample.Unknown, reason: `elements[1]: "p[" is not a CSS selector`},
		{name: "an error of the server is down", path: "/500", health: sample.Down, reason: "status 500, want 2xx"},
		{name: "errors on the console are down", path: "/errors", set: func(s *probes.PageSettings) { s.MaxConsoleErrors = &none }, health: sample.Down, reason: "2 errors on the console, at most 0 wanted"},
		{name: "a layout that shifts is down", path: "/shifts", set: func(s *probes.PageSettings) { s.MaxCLS, s.WaitAfterLoad = &little, model.Duration(time.Second) }, health: sample.Down, reason: "the layout shifted by 0.0"},
		{name: "a slow first byte is down", path: "/slow", set: func(s *probes.PageSettings) { s.MaxTTFB = model.Duration(200 * time.Millisecond) }, health: sample.Down, reason: "the first byte came after"},
		{name: "what the page asks is closed", path: "/asks", set: func(s *probes.PageSettings) { s.Elements = []string{"#shop"} }, health: sample.Up},
		{name: "an icon that the page does not name may be missing", path: "/bare", set: func(s *probes.PageSettings) { s.MaxConsoleErrors = &none }, health: sample.Up},
		{name: "what was not loaded is named", path: "/broken", set: func(s *probes.PageSettings) { s.MaxConsoleErrors = &none }, health: sample.Down, reason: "/cart.js"},
		{name: "a name that does not exist", set: func(s *probes.PageSettings) { s.URL = "http://shop.invalid/" }, health: sample.Down, reason: "the name shop.invalid does not exist"},
		{name: "nobody listens", set: func(s *probes.PageSettings) { s.URL = "http://" + refusedAddress(t) }, health: sample.Down, reason: "net::ERR_CONNECTION_REFUSED"},
		{name: "a proxy that is not there is unknown", path: "/good", set: func(s *probes.PageSettings) { s.URL, s.Proxy = "http://shop.test/", "http://"+refusedAddress(t) }, health: sample.Unknown, reason: "net::ERR_PROXY_CONNECTION_FAILED"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			pictures := t.TempDir()
			p := build(t, "page", probes.Env{Check: "a/page", Pictures: pictures}, func(s *probes.PageSettings) {
				s.URL, s.NoSandbox, s.WaitAfterLoad = url+tc.path, os.Geteuid() == 0, model.Duration(300*time.Millisecond)
				if tc.set != nil {
					tc.set(s)
				}
			})
			o := look(t, p, cmp.Or(tc.timeout, 30*time.Second))
			if o.Health != tc.health || !strings.Contains(o.Reason.String(), tc.reason) || (o.Health == sample.Up) != (o.Reason.IsZero()) {
				t.Errorf("got %s %q, want %s %q\n%s", o.Health, o.Reason, tc.health, tc.reason, o.Detail)
			}
			onlyPromised(t, "page", &probes.PageSettings{}, o)
			kept, _ := filepath.Glob(filepath.Join(pictures, "*", "*.png"))
			switch {
			case o.Health == sample.Up:
				if value(t, o, "page_load_seconds") <= 0 || value(t, o, "page_lcp_seconds") <= 0 || value(t, o, "page_fcp_seconds") <= 0 || value(t, o, "page_ttfb_seconds") <= 0 ||
					value(t, o, "page_cls") > 0.1 || value(t, o, "page_console_errors") != 0 || value(t, o, "probe_http_status_code") != 200 {
					t.Errorf("values: %v", o.Values)
				}
				if len(kept) != 0 {
					t.Errorf("pictures of what is up: %v", kept)
				}
			case strings.Contains(o.Reason.String(), "net::"), strings.Contains(o.Reason.String(), "does not exist"):
				if len(kept) != 0 {
					t.Errorf("pictures of nothing: %v", kept)
				}
			case len(kept) != 1 || !strings.Contains(o.Detail, "screenshot: "+kept[0]):
				t.Errorf("pictures: %v; told:\n%s", kept, o.Detail)
			default:
				if b, err := os.ReadFile(kept[0]); err != nil || !strings.HasPrefix(string(b), "\x89PNG") {
					t.Errorf("%s is no picture: %v", kept[0], err)
				}
			}
		})
	}
}

func TestPageKeepsTheNewestPicturesAndNoSecrets(t *testing.T) {
	browser(t)
	const key = "query-99feed11"
	none, pictures := 0, t.TempDir()
	p := build(t, "page", probes.Env{Check: "page", Pictures: pictures}, func(s *probes.PageSettings) {
		s.URL, s.NoSandbox, s.MaxConsoleErrors, s.Screenshots, s.WaitAfterLoad = serve(t, storefront)+"/errors?key={{.Secrets.key}}", os.Geteuid() == 0, &none, 1, 0
		s.Secrets = map[string]secret.Secret{"key": secret.New(key)}
	})
	last := ""
	for range 2 {
		o := look(t, p, 30*time.Second)
		if o.Health != sample.Down || !strings.Contains(o.Detail, "console: cart for "+secret.Mask) {
			t.Errorf("got %s %q\n%s", o.Health, o.Reason, o.Detail)
		}
		wantSilent(t, o, key)
		kept, _ := filepath.Glob(filepath.Join(pictures, "page", "*.png"))
		if len(kept) != 1 || kept[0] == last {
			t.Fatalf("pictures: %v, before: %s", kept, last)
		}
		last = kept[0]
	}
}

// What the browser leaves behind ends with the look: processes and profile.
func TestPageLeavesNothingBehind(t *testing.T) {
	browser(t)
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	url := serve(t, storefront)
	p := build(t, "page", probes.Env{}, func(s *probes.PageSettings) { s.URL, s.NoSandbox = url+"/hangs", os.Geteuid() == 0 })
	ctx, cancel := context.WithTimeout(t.Context(), 6*time.Second)
	defer cancel()
	if o := p.Look(ctx); o.Health != sample.Down || !strings.Contains(o.Reason.String(), "the look's time was over while loading the page") {
		t.Errorf("got %s %q", o.Health, o.Reason)
	}
	left, err := os.ReadDir(tmp)
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	for range 100 {
		commands, _ := filepath.Glob("/proc/[0-9]*/cmdline")
		found := ""
		for _, c := range commands {
			if b, err := os.ReadFile(c); err == nil && strings.Contains(string(b), tmp) {
				found = c
			}
		}
		if found == "" {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Error("a browser lives on")
}

func TestPageAcceptsAnyCertificateWhenToldTo(t *testing.T) {
	browser(t)
	s := httptest.NewUnstartedServer(http.HandlerFunc(storefront))
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError) // the browser refuses it, as it should
	s.StartTLS()
	t.Cleanup(s.Close)
	for insecure, want := range map[bool]sample.Health{false: sample.Down, true: sample.Up} {
		p := build(t, "page", probes.Env{}, func(p *probes.PageSettings) {
			p.URL, p.NoSandbox, p.Insecure, p.WaitAfterLoad = s.URL+"/good", os.Geteuid() == 0, insecure, 0
		})
		if o := look(t, p, 30*time.Second); o.Health != want || !insecure && !strings.Contains(o.Reason.String(), "net::ERR_CERT_") {
			t.Errorf("insecure %v: got %s %q", insecure, o.Health, o.Reason)
		}
	}
}

func TestPageWithoutChromiumIsUnknown(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	broken := filepath.Join(t.TempDir(), "chromium")
	if err := os.WriteFile(broken, []byte("#!/bin/sh\necho no display tok-5ae1c0ffee >&2\nexit 1\n"), 0o700); err != nil { //nolint:gosec // a program must be executable
		t.Fatal(err)
	}
	for name, tc := range map[string]struct{ path, reason string }{
		"none on PATH":               {reason: "there is no Chromium on PATH: install it (Debian: apt-get install chromium)"},
		"none where it should be":    {path: "/nowhere/chromium", reason: "/nowhere/chromium is not a program"},
		"one that cannot be started": {path: broken, reason: "Chromium could not be started"},
	} {
		t.Run(name, func(t *testing.T) {
			p := build(t, "page", probes.Env{}, func(s *probes.PageSettings) {
				s.URL, s.Chromium = "http://127.0.0.1:1/?key=tok-5ae1c0ffee", tc.path
			})
			o := look(t, p, 10*time.Second)
			if o.Health != sample.Unknown || !strings.Contains(o.Reason.String(), tc.reason) {
				t.Errorf("got %s %q\n%s", o.Health, o.Reason, o.Detail)
			}
			wantSilent(t, o, "tok-5ae1c0ffee")
		})
	}
}

func TestPageSettingsTellEveryMistake(t *testing.T) {
	s := probes.Builtin()["page"].Settings().(*probes.PageSettings)
	few, shift := -1, -0.1
	s.Proxy, s.Width, s.Height, s.Elements, s.MaxConsoleErrors, s.MaxCLS = "http://u:hunter22@p:1", 10, 99999, []string{" "}, &few, &shift
	s.WaitAfterLoad, s.MaxLoad, s.Screenshots = -1, -1, 101
	err := s.Validate()
	wantMistakes(t, err, "url is missing", "proxy has a user", "width", "height", "elements[0]", "max_console_errors", "max_cls", "wait_after_load", "max_load", "screenshots")
	if strings.Contains(err.Error(), "hunter22") {
		t.Errorf("the secret is told: %v", err)
	}
}
