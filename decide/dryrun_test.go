package decide_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"guardian/actions"
	"guardian/decide"
	"guardian/watch"
)

func TestADryRunSaysWhatAPersonAndAVerdictWouldGet(t *testing.T) {
	for name, c := range map[string]struct {
		to        string
		change    func(*world)
		into      string
		person    []string // what refuses it to a person
		automatic []string // what refuses it after a verdict, or asks
		loses     string
		more      bool
	}{
		"nothing forbids it":         {into: "v1", person: []string{}, automatic: []string{}, loses: "v2", more: true},
		"in the cool-down":           {into: "v1", person: []string{}, automatic: []string{"cooldown"}, loses: "v2", change: func(w *world) { w.past.runs = []actions.Run{rolledBack("v0", "v1", 20*time.Minute, actions.NotCured)} }},
		"nothing to go back to":      {person: []string{"no_known_good"}, automatic: []string{"no_known_good"}, change: func(w *world) { w.past.goods = nil }},
		"the version that runs":      {to: "v2", into: "v2", person: []string{"same_version"}, automatic: []string{"same_version"}, loses: "v2", more: true},
		"further back than is known": {to: "v0", into: "v0", person: []string{}, automatic: []string{"not_known_good"}, loses: "v2", more: true},
	} {
		t.Run(name, func(t *testing.T) {
			world := newWorld()
			if c.change != nil {
				c.change(world)
			}
			before := len(world.past.runs)
			got, err := world.decider().DryRun(t.Context(), decide.PersonRequest{
				Service: "orders", Environment: production, To: c.to, Person: "ada", Reason: "dry run",
			}, world.present, noon())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.person, codes(got.ByPerson.Refusals)); diff != "" || got.ByPerson.To != c.into || got.Automatic.To != c.into {
				t.Errorf("to %q and %q; to a person (-want +got):\n%s", got.ByPerson.To, got.Automatic.To, diff)
			}
			if diff := cmp.Diff(c.automatic, codes(got.Automatic.Refusals)); diff != "" {
				t.Errorf("after a verdict (-want +got):\n%s", diff)
			}
			var loses []string
			for _, v := range got.Loses {
				loses = append(loses, v.Version)
			}
			if strings.Join(loses, " ") != c.loses || got.MoreLost != c.more {
				t.Errorf("it loses %v, more: %v; want %s", loses, got.MoreLost, c.loses)
			}
			if len(world.past.runs) != before {
				t.Error("it left a run behind")
			}
		})
	}
}

func TestADryRunInModeApproveAsksAPersonAfterAVerdict(t *testing.T) {
	world := newWorld()
	for i := range world.settings.Services {
		world.settings.Services[i].Watch.Mode = watch.Approve
	}
	got, err := world.decider().DryRun(t.Context(), decide.PersonRequest{Service: "orders", Environment: production}, world.present, noon())
	if err != nil || got.Automatic.Approve.IsZero() || !got.ByPerson.Approve.IsZero() {
		t.Errorf("%+v, %v", got, err)
	}
}
