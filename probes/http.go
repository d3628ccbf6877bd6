package probes

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"time"

	"github.com/prometheus/common/model"
	"github.com/tidwall/gjson"

	"guardian/internal/reason"
	"guardian/internal/secret"
	"guardian/probes/sample"
)

// HTTPSettings configure a check of kind http: one request, and what its answer must be like.
type HTTPSettings struct {
	Request     `yaml:",inline"`
	Client      `yaml:",inline"`
	Secrets     map[string]secret.Secret `yaml:"secrets" doc:"Secrets by name, for url, headers and body as {{.Secrets.name}}."`
	Expect      Expect                   `yaml:"expect" doc:"Assertions on the answer."`
	VersionFrom VersionFrom              `yaml:"version_from" doc:"Where the answer contains the version of the service."`
}

// VersionFrom says where an answer tells the version of the service.
type VersionFrom struct {
	Header string `yaml:"header" doc:"Response header, such as X-Version."`
	JSON   string `yaml:"json" doc:"GJSON path in the body, such as build.version."`
	Match  string `yaml:"match" doc:"Regular expression whose first group is the version; default: the whole text."`
}

// Validate joins every mistake.
func (s *HTTPSettings) Validate() error {
	errs := []error{s.Request.validate(""), s.Client.validate(), s.Expect.validate("expect.")}
	if s.VersionFrom.Header != "" && s.VersionFrom.JSON != "" {
		errs = append(errs, errors.New("version_from: give header or json, not both"))
	}
	if re, err := regexp.Compile(s.VersionFrom.Match); err != nil {
		errs = append(errs, errors.New("version_from.match is not a regular expression"))
	} else if re.NumSubexp() > 1 {
		errs = append(errs, errors.New("version_from.match has more than one group"))
	}
	return errors.Join(errs...)
}

// reads reports whether the method only reads (RFC 9110, 9.2.1).
func (r Request) reads() bool {
	switch r.Method {
	case "", http.MethodGet, http.MethodHead, http.MethodOptions:
		return true
	}
	return false
}

func httpKind() Kind {
	return Kind{
		Settings: func() any { return &HTTPSettings{Client: defaultClient()} },
		Build: func(settings any, env Env) (Probe, error) {
			return newHTTPProbe(settings.(*HTTPSettings), env)
		},
		Repeats: func(settings any) bool { return settings.(*HTTPSettings).reads() },
		Templates: func(settings any, labels map[string]string) []Template {
			s := settings.(*HTTPSettings)
			return oneRequest(&s.Request, &s.Expect, s.Secrets, labels)
		},
		Produces: func(any) []string { return httpSeries() },
	}
}

type httpProbe struct {
	settings    *HTTPSettings
	env         Env
	masks       masks
	client      *httpClient
	request     compiledRequest
	expectation expectation
	version     *regexp.Regexp
}

func newHTTPProbe(s *HTTPSettings, env Env) (*httpProbe, error) {
	env = env.withDefaults()
	p := &httpProbe{settings: s, env: env, client: newHTTPClient(s.Client, env, false)}
	p.masks = newMasks(env, secretsOf(s.Secrets, []Request{s.Request}, s.Proxy)...)
	var err1, err2, err3 error
	p.request, err1 = s.Request.compile()
	p.expectation, err2 = s.Expect.compile()
	p.version, err3 = regexp.Compile(s.VersionFrom.Match)
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, fmt.Errorf("http: %w", p.masks.error(err))
	}
	return p, nil
}

// Close implements Closer.
func (p *httpProbe) Close() error { return p.client.Close() }

// Look sends the request over a new connection, like a customer's first request.
func (p *httpProbe) Look(ctx context.Context) sample.Observation {
	o, _, _ := p.look(ctx)
	return o
}

func (p *httpProbe) look(ctx context.Context) (sample.Observation, exchange, templateData) {
	data := newTemplateData(p.env, nil, p.settings.Secrets, p.env.Now())
	out, err := p.request.fill(data)
	if err != nil {
		return p.masks.observation(sample.Observation{Reason: requestUnfilled(err)}), exchange{}, data
	}
	x, f := p.client.do(ctx, out)
	if f == nil {
		f = p.expectation.judge(x, data)
	}
	if f == nil {
		f = remaining(x.expiry, p.settings.TLS.MinRemaining, p.env.Now())
	}
	o := sample.Observation{Health: sample.Up, Values: x.values(), Version: p.versionOf(x)}
	if f != nil {
		o.Health, o.Reason, o.Detail = f.health, f.reason, p.masks.detail(x)
	} else {
		o.Detail = p.masks.brief(x)
	}
	return p.masks.observation(o), x, data
}

// requestUnfilled says that a request's templates could not be filled in.
func requestUnfilled(err error) reason.Reason {
	return reason.New("request_unfilled", "error", why(err))
}

// remaining returns a fault if a certificate expires too soon.
func remaining(expiry time.Time, least model.Duration, now time.Time) *fault {
	if least <= 0 || expiry.IsZero() || expiry.Sub(now) >= time.Duration(least) {
		return nil
	}
	if !expiry.After(now) {
		return down(reason.New("tls_chain_over", "since", expiry, "age", now.Sub(expiry)))
	}
	return down(reason.New("tls_chain_expires", "left", expiry.Sub(now), "at", expiry, "least", time.Duration(least)))
}

func (p *httpProbe) versionOf(x exchange) string {
	var found string
	switch from := p.settings.VersionFrom; {
	case from.Header != "":
		found = x.header.Get(from.Header)
	case from.JSON != "" && gjson.ValidBytes(x.body):
		found = gjson.GetBytes(x.body, from.JSON).String()
	}
	if groups := p.version.FindStringSubmatch(found); p.version.String() != "" {
		if groups == nil {
			return ""
		}
		found = groups[len(groups)-1]
	}
	return oneLine(found, 128)
}

func httpSeries() []string {
	return []string{
		"probe_http_status_code", "probe_http_content_length", "probe_http_duration_seconds", "probe_ssl_earliest_cert_expiry",
	}
}

// values returns an exchange's series. As in blackbox_exporter, the status is 0 if there was no
// answer, and the length -1 if it was not announced.
func (x exchange) values() []sample.Value {
	values := make([]sample.Value, 0, len(phases())+3)
	values = append(values,
		sample.Value{Name: "probe_http_status_code", V: float64(x.status)},
		sample.Value{Name: "probe_http_content_length", V: float64(x.length)},
	)
	for _, phase := range phases() {
		values = append(values, sample.Value{
			Name: "probe_http_duration_seconds", Labels: map[string]string{"phase": phase}, V: x.phases[phase].Seconds(),
		})
	}
	if !x.expiry.IsZero() {
		values = append(values, sample.Value{Name: "probe_ssl_earliest_cert_expiry", V: float64(x.expiry.Unix())})
	}
	return values
}
