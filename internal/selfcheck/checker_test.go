package selfcheck_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"guardian/decide"
	"guardian/internal/secret"
	"guardian/internal/selfcheck"
	"guardian/oncall"
)

// world is a checker with everything around it.
type world struct {
	now      time.Time
	vitals   decide.Vitals
	leads    bool
	refuse   error
	gaps     []decide.GapNews
	told     []string
	beats    int
	status   int
	date     string // the outside clock; "": does not say
	url      string
	log      strings.Builder
	registry *prometheus.Registry
	*selfcheck.Checker
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{now: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC), leads: true, status: 200, registry: prometheus.NewRegistry()}
	outside := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			w.beats++
		}
		rw.Header()["Date"] = nil
		if w.date != "" {
			rw.Header().Set("Date", w.date)
		}
		rw.WriteHeader(w.status)
	}))
	t.Cleanup(outside.Close)
	w.url = outside.URL + "/ping/secret-4711"
	w.Checker = selfcheck.New(selfcheck.Options{
		Measure: func(context.Context, time.Time) decide.Vitals { return w.vitals },
		Leads:   func() bool { return w.leads },
		Notify: func(_ context.Context, n decide.FaultNews) error {
			if w.refuse != nil {
				return w.refuse
			}
			w.told = append(w.told, fmt.Sprintf("%s %v", n.Name, n.Over))
			return nil
		},
		Gaps: func(time.Time) []decide.GapNews { return w.gaps },
		NotifyGap: func(_ context.Context, g decide.GapNews) error {
			if w.refuse != nil {
				return w.refuse
			}
			w.told = append(w.told, g.Key())
			return nil
		},
		Heartbeat: func() (selfcheck.Heartbeat, bool) {
			return selfcheck.Heartbeat{URL: secret.New(w.url), Every: time.Minute}, w.url != ""
		},
		Now: func() time.Time { return w.now }, Log: slog.New(slog.NewTextHandler(&w.log, nil)), Registerer: w.registry,
	})
	return w
}

// pass lets time pass, and measures every ten seconds.
func (w *world) pass(t *testing.T, d time.Duration) {
	t.Helper()
	for end := w.now.Add(d); w.now.Before(end); w.now = w.now.Add(10 * time.Second) {
		w.Step(t.Context())
	}
}

func TestTheHeartbeatIsSentWhileAllIsWell(t *testing.T) {
	w := newWorld(t)
	w.pass(t, 10*time.Minute)
	if w.beats != 10 {
		t.Errorf("%d heartbeats in ten minutes", w.beats)
	}
	w.vitals.Disk = decide.Disk{Size: 100 << 30, Free: 1 << 30}
	w.pass(t, 5*time.Minute)
	if w.beats != 15 {
		t.Errorf("%d heartbeats with a disk that is nearly full", w.beats)
	}
	for name, v := range map[string]decide.Vitals{
		"late looks":             {LateCheck: "x", LooksLate: time.Hour},
		"late rules":             {LateGroup: "x", RulesLate: time.Hour},
		"an old notice":          {Undelivered: w.now.Add(-time.Hour)},
		"a journal that is away": {Journal: "gone"},
	} {
		w.vitals = v
		before := w.beats
		w.pass(t, 5*time.Minute)
		if w.beats != before {
			t.Errorf("%d heartbeats with %s", w.beats-before, name)
		}
		w.vitals = decide.Vitals{}
		w.pass(t, 2*time.Minute)
		if w.beats == before {
			t.Errorf("no heartbeat after %s", name)
		}
	}
}

func TestAStandbySendsNoHeartbeat(t *testing.T) {
	w := newWorld(t)
	w.leads = false
	w.vitals.Disk = decide.Disk{Size: 100 << 30, Free: 1 << 30}
	w.pass(t, 10*time.Minute)
	if w.beats > 0 || len(w.told) > 0 {
		t.Errorf("%d heartbeats, told %v", w.beats, w.told)
	}
}

// Without the journal, or the folder that it is in, nobody knows who leads: each guardian tells of it.
func TestAStandbyTellsThatTheJournalIsAway(t *testing.T) {
	for name, v := range map[string]decide.Vitals{"journal": {Journal: "gone"}, "folder": {Folder: "/data"}} {
		w := newWorld(t)
		w.leads, w.vitals = false, v
		w.pass(t, 10*time.Minute)
		if diff := cmp.Diff([]string{name + " false"}, w.told); diff != "" || w.beats > 0 {
			t.Errorf("%d heartbeats; told (-want +got):\n%s", w.beats, diff)
		}
	}
}

