package decide_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"guardian/actions"
	"guardian/actions/docker"
	"guardian/decide"
	"guardian/internal/versions"
	"guardian/probes/sample"
	"guardian/watch"
)

// watched is the watch of a version of orders that was deployed some time ago and ended ten minutes
// later.
func watched(version string, before time.Duration, state watch.State, change ...func(*decide.PastWatch)) decide.PastWatch {
	w := decide.PastWatch{
		Service: "orders", Environment: production, PastDeploy: decide.PastDeploy{Deploy: "d_" + version, Version: version}, Kind: watch.Code,
		State: state, Switched: ago(before), Before: ago(before), Started: ago(before), Suspect: state == watch.Failed,
	}
	if state.Final() {
		w.Ended = ago(before - 10*time.Minute)
	}
	for _, c := range change {
		c(&w)
	}
	return w
}

func suspect(w *decide.PastWatch) { w.Suspect = true }

func judged(looks int) func(*decide.PastWatch) { return func(w *decide.PastWatch) { w.Judged = looks } }

func before(version string) func(*decide.PastWatch) {
	return func(w *decide.PastWatch) { w.Previous = version }
}

func of(kind watch.Kind) func(*decide.PastWatch) { return func(w *decide.PastWatch) { w.Kind = kind } }

// up lets both checks of orders be up every minute in a time.
func (w *world) up(from, to time.Duration) {
	for at := ago(from); at.Before(ago(to)); at = at.Add(time.Minute) {
		for _, check := range []string{"push", "read"} {
			w.past.looks[check] = append(w.past.looks[check], watch.Look{At: at, Health: sample.Up})
		}
	}
}

// ran sets what ran, oldest first, and what passed or was declared good.
func (w *world) ran(watches []decide.PastWatch, goods ...string) {
	w.past.watches, w.past.deploys, w.past.goods = nil, nil, nil
	for _, p := range watches {
		w.past.watches = append([]decide.PastWatch{p}, w.past.watches...)
		w.past.deploys = append(w.past.deploys, watch.Deploy{
			ID: p.Deploy, Service: "orders", Environment: p.Environment, Version: p.Version, PreviousVersion: p.Previous, Kind: p.Kind, Reversible: true,
			At: p.Switched, Announced: p.Started,
		})
		if p.State == watch.Passed && p.Environment == production {
			w.past.goods = append(w.past.goods, actions.KnownGood{Version: p.Version, At: p.Ended, Kind: string(p.Kind)})
		}
	}
	w.settings.Services[0].KnownGood = goods
}

