package leadership_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"guardian/internal/leadership"
	"guardian/internal/store"
	"guardian/rules"
)

const ttl = 6 * time.Second

var errTaken = errors.New("another one acts")

// openJournal opens a real journal in a bubble of fake time.
func openJournal(t *testing.T) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), store.Options{Path: filepath.Join(t.TempDir(), "journal.db"), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// journal is the journal as one process reaches it.
type journal struct {
	*store.Store
	away   atomic.Bool // it does not answer
	paused atomic.Bool // the process stands still
	renews atomic.Int64
	refuse atomic.Pointer[error] // what requests for the lease and writes give
}

func (j *journal) wait(ctx context.Context) error {
	for j.paused.Load() {
		time.Sleep(10 * time.Millisecond)
	}
	if j.away.Load() {
		<-ctx.Done()
		return ctx.Err()
	}
	return nil
}

func (j *journal) waitToWrite(ctx context.Context) error {
	if err := j.refuse.Load(); err != nil {
		return *err
	}
	return j.wait(ctx)
}

func (j *journal) Acquire(ctx context.Context, holder, address string, d time.Duration) (store.Lease, bool, error) {
	if err := j.waitToWrite(ctx); err != nil {
		return store.Lease{}, false, err
	}
	return j.Store.Acquire(ctx, holder, address, d)
}

func (j *journal) Renew(ctx context.Context, l store.Lease, d time.Duration) (store.Lease, error) {
	if err := j.wait(ctx); err != nil {
		return store.Lease{}, err
	}
	j.renews.Add(1)
	return j.Store.Renew(ctx, l, d)
}

func (j *journal) Commit(ctx context.Context, token store.Fence, b store.Batch) error {
	if err := j.waitToWrite(ctx); err != nil {
		return err
	}
	return j.Store.Commit(ctx, token, b)
}

// guardian is a process that leads when it can.
type guardian struct {
	*leadership.Elector
	journal *journal
	reg     *prometheus.Registry
	stop    func()

	mu      sync.Mutex
	current *leadership.Leadership
	events  []string
	fail    error         // of Lead
	slow    time.Duration // of Lead and Drain
}

func (g *guardian) note(event string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.events = append(g.events, event)
}

func (g *guardian) happened() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return strings.Join(g.events, " ")
}

func (g *guardian) lead(l *leadership.Leadership) (leadership.Rooms, error) {
	g.mu.Lock()
	fail, slow := g.fail, g.slow
	g.current = l
	g.mu.Unlock()
	time.Sleep(slow)
	if fail != nil {
		g.note("fail")
		return nil, fail
	}
	g.note("lead")
	return rooms{g, l, slow}, nil
}

// rooms note how they end.
type rooms struct {
	g    *guardian
	l    *leadership.Leadership
	slow time.Duration
}

func (r rooms) Drain() {
	time.Sleep(r.slow)
	if !r.l.Valid() {
		r.g.note("drained-without-lease")
		return
	}
	r.g.note("drain")
}

func (r rooms) Stop() {
	switch cause := context.Cause(r.l.Context()); {
	case errors.Is(cause, leadership.ErrStopping):
		r.g.note("stop")
	case errors.Is(cause, errTaken):
		r.g.note("lost")
	default:
		r.g.note("stopped-while-leading")
	}
}

// start runs a guardian until the test ends or stops it.
func start(t *testing.T, s *store.Store, name string, change func(*guardian)) *guardian {
	t.Helper()
	g := &guardian{journal: &journal{Store: s}, reg: prometheus.NewPedanticRegistry()}
	if change != nil {
		change(g)
	}
	g.Elector = leadership.New(leadership.Options{
		Leases: g.journal, TTL: ttl, Holder: name, Address: "http://" + strings.SplitN(name, "/", 2)[0],
		Lead: g.lead, ErrLost: errTaken, Now: time.Now, Registerer: g.reg,
	})
	ctx, cancel := context.WithCancel(t.Context())
	var run sync.WaitGroup
	run.Go(func() { g.Run(ctx) })
	g.stop = func() { cancel(); run.Wait() }
	t.Cleanup(g.stop)
	synctest.Wait()
	return g
}

