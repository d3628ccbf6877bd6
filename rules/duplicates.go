package rules

import (
	"fmt"
	"slices"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

// duplicates gives an error for each recording rule of a file that surely makes a series that an
// earlier one makes: name and labels are the same, and so are the expressions, or none of them
// leaves a label. What shows only in an evaluation is ErrSameSeries.
func duplicates(groups []*Group) []error {
	var errs []error
	var seen []*Rule
	byName := map[string][]*Rule{}
	for _, g := range groups {
		seen = append(seen, g.Rules...)
	}
	for _, r := range seen {
		if r.Record == "" {
			continue
		}
		earlier := byName[r.Record]
		if i := slices.IndexFunc(earlier, r.sameSeries); i >= 0 {
			errs = append(errs, &Error{
				File: r.File, Line: r.Line,
				Err:  fmt.Errorf("group %q, rule %q records the same series as the rule in line %d", r.Group, r.Record, earlier[i].Line),
				Hint: "remove one of them, or tell them apart by name or labels",
			})
		}
		byName[r.Record] = append(earlier, r)
	}
	return errs
}

// sameSeries reports whether two recording rules of one name surely make a series with the same
// labels, if they make any.
func (r *Rule) sameSeries(o *Rule) bool {
	return labels.Equal(r.labels, o.labels) && (r.Expr == o.Expr || withoutLabels(r.expr) && withoutLabels(o.expr))
}

// withoutLabels reports whether the elements of an expression's result surely have no labels. When
// in doubt the answer is no.
func withoutLabels(expr parser.Expr) bool {
	switch e := expr.(type) {
	case *parser.NumberLiteral:
		return true
	case *parser.ParenExpr:
		return withoutLabels(e.Expr)
	case *parser.UnaryExpr:
		return withoutLabels(e.Expr)
	case *parser.AggregateExpr:
		// The others give elements of what they aggregate, or make a label.
		ops := []parser.ItemType{
			parser.SUM, parser.AVG, parser.MIN, parser.MAX, parser.COUNT, parser.GROUP, parser.STDDEV, parser.STDVAR, parser.QUANTILE,
		}
		return !e.Without && len(e.Grouping) == 0 && slices.Contains(ops, e.Op)
	case *parser.Call:
		switch e.Func.Name {
		case "vector", "scalar", "time", "pi":
			return true
		case "abs", "ceil", "floor", "round", "clamp", "clamp_min", "clamp_max", "exp", "ln", "log2", "log10", "sgn", "sqrt":
			return withoutLabels(e.Args[0])
		}
	case *parser.BinaryExpr:
		return withoutLabels(e.LHS) && withoutLabels(e.RHS)
	}
	return false
}
