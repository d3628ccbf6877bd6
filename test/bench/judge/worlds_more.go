package main

import (
	"fmt"
	"math/rand/v2"
	"time"

	"guardian/test/world"
	"guardian/watch"
)

// counters are a service with one quiet check and a pair of counters.
func counters() (cells []cell) {
	one := func(c world.Counter, f world.Fault, known bool) func(*rand.Rand) *world.World {
		c.Name = "orders"
		return func(*rand.Rand) *world.World {
			return &world.World{Checks: []world.Check{check("a", 0.005)}, Counters: []world.Counter{c}, Deploys: deployed(f, world.Hook{}), SameTime: known}
		}
	}
	for _, correlation := range []float64{0, 0.5, 0.9, 0.99} {
		goals := []goal{falsely(most)}
		if correlation >= 0.9 {
			goals = []goal{shown(watch.Failed)}
		}
		cells = append(cells, cell{
			forks: 20, what: fmt.Sprintf("healthy, a counter whose rate wanders (log-sd 0.6, correlation %g between readings)", correlation),
			world: one(world.Counter{Orders: 500, Rate: 0.01, Wander: 0.6, Correlation: correlation}, world.Fault{}, false), goals: goals,
		})
	}
	for _, known := range []bool{false, true} {
		history := "recent history"
		if known {
			history = "recent history and the same time of other days"
		}
		for _, lost := range []float64{1, 0.9} {
			what := "stop"
			if lost < 1 {
				what = "fall to a tenth"
			}
			cells = append(cells, cell{
				what: fmt.Sprintf("orders %s, %s", what, history), part: 10, forks: 2,
				world: one(world.Counter{Orders: 200, Rate: 0.005}, world.Fault{Lost: lost}, known), goals: []goal{never(watch.Passed), shown(watch.Failed)},
			})
		}
	}
	for _, x := range []struct{ orders, was, is float64 }{{5000, 0.002, 0.03}, {100, 0.01, 0.06}} {
		cells = append(cells, cell{
			what: fmt.Sprintf("counter of %g orders a reading, %s to %s at minute 0 or 20", x.orders, percent(x.was), percent(x.is)), part: 10, forks: 1,
			world: func(r *rand.Rand) *world.World {
				f := world.Fault{Failed: x.is - x.was, After: time.Duration(r.IntN(2)) * 20 * time.Minute}
				return one(world.Counter{Orders: x.orders, Rate: x.was}, f, false)(r)
			},
			goals: []goal{never(watch.Passed), later(2.2, 3)},
		})
	}
	return cells
}

// later is by how many times as many looks a fault takes that begins later than with the deploy; at least so
// many looks are granted.
func later(most, granted float64) goal {
	return goal{name: "times as long late", most: most, of: func(t *tally) (float64, float64) {
		var sum, n [2]float64
		t.each(func(x ending) {
			i := 0
			if x.after > 0 {
				i = 1
			}
			if x.looks < x.after {
				return // a false alarm, not a delay
			}
			sum[i] += max(float64(x.looks-x.after), 1) // the rest of the watch where it was not found
			n[i]++
		})
		return sum[1] / n[1] / max(sum[0]/n[0], granted/most), 0
	}}
}

// shared are outages that shops without the deploy have too.
func shared() (cells []cell) {
	shops := func(r *rand.Rand, o world.Outage) *world.World {
		w := &world.World{Deploys: deployed(world.Fault{}, world.Hook{})}
		for _, name := range []string{"sg", "my", "th", "ph"} {
			w.Checks = append(w.Checks, world.Check{Name: name, Marketplace: "shopee", Shop: name, Noise: world.Noise{Rate: 0.005}})
		}
		w.Deploys[0].Shops = []string{"sg"}
		o.From = between(r, time.Minute, 20*time.Minute)
		w.Outages = []world.Outage{o}
		return w
	}
	for _, x := range []struct {
		what   string
		outage world.Outage
	}{
		{"outage of 3m shared by three shops without the deploy", world.Outage{For: 3 * time.Minute, Checks: []string{"sg", "my", "th", "ph"}}},
		{"outage of 3m shared by two of three shops without the deploy", world.Outage{For: 3 * time.Minute, Checks: []string{"sg", "my", "th"}}},
		{"slowness of 10m shared by three shops without the deploy", world.Outage{For: 10 * time.Minute, Slow: 8, Checks: []string{"sg", "my", "th", "ph"}}},
	} {
		cells = append(cells, cell{
			what: "healthy, " + x.what, world: func(r *rand.Rand) *world.World { return shops(r, x.outage) }, goals: []goal{falsely(most)},
		})
	}
	return append(cells, cell{
		what: "outage of the shop with the deploy alone", part: 10, forks: 2,
		world: func(r *rand.Rand) *world.World {
			w := shops(r, world.Outage{})
			w.Outages, w.Deploys[0].Version.Fault = nil, world.Fault{Rate: 1}
			return w
		},
		goals: []goal{never(watch.Passed), within(12)},
	})
}

