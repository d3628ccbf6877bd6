package storetest

import (
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"guardian/actions"
	"guardian/internal/store"
	"guardian/watch"
)

func idempotencyKeyOnce(j journal) {
	t := j.t
	s, fence := j.acting()
	commit(t, s, fence, full())
	err := s.Commit(t.Context(), fence, store.Batch{
		Idempotent: []store.Idempotent{{Key: "k_1", BodyHash: "other", At: day()}},
		Deploys:    []watch.Deploy{{ID: "d_2", Service: "order-sync", At: day()}},
	})
	wantError(t, err, store.ErrIdempotent)
	if got, _, err := s.Idempotent(t.Context(), "k_1"); err != nil || got.BodyHash != "abc" {
		t.Errorf("the first answer was lost: %+v, %v", got, err)
	}
	same(t, "deploys", len(must(s.Deploys(t.Context(), store.DeployFilter{}))(t)), 1)
}

func runOnce(j journal) {
	t := j.t
	s, fence := j.acting()
	run := func(id string, trigger actions.Trigger) error {
		return s.Commit(t.Context(), fence, store.Batch{Runs: []actions.Run{{ID: id, Service: "s", State: actions.Running, Trigger: trigger, Created: day()}}})
	}
	verdict := actions.Trigger{Kind: actions.ByVerdict, Deploy: "d_1"}
	alert := actions.Trigger{Kind: actions.ByAlert, Alert: "a_1", AlertEpisode: 7}
	again := alert
	again.AlertEpisode = 8
	person := actions.Trigger{Kind: actions.ByPerson, Deploy: "d_1", Person: "wang"}
	for _, c := range []struct {
		name    string
		id      string
		trigger actions.Trigger
		want    error
	}{
		{"the first of a deploy", "r_1", verdict, nil},
		{"the same, changed", "r_1", verdict, nil},
		{"a second of the deploy", "r_2", verdict, store.ErrAlreadyRun},
		{"another deploy's", "r_3", actions.Trigger{Kind: actions.ByVerdict, Deploy: "d_2"}, nil},
		{"a person's for the deploy", "r_4", person, nil},
		{"another person's for the deploy", "r_5", person, nil},
		{"the first of an episode", "r_6", alert, nil},
		{"a second of the episode", "r_7", alert, store.ErrAlreadyRun},
		{"the next episode's", "r_8", again, nil},
		{"what undoes a run", "r_9", actions.Trigger{Kind: actions.ByUndo, Run: "r_1", Deploy: "d_1"}, nil},
		{"what undoes it again", "r_10", actions.Trigger{Kind: actions.ByUndo, Run: "r_1", Deploy: "d_1"}, store.ErrAlreadyRun},
		{"what undoes another", "r_11", actions.Trigger{Kind: actions.ByUndo, Run: "r_3", Deploy: "d_2"}, nil},
	} {
		if err := run(c.id, c.trigger); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", c.name, err, c.want)
		}
	}
}

func intentOnce(j journal) {
	t := j.t
	s, fence := j.acting()
	b := full()
	commit(t, s, fence, b)
	attempt := func(n int, intent string) error {
		r := b.Runs[0]
		r.Steps = []actions.StepRun{{Name: "put back", State: actions.StepIntent, Attempt: n, Intent: intent}}
		return s.Commit(t.Context(), fence, store.Batch{
			Runs:    []actions.Run{r},
			Entries: []actions.Entry{{Run: "r_1", Step: 0, Intent: intent, What: "intent", At: day()}},
		})
	}
	wantError(t, attempt(1, "i_2"), store.ErrIntent)
	wantError(t, attempt(2, "i_3"), nil)
	wantError(t, attempt(2, "i_4"), store.ErrIntent)

	outcome := actions.Entry{Run: "r_1", Step: 0, Intent: "i_3", What: "outcome", At: day().Add(time.Second)}
	commit(t, s, fence, store.Batch{Entries: []actions.Entry{outcome, outcome}})
	same(t, "ledger", ids(must(s.Entries(t.Context(), "r_1"))(t), func(e actions.Entry) string { return e.What + " " + e.Intent }),
		[]string{"created ", "intent i_1", "intent i_3", "outcome i_3", "outcome i_3"})
	if got := must(s.Run(t.Context(), "r_1"))(t); got.Steps[0].Intent != "i_3" {
		t.Errorf("a refused intent changed the run: %+v", got.Steps)
	}
}

