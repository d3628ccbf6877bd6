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
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	value, warnings, err := s.client.Query(ctx, expr, at)
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
	v, err := vectorOf(value)
	if err != nil {
		return nil, fmt.Errorf("rule source %s: query %q: %w", s.name, expr, err)
	}
	return v, nil
}

func vectorOf(value model.Value) (promql.Vector, error) {
	switch v := value.(type) {
	case model.Vector:
		out := make(promql.Vector, 0, len(v))
		for _, e := range v {
			if e.Histogram != nil {
				return nil, errors.New("the answer has a native histogram; take a number of it, with histogram_quantile for example")
			}
			lb := labels.NewScratchBuilder(len(e.Metric))
			for name, val := range e.Metric {
				lb.Add(string(name), string(val))
			}
			lb.Sort()
			out = append(out, promql.Sample{Metric: lb.Labels(), T: int64(e.Timestamp), F: float64(e.Value)})
		}
		return out, nil
	case *model.Scalar:
		return promql.Vector{{Metric: labels.EmptyLabels(), T: int64(v.Timestamp), F: float64(v.Value)}}, nil
	default:
		return nil, fmt.Errorf("the answer is a %s; a vector or a scalar is needed", value.Type())
	}
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
func (as *alerts) sightOf(g *rules.Group, now time.Time) rules.Sight {
	if g.Source != "" {
		return nil
	}
	own, theirs := as.app.observed.sight(now), rules.SightOf(as.blindSources())
	return func(ms []*labels.Matcher) (bool, string) {
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
			why := fmt.Sprintf("rule source %s was not asked for %s yet", l.g.Source, r.Record)
			if last != nil {
				why = last.results[i].Reason
			}
			blind = append(blind, rules.Blind{Name: func(series string) bool { return series == r.Record }, Why: why})
		}
	}
	return blind
}
