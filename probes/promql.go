package probes

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/common/model"

	"guardian/internal/reason"
	"guardian/internal/secret"
	"guardian/probes/sample"
)

// PromQLSettings configure a check of kind promql: a query to a Prometheus-compatible server.
type PromQLSettings struct {
	Server  string                   `yaml:"server" doc:"Address of the Prometheus-compatible server, such as http://prometheus:9090."`
	Query   string                   `yaml:"query" doc:"PromQL expression with a scalar or instant vector as result."`
	UpIf    string                   `yaml:"up_if" doc:"Condition that every value must meet: an operator (>, >=, <, <=, ==, !=) and a number."`
	Empty   string                   `yaml:"empty" doc:"Meaning of an empty result: unknown, up or down."`
	Headers map[string]secret.Secret `yaml:"headers" doc:"Request headers, such as Authorization; never shown."`
	TLS     TLS                      `yaml:"tls" doc:"How the server's certificate is verified."`
	Proxy   string                   `yaml:"proxy" doc:"Proxy as http://, https:// or socks5:// URL; HTTP_PROXY etc. are not used."`
}

func promqlKind() Kind {
	return Kind{
		Settings: func() any { return &PromQLSettings{UpIf: "> 0", Empty: "unknown"} },
		Build: func(settings any, env Env) (Probe, error) {
			return newPromQLProbe(settings.(*PromQLSettings), env)
		},
		Repeats:  always,
		Produces: func(any) []string { return []string{"promql_value"} },
	}
}

// Validate joins every mistake.
func (s *PromQLSettings) Validate() error {
	var errs []error
	if strings.TrimSpace(s.Query) == "" {
		errs = append(errs, errors.New("query is missing: give a PromQL expression"))
	}
	if _, err := parseCondition(s.UpIf); err != nil {
		errs = append(errs, fmt.Errorf("up_if: %w", err))
	}
	if _, err := s.empty(); err != nil {
		errs = append(errs, err)
	}
	if s.TLS.MinRemaining != 0 {
		errs = append(errs, errors.New("tls.min_remaining means nothing here: watch the server's certificate by a check of kind http"))
	}
	return errors.Join(append(errs, s.server().Validate())...)
}

// MeasureOnly implements Measurer.
func (s *PromQLSettings) MeasureOnly() { s.UpIf = anyNumber }

func (s *PromQLSettings) server() *PromQLServer {
	return &PromQLServer{Server: s.Server, Headers: s.Headers, TLS: s.TLS, Proxy: s.Proxy}
}

func (s *PromQLSettings) empty() (sample.Health, error) {
	var h sample.Health
	if err := h.UnmarshalText([]byte(s.Empty)); err != nil {
		return sample.Unknown, fmt.Errorf("empty: %q is not one of unknown, up, down", s.Empty)
	}
	return h, nil
}

// condition is a comparison with a number.
type condition struct {
	operator string
	number   float64
}

func (c condition) String() string { return fmt.Sprintf("%s %v", c.operator, c.number) }

func parseCondition(text string) (condition, error) {
	text = strings.TrimSpace(text)
	for _, operator := range []string{">=", "<=", "==", "!=", ">", "<"} {
		if rest, ok := strings.CutPrefix(text, operator); ok {
			n, err := strconv.ParseFloat(strings.TrimSpace(rest), 64)
			if err != nil || math.IsNaN(n) {
				break
			}
			return condition{operator, n}, nil
		}
	}
	return condition{}, fmt.Errorf("%q is not an operator (>, >=, <, <=, ==, !=) and a number, such as > 0", text)
}

func (c condition) holds(v float64) bool {
	switch c.operator {
	case ">":
		return v > c.number
	case ">=":
		return v >= c.number
	case "<":
		return v < c.number
	case "<=":
		return v <= c.number
	case "==":
		return v == c.number
	default:
		return v != c.number
	}
}

// maxPromQLValues bounds how many elements of a result become series.
const maxPromQLValues = 100

type promqlProbe struct {
	settings *PromQLSettings
	env      Env
	masks    masks
	upIf     condition
	empty    sample.Health

	client *PromQLClient // made with the first look: ca_file is read then
}

