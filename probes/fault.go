package probes

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"syscall"
	"time"

	"guardian/probes/sample"
)

// fault is why a look did not end well, and whose fault it was.
//
//	what happened                                         | health
//	refused, reset, unreachable host, no answer in time   | Down
//	the name does not exist, has no address of the family | Down
//	TLS: untrusted, expired, wrong name, handshake failed | Down
//	not HTTP, broken off, too long, too many redirects    | Down
//	the answer is not as expected                         | Down
//	our resolver does not answer or refuses               | Unknown
//	our proxy cannot be reached or refuses                | Unknown
//	no network or route here, no free port, not permitted | Unknown
//	too many open files, out of memory                    | Unknown
//	ca_file cannot be read, a template cannot be filled   | Unknown
//	the look was broken off (shutdown, reload, lease)     | Unknown
//
// An unreachable host is Down because a router on the way says so of the target; no route at
// all is said here.
type fault struct {
	health sample.Health
	reason string
}

func down(format string, args ...any) *fault {
	return &fault{health: sample.Down, reason: fmt.Sprintf(format, args...)}
}

func blind(format string, args ...any) *fault {
	return &fault{health: sample.Unknown, reason: fmt.Sprintf(format, args...)}
}

// proxyError says that the proxy answered CONNECT with a refusal.
type proxyError struct{ status string }

func (e *proxyError) Error() string { return "the proxy refused: " + e.status }

var errTooManyRedirects = errors.New("too many redirects")

// ours are the errors of this machine: it could not look.
func ours() []error {
	return []error{
		syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.EADDRNOTAVAIL, syscall.EADDRINUSE,
		syscall.ENETUNREACH, syscall.ENETDOWN, syscall.EACCES, syscall.EPERM, syscall.EAFNOSUPPORT,
	}
}

// faultOf tells whose fault an error of a request was, in which phase and after what time;
// ctx is the look's.
func faultOf(ctx context.Context, err error, phase string, took time.Duration) *fault {
	during := doing(phase)
	var (
		urlErr   *url.Error
		dnsErr   *net.DNSError
		addrErr  *net.AddrError
		opErr    *net.OpError
		proxyErr *proxyError
		certErr  *tls.CertificateVerificationError
	)
	if errors.As(err, &urlErr) {
		err = urlErr.Err // leaves out the address, which may hold a secret
	}
	if errors.Is(ctx.Err(), context.Canceled) || errors.Is(err, context.Canceled) {
		return blind("the look was broken off while %s", during)
	}
	if errors.As(err, &opErr) && opErr.Op == "proxyconnect" {
		return blind("the proxy cannot be reached: %v", opErr.Err)
	}
	if errors.As(err, &proxyErr) {
		return blind("%v", proxyErr)
	}
	for _, e := range ours() {
		if errors.Is(err, e) {
			return blind("this machine could not look: %v", err)
		}
	}
	if errors.As(err, &dnsErr) {
		if dnsErr.IsNotFound {
			return down("the name %s does not exist", dnsErr.Name)
		}
		return blind("the name %s could not be asked for: %s", dnsErr.Name, dnsErr.Err)
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) || isTimeout(err) {
		if phase == phaseResolve {
			return blind("our resolver gave no answer within %s", round(took))
		}
		return down("no answer within %s, while %s", round(took), during)
	}
	switch {
	case errors.As(err, &addrErr):
		return down("%s has no address of the configured family", addrErr.Addr)
	case errors.Is(err, errTooManyRedirects):
		return down("more redirects than max_redirects allows")
	case errors.As(err, &certErr):
		return down("the certificate is not accepted: %v", certErr.Err)
	case errors.Is(err, syscall.ECONNREFUSED):
		return down("the connection was refused")
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return down("the connection was reset while %s", during)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return down("the connection was closed while %s", during)
	}
	return down("while %s: %s", during, oneLine(err.Error(), 300))
}

func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}
