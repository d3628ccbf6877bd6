package rules

import (
	"fmt"
	"slices"

	"github.com/prometheus/prometheus/model/labels"

	"guardian/internal/spelling"
)

// Any is what Reads gives for a selector that could match any name.
const Any = "*"

// Reads lists the metric names that the group's expressions select, sorted; Any for a selector
// without a name. What is read through recorded series is not included: the group that records
// them reads it.
func (g *Group) Reads() []string {
	names := map[string]bool{}
	for _, r := range g.Rules {
		for _, n := range r.Reads() {
			names[n] = true
		}
	}
	return sortedKeys(names)
}

// Reads lists the metric names that the rule's expression selects, sorted; Any for a selector
// without a name.
func (r *Rule) Reads() []string {
	names := map[string]bool{}
	for _, vs := range selectors(r.expr) {
		if name := selectedName(vs); name != "" {
			names[name] = true
		} else {
			names[Any] = true
		}
	}
	return sortedKeys(names)
}

// Selectors lists the label matchers of each selector of the rule's expression.
func (r *Rule) Selectors() [][]*labels.Matcher {
	var all [][]*labels.Matcher
	for _, vs := range selectors(r.expr) {
		all = append(all, vs.LabelMatchers)
	}
	return all
}

// Validate gives an error, with file, line and the nearest name, for each metric that a rule
// reads and that nothing produces: no check or declared ingest (producible; nil: none), and no
// recording rule of the groups. names are the metrics that checks produce, for the hint. A rule
// that reads a metric that never exists would silently never fire.
func Validate(groups []*Group, producible func(name string) bool, names []string) []error {
	made := map[string]bool{alertsName: true, alertsForStateName: true}
	for _, g := range groups {
		for _, r := range g.Rules {
			if r.Record != "" {
				made[r.Record] = true
			}
		}
	}
	known := slices.Concat(names, sortedKeys(made))
	var errs []error
	for _, g := range groups {
		for _, r := range g.Rules {
			for _, name := range r.Reads() {
				if name == Any || made[name] || (producible != nil && producible(name)) {
					continue
				}
				errs = append(errs, &Error{
					File: r.File, Line: r.Line,
					Err:  fmt.Errorf("group %q, rule %q reads %q, which no check, recording rule or declared ingest makes", r.Group, r.Name(), name),
					Hint: metricHint(name, known),
				})
			}
		}
	}
	return errs
}

// metricHint names the nearest metric, even when it is not near.
func metricHint(name string, names []string) string {
	if hint := nearestHint(name, names); hint != "" {
		return hint
	}
	// ALERTS is near to every short name and never meant.
	made := slices.DeleteFunc(slices.Clone(names), func(n string) bool { return n == alertsName || n == alertsForStateName })
	best := spelling.Nearest(name, made)
	if best == "" {
		return "declare metrics of other systems in ingest"
	}
	return fmt.Sprintf("the nearest metric is %q; declare metrics of other systems in ingest", best)
}

// nearestHint suggests the name that was probably meant, if there is one.
func nearestHint(name string, names []string) string {
	if meant := spelling.Meant(name, names); meant != "" {
		return fmt.Sprintf("did you mean %q?", meant)
	}
	return ""
}
