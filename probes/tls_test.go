package probes_test

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"golang.org/x/crypto/ocsp"

	"guardian/probes"
	"guardian/probes/sample"
)

func TestTLS(t *testing.T) {
	ca := newAuthority(t)
	good := ca.issue(t, time.Now().Add(500*time.Hour))
	tomorrow := time.Now().Add(24 * time.Hour)
	server := func(c tls.Certificate, set ...func(*tls.Config)) string {
		config := &tls.Config{Certificates: []tls.Certificate{c}}
		for _, s := range set {
			s(config)
		}
		return listen(t, shake(config, hangUp))
	}
	// mail talks as a mail server does before TLS: lines that are written, and the word that
	// is waited for before each.
	mail := func(lines ...string) string {
		return listen(t, func(c net.Conn) {
			r := bufio.NewReader(c)
			for _, l := range lines {
				word, line, _ := strings.Cut(l, "|")
				for word != "" {
					said, err := r.ReadString('\n')
					if err != nil {
						return
					}
					if strings.Contains(said, word) {
						break
					}
				}
				_, _ = fmt.Fprint(c, line)
			}
			shake(&tls.Config{Certificates: []tls.Certificate{good}}, hangUp)(c)
		})
	}
	for name, tc := range map[string]struct {
		address string
		set     func(*probes.TLSSettings)
		health  sample.Health
		reason  string
	}{
		"a trusted certificate is up":                  {address: server(good), health: sample.Up},
		"a certificate of nobody known is down":        {address: server(good), set: func(s *probes.TLSSettings) { s.CAFile = "" }, health: sample.Down, reason: "the certificate is not accepted"},
		"unless any is accepted":                       {address: server(good), set: func(s *probes.TLSSettings) { s.CAFile, s.Insecure = "", true }, health: sample.Up},
		"another name is down":                         {address: server(good), set: func(s *probes.TLSSettings) { s.ServerName = "other.test" }, health: sample.Down, reason: "other.test"},
		"the name that is asked for":                   {address: server(good), set: func(s *probes.TLSSettings) { s.ServerName = "shop.test" }, health: sample.Up},
		"an expired certificate is down":               {address: server(ca.issue(t, time.Now().Add(-time.Minute))), health: sample.Down, reason: "expired"},
		"a certificate that soon expires is down":      {address: server(ca.issue(t, time.Now().Add(30*time.Hour))), set: func(s *probes.TLSSettings) { s.MinRemaining = model.Duration(48 * time.Hour) }, health: sample.Down, reason: "expires in"},
		"an old protocol is down":                      {address: server(good, func(c *tls.Config) { c.MaxVersion = tls.VersionTLS11; c.MinVersion = tls.VersionTLS10 }), health: sample.Down, reason: "TLS 1.1 was negotiated, at least TLS 1.2 wanted"},
		"a good stapled response is up":                {address: server(ca.staple(t, good, ocsp.Good, tomorrow)), set: func(s *probes.TLSSettings) { s.OCSP = "required" }, health: sample.Up},
		"no stapled response where one is required":    {address: server(good), set: func(s *probes.TLSSettings) { s.OCSP = "required" }, health: sample.Down, reason: "no OCSP response is stapled"},
		"a revoked certificate is down":                {address: server(ca.staple(t, good, ocsp.Revoked, tomorrow)), health: sample.Down, reason: "revoked on 2026-03-01"},
		"unless it is not looked at":                   {address: server(ca.staple(t, good, ocsp.Revoked, tomorrow)), set: func(s *probes.TLSSettings) { s.OCSP = "ignored" }, health: sample.Up},
		"a stapled response of yesterday is down":      {address: server(ca.staple(t, good, ocsp.Good, time.Now().Add(-time.Hour))), health: sample.Down, reason: "out of date"},
		"a stapled response of another signer is down": {address: server(newAuthority(t).staple(t, good, ocsp.Good, tomorrow)), health: sample.Down, reason: "is not valid"},
		"nobody listens":                               {address: refusedAddress(t), health: sample.Down, reason: "refused"},
		"not TLS is down":                              {address: listen(t, func(c net.Conn) { _, _ = fmt.Fprint(c, "SSH-2.0-OpenSSH\r\n"); hangUp(c) }), health: sample.Down, reason: "the TLS handshake failed"},
		"a server that hangs is down":                  {address: listen(t, func(c net.Conn) { time.Sleep(2 * time.Second) }), health: sample.Down, reason: "no answer within"},
		"no file of authorities is unknown":            {address: server(good), set: func(s *probes.TLSSettings) { s.CAFile = "/nowhere.pem" }, health: sample.Unknown, reason: "read tls.ca_file"},
		"mail by smtp":                                 {address: mail("|220 mail ESMTP\r\n", "EHLO|250-mail\r\n250-SIZE\r\n250 STARTTLS\r\n", "STARTTLS|220 go\r\n"), set: func(s *probes.TLSSettings) { s.StartTLS = "smtp" }, health: sample.Up},
		"mail by imap":                                 {address: mail("|* OK ready\r\n", "STARTTLS|* note\r\ng1 OK go\r\n"), set: func(s *probes.TLSSettings) { s.StartTLS = "imap" }, health: sample.Up},
		"mail by pop3":                                 {address: mail("|+OK ready\r\n", "STLS|+OK go\r\n"), set: func(s *probes.TLSSettings) { s.StartTLS = "pop3" }, health: sample.Up},
		"mail that knows no STARTTLS is down":          {address: mail("|220 mail\r\n", "EHLO|250 mail\r\n", "STARTTLS|502 unknown command\r\n"), set: func(s *probes.TLSSettings) { s.StartTLS = "smtp" }, health: sample.Down, reason: `smtp server says "502 unknown command", want 220`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := build(t, "tls", probes.Env{}, func(s *probes.TLSSettings) {
				s.Address, s.CAFile = tc.address, ca.file
				if tc.set != nil {
					tc.set(s)
				}
			})
			o := look(t, p, 700*time.Millisecond)
			if o.Health != tc.health || !strings.Contains(o.Reason.String(), tc.reason) || (o.Health == sample.Up) != (o.Reason.IsZero()) {
				t.Errorf("got %s %q, want %s %q", o.Health, o.Reason, tc.health, tc.reason)
			}
			onlyPromised(t, "tls", &probes.TLSSettings{}, o)
			if o.Health == sample.Up {
				if got := value(t, o, "probe_ssl_earliest_cert_expiry"); got != float64(good.Leaf.NotAfter.Unix()) {
					t.Errorf("expires %v, want %v", got, good.Leaf.NotAfter.Unix())
				}
				_ = value(t, o, "probe_tls_version_info", "version=TLS 1.3")
			}
			// Also what is not accepted is measured.
			if strings.Contains(o.Reason.String(), "expired") && value(t, o, "probe_ssl_earliest_cert_expiry") > float64(time.Now().Unix()) {
				t.Error("the expiry of the expired certificate is not told")
			}
		})
	}
}

func TestTLSSettingsTellEveryMistake(t *testing.T) {
	s := probes.Builtin()["tls"].Settings().(*probes.TLSSettings)
	s.Address, s.AddressFamily, s.MinVersion, s.StartTLS, s.OCSP, s.MinRemaining = "shop", "ip5", "1.4", "ldap", "maybe", -1
	wantMistakes(t, s.Validate(), `"shop" is not host:port`, "ip5", "min_version", "starttls", "ocsp", "min_remaining")
	s.Address = ""
	wantMistakes(t, s.Validate(), "address is missing")
}