// manyChecks are services with many healthy checks.
func manyChecks() (cells []cell) {
	for _, x := range []struct {
		checks int
		every  time.Duration
	}{{5, 15 * time.Second}, {20, time.Minute}, {50, 2 * time.Minute}} {
		cells = append(cells, cell{
			what: fmt.Sprintf("healthy, %d checks at 1 %%, each looked at every %s", x.checks, x.every), forks: 20,
			world: func(*rand.Rand) *world.World {
				w := &world.World{Deploys: deployed(world.Fault{}, world.Hook{})}
				for i := range x.checks {
					c := check(fmt.Sprint("c", i), 0.01)
					c.Every = x.every
					w.Checks = append(w.Checks, c)
				}
				return w
			},
			goals: []goal{falsely(most)},
		})
	}
	return cells
}

// predecessors are deploys after a version that failed 30 % of the looks and was not put back.
func predecessors() (cells []cell) {
	for _, x := range []struct {
		what string
		set  func(*world.World)
	}{
		{"only observed", func(w *world.World) { w.Set = func(s *watch.Settings) { s.Mode = watch.Observe } }},
		{"its rollback refused", func(w *world.World) { w.Good = []string{} }},
		{"its rollback rejected", func(w *world.World) { w.Rollback = world.Rejected }},
		{"its rollback without effect", func(w *world.World) { w.Rollback = world.Useless }},
		{"superseded after 2m", func(w *world.World) {
			w.Deploys[0].At = -2 * time.Minute
			w.Set = func(s *watch.Settings) { s.Mode = watch.Observe } // else it may be put back meanwhile
		}},
	} {
		for _, same := range []bool{false, true} {
			what, goals := "healthy", []goal{falsely(most)}
			if same {
				what, goals = "with the same fault", []goal{never(watch.Passed)}
			}
			cells = append(cells, cell{
				what: fmt.Sprintf("after a version at 30 %% failures, %s: %s", x.what, what), part: 4,
				world: func(*rand.Rand) *world.World {
					bad := world.Fault{Rate: 0.3}
					w := &world.World{Checks: []world.Check{check("a", 0.005)}, Deploys: []world.Deploy{
						{Version: world.Version{Name: "v2", Fault: bad}, At: -time.Hour}, {Version: world.Version{Name: "v3"}},
					}}
					if same {
						w.Deploys[1].Version.Fault = bad
					}
					x.set(w)
					return w
				},
				goals: goals,
			})
		}
	}
	return cells
}

// absolute are services that fail as often as before, which is more often than they may.
func absolute() (cells []cell) {
	one := func(rate float64) func(*rand.Rand) *world.World {
		return func(*rand.Rand) *world.World {
			return &world.World{Checks: []world.Check{check("a", rate), check("b", 0)}, Deploys: deployed(world.Fault{}, world.Hook{})}
		}
	}
	over := goal{name: "passed over the limit", percent: true, of: func(t *tally) (float64, float64) {
		return t.share(func(x ending) bool { return x.state == watch.Passed && x.over })
	}}
	for _, rate := range []float64{0.02, 0.1, 0.4} {
		cells = append(cells, cell{
			what: fmt.Sprintf("as bad as before, one of two checks at %s, limit 1 %%", percent(rate)), world: one(rate), part: 4, goals: []goal{over, shown(watch.Passed), falsely(most)},
		})
	}
	withheld := goal{name: "withheld", percent: true, most: 0.01, of: func(t *tally) (float64, float64) {
		return t.share(func(x ending) bool { return x.state != watch.Passed && x.over })
	}}
	return append(cells, cell{what: "as bad as before, one of two checks at its limit of 1 %", world: one(0.01), part: 4, goals: []goal{over, withheld}})
}
