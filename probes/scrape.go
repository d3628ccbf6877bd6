package probes

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/exemplar"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"
	"github.com/prometheus/prometheus/promql/parser"

	"guardian/internal/reason"
	"guardian/internal/secret"
	"guardian/probes/sample"
)

// ScrapeSettings configure a check of kind scrape: metrics that a service shows in
// Prometheus' text format.
//
//	what happened                                            | health
//	every asserted value is within its bounds                | Up
//	a value is not                                           | Down
//	status not as wanted, not the text format, too long      | Down
//	what the fault table says of the target                  | Down
//	an asserted metric is not there                          | as missing says; Unknown when left out
//	an asserted value is not a number, too many series       | Unknown
//	what the fault table says of this machine                | Unknown
type ScrapeSettings struct {
	Request   `yaml:",inline"`
	Client    `yaml:",inline"`
	Secrets   map[string]secret.Secret `yaml:"secrets" doc:"Secrets by name, for url, headers and body as {{.Secrets.name}}."`
	Metrics   []string                 `yaml:"metrics" doc:"Selectors of metrics that become series of the check, such as queue_depth{queue=\"orders\"}; each for one metric."`
	Prefix    string                   `yaml:"prefix" doc:"Prefix of the names of these series."`
	Assert    []MetricAssertion        `yaml:"assert" doc:"Assertions on values."`
	MaxSeries int                      `yaml:"max_series" doc:"Maximum number of series, up to 2000; with more the check is Unknown."`
}

// MetricAssertion limits the values of the series that a selector matches.
type MetricAssertion struct {
	Metric  string   `yaml:"metric" doc:"Selector; all matching series must be within the limits."`
	Min     *float64 `yaml:"min" doc:"Minimum value."`
	Max     *float64 `yaml:"max" doc:"Maximum value."`
	Missing string   `yaml:"missing" doc:"Meaning of no matching series: unknown, up or down; default: unknown."`
}

const maxScrapeSeries = 2000

// Validate joins every mistake.
func (s *ScrapeSettings) Validate() error {
	errs := []error{s.Request.validate(""), s.Client.validate()}
	if len(s.Metrics) == 0 && len(s.Assert) == 0 {
		errs = append(errs, errors.New("metrics and assert are missing: say what is looked at"))
	}
	for i, m := range s.Metrics {
		sel, err := parseSelector(m)
		if err != nil {
			errs = append(errs, fmt.Errorf("metrics[%d]: %w", i, err))
		} else if name := s.Prefix + sel.name; !model.LegacyValidation.IsValidMetricName(name) {
			errs = append(errs, fmt.Errorf("metrics[%d]: %q is not a name for a series", i, name))
		} else if slices.Contains(append(CommonSeries(), httpSeries()...), name) {
			errs = append(errs, fmt.Errorf("metrics[%d]: the check has a series %s of its own; give a prefix", i, name))
		}
	}
	for i, a := range s.Assert {
		if _, err := parseSelector(a.Metric); err != nil {
			errs = append(errs, fmt.Errorf("assert[%d].metric: %w", i, err))
		}
		if a.Min == nil && a.Max == nil && a.Missing == "" {
			errs = append(errs, fmt.Errorf("assert[%d]: give min, max or missing", i))
		}
		if a.Min != nil && a.Max != nil && *a.Min > *a.Max {
			errs = append(errs, fmt.Errorf("assert[%d]: min %v is over max %v", i, *a.Min, *a.Max))
		}
		if _, err := a.missing(); err != nil {
			errs = append(errs, fmt.Errorf("assert[%d].%w", i, err))
		}
	}
	if s.MaxSeries < 1 || s.MaxSeries > maxScrapeSeries {
		errs = append(errs, fmt.Errorf("max_series is %d, must be 1 to %d", s.MaxSeries, maxScrapeSeries))
	}
	return errors.Join(errs...)
}

func (a MetricAssertion) missing() (sample.Health, error) {
	return healthOf("missing", cmp.Or(a.Missing, "unknown"))
}

// selector matches samples of one metric.
type selector struct {
	text, name string
	matchers   []*labels.Matcher
}

func parseSelector(text string) (selector, error) {
	matchers, err := parser.NewParser(parser.Options{}).ParseMetricSelector(text)
	if err != nil {
		return selector{}, fmt.Errorf("%q is not a selector such as queue_depth{queue=\"orders\"}", text)
	}
	for _, m := range matchers {
		if m.Name == model.MetricNameLabel && m.Type == labels.MatchEqual {
			return selector{text, m.Value, matchers}, nil
		}
	}
	return selector{}, fmt.Errorf("%q names no metric: begin with its name, such as queue_depth", text)
}

