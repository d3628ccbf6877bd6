package actions

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

	"guardian/internal/secret"
)

const (
	// maxAnswer is the most that is read of a target's answer, in bytes.
	maxAnswer = 1 << 20
	// sends is how often a request is sent at most, where sending it again is safe.
	sends = 4
)

type webhook struct {
	s      WebhookSettings
	env    Env
	client *resty.Client
	local  secret.Redactor // knows this step's own secrets
	url    text
	body   text
	poll   *poll
	ask    *lookup
}

type poll struct {
	url           text
	every, within time.Duration
	done, failed  *match
}

type lookup struct {
	url           text
	done, notDone *match
	statuses      []int
}

// newHTTP makes a client of its own for a step: resty rewrites the client that it is given.
// Every request is bounded by its context.
func newHTTP(env Env) *resty.Client {
	c := resty.NewWithClient(&http.Client{Transport: &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
		TLSHandshakeTimeout: 10 * time.Second,
		// A kept connection that the target has closed meanwhile fails after the request was
		// written: it could then not be told from one that arrived.
		DisableKeepAlives: true,
	}})
	// Followed, a redirect would turn a POST into a GET and take headers to another place.
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

// answer is what a target said.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func (a answer) json() (any, error) {
	d := json.NewDecoder(bytes.NewReader(a.body))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, errors.New("the answer is not JSON")
	}
	return v, nil
}

// Do sends the request, and waits for the work that it began where the settings say how.
func (w *webhook) Do(ctx context.Context, call Call) (string, error) {
	var out clip
	err := w.do(ctx, call, &out)
	if err != nil {
		err = w.hide(err)
	}
	return w.local.Redact(out.text(w.env.Redactor)), err
}

func (w *webhook) do(ctx context.Context, call Call, out io.Writer) error {
	data, err := call.data()
	if err != nil {
		return err
	}
	address, err := w.url.render(data)
	if err != nil {
		return err
	}
	body, err := w.body.render(data)
	if err != nil {
		return err
	}
	a, err := w.deliver(ctx, call, address, body)
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(out, "%s %s: %d %s\n%s\n", w.s.Method, hostOf(address), a.status, http.StatusText(a.status), bytes.TrimSpace(a.body))
	if !w.accepts(a.status) {
		err := fmt.Errorf("%s %s answered %d %s", w.s.Method, hostOf(address), a.status, http.StatusText(a.status))
		if a.status >= 300 && a.status < 400 {
			return fmt.Errorf("%w: redirects are not followed, give the final address", err)
		}
		if passedOn(a.status) {
			return fmt.Errorf("%w: %w", err, ErrUnclear)
		}
		return err
	}
	if w.poll == nil {
		return nil
	}
	if w.poll.url.usesAnswer() {
		if data["Answer"], err = a.json(); err != nil {
			return fmt.Errorf("poll.url needs the first answer: %w: %w", err, ErrUnclear)
		}
	}
	return w.pollUntil(ctx, call, data, hostOf(address), out)
}

// deliver sends until there is an answer. It sends again only what surely never arrived, what
// the target refused for being too busy (429), and, of a repeatable step, anything lost.
func (w *webhook) deliver(ctx context.Context, call Call, address, body string) (answer, error) {
	for try := 1; ; try++ {
		a, err := w.send(ctx, call, w.s.Method, address, body)
		wait := time.Second << (try - 1)
		again := false
		switch {
		case err == nil && a.status == http.StatusTooManyRequests && !w.accepts(a.status):
			again = true
			if s, e := strconv.Atoi(a.header.Get("Retry-After")); e == nil && s >= 0 {
				wait = time.Duration(s) * time.Second
			}
		case err == nil:
			again = call.Repeatable && passedOn(a.status) && !w.accepts(a.status)
		default:
			again = neverArrived(err) || call.Repeatable
		}
		if !again || try == sends || !pause(ctx, wait, nil) {
			if err == nil {
				return a, nil
			}
			// The cause is put into words and not wrapped: resty's names the address.
			reason := fmt.Errorf("%s %s: %s", w.s.Method, hostOf(address), causeOf(err))
			if neverArrived(err) {
				return a, reason
			}
			return a, fmt.Errorf("%w: %w", reason, ErrUnclear)
		}
	}
}

// pollUntil asks the target until its answer says done or failed.
func (w *webhook) pollUntil(ctx context.Context, call Call, data map[string]any, host string, out io.Writer) error {
	if w.poll.within > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, w.poll.within)
		defer cancel()
	}
	address, err := w.poll.url.render(data)
	if err != nil {
		return fmt.Errorf("%w: %w", err, ErrUnclear)
	}
	if w.poll.url.usesAnswer() && hostOf(address) != host {
		return fmt.Errorf("the first answer leads to another host than %s, and the headers are not for that one: %w", host, ErrUnclear)
	}
	last := "no answer yet"
	for {
		a, err := w.send(ctx, call, http.MethodGet, address, "")
		switch {
		case err != nil:
			last = causeOf(err)
		case a.status < 200 || a.status > 299:
			last = fmt.Sprintf("%d %s", a.status, http.StatusText(a.status))
		default:
			last = w.excerpt(a.body)
			v, err := a.json()
			if err != nil {
				break
			}
			done, seen, err := w.poll.done.matches(v, data)
			if err != nil {
				return fmt.Errorf("%w: %w", err, ErrUnclear)
			}
			if done {
				_, _ = fmt.Fprintf(out, "done: %s\n", seen)
				return nil
			}
			if failed, seen, err := w.poll.failed.matches(v, data); err == nil && failed {
				_, _ = fmt.Fprintf(out, "failed: %s\n", bytes.TrimSpace(a.body))
				return fmt.Errorf("%w: %s", errTargetFailed, seen)
			}
		}
		if !pause(ctx, w.poll.every, nil) {
			return fmt.Errorf("%s accepted it, and did not say in time that it is done; the last answer: %s: %w", hostOf(address), last, ErrUnclear)
		}
	}
}

