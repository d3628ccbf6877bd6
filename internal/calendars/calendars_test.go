package calendars_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"guardian/internal/calendars"
	"guardian/internal/reason"
	"guardian/internal/secret"
	"guardian/oncall"
)

func ical(person string) string {
	return "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:1\r\nSUMMARY:" + person + "\r\nDTSTART:20260101T000000Z\r\nDTEND:20270101T000000Z\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
}

// office is calendars that read from a server whose answer can change.
type office struct {
	t       *testing.T
	dir     string
	now     time.Time
	address string
	answer  atomic.Pointer[http.HandlerFunc]
	asked   atomic.Int32
	changed int
	log     strings.Builder
	*calendars.Calendars
	registry *prometheus.Registry
}

func newOffice(t *testing.T) *office {
	t.Helper()
	o := &office{t: t, dir: t.TempDir(), now: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		o.asked.Add(1)
		(*o.answer.Load())(w, r)
	}))
	t.Cleanup(server.Close)
	o.address = server.URL + "/private-4711/basic.ics"
	o.start()
	return o
}

// start makes calendars anew, as another process does.
func (o *office) start() {
	o.registry = prometheus.NewRegistry()
	redactor := &secret.Redactor{}
	redactor.Learn(secret.New(o.address))
	o.Calendars = calendars.New(calendars.Options{
		Dir: o.dir, UserAgent: "guardian/test", Changed: func() { o.changed++ }, Now: func() time.Time { return o.now },
		Log: slog.New(slog.NewTextHandler(&o.log, nil)), Redactor: redactor, Registerer: o.registry,
	})
	o.Apply([]string{o.address})
}

func (o *office) says(status int, body string) {
	h := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	})
	o.answer.Store(&h)
}

// onCall is who the calendar puts on call now; "": nobody, or it is not known.
func (o *office) onCall() string {
	o.t.Helper()
	source := oncall.Source{URL: secret.New(o.address)}
	s, err := oncall.New(oncall.Settings{Layers: []oncall.Layer{{Calendar: &source}}},
		oncall.Options{People: []oncall.Person{{Name: "wei"}, {Name: "li"}}, Calendars: o.Contents()})
	if err != nil {
		o.t.Fatal(err)
	}
	return strings.Join(s.OnCall(o.now), "+")
}

func TestACalendarIsReadAgain(t *testing.T) {
	o := newOffice(t)
	o.says(200, ical("wei"))
	o.ReadDue(t.Context())
	o.ReadDue(t.Context())
	if o.onCall() != "wei" || o.asked.Load() != 1 || o.changed != 1 {
		t.Errorf("%q is on call; asked %d times, changed %d times", o.onCall(), o.asked.Load(), o.changed)
	}
	o.now = o.now.Add(5 * time.Minute)
	o.ReadDue(t.Context())
	if o.asked.Load() != 2 || o.changed != 1 {
		t.Errorf("the same content: asked %d times, changed %d times", o.asked.Load(), o.changed)
	}
	o.says(200, ical("li"))
	o.now = o.now.Add(5 * time.Minute)
	o.ReadDue(t.Context())
	if o.onCall() != "li" || o.changed != 2 {
		t.Errorf("%q is on call; changed %d times", o.onCall(), o.changed)
	}
}

func TestTheLastGoodCopyStays(t *testing.T) {
	for name, answer := range map[string]struct {
		status int
		body   string
	}{
		"the server fails":           {503, "later"},
		"the address is gone":        {404, "gone"},
		"a login page instead of it": {200, "<html>Sign in</html>"},
		"a huge answer":              {200, ical("li") + strings.Repeat("X", oncall.MaxCalendar)},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOffice(t)
			o.says(200, ical("wei"))
			o.ReadDue(t.Context())
			o.says(answer.status, answer.body)
			o.now = o.now.Add(5 * time.Minute)
			o.ReadDue(t.Context())
			if o.onCall() != "wei" {
				t.Errorf("%q is on call", o.onCall())
			}
			if why := o.Problem(o.address); !why.IsZero() {
				t.Errorf("a copy of five minutes ago is a problem: %s", why)
			}
			if n := testutil.ToFloat64(mustCounter(t, o.registry)); n != 1 {
				t.Errorf("%v failures are counted", n)
			}
			o.start() // without the server
			if o.onCall() != "wei" {
				t.Errorf("after a restart %q is on call", o.onCall())
			}
			o.ReadDue(t.Context())
			o.now = o.now.Add(2 * time.Hour)
			if why := o.Problem(o.address); why.IsZero() {
				t.Error("a copy of two hours ago is no problem")
			}
			o.says(200, ical("li"))
			o.ReadDue(t.Context())
			if why := o.Problem(o.address); !why.IsZero() || o.onCall() != "li" {
				t.Errorf("it answers again: %s, %q is on call", why, o.onCall())
			}
		})
	}
}

func mustCounter(t *testing.T, reg *prometheus.Registry) prometheus.Collector {
	t.Helper()
	all, err := reg.Gather()
	if err != nil || len(all) != 1 {
		t.Fatal(all, err)
	}
	c := prometheus.NewCounter(prometheus.CounterOpts{Name: "copy"})
	c.Add(all[0].GetMetric()[0].GetCounter().GetValue())
	return c
}

func TestACalendarThatWasNeverReadIsAProblemAtOnce(t *testing.T) {
	o := newOffice(t)
	o.says(503, "later")
	if why := o.Problem(o.address); !why.IsZero() {
		t.Errorf("before the first attempt: %s", why)
	}
	o.ReadDue(t.Context())
	if why := (reason.Reader{}).Read(o.Problem(o.address)); !strings.Contains(why, "503") {
		t.Errorf("the problem is %q", why)
	}
}

// TestTheAddressIsNowhere: the address of a calendar is a secret.
func TestTheAddressIsNowhere(t *testing.T) {
	o := newOffice(t)
	for _, address := range []string{o.address, "http://127.0.0.1:1/private-4711.ics"} {
		o.Apply([]string{address})
		o.says(503, "later")
		o.now = o.now.Add(time.Hour)
		o.ReadDue(t.Context())
		if said := o.log.String() + o.Problem(address).String(); strings.Contains(said, "4711") || !strings.Contains(said, "could not be read") {
			t.Errorf("it says %s", said)
		}
	}
}

func TestACalendarThatIsNotConfiguredIsForgotten(t *testing.T) {
	o := newOffice(t)
	o.says(200, ical("wei"))
	o.ReadDue(t.Context())
	o.Apply(nil)
	o.now = o.now.Add(time.Hour)
	o.ReadDue(t.Context())
	if len(o.Contents()) > 0 || o.asked.Load() != 1 {
		t.Errorf("it is still read: %d times", o.asked.Load())
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	o := newOffice(t)
	hang := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	o.answer.Store(&hang)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		o.Run(ctx)
		close(ended)
	}()
	for o.asked.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	cancel()
	select {
	case <-ended:
	case <-time.After(5 * time.Second):
		t.Fatal("it still runs")
	}
	if strings.Contains(o.log.String(), "could not be read") {
		t.Error("the end of the process counts as a failure")
	}
}
