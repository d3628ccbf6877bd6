package config

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"guardian/notifiers/route"
)

// condition is a matcher and its place in the file.
type condition struct {
	path string
	route.Matcher
}

// matchersIn is one list of conditions, all of which an alert must meet: those of a route come after those of the
// routes above it.
type matchersIn struct {
	above, own []condition
	labels     map[string][]string // names of labels without a condition, by their path: group_by, equal
}

// foreseeUnmet warns of matchers that no alert and no notice can meet, and of labels that none has: they are
// probably misspelled, and what they were to route, inhibit or escalate goes elsewhere.
func (d *decoder) foreseeUnmet(c *Config) {
	all := matchersOf(c)
	k := carries(c)
	k.alone = !slices.ContainsFunc(all, func(in matchersIn) bool {
		return slices.ContainsFunc(in.own, func(m condition) bool {
			return !k.own(m.Name) && k.meantName(m.Name) == "" || m.Name == "alertname" && k.unmet(m) && k.meantValue(m.Name, m.Value) == ""
		})
	})
	for _, in := range all {
		for _, m := range in.own {
			d.foreseeMatcher(k, m)
		}
		d.foreseeContradiction(in)
		for path, labels := range in.labels {
			for i, label := range labels {
				if meant := k.meantName(label); meant != "" {
					d.warn(at(path, i), fmt.Sprintf("no alert and no notice of this configuration has the label %s", label), "did you mean "+meant+"?")
				}
			}
		}
	}
}

// matchersOf lists the matchers of routes, inhibitions, escalations and on_alert.
func matchersOf(c *Config) []matchersIn {
	all := routeMatchers("routes", c.Routes, nil)
	for i, r := range c.InhibitRules {
		path := at("inhibit_rules", i)
		all = append(all,
			matchersIn{own: conditions(path+".source_", r.SourceMatchers, r.SourceMatch, r.SourceMatchRE), labels: map[string][]string{path + ".equal": r.Equal}},
			matchersIn{own: conditions(path+".target_", r.TargetMatchers, r.TargetMatch, r.TargetMatchRE)})
	}
	for i, e := range c.Escalations {
		all = append(all, matchersIn{own: conditions(at("escalations", i)+".", e.Matchers, nil, nil)})
	}
	for i, o := range c.OnAlert {
		match := maps.Clone(o.Match)
		delete(match, "alertname") // see foreseeSent
		all = append(all, matchersIn{own: conditions(at("on_alert", i)+".", nil, match, nil)})
	}
	return all
}

func routeMatchers(path string, n route.Node, above []condition) []matchersIn {
	own := conditions(path+".", n.Matchers, n.Match, n.MatchRE)
	all := []matchersIn{{above: above, own: own, labels: map[string][]string{path + ".group_by": slices.DeleteFunc(slices.Clone(n.GroupBy), func(l string) bool { return l == "..." })}}}
	for i, child := range n.Routes {
		all = append(all, routeMatchers(at(path+".routes", i), child, slices.Concat(above, own))...)
	}
	return all
}

// conditions reads matchers in all their forms; those that are not well-formed are mistakes, told before.
func conditions(prefix string, texts []string, match, matchRE map[string]string) (all []condition) {
	for i, text := range texts {
		ms, err := route.ParseMatchers(text)
		for _, m := range ms {
			if err == nil {
				all = append(all, condition{at(prefix+"matchers", i), m})
			}
		}
	}
	for key, set := range map[string]map[string]string{"match": match, "match_re": matchRE} {
		op := map[string]route.Op{"match": route.Equal, "match_re": route.Regexp}[key]
		for _, label := range slices.Sorted(maps.Keys(set)) {
			if m, err := route.NewMatcher(label, op, set[label]); err == nil {
				all = append(all, condition{prefix + key + "." + label, m})
			}
		}
	}
	return all
}

// unmet reports whether no known value meets a condition, and neither does an alert without the label.
func (k *carried) unmet(m condition) bool {
	return !m.Match(nil) && !slices.ContainsFunc(k.values[m.Name], func(v string) bool { return m.Match(map[string]string{m.Name: v}) })
}

