package server

import (
	"net/http"
	"strconv"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

// formatQuery prints an expression as Prometheus would.
func (*Server) formatQuery(w http.ResponseWriter, r *http.Request, _ Caller) error {
	expr, err := promParser().ParseExpr(r.FormValue("query"))
	if err != nil {
		return badData("invalid parameter %q: %w", "query", err)
	}
	return writeQuery(w, expr.Pretty(0), nil, nil)
}

// parseQuery gives the syntax tree of an expression, as Prometheus' own user interface and other tools draw it.
func (*Server) parseQuery(w http.ResponseWriter, r *http.Request, _ Caller) error {
	expr, err := promParser().ParseExpr(r.FormValue("query"))
	if err != nil {
		return badData("invalid parameter %q: %w", "query", err)
	}
	return writeQuery(w, tree(expr), nil, nil)
}

// node is a part of an expression in JSON.
type node map[string]any

// tree gives an expression as JSON; nil where there is none.
func tree(expr parser.Expr) any {
	switch e := expr.(type) {
	case *parser.NumberLiteral:
		return node{"type": "numberLiteral", "val": number(e.Val)}
	case *parser.StringLiteral:
		return node{"type": "stringLiteral", "val": e.Val}
	case *parser.VectorSelector:
		n := selectorTree(e)
		n["type"] = "vectorSelector"
		return n
	case *parser.MatrixSelector:
		of, _ := e.VectorSelector.(*parser.VectorSelector)
		n := selectorTree(of)
		n["type"], n["range"], n["rangeExpr"] = "matrixSelector", e.Range.Milliseconds(), durationTree(e.RangeExpr)
		return n
	case *parser.SubqueryExpr:
		return node{
			"type": "subquery", "expr": tree(e.Expr), "range": e.Range.Milliseconds(), "rangeExpr": durationTree(e.RangeExpr),
			"offset": e.OriginalOffset.Milliseconds(), "offsetExpr": durationTree(e.OriginalOffsetExpr),
			"step": e.Step.Milliseconds(), "stepExpr": durationTree(e.StepExpr), "timestamp": e.Timestamp, "startOrEnd": startOrEnd(e.StartOrEnd),
		}
	case *parser.ParenExpr:
		return node{"type": "parenExpr", "expr": tree(e.Expr)}
	case *parser.UnaryExpr:
		return node{"type": "unaryExpr", "op": e.Op.String(), "expr": tree(e.Expr)}
	case *parser.AggregateExpr:
		return node{
			"type": "aggregation", "op": e.Op.String(), "expr": tree(e.Expr), "param": tree(e.Param),
			"grouping": orEmpty(e.Grouping), "without": e.Without,
		}
	case *parser.BinaryExpr:
		return node{
			"type": "binaryExpr", "op": e.Op.String(), "lhs": tree(e.LHS), "rhs": tree(e.RHS), "matching": matchingTree(e.VectorMatching), "bool": e.ReturnBool,
		}
	case *parser.Call:
		args := make([]any, len(e.Args))
		for i, arg := range e.Args {
			args[i] = tree(arg)
		}
		return node{"type": "call", "args": args, "func": node{
			"name": e.Func.Name, "argTypes": e.Func.ArgTypes, "variadic": e.Func.Variadic, "returnType": e.Func.ReturnType,
		}}
	default:
		return nil
	}
}

func selectorTree(e *parser.VectorSelector) node {
	return node{
		"name": e.Name, "offset": e.OriginalOffset.Milliseconds(), "offsetExpr": durationTree(e.OriginalOffsetExpr), "matchers": matcherTrees(e.LabelMatchers),
		"timestamp": e.Timestamp, "startOrEnd": startOrEnd(e.StartOrEnd), "anchored": e.Anchored, "smoothed": e.Smoothed,
	}
}

func matcherTrees(ms []*labels.Matcher) []node {
	all := make([]node, len(ms))
	for i, m := range ms {
		all[i] = node{"name": m.Name, "value": m.Value, "type": m.Type.String()}
	}
	return all
}

func matchingTree(m *parser.VectorMatching) any {
	if m == nil {
		return nil
	}
	return node{
		"card": m.Card.String(), "labels": orEmpty(m.MatchingLabels), "on": m.On, "include": orEmpty(m.Include),
		"fillValues": node{"lhs": m.FillValues.LHS, "rhs": m.FillValues.RHS},
	}
}

// durationTree gives a duration that is written as an expression; nil for one that is not.
func durationTree(expr parser.Expr) any {
	switch e := expr.(type) {
	case *parser.DurationExpr:
		if e == nil {
			return nil
		}
		return node{"type": "durationExpr", "op": e.Op.String(), "lhs": durationTree(e.LHS), "rhs": durationTree(e.RHS), "wrapped": e.Wrapped}
	case *parser.NumberLiteral:
		if e == nil {
			return nil
		}
		return node{"type": "numberLiteral", "val": number(e.Val), "duration": e.Duration}
	default:
		return tree(expr)
	}
}

// number writes a number without an exponent.
func number(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

// startOrEnd gives the word behind @, where it is start() or end().
func startOrEnd(word parser.ItemType) any {
	if word == 0 {
		return nil
	}
	return word.String()
}
