package route

import (
	"slices"
	"strings"
	"time"
)

// Slow is a route that lets critical alerts wait.
type Slow struct {
	Place         string // in the configuration below the root, such as routes[0].routes[2]; "": the root
	Route         string // the route's key
	Receivers     string // separated by commas
	GroupWait     time.Duration
	GroupInterval time.Duration // 0: new critical alerts of a group that was told do not wait
}

// SlowForCritical lists the routes on which a critical alert waits for longer than a limit,
// because of the group_wait or group_interval that the tree states. A critical alert has the label
// tier or, in the words of most Alertmanager configurations, severity.
func (t *Tree) SlowForCritical(limit time.Duration) []Slow {
	return t.root.slow(limit)
}

func (b branch) slow(limit time.Duration) []Slow {
	if may, _ := b.takesCritical(); !may {
		return nil
	}
	var out []Slow
	caught := false // by a child: no critical alert is told by this route itself
	for _, child := range b.branches {
		out = append(out, child.slow(limit)...)
		if _, all := child.takesCritical(); all {
			caught = true
			if !child.continues {
				break
			}
		}
	}
	if caught {
		return out
	}
	one := Slow{Place: b.place, Route: b.target.Route, Receivers: strings.Join(b.receivers, ", "), GroupWait: b.target.GroupWait(critical)}
	if interval, stated := b.target.GroupInterval(critical); stated {
		one.GroupInterval = interval
	}
	if one.GroupWait > limit || one.GroupInterval > limit {
		out = append(out, one)
	}
	return out
}

// takesCritical tells whether the branch's own matchers may match a critical alert, and whether
// they match all that are called critical, judged by the labels tier and severity alone.
func (b branch) takesCritical() (some, all bool) {
	all = true
	for _, m := range b.matchers {
		if m.Name != "tier" && m.Name != "severity" {
			all = false
			continue
		}
		matches := func(value string) bool { return m.Match(map[string]string{m.Name: value}) }
		// Rules that come from elsewhere say page or error too.
		if !slices.ContainsFunc([]string{critical, "page", "error"}, matches) {
			return false, false
		}
		all = all && matches(critical)
	}
	return true, all
}
