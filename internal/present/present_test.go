package present_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/promql"

	"guardian/actions"
	"guardian/decide"
	"guardian/internal/netpath"
	"guardian/internal/present"
	"guardian/internal/reason"
	"guardian/internal/recording"
	"guardian/probes/sample"
	"guardian/rules"
	"guardian/watch"
)

var noon = time.Date(2026, 11, 2, 12, 0, 0, 0, time.UTC)

// world is what is so: everything that a Present asks.
type world struct {
	settings decide.Settings
	health   map[string]sample.Health
	blind    map[string]recording.Status
	outages  map[string]netpath.Outage
	open     []rules.Alert
	leads    bool
	books    map[string]*actions.Runbook
	looked   sample.Sample
	fails    error
}

// newWorld has a service of two checks, one of another service, and a control.
func newWorld() *world {
	check := func(name, service string, control bool) decide.Check {
		return decide.Check{CheckPolicy: watch.CheckPolicy{Check: name, Every: 15 * time.Second}, Service: service, Control: control}
	}
	w := watch.DefaultSettings()
	w.Metrics = []watch.CounterSettings{{Name: "placed", Failures: "failed_total", Total: "placed_total"}}
	return &world{
		settings: decide.Settings{
			Services: []decide.Service{{Name: "orders", Watch: w, Rollback: "back"}, {Name: "prices"}},
			Checks:   []decide.Check{check("push", "orders", false), check("page", "orders", false), check("feed", "prices", false), check("router", "", true)},
		},
		health: map[string]sample.Health{"push": sample.Down, "page": sample.Up, "feed": sample.Down, "router": sample.Up},
		leads:  true,
	}
}

func (w *world) present() present.Present {
	return present.New(present.Options{
		Settings: func() *decide.Settings { return decide.NewSettings(w.settings) },
		Runbook:  func(name string) (*actions.Runbook, bool) { b, ok := w.books[name]; return b, ok },
		Record:   w, Paths: w, Counters: w,
		Alerts: func() ([]rules.Alert, bool) { return w.open, w.leads },
		Look:   func(context.Context, string) (sample.Sample, error) { return w.looked, w.fails },
		Now:    func() time.Time { return noon },
	})
}

func (w *world) Health(check string, _ time.Time) sample.Health { return w.health[check] }

func (w *world) Status(check string, _ time.Time) recording.Status { return w.blind[check] }

func (w *world) Visibility(time.Time) rules.Visibility { return nil }

func (w *world) RecheckStats(service string) map[string]watch.RecheckStats {
	return map[string]watch.RecheckStats{service: {Seen: 3}}
}

func (w *world) Answered(service string) map[string][]watch.Answered {
	return map[string][]watch.Answered{service: {{Version: "v1"}}}
}

func (w *world) Outages() map[string]netpath.Outage { return w.outages }

func (w *world) Reading(_ context.Context, m watch.CounterSettings, at time.Time) (watch.Reading, error) {
	return m.Reading(make([]promql.Vector, len(m.Queries())), at), w.fails
}