func TestAHeartbeatThatFailedIsSentAgainSoon(t *testing.T) {
	w := newWorld(t)
	w.status = 503
	w.pass(t, 30*time.Second)
	if w.beats != 3 || !strings.Contains(w.log.String(), "503") {
		t.Errorf("%d heartbeats; %s", w.beats, w.log.String())
	}
	w.url = "http://127.0.0.1:1/ping/secret-4711"
	w.pass(t, 10*time.Second)
	if strings.Contains(w.log.String(), "4711") {
		t.Errorf("the log has the address: %s", w.log.String())
	}
	w.url = ""
	w.pass(t, time.Minute)
	if w.beats != 3 {
		t.Errorf("%d heartbeats without an address", w.beats)
	}
}

func TestPeopleAreToldOfFaultsOnce(t *testing.T) {
	w := newWorld(t)
	w.vitals.Journal = "gone"
	w.refuse = errors.New("no network")
	w.pass(t, 2*time.Minute)
	w.refuse = nil
	w.pass(t, 5*time.Minute)
	w.vitals.Journal = ""
	w.pass(t, 5*time.Minute)
	if diff := cmp.Diff([]string{"journal false", "journal true"}, w.told); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if n := testutil.CollectAndCount(w.registry, "guardian_self_fault"); n != len(decide.FaultNames()) {
		t.Errorf("%d series of faults", n)
	}
}

func TestPeopleAreToldOfGapsOnce(t *testing.T) {
	w := newWorld(t)
	w.gaps = []decide.GapNews{{Schedule: "orders", Gap: oncall.Shift{From: w.now.Add(time.Hour)}}}
	w.refuse = errors.New("the journal is away")
	w.pass(t, 2*time.Minute)
	w.refuse = nil
	w.pass(t, 5*time.Minute)
	if diff := cmp.Diff([]string{w.gaps[0].Key()}, w.told); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestTheOutsideClockIsRead(t *testing.T) {
	for name, c := range map[string]struct {
		date string
		want []string
	}{
		"the same":         {"Mon, 02 Mar 2026 09:00:00 GMT", nil},
		"a little off":     {"Mon, 02 Mar 2026 09:00:20 GMT", nil},
		"ours is late":     {"Mon, 02 Mar 2026 09:02:00 GMT", []string{"clock false"}},
		"ours is early":    {"Mon, 02 Mar 2026 08:50:00 GMT", []string{"clock false"}},
		"it does not say":  {"", nil},
		"it says nonsense": {"later", nil},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.date = c.date
			w.Step(t.Context())
			w.url = "" // the answer is of now
			w.pass(t, 3*time.Minute)
			if diff := cmp.Diff(c.want, w.told); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestADiskHasASize(t *testing.T) {
	if free, size := selfcheck.Disk(t.TempDir()); size == 0 || free > size {
		t.Errorf("%d of %d bytes are free", free, size)
	}
	if free, size := selfcheck.Disk(t.TempDir() + "/missing"); size != 0 || free != 0 {
		t.Errorf("a folder that is not there has %d of %d bytes free", free, size)
	}
}

// Whoever guesses at a standby's pages is no secret: it tells of it itself, and of nothing that the
// leader tells of.
func TestAStandbyTellsOfGuessesAtItself(t *testing.T) {
	w := newWorld(t)
	w.vitals = decide.Vitals{Disk: decide.Disk{Size: 100 << 30, Free: 1 << 30}, Guessers: []string{"203.0.113.9"}, Guesses: 20}
	w.leads = false
	w.pass(t, 5*time.Minute)
	if diff := cmp.Diff([]string{"guesses false"}, w.told); diff != "" || w.beats > 0 {
		t.Errorf("%d heartbeats; told (-want +got):\n%s", w.beats, diff)
	}
	w.leads = true
	w.pass(t, 5*time.Minute)
	w.leads = false
	w.pass(t, 5*time.Minute)
	if diff := cmp.Diff([]string{"guesses false", "disk false"}, w.told); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
}
