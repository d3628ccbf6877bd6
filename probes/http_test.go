package probes_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"

	"guardian/internal/secret"
	"guardian/probes"
	"guardian/probes/sample"
)

func TestHTTPJudgesTheAnswer(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Version", "v1.4.2 (abc)")
		switch r.URL.Path {
		case "/slow":
			time.Sleep(60 * time.Millisecond)
		case "/503":
			w.WriteHeader(http.StatusServiceUnavailable)
		case "/there":
			http.Redirect(w, r, "/json", http.StatusFound)
			return
		case "/loop":
			http.Redirect(w, r, "/loop", http.StatusFound)
			return
		}
		_, _ = fmt.Fprint(w, `{"status":"ok","stock":12,"price":9.90,"sku":"007","build":{"version":"v2"},"orders":[{"id":"a","qty":2}]}`)
	})
	json := func(a probes.JSONAssertion) func(*probes.HTTPSettings) {
		return func(s *probes.HTTPSettings) { s.Expect.JSON = []probes.JSONAssertion{a} }
	}
	str, num, yes, no := func(s string) *string { return &s }, func(f float64) *float64 { return &f }, true, false
	for name, tc := range map[string]struct {
		path    string
		set     func(*probes.HTTPSettings)
		health  sample.Health
		reason  string
		version string
	}{
		"an answer of 200 is up":      {health: sample.Up},
		"a 503 is down":               {path: "/503", health: sample.Down, reason: "status 503, want 2xx"},
		"a 503 may be what is wanted": {path: "/503", health: sample.Up, set: func(s *probes.HTTPSettings) { s.Expect.Status = []probes.StatusRange{{From: 500, To: 503}} }},
		"a redirect is followed":      {path: "/there", health: sample.Up},
		"a redirect is judged itself": {path: "/there", health: sample.Up, set: func(s *probes.HTTPSettings) {
			s.MaxRedirects = 0
			s.Expect.Status = []probes.StatusRange{{From: 302, To: 302}}
		}},
		"a redirect without end is down":          {path: "/loop", health: sample.Down, reason: "more redirects than max_redirects allows"},
		"a missing header is down":                {health: sample.Down, reason: "the header X-Other is missing", set: func(s *probes.HTTPSettings) { s.Expect.Headers = map[string]string{"X-Other": "."} }},
		"a wrong header is down":                  {health: sample.Down, reason: "the header X-Version does not match ^v2", set: func(s *probes.HTTPSettings) { s.Expect.Headers = map[string]string{"X-Version": "^v2"} }},
		"a body without the text is down":         {health: sample.Down, reason: `the body does not contain "sold out"`, set: func(s *probes.HTTPSettings) { s.Expect.BodyContains = []string{"ok", "sold out"} }},
		"a body with the wrong text is down":      {health: sample.Down, reason: `the body contains "ok"`, set: func(s *probes.HTTPSettings) { s.Expect.BodyNotContains = []string{"ok"} }},
		"a body that does not match is down":      {health: sample.Down, reason: `the body does not match stock":[0-3]`, set: func(s *probes.HTTPSettings) { s.Expect.BodyMatches = []string{`stock":[0-3]`, `stock":[0-3],`} }},
		"a body that matches what is not is down": {health: sample.Down, reason: `the body matches o.`, set: func(s *probes.HTTPSettings) { s.Expect.BodyNotMatches = []string{`o.`} }},
		"json that is equal is up":                {health: sample.Up, set: json(probes.JSONAssertion{Path: "status", Equals: str("ok")})},
		"json that is not equal is down":          {health: sample.Down, reason: `json status is "ok", want "bad"`, set: json(probes.JSONAssertion{Path: "status", Equals: str("bad")})},
		"numbers are equal by value":              {health: sample.Up, set: json(probes.JSONAssertion{Path: "price", Equals: str("9.9")})},
		"texts are not":                           {health: sample.Down, reason: `json sku is "007", want "7"`, set: json(probes.JSONAssertion{Path: "sku", Equals: str("7")})},
		"json in a list":                          {health: sample.Up, set: json(probes.JSONAssertion{Path: `orders.#(id=="a").qty`, Min: num(2), Max: num(2)})},
		"too little is down":                      {health: sample.Down, reason: "json stock is 12, at least 20 wanted", set: json(probes.JSONAssertion{Path: "stock", Min: num(20)})},
		"too much is down":                        {health: sample.Down, reason: "json stock is 12, at most 3 wanted", set: json(probes.JSONAssertion{Path: "stock", Max: num(3)})},
		"not a number is down":                    {health: sample.Down, reason: `json status is "ok", want a number`, set: json(probes.JSONAssertion{Path: "status", Max: num(3)})},
		"a path that is missing is down":          {health: sample.Down, reason: "json nothing is missing", set: json(probes.JSONAssertion{Path: "nothing", Exists: &yes})},
		"a path that must be missing":             {health: sample.Down, reason: "json status is there", set: json(probes.JSONAssertion{Path: "status", Exists: &no})},
		"too slow is down":                        {path: "/slow", health: sample.Down, reason: "at most 20 ms allowed", set: func(s *probes.HTTPSettings) { s.Expect.MaxLatency = model.Duration(20 * time.Millisecond) }},
		"a body that is too long is down":         {health: sample.Down, reason: "longer than 10 bytes (body_limit)", set: func(s *probes.HTTPSettings) { s.BodyLimit = 10 }},
		"the version from a header":               {health: sample.Up, version: "v1.4.2", set: func(s *probes.HTTPSettings) { s.VersionFrom = probes.VersionFrom{Header: "X-Version", Match: `^(\S+)`} }},
		"the version from the body, also of a failure": {path: "/503", health: sample.Down, reason: "503", version: "v2", set: func(s *probes.HTTPSettings) {
			s.VersionFrom.JSON = "build.version"
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := build(t, "http", probes.Env{}, func(s *probes.HTTPSettings) {
				s.URL = url + tc.path
				if tc.set != nil {
					tc.set(s)
				}
			})
			o := look(t, p, 5*time.Second)
			if o.Health != tc.health || !strings.Contains(o.Reason.String(), tc.reason) || (o.Health == sample.Up) != (o.Reason.IsZero()) {
				t.Errorf("got %s %q, want %s %q", o.Health, o.Reason, tc.health, tc.reason)
			}
			if o.Version != tc.version {
				t.Errorf("version %q, want %q", o.Version, tc.version)
			}
			if o.Detail == "" || o.Health == sample.Up && len(o.Detail) > 500 {
				t.Errorf("detail of %s: %q", o.Health, o.Detail)
			}
		})
	}
}

