package webhook

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"guardian/actions"
	"guardian/internal/secret"
)

// Settings is a step that calls a deploy tool over HTTP. Every request has the header
// Idempotency-Key with the intent's ID.
type Settings struct {
	URL           string                   `yaml:"url" doc:"URL of the request; a template."`
	Method        string                   `yaml:"method" doc:"The HTTP method: POST, PUT, PATCH, DELETE or GET."`
	Headers       map[string]secret.Secret `yaml:"headers" doc:"Headers of all requests of this step; values may be secrets."`
	Body          string                   `yaml:"body" doc:"Body of the request; a template with the function json, which encodes a value as JSON."`
	Expect        []int                    `yaml:"expect" doc:"Status codes that mean accepted; default: any 2xx."`
	Sign          *SignSettings            `yaml:"sign" doc:"Signs the body with HMAC."`
	Poll          *PollSettings            `yaml:"poll" doc:"Polls until the accepted work is done."`
	StatusRequest *StatusSettings          `yaml:"status_request" doc:"Asks, after a lost answer or a crash, whether the step happened."`
}

// SignSettings signs requests as Stripe's webhooks do: the header holds t=<Unix seconds>,
// v1=<hex of HMAC-SHA256 over "<t>.<body>">.
type SignSettings struct {
	Secret secret.Secret `yaml:"secret" doc:"Key shared with the target."`
	Header string        `yaml:"header" doc:"Header for the signature; default: X-Guardian-Signature."`
}

// PollSettings says how to wait for work that was accepted.
type PollSettings struct {
	URL     string         `yaml:"url" doc:"URL to GET; a template that can use the first answer, such as {{.Answer.id}}, and its headers, such as {{.Answer.header.Location}}."`
	Every   model.Duration `yaml:"every" doc:"Time between two requests; default: 2s."`
	Timeout model.Duration `yaml:"timeout" doc:"Maximum duration of the work, within the step's timeout."`
	Done    MatchSettings  `yaml:"done" doc:"The answer that means done."`
	Failed  MatchSettings  `yaml:"failed" doc:"The answer that means failed."`
}

// StatusSettings says how to find out whether an intent happened.
type StatusSettings struct {
	URL           string        `yaml:"url" doc:"URL to GET; a template, usually with {{.Intent}}."`
	Done          MatchSettings `yaml:"done" doc:"The answer that means that the step happened."`
	Failed        MatchSettings `yaml:"failed" doc:"The answer that means that the step was tried and failed."`
	NotDone       MatchSettings `yaml:"not_done" doc:"The answer that means that it did not happen."`
	NotDoneStatus []int         `yaml:"not_done_status" doc:"Status codes that mean that it did not happen, such as 404 if the URL contains the intent."`
	// Settle is for targets that list what they were asked for a while later.
	Settle model.Duration `yaml:"settle" doc:"How long it may take until what was accepted shows: an answer that it did not happen counts when it is the same after this time; default: 0s."`
}

// MatchSettings compares one value of a JSON answer.
type MatchSettings struct {
	Path   string   `yaml:"path" doc:"Path of the value in the answer, in GJSON's syntax; a template: status.phase, items.0.state, items.#(key==\"{{.Intent}}\").state for the item with a key, [phase,health] for both as JSON."`
	Equals string   `yaml:"equals" doc:"The required value; a template."`
	In     []string `yaml:"in" doc:"Permitted values; templates."`
}

// Kind is the kind of these steps.
func Kind() actions.Kind {
	return actions.NewKind(func() *Settings { return &Settings{Method: http.MethodPost} }, newStep)
}

// Validate joins every mistake.
func (s *Settings) Validate() error {
	_, err := newStep(*s, actions.Env{})
	return err
}

