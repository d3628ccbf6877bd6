package replay

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/prometheus/prometheus/promql"

	"guardian/internal/config"
	"guardian/watch"
)

// measured is a reading of the counters of that name.
type measured struct {
	name string
	watch.Reading
}

// readings reads what the counters of a service stood at. Those that other servers keep are
// not recorded.
func (j *judging) readings(ctx context.Context, svc *config.Service, from, to time.Time) ([]measured, error) {
	var all []measured
	for _, m := range svc.Watch.Metrics {
		if m.Source != "" {
			continue
		}
		rs, err := j.readingsOf(ctx, m, from, to)
		if err != nil {
			return nil, fmt.Errorf("counters %s: %w", m.Name, err)
		}
		for _, r := range rs {
			all = append(all, measured{m.Name, r})
		}
	}
	return sortedBy(all, func(m measured) time.Time { return m.At }), nil
}

func (j *judging) readingsOf(ctx context.Context, m watch.CounterSettings, from, to time.Time) ([]watch.Reading, error) {
	from = from.Truncate(time.Second)
	failures, err := j.matrix(ctx, m.Failures, from, to)
	if err != nil {
		return nil, err
	}
	total, err := j.matrix(ctx, m.Total, from, to)
	if err != nil {
		return nil, err
	}
	return watch.ReadingsOf(failures, total, from, to), nil
}

// matrix asks an expression. One that cannot be answered is no evidence, as it is to a guardian.
func (j *judging) matrix(ctx context.Context, expr string, from, to time.Time) (promql.Matrix, error) {
	q, err := j.engine.NewRangeQuery(ctx, j.o.Samples, nil, watch.EachSeries(expr), from, to, watch.CounterEvery)
	if err != nil {
		return nil, err
	}
	defer q.Close()
	answer := q.Exec(ctx)
	var bad promql.ErrStorage
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case errors.As(answer.Err, &bad):
		return nil, answer.Err
	case answer.Err != nil:
		return nil, nil
	}
	m, err := answer.Matrix()
	own := slices.Clone(m)
	for i := range own {
		own[i].Floats = slices.Clone(own[i].Floats) // what is not copied is the engine's again
	}
	return own, err
}

// countersBefore is what the counters of a service did before a deploy.
func (j *judging) countersBefore(ctx context.Context, svc *config.Service, switched time.Time) ([]watch.CounterBefore, error) {
	spoilt := j.spoilt(svc.Name, switched)
	var all []watch.CounterBefore
	for _, m := range svc.Watch.Metrics {
		if m.Source != "" {
			continue
		}
		rs, err := j.readingsOf(ctx, m, switched.Add(-time.Duration(svc.Watch.Baseline.Window)), switched)
		if err != nil {
			return nil, fmt.Errorf("counters %s: %w", m.Name, err)
		}
		rs = slices.DeleteFunc(rs, func(r watch.Reading) bool {
			return slices.ContainsFunc(spoilt, func(s span) bool { return !r.At.Before(s.from) && r.At.Before(s.to) })
		})
		all = append(all, watch.CounterBefore{CounterPolicy: m.Policy(), History: watch.NewCounterHistory(rs)})
	}
	return all, nil
}
