//go:build !race

package runs_test

import (
	"flag"
	"fmt"
	"hash/fnv"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"guardian/actions"
	"guardian/decide"
	"guardian/internal/reason"
	"guardian/internal/runs"
	"guardian/internal/store"
	"guardian/watch"
)

// How many random sequences are played, and from which on.
var (
	sequences     = flag.Int("sequences", 10000, "random sequences in which nothing may go back and forth")
	firstSequence = flag.Int("first-sequence", 0, "number of the first one")
)

// happening is one thing of a sequence, after a time.
type happening struct {
	After   time.Duration
	What    string // deploy, announce, passed, failed, inconclusive, approve, reject, abort, person, crash, jump
	Service string
	Version string
	Jump    time.Duration // of the clock
	Choice  int           // among what there is to choose from
}

func (h happening) String() string {
	return strings.TrimSpace(fmt.Sprintf("+%s %s %s %s", h.After, h.What, h.Service, h.Version)) + map[bool]string{true: " " + h.Jump.String()}[h.Jump != 0]
}

// drawSequence draws deploys, most of them bad, and what people and machines do beside. In some of them
// everything fails, and each rollback is announced as a deploy: the shortest way to a loop.
func drawSequence(n int) (all []happening) {
	r := rand.New(rand.NewPCG(uint64(n), 11))
	kinds := []string{"deploy", "deploy", "deploy", "announce", "announce", "failed", "failed", "failed", "failed", "passed", "inconclusive", "approve", "approve", "reject", "abort", "person", "crash", "crash", "jump"}
	if n%4 == 0 {
		kinds = []string{"deploy", "announce", "announce", "failed", "failed", "failed", "passed", "crash", "jump"}
	}
	services := loopServices()[:1+r.IntN(3)]
	for range 6 + r.IntN(20) {
		h := happening{What: kinds[r.IntN(len(kinds))], Service: services[r.IntN(len(services))], Version: fmt.Sprintf("v%d", r.IntN(5)), Choice: r.IntN(1000)}
		switch r.IntN(4) {
		case 0:
		case 1, 2:
			h.After = time.Duration(r.IntN(600)) * time.Second
		default:
			h.After = time.Duration(r.IntN(5*3600)) * time.Second
		}
		if h.What == "jump" || h.What == "crash" && r.IntN(3) == 0 {
			h.Jump = time.Duration(r.IntN(26*3600)-4*3600) * time.Second
		}
		all = append(all, h)
	}
	return all
}

func loopServices() []string { return []string{"orders", "prices", "stock"} }

// In no order of deploys, verdicts, approvals, crashes and jumps of the clock does a guardian go back and
// forth by itself: not to the version that runs, not to one that was taken back or failed, once for each
// deploy, so often a day, not within the cool-down, and not while many services fail.
func TestNothingGoesBackAndForth_Plain(t *testing.T) {
	happened := map[string]int{}
	for n := *firstSequence; n < *firstSequence+*sequences; n++ {
		all := drawSequence(n)
		wrong, counts := playSequence(t, all)
		for what, k := range counts {
			happened[what] += k
		}
		if wrong == "" {
			continue
		}
		for i := 0; i < len(all); { // the shortest sequence that still shows it
			shorter := slices.Delete(slices.Clone(all), i, i+1)
			if w, _ := playSequence(t, shorter); w != "" {
				all, wrong = shorter, w
			} else {
				i++
			}
		}
		for _, h := range all {
			t.Log(h)
		}
		t.Fatalf("sequence %d: %s", n, wrong)
	}
	t.Log(happened)
	if *sequences < 1000 {
		return
	}
	for _, what := range []string{
		"began by itself", "began after an approval", "cured", "not_cured", "failed", "rejected", "expired", "crash in a step",
		"asked: brake", "refused: already_rolled_back", "refused: cooldown", "refused: daily_budget", "refused: no_known_good", "refused: superseded", "refused: run_in_progress", "refused: not_reversible",
	} {
		if happened[what] == 0 {
			t.Errorf("%s: this never happened; the sequences say too little", what)
		}
	}
}

// playSequence plays a sequence, and gives what went wrong and how often what happened.
func playSequence(t *testing.T, all []happening) (wrong string, counts map[string]int) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newLoopWorld(t)
		w.lead()
		for _, h := range all {
			time.Sleep(h.After)
			synctest.Wait()
			w.happens(h)
			synctest.Wait()
		}
		time.Sleep(2 * time.Hour) // what is under way ends
		w.stop()
		w.driver.Wait()
		wrong, counts = w.journal.wrong, w.journal.counts
	})
	return wrong, counts
}

