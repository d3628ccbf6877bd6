package compliance

import "time"

// troubles are rules whose result is not known.
func troubles() []Case {
	return []Case{{
		Name: "an expression that fails, beside one and a group that do not",
		Differs: `Prometheus keeps the state too, but neither writes ALERTS nor sends while a rule fails, so that the
Alertmanager takes the alert for resolved after four minutes. Here nothing resolves because a query failed.`,
		Rules: `
groups:
  - name: erp
    interval: 30s
    rules:
      - {alert: Waiting, expr: erp_orders_waiting * on () erp_factor > 10, for: 1m}
      - {alert: Beside, expr: erp_orders_waiting > 10}
  - name: other
    interval: 1m
    rules:
      - {alert: Other, expr: erp_factor > 0, for: 90s}
`,
		Samples: []string{
			`erp_orders_waiting 11x40`,
			`erp_factor         1x40`,
			`erp_factor{shop="sg"} _x8 1x19 stale`, // from 2m to 7m nobody knows which
		},
		Until: 8 * time.Minute,
		Shows: `
0s     Beside{}          firing  11 since 0s
0s     Other{}           pending 1  since 0s
0s     Waiting{}         pending 11 since 0s
1m     Beside{}          firing  11 since 0s
1m     Other{}           pending 1  since 0s
1m     Waiting{}         firing  11 since 0s
1m30s  Beside{}          firing  11 since 0s
1m30s  Other{}           firing  1  since 0s
1m30s  Waiting{}         firing  11 since 0s
2m     Beside{}          firing  11 since 0s
2m     Other{shop="sg"}  pending 1  since 2m
2m     Other{}           firing  1  since 0s
2m     Waiting{}         firing  11 since 0s
2m     rule Waiting is err: query "erp_orders_waiting * on () erp_factor > 10": found duplicate series for the match group {} on the right hand-side of the operation
3m30s  Beside{}          firing  11 since 0s
3m30s  Other{shop="sg"}  firing  1  since 2m
3m30s  Other{}           firing  1  since 0s
3m30s  Waiting{}         firing  11 since 0s
3m30s  rule Waiting is err: query "erp_orders_waiting * on () erp_factor > 10": found duplicate series for the match group {} on the right hand-side of the operation
7m     Beside{}          firing  11 since 0s
7m     Other{}           firing  1  since 0s
7m     Waiting{}         firing  11 since 0s
`,
		Sent: `
0s    to 8m    each 1m Beside{}         firing   starts 0s    ends +4m
1m    to 8m    each 1m Waiting{}        firing   starts 1m    ends +4m
1m30s to 7m30s each 1m Other{}          firing   starts 1m30s ends +4m
3m30s to 6m30s each 1m Other{shop="sg"} firing   starts 3m30s ends +4m
7m, 8m                 Other{shop="sg"} resolved starts 3m30s ended 7m
`,
	}, {
		Name:    "labels that make two alerts the same",
		Differs: `As above: Prometheus does not send while a rule fails.`,
		Rules: `
groups:
  - name: erp
    interval: 30s
    rules:
      - {alert: Waiting, expr: erp_orders_waiting > 10, labels: {shop: all}}
`,
		Samples: []string{`erp_orders_waiting{shop="sg"} 11x7 9x3 11x20`, `erp_orders_waiting{shop="my"} 9x3 11x15 9x20`},
		Until:   6 * time.Minute,
		Shows: `
0s  Waiting{shop="all"} firing 11 since 0s
1m  Waiting{shop="all"} firing 11 since 0s
1m  rule Waiting is err: vector contains metrics with the same labelset after applying alert labels
2m  Waiting{shop="all"} firing 11 since 0s
3m  Waiting{shop="all"} firing 11 since 0s
3m  rule Waiting is err: vector contains metrics with the same labelset after applying alert labels
5m  Waiting{shop="all"} firing 11 since 0s
`,
		Sent: `
0s to 6m each 1m Waiting{shop="all"} firing starts 0s ends +4m
`,
	}, {
		Name:    "more alerts than the limit of the group",
		Differs: `Prometheus forgets all alerts of the rule, and the Alertmanager resolves them. Here they stay as they are.`,
		Rules: `
groups:
  - name: erp
    interval: 30s
    limit: 1
    rules:
      - {alert: Waiting, expr: erp_orders_waiting > 10}
`,
		Samples: []string{`erp_orders_waiting{shop="sg"} 11x40`, `erp_orders_waiting{shop="my"} 9x7 12x3 9x20`},
		Until:   5 * time.Minute,
		Shows: `
0s  Waiting{shop="sg"} firing 11 since 0s
2m  Waiting{shop="sg"} firing 11 since 0s
2m  rule Waiting is err: exceeded limit of 1 with 2 alerts
3m  Waiting{shop="sg"} firing 11 since 0s
`,
		Sent: `
0s to 5m each 1m Waiting{shop="sg"} firing starts 0s ends +4m
`,
	}, {
		Name: "a check that cannot look",
		Differs: `In Prometheus the series of a target that is not scraped ends, and its alert with it. Here unknown is a third
answer: the alert stays until somebody looks again, and the Alertmanager hears so.`,
		Rules: `
groups:
  - name: orders
    interval: 30s
    rules:
      - {alert: Down, expr: 'probe_success{check="push"} == 0', for: 1m}
`,
		//     0   1m   3m    10m
		Looks: `1x3 0x7 _x28 0x3 1x8`,
		Until: 12 * time.Minute,
		Shows: `
0s   nothing
1m   Down{check="push", kind="http", service="orders"} pending 0 since 1m
2m   Down{check="push", kind="http", service="orders"} firing  0 since 1m
3m   Down{check="push", kind="http", service="orders"} firing  0 since 1m
3m   rule Down is unknown: check push is blind since 2000-01-01 00:03:01 UTC
10m  Down{check="push", kind="http", service="orders"} firing  0 since 1m
11m  nothing
`,
		Sent: `
2m to 10m each 1m Down{check="push", kind="http", service="orders"} firing   starts 2m ends +4m
11m, 12m          Down{check="push", kind="http", service="orders"} resolved starts 2m ended 11m
`,
	}}
}

