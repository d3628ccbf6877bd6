package series_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"

	"guardian/internal/series"
	"guardian/probes/sample"
)

var epoch = time.Date(2026, 11, 2, 8, 0, 0, 0, time.UTC)

func after(d time.Duration) time.Time { return epoch.Add(d) }

func open(tb testing.TB, o series.Options) *series.DB {
	tb.Helper()
	if o.Dir == "" {
		o.Dir = tb.TempDir()
	}
	db, err := series.Open(o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = db.Close() })
	return db
}

// look is a sample of check "push" with two values.
func look(h sample.Health, at time.Time) sample.Sample {
	return sample.Sample{
		Check: "push", Kind: "order_push", Service: "order-sync", Labels: map[string]string{"marketplace": "shopee", "shop": "sg-1"},
		At: at, Duration: 250 * time.Millisecond,
		Observation: sample.Observation{Health: h, Values: []sample.Value{
			{Name: "order_push_stage_seconds", Labels: map[string]string{"stage": "visible"}, V: 2},
			{Name: "order_push_stage_seconds", Labels: map[string]string{"stage": "cleaned"}, V: 3},
		}},
	}
}

func put(tb testing.TB, db *series.DB, s sample.Sample) {
	tb.Helper()
	if _, err := db.AppendSample(s); err != nil {
		tb.Fatal(err)
	}
}