func (w *loopWorld) happens(h happening) {
	switch h.What {
	case "deploy":
		w.deploy(h.Service, h.Version, h.Choice%10 != 0)
	case "announce": // the deploy tool calls the hook for a rollback, too
		w.deploy(h.Service, w.believed(h.Service), true)
	case "passed", "failed", "inconclusive":
		w.verdict(h.Service, watch.State(h.What))
	case "approve", "reject", "abort":
		for _, r := range w.journal.openRuns() {
			if r.Service == h.Service {
				by := []string{"ada", "li", "wang"}[h.Choice%3]
				_, _, _ = w.driver.Answer(w.ctx, r.ID, actions.Answer{Decision: h.What, By: by, Role: "approver"})
			}
		}
	case "person":
		_ = w.driver.Decide(func() error {
			p := decide.PersonRequest{Service: h.Service, Environment: watch.DefaultEnvironment, Person: "ada", Reason: "it looks wrong"}
			if h.Choice%2 == 0 {
				p.To = h.Version
			}
			req, err := w.decider().ByPerson(w.ctx, p, decide.Present{}, w.now())
			if err != nil {
				return nil //nolint:nilerr // there is nothing to roll back
			}
			return w.begin(req, runs.With{})
		})
	case "crash":
		w.stop()
		w.driver.Wait()
		w.offset.Add(int64(h.Jump))
		w.lead()
		// A process's own clock does not go back. That of the next one may: then nothing happens until it has
		// passed what is in the journal.
		time.Sleep(max(0, -h.Jump))
	case "jump":
		w.offset.Add(int64(h.Jump))
	}
}

// deploy announces a version as package watching does.
func (w *loopWorld) deploy(service, version string, reversible bool) {
	now := w.now()
	if version == "" {
		return
	}
	d := watch.Deploy{
		ID: w.journal.id("d_"), Service: service, Environment: watch.DefaultEnvironment, Version: version, Kind: watch.Code,
		Reversible: reversible, At: now, Announced: now,
	}
	open := w.journal.openWatches(service)
	acc, err := w.decider().Accept(w.ctx, d, open, decide.Present{}, now)
	if err != nil {
		w.t.Fatal(err)
	}
	if acc.Decision != watch.Opens {
		return
	}
	d.RollbackRun, d.GateClosed = acc.RollbackRun, acc.Closed
	opened, _, err := w.decider().Open(w.ctx, d, decide.Present{Open: open}, now)
	if err != nil {
		w.t.Fatal(err)
	}
	opened.ID = w.journal.id("w_")
	b := store.Batch{Deploys: []watch.Deploy{d}, Watches: []watch.Watch{*opened}}
	for _, old := range open {
		if slices.Contains(acc.Supersedes, old.ID) {
			ended := old.Clone()
			if ended.SupersededBy(d, now) != nil {
				b.Watches = append(b.Watches, ended)
			}
		}
	}
	w.put(b)
	w.journal.deployed(service, version)
	w.driver.RefuseOutdated(w.ctx, service, watch.DefaultEnvironment)
}

// verdict ends the open watch of a service as package watching does.
func (w *loopWorld) verdict(service string, state watch.State) {
	open, now := w.journal.openWatches(service), w.now()
	if len(open) == 0 && state == watch.Failed { // as if it had not been recorded that it fell
		open = w.journal.lastFailed(service)
	}
	if len(open) == 0 {
		return
	}
	one := open[len(open)-1].Clone()
	dep := w.journal.deployOf(one.DeployID)
	v := &watch.Verdict{State: state, Reason: reason.Text("it looks so"), At: now, Failing: []string{service}}
	if state != watch.Failed {
		back, err := w.decider().TakenBack(w.ctx, &one, dep, now)
		if err != nil {
			w.t.Fatal(err)
		}
		if back != nil {
			w.put(store.Batch{Watches: []watch.Watch{one}})
			return
		}
		v.Failing = nil
	}
	one.State, one.Ended, one.Verdict = state, now, v
	if state != watch.Failed {
		b := store.Batch{Watches: []watch.Watch{one}}
		if decide.MakesKnownGood(dep, state) {
			b.KnownGoods = []store.KnownGood{{Service: service, Environment: dep.Environment, Version: dep.Version, Kind: dep.Kind, At: now, By: one.ID}}
		}
		w.put(b)
		return
	}
	err := w.driver.Decide(func() error {
		c, err := w.decider().Verdict(w.ctx, &one, dep, v, decide.Present{}, now)
		if err != nil {
			return err
		}
		with := runs.With{Batch: store.Batch{Watches: []watch.Watch{one}}}
		if c.Request == nil || !c.Acts {
			w.put(with.Batch)
			return nil
		}
		return w.begin(*c.Request, with)
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *loopWorld) begin(req actions.Request, with runs.With) error {
	req.ID = w.journal.id("r_")
	_, err := w.driver.Begin(w.ctx, req, with)
	return err
}

func (w *loopWorld) put(b store.Batch) {
	if err := w.journal.Commit(b); err != nil {
		w.t.Fatal(err)
	}
}

// lot says by chance, always the same of one run, whether something happens to it: once in so many.
func lot(what, run string, of uint32) bool {
	h := fnv.New32a()
	_, _ = h.Write([]byte(what + run))
	return h.Sum32()%of == 0
}

// sortedKeys lists the keys of a map in order.
func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
