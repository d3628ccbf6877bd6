package configs_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"guardian/internal/ruletest"
)

// Which of the built-in alerts about drills fire, by how the drills stand.
const drillAlerts = `
rule_files: [rules/drills.yaml]
evaluation_interval: 15s
tests:
  - name: a drill that passed
    interval: 1m
    input_series:
      - {series: 'guardian_drill_overdue{drill="weekly", service="staging"}', values: '0x10'}
      - {series: 'guardian_drill_failed{drill="weekly", service="staging"}', values: '0x10'}
      - {series: 'guardian_drill_left_broken{drill="weekly", service="staging"}', values: '0x10'}
      - {series: 'guardian_drill_duration_seconds{drill="weekly", service="staging"}', values: '300x10'}
      - {series: 'guardian_drill_objective_seconds{drill="weekly", service="staging"}', values: '300x10'}
    promql_expr_test: [{expr: 'ALERTS', eval_time: 10m, exp_samples: []}]
  - name: one that was never run, then slow, then failed and left its service broken
    interval: 1m
    input_series:
      - {series: 'guardian_drill_overdue{drill="weekly", service="staging"}', values: '1x9 0x20'}
      - {series: 'guardian_drill_duration_seconds{drill="weekly", service="staging"}', values: '_x9 301x9 _x10'}
      - {series: 'guardian_drill_objective_seconds{drill="weekly", service="staging"}', values: '300x30'}
      - {series: 'guardian_drill_failed{drill="weekly", service="staging"}', values: '0x19 1x10'}
      - {series: 'guardian_drill_left_broken{drill="weekly", service="staging"}', values: '0x19 1x10'}
    promql_expr_test:
      - {expr: 'count by (alertname) (ALERTS{alertstate="firing"})', eval_time: 4m, exp_samples: []}
      - {expr: 'count by (alertname, tier) (ALERTS{alertstate="firing"})', eval_time: 6m, exp_samples: [{labels: '{alertname="DrillOverdue", tier="warning"}', value: 1}]}
      - {expr: 'count by (alertname, tier) (ALERTS{alertstate="firing"})', eval_time: 15m, exp_samples: [{labels: '{alertname="DrillSlow", tier="warning"}', value: 1}]}
      - expr: 'count by (alertname, tier) (ALERTS{alertstate="firing"})'
        eval_time: 29m
        exp_samples: [{labels: '{alertname="DrillFailed", tier="warning"}', value: 1}, {labels: '{alertname="DrillLeftBroken", tier="critical"}', value: 1}]
`

func TestTheAlertsAboutDrills(t *testing.T) {
	folder := examples(t)
	file := filepath.Join(folder, "drills.test.yaml")
	if err := os.WriteFile(file, []byte(drillAlerts), 0o600); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if n, err := ruletest.Run(t.Context(), []string{file}, ruletest.Options{}, &out); n != 0 || err != nil {
		t.Errorf("%d failures, %v:\n%s", n, err, out.String())
	}
}
