package route

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/prometheus/common/model"

	"guardian/internal/spelling"
)

// Node is one configured route of the tree: Alertmanager's route. Fields that are not set are
// inherited from the parent. The root matches everything.
type Node struct {
	Receiver            string            `yaml:"receiver" doc:"The receiver that gets the notice; default: the parent's."`
	Receivers           []string          `yaml:"receivers" doc:"Several receivers, each of which gets the notice, in place of receiver."`
	Matchers            []string          `yaml:"matchers" doc:"Matchers, all of which a notice's labels must match, in Alertmanager's syntax: tier=\"critical\", marketplace=~\"shopee|lazada\"."`
	Match               map[string]string `yaml:"match" doc:"Labels that must be equal: the old form of matchers."`
	MatchRE             map[string]string `yaml:"match_re" doc:"Labels that must match a regular expression: the old form of matchers."`
	Continue            bool              `yaml:"continue" doc:"Whether the following routes are tried as well when this one matches."`
	GroupBy             []string          `yaml:"group_by" doc:"Alerts with the same values of these labels are told in one message; ['...']: each alert is its own, []: all are one. Default: the parent's, or service, environment, tier."`
	GroupWait           *model.Duration   `yaml:"group_wait" doc:"How long the first message about a group waits for more alerts; default: the parent's, or 0s for critical alerts and 30s for others."`
	GroupInterval       *model.Duration   `yaml:"group_interval" doc:"Time between messages about changes of a group; default: the parent's, or 10s for critical alerts, of which new ones do not wait, and 5m for others."`
	RepeatInterval      *model.Duration   `yaml:"repeat_interval" doc:"How often the notice about an alert that still fires is repeated; default: the parent's, or 4h."`
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

// Tree is a validated routing tree. It is immutable.
type Tree struct{ root branch }

type branch struct {
	place     string // in the configuration, such as routes[0].routes[2]; "": the root
	target    Target // of each of the receivers
	receivers []string
	matchers  Matchers
	continues bool
	branches  []branch
}

// New builds a tree. Its error joins all mistakes, each with its path, such as
// routes[0].routes[2].
func New(root Node, receivers []string, intervals []Interval) (*Tree, error) {
	b := builder{receivers: receivers, intervals: map[string]compiled{}}
	for i, iv := range intervals {
		c, err := iv.compile()
		if err != nil {
			b.err(fmt.Sprintf("time_intervals[%d]", i), err)
		}
		if _, twice := b.intervals[iv.Name]; twice {
			b.err(fmt.Sprintf("time_intervals[%d]", i), fmt.Errorf("name %q is used twice", iv.Name))
		}
		b.intervals[iv.Name] = c
	}
	if len(root.Matchers)+len(root.Match)+len(root.MatchRE) > 0 {
		b.err(rootPlace, errors.New("has matchers: the root must match everything, so move them to a route below it"))
	}
	if root.Receiver == "" && len(root.Receivers) == 0 {
		b.err(rootPlace, errors.New("has no receiver: notices that no other route matches would be lost"))
	}
	if root.Continue {
		b.err(rootPlace, errors.New("has continue, but no route comes after it"))
	}
	built := b.build(root, "", branch{target: defaultTarget()})
	if err := errors.Join(b.errs...); err != nil {
		return nil, err
	}
	built.key("", 1)
	return &Tree{root: built}, nil
}

const rootPlace = "the root"

type builder struct {
	receivers []string
	intervals map[string]compiled
	errs      []error
}

func (b *builder) err(place string, err error) {
	if place == "" {
		place = rootPlace
	}
	b.errs = append(b.errs, fmt.Errorf("%s: %w", place, err))
}

// build makes a branch of a node, which inherits what it does not set from parent.
func (b *builder) build(n Node, place string, parent branch) branch {
	matchers, errs := readMatchers("", written{n.Matchers, n.Match, n.MatchRE})
	for _, err := range errs {
		b.err(place, err)
	}
	out := branch{place: place, target: parent.target, receivers: parent.receivers, matchers: matchers, continues: n.Continue}
	t := &out.target
	b.named(n, place, &out)
	b.timing(n, place, t)
	b.groupBy(n, place, t)
	t.Calendar = Calendar{
		mute:   b.intervalsOf(place, "mute_time_intervals", n.MuteTimeIntervals),
		active: b.intervalsOf(place, "active_time_intervals", n.ActiveTimeIntervals),
	}
	for i, child := range n.Routes {
		at := fmt.Sprintf("routes[%d]", i)
		if place != "" {
			at = place + "." + at
		}
		out.branches = append(out.branches, b.build(child, at, out))
	}
	return out
}

// key gives each branch its target's key: the matchers of its path. A second branch with the
// same matchers beside the first has #2, so that routes keep their keys when others are added.
func (b *branch) key(above string, nth int) {
	b.target.Route = above + b.matchers.String()
	if nth > 1 {
		b.target.Route += fmt.Sprintf("#%d", nth)
	}
	seen := map[string]int{}
	for i := range b.branches {
		same := b.branches[i].matchers.String()
		seen[same]++
		b.branches[i].key(b.target.Route+"/", seen[same])
	}
}

// named sets the receivers that a node names.
func (b *builder) named(n Node, place string, out *branch) {
	if n.Receiver != "" && len(n.Receivers) > 0 {
		b.err(place, errors.New("receivers: stands beside receiver: name all of them in receivers"))
	}
	names := n.Receivers
	if n.Receiver != "" {
		names = []string{n.Receiver}
	}
	for i, name := range names {
		if !slices.Contains(b.receivers, name) {
			b.err(place, fmt.Errorf("receiver %q is not configured; %s", name, spelling.Hint(name, b.receivers)))
		}
		if slices.Contains(names[:i], name) {
			b.err(place, fmt.Errorf("receivers: %q is named twice", name))
		}
	}
	if len(names) > 0 {
		out.receivers = names
	}
}

func (b *builder) timing(n Node, place string, t *Target) {
	set := func(key string, stated *model.Duration, may0 bool, into **time.Duration) {
		if stated == nil {
			return
		}
		if d := time.Duration(*stated); d < 0 || d == 0 && !may0 {
			b.err(place, fmt.Errorf("%s: %s is not more than 0s", key, stated))
		}
		d := time.Duration(*stated)
		*into = &d
	}
	repeat := &t.RepeatInterval
	set("group_wait", n.GroupWait, true, &t.groupWait)
	set("group_interval", n.GroupInterval, false, &t.groupInterval)
	set("repeat_interval", n.RepeatInterval, false, &repeat)
	t.RepeatInterval = *repeat
}

// everyLabel in group_by groups by all labels.
const everyLabel = "..."

func (b *builder) groupBy(n Node, place string, t *Target) {
	if n.GroupBy == nil {
		return
	}
	t.groupBy, t.byAll = n.GroupBy, slices.Contains(n.GroupBy, everyLabel)
	if t.byAll && len(n.GroupBy) > 1 {
		b.err(place, errors.New("group_by: '...' means all labels: name either it or labels"))
	}
	for i, name := range n.GroupBy {
		switch {
		case !model.UTF8Validation.IsValidLabelName(name):
			b.err(place, fmt.Errorf("group_by: %q is not the name of a label", name))
		case slices.Contains(n.GroupBy[:i], name):
			b.err(place, fmt.Errorf("group_by: %q is named twice", name))
		}
	}
}

func (b *builder) intervalsOf(place, key string, names []string) []compiled {
	var out []compiled
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

// Match returns the routes of a notice with these labels, in the order of the tree: the
// deepest of each matching path, as in Alertmanager, once for each of its receivers. There is
// always at least one, and one receiver may have several.
func (t *Tree) Match(labels map[string]string) []Target { return t.root.match(labels) }

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
	if len(out) > 0 {
		return out
	}
	for _, name := range b.receivers {
		t := b.target
		t.Receiver = name
		out = append(out, t)
	}
	return out
}
