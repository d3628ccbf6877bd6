package probes

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/url"
	"os"
	"syscall"
	"time"

	"guardian/internal/reason"
	"guardian/probes/sample"
)

// fault is why a look failed: Down when the target is to blame, Unknown when this machine is.
//
//	what happened                                         | health
//	refused, reset, unreachable host, no answer in time   | Down
//	the name does not exist, has no address of the family | Down
//	TLS: untrusted, expired, wrong name, handshake failed | Down
//	not HTTP, closed early, too long, too many redirects  | Down
//	the answer is not as expected                         | Down
//	our resolver does not answer or refuses               | Unknown
//	our proxy cannot be reached or refuses                | Unknown
//	no network or route here, no free port, not permitted | Unknown
//	too many open files, out of memory                    | Unknown
//	ca_file cannot be read, a template cannot be filled   | Unknown
//	our client certificate cannot be read or has expired  | Unknown
//	the look was stopped (shutdown, reload, lease)        | Unknown
//
// An unreachable host is Down because a router on the way reports it about the target; that there
// is no route at all is reported by this machine.
type fault struct {
	health sample.Health
	reason reason.Reason
}

func down(why reason.Reason) *fault { return &fault{health: sample.Down, reason: why} }

func blind(why reason.Reason) *fault { return &fault{health: sample.Unknown, reason: why} }

// reasonError is an error that carries a reason.
type reasonError struct{ why reason.Reason }

func (e *reasonError) Error() string { return e.why.String() }

// why returns the reason that an error carries, or its text as a reason.
func why(err error) reason.Reason {
	if e, ok := errors.AsType[*reasonError](err); ok {
		return e.why
	}
	return reason.Text(err.Error())
}

// proxyError is the error of a proxy that refused CONNECT.
type proxyError struct{ status string }

func (e *proxyError) Error() string { return "the proxy refused: " + e.status }

// settingError is the error of a setting that shows only during a connection.
type settingError struct{ error }

func (e *settingError) Unwrap() error { return e.error }

var errTooManyRedirects = errors.New("too many redirects")

// localErrors are errors of this machine and not of the target.
func localErrors() []error {
	return []error{
		syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.EADDRNOTAVAIL, syscall.EADDRINUSE,
		syscall.ENETUNREACH, syscall.ENETDOWN, syscall.EACCES, syscall.EPERM, syscall.EAFNOSUPPORT,
	}
}

// faultOf classifies a network error: what failed, and whether the target or this machine is to
// blame. ctx is the look's; during is what was being done, and took how long it had lasted.
func faultOf(ctx context.Context, err error, during reason.Reason, took time.Duration) *fault {
	var (
		urlErr   *url.Error
		dnsErr   *net.DNSError
		addrErr  *net.AddrError
		opErr    *net.OpError
		proxyErr *proxyError
		certErr  *tls.CertificateVerificationError

		settingErr *settingError
	)
	if errors.As(err, &urlErr) {
		err = urlErr.Err // leaves out the address, which may hold a secret
	}
	if errors.Is(ctx.Err(), context.Canceled) || errors.Is(err, context.Canceled) {
		return stopped(during)
	}
	if errors.As(err, &settingErr) {
		return blind(reason.New("client_settings", "error", settingErr.error))
	}
	if errors.As(err, &opErr) && opErr.Op == "proxyconnect" {
		return blind(reason.New("net_proxy_unreachable", "error", opErr.Err))
	}
	if errors.As(err, &proxyErr) {
		return blind(reason.New("net_proxy_refused", "status", proxyErr.status))
	}
	for _, e := range localErrors() {
		if errors.Is(err, e) {
			return blind(reason.New("net_local_error", "error", err))
		}
	}
	if errors.As(err, &dnsErr) {
		if dnsErr.IsNotFound {
			return down(reason.New("net_name_not_found", "host", dnsErr.Name))
		}
		return blind(reason.New("net_lookup_failed", "host", dnsErr.Name, "error", dnsErr.Err))
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) || isTimeout(err) {
		if during.Code == resolving {
			return blind(reason.New("net_resolver_timeout", "took", round(took)))
		}
		return down(reason.New("net_timeout", "took", round(took), "doing", during))
	}
	switch {
	case errors.As(err, &addrErr):
		return down(reason.New("net_no_address", "host", addrErr.Addr))
	case errors.Is(err, errTooManyRedirects):
		return down(reason.New("http_too_many_redirects"))
	case errors.As(err, &certErr):
		return down(certificateRefused(certErr.Err))
	case errors.Is(err, syscall.ECONNREFUSED):
		return down(reason.New("net_refused"))
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return down(reason.New("net_reset", "doing", during))
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return down(reason.New("net_closed", "doing", during))
	case during.Code == handshaking:
		return down(reason.New("tls_handshake_failed", "error", oneLine(err.Error(), 300)))
	}
	return down(reason.New("net_failed", "doing", during, "error", why(err)))
}

// stopped is a look that ended early because the guardian stopped, reloaded or lost the lease.
func stopped(during reason.Reason) *fault { return blind(reason.New("look_stopped", "doing", during)) }

// certificateRefused says why a certificate was not accepted.
func certificateRefused(err error) reason.Reason {
	var (
		invalid   x509.CertificateInvalidError
		authority x509.UnknownAuthorityError
		name      x509.HostnameError
	)
	switch {
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired && time.Until(invalid.Cert.NotBefore) > 0:
		return reason.New("tls_certificate_early", "subject", shownName(invalid.Cert), "from", invalid.Cert.NotBefore)
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return reason.New("tls_certificate_over", "subject", shownName(invalid.Cert),
			"since", invalid.Cert.NotAfter, "age", max(time.Since(invalid.Cert.NotAfter), 0))
	case errors.As(err, &authority):
		return reason.New("tls_certificate_untrusted", "error", err)
	case errors.As(err, &name):
		return reason.New("tls_certificate_wrong_name", "error", err)
	default:
		return reason.New("tls_certificate_refused", "error", err)
	}
}

func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}
