package compliance

import "time"

// lives are the ways of an alert from pending to its end.
func lives() []Case {
	return []Case{{
		Name: "an alert is pending, fires, resolves and comes again",
		Rules: `
groups:
  - name: erp
    interval: 30s
    rules:
      - alert: Waiting
        expr: erp_orders_waiting > 10
        for: 3m
        labels: {team: erp}
        annotations: {summary: "{{ $value }} orders wait, {{ .Value }}"}
`,
		//                                      0   2m   4m    9m   11m30s 17m30s 24m30s
		Samples: []string{`erp_orders_waiting{shop="sg-1"} 3x7 11x7 15x19 19x9 9x23 15x27 8x80`},
		Until:   42 * time.Minute,
		Shows: `
0s      nothing
2m      Waiting{shop="sg-1", team="erp"} pending 11 since 2m     | summary: 11 orders wait, 11
4m      Waiting{shop="sg-1", team="erp"} pending 15 since 2m     | summary: 15 orders wait, 15
5m      Waiting{shop="sg-1", team="erp"} firing  15 since 2m     | summary: 15 orders wait, 15
9m      Waiting{shop="sg-1", team="erp"} firing  19 since 2m     | summary: 19 orders wait, 19
11m30s  nothing
17m30s  Waiting{shop="sg-1", team="erp"} pending 15 since 17m30s | summary: 15 orders wait, 15
20m30s  Waiting{shop="sg-1", team="erp"} firing  15 since 17m30s | summary: 15 orders wait, 15
24m30s  nothing
`,
		// That it is over is said for a quarter of an hour, or until it is pending again.
		Sent: `
5m     to 8m     each 1m Waiting{shop="sg-1", team="erp"} firing   starts 5m     ends +4m     | summary: 15 orders wait, 15
9m     to 11m    each 1m Waiting{shop="sg-1", team="erp"} firing   starts 5m     ends +4m     | summary: 19 orders wait, 19
11m30s to 16m30s each 1m Waiting{shop="sg-1", team="erp"} resolved starts 5m     ended 11m30s | summary: 19 orders wait, 19
20m30s to 23m30s each 1m Waiting{shop="sg-1", team="erp"} firing   starts 20m30s ends +4m     | summary: 15 orders wait, 15
24m30s to 39m30s each 1m Waiting{shop="sg-1", team="erp"} resolved starts 20m30s ended 24m30s | summary: 15 orders wait, 15
`,
	}, {
		Name: "for 0 fires at once; a for shorter than the interval",
		Rules: `
groups:
  - name: erp
    interval: 30s
    rules:
      - {alert: AtOnce, expr: erp_orders_waiting > 10}
      - {alert: Soon, expr: erp_orders_waiting > 13, for: 15s}
`,
		//                             0   2m    5m15s  24m  26m
		Samples: []string{`erp_orders_waiting 3x7 15x12 9x74 11x7 9x3`},
		Until:   27 * time.Minute,
		Shows: `
0s     nothing
2m     AtOnce{} firing  15 since 2m
2m     Soon{}   pending 15 since 2m
2m15s  AtOnce{} firing  15 since 2m
2m15s  Soon{}   firing  15 since 2m
5m15s  nothing
24m    AtOnce{} firing  11 since 24m
26m    nothing
`,
		Sent: `
2m    to 5m     each 1m AtOnce{} firing   starts 2m    ends +4m
2m15s to 4m15s  each 1m Soon{}   firing   starts 2m15s ends +4m
5m15s to 20m15s each 1m AtOnce{} resolved starts 2m    ended 5m15s
5m15s to 20m15s each 1m Soon{}   resolved starts 2m15s ended 5m15s
24m, 25m                AtOnce{} firing   starts 24m   ends +4m
26m, 27m                AtOnce{} resolved starts 24m   ended 26m
`,
	}, {
		Name: "what was only pending is told to nobody, and begins anew",
		Rules: `
groups:
  - name: erp
    interval: 30s
    rules:
      - {alert: Waiting, expr: erp_orders_waiting > 10, for: 3m}
      - {alert: Never, expr: erp_orders_waiting > 99, for: 3m, labels: {team: erp}}
`,
		//                             0   2m   4m30s 5m   7m45s
		Samples: []string{`erp_orders_waiting 3x7 11x9 9x1 11x10 9x10`},
		Until:   10 * time.Minute,
		Shows: `
0s     nothing
2m     Waiting{} pending 11 since 2m
4m30s  nothing
5m     Waiting{} pending 11 since 5m
7m45s  nothing
`,
	}, {
		Name: "the samples end: with a stale marker at once, else after five minutes",
		Rules: `
groups:
  - name: erp
    interval: 15s
    rules:
      - {alert: Waiting, expr: erp_orders_waiting > 10, for: 3m}
      - {alert: Late, expr: erp_orders_late > 10}
`,
		Samples: []string{
			`erp_orders_waiting{shop="marked"} 11x7 stale`,
			`erp_orders_late{shop="marked"}    12x7 stale`,
			`erp_orders_late{shop="silent"}    12x7`,
			`erp_orders_late{shop="back"}      12x7 stale 14x3 stale`,
			`erp_orders_late{shop="well"}      0+0.1x40`, // each of them lets the rules be evaluated
		},
		Until: 8 * time.Minute,
		Shows: `
0s     Late{shop="back"}      firing  12 since 0s
0s     Late{shop="marked"}    firing  12 since 0s
0s     Late{shop="silent"}    firing  12 since 0s
0s     Waiting{shop="marked"} pending 11 since 0s
2m     Late{shop="silent"}    firing  12 since 0s
2m15s  Late{shop="back"}      firing  14 since 2m15s
2m15s  Late{shop="silent"}    firing  12 since 0s
3m15s  Late{shop="silent"}    firing  12 since 0s
6m45s  nothing
`,
		Sent: `
0s, 1m                Late{shop="back"}   firing   starts 0s    ends +4m
0s, 1m                Late{shop="marked"} firing   starts 0s    ends +4m
0s to 6m each 1m      Late{shop="silent"} firing   starts 0s    ends +4m
2m                    Late{shop="back"}   resolved starts 0s    ended 2m
2m to 8m each 1m      Late{shop="marked"} resolved starts 0s    ended 2m
2m15s                 Late{shop="back"}   firing   starts 2m15s ends +4m
3m15s to 7m15s each 1m Late{shop="back"}  resolved starts 2m15s ended 3m15s
6m45s, 7m45s          Late{shop="silent"} resolved starts 0s    ended 6m45s
`,
	}, {
		Name: "alerts that need no sample begin with the first interval",
		Differs: `Groups of Prometheus begin within their first interval, at a moment that follows from their names; ours when it
is over.`,
		Rules: `
groups:
  - name: erp
    interval: 30s
    rules:
      - {alert: Watchdog, expr: vector(1)}
      - {alert: Silent, expr: 'absent(erp_heartbeat{shop="sg"})', for: 1m}
`,
		Samples: []string{`erp_heartbeat{shop="sg"} _x8 1x1 stale`}, // at 2m
		Until:   4 * time.Minute,
		Shows: `
0s     nothing
30s    Silent{shop="sg"} pending 1 since 29s
30s    Watchdog{}        firing  1 since 29s
1m30s  Silent{shop="sg"} firing  1 since 29s
1m30s  Watchdog{}        firing  1 since 29s
2m     Watchdog{}        firing  1 since 29s
2m30s  Silent{shop="sg"} pending 1 since 2m30s
2m30s  Watchdog{}        firing  1 since 29s
3m30s  Silent{shop="sg"} firing  1 since 2m30s
3m30s  Watchdog{}        firing  1 since 29s
`,
		Sent: `
29s to 3m29s each 1m Watchdog{}        firing   starts 29s   ends +4m
1m29s                Silent{shop="sg"} firing   starts 1m29s ends +4m
2m                   Silent{shop="sg"} resolved starts 1m29s ended 2m
3m30s                Silent{shop="sg"} firing   starts 3m30s ends +4m
`,
	}, {
		Name: "keep_firing_for holds what is gone for a moment",
		Rules: `
groups:
  - name: erp
    interval: 30s
    rules:
      - alert: Waiting
        expr: erp_orders_waiting > 10
        for: 1m
        keep_firing_for: 2m
        annotations: {summary: "{{ $value }} orders wait"}
`,
		//                             0   1m   3m  4m   5m   7m+
		Samples: []string{`erp_orders_waiting 3x3 11x7 9x3 15x3 9x40`},
		Until:   9 * time.Minute,
		Shows: `
0s  nothing
1m  Waiting{} pending 11 since 1m               | summary: 11 orders wait
2m  Waiting{} firing  11 since 1m               | summary: 11 orders wait
3m  Waiting{} firing  11 since 1m kept since 3m | summary: 11 orders wait
4m  Waiting{} firing  15 since 1m               | summary: 15 orders wait
5m  Waiting{} firing  15 since 1m kept since 5m | summary: 15 orders wait
7m  nothing
`,
		Sent: `
2m, 3m            Waiting{} firing   starts 2m ends +4m | summary: 11 orders wait
4m to 6m each 1m  Waiting{} firing   starts 2m ends +4m | summary: 15 orders wait
7m to 9m each 1m  Waiting{} resolved starts 2m ended 7m | summary: 15 orders wait
`,
	}, {
		Name: "a rule gets more alerts while one fires, and a later rule reads them as ALERTS",
		Rules: `
groups:
  - name: erp
    interval: 30s
    rules:
      - {alert: Waiting, expr: erp_orders_waiting > 10, for: 3m, labels: {team: erp}}
      - alert: Both
        expr: >
          (ALERTS{alertname="Waiting", alertstate="firing", shop="sg"} + ignoring (shop)
          ALERTS{alertname="Waiting", alertstate="firing", shop="my"}) == 2
        labels: {team: shops}
        annotations: {summary: "{{ $labels.alertname }} of {{ .Labels.team }}"}
`,
		Samples: []string{
			`erp_orders_waiting{shop="sg"} 1x7 11x47 9x40`,
			`erp_orders_waiting{shop="my"} 1x31 11x23 9x40`,
		},
		Until: 15 * time.Minute,
		Shows: `
0s   nothing
2m   Waiting{shop="sg", team="erp"} pending 11 since 2m
5m   Waiting{shop="sg", team="erp"} firing  11 since 2m
8m   Waiting{shop="my", team="erp"} pending 11 since 8m
8m   Waiting{shop="sg", team="erp"} firing  11 since 2m
11m  Both{alertstate="firing", team="shops"} firing 2 since 11m | summary: Waiting of erp
11m  Waiting{shop="my", team="erp"} firing  11 since 8m
11m  Waiting{shop="sg", team="erp"} firing  11 since 2m
14m  nothing
`,
		Sent: `
5m  to 13m each 1m Waiting{shop="sg", team="erp"} firing starts 5m ends +4m
11m to 13m each 1m Both{alertstate="firing", team="shops"} firing starts 11m ends +4m | summary: Waiting of erp
11m to 13m each 1m Waiting{shop="my", team="erp"} firing starts 11m ends +4m
14m, 15m Both{alertstate="firing", team="shops"} resolved starts 11m ended 14m | summary: Waiting of erp
14m, 15m Waiting{shop="my", team="erp"} resolved starts 11m ended 14m
14m, 15m Waiting{shop="sg", team="erp"} resolved starts 5m ended 14m
`,
	}}
}

