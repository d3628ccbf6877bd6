package probes

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/go-resty/resty/v2"
	"golang.org/x/net/publicsuffix"

	"guardian/internal/reason"
)

// httpClient sends the requests of one check. Its transport is its own: it shares nothing with
// other checks and reads nothing from the environment.
type httpClient struct {
	settings Client
	env      Env
	reuse    bool           // keep connections between requests
	jar      http.CookieJar // nil: each request has a new one, for its redirects

	mu    sync.Mutex
	under *http.Transport // made with the first request: ca_file is read then
}

func newHTTPClient(settings Client, env Env, reuse bool) *httpClient {
	return &httpClient{settings: settings, env: env, reuse: reuse}
}

// Close lets go of idle connections.
func (c *httpClient) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.under != nil {
		c.under.CloseIdleConnections()
	}
	return nil
}

func (c *Client) transport(reuse bool) (*http.Transport, error) {
	config, err := c.TLS.config()
	if err != nil {
		return nil, err
	}
	dialer := &net.Dialer{}
	t := &http.Transport{
		TLSClientConfig:        config,
		DisableKeepAlives:      !reuse,
		ForceAttemptHTTP2:      true,
		MaxIdleConnsPerHost:    1,
		IdleConnTimeout:        time.Minute,
		MaxResponseHeaderBytes: 256 << 10,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			return dialer.DialContext(ctx, familyNetwork(network, c.AddressFamily), address)
		},
		OnProxyConnectResponse: func(_ context.Context, _ *url.URL, _ *http.Request, answer *http.Response) error {
			if answer.StatusCode != http.StatusOK {
				return &proxyError{status: answer.Status}
			}
			return nil
		},
	}
	if c.Proxy != "" {
		u, err := url.Parse(c.Proxy)
		if err != nil {
			return nil, errors.New("proxy is not an address")
		}
		t.Proxy = http.ProxyURL(u)
	}
	return t, nil
}

func (c *httpClient) transport() (*http.Transport, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.under != nil {
		return c.under, nil
	}
	transport, err := c.settings.transport(c.reuse)
	if err != nil {
		return nil, err
	}
	transport.DisableCompression = true // see acceptGzip
	c.under = transport
	return transport, nil
}

// client makes the client of one request. Cookies are kept over its redirects, as a browser does: a
// site may set one and redirect to itself.
func (c *httpClient) client() (*resty.Client, error) {
	transport, err := c.transport()
	if err != nil {
		return nil, err
	}
	jar := c.jar
	if jar == nil {
		if jar, err = newCookieJar(); err != nil {
			return nil, err
		}
	}
	return resty.NewWithClient(&http.Client{Transport: transport, CheckRedirect: c.redirect, Jar: jar}).
		SetAllowGetMethodPayload(true).
		SetLogger(quiet{}). // it would write to standard error
		SetHeader("User-Agent", c.env.UserAgent), nil
}

func newCookieJar() (http.CookieJar, error) {
	return cookiejar.New(&cookiejar.Options{PublicSuffixList: publicsuffix.List})
}

// redirect follows up to max_redirects redirects. To another host no configured header is sent:
// net/http itself removes only Authorization and Cookie, and not X-Api-Key.
func (c *httpClient) redirect(next *http.Request, via []*http.Request) error {
	if c.settings.MaxRedirects == 0 {
		return http.ErrUseLastResponse
	}
	if len(via) > c.settings.MaxRedirects {
		return errTooManyRedirects
	}
	if first := via[0].URL; next.URL.Host != first.Host || next.URL.Scheme != first.Scheme {
		kept := http.Header{}
		for _, name := range []string{"User-Agent", "Accept-Encoding"} {
			if value := next.Header.Get(name); value != "" {
				kept.Set(name, value)
			}
		}
		next.Header = kept
	}
	return nil
}

type quiet struct{}

func (quiet) Errorf(string, ...any) {}
func (quiet) Warnf(string, ...any)  {}
func (quiet) Debugf(string, ...any) {}

// outgoing is a request whose templates are filled in.
type outgoing struct {
	method, url string
	headers     map[string]string
	body        []byte
}

