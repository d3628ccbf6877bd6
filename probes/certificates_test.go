package probes_test

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"guardian/internal/reason"
	"guardian/probes"
	"guardian/probes/sample"
)

// party is somebody with a key: an authority, a server or a client.
type party struct {
	name string
	key  *ecdsa.PrivateKey
}

func newParty(tb testing.TB, name string) party {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	return party{name, key}
}

// certify makes a certificate for a party, signed by another.
func (p party) certify(tb testing.TB, of party, from, to time.Time) *x509.Certificate {
	tb.Helper()
	ca := strings.HasSuffix(of.name, "authority")
	subject := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: of.name}, NotBefore: from, NotAfter: to,
		IsCA: ca, BasicConstraintsValid: true, SubjectKeyId: []byte(of.name),
	}
	if ca {
		subject.KeyUsage = x509.KeyUsageCertSign
	} else {
		subject.DNSNames, subject.IPAddresses = []string{"shop.test"}, []net.IP{net.IPv4(127, 0, 0, 1)}
	}
	issuer := &x509.Certificate{Subject: pkix.Name{CommonName: p.name}, SubjectKeyId: []byte(p.name)}
	der, err := x509.CreateCertificate(rand.Reader, subject, issuer, of.key.Public(), p.key)
	if err != nil {
		tb.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

// pemFile writes certificates to a file.
func pemFile(tb testing.TB, certificates ...*x509.Certificate) string {
	tb.Helper()
	var text []byte
	for _, c := range certificates {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})...)
	}
	path := filepath.Join(tb.TempDir(), "certificates.pem")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		tb.Fatal(err)
	}
	return path
}

// keyFile writes the party's key to a file.
func (p party) keyFile(tb testing.TB) string {
	tb.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(p.key)
	if err != nil {
		tb.Fatal(err)
	}
	path := filepath.Join(tb.TempDir(), "key.pem")
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600); err != nil {
		tb.Fatal(err)
	}
	return path
}

// sends makes what a server sends of certificates, its own first.
func (p party) sends(certificates ...*x509.Certificate) tls.Certificate {
	c := tls.Certificate{PrivateKey: p.key}
	for _, one := range certificates {
		c.Certificate = append(c.Certificate, one.Raw)
	}
	return c
}

