package watch

import (
	"math"
	"slices"
	"strings"
	"time"

	"guardian/probes/sample"
	"guardian/watch/judge"
)

// Control compares the looks of a check at the shops that have the deploy with those at the shops
// that do not, over the same periods: what affects both cancels out.
type Control struct {
	Checks []string `json:"checks"` // of the other shops
	Comparison
	Until time.Time `json:"until"` // the end of the current period
	// Seen counts the looks at the other shops after the deploy.
	Seen Counts `json:"seen"`
	// Limits compare durations: one for each limit of the last hours. Comparison is not used then.
	Limits []LimitControl `json:"limits,omitempty"`
}

// Comparison compares one property of looks with the same at the other shops.
type Comparison struct {
	State judge.CanaryState `json:"state"`
	LogE  float64           `json:"log_e"`
	Block judge.Block       `json:"block"` // the current period
}

// LimitControl compares how often looks are slow. Each check has its own limit, made of its own
// history.
type LimitControl struct {
	Seconds map[string]float64 `json:"seconds"` // by check of the other shops
	Comparison
}

// logE is the average over its comparisons.
func (c *Control) logE() float64 {
	if len(c.Limits) == 0 {
		return c.LogE
	}
	var few [4]float64
	logs := few[:0]
	for i := range c.Limits {
		logs = append(logs, c.Limits[i].LogE-math.Log(float64(len(c.Limits))))
	}
	return logSum(logs)
}

func (c Control) clone() Control {
	c.Limits = slices.Clone(c.Limits)
	return c
}

// advance closes the current period when it is over. Its length does not depend on the looks.
func (c *Control) advance(at time.Time, every time.Duration) {
	if at.Before(c.Until) {
		return
	}
	c.Comparison.close()
	for i := range c.Limits {
		c.Limits[i].close()
	}
	if every <= 0 {
		every = time.Second
	}
	c.Until = at.Truncate(every).Add(every)
}

func (c *Comparison) close() {
	test := judge.Canary{}
	// An invalid period, which this package does not make, is left out.
	if test.Observe(&c.State, c.Block) == nil {
		c.LogE = finite(test.LogE(c.State))
	}
	c.Block = judge.Block{}
}

// observe takes a judged look at a shop with the deploy.
func (c *Control) observe(m *Metric, l look, every time.Duration) {
	c.advance(l.At, every)
	if m.Name != Latency {
		c.Block.Canary++
		if l.Down {
			c.Block.CanaryFailures++
		}
		return
	}
	if !l.timed() {
		return
	}
	for i := range min(len(c.Limits), len(m.Limits)) {
		k := &c.Limits[i].Block
		k.Canary++
		if l.Took.Seconds() > m.Limits[i].Seconds {
			k.CanaryFailures++
		}
	}
}

// compare takes a look at a shop without the deploy.
func (c *Control) compare(s sample.Sample, every time.Duration) {
	down := s.Health == sample.Down
	if s.Health == sample.Unknown {
		c.Seen.Unknown++
		return
	}
	c.advance(s.At, every)
	c.Seen.Looks++
	if down {
		c.Seen.Failures++
	}
	if len(c.Limits) == 0 {
		c.Block.Control++
		if down {
			c.Block.ControlFailures++
		}
		return
	}
	for i := range c.Limits {
		limit, ok := c.Limits[i].Seconds[s.Check]
		if down || !ok {
			continue
		}
		k := &c.Limits[i].Block
		k.Control++
		if s.Duration.Seconds() > limit {
			k.ControlFailures++
		}
	}
}

