package probes

import (
	"context"
	"crypto/tls"
	"net/http/httptrace"
	"sync"
	"time"

	"guardian/internal/reason"
)

// The phases of a request, as blackbox_exporter names them. Of a redirected request each is the
// sum over all requests.
const (
	phaseResolve    = "resolve"
	phaseConnect    = "connect"
	phaseTLS        = "tls"
	phaseProcessing = "processing" // from the request being sent to the first byte of the answer
	phaseTransfer   = "transfer"   // from the first byte to the last
)

func phases() []string {
	return []string{phaseResolve, phaseConnect, phaseTLS, phaseProcessing, phaseTransfer}
}

// tracer measures the phases of one request. When two addresses are dialled at once, the slower
// dial may report after the request has ended: hence the lock and closed.
type tracer struct {
	now func() time.Time

	mu      sync.Mutex
	closed  bool
	took    map[string]time.Duration
	begun   map[string]time.Time
	current string
	gotConn bool      // there was a connection: the request may have arrived
	expiry  time.Time // of the chain that expires first; zero: none seen
	state   tls.ConnectionState
}

func newTracer(now func() time.Time) *tracer {
	return &tracer{now: now, took: map[string]time.Duration{}, begun: map[string]time.Time{}, current: phaseConnect}
}

func (t *tracer) begin(phase string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return
	}
	t.current = phase
	if t.begun[phase].IsZero() {
		t.begun[phase] = t.now()
	}
}

func (t *tracer) end(phase string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed || t.begun[phase].IsZero() {
		return
	}
	t.took[phase] += t.now().Sub(t.begun[phase])
	delete(t.begun, phase)
}

// close ends the phases under way; later callbacks change nothing.
func (t *tracer) close() {
	t.end(phaseTransfer)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
}

func (t *tracer) connected() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.gotConn = t.gotConn || !t.closed
}

// phase returns the phase that is under way.
func (t *tracer) phase() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.current
}

// The codes of activities that faultOf treats specially.
const (
	resolving   = "doing_resolve"
	handshaking = "doing_tls"
)

// doing returns the reason that describes what is done in a phase.
func doing(phase string) reason.Reason {
	switch phase {
	case phaseResolve:
		return reason.New("doing_resolve")
	case phaseTLS:
		return reason.New("doing_tls")
	case phaseProcessing:
		return reason.New("doing_first_byte")
	case phaseTransfer:
		return reason.New("doing_body")
	default:
		return reason.New("doing_connect")
	}
}

func (t *tracer) certificates(s tls.ConnectionState) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return
	}
	t.expiry, t.state = earlier(t.expiry, expiryOf(s)), s
}

func (t *tracer) context(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn:           func(string) { t.end(phaseTransfer) }, // of the redirect before
		DNSStart:          func(httptrace.DNSStartInfo) { t.begin(phaseResolve) },
		DNSDone:           func(httptrace.DNSDoneInfo) { t.end(phaseResolve) },
		ConnectStart:      func(string, string) { t.begin(phaseConnect) },
		TLSHandshakeStart: func() { t.begin(phaseTLS) },
		ConnectDone: func(_, _ string, err error) {
			if err == nil {
				t.end(phaseConnect)
			}
		},
		TLSHandshakeDone: func(s tls.ConnectionState, err error) {
			t.end(phaseTLS)
			if err == nil {
				t.certificates(s)
			}
		},
		GotConn:              func(httptrace.GotConnInfo) { t.connected(); t.begin(phaseProcessing) },
		GotFirstResponseByte: func() { t.end(phaseProcessing); t.begin(phaseTransfer) },
	})
}
