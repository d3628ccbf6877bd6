package server

import "slices"

// promRoutes is Prometheus' API. Each route names the parameters that it takes; others are refused.
func (s *Server) promRoutes(b Backend) []entry {
	query := []string{"query", "time", "limit", "lookback_delta", "stats", "step"} // step: vmalert sends it; an instant has none
	over := []string{"query", "start", "end", "step", "limit", "lookback_delta", "stats"}
	selected := []string{"match[]", "start", "end", "limit"}
	alone := func(handle handler) handler { return s.prom(handle) }
	all := slices.Concat(
		answers(Viewer, s.prom(s.bounded(s.query(b.Queries)), query...), "GET /api/v1/query", "POST /api/v1/query"),
		answers(Viewer, s.prom(s.bounded(s.queryRange(b.Queries)), over...), "GET /api/v1/query_range", "POST /api/v1/query_range"),
		answers(Viewer, s.prom(s.bounded(s.queryExemplars(b.Exemplars)), "query", "start", "end"), "GET /api/v1/query_exemplars", "POST /api/v1/query_exemplars"),
		answers(Viewer, s.prom(s.formatQuery, "query"), "GET /api/v1/format_query", "POST /api/v1/format_query"),
		answers(Viewer, s.prom(s.parseQuery, "query"), "GET /api/v1/parse_query", "POST /api/v1/parse_query"),
		answers(Viewer, s.prom(s.bounded(s.series(b.Series)), selected...), "GET /api/v1/series", "POST /api/v1/series"),
		answers(Viewer, s.prom(s.bounded(s.labelNames(b.Series)), selected...), "GET /api/v1/labels", "POST /api/v1/labels"),
		answers(Viewer, s.prom(s.bounded(s.labelValues(b.Series)), selected...), "GET /api/v1/label/{name}/values"),
		answers(Viewer, s.prom(s.metadata(b.MetricHelp), "metric", "limit", "limit_per_metric"), "GET /api/v1/metadata"),

		answers(Viewer, s.prom(s.rules(b.Rules), rulesParams()...), "GET /api/v1/rules"),
		answers(Viewer, alone(s.alerts(b.Alerts)), "GET /api/v1/alerts"),
		answers(Viewer, alone(s.alertmanagers(b.Setup)), "GET /api/v1/alertmanagers"),
		answers(Viewer, s.prom(s.targets(b.Targets), "state", "scrapePool"), "GET /api/v1/targets"),
		answers(Viewer, s.prom(s.targetsMetadata, "match_target", "metric", "limit"), "GET /api/v1/targets/metadata"),
		answers(Viewer, alone(s.scrapePools(b.Targets)), "GET /api/v1/scrape_pools"),

		answers(Viewer, alone(s.buildInfo(b.Process)), "GET /api/v1/status/buildinfo"),
		answers(Viewer, alone(s.runtimeInfo(b.Process, b.Setup)), "GET /api/v1/status/runtimeinfo"),
		answers(Viewer, alone(s.flags(b.Setup)), "GET /api/v1/status/flags"),
		answers(Viewer, alone(s.config(b.Setup)), "GET /api/v1/status/config"),
		answers(Viewer, s.prom(s.bounded(s.tsdbStatus(b.Storage)), "limit"), "GET /api/v1/status/tsdb"),
		answers(Viewer, alone(s.tsdbBlocks(b.Storage)), "GET /api/v1/status/tsdb/blocks"),
		answers(Viewer, alone(s.walReplay(b.Storage)), "GET /api/v1/status/walreplay"),
		answers(Viewer, s.prom(s.selfMetrics, "metric_name_pattern"), "GET /api/v1/status/self_metrics"),
		answers(Viewer, alone(s.features(b.Setup)), "GET /api/v1/features"),

		answers(Admin, s.adminless,
			"POST /api/v1/admin/tsdb/delete_series", "POST /api/v1/admin/tsdb/clean_tombstones", "POST /api/v1/admin/tsdb/snapshot",
			"PUT /api/v1/admin/tsdb/delete_series", "PUT /api/v1/admin/tsdb/clean_tombstones", "PUT /api/v1/admin/tsdb/snapshot"),
	)
	return append(all, entry{"GET /federate", Viewer, federating, s.prom(s.bounded(s.federate(b.Federation, b.Setup)), "match[]"), nil})
}

// answers makes routes of Prometheus' API with one answer.
func answers(need Role, handle handler, patterns ...string) []entry {
	all := make([]entry, len(patterns))
	for i, pattern := range patterns {
		all[i] = entry{pattern, need, metering, handle, nil}
	}
	return all
}
