package replay_test

import (
	"cmp"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/storage"

	"guardian/actions"
	"guardian/internal/config"
	"guardian/internal/replay"
	"guardian/internal/series"
	"guardian/internal/store"
	"guardian/probes/sample"
	"guardian/watch"
)

var epoch = time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC)

// history gives looks each every; fails says which fail. Memory has the series of counters.
type history struct {
	every  time.Duration
	fails  func(i int) bool
	memory *series.Memory
}

func (h history) Querier(mint, maxt int64) (storage.Querier, error) {
	if h.memory == nil {
		return storage.NoopQuerier(), nil
	}
	return h.memory.Querier(mint, maxt)
}

func (h history) Span() (time.Time, time.Time, bool) { return epoch, epoch.AddDate(0, 0, 7), true }

func (h history) Looks(_ context.Context, _ string, from, to time.Time) ([]series.Look, error) {
	var looks []series.Look
	for i, at := 0, from; at.Before(to); i, at = i+1, at.Add(h.every) {
		l := series.Look{At: at, Health: sample.Up}
		if h.fails(i) {
			l.Health = sample.Down
		}
		looks = append(looks, l)
	}
	return looks, nil
}

// journal has watches alone.
type journal struct {
	replay.Journal
	watches []watch.Watch
}

func (j journal) Watches(context.Context, store.WatchFilter) ([]watch.Watch, error) {
	return j.watches, nil
}

func (journal) Runs(context.Context, store.RunFilter) ([]actions.Run, error) { return nil, nil }

func suggested(t *testing.T, every string, h history) replay.Suggestion {
	t.Helper()
	check := "{name: push, service: orders, every: " + every + ", tcp: {address: \"127.0.0.1:1\"}}"
	return suggest(t, "{name: orders}", check, replay.Options{Samples: h})
}