func TestHTTPSendsWhatIsConfigured(t *testing.T) {
	var got string
	url := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		got = fmt.Sprintf("%s %s host=%s agent=%s type=%s auth=%s body=%s", r.Method, r.URL, r.Host, r.UserAgent(), r.Header.Get("Content-Type"), r.Header.Get("Authorization"), b)
	})
	p := build(t, "http", probes.Env{UserAgent: "guardian/1", Check: "c"}, func(s *probes.HTTPSettings) {
		s.Method, s.URL, s.Body = "GET", url+"/q?check={{.Check}}", `{"key":"{{.Secrets.key}}"}`
		s.Headers = map[string]secret.Secret{"Host": secret.New("shop.example.com"), "authorization": secret.New("Bearer {{.Secrets.key}}")}
		s.Secrets = map[string]secret.Secret{"key": secret.New("hunter22")}
	})
	if o := look(t, p, 20*time.Second); o.Health != sample.Up {
		t.Fatal(o.Reason)
	}
	want := `GET /q?check=c host=shop.example.com agent=guardian/1 type=application/json auth=Bearer hunter22 body={"key":"hunter22"}`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestHTTPFaults(t *testing.T) {
	closed := serveTCP(t, func(net.Conn) {})
	hang := func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }
	refused := func() string {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		return "http://" + l.Addr().String()
	}()
	answer := func(s string) string {
		return serveTCP(t, func(c net.Conn) {
			_, _ = io.WriteString(c, s)
		})
	}
	proxy407 := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusProxyAuthRequired) })
	for name, tc := range map[string]struct {
		url    string
		set    func(*probes.HTTPSettings)
		health sample.Health
		reason string
		times  bool // the look ends at its deadline
	}{
		"refused is down":                      {url: refused, health: sample.Down, reason: "the connection was refused"},
		"hanging before the answer is down":    {times: true, url: serveTCP(t, hang), health: sample.Down, reason: "waiting for the answer's first byte"},
		"closing without an answer is down":    {url: closed, health: sample.Down, reason: "the connection was"},
		"not HTTP is down":                     {url: answer("SSH-2.0-OpenSSH\r\n"), health: sample.Down, reason: "malformed HTTP"},
		"a body that breaks off is down":       {url: answer("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"), health: sample.Down, reason: "closed while reading the body"},
		"TLS to a plain port is down":          {url: strings.Replace(answer("HTTP/1.0 400 Bad Request\r\n\r\n"), "http:", "https:", 1), health: sample.Down, reason: "the TLS handshake failed"},
		"a proxy that is not there is unknown": {url: "http://shop.invalid/", health: sample.Unknown, reason: "the proxy cannot be reached", set: func(s *probes.HTTPSettings) { s.Proxy = refused }},
		"a proxy that refuses is unknown":      {url: "https://shop.invalid/", health: sample.Unknown, reason: "the proxy refused: 407", set: func(s *probes.HTTPSettings) { s.Proxy = proxy407 }},
		"no route from here is unknown":        {url: "http://255.255.255.255/", health: sample.Unknown, reason: "a problem on Guardian's own machine"},
		"a CA file that is not there":          {url: refused, health: sample.Unknown, reason: "read tls.ca_file", set: func(s *probes.HTTPSettings) { s.TLS.CAFile = "/nowhere.pem" }},
		"an address of the other family":       {url: refused, health: sample.Down, reason: "no address of the configured family", set: func(s *probes.HTTPSettings) { s.AddressFamily = "ip6" }},
		"a body that hangs ends at the deadline": {times: true, health: sample.Down, reason: "while reading the body", url: serveTCP(t, func(c net.Conn) {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
			hang(c)
		})},
		"a body without end ends at the limit": {health: sample.Down, reason: "longer than 1048576 bytes", url: serveTCP(t, func(c net.Conn) {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\n")
			for chunk := bytes.Repeat([]byte("x"), 1<<16); ; {
				if _, err := c.Write(chunk); err != nil {
					return
				}
			}
		})},
		"headers without end are down": {health: sample.Down, reason: "response headers", url: serveTCP(t, func(c net.Conn) {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n")
			for line := []byte("X: " + strings.Repeat("x", 1<<10) + "\r\n"); ; {
				if _, err := c.Write(line); err != nil {
					return
				}
			}
		})},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := build(t, "http", probes.Env{}, func(s *probes.HTTPSettings) {
				s.URL = tc.url
				if tc.set != nil {
					tc.set(s)
				}
			})
			timeout := 20 * time.Second
			if tc.times {
				timeout = 700 * time.Millisecond
			}
			o := look(t, p, timeout)
			if o.Health != tc.health || !strings.Contains(o.Reason.String(), tc.reason) {
				t.Errorf("got %s %q, want %s %q", o.Health, o.Reason, tc.health, tc.reason)
			}
		})
	}
}

