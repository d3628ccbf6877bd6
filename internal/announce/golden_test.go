package announce_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"guardian/actions"
	"guardian/decide"
	"guardian/internal/announce"
	"guardian/internal/flags"
	"guardian/internal/reason"
	"guardian/internal/secret"
	"guardian/internal/windows"
	"guardian/notifiers"
	"guardian/oncall"
	"guardian/probes/sample"
	"guardian/rules"
	"guardian/test/fake/chat/dingtalk"
	"guardian/test/fake/chat/slack"
	"guardian/watch"
)

var update = flag.Bool("update", false, "write the golden files anew")

// The evening of a bad deploy, in UTC; people in Shanghai see 18:00.
var (
	deployed = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	broke    = deployed.Add(2*time.Minute + 10*time.Second)
	now      = deployed.Add(5 * time.Minute)
)

func deploy() watch.Deploy {
	return watch.Deploy{
		ID: "d_01", Service: "order-sync", Environment: "production", Version: "v1.5.0", PreviousVersion: "v1.4.2",
		Kind: watch.Code, Author: "li.wei", Ticket: "OPS-812", URL: "https://git.example.com/order-sync/v1.5.0", Reversible: true,
		At: deployed, Announced: deployed,
	}
}

// operation is a price job instead of that deploy.
func operation(state watch.State) (*watch.Watch, watch.Deploy) {
	w, d := observed(state, watch.Approve), deploy()
	w.Kind, w.Version, w.PreviousVersion = watch.Operation, "promo-1111", ""
	d.Kind, d.Version, d.PreviousVersion = watch.Operation, "promo-1111", ""
	return w, d
}

// frozen is that deploy through a closed gate.
func frozen() watch.Deploy {
	d := deploy()
	d.GateClosed = []watch.GateReason{
		{Code: watch.CodeFreeze, Until: broke, Detail: reason.New("freeze_lasts", "freeze", "double-eleven", "until", broke)},
		{Code: watch.CodeCoolDown, Until: broke, Detail: reason.New("cooling_down", "run", "r_00", "service", "order-sync", "version", "v1.4.2", "at", deployed, "cool_down", 30*time.Minute)},
	}
	return d
}

func lastDeploy(d watch.Deploy) *announce.LastDeploy { return &announce.LastDeploy{Deploy: d} }

func observed(state watch.State, mode watch.Mode) *watch.Watch {
	w := &watch.Watch{
		ID: "w_01", DeployID: "d_01", Service: "order-sync", Environment: "production", Version: "v1.5.0", PreviousVersion: "v1.4.2",
		Kind: watch.Code, Mode: mode, Policy: watch.Policy{For: 30 * time.Minute, Mode: mode, Alpha: 0.001, MinSamples: 10},
		State: state, Started: deployed, From: deployed, Deadline: deployed.Add(30 * time.Minute), Ended: now,
		Snapshot: watch.Snapshot{Before: map[string]watch.Counts{"push-shopee-sg": {Looks: 720, Failures: 1}}},
		Checks: []watch.CheckState{
			{
				CheckPolicy: watch.CheckPolicy{Check: "push-shopee-sg", FailureRate: 0.01, Weight: 1, Every: 15 * time.Second},
				Share:       0.5, After: watch.Counts{Looks: 20, Failures: 11},
				Health: sample.Down, LastAt: now, LastKnown: now, LastReason: reason.New("order_lost", "waited", 30*time.Second), FirstFailure: broke,
			},
			{
				CheckPolicy: watch.CheckPolicy{Check: "api-lazada-my", FailureRate: 0.01, Weight: 1, Every: 15 * time.Second},
				Share:       0.5, After: watch.Counts{Looks: 20}, Health: sample.Up, LastAt: now, LastKnown: now,
			},
		},
		Verdict: &watch.Verdict{State: state, At: now, Cause: "push-shopee-sg", Failing: []string{"push-shopee-sg"}, Reason: failing()},
	}
	if state != watch.Failed {
		w.Verdict = &watch.Verdict{State: state, At: now, Reason: outcome(state)}
		w.Checks[0].After.Failures, w.Checks[0].Health, w.Checks[0].FirstFailure = 0, sample.Up, time.Time{}
	}
	return w
}

// failing is why the verdict is failed.
func failing() reason.Reason {
	return reason.New("looks_failed", "check", "push-shopee-sg", "failures", 11, "looks", 20, "since", deployed, "began", broke, "allowed", 0.01,
		"before", reason.New("failed_before", "failures", 1, "looks", 720))
}

// outcome is why a watch ended otherwise.
func outcome(state watch.State) reason.Reason {
	seen := reason.New("looks_seen", "looks", 40, "checks", 2, "since", deployed, "failures", 0)
	switch state {
	case watch.Inconclusive:
		return reason.Join(reason.New("cannot_see", "blind", []reason.Reason{reason.New("check_not_seen", "check", "push-shopee-sg", "since", broke)}), seen)
	case watch.Superseded:
		return reason.Join(reason.New("watch_superseded", "version", "v1.5.1"), seen)
	case watch.Cancelled:
		return reason.Join(reason.New("watch_cancelled", "who", "zhang.min"), seen)
	default:
		return seen
	}
}