func newStep(s Settings, env actions.Env) (*step, error) {
	var p actions.Templates
	fail := p.Fail
	w := &step{s: s, env: env, client: newHTTP(env)}

	w.url = p.Parse("url", s.URL)
	checkURL(&p, "url", w.url)
	w.body = p.Parse("body", s.Body)
	if methods := []string{http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodGet}; !slices.Contains(methods, s.Method) {
		fail("method: %q is not one of %s", s.Method, strings.Join(methods, ", "))
	}
	isJSON := true
	for name, v := range s.Headers {
		switch http.CanonicalHeaderKey(name) {
		case "Idempotency-Key":
			fail("headers: %s is set by the guardian, to the intent's ID", name)
		case "Content-Type":
			isJSON = strings.Contains(v.Reveal(), "json")
		}
	}
	if isJSON && s.Body != "" && p.Err() == nil {
		if err := checkJSON(w.body); err != nil {
			p.Add(err)
		}
	}
	for _, code := range s.Expect {
		if code < 200 || code > 599 {
			fail("expect: %d is not an HTTP status", code)
		}
	}
	if s.Sign != nil {
		if !s.Sign.Secret.IsSet() {
			fail("sign: secret: is missing")
		}
		if s.Sign.Header == "" {
			s.Sign = &SignSettings{Secret: s.Sign.Secret, Header: "X-Guardian-Signature"}
			w.s.Sign = s.Sign
		}
	}
	if s.Poll != nil {
		w.poll = newPoll(&p, *s.Poll)
	}
	if s.StatusRequest != nil {
		w.status = newStatusRequest(&p, *s.StatusRequest)
	}
	if err := p.Err(); err != nil {
		return nil, err
	}
	w.learn()
	return w, nil
}

func newPoll(p *actions.Templates, s PollSettings) *poll {
	if s.Every == 0 {
		s.Every = model.Duration(2 * time.Second)
	}
	if s.Every < 0 || s.Timeout < 0 {
		p.Fail("poll: every and timeout must not be negative")
	}
	p.Answers = true
	defer func() { p.Answers = false }()
	out := &poll{
		url: p.Parse("poll.url", s.URL), every: time.Duration(s.Every), timeout: time.Duration(s.Timeout),
		done: newMatch(p, "poll.done", s.Done), failed: newMatch(p, "poll.failed", s.Failed),
	}
	checkURL(p, "poll.url", out.url)
	if out.done == nil {
		p.Fail("poll.done: say which answer means that it is done, e.g. {path: status, equals: done}")
	}
	return out
}

func newStatusRequest(p *actions.Templates, s StatusSettings) *statusRequest {
	p.Answers = true // for its own message below
	address := p.Parse("status_request.url", s.URL)
	p.Answers = false
	out := &statusRequest{
		url: address, statuses: s.NotDoneStatus, settle: time.Duration(s.Settle),
		done: newMatch(p, "status_request.done", s.Done), failed: newMatch(p, "status_request.failed", s.Failed),
		notDone: newMatch(p, "status_request.not_done", s.NotDone),
	}
	if s.Settle < 0 {
		p.Fail("status_request.settle: must not be negative")
	}
	checkURL(p, "status_request.url", out.url)
	if out.url.UsesAnswer() {
		p.Fail("status_request.url: the first answer may be what was lost; use {{.Intent}} instead")
	}
	if out.done == nil {
		p.Fail("status_request.done: say which answer means that it happened, e.g. {path: version, equals: \"{{.To}}\"}")
	}
	return out
}

func newMatch(p *actions.Templates, key string, s MatchSettings) *match {
	if s.Path == "" && s.Equals == "" && len(s.In) == 0 {
		return nil
	}
	m := &match{path: p.Parse(key+".path", strings.TrimPrefix(strings.TrimPrefix(s.Path, "$"), "."))}
	if s.Path == "" {
		p.Fail("%s: path: is missing", key)
	}
	if s.Equals != "" {
		m.any = append(m.any, p.Parse(key+".equals", s.Equals))
	}
	for _, in := range s.In {
		m.any = append(m.any, p.Parse(key+".in", in))
	}
	if len(m.any) == 0 {
		p.Fail("%s: equals or in: is missing", key)
	}
	return m
}

// checkURL checks an address that is filled in with sample values.
func checkURL(p *actions.Templates, key string, t actions.Template) {
	if t.IsZero() {
		return // Parse has reported it
	}
	if t.Source() == "" {
		p.Fail("%s: is missing", key)
		return
	}
	if t.UsesAnswer() {
		return
	}
	d, err := actions.SampleCall().Data()
	if err != nil {
		return
	}
	full, err := t.Render(d)
	if err != nil {
		return
	}
	// url.Parse quotes the address in its error, and an address may hold a secret.
	if u, err := url.Parse(full); err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		p.Fail("%s: is not an address that begins with http:// or https://", key)
	}
}

// checkJSON checks that the body is JSON also when a value has quotation marks.
func checkJSON(t actions.Template) error {
	d, err := actions.SampleCall().Data()
	if err != nil {
		return err
	}
	body, err := t.Render(d)
	if err != nil {
		return err
	}
	if !json.Valid([]byte(body)) {
		return errors.New("body: is not JSON when a value holds quotation marks; write {{json .Reason}} without quotation marks around it, or set another Content-Type under headers")
	}
	return nil
}
