package decide_test

import (
	"testing"
	"time"

	"guardian/actions"
	"guardian/decide"
	"guardian/internal/reason"
	"guardian/probes/sample"
	"guardian/rules"
	"guardian/watch"
)

func TestServiceHealthIsThatOfItsWorstCheckThatCounts(t *testing.T) {
	at := func(minute int) time.Time { return time.Date(2026, 11, 2, 8, minute, 0, 0, time.UTC) }
	state := func(name string, h sample.Health, since int) decide.CheckState {
		return decide.CheckState{
			Check: name, Counts: true, Since: at(since),
			Last: &sample.Sample{Check: name, Observation: sample.Observation{Health: h, Reason: reason.Text(name + " says so")}},
		}
	}
	blind := func(name string) decide.CheckState {
		c := state(name, sample.Up, 1)
		c.Blind, c.Why = true, reason.Text("no network")
		return c
	}
	ignored := state("ignored", sample.Down, 1)
	ignored.Counts = false
	for name, c := range map[string]struct {
		checks []decide.CheckState
		health sample.Health
		since  time.Time
		reason string
	}{
		"no check":                           {nil, sample.Unknown, time.Time{}, "no check of this service counts"},
		"only one that does not count":       {[]decide.CheckState{ignored}, sample.Unknown, time.Time{}, "no check of this service counts"},
		"up since the last one came up":      {[]decide.CheckState{state("a", sample.Up, 5), state("b", sample.Up, 9), ignored}, sample.Up, at(9), ""},
		"down since the first one went down": {[]decide.CheckState{state("a", sample.Down, 9), state("b", sample.Down, 5)}, sample.Down, at(5), "b: b says so"},
		"one down among ups and blind ones":  {[]decide.CheckState{blind("x"), state("a", sample.Up, 9), state("b", sample.Down, 5)}, sample.Down, at(5), "b: b says so"},
		"one up among blind ones":            {[]decide.CheckState{blind("x"), state("a", sample.Up, 5)}, sample.Up, at(5), ""},
		"all blind":                          {[]decide.CheckState{blind("x"), blind("y")}, sample.Unknown, time.Time{}, "x: no network"},
		"not looked yet":                     {[]decide.CheckState{{Check: "new", Counts: true, Why: reason.New("check_without_look")}}, sample.Unknown, time.Time{}, "new: it has not been looked at yet"},
	} {
		t.Run(name, func(t *testing.T) {
			got := decide.ServiceHealth(decide.ServiceFacts{Checks: c.checks}, at(10))
			if got.Health != c.health || !got.Since.Equal(c.since) || got.Reason.String() != c.reason {
				t.Errorf("got %s since %s: %q; want %s since %s: %q", got.Health, got.Since, got.Reason, c.health, c.since, c.reason)
			}
		})
	}
}

