package promapi_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/prometheus/prompb"

	"guardian/test/promapi"
)

// sourced is a guardian whose rules are evaluated by another server.
func sourced(t *testing.T, server string) string {
	t.Helper()
	return guardian(t, `
evaluation_interval: 100ms
rules: [own.yaml]
rule_sources: [{name: team, server: "`+server+`", timeout: 2s, rules: [team.yaml]}]
`, map[string]string{
		"team.yaml": `
groups:
  - name: team
    rules:
      - {record: "shop:lag", expr: max by (shop) (erp_lag)}
      - {alert: Behind, expr: max by (shop) (erp_lag) > 3, labels: {tier: warning}, annotations: {summary: "{{ query \"erp_lag\" | first | value }} behind"}}
`,
		"own.yaml": `
groups:
  - name: own
    rules: [{alert: OwnBehind, expr: "shop:lag > 3"}]
`,
	})
}

// A team's metrics are only in its own Prometheus, which evaluates the rules. What they record is
// stored by the guardian. When that Prometheus is gone, no alert fires or resolves because of it.
func TestARuleSourceThatIsGoneChangesNothing(t *testing.T) {
	p := promapi.Start(t, "global: {}\n")
	now := time.Now()
	if r := write(t, p.URL, ts("erp_lag", []prompb.Sample{{Timestamp: now.UnixMilli(), Value: 5}}, "shop", "sg-1")); r.status != http.StatusNoContent {
		t.Fatal(r)
	}
	own := sourced(t, p.URL)
	eventually(t, own+"/api/v1/alerts", `"alertname":"Behind","shop":"sg-1"`)
	eventually(t, own+"/api/v1/alerts", `"summary":"5 behind"`)
	eventually(t, query(own, `shop:lag`), `"5"`)
	eventually(t, own+"/api/v1/alerts", `"alertname":"OwnBehind"`)
	if got := do(t, http.MethodGet, query(own, "erp_lag"), nil); !strings.Contains(got.body, `"result":[]`) {
		t.Errorf("the source's own metrics are here: %s", got.body)
	}
	p.Kill()
	eventually(t, own+"/api/v1/rules?rule_name[]=Behind", `"health":"err","lastError":"rule source team: `)
	// Rules that read a series which the source's rules record are unknown from then on, too.
	eventually(t, own+"/api/v1/rules?rule_name[]=OwnBehind", `"health":"unknown"`)
	for _, alert := range []string{"Behind", "OwnBehind"} {
		if got := do(t, http.MethodGet, own+"/api/v1/alerts", nil); !strings.Contains(got.body, `"alertname":"`+alert+`"`) {
			t.Errorf("%s resolved because nobody could be asked: %s", alert, got.body)
		}
	}
}

// A server that repeats what it was sent does not get the token onto pages or into logs.
func TestARuleSourcesTokenIsNeverShown(t *testing.T) {
	const token = "glsa-5d41402abc4b2a76"
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusUnprocessableEntity)
		_, _ = w.Write([]byte(`{"status":"error","errorType":"execution","error":"no access with ` + r.Header.Get("Authorization") + `"}`))
	}))
	defer server.Close()
	own := guardian(t, `
evaluation_interval: 100ms
rule_sources: [{name: team, server: "`+server.URL+`", headers: {Authorization: "Bearer `+token+`"}, rules: [team.yaml]}]
`, map[string]string{"team.yaml": "groups: [{name: team, rules: [{alert: Behind, expr: erp_lag > 3}]}]\n"})
	eventually(t, own+"/api/v1/rules", "no access with")
	if got := do(t, http.MethodGet, own+"/api/v1/rules", nil); strings.Contains(got.body, token) {
		t.Errorf("the token is shown: %s", got.body)
	}
}

// A partial answer and an error leave an alert as it is; a complete answer that is empty
// resolves it.
func TestOnlyAWholeAnswerResolves(t *testing.T) {
	const firing = `{"status":"success","data":{"resultType":"vector","result":[{"metric":{"shop":"sg-1"},"value":[1700000000,"5"]}]}}`
	var answer atomic.Pointer[string]
	var params atomic.Pointer[string]
	say := func(text string) { answer.Store(&text) }
	say(firing)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		params.Store(&r.URL.RawQuery)
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(*answer.Load()))
	}))
	defer server.Close()
	own := sourced(t, server.URL)
	eventually(t, own+"/api/v1/alerts", `"alertname":"Behind"`)
	for _, c := range []struct{ says, why string }{
		{`{"status":"success","warnings":["store 10.0.0.1 is not reachable"],"data":{"resultType":"vector","result":[]}}`, "the answer is not whole: store 10.0.0.1 is not reachable"},
		{`{"status":"error","errorType":"timeout","error":"too slow"}`, "too slow"},
		{`<html>Bad Gateway`, "rule source team"},
		{`{"status":"success","data":{"resultType":"matrix","result":[]}}`, "the answer is a matrix; a vector or a scalar is needed"},
	} {
		say(c.says)
		eventually(t, own+"/api/v1/rules?rule_name[]=Behind", c.why)
		if got := do(t, http.MethodGet, own+"/api/v1/alerts", nil); !strings.Contains(got.body, `"alertname":"Behind"`) {
			t.Fatalf("%s resolved the alert: %s", c.says, got.body)
		}
		say(firing)
		eventually(t, own+"/api/v1/rules?rule_name[]=Behind", `"health":"ok"`)
	}
	if got := *params.Load(); !strings.Contains(got, "partial_response=false") || !strings.Contains(got, "deny_partial_response=1") {
		t.Errorf("asked with %q: servers may answer in part", got)
	}
	say(`{"status":"success","infos":["PromQL info: metric might not be a counter"],"data":{"resultType":"vector","result":[]}}`)
	eventually(t, own+"/api/v1/alerts", `"alerts":[]`)
}