// A decision about a service sees its checks, the controls and what is known of both, and no other service's.
func TestADecisionSeesTheServiceAndTheControls(t *testing.T) {
	w := newWorld()
	w.open = []rules.Alert{{ID: "a_1", Rule: "Lost", State: rules.Firing}}
	want := decide.Present{
		Health:   map[string]sample.Health{"push": sample.Down, "page": sample.Up, "router": sample.Up},
		Alerts:   w.open,
		Rechecks: map[string]watch.RecheckStats{"orders": {Seen: 3}},
		Answered: map[string][]watch.Answered{"orders": {{Version: "v1"}}},
	}
	if diff := cmp.Diff(want, w.present().Of("orders")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestWhichChecksAndPathsAreBlind(t *testing.T) {
	w, since, why := newWorld(), noon.Add(-time.Hour), reason.Text("no control answers")
	w.outages = map[string]netpath.Outage{"office": {Since: since, Reason: why}}
	w.blind = map[string]recording.Status{
		"push": {Last: &sample.Sample{}, Blind: true, BlindSince: since, BlindReason: why},
		"page": {Last: &sample.Sample{}},
		"feed": {Blind: true, BlindSince: since, BlindReason: why},
	}
	want := decide.View{
		Checks: map[string]decide.Sight{
			"push": {Looked: true, Blind: true, Since: since, Why: why}, "page": {Looked: true}, "feed": {Blind: true, Since: since, Why: why}, "router": {},
		},
		Cuts: map[string]decide.Cut{"office": {Since: since, Why: why}},
	}
	if diff := cmp.Diff(want, w.present().View(noon)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// started is a step whose target tells since when a version runs.
type started struct {
	actions.Step
	at  time.Time
	run *actions.Run
}

func (s started) RunsSince(_ context.Context, c actions.Call) (time.Time, error) {
	*s.run = c.Run
	return s.at, nil
}

// Since when a version runs is asked at what the service's rollback changes.
func TestSinceWhenAVersionRuns(t *testing.T) {
	w, deploy := newWorld(), watch.Deploy{Service: "orders", Environment: "production", Version: "v2"}
	ask := func() time.Time { return w.present().RunsSince(t.Context(), deploy) }
	if at := ask(); !at.IsZero() {
		t.Errorf("%s without a runbook", at)
	}
	var asked actions.Run
	w.books = map[string]*actions.Runbook{"back": {Steps: []actions.RunbookStep{{Step: started{at: noon.Add(-time.Minute), run: &asked}}}}}
	if at := ask(); !at.Equal(noon.Add(-time.Minute)) || asked.To != "v2" || asked.Environment != "production" || asked.Runbook != "back" {
		t.Errorf("%s, asked about %+v", at, asked)
	}
	deploy.Service = "prices"
	if at := ask(); !at.IsZero() {
		t.Errorf("%s of a service that is never rolled back", at)
	}
}

// What made a run necessary is over when its alert is resolved; a guardian that no longer leads cannot tell.
func TestWhetherAnAlertIsOver(t *testing.T) {
	w := newWorld()
	ask := func() (string, error) {
		r, err := w.present().Ask(t.Context(), actions.Run{Service: "orders"}, actions.Symptom{Kind: actions.SymptomAlert, Name: "Lost", Alert: "a_1"}, noon)
		return r.Health, err
	}
	if health, err := ask(); health != "up" || err != nil {
		t.Errorf("resolved: %s, %v", health, err)
	}
	w.open = []rules.Alert{{ID: "a_1", Rule: "Lost", State: rules.Firing}}
	if health, err := ask(); health != "down" || err != nil {
		t.Errorf("firing: %s, %v", health, err)
	}
	w.open, w.leads = nil, false
	if health, err := ask(); !errors.Is(err, actions.ErrLostLease) {
		t.Errorf("without the lease: %q, %v", health, err)
	}
}

// What cannot be asked is neither up nor down.
func TestWhatCannotBeAskedIsAnError(t *testing.T) {
	w := newWorld()
	counter := func(name string) error {
		_, err := w.present().Ask(t.Context(), actions.Run{Service: "orders"}, actions.Symptom{Kind: actions.SymptomCounter, Name: name}, noon.Add(-time.Hour))
		return err
	}
	if err := counter("placed"); err != nil {
		t.Errorf("a counter: %v", err)
	}
	if err := counter("cancelled"); err == nil {
		t.Error("a counter that is not configured any more is over")
	}
	w.fails = errors.New("no answer")
	if err := counter("placed"); !errors.Is(err, w.fails) {
		t.Errorf("a counter that cannot be read: %v", err)
	}
	if _, err := w.present().Look(t.Context(), "push"); !errors.Is(err, w.fails) {
		t.Errorf("a check that cannot look: %v", err)
	}
	w.fails, w.looked = nil, sample.Sample{At: noon, Duration: time.Second, Observation: sample.Observation{Health: sample.Down, Reason: reason.Text("refused")}}
	want := actions.CheckResult{Check: "push", Health: "down", Reason: reason.Text("refused"), At: noon, Took: time.Second}
	if got, err := w.present().Look(t.Context(), "push"); err != nil || !cmp.Equal(want, got) {
		t.Errorf("a look: %+v, %v", got, err)
	}
}
