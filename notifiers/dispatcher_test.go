package notifiers_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"guardian/notifiers"
	"guardian/notifiers/notifiertest"
)

// messenger answers calls with a function and records them.
type messenger struct {
	mu     sync.Mutex
	answer func(call int, n notifiers.Notice) error
	calls  []call
}

type call struct {
	at     time.Time
	notice notifiers.Notice
	err    error
}

func (m *messenger) Send(ctx context.Context, n notifiers.Notice) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	var err error
	if m.answer != nil {
		err = m.answer(len(m.calls)+1, n)
	}
	m.calls = append(m.calls, call{time.Now(), n, err})
	return err
}

func (m *messenger) all() []call {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]call(nil), m.calls...)
}

// titles returns the titles of the accepted notices in order.
func (m *messenger) titles() string {
	var out []string
	for _, c := range m.all() {
		if c.err == nil {
			out = append(out, c.notice.Title)
		}
	}
	return strings.Join(out, " ")
}

func down(int, notifiers.Notice) error { return &notifiers.Retry{Err: errors.New("HTTP 503")} }

func penalized(int, notifiers.Notice) error {
	return &notifiers.Retry{After: 10 * time.Minute, Penalty: true, Err: errors.New("errcode 130101")}
}

// desk is a dispatcher with its outbox, under the clock of synctest.
type desk struct {
	t      *testing.T
	outbox *notifiertest.Outbox
	d      *notifiers.Dispatcher
	o      notifiers.Options
}

func open(t *testing.T, receivers map[string]notifiers.Receiver, change ...func(*notifiers.Options)) *desk {
	t.Helper()
	k := &desk{t: t, outbox: &notifiertest.Outbox{}}
	k.o = notifiers.Options{
		Receivers: receivers, Outbox: k.outbox,
		OnGiveUp: func(d notifiers.Delivery, _ string) notifiers.Notice {
			return notifiers.Notice{Tier: d.Notice.Tier, Title: "lost:" + d.Notice.Title, Text: d.Error}
		},
	}
	for _, c := range change {
		c(&k.o)
	}
	var err error
	if k.d, err = notifiers.NewDispatcher(k.o); err != nil {
		t.Fatal(err)
	}
	return k
}

func (k *desk) start() {
	k.d.Start(context.Background())
	k.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = k.d.Stop(ctx)
	})
}

// put queues notices "key/title" for a receiver, all at once.
func (k *desk) put(receiver, tier string, names ...string) {
	k.t.Helper()
	var queued []notifiers.Delivery
	for _, name := range names {
		key, title, _ := strings.Cut(name, "/")
		queued = append(queued, notifiers.Delivery{
			ID: receiver + "/" + name, Receiver: receiver, State: notifiers.Queued, NextAt: time.Now(),
			Notice: notifiers.Notice{ID: name, Key: key, Tier: tier, Title: title, Created: time.Now()},
		})
	}
	if err := k.outbox.Save(context.Background(), queued...); err != nil {
		k.t.Fatal(err)
	}
	k.d.Wake(receiver)
}

func (k *desk) state(id string, want notifiers.DeliveryState) notifiers.Delivery {
	k.t.Helper()
	d := k.outbox.Get(id)
	if d.State != want {
		k.t.Errorf("%s is %q, want %q (%+v)", id, d.State, want, d)
	}
	return d
}

func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func one(m notifiers.Channel) map[string]notifiers.Receiver {
	return map[string]notifiers.Receiver{"oncall": {Channel: m}}
}

func TestANoticeIsJournalledBeforeAndAfterItIsSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var k *desk
		m := &messenger{answer: func(int, notifiers.Notice) error {
			if d := k.outbox.Get("oncall/a/1"); d.State != notifiers.Sending || d.Attempts != 1 {
				t.Errorf("while it is sent it is %+v", d)
			}
			return nil
		}}
		k = open(t, one(m))
		k.start()
		k.put("oncall", "critical", "a/1")
		pass(0)
		k.state("oncall/a/1", notifiers.Delivered)
		if s := k.d.Status(); len(s) != 1 || s[0].Receiver != "oncall" || s[0].LastSent.IsZero() || s[0].LastError != "" {
			t.Errorf("status %+v", s)
		}
	})
}

func TestNoticesOfOneKeyArriveInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &messenger{answer: func(n int, x notifiers.Notice) error {
			if x.Title == "firing" && n < 4 {
				return down(n, x)
			}
			return nil
		}}
		k := open(t, one(m))
		k.start()
		k.put("oncall", "critical", "a/firing", "a/resolved", "b/other")
		pass(time.Minute)
		if got := m.titles(); got != "other firing resolved" {
			t.Errorf("arrived: %s", got)
		}
	})
}