func newPromQLProbe(s *PromQLSettings, env Env) (*promqlProbe, error) {
	env = env.withDefaults()
	p := &promqlProbe{settings: s, env: env}
	p.masks = newMasks(env, secretsOf(nil, []Request{{URL: s.Server, Headers: s.Headers}}, s.Proxy)...)
	var err1, err2 error
	p.upIf, err1 = parseCondition(s.UpIf)
	p.empty, err2 = s.empty()
	if err := errors.Join(err1, err2); err != nil {
		return nil, fmt.Errorf("promql: %w", err)
	}
	return p, nil
}

// Close implements Closer.
func (p *promqlProbe) Close() error {
	if p.client != nil {
		p.client.Close()
	}
	return nil
}

// Look queries the server once. If the server does not answer, answers with an error, or warns that a
// part of the data is missing, the look is Unknown: the server is not the target, and the sum of some
// stores is not the sum of all. So is a result of NaN.
func (p *promqlProbe) Look(ctx context.Context) sample.Observation {
	if p.client == nil {
		var err error
		if p.client, err = p.settings.server().Connect(p.env); err != nil {
			return p.masks.observation(sample.Observation{Reason: reason.New("client_settings", "error", err)})
		}
	}
	result, warnings, err := p.client.Query(ctx, p.settings.Query, p.env.Now())
	if err != nil {
		return sample.Observation{Reason: reason.New("promql_unanswered", "error", err)}
	}
	if missing := missingParts(warnings); len(missing) > 0 {
		return p.masks.observation(sample.Observation{
			Reason: reason.New("promql_partial", "warning", missing[0], "more", len(missing)-1),
			Detail: shorten(strings.Join(missing, "\n"), detailBody),
		})
	}
	var vector model.Vector
	switch r := result.(type) {
	case model.Vector:
		vector = r
	case *model.Scalar:
		vector = model.Vector{{Value: r.Value}}
	default:
		return p.masks.observation(sample.Observation{Reason: reason.New("promql_type", "type", result.Type())})
	}
	o := p.judge(vector)
	if o.Health != sample.Up && len(warnings) > 0 {
		o.Detail = shorten(strings.Join(warnings, "\n"), detailBody)
	}
	return p.masks.observation(o)
}

func (p *promqlProbe) judge(vector model.Vector) sample.Observation {
	if len(vector) == 0 {
		o := sample.Observation{Health: p.empty}
		if p.empty != sample.Up {
			o.Reason = reason.New("promql_empty")
		}
		return o
	}
	o := sample.Observation{Health: sample.Up}
	failed := 0
	for i, element := range vector {
		v := float64(element.Value)
		labels := seriesLabels(element.Metric, p.env.Labels)
		if i < maxPromQLValues {
			o.Values = append(o.Values, sample.Value{Name: "promql_value", Labels: labels, V: v})
		}
		switch {
		case math.IsNaN(v):
			if o.Health == sample.Up {
				o.Health, o.Reason = sample.Unknown, reason.New("promql_not_number", "series", shownSeries(element.Metric))
			}
		case !p.upIf.holds(v):
			if failed++; failed == 1 {
				o.Health = sample.Down
				o.Reason = reason.New("promql_value", "got", exact(v), "want", p.upIf, "series", shownSeries(element.Metric), "more", 0)
			}
		}
	}
	if failed > 1 {
		o.Reason = o.Reason.With("more", failed-1)
	}
	return o
}

// missingParts returns the warnings that say that an answer is not whole. Prometheus' own annotations
// ("PromQL info: …") speak of the expression; every other warning is of a store or server that was
// not read.
func missingParts(warnings []string) []string {
	return slices.DeleteFunc(slices.Clone(warnings), func(w string) bool { return strings.HasPrefix(w, "PromQL ") })
}

// shownSeries names a series; "" if it has no labels.
func shownSeries(m model.Metric) string {
	if len(m) == 0 {
		return ""
	}
	return oneLine(m.String(), 200)
}

// seriesLabels returns the labels of a metric of another system. Like in Prometheus, a label with the
// name of one of the check's own labels gets the prefix exported_.
func seriesLabels(m model.Metric, own map[string]string) map[string]string {
	labels := make(map[string]string, len(m))
	for name, value := range m {
		n := string(name)
		if n == model.MetricNameLabel {
			continue
		}
		if ownLabel(n, own) {
			n = "exported_" + n
		}
		labels[n] = string(value)
	}
	return labels
}

// ownLabel reports whether a label is one that all series of a check have, or one of the check's
// labels.
func ownLabel(name string, own map[string]string) bool {
	switch name {
	case "check", "kind", "service", "marketplace", "shop", "site":
		return true
	}
	_, ok := own[name]
	return ok
}