// fill fills a request's templates in.
func (r compiledRequest) fill(d templateData) (outgoing, error) {
	out := outgoing{method: r.method, headers: make(map[string]string, len(r.headers)+1)}
	var err error
	if out.url, err = r.url.render(d); err != nil {
		return out, fmt.Errorf("url: %w", err)
	}
	body, err := r.body.render(d)
	if err != nil {
		return out, fmt.Errorf("body: %w", err)
	}
	out.body = []byte(body)
	if body != "" {
		out.headers["Content-Type"] = "text/plain; charset=utf-8"
		if json.Valid(out.body) {
			out.headers["Content-Type"] = "application/json"
		}
	}
	for name, value := range r.headers {
		if out.headers[http.CanonicalHeaderKey(name)], err = value.render(d); err != nil {
			return out, fmt.Errorf("headers.%s: %w", name, err)
		}
	}
	u, err := url.Parse(out.url)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return out, errors.New("url is not an absolute http or https address once its template is filled in")
	}
	return out, nil
}

// acceptGzip asks for a packed body where net/http would; client does not let it do so, because all
// bodies are unpacked in one place.
func (o outgoing) acceptGzip() {
	if o.headers["Accept-Encoding"] == "" && o.headers["Range"] == "" && o.method != http.MethodHead {
		o.headers["Accept-Encoding"] = "gzip"
	}
}

// shown is a request's address without user and query, which may be secret.
func (o outgoing) shown() string { return shownAddress(o.url) }

// shownAddress removes user and query, which may be secret, from an address.
func shownAddress(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "<address>"
	}
	return u.Scheme + "://" + u.Host + u.EscapedPath()
}

// exchange is a request and its answer; after a fault parts of it are missing.
type exchange struct {
	request outgoing
	proto   string
	status  int // 0: no answer
	header  http.Header
	content
	length int64     // as announced; -1: not announced, or announced for the body before it was unpacked
	now    time.Time // when it ended
	took   time.Duration
	phases map[string]time.Duration
	expiry time.Time
	tls    tls.ConnectionState // of the last connection; zero without TLS
	sent   bool                // there was a connection, so that the request may have arrived
}

// do sends a request and reads the answer's body up to the limit.
func (c *httpClient) do(ctx context.Context, out outgoing) (exchange, *fault) {
	x := exchange{request: out, length: -1}
	client, err := c.client()
	if err != nil {
		return x, blind(reason.New("client_settings", "error", err))
	}
	// net/http would refuse such a header with an error that holds its value.
	for name, value := range out.headers {
		if strings.ContainsAny(value, "\r\n\x00") {
			return x, blind(reason.New("http_header_line_break", "header", name))
		}
	}
	out.acceptGzip()
	t := newTracer(c.env.Now)
	begin := c.env.Now()
	request := client.R().SetContext(t.context(ctx)).SetDoNotParseResponse(true).SetHeaders(out.headers)
	if len(out.body) > 0 {
		// A reader: resty returns a buffer of bytes to a pool while the transport may still send it.
		request.SetBody(bytes.NewReader(out.body))
	}
	answer, err := request.Execute(out.method, out.url)
	if err == nil {
		raw := answer.RawResponse
		x.proto, x.status, x.header, x.length = raw.Proto, raw.StatusCode, raw.Header, raw.ContentLength
		err = c.receive(&x, raw)
		if c.env.Answered != nil {
			c.env.Answered(Answer{Method: out.method, URL: out.url, Status: x.status, Header: x.header, Body: x.body})
		}
	}
	phase := t.phase()
	t.close()
	x.now = c.env.Now()
	x.took = x.now.Sub(begin)
	x.phases, x.expiry, x.tls, x.sent = t.took, t.expiry, t.state, t.gotConn
	if err == nil {
		return x, nil
	}
	var unverified *tls.CertificateVerificationError
	if errors.As(err, &unverified) {
		x.expiry = earlier(x.expiry, earliest(unverified.UnverifiedCertificates))
	}
	if errors.Is(err, errBodyTooLong) {
		return x, down(reason.New("http_body_too_long", "limit", c.settings.BodyLimit))
	}
	return x, faultOf(ctx, err, doing(phase), x.took)
}

var errBodyTooLong = errors.New("body too long")

// receive reads an answer's body. The limit holds for it as it came and as it is unpacked.
func (c *httpClient) receive(x *exchange, answer *http.Response) error {
	defer answer.Body.Close()
	limit := c.settings.BodyLimit
	if limit <= 0 {
		limit = defaultBodyLimit
	}
	raw, err := io.ReadAll(&bounded{answer.Body, limit})
	if err != nil {
		x.body = raw
		return err
	}
	if len(codingsOf(x.header)) > 0 {
		x.length = -1
	}
	x.content, err = understand(raw, x.header, c.settings.Charset, limit)
	return err
}
