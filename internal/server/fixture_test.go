package server_test

import (
	"math"
	"time"

	"github.com/prometheus/common/model"

	"guardian/actions"
	"guardian/internal/chatops"
	"guardian/internal/flags"
	"guardian/internal/reason"
	"guardian/internal/server"
	"guardian/internal/windows"
	"guardian/notifiers"
	"guardian/notifiers/route"
	"guardian/probes/sample"
	"guardian/rules"
	"guardian/sla"
	"guardian/watch"
)

func shanghai() *time.Location { return time.FixedZone("Asia/Shanghai", 8*3600) }

func fixedNow() time.Time { return time.Date(2026, 11, 22, 10, 15, 0, 0, time.UTC) }

func newMemory() *memory {
	return &memory{
		now: fixedNow(), looks: map[string][]server.Look{}, ledger: map[string][]actions.Entry{}, tokens: map[string]server.Caller{}, answers: map[string]kept{},
		messages: map[string][]string{}, done: map[chatops.Request]chatops.Done{}, gate: map[string][]watch.GateReason{}, calls: map[string]string{}, changed: make(chan struct{}),
		status: server.Status{Version: "v0.9.0", Ready: true, Role: "active", Started: fixedNow().Add(-26 * time.Hour), Loaded: fixedNow().Add(-26 * time.Hour), Checks: 5, Storage: "sqlite", Receivers: []notifiers.Status{
			{Receiver: "oncall", LastSent: fixedNow().Add(-3 * time.Minute), Latency: notifiers.Latency{Notices: 120, Median: model.Duration(210 * time.Millisecond), P99: model.Duration(1800 * time.Millisecond)}},
			{Receiver: "pricing", LastSent: fixedNow().Add(-26 * time.Hour), Waiting: 2, Oldest: fixedNow().Add(-4 * time.Minute), LastError: "HTTP 503", Penalty: fixedNow().Add(6 * time.Minute)},
		}},
	}
}

