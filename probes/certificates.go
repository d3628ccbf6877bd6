package probes

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"guardian/internal/reason"
)

// validate checks TLS settings; field is their path in the settings, "" at the top.
func (s *TLS) validate(field string) error {
	var errs []error
	if s.MinRemaining < 0 {
		errs = append(errs, fmt.Errorf("%smin_remaining is negative", field))
	}
	if (s.CertFile == "") != (s.KeyFile == "") {
		errs = append(errs, fmt.Errorf("%scert_file and %skey_file: give both or neither", field, field))
	}
	return errors.Join(errs...)
}

// config is the TLS configuration of a connection.
func (s TLS) config() (*tls.Config, error) {
	config := &tls.Config{
		ServerName:         s.ServerName,
		InsecureSkipVerify: s.Insecure, // if it is configured so
		CipherSuites:       cipherSuites(),
	}
	var trusted []*x509.Certificate
	if s.CAFile != "" {
		var err error
		if trusted, err = readCertificates(s.CAFile); err != nil {
			return nil, fmt.Errorf("read tls.ca_file: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		for _, c := range trusted {
			config.RootCAs.AddCert(c)
		}
	}
	if s.CertFile != "" {
		own := &clientCertificate{settings: s, issuers: trusted}
		if _, err := own.read(); err != nil {
			return nil, err
		}
		config.VerifyConnection, config.GetClientCertificate = own.meet, own.show
	}
	return config, nil
}

// readCertificates reads the certificates of a PEM file.
func readCertificates(path string) ([]*x509.Certificate, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var all []*x509.Certificate
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if c, err := x509.ParseCertificate(block.Bytes); err == nil && block.Type == "CERTIFICATE" {
			all = append(all, c)
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s holds no certificate in PEM form", path)
	}
	return all, nil
}

// clientCertificate is the certificate that is shown to servers that want one.
type clientCertificate struct {
	settings TLS
	issuers  []*x509.Certificate // of ca_file

	mu  sync.Mutex
	met []*x509.Certificate // what the server sent last
}

// read reads the files anew for each connection: what issues client certificates replaces them every
// few hours. One that has expired is our own mistake and not the target's, which would only say "bad
// certificate".
func (c *clientCertificate) read() (*tls.Certificate, error) {
	own, err := tls.LoadX509KeyPair(c.settings.CertFile, c.settings.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("read tls.cert_file and tls.key_file: %w", err)
	}
	if time.Until(own.Leaf.NotAfter) <= 0 {
		return nil, fmt.Errorf("tls.cert_file has expired on %s: renew it", own.Leaf.NotAfter.UTC().Format(time.DateOnly))
	}
	return &own, nil
}

// meet notes what the server sent.
func (c *clientCertificate) meet(s tls.ConnectionState) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.met = s.PeerCertificates
	return nil
}

// show implements GetClientCertificate. Intermediates that cert_file leaves out are taken from ca_file
// and from what the server sent: inside one company both have the same authority.
func (c *clientCertificate) show(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
	own, err := c.read()
	if err != nil {
		return nil, &settingError{err}
	}
	c.mu.Lock()
	known := slices.Concat(c.issuers, c.met)
	c.mu.Unlock()
	last, err := x509.ParseCertificate(own.Certificate[len(own.Certificate)-1])
	for err == nil && len(own.Certificate) < 10 {
		i := slices.IndexFunc(known, func(issuer *x509.Certificate) bool {
			return bytes.Equal(issuer.RawSubject, last.RawIssuer) && !bytes.Equal(issuer.RawSubject, issuer.RawIssuer) && last.CheckSignatureFrom(issuer) == nil
		})
		if i < 0 {
			break
		}
		last = known[i]
		own.Certificate = append(own.Certificate, last.Raw)
	}
	return own, nil
}

// cipherSuites are Go's and those with RSA key exchange, which Go leaves out by default, but which
// browsers and curl still accept: a server that has no others works for customers.
func cipherSuites() []uint16 {
	ids := []uint16{
		tls.TLS_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_RSA_WITH_AES_256_GCM_SHA384,
		tls.TLS_RSA_WITH_AES_128_CBC_SHA, tls.TLS_RSA_WITH_AES_256_CBC_SHA, tls.TLS_RSA_WITH_AES_128_CBC_SHA256,
		tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256, tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256,
	}
	for _, suite := range tls.CipherSuites() {
		if !slices.Contains(ids, suite.ID) {
			ids = append(ids, suite.ID)
		}
	}
	return ids
}

