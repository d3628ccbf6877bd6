package rules

import (
	"slices"
	"strings"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"

	"guardian/internal/reason"
)

// Visibility reports whether a selector could match a series of a check that is blind now,
// and why it is. Nil means that no check is blind. A check that has not looked since it was
// configured or since the start counts as blind too: otherwise a restart would resolve its
// alerts.
type Visibility func(matchers []*labels.Matcher) (blind bool, why reason.Reason)

// Blind is a check that cannot look now.
type Blind struct {
	Labels map[string]string        // check, kind, service and the check's own
	Name   func(series string) bool // whether it produces a series of this name; nil: any
	Why    reason.Reason            // which check, since when, and why
}

// VisibilityOf gives the visibility while these checks are blind. A matcher on a label that the
// check itself does not have excludes nothing: its values may carry it (phase, operation).
func VisibilityOf(blind []Blind) Visibility {
	return func(matchers []*labels.Matcher) (bool, reason.Reason) {
		for _, b := range blind {
			if b.couldMatch(matchers) {
				return true, b.Why
			}
		}
		return false, reason.Reason{}
	}
}

func (b Blind) couldMatch(matchers []*labels.Matcher) bool {
	for _, m := range matchers {
		if m.Name == model.MetricNameLabel {
			if m.Type == labels.MatchEqual && b.Name != nil && !b.Name(m.Value) {
				return false
			}
			continue
		}
		if v, ok := b.Labels[m.Name]; ok && !m.Matches(v) {
			return false
		}
	}
	return true
}

// dependency is one selector that a rule's result depends on: one of its own, or one behind a
// recorded series that it reads.
type dependency struct {
	matchers []*labels.Matcher
	// keepsLabels is true when a label of the result has the same value as the label of the
	// selected series, so that blindness can be decided for each alert apart.
	keepsLabels bool
	// overwrittenLabels are those for which that is not so, because a rule sets them.
	overwrittenLabels map[string]bool
}

// matchersFor gives the matchers of the series that a result with these labels can come from.
func (d dependency) matchersFor(lbls map[string]string) []*labels.Matcher {
	if !d.keepsLabels {
		return d.matchers
	}
	ms := d.matchers[:len(d.matchers):len(d.matchers)]
	for _, name := range sortedKeys(lbls) {
		if name == model.MetricNameLabel || d.overwrittenLabels[name] || lbls[name] == "" {
			continue
		}
		ms = append(ms, labels.MustNewMatcher(labels.MatchEqual, name, lbls[name]))
	}
	return ms
}

// blindDependencies gives the rule's dependencies that are blind now, and why the first is.
func (r *Rule) blindDependencies(visible Visibility) (blind []dependency, why reason.Reason) {
	if visible == nil {
		return nil, reason.Reason{}
	}
	for _, d := range r.dependencies {
		if isBlind, w := visible(d.matchers); isBlind {
			blind = append(blind, d)
			if why.IsZero() {
				why = w
			}
		}
	}
	return blind, why
}

// Known gives a function that reports for which labels the rule's result is known; nil means
// for all. why is the reason for which some are not.
func (r *Rule) Known(visible Visibility) (known func(map[string]string) bool, why reason.Reason) {
	blind, why := r.blindDependencies(visible)
	return knownWithout(blind, visible), why
}

// knownWithout reports which label sets are known although these dependencies are blind; nil
// means all.
func knownWithout(blind []dependency, visible Visibility) func(map[string]string) bool {
	if len(blind) == 0 {
		return nil
	}
	return func(lbls map[string]string) bool {
		for _, d := range blind {
			if !d.keepsLabels {
				return false
			}
			if isBlind, _ := visible(d.matchersFor(lbls)); isBlind {
				return false
			}
		}
		return true
	}
}

// neverBlind reports whether a series is one that the guardian itself makes.
func neverBlind(name string) bool {
	return name == "probe_unknown" || name == alertsName || name == alertsForStateName || strings.HasPrefix(name, "guardian_")
}

// selectors lists the vector selectors of an expression.
func selectors(expr parser.Expr) []*parser.VectorSelector {
	var all []*parser.VectorSelector
	parser.Inspect(expr, func(n parser.Node, _ []parser.Node) error {
		if vs, ok := n.(*parser.VectorSelector); ok {
			all = append(all, vs)
		}
		return nil
	})
	return all
}

