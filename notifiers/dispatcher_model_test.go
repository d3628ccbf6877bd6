package notifiers_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"guardian/notifiers"
)

// After any sequence of failures of messengers and journal: every notice is delivered or
// given up, a notice was queued about each that was given up, each key arrives in order, and
// the rate limits hold.
func TestWhateverHappensNothingIsLost(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		answers := map[string][]int{
			"a": rapid.SliceOfN(rapid.IntRange(0, 4), 0, 12).Draw(r, "answers of a"),
			"b": rapid.SliceOfN(rapid.IntRange(0, 4), 0, 6).Draw(r, "answers of b"),
		}
		journal := rapid.SliceOfN(rapid.Bool(), 0, 10).Draw(r, "journal fails")
		arrivals := rapid.SliceOfN(rapid.Custom(func(r *rapid.T) [4]int {
			return [4]int{rapid.IntRange(0, 4).Draw(r, "key"), rapid.IntRange(0, 2).Draw(r, "tier"), rapid.IntRange(0, 90).Draw(r, "seconds"), rapid.IntRange(0, 1).Draw(r, "receiver")}
		}), 1, 40).Draw(r, "arrivals")
		restart := rapid.IntRange(0, 40).Draw(r, "restart after")

		var wrong string
		synctest.Test(t, func(t *testing.T) { wrong = live(t, answers, journal, arrivals, restart) })
		if wrong != "" {
			r.Fatal(wrong)
		}
	})
}

func live(t *testing.T, answers map[string][]int, journal []bool, arrivals [][4]int, restart int) string {
	t.Helper()
	budget := notifiers.Budget{Limit: 5, Per: time.Minute, Reserved: 2, MergeAt: 4}
	script := func(name string) *messenger {
		return &messenger{answer: func(n int, x notifiers.Notice) error {
			if n > len(answers[name]) {
				return nil
			}
			switch answers[name][n-1] {
			case 1:
				return down(n, x)
			case 2:
				return penalized(n, x)
			case 3:
				return &notifiers.Retry{After: 20 * time.Second, Err: errors.New("HTTP 429")}
			case 4:
				return &notifiers.Permanent{Err: errors.New("HTTP 400")}
			default:
				return nil
			}
		}}
	}
	a, b := script("a"), script("b")
	k := open(t, map[string]notifiers.Receiver{"a": {Channel: a, Budget: budget, Fallback: "b"}, "b": {Channel: b, Budget: budget, Fallback: "a"}})
	tries := 0
	k.outbox.Fail = func(_ int, d []notifiers.Delivery) error {
		if d[0].Attempts == 0 {
			return nil // the test's own
		}
		if tries++; tries <= len(journal) && journal[tries-1] {
			return errors.New("disk full")
		}
		return nil
	}
	k.start()
	names, tiers := []string{"a", "b"}, []string{"critical", "warning", "info"}
	for i, x := range arrivals {
		k.put(names[x[3]], tiers[x[1]], fmt.Sprintf("%s%d/%03d", names[x[3]], x[0], i))
		pass(time.Duration(x[2]) * time.Second)
		if i == restart {
			_ = k.d.Stop(t.Context())
			k.d.Start(t.Context())
		}
	}
	pass(3 * time.Hour)

	reported := map[string]bool{}
	for _, d := range k.outbox.All() {
		if d.Escalated {
			reported[d.ID] = true
		}
	}
	for _, d := range k.outbox.All() {
		switch {
		case d.State == notifiers.Delivered:
		case d.State == notifiers.GivenUp && (d.Escalated || reported[d.ID+"_given_up"]):
		default:
			return fmt.Sprintf("three hours later %s is %+v", d.ID, d)
		}
	}
	for _, m := range []*messenger{a, b} {
		holds(t, m.all(), budget)
		last := map[string]string{}
		for _, c := range m.all() {
			if c.err != nil || c.notice.Key == "digest" {
				continue
			}
			if c.notice.Title < last[c.notice.Key] {
				return fmt.Sprintf("%s arrived after %s", c.notice.Title, last[c.notice.Key])
			}
			last[c.notice.Key] = c.notice.Title
		}
	}
	return ""
}
