package notifiers

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/go-resty/resty/v2"

	"guardian/internal/secret"
)

// longestAnswer is how many bytes of a messenger's answer are read.
const longestAnswer = 64 << 10

// poster makes the HTTP calls of a channel and redacts its secrets from errors.
type poster struct {
	client   *resty.Client
	redactor *secret.Redactor
	now      func() time.Time
}

func newPoster(env Env, secrets ...secret.Secret) *poster {
	p := &poster{redactor: &secret.Redactor{}, now: env.Now}
	if p.now == nil {
		p.now = time.Now
	}
	for _, s := range secrets {
		known := append(secretParts(s), s)
		p.redactor.Learn(known...)
		if env.Redactor != nil {
			env.Redactor.Learn(known...)
		}
	}
	transport := env.Transport
	if transport == nil {
		transport = http.DefaultTransport
	}
	agent := env.UserAgent
	if agent == "" {
		agent = "guardian"
	}
	// resty modifies the client that it is given, so it gets its own one. Redirects are not
	// followed: they would send the notice and its signature to another server.
	p.client = resty.NewWithClient(&http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}).
		SetResponseBodyLimit(longestAnswer).
		SetLogger(noLogger{}).
		SetHeader("User-Agent", agent)
	return p
}

// mostAtOnce is how many calls a channel makes at the same time at most.
const mostAtOnce = 64

// NewTransport makes the connections of channels. It keeps as many to a server as calls are made at once:
// Go's own keeps two, so that of many calls nearly each would begin with a handshake.
func NewTransport() *http.Transport {
	t := &http.Transport{Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true}
	if d, ok := http.DefaultTransport.(*http.Transport); ok {
		t = d.Clone()
	}
	t.MaxIdleConns, t.MaxIdleConnsPerHost = 4*mostAtOnce, mostAtOnce
	return t
}

// secretParts returns the parts of a webhook's address that are secrets themselves, because a
// server may quote them without the rest of the address: the values of the query, and the last
// element of the path if it is long enough to be a token.
func secretParts(address secret.Secret) []secret.Secret {
	u, err := url.Parse(address.Reveal())
	if err != nil || u.Host == "" {
		return nil
	}
	var out []secret.Secret
	for _, values := range u.Query() {
		for _, v := range values {
			if len(v) >= 8 {
				out = append(out, secret.New(v))
			}
		}
	}
	if end := path.Base(u.Path); len(end) >= 16 {
		out = append(out, secret.New(end))
	}
	return out
}

// noLogger keeps resty from logging to standard error.
type noLogger struct{}

func (noLogger) Errorf(string, ...any) {}
func (noLogger) Warnf(string, ...any)  {}
func (noLogger) Debugf(string, ...any) {}

// answer is a messenger's response with a status of 2xx.
type answer struct {
	header http.Header
	body   []byte
}

// post sends body, as JSON unless header says otherwise. A status other than 2xx is an error.
func (p *poster) post(ctx context.Context, to string, body []byte, header map[string]string) (answer, error) {
	response, err := p.client.R().SetContext(ctx).
		SetHeader("Content-Type", "application/json; charset=utf-8").
		SetHeaders(header).
		SetBody(body).
		Post(to)
	if err != nil {
		return answer{}, p.transportError(ctx, err)
	}
	a := answer{header: response.Header(), body: response.Body()}
	return a, p.statusError(response.StatusCode(), a)
}

// transportError describes why there was no answer, without the address that net/http puts
// before it.
func (p *poster) transportError(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return &Retry{Err: fmt.Errorf("post notice: no answer: %w", ctx.Err())}
	}
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	return &Retry{Err: fmt.Errorf("post notice: %s", p.redactor.Redact(err.Error()))}
}

func (p *poster) statusError(code int, a answer) error {
	if code >= 200 && code < 300 {
		return nil
	}
	err := fmt.Errorf("HTTP %d: %s", code, p.excerpt(a.body))
	switch {
	case code == http.StatusTooManyRequests || (code == http.StatusServiceUnavailable && a.header.Get("Retry-After") != ""):
		return &Retry{After: retryAfter(a.header.Get("Retry-After"), p.now()), Err: err}
	case code == http.StatusRequestTimeout || code == http.StatusTooEarly || code >= 500:
		return &Retry{Err: err}
	case code >= 300 && code < 400:
		return &Permanent{Err: err, Hint: "the server redirects, and redirects are not followed: configure the final address"}
	case code == http.StatusUnauthorized || code == http.StatusForbidden || code == http.StatusNotFound || code == http.StatusGone:
		return &Permanent{Err: err, Hint: "check the address and secrets of this receiver; the webhook may have been revoked"}
	default:
		return &Permanent{Err: err}
	}
}

// verdict reads the code and the text with which a vendor says what became of a message, in any
// answer. Without a code in it the answer is no confirmation, and the error is a *Retry. A code of
// zero is a success, with no error; any other code is returned with the error that quotes it.
func (p *poster) verdict(body []byte, vendor, codeKey, textKey string) (code *int64, text string, err error) {
	var said map[string]json.RawMessage
	if json.Unmarshal(body, &said) != nil || json.Unmarshal(said[codeKey], &code) != nil || code == nil {
		return nil, "", &Retry{Err: fmt.Errorf("%s did not answer with %s but %q", vendor, codeKey, p.excerpt(body))}
	}
	if *code == 0 {
		return code, "", nil
	}
	_ = json.Unmarshal(said[textKey], &text) // a text of another type is none
	return code, text, fmt.Errorf("%s: %s %d: %s", vendor, codeKey, *code, Shorten(oneLine(p.redactor.Redact(text)), 300, "…"))
}

// excerpt returns the beginning of an answer for an error message, redacted.
func (p *poster) excerpt(body []byte) string {
	text := oneLine(p.redactor.Redact(string(body)))
	if text == "" {
		return "(empty body)"
	}
	return Shorten(text, 300, "…")
}

// retryAfter parses the header Retry-After (RFC 9110, section 10.2.3), in seconds or as a
// date, with a maximum of one hour. An invalid value counts as one minute.
func retryAfter(value string, now time.Time) time.Duration {
	wait := time.Minute
	if seconds, err := strconv.Atoi(strings.TrimSpace(value)); err == nil {
		wait = time.Duration(min(max(seconds, 1), 3600)) * time.Second
	} else if at, err := http.ParseTime(value); err == nil {
		wait = at.Sub(now)
	}
	return min(max(wait, time.Second), time.Hour)
}

// encode marshals to JSON without HTML escapes, which would only make the body longer.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("render notice: %w", err)
	}
	return bytes.TrimRight(b.Bytes(), "\n"), nil
}

// checkURL validates a secret address; the error does not contain it.
func checkURL(key string, s secret.Secret) error {
	if !s.IsSet() {
		return fmt.Errorf("%s: is missing", key)
	}
	u, err := url.Parse(s.Reveal())
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
		return fmt.Errorf("%s: is not an address that begins with https:// (or http://)", key)
	}
	return nil
}
