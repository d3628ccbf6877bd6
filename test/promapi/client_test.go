package promapi_test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/api"
	promv1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/prompb"

	"guardian/test/promapi"
)

// pair is a Prometheus and a guardian with the same samples, exemplars and rules.
type pair struct {
	theirs, own string
	now         time.Time
}

const clientRules = `
groups:
  - name: erp
    interval: 100ms
    rules:
      - {record: "shop:orders", expr: sum by (shop) (erp_orders_total), labels: {team: erp}}
      - {alert: Behind, expr: 'erp_orders_total{shop="sg-1"} >= 0', labels: {tier: warning}, annotations: {summary: "{{ $value }} behind"}}
      - {alert: Never, expr: erp_none > 1, for: 1m, keep_firing_for: 2m}
`

// newPair starts both. What is written lies in the past; the alerts of both fire before it returns.
func newPair(t *testing.T) pair {
	t.Helper()
	p := pair{now: time.Now().Truncate(time.Minute)}
	theirs := promapi.Start(t, "global: {evaluation_interval: 100ms, external_labels: {region: sg}}\nalerting: {alertmanagers: [{static_configs: [{targets: ['127.0.0.1:1']}]}]}\nrule_files: [rules.yaml]\n",
		"--enable-feature=exemplar-storage", "--web.enable-lifecycle")
	p.theirs = theirs.URL
	theirs.Write("rules.yaml", clientRules)
	p.own = guardian(t, "ingest: [\"erp_*\"]\nexternal_labels: {region: sg}\nrules: [rules.yaml]\nalertmanagers: [{name: gone, url: 'http://127.0.0.1:1'}]\n", map[string]string{"rules.yaml": clientRules})
	if r := do(t, http.MethodPost, p.theirs+"/-/reload", nil); r.status != http.StatusOK {
		t.Fatal(r)
	}
	exemplars := ts("erp_seconds_bucket", nil, "le", "0.5")
	for i := range 3 {
		exemplars.Exemplars = append(exemplars.Exemplars, prompb.Exemplar{
			Labels: []prompb.Label{{Name: "trace_id", Value: fmt.Sprintf("4bf92f35-%d <&>", i)}}, Value: 0.25 + float64(i), Timestamp: p.now.Add(-time.Duration(40-i) * time.Minute).UnixMilli(),
		})
	}
	exemplars.Exemplars = append(exemplars.Exemplars, exemplars.Exemplars[0], // too old by then
		prompb.Exemplar{Labels: []prompb.Label{{Name: "long", Value: strings.Repeat("x", 200)}}, Value: 1, Timestamp: p.now.UnixMilli()})
	other := ts("erp_lag", nil, "shop", "sg-1", "note", "<&> \"quoted\" 订单 \u2028")
	other.Exemplars = []prompb.Exemplar{{Value: 5, Timestamp: p.now.Add(-time.Minute).UnixMilli()}}
	none := ts("erp_unknown", nil, "le", "0.5")
	none.Exemplars = other.Exemplars
	for _, server := range []string{p.theirs, p.own} {
		for _, batch := range [][]prompb.TimeSeries{history(p.now), {exemplars, other, none}} {
			if r := write(t, server, batch...); r.status != http.StatusNoContent {
				t.Fatalf("%s: %d %s", server, r.status, r.body)
			}
		}
		eventually(t, server+"/api/v1/alerts", `"firing"`)
		eventually(t, query(server, "shop:orders"), `"sg-1"`)
	}
	return p
}

func client(t *testing.T, address string) promv1.API {
	t.Helper()
	c, err := api.NewClient(api.Config{Address: address})
	if err != nil {
		t.Fatal(err)
	}
	return promv1.NewAPI(c)
}