func run(state actions.State) actions.Run {
	first, second := steps(state)
	return actions.Run{
		ID: "r_01", Service: "order-sync", Environment: "production", Runbook: "order-sync-back", Rollback: true, From: "v1.5.0", To: "v1.4.2",
		Trigger: actions.Trigger{Kind: actions.ByVerdict, Deploy: "d_01", Watch: "w_01", Reason: failing()},
		State:   state, Created: now, Started: now, Ended: now.Add(47 * time.Second),
		Steps: []actions.StepRun{
			{Name: "put image back", Kind: "docker", State: first},
			{Name: "clear cache", Kind: "webhook", State: second},
		},
		Failing: []string{"push-shopee-sg"}, Healthy: []string{"api-lazada-my"},
	}
}

func asked(q actions.Question) actions.Run {
	r := run(actions.AwaitingApproval)
	r.Question, r.Ended = &q, time.Time{}
	if q.Code == "outcome_unknown" {
		r.Steps[0].State, r.Steps[1].State = actions.StepDone, actions.StepUnknown
	}
	return r
}

func steps(state actions.State) (first, second actions.StepState) {
	switch state {
	case actions.Verifying, actions.Cured, actions.NotCured, actions.Worse, actions.FailedRun:
		return actions.StepDone, actions.StepDone
	case actions.Running:
		return actions.StepIntent, actions.StepPending
	case actions.AwaitingApproval:
		return actions.StepPending, actions.StepPending
	case actions.Rejected, actions.Expired, actions.Refused:
		return actions.StepSkipped, actions.StepSkipped
	default:
		return "", ""
	}
}

func verified(state actions.State, push, api string) actions.Run {
	r := run(state)
	r.Verification = []actions.CheckResult{
		{Check: "push-shopee-sg", Health: push, Looks: 3}, {Check: "api-lazada-my", Health: api, Looks: 3},
	}
	return r
}

func alert(tier rules.Tier) rules.Alert {
	return rules.Alert{
		ID: "a_01", Rule: "OrderPushSlow", Tier: tier, State: rules.Firing, Value: 0.81666, For: 2 * time.Minute,
		Expr:     `avg_over_time(probe_success{check="push-shopee-sg"}[5m]) < 0.95`,
		Labels:   map[string]string{"service": "order-sync", "check": "push-shopee-sg", "kind": "order_push", "marketplace": "shopee", "shop": "sg-1", "site": "SG"},
		ActiveAt: broke, FiredAt: broke.Add(2 * time.Minute), ResolvedAt: now,
		Annotations: map[string]string{
			"summary": "order pushes fail", "summary_zh": "推单成功率低于 95%",
			"description": "<b>11 of 20</b> pushes failed", "runbook_url": "https://wiki.example.com/push",
		},
	}
}

func wei() oncall.Person {
	return oncall.Person{Name: "wei", FullName: "王伟", Mobile: "13800138000", Slack: "U012AB3CD"}
}