func updatesMeet(j journal) {
	t := j.t
	s, fence := j.acting()
	commit(t, s, fence, full())
	other := j.open()
	const people = 12
	var wg sync.WaitGroup
	for i := range people {
		at := []*store.Store{s, other}[i%2]
		wg.Go(func() {
			by := strconv.Itoa(i)
			_, err := at.UpdateRun(t.Context(), fence, "r_1", func(r *actions.Run) error {
				r.Answers = append(r.Answers, actions.Answer{By: by})
				return nil
			}, store.Batch{Entries: []actions.Entry{{Run: "r_1", Step: -1, What: "answered", By: by, At: day()}}})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	same(t, "answers", len(must(s.Run(t.Context(), "r_1"))(t).Answers), people)
	same(t, "ledger", len(must(s.Entries(t.Context(), "r_1"))(t)), people+2)
}

func refusedUpdate(j journal) {
	t := j.t
	s, fence := j.acting()
	commit(t, s, fence, full())
	ctx := t.Context()
	errNo := errors.New("it asks nothing")
	extra := store.Batch{Audit: []store.Audit{{At: day(), What: "approve"}}}
	_, err := s.UpdateRun(ctx, fence, "r_1", func(r *actions.Run) error {
		r.State = actions.Rejected
		return errNo
	}, extra)
	wantError(t, err, errNo)
	_, err = s.UpdateRun(ctx, fence, "r_404", func(*actions.Run) error { return nil }, extra)
	wantError(t, err, store.ErrNotFound)
	for _, f := range []store.Fence{fence + 1, store.Unfenced, 0} {
		_, err = s.UpdateRun(ctx, f, "r_1", func(*actions.Run) error { return nil }, extra)
		wantError(t, err, store.ErrFenced)
	}
	if _, err = s.UpdateRun(ctx, fence, "r_1", func(r *actions.Run) error { r.ID = "r_2"; return nil }, extra); err == nil {
		t.Error("a run changed its ID")
	}
	same(t, "runs", must(s.Runs(ctx, store.RunFilter{}))(t), full().Runs)
	same(t, "journal", audited(ctx, t, s), []string{"deploy"})
}

func updateWatch(j journal) {
	t := j.t
	s, fence := j.acting()
	b := full()
	run := b.Runs[0]
	b.Runs, b.Entries = nil, nil
	commit(t, s, fence, b)
	got, err := s.UpdateWatch(t.Context(), fence, "w_1", func(w *watch.Watch) error {
		w.State = watch.Failed
		return nil
	}, store.Batch{Runs: []actions.Run{run}})
	if err != nil || got.State != watch.Failed {
		t.Fatalf("got %+v, %v", got, err)
	}
	same(t, "watch", must(s.Watch(t.Context(), "w_1"))(t), got)
	same(t, "run", must(s.Run(t.Context(), "r_1"))(t), run)

	// The same again with another run: neither is written.
	run.ID = "r_2"
	_, err = s.UpdateWatch(t.Context(), fence, "w_1", func(w *watch.Watch) error {
		w.State = watch.Passed
		return nil
	}, store.Batch{Runs: []actions.Run{run}})
	wantError(t, err, store.ErrAlreadyRun)
	same(t, "watch", must(s.Watch(t.Context(), "w_1"))(t), got)
}

func sharedOnce(j journal) {
	t := j.t
	s, again := j.open(), j.open()
	first := must(s.Shared(t.Context(), "session", func() string { return "first" }))(t)
	second := must(again.Shared(t.Context(), "session", func() string { return "second" }))(t)
	if first.Reveal() != "first" || second.Reveal() != "first" {
		t.Errorf("two guardians share %q and %q, want what the first one made", first.Reveal(), second.Reveal())
	}
	if other := must(s.Shared(t.Context(), "another", func() string { return "x" }))(t); other.Reveal() != "x" {
		t.Errorf("another name gives %q", other.Reveal())
	}
	for i, want := range []string{"", "key 0", "key 1"} {
		if before := must(again.ReplaceShared(t.Context(), "replaced", fmt.Sprint("key ", i)))(t); before.Reveal() != want {
			t.Errorf("%q was replaced, want %q", before.Reveal(), want)
		}
	}
	if now := must(s.Shared(t.Context(), "replaced", func() string { return "fresh" }))(t); now.Reveal() != "key 2" {
		t.Errorf("replaced by %q", now.Reveal())
	}
}

func verdictStays(j journal) {
	t := j.t
	s, fence := j.acting()
	open := watch.Watch{ID: "w_1", DeployID: "d_1", Service: "order-sync", Environment: "production", State: watch.Watching, Started: day(), Seq: 7}
	commit(t, s, fence, store.Batch{Watches: []watch.Watch{open}})
	over := open
	over.State, over.Ended, over.Seq = watch.Failed, day().Add(time.Minute), 8
	commit(t, s, fence, store.Batch{Watches: []watch.Watch{over}})
	// It was read before the verdict fell, and is written after it.
	commit(t, s, fence, store.Batch{Watches: []watch.Watch{open}})
	same(t, "watch", must(s.Watch(t.Context(), "w_1"))(t), over)
	same(t, "open watches", must(s.Watches(t.Context(), store.WatchFilter{Open: true}))(t), []watch.Watch{})
}
