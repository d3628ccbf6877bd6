package rules

import (
	"testing"
	"time"

	"github.com/prometheus/prometheus/promql/parser"
)

func TestHowFarBackAnExpressionReads(t *testing.T) {
	p := parser.NewParser(parser.Options{})
	parse := func(text string) parser.Expr {
		e, err := p.ParseExpr(text)
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	recorded := map[string][]*Rule{"job:errors": {{Record: "job:errors", expr: parse("rate(errors_total[5m])")}}}
	for text, want := range map[string]time.Duration{
		"up == 0":                                 0,
		"rate(errors_total[5m]) > 1":              5 * time.Minute,
		"up offset 1h == 0":                       time.Hour,
		"max_over_time(rate(x[1m])[10m:30s]) > 1": 11 * time.Minute,
		"job:errors > 1 or rate(x[2m]) > 1":       5 * time.Minute,
		"avg_over_time(job:errors[10m]) > 1":      15 * time.Minute,
	} {
		if got := reachOf(parse(text), recorded, map[*Rule]bool{}); got != want {
			t.Errorf("%s reads back %s, want %s", text, got, want)
		}
	}
}
