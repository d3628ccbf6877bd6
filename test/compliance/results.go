package compliance

import "time"

// results are expressions of other kinds than a comparison of the last value.
func results() []Case {
	return []Case{{
		Name: "numbers that are none",
		Rules: `
groups:
  - name: erp
    interval: 30s
    rules:
      - {alert: Ratio, expr: erp_ratio, annotations: {summary: "{{ $value }}"}}
`,
		Samples: []string{`erp_ratio 1 Inf NaN -Inf 1e21 -0.5`},
		Until:   75 * time.Second,
		Shows: `
0s    Ratio{} firing 1     since 0s | summary: 1
15s   Ratio{} firing +Inf  since 0s | summary: +Inf
30s   Ratio{} firing NaN   since 0s | summary: NaN
45s   Ratio{} firing -Inf  since 0s | summary: -Inf
1m    Ratio{} firing 1e+21 since 0s | summary: 1e+21
1m15s Ratio{} firing -0.5  since 0s | summary: -0.5
`,
		Sent: `
0s Ratio{} firing starts 0s ends +4m | summary: 1
1m Ratio{} firing starts 0s ends +4m | summary: 1e+21
`,
	}, {
		Name: "a series that an earlier rule records, and that ends",
		Rules: `
groups:
  - name: erp
    interval: 30s
    rules:
      - {record: "erp:waiting:sum", expr: sum by (shop) (erp_orders_waiting), labels: {team: erp}}
      - {alert: Waiting, expr: "erp:waiting:sum > 10", for: 30s}
`,
		Samples: []string{
			`erp_orders_waiting{shop="sg", kind="new"} 5x3 7x7 stale`,
			`erp_orders_waiting{shop="sg", kind="old"} 4x3 5x7 stale`,
		},
		Until: 4 * time.Minute,
		Shows: `
0s    nothing
1m    Waiting{shop="sg", team="erp"} pending 12 since 1m
1m30s Waiting{shop="sg", team="erp"} firing  12 since 1m
3m    nothing
`,
		Sent: `
1m30s, 2m30s Waiting{shop="sg", team="erp"} firing   starts 1m30s ends +4m
3m, 4m       Waiting{shop="sg", team="erp"} resolved starts 1m30s ended 3m
`,
	}, {
		Name: "two rules of one name, in words of people",
		Rules: `
groups:
  - name: erp
    interval: 30s
    rules:
      - {alert: 订单积压, expr: erp_orders_waiting > 10, labels: {tier: warning}, annotations: {summary: "{{ $labels.shop }} 有 {{ $value }} 单"}}
      - {alert: 订单积压, expr: erp_orders_waiting > 20, labels: {tier: critical}, annotations: {summary: "<{{ $labels.shop }}> & \"{{ $value }}\""}}
`,
		Samples: []string{`erp_orders_waiting{shop="深圳"} 11x3 21x3 9x3`},
		Until:   2 * time.Minute,
		Shows: `
0s  订单积压{shop="深圳", tier="warning"}  firing 11 since 0s | summary: 深圳 有 11 单
1m  订单积压{shop="深圳", tier="critical"} firing 21 since 1m | summary: <深圳> & "21"
1m  订单积压{shop="深圳", tier="warning"}  firing 21 since 0s | summary: 深圳 有 21 单
2m  nothing
`,
		Sent: `
0s  订单积压{shop="深圳", tier="warning"}  firing   starts 0s ends +4m | summary: 深圳 有 11 单
1m  订单积压{shop="深圳", tier="critical"} firing   starts 1m ends +4m | summary: <深圳> & "21"
1m  订单积压{shop="深圳", tier="warning"}  firing   starts 0s ends +4m | summary: 深圳 有 21 单
2m  订单积压{shop="深圳", tier="critical"} resolved starts 1m ended 2m | summary: <深圳> & "21"
2m  订单积压{shop="深圳", tier="warning"}  resolved starts 0s ended 2m | summary: 深圳 有 21 单
`,
	}, {
		Name: "a counter that stands still",
		Rules: `
groups:
  - name: erp
    interval: 15s
    rules:
      - {alert: Still, expr: "increase(erp_orders_total[1m]) == 0", for: 1m}
`,
		Samples: []string{`erp_orders_total 0+10x7 70x11 80+10x20`},
		Until:   6 * time.Minute,
		Shows: `
0s    nothing
2m30s Still{} pending 0 since 2m30s
3m30s Still{} firing  0 since 2m30s
5m    nothing
`,
		Sent: `
3m30s, 4m30s Still{} firing   starts 3m30s ends +4m
5m, 6m       Still{} resolved starts 3m30s ended 5m
`,
	}, {
		Name: "on and off at each step",
		Rules: `
groups:
  - name: erp
    interval: 15s
    rules:
      - {alert: AtOnce, expr: erp_orders_waiting > 10}
      - {alert: Later, expr: erp_orders_waiting > 10, for: 30s}
      - {alert: Kept, expr: erp_orders_waiting > 10, keep_firing_for: 30s}
`,
		Samples: []string{`erp_orders_waiting 11 9 12 9 13 9 9 9 9`},
		Until:   2 * time.Minute,
		Shows: `
0s    AtOnce{} firing  11 since 0s
0s    Kept{}   firing  11 since 0s
0s    Later{}  pending 11 since 0s
15s   Kept{}   firing  11 since 0s kept since 15s
30s   AtOnce{} firing  12 since 30s
30s   Kept{}   firing  12 since 0s
30s   Later{}  pending 12 since 30s
45s   Kept{}   firing  12 since 0s kept since 45s
1m    AtOnce{} firing  13 since 1m
1m    Kept{}   firing  13 since 0s
1m    Later{}  pending 13 since 1m
1m15s Kept{}   firing  13 since 0s kept since 1m15s
1m45s nothing
`,
		Sent: `
0s           AtOnce{} firing   starts 0s  ends +4m
0s, 1m       Kept{}   firing   starts 0s  ends +4m
15s          AtOnce{} resolved starts 0s  ended 15s
30s          AtOnce{} firing   starts 30s ends +4m
45s          AtOnce{} resolved starts 30s ended 45s
1m           AtOnce{} firing   starts 1m  ends +4m
1m15s        AtOnce{} resolved starts 1m  ended 1m15s
1m45s        Kept{}   resolved starts 0s  ended 1m45s
`,
	}}
}
