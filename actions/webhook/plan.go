package webhook

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/url"
	"time"

	"guardian/actions"
	"guardian/internal/reason"
)

// Plan implements actions.Planner: where the request would go. It connects, and where the address says so
// agrees on TLS, and sends no request.
func (w *step) Plan(ctx context.Context, call actions.Call) (reason.Reason, error) {
	plan, err := w.plan(ctx, call)
	return plan.Redact(func(text string) string { return actions.Shown(text, w.env.Redactor, &w.local) }), w.redactError(err)
}

func (w *step) plan(ctx context.Context, call actions.Call) (reason.Reason, error) {
	data, err := call.Data()
	if err != nil {
		return reason.Reason{}, err
	}
	var all []reason.Reason
	asked := map[string]bool{}
	for _, r := range w.requests() {
		address, err := r.address.Render(data)
		if err != nil {
			return reason.Join(all...), err
		}
		u, err := url.Parse(address)
		if err != nil || u.Host == "" {
			return reason.Join(all...), actions.Failure(reason.New("webhook_no_host", "host", hostOf(address), "error", errors.New("it is no address")))
		}
		if asked[u.Scheme+u.Host] {
			continue
		}
		asked[u.Scheme+u.Host] = true
		plan, err := reach(ctx, r.method, u)
		if err != nil {
			return reason.Join(all...), err
		}
		all = append(all, plan)
	}
	if _, err := w.body.Render(data); err != nil {
		return reason.Join(all...), err
	}
	return reason.Join(all...), nil
}

// planned is a request that a step makes, without those whose address an answer gives.
type planned struct {
	method  string
	address actions.Template
}

func (w *step) requests() []planned {
	all := []planned{{w.s.Method, w.url}}
	if w.poll != nil && !w.poll.url.UsesAnswer() {
		all = append(all, planned{http.MethodGet, w.poll.url})
	}
	if w.status != nil {
		all = append(all, planned{http.MethodGet, w.status.url})
	}
	return all
}

// reach connects to the host of an address, or to the proxy in between.
func reach(ctx context.Context, method string, u *url.URL) (reason.Reason, error) {
	proxy, err := http.ProxyFromEnvironment(&http.Request{URL: u})
	if err == nil && proxy != nil {
		conn, err := dial(ctx, proxy)
		if err != nil {
			return reason.Reason{}, err
		}
		_ = conn.Close()
		return reason.New("webhook_plan_proxy", "method", method, "host", u.Host, "proxy", proxy.Host), nil
	}
	conn, err := dial(ctx, u)
	if err != nil {
		return reason.Reason{}, err
	}
	defer func() { _ = conn.Close() }()
	var until time.Time
	if u.Scheme == "https" {
		if until, err = secure(ctx, conn, u); err != nil {
			return reason.Reason{}, err
		}
	}
	return reason.New("webhook_plan", "method", method, "host", u.Host, "address", conn.RemoteAddr().String(), "until", until), nil
}

// secure agrees on TLS with the host of an address, and tells until when its certificate is valid.
func secure(ctx context.Context, conn net.Conn, u *url.URL) (time.Time, error) {
	secured := tls.Client(conn, &tls.Config{ServerName: u.Hostname(), MinVersion: tls.VersionTLS12})
	if err := secured.HandshakeContext(ctx); err != nil {
		return time.Time{}, actions.Failure(reason.New("webhook_no_tls", "host", u.Host, "error", err), err)
	}
	return secured.ConnectionState().PeerCertificates[0].NotAfter, nil
}

// dial opens a connection to the host of an address.
func dial(ctx context.Context, u *url.URL) (net.Conn, error) {
	port := cmp.Or(u.Port(), map[string]string{"http": "80", "https": "443", "socks5": "1080"}[u.Scheme])
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", net.JoinHostPort(u.Hostname(), port))
	var dns *net.DNSError
	switch {
	case errors.As(err, &dns):
		return nil, actions.Failure(reason.New("webhook_no_host", "host", u.Hostname(), "error", dns.Err), err)
	case err != nil:
		return nil, actions.Failure(reason.New("webhook_no_connection", "host", u.Host, "error", err), err)
	}
	return conn, nil
}