// Our resolver's trouble is ours; that the name is not there is the target's.
func TestHTTPNames(t *testing.T) {
	t.Cleanup(func() { resolverSays.Store(nameNotThere) })
	for name, tc := range map[string]struct {
		code   uint32
		health sample.Health
		reason string
	}{
		"a name that does not exist is down":   {nameNotThere, sample.Down, "does not exist"},
		"a resolver that fails is unknown":     {2, sample.Unknown, "could not be resolved"},
		"a resolver that refuses is unknown":   {5, sample.Unknown, "could not be resolved"},
		"a resolver that is silent is unknown": {silent, sample.Unknown, "our resolver gave no answer"},
	} {
		t.Run(name, func(t *testing.T) {
			resolverSays.Store(tc.code)
			// A name of its own: Go's resolver lets a question join one that is still open.
			host := fmt.Sprintf("shop-%d.example.", tc.code)
			p := build(t, "http", probes.Env{}, func(s *probes.HTTPSettings) { s.URL = "http://" + host + "/" })
			timeout := 20 * time.Second
			if tc.code == silent {
				timeout = 500 * time.Millisecond
			}
			o := look(t, p, timeout)
			if o.Health != tc.health || !strings.Contains(o.Reason.String(), tc.reason) || (tc.code != silent && !strings.Contains(o.Reason.String(), host)) {
				t.Errorf("got %s %q, want %s %q", o.Health, o.Reason, tc.health, tc.reason)
			}
		})
	}
}