// weaknesses says what is weak of a connection.
func weaknesses(s tls.ConnectionState) []string {
	var all []string
	if s.Version < tls.VersionTLS12 {
		all = append(all, "an old version")
	}
	if strings.HasPrefix(tls.CipherSuiteName(s.CipherSuite), "TLS_RSA_") {
		all = append(all, "RSA key exchange, without forward secrecy")
	}
	if strings.Contains(tls.CipherSuiteName(s.CipherSuite), "_CBC_") {
		all = append(all, "CBC mode")
	}
	return all
}

// remarksTLS describes what is odd of a connection: what is weak, and what the server sends that
// belongs to no chain.
func remarksTLS(s tls.ConnectionState, now time.Time) []string {
	if !s.HandshakeComplete {
		return nil
	}
	var lines []string
	if weak := weaknesses(s); len(weak) > 0 {
		lines = append(lines, fmt.Sprintf("%s, %s: weak (%s)",
			tls.VersionName(s.Version), tls.CipherSuiteName(s.CipherSuite), strings.Join(weak, "; ")))
	}
	for _, c := range beside(s) {
		lines = append(lines, "sent beside the chain, counts for nothing: "+describeCertificate(c, now))
	}
	return lines
}

// describeTLS describes a connection: protocol, certificates, and what is odd.
func describeTLS(s tls.ConnectionState, now time.Time) []string {
	if !s.HandshakeComplete {
		return nil
	}
	var lines []string
	if len(weaknesses(s)) == 0 {
		lines = append(lines, tls.VersionName(s.Version)+", "+tls.CipherSuiteName(s.CipherSuite))
	}
	for _, c := range chainOf(s) {
		lines = append(lines, "certificate: "+describeCertificate(c, now))
	}
	return append(lines, remarksTLS(s, now)...)
}

// describeCertificate gives the subject of a certificate and its expiry.
func describeCertificate(c *x509.Certificate, now time.Time) string {
	r := reason.Reader{}
	if c.NotAfter.After(now) {
		return fmt.Sprintf("%s until %s", shownName(c), r.Date(c.NotAfter))
	}
	return fmt.Sprintf("%s, expired since %s (%s)", shownName(c), r.Date(c.NotAfter), r.Duration(now.Sub(c.NotAfter)))
}

// shownName names a certificate.
func shownName(c *x509.Certificate) string {
	name := c.Subject.String()
	if name == "" && len(c.DNSNames) > 0 {
		name = c.DNSNames[0]
	}
	return oneLine(printable(name), 100)
}

// chainOf returns the verified chain that lasts longest, as customers' programs find it: one that is
// over does not matter while there is another. Without a verified chain it is what the server sent.
func chainOf(s tls.ConnectionState) []*x509.Certificate {
	if len(s.VerifiedChains) == 0 {
		return s.PeerCertificates
	}
	return slices.MaxFunc(s.VerifiedChains, func(a, b []*x509.Certificate) int { return earliest(a).Compare(earliest(b)) })
}

// expiryOf returns until when the certificates of a connection are good; zero if there are none.
func expiryOf(s tls.ConnectionState) time.Time { return earliest(chainOf(s)) }

// beside returns what a server sent that is in no verified chain, such as the cross-signed
// certificate of an authority that is trusted by itself now.
func beside(s tls.ConnectionState) []*x509.Certificate {
	if len(s.VerifiedChains) == 0 {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(s.PeerCertificates), func(c *x509.Certificate) bool {
		return slices.ContainsFunc(s.VerifiedChains, func(chain []*x509.Certificate) bool { return slices.ContainsFunc(chain, c.Equal) })
	})
}

// earliest returns the first expiry of certificates; zero if there are none.
func earliest(certificates []*x509.Certificate) time.Time {
	var first time.Time
	for _, c := range certificates {
		first = earlier(first, c.NotAfter)
	}
	return first
}

// earlier returns the earlier of two times; the zero time is none.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
