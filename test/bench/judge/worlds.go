package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"guardian/test/world"
	"guardian/watch"
)

// most is the share of healthy deploys that may fail.
const most = alpha

// worlds is every line that is measured on worlds.
func worlds() []cell {
	return slices.Concat(lateHooks(), fixes(), burstsInWorlds(), outagesInHistory(), peaks(), shortHistories(),
		counters(), shared(), manyChecks(), predecessors(), absolute())
}

// check is a check each 15 s whose looks fail at a rate.
func check(name string, rate float64) world.Check {
	return world.Check{Name: name, Noise: world.Noise{Rate: rate}}
}

// deployed is the deploy of v2 at noon.
func deployed(f world.Fault, h world.Hook) []world.Deploy {
	return []world.Deploy{{Version: world.Version{Name: "v2", Fault: f}, Hook: h}}
}

// between draws a duration.
func between(r *rand.Rand, from, to time.Duration) time.Duration {
	return from + time.Duration(r.Int64N(int64(to-from)))
}

// lateHooks are total outages whose hook is called after the switch.
func lateHooks() (cells []cell) {
	for _, late := range []time.Duration{0, 5 * time.Second, 15 * time.Second, time.Minute, 5 * time.Minute} {
		for _, names := range []bool{false, true} {
			for _, x := range []struct {
				what   string
				checks int
				in     []string
				looks  float64
			}{{"one check", 1, nil, 10}, {"two checks", 2, nil, 10}, {"one of two checks", 2, []string{"a"}, 12}} {
				how := "the version not visible"
				if names {
					how = "the version visible"
				}
				cells = append(cells, cell{
					what: fmt.Sprintf("outage of %s, hook %s late, %s", x.what, late, how), part: 10, forks: 2,
					world: func(*rand.Rand) *world.World {
						w := &world.World{Deploys: deployed(world.Fault{Rate: 1, Checks: x.in}, world.Hook{After: late})}
						for i := range x.checks {
							c := check(string(rune('a'+i)), 0)
							c.Names = names
							w.Checks = append(w.Checks, c)
						}
						return w
					},
					goals: []goal{never(watch.Passed), within(x.looks)},
				})
			}
		}
	}
	return append(cells, cell{
		what: "healthy at 1 %, down for 10 s, hook 0 to 300 s late",
		world: func(r *rand.Rand) *world.World {
			w := &world.World{Checks: []world.Check{check("a", 0.01), check("b", 0.01)}, Deploys: deployed(world.Fault{}, world.Hook{After: between(r, 0, 5*time.Minute)})}
			w.Deploys[0].Down = 10 * time.Second
			return w
		},
		goals: []goal{falsely(most)},
	})
}

// fixes are versions that cure what the one before broke, and are announced once they work.
func fixes() (cells []cell) {
	for _, broken := range []time.Duration{3 * time.Minute, 20 * time.Minute} {
		cells = append(cells, cell{
			what: fmt.Sprintf("fix of an outage of %s, announced 0 to 300 s after it works", broken), forks: 2, part: 4,
			world: func(r *rand.Rand) *world.World {
				w := &world.World{Checks: []world.Check{check("a", 0.005), check("b", 0.005)}, Deploys: deployed(world.Fault{}, world.Hook{After: between(r, 0, 5*time.Minute)})}
				w.Was = world.Fault{Rate: 1, Checks: []string{"a"}, After: 4*time.Hour + 15*time.Minute - broken}
				return w
			},
			goals: []goal{falsely(0)},
		})
	}
	return append(cells, cell{
		what: "fix that needs a minute, grace 1m", forks: 2, part: 4,
		world: func(r *rand.Rand) *world.World {
			w := &world.World{Checks: []world.Check{check("a", 0.005)}, Deploys: deployed(world.Fault{Rate: 1, For: time.Minute}, world.Hook{After: between(r, 0, time.Minute)})}
			w.Was = world.Fault{Rate: 1, After: 4 * time.Hour}
			w.Set = func(s *watch.Settings) { s.Grace = 60e9 }
			return w
		},
		goals: []goal{falsely(0)},
	})
}

// quickest is about how many looks of a total outage anything that is safe needs where failures come in
// bursts of a mean length at a rate, in a watch of so many looks: shorter runs of failures happen by themselves.
func quickest(rate, length float64, looks int) float64 {
	return 1 + math.Log(float64(looks)*rate/(length*alpha))/math.Log(length/(length-1))
}