// TestTheVersionToGoBackTo plays histories, oldest first; the last watch is the one that failed now.
func TestTheVersionToGoBackTo(t *testing.T) {
	day := 24 * time.Hour
	now := 10 * time.Minute
	passed := func(v string, before time.Duration, change ...func(*decide.PastWatch)) decide.PastWatch {
		return watched(v, before, watch.Passed, change...)
	}
	over := func(v string, before time.Duration, change ...func(*decide.PastWatch)) decide.PastWatch {
		return watched(v, before, watch.Superseded, change...)
	}
	bad := func(v string, change ...func(*decide.PastWatch)) decide.PastWatch {
		return watched(v, now, watch.Failed, change...)
	}
	again := func(w *decide.PastWatch) { w.Deploy = "d_again" }
	for name, c := range map[string]struct {
		ran      []decide.PastWatch
		runs     []actions.Run // newest first
		declared []string
		up       []time.Duration // from and to which all checks are up
		unasked  bool
		want     string
		asks     bool
		refused  string
	}{
		"what ran before and passed": {ran: []decide.PastWatch{passed("v1", 3*day), passed("v2", 2*day), bad("v3")}, want: "v2"},
		"what passed last is not what ran before": {
			ran: []decide.PastWatch{passed("v2", 3*day), passed("v1", 2*day, before("v2")), bad("v3")}, want: "v1",
		},
		"of two that were announced at the same moment the second ran": {
			ran: []decide.PastWatch{passed("v1", 3*day), over("v2", time.Hour, judged(50)), passed("v4", time.Hour), bad("v3")}, want: "v4",
		},
		"a release that failed is stepped over": {
			ran: []decide.PastWatch{passed("v1", 3*day), watched("v2", day, watch.Failed), bad("v3")}, want: "v1",
		},
		"a release that was superseded with evidence against it is stepped over": {
			ran: []decide.PastWatch{passed("v1", 3*day), over("v2", time.Hour, suspect, judged(50)), bad("v3")}, want: "v1",
		},
		"one of which little was seen is, too": {
			ran: []decide.PastWatch{passed("v1", 3*day), over("v2", 12*time.Minute, judged(2)), bad("v3")}, want: "v1",
		},
		"one that ran healthy is gone back to by a person": {
			ran: []decide.PastWatch{passed("v1", 3*day), over("v2", day, judged(50)), bad("v3")}, want: "v2", asks: true,
		},
		"one that ran healthy after its watch is": {
			ran: []decide.PastWatch{passed("v1", 3*day), watched("v2", day, watch.Inconclusive), bad("v3")}, up: []time.Duration{2 * time.Hour, now}, want: "v2", asks: true,
		},
		"or without a person, when the service says so": {
			ran: []decide.PastWatch{passed("v1", 3*day), over("v2", day, judged(50)), bad("v3")}, unasked: true, want: "v2",
		},
		"one of which it is not known whether it ran is stepped over": {
			ran: []decide.PastWatch{passed("v1", 3*day), over("v2", day, judged(50), func(w *decide.PastWatch) { w.Unsure = true }), bad("v3")}, want: "v1",
		},
		"what a rollback put back ran before": {
			ran:  []decide.PastWatch{passed("v1", 3*day), watched("v2", day, watch.Failed), bad("v3")},
			runs: []actions.Run{rolledBack("v2", "v1", 23*time.Hour, actions.Cured)}, want: "v1",
		},
		"what was taken back is not gone back to, however good once": {
			ran:  []decide.PastWatch{passed("v1", 3*day), passed("v2", 2*day), bad("v3")},
			runs: []actions.Run{rolledBack("v2", "v1", 23*time.Hour, actions.Cured)}, want: "v1",
		},
		"without a cure, too": {
			ran:  []decide.PastWatch{passed("v1", 3*day), passed("v2", 2*day), bad("v3")},
			runs: []actions.Run{rolledBack("v2", "v1", 23*time.Hour, actions.NotCured)}, want: "v1",
		},
		"unless it passed since": {
			ran:  []decide.PastWatch{passed("v1", 3*day), passed("v2", 20*time.Hour), bad("v3")},
			runs: []actions.Run{rolledBack("v2", "v1", 23*time.Hour, actions.Cured)}, want: "v2",
		},
		"what the configuration declares is no better when it was taken back": {
			ran:  []decide.PastWatch{over("v2", 2*day), bad("v3")},
			runs: []actions.Run{rolledBack("v2", "v1", 23*time.Hour, actions.Cured)}, declared: []string{"v2"}, refused: "no_known_good",
		},
		"what people took back by deploying the version before again": {
			ran: []decide.PastWatch{passed("v1", 4*day), passed("v2", 3*day), over("v1", day, suspect), bad("v3")}, refused: "no_known_good",
		},
		"trying a version again that was taken back does not take back what was in its place": {
			ran:  []decide.PastWatch{watched("v2", time.Hour, watch.Failed), watched("v2", now, watch.Failed, again)},
			runs: []actions.Run{rolledBack("v2", "v1", 45*time.Minute, actions.Cured)}, declared: []string{"v1"}, want: "v1",
		},
		"nor when it names the version before": {
			ran:  []decide.PastWatch{watched("v2", time.Hour, watch.Failed, before("v1")), watched("v2", now, watch.Failed, again, before("v1"))},
			runs: []actions.Run{rolledBack("v2", "v1", 45*time.Minute, actions.Cured)}, declared: []string{"v1"}, want: "v1",
		},
		"nor when a person took it back before it failed": {
			ran:  []decide.PastWatch{over("v2", time.Hour), watched("v2", now, watch.Failed, again)},
			runs: []actions.Run{rolledBack("v2", "v1", 45*time.Minute, actions.NotCured)}, declared: []string{"v1"}, want: "v1",
		},
		"nor one that failed, after its fix": {
			ran: []decide.PastWatch{watched("v2", 3*day, watch.Failed), passed("v3", day), watched("v2", now, watch.Failed, again)}, want: "v3",
		},
		"going back over a release that passed is a person's question": {
			ran: []decide.PastWatch{passed("v1", 4*day), passed("v2", 3*day), watched("v2", day, watch.Failed), bad("v3")}, want: "v1", asks: true,
		},
		"never to another environment's": {
			ran: []decide.PastWatch{passed("v9", 2*day, func(w *decide.PastWatch) { w.Environment = "staging" }), bad("v3")}, declared: []string{"v1"}, want: "v1",
		},
		"never to an operation": {
			ran: []decide.PastWatch{passed("v2", 2*day), passed("promo-1111", day, of(watch.Operation)), bad("v3")}, want: "v2",
		},
		"never code to a configuration": {
			ran: []decide.PastWatch{passed("v2", 2*day), passed("cfg-7", day, of(watch.Config)), bad("v3")}, want: "v2",
		},
		"a configuration to the one before": {
			ran: []decide.PastWatch{passed("cfg-7", 2*day, of(watch.Config)), passed("v2", day), bad("cfg-8", of(watch.Config))}, want: "cfg-7",
		},
		"what the announcement names as the version before": {
			ran: []decide.PastWatch{bad("v3", before("v2"))}, up: []time.Duration{2 * time.Hour, now}, want: "v2", asks: true,
		},
		"but not when it was not healthy": {ran: []decide.PastWatch{bad("v3", before("v2"))}, refused: "no_known_good"},
		// It was v1 that was seen healthy, as far as is known: nothing was ever seen of v2.
		"not before what was announced earlier, when it was never seen": {
			ran: []decide.PastWatch{passed("v1", 3*day), bad("v3", before("v2"))}, up: []time.Duration{2 * time.Hour, now}, want: "v1",
		},
		"nor when its watch saw little": {
			ran: []decide.PastWatch{over("v2", 4*day, judged(2)), passed("v1", 3*day), bad("v3", before("v2"))}, up: []time.Duration{2 * time.Hour, now}, want: "v1",
		},
		"before what was announced earlier, when it was watched long enough": {
			ran: []decide.PastWatch{over("v2", 4*day, judged(50)), passed("v1", 3*day), bad("v3", before("v2"))}, want: "v2", asks: true,
		},
		"a first deploy with a declared version before": {ran: []decide.PastWatch{bad("v3", before("v2"))}, declared: []string{"v2"}, want: "v2"},
		"the same version in another spelling is the same": {
			ran: []decide.PastWatch{passed("v1", 3*day), passed("3.0.0", day), bad("v3.0.0")}, want: "v1",
		},
		"and is good in any spelling": {
			ran: []decide.PastWatch{over("1.0.0", 3*day), bad("v3")}, declared: []string{"v1.0.0"}, want: "1.0.0",
		},
		"and is taken back in any": {
			ran:  []decide.PastWatch{passed("v1", 3*day), passed("v2.0.0", 2*day), bad("v3")},
			runs: []actions.Run{rolledBack("2.0.0", "v1", 23*time.Hour, actions.Cured)}, want: "v1",
		},
		"nothing ran before": {ran: []decide.PastWatch{bad("v3")}, refused: "no_known_good"},
	} {
		t.Run(name, func(t *testing.T) {
			world := newWorld()
			world.ran(c.ran, c.declared...)
			world.past.runs = c.runs
			world.settings.Services[0].RollbackUnasked = c.unasked
			if c.up != nil {
				world.up(c.up[0], c.up[1])
			}
			last := len(world.past.deploys) - 1
			w, v := failed(watch.Auto)
			got, err := world.decider().Verdict(t.Context(), w, world.past.deploys[last], v, world.present, noon())
			if err != nil {
				t.Fatal(err)
			}
			var asks []string
			for _, r := range got.Request.Refusals {
				if r.Detail.String() == "" {
					t.Errorf("%s does not say why", r.Code)
				}
				asks = append(asks, string(r.Code))
			}
			switch {
			case c.refused != "":
				if !slices.Contains(asks, c.refused) {
					t.Errorf("it goes back to %q, refused by %v; want %s", got.Request.To, asks, c.refused)
				}
			case got.Request.To != c.want || slices.Contains(asks, "unproven_target") != c.asks || !c.asks && len(asks) > 0:
				t.Errorf("it goes back to %q, said %v; want %q, a question: %v", got.Request.To, asks, c.want, c.asks)
			}
		})
	}
}

