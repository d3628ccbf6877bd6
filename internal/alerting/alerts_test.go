package alerting_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"

	"guardian/actions"
	"guardian/decide"
	"guardian/internal/alerting"
	"guardian/internal/reason"
	"guardian/internal/series"
	"guardian/internal/store"
	"guardian/notifiers"
	"guardian/notifiers/route"
	"guardian/oncall"
	"guardian/rules"
	"guardian/test/leader"
	"guardian/watch"
)

const down = `
groups:
  - name: outages
    interval: 15s
    rules:
      - {alert: Down, expr: 'probe_success{check="push"} == 0', for: 1m, labels: {tier: critical, service: orders, fails_watch: "true"}}
`

// night is a leader with its rules.
type night struct {
	*leader.Leader
	t      *testing.T
	series *series.DB
	groups []*rules.Group
	alerts *alerting.Alerts
	source func(string) (rules.QueryFunc, error)
	roster oncall.Roster
	asked  atomic.Int64 // queries

	mu    sync.Mutex           // of what follows
	blind map[string]time.Time // checks, and since when
	cuts  map[string]time.Time // network paths, and since when
	fired []time.Time          // when the watches heard of a firing alert
}

// AlertFired implements alerting.Watches.
func (n *night) AlertFired(_ rules.Alert, now time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.fired = append(n.fired, now)
}

// heard is how often the watches heard of a firing alert.
func (n *night) heard() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.fired)
}

// counted counts the queries of rules.
type counted struct {
	*series.DB
	n *atomic.Int64
}

// Query implements alerting.Series.
func (c counted) Query(ctx context.Context, expr string, at time.Time) (promql.Vector, error) {
	c.n.Add(1)
	return c.DB.Query(ctx, expr, at)
}

// loses lets checks be blind from now on, and cuts network paths.
func (n *night) loses(checks []string, paths ...string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, c := range checks {
		n.blind[c] = leader.Now()
	}
	for _, p := range paths {
		n.cuts[p] = leader.Now()
	}
}

// sees ends all blindness.
func (n *night) sees() {
	n.mu.Lock()
	defer n.mu.Unlock()
	clear(n.blind)
	clear(n.cuts)
}

// Visibility implements alerting.Sight: a blind check hides its series.
func (n *night) Visibility(time.Time) rules.Visibility {
	n.mu.Lock()
	defer n.mu.Unlock()
	var blind []rules.Blind
	for check := range n.blind {
		blind = append(blind, rules.Blind{Labels: map[string]string{"check": check}, Why: reason.Text("it is blind")})
	}
	return rules.VisibilityOf(blind)
}

// View implements alerting.Sight.
func (n *night) View(time.Time) decide.View {
	n.mu.Lock()
	defer n.mu.Unlock()
	v := decide.View{Checks: map[string]decide.Sight{}, Cuts: map[string]decide.Cut{}}
	for _, c := range n.Settings.Checks {
		since, blind := n.blind[c.Check]
		v.Checks[c.Check] = decide.Sight{Looked: true, Blind: blind, Since: since, Why: reason.Text("it is blind")}
	}
	for path, since := range n.cuts {
		v.Cuts[path] = decide.Cut{Since: since, Why: reason.Text("no answer")}
	}
	return v
}

// play lets a test play with the alerts of a leader.
func play(t *testing.T, settings decide.Settings, file string, do func(n *night)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		n := &night{Leader: leader.New(t, settings), t: t, blind: map[string]time.Time{}, cuts: map[string]time.Time{}}
		n.groups = load(t, file)
		var err error
		if n.series, err = series.Open(series.Options{Dir: t.TempDir(), Log: leader.Log()}); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = n.series.Close() })
		n.resume()
		do(n)
	})
}