// busy is a shop in trouble: a bad deploy that waits for an approval, a good one under
// watch, a blind check, alerts of each tier, a silence, and a month of history.
func busy() *memory {
	m := newMemory()
	now := m.now
	at := func(ago time.Duration) time.Time { return now.Add(-ago) }
	onOff := map[string]any{"on": true, "off": false}
	m.drills = rehearsed(m.now)
	m.windows.all = []windows.Window{
		{ID: "win_1", Kind: windows.Freeze, Service: "price-sync", From: at(20 * time.Minute), To: now.Add(100 * time.Minute), Announced: at(20 * time.Minute), Run: "r_2", Reason: reason.New("check_says", "check", "prices", "why", reason.Text("0.01"))},
		{ID: "win_2", Kind: windows.Maintenance, From: now.Add(9 * time.Hour), To: now.Add(11 * time.Hour), Announced: at(time.Hour), By: "王伟", Reason: reason.Text("搬迁数据库")},
		{ID: "win_3", Kind: windows.Maintenance, Service: "order-sync", From: at(3 * time.Hour), To: at(2 * time.Hour), Announced: at(3 * time.Hour), By: "siti", Ended: at(2 * time.Hour), EndedBy: "siti", Reason: reason.Text("stocktaking")},
	}
	m.switches = []flags.State{
		{
			Flag:   flags.Flag{Name: "pause-price-writes", Description: "价格不再写入任何平台。", Owner: "price-team", Service: "price-sync", Default: "off", Values: onOff, MaxFor: 24 * time.Hour},
			Change: flags.Change{Flag: "pause-price-writes", Variant: "on", Run: "r_2", Reason: reason.New("check_says", "check", "prices", "why", reason.Text("0.01")), At: at(20 * time.Minute), Until: now.Add(100 * time.Minute)},
		},
		{Flag: flags.Flag{Name: "fallback-channel", Owner: "王伟", Default: "off", Values: onOff, MaxFor: 24 * time.Hour}},
	}
	lost, unresolved := reason.New("order_lost", "waited", 10*time.Second), reason.New("net_name_not_found", "host", "feed.example.com")
	last := func(check string, h sample.Health, ago, took time.Duration, why reason.Reason) *sample.Sample {
		return &sample.Sample{Check: check, At: at(ago), Duration: took, Observation: sample.Observation{Health: h, Reason: why}}
	}
	m.services = []server.Service{
		{
			Name: "order-sync", Environment: "production", Health: sample.Down, Since: at(9*time.Minute + 11*time.Second), Reason: reason.New("check_says", "check", "push-shopee-sg", "why", lost),
			Version: "v1.4.3", KnownGood: []string{"v1.4.2", "v1.4.1"}, Mode: watch.Approve, Objective: 0.999, Availability: 0.99953, BudgetLeft: 0.532,
			Gate: server.Gate{Reasons: []watch.GateReason{{Code: "run_in_progress", Detail: reason.New("rollback_under_way", "run", "r_3", "service", "order-sync", "version", "v1.4.2")}}},
			Checks: []server.Check{
				{Name: "push-shopee-sg", Kind: "order_push", Every: 15 * time.Second, Since: at(9 * time.Minute), Last: last("push-shopee-sg", sample.Down, 8*time.Second, 10*time.Second, lost)},
				{Name: "push-lazada-my", Kind: "order_push", Every: 15 * time.Second, Since: at(50 * time.Hour), Last: last("push-lazada-my", sample.Up, 4*time.Second, 840*time.Millisecond, reason.Reason{})},
				{Name: "order-api", Kind: "http", Every: 15 * time.Second, Since: at(50 * time.Hour), Last: last("order-api", sample.Up, 11*time.Second, 92*time.Millisecond, reason.Reason{})},
			},
		},
		{
			Name: "price-sync", Environment: "production", Health: sample.Up, Since: at(50 * time.Hour), Version: "v2.0.1", KnownGood: []string{"v2.0.0"}, Mode: watch.Auto,
			Objective: 0.995, Availability: 0.99121, BudgetLeft: -0.758, Gate: server.Gate{Open: true},
			Checks: []server.Check{{Name: "price-page", Kind: "page", Every: time.Minute, Since: at(50 * time.Hour), Last: last("price-page", sample.Up, 41*time.Second, 1730*time.Millisecond, reason.Reason{})}},
		},
		{
			Name: "listing-feed", Environment: "production", Health: sample.Unknown, Since: at(4 * time.Minute), Reason: reason.New("check_says", "check", "feed-tiktok", "why", unresolved), Mode: watch.Observe,
			Availability: -1, Gate: server.Gate{Open: true},
			Checks: []server.Check{{Name: "feed-tiktok", Kind: "feed", Every: 5 * time.Minute, Since: at(4 * time.Minute), Last: last("feed-tiktok", sample.Unknown, 4*time.Minute, 0, unresolved)}},
		},
	}
	bad := watch.Deploy{
		ID: "d_7", Service: "order-sync", Environment: "production", Version: "v1.4.3", PreviousVersion: "v1.4.2", Kind: watch.Code, Author: "lin.yue", Ticket: "OPS-1182",
		URL: "https://ci.example.com/builds/8812", Reversible: true, At: at(13 * time.Minute), Announced: at(13*time.Minute - 2*time.Second),
	}
	run := actions.Run{
		ID: "r_3", Service: "order-sync", Environment: "production", Runbook: "order-sync-back", Rollback: true, From: "v1.4.3", To: "v1.4.2", State: actions.AwaitingApproval,
		Trigger: actions.Trigger{Kind: actions.ByVerdict, Deploy: "d_7", Watch: "w_7", Reason: reason.Join(
			reason.New("looks_failed", "check", "push-shopee-sg", "failures", 6, "looks", 15, "since", at(9*time.Minute+11*time.Second), "allowed", 0.01, "before", reason.New("failed_before", "failures", 2, "looks", 960)),
			reason.New("last_error", "error", lost))},
		Created: at(6 * time.Minute), Question: &actions.Question{Code: "approval", Text: reason.New("watched_in_approve"), Until: now.Add(9 * time.Minute)},
		Steps:   []actions.StepRun{{Name: "重建容器", Kind: "docker", State: actions.StepPending}, {Name: "通知店铺前台", Kind: "webhook", State: actions.StepPending}},
		Failing: []string{"push-shopee-sg"}, Healthy: []string{"push-lazada-my", "order-api"},
	}
	verdict := &watch.Verdict{State: watch.Failed, Reason: run.Trigger.Reason, At: at(6 * time.Minute), Cause: "push-shopee-sg", Failing: run.Failing}
	m.watches = []server.Watch{
		{
			ID: "w_8", Deploy: watch.Deploy{
				ID: "d_8", Service: "price-sync", Environment: "production", Version: "v2.0.1", PreviousVersion: "v2.0.0", Kind: watch.Config, Author: "ci", Reversible: true,
				GateClosed: []watch.GateReason{{Code: watch.CodeFreeze, Until: at(-time.Hour), Detail: reason.New("freeze_lasts", "freeze", "double-eleven", "until", at(-time.Hour))}},
				At:         at(11 * time.Minute), Announced: at(11 * time.Minute), Shops: []string{"lazada-my-1", "lazada-th-1"},
			},
			State: watch.Watching, Mode: watch.Auto, Alpha: 0.001, Reason: reason.Join(reason.New("watching", "until", now.Add(19*time.Minute)), reason.New("looks_seen", "looks", 11, "checks", 1, "since", at(11*time.Minute), "failures", 0)), Started: at(11 * time.Minute), Deadline: now.Add(19 * time.Minute),
			EValue: 0.9, Threshold: 1000, Trace: []watch.Point{{After: 60, LogE: -0.04}, {After: 660, LogE: -0.1}}, FastPassed: at(3 * time.Minute),
			Evidence: []watch.Evidence{
				{Check: "price-page", Metric: watch.Failures, Before: watch.Counts{Looks: 240}, After: watch.Counts{Looks: 11}, EValue: 0.9, Weight: 0.8, Samples: 11, BeforeRange: &watch.Range{To: 0.015}, AfterRange: &watch.Range{To: 0.28}, Control: &watch.Counts{Looks: 22, Failures: 1}, NotCounted: 2},
				{Check: "price-page", Metric: watch.Latency, Before: watch.Counts{Looks: 240, Failures: 24}, After: watch.Counts{Looks: 11, Failures: 3}, EValue: 1.4, Weight: 0.2, Samples: 11, Limit: 1.84},
			},
		},
		{
			ID: "w_7", Deploy: bad, State: watch.Failed, Mode: watch.Approve, Alpha: 0.001, EValue: 24106, Threshold: 1000, Trace: growing(),
			Overlaps: []watch.Overlap{{Service: "price-sync", Version: "v2.0.1", At: at(11 * time.Minute)}}, Reason: verdict.Reason, Started: bad.At, Deadline: bad.At.Add(30 * time.Minute), Ended: verdict.At,
			Verdict: verdict, Rollback: &run,
			Evidence: []watch.Evidence{
				{Check: "push-shopee-sg", Metric: "failures", Before: watch.Counts{Looks: 960, Failures: 2}, After: watch.Counts{Looks: 28, Failures: 6, Unknown: 1}, BeforeRange: &watch.Range{From: 0.00025, To: 0.0075}, AfterRange: &watch.Range{From: 0.083, To: 0.41}, EValue: 48211.7, Weight: 0.5, Samples: 28, Reason: lost, Since: at(9*time.Minute + 11*time.Second)},
				{Check: "push-lazada-my", Metric: "failures", Before: watch.Counts{Looks: 960}, After: watch.Counts{Looks: 28}, EValue: 0.71, Weight: 0.25, Samples: 28},
				{Check: "order-api", Metric: "failures", Before: watch.Counts{Looks: 960, Failures: 41}, After: watch.Counts{Looks: 28, Failures: 1}, EValue: 1, Weight: 0.25, Excused: reason.New("red_before")},
				{Check: "ApiLatencyHigh", Metric: "alert", Samples: 1, EValue: 1, Reason: reason.New("rule_fires", "rule", "ApiLatencyHigh", "since", at(7*time.Minute), "value", 2.4), Since: at(7 * time.Minute)},
			},
		},
		{
			ID: "w_5", Deploy: watch.Deploy{ID: "d_5", Service: "order-sync", Environment: "production", Version: "v1.4.2", PreviousVersion: "v1.4.1", Kind: watch.Code, Author: "ci", Reversible: true, At: at(71 * time.Hour), Announced: at(71 * time.Hour)},
			State: watch.Passed, Mode: watch.Approve, Started: at(71 * time.Hour), Deadline: at(70*time.Hour + 30*time.Minute), Ended: at(70*time.Hour + 30*time.Minute),
			Evidence: []watch.Evidence{{Check: "push-shopee-sg", Metric: "failures", Before: watch.Counts{Looks: 960}, After: watch.Counts{Looks: 120}, EValue: 0.3, Samples: 120}},
		},
	}
	done := actions.Run{
		ID: "r_2", Service: "order-sync", Environment: "production", Runbook: "order-sync-back", Rollback: true, From: "v1.3.9", To: "v1.3.8", State: actions.Cured, Reason: reason.New("verify_up_again", "checks", []string{"push-shopee-sg"}),
		Trigger: actions.Trigger{Kind: actions.ByVerdict, Deploy: "d_2", Watch: "w_5", Reason: failedOnce()},
		Created: at(200 * time.Hour), Started: at(200*time.Hour - 90*time.Second), Ended: at(200*time.Hour - 4*time.Minute),
		Steps: []actions.StepRun{
			{Name: "重建容器", Kind: "docker", State: actions.StepDone, Intent: "i_01HZ8", Attempt: 1, Started: at(200*time.Hour - 90*time.Second), Ended: at(200*time.Hour - 121*time.Second), Output: "order-sync: v1.3.9 → v1.3.8\nhealthy after 9 s"},
			{Name: "通知店铺前台", Kind: "webhook", State: actions.StepFailed, Intent: "i_01HZ9", Attempt: 2, Started: at(200*time.Hour - 121*time.Second), Ended: at(200*time.Hour - 124*time.Second), Error: reason.New("webhook_answered", "method", "POST", "host", "storefront.example.com", "status", "502 Bad Gateway"), Resolved: reason.New("step_status_not_happened")},
		},
		Answers:      []actions.Answer{{By: "wang.fang", At: at(200*time.Hour - 80*time.Second), Decision: "approve", Note: "可以执行"}},
		Verification: []actions.CheckResult{{Check: "push-shopee-sg", Health: "up", At: at(200*time.Hour - 239*time.Second), Looks: 3}, {Check: "order-api", Health: "unknown", Reason: unresolved, At: at(200*time.Hour - 239*time.Second), Looks: 3}},
		Failing:      []string{"push-shopee-sg"},
	}
	drill := actions.Run{
		ID: "r_1", Service: "order-sync", Environment: "staging", Runbook: "order-sync-back", Rollback: true, From: "v1.3.8", To: "v1.3.7", State: actions.Cured,
		Trigger: actions.Trigger{Kind: actions.ByDrill, Reason: reason.Text("每周演练")}, Created: at(300 * time.Hour), Started: at(300 * time.Hour), Ended: at(300*time.Hour - 72*time.Second),
	}
	m.runs = []actions.Run{run, done, drill}
	m.ledger["r_2"] = []actions.Entry{
		{Run: "r_2", Step: -1, What: "created", Detail: failedOnce(), By: "guardian", At: done.Created},
		{Run: "r_2", Step: -1, What: "answered", Detail: reason.New("answer_approve", "note", "可以执行"), By: "wang.fang", At: done.Answers[0].At},
		{Run: "r_2", Step: 0, What: "intent", Intent: "i_01HZ8", At: done.Steps[0].Started},
		{Run: "r_2", Step: 0, What: "outcome", Intent: "i_01HZ8", Detail: reason.New("step_done"), At: done.Steps[0].Ended},
		{Run: "r_2", Step: -1, What: "ended", Detail: reason.New("run_ended", "state", reason.New("run_state_cured")), At: done.Ended},
	}
	m.alerts = []server.Alert{
		{Alert: rules.Alert{ID: "a_2", Rule: "QuotaLow", Group: "quota", Expr: "marketplace_quota_used_ratio > 0.8", Tier: rules.Warning, State: rules.Firing, Labels: map[string]string{"alertname": "QuotaLow", "tier": "warning", "service": "price-sync", "marketplace": "lazada", "shop": "my-1"}, Annotations: map[string]string{"summary": "lazada my-1 has used 84% of its quota of GetOrders", "summary_zh": "lazada my-1 的 GetOrders 配额已用 84%"}, Value: 0.84, ActiveAt: at(22 * time.Minute), FiredAt: at(20 * time.Minute)}, Ack: &rules.Ack{Alert: "a_2", By: "wang.fang", At: at(12 * time.Minute), Note: "已放慢价格任务"}},
		{Alert: rules.Alert{ID: "a_1", Rule: "OrderPushFailing", Group: "orders", Expr: "avg_over_time(probe_success{kind=\"order_push\"}[2m]) < 0.8", Tier: rules.Critical, State: rules.Firing, Labels: map[string]string{"alertname": "OrderPushFailing", "tier": "critical", "service": "order-sync", "marketplace": "shopee", "shop": "sg-1"}, Annotations: map[string]string{"summary": "Orders of shopee sg-1 are not going through", "summary_zh": "shopee sg-1 的订单推送失败", "runbook_url": "https://wiki.example.com/orders"}, Value: 0.42, ActiveAt: at(8 * time.Minute), FiredAt: at(7 * time.Minute)}, Run: "r_3", Escalation: reason.New("escalation_next", "escalation", "critical", "step", 2, "at", at(2*time.Minute), "next", at(-8*time.Minute)), Told: []server.Told{
			{Receiver: "dingtalk-oncall", State: rules.Firing, At: at(7 * time.Minute), Waiting: true},
			{Receiver: "slack-night", Kept: reason.New("route_muted", "interval", "office", "until", at(-4*time.Hour)), Until: at(-4 * time.Hour)},
		}},
		{Alert: rules.Alert{ID: "a_3", Rule: "CertExpiresSoon", Tier: rules.Info, State: rules.Pending, Labels: map[string]string{"alertname": "CertExpiresSoon", "tier": "info", "service": "listing-feed"}, Expr: "probe_ssl_earliest_cert_expiry - time() < 86400 * 14", Value: 1.1e6, ActiveAt: at(2 * time.Minute)}, Silences: []string{"s_1"}},
		{Alert: rules.Alert{ID: "a_4", Rule: "ApiLatencyHigh", Tier: rules.Warning, State: rules.Resolved, Labels: map[string]string{"service": "order-sync"}, ActiveAt: at(5 * time.Hour), FiredAt: at(5 * time.Hour), ResolvedAt: at(4 * time.Hour)}},
	}
	m.notices = map[string][]notifiers.Delivery{"a_1": {
		{Receiver: "slack-oncall", MovedFrom: []string{"dingtalk-oncall"}, State: notifiers.Delivered, Attempts: 3, Updated: at(6 * time.Minute), Notice: notifiers.Notice{Title: "【严重】order-sync：shopee sg-1 的订单推送失败", Created: at(7 * time.Minute)}},
		{Receiver: "mail", State: notifiers.Queued, Attempts: 1, Error: "dial tcp: connection refused", Updated: at(6 * time.Minute), Notice: notifiers.Notice{Title: "【严重】order-sync：shopee sg-1 的订单推送失败", Created: at(7 * time.Minute)}},
	}}
	m.silences = []route.Silence{{ID: "s_1", Matchers: matchers(`alertname="CertExpiresSoon",service="listing-feed"`), From: at(time.Hour), Until: now.Add(30 * time.Hour), By: "wang.fang", Comment: "证书周二续期"}}
	m.messages, m.sent, m.done = map[string][]string{"q_1": {"a_1"}, "q_2": {"a_2"}}, at(7*time.Minute), map[chatops.Request]chatops.Done{}
	m.page = 4
	m.journal = []server.JournalEntry{
		{At: at(6 * time.Minute), Who: "guardian", What: "verdict", Subject: "order-sync v1.4.3", Detail: reason.New("verdict_failed", "reason", verdict.Reason), Path: "/watches/w_7"},
		{At: at(12 * time.Minute), Who: "wang.fang", What: "ack", Subject: "QuotaLow", Detail: reason.New("alert_acknowledged", "rule", "QuotaLow", "note", "已放慢价格任务"), Path: "/alerts"},
		{At: at(13 * time.Minute), Who: "ci", What: "deploy", Subject: "order-sync v1.4.3", Detail: reason.New("deploy_announced", "version", "v1.4.3", "environment", "production"), Path: "/watches/w_7"},
		{At: at(26 * time.Hour), Who: "guardian", What: "reload", Detail: reason.Text("guardian.yaml")},
		{At: at(30 * time.Hour), Who: "guardian", What: "reload", Detail: reason.Text("guardian.yaml")},
	}
	for i := range 720 {
		t := at(3*time.Hour - time.Duration(i)*15*time.Second)
		wave := time.Duration(90+40*math.Sin(float64(i)/9)+float64((i*7919)%37)) * time.Millisecond
		look := server.Look{At: t, Health: sample.Up, Duration: 6*wave + 200*time.Millisecond}
		switch {
		case t.After(at(9*time.Minute+12*time.Second)) && i%3 != 1:
			look.Health, look.Duration, look.Reason = sample.Down, 10*time.Second, lost
		case i == 400 || i == 661:
			look.Health, look.Duration = sample.Unknown, 0
		case i == 512:
			look.Health, look.Duration = sample.Down, 10*time.Second
		}
		m.details = details(m.now)
		m.looks["push-shopee-sg"] = append(m.looks["push-shopee-sg"], look)
		m.looks["push-lazada-my"] = append(m.looks["push-lazada-my"], server.Look{At: t, Health: sample.Up, Duration: 5*wave + 300*time.Millisecond})
		m.looks["order-api"] = append(m.looks["order-api"], server.Look{At: t, Health: sample.Up, Duration: wave})
		if i%4 == 0 {
			m.looks["price-page"] = append(m.looks["price-page"], server.Look{At: t, Health: sample.Up, Duration: 13 * wave})
		}
	}
	m.facts = month(now)
	return m
}

