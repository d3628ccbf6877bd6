package rules

import (
	"slices"
	"strings"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"

	"guardian/internal/reason"
)

// Visibility says whether a selector could match a series of a check that is blind now, which and
// why. Nil sees everything. A check that was not looked at yet, since it was
// configured or since the start, is blind too: otherwise a restart would resolve its alerts.
type Visibility func(matchers []*labels.Matcher) (blind bool, why reason.Reason)

// Blind is a check that cannot look now.
type Blind struct {
	Labels map[string]string        // check, kind, service and the check's own
	Name   func(series string) bool // whether it produces a series of this name; nil: any
	Why    reason.Reason            // which check, since when, the reason
}

// VisibilityOf gives the sight over checks that are blind. A matcher on a label that the check
// itself does not have says nothing: its values may carry it (phase, operation).
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

// view is one selector that a rule's answer depends on: one of its own, or one behind a
// recorded series that it reads.
type view struct {
	matchers []*labels.Matcher
	// passes says that a label of the answer stems from the same label of what is selected,
	// so that blindness can be asked for each alert apart; hidden are the labels for which
	// that is not so because a rule sets them.
	passes bool
	hidden map[string]bool
}

// asked gives the matchers for the series that an answer with these labels can stem from.
func (v view) asked(lbls map[string]string) []*labels.Matcher {
	if !v.passes {
		return v.matchers
	}
	ms := v.matchers[:len(v.matchers):len(v.matchers)]
	for _, name := range sortedKeys(lbls) {
		if name == model.MetricNameLabel || v.hidden[name] || lbls[name] == "" {
			continue
		}
		ms = append(ms, labels.MustNewMatcher(labels.MatchEqual, name, lbls[name]))
	}
	return ms
}

// blindness gives the rule's views that are blind now, and why.
func (r *Rule) blindness(sight Visibility) (views []view, why reason.Reason) {
	if sight == nil {
		return nil, reason.Reason{}
	}
	for _, v := range r.views {
		if blind, w := sight(v.matchers); blind {
			views = append(views, v)
			if why.IsZero() {
				why = w
			}
		}
	}
	return views, why
}

// Known says for which labels the rule's answer is known under a sight; nil means for all. why
// is in words what is blind.
func (r *Rule) Known(sight Visibility) (known func(map[string]string) bool, why reason.Reason) {
	views, why := r.blindness(sight)
	return knownOf(views, sight), why
}

// knownOf gives, for the blind views of a rule, which label sets are known all the same.
func knownOf(views []view, sight Visibility) func(map[string]string) bool {
	if len(views) == 0 {
		return nil
	}
	return func(lbls map[string]string) bool {
		for _, v := range views {
			if !v.passes {
				return false
			}
			if blind, _ := sight(v.asked(lbls)); blind {
				return false
			}
		}
		return true
	}
}

// neverBlind names the series that the guardian itself makes.
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

// selectedName gives the one metric name that a selector asks for, or "".
func selectedName(vs *parser.VectorSelector) string {
	for _, m := range vs.LabelMatchers {
		if m.Name == model.MetricNameLabel && m.Type == labels.MatchEqual {
			return m.Value
		}
	}
	return ""
}

// passesLabels says whether each label of what an expression gives stems from the same
// label of everything that it selects. It errs on the side of no.
func passesLabels(expr parser.Expr) bool {
	ok := true
	parser.Inspect(expr, func(n parser.Node, _ []parser.Node) error {
		switch e := n.(type) {
		case *parser.AggregateExpr:
			// The first makes a label; of the others, each element depends on all.
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

// setViews finds what each rule's answer depends on, through recorded series too: a rule
// that reads job:success depends on the checks behind it.
func setViews(groups []*Group) {
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
			hidden := map[string]bool{labels.AlertName: true}
			r.labels.Range(func(l labels.Label) { hidden[l.Name] = true })
			r.views = viewsOf(r.expr, recorders, view{passes: true, hidden: hidden}, map[*Rule]bool{r: true})
		}
	}
}

// viewsOf lists the views of an expression whose answer is seen through outer.
func viewsOf(expr parser.Expr, recorders map[string][]*Rule, outer view, seen map[*Rule]bool) []view {
	var views []view
	through := passesLabels(expr)
	for _, vs := range selectors(expr) {
		name := selectedName(vs)
		if neverBlind(name) {
			continue
		}
		v := view{matchers: vs.LabelMatchers, passes: outer.passes && through, hidden: outer.hidden}
		if through {
			// What is asked of the answer can be asked of what it is made of.
			v.matchers = slices.Concat(vs.LabelMatchers, outer.matchers)
		}
		rec := recorders[name]
		if len(rec) == 0 {
			views = append(views, v)
			continue
		}
		for _, r := range rec {
			if seen[r] {
				continue
			}
			if inner, ok := behind(r, v); ok {
				seen[r] = true
				views = append(views, viewsOf(r.expr, recorders, inner, seen)...)
				delete(seen, r)
			}
		}
	}
	return views
}

// behind gives how what a recording rule reads is seen through a view of what it records;
// false when the view does not select what it records.
func behind(r *Rule, v view) (view, bool) {
	in := view{passes: v.passes, hidden: map[string]bool{}}
	for name := range v.hidden {
		in.hidden[name] = true
	}
	r.labels.Range(func(l labels.Label) { in.hidden[l.Name] = true })
	for _, m := range v.matchers {
		set := r.labels.Get(m.Name)
		switch {
		case m.Name == model.MetricNameLabel:
		case r.labels.Has(m.Name):
			if !m.Matches(set) {
				return view{}, false
			}
		case !m.Matches(""):
			in.matchers = append(in.matchers, m)
		}
	}
	return in, true
}
