package alerting_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/model"

	"guardian/internal/store"
	"guardian/notifiers"
	"guardian/notifiers/route"
	"guardian/oncall"
	"guardian/rules"
	"guardian/test/leader"
	"guardian/watch"
)

// escalating lets a test play with an escalation of critical alerts: who is on call by "orders" after
// the other, ada until noon and then bo, hears of it at once, the group after five minutes, the boss after ten more.
func escalating(t *testing.T, do func(n *night)) {
	t.Helper()
	escalatingRules(t, down, nil, do)
}

// escalatingRules is escalating with other rules, and receivers that are told of hand-overs.
func escalatingRules(t *testing.T, file string, announce []string, do func(n *night)) {
	t.Helper()
	receivers := []string{"oncall", "group", "sms-ada", "sms-bo", "sms-boss"}
	roster, err := oncall.NewRoster(
		[]oncall.Settings{{Name: "orders", Announce: announce, Layers: []oncall.Layer{{People: []string{"ada", "bo"}, Start: "2000-01-01", HandOver: "00:00", Length: model.Duration(12 * time.Hour)}}}},
		receivers, oncall.Options{People: []oncall.Person{
			{Name: "ada", FullName: "Ada Byron", Slack: "U0ADA1234", Receivers: []string{"sms-ada"}}, {Name: "bo", Receivers: []string{"sms-bo"}}, {Name: "boss", Receivers: []string{"sms-boss"}},
		}},
	)
	if err != nil {
		t.Fatal(err)
	}
	policy, err := oncall.NewPolicy(oncall.Escalation{Name: "critical", Matchers: []string{`tier="critical"`}, Steps: []oncall.Step{
		{Schedule: "orders", Wait: model.Duration(5 * time.Minute)}, {Receivers: []string{"group"}, Wait: model.Duration(10 * time.Minute)}, {Person: "boss"},
	}}, roster, receivers)
	if err != nil {
		t.Fatal(err)
	}
	settings := leader.Settings(t, watch.Auto)
	settings.Escalations = []oncall.Policy{policy}
	play(t, settings, file, func(n *night) {
		n.roster = *roster
		do(n)
	})
}

// told draws what receivers other than the routes' were told: "sms-ada escalated".
func (n *night) told() []string {
	n.t.Helper()
	all := []string{}
	for _, one := range n.Notices() {
		if !strings.HasPrefix(one, "oncall ") {
			all = append(all, one)
		}
	}
	return all
}

func (n *night) wantTold(want ...string) {
	n.t.Helper()
	if diff := cmp.Diff(append([]string{}, want...), n.told()); diff != "" {
		n.t.Errorf("told (-want +got):\n%s", diff)
	}
}

const (
	toAda   = "sms-ada alert escalated"
	toGroup = "group alert escalated"
	toBoss  = "sms-boss alert escalated"
)

func (n *night) ack() {
	n.t.Helper()
	n.Put(store.Batch{Acks: []rules.Ack{{Alert: n.alerts.Open()[0].ID, By: "ada", At: leader.Now(), Note: "looking"}}})
	n.Notifier.Refresh(n.t.Context())
}

func TestAnAlertIsEscalatedUntilSomebodyIsOnIt(t *testing.T) {
	escalating(t, func(n *night) {
		n.line(".xxxxx")
		n.wantTold(toAda)
		n.wait(4*time.Minute, "x")
		n.wantTold(toAda)
		n.wait(2*time.Minute, "x")
		n.wantTold(toAda, toGroup)
		n.ack()
		n.wait(time.Hour, "x")
		n.wantTold(toAda, toGroup)
	})
}

func TestWhomAnEscalationNotifiedHearsOfTheEnd(t *testing.T) {
	escalating(t, func(n *night) {
		n.line(".xxxxx")
		n.wait(20*time.Minute, "x")
		n.wantTold(toAda, toGroup, toBoss)
		n.line("..")
		n.wantTold(toAda, toGroup, toBoss, "group alert resolved", "sms-ada alert resolved", "sms-boss alert resolved")
		n.wait(time.Hour, ".")
		if rows, err := n.Store.Escalated(n.t.Context()); err != nil || len(rows) > 0 {
			n.t.Errorf("%d escalations are left: %v", len(rows), err)
		}
		// The next firing is another one.
		n.line("xxxxx")
		if told := n.told(); len(told) != 7 || told[6] != toAda {
			n.t.Errorf("told %q", told)
		}
	})
}

// TestARestartNeitherRepeatsNorLosesAStep: restarts at every minute of the escalation.
func TestARestartNeitherRepeatsNorLosesAStep(t *testing.T) {
	escalating(t, func(n *night) {
		n.line(".xxxxx")
		for range 25 {
			n.restart()
			n.wait(time.Minute, "x")
		}
		n.wantTold(toAda, toGroup, toBoss)
	})
}

func TestAStepThatCouldNotBeRecordedWasNotTaken(t *testing.T) {
	escalating(t, func(n *night) {
		n.line(".xxxxx")
		n.Refuse(func(b store.Batch) error {
			if len(b.Escalated) > 0 {
				return errors.New("the disk is full")
			}
			return nil
		})
		n.wait(10*time.Minute, "x")
		n.wantTold(toAda)
		n.Refuse(nil)
		n.wait(time.Minute, "x")
		n.wantTold(toAda, toGroup)
	})
}

