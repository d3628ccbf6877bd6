package probes

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/tidwall/gjson"

	"guardian/internal/reason"
	"guardian/internal/secret"
	"guardian/probes/sample"
)

// JourneySettings configure a check of kind journey: several requests in a row, as one
// customer makes them. Cookies and connections are kept from step to step, as a browser does,
// and forgotten with the look.
//
//	what happened                                             | health
//	every step's answer was as expected                       | Up
//	a step's answer was not, or there was nothing to extract  | Down
//	what the fault table says of a target, in any step        | Down
//	what the fault table says of this machine                 | Unknown
//
// The kind is Active, because a journey may log in and fill a basket.
type JourneySettings struct {
	Client  `yaml:",inline"`
	Vars    map[string]string        `yaml:"vars" doc:"Values for the templates, such as SKU, written {{.SKU}}."`
	Secrets map[string]secret.Secret `yaml:"secrets" doc:"Secrets by name, for url, headers and body as {{.Secrets.name}}."`
	Steps   []JourneyStep            `yaml:"steps" doc:"The requests, in order; the first failure ends the journey."`
}

// JourneyStep is one request of a journey.
type JourneyStep struct {
	Name    string `yaml:"name" doc:"The step's name, for the label step."`
	Request `yaml:",inline"`
	Expect  Expect         `yaml:"expect" doc:"Assertions on the answer."`
	Extract []Extract      `yaml:"extract" doc:"Values of the answer for later steps."`
	Timeout model.Duration `yaml:"timeout" doc:"Timeout of the step; default: the rest of the look's."`
}

// Extract takes a value out of an answer, for the templates of later steps.
type Extract struct {
	Name   string `yaml:"name" doc:"The value's name, for later steps as {{.name}}."`
	JSON   string `yaml:"json" doc:"GJSON path in the body, such as data.token."`
	Header string `yaml:"header" doc:"Response header; default without json: the body."`
	Match  string `yaml:"match" doc:"Regular expression whose first group, or else whole match, is the value."`
	Show   bool   `yaml:"show" doc:"Whether the value may be shown; by default it is masked like a secret."`
}

const maxJourneySteps = 50

// Validate joins every mistake.
func (s *JourneySettings) Validate() error {
	errs := []error{s.Client.validate()}
	if n := len(s.Steps); n == 0 || n > maxJourneySteps {
		errs = append(errs, fmt.Errorf("steps has %d entries, 1 to %d are needed", n, maxJourneySteps))
	}
	known := map[string]bool{}
	for name := range s.Vars {
		if err := validVariable(name); err != nil {
			errs = append(errs, fmt.Errorf("vars.%w", err))
		}
		known[name] = true
	}
	names := map[string]bool{}
	for i := range s.Steps {
		step, at := &s.Steps[i], fmt.Sprintf("steps[%d].", i)
		errs = append(errs, step.Request.validate(at), step.Expect.validate(at+"expect."))
		switch {
		case step.Name == "":
			errs = append(errs, fmt.Errorf("%sname is missing", at))
		case names[step.Name]:
			errs = append(errs, fmt.Errorf("%sname %q is the name of another step, too", at, step.Name))
		}
		names[step.Name] = true
		if step.Timeout < 0 {
			errs = append(errs, fmt.Errorf("%stimeout is negative", at))
		}
		for j, e := range step.Extract {
			if err := e.validate(); err != nil {
				errs = append(errs, fmt.Errorf("%sextract[%d]: %w", at, j, err))
			}
			if known[e.Name] {
				errs = append(errs, fmt.Errorf("%sextract[%d]: name %q is taken", at, j, e.Name))
			}
			known[e.Name] = true
		}
	}
	return errors.Join(errs...)
}

