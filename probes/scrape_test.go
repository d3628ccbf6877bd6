package probes_test

import (
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"guardian/internal/secret"
	"guardian/probes"
	"guardian/probes/sample"
)

const exposition = `# HELP queue_depth Waiting.
# TYPE queue_depth gauge
queue_depth{queue="orders",shop="inner"} 12
queue_depth{queue="prices"} 7000
# TYPE errors_total counter
errors_total 3
broken NaN
# TYPE took histogram
took_bucket{le="1"} 2
took_bucket{le="+Inf"} 5
took_sum 9
took_count 5
`

func TestScrape(t *testing.T) {
	num := func(f float64) *float64 { return &f }
	assert := func(a ...probes.MetricAssertion) func(*probes.ScrapeSettings) {
		return func(s *probes.ScrapeSettings) { s.Assert = a }
	}
	metrics := func(m ...string) func(*probes.ScrapeSettings) {
		return func(s *probes.ScrapeSettings) { s.Metrics = m }
	}
	for name, tc := range map[string]struct {
		status int
		body   string
		set    func(*probes.ScrapeSettings)
		health sample.Health
		reason string
		values map[string]float64
	}{
		"chosen metrics become series": {set: metrics("queue_depth", "errors_total"), health: sample.Up, values: map[string]float64{
			"app_queue_depth exported_shop=inner queue=orders": 12, "app_queue_depth queue=prices": 7000, "app_errors_total": 3, "probe_http_status_code": 200,
		}},
		"a selector chooses by labels":         {set: metrics(`queue_depth{queue=~"or.*"}`), health: sample.Up, values: map[string]float64{"app_queue_depth exported_shop=inner queue=orders": 12}},
		"histograms come apart":                {set: metrics("took_bucket", "took_count"), health: sample.Up, values: map[string]float64{"app_took_bucket le=1": 2, "app_took_bucket le=+Inf": 5, "app_took_count": 5}},
		"a value within its bounds is up":      {set: assert(probes.MetricAssertion{Metric: `queue_depth{queue="orders"}`, Min: num(12), Max: num(12)}), health: sample.Up},
		"one over is down":                     {set: assert(probes.MetricAssertion{Metric: "queue_depth", Max: num(5000)}), health: sample.Down, reason: `queue_depth{queue="prices"} is 7000, at most 5000 wanted`},
		"one under is down":                    {set: assert(probes.MetricAssertion{Metric: "errors_total", Min: num(4)}), health: sample.Down, reason: "errors_total is 3, at least 4 wanted"},
		"one that is not there is unknown":     {set: assert(probes.MetricAssertion{Metric: "gone", Min: num(1)}), health: sample.Unknown, reason: "gone is not there"},
		"or down":                              {set: assert(probes.MetricAssertion{Metric: "gone", Missing: "down"}), health: sample.Down, reason: "gone is not there"},
		"or up":                                {set: assert(probes.MetricAssertion{Metric: "gone", Max: num(1), Missing: "up"}), health: sample.Up},
		"not a number is unknown":              {set: assert(probes.MetricAssertion{Metric: "broken", Min: num(1)}), health: sample.Unknown, reason: "broken is not a number"},
		"down counts more than unknown":        {set: assert(probes.MetricAssertion{Metric: "gone", Min: num(1)}, probes.MetricAssertion{Metric: "errors_total", Max: num(0)}), health: sample.Down, reason: "errors_total is 3"},
		"too many series are unknown":          {set: func(s *probes.ScrapeSettings) { s.Metrics, s.MaxSeries = []string{"queue_depth"}, 1 }, health: sample.Unknown, reason: "2 series are chosen, at most 1 are taken"},
		"another status is down":               {status: 503, set: metrics("errors_total"), health: sample.Down, reason: "status 503, want 2xx"},
		"another format is down":               {body: "<html>sorry</html>", set: metrics("errors_total"), health: sample.Down, reason: "not in Prometheus' text format"},
		"a body that is too long is down":      {set: func(s *probes.ScrapeSettings) { s.Metrics, s.BodyLimit = []string{"errors_total"}, 20 }, health: sample.Down, reason: "longer than 20 bytes"},
		"an empty body holds nothing":          {body: "\n", set: metrics("errors_total"), health: sample.Up},
		"a last line may end without a break":  {body: "a 5", set: metrics("a"), health: sample.Up, values: map[string]float64{"app_a": 5}},
		"of two samples the first counts":      {body: "a{x=\"1\",y=\"2\"} 5\na{y=\"2\",x=\"1\"} 6\n", set: assert(probes.MetricAssertion{Metric: "a", Max: num(5)}), health: sample.Up},
		"a line that is none is down":          {body: "a 5\nthis is no sample\n", set: metrics("a"), health: sample.Down, reason: "not in Prometheus' text format"},
		"a proxy that is not there is unknown": {set: func(s *probes.ScrapeSettings) { metrics("a")(s); s.Proxy = "http://" + refusedAddress(t) }, health: sample.Unknown, reason: "the proxy cannot be reached"},
		"nobody listens":                       {set: func(s *probes.ScrapeSettings) { metrics("a")(s); s.URL = "http://" + refusedAddress(t) }, health: sample.Down, reason: "refused"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if !strings.Contains(r.Header.Get("Accept"), "text/plain;version=0.0.4") {
					t.Errorf("accepts %q", r.Header.Get("Accept"))
				}
				if tc.status != 0 {
					w.WriteHeader(tc.status)
				}
				if tc.body == "" {
					tc.body = exposition
				}
				_, _ = io.WriteString(w, tc.body)
			})
			var settings *probes.ScrapeSettings
			p := build(t, "scrape", probes.Env{}, func(s *probes.ScrapeSettings) {
				s.URL, s.Prefix = url, "app_"
				tc.set(s)
				settings = s
			})
			o := look(t, p, 10*time.Second)
			if o.Health != tc.health || !strings.Contains(o.Reason.String(), tc.reason) || (o.Health == sample.Up) != (o.Reason.IsZero()) {
				t.Errorf("got %s %q, want %s %q", o.Health, o.Reason, tc.health, tc.reason)
			}
			for series, want := range tc.values {
				f := strings.Fields(series)
				if got := value(t, o, f[0], f[1:]...); got != want {
					t.Errorf("%s is %v, want %v", series, got, want)
				}
			}
			onlyPromised(t, "scrape", settings, o)
		})
	}
}