func load(t *testing.T, file string) []*rules.Group {
	t.Helper()
	groups, err := rules.Load([]rules.File{{Name: "rules.yaml", Content: []byte(file)}}, rules.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return groups
}

func (n *night) resume() {
	n.t.Helper()
	n.Notifier.Refresh(n.t.Context())
	var err error
	n.alerts, err = alerting.Resume(n.Context(), alerting.Options{
		Leadership: n, Journal: n.Store, Series: counted{n.series, &n.asked}, Source: func(name string) (rules.QueryFunc, error) { return n.source(name) },
		Sight: n, Decider: n.Decider, Present: n.Present, Watches: n, Runs: n.Runs, Notifier: n.Notifier, Roster: func() *oncall.Roster { return &n.roster },
		Metrics: alerting.NewMetrics(n.Metrics), Changed: func() {}, Now: leader.Now, Log: leader.Log(),
	}, n.groups)
	if err != nil {
		n.t.Fatal(err)
	}
	n.Runs.Start()
}

// restart leads again, as after a crash.
func (n *night) restart() {
	n.t.Helper()
	n.Restart()
	n.alerts.Wait()
	n.resume()
	n.alerts.Start()
	synctest.Wait()
}

// line plays a line of readings, one every 15 seconds: "." up, "x" down, "?" the check is blind.
func (n *night) line(readings string) {
	n.t.Helper()
	n.play(readings, 15*time.Second)
}

// wait lets a time pass in which the rules see the same each minute.
func (n *night) wait(length time.Duration, reading string) {
	n.t.Helper()
	n.play(strings.Repeat(reading, int(length/time.Minute)), time.Minute)
}

func (n *night) play(readings string, every time.Duration) {
	n.t.Helper()
	for _, r := range readings {
		time.Sleep(every)
		n.sees()
		value := map[rune]float64{'.': 1, 'x': 0, '?': math.NaN()}[r]
		if r == '?' {
			n.loses([]string{"push"})
		} else if err := n.series.Append(n.t.Context(), []promql.Sample{{
			Metric: labels.FromStrings("__name__", "probe_success", "check", "push"), T: leader.Now().UnixMilli(), F: value,
		}}); err != nil {
			n.t.Fatal(err)
		}
		n.evaluate()
	}
}

func (n *night) evaluate() {
	n.alerts.EvaluateAll(n.t.Context())
	n.alerts.Tick(leader.Now())
	synctest.Wait()
}

func (n *night) wantNotices(want ...string) {
	n.t.Helper()
	if diff := cmp.Diff(append([]string{}, want...), n.Notices()); diff != "" {
		n.t.Errorf("notices (-want +got):\n%s", diff)
	}
}

const (
	firing   = "oncall alert firing"
	repeat   = "oncall alert repeat"
	resolved = "oncall alert resolved"
)

func TestPeopleAreNotifiedOfAnAlert(t *testing.T) {
	// Longer than a query looks back: what was seen before is gone from the series.
	blind := strings.Repeat("?", 24)
	for name, c := range map[string]struct {
		line string
		want []string
	}{
		"that fires and resolves":                          {"..xxxxxx..", []string{firing, resolved}},
		"not of one that only was pending":                 {"..xxx...", nil},
		"not of one whose time is over while nobody looks": {"..xxx???.", nil},
		"of one that is still down when somebody looks":    {"..xxx???x", []string{firing}},
		"a blind check does not let an alert resolve":      {"..xxxxxx" + blind, []string{firing}},
		"it resolves once the check is up":                 {"..xxxxxx" + blind + ".", []string{firing, resolved}},
		"a check that was never looked at lets none begin": {blind, nil},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, leader.Settings(t, watch.Auto), down, func(n *night) {
				n.line(c.line)
				n.wantNotices(c.want...)
			})
		})
	}
}

// TestAnAlertIsKeptFiringOverARestart: since when its condition is gone is in the journal.
func TestAnAlertIsKeptFiringOverARestart(t *testing.T) {
	kept := strings.Replace(down, "for: 1m", "for: 1m, keep_firing_for: 10m", 1)
	play(t, leader.Settings(t, watch.Auto), kept, func(n *night) {
		n.line(".xxxxx")
		n.wait(6*time.Minute, ".")
		n.restart()
		n.wait(3*time.Minute, ".")
		n.wantNotices(firing)
		n.wait(2*time.Minute, ".")
		n.wantNotices(firing, resolved)
	})
}

func TestANoticeIsRepeatedWhileAnAlertFires(t *testing.T) {
	play(t, leader.Settings(t, watch.Auto), down, func(n *night) {
		n.line(".xxxxx")
		n.wait(4*time.Hour-time.Minute, "x")
		n.wantNotices(firing)
		n.wait(2*time.Minute, "x")
		n.wantNotices(firing, repeat)
		n.wait(time.Hour, "x")
		n.wantNotices(firing, repeat)
	})
}

func TestARestartRepeatsNothingEarly(t *testing.T) {
	play(t, leader.Settings(t, watch.Auto), down, func(n *night) {
		n.line(".xxxxx")
		n.wait(2*time.Hour, "x")
		n.restart()
		n.wait(time.Hour, "x")
		n.wantNotices(firing)
		n.restart()
		n.wait(time.Hour+time.Minute, "x")
		n.wantNotices(firing, repeat)
	})
}

