package notifiers_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
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
		OnGiveUp: func(d notifiers.Delivery) notifiers.Notice {
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
		if len(a.all()) != 1 || len(b.all()) != 1 || len(k.outbox.All()) != 2 {
			t.Errorf("calls: %d and %d, deliveries: %+v", len(a.all()), len(b.all()), k.outbox.All())
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

// Notices that arrive one by one, in any interleaving with the calls, stay within the
// vendor's rate limit. Notices that arrive together are sent in digests of twenty.
func TestAStormIsAFewMessagesAndTheBudgetHolds(t *testing.T) {
	storm := func(minute int) (names []string) {
		for i := range 100 {
			names = append(names, fmt.Sprintf("k%d-%d/w", minute, i))
		}
		return names
	}
	synctest.Test(t, func(t *testing.T) {
		m := &messenger{}
		budget := notifiers.Builtin()["dingtalk"].Budget
		k := open(t, map[string]notifiers.Receiver{"oncall": {Channel: m, Budget: budget}})
		k.start()
		for minute := range 10 {
			k.put("oncall", "warning", storm(minute)...)
			pass(time.Minute)
		}
		if calls := m.all(); len(calls) != 50 {
			t.Errorf("%d messages for 10 storms of 100 notices, want 5 for each", len(calls))
		}
		for minute := range 10 {
			for _, name := range storm(10 + minute) {
				k.put("oncall", "warning", name)
			}
			pass(time.Minute)
		}
		pass(5 * time.Minute)
		calls := m.all()
		holds(t, calls, budget)
		for _, d := range k.outbox.All() {
			if d.State != notifiers.Delivered {
				t.Fatalf("%+v", d)
			}
		}
	})
}

// holds checks the rate limit: never more than Limit calls in any window.
func holds(t *testing.T, calls []call, b notifiers.Budget) {
	t.Helper()
	for i := range calls {
		in := 0
		for _, c := range calls[i:] {
			if c.at.Sub(calls[i].at) < time.Minute {
				in++
			}
		}
		if in > b.Limit {
			t.Fatalf("%d calls in a minute, the budget is %d", in, b.Limit)
		}
	}
}

func TestTheBudgetHoldsAcrossARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &messenger{}
		budget := map[string]notifiers.Receiver{"oncall": {Channel: m, Budget: notifiers.Budget{Limit: 3, Per: time.Minute}}}
		k := open(t, budget)
		k.start()
		for _, name := range []string{"a/1", "b/2", "c/3"} {
			k.put("oncall", "critical", name)
			pass(time.Second)
		}
		// The process ends, and another one goes on with the outbox.
		if err := k.d.Stop(context.Background()); err != nil {
			t.Fatal(err)
		}
		next := open(t, budget)
		next.outbox = k.outbox
		next.o.Outbox = k.outbox
		var err error
		if next.d, err = notifiers.NewDispatcher(next.o); err != nil {
			t.Fatal(err)
		}
		next.start()
		next.put("oncall", "critical", "d/4")
		pass(30 * time.Second)
		if n := len(m.all()); n != 3 {
			t.Errorf("%d calls within the minute, want the budget's 3", n)
		}
		pass(time.Minute)
		if n := len(m.all()); n != 4 {
			t.Errorf("%d calls after it, want all 4", n)
		}
	})
}

func TestPartOfTheBudgetIsReservedForCriticalNotices(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &messenger{}
		k := open(t, map[string]notifiers.Receiver{"oncall": {Channel: m, Budget: notifiers.Budget{Limit: 6, Per: time.Minute, Reserved: 2, MergeAt: -1}}})
		k.start()
		for i := range 4 {
			k.put("oncall", "info", fmt.Sprintf("i%d/i", i))
			pass(time.Second)
		}
		k.put("oncall", "info", "i9/late")
		k.put("oncall", "critical", "c1/now")
		pass(time.Second)
		if got := m.titles(); got != "i i i i now" {
			t.Errorf("arrived: %s", got)
		}
		pass(time.Minute)
		if got := m.titles(); got != "i i i i now late" {
			t.Errorf("arrived: %s", got)
		}
	})
}

func TestSlacksSpacingIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &messenger{}
		k := open(t, map[string]notifiers.Receiver{"oncall": {Channel: m, Budget: notifiers.Builtin()["slack"].Budget}})
		k.start()
		k.put("oncall", "warning", "a/1", "b/2", "c/3")
		pass(10 * time.Second)
		calls := m.all()
		if len(calls) != 3 || calls[1].at.Sub(calls[0].at) != time.Second || calls[2].at.Sub(calls[1].at) != time.Second {
			t.Errorf("calls %+v", calls)
		}
	})
}

func TestANoticeThatIsRefusedDoesNotBlockTheOthersOfItsDigest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &messenger{answer: func(_ int, n notifiers.Notice) error {
			if strings.Contains(n.Title+n.Text, "bad") {
				return &notifiers.Permanent{Err: errors.New("errcode 430102")}
			}
			return nil
		}}
		k := open(t, one(m))
		for i := range 9 {
			k.put("oncall", "warning", fmt.Sprintf("k%d/n%d", i, i))
		}
		k.put("oncall", "warning", "kx/bad")
		k.start()
		pass(time.Minute)
		for _, d := range k.outbox.All() {
			want := notifiers.Delivered
			if strings.HasSuffix(d.ID, "bad") {
				want = notifiers.GivenUp
			}
			if d.State != want {
				t.Errorf("%s is %s, want %s", d.ID, d.State, want)
			}
		}
	})
}

func TestANoticeOfARefusedDigestIsNotMergedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var k *desk
		m := &messenger{answer: func(n int, x notifiers.Notice) error {
			if n == 1 { // the digest with the bad one: others arrive meanwhile
				for i := range 6 {
					k.put("oncall", "warning", fmt.Sprintf("later%d/l%d", i, i))
				}
			}
			if strings.Contains(x.Title+x.Text, "bad") {
				return &notifiers.Permanent{Err: errors.New("errcode 430102")}
			}
			return nil
		}}
		k = open(t, one(m))
		for i := range 9 {
			k.put("oncall", "warning", fmt.Sprintf("k%d/n%d", i, i))
		}
		k.put("oncall", "warning", "kx/bad")
		k.start()
		pass(time.Minute)
		refused := 0
		for _, c := range m.all() {
			if c.err != nil {
				refused++
			}
		}
		if calls := m.all(); refused != 2 || calls[1].notice.Key != "digest" || calls[1].err != nil {
			t.Errorf("%d of %d calls were refused, want the first digest and the bad notice alone; the second call is %+v", refused, len(calls), calls[1])
		}
	})
}

func TestADeliveryInterruptedByACrashIsSentAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &messenger{}
		k := open(t, one(m))
		k.put("oncall", "critical", "a/1", "a/2")
		d := k.outbox.Get("oncall/a/1")
		d.State, d.Attempts, d.Tried = notifiers.Sending, 1, time.Now()
		if err := k.outbox.Save(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		k.start()
		pass(0)
		if got := m.titles(); got != "1 2" {
			t.Errorf("arrived: %s", got)
		}
		if d := k.state("oncall/a/1", notifiers.Delivered); d.Attempts != 2 {
			t.Errorf("%+v", d)
		}
	})
}

func TestAnAttemptThatCannotBeSavedIsNotMade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &messenger{}
		k := open(t, one(m))
		k.put("oncall", "critical", "a/1")
		var fenced atomic.Bool
		fenced.Store(true)
		k.outbox.Fail = func(int, []notifiers.Delivery) error {
			if fenced.Load() {
				return errors.New("another guardian holds the lease")
			}
			return nil
		}
		k.start()
		pass(10 * time.Minute)
		if len(m.all()) != 0 {
			t.Errorf("%d calls by a guardian without the lease", len(m.all()))
		}
		fenced.Store(false)
		pass(time.Minute)
		k.state("oncall/a/1", notifiers.Delivered)
	})
}

func TestNothingIsSentAgainWhileAnOutcomeCannotBeSaved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &messenger{}
		k := open(t, one(m))
		k.put("oncall", "critical", "a/1", "b/2")
		refused := 0
		k.outbox.Fail = func(_ int, d []notifiers.Delivery) error {
			if d[0].State == notifiers.Delivered && refused < 4 {
				refused++
				return errors.New("disk full")
			}
			return nil
		}
		k.start()
		pass(5 * time.Minute)
		if got := m.titles(); got != "1 2" || refused != 4 {
			t.Errorf("arrived %q after %d refused saves", got, refused)
		}
		k.state("oncall/a/1", notifiers.Delivered)
	})
}

