package selfcheck_test

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"guardian/decide"
	"guardian/internal/leadership"
	"guardian/internal/reason"
	"guardian/internal/recording"
	"guardian/internal/secret"
	"guardian/internal/selfcheck"
	"guardian/internal/series"
	"guardian/internal/store"
	"guardian/probes"
	"guardian/probes/sample"
)

var monday = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

// house is all that a Meter asks.
type house struct {
	*selfcheck.Meter
	folder    string
	writes    string
	reads     error
	leader    leadership.Status
	oldest    time.Time
	overflows map[series.Source]series.Overflow
	last      map[string]sample.Sample
	running   selfcheck.Running
	calendar  string
	guessers  []string
	wall      time.Time
}

func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{folder: t.TempDir(), wall: monday, last: map[string]sample.Sample{}}
	redactor := &secret.Redactor{}
	redactor.Learn(secret.New("journal-password-4711"))
	h.Meter = selfcheck.NewMeter(selfcheck.MeterOptions{
		Files: selfcheck.OpenedFiles(h.folder), Journal: h, Series: h, Record: h, Redactor: redactor,
		Leadership: func() leadership.Status { return h.leader }, WriteError: func() string { return h.writes },
		Running:  func() selfcheck.Running { return h.running },
		Calendar: func() (string, reason.Reason) { return h.calendar, reason.Text(h.calendar) },
		Guesses:  func() ([]string, int) { return h.guessers, 9 * len(h.guessers) },
		Wall:     func() time.Time { return h.wall },
	})
	return h
}

func (h *house) DeliveryStats(context.Context, time.Time) (store.DeliveryStats, error) {
	return store.DeliveryStats{OldestOpen: h.oldest}, h.reads
}

func (h *house) Status(check string, _ time.Time) recording.Status {
	if s, ok := h.last[check]; ok {
		return recording.Status{Last: &s}
	}
	return recording.Status{}
}

func (h *house) Health(check string, _ time.Time) sample.Health { return h.last[check].Health }

func (h *house) Overflows() map[series.Source]series.Overflow { return h.overflows }

func (h *house) Overdue(since, now time.Time) (string, time.Duration) { return "shop", now.Sub(since) }

func check(name, service string, every time.Duration) selfcheck.Check {
	return selfcheck.Check{Check: probes.Check{Name: name, Service: service, Schedule: probes.Interval(every), Timeout: 10 * time.Second}}
}

// saw lets a check have looked some time ago.
func (h *house) saw(name string, health sample.Health, ago time.Duration) {
	h.last[name] = sample.Sample{Check: name, At: monday.Add(-ago), Observation: sample.Observation{Health: health}}
}

// measure gives the vitals of now, without the disk.
func (h *house) measure(t *testing.T) decide.Vitals {
	t.Helper()
	v := h.Measure(t.Context(), monday)
	if v.Disk.Size == 0 {
		t.Error("the disk is not measured")
	}
	v.Disk = decide.Disk{}
	return v
}

