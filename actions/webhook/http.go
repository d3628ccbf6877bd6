package webhook

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-resty/resty/v2"
	"github.com/tidwall/gjson"

	"guardian/actions"
	"guardian/internal/reason"
	"guardian/internal/secret"
)

// maxAnswer is the most that is read of a target's answer, in bytes.
const maxAnswer = 1 << 20

type step struct {
	s      Settings
	env    actions.Env
	client *resty.Client
	local  secret.Redactor // knows this step's own secrets
	url    actions.Template
	body   actions.Template
	poll   *poll
	status *statusRequest
}

type poll struct {
	url            actions.Template
	every, timeout time.Duration
	done, failed   *match
}

type statusRequest struct {
	url                   actions.Template
	done, failed, notDone *match
	statuses              []int // those that mean that it did not happen
	settle                time.Duration
}

func (s *statusRequest) saysNot(status int) bool { return slices.Contains(s.statuses, status) }

// newHTTP makes a client of its own for a step: resty rewrites the client that it is given.
// Every request is bounded by its context.
func newHTTP(env actions.Env) *resty.Client {
	c := resty.NewWithClient(&http.Client{Transport: &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
		TLSHandshakeTimeout: 10 * time.Second,
		// A kept connection that the target has closed meanwhile fails after the request was
		// written: it could then not be told from one that arrived.
		DisableKeepAlives: true,
	}})
	// Followed, a redirect would turn a POST into a GET and take headers to another host.
	c.SetRedirectPolicy(resty.RedirectPolicyFunc(func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }))
	c.SetHeader("User-Agent", env.UserAgent)
	c.SetLogger(quiet{})
	return c
}

// quiet keeps resty from logging addresses.
type quiet struct{}

func (quiet) Errorf(string, ...any) {}
func (quiet) Warnf(string, ...any)  {}
func (quiet) Debugf(string, ...any) {}

// answer is what a target answered.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// String gives the status with its name: 502 Bad Gateway.
func (a answer) String() string {
	return strings.TrimSpace(fmt.Sprintf("%d %s", a.status, http.StatusText(a.status)))
}

func (a answer) ok() bool { return a.status >= 200 && a.status <= 299 }

func (a answer) json() (any, error) {
	d := json.NewDecoder(bytes.NewReader(a.body))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, actions.Failure(reason.New("webhook_not_json"))
	}
	return v, nil
}

// data gives the body for templates. With header, what a body lacks is added: its headers by their
// names, as {{.Answer.header.Location}}, which is how Jenkins names the job that it has queued. The
// body may then be empty. A Location that is relative to the address is made whole.
func (a answer) data(address string, header bool) (any, error) {
	v, err := a.json()
	if !header {
		return v, err
	}
	fields, ok := v.(map[string]any)
	if !ok {
		fields = map[string]any{}
	}
	if _, ok := fields["header"]; ok {
		return fields, nil // the target's own
	}
	headers := map[string]any{}
	for name := range a.header {
		headers[name] = a.header.Get(name)
	}
	if base, err := url.Parse(address); err == nil && a.header.Get("Location") != "" {
		if full, err := base.Parse(a.header.Get("Location")); err == nil {
			headers["Location"] = full.String()
		}
	}
	fields["header"] = headers
	return fields, nil
}

// webhookRequest is one request to the target.
type webhookRequest struct {
	intent, method, address, body string
}

// send sends one request and reads at most maxAnswer of its answer.
func (w *step) send(ctx context.Context, r webhookRequest) (answer, error) {
	req := w.client.R().SetContext(ctx).SetDoNotParseResponse(true)
	if r.body != "" {
		req.SetHeader("Content-Type", "application/json").SetBody([]byte(r.body))
	}
	for name, v := range w.s.Headers {
		req.SetHeader(name, v.Reveal())
	}
	req.SetHeader("Idempotency-Key", r.intent)
	if s := w.s.Sign; s != nil {
		at := strconv.FormatInt(w.env.Now().Unix(), 10)
		mac := hmac.New(sha256.New, []byte(s.Secret.Reveal()))
		_, _ = io.WriteString(mac, at+"."+r.body)
		req.SetHeader(s.Header, "t="+at+",v1="+hex.EncodeToString(mac.Sum(nil)))
	}
	res, err := req.Execute(r.method, r.address)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = res.RawBody().Close() }()
	b, err := io.ReadAll(io.LimitReader(res.RawBody(), maxAnswer))
	if err != nil && res.IsSuccess() {
		return answer{}, fmt.Errorf("read the answer: %w", err)
	}
	return answer{status: res.StatusCode(), header: res.Header(), body: b}, nil
}

func (w *step) accepts(status int) bool {
	if len(w.s.Expect) > 0 {
		return slices.Contains(w.s.Expect, status)
	}
	return status >= 200 && status <= 299
}

// excerpt gives the beginning of an answer, redacted.
func (w *step) excerpt(body []byte) string {
	const limit = 300
	s := strings.TrimSpace(actions.Shown(string(body), w.env.Redactor, &w.local))
	if len(s) > limit {
		s = strings.ToValidUTF8(s[:limit], "") + "…"
	}
	return s
}

// redactError takes everything out of an error that is secret in this step.
func (w *step) redactError(err error) error {
	return actions.RedactError(err, w.env.Redactor, &w.local)
}

// learn makes the step know its own secrets, so that a target that repeats what it was sent
// does not bring them into the journal.
func (w *step) learn() {
	for name, v := range w.s.Headers {
		if !secret.HeaderValue(name, v.Reveal()) {
			continue
		}
		w.local.Learn(v)
		if _, token, ok := strings.Cut(v.Reveal(), " "); ok { // "Bearer …"
			w.local.Learn(secret.New(token))
		}
	}
	if w.s.Sign != nil {
		w.local.Learn(w.s.Sign.Secret)
	}
}

// byProxy tells that the status may come from something between us and the target, so that it
// is not known whether the target got the request.
func byProxy(status int) bool {
	return status == http.StatusBadGateway || status == http.StatusGatewayTimeout ||
		status == http.StatusServiceUnavailable || status == http.StatusRequestTimeout
}

// neverArrived tells that no connection came about, so that nothing was sent.
func neverArrived(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

// causeOf gives an HTTP client's error without the address, which may be secret.
func causeOf(err error) string {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err.Error()
	}
	return err.Error()
}

// hostOf gives what may be shown of an address: not its path and query.
func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "?"
	}
	return u.Host
}

// match compares one value of a JSON answer with templates.
type match struct {
	path actions.Template
	any  []actions.Template
}

// matches tells whether the value is one of those wanted, and gives it for people to read. A
// nil match matches nothing.
func (m *match) matches(a answer, data map[string]any) (ok bool, seen reason.Reason, err error) {
	if m == nil {
		return false, seen, nil
	}
	path, err := m.path.Render(data)
	if err != nil {
		return false, seen, err
	}
	got, ok := valueAt(a.body, path)
	if !ok {
		return false, seen, nil
	}
	for _, t := range m.any {
		want, err := t.Render(data)
		if err != nil {
			return false, seen, err
		}
		if got == want {
			return true, reason.New("webhook_value", "path", path, "value", got), nil
		}
	}
	return false, seen, nil
}

// valueAt gives the value at a path of a JSON text: a text without its quotation marks, and
// everything else as JSON without white space.
func valueAt(body []byte, path string) (string, bool) {
	r := gjson.GetBytes(body, path)
	switch {
	case !r.Exists():
		return "", false
	case r.Type == gjson.String:
		return r.String(), true
	default:
		return r.Get("@ugly").Raw, true
	}
}
