package decide_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"guardian/actions"
	"guardian/decide"
	"guardian/rules"
	"guardian/watch"
)

// TestARunCarriesWhatFailedTheDeploy says for each cause of a verdict what must be over.
func TestARunCarriesWhatFailedTheDeploy(t *testing.T) {
	push := watch.CheckState{
		CheckPolicy: watch.CheckPolicy{Check: "push", Every: 15 * time.Second}, Judged: watch.Counts{Looks: 20, Failures: 10},
		FailingSince: ago(time.Minute), FirstFailure: ago(150 * time.Second),
	}
	check := actions.Symptom{Kind: actions.SymptomCheck, Name: "push", Rate: 10. / 11}
	for name, c := range map[string]struct {
		watch   watch.Watch
		verdict watch.Verdict
		want    []actions.Symptom
	}{
		"a check": {
			watch.Watch{}, watch.Verdict{Cause: "push", Metric: watch.Failures, Failing: []string{"push"}}, []actions.Symptom{check},
		},
		"a check that is up at the moment": {
			watch.Watch{}, watch.Verdict{Cause: "push", Metric: watch.Failures}, []actions.Symptom{check},
		},
		"a rule": {
			watch.Watch{Switched: ago(time.Hour), Alert: &watch.RuleEvidence{ID: "a_1", Rule: "PricesZero", Settles: time.Minute}},
			watch.Verdict{Cause: "PricesZero", ByRule: true},
			[]actions.Symptom{{Kind: actions.SymptomAlert, Name: "PricesZero", Alert: "a_1", Since: ago(time.Hour), Settles: 60}},
		},
		"a rule, while a check is down": {
			watch.Watch{Alert: &watch.RuleEvidence{ID: "a_1", Rule: "PricesZero"}},
			watch.Verdict{Cause: "PricesZero", ByRule: true, Failing: []string{"push"}},
			[]actions.Symptom{{Kind: actions.SymptomAlert, Name: "PricesZero", Alert: "a_1"}, check},
		},
		"a counter": {
			watch.Watch{Shops: []string{"sg-1"}, Counters: []watch.Counter{{CounterPolicy: watch.CounterPolicy{Name: "orders"}, Rate: 0.02}}},
			watch.Verdict{Cause: "orders", Metric: watch.Counted},
			[]actions.Symptom{{Kind: actions.SymptomCounter, Name: "orders", Rate: 0.02, Shops: []string{"sg-1"}, Settles: 60}},
		},
		"a number": {
			watch.Watch{Counters: []watch.Counter{{
				CounterPolicy: watch.CounterPolicy{Name: "lag", Number: &watch.NumberPolicy{Lower: true}},
				Levels:        &watch.Levels{Recent: []watch.Level{{Limit: 7}}},
			}}},
			watch.Verdict{Cause: "lag", Metric: watch.CountedNumber},
			[]actions.Symptom{{Kind: actions.SymptomNumber, Name: "lag", Limit: 7, Lower: true, Settles: 60}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w, v := c.watch, c.verdict
			w.Checks, v.State, v.At = []watch.CheckState{push}, watch.Failed, noon()
			if diff := cmp.Diff(c.want, decide.Symptoms(&w, &v)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			v.State = watch.Inconclusive
			if got := decide.Symptoms(&w, &v); got != nil {
				t.Errorf("a verdict that fails nothing has the symptoms %+v", got)
			}
		})
	}
}

func TestASlowCheckMustBeFastAgain(t *testing.T) {
	w := watch.Watch{Checks: []watch.CheckState{{
		CheckPolicy: watch.CheckPolicy{Check: "push", Every: 15 * time.Second}, Judged: watch.Counts{Looks: 20},
		Metrics: []watch.Metric{{Name: watch.Failures, Share: 0.8}, {
			Name: watch.Latency, Share: 0.2, Streams: []watch.Stream{{LogE: 9}}, Limits: []watch.Limit{{Seconds: 1.5, Over: 15}},
		}},
	}}}
	v := watch.Verdict{State: watch.Failed, Cause: "push", Metric: watch.Latency, Failing: []string{"push"}, At: noon()}
	want := []actions.Symptom{{Kind: actions.SymptomSlow, Name: "push", Limit: 1.5, Rate: 0.75}}
	if diff := cmp.Diff(want, decide.Symptoms(&w, &v)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	// It was fast at first: what counts is since it became slow.
	w.Checks[0].FirstSlow, want[0].Rate = ago(4*time.Minute), 15./17
	if diff := cmp.Diff(want, decide.Symptoms(&w, &v)); diff != "" {
		t.Errorf("late (-want +got):\n%s", diff)
	}
}

func TestTheVerdictsRunHasItsSymptoms(t *testing.T) {
	world := newWorld()
	w, v := failed(watch.Auto)
	w.Alert, v.ByRule = &watch.RuleEvidence{ID: "a_1", Rule: "PricesZero"}, true
	got, err := world.decider().Verdict(t.Context(), w, world.past.deploys[1], v, world.present, noon())
	if err != nil || len(got.Request.Symptoms) != 1 || got.Request.Symptoms[0].Name != "PricesZero" {
		t.Fatalf("%+v, %v", got.Request, err)
	}
	run := actions.Run{ID: "r_2", Runbook: "back", Symptoms: got.Request.Symptoms, Created: noon()}
	again, err := world.decider().Queued(t.Context(), run, world.past.deploys[1], w, world.present, noon())
	if err != nil || len(again.Symptoms) != 1 {
		t.Errorf("when it leaves the queue: %+v, %v", again.Symptoms, err)
	}
}

func TestAPersonsRollbackMustEndTheAlertsSinceTheDeploy(t *testing.T) {
	world := newWorld()
	fires := func(rule string, tier rules.Tier, before time.Duration, change func(*rules.Alert)) rules.Alert {
		al := rules.Alert{ID: "a_" + rule, Rule: rule, Tier: tier, State: rules.Firing, ActiveAt: ago(before), Labels: map[string]string{"service": "orders"}}
		change(&al)
		return al
	}
	none := func(*rules.Alert) {}
	world.present.Alerts = []rules.Alert{
		fires("PricesZero", rules.Critical, time.Minute, none),
		fires("Odd", rules.Warning, time.Minute, func(a *rules.Alert) { a.FailsWatch = true }),
		fires("DiskFull", rules.Warning, time.Minute, none),
		fires("OldFault", rules.Critical, time.Hour, none),
		fires("Coming", rules.Critical, time.Minute, func(a *rules.Alert) { a.State = rules.Pending }),
		fires("Elsewhere", rules.Critical, time.Minute, func(a *rules.Alert) { a.Labels["service"] = "prices" }),
		fires("InStaging", rules.Critical, time.Minute, func(a *rules.Alert) { a.Labels["environment"] = "staging" }),
	}
	req, err := world.decider().ByPerson(t.Context(), decide.PersonRequest{Service: "orders", Environment: production, Person: "ada"}, world.present, noon())
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, s := range req.Symptoms {
		names = append(names, s.Name)
	}
	if !slices.Equal(names, []string{"PricesZero", "Odd"}) {
		t.Errorf("must be over: %v", names)
	}
}

// Where nothing was rolled back after a verdict, as in mode observe, a person's rollback must end what
// failed the deploy, and belongs to the same incident.
func TestAPersonsRollbackMustEndWhatFailedTheDeploy(t *testing.T) {
	world := newWorld()
	counter := actions.Symptom{Kind: actions.SymptomCounter, Name: "orders", Rate: 0.02}
	world.past.failed = []decide.FailedWatch{
		{Watch: "w_2", Service: "orders", Environment: production, Deploy: "d_v2", Ended: ago(time.Minute), Symptoms: []actions.Symptom{counter}},
	}
	req, err := world.decider().ByPerson(t.Context(), decide.PersonRequest{Service: "orders", Environment: production, Person: "ada"}, world.present, noon())
	if err != nil || len(req.Symptoms) != 1 || req.Symptoms[0].Name != "orders" || req.Trigger.Watch != "w_2" {
		t.Errorf("%+v, %v", req, err)
	}
}

func TestWhetherAnAlertIsResolved(t *testing.T) {
	run := actions.Run{Service: "orders"}
	s := actions.Symptom{Kind: actions.SymptomAlert, Name: "PricesZero", Alert: "a_1", Since: ago(10 * time.Minute)}
	alert := func(id string, state rules.State, before time.Duration) rules.Alert {
		return rules.Alert{ID: id, Rule: "PricesZero", State: state, ActiveAt: ago(before), Labels: map[string]string{"service": "orders"}}
	}
	other := alert("a_3", rules.Firing, time.Minute)
	other.Labels["service"] = "prices"
	for name, c := range map[string]struct {
		open   []rules.Alert
		health string
		code   string
	}{
		"it fires":                             {[]rules.Alert{alert("a_1", rules.Firing, time.Minute)}, "down", "alert_still_firing"},
		"it is pending again":                  {[]rules.Alert{alert("a_1", rules.Pending, time.Minute)}, "down", "alert_still_pending"},
		"it is gone":                           {nil, "up", "alert_over"},
		"it is resolved":                       {[]rules.Alert{alert("a_1", rules.Resolved, time.Minute)}, "up", "alert_over"},
		"its rule fires for another shop, too": {[]rules.Alert{alert("a_2", rules.Firing, time.Minute)}, "down", "alert_still_firing"},
		"its rule fired there before":          {[]rules.Alert{alert("a_2", rules.Firing, time.Hour)}, "up", "alert_over"},
		"its rule fires for another service":   {[]rules.Alert{other}, "up", "alert_over"},
		"another rule fires":                   {[]rules.Alert{{ID: "a_4", Rule: "Down", State: rules.Firing, ActiveAt: ago(time.Minute), Labels: map[string]string{"service": "orders"}}}, "up", "alert_over"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := decide.AlertProof(run, s, c.open); got.Health != c.health || got.Reason.Code != c.code {
				t.Errorf("it is %s because of %s, want %s, %s", got.Health, got.Reason.Code, c.health, c.code)
			}
		})
	}
}

func TestWhetherACounterCountsAgain(t *testing.T) {
	reading := func(failures, total float64) watch.Reading {
		return watch.Reading{At: noon(), Failures: watch.CounterValues{"a": failures}, Total: watch.CounterValues{"a": total}}
	}
	s := actions.Symptom{Kind: actions.SymptomCounter, Name: "orders", Rate: 0.02}
	before := reading(50, 1000)
	restarted := reading(50, 1000)
	restarted.Failures["b"], restarted.Total["b"] = 0, 40
	for name, c := range map[string]struct {
		now    watch.Reading
		health string
	}{
		"it fails no more":                           {reading(50, 1100), "up"},
		"it fails as often as is tolerated":          {reading(52, 1100), "up"},
		"it fails more often":                        {reading(53, 1100), "down"},
		"it fails on each order":                     {reading(51, 1001), "down"},
		"it counts nothing":                          {reading(50, 1000), "unknown"},
		"it is gone":                                 {watch.Reading{At: noon(), Empty: true}, "unknown"},
		"it begins anew at zero":                     {reading(0, 30), "up"},
		"it begins anew and fails":                   {reading(9, 30), "down"},
		"another instance counts, and fails no more": {restarted, "up"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := decide.CountedProof(s, before, c.now); got.Health != c.health || got.Reason.IsZero() {
				t.Errorf("it is %s: %q; want %s", got.Health, got.Reason, c.health)
			}
		})
	}
}