func TestAGuardianThatIsWell(t *testing.T) {
	h := newHouse(t)
	if diff := cmp.Diff(decide.Vitals{}, h.measure(t)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestWhatOthersKnowIsMeasured(t *testing.T) {
	h := newHouse(t)
	h.wall, h.oldest, h.calendar, h.guessers = monday.Add(-time.Minute), monday.Add(-time.Hour), "orders", []string{"203.0.113.9"}
	want := decide.Vitals{ClockOff: time.Minute, Undelivered: h.oldest, Calendar: "orders", CalendarWhy: reason.Text("orders"), Guessers: h.guessers, Guesses: 9}
	if diff := cmp.Diff(want, h.measure(t)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestTheFolderIsTheOneThatWasOpened(t *testing.T) {
	h := newHouse(t)
	if err := os.Rename(h.folder, h.folder+".old"); err != nil {
		t.Fatal(err)
	}
	if v := h.Measure(t.Context(), monday); v.Folder != h.folder {
		t.Errorf("gone is %q", v.Folder)
	}
}

// Why the journal is away is told without secrets, with what is down meanwhile: no alert of that is recorded.
func TestTheJournalIsAway(t *testing.T) {
	h := newHouse(t)
	control := check("router", "", time.Minute)
	control.Control = true
	h.running.Checks = []selfcheck.Check{check("push", "orders", time.Minute), check("feed", "", time.Minute), check("page", "orders", time.Minute), control}
	h.saw("push", sample.Down, 0)
	h.saw("feed", sample.Down, 0)
	h.saw("page", sample.Up, 0)
	h.saw("router", sample.Down, 0)
	for name, lose := range map[string]func(){
		"it takes no writes": func() { h.writes = secret.Mask + " is wrong" },
		"it cannot be read":  func() { h.reads = errors.New("journal-password-4711 is wrong") },
	} {
		h.writes, h.reads = "", nil
		lose()
		v := h.measure(t)
		if diff := cmp.Diff([]string{"orders/push", "feed"}, v.Down); diff != "" || v.Journal != secret.Mask+" is wrong" {
			t.Errorf("%s: %q; down (-want +got):\n%s", name, v.Journal, diff)
		}
	}
}

// While another guardian writes, what this one could not write shows nothing.
func TestAStandbyDoesNotKnowWhetherTheJournalTakesWrites(t *testing.T) {
	h := newHouse(t)
	h.writes = "the disk is full"
	h.leader.Other = &store.Lease{Until: monday.Add(time.Second)}
	if v := h.measure(t); v.Journal != "" {
		t.Errorf("while another one leads: %s", v.Journal)
	}
	h.leader.Other.Until = monday.Add(-time.Second)
	if v := h.measure(t); v.Journal == "" {
		t.Error("when its lease is over, nothing is wrong")
	}
}

// What overflows counts for two minutes: senders write again every minute.
func TestSourcesThatOverflow(t *testing.T) {
	h := newHouse(t)
	h.overflows = map[series.Source]series.Overflow{series.RemoteWrite: {Limit: 9, Metric: "a"}, series.Computed: {Limit: 8, Metric: "b"}}
	want := []decide.Overflow{{Source: string(series.Computed), Own: true, Limit: 8, Metric: "b"}, {Source: string(series.RemoteWrite), Limit: 9, Metric: "a"}}
	byOwn := cmp.Transformer("byOwn", func(all []decide.Overflow) map[string]decide.Overflow {
		by := map[string]decide.Overflow{}
		for _, o := range all {
			by[o.Source] = o
		}
		return by
	})
	for _, later := range []time.Duration{0, time.Minute} {
		if diff := cmp.Diff(want, h.Measure(t.Context(), monday.Add(later)).Overflows, byOwn); diff != "" {
			t.Errorf("%s later (-want +got):\n%s", later, diff)
		}
		h.overflows = nil
	}
	if v := h.Measure(t.Context(), monday.Add(2*time.Minute)); len(v.Overflows) > 0 {
		t.Errorf("two minutes later: %v", v.Overflows)
	}
}

// Looks and rules are late for the leader alone, counted from when it began to lead or loaded its configuration.
func TestLooksAndRulesThatAreLate(t *testing.T) {
	h := newHouse(t)
	daily := check("daily", "", 24*time.Hour)
	budgeted := check("quota", "", time.Second)
	budgeted.Budgeted = true
	h.running.Checks = []selfcheck.Check{check("push", "orders", 30*time.Second), check("page", "orders", time.Minute), daily, budgeted}
	h.saw("push", sample.Up, 5*time.Minute)
	h.saw("page", sample.Up, 5*time.Minute)
	if v := h.measure(t); v.LateCheck != "" || v.LateGroup != "" {
		t.Errorf("a standby is late: %+v", v)
	}
	h.running.Rules, h.running.Leads, h.running.Loaded = h, monday.Add(-time.Hour), monday.Add(-10*time.Minute)
	want := decide.Vitals{LateCheck: "push", LooksLate: 5*time.Minute - 40*time.Second, LateGroup: "shop", RulesLate: 10 * time.Minute}
	if diff := cmp.Diff(want, h.measure(t)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	h.running.Leads = monday
	if v := h.measure(t); v.LateCheck != "" || v.RulesLate != 0 {
		t.Errorf("late as soon as it leads: %+v", v)
	}
}
