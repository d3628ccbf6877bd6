package rules

import (
	"time"

	"github.com/prometheus/prometheus/promql/parser"
)

// reachOf gives how far back an expression reads samples: the longest sum of ranges and offsets
// over one selector, and through recorded series that of what they are recorded from. seen are
// the rules on the way, so that a cycle ends.
func reachOf(expr parser.Expr, recorders map[string][]*Rule, seen map[*Rule]bool) time.Duration {
	if expr == nil {
		return 0
	}
	var longest time.Duration
	parser.Inspect(expr, func(n parser.Node, path []parser.Node) error {
		vs, ok := n.(*parser.VectorSelector)
		if !ok {
			return nil
		}
		reach := max(vs.OriginalOffset, 0)
		for _, outer := range path {
			switch o := outer.(type) {
			case *parser.MatrixSelector:
				reach += o.Range
			case *parser.SubqueryExpr:
				reach += o.Range + max(o.OriginalOffset, 0)
			}
		}
		for _, r := range recorders[selectedName(vs)] {
			if !seen[r] {
				seen[r] = true
				longest = max(longest, reach+reachOf(r.expr, recorders, seen))
				delete(seen, r)
			}
		}
		longest = max(longest, reach)
		return nil
	})
	return longest
}
