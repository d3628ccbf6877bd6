package decide_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/model"
	"pgregory.net/rapid"

	"guardian/decide"
	"guardian/oncall"
	"guardian/rules"
)

// firedAt is when the alerts of these tests began to fire: a Monday at noon.
func firedAt() time.Time { return time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC) }

func minutes(n int) model.Duration { return model.Duration(time.Duration(n) * time.Minute) }

// escalations is settings with one escalation, and the people that it names: wei is on call
// always, nights by nobody.
func escalations(t *testing.T, e oncall.Escalation) (*decide.Settings, *oncall.Roster) {
	t.Helper()
	receivers := []string{"group", "fallback", "wei-sms", "boss-sms"}
	people := []oncall.Person{{Name: "wei", Receivers: []string{"wei-sms"}}, {Name: "boss", Receivers: []string{"boss-sms"}}}
	night := []oncall.Times{{From: "22:00", To: "06:00"}}
	roster, err := oncall.NewRoster([]oncall.Settings{
		{Name: "orders", Layers: []oncall.Layer{{People: []string{"wei"}, Start: "2026-01-01"}}},
		{Name: "nights", Layers: []oncall.Layer{{People: []string{"wei"}, Start: "2026-01-01", Times: night}}},
		{Name: "nights-or-fallback", Fallback: "fallback", Layers: []oncall.Layer{{People: []string{"wei"}, Start: "2026-01-01", Times: night}}},
	}, receivers, oncall.Options{People: people})
	if err != nil {
		t.Fatal(err)
	}
	e.Name = "critical"
	policy, err := oncall.NewPolicy(e, roster, receivers)
	if err != nil {
		t.Fatal(err)
	}
	return decide.NewSettings(decide.Settings{Escalations: []oncall.Policy{policy}}), roster
}

// threeSteps wakes who is on call, then the group, then the boss.
func threeSteps() oncall.Escalation {
	return oncall.Escalation{Matchers: []string{`kind="alert"`}, Steps: []oncall.Step{
		{Schedule: "orders", Wait: minutes(5)}, {Receivers: []string{"group"}, Wait: minutes(10)}, {Person: "boss", Wait: minutes(10)},
	}}
}

// moment is what holds of the alert from a minute on.
type moment struct {
	minute   int
	tier     rules.Tier
	acked    bool
	muted    bool
	resolved bool
	down     bool // no guardian runs
}

// escalated plays moments minute by minute and draws what was told: "0 wei-sms, 5 group".
// Before each minute the state goes through the journal.
func escalated(t *testing.T, e oncall.Escalation, length int, moments ...moment) string {
	t.Helper()
	settings, roster := escalations(t, e)
	var told []string
	var state decide.Escalated
	now := moment{tier: rules.Critical}
	var acked time.Time
	for minute := range length {
		at := firedAt().Add(time.Duration(minute) * time.Minute)
		for _, m := range moments {
			if m.minute == minute {
				if m.tier == "" {
					m.tier = now.tier
				}
				if m.acked && !now.acked {
					acked = at
				}
				now = m
			}
		}
		if !now.acked {
			acked = time.Time{}
		}
		if now.down {
			continue
		}
		al := rules.Alert{ID: "a_1", State: rules.Firing, FiredAt: firedAt(), Tier: now.tier}
		if now.resolved {
			al.State = rules.Resolved
		}
		var due []decide.EscalationStep
		due, state = settings.Escalate(al, decide.EscalationFacts{
			Labels: map[string]string{"kind": "alert"}, Before: journalled(t, state), Acked: acked, Muted: now.muted, Roster: roster,
		}, at)
		for _, d := range due {
			told = append(told, fmt.Sprintf("%d %s", minute, strings.Join(d.Receivers, "+")))
		}
	}
	return strings.Join(told, ", ")
}

func journalled(t *testing.T, e decide.Escalated) decide.Escalated {
	t.Helper()
	b, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	var back decide.Escalated
	if err := json.Unmarshal(b, &back); err != nil {
		t.Fatal(err)
	}
	if !back.Equal(e) {
		t.Fatalf("%+v became %+v", e, back)
	}
	return back
}