// foreseeMatcher warns of a condition that is never met, or of which a part never counts.
func (d *decoder) foreseeMatcher(k *carried, m condition) {
	if m.Value == "" {
		return // whether there is the label
	}
	if meant := k.meantName(m.Name); meant != "" {
		d.warn(m.path, fmt.Sprintf("%s: no alert and no notice of this configuration has the label %s", m, m.Name), "did you mean "+meant+"?")
		return
	}
	if k.values[m.Name] == nil || k.open[m.Name] {
		return
	}
	parts := []string{m.Value}
	if m.Op == route.Regexp || m.Op == route.NotRegexp {
		parts = alternatives(m.Value)
	}
	effect := map[route.Op]string{route.Equal: "never matches", route.Regexp: "never matches", route.NotEqual: "excludes nothing", route.NotRegexp: "excludes nothing"}[m.Op]
	for _, part := range parts {
		if slices.ContainsFunc(k.values[m.Name], func(v string) bool { return matches(m.Op, part, v) }) {
			continue
		}
		meant := k.meantValue(m.Name, part)
		if meant == "" && (!k.all(m.Name) || effect == "excludes nothing") {
			continue // it may be that of an alert that another program sends
		}
		problem := fmt.Sprintf("%s %s: no alert and no notice of this configuration has %s=%s", m, effect, m.Name, strconv.Quote(part))
		if len(parts) > 1 {
			problem = fmt.Sprintf("%s: its part %s %s: no alert and no notice of this configuration has %s=%s", m, strconv.Quote(part), effect, m.Name, strconv.Quote(part))
		}
		d.warn(m.path, problem, hintFor(k, m.Name, part, meant))
	}
}

// hintFor says which value was meant, or which there are.
func hintFor(k *carried, label, value, meant string) string {
	hint := "did you mean " + meant + "?"
	switch {
	case label == "notice" && value == "alert":
		return `alerts have no label notice: match them by notice=""`
	case meant == "":
		hint = choices(value, k.values[label])
	}
	const others = "nly an alert that another program sends to /api/v2/alerts could have it"
	switch {
	case k.closed[label]:
		return hint
	case strings.HasSuffix(hint, "?"):
		return hint + " O" + others
	default:
		return hint + "; o" + others
	}
}

// plain matches the parts of a regular expression that are texts.
var plain = regexp.MustCompile(`^[A-Za-z0-9_:/ @-]+$`)

// alternatives splits a regular expression that is a choice of texts; otherwise it is one part.
func alternatives(expr string) []string {
	parts := strings.Split(strings.TrimSuffix(strings.TrimPrefix(expr, "("), ")"), "|")
	if slices.ContainsFunc(parts, func(p string) bool { return !plain.MatchString(p) }) {
		return []string{expr}
	}
	return parts
}

func matches(op route.Op, part, value string) bool {
	if op == route.Equal || op == route.NotEqual {
		return part == value
	}
	re, err := regexp.Compile("^(?s:" + part + ")$")
	return err != nil || re.MatchString("") || re.MatchString(value)
}

// foreseeContradiction warns of conditions of one label that exclude each other: a label has one value.
func (d *decoder) foreseeContradiction(in matchersIn) {
	for i, m := range in.own {
		before := slices.Concat(in.above, in.own[:i])
		for _, other := range before {
			if other.Name != m.Name || !excludes(m, other) && !excludes(other, m) {
				continue
			}
			where := "beside"
			if !slices.ContainsFunc(in.own[:i], func(o condition) bool { return o.path == other.path && o.Equal(other.Matcher) }) {
				where = "below"
			}
			d.warn(m.path, fmt.Sprintf("%s never matches %s %s: a label has one value", m, where, other), "remove one of them, or write two routes")
			break
		}
	}
}

// excludes reports whether no value that meets the first condition meets the second.
func excludes(first, second condition) bool {
	var candidates []string
	switch {
	case first.Op == route.Equal:
		candidates = []string{first.Value}
	case first.Op == route.Regexp && len(alternatives(first.Value)) > 0 && plain.MatchString(alternatives(first.Value)[0]):
		candidates = alternatives(first.Value)
	default:
		return false
	}
	return !slices.ContainsFunc(candidates, func(v string) bool { return second.Match(map[string]string{second.Name: v}) })
}
