package api_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"guardian/internal/api"
)

func TestAwait(t *testing.T) {
	broken := errors.New("broken")
	const atMost = 10 * time.Second
	for name, c := range map[string]struct {
		does   func(c *api.Changes, cancel func(), done *atomic.Bool) // while it is waited
		atMost time.Duration
		first  bool  // the first answer is done
		fails  error // of the question
		took   time.Duration
		done   bool // the last answer was
		err    error
	}{
		"done at once":                                   {atMost: atMost, first: true, done: true},
		"without waiting":                                {},
		"an error ends it":                               {atMost: atMost, fails: broken, err: broken},
		"until the time is over":                         {atMost: atMost, took: atMost},
		"until it changes":                               {atMost: atMost, took: 200 * time.Millisecond, done: true, does: func(c *api.Changes, _ func(), done *atomic.Bool) { done.Store(true); c.Notify() }},
		"through changes of other things":                {atMost: atMost, took: atMost, does: func(c *api.Changes, _ func(), _ *atomic.Bool) { c.Notify() }},
		"until a change that nobody here is notified of": {atMost: atMost, took: 500 * time.Millisecond, done: true, does: func(_ *api.Changes, _ func(), done *atomic.Bool) { done.Store(true) }},
		"until the server stops":                         {atMost: atMost, took: 200 * time.Millisecond, does: func(c *api.Changes, _ func(), _ *atomic.Bool) { c.Close() }},
		"until the caller is gone":                       {atMost: atMost, took: 200 * time.Millisecond, err: context.Canceled, does: func(_ *api.Changes, cancel func(), _ *atomic.Bool) { cancel() }},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				var changes api.Changes
				var done atomic.Bool
				done.Store(c.first)
				if c.does != nil {
					time.AfterFunc(200*time.Millisecond, func() { c.does(&changes, cancel, &done) })
				}
				began := time.Now()
				got, err := api.Await(ctx, &changes, c.atMost, func() (bool, bool, error) { return done.Load(), done.Load(), c.fails })
				if !errors.Is(err, c.err) || got != c.done || time.Since(began) != c.took {
					t.Errorf("got %v, %v after %s; want %v, %v after %s", got, err, time.Since(began), c.done, c.err, c.took)
				}
			})
		})
	}
}

func TestNoWaitBeginsOnceTheServerStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var changes api.Changes
		changes.Close()
		changes.Close() // is allowed
		changes.Notify()
		began, asked := time.Now(), 0
		if _, err := api.Await(t.Context(), &changes, time.Minute, func() (int, bool, error) { asked++; return asked, false, nil }); err != nil {
			t.Fatal(err)
		}
		if asked != 1 || time.Since(began) != 0 {
			t.Errorf("asked %d times in %s, want once and no wait", asked, time.Since(began))
		}
	})
}

func TestAChangeWakesEverybodyWhoWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var changes api.Changes
		var done atomic.Bool
		woken := make(chan time.Time, 3)
		for range 3 {
			go func() {
				_, _ = api.Await(t.Context(), &changes, time.Minute, func() (bool, bool, error) { return done.Load(), done.Load(), nil })
				woken <- time.Now()
			}()
		}
		time.Sleep(200 * time.Millisecond)
		synctest.Wait()
		done.Store(true)
		at := time.Now()
		changes.Notify()
		for range 3 {
			if got := <-woken; !got.Equal(at) {
				t.Errorf("woken %s after the change", got.Sub(at))
			}
		}
	})
}