func TestHTTPGoesThroughTheConfiguredProxyOnly(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	t.Setenv("http_proxy", "http://127.0.0.1:1")
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintf(w, "asked for %s", r.RequestURI)
	})
	for name, tc := range map[string]struct{ url, proxy, body string }{
		"without":  {url: url + "/a", body: "asked for /a"},
		"with one": {url: "http://shop.invalid/a", proxy: url, body: "asked for http://shop.invalid/a"},
	} {
		p := build(t, "http", probes.Env{}, func(s *probes.HTTPSettings) {
			s.URL, s.Proxy, s.Expect.BodyContains = tc.url, tc.proxy, []string{tc.body}
		})
		if o := look(t, p, 20*time.Second); o.Health != sample.Up {
			t.Errorf("%s: %s %q %s", name, o.Health, o.Reason, o.Detail)
		}
	}
}

func TestHTTPBrokenOffIsUnknown(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	url := serveTCP(t, func(c net.Conn) { cancel(); _, _ = io.Copy(io.Discard, c) })
	p := build(t, "http", probes.Env{}, func(s *probes.HTTPSettings) { s.URL = url })
	if o := p.Look(ctx); o.Health != sample.Unknown || !strings.Contains(o.Reason.String(), "the look was stopped") {
		t.Errorf("got %s %q", o.Health, o.Reason)
	}
}

func TestHTTPOverTLS(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }))
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	s.EnableHTTP2 = true
	s.StartTLS()
	t.Cleanup(s.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	if err := os.WriteFile(ca, block, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		tls    probes.TLS
		health sample.Health
		reason string
	}{
		"an unknown authority is down":     {health: sample.Down, reason: "the certificate is not accepted"},
		"a known authority is up":          {tls: probes.TLS{CAFile: ca}, health: sample.Up},
		"another name is down":             {tls: probes.TLS{CAFile: ca, ServerName: "shop.test"}, health: sample.Down, reason: "shop.test"},
		"the name that it carries is up":   {tls: probes.TLS{CAFile: ca, ServerName: "example.com"}, health: sample.Up},
		"anything goes when insecure":      {tls: probes.TLS{Insecure: true}, health: sample.Up},
		"expiring too soon is down":        {tls: probes.TLS{CAFile: ca, MinRemaining: model.Duration(100 * 365 * 24 * time.Hour)}, health: sample.Down, reason: "a certificate of the chain expires in"},
		"a CA file without a certificate":  {tls: probes.TLS{CAFile: "/dev/null"}, health: sample.Unknown, reason: "holds no certificate"},
		"expiring much later is up":        {tls: probes.TLS{CAFile: ca, MinRemaining: model.Duration(24 * time.Hour)}, health: sample.Up},
		"insecure still measures validity": {tls: probes.TLS{Insecure: true, MinRemaining: model.Duration(100 * 365 * 24 * time.Hour)}, health: sample.Down, reason: "expires"},
	} {
		t.Run(name, func(t *testing.T) {
			p := build(t, "http", probes.Env{}, func(h *probes.HTTPSettings) { h.URL, h.TLS = s.URL, tc.tls })
			o := look(t, p, 5*time.Second)
			if o.Health != tc.health || !strings.Contains(o.Reason.String(), tc.reason) {
				t.Fatalf("got %s %q, want %s %q", o.Health, o.Reason, tc.health, tc.reason)
			}
			if o.Health == sample.Unknown {
				return
			}
			if got, want := value(t, o, "probe_ssl_earliest_cert_expiry"), float64(s.Certificate().NotAfter.Unix()); got != want {
				t.Errorf("expiry %v, want %v", got, want)
			}
		})
	}
}