// setControls finds, for each check from first on, the checks of other shops with the same kind
// and marketplace that were up before the deploy, and those of other services on the
// marketplace that look at least as often.
func (w *Watch) setControls(before Snapshot, first int) {
	for i := first; i < len(w.Checks); i++ {
		c := &w.Checks[i]
		if c.Labels["shop"] == "" && c.Labels["marketplace"] == "" {
			continue
		}
		var names []string
		for _, p := range w.Peers {
			if p.Every <= c.Every && SameMarketplace(c.CheckPolicy, p) {
				names = append(names, p.Check)
			}
		}
		for _, o := range w.Others {
			if c.Labels["shop"] != "" && SameAtAnotherShop(c.CheckPolicy, o) && before.Health[o.Check] == sample.Up {
				names = append(names, o.Check)
			}
		}
		for j := range c.Metrics {
			if c.Metrics[j].Name == Latency {
				c.Metrics[j].Control = w.timedControl(names, before, c.From)
			} else {
				c.Metrics[j].Control = failingControl(names, before, c.From)
			}
		}
	}
}

// failingControl compares failures with those of checks of other shops; nil without any.
func failingControl(names []string, before Snapshot, from time.Time) *Control {
	if len(names) == 0 {
		return nil
	}
	var past judge.History
	for _, name := range names {
		if h := before.baseline(name).Recent; h.Valid() {
			past.Add(h)
		}
	}
	k := Control{Checks: names, Until: from}
	k.State.Looks, k.State.Failures = past.Counts()
	return &k
}

// timedControl compares durations with those of checks of other shops; nil when the durations of none
// were known before the deploy.
func (w *Watch) timedControl(names []string, before Snapshot, from time.Time) *Control {
	k := Control{Until: from}
	for _, name := range names {
		ps := before.Baselines[name].Percentiles
		if !enoughTimed(ps) {
			continue
		}
		k.Checks = append(k.Checks, name)
		for i, q := range ps {
			if i == len(k.Limits) {
				k.Limits = append(k.Limits, LimitControl{Seconds: map[string]float64{}})
			}
			l := &k.Limits[i]
			l.Seconds[name] = w.Policy.slow(ps, i)
			l.State.Looks += q.Looks
			l.State.Failures += q.Above
		}
	}
	if len(k.Checks) == 0 {
		return nil
	}
	return &k
}

// loseControls removes the controls at shops that have the deploy now. A metric without any left
// is only compared with its baseline from here on: its tests restart, and its share is
// multiplied by the evidence so far, so that the evidence of the watch stays the same.
func (c *CheckState) loseControls(others []CheckPolicy) {
	for i := range c.Metrics {
		m := &c.Metrics[i]
		if m.Control == nil {
			continue
		}
		left := slices.DeleteFunc(slices.Clone(m.Control.Checks), func(name string) bool {
			return !slices.ContainsFunc(others, func(o CheckPolicy) bool { return o.Check == name })
		})
		if len(left) > 0 {
			k := m.Control.clone()
			k.Checks = left
			m.Control = &k
			continue
		}
		m.Share *= max(min(math.Exp(m.logE()), maxEValue), math.SmallestNonzeroFloat64)
		m.Control = nil
		for j := range m.Streams {
			s := &m.Streams[j]
			s.State, s.LogE, s.Carried = judge.ProcessState{Last: s.State.Last}, 0, 0
		}
	}
}

// SameAtAnotherShop reports whether two checks look at the same thing at two shops.
func SameAtAnotherShop(a, b CheckPolicy) bool {
	return a.Kind == b.Kind && strings.EqualFold(a.Labels["marketplace"], b.Labels["marketplace"]) && a.Labels["shop"] != b.Labels["shop"]
}

// SameMarketplace reports whether two checks look at one marketplace.
func SameMarketplace(a, b CheckPolicy) bool {
	return a.Labels["marketplace"] != "" && strings.EqualFold(a.Labels["marketplace"], b.Labels["marketplace"])
}

// compared takes a look at a shop without the deploy. It reports whether any check is compared
// with it.
func (w *Watch) compared(s sample.Sample) bool {
	found := false
	for i := range w.Checks {
		c := &w.Checks[i]
		for j := range c.Metrics {
			k := c.Metrics[j].Control
			if k != nil && slices.Contains(k.Checks, s.Check) && !s.At.Before(c.From) {
				found = true
				k.compare(s, c.Every)
			}
		}
	}
	if found {
		w.Seq++
	}
	return found
}
