package probes_test

import (
	"context"
	"encoding/json"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"guardian/internal/secret"
	"guardian/probes"
	"guardian/probes/sample"
)

// What the resolver of these tests answers to every question: a code of RFC 1035, or nothing.
const (
	nameNotThere = 3
	silent       = 0xff
)

var resolverSays atomic.Uint32

// TestMain gives the tests a resolver of their own: no name is there.
func TestMain(m *testing.M) {
	server, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	resolverSays.Store(nameNotThere)
	go func() {
		for buffer := make([]byte, 1500); ; {
			n, from, err := server.ReadFrom(buffer)
			if err != nil {
				return
			}
			code := resolverSays.Load()
			if n < 12 || code == silent {
				continue
			}
			buffer[2], buffer[3] = 0x81, 0x80|byte(code)
			_, _ = server.WriteTo(buffer[:n], from)
		}
	}()
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", server.LocalAddr().String())
	}}
	m.Run()
}

// build makes the probe of a kind with its default settings, changed by set.
func build[S any](tb testing.TB, kind string, env probes.Env, set func(*S)) probes.Probe {
	tb.Helper()
	k := probes.Builtin()[kind]
	settings := k.Settings()
	set(settings.(*S))
	if v, ok := settings.(interface{ Validate() error }); ok {
		if err := v.Validate(); err != nil {
			tb.Fatalf("settings: %v", err)
		}
	}
	p, err := k.Build(settings, env)
	if err != nil {
		tb.Fatalf("build: %v", err)
	}
	if c, ok := p.(probes.Closer); ok {
		tb.Cleanup(func() { _ = c.Close() })
	}
	return p
}

func look(tb testing.TB, p probes.Probe, timeout time.Duration) sample.Observation {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), timeout)
	defer cancel()
	return p.Look(ctx)
}

// serve answers with a handler on a port of its own.
func serve(tb testing.TB, h http.HandlerFunc) string {
	tb.Helper()
	s := httptest.NewServer(h)
	tb.Cleanup(s.Close)
	return s.URL
}

// serveTCP reads the request and talks to each connection as talk says, and then closes it.
func serveTCP(tb testing.TB, talk func(net.Conn)) string {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				_, _ = c.Read(make([]byte, 4096))
				talk(c)
			}()
		}
	}()
	return "http://" + l.Addr().String()
}

// value gives the value of a series of an observation; labels as "name=value".
func value(tb testing.TB, o sample.Observation, name string, labels ...string) float64 {
	tb.Helper()
	for _, v := range o.Values {
		var have []string
		for _, k := range slices.Sorted(maps.Keys(v.Labels)) {
			have = append(have, k+"="+v.Labels[k])
		}
		if v.Name == name && slices.Equal(have, labels) {
			return v.V
		}
	}
	tb.Fatalf("no %s%v among %v", name, labels, o.Values)
	return 0
}

// wantSilent fails when any of the secrets is in what the probe tells.
func wantSilent(tb testing.TB, o sample.Observation, secrets ...string) {
	tb.Helper()
	whole := stored(tb, o)
	for _, s := range secrets {
		if strings.Contains(whole, s) || strings.Contains(o.Reason.String(), s) || strings.Contains(o.Detail, s) || strings.Contains(o.Version, s) {
			tb.Errorf("the secret %s is told: %q\n%s\n%s", s, o.Reason, o.Detail, whole)
		}
	}
}

// stored is what a journal keeps of v.
func stored(tb testing.TB, v any) string {
	tb.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		tb.Fatal(err)
	}
	return string(b)
}

// onlyPromised fails when an observation holds a series that the kind does not say it produces.
func onlyPromised(tb testing.TB, kind string, settings any, o sample.Observation) {
	tb.Helper()
	promised := probes.Builtin()[kind].Produces(settings)
	for _, v := range o.Values {
		if !slices.Contains(promised, v.Name) {
			tb.Errorf("%s produces %s and does not say so", kind, v.Name)
		}
	}
}

// wantMistakes fails when a mistake is not told.
func wantMistakes(tb testing.TB, err error, mistakes ...string) {
	tb.Helper()
	for _, want := range mistakes {
		if err == nil || !strings.Contains(err.Error(), want) {
			tb.Errorf("%q is missing in:\n%v", want, err)
		}
	}
}

func TestKindsProduceOnlyWhatTheySay(t *testing.T) {
	for name, kind := range probes.Builtin() {
		if kind.Produces == nil || kind.Build == nil || kind.Settings == nil {
			t.Errorf("%s: a kind needs Settings, Build and Produces", name)
			continue
		}
		if len(kind.Produces(kind.Settings())) == 0 {
			t.Errorf("%s produces nothing beyond the common series", name)
		}
	}
}

func TestFingerprint(t *testing.T) {
	type settings struct {
		URL    string
		Secret secret.Secret
		Where  *time.Location
		Labels map[string]string
	}
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	base := func() settings {
		return settings{"u", secret.New("hunter22"), berlin, map[string]string{"a": "1", "b": "2", "c": "3"}}
	}
	first := probes.Fingerprint("http", base())
	_ = time.Now().In(berlin).String() // fills the location's cache
	if probes.Fingerprint("http", base()) != first {
		t.Error("the same settings have another fingerprint")
	}
	changed := base()
	changed.Secret = secret.New("hunter23")
	if probes.Fingerprint("http", changed) == first {
		t.Error("a changed secret has the same fingerprint")
	}
	changed = base()
	changed.Labels["c"] = "4"
	if probes.Fingerprint("http", &changed) == first {
		t.Error("a changed label has the same fingerprint")
	}
	if probes.Fingerprint("ab", "c") == probes.Fingerprint("a", "bc") {
		t.Error("parts run together")
	}
	if strings.Contains(first, "hunter") {
		t.Error("the secret can be read off")
	}
}
