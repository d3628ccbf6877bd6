package beside_test

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// The times of the tree. They are stated, so that both keep them.
const (
	groupInterval = 2 * time.Second
	repeatSoon    = 6 * time.Second
)

// tree is the routing tree of both programs. muted is a time interval, by its times of day; old is
// the receiver that a reload changes.
func tree(muted, old string) string {
	return `
time_intervals: [{name: muted, time_intervals: [` + muted + `]}]
inhibit_rules:
  - {source_matchers: ['role="cause"'], target_matchers: ['role="effect"'], equal: [case, zone]}
routes:
  receiver: team
  group_by: [case]
  group_wait: 1s
  group_interval: 2s
  repeat_interval: 4h
  routes:
    - {receiver: first, matchers: ['path="two-receivers"'], continue: true}
    - {receiver: second, matchers: ['path="two-receivers"']}
    - {receiver: first, matchers: ['path="one-muted"'], mute_time_intervals: [muted], continue: true}
    - {receiver: second, matchers: ['path="one-muted"']}
    - {matchers: ['path="two-routes"'], mute_time_intervals: [muted], continue: true}
    - {matchers: ['path=~"two-route.+"']}
    - {matchers: ['path="muted"'], mute_time_intervals: [muted]}
    - {matchers: ['path="active"'], active_time_intervals: [muted]}
    - {matchers: ['path="repeats"'], repeat_interval: 6s}
    - {matchers: ['path="each"'], group_by: [case, alert]}
    - {matchers: ['path="by-all"'], group_by: ['...']}
    - {matchers: ['path="by-zone"'], group_by: [case, zone]}
    - {matchers: ['path="slow"'], group_wait: 5s}
    - {receiver: silent, matchers: ['path="silent"']}
    - {receiver: ` + old + `, matchers: ['path="moves"']}
    - matchers: ['path="forms"']
      routes:
        - {receiver: first, matchers: ['kind=~"regex-(a|b)"']}
        - {receiver: second, matchers: ['kind!="x"', 'kind!~"y.*"', 'zone=""']}
        - {receiver: old, match: {kind: x}}
        - {receiver: new, match_re: {kind: "y.+"}}
`
}

// never is a time interval that is not now.
const never = "{years: ['1999']}"

// always is one that is now.
const always = "{times: [{start_time: '00:00', end_time: '24:00'}]}"

// until is a time interval that is now and ends with a minute.
func until(end time.Time) string {
	end = end.UTC()
	midnight := end.Truncate(24 * time.Hour)
	var times []string
	if end.After(midnight) {
		times = append(times, fmt.Sprintf("{start_time: '00:00', end_time: '%s'}", end.Format("15:04")))
	}
	if end.Sub(midnight) < time.Hour { // it began the day before
		times = append(times, "{start_time: '22:00', end_time: '24:00'}")
	}
	return "{times: [" + strings.Join(times, ", ") + "]}"
}

// The same timelines of alerts and silences are told to the same receivers in the same messages.
func TestTheSameIsToldAsByAlertmanager(t *testing.T) {
	t.Parallel()
	w := newWorld(t, tree(never, "old"))
	// The window ends with a minute, because no time interval is more exact.
	end := time.Now().Add(20 * time.Second).Truncate(time.Minute).Add(time.Minute)
	w.reload(tree(until(end), "old"))
	var players []*player
	for i, line := range append(cases(), windows(end)...) {
		players = append(players, w.player(line, i))
	}
	playAll(t, players, func(p *player) []step { return p.steps })
	report(t, players)
}

// windows are the cases of a time interval that is now and ends at a time.
func windows(end time.Time) []timeline {
	inside := func(p *player) {
		if !time.Now().Before(end) {
			p.t.Errorf("%s: this machine was too slow: the time interval is over", p.name)
		}
	}
	return []timeline{
		{name: "what began in a mute interval is told when it ends", path: "muted", steps: []step{
			{do: both(fire("a"), inside)},
			{told: []string{"team: a firing"}},
			{do: ends("a"), told: []string{"team: a resolved"}},
		}},
		{name: "what began and ended in a mute interval is told to nobody", path: "muted", steps: []step{
			{do: both(fire("a"), inside)},
			{do: both(ends("a"), inside)},
			{do: wait(time.Until(end) + 2*time.Second)},
		}},
		{name: "of two receivers the one whose mute interval ends is told later", path: "one-muted", steps: []step{
			{do: both(fire("a"), inside), told: []string{"second: a firing"}},
			{told: []string{"first: a firing"}},
			{do: ends("a"), told: []string{"first: a resolved", "second: a resolved"}},
		}},
		{name: "of two routes to one receiver the muted one tells later", path: "two-routes", steps: []step{
			{do: both(fire("a"), inside), told: []string{"team: a firing"}},
			{told: []string{"team: a firing"}},
			{do: ends("a"), told: []string{"team: a resolved", "team: a resolved"}},
		}},
		{name: "an active interval that ends keeps what begins after it", path: "active", steps: []step{
			{do: both(fire("a"), inside), told: []string{"team: a firing"}},
			{do: wait(time.Until(end) + 2*time.Second)},
			{do: fire("b")},
		}},
		{name: "of an end after the active interval nobody is told", path: "active", steps: []step{
			{do: both(fire("a"), inside), told: []string{"team: a firing"}},
			{do: wait(time.Until(end) + 2*time.Second)},
			{do: ends("a")},
		}},
		{name: "a silence that ends in a mute interval tells nothing until that ends too", path: "muted", steps: []step{
			{do: both(hush(), fire("a"))},
			{do: both(unhush, inside)},
			{told: []string{"team: a firing"}},
		}},
	}
}
