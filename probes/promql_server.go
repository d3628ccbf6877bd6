package probes

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/prometheus/client_golang/api"
	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"
	"github.com/tidwall/gjson"

	"guardian/internal/secret"
)

// PromQLServer is a server with Prometheus' query API: Prometheus, VictoriaMetrics, Thanos, Mimir.
type PromQLServer struct {
	Server  string                   `yaml:"server" doc:"Address of the Prometheus-compatible server, such as http://prometheus:9090."`
	Headers map[string]secret.Secret `yaml:"headers" doc:"Request headers, such as Authorization; never shown."`
	TLS     TLS                      `yaml:"tls" doc:"How the server's certificate is verified."`
	Proxy   string                   `yaml:"proxy" doc:"Proxy as http://, https:// or socks5:// URL; HTTP_PROXY etc. are not used."`
}

// Validate joins every mistake.
func (s *PromQLServer) Validate() error {
	var errs []error
	if u, err := url.Parse(s.Server); err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		errs = append(errs, errors.New("server is not an address such as http://prometheus:9090"))
	}
	for name, value := range s.Headers {
		if !validHeaderName(name) {
			errs = append(errs, fmt.Errorf("headers: %q is not a header name", name))
		}
		if strings.ContainsAny(value.Reveal(), "\r\n\x00") {
			errs = append(errs, fmt.Errorf("headers.%s has a line break; does the secret's file end in one?", name))
		}
	}
	return errors.Join(append(errs, s.client().validate())...)
}

func (s *PromQLServer) client() *Client {
	return &Client{TLS: s.TLS, Proxy: s.Proxy, BodyLimit: maxBodyLimit}
}

// PromQLClient queries one server. It is safe for concurrent use.
type PromQLClient struct {
	api       v1.API
	transport *http.Transport
	masks     masks
}

// Connect makes a client. It reads ca_file and opens no connection.
func (s *PromQLServer) Connect(env Env) (*PromQLClient, error) {
	env = env.withDefaults()
	transport, err := s.client().transport(true)
	if err != nil {
		return nil, err
	}
	client, err := api.NewClient(api.Config{
		Address: s.Server,
		Client:  &http.Client{Transport: &promqlTransport{next: transport, headers: s.Headers, agent: env.UserAgent}},
	})
	if err != nil {
		return nil, errors.New("server is not an address")
	}
	return &PromQLClient{
		api: v1.NewAPI(wholeAnswers{client}), transport: transport,
		masks: newMasks(env, secretsOf(nil, []Request{{URL: s.Server, Headers: s.Headers}}, s.Proxy)...),
	}, nil
}

// Close lets go of idle connections. A query under way goes on.
func (c *PromQLClient) Close() { c.transport.CloseIdleConnections() }

// Query evaluates an expression at a time. Errors are one line, without the server's address and
// redacted, as are the server's warnings.
func (c *PromQLClient) Query(ctx context.Context, expr string, at time.Time) (model.Value, []string, error) {
	value, warnings, _, err := c.api.Query(ctx, expr, at)
	return c.answer(value, warnings, err)
}

// QueryRange is Query for each step from start to end, both included.
func (c *PromQLClient) QueryRange(ctx context.Context, expr string, start, end time.Time, step time.Duration) (model.Value, []string, error) {
	value, warnings, _, err := c.api.QueryRange(ctx, expr, v1.Range{Start: start, End: end, Step: step})
	return c.answer(value, warnings, err)
}

func (c *PromQLClient) answer(value model.Value, warnings []string, err error) (model.Value, []string, error) {
	for i, w := range warnings {
		warnings[i] = c.masks.text(w)
	}
	if err != nil {
		return nil, warnings, &queryError{text: c.masks.text(whyNotAnswered(err)), cause: err}
	}
	return value, warnings, nil
}

// queryError is why a query was not answered, in words that may be shown.
type queryError struct {
	text  string
	cause error
}

func (e *queryError) Error() string { return e.text }

// Is lets callers check for the end of a context without access to the cause, which holds the
// address.
func (e *queryError) Is(target error) bool {
	return (target == context.Canceled || target == context.DeadlineExceeded) && errors.Is(e.cause, target)
}

func whyNotAnswered(err error) string {
	var (
		urlErr  *url.Error
		promErr *v1.Error
	)
	switch {
	case errors.As(err, &urlErr):
		return oneLine(urlErr.Err.Error(), 300) // leaves out the address
	case errors.As(err, &promErr):
		return oneLine(string(promErr.Type)+": "+promErr.Msg, 300)
	default:
		return oneLine(err.Error(), 300)
	}
}

// wholeAnswers refuses answers that VictoriaMetrics marks as partial; it writes no warnings.
type wholeAnswers struct{ api.Client }

var errPartial = errors.New("the answer is not whole: the server marks it as partial (isPartial)")

// Do implements api.Client.
func (c wholeAnswers) Do(ctx context.Context, r *http.Request) (*http.Response, []byte, error) {
	answer, body, err := c.Client.Do(ctx, r)
	if err == nil && gjson.GetBytes(body, "isPartial").Type == gjson.True {
		return answer, body, errPartial
	}
	return answer, body, err
}

// promqlTransport adds the configured headers and limits the size of answers.
type promqlTransport struct {
	next    http.RoundTripper
	headers map[string]secret.Secret
	agent   string
}

// RoundTrip implements http.RoundTripper. It asks Thanos and VictoriaMetrics to answer with
// an error where they would answer in part; other servers do not know the parameters.
func (t *promqlTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	q := r.URL.Query()
	q.Set("partial_response", "false")
	q.Set("deny_partial_response", "1")
	r.URL.RawQuery = q.Encode()
	r.Header.Set("User-Agent", t.agent)
	for name, value := range t.headers {
		r.Header.Set(name, value.Reveal())
		if strings.EqualFold(name, "Host") {
			r.Host = value.Reveal()
		}
	}
	answer, err := t.next.RoundTrip(r)
	if err == nil {
		answer.Body = http.MaxBytesReader(nil, answer.Body, maxBodyLimit)
	}
	return answer, err
}
