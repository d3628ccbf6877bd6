package api_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"guardian/actions"
	"guardian/internal/alerting"
	"guardian/internal/api"
	"guardian/internal/reason"
	"guardian/internal/server"
	"guardian/internal/store"
	"guardian/notifiers/route"
	"guardian/probes/sample"
	"guardian/rules"
)

func alert(id string, state rules.State) rules.Alert {
	return rules.Alert{
		ID: id, Rule: "Down", State: state, Tier: rules.Critical, ActiveAt: start(), FiredAt: start(),
		Labels: map[string]string{"alertname": "Down", "service": "orders", "tier": "critical"},
	}
}

func TestAlertsAreListedWithTheirAcknowledgementSilencesAndRun(t *testing.T) {
	s := newStandby(t)
	ended, old := alert("a_2", rules.Resolved), alert("a_3", rules.Resolved)
	ended.ResolvedAt, old.ResolvedAt = start().Add(-23*time.Hour), start().Add(-25*time.Hour)
	s.write(store.Batch{
		Alerts: []rules.Alert{alert("a_1", rules.Firing), ended, old},
		Acks:   []rules.Ack{{Alert: "a_1", By: "ada", At: start()}},
		Runs: []actions.Run{{
			ID: "r_1", Service: "orders", State: actions.Running, Created: start(),
			Trigger: actions.Trigger{Kind: actions.ByAlert, Alert: "a_1", AlertEpisode: start().UnixNano()},
		}},
	})
	matchers, err := route.ParseMatchers(`service="orders"`)
	if err != nil {
		t.Fatal(err)
	}
	silence, err := s.Silences.CreateSilence(t.Context(), route.Silence{Matchers: matchers, Until: start().Add(time.Hour), Comment: "known"}, server.Caller{Name: "ada"})
	if err != nil || silence.ID == "" || silence.By != "ada" || !silence.From.Equal(start()) {
		t.Fatalf("silence %+v, %v; want it from now on", silence, err)
	}
	all, err := s.Alerts.AlertList(t.Context())
	if err != nil || len(all) != 2 {
		t.Fatalf("%d alerts, %v; want those that are open or resolved within a day", len(all), err)
	}
	i := slices.IndexFunc(all, func(a server.Alert) bool { return a.ID == "a_1" })
	if a := all[i]; a.Ack == nil || a.Ack.By != "ada" || a.Run != "r_1" || !slices.Equal(a.Silences, []string{silence.ID}) {
		t.Errorf("got %+v", a)
	}
	if err := s.Silences.ExpireSilence(t.Context(), silence.ID, server.Caller{Name: "ada"}); err != nil {
		t.Fatal(err)
	}
	if err := s.Silences.ExpireSilence(t.Context(), silence.ID, server.Caller{Name: "ada"}); !errors.Is(err, server.ErrNotFound) {
		t.Errorf("ending it again: %v", err)
	}
}

func TestASilenceOfEverythingIsInvalid(t *testing.T) {
	var invalid *server.InvalidError
	if _, err := newStandby(t).Silences.CreateSilence(t.Context(), route.Silence{Until: start().Add(time.Hour)}, server.Caller{Name: "ada"}); !errors.As(err, &invalid) {
		t.Errorf("got %v, want what is wrong with it", err)
	}
}

func TestTheRunOfAnAlertIsTheFirstOfThisFiring(t *testing.T) {
	run := func(id, alert string, episode time.Time) actions.Run {
		return actions.Run{ID: id, Trigger: actions.Trigger{Kind: actions.ByAlert, Alert: alert, AlertEpisode: episode.UnixNano()}}
	}
	newestFirst := []actions.Run{
		run("r_4", "a_1", start()), run("r_3", "a_1", start()), run("r_2", "a_2", start()), run("r_1", "a_1", start().Add(-time.Hour)),
	}
	if got := api.RunOf(alert("a_1", rules.Firing), newestFirst); got != "r_3" {
		t.Errorf("got %q, want r_3", got)
	}
	if got := api.RunOf(alert("a_3", rules.Firing), newestFirst); got != "" {
		t.Errorf("got %q for an alert without a run", got)
	}
}

func TestAStandbyDoesNotKnowHowRulesAre(t *testing.T) {
	s := newStandby(t)
	groups, err := s.Rules.RuleGroups(t.Context())
	if err != nil || len(groups) != 1 || len(groups[0].Rules) != 1 || groups[0].Rules[0].Health != "unknown" || !groups[0].Rules[0].Alerting {
		t.Errorf("got %+v, %v", groups, err)
	}
}

func TestARuleShowsItsErrorAndOpenAlerts(t *testing.T) {
	g := newStandby(t).running.Config.Groups[0]
	r := g.Rules[0]
	at := start()
	v := api.GroupOf(g, rules.GroupState{Rules: map[string]rules.RuleState{r.Key: {
		Health: rules.HealthErr, Reason: reason.Text("too many samples"), LastEval: at,
		Alerts: []rules.Alert{alert("a_1", rules.Firing), alert("a_2", rules.Resolved), alert("a_3", rules.Pending)},
	}}}, alerting.Evaluation{At: at, Took: time.Second})
	got := v.Rules[0]
	if v.EvaluationTime != time.Second || !v.LastEvaluation.Equal(at) || got.Health != "err" || got.LastError != "too many samples" || got.EvaluationTime != time.Second {
		t.Errorf("got %+v", v)
	}
	if len(got.Alerts) != 2 || got.Alerts[0].ID != "a_1" || got.Alerts[1].ID != "a_3" {
		t.Errorf("alerts %+v, want those that are open", got.Alerts)
	}
	if ok := api.GroupOf(g, rules.GroupState{Rules: map[string]rules.RuleState{r.Key: {Health: rules.HealthOK}}}, alerting.Evaluation{}).Rules[0]; ok.LastError != "" || ok.Health != "ok" {
		t.Errorf("got %+v", ok)
	}
}

func TestSelectorsAreAlternatives(t *testing.T) {
	s := newStandby(t)
	for _, check := range []string{"push", "read"} {
		s.look(check, "orders", sample.Observation{Health: sample.Up})
	}
	ask := func(limit int, selectors ...string) []string {
		t.Helper()
		values, err := s.Series.LabelValues(t.Context(), "check", selectors, start().Add(-time.Minute), start().Add(time.Minute), limit)
		if err != nil {
			t.Fatal(err)
		}
		return values
	}
	for want, got := range map[string][]string{
		"either":  ask(0, `{check="read"}`, `{check="push"}`, `{check="push"}`),
		"all":     ask(0),
		"nothing": ask(0, `{check="none"}`),
		"limit":   ask(1),
	} {
		all := map[string][]string{"either": {"push", "read"}, "all": {"push", "read"}, "limit": {"push"}}
		if !slices.Equal(got, all[want]) {
			t.Errorf("%s: got %v, want %v", want, got, all[want])
		}
	}
	var invalid *server.InvalidError
	if _, err := s.Series.LabelNames(t.Context(), []string{"{"}, start(), start(), 0); !errors.As(err, &invalid) || invalid.Fields[0].Pointer != "?match[]" {
		t.Errorf("a selector that cannot be parsed: %v", err)
	}
}