// errTargetFailed says that the target took the work and reports that it failed.
var errTargetFailed = errors.New("the target says that it failed")

// Ask asks the address under ask, or else the one under poll.
func (w *webhook) Ask(ctx context.Context, call Call) (Outcome, string, error) {
	outcome, detail, err := w.askTarget(ctx, call)
	return outcome, w.local.Redact(clipText(detail, w.env.Redactor)), w.hide(err)
}

func (w *webhook) askTarget(ctx context.Context, call Call) (Outcome, string, error) {
	data, err := call.data()
	if err != nil {
		return Unclear, "", err
	}
	if w.ask == nil {
		if w.poll == nil || w.poll.url.usesAnswer() {
			return Unclear, "the step has no status_request", nil
		}
		switch err := w.pollUntil(ctx, call, data, "", io.Discard); {
		case err == nil:
			return Happened, "the target says that it is done", nil
		default:
			return Unclear, err.Error(), nil
		}
	}
	address, err := w.ask.url.render(data)
	if err != nil {
		return Unclear, "", err
	}
	a, err := w.send(ctx, call, http.MethodGet, address, "")
	if err != nil {
		return Unclear, "", fmt.Errorf("ask %s: %s", hostOf(address), causeOf(err))
	}
	if slices.Contains(w.ask.statuses, a.status) {
		return NotHappened, fmt.Sprintf("%s answered %d", hostOf(address), a.status), nil
	}
	if a.status < 200 || a.status > 299 {
		return Unclear, "", fmt.Errorf("ask %s: it answered %d %s", hostOf(address), a.status, http.StatusText(a.status))
	}
	v, err := a.json()
	if err != nil {
		return Unclear, "", fmt.Errorf("ask %s: %w", hostOf(address), err)
	}
	done, seen, err := w.ask.done.matches(v, data)
	if err != nil {
		return Unclear, "", err
	}
	if done {
		return Happened, seen, nil
	}
	if not, seen, err := w.ask.notDone.matches(v, data); err == nil && not {
		return NotHappened, seen, nil
	}
	return Unclear, "the answer says neither: " + w.excerpt(a.body), nil
}

// send sends one request and reads at most maxAnswer of its answer.
func (w *webhook) send(ctx context.Context, call Call, method, address, body string) (answer, error) {
	req := w.client.R().SetContext(ctx).SetDoNotParseResponse(true)
	if body != "" {
		req.SetHeader("Content-Type", "application/json").SetBody([]byte(body))
	}
	for name, v := range w.s.Headers {
		req.SetHeader(name, v.Reveal())
	}
	req.SetHeader("Idempotency-Key", call.Intent)
	if s := w.s.Sign; s != nil {
		at := strconv.FormatInt(w.env.Now().Unix(), 10)
		mac := hmac.New(sha256.New, []byte(s.Secret.Reveal()))
		_, _ = io.WriteString(mac, at+"."+body)
		req.SetHeader(s.Header, "t="+at+",v1="+hex.EncodeToString(mac.Sum(nil)))
	}
	res, err := req.Execute(method, address)
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

func (w *webhook) accepts(status int) bool {
	if len(w.s.Expect) > 0 {
		return slices.Contains(w.s.Expect, status)
	}
	return status >= 200 && status <= 299
}

func (w *webhook) excerpt(body []byte) string {
	const most = 300
	s := strings.TrimSpace(w.local.Redact(w.env.Redactor.Redact(strings.ToValidUTF8(string(body), "\uFFFD"))))
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}

// hide redacts an error by all that is secret in this step.
func (w *webhook) hide(err error) error { return w.local.Error(w.env.Redactor.Error(err)) }

// learn makes the step know its own secrets, so that a target that repeats what it was sent
// does not bring them into the journal.
func (w *webhook) learn() {
	for name, v := range w.s.Headers {
		switch http.CanonicalHeaderKey(name) {
		case "Content-Type", "Accept", "User-Agent":
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

// passedOn tells that something between us and the target answered for it: whether the
// target got the request is open.
func passedOn(status int) bool {
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
		return "the target"
	}
	return u.Host
}

// match compares one value of a JSON answer with templates.
type match struct {
	path []string
	any  []text
}

// matches also gives what was seen, in words. A nil match matches nothing.
func (m *match) matches(v any, data map[string]any) (bool, string, error) {
	if m == nil {
		return false, "", nil
	}
	got, ok := valueAt(v, m.path)
	if !ok {
		return false, "", nil
	}
	for _, t := range m.any {
		want, err := t.render(data)
		if err != nil {
			return false, "", err
		}
		if got == want {
			return true, fmt.Sprintf("%s is %s", strings.Join(m.path, "."), got), nil
		}
	}
	return false, "", nil
}

// valueAt gives the scalar at a path of a decoded JSON value, as text.
func valueAt(v any, path []string) (string, bool) {
	for _, p := range path {
		switch x := v.(type) {
		case map[string]any:
			next, ok := x[p]
			if !ok {
				return "", false
			}
			v = next
		case []any:
			i, err := strconv.Atoi(p)
			if err != nil || i < 0 || i >= len(x) {
				return "", false
			}
			v = x[i]
		default:
			return "", false
		}
	}
	switch x := v.(type) {
	case string:
		return x, true
	case json.Number:
		return x.String(), true
	case bool:
		return strconv.FormatBool(x), true
	case nil:
		return "null", true
	default:
		return "", false
	}
}