func TestTheExpiryIsThatOfTheChainThatVerifies(t *testing.T) {
	now := time.Now().Truncate(time.Second)
	ago := func(years int) time.Time { return now.AddDate(-years, 0, -3) }
	in := func(days int) time.Time { return now.AddDate(0, 0, days) }
	root, old, between, shop := newParty(t, "new authority"), newParty(t, "old authority"), newParty(t, "intermediate authority"), newParty(t, "shop.test")
	trusted := root.certify(t, root, ago(6), in(3000))
	oldRoot := old.certify(t, old, ago(9), in(20))
	middle, leaf := root.certify(t, between, ago(1), in(900)), between.certify(t, shop, ago(0), in(60))
	over := old.certify(t, root, ago(8), ago(5)) // the new authority as the old one signed it once
	soon := old.certify(t, root, ago(8), in(5))  // the same, and almost over
	foreign := old.certify(t, newParty(t, "stray.test"), ago(8), ago(2))
	for name, tc := range map[string]struct {
		sent    []*x509.Certificate
		ca      string
		least   time.Duration
		health  sample.Health
		reason  string
		expires time.Time
		detail  string
	}{
		"what is over beside the chain": {sent: []*x509.Certificate{leaf, middle, over}, ca: pemFile(t, trusted), least: 14 * 24 * time.Hour, health: sample.Up, expires: in(60), detail: "counts for nothing: CN=new authority, expired since " + ago(5).UTC().Format(time.DateOnly) + " (5 years)"},
		"what is soon over beside it":   {sent: []*x509.Certificate{leaf, middle, soon}, ca: pemFile(t, trusted), least: 14 * 24 * time.Hour, health: sample.Up, expires: in(60), detail: "counts for nothing: CN=new authority until"},
		"what belongs to nobody":        {sent: []*x509.Certificate{leaf, foreign, middle}, ca: pemFile(t, trusted), health: sample.Up, expires: in(60), detail: "counts for nothing: CN=stray.test, expired"},
		"of two chains the longer":      {sent: []*x509.Certificate{leaf, middle, soon}, ca: pemFile(t, trusted, oldRoot), least: 14 * 24 * time.Hour, health: sample.Up, expires: in(60)},
		"the only chain, over the old":  {sent: []*x509.Certificate{leaf, middle, soon}, ca: pemFile(t, oldRoot), least: 14 * 24 * time.Hour, health: sample.Down, reason: "expires in", expires: in(5)},
		"the chain itself":              {sent: []*x509.Certificate{leaf, middle}, ca: pemFile(t, trusted), least: 90 * 24 * time.Hour, health: sample.Down, reason: "expires in", expires: in(60)},
		"its own that is over":          {sent: []*x509.Certificate{between.certify(t, shop, ago(4), ago(3)), middle}, ca: pemFile(t, trusted), health: sample.Down, reason: "CN=shop.test has been expired since " + ago(3).UTC().Format(time.DateOnly) + " (3 years)", expires: ago(3)},
		"its own that is to come":       {sent: []*x509.Certificate{between.certify(t, shop, in(1), in(9)), middle}, ca: pemFile(t, trusted), health: sample.Down, reason: "CN=shop.test is valid only from", expires: in(9)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := &tls.Config{Certificates: []tls.Certificate{shop.sends(tc.sent...)}}
			address := listen(t, shake(config, hangUp))
			o := look(t, build(t, "tls", probes.Env{}, func(s *probes.TLSSettings) {
				s.Address, s.CAFile, s.MinRemaining = address, tc.ca, model.Duration(tc.least)
			}), 20*time.Second)
			wantHealth(t, o, tc.health, tc.reason)
			if got := value(t, o, "probe_ssl_earliest_cert_expiry"); got != float64(tc.expires.Unix()) {
				t.Errorf("expires %s, want %s", time.Unix(int64(got), 0), tc.expires)
			}
			if !strings.Contains(o.Detail, tc.detail) {
				t.Errorf("%q is not in %s", tc.detail, o.Detail)
			}
			server := httptest.NewUnstartedServer(http.NotFoundHandler())
			server.TLS = config
			server.StartTLS()
			t.Cleanup(server.Close)
			o = look(t, build(t, "http", probes.Env{}, func(s *probes.HTTPSettings) {
				s.URL, s.TLS = server.URL, probes.TLS{CAFile: tc.ca, MinRemaining: model.Duration(tc.least)}
				s.Expect.Status = []probes.StatusRange{{From: 404, To: 404}}
			}), 20*time.Second)
			wantHealth(t, o, tc.health, tc.reason)
			if !strings.Contains(o.Detail, tc.detail) {
				t.Errorf("%q is not in %s", tc.detail, o.Detail)
			}
		})
	}
}

func TestSinceWhenSomethingIsOverReadsInBothLanguages(t *testing.T) {
	since := time.Date(2021, 9, 30, 14, 1, 15, 0, time.UTC)
	for age, want := range map[time.Duration][2]string{
		5*365*24*time.Hour + 72*time.Hour: {"since 2021-09-30 (5 years)", "自 2021-09-30 起已过期（5 年）"},
		400 * 24 * time.Hour:              {"since 2021-09-30 (400 d)", "自 2021-09-30 起已过期（400 天）"},
		30 * time.Hour:                    {"since 2021-09-30 (1 d 6 h)", "自 2021-09-30 起已过期（1 天 6 小时）"},
	} {
		for _, code := range []string{"tls_chain_over", "tls_certificate_over"} {
			r := reason.New(code, "subject", "CN=x", "since", since, "age", age)
			if en, zh := (reason.Reader{}).Read(r), (reason.Reader{Language: "zh"}).Read(r); !strings.Contains(en, want[0]) || !strings.Contains(zh, want[1]) {
				t.Errorf("%s\n%s", en, zh)
			}
		}
	}
}