// burstsInWorlds are failures that come in bursts, with durations judged as by default.
func burstsInWorlds() (cells []cell) {
	for _, length := range []float64{2, 5, 10, 30} {
		for _, rate := range []float64{0.005, 0.02, 0.05} {
			for _, long := range []bool{false, true} {
				if long && length < 5 {
					continue
				}
				history, looks := "960 looks", 120
				one := func(f world.Fault) func(*rand.Rand) *world.World {
					return func(*rand.Rand) *world.World {
						c := world.Check{Name: "a", Noise: world.Noise{Rate: rate, Burst: length}}
						w := &world.World{Checks: []world.Check{c}, Deploys: deployed(f, world.Hook{})}
						if long {
							w.Checks[0].Every, w.History = 2*time.Second, 12*time.Hour
							w.Set = func(s *watch.Settings) { s.For, s.Baseline.Window = 300e9, 12*3600e9 }
						}
						return w
					}
				}
				if long {
					history, looks = "21600 looks", 150
				}
				goals := []goal{falsely(most)}
				switch length {
				case 10:
					goals = []goal{falsely(0.004)}
				case 30:
					goals = []goal{shown(watch.Failed)}
				}
				what := fmt.Sprintf("%s in bursts of %g, after %s", percent(rate), length, history)
				c := cell{what: "healthy at " + what, world: one(world.Fault{}), goals: goals}
				if long {
					c.forks = 20
				}
				cells = append(cells, c)
				found := []goal{never(watch.Passed), mean(1.5 * quickest(rate, length, looks))}
				if quickest(rate, length, looks) > float64(looks) {
					found = found[:1]
				}
				cells = append(cells, cell{what: "outage at " + what, world: one(world.Fault{Rate: 1}), goals: found, part: 10, forks: 2})
			}
		}
	}
	return cells
}

// outagesInHistory are services with one outage within the last hours.
func outagesInHistory() (cells []cell) {
	for _, length := range []time.Duration{time.Minute, 2 * time.Minute, 5 * time.Minute} {
		one := func(rate float64, f world.Fault) func(*rand.Rand) *world.World {
			return func(r *rand.Rand) *world.World {
				return &world.World{
					Checks: []world.Check{check("a", rate)}, Deploys: deployed(f, world.Hook{}),
					Outages: []world.Outage{{From: between(r, -230*time.Minute, -30*time.Minute), For: length}},
				}
			}
		}
		cells = append(cells,
			cell{what: fmt.Sprintf("healthy at 0.5 %%, one outage of %s in history", length), world: one(0.005, world.Fault{}), goals: []goal{falsely(most)}},
			cell{
				what: fmt.Sprintf("outage, one outage of %s in history", length), world: one(0, world.Fault{Rate: 1}), part: 10, forks: 2,
				goals: []goal{never(watch.Passed), within(14)},
			})
	}
	return append(cells, cell{
		what: "outage, two short runs of failures in history", part: 10, forks: 2,
		world: func(r *rand.Rand) *world.World {
			return &world.World{
				Checks: []world.Check{check("a", 0)}, Deploys: deployed(world.Fault{Rate: 1}, world.Hook{}),
				Outages: []world.Outage{
					{From: between(r, -230*time.Minute, -130*time.Minute), For: 25 * time.Second}, {From: between(r, -120*time.Minute, -30*time.Minute), For: 25 * time.Second},
				},
			}
		},
		goals: []goal{never(watch.Passed), within(10)},
	})
}

// daily is a peak that begins at noon.
func daily(failures, slow, orders float64) *world.Peak {
	return &world.Peak{From: 12*time.Hour + 10*time.Minute, Until: 13 * time.Hour, Ramp: 20 * time.Minute, Failures: failures, Slow: slow, Orders: orders}
}

// peaks are services with a daily peak that begins with the deploy, as on the days before.
func peaks() (cells []cell) {
	for _, x := range []struct {
		what string
		in   world.World
	}{
		{"failures, 0.5 to 5 %", world.World{Checks: []world.Check{{Name: "a", Noise: world.Noise{Rate: 0.005, Peak: daily(10, 0, 0)}}}}},
		{"durations, three times as long", world.World{Checks: []world.Check{{Name: "a", Noise: world.Noise{Rate: 0.005, Took: 400 * time.Millisecond, Peak: daily(0, 3, 0)}}}}},
		{"failures of a counter, 0.3 to 3 %", world.World{
			Checks: []world.Check{check("a", 0.005)}, Counters: []world.Counter{{Name: "orders", Orders: 500, Rate: 0.003, Peak: daily(10, 0, 0)}},
		}},
		{"the total of a counter, a tenth of the orders at the peak", world.World{
			Checks: []world.Check{check("a", 0.005)}, Counters: []world.Counter{{Name: "orders", Orders: 500, Rate: 0.003, Peak: daily(0, 0, 0.1)}},
		}},
	} {
		cells = append(cells, cell{
			what: "healthy, daily peak of " + x.what, forks: 20,
			world: func(*rand.Rand) *world.World {
				w := x.in
				w.SameTime, w.Deploys = true, deployed(world.Fault{}, world.Hook{})
				return &w
			},
			goals: []goal{falsely(most)},
		})
	}
	return cells
}

// shortHistories are checks that began to look a short time ago.
func shortHistories() (cells []cell) {
	for _, looks := range []int{0, 50, 100, 199} {
		cells = append(cells, cell{
			what: fmt.Sprintf("healthy at 5 %%, %d looks before", looks),
			world: func(*rand.Rand) *world.World {
				return &world.World{
					Checks: []world.Check{check("a", 0.05)}, Deploys: deployed(world.Fault{}, world.Hook{}), History: max(time.Duration(looks)*15*time.Second, 1),
				}
			},
			goals: []goal{falsely(most)},
		})
	}
	return append(cells, cell{
		what: "outage, 20 looks before", part: 10, forks: 2,
		world: func(*rand.Rand) *world.World {
			return &world.World{Checks: []world.Check{check("a", 0)}, Deploys: deployed(world.Fault{Rate: 1}, world.Hook{}), History: 5 * time.Minute}
		},
		goals: []goal{never(watch.Passed), within(10)},
	})
}