func TestASilencedAlertIsNotEscalated(t *testing.T) {
	escalating(t, func(n *night) {
		m, err := route.NewMatcher("service", route.Equal, "orders")
		if err != nil {
			n.t.Fatal(err)
		}
		now := leader.Now()
		n.Put(store.Batch{Silences: []route.Silence{{ID: "s_1", Matchers: route.Matchers{m}, From: now, Until: now.Add(10 * time.Minute), By: "ada", Created: now}}})
		n.Notifier.Refresh(n.t.Context())
		n.line(".xxxxx")
		n.wait(8*time.Minute, "x")
		n.wantTold()
		n.wait(time.Minute, "x")
		n.wantTold(toAda)
	})
}

func TestAnEscalationSaysForWhomItIs(t *testing.T) {
	escalating(t, func(n *night) {
		n.line(".xxxxx")
		n.wait(16*time.Minute, "x")
		ds, err := n.Store.Deliveries(n.t.Context(), store.DeliveryFilter{Receiver: "sms-ada"})
		if err != nil || len(ds) != 1 {
			n.t.Fatal(ds, err)
		}
		notice := ds[0].Notice
		if !notice.Mention || len(notice.People) != 1 || notice.People[0].Slack != "U0ADA1234" || !strings.HasPrefix(notice.Title, "Step 1 of 3: ") {
			n.t.Errorf("the first step is %+v", notice)
		}
		if len(notice.Alerts) != 1 || notice.Labels["service"] != "orders" {
			n.t.Errorf("it is not about the alert: %+v", notice)
		}
		if ds, err = n.Store.Deliveries(n.t.Context(), store.DeliveryFilter{Receiver: "sms-boss"}); err != nil || len(ds) != 1 {
			n.t.Fatal(ds, err)
		}
		if text := ds[0].Notice.Text; !strings.Contains(text, "Nobody has acknowledged it for 1") {
			n.t.Errorf("the last step says %q", text)
		}
		lines, err := n.Store.Audit(n.t.Context(), store.AuditFilter{})
		if err != nil {
			n.t.Fatal(err)
		}
		var said []string
		for _, l := range lines.Lines {
			if l.What == "escalation" {
				said = append(said, l.Detail.String())
			}
		}
		want := []string{
			"Down: step 3 of 3 of escalation critical, sms-boss notified, mentioning boss",
			"Down: step 2 of 3 of escalation critical, group notified",
			"Down: step 1 of 3 of escalation critical, sms-ada notified, mentioning Ada Byron",
		}
		if diff := cmp.Diff(want, said); diff != "" {
			n.t.Errorf("the journal (-want +got):\n%s", diff)
		}
	})
}

// TestAlertsOfOneServiceAreOneNotice: a step that is due for several alerts wakes a person once.
func TestAlertsOfOneServiceAreOneNotice(t *testing.T) {
	two := down + `      - {alert: Gone, expr: 'probe_success{check="push"} == 0', for: 1m, labels: {tier: critical, service: orders}}
`
	escalatingRules(t, two, nil, func(n *night) {
		n.line(".xxxxx")
		n.wantTold(toAda)
		ds, err := n.Store.Deliveries(n.t.Context(), store.DeliveryFilter{Receiver: "sms-ada"})
		if err != nil || len(ds[0].Notice.Alerts) != 2 {
			n.t.Errorf("%+v, %v", ds, err)
		}
	})
}

// While a receiver cannot be reached one hand-over waits for it: the last one.
func TestOfTheHandOversThatWaitTheLastIsSent(t *testing.T) {
	escalatingRules(t, down, []string{"group"}, func(n *night) {
		n.Away("group")
		n.play(strings.Repeat(".", 54), 30*time.Minute)
		n.restart()
		ds, err := n.Store.Deliveries(n.t.Context(), store.DeliveryFilter{Receiver: "group"})
		if err != nil || len(ds) < 3 {
			n.t.Fatalf("%d hand-overs in more than a day, %v", len(ds), err)
		}
		for i, d := range ds { // newest first
			if want := map[bool]notifiers.DeliveryState{true: notifiers.Queued, false: notifiers.Superseded}[i == 0]; d.Notice.Event != "hand_over" || d.State != want {
				n.t.Errorf("%s of %s is %s, want %s", d.Notice.Title, d.Notice.Created, d.State, want)
			}
		}
	})
}

func TestAHandOverIsToldOnce(t *testing.T) {
	escalatingRules(t, down, []string{"group"}, func(n *night) {
		n.line(".xxxxx")
		n.ack()
		for leader.Now().Hour() < 12 {
			n.wait(time.Minute, "x")
		}
		n.restart()
		n.wait(30*time.Minute, "x")
		ds, err := n.Store.Deliveries(n.t.Context(), store.DeliveryFilter{Receiver: "group"})
		if err != nil {
			n.t.Fatal(err)
		}
		var handOvers []notifiers.Notice
		for _, d := range ds {
			if d.Notice.Event == "hand_over" && d.Notice.Created.Hour() >= 12 { // ada took over at midnight
				handOvers = append(handOvers, d.Notice)
			}
		}
		if len(handOvers) != 1 {
			n.t.Fatalf("%d hand-overs were told: %q", len(handOvers), n.told())
		}
		for _, want := range []string{"Before: ada.", "Alerts that are firing: 1", "acknowledged by ada: looking"} {
			if !strings.Contains(handOvers[0].Text, want) {
				n.t.Errorf("it does not say %q:\n%s", want, handOvers[0].Text)
			}
		}
		if !strings.HasPrefix(handOvers[0].Title, "On call for orders: bo") || len(handOvers[0].People) != 1 {
			n.t.Errorf("it says %q, for %v", handOvers[0].Title, handOvers[0].People)
		}
	})
}