// TestAnOperationIsUndoneWithoutAVersion by a runbook of its own.
func TestAnOperationIsUndoneWithoutAVersion(t *testing.T) {
	world := newWorld()
	world.settings.Services[0].Undo = "restart"
	world.ran([]decide.PastWatch{watched("v2", 48*time.Hour, watch.Passed), watched("promo-1111", 10*time.Minute, watch.Failed, of(watch.Operation))})
	w, v := failed(watch.Auto)
	w.Kind = watch.Operation
	dep := world.past.deploys[1]
	got, err := world.decider().Verdict(t.Context(), w, dep, v, world.present, noon())
	if err != nil || got.Request == nil {
		t.Fatal(got, err)
	}
	if r := got.Request; r.Runbook != "restart" || r.To != "" || r.From != "promo-1111" || len(r.Refusals) > 0 || !got.Acts {
		t.Errorf("%+v", r)
	}
	dep.Reversible = false
	if got, err = world.decider().Verdict(t.Context(), w, dep, v, world.present, noon()); err != nil || !slices.Equal(codes(got.Request.Refusals), []string{"not_reversible"}) {
		t.Errorf("an operation that cannot be undone: %v, %v", codes(got.Request.Refusals), err)
	}
	world.settings.Services[0].Undo = ""
	if got, err = world.decider().Verdict(t.Context(), w, dep, v, world.present, noon()); err != nil || got.Request != nil {
		t.Errorf("the runbook of code undoes an operation: %+v, %v", got.Request, err)
	}
	if current, err := world.decider().CurrentVersion(t.Context(), "orders", production); current != "v2" || err != nil {
		t.Errorf("what runs is %q, %v", current, err)
	}
	if goods, err := world.decider().KnownGoods(t.Context(), "orders", production, noon()); err != nil || !slices.Equal(goods, []string{"v2"}) {
		t.Errorf("known good: %v, %v", goods, err)
	}
}

