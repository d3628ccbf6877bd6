package config

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"guardian/internal/spelling"
	"guardian/notifiers"
)

// carried is which labels alerts and notices of a configuration have, and with which values. Alerts that other
// programs send may have any: a matcher is judged by it only where the matcher is surely about our own.
type carried struct {
	values map[string][]string // by label: the values that the configuration knows
	// closed are the labels that have no other values.
	closed map[string]bool
	// open are the labels that may have other values: templates, functions or data set them.
	open map[string]bool
	// rare are those that only a few notices have: another program's label is not taken for a misspelling of
	// one, such as node for mode.
	rare map[string]bool
	// words are all words of the rules: among them the labels of series that only the rules know.
	words map[string]bool
	// alone: all label names of all matchers are our own, so that these are hardly about alerts that others
	// send.
	alone bool
}

// definite are the labels whose values are the names of things in the configuration, or settings of checks.
func definite() []string {
	return []string{"service", "environment", "check", "kind", "marketplace"}
}

// carries collects the labels and values of a configuration.
func carries(c *Config) *carried {
	k := &carried{values: map[string][]string{}, closed: map[string]bool{"tier": true, "notice": true, "notice_event": true}, open: map[string]bool{}, rare: map[string]bool{}, words: map[string]bool{}}
	k.notices(c)
	for i := range c.Services {
		k.add("service", c.Services[i].Name)
		k.add("environment", c.Services[i].Environment)
	}
	outside := len(c.Ingest) > 0 || len(c.RuleSources) > 0
	for i := range c.Checks {
		check := &c.Checks[i]
		k.add("check", check.Name)
		k.add("kind", check.Kind)
		for label, value := range check.Labels {
			k.add(label, value)
		}
		outside = outside || slices.Contains([]string{"scrape", "promql", "sql", "exec"}, check.Kind) // their data has labels
	}
	k.rules(c)
	for label := range k.values {
		k.open[label] = k.open[label] || outside && label != "tier"
	}
	return k
}

// notices adds what notices about other things than alerts have.
func (k *carried) notices(c *Config) {
	k.add("tier", "critical", "warning", "info")
	for kind, events := range notifiers.Kinds() {
		k.add("notice", kind)
		k.add("notice_event", events...)
	}
	known := k.names()
	k.add("mode", "auto", "approve", "observe")
	k.add("deploy_kind", "code", "config", "operation")
	k.add("trigger", "verdict", "alert", "person", "drill", "undo")
	k.add("receiver", names(c.Receivers, func(r Receiver) string { return r.Name })...)
	k.add("runbook", names(c.Runbooks, nameOfRunbook)...)
	for _, f := range c.Switches {
		k.add("flag", f.Name)
	}
	for _, s := range c.Schedules {
		k.add("schedule", s.Name)
	}
	for i := range c.Checks {
		k.add("path", c.Checks[i].NetworkPath)
	}
	for _, label := range k.names() {
		k.rare[label] = !slices.Contains(known, label)
	}
}

// word finds what may be the name of a label in an expression or a template.
var word = regexp.MustCompile(`[A-Za-z_][A-Za-z0-9_]*`)

// rules adds the labels that rules set, and those that may be in their series.
func (k *carried) rules(c *Config) {
	k.add("alertname", alertNames(c)...)
	for _, g := range c.Groups {
		for _, r := range g.Rules {
			texts := append([]string{r.Expr}, slices.Collect(maps.Values(r.Annotations))...)
			for label, value := range r.Labels {
				k.words[label] = true
				if strings.Contains(value, "{{") {
					k.open[label], k.closed[label] = true, false
				} else {
					k.add(label, value)
				}
				texts = append(texts, value)
			}
			relabels := strings.Contains(r.Expr, "label_replace(") || strings.Contains(r.Expr, "label_join(") || strings.Contains(r.Expr, "count_values")
			for _, text := range texts {
				for _, w := range word.FindAllString(text, -1) {
					k.words[w] = true
					if relabels {
						k.open[w], k.closed[w] = true, false
					}
				}
			}
		}
	}
}

func (k *carried) add(label string, values ...string) {
	for _, v := range values {
		if v != "" && !slices.Contains(k.values[label], v) {
			k.values[label] = append(k.values[label], v)
		}
	}
}

// names gives the labels that are known.
func (k *carried) names() []string { return slices.Sorted(maps.Keys(k.values)) }

// own reports whether a label is one that alerts or notices of this configuration may have.
func (k *carried) own(label string) bool { return k.values[label] != nil || k.words[label] }

// meantName gives the label that was meant by one that none of our own alerts has; "": it may be one of
// others.
func (k *carried) meantName(label string) string {
	if k.own(label) {
		return ""
	}
	return slip(label, slices.DeleteFunc(k.names(), func(known string) bool { return k.rare[known] }))
}

// meantValue gives the value of a label that was meant by one that is not known; "": it may be another's.
func (k *carried) meantValue(label, value string) string {
	if k.open[label] {
		return ""
	}
	return slip(value, k.values[label])
}

// all reports whether there are no other values of a label than those that are known.
func (k *carried) all(label string) bool {
	return k.closed[label] || k.alone && !k.open[label] && slices.Contains(definite(), label)
}

// slip gives the candidate of which a word is a misspelling. Words that differ in their digits alone are
// different things: sg-1 and sg-2.
func slip(word string, candidates []string) string {
	near := spelling.Meant(word, candidates)
	if near == "" || digits.ReplaceAllString(near, "") == digits.ReplaceAllString(strings.ToLower(word), "") {
		return ""
	}
	return near
}

var digits = regexp.MustCompile(`[0-9]+`)