func TestAnAcknowledgedAlertIsNotRepeated(t *testing.T) {
	play(t, leader.Settings(t, watch.Auto), down, func(n *night) {
		t := n.T
		n.line(".xxxxx")
		n.Put(store.Batch{Acks: []rules.Ack{{Alert: n.alerts.Open()[0].ID, By: "ada", At: leader.Now()}}})
		n.Notifier.Refresh(t.Context())
		n.wait(9*time.Hour, "x")
		n.wantNotices(firing)
		n.restart()
		n.wait(time.Hour, "x")
		n.wantNotices(firing)
		// The next firing is another matter.
		n.line("..")
		n.Notifier.Refresh(t.Context())
		n.line("xxxxxx")
		n.wait(4*time.Hour, "x")
		n.wantNotices(firing, resolved, firing, repeat)
	})
}

func TestAnAlertThatFiredDuringASilenceIsHeardOfAfterIt(t *testing.T) {
	play(t, leader.Settings(t, watch.Auto), down, func(n *night) {
		t := n.T
		m, err := route.NewMatcher("service", route.Equal, "orders")
		if err != nil {
			t.Fatal(err)
		}
		now := leader.Now()
		n.Put(store.Batch{Silences: []route.Silence{{ID: "s_1", Matchers: route.Matchers{m}, From: now, Until: now.Add(10 * time.Minute), By: "ada", Created: now}}})
		n.Notifier.Refresh(t.Context())
		n.line(".xxxxxx")
		n.wait(8*time.Minute, "x")
		n.wantNotices()
		n.wait(time.Minute, "x")
		n.wantNotices(firing)
	})
}

// What an alert's value and annotations are now is what people see, also after a restart.
func TestTheLatestValueIsKept(t *testing.T) {
	growing := strings.NewReplacer(`probe_success{check="push"} == 0`, `time() * (1 - probe_success{check="push"}) > 0`,
		`fails_watch: "true"}}`, `fails_watch: "true"}, annotations: {summary: "{{ $value }}"}}`).Replace(down)
	play(t, leader.Settings(t, watch.Auto), growing, func(n *night) {
		t := n.T
		n.line(".xxxxxx")
		n.wait(10*time.Minute, "x")
		seen := float64(leader.Now().Unix())
		if v := n.alerts.Open()[0].Value; v != seen {
			t.Errorf("its value is %v, of %v", v, seen)
		}
		n.restart()
		if al := n.alerts.Open()[0]; seen-al.Value > 60 || al.Annotations["summary"] == "" || seen-al.Value < 0 {
			t.Errorf("after a restart its value is %v of %v, its summary %q", al.Value, seen, al.Annotations["summary"])
		}
		n.wait(4*time.Hour, "x")
		n.wantNotices(firing, repeat)
		sent, err := n.Store.Deliveries(t.Context(), store.DeliveryFilter{Limit: 1})
		if err != nil {
			t.Fatal(err)
		}
		last := sent[0].Notice
		if now := fmt.Sprint(float64(last.Created.Unix())); !strings.HasSuffix(last.Title, now) {
			t.Errorf("the repeated notice says %q at %s", last.Title, last.Created)
		}
	})
}

// TestWhatCouldNotBeRecordedIsFoundAgain: an alert neither fires unrecorded, nor is it forgotten.
func TestWhatCouldNotBeRecordedIsFoundAgain(t *testing.T) {
	play(t, leader.Settings(t, watch.Auto), down, func(n *night) {
		t := n.T
		n.line(".xxxx")
		n.Refuse(func(store.Batch) error { return errors.New("the disk is full") })
		n.line("xxx")
		if al := n.alerts.Open()[0]; al.State != rules.Pending {
			t.Errorf("it is %s", al.State)
		}
		if n.heard() > 0 {
			t.Error("the watches heard of an alert that is not recorded")
		}
		n.Refuse(func(b store.Batch) error {
			if len(b.Alerts) > 0 {
				return errors.New("the disk is full")
			}
			return nil
		})
		n.line("x")
		n.wait(time.Minute, "x")
		n.wantNotices() // neither of what is not recorded
		n.Refuse(nil)
		n.line("x")
		n.wantNotices(firing)
		stored, err := n.Store.Alerts(t.Context(), store.AlertFilter{})
		if err != nil || len(stored) != 1 || stored[0].State != rules.Firing {
			t.Errorf("%+v, %v", stored, err)
		}
	})
}