func (s selector) chooses(m model.Metric) bool {
	for _, matcher := range s.matchers {
		if !matcher.Matches(string(m[model.LabelName(matcher.Name)])) {
			return false
		}
	}
	return true
}

func scrapeKind() Kind {
	return Kind{
		Settings: func() any { return &ScrapeSettings{Client: defaultClient(), MaxSeries: 200} },
		Build: func(settings any, env Env) (Probe, error) {
			return newScrapeProbe(settings.(*ScrapeSettings), env)
		},
		Repeats: always,
		Templates: func(settings any, labels map[string]string) []Template {
			s := settings.(*ScrapeSettings)
			return oneRequest(&s.Request, nil, s.Secrets, labels)
		},
		Produces: func(settings any) []string {
			s := settings.(*ScrapeSettings)
			names := httpSeries()
			for _, m := range s.Metrics {
				if sel, err := parseSelector(m); err == nil {
					names = append(names, s.Prefix+sel.name)
				}
			}
			return names
		},
	}
}

type scrapeProbe struct {
	settings *ScrapeSettings
	env      Env
	masks    masks
	client   *httpClient
	request  compiledRequest
	metrics  []selector
	asserts  []selector
}

func newScrapeProbe(s *ScrapeSettings, env Env) (*scrapeProbe, error) {
	env = env.withDefaults()
	p := &scrapeProbe{settings: s, env: env, client: newHTTPClient(s.Client, env, false)}
	p.masks = newMasks(env, secretsOf(s.Secrets, []Request{s.Request}, s.Proxy)...)
	var err error
	if p.request, err = s.Request.compile(); err != nil {
		return nil, fmt.Errorf("scrape: %w", p.masks.error(err))
	}
	for i, m := range s.Metrics {
		sel, err := parseSelector(m)
		if err != nil {
			return nil, fmt.Errorf("scrape: metrics[%d]: %w", i, err)
		}
		p.metrics = append(p.metrics, sel)
	}
	for i, a := range s.Assert {
		sel, err := parseSelector(a.Metric)
		if err != nil {
			return nil, fmt.Errorf("scrape: assert[%d]: %w", i, err)
		}
		p.asserts = append(p.asserts, sel)
	}
	return p, nil
}

// Close implements Closer.
func (p *scrapeProbe) Close() error { return p.client.Close() }

// Look scrapes once.
func (p *scrapeProbe) Look(ctx context.Context) sample.Observation {
	out, err := p.request.fill(newTemplateData(p.env, nil, p.settings.Secrets, p.env.Now()))
	if err != nil {
		return p.masks.observation(sample.Observation{Reason: requestUnfilled(err)})
	}
	if out.headers["Accept"] == "" {
		out.headers["Accept"] = "text/plain;version=0.0.4;q=1,*/*;q=0.1"
	}
	x, f := p.client.do(ctx, out)
	if f == nil && !accepts(nil, x.status) {
		f = down(reason.New("http_status", "status", x.status, "want", "2xx"))
	}
	if f == nil {
		f = x.whole()
	}
	var found exposition
	if f == nil {
		found, f = readExposition(x.body, x.header.Get("Content-Type"))
	}
	var values []sample.Value
	if f == nil {
		values, f = p.chosen(found)
		if asserted := p.judge(found.samples); asserted != nil && (f == nil || asserted.health == sample.Down) {
			f = asserted
		}
	}
	if f == nil {
		f = remaining(x.expiry, p.settings.TLS.MinRemaining, p.env.Now())
	}
	o := observed(f, append(x.values(), values...))
	if f != nil {
		o.Detail = p.masks.detail(x)
	}
	return p.masks.observation(o)
}

// exposition is what a target told: its series, by name and labels, and the exemplars that some have.
type exposition struct {
	samples   model.Vector
	exemplars map[model.Fingerprint]*sample.Exemplar
}

