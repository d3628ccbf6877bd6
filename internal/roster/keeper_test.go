package roster_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"guardian/internal/config"
	"guardian/internal/reason"
	"guardian/internal/roster"
	"guardian/internal/secret"
	"guardian/oncall"
)

const address = "https://calendar.example.com/private-4711/basic.ics"

// orders is a configuration with the schedule "orders": whom its calendar names, else wei.
func orders() *config.Config {
	return &config.Config{
		People: []oncall.Person{{Name: "wei", Mail: "wei@example.com"}, {Name: "siti", Mail: "siti@example.com"}, {Name: "bo", Mail: "bo@example.com"}},
		Schedules: []oncall.Settings{{Name: "orders", Timezone: "UTC", Layers: []oncall.Layer{
			{Calendar: &oncall.Source{URL: secret.New(address)}}, {People: []string{"wei"}, Start: "2001-01-01"},
		}}},
	}
}

// calendars are what was read of them.
type calendars struct {
	applied  []string
	contents map[string]*oncall.Calendar
	problem  reason.Reason
}

func (c *calendars) Apply(addresses []string) { c.applied = addresses }

func (c *calendars) Contents() map[string]*oncall.Calendar { return c.contents }

func (c *calendars) Problem(string) reason.Reason { return c.problem }

// names lets the calendar name somebody.
func (c *calendars) names(t *testing.T, person string) {
	t.Helper()
	read, err := oncall.ParseCalendar([]byte("BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:1\nSUMMARY:" + person + "\nDTSTART:20010101T000000Z\nDTEND:20090101T000000Z\nEND:VEVENT\nEND:VCALENDAR\n"))
	if err != nil {
		t.Fatal(err)
	}
	c.contents = map[string]*oncall.Calendar{address: read}
}

// journal keeps overrides.
type journal struct {
	mu   sync.Mutex
	made []oncall.Made
	away error
}

func (j *journal) Overrides(_ context.Context, since time.Time) ([]oncall.Made, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	var all []oncall.Made
	for _, m := range j.made {
		if m.To.After(since) {
			all = append(all, m)
		}
	}
	return all, j.away
}

func (j *journal) set(away error, made ...oncall.Made) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.made, j.away = made, away
}

// office is a Keeper with what it reads.
type office struct {
	*roster.Keeper
	calendars *calendars
	journal   *journal
	log       lines
}

// lines is a log that one goroutine writes and another one reads.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// newOffice begins in 2003: schedules begin in this century.
func newOffice() *office {
	time.Sleep(3 * 366 * 24 * time.Hour)
	o := &office{calendars: &calendars{}, journal: &journal{}}
	o.Keeper = roster.New(roster.Options{Calendars: o.calendars, Journal: o.journal, Now: time.Now, Log: slog.New(slog.NewTextHandler(&o.log, nil))})
	return o
}

// expect tells who must be on call for orders now.
func (o *office) expect(t *testing.T, when string, who ...string) {
	t.Helper()
	if o.Now() == nil {
		t.Fatalf("%s nothing is known: %s", when, o.log.String())
	}
	s, _ := o.Now().Schedule("orders")
	if diff := cmp.Diff(who, s.OnCall(time.Now())); diff != "" {
		t.Errorf("on call %s (-want +got):\n%s", when, diff)
	}
}

func override(person string, from, to time.Duration) oncall.Made {
	return oncall.Made{ID: "o_" + person, Schedule: "orders", Person: person, From: time.Now().Add(from), To: time.Now().Add(to)}
}

// Whoever is named by a calendar or an override counts as soon as that is known, and what cannot be read any
// more stays.
func TestWhoIsOnCallFollowsCalendarsAndOverrides(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice()
		if o.Now() != nil {
			t.Error("somebody is known without a configuration")
		}
		o.CalendarsChanged() // before there is a configuration
		o.Apply(orders())
		if diff := cmp.Diff([]string{address}, o.calendars.applied); diff != "" {
			t.Errorf("calendars that are read (-want +got):\n%s", diff)
		}
		o.expect(t, "before anything was read", "wei")
		o.calendars.names(t, "bo")
		o.CalendarsChanged()
		o.expect(t, "by the calendar", "bo")

		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); o.Run(ctx) }()
		o.journal.set(nil, override("siti", -time.Minute, 2*time.Minute))
		time.Sleep(6 * time.Second)
		o.expect(t, "after somebody took over at another guardian", "siti")
		o.journal.set(errors.New("the journal is away"))
		time.Sleep(6 * time.Second)
		o.expect(t, "while the journal is away", "siti")
		if !strings.Contains(o.log.String(), "the journal is away") {
			t.Errorf("the log does not say it: %s", o.log.String())
		}
		o.Apply(orders())
		o.expect(t, "after a reload", "siti")
		time.Sleep(2 * time.Minute)
		o.expect(t, "when the override is over", "bo")
		cancel()
		<-ended
	})
}

// Shifts of the last three months show the overrides that there were.
func TestOverridesThatEndedAreKnownForThreeMonths(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice()
		o.Apply(orders())
		o.journal.set(nil, override("siti", -80*24*time.Hour, -79*24*time.Hour))
		o.Reread(t.Context())
		s, _ := o.Now().Schedule("orders")
		if who := s.OnCall(time.Now().Add(-79*24*time.Hour - time.Hour)); !cmp.Equal(who, []string{"siti"}) {
			t.Errorf("eleven weeks ago %v was on call", who)
		}
	})
}

// A schedule that cannot be built leaves the one that was.
func TestSchedulesThatCannotBeBuiltChangeNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice()
		o.Apply(orders())
		broken := orders()
		broken.Schedules[0].Layers[1].People = []string{"nobody"}
		o.Apply(broken)
		o.expect(t, "after schedules that cannot be built", "wei")
		if !strings.Contains(o.log.String(), "those of before stay") {
			t.Errorf("the log does not say it: %s", o.log.String())
		}
	})
}

func TestAScheduleSaysThatItsCalendarCannotBeRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice()
		if schedule, _ := o.Unreadable(); schedule != "" {
			t.Errorf("%q without a configuration", schedule)
		}
		o.Apply(orders())
		if schedule, _ := o.Unreadable(); schedule != "" {
			t.Errorf("%q while all can be read", schedule)
		}
		o.calendars.problem = reason.New("calendar_unreadable", "error", "status 503")
		if schedule, why := o.Unreadable(); schedule != "orders" || why.Code != "calendar_unreadable" {
			t.Errorf("%q: %s", schedule, why)
		}
	})
}
