package route

import (
	"time"

	"github.com/prometheus/common/model"
)

// DefaultRepeat is the interval at which a notice about a firing alert is repeated when the
// tree sets none; Alertmanager's default.
const DefaultRepeat = 4 * time.Hour

// Target is one route that a notice takes: a receiver, what is told together, and when.
type Target struct {
	// Route is the route's key: the matchers of its path, as Alertmanager's groupKey begins.
	// A further route with the same matchers beside it has #2. The key outlives reloads as
	// long as the path's matchers stay.
	Route          string
	Receiver       string
	RepeatInterval time.Duration
	Calendar

	groupBy                  []string
	byAll                    bool
	groupWait, groupInterval *time.Duration // nil: the tree says nothing
}

func defaultTarget() Target {
	return Target{RepeatInterval: DefaultRepeat, groupBy: []string{"service", "environment", "tier"}}
}

// Former is the target of a receiver to which no route leads any more. What it was told of, it is
// told the rest of at once, because no route says when.
func Former(receiver string) Target {
	var now time.Duration
	return Target{Receiver: receiver, groupWait: &now, groupInterval: &now}
}

// Group is the alerts of a route that are told together.
type Group struct {
	Key    string // the route's key and the labels, as Alertmanager's groupKey
	Labels map[string]string
}

// Group gives the group of an alert with these labels.
func (t Target) Group(labels map[string]string) Group {
	g := Group{Labels: map[string]string{}}
	if t.byAll {
		for name, value := range labels {
			if value != "" {
				g.Labels[name] = value
			}
		}
	} else {
		for _, name := range t.groupBy {
			if value := labels[name]; value != "" {
				g.Labels[name] = value
			}
		}
	}
	set := make(model.LabelSet, len(g.Labels))
	for name, value := range g.Labels {
		set[model.LabelName(name)] = model.LabelValue(value)
	}
	g.Key = t.Route + ":" + set.String()
	return g
}

// critical is the tier that is told at once where the tree says nothing.
const critical = "critical"

// GroupWait is how long the first message about a group of a tier waits for more alerts.
func (t Target) GroupWait(tier string) time.Duration {
	switch {
	case t.groupWait != nil:
		return *t.groupWait
	case tier == critical:
		return 0
	default:
		return 30 * time.Second
	}
}

// GroupInterval is the time between messages about changes of a group of a tier. stated tells
// that the tree sets it: then alerts that are new to the group wait for it too, whatever their
// tier.
func (t Target) GroupInterval(tier string) (interval time.Duration, stated bool) {
	switch {
	case t.groupInterval != nil:
		return *t.groupInterval, true
	case tier == critical:
		return 10 * time.Second, false
	default:
		return 5 * time.Minute, false
	}
}
