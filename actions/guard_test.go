package actions_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"guardian/actions"
	"guardian/actions/exec"
	"guardian/actions/webhook"
	"guardian/internal/reason"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func at(d time.Duration) time.Time { return noon.Add(d) }

// clean are facts that no guard has anything against.
func clean() actions.Facts {
	return actions.Facts{
		Service: "order-sync", Environment: "production", Runbook: "back", Trigger: actions.ByVerdict, Rollback: true,
		From: "v2", To: "v1", Current: "v2", Deploy: "d_2", Reversible: true,
		KnownGood: []actions.KnownGood{{Version: "v1", At: at(-48 * time.Hour)}},
		Cooldown:  30 * time.Minute, MaxRunsPerDay: 3,
		Brake: actions.BrakeLimit{MaxFailingServices: 3, Within: 10 * time.Minute},
	}
}

func past(id string, created time.Duration, change func(*actions.Run)) actions.Run {
	r := actions.Run{
		ID: id, Runbook: "back", Rollback: true, State: actions.Cured,
		Trigger: actions.Trigger{Kind: actions.ByVerdict, Deploy: "d_0"},
		Created: at(created), Started: at(created), Ended: at(created + time.Minute),
	}
	if change != nil {
		change(&r)
	}
	return r
}

func TestGuard(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*actions.Facts)
		want   []actions.Code
	}{
		"a failed verdict with a known good version may roll back": {func(*actions.Facts) {}, nil},
		"with no version to go back to it may not":                 {func(f *actions.Facts) { f.To = ""; f.KnownGood = nil }, []actions.Code{actions.NoKnownGood}},
		"not to a version that nobody knows":                       {func(f *actions.Facts) { f.To = "v0" }, []actions.Code{actions.NotKnownGood}},
		"a person may choose such a version by saying anyway": {func(f *actions.Facts) {
			f.To, f.Trigger, f.Override, f.Named = "v0", actions.ByPerson, true, true
		}, nil},
		"but not without naming it": {func(f *actions.Facts) {
			f.To, f.Trigger, f.Override = "v0", actions.ByPerson, true
		}, []actions.Code{actions.NotKnownGood}},
		"a person overrides what a person may": {func(f *actions.Facts) {
			f.Trigger, f.Override, f.Reversible, f.Current = actions.ByPerson, true, false, "v3"
			f.Runs = []actions.Run{past("r_1", -20*time.Minute, nil)}
		}, nil},
		"not to the same version, whoever says so": {func(f *actions.Facts) {
			f.To, f.Trigger, f.Override = "v2", actions.ByPerson, true
		}, []actions.Code{actions.SameVersion}},
		"one automatic rollback per deploy": {func(f *actions.Facts) {
			f.Runs = []actions.Run{past("r_1", -3*time.Hour, func(r *actions.Run) { r.Trigger.Deploy = "d_2"; r.State = actions.NotCured })}
		}, []actions.Code{actions.AlreadyRolledBack}},
		"a person may roll the same deploy back again": {func(f *actions.Facts) {
			f.Trigger = actions.ByPerson
			f.Runs = []actions.Run{past("r_1", -3*time.Hour, func(r *actions.Run) { r.Trigger.Deploy = "d_2" })}
		}, nil},
		"a run that a guard refused did not roll it back": {func(f *actions.Facts) {
			f.Runs = []actions.Run{past("r_1", -time.Minute, func(r *actions.Run) {
				r.Trigger.Deploy, r.State, r.Started = "d_2", actions.Refused, time.Time{}
			})}
		}, nil},
		"within the cool-down it waits": {func(f *actions.Facts) {
			f.Runs = []actions.Run{past("r_1", -20*time.Minute, nil)}
		}, []actions.Code{actions.InCooldown}},
		"after the cool-down it may": {func(f *actions.Facts) { f.Runs = []actions.Run{past("r_1", -32*time.Minute, nil)} }, nil},
		"a person hears of the cool-down": {func(f *actions.Facts) {
			f.Trigger, f.Runs = actions.ByPerson, []actions.Run{past("r_1", -20*time.Minute, nil)}
		}, []actions.Code{actions.InCooldown}},
		"a drill leaves no cool-down": {func(f *actions.Facts) {
			f.Runs = []actions.Run{past("r_1", -20*time.Minute, func(r *actions.Run) { r.Trigger.Kind = actions.ByDrill })}
		}, nil},
		"the day's budget is spent": {func(f *actions.Facts) {
			f.Runs = []actions.Run{past("r_1", -23*time.Hour, nil), past("r_2", -9*time.Hour, nil), past("r_3", -2*time.Hour, nil)}
		}, []actions.Code{actions.DailyBudget}},
		"yesterday's runs are forgotten": {func(f *actions.Facts) {
			f.Runs = []actions.Run{past("r_1", -25*time.Hour, nil), past("r_2", -9*time.Hour, nil), past("r_3", -2*time.Hour, nil)}
		}, nil},
		"a budget of none leaves all to people": {func(f *actions.Facts) { f.MaxRunsPerDay = 0 }, []actions.Code{actions.DailyBudget}},
		"a deploy that cannot be taken back":    {func(f *actions.Facts) { f.Reversible = false }, []actions.Code{actions.NotReversible}},
		"two runs at once, whoever says so": {func(f *actions.Facts) {
			f.Trigger, f.Override = actions.ByPerson, true
			f.Runs = []actions.Run{past("r_1", -time.Minute, func(r *actions.Run) { r.State, r.Ended = actions.Running, time.Time{} })}
		}, []actions.Code{actions.RunInProgress}},
		"a queued run is no run in progress": {func(f *actions.Facts) {
			f.Runs = []actions.Run{past("r_1", -time.Minute, func(r *actions.Run) { r.State, r.Started, r.Ended = actions.Queued, time.Time{}, time.Time{} })}
		}, nil},
		"many services red at once ask a person": {func(f *actions.Facts) {
			f.Verdicts = []actions.FailedVerdict{{"a", at(-time.Minute)}, {"b", at(-2 * time.Minute)}, {"order-sync", at(0)}}
		}, []actions.Code{actions.Brake}},
		"the same service red three times is no brake": {func(f *actions.Facts) {
			f.Verdicts = []actions.FailedVerdict{{"a", at(-time.Minute)}, {"a", at(-2 * time.Minute)}, {"order-sync", at(0)}}
		}, nil},
		"red long ago is no brake": {func(f *actions.Facts) {
			f.Verdicts = []actions.FailedVerdict{{"a", at(-10 * time.Minute)}, {"b", at(-2 * time.Minute)}, {"order-sync", at(0)}}
		}, nil},
		"a freeze that allows no rollback asks a person": {func(f *actions.Facts) {
			f.Freeze = &actions.Freeze{Detail: reason.Text("Freeze sale lasts until noon."), Until: at(time.Hour)}
		}, []actions.Code{actions.Frozen}},
		"in a hold everything automatic asks a person": {func(f *actions.Facts) {
			f.Hold = &actions.Freeze{Detail: reason.Text("hold"), Until: at(time.Hour)}
		}, []actions.Code{actions.OnHold}},
		"a runbook of an alert, too": {func(f *actions.Facts) {
			f.Hold, f.Rollback, f.Trigger = &actions.Freeze{Detail: reason.Text("hold")}, false, actions.ByAlert
		}, []actions.Code{actions.OnHold}},
		"no hold keeps a person back": {func(f *actions.Facts) {
			f.Hold, f.Trigger = &actions.Freeze{Detail: reason.Text("hold")}, actions.ByPerson
		}, nil},
		"a person rolls back in a freeze": {func(f *actions.Facts) {
			f.Trigger, f.Freeze = actions.ByPerson, &actions.Freeze{Detail: reason.Text("Freeze sale lasts until noon."), Until: at(time.Hour)}
		}, nil},
		"no freeze holds an act that puts no version back": {func(f *actions.Facts) {
			f.Rollback, f.Runbook, f.Trigger = false, "restart", actions.ByAlert
			f.Freeze = &actions.Freeze{Detail: reason.Text("Freeze sale lasts until noon."), Until: at(time.Hour)}
		}, nil},
		"a drill is free of what holds automation back": {func(f *actions.Facts) {
			f.Trigger, f.Current, f.Reversible, f.MaxRunsPerDay = actions.ByDrill, "v3", false, 0
			f.Runs = []actions.Run{past("r_1", -20*time.Minute, func(r *actions.Run) { r.Trigger.Deploy = "d_2" })}
			f.Verdicts = []actions.FailedVerdict{{"a", at(0)}, {"b", at(0)}, {"c", at(0)}}
			f.Freeze = &actions.Freeze{Detail: reason.Text("Freeze sale lasts until noon."), Until: at(time.Hour)}
		}, nil},
		"a drill goes to no version that nobody knows": {func(f *actions.Facts) { f.Trigger, f.To = actions.ByDrill, "v0" }, []actions.Code{actions.NotKnownGood}},
		"a drill waits for another run": {func(f *actions.Facts) {
			f.Trigger = actions.ByDrill
			f.Runs = []actions.Run{past("r_1", -time.Minute, func(r *actions.Run) { r.State, r.Ended = actions.Verifying, time.Time{} })}
		}, []actions.Code{actions.RunInProgress}},
		"not to the version that is announced as current": {func(f *actions.Facts) {
			f.From, f.To, f.Current = "", "v1", "v1"
		}, []actions.Code{actions.SameVersion}},
		"not to the bad version, whatever is current": {func(f *actions.Facts) {
			f.To, f.Current, f.KnownGood = "v2", "", []actions.KnownGood{{Version: "v2", At: at(-time.Hour)}}
		}, []actions.Code{actions.SameVersion}},
		"what is current may not be known": {func(f *actions.Facts) { f.Current = "" }, nil},
		"not to a version that was rolled back since": {func(f *actions.Facts) {
			f.Bad = []actions.Bad{{Version: "v1", At: at(-time.Hour)}}
		}, []actions.Code{actions.NotKnownGood}},
		"what another deploy led to is no rollback of this one": {func(f *actions.Facts) {
			f.Runs = []actions.Run{past("r_1", -3*time.Hour, func(r *actions.Run) { r.Trigger.Deploy = "d_1" })}
		}, nil},
		"what a person rolled back may be rolled back again": {func(f *actions.Facts) {
			f.Runs = []actions.Run{past("r_1", -3*time.Hour, func(r *actions.Run) { r.Trigger = actions.Trigger{Kind: actions.ByPerson, Deploy: "d_2"} })}
		}, nil},
		"without a deploy there is none to roll back once": {func(f *actions.Facts) {
			f.Deploy = ""
			f.Runs = []actions.Run{past("r_1", -3*time.Hour, func(r *actions.Run) { r.Trigger.Deploy = "" })}
		}, nil},
		"another act for this deploy is no rollback of it": {func(f *actions.Facts) {
			f.Runs = []actions.Run{past("r_1", -3*time.Hour, func(r *actions.Run) { r.Trigger.Deploy, r.Rollback, r.Runbook = "d_2", false, "restart" })}
		}, nil},
		"after the rollback of a deploy another act may be done for it": {func(f *actions.Facts) {
			f.Rollback, f.Runbook = false, "restart"
			f.Runs = []actions.Run{past("r_1", -3*time.Hour, func(r *actions.Run) { r.Trigger.Deploy = "d_2" })}
		}, nil},
		"a run that did nothing leaves no cool-down": {func(f *actions.Facts) {
			f.Runs = []actions.Run{past("r_1", -20*time.Minute, func(r *actions.Run) { r.State, r.Started = actions.Expired, time.Time{} })}
		}, nil},
		"a run that was refused leaves no cool-down": {func(f *actions.Facts) {
			f.Runs = []actions.Run{past("r_1", -20*time.Minute, func(r *actions.Run) { r.State = actions.Refused })}
		}, nil},
		"rollbacks by any runbook share one cool-down": {func(f *actions.Facts) {
			f.Runs = []actions.Run{past("r_1", -20*time.Minute, func(r *actions.Run) { r.Runbook = "back by hand" })}
		}, []actions.Code{actions.InCooldown}},
		"a run that is not over has no cool-down yet": {func(f *actions.Facts) {
			f.Trigger = actions.ByPerson
			f.Runs = []actions.Run{past("r_1", -time.Minute, func(r *actions.Run) { r.State, r.Ended = actions.Running, time.Time{} })}
		}, []actions.Code{actions.RunInProgress}},
		"another runbook leaves a rollback no cool-down": {func(f *actions.Facts) {
			f.Runs = []actions.Run{past("r_1", -20*time.Minute, func(r *actions.Run) { r.Rollback, r.Runbook = false, "restart" })}
		}, nil},
		"a runbook has a cool-down of its own": {func(f *actions.Facts) {
			f.Rollback, f.Runbook, f.Trigger = false, "restart", actions.ByAlert
			f.Runs = []actions.Run{past("r_1", -20*time.Minute, nil), past("r_2", -20*time.Minute, func(r *actions.Run) { r.Rollback, r.Runbook = false, "restart" })}
		}, []actions.Code{actions.InCooldown}},
		"a rollback leaves another runbook no cool-down": {func(f *actions.Facts) {
			f.Rollback, f.Runbook, f.Trigger = false, "restart", actions.ByAlert
			f.Runs = []actions.Run{past("r_1", -20*time.Minute, nil)}
		}, nil},
		"runs of people do not count towards the day's budget": {func(f *actions.Facts) {
			f.MaxRunsPerDay = 1
			f.Runs = []actions.Run{past("r_1", -9*time.Hour, func(r *actions.Run) { r.Trigger.Kind = actions.ByPerson })}
		}, nil},
		"runs of alerts count towards the day's budget": {func(f *actions.Facts) {
			f.MaxRunsPerDay = 1
			f.Runs = []actions.Run{past("r_1", -9*time.Hour, func(r *actions.Run) { r.Trigger.Kind = actions.ByAlert })}
		}, []actions.Code{actions.DailyBudget}},
		"runs that did nothing do not count towards the day's budget": {func(f *actions.Facts) {
			f.MaxRunsPerDay = 1
			f.Runs = []actions.Run{past("r_1", -9*time.Hour, func(r *actions.Run) { r.State, r.Started = actions.Rejected, time.Time{} })}
		}, nil},
		"other runbooks do not count towards the day's budget": {func(f *actions.Facts) {
			f.MaxRunsPerDay = 1
			f.Runs = []actions.Run{past("r_1", -9*time.Hour, func(r *actions.Run) { r.Rollback, r.Runbook = false, "restart" })}
		}, nil},
		"people have no budget": {func(f *actions.Facts) { f.Trigger, f.MaxRunsPerDay = actions.ByPerson, 0 }, nil},
		"an alert's run has all guards of automation": {func(f *actions.Facts) {
			f.Trigger, f.MaxRunsPerDay = actions.ByAlert, 0
			f.Verdicts = []actions.FailedVerdict{{"a", at(0)}, {"b", at(0)}, {"c", at(0)}}
			f.Freeze = &actions.Freeze{Detail: reason.Text("Freeze sale lasts until noon."), Until: at(time.Hour)}
		}, []actions.Code{actions.Brake, actions.DailyBudget, actions.Frozen}},
		"a person is not held by the brake": {func(f *actions.Facts) {
			f.Trigger, f.Verdicts = actions.ByPerson, []actions.FailedVerdict{{"a", at(0)}, {"b", at(0)}, {"c", at(0)}}
		}, nil},
		"no brake is configured": {func(f *actions.Facts) {
			f.Brake.MaxFailingServices = 0
			f.Verdicts = []actions.FailedVerdict{{"a", at(0)}, {"b", at(0)}, {"c", at(0)}}
		}, nil},
		"verdicts of later are not counted yet": {func(f *actions.Facts) {
			f.Verdicts = []actions.FailedVerdict{{"a", at(time.Minute)}, {"b", at(0)}, {"c", at(0)}}
		}, nil},
		"what happened elsewhere changes nothing here": {func(f *actions.Facts) { f.Configured = "staging" }, []actions.Code{actions.OtherEnvironment}},
		"not even for a person": {func(f *actions.Facts) {
			f.Configured, f.Trigger, f.Override = "staging", actions.ByPerson, true
		}, []actions.Code{actions.OtherEnvironment}},
		"what happened here does":         {func(f *actions.Facts) { f.Configured = "production" }, nil},
		"the bad version is gone already": {func(f *actions.Facts) { f.Current = "v3" }, []actions.Code{actions.Superseded}},
		"an act that puts no version back knows no versions": {func(f *actions.Facts) {
			f.Rollback, f.From, f.To, f.KnownGood, f.Trigger = false, "", "", nil, actions.ByAlert
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			f := clean()
			c.change(&f)
			var got []actions.Code
			for _, r := range actions.Guard(f, noon) {
				got = append(got, r.Code)
				if r.Detail.IsZero() {
					t.Errorf("%s does not say why", r.Code)
				}
			}
			slices.Sort(got)
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestWhatAPersonMayOverride(t *testing.T) {
	never := []actions.Code{actions.NoKnownGood, actions.SameVersion, actions.RunInProgress, actions.OtherEnvironment, "a code of a newer guardian"}
	may := []actions.Code{
		actions.NotKnownGood, actions.AlreadyRolledBack, actions.InCooldown, actions.DailyBudget, actions.NotReversible,
		actions.Brake, actions.Superseded, actions.Late, actions.OnHold, actions.Frozen, actions.UnprovenTarget,
	}
	asks := []actions.Code{actions.Brake, actions.OnHold, actions.Frozen, actions.UnprovenTarget}
	for _, c := range slices.Concat(never, may) {
		r := actions.Refusal{Code: c}
		if r.Overridable() != slices.Contains(may, c) || r.Asks() != slices.Contains(asks, c) {
			t.Errorf("%s: overridable %v, asks %v", c, r.Overridable(), r.Asks())
		}
	}
}

func TestRefusalsThatOthersMake(t *testing.T) {
	for code, r := range map[actions.Code]actions.Refusal{
		actions.Superseded: actions.NewSuperseded("v2", "v3"),
		actions.Late:       actions.NewLate(31 * time.Minute),
	} {
		if r.Code != code || r.Detail.IsZero() {
			t.Errorf("%+v, want %s with a reason", r, code)
		}
	}
}

func TestGuardSaysUntilWhen(t *testing.T) {
	f := clean()
	f.MaxRunsPerDay = 2
	f.Runs = []actions.Run{past("r_3", -10*time.Minute, nil), past("r_1", -20*time.Hour, nil), past("r_2", -19*time.Hour, nil), past("r_0", -20*time.Minute, func(r *actions.Run) { r.Trigger.Kind = actions.ByPerson })}
	got := map[actions.Code]time.Time{}
	for _, r := range actions.Guard(f, noon) {
		got[r.Code] = r.Until
	}
	want := map[actions.Code]time.Time{
		actions.InCooldown:  at(-9*time.Minute + 30*time.Minute),
		actions.DailyBudget: at(-19*time.Hour + 24*time.Hour), // then one of the last two is a day old
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestTarget(t *testing.T) {
	for name, c := range map[string]struct {
		good []actions.KnownGood
		want string
	}{
		"the newest that is known to be good":  {[]actions.KnownGood{{Version: "v0", At: at(-72 * time.Hour)}, {Version: "v1", At: at(-48 * time.Hour)}}, "v1"},
		"never the bad one, however good once": {[]actions.KnownGood{{Version: "v1", At: at(-48 * time.Hour)}, {Version: "v2", At: at(-time.Hour)}}, "v1"},
		"one declared without a date":          {[]actions.KnownGood{{Version: "v1", At: time.Time{}}}, "v1"},
		"none":                                 {[]actions.KnownGood{{Version: "v2", At: at(0)}}, ""},
		"not one that was taken back since":    {[]actions.KnownGood{{Version: "v0", At: at(-72 * time.Hour)}, {Version: "back", At: at(-6 * time.Hour)}}, "v0"},
		"one that passed again after it":       {[]actions.KnownGood{{Version: "v0", At: at(-72 * time.Hour)}, {Version: "back", At: at(-4 * time.Hour)}}, "back"},
		"the newest, whatever their order":     {[]actions.KnownGood{{Version: "v1", At: at(-48 * time.Hour)}, {Version: "v0", At: at(-72 * time.Hour)}}, "v1"},
		"one without a name is no version":     {[]actions.KnownGood{{Version: "v1", At: at(-48 * time.Hour)}, {Version: "", At: at(-time.Hour)}}, "v1"},
		"no version is none":                   {[]actions.KnownGood{{Version: "", At: at(-time.Hour)}}, ""},
		"never the current one":                {[]actions.KnownGood{{Version: "v1", At: at(-48 * time.Hour)}, {Version: "v3", At: at(-time.Hour)}}, "v1"},
		// Once the configuration's word counted for more than a rollback since: the guardian went back to
		// what it, or people, had taken back.
		"not even one that the configuration lists": {[]actions.KnownGood{{Version: "back", At: time.Time{}}}, ""},
		"whatever its spelling":                     {[]actions.KnownGood{{Version: "v0", At: at(-72 * time.Hour)}, {Version: "3", At: at(-time.Hour)}}, "v0"},
	} {
		t.Run(name, func(t *testing.T) {
			f := clean()
			f.Current = "v3"
			f.KnownGood, f.Bad = c.good, []actions.Bad{{Version: "back", At: at(-5 * time.Hour)}}
			got, why := actions.Target(f)
			if got != c.want || why.IsZero() {
				t.Errorf("%q because %q, want %q", got, why, c.want)
			}
		})
	}
}

// TestTargetByWhatRan looks at what ran before: the newest first.
func TestTargetByWhatRan(t *testing.T) {
	ran := func(proofs ...actions.Proof) (all []actions.Release) {
		for i, p := range proofs {
			all = append(all, actions.Release{Version: string(rune('a' + i)), Since: at(-time.Duration(i) * time.Hour), Proof: p})
		}
		return all
	}
	good := []actions.KnownGood{{Version: "z"}, {Version: "b", At: at(-time.Hour)}}
	for name, c := range map[string]struct {
		ran     []actions.Release
		unasked bool
		want    string
		asks    bool
	}{
		"what passed":                      {ran: ran(actions.Passed, actions.Passed), want: "a"},
		"what failed is stepped over":      {ran: ran(actions.Suspect, actions.Passed), want: "b"},
		"what nobody saw is stepped over":  {ran: ran(actions.Unproven, actions.Passed), want: "b"},
		"what ran healthy asks":            {ran: ran(actions.Suspect, actions.Healthy), want: "b", asks: true},
		"unless the service lets it":       {ran: ran(actions.Suspect, actions.Healthy), unasked: true, want: "b"},
		"else what is known to be good":    {ran: ran(actions.Suspect), want: "b"},
		"over what was good once, it asks": {ran: []actions.Release{{Version: "a", Proof: actions.Suspect, Once: true}, {Version: "b", Proof: actions.Passed}}, want: "b", asks: true},
		"never what is bad":                {ran: []actions.Release{{Version: "2", Proof: actions.Passed}, {Version: "b", Proof: actions.Passed}}, want: "b"},
	} {
		t.Run(name, func(t *testing.T) {
			f := clean()
			f.KnownGood, f.Ran, f.Unasked = good, c.ran, c.unasked
			for _, r := range c.ran {
				if r.Proof == actions.Passed {
					f.KnownGood = append(slices.Clone(f.KnownGood), actions.KnownGood{Version: r.Version, At: r.Since})
				}
			}
			var why reason.Reason
			f.To, why = actions.Target(f)
			asked := false
			for _, r := range actions.Guard(f, noon) {
				asked = asked || r.Code == actions.UnprovenTarget && r.Asks()
				if r.Code != actions.UnprovenTarget {
					t.Errorf("refused: %s: %s", r.Code, r.Detail)
				}
			}
			if f.To != c.want || asked != c.asks || why.IsZero() {
				t.Errorf("%q because %q, asks %v; want %q, %v", f.To, why, asked, c.want, c.asks)
			}
			f.Trigger, f.Override = actions.ByPerson, true
			if rs := actions.Guard(f, noon); len(rs) > 0 {
				t.Errorf("a person is refused: %v", rs)
			}
		})
	}
}

func TestAnOperationIsUndoneWithoutAVersionToGoBackTo(t *testing.T) {
	f := clean()
	f.Versionless, f.From, f.Current, f.To, f.KnownGood = true, "promo-1111", "promo-1111", "", nil
	if rs := actions.Guard(f, noon); len(rs) > 0 {
		t.Errorf("refused: %v", rs)
	}
	f.Reversible = false
	if rs := actions.Guard(f, noon); len(rs) != 1 || rs[0].Code != actions.NotReversible {
		t.Errorf("refused: %v", rs)
	}
}

func TestWhetherARunbookNeedsAVersion(t *testing.T) {
	for body, want := range map[string]bool{`{"undo": {{json .From}}}`: false, `{"to": {{json .To}}}`: true, `{"to": "{{ if .To }}x{{ end }}"}`: true, ".To": false} {
		book := actions.RunbookSettings{Steps: []actions.StepSettings{{Kind: "webhook", Settings: &webhook.Settings{Body: body}}}}
		if got := book.UsesVersion() != ""; got != want {
			t.Errorf("%s: %v", body, got)
		}
	}
	book := actions.RunbookSettings{Steps: []actions.StepSettings{{Kind: "exec", Settings: &exec.Settings{Command: []string{"deploy", "{{.To}}"}}}}}
	if book.UsesVersion() == "" {
		t.Error("an argument is not found")
	}
}

func TestWhatARunWaitsFor(t *testing.T) {
	busy := actions.Refusal{Code: actions.RunInProgress, Detail: reason.Text("run r_0 of runbook restart is running")}
	brake := actions.Refusal{Code: actions.Brake, Detail: reason.Text("three red")}
	cooling := actions.Refusal{Code: actions.InCooldown, Detail: reason.Text("wait")}
	restart := actions.Run{ID: "r_0", State: actions.Running}
	for name, c := range map[string]struct {
		trigger actions.TriggerKind
		runs    []actions.Run
		said    []actions.Refusal
		waits   bool
		rest    []actions.Refusal
	}{
		"a verdict's waits for what an alert began":  {actions.ByVerdict, []actions.Run{restart}, []actions.Refusal{busy}, true, nil},
		"and the brake's question waits with it":     {actions.ByVerdict, []actions.Run{restart}, []actions.Refusal{busy, brake}, true, []actions.Refusal{brake}},
		"not with another no":                        {actions.ByVerdict, []actions.Run{restart}, []actions.Refusal{busy, cooling}, false, []actions.Refusal{busy, cooling}},
		"not behind a rollback":                      {actions.ByVerdict, []actions.Run{{State: actions.Verifying, Rollback: true}}, []actions.Refusal{busy}, false, []actions.Refusal{busy}},
		"a rollback that waits, too, is no obstacle": {actions.ByVerdict, []actions.Run{restart, {State: actions.Queued, Rollback: true}}, []actions.Refusal{busy}, true, nil},
		"a rollback that is over is no obstacle":     {actions.ByVerdict, []actions.Run{restart, {State: actions.Cured, Rollback: true}}, []actions.Refusal{busy}, true, nil},
		"a person is told":                           {actions.ByPerson, []actions.Run{restart}, []actions.Refusal{busy}, false, []actions.Refusal{busy}},
		"an alert's waits, too":                      {actions.ByAlert, []actions.Run{restart}, []actions.Refusal{busy}, true, nil},
		"an alert's waits behind a rollback":         {actions.ByAlert, []actions.Run{{State: actions.Verifying, Rollback: true}}, []actions.Refusal{busy}, true, nil},
		"an alert's does not wait with another no":   {actions.ByAlert, []actions.Run{restart}, []actions.Refusal{busy, cooling}, false, []actions.Refusal{busy, cooling}},
		"what nobody objects to waits for nothing":   {actions.ByVerdict, nil, nil, false, nil},
		"a drill is told":                            {actions.ByDrill, []actions.Run{restart}, []actions.Refusal{busy}, false, []actions.Refusal{busy}},
		"what only asks waits for nothing":           {actions.ByVerdict, nil, []actions.Refusal{brake}, false, []actions.Refusal{brake}},
	} {
		t.Run(name, func(t *testing.T) {
			why, rest := actions.Queue(actions.Facts{Trigger: c.trigger, Runs: c.runs}, c.said)
			if why.IsZero() == c.waits || (c.waits && !why.Equal(busy.Detail)) {
				t.Errorf("it waits for %q; want that it waits: %v", why, c.waits)
			}
			if diff := cmp.Diff(c.rest, rest); diff != "" {
				t.Errorf("the other refusals (-want +got):\n%s", diff)
			}
		})
	}
}