// labelled are about labels and annotations.
func labelled() []Case {
	return []Case{{
		Name:     "templates with every function",
		External: map[string]string{"region": "sz"},
		Rules: `
groups:
  - name: erp
    interval: 30s
    rules:
      - alert: Waiting
        expr: erp_orders_waiting > 10
        annotations:
          numbers: "{{ humanize 1234567 }} {{ humanize1024 5242880 }} {{ humanizeDuration 3725.5 }} {{ humanizePercentage 0.1234 }} {{ humanizeTimestamp 1700000000 }} {{ parseDuration \"1h30m\" }} {{ (toTime 1700000000).Year }} {{ toDuration 90 }}"
          texts: "{{ title \"late orders\" }} {{ toUpper \"sg\" }} {{ toLower \"SG\" }} {{ stripPort \"[::1]:9440\" }} {{ stripPort \"erp.example.com:80\" }} {{ stripDomain \"erp.example.com:80\" }} {{ if match \"^s\" \"sg\" }}{{ reReplaceAll \"sg-(.)\" \"no. $1\" \"sg-7\" }}{{ end }} {{ urlQueryEscape \"a b\" }}"
          outside: "{{ $externalLabels.region }} {{ .ExternalLabels.region }} {{ $externalURL }} {{ externalURL }}"
          missing: "[{{ $labels.nothing }}]"
          shops: '{{ define "shops" }}{{ .arg0 }} {{ .arg1 }}: {{ range .arg2 | sortByLabel "shop" }}{{ .Labels.shop }}={{ .Value }} {{ end }}{{ with .arg2 | sortByLabel "shop" | first }}first {{ . | label "shop" }} {{ . | value }}{{ end }}{{ end }}{{ template "shops" (args "late" 99 (query "erp_late")) }}'
`,
		Samples: []string{`erp_orders_waiting 11x3 12x3`, `erp_late{shop="sg"} 2x3 4x3`, `erp_late{shop="my"} 1x3 3x3`},
		Until:   time.Minute,
		Shows: `
0s Waiting{} firing 11 since 0s | missing: [] | numbers: 1.235M 5Mi 1h 2m 5s 12.34% 2023-11-14 22:13:20 +0000 UTC 5400 2023 1m30s | outside: sz sz https://guardian.example.com https://guardian.example.com | shops: late 99: my=1 sg=2 first my 1 | texts: Late Orders SG sg ::1 erp.example.com erp:80 no. 7 a+b
1m Waiting{} firing 12 since 0s | missing: [] | numbers: 1.235M 5Mi 1h 2m 5s 12.34% 2023-11-14 22:13:20 +0000 UTC 5400 2023 1m30s | outside: sz sz https://guardian.example.com https://guardian.example.com | shops: late 99: my=3 sg=4 first my 3 | texts: Late Orders SG sg ::1 erp.example.com erp:80 no. 7 a+b
`,
		Sent: `
0s Waiting{region="sz"} firing starts 0s ends +4m | missing: [] | numbers: 1.235M 5Mi 1h 2m 5s 12.34% 2023-11-14 22:13:20 +0000 UTC 5400 2023 1m30s | outside: sz sz https://guardian.example.com https://guardian.example.com | shops: late 99: my=1 sg=2 first my 1 | texts: Late Orders SG sg ::1 erp.example.com erp:80 no. 7 a+b
1m Waiting{region="sz"} firing starts 0s ends +4m | missing: [] | numbers: 1.235M 5Mi 1h 2m 5s 12.34% 2023-11-14 22:13:20 +0000 UTC 5400 2023 1m30s | outside: sz sz https://guardian.example.com https://guardian.example.com | shops: late 99: my=3 sg=4 first my 3 | texts: Late Orders SG sg ::1 erp.example.com erp:80 no. 7 a+b
`,
	}, {
		Name:     "labels of a rule, of its samples and external ones",
		External: map[string]string{"region": "sz", "shop": "never", "team": "never", "empty": "external"},
		Rules: `
groups:
  - name: erp
    interval: 30s
    rules:
      - alert: Waiting
        expr: erp_orders_waiting > 10
        labels: {team: "team {{ $labels.shop }}", from: "{{ $labels.team }}", empty: "{{ $labels.nothing }}"}
        annotations: {summary: "{{ $labels.team }} {{ $labels.alertname }}"}
`,
		Samples: []string{`erp_orders_waiting{shop="sg", team="erp", alertname="Other"} 11x7`},
		Until:   time.Minute,
		Shows: `
0s Waiting{from="erp", shop="sg", team="team sg"} firing 11 since 0s | summary: erp Other
`,
		Sent: `
0s, 1m Waiting{empty="external", from="erp", region="sz", shop="sg", team="team sg"} firing starts 0s ends +4m | summary: erp Other
`,
	}, {
		Name: "templates that fail say so in the alert, and the rule is well",
		Rules: `
groups:
  - name: erp
    interval: 30s
    rules:
      - alert: Waiting
        expr: erp_orders_waiting > 10
        annotations: {summary: '{{ query "erp_none" | first | value }}', shop: "{{ $labels.shop }}"}
`,
		Samples: []string{`erp_orders_waiting{shop="sg"} 11x7`},
		Until:   30 * time.Second,
		Shows: `
0s Waiting{shop="sg"} firing 11 since 0s | shop: sg | summary: <error expanding template: error executing template __alert_Waiting: template: __alert_Waiting:1:134: executing "__alert_Waiting" at <first>: error calling first: first() called on vector with no elements>
`,
		Sent: `
0s Waiting{shop="sg"} firing starts 0s ends +4m | shop: sg | summary: <error expanding template: error executing template __alert_Waiting: template: __alert_Waiting:1:134: executing "__alert_Waiting" at <first>: error calling first: first() called on vector with no elements>
`,
	}, {
		Name: "a label that changes makes another alert; an annotation does not",
		Rules: `
groups:
  - name: erp
    interval: 30s
    rules:
      - alert: Waiting
        expr: erp_orders_waiting > 10
        for: 1m
        labels: {how: "{{ if gt $value 20.0 }}many{{ else }}some{{ end }}"}
        annotations: {summary: "{{ $value }} orders wait"}
`,
		//                             0     30s   1m    2m     3m
		Samples: []string{`erp_orders_waiting 11x1 12x1 13x3 21x7 11x20`},
		Until:   6 * time.Minute,
		Shows: `
0s   Waiting{how="some"} pending 11 since 0s | summary: 11 orders wait
30s  Waiting{how="some"} pending 12 since 0s | summary: 12 orders wait
1m   Waiting{how="some"} firing  13 since 0s | summary: 13 orders wait
2m   Waiting{how="many"} pending 21 since 2m | summary: 21 orders wait
3m   Waiting{how="many"} firing  21 since 2m | summary: 21 orders wait
4m   Waiting{how="some"} pending 11 since 4m | summary: 11 orders wait
5m   Waiting{how="some"} firing  11 since 4m | summary: 11 orders wait
`,
		Sent: `
1m               Waiting{how="some"} firing   starts 1m ends +4m | summary: 13 orders wait
2m, 3m           Waiting{how="some"} resolved starts 1m ended 2m | summary: 13 orders wait
3m               Waiting{how="many"} firing   starts 3m ends +4m | summary: 21 orders wait
4m to 6m each 1m Waiting{how="many"} resolved starts 3m ended 4m | summary: 21 orders wait
5m, 6m           Waiting{how="some"} firing   starts 5m ends +4m | summary: 11 orders wait
`,
	}}
}