// everything is each thing that the teller can tell.
func everything() map[string]func(announce.Renderer) notifiers.Notice {
	plan := announce.Plan{Runbook: "order-sync-back", To: "v1.4.2", Run: "r_01"}
	until := announce.Plan{Runbook: "order-sync-back", To: "v1.4.2", Run: "r_01", Until: now.Add(30 * time.Minute)}
	last := deploy()
	old := deploy()
	old.At = deployed.Add(-50 * time.Hour)
	verdict := func(state watch.State, mode watch.Mode, p announce.Plan) func(announce.Renderer) notifiers.Notice {
		return func(t announce.Renderer) notifiers.Notice { return t.Verdict(observed(state, mode), deploy(), p, now) }
	}
	told := func(r actions.Run) func(announce.Renderer) notifiers.Notice {
		return func(t announce.Renderer) notifiers.Notice { return t.Run(r, now) }
	}
	byRule := observed(watch.Failed, watch.Approve)
	byRule.Checks, byRule.Verdict.Cause, byRule.Verdict.ByRule = nil, "ApiSuccessLow", true
	byRule.Alert = &watch.RuleEvidence{Rule: "ApiSuccessLow", Summary: "API success below 95%", ActiveAt: broke}

	failed := run(actions.FailedRun)
	failed.Steps[1].State, failed.Steps[1].Error, failed.Reason = actions.StepFailed, reason.New("webhook_answered", "method", "POST", "host", "deploy.example.com", "status", 503), reason.New("run_steps_failed", "steps", []string{"clear cache"})
	rejected := run(actions.Rejected)
	rejected.Answers = []actions.Answer{{By: "zhang.min", Decision: "reject", Note: "fix is on its way", At: now}}
	drill := verified(actions.Cured, "up", "up")
	drill.Trigger, drill.Environment = actions.Trigger{Kind: actions.ByDrill, Person: "zhang.min", Reason: reason.Text("季度演练")}, "staging"
	other := run(actions.Running)
	other.Rollback, other.Runbook, other.From, other.To = false, "pause-writes", "", ""
	other.Trigger = actions.Trigger{Kind: actions.ByAlert, Alert: "a_01", Reason: reason.New("alert_fires", "alert", "ApiSuccessLow", "since", broke)}

	blind := announce.Blind{
		Check: "push-shopee-sg", Service: "order-sync", Since: broke, Reason: reason.New("net_lookup_failed", "host", "partner.shopeemobile.com", "error", "lookup partner.shopeemobile.com: server misbehaving"),
		Labels: map[string]string{"marketplace": "shopee", "shop": "sg-1"},
	}
	return map[string]func(announce.Renderer) notifiers.Notice{
		"alert_critical": func(t announce.Renderer) notifiers.Notice {
			return t.Alerts(firing(alert(rules.Critical)), lastDeploy(last), now)
		},
		"alert_warning": func(t announce.Renderer) notifiers.Notice {
			return t.Alerts(firing(alert(rules.Warning)), lastDeploy(old), now)
		},
		"alert_action": func(t announce.Renderer) notifiers.Notice {
			a := alert(rules.Critical)
			a.Annotations["action"], a.Annotations["action_zh"] = "Look at the order queue of sg-1.", "检查 sg-1 的订单队列。"
			return t.Alerts(firing(a), lastDeploy(last), now)
		},
		"alert_info": func(t announce.Renderer) notifiers.Notice { return t.Alerts(firing(alert(rules.Info)), nil, now) },
		"alert_repeat": func(t announce.Renderer) notifiers.Notice {
			g := firing(alert(rules.Critical))
			g.Repeat, g.Why = true, reason.New("notice_repeat", "interval", 4*time.Hour)
			return t.Alerts(g, lastDeploy(last), now.Add(28*time.Hour))
		},
		"alert_resolved": func(t announce.Renderer) notifiers.Notice { return t.Alerts(resolved(alert(rules.Critical)), nil, now) },

		"alert_flapping": func(t announce.Renderer) notifiers.Notice {
			g := firing(alert(rules.Critical))
			g.Flapping = map[string]bool{"a_01": true}
			return t.Alerts(g, nil, now)
		},
		"alert_kept": func(t announce.Renderer) notifiers.Notice {
			g := firing(alert(rules.Warning))
			g.Why = reason.New("notice_kept", "by", reason.New("silenced", "silence", "s_01", "by", "zhang.min"))
			return t.Alerts(g, nil, now)
		},
		"alerts_firing": func(t announce.Renderer) notifiers.Notice {
			return t.Alerts(firing(alert(rules.Critical), another("OrdersStuck", "lazada")), lastDeploy(last), now)
		},
		"alerts_some_resolved": func(t announce.Renderer) notifiers.Notice {
			g := firing(alert(rules.Critical), another("OrdersStuck", "lazada"))
			g.Resolved, g.Why = resolved(another("StockDiffers", "tiktok")).Resolved, reason.New("notice_new", "alerts", 1)
			return t.Alerts(g, nil, now)
		},
		"alerts_resolved": func(t announce.Renderer) notifiers.Notice {
			return t.Alerts(resolved(alert(rules.Warning), another("OrdersStuck", "lazada")), nil, now)
		},
		"alerts_repeat_many": func(t announce.Renderer) notifiers.Notice {
			var all []rules.Alert
			for i := range 25 {
				a := another("OrdersStuck", "lazada")
				a.ID, a.Labels["shop"] = fmt.Sprint("a_", i), fmt.Sprint("my-", i)
				all = append(all, a)
			}
			g := firing(all...)
			g.Repeat, g.Why = true, reason.New("notice_repeat", "interval", 4*time.Hour)
			return t.Alerts(g, nil, now)
		},

		"verdict_failed_auto":          verdict(watch.Failed, watch.Auto, plan),
		"verdict_failed_approve":       verdict(watch.Failed, watch.Approve, until),
		"verdict_failed_observe":       verdict(watch.Failed, watch.Observe, plan),
		"verdict_failed_no_runbook":    verdict(watch.Failed, watch.Auto, announce.Plan{}),
		"verdict_failed_no_known_good": verdict(watch.Failed, watch.Auto, announce.Plan{Runbook: "order-sync-back"}),
		"verdict_failed_refused": verdict(watch.Failed, watch.Auto, announce.Plan{Runbook: "order-sync-back", To: "v1.4.2", Run: "r_01", Refusals: []actions.Refusal{
			{Code: actions.InCooldown, Detail: reason.New("guard_cooldown", "run", "r_00", "ended", now.Add(-4*time.Minute), "until", now.Add(26*time.Minute)), Until: now.Add(26 * time.Minute)},
		}}),
		"verdict_failed_waits": verdict(watch.Failed, watch.Auto, announce.Plan{
			Runbook: "order-sync-back", To: "v1.4.2", Run: "r_01", QueuedBehind: reason.New("guard_run_in_progress", "run", "r_00", "runbook", "pause-writes", "state", reason.New("run_state_running")),
		}),
		"verdict_failed_waits_then_asks": verdict(watch.Failed, watch.Approve, announce.Plan{
			Runbook: "order-sync-back", To: "v1.4.2", Run: "r_01", QueuedBehind: reason.New("guard_run_in_progress", "run", "r_00", "runbook", "pause-writes", "state", reason.New("run_state_running")),
		}),
		"verdict_failed_observe_refused": verdict(watch.Failed, watch.Observe, announce.Plan{Runbook: "order-sync-back", To: "v1.4.2", Refusals: []actions.Refusal{
			{Code: actions.NotReversible, Detail: reason.New("guard_not_reversible")},
		}}),
		"verdict_failed_brake": verdict(watch.Failed, watch.Auto, announce.Plan{Runbook: "order-sync-back", To: "v1.4.2", Run: "r_01", Until: now.Add(30 * time.Minute), Refusals: []actions.Refusal{
			{Code: actions.Brake, Detail: reason.New("guard_brake", "number", 3, "within", 10*time.Minute, "services", []string{"a", "b", "order-sync"})},
		}}),
		"verdict_failed_by_rule": func(t announce.Renderer) notifiers.Notice {
			return t.Verdict(byRule, deploy(), until, now)
		},
		"verdict_failed_slow": func(t announce.Renderer) notifiers.Notice {
			w := observed(watch.Failed, watch.Auto)
			w.Checks[0].After.Failures, w.Checks[0].FirstFailure, w.Checks[0].FirstSlow = 0, time.Time{}, broke
			w.Checks[0].Judged = watch.Counts{Looks: 20}
			w.Checks[0].Metrics = []watch.Metric{{Name: watch.Failures, Share: 0.8}, {
				Name: watch.Latency, Share: 0.2, Streams: []watch.Stream{{LogE: 9}},
				Limits: []watch.Limit{{Seconds: 1.284, Before: watch.Counts{Looks: 720, Failures: 72}, Over: 19}},
			}}
			w.Overlaps = []watch.Overlap{{Service: "price-sync", Version: "v7", At: broke}}
			w.Verdict.Metric = watch.Latency
			return t.Verdict(w, deploy(), plan, now)
		},
		"verdict_passed_unsure": func(t announce.Renderer) notifiers.Notice {
			d := deploy()
			d.Unsure = true
			return t.Verdict(observed(watch.Passed, watch.Auto), d, announce.Plan{}, now)
		},
		"gate_closed": func(t announce.Renderer) notifiers.Notice {
			return t.GateClosed(frozen(), observed(watch.Watching, watch.Approve), now)
		},
		"verdict_inconclusive_gate_closed": func(t announce.Renderer) notifiers.Notice {
			return t.Verdict(observed(watch.Inconclusive, watch.Auto), frozen(), plan, now)
		},
		"verdict_failed_operation": func(t announce.Renderer) notifiers.Notice {
			w, d := operation(watch.Failed)
			return t.Verdict(w, d, announce.Plan{Runbook: "promo-undo", Undo: true, Run: "r_01", Until: now.Add(30 * time.Minute)}, now)
		},
		"verdict_failed_operation_alone": func(t announce.Renderer) notifiers.Notice {
			w, d := operation(watch.Failed)
			return t.Verdict(w, d, announce.Plan{}, now)
		},
		"verdict_passed_operation": func(t announce.Renderer) notifiers.Notice {
			w, d := operation(watch.Passed)
			return t.Verdict(w, d, announce.Plan{}, now)
		},
		"run_undo": func(t announce.Renderer) notifiers.Notice {
			r := run(actions.Running)
			r.Kind, r.Runbook, r.From, r.To = string(watch.Operation), "promo-undo", "promo-1111", ""
			return t.Run(r, now)
		},
		"run_undone": func(t announce.Renderer) notifiers.Notice {
			r := verified(actions.Cured, "up", "up")
			r.Kind, r.Runbook, r.From, r.To = string(watch.Operation), "promo-undo", "promo-1111", ""
			return t.Run(r, now)
		},
		"verdict_passed":       verdict(watch.Passed, watch.Auto, plan),
		"verdict_inconclusive": verdict(watch.Inconclusive, watch.Auto, plan),
		"verdict_superseded":   verdict(watch.Superseded, watch.Auto, plan),
		"verdict_cancelled":    verdict(watch.Cancelled, watch.Auto, plan),

		"window_freeze": windowed(windows.Window{
			ID: "win_1", Kind: windows.Freeze, Service: "order-sync", From: now, To: now.Add(2 * time.Hour), Announced: now, Run: "r_01",
			Reason: reason.New("alert_fires", "alert", "OrdersLost", "since", now.Add(-time.Minute)),
		}),
		"window_hold": windowed(windows.Window{
			ID: "win_3", Kind: windows.Hold, From: now, To: now.Add(2 * time.Hour), Announced: now, By: "siti", Reason: reason.Text("moving the database"),
		}),
		"window_hold_ended": windowed(windows.Window{
			ID: "win_3", Kind: windows.Hold, Service: "order-sync", From: now.Add(-time.Hour), To: now, Announced: now.Add(-time.Hour), By: "siti", Ended: now, EndedBy: "wei",
		}),
		"window_maintenance": windowed(windows.Window{
			ID: "win_2", Kind: windows.Maintenance, From: now.Add(9 * time.Hour), To: now.Add(11 * time.Hour), Announced: now, By: "siti", Reason: reason.Text("moving the database"),
		}),
		"window_freeze_ended": windowed(windows.Window{
			ID: "win_1", Kind: windows.Freeze, Service: "order-sync", From: now.Add(-time.Hour), To: now, Announced: now.Add(-time.Hour), Run: "r_01", Ended: now, EndedBy: "wei",
		}),
		"window_maintenance_ended": windowed(windows.Window{
			ID: "win_2", Kind: windows.Maintenance, Service: "order-sync", From: now.Add(-time.Hour), To: now, Announced: now.Add(-time.Hour), By: "siti", Ended: now, EndedBy: "siti",
		}),
		"run_started":       told(run(actions.Running)),
		"run_started_other": told(other),
		"run_sets_flags":    told(sets(other, actions.Running)),
		"run_set_flags":     told(sets(other, actions.Cured)),
		"flag_set":          flagSet(now),
		"flag_reset":        flagEnded(now, "zhang.min", nil),
		"flag_expired":      flagEnded(now, "", nil),
		"flag_dropped":      flagEnded(now, "", priceFlags("go", "stop")),
		"flag_removed":      flagEnded(now, "", []flags.Flag{}),
		"run_waiting": told(asked(actions.Question{
			Code: "approval", Text: reason.New("watched_in_approve"), Until: now.Add(30 * time.Minute), OnTimeout: "expire", Quorum: 2,
		})),
		"run_waiting_goes_on":   told(asked(actions.Question{Code: "approval", Text: reason.New("watched_in_approve"), Until: now.Add(5 * time.Minute), OnTimeout: "approve"})),
		"run_waiting_escalates": told(asked(actions.Question{Code: "approval", Text: reason.New("watched_in_approve"), Until: now.Add(30 * time.Minute), OnTimeout: "escalate"})),
		"run_asked_next": func(t announce.Renderer) notifiers.Notice {
			r := asked(actions.Question{Code: "approval", Text: reason.New("watched_in_approve"), Until: now.Add(30 * time.Minute), OnTimeout: "escalate", Escalated: 1})
			return t.AskedNext(r, decide.EscalationStep{
				Told:   oncall.Told{Receivers: []string{"boss-sms"}, People: []oncall.Person{{Name: "boss", FullName: "Zhang Min", Mobile: "13800138000"}}},
				Policy: "critical", Step: 1, Steps: 3, Unanswered: now.Add(-30 * time.Minute),
			}, now)
		},
		"run_worsened": func(t announce.Renderer) notifiers.Notice {
			r := asked(actions.Question{Code: "approval", Text: reason.New("watched_in_approve"), Until: now.Add(30 * time.Minute), OnTimeout: "expire"})
			return t.Worsened(r, reason.Join(
				reason.New("worse_checks", "checks", []string{"price-push", "stock-sync"}, "number", 3), reason.New("worse_tier", "tier", reason.New("tier_critical")),
				reason.New("worse_excess", "name", "order-errors", "times", 12.5, "before", 2.0),
			), now)
		},
		"run_outcome_unknown": told(asked(actions.Question{Code: "outcome_unknown", Text: reason.New("question_outcome", "step", "clear cache", "kind", "webhook", "run", "r_01", "started", now), Step: 1})),
		"run_waits_its_turn":  told(run(actions.Queued)),
		"run_verifying":       told(run(actions.Verifying)),
		"run_step_failed":     func(t announce.Renderer) notifiers.Notice { return t.StepFailed(failed, 1, now) },
		"run_failed":          told(failed),
		"run_cured":           told(verified(actions.Cured, "up", "up")),
		"run_not_cured":       told(verified(actions.NotCured, "down", "up")),
		"run_worse":           told(verified(actions.Worse, "down", "down")),
		"run_rejected":        told(rejected),
		"run_expired":         told(run(actions.Expired)),
		"run_drill":           told(drill),
		"drill_passed":        drilled(62*time.Second, reason.Reason{}, false),
		"drill_slow":          drilled(7*time.Minute, reason.Reason{}, false),
		"drill_failed":        drilled(0, reason.New("drill_other_verdict", "verdict", reason.New("drill_verdict_passed")), false),
		"drill_left_broken":   drilled(0, reason.New("drill_not_restored", "run", "r_02", "why", reason.New("run_steps_failed", "steps", []string{"restore"})), true),
		"watch_failed_drill": func(t announce.Renderer) notifiers.Notice {
			d := deploy()
			d.Drill = "dr_01"
			return t.Verdict(observed(watch.Failed, watch.Auto), d, announce.Plan{Runbook: "order-sync-back", To: "v1.4.2", Run: "r_01"}, now)
		},
		"run_refused": func(t announce.Renderer) notifiers.Notice {
			return t.Refused(run(actions.Refused), []actions.Refusal{
				{Code: actions.InCooldown, Detail: reason.New("guard_cooldown", "run", "r_00", "ended", now.Add(-4*time.Minute), "until", now.Add(26*time.Minute)), Until: now.Add(26 * time.Minute)},
				{Code: actions.AlreadyRolledBack, Detail: reason.New("guard_already_rolled_back", "run", "r_00", "state", reason.New("run_state_cured"))},
			}, now)
		},

		"blind_began": func(t announce.Renderer) notifiers.Notice { return t.BlindBegan(blind, now) },
		"blind_ended": func(t announce.Renderer) notifiers.Notice { return t.BlindEnded(blind, now) },
		"sight_lost": func(t announce.Renderer) notifiers.Notice {
			return t.AllBlind(12, broke, reason.New("net_local_error", "error", "connect: network is unreachable"), now)
		},
		"sight_regained": func(t announce.Renderer) notifiers.Notice { return t.AllSee(12, broke, now) },
		"quota_used": func(t announce.Renderer) notifiers.Notice {
			return t.QuotaUsed(notifiers.Usage{Receiver: "oncall", Month: "2026-11", Calls: 4000, Quota: 5000}, now)
		},
		"given_up": func(t announce.Renderer) notifiers.Notice {
			n := t.Alerts(firing(alert(rules.Critical)), nil, broke)
			return t.GivenUp(notifiers.Delivery{ID: "n_01", Receiver: "oncall", Notice: n, Attempts: 9, Error: "HTTP 404: no_service"}, now)
		},
		"escalated": func(t announce.Renderer) notifiers.Notice {
			return t.Escalation(decide.EscalationStep{
				Told: oncall.Told{Receivers: []string{"oncall"}, People: []oncall.Person{wei()}, Waits: true}, Policy: "critical", Steps: 3, Unanswered: broke,
			}, []rules.Alert{alert(rules.Critical)}, now)
		},
		"escalated_again": func(t announce.Renderer) notifiers.Notice {
			other := alert(rules.Critical)
			other.ID, other.Rule, other.Annotations = "a_02", "NoOrders", map[string]string{"summary": "no orders", "summary_zh": "没有新订单"}
			return t.Escalation(decide.EscalationStep{
				Told: oncall.Told{Receivers: []string{"oncall"}, Unmanned: "orders"}, Policy: "critical", Step: 1, Steps: 3, Unanswered: broke,
			}, []rules.Alert{alert(rules.Critical), other}, now)
		},
		"hand_over": func(t announce.Renderer) notifiers.Notice {
			h := decide.HandOver{
				Schedule: "orders", Before: oncall.Shift{People: []string{"siti"}}, Now: oncall.Shift{From: now, To: now.Add(12 * time.Hour), People: []string{"wei"}}, People: []oncall.Person{wei()},
			}
			return t.HandOver(h, []announce.OpenAlert{{Alert: alert(rules.Critical), Ack: rules.Ack{By: "siti", Note: "asked Shopee"}}, {Alert: alert(rules.Warning)}}, now)
		},
		"hand_over_quiet": func(t announce.Renderer) notifiers.Notice {
			return t.HandOver(decide.HandOver{Schedule: "orders", Now: oncall.Shift{From: now, People: []string{"wei"}}, People: []oncall.Person{wei()}}, nil, now)
		},
		"fault": func(t announce.Renderer) notifiers.Notice {
			return t.Fault(decide.FaultNews{Fault: decide.Vitals{Journal: "the disk is full"}.Faults(now)[0], Since: broke}, now)
		},
		"fault_over": func(t announce.Renderer) notifiers.Notice {
			return t.Fault(decide.FaultNews{Fault: decide.Vitals{Journal: "the disk is full"}.Faults(now)[0], Since: broke, Over: true}, now)
		},
		"gap_ahead": func(t announce.Renderer) notifiers.Notice {
			return t.OnCallGap(decide.GapNews{Schedule: "orders", Gap: oncall.Shift{From: now.Add(8 * time.Hour), To: now.Add(20 * time.Hour)}}, now)
		},
		"gap": func(t announce.Renderer) notifiers.Notice {
			return t.OnCallGap(decide.GapNews{Schedule: "orders", Gap: oncall.Shift{From: now, To: now.Add(12 * time.Hour)}, Began: true}, now)
		},
		"took_over": func(t announce.Renderer) notifiers.Notice { return t.TookOver("guardian-b", "guardian-a", broke, now) },
		"order_left": func(t announce.Renderer) notifiers.Notice {
			return t.OrderLeft(announce.Order{
				ID: "GRD-01JD", Ref: "240912ABC", Check: "push-shopee-sg", Service: "order-sync", Tries: 5,
				Reason: reason.New("order_push_failed", "why", reason.New("http_status", "status", 403, "want", 200)), Created: broke, Labels: map[string]string{"marketplace": "shopee", "shop": "sg-1"},
			}, now)
		},
		"test": func(t announce.Renderer) notifiers.Notice { return t.Test("oncall", now) },
	}
}