func TestHTTPTakesTheTimeOfThePhases(t *testing.T) {
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		time.Sleep(30 * time.Millisecond)
		w.(http.Flusher).Flush()
		time.Sleep(30 * time.Millisecond)
		_, _ = io.WriteString(w, "hello")
	}))
	s.TLS.MinVersion = tls.VersionTLS13
	t.Cleanup(s.Close)
	p := build(t, "http", probes.Env{}, func(h *probes.HTTPSettings) { h.URL, h.TLS.Insecure = s.URL, true })
	for range 2 { // the second look connects again
		o := look(t, p, 5*time.Second)
		if o.Health != sample.Up {
			t.Fatal(o.Reason)
		}
		if got := value(t, o, "probe_http_status_code"); got != 200 {
			t.Errorf("status %v", got)
		}
		for phase, least := range map[string]float64{"resolve": 0, "connect": 1e-6, "tls": 1e-5, "processing": 0.03, "transfer": 0.03} {
			if got := value(t, o, "probe_http_duration_seconds", "phase="+phase); got < least || got > 2 {
				t.Errorf("phase %s took %v s", phase, got)
			}
		}
	}
}

func TestHTTPKeepsSecrets(t *testing.T) {
	const token, password, key, cookie = "tok-5ae1c0ffee", "pass-77beef00", "query-99feed11", "session-123456"
	echo := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Set-Cookie", "sid="+cookie)
		w.Header().Set("X-Echo", r.Header.Get("X-Api-Key"))
		w.WriteHeader(http.StatusInternalServerError)
		b, _ := io.ReadAll(r.Body)
		_, _ = fmt.Fprintf(w, "%s %s %v %s", r.URL, r.Header.Get("X-Api-Key"), r.Header["Authorization"], b)
		// A secret that would be cut in two by the excerpt's end.
		_, _ = fmt.Fprint(w, strings.Repeat("x", 2040-len(r.URL.String())), token, token, token)
	}
	for name, target := range map[string]string{
		"when the answer echoes them":      serve(t, echo),
		"when the connection is refused":   "http://127.0.0.1:1",
		"when the answer is not HTTP":      serveTCP(t, func(c net.Conn) { _, _ = io.WriteString(c, token+" "+key+"\r\n") }),
		"when the name cannot be resolved": "http://" + "shop.invalid",
		"when the redirect leads nowhere": serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "http://127.0.0.1:1/?token="+token)
			w.WriteHeader(http.StatusFound)
		}),
	} {
		t.Run(name, func(t *testing.T) {
			p := build(t, "http", probes.Env{}, func(s *probes.HTTPSettings) {
				s.Method = "POST"
				s.URL = strings.Replace(target, "http://", "http://user:"+password+"@", 1) + "/path?key=" + key
				s.Headers = map[string]secret.Secret{"X-Api-Key": secret.New(token)}
				s.Body = `{"t":"{{.Secrets.t}}"}`
				s.Secrets = map[string]secret.Secret{"t": secret.New(token)}
			})
			o := look(t, p, 20*time.Second)
			if o.Health == sample.Up {
				t.Fatal("up")
			}
			wantSilent(t, o, token, token[:8], password, key, cookie)
			if len(o.Detail) > 6<<10 {
				t.Errorf("detail has %d bytes", len(o.Detail))
			}
		})
	}
}

func TestHTTPSendsNoHeaderToAnotherHost(t *testing.T) {
	var leaked http.Header
	other := serve(t, func(_ http.ResponseWriter, r *http.Request) { leaked = r.Header })
	first := serve(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other, http.StatusFound) })
	p := build(t, "http", probes.Env{}, func(s *probes.HTTPSettings) {
		s.URL = first
		s.Headers = map[string]secret.Secret{"X-Api-Key": secret.New("hunter22")}
	})
	if o := look(t, p, 20*time.Second); o.Health != sample.Up {
		t.Fatal(o.Reason)
	}
	if leaked == nil || leaked.Get("X-Api-Key") != "" {
		t.Errorf("headers at the other host: %v", leaked)
	}
}

