package probes_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"

	"guardian/internal/secret"
	"guardian/probes"
	"guardian/probes/sample"
)

// cache answers a few commands line by line, as Redis does.
func cache(c net.Conn) {
	r := bufio.NewReader(c)
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		switch command, rest, _ := strings.Cut(strings.TrimSpace(line), " "); command {
		case "PING":
			// In two parts: an answer need not come at once.
			_, _ = fmt.Fprint(c, "+PO")
			time.Sleep(10 * time.Millisecond)
			_, _ = fmt.Fprint(c, "NG\r\n")
		case "ECHO":
			_, _ = fmt.Fprint(c, rest+"\r\n")
		case "FLOOD":
			for chunk := []byte(strings.Repeat("x", 1<<10)); ; {
				if _, err := c.Write(chunk); err != nil {
					return
				}
			}
		case "QUIT":
			return
		}
	}
}

func TestTCP(t *testing.T) {
	ca := newAuthority(t)
	plain := listen(t, cache)
	secured := listen(t, shake(&tls.Config{Certificates: []tls.Certificate{ca.issue(t, time.Now().Add(100*time.Hour))}}, cache))
	talk := func(pairs ...string) func(*probes.TCPSettings) {
		return func(s *probes.TCPSettings) {
			for i := 0; i < len(pairs); i += 2 {
				s.Talk = append(s.Talk, probes.Talk{Send: pairs[i], Expect: pairs[i+1]})
			}
		}
	}
	for name, tc := range map[string]struct {
		address string
		set     func(*probes.TCPSettings)
		health  sample.Health
		reason  string
	}{
		"connecting is enough":                       {address: plain, health: sample.Up},
		"an answer as wanted":                        {address: plain, set: talk("PING\r\n", `^\+PONG`), health: sample.Up},
		"several in a row":                           {address: plain, set: talk("ECHO a\r\n", "^a", "ECHO b\r\n", "^b"), health: sample.Up},
		"another answer is down":                     {address: plain, set: talk("ECHO nope\r\n", "yes"), health: sample.Down, reason: `talk[0]: "nope`},
		"no answer is down":                          {address: plain, set: talk("SLEEP\r\n", "yes"), health: sample.Down, reason: "waiting for the answer to talk[0]"},
		"hanging up is down":                         {address: plain, set: talk("PING\r\n", "PONG", "QUIT\r\n", "bye"), health: sample.Down, reason: "closed while waiting for the answer to talk[1]"},
		"an answer without end is down":              {address: plain, set: talk("FLOOD\r\n", "yes"), health: sample.Down, reason: "65536 bytes came"},
		"nobody listens":                             {address: refusedAddress(t), health: sample.Down, reason: "the connection was refused"},
		"another family":                             {address: plain, set: func(s *probes.TCPSettings) { s.AddressFamily = "ip6" }, health: sample.Down, reason: "no address of the configured family"},
		"over TLS":                                   {address: secured, set: func(s *probes.TCPSettings) { s.TLS = &probes.TLS{CAFile: ca.file}; talk("PING\r\n", "PONG")(s) }, health: sample.Up},
		"a certificate that is not accepted is down": {address: secured, set: func(s *probes.TCPSettings) { s.TLS = &probes.TLS{} }, health: sample.Down, reason: "the certificate is not accepted"},
		"a certificate that soon expires is down": {address: secured, set: func(s *probes.TCPSettings) {
			s.TLS = &probes.TLS{CAFile: ca.file, MinRemaining: model.Duration(200 * time.Hour)}
		}, health: sample.Down, reason: "expires in"},
		"a template that cannot be filled is unknown": {address: plain, set: talk("{{.Secrets.none}}", "x"), health: sample.Unknown, reason: "talk[0].send"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := build(t, "tcp", probes.Env{}, func(s *probes.TCPSettings) {
				s.Address = tc.address
				if tc.set != nil {
					tc.set(s)
				}
			})
			o := look(t, p, 700*time.Millisecond)
			if o.Health != tc.health || !strings.Contains(o.Reason.String(), tc.reason) || (o.Health == sample.Up) != (o.Reason.IsZero()) {
				t.Errorf("got %s %q, want %s %q", o.Health, o.Reason, tc.health, tc.reason)
			}
			onlyPromised(t, "tcp", &probes.TCPSettings{}, o)
		})
	}
}

func TestTCPBrokenOffIsUnknown(t *testing.T) {
	p := build(t, "tcp", probes.Env{}, func(s *probes.TCPSettings) {
		s.Address = listen(t, cache)
		s.Talk = []probes.Talk{{Expect: "never"}}
	})
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, cancel)
	if o := p.Look(ctx); o.Health != sample.Unknown || !strings.Contains(o.Reason.String(), "the look was stopped") {
		t.Errorf("got %s %q", o.Health, o.Reason)
	}
}

func TestTCPKeepsSecrets(t *testing.T) {
	const password = "pass-77beef00"
	p := build(t, "tcp", probes.Env{}, func(s *probes.TCPSettings) {
		s.Address = listen(t, cache)
		s.Secrets = map[string]secret.Secret{"p": secret.New(password)}
		s.Talk = []probes.Talk{{Send: "ECHO wrong password {{.Secrets.p}}\r\n", Expect: "OK"}}
	})
	o := look(t, p, 300*time.Millisecond)
	if o.Health != sample.Down || !strings.Contains(o.Detail, "wrong password "+secret.Mask) {
		t.Errorf("got %s %q\n%s", o.Health, o.Reason, o.Detail)
	}
	wantSilent(t, o, password, password[:8])
}

func TestTCPSettingsTellEveryMistake(t *testing.T) {
	s := probes.Builtin()["tcp"].Settings().(*probes.TCPSettings)
	s.Address = "shop:99999"
	s.TLS = &probes.TLS{MinRemaining: -1}
	s.Talk = []probes.Talk{{}, {Send: "{{"}, {Expect: "("}}
	wantMistakes(t, s.Validate(), "not host:port", "tls.min_remaining", "talk[0]: give send", "talk[1].send", "talk[2].expect")
}
