package decide

import (
	"context"
	"fmt"
	"time"

	"github.com/prometheus/prometheus/promql"

	"guardian/watch"
)

// RangeQuerier answers an expression over a time: the series, another server, or what was
// recorded.
type RangeQuerier interface {
	QueryRange(ctx context.Context, expr string, start, end time.Time, step time.Duration) (promql.Matrix, error)
}

// Readings asks what one of metrics stood at in [from, to].
func Readings(ctx context.Context, q RangeQuerier, m watch.CounterSettings, from, to time.Time) ([]watch.Reading, error) {
	from = from.Truncate(time.Second) // what others answer is in milliseconds
	var answers []promql.Matrix
	for _, expr := range m.Queries() {
		answer, err := q.QueryRange(ctx, expr, from, to, watch.CounterEvery)
		if err != nil {
			return nil, fmt.Errorf("ask %s: %w", expr, err)
		}
		answers = append(answers, answer)
	}
	return m.Readings(answers, from, to), nil
}