// A process that was paused after it saved the attempt may have been replaced.
func TestWithoutTheLeaseNoCallIsMade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, may := &messenger{}, atomic.Bool{}
		k := open(t, one(m), func(o *notifiers.Options) { o.MaySend = may.Load })
		k.start()
		k.put("oncall", "critical", "a/1")
		pass(time.Minute)
		if len(m.all()) != 0 {
			t.Errorf("%d calls without the lease", len(m.all()))
		}
		k.state("oncall/a/1", notifiers.Sending) // so that the process with the lease sends it
		may.Store(true)
		pass(time.Minute)
		if len(m.all()) != 1 {
			t.Errorf("%d calls once it holds the lease, want one", len(m.all()))
		}
		k.state("oncall/a/1", notifiers.Delivered)
	})
}

func TestStopSendsOnlyWhatIsDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &messenger{answer: func(n int, x notifiers.Notice) error {
			if x.Title == "stuck" {
				return down(n, x)
			}
			return nil
		}}
		k := open(t, one(m))
		k.start()
		pass(time.Second)
		for i := range 5 { // no wake: Stop itself must look
			k.put("elsewhere", "info", "x/1")
			k.put("oncall", "info", fmt.Sprintf("k%d/n%d", i, i))
		}
		began := time.Now()
		if err := k.d.Stop(context.Background()); err != nil {
			t.Fatal(err)
		}
		if time.Since(began) > time.Second || len(strings.Fields(m.titles())) != 5 {
			t.Errorf("after %s arrived %q", time.Since(began), m.titles())
		}
		if err := k.d.Stop(context.Background()); err != nil {
			t.Error("a second Stop:", err)
		}
		k.put("oncall", "info", "late/late")
		k.d.Start(context.Background()) // and it can start again
		pass(time.Second)
		if !slices.Contains(strings.Fields(m.titles()), "late") {
			t.Errorf("arrived %q", m.titles())
		}
	})
}

type hanging struct{}

func (hanging) Send(ctx context.Context, _ notifiers.Notice) error {
	<-ctx.Done()
	return &notifiers.Retry{Err: ctx.Err()}
}

// detached is an outbox that still saves after ctx has ended: only the dispatcher can decide
// that the outcome of a cancelled call is not saved.
type detached struct{ notifiers.Outbox }

func (o detached) Save(ctx context.Context, ds ...notifiers.Delivery) error {
	return o.Outbox.Save(context.WithoutCancel(ctx), ds...)
}

func TestStopDoesNotWaitForAMessengerThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := open(t, one(hanging{}), func(o *notifiers.Options) { o.Outbox = detached{o.Outbox} })
		k.start()
		k.put("oncall", "info", "a/1")
		pass(time.Second)
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
		defer cancel()
		began := time.Now()
		if err := k.d.Stop(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != 3*time.Second {
			t.Errorf("got %v after %s", err, time.Since(began))
		}
		k.state("oncall/a/1", notifiers.Sending) // it may have arrived or not: it is sent again later
	})
}

func TestACallTimesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := open(t, one(hanging{}))
		k.start()
		k.put("oncall", "info", "a/1")
		pass(16 * time.Second)
		if d := k.outbox.Get("oncall/a/1"); d.State != notifiers.Queued || !strings.Contains(d.Error, "deadline") {
			t.Errorf("%+v", d)
		}
	})
}

type panicking struct{}

func (panicking) Send(context.Context, notifiers.Notice) error { panic("nil map") }

func TestAPanicOfAChannelCountsAsAFailedAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &messenger{}
		k := open(t, map[string]notifiers.Receiver{"a": {Channel: panicking{}, Fallback: "b"}, "b": {Channel: m}})
		k.start()
		k.put("a", "critical", "x/1")
		pass(5 * time.Minute)
		if m.titles() != "1" {
			t.Errorf("the fallback got %q", m.titles())
		}
	})
}

