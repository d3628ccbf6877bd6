package decide_test

import (
	"context"
	"slices"
	"time"

	"guardian/actions"
	"guardian/decide"
	"guardian/internal/reason"
	"guardian/probes/sample"
	"guardian/watch"
)

// noon is the moment of every decision.
func noon() time.Time { return time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC) }

func ago(d time.Duration) time.Time { return noon().Add(-d) }

// past is what happened before, in memory.
type past struct {
	deploys  []watch.Deploy // oldest first
	runs     []actions.Run  // newest first
	goods    []actions.KnownGood
	failed   []decide.FailedWatch
	watches  []decide.PastWatch // newest first
	looks    map[string][]watch.Look
	readings []watch.Reading
}

func (p *past) LastDeploy(_ context.Context, service, environment string, kind watch.Kind) (watch.Deploy, bool, error) {
	for _, d := range slices.Backward(p.deploys) {
		if d.Service == service && d.Environment == environment && watch.SameKind(d.Kind, kind) {
			return d, true, nil
		}
	}
	return watch.Deploy{}, false, nil
}

func (p *past) Runs(_ context.Context, service, environment string, since time.Time) ([]actions.Run, error) {
	return slices.DeleteFunc(slices.Clone(p.runs), func(r actions.Run) bool {
		return r.Service != service || r.Environment != environment || r.Created.Before(since) && r.State.Final()
	}), nil
}

func (p *past) KnownGoods(context.Context, string, string) ([]actions.KnownGood, error) {
	return p.goods, nil
}

func (p *past) FailedWatches(_ context.Context, service, environment string, since time.Time) ([]decide.FailedWatch, error) {
	return slices.DeleteFunc(slices.Clone(p.failed), func(w decide.FailedWatch) bool {
		return service != "" && w.Service != service || environment != "" && w.Environment != environment || w.Ended.Before(since)
	}), nil
}

func (p *past) Watches(_ context.Context, service string, since time.Time) ([]decide.PastWatch, error) {
	return slices.DeleteFunc(slices.Clone(p.watches), func(w decide.PastWatch) bool {
		return w.Service != service || w.State.Final() && w.Ended.Before(since)
	}), nil
}

func (p *past) Looks(_ context.Context, check string, from, to time.Time) ([]watch.Look, error) {
	return slices.DeleteFunc(slices.Clone(p.looks[check]), func(l watch.Look) bool { return l.At.Before(from) || !l.At.Before(to) }), nil
}

func (p *past) Counts(context.Context, string, time.Time, time.Time) (watch.Counts, error) {
	return watch.Counts{}, nil
}

func (p *past) Readings(context.Context, watch.CounterSettings, time.Time, time.Time) ([]watch.Reading, error) {
	return slices.Clone(p.readings), nil
}

const production = watch.DefaultEnvironment

// settings is one service "orders" with two checks and a runbook, and a second service.
func settings() decide.Settings {
	w := watch.DefaultSettings()
	w.Mode = watch.Auto
	w.Baseline.SameTime = false
	return decide.Settings{
		Services: []decide.Service{
			{Name: "orders", Environment: production, Watch: w, Rollback: "back"},
			{Name: "prices", Environment: production, Watch: w},
		},
		Checks: []decide.Check{
			{CheckPolicy: watch.CheckPolicy{Check: "push", Every: time.Minute}, Service: "orders", Judges: true, BlindAfter: 5 * time.Minute},
			{CheckPolicy: watch.CheckPolicy{Check: "read", Every: time.Minute}, Service: "orders", Judges: true, BlindAfter: 5 * time.Minute},
		},
		Runbooks: map[string]decide.Runbook{
			"back":    {Cooldown: 30 * time.Minute, MaxRunsPerDay: 3, ApprovalWithin: 10 * time.Minute},
			"restart": {Cooldown: time.Minute, MaxRunsPerDay: 3},
		},
	}
}

// deploy is the announcement of a version of orders some time ago.
func deploy(version string, before time.Duration) watch.Deploy {
	return watch.Deploy{
		ID: "d_" + version, Service: "orders", Environment: production, Version: version, Reversible: true,
		At: ago(before), Announced: ago(before),
	}
}

// rolledBack is a rollback of orders that ended some time ago, a minute after it was created.
func rolledBack(from, to string, ended time.Duration, state actions.State) actions.Run {
	r := actions.Run{
		ID: "r_" + from, Service: "orders", Environment: production, Runbook: "back", Rollback: true, From: from, To: to, State: state,
		Trigger: actions.Trigger{Kind: actions.ByVerdict, Deploy: "d_" + from}, Created: ago(ended + time.Minute), Started: ago(ended + time.Minute),
	}
	if state.Final() {
		r.Ended = ago(ended)
	}
	return r
}

// world is a decider with all that it reads: v2 was announced ten minutes ago, and v1 is known
// to be good.
type world struct {
	settings decide.Settings
	past     past
	present  decide.Present
}

func newWorld() *world {
	return &world{
		settings: settings(),
		past: past{
			deploys: []watch.Deploy{deploy("v1", 48*time.Hour), deploy("v2", 10*time.Minute)},
			goods:   []actions.KnownGood{{Version: "v1", At: ago(47 * time.Hour)}},
			looks:   map[string][]watch.Look{},
		},
		present: decide.Present{Health: map[string]sample.Health{"push": sample.Down, "read": sample.Up}},
	}
}

func (w *world) decider() decide.Decider {
	return decide.Decider{Settings: decide.NewSettings(w.settings), Past: &w.past}
}

// failed is the Failed verdict on a watch of v2.
func failed(mode watch.Mode) (*watch.Watch, *watch.Verdict) {
	w := &watch.Watch{ID: "w_2", DeployID: "d_v2", Service: "orders", Environment: production, Version: "v2", Mode: mode, State: watch.Failed}
	return w, &watch.Verdict{State: watch.Failed, Reason: reason.New("test"), Failing: []string{"push"}, At: noon()}
}

func codes(rs []actions.Refusal) []string {
	names := []string{}
	for _, r := range rs {
		names = append(names, string(r.Code))
	}
	return names
}
