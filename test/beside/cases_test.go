package beside_test

import "time"

// cases are the timelines without a restart.
func cases() []timeline {
	const forgets = "whoever heard of the beginning hears of the end when the window is over; the Alertmanager forgets an end in a window unless it is sent again"
	return []timeline{
		{name: "an alert begins and ends", steps: []step{
			{do: fire("a"), told: []string{"team: a firing"}},
			{do: ends("a"), told: []string{"team: a resolved"}},
		}},
		{name: "what ends before the group's wait is over is told to nobody", path: "slow", steps: []step{
			{do: fire("a"), next: true},
			{do: ends("a")},
		}},
		{name: "alerts that begin together are one message", steps: []step{
			{do: fire("a", "b", "c"), told: []string{"team: a firing, b firing, c firing"}},
			{do: ends("a", "b", "c"), told: []string{"team: a resolved, b resolved, c resolved"}},
		}},
		{name: "an alert that is new to a group that was told", steps: []step{
			{do: fire("a"), told: []string{"team: a firing"}},
			{do: fire("b"), told: []string{"team: a firing, b firing"}},
			{do: ends("a"), told: []string{"team: a resolved, b firing"}},
			{do: ends("b"), told: []string{"team: b resolved"}},
		}},
		{name: "an alert ends and begins again", steps: []step{
			{do: fire("a"), told: []string{"team: a firing"}, next: true},
			{do: ends("a"), told: []string{"team: a resolved"}, next: true},
			{do: fire("a"), told: []string{"team: a firing"}},
			{do: ends("a"), told: []string{"team: a resolved"}},
		}},
		{name: "a label that groups makes messages of their own", path: "by-zone", steps: []step{
			{do: fire("a zone=eu", "b zone=eu", "c zone=us", "d"), told: []string{"team: a firing, b firing", "team: c firing", "team: d firing"}},
			{do: ends("a", "c"), told: []string{"team: a resolved, b firing", "team: c resolved"}},
		}},
		{name: "all labels group: each alert is a message", path: "by-all", steps: []step{
			{do: fire("a", "b"), told: []string{"team: a firing", "team: b firing"}},
			{do: ends("a"), told: []string{"team: a resolved"}},
		}},
		{name: "continue leads to two receivers", path: "two-receivers", steps: []step{
			{do: fire("a"), told: []string{"first: a firing", "second: a firing"}},
			{do: ends("a"), told: []string{"first: a resolved", "second: a resolved"}},
		}},
		{name: "matchers: regular expressions, negations, labels that are missing, the old forms", path: "forms", steps: []step{
			{do: fire("a kind=regex-a", "b kind=regex-b zone=eu"), told: []string{"first: a firing, b firing"}},
			{do: fire("c kind=z"), told: []string{"second: c firing"}},
			{do: fire("d"), told: []string{"second: c firing, d firing"}},
			{do: fire("e kind=x", "f kind=yes"), told: []string{"old: e firing", "new: f firing"}},
			{do: fire("g kind=regex-ab zone=eu"), told: []string{"team: g firing"}},
		}},
		{name: "a silence that is ended by hand", steps: []step{
			{do: both(hush(), fire("a"))},
			{do: unhush, told: []string{"team: a firing"}},
			{do: ends("a"), told: []string{"team: a resolved"}},
		}},
		{name: "a silence that ends by itself", steps: []step{
			{do: both(hushFor(10*time.Second), fire("a"))},
			{told: []string{"team: a firing"}},
		}},
		{name: "a silence of what was told changes nothing, and when it ends nothing is told", steps: []step{
			{do: fire("a"), told: []string{"team: a firing"}},
			{do: hush()},
			{do: unhush},
			{do: ends("a"), told: []string{"team: a resolved"}},
		}},
		{name: "what began and ended in a silence is told to nobody", steps: []step{
			{do: both(hush(), fire("a"))},
			{do: ends("a")},
			{do: unhush},
		}},
		{name: "what ended in a long silence", why: forgets, steps: []step{
			{do: fire("a"), told: []string{"team: a firing"}},
			{do: both(hush(), ends("a"))},
			{do: unhush, differ: true, ours: []string{"team: a resolved"}},
		}},
		{name: "what ended in a silence, while Prometheus still sends the end", again: true, steps: []step{
			{do: fire("a"), told: []string{"team: a firing"}},
			{do: both(hush(), ends("a"))},
			{do: unhush, told: []string{"team: a resolved"}},
		}},
		{name: "what ended and began again in a silence", why: "it is another outage than the one that people know", steps: []step{
			{do: fire("a"), told: []string{"team: a firing"}},
			{do: both(hush(), ends("a"))},
			{do: fire("a")},
			{do: unhush, differ: true, ours: []string{"team: a firing"}},
			{do: ends("a"), told: []string{"team: a resolved"}},
		}},
		{name: "a silence by a regular expression takes a part of a group", steps: []step{
			{do: both(hush(matcher("alert", "=~", "a|b")), fire("a", "b", "c")), told: []string{"team: c firing"}},
			{do: unhush, told: []string{"team: a firing, b firing, c firing"}},
		}},
		{name: "a silence by a negation", steps: []step{
			{do: both(hush(matcher("alert", "!=", "a"), matcher("alert", "!~", "c.*")), fire("a", "b", "c")), told: []string{"team: a firing, c firing"}},
			{do: unhush, told: []string{"team: a firing, b firing, c firing"}},
		}},
		{name: "a silence of a label that is missing", steps: []step{
			{do: both(hush(matcher("zone", "=", "")), fire("a", "b zone=eu")), told: []string{"team: b firing"}},
			{do: unhush, told: []string{"team: a firing, b firing"}},
		}},
		{name: "an effect is told when its cause is over", path: "each", steps: []step{
			{do: fire("a role=cause"), told: []string{"team: a firing"}},
			{do: fire("b role=effect")},
			{do: ends("a"), told: []string{"team: a resolved", "team: b firing"}},
			{do: ends("b"), told: []string{"team: b resolved"}},
		}},
		{name: "cause and effect that begin together", steps: []step{
			{do: fire("a role=cause", "b role=effect"), told: []string{"team: a firing"}},
			{do: ends("a"), told: []string{"team: a resolved, b firing"}},
		}},
		{name: "a cause in another zone", steps: []step{
			{do: fire("a role=cause zone=eu", "b role=effect zone=us"), told: []string{"team: a firing, b firing"}},
		}},
		{name: "an effect that was told ends while it is inhibited", path: "each", why: forgets, steps: []step{
			{do: fire("b role=effect"), told: []string{"team: b firing"}},
			{do: fire("a role=cause"), told: []string{"team: a firing"}},
			{do: ends("b")},
			{do: ends("a"), differ: true, ours: []string{"team: a resolved", "team: b resolved"}, theirs: []string{"team: a resolved"}},
		}},
		{name: "an effect of a cause that is silenced is not told", path: "each", steps: []step{
			{do: both(hush(matcher("alert", "=", "a")), fire("a role=cause"))},
			{do: fire("b role=effect")},
			{do: unhush, told: []string{"team: a firing"}},
		}},
		{name: "a message is repeated", path: "repeats", repeats: true, steps: []step{
			{do: fire("a"), told: []string{"team: a firing"}, twice: true, next: true},
			{do: ends("a"), told: []string{"team: a resolved"}},
		}},
		{name: "a silence keeps repeats back, and the one that is late comes when it ends", path: "repeats", repeats: true, steps: []step{
			{do: fire("a"), told: []string{"team: a firing"}, next: true},
			{do: both(hush(), wait(2*repeatSoon))},
			{do: unhush, told: []string{"team: a firing"}, next: true},
		}},
		{name: "a receiver that wants no ends", path: "silent", why: "the guardian has no send_resolved: whoever hears of a beginning hears of the end", steps: []step{
			{do: fire("a"), told: []string{"silent: a firing"}},
			{do: ends("a"), differ: true, ours: []string{"silent: a resolved"}},
		}},
		{name: "an alert that comes and goes", why: "at the fourth time within half an hour people are told that it comes and goes, and then nothing until it is steady", steps: []step{
			{do: fire("a"), told: []string{"team: a firing"}, next: true},
			{do: ends("a"), told: []string{"team: a resolved"}, next: true},
			{do: fire("a"), told: []string{"team: a firing"}, next: true},
			{do: ends("a"), told: []string{"team: a resolved"}, next: true},
			{do: fire("a"), told: []string{"team: a firing"}, next: true},
			{do: ends("a"), told: []string{"team: a resolved"}, next: true},
			{do: fire("a"), told: []string{"team: a firing"}},
			{do: ends("a"), differ: true, theirs: []string{"team: a resolved"}},
			{do: fire("a"), differ: true, theirs: []string{"team: a firing"}},
		}},
	}
}
