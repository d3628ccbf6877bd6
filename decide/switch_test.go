package decide_test

import (
	"testing"
	"time"

	"guardian/actions"
	"guardian/decide"
	"guardian/probes/sample"
	"guardian/rules"
	"guardian/watch"
)

// every is how often the check of these tests looks.
const every = 10 * time.Second

// seenBy makes the looks of four hours until noon; down tells how long before noon it failed.
func seenBy(down func(before time.Duration) bool) []watch.Look {
	var looks []watch.Look
	for before := 4 * time.Hour; before > 0; before -= every {
		h := sample.Up
		if down(before) {
			h = sample.Down
		}
		looks = append(looks, watch.Look{At: ago(before), Health: h, Took: 50 * time.Millisecond})
	}
	return looks
}

// since tells that a check failed from so long before noon on.
func since(began time.Duration) func(time.Duration) bool {
	return func(before time.Duration) bool { return before <= began }
}

func always(time.Duration) bool { return true }
func never(time.Duration) bool  { return false }

// lateWorld is a service with one check at a shop of Shopee, announced at noon without a time.
func lateWorld(down func(time.Duration) bool) *world {
	w := newWorld()
	w.past.deploys, w.past.runs = nil, nil
	w.settings.Checks = []decide.Check{{
		CheckPolicy: watch.CheckPolicy{Check: "push", Every: every, Path: "default", Kind: "http", Labels: map[string]string{"marketplace": "shopee", "shop": "sg"}},
		Service:     "orders", Judges: true, BlindAfter: time.Minute,
	}}
	w.past.looks["push"] = seenBy(down)
	w.present.Health = map[string]sample.Health{"push": w.past.looks["push"][len(w.past.looks["push"])-1].Health}
	return w
}

// another adds a check that the deploy does not reach, and how it failed.
func (w *world) another(c decide.Check, down func(time.Duration) bool) {
	c.Every = every
	w.settings.Checks = append(w.settings.Checks, c)
	w.past.looks[c.Check] = seenBy(down)
}

