package storetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"guardian/internal/store"
)

// Run tests that a database implements the journal correctly. fresh returns the options of a
// new, empty journal that lives as long as its test.
func Run(t *testing.T, fresh func(t *testing.T) store.Options) {
	t.Helper()
	for _, c := range []struct {
		name string
		test func(j journal)
	}{
		{"every fact is read as it was written, by a guardian started later", everyFact},
		{"a fact written again takes the place of the former", factsAreReplaced},
		{"a batch is written whole or not at all", allOrNothing},
		{"many facts, some of them twice, are one batch", manyFacts},
		{"words with NUL and broken UTF-8 are kept as well as can be", strangeWords},
		{"a fact without an ID is refused", factWithoutID},

		{"the lease has one holder at a time and its token grows", leaseChangesHands},
		{"of many that ask for a free lease, one gets it", leaseRace},
		{"a lease that ran out neither commits nor is renewed", leaseRunsOut},
		{"a guardian that was taken over from is fenced", takeoverFences},
		{"nobody takes the lease within a transaction of its holder", noTakeoverWithin},
		{"without the lease only what any guardian may write is written", unfenced},

		{"an idempotency key is used once", idempotencyKeyOnce},
		{"what guardians share is made once", sharedOnce},
		{"a deploy has one run by verdict, an alert's episode one by alert", runOnce},
		{"an attempt of a step has one intent", intentOnce},
		{"changes of a run at the same time all take effect", updatesMeet},
		{"a change that is refused writes nothing", refusedUpdate},
		{"a watch is changed together with what comes of it", updateWatch},
		{"what a watch has seen does not go over its verdict", verdictStays},

		{"lists are newest first and narrowed by their filters", lists},
		{"alerts keep their episodes", episodes},
		{"notices of one key are due one after the other", dueInOrder},
		{"a notice is superseded or sent, not both", superseding},
		{"the newest state of one thing is sent", statesSupersede},
		{"what is told anew while it is forgotten is told", toldGoesAndComes},
		{"a storm of notices does not make the outbox slow", dueInAStorm},
		{"the outbox counts what waits and what ended", outboxStats},
		{"the outbox names those for whom something waits", waitingReceivers},
		{"the outbox knows when whom was called", callsOfReceivers},
		{"the outbox knows the conversation of a key", lastSent},
		{"the journal is read page by page", auditPages},
		{"intervals and rollups are read by time", reportFacts},
		{"the newest failures of each check are kept and no others", newestFailures},
		{"looks of the last minutes are read in the order in which they came", looksInOrder},
		{"a revoked token stays revoked", tokens},
		{"what is old and over is removed, the rest stays", pruning},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.test(journal{t: t, options: fresh(t)})
		})
	}
}

// ttl is a lease that lasts longer than any test; short is one that tests let expire.
const (
	ttl   = 10 * time.Minute
	short = 300 * time.Millisecond
)

// day is when most facts of the tests happened.
func day() time.Time { return time.Date(2026, time.November, 3, 10, 0, 0, 0, time.UTC) }

// journal is one journal, opened as often as a test likes.
type journal struct {
	t       *testing.T
	options store.Options
}

// open returns a store that is closed with the test.
func (j journal) open() *store.Store {
	j.t.Helper()
	s, err := store.Open(j.t.Context(), j.options)
	if err != nil {
		j.t.Fatal(err)
	}
	j.t.Cleanup(func() {
		if err := s.Close(); err != nil {
			j.t.Error(err)
		}
	})
	return s
}

// acting returns a store whose guardian holds the lease.
func (j journal) acting() (*store.Store, store.Fence) {
	j.t.Helper()
	s := j.open()
	return s, acquire(j.t, s, "g1", ttl).Token
}

func acquire(t *testing.T, s *store.Store, holder string, ttl time.Duration) store.Lease {
	t.Helper()
	l, ok, err := s.Acquire(t.Context(), holder, "http://"+holder, ttl)
	if err != nil || !ok {
		t.Fatalf("acquire for %s: %v, %v", holder, ok, err)
	}
	return l
}

func commit(t *testing.T, s *store.Store, fence store.Fence, b store.Batch) {
	t.Helper()
	if err := s.Commit(t.Context(), fence, b); err != nil {
		t.Fatal(err)
	}
}

func wantError(t *testing.T, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("got error %v, want %v", got, want)
	}
}

// must returns the first value of a read that has to work.
func must[T any](v T, err error) func(t *testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

// ids returns the IDs of facts, in their order.
func ids[T any](facts []T, id func(T) string) []string {
	out := make([]string, len(facts))
	for i, f := range facts {
		out[i] = id(f)
	}
	return out
}

// audited returns what the journal says, newest first.
func audited(ctx context.Context, t *testing.T, s *store.Store) []string {
	t.Helper()
	page, err := s.Audit(ctx, store.AuditFilter{})
	if err != nil {
		t.Fatal(err)
	}
	return ids(page.Lines, func(a store.Audit) string { return a.What })
}