// readExposition reads the text format, or OpenMetrics if the content type says so. Of two samples
// of the same series the first counts, as in Prometheus.
func readExposition(body []byte, contentType string) (exposition, *fault) {
	if media, _, _ := strings.Cut(contentType, ";"); strings.TrimSpace(media) != "application/openmetrics-text" {
		contentType = "text/plain"
	}
	notRead := func(err error) *fault {
		return down(reason.New("scrape_not_text", "error", oneLine(printable(err.Error()), 200)))
	}
	p, err := textparse.New(body, contentType, labels.NewSymbolTable(), textparse.ParserOptions{})
	if p == nil {
		return exposition{}, notRead(err)
	}
	all := exposition{exemplars: map[model.Fingerprint]*sample.Exemplar{}}
	seen := map[model.Fingerprint]bool{}
	for {
		entry, err := p.Next()
		switch {
		case errors.Is(err, io.EOF):
			slices.SortFunc(all.samples, func(a, b *model.Sample) int { return cmp.Compare(a.Metric.String(), b.Metric.String()) })
			return all, nil
		case err != nil:
			return exposition{}, notRead(err)
		case entry != textparse.EntrySeries:
			continue
		}
		var l labels.Labels
		p.Labels(&l)
		_, _, v := p.Series()
		m := make(model.Metric, l.Len())
		l.Range(func(l labels.Label) {
			value := strings.Clone(l.Value)
			if l.Name == model.BucketLabel || l.Name == model.QuantileLabel {
				value = strings.TrimSuffix(value, ".0") // which the parser adds to whole numbers
			}
			m[model.LabelName(strings.Clone(l.Name))] = model.LabelValue(value)
		})
		if of := m.Fingerprint(); !seen[of] {
			seen[of] = true
			all.samples = append(all.samples, &model.Sample{Metric: m, Value: model.SampleValue(v)})
			if x := exemplarOf(p); x != nil {
				all.exemplars[of] = x
			}
		}
	}
}

// exemplarOf reads the exemplar of the series that was read last; nil when it has none.
func exemplarOf(p textparse.Parser) *sample.Exemplar {
	var e exemplar.Exemplar
	if !p.Exemplar(&e) {
		return nil
	}
	x := &sample.Exemplar{Labels: map[string]string{}, V: e.Value}
	if e.HasTs {
		x.At = time.UnixMilli(e.Ts).UTC()
	}
	e.Labels.Range(func(l labels.Label) { x.Labels[strings.Clone(l.Name)] = strings.Clone(l.Value) })
	return x
}

// chosen returns the series of the check, up to max_series.
func (p *scrapeProbe) chosen(found exposition) ([]sample.Value, *fault) {
	var values []sample.Value
	over := 0
	for _, s := range found.samples {
		if !slices.ContainsFunc(p.metrics, func(sel selector) bool { return sel.chooses(s.Metric) }) {
			continue
		}
		if len(values) == p.settings.MaxSeries {
			over++
			continue
		}
		values = append(values, sample.Value{
			Name: p.settings.Prefix + string(s.Metric[model.MetricNameLabel]), Labels: seriesLabels(s.Metric, p.env.Labels), V: float64(s.Value),
			Exemplar: found.exemplars[s.Metric.Fingerprint()],
		})
	}
	if over > 0 {
		return values, blind(reason.New("scrape_too_many", "n", len(values)+over, "limit", p.settings.MaxSeries))
	}
	return values, nil
}

// judge returns the first value that is out of bounds; if there is none, what could not be judged.
func (p *scrapeProbe) judge(found model.Vector) *fault {
	var unsure *fault
	for i, sel := range p.asserts {
		a := p.settings.Assert[i]
		chosen := 0
		for _, s := range found {
			if !sel.chooses(s.Metric) {
				continue
			}
			chosen++
			v, name := float64(s.Value), oneLine(s.Metric.String(), 200)
			switch {
			case math.IsNaN(v):
				unsure = cmp.Or(unsure, blind(reason.New("scrape_not_number", "series", name)))
			case a.Min != nil && v < *a.Min:
				return down(reason.New("scrape_low", "series", name, "got", exact(v), "limit", exact(*a.Min)))
			case a.Max != nil && v > *a.Max:
				return down(reason.New("scrape_high", "series", name, "got", exact(v), "limit", exact(*a.Max)))
			}
		}
		if chosen > 0 {
			continue
		}
		switch h, _ := a.missing(); h {
		case sample.Down:
			return down(reason.New("scrape_missing", "metric", strings.TrimSpace(sel.text)))
		case sample.Unknown:
			unsure = cmp.Or(unsure, blind(reason.New("scrape_missing", "metric", strings.TrimSpace(sel.text))))
		case sample.Up:
		}
	}
	return unsure
}
