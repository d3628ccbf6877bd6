package notifiers_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"guardian/notifiers"
)

// slowly is a channel that takes some time for each notice, and counts what it does at once.
type slowly struct {
	mu     sync.Mutex
	takes  func(n notifiers.Notice) (time.Duration, error)
	busy   map[string]bool // by key
	most   int
	failed int
	titles []string
	twice  bool // two notices of one key were under way at once
}

func (s *slowly) Send(_ context.Context, n notifiers.Notice) error {
	s.mu.Lock()
	s.twice = s.twice || s.busy[n.Key]
	s.busy[n.Key] = true
	s.most = max(s.most, len(s.busy))
	s.mu.Unlock()
	takes, err := s.takes(n)
	time.Sleep(takes)
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.busy, n.Key)
	if err != nil {
		s.failed++
		return err
	}
	s.titles = append(s.titles, n.Title)
	return nil
}

func parallel(s *slowly) map[string]notifiers.Receiver {
	return map[string]notifiers.Receiver{"oncall": {Channel: s, Budget: notifiers.Budget{MergeAt: -1, Parallel: 4}}}
}

// A program that takes 100 ms for each of 40 notices has all after a second, those of one key in
// order and one after the other.
func TestAProgramIsCalledSeveralTimesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &slowly{busy: map[string]bool{}, takes: func(notifiers.Notice) (time.Duration, error) { return 100 * time.Millisecond, nil }}
		k := open(t, parallel(s))
		k.start()
		var names []string
		for i := range 20 {
			names = append(names, fmt.Sprintf("%d/%d-firing", i, i), fmt.Sprintf("%d/%d-resolved", i, i))
		}
		k.put("oncall", "critical", names...)
		pass(1100 * time.Millisecond)
		if len(s.titles) != 40 || s.most != 4 || s.twice {
			t.Errorf("%d notices arrived, at most %d at once, two of one key at once: %t", len(s.titles), s.most, s.twice)
		}
		for i := range 20 {
			if slices.Index(s.titles, fmt.Sprintf("%d-firing", i)) > slices.Index(s.titles, fmt.Sprintf("%d-resolved", i)) {
				t.Errorf("%d resolved before it fires", i)
			}
		}
	})
}

// What was accepted is saved while another call hangs, so that a crash does not send it again.
func TestACallThatHangsKeepsNoOutcomeBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &slowly{busy: map[string]bool{}, takes: func(n notifiers.Notice) (time.Duration, error) {
			if n.Key == "a" {
				return 5 * time.Second, nil
			}
			return 0, nil
		}}
		k := open(t, parallel(s))
		k.start()
		k.put("oncall", "critical", "a/1", "b/2", "c/3")
		pass(time.Second)
		k.state("oncall/a/1", notifiers.Sending)
		k.state("oncall/b/2", notifiers.Delivered)
		k.state("oncall/c/3", notifiers.Delivered)
		pass(5 * time.Second)
		k.state("oncall/a/1", notifiers.Delivered)
	})
}

// Calls that fail together are one failure: the next try comes as soon as after one, is one call
// until the program answers again, and a penalty is not forgotten because another call succeeded.
func TestCallsThatFailTogetherAreOneFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		up := time.Now().Add(3 * time.Second)
		s := &slowly{busy: map[string]bool{}, takes: func(notifiers.Notice) (time.Duration, error) {
			if time.Now().Before(up) {
				return 0, &notifiers.Retry{Err: errors.New("HTTP 503")}
			}
			return 0, nil
		}}
		k := open(t, parallel(s))
		k.start()
		k.put("oncall", "critical", "a/1", "b/2", "c/3", "d/4", "e/5")
		pass(9 * time.Second) // four calls, one after 2 s, and all after 4 s more
		if s.failed != 5 || len(s.titles) != 5 {
			t.Errorf("%d calls failed, and after 9 s %d notices arrived", s.failed, len(s.titles))
		}

		penalty := true
		s.takes = func(n notifiers.Notice) (time.Duration, error) {
			if n.Key == "f" && penalty {
				penalty = false
				return 0, &notifiers.Retry{After: time.Minute, Penalty: true, Err: errors.New("HTTP 429")}
			}
			return 10 * time.Millisecond, nil
		}
		k.put("oncall", "critical", "f/6", "g/7")
		pass(30 * time.Second)
		k.put("oncall", "critical", "h/8")
		pass(20 * time.Second)
		k.state("oncall/g/7", notifiers.Delivered)
		k.state("oncall/h/8", notifiers.Queued)
		pass(time.Minute)
		k.state("oncall/f/6", notifiers.Delivered)
		k.state("oncall/h/8", notifiers.Delivered)
	})
}
