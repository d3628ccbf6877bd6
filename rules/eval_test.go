package rules_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/promqltest"
	"github.com/prometheus/prometheus/storage"

	"guardian/internal/reason"
	"guardian/rules"
)

// world is a storage with samples from 1970 on, one each minute, and what asks it.
type world struct {
	t      *testing.T
	suite  *promqltest.LazyLoader
	blind  []rules.Blind
	broken error
}

func newWorld(t *testing.T, series ...string) *world {
	t.Helper()
	suite, err := promqltest.NewLazyLoader("load 1m\n  "+strings.Join(series, "\n  "), promqltest.LazyLoaderOpts{EnableAtModifier: true, EnableNegativeOffset: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = suite.Close() })
	return &world{t: t, suite: suite}
}

func at(minutes int) time.Time {
	return time.Unix(0, 0).UTC().Add(time.Duration(minutes) * time.Minute)
}

func (w *world) query(ctx context.Context, expr string, at time.Time) (promql.Vector, error) {
	if w.broken != nil {
		return nil, w.broken
	}
	q, err := w.suite.QueryEngine().NewInstantQuery(ctx, w.suite.Queryable(), nil, expr, at)
	if err != nil {
		return nil, err
	}
	return q.Exec(ctx).Vector()
}

func (w *world) record(ctx context.Context, samples []promql.Sample) error {
	app := w.suite.Storage().Appender(ctx)
	for _, s := range samples {
		if _, err := app.Append(0, s.Metric, s.T, s.F); err != nil && !errors.Is(err, storage.ErrDuplicateSampleForTimestamp) {
			return err
		}
	}
	return app.Commit()
}

// eval loads the samples until a minute and evaluates the group then.
func (w *world) eval(g *rules.Group, minute int, s rules.GroupState) rules.Evaluation {
	w.t.Helper()
	w.suite.WithSamplesTill(at(minute), func(err error) {
		if err != nil {
			w.t.Fatal(err)
		}
	})
	return g.Eval(w.t.Context(), at(minute), s, rules.Env{Query: w.query, Record: w.record, Visibility: rules.VisibilityOf(w.blind)})
}