func (e Extract) validate() error {
	var errs []error
	if err := validVariable(e.Name); err != nil {
		errs = append(errs, fmt.Errorf("name %w", err))
	}
	if e.JSON != "" && e.Header != "" {
		errs = append(errs, errors.New("give json or header, not both"))
	}
	if e.JSON == "" && e.Header == "" && e.Match == "" {
		errs = append(errs, errors.New("give json, header or match: where the value stands"))
	}
	if re, err := regexp.Compile(e.Match); err != nil {
		errs = append(errs, fmt.Errorf("match: %w", err))
	} else if re.NumSubexp() > 1 {
		errs = append(errs, errors.New("match has more than one group"))
	}
	return errors.Join(errs...)
}

func validVariable(name string) error {
	if !model.LegacyValidation.IsValidLabelName(name) {
		return fmt.Errorf("%q is not a name for a template, such as token", name)
	}
	if slices.Contains(reserved(), name) {
		return fmt.Errorf("%q has a meaning of its own; use another name", name)
	}
	return nil
}

func journeyKind() Kind {
	return Kind{
		Settings: func() any { return &JourneySettings{Client: defaultClient()} },
		Build: func(settings any, env Env) (Probe, error) {
			return newJourneyProbe(settings.(*JourneySettings), env)
		},
		Active: true,
		Templates: func(settings any, labels map[string]string) []Template {
			return settings.(*JourneySettings).templates(labels)
		},
		Produces: func(any) []string {
			return []string{"journey_step_seconds", "journey_step_status_code", "probe_ssl_earliest_cert_expiry"}
		},
	}
}

type journeyProbe struct {
	settings *JourneySettings
	env      Env
	secrets  []secret.Secret
	steps    []journeyStep
}

type journeyStep struct {
	*JourneyStep
	request     compiledRequest
	expectation expectation
	matches     []*regexp.Regexp
}

func newJourneyProbe(s *JourneySettings, env Env) (*journeyProbe, error) {
	p := &journeyProbe{settings: s, env: env.withDefaults()}
	var requests []Request
	for _, step := range s.Steps {
		requests = append(requests, step.Request)
	}
	p.secrets = secretsOf(s.Secrets, requests, s.Proxy)
	for i := range s.Steps {
		step := journeyStep{JourneyStep: &s.Steps[i]}
		var errs [2]error
		step.request, errs[0] = step.Request.compile()
		step.expectation, errs[1] = step.Expect.compile()
		err := errors.Join(errs[:]...)
		for _, e := range step.Extract {
			re, bad := regexp.Compile(e.Match)
			err = errors.Join(err, bad)
			step.matches = append(step.matches, re)
		}
		if err != nil {
			return nil, fmt.Errorf("journey: steps[%d]: %w", i, newMasks(p.env, p.secrets...).error(err))
		}
		p.steps = append(p.steps, step)
	}
	return p, nil
}

// session is the state of one journey: it lasts from step to step.
type session struct {
	client *httpClient
	jar    http.CookieJar
	masks  masks
	data   templateData
	expiry time.Time // of the certificate that expires first; zero: none seen
	values []sample.Value
}

// Look makes the journey once.
func (p *journeyProbe) Look(ctx context.Context) sample.Observation {
	jar, err := newCookieJar()
	if err != nil {
		return sample.Observation{Reason: reason.New("journey_cookie_jar", "error", err)}
	}
	s := &session{
		client: newHTTPClient(p.settings.Client, p.env, true),
		jar:    jar,
		masks:  newMasks(p.env, p.secrets...),
		data:   newTemplateData(p.env, p.settings.Vars, p.settings.Secrets, p.env.Now()),
	}
	s.client.jar = jar
	defer s.client.Close()
	o := sample.Observation{Health: sample.Up}
	for _, step := range p.steps {
		x, f := p.step(ctx, s, step)
		if f != nil {
			o.Health, o.Reason = f.health, reason.New("journey_step", "step", step.Name, "why", f.reason)
			if x.request.url != "" {
				o.Detail = s.masks.detail(x)
			}
			break
		}
	}
	o.Values = s.values
	if !s.expiry.IsZero() {
		o.Values = append(o.Values, sample.Value{Name: "probe_ssl_earliest_cert_expiry", V: float64(s.expiry.Unix())})
	}
	return s.masks.observation(o)
}