// isLeader gives the metric.
func (g *guardian) isLeader(t *testing.T) float64 {
	t.Helper()
	all, err := g.reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range all {
		if f.GetName() == "guardian_is_leader" {
			return f.GetMetric()[0].GetGauge().GetValue()
		}
	}
	t.Fatal("guardian_is_leader is missing")
	return 0
}

func alert(id string) store.Batch {
	return store.Batch{Alerts: []rules.Alert{{ID: id, Rule: "Down", State: rules.Firing, FiredAt: time.Now()}}}
}

// alerts lists what is in the journal.
func alerts(t *testing.T, s *store.Store) string {
	t.Helper()
	all, err := s.Alerts(t.Context(), store.AlertFilter{})
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, a := range all {
		ids = append(ids, a.ID)
	}
	return strings.Join(ids, " ")
}

func TestOneGuardianLeadsAndTheOtherForwardsToIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openJournal(t)
		a := start(t, s, "a/1", nil)
		b := start(t, s, "b/1", nil)
		time.Sleep(time.Minute)
		if got := a.happened() + "|" + b.happened(); got != "lead|" {
			t.Fatalf("happened %q, want a alone to lead all the time", got)
		}
		if !a.MayAct() || a.Token() == 0 || a.isLeader(t) != 1 || !a.Status().Leading {
			t.Error("the leader may not act")
		}
		if err := a.Current().Commit(alert("by-a")); err != nil || alerts(t, s) != "by-a" {
			t.Errorf("the leader could not write: %v", err)
		}
		if b.MayAct() || b.Token() != 0 || b.isLeader(t) != 0 || b.Current() != nil {
			t.Error("a guardian without the lease may act")
		}
		if err := s.Commit(t.Context(), b.Token(), alert("by-b")); !errors.Is(err, store.ErrFenced) {
			t.Errorf("without the lease something was written: %v", err)
		}
		if self, address := b.LeaderAddress(); self || address != "http://a" {
			t.Errorf("the standby forwards to %q", address)
		}
		if self, address := a.LeaderAddress(); !self || address != "" {
			t.Errorf("the leader forwards to %q", address)
		}
		if problems, err := testutil.GatherAndLint(a.reg); err != nil || len(problems) != 0 {
			t.Errorf("%v %v", problems, err)
		}
	})
}

func TestAStopGivesTheLeaseBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openJournal(t)
		a := start(t, s, "a/1", func(g *guardian) { g.slow = 3 * ttl }) // a step under way lasts
		time.Sleep(4 * ttl)
		b := start(t, s, "b/1", nil)
		time.Sleep(ttl)
		stopped := time.Now()
		a.stop()
		if took := time.Since(stopped); took != 3*ttl {
			t.Errorf("it took %s to stop, want until what was under way had ended", took)
		}
		if a.happened() != "lead drain stop" || a.MayAct() || a.isLeader(t) != 0 {
			t.Errorf("happened %q, want everything to end in order, with the lease held meanwhile", a.happened())
		}
		time.Sleep(ttl/3 + time.Millisecond)
		if !b.Status().Leading {
			t.Error("the other guardian waits although the lease was given back")
		}
		if p, lost := b.Current().Predecessor(); lost {
			t.Errorf("%s gave its lease back, and it counts as lost", p.Holder)
		}
	})
}

func TestAnotherGuardianTakesOverFromOneThatDied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openJournal(t)
		a := start(t, s, "a/1", nil)
		b := start(t, s, "b/1", nil)
		time.Sleep(time.Minute)
		a.journal.paused.Store(true)
		died := time.Now()
		for !b.Status().Leading && time.Since(died) < time.Minute {
			time.Sleep(100 * time.Millisecond)
		}
		if took := time.Since(died); took > ttl+ttl/3 {
			t.Errorf("the takeover took %s", took)
		}
		if p, lost := b.Current().Predecessor(); !lost || p.Holder != "a/1" {
			t.Errorf("took over from %q, want a", p.Holder)
		}
		a.journal.paused.Store(false)
	})
}

func TestAPausedProcessFindsItsLeaseGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openJournal(t)
		a := start(t, s, "a/1", nil)
		b := start(t, s, "b/1", nil)
		time.Sleep(time.Minute)
		a.journal.paused.Store(true)
		former := a.Current()
		var written error
		var writing sync.WaitGroup
		writing.Go(func() { written = former.Commit(alert("by-a")) })
		time.Sleep(ttl + ttl/2)
		if !b.Status().Leading || former.Valid() || a.MayAct() {
			t.Fatal("the paused process still has the lease after it has expired")
		}
		if err := b.Current().Commit(alert("by-b")); err != nil {
			t.Fatal(err)
		}
		a.journal.paused.Store(false)
		writing.Wait()
		time.Sleep(ttl)
		if !errors.Is(written, store.ErrFenced) || alerts(t, s) != "by-b" {
			t.Errorf("the journal has %q (%v), want nothing of the paused process", alerts(t, s), written)
		}
		if a.happened() != "lead lost" || a.Status().Leading {
			t.Errorf("happened %q, want the leadership to be lost", a.happened())
		}
		if self, address := a.LeaderAddress(); self || address != "http://b" {
			t.Errorf("it forwards to %q, want to the new leader", address)
		}
	})
}

// TestALeaseOfADeadProcessIsTakenOver without waiting for its end, and told.
func TestALeaseOfADeadProcessIsTakenOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "journal.db")
		process := func() *store.Store {
			s, err := store.Open(t.Context(), store.Options{Path: path, Now: time.Now, ForLife: true})
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
		dying, s := process(), process()
		t.Cleanup(func() { _ = s.Close() })
		lease, got, err := dying.Acquire(t.Context(), "a/1", "http://a", ttl)
		if !got || err != nil {
			t.Fatal(got, err)
		}
		b := start(t, s, "b/1", nil)
		if b.MayAct() {
			t.Fatal("it leads while the other process lives")
		}
		if err := dying.Close(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(ttl/3 + time.Millisecond)
		if !b.Status().Leading {
			t.Fatal("it waits for the lease of a process that is gone")
		}
		l := b.Current()
		if p, lost := l.Predecessor(); !lost || p.Holder != "a/1" {
			t.Errorf("took over from %q, want a", p.Holder)
		}
		time.Sleep(ttl) // renewals
		if !l.ActsFrom().Equal(lease.Until) {
			t.Errorf("it acts from %s, want %s, when the lease would have ended", l.ActsFrom(), lease.Until)
		}
	})
}

// A write is refused between two renewals.
func TestARefusedWriteEndsTheLeadership(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openJournal(t)
		a := start(t, s, "a/1", nil)
		former := a.Current()
		if err := s.Release(t.Context(), store.Lease{Token: former.Token()}); err != nil {
			t.Fatal(err)
		}
		if _, got, err := s.Acquire(t.Context(), "b/1", "http://b", ttl); !got || err != nil {
			t.Fatal(got, err)
		}
		if !a.MayAct() {
			t.Fatal("it cannot know yet")
		}
		if err := former.Commit(alert("by-a")); !errors.Is(err, store.ErrFenced) {
			t.Errorf("the write: %v", err)
		}
		if former.Valid() {
			t.Error("it is valid although its write was refused")
		}
		synctest.Wait()
		if a.MayAct() || a.happened() != "lead lost" {
			t.Errorf("happened %q, want the leadership to end at once", a.happened())
		}
	})
}

func TestARefusedRenewalEndsTheLeadership(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openJournal(t)
		a := start(t, s, "a/1", nil)
		if err := s.Release(t.Context(), store.Lease{Token: a.Token()}); err != nil {
			t.Fatal(err)
		}
		if _, got, err := s.Acquire(t.Context(), "b/1", "http://b", ttl); !got || err != nil {
			t.Fatal(got, err)
		}
		time.Sleep(ttl/3 + time.Millisecond) // its own clock says that the lease lasts
		if a.MayAct() || a.happened() != "lead lost" {
			t.Errorf("happened %q, want the leadership to end with the next renewal", a.happened())
		}
	})
}