func suggest(t *testing.T, service, checks string, o replay.Options) replay.Suggestion {
	t.Helper()
	path := filepath.Join(t.TempDir(), "guardian.yaml")
	text := "services: [" + service + "]\nchecks: [" + checks + "]\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var err error
	if o.Config, err = config.Load(path, config.Options{}); err != nil {
		t.Fatal(err)
	}
	o.From, o.To = epoch, epoch.AddDate(0, 0, 3)
	s, err := replay.Suggest(t.Context(), o, "orders", 1)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestACheckThatIsLookedAtSeldomIsProposedToBeLookedAtMoreOften(t *testing.T) {
	quiet := func(int) bool { return false }
	often := suggested(t, "15s", history{every: 15 * time.Second, fails: quiet})
	if c := often.Checks[0]; c.Propose != "" || c.Delays[0].Found != 1 || c.Delays[0].Seconds > 200 {
		t.Errorf("a quiet check each 15s: %+v; an outage takes some ten looks, and nothing is to be changed", c)
	}
	seldom := suggested(t, "5m", history{every: 5 * time.Minute, fails: quiet})
	if c := seldom.Checks[0]; c.Propose == "" {
		t.Errorf("a check each 5m is left at that: %+v", c)
	}
	d := often.Checks[0].Delays
	if !(d[0].Seconds < d[1].Seconds && d[1].Seconds < d[2].Seconds) && d[2].Found > 0 {
		t.Errorf("a smaller fault must take longer: %+v", d)
	}
}

func TestACheckThatFailsInBurstsIsSaidToAndTakesLonger(t *testing.T) {
	quiet := suggested(t, "15s", history{every: 15 * time.Second, fails: func(int) bool { return false }})
	bursty := suggested(t, "15s", history{every: 15 * time.Second, fails: func(i int) bool { return i%200 < 6 }})
	q, b := quiet.Checks[0], bursty.Checks[0]
	if b.Burst < 5.5 || b.Burst > 6.5 || b.Rate < 0.029 || b.Rate > 0.031 {
		t.Errorf("bursts of 6 in 200 looks: %+v", b)
	}
	if outage(t, b) <= outage(t, q) {
		t.Errorf("an outage takes %v looks for a check with bursts of six, %v for a quiet one: want more", outage(t, b), outage(t, q))
	}
	if !strings.Contains(strings.Join(bursty.Words, "\n"), "come in bursts of 6.") {
		t.Errorf("the words do not speak of bursts: %q", bursty.Words)
	}
}

// outage is how many looks an outage takes as it is proposed to look.
func outage(t *testing.T, c replay.CheckSuggested) float64 {
	t.Helper()
	for _, d := range c.Delays {
		if d.Fault == 1 && d.Every == cmp.Or(c.Propose, c.Every) {
			if d.Found != 1 {
				t.Errorf("%s: an outage is found by %v of the watches", c.Check, d.Found)
			}
			return d.Looks
		}
	}
	t.Fatalf("%s: nothing is said of an outage: %+v", c.Check, c.Delays)
	return 0
}

// What is said of an outage is what a watch then needs.
func TestTheDelayIsThatOfAWatch(t *testing.T) {
	s := suggested(t, "15s, failure_rate: 30%", history{every: 15 * time.Second, fails: func(i int) bool { return i%200 == 0 }})
	policy := watch.DefaultSettings().Policy()
	policy.LatencyShare = 0
	check := watch.CheckPolicy{Check: "push", FailureRate: 0.3, Every: 15 * time.Second}
	var before []watch.Look
	for i := range 960 {
		l := watch.Look{At: epoch.Add(time.Duration(i-960) * check.Every), Health: sample.Up}
		if i%200 == 0 {
			l.Health = sample.Down
		}
		before = append(before, l)
	}
	w := watch.Open(watch.Deploy{Service: "orders", Version: "v2", At: epoch}, policy, []watch.CheckPolicy{check}, watch.Snapshot{
		Health: map[string]sample.Health{"push": sample.Up}, Baselines: map[string]watch.Baseline{"push": watch.NewBaseline(before, nil, check.Every)},
	}, epoch)
	looks := 0
	for v := (*watch.Verdict)(nil); v == nil && looks < 100; {
		looks++
		v = w.Observe(sample.Sample{Check: "push", At: epoch.Add(time.Duration(looks) * check.Every), Observation: sample.Observation{Health: sample.Down}})
	}
	if said := outage(t, s.Checks[0]); said < float64(looks)-1 || said > float64(looks)+1 {
		t.Errorf("an outage is said to take %v looks; a watch took %d", said, looks)
	}
}

// What a watch leaves out of its history is left out here: a bad version that was in place.
func TestABadVersionIsNoHistory(t *testing.T) {
	day := 24 * 60 * 4 // looks
	bad := history{every: 15 * time.Second, fails: func(i int) bool { return i >= day && i < day+day/2 && i%3 == 0 }}
	check := "{name: push, service: orders, every: 15s, tcp: {address: \"127.0.0.1:1\"}}"
	at := epoch.AddDate(0, 0, 1)
	was := journal{watches: []watch.Watch{
		{ID: "w_2", DeployID: "d_2", Service: "orders", Version: "v3", State: watch.Passed, Switched: at.Add(12 * time.Hour), Started: at.Add(12 * time.Hour), Ended: at.Add(13 * time.Hour)},
		{ID: "w_1", DeployID: "d_1", Service: "orders", Version: "v2", State: watch.Failed, Switched: at, Started: at, Ended: at.Add(time.Hour)},
	}}
	with, without := suggest(t, "{name: orders}", check, replay.Options{Samples: bad}), suggest(t, "{name: orders}", check, replay.Options{Samples: bad, Journal: was})
	if with.Checks[0].Failures == 0 || with.Excluded != 0 {
		t.Errorf("%+v", with)
	}
	if c := without.Checks[0]; c.Failures != 0 || c.Looks < 5*day/2-2 || c.Looks > 5*day/2 || without.Excluded != (12*time.Hour).Seconds() {
		t.Errorf("with half a day of a bad version: %+v, %v s left out", c, without.Excluded)
	}
	if !strings.Contains(strings.Join(without.Words, "\n"), "12h are left out") {
		t.Errorf("%q", without.Words)
	}
}

// A check has outages of its own, longer than any test can take for usual. Watches that fail because
// of one have not found the fault.
func TestAFindIsOneOfTheFault(t *testing.T) {
	s := suggested(t, "15s, failure_rate: 30%", history{every: 15 * time.Second, fails: func(i int) bool { return i%4000 < 400 }})
	for _, d := range s.Checks[0].Delays {
		if d.Fault == 0.05 && d.Found > 0.02 {
			t.Errorf("5%% failures, where 30%% are allowed, are said to be found by %v of the watches", d.Found)
		}
		if d.Fault == 1 && d.Found == 0 {
			t.Error("an outage is said not to be found")
		}
	}
}

func TestCountersAreSuggestedFor(t *testing.T) {
	memory := series.NewMemory()
	lost, all := 0.0, 0.0
	for i, at := 0, epoch; at.Before(epoch.AddDate(0, 0, 3)); i, at = i+1, at.Add(15*time.Second) {
		all += 100
		lost += float64(i % 2)
		for name, v := range map[string]float64{"lost_total": lost, "orders_total": all} {
			memory.Append(labels.FromStrings(model.MetricNameLabel, name), promql.FPoint{T: at.UnixMilli(), F: v})
		}
	}
	metrics := "{name: orders, watch: {metrics: [{name: o, failures: lost_total, total: orders_total}, {name: m, value: up_to}, {name: x, failures: a_total, total: b_total}]}}"
	s := suggest(t, metrics, "{name: push, service: orders, every: 15s, tcp: {address: \"127.0.0.1:1\"}}",
		replay.Options{Samples: history{every: 15 * time.Second, fails: func(int) bool { return false }, memory: memory}})
	o := s.Counters[0]
	if o.Counter != "o" || o.Rate < 0.0049 || o.Rate > 0.0051 || o.PerHour < 23_000 || o.PerHour > 25_000 || len(o.Delays) != 3 {
		t.Fatalf("%+v", o)
	}
	for _, d := range o.Delays {
		if d.Found != 1 || d.Looks < 1 || d.Looks > 10 {
			t.Errorf("%+v", d)
		}
	}
	if s.Counters[1].Note == "" || s.Counters[2].Note != "nothing was counted" {
		t.Errorf("%+v", s.Counters[1:])
	}
	if !strings.Contains(strings.Join(s.Words, "\n"), "o: 5% failures takes") {
		t.Errorf("%q", s.Words)
	}
}