func TestEscalate(t *testing.T) {
	twice := threeSteps()
	twice.Repeat = 1
	unmanned := func(schedule string) oncall.Escalation {
		e := threeSteps()
		e.Steps[0].Schedule = schedule
		return e
	}
	for name, c := range map[string]struct {
		escalation oncall.Escalation
		moments    []moment
		want       string
	}{
		"nobody answers: one step after the other":         {threeSteps(), nil, "0 wei-sms, 5 group, 15 boss-sms"},
		"all steps again":                                  {twice, nil, "0 wei-sms, 5 group, 15 boss-sms, 25 wei-sms, 30 group, 40 boss-sms"},
		"an acknowledgement stops it":                      {threeSteps(), []moment{{minute: 3, acked: true}}, "0 wei-sms"},
		"an acknowledgement in the minute of a step":       {threeSteps(), []moment{{minute: 5, acked: true}}, "0 wei-sms"},
		"taken back, it goes on where it was":              {threeSteps(), []moment{{minute: 3, acked: true}, {minute: 20}}, "0 wei-sms, 20 group, 30 boss-sms"},
		"a higher tier begins again":                       {threeSteps(), []moment{{tier: rules.Warning}, {minute: 7, tier: rules.Critical}}, "0 wei-sms, 5 group, 7 wei-sms, 12 group, 22 boss-sms"},
		"a higher tier wakes who acknowledged":             {threeSteps(), []moment{{tier: rules.Warning}, {minute: 2, acked: true}, {minute: 7, tier: rules.Critical, acked: true}}, "0 wei-sms, 7 wei-sms, 12 group, 22 boss-sms"},
		"a lower tier changes nothing, and its return too": {threeSteps(), []moment{{minute: 2, tier: rules.Warning}, {minute: 7, tier: rules.Critical}}, "0 wei-sms, 5 group, 15 boss-sms"},
		"acknowledged in the higher tier, its return too":  {threeSteps(), []moment{{minute: 2, acked: true}, {minute: 3, tier: rules.Warning, acked: true}, {minute: 7, tier: rules.Critical, acked: true}}, "0 wei-sms"},
		"it resolves": {threeSteps(), []moment{{minute: 3, resolved: true}}, "0 wei-sms"},
		"what began in a silence is escalated at its end":   {threeSteps(), []moment{{muted: true}, {minute: 30}}, "30 wei-sms, 35 group, 45 boss-sms"},
		"a silence in the middle holds the next step up":    {threeSteps(), []moment{{minute: 3, muted: true}, {minute: 30}}, "0 wei-sms, 30 group, 40 boss-sms"},
		"a step that was due while no guardian ran is late": {threeSteps(), []moment{{minute: 3, down: true}, {minute: 40}}, "0 wei-sms, 40 group, 50 boss-sms"},
		"nobody is on call: the next step at once":          {unmanned("nights"), nil, "0 , 0 group, 10 boss-sms"},
		"nobody is on call: the fallback has its time":      {unmanned("nights-or-fallback"), nil, "0 fallback, 5 group, 15 boss-sms"},
		"nobody is on call: the group hears of it, and nobody waits for it": {oncall.Escalation{Matchers: []string{"{}"}, Steps: []oncall.Step{
			{Schedule: "nights", Receivers: []string{"group"}}, {Person: "boss"},
		}}, nil, "0 group, 0 boss-sms"},
		"another alert's escalation": {oncall.Escalation{Matchers: []string{`kind="run"`}, Steps: threeSteps().Steps}, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got := escalated(t, c.escalation, 60, c.moments...); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestAStepTellsWhomItMentions(t *testing.T) {
	settings, roster := escalations(t, oncall.Escalation{Matchers: []string{"{}"}, Steps: []oncall.Step{{Schedule: "orders", Person: "boss", Receivers: []string{"group"}}}})
	al := rules.Alert{ID: "a_1", State: rules.Firing, FiredAt: firedAt(), Tier: rules.Critical}
	due, _ := settings.Escalate(al, decide.EscalationFacts{Roster: roster}, firedAt())
	if len(due) != 1 || len(due[0].People) != 2 || due[0].Steps != 1 {
		t.Fatalf("due: %+v", due)
	}
	got := []string{due[0].People[0].Name, due[0].People[1].Name, strings.Join(due[0].Receivers, ",")}
	if diff := cmp.Diff([]string{"boss", "wei", "group"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAnEscalationSaysWhereItStands(t *testing.T) {
	at := firedAt()
	for want, e := range map[string]decide.Escalated{
		"":                                  {},
		"escalation critical has not begun": {Alert: "a", Policy: "critical", Step: -1, Next: at},
		"escalation critical took step 2 at 2026-01-05 12:00:00 UTC, the next one is due at 2026-01-05 12:05:00 UTC": {Alert: "a", Policy: "critical", Step: 1, At: at, Next: at.Add(5 * time.Minute)},
		"escalation critical took its last step at 2026-01-05 12:00:00 UTC":                                          {Alert: "a", Policy: "critical", Step: 2, At: at},
		"escalation critical is stopped by the acknowledgement":                                                      {Alert: "a", Policy: "critical", Step: 1, At: at, Next: at, Tier: rules.Warning, Acked: at, AckedTier: rules.Warning},
		"escalation critical took step 1 at 2026-01-05 12:00:00 UTC, the next one is due at 2026-01-05 12:00:00 UTC": {Alert: "a", Policy: "critical", At: at, Next: at, Tier: rules.Critical, Acked: at, AckedTier: rules.Warning},
	} {
		if got := e.Standing().String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// TestARestartChangesNoEscalation: a guardian that is not asked for some minutes, or is started
// again, tells the same steps in the same order, none twice in a round and none left out, and
// each waits for the one before.
func TestARestartChangesNoEscalation(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		e := threeSteps()
		e.Repeat = rapid.IntRange(0, 2).Draw(rt, "repeat")
		var moments []moment
		for minute := 0; minute < 100; minute += rapid.IntRange(1, 10).Draw(rt, "later") {
			moments = append(moments, moment{
				minute: minute, down: rapid.Bool().Draw(rt, "down"), muted: rapid.IntRange(0, 3).Draw(rt, "muted") == 0,
				acked: rapid.IntRange(0, 3).Draw(rt, "acked") == 0,
			})
		}
		moments = append(moments, moment{minute: 100})
		told := strings.Split(escalated(t, e, 300, moments...), ", ")
		if want := 3 * (e.Repeat + 1); len(told) != want {
			rt.Fatalf("%d steps were taken, want %d: %v", len(told), want, told)
		}
		before, wait := 0, 0
		for i, one := range told {
			var minute int
			var who string
			if _, err := fmt.Sscan(one, &minute, &who); err != nil {
				rt.Fatal(err)
			}
			if want := []string{"wei-sms", "group", "boss-sms"}[i%3]; who != want {
				rt.Fatalf("step %d tells %s, want %s: %v", i, who, want, told)
			}
			if i > 0 && minute-before < wait {
				rt.Fatalf("step %d comes after %d minutes, want %d: %v", i, minute-before, wait, told)
			}
			before, wait = minute, []int{5, 10, 10}[i%3]
		}
	})
}