func renderers() map[string]announce.Renderer {
	shanghai := time.FixedZone("CST", 8*3600)
	return map[string]announce.Renderer{
		"zh": {Language: "zh", ExternalURL: "https://guardian.example.com/", Location: shanghai},
		"en": {Language: "en", ExternalURL: "https://guardian.example.com", Location: shanghai},
	}
}

func TestEveryNoticeAsMessengersGetIt(t *testing.T) {
	ding := dingtalk.New()
	defer ding.Close()
	slck := slack.New(slack.WithoutLimit())
	defer slck.Close()
	channel := func(kind string, settings any) notifiers.Channel {
		c, err := notifiers.Build(notifiers.Builtin(), kind, settings, notifiers.Env{})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	toDing := channel("dingtalk", &notifiers.DingTalkSettings{
		Webhook: secret.New(ding.URL()), At: notifiers.DingTalkAt{Mobiles: []string{"13800138000"}},
	})
	toSlack := channel("slack", &notifiers.SlackSettings{Webhook: secret.New(slck.URL()), Mention: "<!here>"})

	for lang, teller := range renderers() {
		for name, tell := range everything() {
			t.Run(lang+"/"+name, func(t *testing.T) {
				n := tell(teller)
				n.ID = "n_01"
				ding.Forgive()
				if err := toDing.Send(t.Context(), n); err != nil {
					t.Fatal("dingtalk:", err)
				}
				if err := toSlack.Send(t.Context(), n); err != nil {
					t.Fatal("slack:", err)
				}
				said, sent := ding.Messages(), slck.Messages()
				got := "-- slack.json --\n" + indent(t, sent[len(sent)-1].Body) + "-- dingtalk.json --\n" + indent(t, said[len(said)-1].Body)
				golden(t, filepath.Join("testdata", lang, name+".golden"), got)
			})
		}
	}
}

func indent(t *testing.T, body string) string {
	t.Helper()
	var b bytes.Buffer
	if err := json.Indent(&b, []byte(body), "", "  "); err != nil {
		t.Fatal(err)
	}
	return b.String() + "\n"
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; run the test with -update and read what it wrote", err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs (-want +got); if that is meant, run with -update:\n%s", path, diff)
	}
}