func TestANoticeSilencedBeforeItIsSentIsDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &messenger{}
		k := open(t, one(m), func(o *notifiers.Options) {
			o.Drop = func(d notifiers.Delivery) string {
				if d.Notice.Key == "a" {
					return "silenced"
				}
				return ""
			}
		})
		k.start()
		k.put("oncall", "critical", "a/1", "b/2")
		pass(time.Second)
		if d := k.state("oncall/a/1", notifiers.Dropped); d.Error != "silenced" || m.titles() != "2" {
			t.Errorf("%+v, arrived %q", d, m.titles())
		}
	})
}

func TestReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		same, changed, removed, fresh := &messenger{answer: penalized}, &messenger{answer: penalized}, &messenger{answer: down}, &messenger{}
		k := open(t, map[string]notifiers.Receiver{
			"same": {Channel: same, Fingerprint: "s1"}, "changed": {Channel: changed, Fingerprint: "c1"},
			"removed": {Channel: removed, Fallback: "same", Fingerprint: "r1"}, "removed2": {Channel: removed, Fingerprint: "r2"},
		})
		k.start()
		for _, name := range []string{"same", "changed", "removed", "removed2"} {
			k.put(name, "critical", "x/"+name)
		}
		pass(time.Second)

		if err := k.d.Apply(map[string]notifiers.Receiver{"same": {Channel: same, Fallback: "nobody", Fingerprint: "s1"}}); err == nil || !strings.Contains(err.Error(), `fallback "nobody" is not configured`) {
			t.Errorf("a bad reload: %v", err)
		}
		if n := len(k.d.Status()); n != 4 {
			t.Errorf("a bad reload left %d receivers", n)
		}

		err := k.d.Apply(map[string]notifiers.Receiver{
			"same": {Channel: fresh, Fingerprint: "s1"}, "changed": {Channel: fresh, Fingerprint: "c2"}, "new": {Channel: fresh},
		})
		if err != nil {
			t.Fatal(err)
		}
		k.put("new", "critical", "y/new")
		pass(15 * time.Second)
		k.state("same/x/same", notifiers.Queued)          // the penalty goes on
		k.state("changed/x/changed", notifiers.Delivered) // another robot has none
		k.state("new/y/new", notifiers.Delivered)
		if d := k.state("removed/x/removed", notifiers.Queued); d.Receiver != "same" {
			t.Errorf("what waited for a removed receiver went to %q", d.Receiver)
		}
		if d := k.state("removed2/x/removed2", notifiers.Delivered); d.Receiver != "changed" {
			t.Errorf("what waited for a removed receiver without a fallback went to %q", d.Receiver)
		}
		if n := len(same.all()); n != 1 {
			t.Errorf("%d calls to a robot in penalty", n)
		}
	})
}

// Without a fingerprint nothing says that a receiver is the same as before.
func TestAReloadReplacesAReceiverWithoutAFingerprint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		before, after := &messenger{}, &messenger{}
		k := open(t, one(before))
		k.start()
		pass(time.Second)
		if err := k.d.Apply(one(after)); err != nil {
			t.Fatal(err)
		}
		k.put("oncall", "critical", "a/1")
		pass(time.Second)
		if len(before.all()) != 0 || len(after.all()) != 1 {
			t.Errorf("%d calls of the former channel and %d of the new one", len(before.all()), len(after.all()))
		}
	})
}

func TestNoticesOfAReceiverThatIsNotConfiguredMoveToAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &messenger{}
		k := open(t, one(m))
		k.put("renamed", "critical", "x/left-behind") // by a guardian with another configuration
		k.start()
		pass(time.Second)
		if d := k.state("renamed/x/left-behind", notifiers.Delivered); d.Receiver != "oncall" {
			t.Errorf("it went to %q, want oncall", d.Receiver)
		}
		// A notice that was on its way into the outbox when its receiver was taken out.
		k.put("renamed", "critical", "x/late")
		pass(2 * time.Minute)
		k.state("renamed/x/late", notifiers.Delivered)
		if got := m.titles(); got != "left-behind late" {
			t.Errorf("%q were sent, want each once", got)
		}
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
# HELP guardian_notices_total Attempts to deliver a notice, by result: delivered, retried, moved (to the fallback), given_up, dropped (silenced or superseded).
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