// ask returns the answer to an expression as lines "series value", or "" for nothing.
func ask(tb testing.TB, db *series.DB, expr string, at time.Time) string {
	tb.Helper()
	v, err := db.Query(tb.Context(), expr, at)
	if err != nil {
		tb.Fatal(err)
	}
	var lines []string
	for _, s := range v {
		lines = append(lines, fmt.Sprintf("%s %g", s.Metric, s.F))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func TestALookBecomesSeries(t *testing.T) {
	db := open(t, series.Options{})
	put(t, db, look(sample.Up, epoch))
	want := `{__name__="order_push_stage_seconds", check="push", kind="order_push", marketplace="shopee", service="order-sync", shop="sg-1", stage="cleaned"} 3
{__name__="order_push_stage_seconds", check="push", kind="order_push", marketplace="shopee", service="order-sync", shop="sg-1", stage="visible"} 2
{__name__="probe_duration_seconds", check="push", kind="order_push", marketplace="shopee", service="order-sync", shop="sg-1"} 0.25
{__name__="probe_success", check="push", kind="order_push", marketplace="shopee", service="order-sync", shop="sg-1"} 1
{__name__="probe_unknown", check="push", kind="order_push", marketplace="shopee", service="order-sync", shop="sg-1"} 0`
	if diff := cmp.Diff(want, ask(t, db, `{check="push"}`, epoch)); diff != "" {
		t.Errorf("series (-want +got):\n%s", diff)
	}
}

func TestUnknownEndsWhatWasSeen(t *testing.T) {
	db := open(t, series.Options{})
	put(t, db, look(sample.Down, epoch))
	if got := ask(t, db, "count(probe_success == 0)", after(time.Minute)); got != "{} 1" {
		t.Fatalf("down: %q", got)
	}
	put(t, db, look(sample.Unknown, after(time.Minute)))
	if got := ask(t, db, `count({check="push",__name__!="probe_unknown"})`, after(time.Minute)); got != "" {
		t.Errorf("after an unknown look %s series are still there, want only probe_unknown", got)
	}
	if got := ask(t, db, "max(probe_unknown)", after(time.Minute)); got != "{} 1" {
		t.Errorf("probe_unknown is %q, want 1", got)
	}
	put(t, db, look(sample.Up, after(2*time.Minute)))
	if got := ask(t, db, `count({check="push"})`, after(2*time.Minute)); got != "{} 5" {
		t.Errorf("after it looked again there are %s series, want 5", got)
	}
	if got := ask(t, db, "max(probe_unknown)", after(2*time.Minute)); got != "{} 0" {
		t.Errorf("probe_unknown is %q, want 0", got)
	}
}

func TestAValueThatALookNoLongerHasEnds(t *testing.T) {
	db := open(t, series.Options{})
	put(t, db, look(sample.Up, epoch))
	s := look(sample.Down, after(15*time.Second))
	s.Values = s.Values[:1]
	put(t, db, s)
	if got := ask(t, db, "count(order_push_stage_seconds)", after(15*time.Second)); got != "{} 1" {
		t.Errorf("%s stages, want the one that was reached", got)
	}
}

func TestLateAndDoubleSamplesAreRefusedByName(t *testing.T) {
	reg := prometheus.NewRegistry()
	db := open(t, series.Options{Registerer: reg})
	put(t, db, look(sample.Up, after(time.Hour)))
	for name, tt := range map[string]struct {
		do   func() error
		want error
	}{
		"a look that is older than the last": {func() error { _, err := db.AppendSample(look(sample.Down, epoch)); return err }, series.ErrOutOfOrder},
		"the same look again":                {func() error { _, err := db.AppendSample(look(sample.Up, after(time.Hour))); return err }, series.ErrDuplicate},
		"a point that is older than its series": {func() error {
			return errors.Join(db.Append(t.Context(), []series.Point{point(after(time.Hour), 1, "a", "1")}), db.Append(t.Context(), []series.Point{point(after(59*time.Minute), 1, "a", "1")}))
		}, series.ErrOutOfOrder},
		"another value for the same time": {func() error {
			return errors.Join(db.Append(t.Context(), []series.Point{point(after(time.Hour), 1, "b", "1")}), db.Append(t.Context(), []series.Point{point(after(time.Hour), 2, "b", "1")}))
		}, series.ErrDuplicate},
		"a point from the day before": {func() error { return db.Append(t.Context(), []series.Point{point(after(-24*time.Hour), 1, "c", "1")}) }, series.ErrLate},
		"a point without labels":      {func() error { return db.Append(t.Context(), []series.Point{{T: after(time.Hour).UnixMilli()}}) }, series.ErrInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			if err := tt.do(); !errors.Is(err, tt.want) {
				t.Errorf("error %v, want %v", err, tt.want)
			}
		})
	}
	want := `
# HELP guardian_samples_rejected_total Samples that were not stored, by source (checks, computed by rules and forecasts, remote_write) and reason; for reason malformed: requests.
# TYPE guardian_samples_rejected_total counter
guardian_samples_rejected_total{reason="duplicate",source="checks"} 1
guardian_samples_rejected_total{reason="duplicate",source="computed"} 1
guardian_samples_rejected_total{reason="invalid",source="checks"} 0
guardian_samples_rejected_total{reason="invalid",source="computed"} 1
guardian_samples_rejected_total{reason="out_of_order",source="checks"} 1
guardian_samples_rejected_total{reason="out_of_order",source="computed"} 1
guardian_samples_rejected_total{reason="storage_failed",source="checks"} 0
guardian_samples_rejected_total{reason="storage_failed",source="computed"} 0
guardian_samples_rejected_total{reason="too_many_series",source="checks"} 0
guardian_samples_rejected_total{reason="too_many_series",source="computed"} 0
guardian_samples_rejected_total{reason="too_old",source="checks"} 0
guardian_samples_rejected_total{reason="too_old",source="computed"} 1
`
	if err := testutil.GatherAndCompare(reg, strings.NewReader(want), "guardian_samples_rejected_total"); err != nil {
		t.Error(err)
	}
	problems, err := testutil.GatherAndLint(reg, "guardian_series_samples_appended_total", "guardian_samples_rejected_total",
		"guardian_series_samples_restamped_total", "guardian_series_reference_misses_total", "guardian_series_reference_cache_bytes", "guardian_series_active")
	if err != nil || len(problems) > 0 {
		t.Errorf("metrics: %v %v", problems, err)
	}
}

func point(at time.Time, v float64, kv ...string) series.Point {
	return series.Point{Metric: labels.FromStrings(append([]string{model.MetricNameLabel, "p"}, kv...)...), T: at.UnixMilli(), F: v}
}

func TestRecordForgivesWhatRulesDo(t *testing.T) {
	db := open(t, series.Options{})
	ps := []series.Point{point(epoch, 1)}
	for range 2 {
		if err := db.Record(t.Context(), ps); err != nil {
			t.Fatal(err)
		}
		ps[0].F++ // evaluated twice within a millisecond
	}
	if err := db.Record(t.Context(), []series.Point{{T: epoch.UnixMilli()}}); !errors.Is(err, series.ErrInvalid) {
		t.Errorf("labels that are not valid: %v, want ErrInvalid", err)
	}
}

func TestTooManySeriesAreRefusedAndTheRestGoesOn(t *testing.T) {
	db := open(t, series.Options{MaxSeries: 3})
	_, err := db.AppendSample(look(sample.Up, epoch))
	if !errors.Is(err, series.ErrTooManySeries) {
		t.Fatalf("error %v, want ErrTooManySeries", err)
	}
	if got := ask(t, db, "count(probe_success)", epoch); got != "{} 1" {
		t.Errorf("probe_success %q; want what fits to be there", got)
	}
	var many []series.Point
	for _, id := range []string{"1", "2", "3", "4"} {
		many = append(many, series.Point{Metric: labels.FromStrings("__name__", "x", "id", id), T: epoch.UnixMilli(), F: 1})
	}
	if err := db.Append(t.Context(), many); !errors.Is(err, series.ErrTooManySeries) {
		t.Errorf("samples that are no check's: %v, want ErrTooManySeries", err)
	}
}

// Whoever writes too many series is refused alone, also after a restart, and is named.
func TestASourceThatOverflowsTakesNoOthersPlace(t *testing.T) {
	dir := t.TempDir()
	points := func(name string, n int) (all []series.Point) {
		for i := range n {
			all = append(all, series.Point{Metric: labels.FromStrings("__name__", name, "id", strconv.Itoa(i), "check", "front", "kind", "http"), T: epoch.UnixMilli(), F: 1})
		}
		return all
	}
	for round := range 2 {
		db, err := series.Open(series.Options{Dir: dir, MaxSeries: 20, SourceSeries: map[series.Source]int{series.RemoteWrite: 5}})
		if err != nil {
			t.Fatal(err)
		}
		refused := 0
		if _, err := db.Write(t.Context(), points("ext_s"+strconv.Itoa(round), 40), func(int, error) { refused++ }); err != nil || refused != 35+5*round {
			t.Errorf("round %d: %d of 40 series of remote write refused, %v", round, refused, err)
		}
		s := look(sample.Up, epoch.Add(time.Duration(round)*time.Minute))
		s.Kind = "scrape"
		for i := range 40 {
			s.Values = append(s.Values, sample.Value{Name: "scraped_" + strconv.Itoa(round), Labels: map[string]string{"id": strconv.Itoa(i)}, V: 1})
		}
		if _, err := db.AppendSample(s); !errors.Is(err, series.ErrTooManySeries) {
			t.Errorf("round %d: 40 scraped series: %v", round, err)
		}
		if err := db.Append(t.Context(), points("a:b"+strconv.Itoa(round), 40)); !errors.Is(err, series.ErrTooManySeries) {
			t.Errorf("round %d: 40 series of rules: %v", round, err)
		}
		fresh := look(sample.Down, s.At)
		fresh.Check = "fresh" + strconv.Itoa(round)
		if _, err := db.AppendSample(fresh); err != nil {
			t.Errorf("round %d: a new check beside others that overflow: %v", round, err)
		}
		full := db.Overflows()
		if full[series.RemoteWrite].Metric != "ext_s"+strconv.Itoa(round) || full[series.RemoteWrite].Limit != 5 || len(full) != 3 || len(db.Overflows()) != 0 {
			t.Errorf("round %d: overflows %+v", round, full)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestUnwritableFolderIsExplained(t *testing.T) {
	file := t.TempDir() + "/file"
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := series.Open(series.Options{Dir: file + "/data"})
	if err == nil || !strings.Contains(err.Error(), file+"/data") || !strings.Contains(err.Error(), "must be writable") {
		t.Errorf("error %v, want the folder and what to do", err)
	}
	dir := t.TempDir()
	open(t, series.Options{Dir: dir})
	if _, err := series.Open(series.Options{Dir: dir}); err == nil || !strings.Contains(err.Error(), dir) {
		t.Errorf("a folder that another process uses: %v, want an error", err)
	}
}

func TestQueries(t *testing.T) {
	db := open(t, series.Options{QueryMaxSamples: 100})
	for i := range 10 {
		put(t, db, look(sample.Up, after(time.Duration(i)*time.Minute)))
	}
	m, err := db.QueryRange(t.Context(), "sum(probe_success)", epoch, after(9*time.Minute), time.Minute)
	if err != nil || len(m) != 1 || len(m[0].Floats) != 10 {
		t.Fatalf("range: %v, %v", m, err)
	}
	// What a query gave stays as it is when other queries use the engine's pools again.
	before := m.String()
	for range 5 {
		if _, err := db.QueryRange(t.Context(), "sum(probe_duration_seconds)*100", epoch, after(9*time.Minute), time.Minute); err != nil {
			t.Fatal(err)
		}
	}
	if m.String() != before {
		t.Errorf("an answer changed afterwards:\n%s\n%s", before, m)
	}
	if got := ask(t, db, "1 + 1", epoch); got != "{} 2" {
		t.Errorf("a scalar as a vector: %q", got)
	}
	for name, do := range map[string]func() error{
		"a string":   func() error { _, err := db.Query(t.Context(), `"text"`, epoch); return err },
		"not PromQL": func() error { _, err := db.Query(t.Context(), "sum(", epoch); return err },
		"too much":   func() error { _, err := db.Query(t.Context(), `{check="push"}[10m]`, after(9*time.Minute)); return err },
		"no step":    func() error { _, err := db.QueryRange(t.Context(), "up", epoch, epoch, 0); return err },
		"many points": func() error {
			_, err := db.QueryRange(t.Context(), "up", epoch, after(24*time.Hour), time.Second)
			return err
		},
		"backwards": func() error { _, err := db.QueryRange(t.Context(), "up", after(1), epoch, time.Second); return err },
		"ctx cancelled": func() error {
			ctx, no := context.WithCancel(t.Context())
			no()
			_, err := db.Query(ctx, "up", epoch)
			return err
		},
	} {
		if err := do(); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	sel := [][]*labels.Matcher{{labels.MustNewMatcher(labels.MatchEqual, "check", "push")}}
	all, err := db.Series(t.Context(), sel, epoch, after(time.Hour), 0)
	if err != nil || len(all) != 5 {
		t.Errorf("%d series, %v; want 5", len(all), err)
	}
	if some, err := db.Series(t.Context(), sel, epoch, after(time.Hour), 2); err != nil || len(some) != 2 {
		t.Errorf("%d series, %v; want the limit of 2", len(some), err)
	}
	names, err := db.LabelNames(t.Context(), epoch, after(time.Hour))
	if err != nil || strings.Join(names, " ") != "__name__ check kind marketplace service shop stage" {
		t.Errorf("label names %v, %v", names, err)
	}
	values, err := db.LabelValues(t.Context(), "stage", epoch, after(time.Hour))
	if err != nil || strings.Join(values, " ") != "cleaned visible" {
		t.Errorf("values %v, %v", values, err)
	}
}

func TestHistogramsAreKept(t *testing.T) {
	db := open(t, series.Options{})
	h := &histogram.FloatHistogram{Schema: 0, Count: 4, Sum: 5, PositiveSpans: []histogram.Span{{Length: 2}}, PositiveBuckets: []float64{1, 3}}
	if err := db.Append(t.Context(), []series.Point{{Metric: labels.FromStrings("__name__", "h"), T: epoch.UnixMilli(), H: h}}); err != nil {
		t.Fatal(err)
	}
	if got := ask(t, db, "histogram_count(h)", epoch); got != "{} 4" {
		t.Errorf("count %q, want 4", got)
	}
}
