package replay_test

import (
	"cmp"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/storage"

	"guardian/internal/config"
	"guardian/internal/replay"
	"guardian/internal/series"
	"guardian/probes/sample"
	"guardian/watch"
)

var epoch = time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC)

// history gives looks each every; fails says which fail.
type history struct {
	every time.Duration
	fails func(i int) bool
}

func (h history) Querier(int64, int64) (storage.Querier, error) { return storage.NoopQuerier(), nil }
func (h history) Span() (time.Time, time.Time, bool)            { return epoch, epoch.AddDate(0, 0, 7), true }
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

func suggested(t *testing.T, every string, h history) replay.Suggestion {
	t.Helper()
	path := filepath.Join(t.TempDir(), "guardian.yaml")
	text := "services: [{name: orders}]\nchecks: [{name: push, service: orders, every: " + every + ", tcp: {address: \"127.0.0.1:1\"}}]\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(path, config.Options{})
	if err != nil {
		t.Fatal(err)
	}
	s, err := replay.Suggest(t.Context(), replay.Options{Config: c, Samples: h, From: epoch, To: epoch.AddDate(0, 0, 3)}, "orders", 1)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestACheckThatIsLookedAtSeldomIsProposedToBeLookedAtMoreOften(t *testing.T) {
	quiet := func(int) bool { return false }
	often := suggested(t, "15s", history{15 * time.Second, quiet})
	if c := often.Checks[0]; c.Propose != "" || c.Delays[0].Found != 1 || c.Delays[0].Seconds > 200 {
		t.Errorf("a quiet check each 15s: %+v; an outage takes some ten looks, and nothing is to be changed", c)
	}
	seldom := suggested(t, "5m", history{5 * time.Minute, quiet})
	if c := seldom.Checks[0]; c.Propose == "" {
		t.Errorf("a check each 5m is left at that: %+v", c)
	}
	d := often.Checks[0].Delays
	if !(d[0].Seconds < d[1].Seconds && d[1].Seconds < d[2].Seconds) && d[2].Found > 0 {
		t.Errorf("a smaller fault must take longer: %+v", d)
	}
}

func TestACheckThatFailsInBurstsIsSaidToAndTakesLonger(t *testing.T) {
	quiet := suggested(t, "15s", history{15 * time.Second, func(int) bool { return false }})
	bursty := suggested(t, "15s", history{15 * time.Second, func(i int) bool { return i%200 < 6 }})
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
	s := suggested(t, "15s, failure_rate: 30%", history{15 * time.Second, func(i int) bool { return i%200 == 0 }})
	policy := watch.DefaultPolicy()
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
