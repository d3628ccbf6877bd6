package quota_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"

	"guardian/internal/quota"
	"guardian/internal/series"
	"guardian/probes"
	"guardian/probes/marketplace"
	"guardian/probes/sample"
)

func day() time.Time { return time.Date(2026, 11, 2, 8, 0, 0, 0, time.UTC) }

// stage is Quotas over a real database of series, at a time that the test sets.
type stage struct {
	*quota.Quotas
	t       *testing.T
	db      *series.DB
	reg     *prometheus.Registry
	now     time.Time
	written []promql.Sample
}

func newStage(t *testing.T) *stage {
	t.Helper()
	db, err := series.Open(series.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	s := &stage{t: t, db: db, now: day(), reg: prometheus.NewPedanticRegistry()}
	s.Quotas = quota.New(quota.Options{
		Series: db, Now: func() time.Time { return s.now }, Registerer: s.reg,
		OnWritten: func(samples []promql.Sample) { s.written = append(s.written, samples...) },
	})
	return s
}

// value gives the only value of a query.
func (s *stage) value(query string) (v float64, ok bool) {
	s.t.Helper()
	all, err := s.db.Query(s.t.Context(), query, s.now)
	if err != nil {
		s.t.Fatal(err)
	}
	if len(all) != 1 {
		return 0, false
	}
	return all[0].F, true
}

func (s *stage) write(metric, pod string, v float64) {
	s.t.Helper()
	of := map[string]string{"__name__": metric, "pod": pod, "marketplace": "amazon", "shop": "us-1", "operation": "getOrder"} // 0.5 a second, burst 30
	if err := s.db.Append(s.t.Context(), []promql.Sample{{Metric: labels.FromMap(of), T: s.now.UnixMilli(), F: v}}); err != nil {
		s.t.Fatal(err)
	}
}

// amazon is a check of one request to an operation, at most half of whose quota is for checks.
func amazon(name, shop string) quota.Check {
	bucket := marketplace.Bucket{Marketplace: "amazon", Shop: shop, Operation: "getOrder"}
	return quota.Check{
		Name: name, SingleRequest: true, Labels: map[string]string{"marketplace": "amazon", "shop": shop, "operation": "getOrder"},
		Uses: []marketplace.Use{{Check: name, Bucket: bucket, Calls: 1, Every: time.Minute}},
	}
}

func half(checks ...quota.Check) quota.Settings {
	return quota.Settings{Budgets: marketplace.Budgets{Share: 0.5}, Checks: checks}
}

func TestAThrottledAnswerRestsEveryCheckOfItsQuota(t *testing.T) {
	s := newStage(t)
	s.Apply(half(amazon("one", "us-1"), amazon("two", "us-1"), amazon("other", "us-2"), quota.Check{Name: "front"}))
	may := func(check string) string {
		later, why := s.MayLook(check, s.now)
		if later.IsZero() != why.IsZero() {
			t.Errorf("%s may look again at %s because %q", check, later, why)
		}
		return why.String()
	}
	answer := func(check string, status int) {
		h := http.Header{"Content-Type": {"application/json"}}
		body := `{"payload":{}}`
		if status == http.StatusTooManyRequests {
			h.Set("Retry-After", "600")
			body = `{"errors":[{"code":"QuotaExceeded","message":"You exceeded your quota for the requested resource."}]}`
		}
		s.Answered(check, probes.Answer{Method: http.MethodGet, URL: "http://127.0.0.1/orders", Status: status, Header: h, Body: []byte(body)})
	}
	if why := may("one"); why != "" {
		t.Fatalf("a look within the share: %s", why)
	}
	answer("one", http.StatusOK)
	if why := may("two"); why != "" {
		t.Fatalf("a look after an answer: %s", why)
	}
	answer("two", http.StatusTooManyRequests)
	for _, check := range []string{"one", "two"} {
		if why := may(check); !strings.Contains(why, "getOrder of amazon, shop us-1 was throttled") {
			t.Errorf("%s after the throttle: %q", check, why)
		}
	}
	for _, check := range []string{"other", "front", "gone"} {
		if why := may(check); why != "" {
			t.Errorf("%s, which uses another quota or none: %s", check, why)
		}
	}
	// Configurations come and go, what is used of a quota stays.
	s.Apply(half(amazon("one", "us-1")))
	if why := may("one"); why == "" {
		t.Error("a reload ended the rest")
	}
	// What a check gets from other systems than the marketplace says nothing about the quota.
	s.Apply(half(func() quota.Check { c := amazon("journey", "us-2"); c.SingleRequest, c.Labels = false, nil; return c }()))
	answer("journey", http.StatusTooManyRequests)
	if why := may("journey"); why != "" {
		t.Errorf("after the seller's own system throttled: %s", why)
	}
	if err := testutil.GatherAndCompare(s.reg, strings.NewReader(`
# HELP guardian_quota_throttled_total Calls of checks that a marketplace throttled.
# TYPE guardian_quota_throttled_total counter
guardian_quota_throttled_total{marketplace="amazon"} 1
`), "guardian_quota_throttled_total"); err != nil {
		t.Error(err)
	}
}

func TestATakeoverDoesNotRefillABudget(t *testing.T) {
	s := newStage(t)
	s.Apply(half(amazon("one", "us-1"), amazon("other", "us-2")))
	s.Resume(map[string]time.Time{"one": s.now, "gone": s.now})
	if _, why := s.MayLook("one", s.now); !strings.Contains(why.String(), "share of getOrder of amazon, shop us-1 is used") {
		t.Errorf("right after the other guardian's look: %q", why)
	}
	if _, why := s.MayLook("other", s.now); !why.IsZero() {
		t.Errorf("a check that nobody has looked at: %s", why)
	}
}

func TestAReportIsCountedOnce(t *testing.T) {
	s := newStage(t)
	s.Apply(quota.Settings{Budgets: marketplace.Budgets{Share: 0.5, Overrides: []marketplace.Override{
		{Marketplace: "lazada", Operation: "/orders/get", Limit: marketplace.Limit{Rate: 0.001, Burst: 100}},
	}}})
	report := func(key, body string, calls int) error {
		return s.Report(quota.CallReport{
			Bucket: marketplace.Bucket{Marketplace: "lazada", Shop: "sg-1", Operation: "/orders/get"}, Calls: calls, At: s.now, Key: key, Body: body,
		})
	}
	used := func() (v float64) {
		s.Infer(t.Context())
		v, _ = s.value(`marketplace_quota_used_ratio{marketplace="lazada",shop="sg-1",operation="/orders/get",source="inferred"}`)
		return v
	}
	if used() != 0 || len(s.written) != 0 {
		t.Error("something is inferred although nothing was reported")
	}
	if err := report("1", "a", 20); err != nil {
		t.Fatal(err)
	}
	if v := used(); v < 0.59 || v > 0.61 || len(s.written) == 0 {
		t.Errorf("%v after 20 calls of 100, of a bucket that nobody knows; want 0.6, and rules woken by %v", v, s.written)
	}
	s.now = s.now.Add(time.Second)
	if err := report("1", "a", 20); err != nil {
		t.Errorf("the same report again: %v", err)
	}
	if v := used(); v > 0.61 {
		t.Errorf("the same report was counted twice: %v", v)
	}
	if err := report("1", "b", 21); !errors.Is(err, quota.ErrKeyReused) {
		t.Errorf("another report with the same key: %v", err)
	}
	for field, of := range map[string]marketplace.Bucket{
		"marketplace": {Marketplace: "lazda", Shop: "sg-1", Operation: "/orders/get"},
		"operation":   {Marketplace: "temu", Shop: "sg-1", Operation: "x"},
	} {
		var invalid *quota.InvalidError
		if err := s.Report(quota.CallReport{Bucket: of, Calls: 1, At: s.now}); !errors.As(err, &invalid) || invalid.Field != field {
			t.Errorf("%+v: %v, want a mistake in %s", of, err, field)
		}
	}
}

func TestAFallingQuotaHasAForecast(t *testing.T) {
	s := newStage(t)
	s.Apply(half(quota.Check{Name: "quota"}))
	look := func(minute int, policy string) sample.Sample {
		of := map[string]string{"operation": "getOrder", "source": "header", "policy": policy}
		return s.Forecast(sample.Sample{Check: "quota", At: day().Add(time.Duration(minute) * time.Minute), Observation: sample.Observation{
			Health: sample.Up, Values: []sample.Value{{Name: "marketplace_quota_used_ratio", Labels: of, V: 0.1 * float64(minute+1)}},
		}})
	}
	var last sample.Sample
	for i := range 5 {
		if bucket := look(i, "bucket"); len(bucket.Values) != 1 {
			t.Errorf("a leaky bucket has a forecast: %+v", bucket.Values)
		}
		last = look(i, "daily")
	}
	if len(last.Values) != 2 {
		t.Fatalf("values %+v, want the forecast beside the used share", last.Values)
	}
	f := last.Values[1]
	if f.Name != "marketplace_quota_exhausted_minutes" || f.Labels["source"] != "header" || f.V < 4.99 || f.V > 5.01 {
		t.Errorf("forecast %+v, want 5 minutes by header", f)
	}
}

func TestUsageIsInferredFromCounters(t *testing.T) {
	s := newStage(t)
	settings := half()
	settings.CallsMetric, settings.ThrottledMetric = "erp_calls_total", "erp_throttled_total"
	s.Apply(settings)
	used := func() float64 {
		t.Helper()
		s.Infer(t.Context())
		v, ok := s.value(`marketplace_quota_used_ratio{marketplace="amazon",shop="us-1",operation="getOrder",source="inferred"}`)
		if !ok {
			t.Fatal("nothing is inferred")
		}
		return v
	}
	step := func(d time.Duration) { s.now = s.now.Add(d) }
	calls := func(by map[string]float64) {
		for pod, v := range by {
			s.write("erp_calls_total", pod, v)
		}
	}

	calls(map[string]float64{"a": 1000, "b": 500})
	if v := used(); v != 0.5 {
		t.Errorf("%v at first; 0.5 wanted: counters that are large already say nothing", v)
	}
	step(2 * time.Minute)
	calls(map[string]float64{"a": 1000, "b": 500})
	if v := used(); v != 0 {
		t.Errorf("%v after two minutes without calls", v)
	}
	step(15 * time.Second)
	calls(map[string]float64{"a": 1012})
	if v := used(); v != 0 {
		t.Errorf("%v before every counter has a new sample", v)
	}
	step(15 * time.Second)
	calls(map[string]float64{"a": 1012, "b": 12}) // b was reset
	// 24 calls in 30 s, in which 15 drain: 9 to 24 of 30 are used.
	if v := used(); v < 0.54 || v > 0.56 {
		t.Errorf("%v after 24 calls in half a minute; 0.55 wanted", v)
	}
	step(15 * time.Second)
	calls(map[string]float64{"a": 1013, "b": 12})
	s.write("erp_throttled_total", "a", 0)
	used()
	step(15 * time.Second)
	calls(map[string]float64{"a": 1014, "b": 12})
	s.write("erp_throttled_total", "a", 1)
	if v := used(); v < 0.85 {
		t.Errorf("%v after a throttled call", v)
	}
	step(11 * time.Minute)
	s.Infer(t.Context())
	if v, ok := s.value(`marketplace_quota_used_ratio`); ok {
		t.Errorf("%v long after the counters have ended", v)
	}
	if problems, err := testutil.GatherAndLint(s.reg); err != nil || len(problems) != 0 {
		t.Errorf("%v %v", problems, err)
	}
}

// counted has no series, and counts how often something is written to it.
type counted struct{ appends int }

func (c *counted) Query(context.Context, string, time.Time) (promql.Vector, error) { return nil, nil }

func (c *counted) Append(context.Context, []promql.Sample) error { c.appends++; return nil }

func TestRunInfersUntilItsContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		written := &counted{}
		q := quota.New(quota.Options{Series: written, Now: time.Now})
		q.Apply(half())
		if err := q.Report(quota.CallReport{Bucket: marketplace.Bucket{Marketplace: "amazon", Shop: "us-1", Operation: "getOrder"}, Calls: 1, At: time.Now()}); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 61*time.Second)
		defer cancel()
		q.Run(ctx)
		if written.appends != 4 {
			t.Errorf("usage was written %d times in a minute, want 4", written.appends)
		}
	})
}
