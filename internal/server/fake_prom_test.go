package server_test

import (
	"context"
	"math"
	"time"

	"github.com/prometheus/prometheus/model/exemplar"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/util/stats"

	"guardian/internal/server"
	"guardian/probes/sample"
)

func (m *memory) Query(_ context.Context, expr string, at time.Time, o server.QueryOptions) (server.QueryResult, error) {
	e, err := parser.NewParser(parser.Options{}).ParseExpr(expr)
	if err != nil {
		return server.QueryResult{}, err
	}
	if expr == "slow" {
		return server.QueryResult{}, promql.ErrQueryTimeout("query execution")
	}
	if e.Type() == parser.ValueTypeScalar {
		return server.QueryResult{Value: promql.Scalar{T: at.UnixMilli(), V: 2}}, nil
	}
	if expr == "lookback" {
		return server.QueryResult{Value: promql.Scalar{T: at.UnixMilli(), V: o.Lookback.Seconds()}}, nil
	}
	if expr == "nothing" {
		return server.QueryResult{Value: promql.Vector(nil)}, nil
	}
	return server.QueryResult{
		Value: promql.Vector{
			{Metric: labels.FromStrings("__name__", "probe_success", "check", "push-shopee-sg"), T: at.UnixMilli(), F: 1},
			{Metric: labels.FromStrings("check", "odd"), T: at.UnixMilli(), F: math.NaN()},
		},
		Warnings: []string{"a warning"},
		Stats:    &stats.Statistics{Timers: stats.NewQueryTimers(), Samples: stats.NewQuerySamples(o.PerStep)},
	}, nil
}

func (m *memory) QueryRange(_ context.Context, expr string, over server.QueryRange, _ server.QueryOptions) (server.QueryResult, error) {
	if _, err := parser.NewParser(parser.Options{}).ParseExpr(expr); err != nil {
		return server.QueryResult{}, err
	}
	s := promql.Series{Metric: labels.FromStrings("check", "push-shopee-sg")}
	for t := over.Start; !t.After(over.End); t = t.Add(over.Step) {
		s.Floats = append(s.Floats, promql.FPoint{T: t.UnixMilli(), F: 1})
	}
	return server.QueryResult{Value: promql.Matrix{s}}, nil
}

func (m *memory) Series(context.Context, []string, time.Time, time.Time, int) ([]labels.Labels, error) {
	return []labels.Labels{labels.FromStrings("__name__", "probe_success", "check", "push-shopee-sg")}, nil
}

func (m *memory) LabelNames(context.Context, []string, time.Time, time.Time, int) ([]string, error) {
	return []string{"__name__", "check"}, nil
}

func (m *memory) LabelValues(_ context.Context, name string, _ []string, _, _ time.Time, _ int) ([]string, error) {
	if name == "check" {
		return []string{"push-shopee-sg"}, nil
	}
	return nil, nil
}

func (m *memory) Metadata(context.Context) (map[string]server.Metadata, error) {
	return map[string]server.Metadata{
		"erp_lag":      {Type: "gauge", Help: "How far behind.", Unit: "seconds"},
		"orders_total": {Type: "counter", Help: "Orders."},
	}, nil
}

func (m *memory) Exemplars(_ context.Context, _ [][]*labels.Matcher, start, end time.Time) ([]exemplar.QueryResult, error) {
	if m.now.Before(start) || m.now.After(end) {
		return nil, nil
	}
	return []exemplar.QueryResult{{
		SeriesLabels: labels.FromStrings("__name__", "erp_seconds_bucket", "le", "1"),
		Exemplars:    []exemplar.Exemplar{{Labels: labels.FromStrings("trace_id", "4bf92f35"), Value: 0.25, Ts: m.now.UnixMilli(), HasTs: true}},
	}}, nil
}

func (m *memory) LastSamples(_ context.Context, selectors [][]*labels.Matcher, at time.Time) (promql.Vector, error) {
	if len(selectors) == 0 || m.last != nil {
		return m.last, nil
	}
	return promql.Vector{
		{Metric: labels.FromStrings("__name__", "up", "shop", "sg"), T: at.UnixMilli(), F: 1},
		{Metric: labels.FromStrings("__name__", "erp_lag", "region", "own"), T: at.UnixMilli(), F: math.Inf(1)},
	}, nil
}

func (m *memory) CheckTargets(context.Context) ([]server.Target, error) {
	return []server.Target{
		{Check: "order-api", Kind: "http", Labels: map[string]string{"check": "order-api"}, URL: "https://shop.example.com/", Health: sample.Up, Last: m.now, Took: time.Second, Every: 15 * time.Second, Timeout: 10 * time.Second},
		{Check: "order-db", Kind: "sql", Labels: map[string]string{"check": "order-db"}, Health: sample.Down, Problem: "refused", Last: m.now, Every: 15 * time.Second, Timeout: 10 * time.Second},
	}, nil
}

func (m *memory) PromSetup(context.Context) (server.PromSetup, error) {
	return server.PromSetup{
		Config: "global:\n  evaluation_interval: 15s\n", Flags: map[string]string{"web.enable-admin-api": "false"}, Retention: 15 * 24 * time.Hour,
		Alertmanagers: []string{"http://alertmanager:9093/api/v2/alerts"}, ExternalLabels: map[string]string{"region": "sg"},
		Features: map[string]map[string]bool{"api": {"query_stats": true}},
	}, nil
}

func (m *memory) StorageStats(_ context.Context, limit int) (server.StorageStats, error) {
	return server.StorageStats{Series: 7, SeriesOfMetric: []server.Counted{{Name: "up", Value: uint64(limit)}}}, nil
}

func (m *memory) StorageBlocks(context.Context) ([]tsdb.BlockMeta, error) { return nil, nil }

func (m *memory) StorageReplay(context.Context) (server.Replay, error) {
	return server.Replay{Max: 3, Current: 3}, nil
}