func TestEveryNoticeCanBeRoutedAndRead(t *testing.T) {
	hole := regexp.MustCompile(`\{[a-z_]+\}|%!|0001-01-01`)
	for lang, teller := range renderers() {
		for name, tell := range everything() {
			n := tell(teller)
			all, err := json.Marshal(n)
			if err != nil {
				t.Fatal(err)
			}
			if found := hole.Find(all); found != nil && !strings.Contains(string(found), "check") {
				t.Errorf("%s %s: a text was not filled in: %s", lang, name, found)
			}
			if n.Title == "" || n.Text == "" || n.Key == "" || n.Lang != lang || !n.Created.Equal(now) && name != "alert_repeat" {
				t.Errorf("%s %s: something is missing: %+v", lang, name, n)
			}
			if n.Labels["tier"] != n.Tier || n.Labels["notice"] != n.Kind || n.Labels["notice_event"] != n.Event || n.Kind == "" || n.Event == "" {
				t.Errorf("%s %s: labels %v cannot be routed", lang, name, n.Labels)
			}
			if n.Mention && len(n.Steps) == 0 {
				t.Errorf("%s %s: pings people without saying what they can do", lang, name)
			}
		}
	}
}

func TestBothLanguagesTellTheSame(t *testing.T) {
	both := renderers()
	for name, tell := range everything() {
		zh, en := tell(both["zh"]), tell(both["en"])
		if diff := cmp.Diff(zh.Labels, en.Labels); diff != "" {
			t.Errorf("%s: labels depend on the language:\n%s", name, diff)
		}
		if zh.Key != en.Key || zh.Tier != en.Tier || zh.Tone != en.Tone || zh.Mention != en.Mention || len(zh.Steps) != len(en.Steps) || len(zh.Links) != len(en.Links) {
			t.Errorf("%s: the languages tell different things:\n%+v\n%+v", name, zh, en)
		}
	}
}

