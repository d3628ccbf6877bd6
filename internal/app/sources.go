package app

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"

	"guardian/internal/config"
	"guardian/internal/reason"
	"guardian/probes"
	"guardian/rules"
)

// ruleSource is a server that answers the queries of some groups of rules.
type ruleSource struct {
	name    string
	client  *probes.PromQLClient
	timeout time.Duration
}

func (a *App) buildSource(c *config.RuleSource) (*ruleSource, error) {
	client, err := c.Connect(probes.Env{Log: a.log, Redactor: a.redactor, Now: a.now, UserAgent: a.userAgent()})
	if err != nil {
		return nil, fmt.Errorf("rule source %s: %w", c.Name, err)
	}
	return &ruleSource{name: c.Name, client: client, timeout: time.Duration(c.Timeout)}, nil
}

// query is a rules.QueryFunc. What is not a whole answer is an error, so that the rule's
// alerts stay as they are: a timeout, an error of the server, an answer in part.
func (s *ruleSource) query(ctx context.Context, expr string, at time.Time) (promql.Vector, error) {
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

// Query implements counting.
func (s *ruleSource) Query(ctx context.Context, expr string, at time.Time) (promql.Vector, error) {
	return s.query(ctx, expr, at)
}

// QueryRange implements counting.
func (s *ruleSource) QueryRange(ctx context.Context, expr string, start, end time.Time, step time.Duration) (promql.Matrix, error) {
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
func (s *ruleSource) whole(ctx context.Context, ask func(context.Context) (model.Value, []string, error)) (model.Value, error) {
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

// queryOf gives what answers a group's queries.
func (s *setup) queryOf(g *rules.Group, own rules.QueryFunc) rules.QueryFunc {
	if g.Source == "" {
		return own
	}
	src, ok := s.sources[g.Source]
	if !ok {
		// The group is of a configuration that is being swapped out.
		return func(context.Context, string, time.Time) (promql.Vector, error) {
			return nil, fmt.Errorf("rule source %s is not configured any more", g.Source)
		}
	}
	return src.query
}

// sightOf says what the rules of a group cannot see now. A source sees for itself. The
// guardian's own rules do not see what a source's group records while it cannot be asked.
func (as *alerts) sightOf(g *rules.Group, now time.Time) rules.Visibility {
	if g.Source != "" {
		return nil
	}
	own, theirs := as.app.record.Visibility(now), rules.VisibilityOf(as.blindSources())
	return func(ms []*labels.Matcher) (bool, reason.Reason) {
		if blind, why := own(ms); blind {
			return blind, why
		}
		return theirs(ms)
	}
}

// blindSources lists the series that groups of sources record and could not when they were
// evaluated last, or were not evaluated yet.
func (as *alerts) blindSources() []rules.Blind {
	var blind []rules.Blind
	for _, l := range *as.sourced.Load() {
		last := l.last.Load()
		for i, r := range l.g.Rules {
			if r.Record == "" || (last != nil && last.results[i].Health == rules.HealthOK) {
				continue
			}
			why := reason.New("source_not_asked", "source", l.g.Source, "series", r.Record)
			if last != nil {
				why = last.results[i].Reason
			}
			blind = append(blind, rules.Blind{Name: func(series string) bool { return series == r.Record }, Why: why})
		}
	}
	return blind
}
