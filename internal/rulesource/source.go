package rulesource

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
)

// Client is a connection to a server; probes.PromQLClient is one.
type Client interface {
	Query(ctx context.Context, expr string, at time.Time) (model.Value, []string, error)
	QueryRange(ctx context.Context, expr string, start, end time.Time, step time.Duration) (model.Value, []string, error)
	Close()
}

// Source is a server that answers the queries of some groups of rules and counters.
type Source struct {
	name    string
	client  Client
	timeout time.Duration
}

// New makes a source; timeout bounds each query.
func New(name string, client Client, timeout time.Duration) *Source {
	return &Source{name: name, client: client, timeout: timeout}
}

// Close ends the connections.
func (s *Source) Close() { s.client.Close() }

// Query answers an expression at a time. What is not a whole answer is an error, so that the
// rule's alerts stay as they are: a timeout, an error of the server, an answer in part.
func (s *Source) Query(ctx context.Context, expr string, at time.Time) (promql.Vector, error) {
	value, err := s.whole(ctx, func(ctx context.Context) (model.Value, []string, error) { return s.client.Query(ctx, expr, at) })
	if err != nil {
		return nil, err
	}
	v, err := vectorOf(value)
	if err != nil {
		return nil, fmt.Errorf("rule source %s: query %q: %w", s.name, expr, err)
	}
	return v, nil
}

// QueryRange answers an expression over a time.
func (s *Source) QueryRange(ctx context.Context, expr string, start, end time.Time, step time.Duration) (promql.Matrix, error) {
	value, err := s.whole(ctx, func(ctx context.Context) (model.Value, []string, error) {
		return s.client.QueryRange(ctx, expr, start, end, step)
	})
	if err != nil {
		return nil, err
	}
	matrix, ok := value.(model.Matrix)
	if !ok {
		return nil, fmt.Errorf("rule source %s: query %q: the answer is a %s; a matrix is needed", s.name, expr, value.Type())
	}
	all := make(promql.Matrix, 0, len(matrix))
	for _, stream := range matrix {
		one := promql.Series{Metric: labelsOf(stream.Metric), Floats: make([]promql.FPoint, 0, len(stream.Values))}
		for _, v := range stream.Values {
			one.Floats = append(one.Floats, promql.FPoint{T: int64(v.Timestamp), F: float64(v.Value)})
		}
		all = append(all, one)
	}
	return all, nil
}

// whole asks within the source's time; an answer in part is an error.
func (s *Source) whole(ctx context.Context, ask func(context.Context) (model.Value, []string, error)) (model.Value, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	value, warnings, err := ask(ctx)
	if err != nil {
		return nil, fmt.Errorf("rule source %s: %w", s.name, err)
	}
	for _, w := range warnings {
		// Prometheus' own annotations speak of the expression; any other warning says that
		// something of the answer is missing.
		if !strings.HasPrefix(w, "PromQL ") {
			return nil, fmt.Errorf("rule source %s: the answer is not whole: %s", s.name, w)
		}
	}
	return value, nil
}

func vectorOf(value model.Value) (promql.Vector, error) {
	switch v := value.(type) {
	case model.Vector:
		out := make(promql.Vector, 0, len(v))
		for _, e := range v {
			if e.Histogram != nil {
				return nil, errors.New("the answer has a native histogram; take a number of it, with histogram_quantile for example")
			}
			out = append(out, promql.Sample{Metric: labelsOf(e.Metric), T: int64(e.Timestamp), F: float64(e.Value)})
		}
		return out, nil
	case *model.Scalar:
		return promql.Vector{{Metric: labels.EmptyLabels(), T: int64(v.Timestamp), F: float64(v.Value)}}, nil
	default:
		return nil, fmt.Errorf("the answer is a %s; a vector or a scalar is needed", value.Type())
	}
}

func labelsOf(m model.Metric) labels.Labels {
	lb := labels.NewScratchBuilder(len(m))
	for name, val := range m {
		lb.Add(string(name), string(val))
	}
	lb.Sort()
	return lb.Labels()
}
