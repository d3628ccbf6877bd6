package replay

import (
	"context"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/prometheus/common/model"

	"guardian/decide"
	"guardian/internal/config"
	"guardian/internal/series"
	"guardian/watch"
)

// CounterSuggested is one of a service's metrics: what it was like, and how soon it shows a fault.
type CounterSuggested struct {
	Counter  string  `json:"counter"`
	Failures float64 `json:"failures"`
	Total    float64 `json:"total"`
	Rate     float64 `json:"rate"`
	PerHour  float64 `json:"total_per_hour"`
	// Clumping is how much failures come in clumps: so many of them are as much evidence as one.
	Clumping float64 `json:"clumping"`
	Delays   []Delay `json:"delays"`
	// Note says why there is nothing of it, or that it is a number and no pair of counters.
	Note string `json:"note,omitempty"`
}

// counterSims is what watches of counters are simulated with.
type counterSims struct {
	policy   watch.Policy
	excluded []decide.Span
	weights  float64 // of all checks and counters
	seed     uint64
}

const (
	// counterDays bounds the days of readings that are read of a counter.
	counterDays = 2
	// simulatedCounters is how many watches are simulated for each figure of a counter.
	simulatedCounters = 40
)

// suggestCounters simulates watches that are judged on one counter alone.
func suggestCounters(ctx context.Context, o Options, svc *config.Service, sims counterSims) ([]CounterSuggested, error) {
	all := make([]CounterSuggested, len(svc.Watch.Metrics))
	from := o.From
	if earliest := o.To.AddDate(0, 0, -counterDays); from.Before(earliest) {
		from = earliest
	}
	past := &world{now: o.To, samples: o.Samples, engine: series.NewEngine(nil)}
	err := parallel(ctx, len(all), func(ctx context.Context, i int) error {
		m := svc.Watch.Metrics[i]
		all[i] = CounterSuggested{Counter: m.Name, Delays: []Delay{}}
		switch {
		case m.Source != "":
			all[i].Note = "what another server answers is not recorded"
			return nil
		case m.Policy().Number != nil:
			all[i].Note = "a number is compared with itself; how soon a change shows depends on how much it varies"
			return nil
		}
		readings, err := past.Readings(ctx, m, from, o.To)
		if err != nil {
			return err
		}
		for j := range readings {
			readings[j].Excluded = slices.ContainsFunc(sims.excluded, func(s decide.Span) bool { return s.Contains(readings[j].At) })
		}
		all[i].simulate(m.Policy(), readings, sims, rand.New(rand.NewPCG(sims.seed, uint64(i))))
		return nil
	}, func(done int) { o.Progress("counters", float64(done)/float64(len(all))) })
	return all, err
}

// simulate fills in what the readings show, and how soon faults are found.
func (c *CounterSuggested) simulate(p watch.CounterPolicy, readings []watch.Reading, sims counterSims, r *rand.Rand) {
	h := watch.NewCounterHistory(readings)
	c.Failures, c.Total, c.Clumping = h.Failures, h.Total, h.Clumping
	if len(readings) < 2 || h.Total == 0 {
		c.Note = "nothing was counted"
		return
	}
	c.Rate = h.Failures / h.Total
	c.PerHour = h.Total / readings[len(readings)-1].At.Sub(readings[0].At).Hours()
	sims.policy.Alpha *= p.Weight / sims.weights
	watched := int(sims.policy.For/watch.CounterEvery) + 1
	for _, fault := range faults() {
		d := Delay{Fault: fault, Every: model.Duration(watch.CounterEvery).String()}
		found, sum := 0, 0
		for range simulatedCounters {
			// A stretch of what was counted, once as it was and once with the fault.
			begin := r.IntN(max(len(readings)-watched, 1))
			after := readings[begin:min(begin+watched, len(readings))]
			before := slices.Concat(readings[:begin], readings[begin+len(after):])
			at, failed := replayCounter(p, sims.policy, before, after, fault)
			if _, anyway := replayCounter(p, sims.policy, before, after, 0); failed && !anyway {
				found++
				sum += at
			}
		}
		if d.Found = float64(found) / simulatedCounters; found > 0 {
			d.Looks = float64(sum) / float64(found)
			d.Seconds = d.Looks * watch.CounterEvery.Seconds()
		}
		c.Delays = append(c.Delays, d)
	}
}

// replayCounter watches a counter of whose total a share fails, beside what failed anyway: after
// how many readings the watch failed.
func replayCounter(p watch.CounterPolicy, policy watch.Policy, before, after []watch.Reading, fault float64) (at int, failed bool) {
	window := before[max(len(before)-int(4*time.Hour/watch.CounterEvery), 0):]
	began := after[0].At
	w := watch.Open(watch.Deploy{At: began}, policy, nil, watch.Snapshot{
		Counters: []watch.CounterBefore{{CounterPolicy: p, History: watch.NewCounterHistory(window)}},
	}, began)
	first := sumOf(after[0].Total)
	for i, r := range after {
		if r.Excluded || r.Empty {
			continue
		}
		if fault > 0 {
			failures := maps.Clone(r.Failures)
			if failures == nil {
				failures = watch.CounterValues{}
			}
			failures["fault"] = math.Floor(fault * max(sumOf(r.Total)-first, 0))
			r.Failures = failures
		}
		if v := w.Measure(p.Name, r, r.At); v != nil {
			return i, v.State == watch.Failed
		}
	}
	return len(after), false
}

func sumOf(values watch.CounterValues) (sum float64) {
	for _, v := range values {
		sum += v
	}
	return sum
}

// words say what it was like and how soon it shows a fault.
func (c CounterSuggested) words() []string {
	if c.Note != "" {
		return []string{fmt.Sprintf("%s: %s", c.Counter, c.Note)}
	}
	words := []string{fmt.Sprintf("%s counted %.0f failures of %.0f (%.2f%%), %.0f an hour", c.Counter, c.Failures, c.Total, c.Rate*100, c.PerHour)}
	if c.Clumping > 3 {
		words = append(words, fmt.Sprintf("%s: failures come in clumps, so that %.0f of them prove as much as one", c.Counter, c.Clumping))
	}
	for _, d := range c.Delays {
		words = append(words, fmt.Sprintf("%s: %s", c.Counter, d.words()))
	}
	return words
}