// others are what is no case of the suite, and what people see.
func others() []Case {
	return []Case{{
		Name: "a restart",
		Differs: `Prometheus restores only a for of ten minutes or more, from ALERTS_FOR_STATE, without the time that it was
down; it sends what fires with another startsAt, and never that what resolved meanwhile is over. Here all is in the journal.`,
		Rules: `
groups:
  - name: erp
    interval: 30s
    rules:
      - {alert: Waiting, expr: erp_orders_waiting > 10, for: 5m}
      - {alert: Late, expr: erp_orders_late > 10}
      - {alert: Gone, expr: erp_orders_late > 10 < 13, keep_firing_for: 4m}
`,
		Samples: []string{`erp_orders_waiting 11x40`, `erp_orders_late{shop="sg"} 12x40`, `erp_orders_late{shop="my"} 12x7 9x40`},
		Until:   9 * time.Minute,
		Stops:   3 * time.Minute,
		Starts:  5 * time.Minute,
		Shows: `
0s Gone{shop="my"} firing  12 since 0s
0s Gone{shop="sg"} firing  12 since 0s
0s Late{shop="my"} firing  12 since 0s
0s Late{shop="sg"} firing  12 since 0s
0s Waiting{}       pending 11 since 0s
2m Gone{shop="my"} firing  12 since 0s kept since 2m
2m Gone{shop="sg"} firing  12 since 0s
2m Late{shop="sg"} firing  12 since 0s
2m Waiting{}       pending 11 since 0s
5m Gone{shop="my"} firing  12 since 0s kept since 2m
5m Gone{shop="sg"} firing  12 since 0s
5m Late{shop="sg"} firing  12 since 0s
5m Waiting{}       firing  11 since 0s
6m Gone{shop="sg"} firing  12 since 0s
6m Late{shop="sg"} firing  12 since 0s
6m Waiting{}       firing  11 since 0s
`,
		Sent: `
0s, 1m, 2m, 5m                 Gone{shop="my"} firing   starts 0s ends +4m
0s, 1m, 2m, 5m, 6m, 7m, 8m, 9m Gone{shop="sg"} firing   starts 0s ends +4m
0s, 1m                         Late{shop="my"} firing   starts 0s ends +4m
0s, 1m, 2m, 5m, 6m, 7m, 8m, 9m Late{shop="sg"} firing   starts 0s ends +4m
2m, 5m, 6m, 7m, 8m, 9m         Late{shop="my"} resolved starts 0s ended 2m
5m to 9m each 1m               Waiting{}       firing   starts 5m ends +4m
6m to 9m each 1m               Gone{shop="my"} resolved starts 0s ended 6m
`,
	}, {
		Name: "a rule gets a longer for, and is taken away",
		Differs: `Prometheus does not say that an alert is over that is pending again, or whose rule is gone: the Alertmanager
takes it for resolved after four minutes.`,
		Rules:   longer("1m"),
		Samples: []string{`erp_orders_waiting 11x60`},
		Until:   8 * time.Minute,
		Reloads: map[time.Duration]string{2 * time.Minute: longer("4m"), 5 * time.Minute: "groups: []\n"},
		Shows: `
0s Waiting{} pending 11 since 0s
1m Waiting{} firing  11 since 0s
2m Waiting{} pending 11 since 0s
4m Waiting{} firing  11 since 0s
5m nothing
`,
		Sent: `
1m               Waiting{} firing   starts 1m ends +4m
2m               Waiting{} resolved starts 1m ended 2m0.5s
4m               Waiting{} firing   starts 4m ends +4m
5m to 8m each 1m Waiting{} resolved starts 4m ended 5m0.5s
`,
	}, {
		Name: "query_offset: the past is asked, alerts begin now",
		Rules: `
groups:
  - name: erp
    interval: 15s
    query_offset: 1m
    rules:
      - {alert: Waiting, expr: erp_orders_waiting > 10, for: 1m}
`,
		Samples: []string{`erp_orders_waiting 3x3 11x7 9x20`},
		Until:   6 * time.Minute,
		Shows: `
0s nothing
2m Waiting{} pending 11 since 2m
3m Waiting{} firing  11 since 2m
4m nothing
`,
		Sent: `
3m               Waiting{} firing   starts 3m ends +4m
4m to 6m each 1m Waiting{} resolved starts 3m ended 4m
`,
	}, {
		Name: "labels of the group, and those of the rule before them",
		Rules: `
groups:
  - name: erp
    interval: 30s
    labels: {team: erp, tier: warning}
    rules:
      - {alert: Waiting, expr: erp_orders_waiting > 10, labels: {tier: critical, shop: "shop {{ $labels.shop }}"}}
      - {alert: Late, expr: erp_orders_waiting > 10}
`,
		Samples: []string{`erp_orders_waiting{shop="sg", team="none"} 11x7`},
		Until:   30 * time.Second,
		Shows: `
0s Late{shop="sg", team="erp", tier="warning"}          firing 11 since 0s
0s Waiting{shop="shop sg", team="erp", tier="critical"} firing 11 since 0s
`,
		Sent: `
0s Late{shop="sg", team="erp", tier="warning"}          firing starts 0s ends +4m
0s Waiting{shop="shop sg", team="erp", tier="critical"} firing starts 0s ends +4m
`,
	}, {
		Name:   "a long interval and a long resend_delay",
		Resend: 3 * time.Minute,
		Rules: `
groups:
  - name: slow
    interval: 5m
    rules:
      - {alert: Slow, expr: erp_orders_waiting > 10}
  - name: fast
    interval: 30s
    rules:
      - {alert: Fast, expr: erp_orders_waiting > 10}
`,
		Samples: []string{`erp_orders_waiting 11x27 9x7`},
		Until:   8 * time.Minute,
		Shows: `
0s Fast{} firing 11 since 0s
0s Slow{} firing 11 since 0s
7m nothing
`,
		Sent: `
0s to 6m each 3m Fast{} firing   starts 0s ends +12m
0s to 6m each 3m Slow{} firing   starts 0s ends +20m
7m               Fast{} resolved starts 0s ended 7m
7m               Slow{} resolved starts 0s ended 7m
`,
	}}
}

// longer is a rule with that for.
func longer(held string) string {
	return `
groups:
  - name: erp
    interval: 30s
    rules:
      - {alert: Waiting, expr: erp_orders_waiting > 10, for: ` + held + `}
`
}
