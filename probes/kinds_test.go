package probes_test

import (
	"context"
	"maps"
	"net"
	"slices"
	"testing"
	"time"

	"guardian/internal/secret"
	"guardian/probes"
	"guardian/probes/sample"
)

// silentTargets gives for each kind that goes out settings whose target takes connections and
// never says a word.
func silentTargets(t *testing.T) map[string]func(any) {
	t.Helper()
	address := listen(t, func(c net.Conn) {
		for b := make([]byte, 1024); ; {
			if _, err := c.Read(b); err != nil {
				return
			}
		}
	})
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = udp.Close() })
	url := "http://" + address
	return map[string]func(any){
		"backup": func(s any) {
			s.(*probes.BackupSettings).S3 = &probes.S3Listing{Endpoint: url, Bucket: "b", AccessKey: secret.New("access"), SecretKey: secret.New("secret")}
		},
		"dns":  func(s any) { d := s.(*probes.DNSSettings); d.Server, d.Name = udp.LocalAddr().String(), "shop.test" },
		"exec": func(s any) { s.(*probes.ExecSettings).Command = []string{"/bin/sleep", "60"} },
		"feed": func(s any) { s.(*probes.FeedSettings).URL = url },
		"grpc": func(s any) { s.(*probes.GRPCSettings).Address = address },
		"http": func(s any) { s.(*probes.HTTPSettings).URL = url },
		"journey": func(s any) {
			s.(*probes.JourneySettings).Steps = []probes.JourneyStep{{Name: "a", Request: probes.Request{URL: url}}}
		},
		"page":   func(s any) { p := s.(*probes.PageSettings); p.URL, p.Chromium = url, "/bin/false" },
		"promql": func(s any) { p := s.(*probes.PromQLSettings); p.Server, p.Query = url, "up" },
		"quota":  func(s any) { q := s.(*probes.QuotaSettings); q.URL, q.Operation = url, "orders" },
		"scrape": func(s any) { c := s.(*probes.ScrapeSettings); c.URL, c.Metrics = url, []string{"up"} },
		"sql": func(s any) {
			q := s.(*probes.SQLSettings)
			q.Driver, q.DSN, q.Query = "postgres", secret.New("postgres://shop@"+address+"/shop"), "SELECT 1"
		},
		"tcp": func(s any) {
			c := s.(*probes.TCPSettings)
			c.Address, c.Talk = address, []probes.Talk{{Expect: "."}}
		},
		"tls": func(s any) { s.(*probes.TLSSettings).Address = address },
	}
}

// Every kind that goes out keeps to the look's time, and what it breaks off is no failure.
func TestKindsKeepToTheLooksTime(t *testing.T) {
	targets := silentTargets(t)
	for name := range probes.Builtin() {
		if targets[name] == nil && name != "heartbeat" && name != "order_push" && name != "drift" { // which have tests of their own
			t.Errorf("%s is not tested here", name)
		}
	}
	for name, set := range targets {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			kind := probes.Builtin()[name]
			settings := kind.Settings()
			set(settings)
			p, err := kind.Build(settings, probes.Env{Check: "c"})
			if err != nil {
				t.Fatal(err)
			}
			if c, ok := p.(probes.Closer); ok {
				defer c.Close()
			}
			gone, cancel := context.WithCancel(t.Context())
			time.AfterFunc(50*time.Millisecond, cancel)
			if o := p.Look(gone); o.Health != sample.Unknown || o.Reason.IsZero() {
				t.Errorf("a look that was broken off is %s %q", o.Health, o.Reason)
			}
			short, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			done := make(chan sample.Observation, 1)
			go func() { done <- p.Look(short) }()
			select {
			case o := <-done:
				if o.Health == sample.Up || o.Reason.IsZero() {
					t.Errorf("a target that says nothing is %s %q", o.Health, o.Reason)
				}
			case <-time.After(20 * time.Second):
				t.Error("the look goes on long after its time")
			}
		})
	}
}

// What may change something or costs quota is looked at by one guardian alone.
func TestKindsThatOneGuardianLooksAt(t *testing.T) {
	var active []string
	kinds := probes.Builtin()
	for _, name := range slices.Sorted(maps.Keys(kinds)) {
		if kinds[name].Active {
			active = append(active, name)
		}
	}
	if want := []string{"drift", "exec", "journey", "order_push", "quota"}; !slices.Equal(active, want) {
		t.Errorf("active kinds are %v, want %v", active, want)
	}
}