func TestEveryKindShowsItsClientCertificate(t *testing.T) {
	now := time.Now()
	root, between, shop, guardian := newParty(t, "authority"), newParty(t, "intermediate authority"), newParty(t, "shop.test"), newParty(t, "guardian")
	trusted, middle := root.certify(t, root, now.Add(-time.Hour), now.Add(999*time.Hour)), root.certify(t, between, now.Add(-time.Hour), now.Add(99*time.Hour))
	pool := x509.NewCertPool()
	pool.AddCert(trusted)
	config := &tls.Config{
		Certificates: []tls.Certificate{shop.sends(between.certify(t, shop, now.Add(-time.Hour), now.Add(90*time.Hour)), middle)},
		ClientAuth:   tls.RequireAndVerifyClientCert, ClientCAs: pool,
	}
	own := between.certify(t, guardian, now.Add(-time.Hour), now.Add(9*time.Hour))
	stranger := newParty(t, "other authority")
	ca, key := pemFile(t, trusted), guardian.keyFile(t)
	overHTTP := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintf(w, "# %s\nup 1\n", r.TLS.PeerCertificates[0].Subject)
	}))
	overHTTP.TLS = config.Clone()
	overHTTP.StartTLS()
	t.Cleanup(overHTTP.Close)
	overTCP := listen(t, shake(config.Clone(), func(c net.Conn) {
		_, _ = fmt.Fprint(c, "ready\r\n")
		_, _ = bufio.NewReader(c).ReadString('\n')
	}))
	overGRPC, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h2 := config.Clone()
	h2.NextProtos = []string{"h2"}
	g := grpc.NewServer(grpc.Creds(credentials.NewTLS(h2)))
	healthpb.RegisterHealthServer(g, health.NewServer())
	go func() { _ = g.Serve(overGRPC) }()
	t.Cleanup(g.Stop)
	one := 1.0
	kinds := map[string]func(probes.TLS) probes.Probe{
		"http": func(c probes.TLS) probes.Probe {
			return build(t, "http", probes.Env{}, func(s *probes.HTTPSettings) {
				s.URL, s.TLS, s.Expect.BodyContains = overHTTP.URL, c, []string{"CN=guardian"}
			})
		},
		"scrape": func(c probes.TLS) probes.Probe {
			return build(t, "scrape", probes.Env{}, func(s *probes.ScrapeSettings) {
				s.URL, s.TLS, s.Assert = overHTTP.URL, c, []probes.MetricAssertion{{Metric: "up", Min: &one}}
			})
		},
		"journey": func(c probes.TLS) probes.Probe {
			return build(t, "journey", probes.Env{}, func(s *probes.JourneySettings) {
				s.TLS, s.Steps = c, []probes.JourneyStep{{Name: "a", Request: probes.Request{URL: overHTTP.URL}}}
			})
		},
		"tcp": func(c probes.TLS) probes.Probe {
			return build(t, "tcp", probes.Env{}, func(s *probes.TCPSettings) {
				s.Address, s.TLS, s.Talk = overTCP, &c, []probes.Talk{{Expect: "ready"}}
			})
		},
		"tls": func(c probes.TLS) probes.Probe {
			return build(t, "tls", probes.Env{}, func(s *probes.TLSSettings) { s.Address, s.TLS = overTCP, c })
		},
		"grpc": func(c probes.TLS) probes.Probe {
			return build(t, "grpc", probes.Env{}, func(s *probes.GRPCSettings) { s.Address, s.TLS = overGRPC.Addr().String(), &c })
		},
	}
	for kind, probe := range kinds {
		for name, tc := range map[string]struct {
			own    probes.TLS
			health sample.Health
			reason string
		}{
			"with its intermediate":     {probes.TLS{CertFile: pemFile(t, own, middle), KeyFile: key}, sample.Up, ""},
			"without":                   {probes.TLS{CertFile: pemFile(t, own), KeyFile: key}, sample.Up, ""},
			"of a stranger":             {probes.TLS{CertFile: pemFile(t, stranger.certify(t, guardian, now.Add(-time.Hour), now.Add(time.Hour))), KeyFile: key}, sample.Down, ""},
			"one that has expired":      {probes.TLS{CertFile: pemFile(t, between.certify(t, guardian, now.Add(-time.Hour), now.Add(-time.Minute))), KeyFile: key}, sample.Unknown, "tls.cert_file has expired on"},
			"a file that is not there":  {probes.TLS{CertFile: "/nowhere.pem", KeyFile: key}, sample.Unknown, "read tls.cert_file"},
			"none, where one is wanted": {probes.TLS{}, sample.Down, ""},
		} {
			if kind == "tls" && tc.health == sample.Down {
				continue // with TLS 1.3 a server refuses only after the handshake
			}
			t.Run(kind+", "+name, func(t *testing.T) {
				tc.own.CAFile = ca
				wantHealth(t, look(t, probe(tc.own), 20*time.Second), tc.health, tc.reason)
			})
		}
	}
	wantMistakes(t, (&probes.TLSSettings{TLS: probes.TLS{CertFile: "x"}}).Validate(), "cert_file and key_file: give both or neither")
	wantMistakes(t, (&probes.GRPCSettings{TLS: &probes.TLS{KeyFile: "x"}}).Validate(), "tls.cert_file and tls.key_file")
}

