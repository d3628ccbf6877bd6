//go:build !race

package scenario_test

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
	"time"

	"guardian/test/program"
	"guardian/test/rig"
)

// binary is the program under test, built once.
var binary program.Program

func TestMain(m *testing.M) {
	flag.Parse()
	// Scenarios wait far more than they compute.
	if f := flag.Lookup("test.parallel"); f.Value.String() == f.DefValue {
		_ = f.Value.Set("9")
	}
	os.Exit(rig.Main(m, &binary))
}

// scenario is one script.
type scenario struct {
	name   string
	checks string // default: the storefront
	watch  string // more of the section watch
	more   string // more of the configuration
	rules  string // a rule file
	clock  bool   // the machine's clock can be set
	before int    // number of looks before the deploy; default 4
	// play says how the shop answers; nil: always well.
	play func(request) answer
	// script runs the scenario and returns the watch whose verdict counts; nil: v2 is shipped.
	script func(*stage) string
	then   func(*stage, rig.WatchView) // asserts more; nil: nothing

	want   string // verdict
	says   string // in its reason
	rolled bool   // one rollback, and none otherwise
}

// bad makes a version answer all requests with errors.
func bad(version string) func(request) answer {
	return func(m request) answer { return answer{bad: m.version == version} }
}

// everywhere makes all these places fail from one time after the deploy to another.
func everywhere(from, to time.Duration, places ...place) func(request) answer {
	return func(m request) answer {
		for _, p := range places {
			if p == m.at && m.version != "v1" && m.since >= from && m.since < to {
				return answer{bad: true}
			}
		}
		return answer{}
	}
}

const (
	front   = "  - {name: storefront, service: order-sync, every: 250ms, http: {url: \"SHOP/storefront\"}}\n"
	visible = "  - {name: storefront, service: order-sync, every: 250ms, http: {url: \"SHOP/storefront\", version_from: {header: X-Version}}}\n"
	control = "  - {name: outside, service: order-sync, every: 250ms, control: true, http: {url: \"SHOP/outside\"}}\n"
	quick   = "  - {name: storefront, service: order-sync, every: 120ms, timeout: 110ms, http: {url: \"SHOP/storefront\"}}\n"
	shops   = "  - {name: storefront, service: order-sync, every: 250ms, labels: {marketplace: shopee, shop: sg-1}, http: {url: \"SHOP/storefront\"}}\n" +
		"  - {name: other, service: order-sync, every: 250ms, labels: {marketplace: shopee, shop: my-1}, http: {url: \"SHOP/other\"}}\n"
	traffic = "  - {name: traffic, service: order-sync, every: 250ms, promql: {server: \"SHOP/traffic\", query: failed_orders, up_if: \"< 0.05\", empty: unknown}}\n"
	pushes  = `  - name: storefront
    service: order-sync
    every: 500ms
    failure_rate: 0.1%
    order_push:
      push: {url: "SHOP/orders", body: '{"id": "{{.ID}}"}', timeout: 180ms}
      lookup: {http: {url: "SHOP/orders/{{.ID}}"}, every: 20ms, within: 80ms}
      cleanup: {http: {url: "SHOP/orders/{{.ID}}", method: DELETE}, timeout: 100ms, backoff: 1s}
`
)

func (s scenario) config() string {
	if s.rules != "" {
		s.more += "rules: [rules.yaml]\nevaluation_interval: 1s\n"
	}
	return `
server: {listen: LISTEN}
storage: {path: data, lease: 3s}
services:
  - name: order-sync
    watch: {` + cmp.Or(s.watch, "for: 30s, max_blind: 10s") + `, mode: auto, fast_phase: {min_duration: 5s}}
    rollback: back
    known_good: [v1]
checks:
` + cmp.Or(s.checks, front) + `
brake: {max_failing_services: 0}
runbooks:
  - name: back
    cooldown: 0s
    steps: [{webhook: {url: "TOOL/deploys", body: '{"version": {{json .To}}}'}}]
    verify: {for: 60s, every: 200ms, successes: 2}
` + s.more
}

// row is a line of the table that is printed.
type row struct {
	name, want, got string
	after           time.Duration // from the announcement to the verdict
	looks           int           // that were judged until then
}

func TestScenarios(t *testing.T) {
	var mu sync.Mutex
	rows := map[string]row{}
	t.Cleanup(func() { show(t, rows) })
	for _, s := range scenarios() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			if testing.Short() {
				t.Skip("it takes up to a minute")
			}
			v := s.run(t)
			r := row{name: s.name, want: s.want, got: v.State, after: v.Ended.Sub(v.Started), looks: judged(v)}
			mu.Lock()
			defer mu.Unlock()
			rows[s.name] = r
		})
	}
}

// run plays a scenario until its verdict, and compares it with the expected one.
func (s scenario) run(t *testing.T) rig.WatchView {
	t.Helper()
	st := newStage(t, s)
	st.Start()
	st.waitLooks("storefront", max(s.before, 4))
	var id string
	if s.script != nil {
		id = s.script(st)
	} else {
		id = st.Ship("v2", "v1", nil)
	}
	v := st.Verdict(id)
	if v.State != s.want || !strings.Contains(v.Reason, s.says) {
		t.Errorf("the verdict is %s: %s\nwant %s, with %q in its reason", v.State, v.Reason, s.want, s.says)
	}
	wanted := 0
	if s.rolled {
		wanted = 1
	}
	if runs := st.Runs(); len(runs) != wanted {
		t.Errorf("there are %d rollbacks, want %d", len(runs), wanted)
	}
	if s.rolled && v.Rollback != nil {
		st.RunState(v.Rollback.ID, "cured")
		if now := st.Version(); now != "v1" {
			t.Errorf("after the rollback %s runs, want v1", now)
		}
	}
	if s.then != nil {
		s.then(st, v)
	}
	return v
}

// show prints the table, in the order of the scenarios.
func show(t *testing.T, rows map[string]row) {
	t.Helper()
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "\nscenario\texpected\tgot\tafter\tjudged looks")
	for _, s := range scenarios() {
		if r, ok := rows[s.name]; ok {
			_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%.1fs\t%d\n", r.name, r.want, r.got, r.after.Seconds(), r.looks)
		}
	}
	_ = w.Flush()
	t.Log(b.String())
}