func TestRetryAfterIsHonoured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &messenger{answer: func(n int, _ notifiers.Notice) error {
			if n == 1 {
				return &notifiers.Retry{After: 30 * time.Second, Err: errors.New("HTTP 429")}
			}
			return nil
		}}
		k := open(t, one(m))
		k.start()
		began := time.Now()
		k.put("oncall", "critical", "a/1")
		pass(10 * time.Second)
		k.put("oncall", "critical", "b/2") // does not get in between
		pass(time.Minute)
		calls := m.all()
		if len(calls) != 3 || calls[1].at.Sub(began) != 30*time.Second {
			t.Errorf("calls: %+v", calls)
		}
	})
}

func TestABrokenReceiverIsRetriedForAnHourAndThenReportedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken, other := &messenger{answer: down}, &messenger{}
		k := open(t, map[string]notifiers.Receiver{"oncall": {Channel: broken}, "team": {Channel: other}})
		k.start()
		began := time.Now()
		k.put("oncall", "critical", "a/1")
		pass(59 * time.Minute)
		if d := k.state("oncall/a/1", notifiers.Queued); d.Error != "HTTP 503" {
			t.Errorf("it does not say what is wrong: %+v", d)
		}
		pass(3 * time.Minute)
		k.state("oncall/a/1", notifiers.GivenUp)
		if got := other.titles(); got != "lost:1" {
			t.Errorf("the other receiver got %q", got)
		}
		if d := k.outbox.Get("oncall/a/1_given_up"); !d.Escalated || d.Receiver != "team" || d.Notice.ID == "" {
			t.Errorf("the notice about it is %+v", d)
		}
		calls := broken.all()
		for i, c := range calls[1:] {
			pause := c.at.Sub(calls[i].at)
			if pause < 1500*time.Millisecond || pause > 75*time.Second {
				t.Errorf("pause %d is %s", i, pause)
			}
		}
		if n := len(calls); n < 50 || n > 80 || calls[1].at.Sub(began) > 3*time.Second {
			t.Errorf("%d calls in an hour, the second after %s", n, calls[1].at.Sub(began))
		}
	})
}

func TestALostGiveUpNoticeIsNotReportedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refuse := func(int, notifiers.Notice) error {
			return &notifiers.Permanent{Err: errors.New("HTTP 404"), Hint: "revoked"}
		}
		a, b := &messenger{answer: refuse}, &messenger{answer: refuse}
		k := open(t, map[string]notifiers.Receiver{"a": {Channel: a, Fallback: "b"}, "b": {Channel: b, Fallback: "a"}})
		k.start()
		k.put("a", "critical", "x/1")
		pass(time.Hour)
		// The notice, the report that a refuses it, and the report that it is given up: each is
		// tried once at each receiver, because what one refuses another may take.
		if len(a.all()) != 3 || len(b.all()) != 3 || len(k.outbox.All()) != 3 {
			t.Errorf("calls: %d and %d, deliveries: %+v", len(a.all()), len(b.all()), k.outbox.All())
		}
		for _, d := range k.outbox.All() {
			k.state(d.ID, notifiers.GivenUp)
		}
		if d := k.state("a/x/1", notifiers.GivenUp); d.Error != "HTTP 404: revoked" {
			t.Errorf("it does not say what to do: %q", d.Error)
		}
	})
}

func TestAPenaltyMovesEverythingToTheFallbackAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ding := &messenger{answer: func(n int, x notifiers.Notice) error {
			if n == 1 {
				return penalized(n, x)
			}
			return nil
		}}
		slack := &messenger{}
		k := open(t, map[string]notifiers.Receiver{"ding": {Channel: ding, Fallback: "slack"}, "slack": {Channel: slack}})
		k.start()
		k.put("ding", "critical", "a/1", "a/2", "b/3")
		pass(time.Second)
		k.put("ding", "info", "c/4")
		pass(9 * time.Minute)
		if len(ding.all()) != 1 {
			t.Errorf("%d calls to a robot that is punished", len(ding.all()))
		}
		if got := slack.titles(); !strings.Contains(got, "1") || !strings.Contains(got, "4") || strings.Index(got, "1") > strings.Index(got, "2") {
			t.Errorf("the fallback got %q", got)
		}
		if d := k.state("ding/a/1", notifiers.Delivered); d.Receiver != "slack" || len(d.MovedFrom) != 1 {
			t.Errorf("%+v", d)
		}
		for _, s := range k.d.Status() {
			if (s.Receiver == "ding") == s.Penalty.IsZero() {
				t.Errorf("status %+v", s)
			}
		}
		pass(2 * time.Minute)
		k.put("ding", "critical", "d/5")
		pass(time.Second)
		if got := ding.titles(); got != "5" {
			t.Errorf("after the penalty the robot got %q", got)
		}
	})
}

func TestWithoutAFallbackAPenaltyIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		m := &messenger{answer: func(n int, x notifiers.Notice) error {
			if n == 1 {
				return penalized(n, x)
			}
			return nil
		}}
		k := open(t, one(m))
		k.start()
		k.put("oncall", "critical", "a/1")
		pass(11 * time.Minute)
		if calls := m.all(); len(calls) != 2 || calls[1].at.Sub(began) != 10*time.Minute {
			t.Errorf("calls %+v", calls)
		}
	})
}

func TestANoticeNeverMovesBackToAReceiverThatHadIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b, c := &messenger{answer: penalized}, &messenger{answer: penalized}, &messenger{}
		k := open(t, map[string]notifiers.Receiver{"a": {Channel: a, Fallback: "b"}, "b": {Channel: b, Fallback: "c"}, "c": {Channel: c, Fallback: "a"}})
		k.start()
		k.put("b", "critical", "x/0") // punishes b
		pass(time.Second)
		k.put("a", "critical", "x/1")
		pass(time.Second)
		if len(a.all()) != 1 || len(b.all()) != 1 || c.titles() != "0 1" {
			t.Errorf("calls: a %d, b %d, c got %q", len(a.all()), len(b.all()), c.titles())
		}
	})
}

func TestADeliveryFailsOverAfterTwoMinutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		a, b := &messenger{answer: down}, &messenger{}
		k := open(t, map[string]notifiers.Receiver{"a": {Channel: a, Fallback: "b"}, "b": {Channel: b}})
		k.start()
		k.put("a", "critical", "x/1")
		pass(5 * time.Minute)
		calls := b.all()
		if len(calls) != 1 || calls[0].at.Sub(began) < 2*time.Minute || calls[0].at.Sub(began) > 3*time.Minute {
			t.Errorf("the fallback got %+v", calls)
		}
	})
}

func TestANoticeThatWaitedWhileTheGuardianWasDownIsStillSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &messenger{answer: func(n int, x notifiers.Notice) error {
			if n < 3 {
				return down(n, x)
			}
			return nil
		}}
		k := open(t, one(m))
		k.put("oncall", "critical", "a/1")
		time.Sleep(5 * time.Hour)
		k.start()
		pass(time.Minute)
		k.state("oncall/a/1", notifiers.Delivered)
	})
}

func TestMetrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reg := prometheus.NewPedanticRegistry()
		a, b := &messenger{answer: penalized}, &messenger{}
		k := open(t, map[string]notifiers.Receiver{"a": {Channel: a, Fallback: "b"}, "b": {Channel: b}}, func(o *notifiers.Options) { o.Registerer = reg })
		k.start()
		k.put("a", "critical", "x/1")
		pass(time.Minute)
		problems, err := testutil.GatherAndLint(reg)
		if err != nil || len(problems) > 0 {
			t.Error(err, problems)
		}
		want := `
# HELP guardian_notices_total Attempts to deliver a notice, by result: delivered, retried, moved (to the fallback), given_up, dropped (silenced).
# TYPE guardian_notices_total counter
guardian_notices_total{receiver="a",result="delivered"} 0
guardian_notices_total{receiver="a",result="dropped"} 0
guardian_notices_total{receiver="a",result="given_up"} 0
guardian_notices_total{receiver="a",result="moved"} 1
guardian_notices_total{receiver="a",result="retried"} 0
guardian_notices_total{receiver="b",result="delivered"} 1
guardian_notices_total{receiver="b",result="dropped"} 0
guardian_notices_total{receiver="b",result="given_up"} 0
guardian_notices_total{receiver="b",result="moved"} 0
guardian_notices_total{receiver="b",result="retried"} 0
`
		if err := testutil.GatherAndCompare(reg, strings.NewReader(want), "guardian_notices_total"); err != nil {
			t.Error(err)
		}
		if err := k.d.Apply(map[string]notifiers.Receiver{"b": {Channel: b}}); err != nil {
			t.Fatal(err)
		}
		if n, _ := testutil.GatherAndCount(reg, "guardian_notices_total"); n != 5 {
			t.Errorf("a removed receiver leaves its series: %d", n)
		}
	})
}

func TestReceiversWithAnUnknownFallbackAreRefused(t *testing.T) {
	_, err := notifiers.NewDispatcher(notifiers.Options{Outbox: &notifiertest.Outbox{}, Receivers: map[string]notifiers.Receiver{
		"a": {Channel: &messenger{}, Fallback: "a"}, "b": {Channel: &messenger{}, Fallback: "c"}, "d": {},
	}})
	for _, want := range []string{`receiver "a": fallback is itself`, `receiver "b": fallback "c" is not configured`, `receiver "d" has no channel`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %q", err, want)
		}
	}
}
