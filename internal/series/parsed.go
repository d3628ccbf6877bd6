package series

import (
	"slices"
	"sync"

	"github.com/prometheus/prometheus/promql/parser"
)

// mostParsed bounds the expressions that are remembered; beyond it, it begins anew.
const mostParsed = 20_000

// parsedExprs is a parser that remembers what it parsed: rules ask the same expressions again and
// again. Each answer is a copy, because the engine changes what it evaluates. It is safe for
// concurrent use.
type parsedExprs struct {
	parser.Parser

	mu    sync.RWMutex
	exprs map[string]parser.Expr
}

func newParsedExprs(p parser.Parser) *parsedExprs {
	return &parsedExprs{Parser: p, exprs: map[string]parser.Expr{}}
}

// ParseExpr implements parser.Parser.
func (p *parsedExprs) ParseExpr(input string) (parser.Expr, error) {
	p.mu.RLock()
	known := p.exprs[input]
	p.mu.RUnlock()
	if known != nil {
		return cloneExpr(known), nil
	}
	expr, err := p.Parser.ParseExpr(input)
	if err != nil {
		return nil, err
	}
	if own := cloneExpr(expr); own != nil {
		p.mu.Lock()
		defer p.mu.Unlock()
		if len(p.exprs) >= mostParsed {
			clear(p.exprs)
		}
		p.exprs[input] = own
	}
	return expr, nil
}

// cloneExpr copies an expression as the parser made it; nil for one of a kind that it does not know.
func cloneExpr(expr parser.Expr) parser.Expr {
	switch e := expr.(type) {
	case *parser.NumberLiteral:
		c := *e
		return &c
	case *parser.StringLiteral:
		c := *e
		return &c
	case *parser.VectorSelector:
		c := *e
		c.LabelMatchers = slices.Clone(e.LabelMatchers)
		return &c
	case *parser.MatrixSelector:
		c := *e
		return cloned(&c, &c.VectorSelector)
	case *parser.SubqueryExpr:
		c := *e
		return cloned(&c, &c.Expr)
	case *parser.ParenExpr:
		c := *e
		return cloned(&c, &c.Expr)
	case *parser.UnaryExpr:
		c := *e
		return cloned(&c, &c.Expr)
	case *parser.AggregateExpr:
		c := *e
		c.Grouping = slices.Clone(e.Grouping)
		return cloned(&c, &c.Expr, &c.Param)
	case *parser.BinaryExpr:
		c := *e
		if e.VectorMatching != nil {
			m := *e.VectorMatching
			m.MatchingLabels, m.Include = slices.Clone(m.MatchingLabels), slices.Clone(m.Include)
			c.VectorMatching = &m
		}
		return cloned(&c, &c.LHS, &c.RHS)
	case *parser.Call:
		c := *e
		c.Args = slices.Clone(e.Args)
		parts := make([]*parser.Expr, len(c.Args))
		for i := range c.Args {
			parts[i] = &c.Args[i]
		}
		return cloned(&c, parts...)
	default:
		return nil
	}
}

// cloned copies the parts of a copy, too; nil when that cannot be done.
func cloned(c parser.Expr, parts ...*parser.Expr) parser.Expr {
	for _, part := range parts {
		if *part == nil {
			continue
		}
		if *part = cloneExpr(*part); *part == nil {
			return nil
		}
	}
	return c
}