func TestAPassedOperationIsNoKnownGoodVersion(t *testing.T) {
	for kind, want := range map[watch.Kind]bool{"": true, watch.Code: true, watch.Config: true, watch.Operation: false} {
		if got := decide.MakesKnownGood(watch.Deploy{Kind: kind}, watch.Passed); got != want {
			t.Errorf("%s: %v", kind, got)
		}
	}
}

// TestTheHookSaysWhatCannotWork: whoever announces a version learns that no runbook could put it
// back.
func TestTheHookSaysWhatCannotWork(t *testing.T) {
	world := newWorld()
	book := &actions.RunbookSettings{Name: "back", Steps: []actions.StepSettings{{Kind: "docker", Settings: &docker.Settings{Image: "shop:{{.To}}"}}}}
	world.settings.Runbooks["back"] = decide.Runbook{Misfit: book.Misfit}
	for version, want := range map[string]int{"v3": 0, "v3+7": 1} {
		d := deploy(version, 0)
		a, err := world.decider().Accept(t.Context(), d, nil, world.present, noon())
		if err != nil || len(a.Warnings) != want {
			t.Errorf("%s: %v, %v", version, a.Warnings, err)
		}
	}
}

// TestTheHookSaysThatAnotherVersionRan: who announces a version before that did not run, as far as is
// known, learns that.
func TestTheHookSaysThatAnotherVersionRan(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*world, *watch.Deploy)
		want   int
	}{
		"it did":                     {func(_ *world, d *watch.Deploy) { d.PreviousVersion = "2" }, 0},
		"another one did":            {func(_ *world, d *watch.Deploy) { d.PreviousVersion = "v0.9" }, 1},
		"nothing is said":            {func(*world, *watch.Deploy) {}, 0},
		"nothing is known":           {func(w *world, d *watch.Deploy) { w.past.deploys, d.PreviousVersion = nil, "v0.9" }, 0},
		"the same version once more": {func(_ *world, d *watch.Deploy) { d.Version, d.PreviousVersion = "v2", "v1" }, 0},
		"an operation":               {func(_ *world, d *watch.Deploy) { d.Kind, d.PreviousVersion = watch.Operation, "v0.9" }, 0},
		"what a rollback put back": {func(w *world, d *watch.Deploy) {
			w.past.runs, d.PreviousVersion = []actions.Run{rolledBack("v2", "v1", time.Minute, actions.Cured)}, "v1"
		}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			world := newWorld()
			d := deploy("v3", 0)
			c.change(world, &d)
			if a, err := world.decider().Accept(t.Context(), d, nil, world.present, noon()); err != nil || len(a.Warnings) != c.want {
				t.Errorf("%v, %v; want %d", a.Warnings, err, c.want)
			}
		})
	}
}