func TestAnAlertKeepsSinceWhenItFires(t *testing.T) {
	play(t, leader.Settings(t, watch.Auto), down, func(n *night) {
		t := n.T
		n.line(".xxxxx")
		before := n.alerts.Open()[0]
		n.line("x")
		n.restart()
		n.line("xx")
		after := n.alerts.Open()[0]
		if !after.FiredAt.Equal(before.FiredAt) || !after.ActiveAt.Equal(before.ActiveAt) || before.FiredAt.IsZero() {
			t.Errorf("it fires since %v, and after a restart since %v", before.FiredAt, after.FiredAt)
		}
		n.wantNotices(firing)
	})
}

func TestAPendingAlertThatIsGoneLeavesTheJournal(t *testing.T) {
	play(t, leader.Settings(t, watch.Auto), down, func(n *night) {
		t := n.T
		n.line(".xx")
		if stored, err := n.Store.Alerts(t.Context(), store.AlertFilter{}); err != nil || len(stored) != 1 {
			t.Fatalf("%+v, %v", stored, err)
		}
		n.line(".")
		if stored, err := n.Store.Alerts(t.Context(), store.AlertFilter{}); err != nil || len(stored) != 0 {
			t.Errorf("%+v, %v", stored, err)
		}
	})
}

func TestAlertsOfARemovedRuleEnd(t *testing.T) {
	play(t, leader.Settings(t, watch.Auto), down, func(n *night) {
		t := n.T
		n.line(".xxxxx")
		n.alerts.Apply(nil)
		n.wait(time.Minute, "x")
		n.wantNotices(firing, resolved)
		if open := n.alerts.Open(); len(open) > 0 {
			t.Errorf("%+v", open)
		}
	})
}

func TestTheWatchesHearOfAFiringAlertAtEachEvaluation(t *testing.T) {
	play(t, leader.Settings(t, watch.Auto), down, func(n *night) {
		t := n.T
		n.line(".xxxx")
		if n.heard() > 0 {
			t.Error("they hear of a pending one")
		}
		n.line("xxx.")
		if n.heard() != 3 {
			t.Errorf("they heard %d times", n.heard())
		}
	})
}

func bound(t *testing.T, mode watch.Mode) decide.Settings {
	t.Helper()
	s := leader.Settings(t, watch.Auto)
	s.OnAlert = []decide.OnAlert{{Match: map[string]string{"alertname": "Down", "tier": "critical"}, Runbook: "restart", Mode: mode}}
	return s
}

func TestAnAlertStartsItsRunbookOnceForEachFiring(t *testing.T) {
	play(t, bound(t, watch.Auto), down, func(n *night) {
		t := n.T
		n.line(".xxxxxxxx")
		if diff := cmp.Diff([]string{"restart"}, n.Steps()); diff != "" {
			t.Fatalf("what was done (-want +got):\n%s", diff)
		}
		n.restart()
		n.line("xxxx")
		if diff := cmp.Diff([]string{"restart"}, n.Steps()); diff != "" {
			t.Fatalf("what was done for the same firing (-want +got):\n%s", diff)
		}
		n.line("..xxxxxx")
		if diff := cmp.Diff([]string{"restart", "restart"}, n.Steps()); diff != "" {
			t.Errorf("what was done for two firings (-want +got):\n%s", diff)
		}
	})
}

func TestTheModeOfABinding(t *testing.T) {
	for mode, want := range map[watch.Mode]actions.State{watch.Auto: actions.Cured, watch.Approve: actions.AwaitingApproval, watch.Observe: ""} {
		t.Run(string(mode), func(t *testing.T) {
			play(t, bound(t, mode), down, func(n *night) {
				t := n.T
				n.line(".xxxxx")
				all, err := n.Store.Runs(t.Context(), store.RunFilter{})
				if err != nil {
					t.Fatal(err)
				}
				var state actions.State
				if len(all) > 0 {
					state = all[0].State
				}
				if state != want || (len(n.Steps()) > 0) != (want == actions.Cured) {
					t.Errorf("the run is %q, %v was done", state, n.Steps())
				}
			})
		})
	}
}

// watched has a second check on the same network path, whose control is "internet".
func watched(t *testing.T) decide.Settings {
	t.Helper()
	s := leader.Settings(t, watch.Auto)
	s.Checks[0].Path = "main"
	for name, control := range map[string]bool{"read": false, "internet": true} {
		s.Checks = append(s.Checks, decide.Check{
			CheckPolicy: watch.CheckPolicy{Check: name, Path: "main", Every: time.Minute}, Service: "orders", Control: control, BlindAfter: 5 * time.Minute,
		})
	}
	slices.SortFunc(s.Checks, func(a, b decide.Check) int { return strings.Compare(a.Check, b.Check) })
	return s
}