func TestHowARunEndedGoesWhereItsBeginningWent(t *testing.T) {
	teller := renderers()["en"]
	began := teller.Run(run(actions.Running), now)
	for _, state := range []actions.State{actions.AwaitingApproval, actions.Verifying, actions.Cured, actions.NotCured, actions.Worse, actions.FailedRun, actions.Rejected, actions.Expired, actions.Refused} {
		n := teller.Run(run(state), now)
		if n.Key != began.Key || n.Tier != began.Tier || n.Labels["service"] != began.Labels["service"] {
			t.Errorf("%s: key %s tier %s, but the beginning had key %s tier %s", state, n.Key, n.Tier, began.Key, began.Tier)
		}
	}
}

func TestAnAlertsOwnKindIsKept(t *testing.T) {
	n := announce.Renderer{}.Alerts(firing(alert(rules.Critical)), nil, now)
	if n.Kind != "alert" || n.Labels["kind"] != "order_push" || n.Labels["alertname"] != "OrderPushSlow" {
		t.Errorf("labels: %v", n.Labels)
	}
	if n.Lang != "en" || len(n.Links) != 1 {
		t.Errorf("the zero teller speaks %q and gives links %v; want English and the manual only", n.Lang, n.Links)
	}
}

// A watch that failed by looks alone says how strong the evidence is.
func TestAFailedWatchSaysHowSureItIs(t *testing.T) {
	d := deploy()
	p := watch.Policy{For: 30 * time.Minute, Mode: watch.Auto, Alpha: 0.001, MinSamples: 10}
	checks := []watch.CheckPolicy{{Check: "push", FailureRate: 0.01, Weight: 1, Every: 15 * time.Second}}
	w := watch.Open(d, p, checks, watch.Snapshot{Health: map[string]sample.Health{"push": sample.Up}}, deployed)
	w.ID = "w_01"
	at := deployed
	for w.Verdict == nil && at.Before(deployed.Add(20*time.Minute)) {
		at = at.Add(15 * time.Second)
		w.Observe(sample.Sample{Check: "push", Service: "order-sync", At: at, Observation: sample.Observation{Health: sample.Down, Reason: reason.Text("HTTP 500")}})
	}
	if w.Verdict == nil || w.Verdict.State != watch.Failed {
		t.Fatalf("twenty minutes of failures led to %+v", w.Verdict)
	}
	n := renderers()["en"].Verdict(w, d, announce.Plan{Runbook: "back", To: "v1.4.2"}, at)
	lines := []string{n.Title, n.Text}
	for _, f := range n.Facts {
		lines = append(lines, f.Name+"="+f.Value)
	}
	all := strings.Join(lines, "\n")
	for _, want := range []string{"rolling back to v1.4.2", "push: ", "HTTP 500", "Odds that this is chance=below 1 in ", "at most 0.1%", "Failing checks=push"} {
		if !strings.Contains(all, want) {
			t.Errorf("it does not say %q:\n%s", want, all)
		}
	}
}

