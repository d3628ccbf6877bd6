package rules_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"guardian/rules"
)

// listed writes each rule as "file line group/rule".
func listed(groups []*rules.Group) []string {
	var all []string
	for _, g := range groups {
		for _, r := range g.Rules {
			all = append(all, fmt.Sprintf("%s:%d %s/%s", g.FileID, r.Line, g.Name, r.Name()))
		}
	}
	return all
}

// Rule files come from Kubernetes as manifests too, and several to a file.
func TestManifestsAreReadAsRuleFiles(t *testing.T) {
	for name, tc := range map[string]struct {
		file string
		want []string
	}{
		"one manifest": {`# of the shop
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: shop
  namespace: erp
  labels: {role: alert-rules}
spec:
  groups:
    - name: orders
      partial_response_strategy: abort
      interval: 30s
      rules:
        - alert: NoOrders
          expr: |
            rate(orders_total[5m])
              == 0
          for: 5m
        - record: orders:rate5m
          expr: rate(orders_total[5m])
`, []string{"r.yaml#erp#shop:15 orders/NoOrders", "r.yaml#erp#shop:20 orders/orders:rate5m"}},
		"JSON": {`{"kind": "PrometheusRule", "apiVersion": "monitoring.coreos.com/v1",
 "metadata": {"name": "shop"},
 "spec": {"groups": [
   {"name": "g", "rules": [
     {"alert": "A", "expr": "up == 0"},
     {"alert": "B", "expr": 1}]}]}}`, []string{"r.yaml##shop:5 g/A", "r.yaml##shop:6 g/B"}},
		"manifests of one chart, with groups of one name": {`---
apiVersion: v1
kind: ConfigMap
metadata: {name: other}
data: {a: b}
---
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata: {name: one}
spec: {groups: [{name: g, rules: [{alert: A, expr: up == 0}]}]}
---
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata: {name: two}
spec: {groups: [{name: g, rules: [{alert: A, expr: up == 0}]}]}
---
`, []string{"r.yaml##one:10 g/A", "r.yaml##two:15 g/A"}},
		"a list as kubectl prints it": {`apiVersion: v1
kind: List
items:
- apiVersion: monitoring.coreos.com/v1
  kind: PrometheusRule
  metadata: {name: one}
  spec:
    groups:
    - name: g
      rules:
      - {alert: A, expr: up == 0}
- apiVersion: v1
  kind: Secret
`, []string{"r.yaml##one:11 g/A"}},
		"documents without manifests": {`# first
---
groups: [{name: g, rules: [{alert: A, expr: up == 0}]}]
---
groups:
- name: h
  rules: [{alert: B, expr: up == 1}]
`, []string{"r.yaml:3 g/A", "r.yaml#2:7 h/B"}},
		"an alias": {`kind: PrometheusRule
apiVersion: monitoring.coreos.com/v1
metadata: {name: x, annotations: &a {team: shop}}
spec:
  groups: [{name: g, rules: [{alert: A, expr: up == 0, labels: *a}]}]
`, []string{"r.yaml##x:5 g/A"}},
	} {
		t.Run(name, func(t *testing.T) {
			if !rules.IsRuleFile([]byte(tc.file)) {
				t.Error("not taken for a rule file")
			}
			groups, err := rules.Load([]rules.File{{Name: "r.yaml", Content: []byte(tc.file)}}, rules.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, listed(groups)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestMistakesInManifestsHaveTheirLines(t *testing.T) {
	const head = "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: x}\n"
	for name, tc := range map[string]struct {
		file string
		line int
		says string
	}{
		"an expression":      {head + "spec:\n  groups:\n  - name: g\n    rules:\n    - alert: A\n      expr: 'up =='\n", 9, "parse error"},
		"an unknown field":   {head + "spec:\n  groups:\n  - name: g\n    rules:\n    - alert: A\n      expr: up\n      fro: 5m\n", 10, "fro"},
		"a spec that is not": {head, 1, "has no spec"},
		"the second of two":  {head + "spec: {groups: []}\n---\n" + head + "spec:\n  groups:\n  - name: g\n    rules: [{alert: A, expr: 'up =='}]\n", 12, "parse error"},
		"another kind":       {"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n", 1, "kind ConfigMap has no rules"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := rules.Load([]rules.File{{Name: "r.yaml", Content: []byte(tc.file)}}, rules.Options{})
			var one *rules.Error
			if !errors.As(err, &one) || one.Line != tc.line || !strings.Contains(one.Error(), tc.says) {
				t.Errorf("%v; want line %d, %q", err, tc.line, tc.says)
			}
		})
	}
}
