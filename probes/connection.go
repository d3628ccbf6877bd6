package probes

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"guardian/internal/reason"
	"guardian/probes/sample"
)

// Target is where a connection goes.
type Target struct {
	Address       string `yaml:"address" doc:"The target, as host:port."`
	AddressFamily string `yaml:"address_family" doc:"Addresses of the target to use: any, ip4 or ip6."`
}

func (t *Target) validate() error {
	var errs []error
	if t.Address == "" {
		errs = append(errs, errors.New("address is missing: give host:port, such as shop.example.com:443"))
	} else if err := validAddress(t.Address); err != nil {
		errs = append(errs, fmt.Errorf("address %w", err))
	}
	return errors.Join(append(errs, validFamily(t.AddressFamily))...)
}

func validAddress(address string) error {
	host, port, err := net.SplitHostPort(address)
	if n, perr := strconv.Atoi(port); err != nil || host == "" || perr != nil || n < 1 || n > 65535 {
		return fmt.Errorf("%q is not host:port, such as shop.example.com:443 or [2001:db8::1]:443", address)
	}
	return nil
}

// host returns the host of the address.
func (t *Target) host() string {
	host, _, _ := net.SplitHostPort(t.Address)
	return host
}

// connection is a connection to a target, with the durations of its phases.
type connection struct {
	net.Conn
	now    func() time.Time
	begin  time.Time
	tracer *tracer
	unbind func() bool // stops watching the look's context
}

// connect connects over network, which is tcp or udp. It returns a connection, with the durations
// measured so far, even with a fault; the caller closes it.
func (t *Target) connect(ctx context.Context, network string, now func() time.Time) (*connection, *fault) {
	c := newConnection(now)
	if err := c.dial(ctx, network, t.Address, t.AddressFamily); err != nil {
		return c, c.fault(ctx, err, doing(c.tracer.phase()))
	}
	return c, nil
}

func newConnection(now func() time.Time) *connection {
	return &connection{now: now, begin: now(), tracer: newTracer(now)}
}

// dial connects. Reading and writing fail when the look's context ends.
func (c *connection) dial(ctx context.Context, network, address, family string) error {
	conn, err := (&net.Dialer{}).DialContext(c.tracer.context(ctx), familyNetwork(network, family), address)
	if err != nil {
		return err
	}
	c.Conn = conn
	c.unbind = context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	return nil
}

// secure makes a TLS handshake over the connection.
func (c *connection) secure(ctx context.Context, config *tls.Config) (tls.ConnectionState, *fault) {
	secured := tls.Client(c.Conn, config)
	c.tracer.begin(phaseTLS)
	err := secured.HandshakeContext(ctx)
	c.tracer.end(phaseTLS)
	if err != nil {
		c.unverified(err)
		return tls.ConnectionState{}, c.fault(ctx, err, doing(c.tracer.phase()))
	}
	c.Conn = secured
	c.tracer.certificates(secured.ConnectionState())
	return secured.ConnectionState(), nil
}

// unverified notes the expiry of certificates that were not accepted.
func (c *connection) unverified(err error) {
	var refused *tls.CertificateVerificationError
	if errors.As(err, &refused) {
		c.tracer.certificates(tls.ConnectionState{PeerCertificates: refused.UnverifiedCertificates})
	}
}

func (c *connection) fault(ctx context.Context, err error, during reason.Reason) *fault {
	return faultOf(ctx, err, during, c.now().Sub(c.begin))
}

// Close closes the connection, if there is one.
func (c *connection) Close() error {
	c.tracer.close()
	if c.unbind != nil {
		c.unbind()
	}
	if c.Conn == nil {
		return nil
	}
	return c.Conn.Close()
}

func (c *connection) expiry() time.Time {
	c.tracer.mu.Lock()
	defer c.tracer.mu.Unlock()
	return c.tracer.expiry
}

// values returns the durations of the phases as series of that name, and the expiry of the
// certificate chain, if there is one.
func (c *connection) values(name string) []sample.Value {
	c.tracer.mu.Lock()
	defer c.tracer.mu.Unlock()
	var values []sample.Value
	for _, phase := range []string{phaseResolve, phaseConnect, phaseTLS} {
		values = append(values, phaseValue(name, phase, c.tracer.took[phase]))
	}
	if e := c.tracer.expiry; !e.IsZero() {
		values = append(values, sample.Value{Name: "probe_ssl_earliest_cert_expiry", V: float64(e.Unix())})
	}
	return values
}

func phaseValue(name, phase string, took time.Duration) sample.Value {
	return sample.Value{Name: name, Labels: map[string]string{"phase": phase}, V: took.Seconds()}
}

// named returns the TLS configuration for a host.
func (s TLS) named(host string) (*tls.Config, error) {
	config, err := s.config()
	if err == nil && config.ServerName == "" {
		config.ServerName = host
	}
	return config, err
}

// issuerOf returns the issuer of the server's certificate; nil if the server did not send it.
func issuerOf(state tls.ConnectionState) *x509.Certificate {
	if len(state.VerifiedChains) > 0 && len(state.VerifiedChains[0]) > 1 {
		return state.VerifiedChains[0][1]
	}
	if len(state.PeerCertificates) > 1 {
		return state.PeerCertificates[1]
	}
	return nil
}

// observed makes the observation of a look: Up if f is nil.
func observed(f *fault, values []sample.Value) sample.Observation {
	if f == nil {
		return sample.Observation{Health: sample.Up, Values: values}
	}
	return sample.Observation{Health: f.health, Reason: f.reason, Values: values}
}
