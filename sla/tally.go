package sla

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"guardian/probes/sample"
)

// tally collects the inputs of a Summary. Tallies of several services can be added.
type tally struct {
	services  int
	times     Times
	days      []dayTally
	changes   Changes
	rollbacks Rollbacks
	detect    []time.Duration
	recover   []time.Duration
}

type dayTally struct {
	times                         Times
	downtimes, deploys, rollbacks int
}

func newTally(days int) tally { return tally{services: 1, days: make([]dayTally, days)} }

func (t *tally) add(o tally) {
	t.services += o.services
	t.times = t.times.plus(o.times)
	if t.days == nil {
		t.days = make([]dayTally, len(o.days))
	}
	for i, d := range o.days {
		t.days[i].times = t.days[i].times.plus(d.times)
		t.days[i].downtimes += d.downtimes
		t.days[i].deploys += d.deploys
		t.days[i].rollbacks += d.rollbacks
	}
	c, oc := &t.changes, o.changes
	c.Deploys += oc.Deploys
	c.Passed += oc.Passed
	c.Failed += oc.Failed
	c.Inconclusive += oc.Inconclusive
	c.Superseded += oc.Superseded
	c.Cancelled += oc.Cancelled
	c.Watching += oc.Watching
	c.Unwatched += oc.Unwatched
	c.PutBack += oc.PutBack
	b, ob := &t.rollbacks, o.rollbacks
	b.Total += ob.Total
	b.Cured += ob.Cured
	b.NotCured += ob.NotCured
	b.Failed += ob.Failed
	b.Open += ob.Open
	b.NotDone += ob.NotDone
	b.Drills += ob.Drills
	t.detect = append(t.detect, o.detect...)
	t.recover = append(t.recover, o.recover...)
}

// add adds the length of a piece to the matching field.
func (t *Times) add(p piece) {
	d := Span(p.to.Sub(p.from))
	t.Wall += d
	up, down, blind := &t.Up, &t.Down, &t.Blind
	if p.maintenance {
		t.Maintenance += d
		up, down, blind = &t.MaintenanceUp, &t.MaintenanceDown, &t.MaintenanceBlind
	}
	switch p.health {
	case sample.Up:
		*up += d
	case sample.Down:
		*down += d
	case sample.Unknown:
		*blind += d
	}
}

func (t Times) plus(o Times) Times {
	return Times{
		Wall:             t.Wall + o.Wall,
		Up:               t.Up + o.Up,
		Down:             t.Down + o.Down,
		Blind:            t.Blind + o.Blind,
		Maintenance:      t.Maintenance + o.Maintenance,
		MaintenanceUp:    t.MaintenanceUp + o.MaintenanceUp,
		MaintenanceDown:  t.MaintenanceDown + o.MaintenanceDown,
		MaintenanceBlind: t.MaintenanceBlind + o.MaintenanceBlind,
	}
}

// Seen returns the time outside of maintenance in which the health was known.
func (t Times) Seen() Span { return t.Up + t.Down }

// availability is up / (up + down), without blind time and announced maintenance.
func (t Times) availability() Figure {
	return ratio(t.Up, t.Seen(), "up %s of %s seen (up and down); left out: blind %s, maintenance %s",
		t.Up, t.Seen(), t.Blind, t.Maintenance)
}

// availabilityAll includes maintenance with the health that was observed.
func (t Times) availabilityAll() Figure {
	up, down, blind := t.Up+t.MaintenanceUp, t.Down+t.MaintenanceDown, t.Blind+t.MaintenanceBlind
	return ratio(up, up+down, "up %s of %s seen (up and down), maintenance included; left out: blind %s", up, up+down, blind)
}

// availabilityBetween gives what the availability would be if the service had been down, or up, for all
// of the blind time.
func (t Times) availabilityBetween() (low, high Figure) {
	whole := t.Up + t.Down + t.Blind
	return ratio(t.Up, whole, "up %s of %s (up, down and blind): all of the blind time counts as down", t.Up, whole),
		ratio(t.Up+t.Blind, whole, "up %s and blind %s of %s (up, down and blind): none of the blind time counts as down", t.Up, t.Blind, whole)
}

// ratio is part / whole; it is not known if whole is 0.
func ratio(part, whole Span, madeOf string, args ...any) Figure {
	f := Figure{MadeOf: fmt.Sprintf(madeOf, args...)}
	if whole > 0 {
		f.Known = true
		f.Value = float64(part) / float64(whole)
	}
	return f
}