func TestAClientCertificateThatIsReplacedIsReadAnew(t *testing.T) {
	now := time.Now()
	root, shop, guardian := newParty(t, "authority"), newParty(t, "shop.test"), newParty(t, "guardian")
	trusted := root.certify(t, root, now.Add(-time.Hour), now.Add(999*time.Hour))
	pool := x509.NewCertPool()
	pool.AddCert(trusted)
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.TLS = &tls.Config{
		Certificates: []tls.Certificate{shop.sends(root.certify(t, shop, now.Add(-time.Hour), now.Add(90*time.Hour)))},
		ClientAuth:   tls.RequireAndVerifyClientCert, ClientCAs: pool,
	}
	server.StartTLS()
	t.Cleanup(server.Close)
	file := pemFile(t, root.certify(t, guardian, now.Add(-time.Hour), now.Add(time.Hour)))
	p := build(t, "http", probes.Env{}, func(s *probes.HTTPSettings) {
		s.URL, s.TLS = server.URL, probes.TLS{CAFile: pemFile(t, trusted), CertFile: file, KeyFile: guardian.keyFile(t)}
		s.Expect.Status = []probes.StatusRange{{From: 404, To: 404}}
	})
	replace := func(c *x509.Certificate) {
		if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	wantHealth(t, look(t, p, 20*time.Second), sample.Up, "")
	replace(root.certify(t, guardian, now.Add(-2*time.Hour), now.Add(-time.Hour)))
	wantHealth(t, look(t, p, 20*time.Second), sample.Unknown, "tls.cert_file has expired on")
	replace(root.certify(t, guardian, now.Add(-time.Hour), now.Add(time.Hour)))
	wantHealth(t, look(t, p, 20*time.Second), sample.Up, "")
}

func TestOldServersAreReachedAndSaidToBeWeak(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	root, now := newParty(t, "authority"), time.Now()
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "old.test"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
	}, &x509.Certificate{Subject: pkix.Name{CommonName: root.name}}, key.Public(), root.key)
	if err != nil {
		t.Fatal(err)
	}
	ca := pemFile(t, root.certify(t, root, now.Add(-time.Hour), now.Add(time.Hour)))
	for suite, weak := range map[uint16]string{
		tls.TLS_RSA_WITH_AES_128_GCM_SHA256:       "TLS 1.2, TLS_RSA_WITH_AES_128_GCM_SHA256: weak (RSA key exchange, without forward secrecy)",
		tls.TLS_RSA_WITH_AES_256_GCM_SHA384:       "weak (RSA key exchange",
		tls.TLS_RSA_WITH_AES_256_CBC_SHA:          "weak (RSA key exchange, without forward secrecy; CBC mode)",
		tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256: "weak (CBC mode)",
		tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256: "",
	} {
		t.Run(tls.CipherSuiteName(suite), func(t *testing.T) {
			server := httptest.NewUnstartedServer(http.NotFoundHandler())
			server.TLS = &tls.Config{
				Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}},
				MaxVersion:   tls.VersionTLS12, CipherSuites: []uint16{suite},
			}
			server.StartTLS()
			t.Cleanup(server.Close)
			o := look(t, build(t, "tls", probes.Env{}, func(s *probes.TLSSettings) {
				s.Address, s.CAFile = server.Listener.Addr().String(), ca
			}), 20*time.Second)
			wantHealth(t, o, sample.Up, "")
			if !strings.Contains(o.Detail, weak) || strings.Contains(o.Detail, "weak") != (weak != "") {
				t.Errorf("%q", o.Detail)
			}
			_ = value(t, o, "probe_tls_cipher_info", "cipher="+tls.CipherSuiteName(suite))
			o = look(t, build(t, "http", probes.Env{}, func(s *probes.HTTPSettings) {
				s.URL, s.TLS.CAFile = server.URL, ca
				s.Expect.Status = []probes.StatusRange{{From: 404, To: 404}}
			}), 20*time.Second)
			wantHealth(t, o, sample.Up, "")
			if strings.Contains(o.Detail, "weak") != (weak != "") {
				t.Errorf("%q", o.Detail)
			}
		})
	}
}
