package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"guardian/test/world"
	"guardian/watch"
)

// cell is a line of the table that is measured on worlds: deploys of a simulated shop, judged with
// the defaults of a watch by what the service decides with.
type cell struct {
	what  string
	world func(r *rand.Rand) *world.World
	part  int // it is measured on one of so many streams; 0: on all
	forks int // how many futures each past has; 0: 5
	goals []goal
}

// goal is a number of a cell with what it must be at most.
type goal struct {
	name    string // as it is printed before the number
	of      func(t *tally) (value, deviation float64)
	most    float64 // +Inf: it is shown only
	percent bool
}

// share gives the share of the streams that end so, with its standard error: the streams with one past
// are not independent of each other.
func (t *tally) share(count func(ending) bool) (value, deviation float64) {
	hits := make([]float64, len(t.pasts))
	n, sum := 0.0, 0.0
	for i, past := range t.pasts {
		for _, x := range past {
			n++
			if count(x) {
				hits[i]++
				sum++
			}
		}
	}
	value = sum / n
	for i, past := range t.pasts {
		d := hits[i] - value*float64(len(past))
		deviation += d * d
	}
	return value, math.Sqrt(deviation) / n
}

// state is the share of the watches that end so.
func state(is watch.State) func(*tally) (float64, float64) {
	return func(t *tally) (float64, float64) { return t.share(func(x ending) bool { return x.state == is }) }
}

func atMost(is watch.State, most float64) goal {
	return goal{name: string(is), of: state(is), most: most, percent: true}
}

// never says that no watch may end so.
func never(is watch.State) goal { return atMost(is, 0) }

// falsely is the share of healthy deploys that fail.
func falsely(most float64) goal { return atMost(watch.Failed, most) }

// shown is a number without a goal.
func shown(is watch.State) goal { return atMost(is, math.Inf(1)) }

// within is how many looks it takes until the watch fails, in all but one of twenty.
func within(most float64) goal {
	return goal{name: "95 % within looks", most: most, of: func(t *tally) (float64, float64) { return t.looks(0.95), 0 }}
}

// mean is how many looks it takes on average.
func mean(most float64) goal {
	return goal{name: "mean looks", most: most, of: func(t *tally) (float64, float64) {
		n, sum, squares := 0.0, 0.0, 0.0
		t.each(func(x ending) {
			n, sum, squares = n+1, sum+float64(x.looks), squares+float64(x.looks)*float64(x.looks)
		})
		m := sum / n
		return m, math.Sqrt(max(squares/n-m*m, 0) / n)
	}}
}

// ending is how a stream ended.
type ending struct {
	state watch.State
	looks int  // until then
	after int  // looks until the fault began
	over  bool // a check was over its failure rate
	back  bool // the version before was put back without asking
}

// tally is how the streams of a cell ended, by past.
type tally struct{ pasts [][]ending }

func (t *tally) each(do func(ending)) {
	for _, past := range t.pasts {
		for _, x := range past {
			do(x)
		}
	}
}

// looks is a quantile of the looks until the verdict; a watch that did not fail never found it.
func (t *tally) looks(q float64) float64 {
	var all []float64
	t.each(func(x ending) {
		n := float64(x.looks)
		if x.state != watch.Failed {
			n = math.Inf(1)
		}
		all = append(all, n)
	})
	slices.Sort(all)
	return all[min(int(q*float64(len(all))), len(all)-1)]
}

// fewest is how many streams a cell is measured on at least.
const fewest = 20

// measure plays the cell's worlds.
func (c cell) measure(seed uint64, streams int) (*tally, error) {
	forks := max(c.forks, 1)
	if c.forks == 0 {
		forks = 5
	}
	pasts := max(streams/max(c.part, 1)/forks, fewest/forks)
	t := &tally{pasts: make([][]ending, pasts)}
	var next atomic.Int64
	var wait sync.WaitGroup
	errs := make([]error, runtime.GOMAXPROCS(0))
	for worker := range errs {
		wait.Go(func() {
			for errs[worker] == nil {
				i := int(next.Add(1)) - 1
				if i >= pasts {
					return
				}
				t.pasts[i], errs[worker] = c.past(seed, uint64(i), forks)
			}
		})
	}
	wait.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return t, nil
}

// past draws one past and plays its futures.
func (c cell) past(seed, i uint64, forks int) ([]ending, error) {
	r := rand.New(rand.NewPCG(seed, i))
	w := c.world(r)
	s := world.Begin(w, w.Settings(), r)
	if err := s.Announce(); err != nil {
		return nil, err
	}
	var all []ending
	for f := range forks {
		o, err := s.Fork(rand.New(rand.NewPCG(seed+1<<32, i*uint64(forks)+uint64(f)))).End()
		if err != nil {
			return nil, err
		}
		e, ok := o.Last()
		if !ok {
			return nil, fmt.Errorf("%s: no deploy was watched", c.what)
		}
		all = append(all, ending{state: e.State(), looks: e.Looks, after: int(w.Deploys[len(w.Deploys)-1].Version.Fault.After / watch.CounterEvery), over: len(e.Over) > 0, back: o.Version != e.Watch.Version})
	}
	return all, nil
}

// misses names the goals that a cell misses. Where few streams were drawn, chance is allowed for: four standard errors,
// and one stream of which none may be.
func (c cell) misses(t *tally, streams int) (missed []string) {
	n := 0.0
	t.each(func(ending) { n++ })
	for _, g := range c.goals {
		value, deviation := g.of(t)
		slack := 0.0
		if streams < enough && g.most > 0 {
			slack = 4 * deviation
			if g.percent {
				slack = 4*math.Sqrt(g.most/n) + 1/n
			}
		}
		if !(value <= g.most+slack) {
			missed = append(missed, g.name)
		}
	}
	return missed
}

func (c cell) said(t *tally) string {
	var all []string
	for _, g := range c.goals {
		value, deviation := g.of(t)
		switch {
		case g.percent:
			all = append(all, fmt.Sprintf("%s %.3f ± %.3f %%", g.name, 100*value, 100*deviation))
		case deviation > 0:
			all = append(all, fmt.Sprintf("%s %.1f ± %.1f", g.name, value, deviation))
		default:
			all = append(all, fmt.Sprintf("%s %g", g.name, value))
		}
	}
	return strings.Join(all, "; ")
}

func (c cell) bound() string {
	var all []string
	for _, g := range c.goals {
		switch {
		case math.IsInf(g.most, 1):
			all = append(all, g.name+": shown")
		case g.percent:
			all = append(all, fmt.Sprintf("%s at most %.4g %%", g.name, 100*g.most))
		default:
			all = append(all, fmt.Sprintf("%s at most %.4g", g.name, g.most))
		}
	}
	return strings.Join(all, "; ")
}

// worlds measures the lines on worlds, and gives how many do not hold.
func (t output) worlds() (broken int, err error) {
	for i, c := range worlds() {
		if !strings.Contains(c.what, t.only) {
			continue
		}
		began := time.Now()
		got, err := c.measure(uint64(i), t.streams)
		if err != nil {
			return broken, fmt.Errorf("%s: %w", c.what, err)
		}
		mark := ""
		if len(c.misses(got, t.streams)) > 0 {
			broken++
			mark = ", **does not hold**"
		}
		t.say("| %s | %s%s | %s |\n", c.what, c.said(got), mark, c.bound())
		t.tell("%6.1f s  %s: %s%s\n", time.Since(began).Seconds(), c.what, c.said(got), mark)
	}
	return broken, nil
}
