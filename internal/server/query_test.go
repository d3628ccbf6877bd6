package server_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/api"
	promv1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"

	"guardian/internal/server"
)

// Prometheus' own client must understand every answer: Grafana and promtool use it too.
func TestPrometheusClientUnderstands(t *testing.T) {
	client, err := api.NewClient(api.Config{Address: serve(t, busy(), nil)})
	if err != nil {
		t.Fatal(err)
	}
	prom, ctx, now := promv1.NewAPI(client), t.Context(), fixedNow()

	value, warnings, _, err := prom.Query(ctx, "probe_success", now)
	if err != nil || len(warnings) != 1 {
		t.Fatalf("query: %v, warnings %v", err, warnings)
	}
	if got, want := value.String(), fmt.Sprintf("probe_success{check=\"push-shopee-sg\"} => 1 @[%d]\n{check=\"odd\"} => NaN @[%[1]d]", now.Unix()); got != want {
		t.Errorf("vector\n%s\nwant\n%s", got, want)
	}
	if value, _, _, err = prom.Query(ctx, "1+1", now); err != nil || value.Type() != model.ValScalar {
		t.Errorf("scalar: %v %v", value, err)
	}
	if value, _, _, err = prom.Query(ctx, "nothing", now); err != nil || value.(model.Vector).Len() != 0 {
		t.Errorf("empty vector: %v %v", value, err)
	}
	value, _, _, err = prom.QueryRange(ctx, "probe_success", promv1.Range{Start: now.Add(-time.Minute), End: now, Step: 15 * time.Second})
	if err != nil || len(value.(model.Matrix)) != 1 || len(value.(model.Matrix)[0].Values) != 5 {
		t.Errorf("matrix: %v %v", value, err)
	}
	sets, _, _, err := prom.Series(ctx, []string{`{check=~"push.+"}`}, now.Add(-time.Hour), now)
	if err != nil || len(sets) != 1 || sets[0]["check"] != "push-shopee-sg" {
		t.Errorf("series: %v %v", sets, err)
	}
	if names, _, _, err := prom.LabelNames(ctx, nil, now.Add(-time.Hour), now); err != nil || len(names) != 2 {
		t.Errorf("labels: %v %v", names, err)
	}
	if values, _, _, err := prom.LabelValues(ctx, "check", nil, now.Add(-time.Hour), now); err != nil || len(values) != 1 {
		t.Errorf("label values: %v %v", values, err)
	}
	groups, err := prom.Rules(ctx, nil)
	if err != nil || len(groups.Groups) != 1 || len(groups.Groups[0].Rules) != 2 {
		t.Fatalf("rules: %+v %v", groups, err)
	}
	alerting, ok := groups.Groups[0].Rules[0].(promv1.AlertingRule)
	if !ok || alerting.State != "firing" || alerting.Duration != 60 || len(alerting.Alerts) != 3 {
		t.Errorf("alerting rule: %+v", groups.Groups[0].Rules[0])
	}
	alerts, err := prom.Alerts(ctx)
	if err != nil || len(alerts.Alerts) != 3 || alerts.Alerts[1].Labels["alertname"] != "OrderPushFailing" || alerts.Alerts[1].Value != "4.2e-01" {
		t.Errorf("alerts: %+v %v", alerts, err)
	}
	if info, err := prom.Buildinfo(ctx); err != nil || info.Version != "v0.9.0" {
		t.Errorf("build info: %+v %v", info, err)
	}
	if all, err := prom.Metadata(ctx, "", ""); err != nil || len(all) != 2 || all["erp_lag"][0].Help != "How far behind." {
		t.Errorf("metadata: %v %v", all, err)
	}
}

// A client that asks for a few groups at a time sees each once.
func TestGroupsOfRulesComePageByPage(t *testing.T) {
	m := busy()
	for _, name := range []string{"a", "b", "c", "empty", "d"} {
		g := server.RuleGroup{Name: name, File: "rules/more.yaml"}
		if name != "empty" {
			g.Rules = []server.Rule{{Name: "rule_" + name, Query: "up", Health: "ok"}}
		}
		m.groups = append(m.groups, g)
	}
	url := serve(t, m, nil)
	for _, c := range []struct{ query, want string }{
		{"group_limit=2", "orders a, b c, d"},
		{"group_limit=1&file[]=rules/more.yaml", "a, b, c, d"},
		{"group_limit=3&type=record&rule_group[]=d&rule_group[]=b", "b d"},
		{"group_limit=5", "orders a b c d"},
		{"group_limit=100", "orders a b c d"},
	} {
		var pages []string
		for token := ""; ; {
			var answer struct {
				Data struct {
					Groups         []struct{ Name string }
					GroupNextToken string
				}
			}
			got := send(t, url, "GET", "/api/v1/rules?"+c.query+token, "")
			if err := json.Unmarshal([]byte(got.body), &answer); err != nil {
				t.Fatal(err, got.body)
			}
			var names []string
			for _, g := range answer.Data.Groups {
				names = append(names, g.Name)
			}
			pages = append(pages, strings.Join(names, " "))
			if answer.Data.GroupNextToken == "" {
				break
			}
			token = "&group_next_token=" + answer.Data.GroupNextToken
		}
		if got := strings.Join(pages, ", "); got != c.want {
			t.Errorf("%s: %s, want %s", c.query, got, c.want)
		}
	}
}