func (p *journeyProbe) step(ctx context.Context, s *session, step journeyStep) (exchange, *fault) {
	out, err := step.request.fill(s.data)
	if err != nil {
		return exchange{}, blind(requestUnfilled(err))
	}
	if step.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(step.Timeout))
		defer cancel()
	}
	x, f := s.client.do(ctx, out)
	s.remember(out, x)
	labels := map[string]string{"step": step.Name}
	s.values = append(s.values,
		sample.Value{Name: "journey_step_seconds", Labels: labels, V: x.took.Seconds()},
		sample.Value{Name: "journey_step_status_code", Labels: labels, V: float64(x.status)})
	if f == nil {
		f = step.expectation.judge(x, s.data)
	}
	if f == nil {
		f = remaining(x.expiry, p.settings.TLS.MinRemaining, p.env.Now())
	}
	for i, e := range step.Extract {
		if f != nil {
			break
		}
		var found string
		if found, f = e.from(x, step.matches[i]); f == nil {
			if !e.Show && len(found) >= minSecretLength {
				s.masks.own.Learn(secret.New(found))
			}
			s.data = s.data.with(e.Name, found)
		}
	}
	return x, f
}

// remember notes the secrets and the certificate expiry of an exchange.
func (s *session) remember(out outgoing, x exchange) {
	if !x.expiry.IsZero() && (s.expiry.IsZero() || x.expiry.Before(s.expiry)) {
		s.expiry = x.expiry
	}
	u, err := url.Parse(out.url)
	if err != nil {
		return
	}
	for _, c := range s.jar.Cookies(u) {
		if len(c.Value) >= minSecretLength {
			s.masks.own.Learn(secret.New(c.Value))
		}
	}
}

// from extracts the value from an answer.
func (e Extract) from(x exchange, match *regexp.Regexp) (string, *fault) {
	if e.Header == "" {
		if f := x.whole(); f != nil {
			return "", f
		}
	}
	found := string(x.body)
	switch {
	case e.Header != "":
		values := x.header.Values(e.Header)
		if len(values) == 0 {
			return "", e.nothing(reason.New("http_header_missing", "header", e.Header))
		}
		found = strings.Join(values, ", ")
	case e.JSON != "":
		if !gjson.ValidBytes(x.body) {
			return "", e.nothing(reason.New("http_not_json"))
		}
		r := gjson.GetBytes(x.body, e.JSON)
		if !r.Exists() || r.Type == gjson.Null {
			return "", e.nothing(reason.New("json_missing", "path", e.JSON))
		}
		found = r.String()
	}
	if e.Match != "" {
		groups := match.FindStringSubmatch(found)
		if groups == nil {
			return "", e.nothing(e.mismatch())
		}
		found = groups[len(groups)-1]
	}
	if len(found) > maxExtract {
		return "", down(reason.New("journey_extract_too_long", "name", e.Name, "n", len(found), "limit", maxExtract))
	}
	return found, nil
}

// nothing is the fault of an extraction that found nothing.
func (e Extract) nothing(why reason.Reason) *fault {
	return down(reason.New("journey_nothing_to_extract", "name", e.Name, "why", why))
}

// mismatch is the reason of a value that does not match.
func (e Extract) mismatch() reason.Reason {
	switch {
	case e.Header != "":
		return reason.New("http_header_mismatch", "header", e.Header, "pattern", e.Match)
	case e.JSON != "":
		return reason.New("json_unlike", "path", e.JSON, "pattern", e.Match)
	default:
		return reason.New("http_body_mismatch", "pattern", e.Match)
	}
}

const maxExtract = 16 << 10