// tick lets a time pass, in which nothing is evaluated.
func (n *night) tick(length time.Duration) {
	for range int(length / time.Second) {
		time.Sleep(time.Second)
		n.alerts.Tick(leader.Now())
	}
}

func (n *night) keys() []string {
	n.t.Helper()
	ds, err := n.Store.Deliveries(n.t.Context(), store.DeliveryFilter{})
	if err != nil {
		n.t.Fatal(err)
	}
	all := []string{}
	for _, d := range slices.Backward(ds) {
		word := "bad"
		if d.Notice.Tone == notifiers.Good {
			word = "good"
		}
		all = append(all, fmt.Sprintf("%s %s", d.Notice.Key, word))
	}
	return all
}

func TestPeopleAreNotifiedOnceOfBlindness(t *testing.T) {
	for name, c := range map[string]struct {
		checks []string
		paths  []string
		quiet  time.Duration // so long nobody is notified
		want   []string      // while it lasts, and when it is over
	}{
		"of a check": {[]string{"push"}, nil, 5 * time.Minute, []string{"blind/push bad", "blind/push good"}},
		"of a network path, for all of its checks": {[]string{"internet", "push"}, []string{"main"}, 5 * time.Minute, []string{"guardian/path/main bad", "guardian/path/main good"}},
		"sooner, when no check of a service sees":  {[]string{"internet", "push", "read"}, []string{"main"}, time.Minute, []string{"guardian/path/main bad", "guardian/path/main good"}},
		"that no check can look":                   {[]string{"internet", "push", "read"}, nil, 5 * time.Minute, []string{"guardian/sight bad", "guardian/sight good"}},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, watched(t), down, func(n *night) {
				t := n.T
				n.tick(10 * time.Second)
				n.loses(c.checks, c.paths...)
				n.tick(c.quiet - 5*time.Second)
				if got := n.keys(); len(got) > 0 {
					t.Errorf("too early: %v", got)
				}
				n.Refuse(func(store.Batch) error { return errors.New("the disk is full") })
				n.tick(time.Minute)
				n.Refuse(nil)
				n.tick(10 * time.Minute)
				if diff := cmp.Diff(c.want[:1], n.keys()); diff != "" {
					t.Errorf("notices (-want +got):\n%s", diff)
				}
				n.restart()
				n.tick(10 * time.Minute)
				if diff := cmp.Diff(c.want[:1], n.keys()); diff != "" {
					t.Errorf("notices after a restart (-want +got):\n%s", diff)
				}
				n.sees()
				n.tick(time.Minute)
				n.restart()
				n.tick(10 * time.Minute)
				if diff := cmp.Diff(c.want, n.keys()); diff != "" {
					t.Errorf("notices (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// TestARuleSourceThatCannotBeAskedHidesWhatItRecords: our own rules neither fire nor resolve on it.
func TestARuleSourceThatCannotBeAskedHidesWhatItRecords(t *testing.T) {
	settings := leader.Settings(t, watch.Auto)
	synctest.Test(t, func(t *testing.T) {
		n := &night{Leader: leader.New(t, settings), t: t, blind: map[string]time.Time{}}
		theirs, err := rules.Load([]rules.File{{Name: "theirs.yaml", Content: []byte(`groups: [{name: theirs, interval: 15s, rules: [{record: "job:fails", expr: "fails"}]}]`)}}, rules.Options{Source: "mimir"})
		if err != nil {
			t.Fatal(err)
		}
		n.groups = append(theirs, load(t, `groups: [{name: ours, interval: 15s, rules: [{alert: Fails, expr: "job:fails > 0", labels: {tier: critical, service: orders}}]}]`)...)
		if n.series, err = series.Open(series.Options{Dir: t.TempDir(), Log: leader.Log()}); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = n.series.Close() })
		var failure error
		n.source = func(string) (rules.QueryFunc, error) {
			return func(_ context.Context, _ string, at time.Time) (promql.Vector, error) {
				return promql.Vector{{Metric: labels.FromStrings("job", "a"), T: at.UnixMilli(), F: 1}}, failure
			}, nil
		}
		n.resume()
		time.Sleep(15 * time.Second)
		n.evaluate()
		n.wantNotices(firing)
		failure = errors.New("502")
		for range 40 {
			time.Sleep(15 * time.Second)
			n.evaluate()
		}
		n.wantNotices(firing)
	})
}