func TestALeaderThatCannotRenewStopsWhenItsLeaseExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openJournal(t)
		a := start(t, s, "a/1", nil)
		time.Sleep(time.Minute + time.Second)
		if n := a.journal.renews.Load(); n < 29 || n > 31 {
			t.Errorf("the lease was renewed %d times in a minute, want each two seconds", n)
		}
		until := a.Current().Token()
		a.journal.away.Store(true)
		away := time.Now() // a second after the last renewal
		for a.MayAct() {
			time.Sleep(10 * time.Millisecond)
		}
		if after := time.Since(away); after < 4*time.Second || after > 5*time.Second+20*time.Millisecond {
			t.Errorf("it may act for %s more, want until the lease expires after 5 s", after)
		}
		synctest.Wait()
		if a.happened() != "lead lost" {
			t.Errorf("happened %q, want everything to stop when the lease expires", a.happened())
		}
		// The journal answers again.
		a.journal.away.Store(false)
		time.Sleep(2 * ttl)
		if a.happened() != "lead lost lead" || a.Token() <= until {
			t.Errorf("happened %q with token %d after %d", a.happened(), a.Token(), until)
		}
	})
}

func TestAShortFailureOfRenewalsChangesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openJournal(t)
		a := start(t, s, "a/1", nil)
		time.Sleep(500 * time.Millisecond) // not at the moment of a renewal
		for range 10 {
			time.Sleep(ttl)
			a.journal.away.Store(true)
			time.Sleep(ttl / 2)
			a.journal.away.Store(false)
		}
		if a.happened() != "lead" || !a.MayAct() {
			t.Errorf("happened %q, want it to lead all the time", a.happened())
		}
	})
}

func TestARestartedGuardianDoesNotForwardToItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openJournal(t)
		if _, got, err := s.Acquire(t.Context(), "a/1", "http://a", ttl); !got || err != nil { // it was killed
			t.Fatal(got, err)
		}
		a := start(t, s, "a/2", nil)
		if self, address := a.LeaderAddress(); self || address != "" {
			t.Errorf("it forwards to %q", address)
		}
		if st := a.Status(); !st.Former || st.Other.Holder != "a/1" || st.Leading || st.Starting {
			t.Errorf("status %+v, want the lease of the former process", st)
		}
		time.Sleep(ttl + ttl/3)
		if !a.Status().Leading {
			t.Error("it does not lead after the former lease has expired")
		}
		if p, lost := a.Current().Predecessor(); lost {
			t.Errorf("it took over from %s, which is itself", p.Holder)
		}
	})
}

func TestALongStartKeepsTheLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openJournal(t)
		a := start(t, s, "a/1", func(g *guardian) { g.slow = 3 * ttl })
		b := start(t, s, "b/1", nil)
		time.Sleep(2 * ttl)
		if st := a.Status(); !st.Starting || st.Leading || a.isLeader(t) != 0 || a.Token() == 0 {
			t.Errorf("status %+v while it reads the journal", st)
		}
		if self, _ := a.LeaderAddress(); self {
			t.Error("it takes requests before it has taken over")
		}
		time.Sleep(2 * ttl)
		if a.happened() != "lead" || b.happened() != "" {
			t.Errorf("happened %q and %q, want a to lead", a.happened(), b.happened())
		}
	})
}

func TestAGuardianThatCannotBeginTriesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openJournal(t)
		a := start(t, s, "a/1", func(g *guardian) { g.fail = errors.New("the journal is damaged") })
		if a.happened() != "fail" || a.MayAct() || a.Current() != nil || !errors.Is(context.Cause(a.current.Context()), errTaken) {
			t.Errorf("happened %q, want it to stand by", a.happened())
		}
		a.mu.Lock()
		a.fail = nil
		a.mu.Unlock()
		time.Sleep(2 * ttl)
		if a.happened() != "fail lead" {
			t.Errorf("happened %q, want it to lead in the end", a.happened())
		}
	})
}