func (t tally) summary(r Report, days []time.Time) Summary {
	s := Summary{
		Times:           t.times,
		Availability:    t.times.availability(),
		AvailabilityAll: t.times.availabilityAll(),
		Changes:         t.changes,
		Rollbacks:       t.rollbacks,
		Detect:          spread(t.detect, "failed watches: from the first failure to the verdict"),
		Recover:         spread(t.recover, "cured rollbacks: from the first failure to the proof of the cure"),
		Days:            make([]Day, 0, len(days)),
	}
	if t.services == 1 {
		s.AvailabilityLow, s.AvailabilityHigh = t.times.availabilityBetween()
	}
	if t.services > 1 {
		s.Availability.MadeOf += fmt.Sprintf("; %d services added up", t.services)
		s.AvailabilityAll.MadeOf += fmt.Sprintf("; %d services added up", t.services)
	}
	c := &s.Changes
	c.FailureRate = Figure{MadeOf: fmt.Sprintf("%d failed of %d with a verdict (passed %d, failed %d); left out: %d inconclusive, %d superseded, %d cancelled, %d watching, %d not watched, %d that put a version back",
		c.Failed, c.Passed+c.Failed, c.Passed, c.Failed, c.Inconclusive, c.Superseded, c.Cancelled, c.Watching, c.Unwatched, c.PutBack)}
	if n := c.Passed + c.Failed; n > 0 {
		c.FailureRate.Known = true
		c.FailureRate.Value = float64(c.Failed) / float64(n)
	}
	b := &s.Rollbacks
	b.MadeOf = fmt.Sprintf("%d rollbacks: %d cured, %d not cured or worse, %d failed, %d open; left out: %d not done, %d drills",
		b.Total, b.Cured, b.NotCured, b.Failed, b.Open, b.NotDone, b.Drills)
	for i, d := range t.days {
		if !days[i].Before(r.To) { // a day in the future
			break
		}
		s.Days = append(s.Days, Day{
			Date:         days[i].Format(time.DateOnly),
			Times:        d.times,
			Availability: d.times.availability(),
			Downtimes:    d.downtimes,
			Deploys:      d.deploys,
			Rollbacks:    d.rollbacks,
		})
	}
	return s
}

// spread computes the statistics of durations. The median of an even number of values is the
// mean of the middle two; the 90th percentile is by nearest rank.
func spread(lengths []time.Duration, of string) Spread {
	n := len(lengths)
	s := Spread{N: n, MadeOf: strconv.Itoa(n) + " " + of}
	if n == 0 {
		return s
	}
	sorted := slices.Sorted(slices.Values(lengths))
	sum := 0.0
	for _, d := range sorted {
		sum += float64(d)
	}
	s.Mean = Span(math.Round(sum / float64(n)))
	s.Median = Span(sorted[(n-1)/2] + (sorted[n/2]-sorted[(n-1)/2])/2)
	s.P90 = Span(sorted[(9*n+9)/10-1])
	return s
}

// met compares the availability without maintenance with the objective.
func met(objective float64, t Times) Answer {
	if objective <= 0 {
		return Answer{MadeOf: "there is no objective"}
	}
	a := t.availability()
	if !a.Known {
		return Answer{MadeOf: "there were no looks"}
	}
	// The tolerance, far below a nanosecond per year, only absorbs rounding of the division.
	return Answer{
		Yes:    a.Value >= objective-1e-15,
		Known:  true,
		MadeOf: fmt.Sprintf("availability %s against %s", percent(a.Value), percent(objective)),
	}
}

// budget computes the error budget of the whole period, without maintenance and blind time so far.
func budget(objective float64, t Times, period time.Duration) Budget {
	if objective <= 0 {
		return Budget{MadeOf: "there is no objective"}
	}
	base := Span(period) - t.Blind - t.Maintenance
	b := Budget{Known: true, Spent: t.Down}
	b.Allowed = Span(math.Round((1 - objective) * float64(base)))
	b.Left = b.Allowed - b.Spent
	b.MadeOf = fmt.Sprintf("%s of %s (the period without blind %s and maintenance %s), less %s down",
		percent(1-objective), base, t.Blind, t.Maintenance, t.Down)
	return b
}

func metOverall(services []ServiceReport) Answer {
	a := Answer{Yes: true}
	n, kept := 0, 0
	for _, s := range services {
		if s.Met.Known {
			n++
			if s.Met.Yes {
				kept++
			}
		}
	}
	a.Known, a.Yes = n > 0, n > 0 && kept == n
	a.MadeOf = fmt.Sprintf("%d of %d services with an objective keep it", kept, n)
	return a
}

func budgetOverall(services []ServiceReport) Budget {
	var b Budget
	n := 0
	for _, s := range services {
		if s.Budget.Known {
			n++
			b.Known = true
			b.Allowed += s.Budget.Allowed
			b.Spent += s.Budget.Spent
			b.Left += s.Budget.Left
		}
	}
	b.MadeOf = fmt.Sprintf("the budgets of %d services with an objective added up", n)
	return b
}

// percent formats a share with enough digits that a missed objective never looks met.
func percent(v float64) string { return strconv.FormatFloat(v*100, 'g', 8, 64) + "%" }
