package decide_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/model"

	"guardian/decide"
	"guardian/notifiers/route"
	"guardian/rules"
)

// The interval counts from when the receiver heard: a notice that waited for 50 minutes comes again an hour
// after it was taken, also after a restart in between.
func TestRepeatsCountFromWhenTheChannelTookTheNotice(t *testing.T) {
	d := newDesk(t, deskSettings(t, route.Node{Receiver: "phone", RepeatInterval: new(model.Duration(time.Hour))}))
	d.fire(alertOf("Down", "orders", rules.Critical))
	d.accepted = d.now.Add(50 * time.Minute)
	d.pass(100 * time.Minute)
	d.accepted = time.Time{} // as after the journal was pruned
	d.restart()
	d.pass(2 * time.Hour)
	var at []time.Duration
	for _, h := range d.heard {
		at = append(at, h.At)
	}
	if diff := cmp.Diff([]time.Duration{0, 110 * time.Minute, 170 * time.Minute}, at); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
}

func TestTheOrderInWhichAlertsAreListed(t *testing.T) {
	now := noon()
	of := func(name, service string, tier rules.Tier, began time.Duration) rules.Alert {
		a := alertOf(name, service, tier)
		a.ActiveAt = now.Add(began)
		return a
	}
	want := []rules.Alert{
		of("Slow", "orders", rules.Critical, 3), of("Down", "prices", rules.Critical, 2), of("Down", "orders", rules.Warning, 5),
		of("Slow", "orders", rules.Warning, 1), of("Slow", "orders", rules.Warning, 4), of("Down", "orders", rules.Info, 0),
	}
	got := []rules.Alert{want[4], want[1], want[3], want[5], want[0], want[2]}
	decide.Arrange(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