// TestAServiceThatFailsIsNotWellThoughItsLastLookWasUp draws the recent looks of its one check: u up,
// d down, ? unknown.
func TestAServiceThatFailsIsNotWellThoughItsLastLookWasUp(t *testing.T) {
	fires := func(change func(*rules.Alert)) []rules.Alert {
		al := rules.Alert{ID: "a_1", Rule: "PricesZero", Tier: rules.Critical, State: rules.Firing, ActiveAt: ago(time.Minute), Labels: map[string]string{"service": "orders"}}
		change(&al)
		return []rules.Alert{al}
	}
	watched := func(state watch.State, before time.Duration) *watch.Watch {
		return &watch.Watch{ID: "w_1", Version: "v2", State: state, Ended: ago(before)}
	}
	suspect := watched(watch.Watching, 0)
	suspect.Checks = []watch.CheckState{{Share: 1, Metrics: []watch.Metric{{Name: watch.Failures, Share: 1, Streams: []watch.Stream{{LogE: 4}}}}}}
	const up = "uuuuuuuuuuuuuuuu"
	for name, c := range map[string]struct {
		looks    string
		alerts   []rules.Alert
		watch    *watch.Watch
		rollback actions.State
		mark     watch.MarkKind
		why      string // the code; "" when it is well
	}{
		"all looks are up":                                {looks: up},
		"one look failed":                                 {looks: up + "d" + up},
		"one look of few failed":                          {looks: "uudu"},
		"one look in three fails":                         {looks: "udu" + "uduudu" + "uduu", why: "service_looks_fail"},
		"an outage that was a moment ago":                 {looks: up + "dddddu", why: "service_looks_fail"},
		"an outage that is over":                          {looks: "dddddduuu"},
		"one look in three failed, and it is over":        {looks: "uduuduuduuduudu" + up},
		"looks that saw nothing say nothing":              {looks: "u?????u"},
		"a critical alert fires":                          {looks: up, alerts: fires(func(*rules.Alert) {}), why: "service_alert_fires"},
		"an alert fires that fails watches":               {looks: up, alerts: fires(func(a *rules.Alert) { a.Tier, a.FailsWatch = rules.Warning, true }), why: "service_alert_fires"},
		"a warning fires":                                 {looks: up, alerts: fires(func(a *rules.Alert) { a.Tier = rules.Warning })},
		"an alert is pending":                             {looks: up, alerts: fires(func(a *rules.Alert) { a.State = rules.Pending })},
		"an alert of another service fires":               {looks: up, alerts: fires(func(a *rules.Alert) { a.Labels = map[string]string{"service": "prices"} })},
		"an alert of another environment fires":           {looks: up, alerts: fires(func(a *rules.Alert) { a.Labels["environment"] = "staging" })},
		"an alert of this environment fires":              {looks: up, alerts: fires(func(a *rules.Alert) { a.Labels["environment"] = production }), why: "service_alert_fires"},
		"its deploy passed":                               {looks: up, watch: watched(watch.Passed, time.Minute)},
		"its deploy failed and nothing was rolled back":   {looks: up, watch: watched(watch.Failed, time.Minute), why: "service_deploy_failed"},
		"its deploy failed, and the rollback did nothing": {looks: up, watch: watched(watch.Failed, time.Minute), rollback: actions.NotCured, why: "service_deploy_failed"},
		"its deploy failed, and is being rolled back":     {looks: up, watch: watched(watch.Failed, time.Minute), rollback: actions.Verifying, why: "service_deploy_failed"},
		"its deploy failed and was cured":                 {looks: up, watch: watched(watch.Failed, time.Minute), rollback: actions.Cured},
		"its deploy failed, which a person calls wrong":   {looks: up, watch: watched(watch.Failed, time.Minute), mark: watch.MarkWrong},
		"its deploy failed, which a person calls right":   {looks: up, watch: watched(watch.Failed, time.Minute), mark: watch.MarkRight, why: "service_deploy_failed"},
		"its deploy failed days ago":                      {looks: up, watch: watched(watch.Failed, 48*time.Hour)},
		"the watch of its deploy has evidence against it": {looks: up, watch: suspect, why: "service_deploy_suspect"},
		"the watch of its deploy has none":                {looks: up, watch: watched(watch.Watching, 0)},
	} {
		t.Run(name, func(t *testing.T) {
			check := decide.CheckState{
				Check: "push", Counts: true, FailureRate: 0.01, Last: &sample.Sample{Observation: sample.Observation{Health: sample.Up}},
			}
			for _, l := range c.looks {
				check.Recent = append(check.Recent, map[rune]sample.Health{'u': sample.Up, 'd': sample.Down, '?': sample.Unknown}[l])
			}
			f := decide.ServiceFacts{Service: "orders", Environment: production, Checks: []decide.CheckState{check}, Alerts: c.alerts}
			if c.watch != nil {
				w := decide.Watched{Watch: *c.watch}
				if c.rollback != "" {
					w.Rollback = &actions.Run{State: c.rollback}
				}
				if c.mark != "" {
					w.Mark = &watch.Mark{Kind: c.mark}
				}
				// An operation since then passed, and an older version of the code failed.
				operation, older := *watched(watch.Passed, 0), *watched(watch.Failed, time.Hour)
				operation.Kind = watch.Operation
				f.Watches = []decide.Watched{{Watch: operation}, w, {Watch: older}}
			}
			got := decide.ServiceHealth(f, noon())
			if got.Health != sample.Up || got.Degraded.Code != c.why {
				t.Errorf("it is %s, degraded because of %q (%s), want %q", got.Health, got.Degraded.Code, got.Degraded, c.why)
			}
			check.Last.Health = sample.Down
			if got := decide.ServiceHealth(f, noon()); got.Health != sample.Down || !got.Degraded.IsZero() {
				t.Errorf("when it is down, it is %s and degraded: %q", got.Health, got.Degraded)
			}
		})
	}
}