func TestQueryMistakesAreToldAsPrometheusDoes(t *testing.T) {
	url := serve(t, busy(), nil)
	for name, c := range map[string]struct {
		path   string
		status int
		says   string
	}{
		"an expression that does not parse":  {"/api/v1/query?query=sum(", 400, `"errorType":"bad_data"`},
		"a range vector over a range":        {"/api/v1/query_range?query=up[5m]&start=0&end=1&step=1", 400, "invalid expression type"},
		"a time that is none":                {"/api/v1/query?query=up&time=noon", 400, `cannot parse \"noon\" to a valid timestamp`},
		"an end before the start":            {"/api/v1/query_range?query=up&start=9&end=1&step=1", 400, "end timestamp must not be before start time"},
		"no step":                            {"/api/v1/query_range?query=up&start=0&end=1&step=0", 400, "zero or negative query resolution step"},
		"a step that is not a number":        {"/api/v1/query_range?query=up&start=0&end=1&step=NaN", 400, "to a valid duration"},
		"too many points":                    {"/api/v1/query_range?query=up&start=0&end=20000&step=1", 400, "exceeded maximum resolution of 11,000 points"},
		"a query that takes too long":        {"/api/v1/query?query=slow", 503, `"errorType":"timeout"`},
		"series of nothing":                  {"/api/v1/series", 400, "no match[] parameter provided"},
		"a selector that selects everything": {`/api/v1/series?match[]={a=~".*"}`, 400, "at least one non-empty matcher"},
		"a selector that does not parse":     {"/api/v1/labels?match[]={", 400, "bad_data"},
		"a limit that is not one":            {"/api/v1/labels?limit=-1", 400, "limit must be a number"},
		"a kind of rule that does not exist": {"/api/v1/rules?type=big", 400, "not supported value"},
		"rules of one kind":                  {"/api/v1/rules?type=record", 200, `"name":"order:success:ratio"`},
		"rules without their alerts, maybe":  {"/api/v1/rules?exclude_alerts=perhaps", 400, "error converting exclude_alerts"},
		"rules by labels":                    {`/api/v1/rules?match[]={tier=~"crit.*"}`, 200, `"name":"OrderPushFailing"`},
		"rules by labels that none has":      {`/api/v1/rules?match[]={tier="critical",shop="sg"}`, 200, `{"groups":[]}`},
		"rules by labels, any of two":        {`/api/v1/rules?match[]={shop="sg"}&match[]={tier="critical"}`, 200, `"name":"OrderPushFailing"`},
		"rules by everything":                {`/api/v1/rules?match[]={a=~".*"}`, 400, "at least one non-empty matcher"},
		"no groups at once":                  {"/api/v1/rules?group_limit=0", 400, "greater than 0"},
		"groups from one on, and no limit":   {"/api/v1/rules?group_next_token=ab", 400, "group_limit needs to be present"},
		"groups from one on that is gone":    {"/api/v1/rules?group_limit=1&group_next_token=ab", 400, "were rule groups changed?"},
		"metadata of one metric":             {"/api/v1/metadata?metric=erp_lag", 200, `{"status":"success","data":{"erp_lag":[{"type":"gauge","help":"How far behind.","unit":"seconds"}]}}`},
		"metadata, some":                     {"/api/v1/metadata?limit=0", 200, `"data":{}`},
		"metadata, a number of them":         {"/api/v1/metadata?limit=few", 400, "limit must be a number"},
		"an expression, formatted":           {"/api/v1/format_query?query=foo/bar", 200, `"data":"foo / bar"`},
		"no expression, formatted":           {"/api/v1/format_query?query=foo/", 400, "bad_data"},
		"rules by name":                      {"/api/v1/rules?rule_name[]=none", 200, `{"groups":[]}`},
		"label values of what nothing has":   {"/api/v1/label/nothing/values", 200, `{"status":"success","data":[]}`},
		"seconds with a fraction are a time": {"/api/v1/query?query=1&time=1700000000.25", 200, `[1700000000.25,"2"]`},
		"a time with a zone":                 {"/api/v1/query?query=1&time=2026-11-22T18:15:00%2B08:00", 200, `[1795342500,"2"]`},
		"a timeout that is not a duration":   {"/api/v1/query?query=1&timeout=soon", 400, "timeout"},
		"an alert that resolved is not told": {"/api/v1/alerts", 200, `"state":"pending"`},
	} {
		t.Run(name, func(t *testing.T) {
			got := send(t, url, "GET", strings.NewReplacer("{", "%7B", "}", "%7D", `"`, "%22").Replace(c.path), "")
			if got.status != c.status || !strings.Contains(got.body, c.says) {
				t.Errorf("%d, want %d and %s\n%s", got.status, c.status, c.says, got.body)
			}
			if got.header.Get("Content-Type") != "application/json" {
				t.Errorf("content type %q", got.header.Get("Content-Type"))
			}
		})
	}
	if got := send(t, url, "POST", "/api/v1/query", "query=1%2B1", "Content-Type", "application/x-www-form-urlencoded"); got.status != http.StatusOK {
		t.Errorf("posted form: %d %s", got.status, got.body)
	}
}
