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

// longestAnswer bounds what is read of a messenger's answer, in bytes.
const longestAnswer = 64 << 10

// poster makes a channel's calls and knows its secrets.
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
		known := append(parts(s), s)
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
	// resty rewrites the client that it is given: it gets one of its own. A redirect is not
	// followed, since it would carry the notice and its signature to somebody else.
	p.client = resty.NewWithClient(&http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}).
		SetResponseBodyLimit(longestAnswer).
		SetLogger(silent{}).
		SetHeader("User-Agent", agent)
	return p
}

// parts gives what of a webhook's address is secret by itself, since an error may hold it in
// another form than within the address: the query's values, and a path's end when it is long
// enough to be a token.
func parts(address secret.Secret) []secret.Secret {
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

// silent keeps resty from writing to standard error by itself.
type silent struct{}

func (silent) Errorf(string, ...any) {}
func (silent) Warnf(string, ...any)  {}
func (silent) Debugf(string, ...any) {}

// answer is what a messenger said with a status of 2xx.
type answer struct {
	header http.Header
	body   []byte
}

// post sends body as JSON. What is not a 2xx is an error already.
func (p *poster) post(ctx context.Context, to string, body []byte, header map[string]string) (answer, error) {
	response, err := p.client.R().SetContext(ctx).
		SetHeaders(header).
		SetHeader("Content-Type", "application/json; charset=utf-8").
		SetBody(body).
		Post(to)
	if err != nil {
		return answer{}, p.broken(ctx, err)
	}
	a := answer{header: response.Header(), body: response.Body()}
	return a, p.status(response.StatusCode(), a)
}

// broken says why there was no answer, without the address that libraries put before it.
func (p *poster) broken(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return &Retry{Err: fmt.Errorf("post notice: no answer: %w", ctx.Err())}
	}
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	return &Retry{Err: fmt.Errorf("post notice: %s", p.redactor.Redact(err.Error()))}
}

func (p *poster) status(code int, a answer) error {
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
		return &Permanent{Err: err, Hint: "it redirects, which is not followed: configure the final address"}
	case code == http.StatusUnauthorized || code == http.StatusForbidden || code == http.StatusNotFound || code == http.StatusGone:
		return &Permanent{Err: err, Hint: "check the address and secrets of this receiver; the webhook may have been revoked"}
	default:
		return &Permanent{Err: err}
	}
}

// excerpt gives the beginning of an answer for an error.
func (p *poster) excerpt(body []byte) string {
	text := oneLine(p.redactor.Redact(string(body)))
	if text == "" {
		return "(empty body)"
	}
	return Shorten(text, 300, "…")
}

// retryAfter reads the header of RFC 9110, section 10.2.3, in seconds or as a date, bounded
// by an hour. What cannot be read is one minute.
func retryAfter(value string, now time.Time) time.Duration {
	wait := time.Minute
	if seconds, err := strconv.Atoi(strings.TrimSpace(value)); err == nil {
		wait = time.Duration(min(max(seconds, 1), 3600)) * time.Second
	} else if at, err := http.ParseTime(value); err == nil {
		wait = at.Sub(now)
	}
	return min(max(wait, time.Second), time.Hour)
}

// encode is JSON without the escapes for HTML, which would make a body longer.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("render notice: %w", err)
	}
	return bytes.TrimRight(b.Bytes(), "\n"), nil
}

// checkURL says what is wrong with a secret address, without showing it.
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