func TestScrapeKeepsSecrets(t *testing.T) {
	const token = "tok-5ae1c0ffee"
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintf(w, "denied{for=%q} 1\n", r.Header.Get("Authorization"))
	})
	p := build(t, "scrape", probes.Env{}, func(s *probes.ScrapeSettings) {
		zero := 0.0
		s.URL, s.Metrics, s.Assert = url+"?key="+token, []string{"denied"}, []probes.MetricAssertion{{Metric: "denied", Max: &zero}}
		s.Headers = map[string]secret.Secret{"Authorization": secret.New("Bearer " + token)}
	})
	o := look(t, p, 10*time.Second)
	if o.Health != sample.Down {
		t.Errorf("got %s %q", o.Health, o.Reason)
	}
	wantSilent(t, o, token)
	if strings.Contains(fmt.Sprint(o.Values), token) {
		t.Errorf("a label tells the secret: %v", o.Values)
	}
}

func TestScrapeSettingsTellEveryMistake(t *testing.T) {
	s := probes.Builtin()["scrape"].Settings().(*probes.ScrapeSettings)
	wantMistakes(t, s.Validate(), "url is missing", "metrics and assert are missing")
	one, two := 1.0, 2.0
	s.Metrics, s.MaxSeries = []string{"{", `{a="b"}`, "probe_success"}, 0
	s.Assert = []probes.MetricAssertion{{Metric: "a"}, {Metric: "{", Min: &two, Max: &one, Missing: "maybe"}}
	wantMistakes(t, s.Validate(), "metrics[0]", `metrics[1]: "{a=\"b\"}" names no metric`, "metrics[2]: the check has a series probe_success of its own", "assert[0]: give min",
		"assert[1].metric", "assert[1]: min 2 is over max 1", "assert[1].missing", "max_series")
}

// What says that it is OpenMetrics is read as that: times are in seconds, with exemplars.
func TestScrapeReadsOpenMetrics(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/openmetrics-text; version=1.0.0; charset=utf-8")
		_, _ = io.WriteString(w, "# TYPE calls counter\ncalls_total 17 1.5 # {trace_id=\"x\",said=\"tok-5ae1c0ffee\"} 1 1700000000.5\n# EOF\n")
	})
	p := build(t, "scrape", probes.Env{}, func(s *probes.ScrapeSettings) {
		s.URL, s.Metrics, s.Headers = url, []string{"calls_total"}, map[string]secret.Secret{"Authorization": secret.New("Bearer tok-5ae1c0ffee")}
	})
	o := look(t, p, 10*time.Second)
	if o.Health != sample.Up || value(t, o, "calls_total") != 17 {
		t.Errorf("got %s %q %v", o.Health, o.Reason, o.Values)
	}
	for _, v := range o.Values {
		if v.Name != "calls_total" {
			continue
		}
		want := sample.Exemplar{Labels: map[string]string{"trace_id": "x", "said": secret.Mask}, V: 1, At: time.UnixMilli(1700000000500).UTC()}
		if v.Exemplar == nil || !reflect.DeepEqual(*v.Exemplar, want) {
			t.Errorf("exemplar %+v, want %+v", v.Exemplar, want)
		}
	}
}