// calls are the methods of Prometheus' own client, each with what must be alike. A nil result means that only
// the call itself and its error are compared.
func (p pair) calls() map[string]func(context.Context, promv1.API) (any, error) {
	from, to, selected := p.now.Add(-time.Hour), p.now, []string{`erp_orders_total`, `{shop="sg-1",__name__=~"erp_.*"}`}
	return map[string]func(context.Context, promv1.API) (any, error){
		"Alerts": func(ctx context.Context, a promv1.API) (any, error) {
			got, err := a.Alerts(ctx)
			for i := range got.Alerts {
				got.Alerts[i].ActiveAt = time.Time{}
			}
			return got, err
		},
		"AlertManagers":   func(ctx context.Context, a promv1.API) (any, error) { return a.AlertManagers(ctx) },
		"CleanTombstones": func(ctx context.Context, a promv1.API) (any, error) { return nil, a.CleanTombstones(ctx) },
		"Config": func(ctx context.Context, a promv1.API) (any, error) {
			got, err := a.Config(ctx)
			return strings.Contains(got.YAML, "external_labels:\n        region: sg") || strings.Contains(got.YAML, "external_labels:\n    region: sg"), err
		},
		"DeleteSeries": func(ctx context.Context, a promv1.API) (any, error) {
			return nil, a.DeleteSeries(ctx, selected, from, to)
		},
		"Flags": func(ctx context.Context, a promv1.API) (any, error) {
			got, err := a.Flags(ctx)
			return []string{got["web.enable-admin-api"], got["web.enable-remote-write-receiver"], got["query.lookback-delta"]}, err
		},
		"LabelNames": func(ctx context.Context, a promv1.API) (any, error) {
			got, _, _, err := a.LabelNames(ctx, selected, from, to)
			return got, err
		},
		"LabelValues": func(ctx context.Context, a promv1.API) (any, error) {
			got, _, _, err := a.LabelValues(ctx, "shop", selected, from, to)
			return got, err
		},
		"Query": func(ctx context.Context, a promv1.API) (any, error) {
			got, _, _, err := a.Query(ctx, "sum(erp_orders_total)", to.Add(-time.Second), promv1.WithTimeout(time.Minute), promv1.WithStats(promv1.AllStatsValue))
			return got, err
		},
		"QueryRange": func(ctx context.Context, a promv1.API) (any, error) {
			got, _, _, err := a.QueryRange(ctx, "sum by (shop) (erp_orders_total)", promv1.Range{Start: from.Add(time.Second), End: to.Add(time.Hour), Step: time.Minute})
			return got, err
		},
		"QueryExemplars": func(ctx context.Context, a promv1.API) (any, error) {
			return a.QueryExemplars(ctx, "rate(erp_seconds_bucket[5m]) + erp_lag", from, to)
		},
		"Buildinfo": func(ctx context.Context, a promv1.API) (any, error) {
			got, err := a.Buildinfo(ctx)
			return got.Version != "" && strings.HasPrefix(got.GoVersion, "go"), err
		},
		"Runtimeinfo": func(ctx context.Context, a promv1.API) (any, error) {
			got, err := a.Runtimeinfo(ctx)
			return []any{got.ReloadConfigSuccess, got.CWD, got.GoroutineCount > 1, got.StorageRetention, got.StartTime.After(p.now.Add(-time.Hour)), got.LastConfigTime.IsZero()}, err
		},
		"Series": func(ctx context.Context, a promv1.API) (any, error) {
			got, _, _, err := a.Series(ctx, selected, from, to)
			slices.SortFunc(got, func(a, b model.LabelSet) int { return cmp.Compare(a.String(), b.String()) })
			return got, err
		},
		"Snapshot": func(ctx context.Context, a promv1.API) (any, error) { return a.Snapshot(ctx, true) },
		"Rules": func(ctx context.Context, a promv1.API) (any, error) {
			got, err := a.Rules(ctx, nil)
			return alike(got), err
		},
		"Targets": func(ctx context.Context, a promv1.API) (any, error) { return a.Targets(ctx) },
		"TargetsMetadata": func(ctx context.Context, a promv1.API) (any, error) {
			return a.TargetsMetadata(ctx, `{job="x"}`, "up", "3")
		},
		"Metadata": func(ctx context.Context, a promv1.API) (any, error) { return a.Metadata(ctx, "erp_lag", "3") },
		"TSDB": func(ctx context.Context, a promv1.API) (any, error) {
			got, err := a.TSDB(ctx)
			slices.SortFunc(got.SeriesCountByMetricName, func(a, b promv1.Stat) int { return cmp.Compare(a.Name, b.Name) })
			return []any{got.SeriesCountByMetricName, got.HeadStats.NumSeries, got.HeadStats.NumLabelPairs, got.HeadStats.ChunkCount > 0}, err
		},
		"WalReplay": func(ctx context.Context, a promv1.API) (any, error) { return a.WalReplay(ctx) },
		"FormatQuery": func(ctx context.Context, a promv1.API) (any, error) {
			return a.FormatQuery(ctx, "sum(rate(foo[5m]))by(shop)/bar")
		},
	}
}

// alike takes out of rules what no two servers have in common.
func alike(got promv1.RulesResult) promv1.RulesResult {
	for i := range got.Groups {
		got.Groups[i].File = ""
		for k, r := range got.Groups[i].Rules {
			switch r := r.(type) {
			case promv1.AlertingRule:
				r.EvaluationTime, r.LastEvaluation = 0, time.Time{}
				for _, a := range r.Alerts {
					a.ActiveAt = time.Time{}
				}
				got.Groups[i].Rules[k] = r
			case promv1.RecordingRule:
				r.EvaluationTime, r.LastEvaluation = 0, time.Time{}
				got.Groups[i].Rules[k] = r
			}
		}
	}
	return got
}

// newer are the methods that Debian's Prometheus does not know, with what a later one answers here.
func newer() map[string]func(context.Context, promv1.API) (any, error) {
	return map[string]func(context.Context, promv1.API) (any, error){
		"TSDBBlocks": func(ctx context.Context, a promv1.API) (any, error) {
			got, err := a.TSDBBlocks(ctx)
			return len(got.Blocks), err
		},
	}
}

// Each method of Prometheus' own client gets the same from both.
func TestEveryMethodOfTheClient(t *testing.T) {
	p := newPair(t)
	calls, later := p.calls(), newer()
	theirs, own := client(t, p.theirs), client(t, p.own)
	eventually(t, p.theirs+"/api/v1/alertmanagers", "127.0.0.1:1")
	for method := range reflect.TypeFor[promv1.API]().Methods() {
		name := method.Name
		if call := later[name]; call != nil {
			if got, err := call(t.Context(), own); err != nil || !reflect.DeepEqual(got, 0) {
				t.Errorf("%s: %v, %v", name, got, err)
			}
			continue
		}
		call := calls[name]
		if call == nil {
			t.Errorf("%s is not tested", name)
			continue
		}
		want, wrong := call(t.Context(), theirs)
		got, err := call(t.Context(), own)
		if shown(wrong) != shown(err) || shown(want) != shown(got) {
			t.Errorf("%s\nPrometheus says %s, %v\nguardian says   %s, %v", name, shown(want), wrong, shown(got), err)
		}
	}
	t.Run("lookback", p.lookback)
	t.Run("limits", p.limits)
	t.Run("parameters", p.parameters)
	t.Run("fields", p.fields)
	t.Run("federation", p.federation)
}

func shown(v any) string {
	if err, ok := v.(error); ok {
		return err.Error()
	}
	b, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(b)
}
