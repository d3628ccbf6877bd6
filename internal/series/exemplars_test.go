package series_test

import (
	"errors"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/exemplar"
	"github.com/prometheus/prometheus/model/labels"

	"guardian/internal/series"
	"guardian/probes/sample"
)

func exemplarsIn(t *testing.T, db *series.DB) int {
	t.Helper()
	all, err := db.Exemplars(t.Context(), [][]*labels.Matcher{{labels.MustNewMatcher(labels.MatchEqual, "__name__", "erp_lag")}}, epoch, after(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, of := range all {
		n += len(of.Exemplars)
	}
	return n
}

// Exemplars are there again after a restart, as in Prometheus.
func TestExemplarsSurviveARestart(t *testing.T) {
	o := series.Options{Dir: t.TempDir(), Exemplars: 10}
	db, err := series.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	lag := labels.FromStrings("__name__", "erp_lag")
	if err := db.Append(t.Context(), []series.Point{{Metric: lag, T: after(time.Minute).UnixMilli(), F: 1}}); err != nil {
		t.Fatal(err)
	}
	x := series.Exemplar{Series: lag, Exemplar: exemplar.Exemplar{Labels: labels.FromStrings("trace_id", "a"), Value: 1, Ts: after(time.Minute).UnixMilli(), HasTs: true}}
	if n, err := db.WriteExemplars(t.Context(), []series.Exemplar{x}, func(int, error) { t.Error("refused") }); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if got := exemplarsIn(t, open(t, o)); got != 1 {
		t.Errorf("%d exemplars after a restart", got)
	}
}

// Who keeps none says so.
func TestExemplarsMayBeOff(t *testing.T) {
	db := open(t, series.Options{})
	lag := labels.FromStrings("__name__", "erp_lag")
	if err := db.Append(t.Context(), []series.Point{{Metric: lag, T: after(time.Minute).UnixMilli(), F: 1}}); err != nil {
		t.Fatal(err)
	}
	var why error
	n, err := db.WriteExemplars(t.Context(), []series.Exemplar{{Series: lag, Exemplar: exemplar.Exemplar{Ts: after(time.Minute).UnixMilli()}}}, func(_ int, err error) { why = err })
	if n != 0 || err != nil || !errors.Is(why, series.ErrNoExemplars) || exemplarsIn(t, db) != 0 {
		t.Errorf("%d, %v, %v", n, err, why)
	}
	if db.Features()["tsdb"]["exemplar_storage"] || !db.Features()["promql"]["per_query_lookback_delta"] {
		t.Errorf("features: %v", db.Features())
	}
}

// Exemplars that a check read are kept with its series, those of a wrong clock are not.
func TestExemplarsOfChecks(t *testing.T) {
	db := open(t, series.Options{Exemplars: 10})
	s := look(sample.Up, epoch)
	for i, at := range []time.Time{{}, epoch.Add(-2 * time.Hour), epoch.Add(time.Minute)} {
		s.Values = append(s.Values, sample.Value{
			Name: "erp_lag", Labels: map[string]string{"of": string(rune('a' + i))}, V: 1, Exemplar: &sample.Exemplar{Labels: map[string]string{"trace_id": "x"}, V: 2, At: at},
		})
	}
	put(t, db, s)
	s.At = epoch.Add(time.Minute)
	put(t, db, s) // the same exemplars once more
	if got := exemplarsIn(t, db); got != 2 {
		t.Errorf("%d exemplars, want 2", got)
	}
}