// failedOnce is why the deploy of v1.3.9 failed.
func failedOnce() reason.Reason {
	return reason.New("looks_failed", "check", "push-shopee-sg", "failures", 9, "looks", 12, "since", fixedNow().Add(-200*time.Hour), "allowed", 0.01, "before", reason.New("nothing_before"))
}

func matchers(text string) route.Matchers {
	ms, err := route.ParseMatchers(text)
	if err != nil {
		panic(err)
	}
	return ms
}

// month is a month of facts with a downtime, a blind hour and a maintenance.
func month(now time.Time) sla.Facts {
	start := time.Date(2026, 10, 31, 16, 0, 0, 0, time.UTC) // 1 November in Shanghai
	f := sla.Facts{Services: []sla.Service{{Name: "order-sync", Objective: 0.999, Checks: []string{"push-shopee-sg"}}, {Name: "price-sync", Objective: 0.995, Checks: []string{"price-page"}}}}
	type piece struct {
		h      sample.Health
		length time.Duration
		why    reason.Reason
	}
	fill := func(check, service string, pieces ...piece) {
		t := start
		for _, p := range pieces {
			end := t.Add(p.length)
			if p.length == 0 {
				end = now
			}
			f.Intervals = append(f.Intervals, sla.Interval{Check: check, Service: service, Health: p.h, From: t, To: end, Reason: p.why})
			t = end
		}
	}
	fill("push-shopee-sg", "order-sync", piece{sample.Up, 75 * time.Hour, reason.Reason{}}, piece{sample.Down, 11 * time.Minute, reason.New("order_lost", "waited", 10*time.Second)}, piece{sample.Up, 200 * time.Hour, reason.Reason{}},
		piece{sample.Unknown, 70 * time.Minute, reason.New("net_name_not_found", "host", "shopee.example.com")}, piece{sample.Up, 150 * time.Hour, reason.Reason{}}, piece{sample.Down, 4 * time.Minute, reason.New("http_status", "status", 502, "want", "200")}, piece{sample.Up, 0, reason.Reason{}})
	fill("price-page", "price-sync", piece{sample.Up, 240 * time.Hour, reason.Reason{}}, piece{sample.Down, 4*time.Hour + 33*time.Minute, reason.New("http_slow", "took", 20*time.Second, "limit", 10*time.Second)}, piece{sample.Up, 0, reason.Reason{}})
	f.Maintenance = []sla.Maintenance{{Name: "stock-count", Service: "price-sync", From: start.Add(360 * time.Hour), To: start.Add(362 * time.Hour), Announced: start}}
	fault := start.Add(75 * time.Hour)
	f.Deploys = []sla.DeployFact{
		{ID: "d_2", Service: "order-sync", Environment: "production", Version: "v1.3.9", Author: "ci", Kind: "code", At: fault.Add(-3 * time.Minute), Watch: "w_2", State: "failed", Reason: failedOnce(), FaultSince: fault, DecidedAt: fault.Add(105 * time.Second), Run: "r_2", RunState: "cured", RunStarted: fault.Add(2 * time.Minute), RunEnded: fault.Add(11 * time.Minute)},
		{ID: "d_5", Service: "order-sync", Environment: "production", Version: "v1.4.2", Author: "ci", Kind: "code", At: start.Add(400 * time.Hour), Watch: "w_5", State: "passed", DecidedAt: start.Add(401 * time.Hour)},
	}
	return f
}

// growing is evidence that sinks for a while and then grows beyond a thousand.
func growing() []watch.Point {
	var points []watch.Point
	logE := 0.0
	for i := range 28 {
		if i < 15 {
			logE -= 0.05
		} else {
			logE += 0.85
		}
		points = append(points, watch.Point{After: float64(i+1) * 15, LogE: logE})
	}
	return points
}