// selectedName gives the one metric name that a selector selects, or "".
func selectedName(vs *parser.VectorSelector) string {
	for _, m := range vs.LabelMatchers {
		if m.Name == model.MetricNameLabel && m.Type == labels.MatchEqual {
			return m.Value
		}
	}
	return ""
}

// keepsLabels reports whether each label of an expression's result has the same value as the
// label of everything that it selects. When in doubt the answer is no.
func keepsLabels(expr parser.Expr) bool {
	ok := true
	parser.Inspect(expr, func(n parser.Node, _ []parser.Node) error {
		switch e := n.(type) {
		case *parser.AggregateExpr:
			// count_values makes a label; of the others, each element depends on all.
			if slices.Contains([]parser.ItemType{parser.COUNT_VALUES, parser.TOPK, parser.BOTTOMK, parser.LIMITK, parser.LIMIT_RATIO}, e.Op) {
				ok = false
			}
		case *parser.Call:
			switch e.Func.Name {
			case "label_replace", "label_join", "info", "absent", "absent_over_time", "scalar":
				ok = false
			}
		case *parser.BinaryExpr:
			m := e.VectorMatching
			if m == nil {
				return nil
			}
			set := m.Card == parser.CardManyToMany
			plain := !m.On && len(m.MatchingLabels) == 0 && len(m.Include) == 0
			if !plain && (set || m.Card != parser.CardOneToOne) {
				ok = false
			}
		}
		return nil
	})
	return ok
}

// setDependencies finds what each rule's result depends on, through recorded series too: a rule
// that reads job:success depends on the checks behind it.
func setDependencies(groups []*Group) {
	recorders := map[string][]*Rule{}
	for _, g := range groups {
		for _, r := range g.Rules {
			if r.Record != "" {
				recorders[r.Record] = append(recorders[r.Record], r)
			}
		}
	}
	for _, g := range groups {
		for _, r := range g.Rules {
			overwritten := map[string]bool{labels.AlertName: true}
			r.labels.Range(func(l labels.Label) { overwritten[l.Name] = true })
			r.reach = reachOf(r.expr, recorders, map[*Rule]bool{r: true})
			r.Settles = r.reach + r.KeepFiringFor + g.Interval
			r.dependencies = dependenciesOf(r.expr, recorders, dependency{keepsLabels: true, overwrittenLabels: overwritten}, map[*Rule]bool{r: true})
		}
	}
}

// dependenciesOf lists the dependencies of an expression whose result is read as outer says: by
// an alerting rule itself, or through a recorded series. seen are the recording rules on the
// way, so that a cycle ends.
func dependenciesOf(expr parser.Expr, recorders map[string][]*Rule, outer dependency, seen map[*Rule]bool) []dependency {
	var all []dependency
	keeps := keepsLabels(expr)
	for _, vs := range selectors(expr) {
		name := selectedName(vs)
		if neverBlind(name) {
			continue
		}
		d := dependency{matchers: vs.LabelMatchers, keepsLabels: outer.keepsLabels && keeps, overwrittenLabels: outer.overwrittenLabels}
		if keeps {
			// What is required of the result is required of what it is made of.
			d.matchers = slices.Concat(vs.LabelMatchers, outer.matchers)
		}
		rec := recorders[name]
		if len(rec) == 0 {
			all = append(all, d)
			continue
		}
		for _, r := range rec {
			if seen[r] {
				continue
			}
			if inner, ok := d.through(r); ok {
				seen[r] = true
				all = append(all, dependenciesOf(r.expr, recorders, inner, seen)...)
				delete(seen, r)
			}
		}
	}
	return all
}

// through gives a dependency on a recorded series as one on what its recording rule reads; false
// when it does not select what the rule records.
func (d dependency) through(r *Rule) (dependency, bool) {
	in := dependency{keepsLabels: d.keepsLabels, overwrittenLabels: map[string]bool{}}
	for name := range d.overwrittenLabels {
		in.overwrittenLabels[name] = true
	}
	r.labels.Range(func(l labels.Label) { in.overwrittenLabels[l.Name] = true })
	for _, m := range d.matchers {
		set := r.labels.Get(m.Name)
		switch {
		case m.Name == model.MetricNameLabel:
		case r.labels.Has(m.Name):
			if !m.Matches(set) {
				return dependency{}, false
			}
		case !m.Matches(""):
			in.matchers = append(in.matchers, m)
		}
	}
	return in, true
}