// TestWhereARollbackNeverGoes: for any history the version that is put back is not the one that is
// bad, was not taken back since it passed last, and ran in this environment.
func TestWhereARollbackNeverGoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		world := newWorld()
		world.settings.Services[0].RollbackUnasked = rapid.Bool().Draw(t, "unasked")
		names := []string{"v1", "1", "v2", "v3+7", "3_7", "v4"}
		version := rapid.SampledFrom(names)
		var ran []decide.PastWatch
		var runs []actions.Run
		passed, taken, here := map[string]time.Time{}, map[string]time.Time{}, map[string]bool{}
		n := rapid.IntRange(1, 12).Draw(t, "events")
		for i := range n {
			before := time.Duration(n-i+1) * time.Hour
			if i > 0 && rapid.IntRange(0, 3).Draw(t, "rollback") == 0 {
				from, to := version.Draw(t, "from"), version.Draw(t, "to")
				state := rapid.SampledFrom([]actions.State{actions.Cured, actions.NotCured, actions.Worse, actions.Rejected, actions.Refused}).Draw(t, "state")
				r := rolledBack(from, to, before, state)
				r.ID = fmt.Sprintf("r_%d", i)
				if state == actions.Rejected || state == actions.Refused {
					r.Started = time.Time{}
				} else if !versions.Same(from, to) {
					taken[versions.Key(from)], here[versions.Key(to)] = r.Ended, true
				}
				runs = append([]actions.Run{r}, runs...)
				continue
			}
			w := watched(version.Draw(t, "version"), before, rapid.SampledFrom([]watch.State{watch.Passed, watch.Failed, watch.Superseded, watch.Inconclusive, watch.Cancelled}).Draw(t, "state"))
			w.Deploy = fmt.Sprintf("d_%d", i)
			w.Suspect = w.State == watch.Failed || w.State != watch.Passed && rapid.Bool().Draw(t, "suspect")
			w.Judged = rapid.IntRange(0, 30).Draw(t, "judged")
			w.Kind = rapid.SampledFrom([]watch.Kind{watch.Code, watch.Code, watch.Code, watch.Operation}).Draw(t, "kind")
			if rapid.IntRange(0, 4).Draw(t, "elsewhere") == 0 {
				w.Environment = "staging"
			}
			if rapid.Bool().Draw(t, "names the version before") {
				w.Previous = version.Draw(t, "previous")
			}
			if w.Environment == production && w.Kind == watch.Code {
				here[versions.Key(w.Version)] = true
				if w.Previous != "" {
					here[versions.Key(w.Previous)] = true
				}
				if w.State == watch.Passed {
					passed[versions.Key(w.Version)] = w.Ended
				}
			}
			ran = append(ran, w)
		}
		bad := watched("v5", 10*time.Minute, watch.Failed)
		if rapid.Bool().Draw(t, "a version again") {
			bad.Version = version.Draw(t, "bad")
		}
		world.ran(append(ran, bad))
		world.past.runs = runs
		w, v := failed(watch.Auto)
		got, err := world.decider().Verdict(t.Context(), w, world.past.deploys[len(world.past.deploys)-1], v, world.present, noon())
		if err != nil {
			t.Fatal(err)
		}
		to := got.Request.To
		if to == "" {
			return
		}
		k := versions.Key(to)
		switch {
		case versions.Same(to, bad.Version):
			t.Fatalf("it goes back to %s from itself", to)
		case !here[k]:
			t.Fatalf("it goes back to %s, which never ran here", to)
		case taken[k].After(passed[k]):
			t.Fatalf("it goes back to %s, which was taken back at %s and passed last at %s", to, taken[k], passed[k])
		}
	})
}

// TestABadVersionWasInPlaceUntilItWasTakenBack, although the announcement of the rollback comes after
// it and its switch, which is only estimated, may lie before it.
func TestABadVersionWasInPlaceUntilItWasTakenBack(t *testing.T) {
	world := newWorld()
	world.ran([]decide.PastWatch{
		watched("v1", 48*time.Hour, watch.Passed), watched("v2", time.Hour, watch.Failed),
		watched("v1", 40*time.Minute, watch.Superseded, func(w *decide.PastWatch) { w.Deploy, w.Switched = "d_1", ago(59*time.Minute) }),
	})
	world.past.runs = []actions.Run{rolledBack("v2", "v1", 41*time.Minute, actions.Cured)}
	bad, err := world.decider().BadPeriods(t.Context(), "orders", ago(24*time.Hour), noon())
	if err != nil || !slices.Contains(bad, decide.Span{From: ago(time.Hour), To: ago(41 * time.Minute)}) {
		t.Errorf("%v, %v", bad, err)
	}
}
