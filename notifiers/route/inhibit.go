package route

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/prometheus/common/model"
)

// InhibitRule is Alertmanager's inhibit_rules: while an alert fires that matches the source,
// those that match the target are not notified if both have the same values of some labels.
type InhibitRule struct {
	Name           string            `yaml:"name" doc:"The rule's name, for people."`
	SourceMatchers []string          `yaml:"source_matchers" doc:"Matchers, all of which an alert must match to inhibit others: alertname=\"ShopDown\"."`
	SourceMatch    map[string]string `yaml:"source_match" doc:"Labels that must be equal: the old form of source_matchers."`
	SourceMatchRE  map[string]string `yaml:"source_match_re" doc:"Labels that must match a regular expression: the old form of source_matchers."`
	TargetMatchers []string          `yaml:"target_matchers" doc:"Matchers, all of which an alert must match to be inhibited: tier=~\"warning|info\"."`
	TargetMatch    map[string]string `yaml:"target_match" doc:"Labels that must be equal: the old form of target_matchers."`
	TargetMatchRE  map[string]string `yaml:"target_match_re" doc:"Labels that must match a regular expression: the old form of target_matchers."`
	Equal          []string          `yaml:"equal" doc:"Labels that must have the same value in both; one that both lack is equal."`
}

// Inhibitions are validated inhibit rules. They are immutable; nil: there are none.
type Inhibitions struct{ rules []inhibition }

type inhibition struct {
	name           string
	source, target Matchers
	equal          []string
}

// NewInhibitions builds inhibit rules. Its error joins all mistakes, each with its path, such
// as inhibit_rules[0].
func NewInhibitions(rules []InhibitRule) (*Inhibitions, error) {
	if len(rules) == 0 {
		return nil, nil
	}
	out := &Inhibitions{}
	var all []error
	for i, r := range rules {
		one, errs := r.compile()
		for _, err := range errs {
			all = append(all, fmt.Errorf("inhibit_rules[%d]: %w", i, err))
		}
		out.rules = append(out.rules, one)
	}
	if err := errors.Join(all...); err != nil {
		return nil, err
	}
	return out, nil
}

func (r InhibitRule) compile() (_ inhibition, errs []error) {
	source, errs := readMatchers("source_", written{r.SourceMatchers, r.SourceMatch, r.SourceMatchRE})
	target, more := readMatchers("target_", written{r.TargetMatchers, r.TargetMatch, r.TargetMatchRE})
	errs = append(errs, more...)
	if len(errs) == 0 && len(source)+len(target) == 0 {
		errs = append(errs, errors.New("has neither source_matchers nor target_matchers: it inhibits nothing, because what is a source and a target is not inhibited by another one that is both"))
	}
	for _, label := range r.Equal {
		if !model.UTF8Validation.IsValidLabelName(label) {
			errs = append(errs, fmt.Errorf("equal: %q is not the name of a label", label))
		}
	}
	return inhibition{name: r.Name, source: source, target: target, equal: r.Equal}, errs
}

// Firing is an alert that fires.
type Firing struct {
	ID     string
	Labels map[string]string
}

// Inhibitor is what keeps an alert from being notified: the first rule and the first alert, by
// ID, that inhibit it.
type Inhibitor struct {
	Rule string // the rule's name, or inhibit_rules[2] when it has none
	ID   string // of the alert that inhibits
}

// Sources are the alerts that inhibit others at one time, found by the labels that must be
// equal, so that thousands of alerts are decided in one pass.
type Sources struct {
	rules []inhibition
	found []map[string]candidates // per rule, by the values of its equal labels
}

// candidates are the lowest IDs among sources with the same equal labels.
type candidates struct {
	any     string // of all
	oneSide string // of those that do not match the rule's target too
}

// Sources finds the alerts that inhibit others.
func (is *Inhibitions) Sources(firing []Firing) Sources {
	if is == nil {
		return Sources{}
	}
	s := Sources{rules: is.rules, found: make([]map[string]candidates, len(is.rules))}
	for i, r := range is.rules {
		s.found[i] = map[string]candidates{}
		for _, f := range firing {
			if !r.source.Match(f.Labels) {
				continue
			}
			key := r.values(f.Labels)
			c := s.found[i][key]
			c.any = lower(c.any, f.ID)
			if !r.target.Match(f.Labels) {
				c.oneSide = lower(c.oneSide, f.ID)
			}
			s.found[i][key] = c
		}
	}
	return s
}

// Inhibits decides whether an alert with these labels is inhibited. One that is a source itself is
// inhibited only by sources that are not targets too, so that two alerts never inhibit each
// other, and none itself.
func (s Sources) Inhibits(labels map[string]string) (by Inhibitor, inhibited bool) {
	for i, r := range s.rules {
		if !r.target.Match(labels) {
			continue
		}
		c := s.found[i][r.values(labels)]
		id := c.any
		if r.source.Match(labels) {
			id = c.oneSide
		}
		if id != "" {
			return Inhibitor{Rule: r.title(i), ID: id}, true
		}
	}
	return Inhibitor{}, false
}

func (r inhibition) title(place int) string {
	if r.name != "" {
		return r.name
	}
	return fmt.Sprintf("inhibit_rules[%d]", place)
}

// values joins the values of the labels that must be equal; no label value holds a 0xff byte.
func (r inhibition) values(labels map[string]string) string {
	values := make([]string, len(r.equal))
	for i, name := range r.equal {
		values[i] = labels[name]
	}
	return strings.Join(values, "\xff")
}

func lower(a, b string) string {
	if a == "" {
		return b
	}
	return min(a, b)
}

// written are matchers as a configuration states them, in the new form and the two old ones.
type written struct {
	matchers  []string
	equal, re map[string]string
}

// readMatchers parses matchers; prefix is that of their keys.
func readMatchers(prefix string, w written) (out Matchers, errs []error) {
	for i, text := range w.matchers {
		ms, err := ParseMatchers(text)
		if err != nil {
			errs = append(errs, fmt.Errorf("%smatchers[%d]: %w", prefix, i, err))
		}
		out = append(out, ms...)
	}
	for _, old := range []struct {
		key    string
		labels map[string]string
		op     Op
	}{{"match", w.equal, Equal}, {"match_re", w.re, Regexp}} {
		for name, value := range old.labels {
			m, err := NewMatcher(name, old.op, value)
			if err != nil {
				errs = append(errs, fmt.Errorf("%s%s: %w", prefix, old.key, err))
				continue
			}
			out = append(out, m)
		}
	}
	slices.SortFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return out.sorted(), errs
}