// firing is a group that tells of alerts that fire.
func firing(alerts ...rules.Alert) decide.Telling {
	return decide.Telling{Group: "oncall/{}", Receiver: "oncall", Firing: alerts, Why: reason.New("notice_first")}
}

// resolved is a group that tells of alerts that resolved.
func resolved(alerts ...rules.Alert) decide.Telling {
	for i := range alerts {
		alerts[i].State, alerts[i].ResolvedAt = rules.Resolved, now
	}
	return decide.Telling{Group: "oncall/{}", Receiver: "oncall", Resolved: alerts, Why: reason.New("notice_resolved")}
}

func another(name, marketplace string) rules.Alert {
	a := alert(rules.Critical)
	a.ID, a.Rule, a.Labels, a.Annotations = "a_"+name, name, maps.Clone(a.Labels), nil
	a.Labels["alertname"], a.Labels["marketplace"], a.ActiveAt = name, marketplace, a.ActiveAt.Add(-time.Minute)
	return a
}

func TestChineseNoticesHaveNoEnglishSentence(t *testing.T) {
	english := regexp.MustCompile(`[A-Za-z]{2,}[,.;:]? [a-zA-Z]+[,.;:]? [A-Za-z]{2,}`)
	// What others wrote, and what is the same in every language: names, conditions, addresses.
	same := regexp.MustCompile(`“[^”]*”|https?://\S+|avg_over_time\S*|<b>11 of 20</b> pushes failed|put image back|fix is on its way`)
	for name, tell := range everything() {
		n := tell(renderers()["zh"])
		texts := append([]string{n.Title, n.Text}, n.Steps...)
		for _, f := range n.Facts {
			texts = append(texts, f.Name, f.Value)
		}
		for _, l := range n.Links {
			texts = append(texts, l.Text)
		}
		for _, text := range texts {
			if found := english.FindString(same.ReplaceAllString(text, "")); found != "" {
				t.Errorf("%s: %q in %q", name, found, text)
			}
		}
	}
}

// sets gives a run that sets kill switches.
func sets(r actions.Run, state actions.State) actions.Run {
	r.State, r.Verification = state, nil
	r.Steps = []actions.StepRun{{Name: "pause", Kind: "flag", State: actions.StepDone}}
	if state == actions.Cured {
		r.Reason = reason.New("verify_flags")
	}
	return r
}

func windowed(w windows.Window) func(announce.Renderer) notifiers.Notice {
	return func(t announce.Renderer) notifiers.Notice { return t.WindowChanged(w, now) }
}