func TestHTTPSettingsTellEveryMistake(t *testing.T) {
	s := probes.Builtin()["http"].Settings().(*probes.HTTPSettings)
	s.URL, s.Method, s.Proxy, s.AddressFamily, s.MaxRedirects, s.BodyLimit = "ftp://u:hunter22@x", "get", "hunter22:x", "ip5", 99, 0
	s.Headers = map[string]secret.Secret{"Bad Name": secret.New("x"), "X": secret.New("a\nhunter22"), "T": secret.New("{{hunter22")}
	s.Expect.BodyMatches, s.Expect.MaxLatency = []string{"("}, -1
	s.Expect.JSON = []probes.JSONAssertion{{}}
	s.VersionFrom = probes.VersionFrom{Header: "a", JSON: "b", Match: "("}
	err := s.Validate()
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{
		"url is not", "method \"get\"", "proxy", "ip5", "max_redirects", "body_limit", "Bad Name", "line break", "headers.T is not a template",
		"expect.body_matches[0]", "max_latency", "json[0]: path", "header or json", "version_from.match",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing in:\n%v", want, err)
		}
	}
	if strings.Contains(err.Error(), "hunter22") {
		t.Errorf("the secret is told: %v", err)
	}
}

func TestStatusRange(t *testing.T) {
	for text, want := range map[string]string{"200": "200", "200-299": "200-299", "2xx": "200-299", "5XX": "500-599", " 404 ": "404"} {
		var r probes.StatusRange
		if err := r.UnmarshalText([]byte(text)); err != nil || r.String() != want {
			t.Errorf("%q: %v %v", text, r, err)
		}
	}
	for _, text := range []string{"", "0", "600", "299-200", "xx", "6xx", "ok", "200-"} {
		var r probes.StatusRange
		if err := r.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is taken as %v", text, r)
		}
	}
}

func BenchmarkHTTPLook(b *testing.B) {
	url := serve(b, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"status":"ok"}`) })
	ok := "ok"
	p := build(b, "http", probes.Env{}, func(s *probes.HTTPSettings) {
		s.URL = url
		s.Expect.JSON = []probes.JSONAssertion{{Path: "status", Equals: &ok}}
	})
	b.ReportAllocs()
	for b.Loop() {
		if o := p.Look(b.Context()); o.Health != sample.Up {
			b.Fatal(o.Reason)
		}
	}
}

func FuzzStatusRange(f *testing.F) {
	for _, text := range []string{"200", "200-299", "2xx", "-", "xx", "1-2-3"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var r, again probes.StatusRange
		if r.UnmarshalText([]byte(text)) != nil {
			return
		}
		if r.From < 100 || r.To > 599 || r.From > r.To {
			t.Errorf("%q is taken as %v", text, r)
		}
		if err := again.UnmarshalText([]byte(r.String())); err != nil || again != r {
			t.Errorf("%v is read back as %v: %v", r, again, err)
		}
	})
}

// The other kinds that go over TLS keep min_remaining, too, or refuse it.
func TestCertificatesOfOtherKinds(t *testing.T) {
	shop := &orderShop{orders: map[string]map[string]any{}}
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Shopify-Shop-Api-Call-Limit", "1/40")
		shop.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	long := probes.TLS{Insecure: true, MinRemaining: model.Duration(100 * 365 * 24 * time.Hour)}
	quota := build(t, "quota", probes.Env{}, func(q *probes.QuotaSettings) { q.URL, q.Operation, q.TLS = s.URL, "orders", long })
	push := build(t, "order_push", probes.Env{Check: "push", Orders: &journal{}}, func(o *probes.OrderPushSettings) {
		overHTTP(s.URL)(o)
		o.TLS = long
	})
	for name, p := range map[string]probes.Probe{"quota": quota, "order_push": push} {
		for range 2 {
			if o := look(t, p, orderPatience); o.Health != sample.Down || !strings.Contains(o.Reason.String(), "a certificate of the chain expires") {
				t.Errorf("%s: got %s %q", name, o.Health, o.Reason)
			}
		}
	}
	if err := (&probes.PromQLSettings{TLS: long}).Validate(); err == nil || !strings.Contains(err.Error(), "tls.min_remaining") {
		t.Errorf("promql: %v", err)
	}
}