func TestWhetherTrafficAndNumbersAreBack(t *testing.T) {
	at := func(after time.Duration, total float64, lag ...float64) watch.Reading {
		r := watch.Reading{At: noon().Add(after), Total: watch.CounterValues{"a": total}, Values: watch.CounterValues{}}
		for i, v := range lag {
			r.Values[string(rune('a'+i))] = v
		}
		return r
	}
	traffic := actions.Symptom{Kind: actions.SymptomTraffic, Name: "orders", Limit: 2}
	high := actions.Symptom{Kind: actions.SymptomNumber, Name: "lag", Limit: 10}
	low := actions.Symptom{Kind: actions.SymptomNumber, Name: "workers", Limit: 10, Lower: true}
	for name, c := range map[string]struct {
		symptom actions.Symptom
		now     watch.Reading
		health  string
	}{
		"orders come again":                 {traffic, at(10*time.Second, 1030), "up"},
		"orders come too slowly, so far":    {traffic, at(10*time.Second, 1010), "unknown"},
		"orders come too slowly":            {traffic, at(time.Minute, 1010), "down"},
		"no order comes":                    {traffic, at(2*time.Minute, 1000), "down"},
		"the queue is short":                {high, at(time.Minute, 0, 3, 9), "up"},
		"the queue of one instance is long": {high, at(time.Minute, 0, 3, 11), "down"},
		"workers are there":                 {low, at(time.Minute, 0, 12), "up"},
		"workers are missing":               {low, at(time.Minute, 0, 12, 4), "down"},
		"there is no value":                 {low, at(time.Minute, 0), "unknown"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := decide.CountedProof(c.symptom, at(0, 1000), c.now); got.Health != c.health || got.Reason.IsZero() {
				t.Errorf("it is %s: %q; want %s", got.Health, got.Reason, c.health)
			}
		})
	}
}