// told says in one line what changed: "a:firing b:resolved".
func told(changes []rules.Change) string {
	var out []string
	for _, c := range changes {
		to := string(c.To)
		if to == "" {
			to = "nothing"
		}
		out = append(out, c.Alert.Labels["check"]+":"+to)
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

func blindCheck(name, service string) rules.Blind {
	return rules.Blind{Labels: map[string]string{"check": name, "service": service, "kind": "http"}, Why: reason.Text("check " + name + " is blind")}
}

func TestABlindCheckSilencesItsOwnAlertsOnly(t *testing.T) {
	g := load(t, "groups: [{name: g, rules: [{alert: Down, expr: probe_success == 0}]}]")[0]
	w := newWorld(t,
		`probe_success{check="a",service="x",kind="http"} 0 stale _ _`,
		`probe_success{check="b",service="x",kind="http"} 1 0 0 1`,
	)
	e := w.eval(g, 0, rules.GroupState{})
	if got := told(e.Changes); got != "a:firing" {
		t.Fatalf("at first: %q, want a firing", got)
	}
	w.blind = []rules.Blind{blindCheck("a", "x")}
	e = w.eval(g, 1, e.State)
	if got := told(e.Changes); got != "b:firing" {
		t.Errorf("a went blind and b down: %q, want b to fire and a to stay", got)
	}
	if r := e.Results[0]; r.Health != rules.HealthUnknown || r.Reason.String() != "check a is blind" {
		t.Errorf("health %q, reason %q; want unknown and which check is blind", r.Health, r.Reason)
	}
	if n := len(e.State.Alerts()); n != 2 {
		t.Errorf("%d alerts, want both", n)
	}
	w.blind = nil
	if e = w.eval(g, 2, e.State); told(e.Changes) != "a:resolved" {
		t.Errorf("a sees again and is not down: %q, want a resolved", told(e.Changes))
	}
}

func TestWhatABlindCheckMayHideIsUnknown(t *testing.T) {
	for name, tt := range map[string]struct {
		expr  string
		blind rules.Blind
		want  string // what changes when both checks of service x become silent but c of y is down
	}{
		"nothing is blind":                                {"sum by (service) (probe_success) == 0", blindCheck("other", "z"), "y"},
		"an aggregate over a blind check":                 {"sum by (service) (probe_success) == 0", blindCheck("c", "y"), ""},
		"an aggregate of another service":                 {"sum by (service) (probe_success) == 0", blindCheck("a", "x"), "y"},
		"an aggregate over all":                           {"sum(probe_success) == 0", blindCheck("a", "x"), ""},
		"a selector that leaves the blind check out":      {`sum(probe_success{service="y"}) == 0`, blindCheck("a", "x"), "-"},
		"absent of a blind check":                         {`absent(probe_success{check="gone"})`, blindCheck("gone", "y"), ""},
		"absent of another check":                         {`absent(probe_success{check="gone"})`, blindCheck("a", "x"), "-"},
		"labels that are made up":                         {`label_replace(probe_success == 0, "service", "z", "", "")`, blindCheck("a", "x"), ""},
		"one side of a match on some labels":              {"probe_success == 0 unless on (service) probe_unknown", blindCheck("a", "x"), ""},
		"a series of the guardian itself":                 {"guardian_up == 1", blindCheck("a", "x"), "-"},
		"probe_unknown, which is how blindness is told":   {"probe_unknown == 1", blindCheck("a", "x"), "x"},
		"the best of several, where each decides for all": {"bottomk(1, probe_success) == 0", blindCheck("a", "x"), ""},
		"a threshold from another series":                 {"probe_success <= scalar(min(probe_success))", blindCheck("a", "x"), ""},
		"a range that reaches back before the blindness":  {"avg_over_time(probe_success[5m]) == 0", blindCheck("c", "y"), ""},
		"a metric that the blind check never makes": {"probe_success == 0", rules.Blind{
			Labels: map[string]string{"check": "c"}, Name: func(n string) bool { return n != "probe_success" },
		}, "y"},
		"a label that values carry says nothing of a check": {`probe_success{phase!="tls"} == 0`, blindCheck("c", "y"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			g := load(t, "groups:\n- name: g\n  rules:\n  - alert: A\n    expr: |\n      "+tt.expr)[0]
			w := newWorld(t,
				`probe_success{check="c",service="y",kind="http"} 0`,
				`probe_unknown{check="a",service="x",kind="http"} 1`,
				`guardian_up 1`,
			)
			w.blind = []rules.Blind{tt.blind}
			var got []string
			e := w.eval(g, 0, rules.GroupState{})
			if err := e.Results[0].Err; err != nil {
				t.Fatal(err)
			}
			for _, c := range e.Changes {
				got = append(got, cmpOr(c.Alert.Service(), "-"))
			}
			if strings.Join(got, " ") != tt.want {
				t.Errorf("%s: alerts of services %q, want %q", tt.expr, got, tt.want)
			}
		})
	}
}

func cmpOr(a, b string) string {
	if a == "" {
		return b
	}
	return a
}

func TestBlindnessIsSeenThroughRecordedSeries(t *testing.T) {
	groups := load(t, `
groups:
- name: record
  rules:
  - {record: "service:success", expr: avg by (service) (probe_success)}
  - {record: "service:success:copy", expr: "service:success", labels: {copied: "yes"}}
- name: alert
  rules:
  - {alert: Low, expr: '{__name__="service:success:copy", copied="yes"} < 1'}
  - {alert: LowOfX, expr: '{__name__="service:success:copy", service="x"} < 1'}
`)
	w := newWorld(t, `probe_success{check="a",service="x"} 0x20`, `probe_success{check="b",service="y"} 0 stale _x20`)
	rec, low := w.eval(groups[0], 0, rules.GroupState{}), rules.Evaluation{}
	low = w.eval(groups[1], 0, low.State)
	if n := len(low.Changes); n != 3 {
		t.Fatalf("%d alerts fired, want Low for x and y and LowOfX", n)
	}
	w.blind = []rules.Blind{{Labels: map[string]string{"check": "b", "service": "y"}, Why: reason.Text("b")}}
	for m := 1; m < 10; m++ {
		rec = w.eval(groups[0], m, rec.State)
		low = w.eval(groups[1], m, low.State)
		if len(low.Changes) > 0 {
			t.Fatalf("minute %d: %+v, want nothing to change while b is blind", m, low.Changes)
		}
	}
	if low.Results[0].Health != rules.HealthUnknown || low.Results[1].Health != rules.HealthOK {
		t.Errorf("healths %s and %s; want unknown for the rule on all services and ok for that on x",
			low.Results[0].Health, low.Results[1].Health)
	}
	w.blind = nil
	w.eval(groups[0], 10, rec.State)
	low = w.eval(groups[1], 10, low.State)
	if len(low.Changes) != 1 || low.Changes[0].To != rules.Resolved || low.Changes[0].Alert.Service() != "y" {
		t.Errorf("b sees again and has nothing: %+v, want Low for y resolved", low.Changes)
	}
}

func TestAFailedQueryChangesNothing(t *testing.T) {
	g := load(t, "groups: [{name: g, rules: [{alert: Down, expr: up == 0, for: 2m}]}]")[0]
	w := newWorld(t, `up{check="a"} 0 0 0 1 1`)
	e := w.eval(g, 0, rules.GroupState{})
	w.broken = errors.New("query timed out")
	e = w.eval(g, 3, e.State)
	if len(e.Changes) != 0 || e.Results[0].Health != rules.HealthErr || !errors.Is(e.Results[0].Err, w.broken) {
		t.Errorf("changes %+v, result %+v; want none, and the error", e.Changes, e.Results[0])
	}
	if a := e.State.Alerts(); len(a) != 1 || a[0].State != rules.Pending || !a[0].ActiveAt.Equal(at(0)) {
		t.Errorf("alerts %+v, want the one pending since the beginning", a)
	}
	if v, err := w.suite.QueryEngine().NewInstantQuery(t.Context(), w.suite.Queryable(), nil, `ALERTS{alertstate="pending"}`, at(3)); err != nil {
		t.Fatal(err)
	} else if vec, err := v.Exec(t.Context()).Vector(); err != nil || len(vec) != 1 {
		t.Errorf("ALERTS while the query fails: %v, %v; want it to go on", vec, err)
	}
}

func TestMistakesThatShowOnlyInEvaluation(t *testing.T) {
	for name, tt := range map[string]struct{ file, want string }{
		"too many alerts":           {"groups: [{name: g, limit: 1, rules: [{alert: A, expr: up}]}]", "exceeded limit of 1 with 2 alerts"},
		"too many series":           {"groups: [{name: g, limit: 1, rules: [{record: A, expr: up}]}]", "exceeded limit of 1 with 2 series"},
		"alerts with same labels":   {"groups: [{name: g, rules: [{alert: A, expr: up, labels: {check: same}}]}]", rules.ErrDuplicateAlert.Error()},
		"recorded with same labels": {"groups: [{name: g, rules: [{record: A, expr: up, labels: {check: same}}]}]", rules.ErrDuplicateRecord.Error()},
	} {
		t.Run(name, func(t *testing.T) {
			e := newWorld(t, `up{check="a"} 0`, `up{check="b"} 0`).eval(load(t, tt.file)[0], 0, rules.GroupState{})
			if r := e.Results[0]; r.Err == nil || r.Reason.String() != tt.want || len(e.Changes)+len(e.Recorded) > 0 {
				t.Errorf("result %+v, changes %v, recorded %v; want only the error %q", r, e.Changes, e.Recorded, tt.want)
			}
		})
	}
}

// TestTwoRulesThatRecordTheSameSeries: the later one fails, whenever the earlier one was evaluated.
func TestTwoRulesThatRecordTheSameSeries(t *testing.T) {
	g := load(t, `groups: [{name: g, rules: [{record: "a:b", expr: 'up{check="a"}'}, {record: "a:b", expr: 'up{check=~"a|b"}'}, {record: "a:b", expr: 'up{check="c"}'}]}]`)[0]
	w := newWorld(t, `up{check="a"} 1x9`, `up{check="b"} 1x9`, `up{check="c"} 1x9`)
	e := w.eval(g, 0, rules.GroupState{})
	if got, want := recorded(e), `a:b{check="a"} a:b{check="c"}`; got != want {
		t.Errorf("recorded %s, want %s", got, want)
	}
	for i, want := range []error{nil, rules.ErrSameSeries, nil} {
		if got := e.Results[i].Err; !errors.Is(got, want) {
			t.Errorf("rule %d: %v, want %v", i, got, want)
		}
	}
	env := rules.Env{Query: w.query, Record: w.record}
	env.Only.Add(1)
	again := g.Eval(t.Context(), at(1), e.State, env)
	if len(again.Recorded) > 0 || len(again.Results) != 1 || !errors.Is(again.Results[0].Err, rules.ErrSameSeries) {
		t.Errorf("evaluated alone it records %s, result %+v", recorded(again), again.Results)
	}
}

// TestATextIsNotExpandedAgainForTheSame, and is where it would be another.
func TestATextIsNotExpandedAgainForTheSame(t *testing.T) {
	g := load(t, `
groups:
- name: g
  rules:
  - alert: A
    expr: up < 5
    annotations: {check: '{{ $labels.check }}', value: '{{ $value }}', all: '{{ . | printf "%.60v" }}', asked: '{{ with query "sum(up)" }}{{ . | first | value }}{{ end }}'}
  - alert: B
    expr: up < 5
    annotations: {check: 'it is {{ $labels.check }}.', value: '{{ .Value }}'}
`)[0]
	w := newWorld(t, `up{check="a"} 1 1 2 _ 2`, `up{check="b"} 1 4 4 4 3`)
	var s rules.GroupState
	for minute := range 5 {
		s = w.eval(g, minute, s).State
		for _, a := range s.Alerts() {
			if a.State == rules.Resolved {
				continue
			}
			v, err := w.query(t.Context(), "up", at(minute))
			if err != nil {
				t.Fatal(err)
			}
			var own, sum float64
			for _, x := range v {
				sum += x.F
				if x.Metric.Get("check") == a.Labels["check"] {
					own = x.F
				}
			}
			want := fmt.Sprint(own)
			if a.Annotations["value"] != want || a.Value != own || !strings.Contains(a.Annotations["check"], a.Labels["check"]) {
				t.Errorf("minute %d: %s of %s: %v, %v; the value is %s", minute, a.Rule, a.Labels["check"], a.Annotations, a.Value, want)
			}
			if asked := a.Annotations["asked"]; a.Rule == "A" && asked != fmt.Sprint(sum) {
				t.Errorf("minute %d: the query of a text gave %s, want %v", minute, asked, sum)
			}
		}
	}
}

func TestTemplatesSeeValueLabelsAndQueries(t *testing.T) {
	groups, err := rules.Load([]rules.File{{Name: "test.yaml", Content: []byte(`
groups:
- name: g
  rules:
  - alert: Slow
    expr: latency > 1
    labels: {tier: '{{ if gt $value 2.0 }}critical{{ else }}warning{{ end }}', fails_watch: "true"}
    annotations:
      text: '{{ $labels.check }} {{ $value }} {{ $externalLabels.site }} {{ $externalURL }} {{ externalURL }}'
      count: '{{ with query "count(latency)" }}{{ . | first | value }}{{ end }}'
      bad: '{{ template "none" }}'
`)}}, rules.Options{
		ExternalLabels: map[string]string{"site": "sg"},
		ExternalURL:    "https://g.example.com", URL: &url.URL{Scheme: "https", Host: "g.example.com"},
	})
	if err != nil {
		t.Fatal(err)
	}
	e := newWorld(t, `latency{check="a"} 3`, `latency{check="b"} 2`).eval(groups[0], 0, rules.GroupState{})
	if len(e.Changes) != 2 {
		t.Fatalf("%d changes, want 2", len(e.Changes))
	}
	for _, c := range e.Changes {
		want := map[string]struct {
			tier rules.Tier
			text string
		}{
			"a": {rules.Critical, "a 3 sg https://g.example.com https://g.example.com"},
			"b": {rules.Warning, "b 2 sg https://g.example.com https://g.example.com"},
		}[c.Alert.Labels["check"]]
		a := c.Alert
		if a.Tier != want.tier || a.Annotations["text"] != want.text || a.Annotations["count"] != "2" || !a.FailsWatch {
			t.Errorf("tier %s, fails watch %t, annotations %v; want %+v", a.Tier, a.FailsWatch, a.Annotations, want)
		}
		if !strings.HasPrefix(a.Annotations["bad"], "<error expanding template:") {
			t.Errorf("a template that fails gives %q, want the error in its place", a.Annotations["bad"])
		}
	}
	if n := len(e.Results[0].TemplateErrs); n != 2 {
		t.Errorf("%d template errors, want one for each alert", n)
	}
}

func TestSeriesThatAreGoneGetStaleMarkers(t *testing.T) {
	g := load(t, `groups: [{name: g, query_offset: 1m, rules: [{record: "x:y", expr: up}, {alert: A, expr: up == 0}]}]`)[0]
	w := newWorld(t, `up{check="a"} 0 stale`)
	e := w.eval(g, 1, rules.GroupState{})
	if got := recorded(e); got != `x:y{check="a"} ALERTS{alertname="A", alertstate="firing", check="a"} ALERTS_FOR_STATE{alertname="A", check="a"}` {
		t.Errorf("recorded %s", got)
	}
	for _, s := range e.Recorded {
		if s.T != at(0).UnixMilli() {
			t.Errorf("%s recorded at %d, want the query offset taken off", s.Metric, s.T)
		}
	}
	e = w.eval(g, 2, e.State)
	if got := recorded(e); got != `stale x:y{check="a"} stale ALERTS{alertname="A", alertstate="firing", check="a"} stale ALERTS_FOR_STATE{alertname="A", check="a"}` {
		t.Errorf("recorded %s", got)
	}
	if e = w.eval(g, 3, e.State); len(e.Recorded) != 0 {
		t.Errorf("recorded %s, want nothing more", recorded(e))
	}
}

func recorded(e rules.Evaluation) string {
	var out []string
	for _, s := range e.Recorded {
		name := s.Metric.Get(model.MetricNameLabel)
		text := name + labels.NewBuilder(s.Metric).Del(model.MetricNameLabel).Labels().String()
		if value.IsStaleNaN(s.F) {
			text = "stale " + text
		}
		out = append(out, text)
	}
	return strings.Join(out, " ")
}

func TestReloadKeepsWhatStaysAndEndsWhatIsGone(t *testing.T) {
	before := load(t, `
groups:
- {name: stays, rules: [{alert: Stays, expr: up == 0, for: 5m}, {alert: Leaves, expr: up == 0}, {record: "r:leaves", expr: up}]}
- {name: leaves, rules: [{alert: Pending, expr: up == 0, for: 5m}]}
`)
	after := load(t, `groups: [{name: stays, rules: [{alert: New, expr: up == 0}, {alert: Stays, expr: up < 1, for: 2m}]}]`)
	w := newWorld(t, `up{check="a"} 0x9`)
	states := map[string]rules.GroupState{}
	for _, g := range before {
		states[g.Key()] = w.eval(g, 0, rules.GroupState{}).State
	}
	next, ended := rules.Carry(after, states, at(1))
	var got []string
	for _, c := range ended.Changes {
		got = append(got, c.Alert.Rule+" "+string(c.From)+"→"+string(c.To))
	}
	if diff := cmp.Diff([]string{"Pending pending→", "Leaves firing→resolved"}, got); diff != "" {
		t.Errorf("ended (-want +got):\n%s", diff)
	}
	if got := recorded(ended); strings.Count(got, "stale ") != 5 || !strings.Contains(got, `r:leaves{check="a"}`) {
		t.Errorf("ended series: %s; want ALERTS and ALERTS_FOR_STATE of two alerts and r:leaves, all stale", got)
	}
	e := w.eval(after[0], 2, next[after[0].Key()])
	for _, a := range e.State.Alerts() {
		if a.Rule == "Stays" && (a.State != rules.Firing || !a.ActiveAt.Equal(at(0))) {
			t.Errorf("Stays is %s since %s; want firing, for it is true since the beginning", a.State, a.ActiveAt)
		}
	}
}

func TestRestoreEndsAlertsWhoseRuleIsGone(t *testing.T) {
	g := load(t, "groups: [{name: g, rules: [{alert: A, expr: up == 0}, {alert: B, expr: up == 0}]}]")[0]
	w := newWorld(t, `up{check="a"} 0x9`)
	b, err := json.Marshal(w.eval(g, 0, rules.GroupState{}).State.Alerts())
	if err != nil {
		t.Fatal(err)
	}
	var stored []rules.Alert
	if err := json.Unmarshal(b, &stored); err != nil {
		t.Fatal(err)
	}
	now := load(t, "groups: [{name: g, rules: [{alert: B, expr: up == 0}]}]")
	states, ended := rules.Restore(now, stored, at(3))
	if len(ended.Changes) != 1 || ended.Changes[0].Alert.Rule != "A" || ended.Changes[0].To != rules.Resolved {
		t.Errorf("ended %+v, want A resolved", ended.Changes)
	}
	if e := w.eval(now[0], 4, states[now[0].Key()]); len(e.Changes) != 0 || len(e.State.Alerts()) != 1 {
		t.Errorf("after the restart %+v, want B to go on firing without a word", e.Changes)
	}
}

func TestStateIsAValue(t *testing.T) {
	g := load(t, "groups: [{name: g, rules: [{alert: A, expr: up == 0}]}]")[0]
	w := newWorld(t, `up{check="a"} 0 1`)
	first := w.eval(g, 0, rules.GroupState{}).State
	before, _ := json.Marshal(first)
	w.eval(g, 1, first)
	if after, _ := json.Marshal(first); string(after) != string(before) {
		t.Errorf("the state that was given changed from %s to %s", before, after)
	}
}
