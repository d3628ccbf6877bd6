package world

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"time"

	"guardian/actions"
	"guardian/decide"
	"guardian/watch"
)

// World is a shop with all that happens to it, and how it is watched. Times count from Noon.
type World struct {
	// Set changes how the service is watched: the defaults, in mode auto; nil: nothing.
	Set      func(*watch.Settings)
	First    string // the version that runs at the beginning; "": v1
	Was      Fault  // what is wrong with it
	Checks   []Check
	Counters []Counter
	Rule     bool // a rule with fails_watch sees when nothing answers, and the faults ByRule
	Deploys  []Deploy
	Outages  []Outage
	// History is how long before noon the checks began to look; 0: 4 h and a quarter. SameTime: they
	// also looked at the same time of day a day and a week before.
	History  time.Duration
	SameTime bool
	// Good are the versions that are declared good; nil: First. Rollback is what becomes of rollbacks.
	Good     []string
	Rollback Rollback
}

// Rollback is what becomes of the rollbacks of a world.
type Rollback string

// What becomes of rollbacks.
const (
	Cures    Rollback = ""         // within 20 s the version is put back
	Useless  Rollback = "useless"  // the tool says that it did it, and nothing changes
	Rejected Rollback = "rejected" // a person says no
)

// undoing is how long a rollback takes.
const undoing = 20 * time.Second

// first gives the version that runs at the beginning.
func (w *World) first() string { return cmp.Or(w.First, "v1") }

// history is how long before noon the checks began to look.
func (w *World) history() time.Duration { return cmp.Or(w.History, 4*time.Hour+15*time.Minute) }

// settings gives what is configured.
func (w *World) settings() *decide.Settings {
	set := watch.DefaultSettings()
	set.Mode = watch.Auto
	for _, c := range w.Counters {
		m := watch.DefaultCounter()
		m.Name, m.Failures, m.Total = c.Name, c.Name+"_failed_total", c.Name+"_total"
		set.Metrics = append(set.Metrics, m)
	}
	if w.Set != nil {
		w.Set(&set)
	}
	good := w.Good
	if good == nil {
		good = []string{w.first()}
	}
	s := decide.Settings{
		Services: []decide.Service{
			{Name: Service, Environment: watch.DefaultEnvironment, Watch: set, Rollback: "back", KnownGood: good},
			{Name: Neighbour, Environment: watch.DefaultEnvironment, Watch: watch.DefaultSettings()},
		},
		Runbooks: map[string]decide.Runbook{"back": {MaxRunsPerDay: 9}},
	}
	for _, c := range w.Checks {
		s.Checks = append(s.Checks, c.settings())
	}
	return decide.NewSettings(s)
}

func (c *Check) every() time.Duration { return cmp.Or(c.Every, 15*time.Second) }

func (c *Check) settings() decide.Check {
	labels := map[string]string{}
	if c.Shop != "" {
		labels["shop"] = c.Shop
	}
	if c.Marketplace != "" {
		labels["marketplace"] = c.Marketplace
	}
	return decide.Check{
		CheckPolicy: watch.CheckPolicy{
			Check: c.Name, Kind: "http", Labels: labels, Path: "default", Weight: 1, Every: c.every(),
			FailureRate: cmp.Or(c.FailureRate, watch.DefaultFailureRate), FailureRateSet: c.FailureRate > 0,
		},
		Service: c.service(), Judges: !c.Control, Control: c.Control, BlindAfter: 5 * time.Minute,
	}
}

// Ended is the watch of a deploy with what came of it.
type Ended struct {
	Watch  *watch.Watch
	Deploy watch.Deploy
	// Looks is how many times the check that the verdict names looked after the hook or the switch,
	// whichever was later, until the watch ended; the most of any check when it names none.
	Looks int
	// Over names the judged checks that fail more often than they may: over all of these looks, or
	// over those in the last quarter of the watch, the exact lower bound of the failure rate is
	// above failure_rate. It is wrong for 1 % of the watches, divided over the checks and these two.
	Over []string
	Then decide.Consequence
}

// State is how the watch ended; Watching: it did not.
func (e Ended) State() watch.State { return e.Watch.State }

// Outcome is how a world has ended.
type Outcome struct {
	Watches []Ended  // by announcement
	Good    []string // versions that are known to be good
	Runs    []actions.Run
	Version string             // that runs
	Closed  []watch.GateReason // why gates were closed when a deploy was announced
}

// Of gives the last watch of a version; false when there was none.
func (o Outcome) Of(version string) (Ended, bool) {
	for _, e := range slices.Backward(o.Watches) {
		if e.Watch.Version == version {
			return e, true
		}
	}
	return Ended{}, false
}

// Last gives the watch that was opened last.
func (o Outcome) Last() (Ended, bool) {
	if len(o.Watches) == 0 {
		return Ended{}, false
	}
	return o.Watches[len(o.Watches)-1], true
}

// Play plays a world to its end.
func Play(w *World, seed uint64) (Outcome, error) {
	s := Begin(w, w.settings(), rand.New(rand.NewPCG(seed, 1)))
	if err := s.Announce(); err != nil {
		return Outcome{}, err
	}
	return s.End()
}

// Settings gives what is configured in a world, for Begin: it may be shared by many scenes.
func (w *World) Settings() *decide.Settings { return w.settings() }
