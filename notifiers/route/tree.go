package route

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/prometheus/common/model"
)

// DefaultRepeat is the interval at which a notice about a firing alert is repeated when the
// tree sets none; Alertmanager's default.
const DefaultRepeat = 4 * time.Hour

// Node is one configured route of the tree: Alertmanager's route. Fields that are not set are
// inherited from the parent. The root matches everything.
type Node struct {
	Receiver            string            `yaml:"receiver" doc:"The receiver that gets the notice; default: the parent's."`
	Matchers            []string          `yaml:"matchers" doc:"Matchers, all of which a notice's labels must match, in Alertmanager's syntax: tier=\"critical\", marketplace=~\"shopee|lazada\"."`
	Match               map[string]string `yaml:"match" doc:"Labels that must be equal: the old form of matchers."`
	MatchRE             map[string]string `yaml:"match_re" doc:"Labels that must match a regular expression: the old form of matchers."`
	Continue            bool              `yaml:"continue" doc:"Whether the following routes are tried as well when this one matches."`
	RepeatInterval      model.Duration    `yaml:"repeat_interval" doc:"How often the notice about an alert that still fires is repeated; default: the parent's, or 4h."`
	MuteTimeIntervals   []string          `yaml:"mute_time_intervals" doc:"Time intervals in which this route sends nothing."`
	ActiveTimeIntervals []string          `yaml:"active_time_intervals" doc:"Time intervals outside of which this route sends nothing; default: always active."`
	Routes              []Node            `yaml:"routes" doc:"Child routes, tried in order, for notices that match this route."`
}

// Validate returns all mistakes in the tree, given the names of the receivers and the time
// intervals.
func (n Node) Validate(receivers []string, intervals []Interval) error {
	_, err := New(n, receivers, intervals)
	return err
}

// Target is one receiver of a notice.
type Target struct {
	Receiver       string
	RepeatInterval time.Duration

	mute, active []Interval
}

// Quiet reports whether the route's time intervals suppress notices at a time.
func (t Target) Quiet(at time.Time) bool {
	contains := func(i Interval) bool { return i.Contains(at) }
	if slices.ContainsFunc(t.mute, contains) {
		return true
	}
	return len(t.active) > 0 && !slices.ContainsFunc(t.active, contains)
}

// Tree is a validated routing tree. It is immutable.
type Tree struct{ root branch }

type branch struct {
	target    Target
	matchers  Matchers
	continues bool
	branches  []branch
}

// New builds a tree. Its error joins all mistakes, each with its path, such as
// routes[0].routes[2].
func New(root Node, receivers []string, intervals []Interval) (*Tree, error) {
	b := builder{receivers: receivers, intervals: map[string]Interval{}}
	for i, iv := range intervals {
		if err := iv.Validate(); err != nil {
			b.err(fmt.Sprintf("time_intervals[%d]", i), err)
		}
		if _, twice := b.intervals[iv.Name]; twice {
			b.err(fmt.Sprintf("time_intervals[%d]", i), fmt.Errorf("name %q is used twice", iv.Name))
		}
		b.intervals[iv.Name] = iv
	}
	if len(root.Matchers)+len(root.Match)+len(root.MatchRE) > 0 {
		b.err("the root", errors.New("has matchers: the root must match everything, so move them to a route below it"))
	}
	if root.Receiver == "" {
		b.err("the root", errors.New("has no receiver: notices that no other route matches would be lost"))
	}
	if root.Continue {
		b.err("the root", errors.New("has continue, but no route comes after it"))
	}
	built := b.build(root, "the root", Target{RepeatInterval: DefaultRepeat})
	if err := errors.Join(b.errs...); err != nil {
		return nil, err
	}
	return &Tree{root: built}, nil
}

type builder struct {
	receivers []string
	intervals map[string]Interval
	errs      []error
}

func (b *builder) err(place string, err error) {
	b.errs = append(b.errs, fmt.Errorf("%s: %w", place, err))
}

func (b *builder) build(n Node, place string, parent Target) branch {
	out := branch{target: Target{Receiver: parent.Receiver, RepeatInterval: parent.RepeatInterval}, continues: n.Continue}
	if n.Receiver != "" {
		out.target.Receiver = n.Receiver
		if !slices.Contains(b.receivers, n.Receiver) {
			b.err(place, fmt.Errorf("receiver %q is not configured; there are %q", n.Receiver, b.receivers))
		}
	}
	switch {
	case n.RepeatInterval < 0:
		b.err(place, fmt.Errorf("repeat_interval %s is negative", n.RepeatInterval))
	case n.RepeatInterval > 0:
		out.target.RepeatInterval = time.Duration(n.RepeatInterval)
	}
	out.target.mute = b.named(place, "mute_time_intervals", n.MuteTimeIntervals)
	out.target.active = b.named(place, "active_time_intervals", n.ActiveTimeIntervals)

	for _, text := range n.Matchers {
		ms, err := ParseMatchers(text)
		if err != nil {
			b.err(place, err)
		}
		out.matchers = append(out.matchers, ms...)
	}
	for _, old := range []struct {
		labels map[string]string
		op     Op
	}{{n.Match, Equal}, {n.MatchRE, Regexp}} {
		for name, value := range old.labels {
			m, err := NewMatcher(name, old.op, value)
			if err != nil {
				b.err(place, err)
				continue
			}
			out.matchers = append(out.matchers, m)
		}
	}
	for i, child := range n.Routes {
		at := fmt.Sprintf("routes[%d]", i)
		if place != "the root" {
			at = place + "." + at
		}
		out.branches = append(out.branches, b.build(child, at, out.target))
	}
	return out
}

func (b *builder) named(place, key string, names []string) []Interval {
	var out []Interval
	for _, name := range names {
		iv, ok := b.intervals[name]
		if !ok {
			b.err(place, fmt.Errorf("%s: time interval %q is not configured", key, name))
			continue
		}
		out = append(out, iv)
	}
	return out
}

// Match returns the receivers of a notice with these labels, in the order of the tree and
// without duplicates: the deepest route of each matching path, as in Alertmanager. There is
// always at least one.
func (t *Tree) Match(labels map[string]string) []Target {
	var out []Target
	for _, target := range t.root.match(labels) {
		same := func(o Target) bool { return o.Receiver == target.Receiver }
		if !slices.ContainsFunc(out, same) {
			out = append(out, target)
		}
	}
	return out
}

func (b branch) match(labels map[string]string) []Target {
	if !b.matchers.Match(labels) {
		return nil
	}
	var out []Target
	for _, child := range b.branches {
		found := child.match(labels)
		out = append(out, found...)
		if len(found) > 0 && !child.continues {
			break
		}
	}
	if len(out) == 0 {
		out = append(out, b.target)
	}
	return out
}
