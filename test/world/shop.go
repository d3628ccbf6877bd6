package world

import (
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"guardian/probes/sample"
	"guardian/watch"
)

// Service is the service that is deployed; Neighbour another one of the same team.
const (
	Service   = "shop"
	Neighbour = "neighbour"
)

// Noon is the time from which all times of a world are counted.
func Noon() time.Time { return time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC) }

// Check is a check of the shop.
type Check struct {
	Name        string
	Of          string        // service; "": Service
	Every       time.Duration // 0: 15 s
	Marketplace string
	Shop        string
	Names       bool // its answers name the version
	Control     bool
	FailureRate float64 // allowed; 0: the default
	Noise       Noise
}

// Counter is a pair of counters of the shop, read every 15 s.
type Counter struct {
	Name   string
	Orders float64 // in each reading, on average
	Rate   float64 // share that fails
	// Wander is the log-standard deviation of the rate between readings, and Correlation that of one
	// reading with the next.
	Wander, Correlation float64
	Peak                *Peak

	drift           float64
	started         bool
	failures, total float64
}

// Fault is what a version does wrong; the zero value is a healthy version.
type Fault struct {
	Rate   float64       // share of looks that fail, beside those that fail anyway; 1: an outage
	Checks []string      // that it shows in; none: all of the service
	Shops  []string      // that it shows at; none: all that have the version
	After  time.Duration // it begins so long after the version answers first
	For    time.Duration // how long it lasts; 0: for good
	Slow   float64       // durations are this many times as long; 0: they are not
	Failed float64       // share of the counters' orders that fails, beside those that fail anyway
	Lost   float64       // share of the orders that does not come any more; 1: they stop
	ByRule bool          // a rule with fails_watch sees it, and nothing else does
}

// during tells whether the fault is there so long after the version answered first.
func (f Fault) during(since time.Duration) bool {
	return since >= f.After && (f.For == 0 || since < f.After+f.For)
}

// Bad tells whether anything is wrong with the version for good.
func (f Fault) Bad() bool {
	return f.For == 0 && (f.Rate > 0 || f.Slow > 0 || f.Failed > 0 || f.Lost > 0 || f.ByRule)
}

// Version is a release of the service with what is wrong with it.
type Version struct {
	Name  string
	Fault Fault
}

// Hook is how a deploy is announced. The zero value: at the moment at which the version before
// stops answering, without more than the version.
type Hook struct {
	After time.Duration // the version before stopped answering; negative: it is announced before
	Never bool          // it is not announced
	At    bool          // the announcement says when the version before stopped answering
	Exec  bool          // the deploy runs under "guardian watch --exec": its start and end are known
	Kind  watch.Kind
}

// Deploy is a version that is put in the place of another.
type Deploy struct {
	Version Version
	At      time.Duration // when the version before stops answering, after noon
	Down    time.Duration // how long nothing answers
	Rolling time.Duration // how long old and new answer side by side, after that
	Shops   []string      // none: all
	Hook    Hook
}

// Outage is a time in which looks fail for a reason that is no deploy.
type Outage struct {
	From, For time.Duration
	// Checks that see it; none: all of Service.
	Checks []string
	Slow   float64 // looks do not fail, but take this many times as long; 0: they fail
}

// seen tells whether a check sees the outage at a time.
func (o Outage) seen(c *Check, t time.Duration) bool {
	if t < o.From || t >= o.From+o.For {
		return false
	}
	return slices.Contains(o.Checks, c.Name) || len(o.Checks) == 0 && c.Of == "" && !c.Control
}

// serving is a version with the time from which it answers.
type serving struct {
	Version
	gone    time.Duration // the version before stopped answering
	from    time.Duration // it answers
	rolling time.Duration // until so long after, the version before answers too
	shops   []string
}

// answer is what one look gets.
type answer struct {
	down    bool
	version string // "": nothing that names it answered
	took    time.Duration
}

// shop is the truth of a world.
type shop struct {
	versions []serving // oldest first
	outages  []Outage
}

// at gives the version that answers a look at a shop, and since when; false while nothing answers.
func (s *shop) at(r *rand.Rand, where string, t time.Duration) (v serving, ok bool) {
	for i, latest := range slices.Backward(s.versions) {
		v = latest
		if len(v.shops) > 0 && where != "" && !slices.Contains(v.shops, where) {
			continue
		}
		switch {
		case t < v.gone:
			continue
		case i > 0 && t < v.from:
			return v, false
		case t < v.from+v.rolling && i > 0 && r.Float64() >= float64(t-v.from)/float64(v.rolling):
			continue
		}
		return v, true
	}
	return s.versions[0], true
}

// look is what a look at a check gets.
func (s *shop) look(r *rand.Rand, c *Check, t time.Duration) answer {
	down, took := c.Noise.look(r, Noon().Add(t))
	a := answer{down: down, took: took}
	if c.Of == "" && !c.Control {
		v, ok := s.at(r, c.Shop, t)
		if !ok {
			return answer{down: true, took: time.Millisecond}
		}
		if c.Names {
			a.version = v.Name
		}
		if f := v.Fault; f.during(t-v.from) && (len(f.Checks) == 0 || slices.Contains(f.Checks, c.Name)) &&
			(len(f.Shops) == 0 || slices.Contains(f.Shops, c.Shop)) {
			if f.Rate >= 1 || f.Rate > 0 && r.Float64() < f.Rate {
				a.down = true
			}
			if f.Slow > 0 {
				a.took = time.Duration(float64(a.took) * f.Slow)
			}
		}
	}
	for _, o := range s.outages {
		switch {
		case !o.seen(c, t):
		case o.Slow > 0:
			a.took = time.Duration(float64(a.took) * o.Slow)
		default:
			return answer{down: true, took: time.Millisecond}
		}
	}
	return a
}

// health gives the answer as a health.
func (a answer) health() sample.Health {
	if a.down {
		return sample.Down
	}
	return sample.Up
}

// reading is what a pair of counters stands at.
func (s *shop) reading(r *rand.Rand, c *Counter, t time.Duration) watch.Reading {
	at := Noon().Add(t)
	orders, rate := c.Orders, c.Rate
	if c.Wander > 0 {
		if !c.started {
			c.drift = r.NormFloat64()
		} else {
			c.drift = c.Correlation*c.drift + math.Sqrt(1-c.Correlation*c.Correlation)*r.NormFloat64()
		}
		rate *= math.Exp(c.Wander*c.drift - c.Wander*c.Wander/2)
	}
	c.started = true
	if c.Peak != nil {
		orders *= c.Peak.factor(at, c.Peak.Orders)
		rate *= c.Peak.factor(at, c.Peak.Failures)
	}
	v, ok := s.at(r, "", t)
	if !ok {
		orders = 0
	} else if f := v.Fault; f.during(t - v.from) {
		orders *= 1 - f.Lost
		rate += f.Failed
	}
	n := poisson(r, orders)
	c.total += n
	c.failures += min(poisson(r, n*rate), n)
	return watch.Reading{At: at, Failures: watch.CounterValues{"": c.failures}, Total: watch.CounterValues{"": c.total}}
}

// ruleTrue tells whether the condition of the rule holds.
func (s *shop) ruleTrue(r *rand.Rand, t time.Duration) bool {
	v, ok := s.at(r, "", t)
	return !ok || v.Fault.ByRule && v.Fault.during(t-v.from)
}