// TestWhereBeforeEnds: a hook comes after the switch, and what began to fail shortly before it
// is neither an excuse nor what is normal.
func TestWhereBeforeEnds(t *testing.T) {
	bad := func(state watch.State, switched, ended time.Duration, suspect bool) decide.PastWatch {
		p := decide.PastWatch{
			Service: "orders", Environment: production, PastDeploy: decide.PastDeploy{Deploy: "d_1", Version: "v2"}, State: state,
			Switched: ago(switched), Before: ago(switched), Started: ago(switched), Suspect: suspect,
		}
		if state.Final() {
			p.Ended = ago(ended)
		}
		return p
	}
	for name, c := range map[string]struct {
		down   func(time.Duration) bool
		change func(*world, *watch.Deploy)

		before    time.Duration // before noon
		by        watch.SwitchBy
		from      time.Duration // before noon
		excuse    watch.Excuse
		recoverBy time.Duration // after noon
		doubt     string
	}{
		"nothing fails: the hook":                             {down: never, by: watch.ByHook},
		"the last look failed, as the first of a new version": {down: since(every), before: every, by: watch.ByOnset},
		"a minute of failures is this deploy's":               {down: since(time.Minute), before: time.Minute, by: watch.ByOnset},
		"five minutes are too, and a person is asked":         {down: since(5 * time.Minute), before: 5 * time.Minute, by: watch.ByOnset, doubt: "began_before_hook"},
		"what failed for longer than a hook may be late was there before": {
			down: since(11 * time.Minute), by: watch.ByHook, excuse: watch.ExcusedRed,
		},
		"so was what failed always": {down: always, by: watch.ByHook, excuse: watch.ExcusedRed},
		"one look of three fails, the last one did not": {
			down:   func(b time.Duration) bool { return b <= 2*time.Minute && (b/every)%3 == 0 },
			before: 2 * time.Minute, by: watch.ByOnset,
		},
		"little history, and bursts in it": {
			down: func(b time.Duration) bool { return (b/every)%30 < 4 }, by: watch.ByOnset, before: 3 * every,
			change: func(w *world, _ *watch.Deploy) {
				w.past.looks["push"] = w.past.looks["push"][len(w.past.looks["push"])-100:]
			},
		},
		"a single failure some looks ago is chance": {down: func(b time.Duration) bool { return b == 5*every }, by: watch.ByHook},
		"a check that often fails alone is not excused for failing at the hook": {
			down:   func(b time.Duration) bool { return b == every || (b/every)%20 == 7 },
			before: every, by: watch.ByOnset,
		},
		"stretches that begin of themselves are doubtful": {
			down: func(b time.Duration) bool {
				return b <= time.Minute || b%(30*time.Minute) <= 3*every && b > 20*time.Minute
			},
			before: time.Minute, by: watch.ByOnset, doubt: "begins_often",
		},
		"the caller says when": {down: since(time.Minute), before: time.Minute, by: watch.ByCaller, from: time.Minute, change: func(_ *world, d *watch.Deploy) {
			d.At = ago(time.Minute)
		}},
		"it went down for its restart before the caller's time": {
			down: since(time.Minute), before: time.Minute, by: watch.ByCaller, from: 30 * time.Second,
			change: func(_ *world, d *watch.Deploy) { d.At = ago(30 * time.Second) },
		},
		"the version tells when, and whose it is": {
			down: since(5 * time.Minute), before: 5 * time.Minute, by: watch.ByVersion, from: 4 * time.Minute,
			change: func(w *world, _ *watch.Deploy) {
				w.present.Answered = map[string][]watch.Answered{"push": {
					{Version: "v1", First: ago(4 * time.Hour), Last: ago(6 * time.Minute)}, {Version: "v2", First: ago(4 * time.Minute), Last: ago(every)},
				}}
			},
		},
		"its container tells when": {
			down: since(5 * time.Minute), before: 5 * time.Minute, by: watch.ByTarget, from: 4 * time.Minute, doubt: "began_before_hook",
			change: func(w *world, _ *watch.Deploy) { w.present.RunsSince = ago(4 * time.Minute) },
		},
		"a container that runs for long tells nothing": {
			down: never, by: watch.ByHook, change: func(w *world, _ *watch.Deploy) { w.present.RunsSince = ago(time.Hour) },
		},
		"a version that was there all along is deployed again": {
			down: never, by: watch.ByHook,
			change: func(w *world, _ *watch.Deploy) {
				w.present.Answered = map[string][]watch.Answered{"push": {{Version: "v2", First: ago(5 * time.Minute), Last: ago(every)}}}
			},
		},
		"the control of its network failed too": {
			down: since(time.Minute), by: watch.ByHook, excuse: watch.ExcusedElsewhere,
			change: func(w *world, _ *watch.Deploy) {
				w.another(decide.Check{CheckPolicy: watch.CheckPolicy{Check: "control", Path: "default"}, Service: "net", Control: true}, since(time.Minute))
			},
		},
		"a shop without the deploy failed too": {
			down: since(time.Minute), by: watch.ByHook, excuse: watch.ExcusedElsewhere,
			change: func(w *world, d *watch.Deploy) {
				d.Shops = []string{"sg"}
				w.another(decide.Check{CheckPolicy: watch.CheckPolicy{Check: "my", Kind: "http", Labels: map[string]string{"marketplace": "shopee", "shop": "my"}}, Service: "orders", Judges: true}, since(80*time.Second))
			},
		},
		"another service on the marketplace failed too": {
			down: since(time.Minute), by: watch.ByHook, excuse: watch.ExcusedElsewhere,
			change: func(w *world, _ *watch.Deploy) {
				w.another(decide.Check{CheckPolicy: watch.CheckPolicy{Check: "price", Labels: map[string]string{"marketplace": "Shopee"}}, Service: "prices", Judges: true}, since(40*time.Second))
			},
		},
		"another marketplace has nothing to do with it": {
			down: since(time.Minute), before: time.Minute, by: watch.ByOnset,
			change: func(w *world, _ *watch.Deploy) {
				w.another(decide.Check{CheckPolicy: watch.CheckPolicy{Check: "price", Labels: map[string]string{"marketplace": "lazada"}}, Service: "prices", Judges: true}, since(time.Minute))
			},
		},
		"the version before failed, nobody took it back, and this is its fix": {
			down: since(30 * time.Minute), before: 30 * time.Minute, by: watch.ByHook, excuse: watch.ExcusedInherited, recoverBy: 2 * time.Minute,
			change: func(w *world, _ *watch.Deploy) {
				w.past.watches = []decide.PastWatch{bad(watch.Failed, 30*time.Minute, 28*time.Minute, true)}
			},
		},
		"the version before is undecided with evidence against it": {
			down: since(time.Minute), before: time.Minute, by: watch.ByHook, excuse: watch.ExcusedInherited, recoverBy: 2 * time.Minute,
			change: func(w *world, _ *watch.Deploy) {
				w.past.watches = []decide.PastWatch{bad(watch.Superseded, time.Minute, 0, true)}
			},
		},
		"an undecided one without evidence ends before too": {
			down: never, before: 3 * time.Minute, by: watch.ByHook,
			change: func(w *world, _ *watch.Deploy) {
				w.past.watches = []decide.PastWatch{bad(watch.Watching, 3*time.Minute, 0, false)}
			},
		},
		"one that failed and was taken back is over": {
			down: since(time.Minute), before: time.Minute, by: watch.ByOnset,
			change: func(w *world, _ *watch.Deploy) {
				w.past.watches = []decide.PastWatch{bad(watch.Failed, 60*time.Minute, 58*time.Minute, true)}
				r := rolledBack("v2", "v1", 50*time.Minute, actions.Cured)
				r.Trigger.Deploy = "d_1"
				w.past.runs = []actions.Run{r}
			},
		},
		"what a rollback has just cured is not this deploy's": {
			down: func(b time.Duration) bool { return b <= 3*time.Minute && b > 50*time.Second }, by: watch.ByHook,
			change: func(w *world, _ *watch.Deploy) {
				w.past.watches = []decide.PastWatch{bad(watch.Failed, 3*time.Minute, 2*time.Minute, true)}
				r := rolledBack("v2", "v1", 30*time.Second, actions.Cured)
				r.Trigger.Deploy, r.Steps = "d_1", []actions.StepRun{{Ended: ago(50 * time.Second)}}
				w.past.runs = []actions.Run{r}
			},
		},
		"a version that was taken back is deployed again": {
			down: never, by: watch.ByVersion, before: 3 * time.Minute, from: 30 * time.Second,
			change: func(w *world, d *watch.Deploy) {
				w.past.watches = []decide.PastWatch{bad(watch.Failed, 3*time.Minute, 2*time.Minute, true)}
				r := rolledBack("v2", "v1", 30*time.Second, actions.Cured)
				r.Trigger.Deploy, r.Steps = "d_1", []actions.StepRun{{Ended: ago(50 * time.Second)}}
				w.past.runs = []actions.Run{r}
				w.present.Answered = map[string][]watch.Answered{"push": {
					{Version: "v1", First: ago(4 * time.Hour), Last: ago(40 * time.Second)}, {Version: "v2", First: ago(3 * time.Minute), Again: ago(30 * time.Second), Last: ago(every)},
				}}
			},
		},
		"a version that runs is deployed again: what it answered before is of the deploy before": {
			down: never, by: watch.ByHook, before: 0,
			change: func(w *world, d *watch.Deploy) {
				d.Version = "v2"
				passed := bad(watch.Passed, 5*time.Minute, 2*time.Minute, false)
				passed.Started = ago(4 * time.Minute)
				w.past.watches = []decide.PastWatch{passed}
				w.present.Answered = map[string][]watch.Answered{"push": {
					{Version: "v1", First: ago(4 * time.Hour), Last: ago(5 * time.Minute)}, {Version: "v2", First: ago(5 * time.Minute), Last: ago(every)},
				}}
			},
		},
		"the version that a rollback put back is announced: what failed between is not this deploy's": {
			down: func(before time.Duration) bool { return before < 2*time.Minute && before > time.Minute }, by: watch.ByHook, before: 0,
			change: func(w *world, d *watch.Deploy) {
				d.Version = "v2"
				failed := bad(watch.Failed, 6*time.Minute, 5*time.Minute, true)
				failed.Version, failed.Deploy = "v3", "d_3"
				w.past.watches = []decide.PastWatch{failed}
				r := rolledBack("v3", "v2", 4*time.Minute, actions.Cured)
				r.Trigger.Deploy, r.Steps = "d_3", []actions.StepRun{{Ended: ago(4 * time.Minute)}}
				w.past.runs = []actions.Run{r}
				w.present.Answered = map[string][]watch.Answered{"push": {
					{Version: "v1", First: ago(2 * time.Hour), Last: ago(time.Hour)}, {Version: "v2", First: ago(time.Hour), Again: ago(3*time.Minute + 50*time.Second), Last: ago(every)}, {Version: "v3", First: ago(6 * time.Minute), Last: ago(4*time.Minute + every)},
				}}
			},
		},
		"what began under the version before is not this deploy's": {
			down: since(2 * time.Minute), by: watch.ByHook, before: 3 * time.Minute, excuse: watch.ExcusedRed,
			change: func(w *world, _ *watch.Deploy) {
				b := bad(watch.Watching, 3*time.Minute, 0, false)
				b.Started = ago(time.Minute)
				w.past.watches = []decide.PastWatch{b}
			},
		},
		"a promotion meanwhile is no version of the code": {
			down: since(2 * time.Minute), before: 2 * time.Minute, by: watch.ByOnset,
			change: func(w *world, d *watch.Deploy) {
				d.Kind = watch.Code
				promo := bad(watch.Passed, time.Minute, 30*time.Second, false)
				promo.Kind, promo.Version = watch.Operation, "promo-1111"
				w.past.watches = []decide.PastWatch{promo}
			},
		},
		"while the rollback of the version before is verified it is taken back": {
			down: func(b time.Duration) bool { return b <= 3*time.Minute && b > 50*time.Second }, before: 3 * time.Minute, by: watch.ByHook,
			change: func(w *world, _ *watch.Deploy) {
				w.past.watches = []decide.PastWatch{bad(watch.Failed, 3*time.Minute, 2*time.Minute, true)}
				r := rolledBack("v2", "v1", 0, actions.Verifying)
				r.Trigger.Deploy, r.Created, r.Steps = "d_1", ago(2*time.Minute), []actions.StepRun{{State: actions.StepDone, Ended: ago(50 * time.Second)}}
				w.past.runs = []actions.Run{r}
			},
		},
		"a rule of another environment is none of it": {
			down: never, by: watch.ByHook,
			change: func(w *world, _ *watch.Deploy) {
				al := alert("orders")
				al.FailsWatch, al.ActiveAt = true, ago(time.Minute)
				al.Labels["environment"] = "staging"
				w.present.Alerts = []rules.Alert{al}
			},
		},
		"a rule that the version broke began before the hook": {
			down: never, before: time.Minute, by: watch.ByOnset,
			change: func(w *world, _ *watch.Deploy) {
				al := alert("orders")
				al.FailsWatch, al.ActiveAt, al.State = true, ago(time.Minute), rules.Pending
				w.present.Alerts = []rules.Alert{al}
			},
		},
		"a rule that fires for long is none of it": {
			down: never, by: watch.ByHook,
			change: func(w *world, _ *watch.Deploy) {
				al := alert("orders")
				al.FailsWatch, al.ActiveAt = true, ago(time.Hour)
				w.present.Alerts = []rules.Alert{al}
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := lateWorld(c.down)
			d := watch.Deploy{ID: "d_next", Service: "orders", Environment: production, Version: "v3"}
			if c.by == watch.ByVersion {
				d.Version = "v2"
			}
			if c.change != nil {
				c.change(w, &d)
			}
			got, problems, err := w.decider().Open(t.Context(), d, w.present, noon())
			if err != nil || len(problems) > 0 {
				t.Fatal(err, problems)
			}
			if !got.BeforeEnds().Equal(ago(c.before)) || got.Begin.Switch.By != c.by || !got.From.Equal(ago(c.from)) {
				t.Errorf("before ends at %s, switched by %s, judged from %s; want %s, %s, %s",
					got.BeforeEnds(), got.Begin.Switch.By, got.From, ago(c.before), c.by, ago(c.from))
			}
			if got.Checks[0].Excused != c.excuse {
				t.Errorf("its excuse is %q, want %q", got.Checks[0].Excused, c.excuse)
			}
			if got.Begin.Doubt.Code != c.doubt {
				t.Errorf("its doubt is %q, want %q", got.Begin.Doubt.Code, c.doubt)
			}
			var recoverBy time.Time
			if c.recoverBy > 0 {
				recoverBy = noon().Add(c.recoverBy)
			}
			if !got.Begin.RecoverBy.Equal(recoverBy) {
				t.Errorf("what it inherits counts from %s, want %s", got.Begin.RecoverBy, recoverBy)
			}
			if n := got.Snapshot.Before["push"]; c.excuse == "" && c.down(30*every) == false && n.Failures > 0 && c.doubt == "" && n.Failures == n.Looks {
				t.Errorf("what failed is taken for normal: %+v", n)
			}
		})
	}
}

// TestAControlThatJustFailedIsAControlStill: what began seconds before the hook may not show in the service's checks
// yet. Then the control tells that what they see is not the deploy's.
func TestAControlThatJustFailedIsAControlStill(t *testing.T) {
	for failed, want := range map[time.Duration]int{0: 1, every: 1, time.Hour: 0} {
		w := lateWorld(never)
		w.another(decide.Check{CheckPolicy: watch.CheckPolicy{Check: "control", Path: "default"}, Service: "net", Control: true}, since(failed))
		w.present.Health["control"] = sample.Up
		if failed > 0 {
			w.present.Health["control"] = sample.Down
		}
		got, problems, err := w.decider().Open(t.Context(), watch.Deploy{ID: "d_next", Service: "orders", Environment: production, Version: "v3"}, w.present, noon())
		if err != nil || len(problems) > 0 {
			t.Fatal(err, problems)
		}
		if n := len(got.Targets); n != want {
			t.Errorf("a control that has failed for %s: %d controls, want %d", failed, n, want)
		}
	}
}
