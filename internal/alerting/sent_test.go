package alerting_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"guardian/internal/store"
	"guardian/rules"
	"guardian/test/leader"
	"guardian/watch"
)

// theirs is an alert of another program that fires until so long from now.
func theirs(until time.Duration) rules.Sent {
	return rules.Sent{
		Labels:      map[string]string{"alertname": "Theirs", "severity": "page", "service": "orders", "fails_watch": "true"},
		Annotations: map[string]string{"summary": until.String()}, StartsAt: leader.Now(), EndsAt: leader.Now().Add(until),
	}
}

func (n *night) take(list ...rules.Sent) {
	n.t.Helper()
	if refused, err := n.alerts.Take(list); err != nil || len(refused) > 0 {
		n.t.Fatalf("%v %v", refused, err)
	}
	n.evaluate()
}

// ticks lets a time pass.
func (n *night) ticks(length time.Duration) {
	for end := leader.Now().Add(length); leader.Now().Before(end); {
		time.Sleep(15 * time.Second)
		n.evaluate()
	}
}

func (n *night) rulesOfOpen() (names []string) {
	for _, a := range n.alerts.Open() {
		names = append(names, a.Rule)
	}
	return names
}

func TestAnAlertThatOthersSendIsToldOnceAndResolves(t *testing.T) {
	play(t, leader.Settings(t, watch.Auto), down, func(n *night) {
		n.take(theirs(4 * time.Minute))
		n.wantNotices(firing)
		written := len(n.Batches())
		for range 10 { // as a Prometheus sends it again and again
			n.take(theirs(4 * time.Minute))
			time.Sleep(time.Second)
		}
		if more := len(n.Batches()) - written; more > 1 {
			n.t.Errorf("%d batches were written although nothing changed", more)
		}
		n.ticks(3 * time.Minute)
		n.wantNotices(firing)
		n.ticks(2 * time.Minute)
		n.wantNotices(firing, resolved)
		if open := n.rulesOfOpen(); len(open) > 0 {
			n.t.Errorf("still open: %v", open)
		}
		if n.heard() > 0 {
			n.t.Error("a watch heard of it: what others send fails none")
		}
	})
}

func TestAnAlertThatOthersSendOutlivesARestartAndAReload(t *testing.T) {
	play(t, leader.Settings(t, watch.Auto), down, func(n *night) {
		n.take(theirs(time.Minute))
		time.Sleep(3 * time.Minute) // nobody is here
		n.restart()
		n.alerts.Apply(load(t, strings.ReplaceAll(down, "Down", "Gone")))
		n.ticks(4 * time.Minute)
		n.wantNotices(firing)
		n.ticks(2 * time.Minute)
		n.wantNotices(firing, resolved)
	})
}

func TestWhatIsNotRecordedWasNotSent(t *testing.T) {
	play(t, leader.Settings(t, watch.Auto), down, func(n *night) {
		n.Refuse(func(store.Batch) error { return errors.New("disk full") })
		if _, err := n.alerts.Take([]rules.Sent{theirs(time.Minute)}); err == nil || len(n.alerts.Open()) > 0 {
			n.t.Errorf("%v, open %v", err, n.rulesOfOpen())
		}
		n.Refuse(nil)
		n.take(theirs(time.Minute))
		n.wantNotices(firing)
	})
}

func TestRulesReadWhatOthersSend(t *testing.T) {
	reads := `
groups:
  - name: reads
    interval: 15s
    rules:
      - {alert: Ours, expr: 'ALERTS{alertname="Theirs",alertstate="firing"}', labels: {tier: info}}
`
	play(t, leader.Settings(t, watch.Auto), reads, func(n *night) {
		n.take(theirs(4 * time.Minute))
		n.ticks(30 * time.Second)
		if got := strings.Join(n.rulesOfOpen(), " "); got != "Ours Theirs" {
			n.t.Errorf("open: %s", got)
		}
		n.ticks(3 * time.Minute) // it is written again: a query looks back for five minutes only
		over := theirs(0)
		over.EndsAt = over.StartsAt
		n.take(over)
		n.ticks(30 * time.Second)
		if got := n.rulesOfOpen(); len(got) > 0 {
			n.t.Errorf("open: %s", got)
		}
	})
}

func TestAnAlertThatOthersSendStartsItsRunbook(t *testing.T) {
	s := bound(t, watch.Auto)
	s.OnAlert[0].Match["alertname"] = "Theirs"
	play(t, s, down, func(n *night) {
		n.take(theirs(time.Minute))
		n.take(theirs(4 * time.Minute))
		n.restart()
		n.evaluate()
		if got := strings.Join(n.Steps(), " "); got != "restart" {
			n.t.Errorf("done: %q, want restart once", got)
		}
	})
}
