package store

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"guardian/actions"
	"guardian/decide"
	"guardian/internal/drills"
	"guardian/internal/flags"
	"guardian/internal/windows"
	"guardian/notifiers"
	"guardian/notifiers/route"
	"guardian/oncall"
	"guardian/probes"
	"guardian/probes/sample"
	"guardian/rules"
	"guardian/sla"
	"guardian/watch"
)

func deploysTable() table[watch.Deploy] {
	return table[watch.Deploy]{
		name: "deploys", key: []string{"id"}, columns: []string{"service", "environment", "version", "at"},
		values: func(d watch.Deploy) []any {
			return []any{text(d.ID), text(d.Service), text(d.Environment), text(d.Version), nanos(d.At)}
		},
	}
}

func watchesTable() table[watch.Watch] {
	return table[watch.Watch]{
		name: "watches", key: []string{"id"},
		columns: []string{"deploy", "service", "environment", "state", "is_open", "started"},
		values: func(w watch.Watch) []any {
			return []any{
				text(w.ID), text(w.DeployID), text(w.Service), text(w.Environment),
				text(w.State), truth(!w.State.Final()), nanos(w.Started),
			}
		},
		// The state of an open watch is saved periodically, and such a write may come after the
		// verdict. It must not replace it.
		final: "is_open = 0",
	}
}

func knownGoodsTable() table[KnownGood] {
	return table[KnownGood]{
		name: "known_goods", key: []string{"service", "environment", "version"}, columns: []string{"at"},
		values: func(k KnownGood) []any {
			return []any{text(k.Service), text(k.Environment), text(k.Version), nanos(k.At)}
		},
	}
}

func alertsTable() table[rules.Alert] {
	return table[rules.Alert]{
		name: "alerts", key: []string{"id"}, columns: []string{"service", "is_open", "active_at"},
		values: func(a rules.Alert) []any {
			return []any{text(a.ID), text(a.Service()), truth(isOpen(a)), nanos(a.ActiveAt)}
		},
	}
}

func episodesTable() table[rules.Alert] {
	return table[rules.Alert]{
		name: "alert_episodes", key: []string{"id", "fired_at"}, columns: []string{"service", "is_open"},
		values: func(a rules.Alert) []any {
			return []any{text(a.ID), nanos(a.FiredAt), text(a.Service()), truth(isOpen(a))}
		},
	}
}

func isOpen(a rules.Alert) bool { return a.State != rules.Resolved }

// fired returns the alerts that are or were firing: a pending alert is not an episode.
func fired(alerts []rules.Alert) []rules.Alert {
	return slices.DeleteFunc(slices.Clone(alerts), func(a rules.Alert) bool {
		return a.FiredAt.IsZero() || a.State == rules.Pending
	})
}

func runsTable() table[actions.Run] {
	return table[actions.Run]{
		name: "runs", key: []string{"id"},
		columns: []string{
			"service", "environment", "runbook", "trigger_kind", "deploy", "watch", "alert",
			"state", "is_open", "is_rollback", "created", "once_key",
		},
		values: func(r actions.Run) []any {
			return []any{
				text(r.ID), text(r.Service), text(r.Environment), text(r.Runbook), text(r.Trigger.Kind),
				text(r.Trigger.Deploy), text(r.Trigger.Watch), text(r.Trigger.Alert),
				text(r.State), truth(!r.State.Final()), truth(r.Rollback), nanos(r.Created), runOnce(r.Trigger),
			}
		},
		refused: ErrAlreadyRun,
	}
}

// runOnce returns the unique key of a run that a trigger may start only once; nil if it may
// start several.
func runOnce(t actions.Trigger) any {
	switch {
	case t.Kind == actions.ByVerdict && t.Deploy != "":
		return text("verdict/" + t.Deploy)
	case t.Kind == actions.ByAlert && t.Alert != "":
		return text(fmt.Sprintf("alert/%d/%s", t.AlertEpisode, t.Alert))
	case t.Kind == actions.ByUndo && t.Run != "":
		return text("undo/" + t.Run)
	default:
		return nil
	}
}

// ledgerTable numbers entries, beginning with next. The attempt to which an intent belongs is
// taken from the step of its run, which is written in the same batch.
func ledgerTable(next int64, runs []actions.Run) table[actions.Entry] {
	return table[actions.Entry]{
		name: "ledger", key: []string{"seq"}, columns: []string{"run", "once_key"},
		values: func(e actions.Entry) []any {
			next++
			return []any{next - 1, text(e.Run), intentOnce(e, runs)}
		},
		append:  true,
		refused: ErrIntent,
	}
}

// intentOnce returns the unique key of an intent: one per run, step and attempt. It is nil for
// other entries.
func intentOnce(e actions.Entry, runs []actions.Run) any {
	if e.What != "intent" {
		return nil
	}
	for _, r := range runs {
		if r.ID == e.Run && e.Step >= 0 && e.Step < len(r.Steps) && r.Steps[e.Step].Intent == e.Intent {
			return text(fmt.Sprintf("attempt/%d/%d/%s", e.Step, r.Steps[e.Step].Attempt, e.Run))
		}
	}
	return text(fmt.Sprintf("intent/%d/%s/%s", e.Step, e.Intent, e.Run))
}

// deliveriesTable numbers new deliveries, beginning with next; existing ones keep their number.
func deliveriesTable(next int64) table[notifiers.Delivery] {
	return table[notifiers.Delivery]{
		name: "deliveries", key: []string{"id"},
		columns: []string{"seq", "receiver", "notice_key", "state", "is_open", "next_at", "created", "updated"},
		fixed:   []string{"seq"},
		values: func(d notifiers.Delivery) []any {
			next++
			return []any{
				// Notices without a key are not ordered: each gets a key of its own.
				text(d.ID), next - 1, text(d.Receiver), text(cmp.Or(d.Notice.Key, "delivery/"+d.ID)),
				text(d.State), truth(d.State == notifiers.Queued || d.State == notifiers.Sending),
				nanos(d.NextAt), nanos(d.Notice.Created), nanos(d.Updated),
			}
		},
		// It was superseded after somebody read it to send it.
		final: "state = '" + string(notifiers.Superseded) + "'", kept: notifiers.ErrSuperseded,
	}
}

func toldTable() table[decide.Told] {
	return table[decide.Told]{
		name: "told", key: []string{"alert", "group_key"}, columns: []string{"at"},
		values: func(t decide.Told) []any { return []any{text(t.Alert), text(t.Group), nanos(t.At)} },
	}
}

func escalationsTable() table[decide.Escalated] {
	return table[decide.Escalated]{
		name: "escalations", key: []string{"alert"}, columns: []string{"at"},
		values: func(e decide.Escalated) []any { return []any{text(e.Alert), nanos(e.FiredAt)} },
	}
}

func ordersTable() table[probes.Order] {
	return table[probes.Order]{
		name: "orders", key: []string{"id"}, columns: []string{"check_name", "is_open", "created", "updated"},
		values: func(o probes.Order) []any {
			return []any{
				text(o.ID), text(o.Check), truth(o.Stage != "cleaned" && o.Stage != "abandoned"),
				nanos(o.Created), nanos(o.Updated),
			}
		},
	}
}

func intervalsTable() table[sla.Interval] {
	return table[sla.Interval]{
		name: "intervals", key: []string{"check_name", "from_at"}, columns: []string{"to_at"},
		values: func(i sla.Interval) []any { return []any{text(i.Check), nanos(i.From), nanos(i.To)} },
	}
}

func rollupsTable() table[sla.Rollup] {
	return table[sla.Rollup]{
		name: "rollups", key: []string{"check_name", "hour"},
		values: func(r sla.Rollup) []any { return []any{text(r.Check), nanos(r.Hour)} },
	}
}

func checkStatesTable() table[CheckState] {
	return table[CheckState]{
		name: "check_states", key: []string{"check_name"}, columns: []string{"at"},
		values: func(c CheckState) []any { return []any{text(c.Check), nanos(c.At)} },
	}
}

func failuresTable() table[sample.Sample] {
	return table[sample.Sample]{
		name: "failures", key: []string{"check_name", "at"},
		values: func(s sample.Sample) []any { return []any{text(s.Check), nanos(s.At)} },
	}
}

// finite removes NaN and infinite values, which JSON cannot represent and a restart does not need.
func finite(states []CheckState) []CheckState {
	states = slices.Clone(states)
	for i := range states {
		states[i].Last = finiteSample(states[i].Last)
	}
	return states
}

func finiteSample(s sample.Sample) sample.Sample {
	s.Values = slices.DeleteFunc(slices.Clone(s.Values), func(v sample.Value) bool {
		return math.IsNaN(v.V) || math.IsInf(v.V, 0)
	})
	return s
}

func finiteSamples(samples []sample.Sample) []sample.Sample {
	out := make([]sample.Sample, len(samples))
	for i, s := range samples {
		out[i] = finiteSample(s)
	}
	return out
}

func maintenanceTable() table[Maintenance] {
	return table[Maintenance]{
		name: "maintenance", key: []string{"id"}, columns: []string{"from_at", "to_at"},
		values: func(m Maintenance) []any { return []any{text(m.ID), nanos(m.From), nanos(m.To)} },
	}
}

func flagsTable() table[flags.Change] {
	return table[flags.Change]{
		name: "flags", key: []string{"flag"}, columns: []string{"at"},
		values: func(c flags.Change) []any { return []any{text(c.Flag), nanos(c.At)} },
	}
}

func windowsTable() table[windows.Window] {
	return table[windows.Window]{
		name: "windows", key: []string{"id"}, columns: []string{"from_at", "to_at"},
		values: func(w windows.Window) []any { return []any{text(w.ID), nanos(w.From), nanos(w.To)} },
	}
}

func drillsTable() table[drills.Drill] {
	return table[drills.Drill]{
		name: "drills", key: []string{"id"}, columns: []string{"name", "service", "is_open", "started"},
		values: func(d drills.Drill) []any {
			return []any{text(d.ID), text(d.Name), text(d.Service), truth(d.Open()), nanos(d.Started)}
		},
	}
}

func acksTable() table[rules.Ack] {
	return table[rules.Ack]{
		name: "acks", key: []string{"ack_key"}, columns: []string{"at"},
		values: func(a rules.Ack) []any { return []any{text(a.Alert), nanos(a.At)} },
	}
}

func idempotentTable() table[Idempotent] {
	return table[Idempotent]{
		name: "idempotent", key: []string{"idempotency_key"}, columns: []string{"at"},
		values:  func(i Idempotent) []any { return []any{text(i.Key), nanos(i.At)} },
		append:  true,
		refused: ErrIdempotent,
	}
}

func heartbeatsTable() table[probes.Heartbeat] {
	return table[probes.Heartbeat]{
		name: "heartbeats", key: []string{"check_name", "at"},
		values: func(h probes.Heartbeat) []any { return []any{text(h.Check), nanos(h.At)} },
	}
}

func auditTable() table[Audit] {
	return table[Audit]{
		name: "audit", key: []string{"id"}, columns: []string{"at", "service", "subject"},
		values: func(a Audit) []any { return []any{text(a.ID), nanos(a.At), text(a.Service), text(a.Subject)} },
	}
}

func overridesTable() table[oncall.Made] {
	return table[oncall.Made]{
		name: "overrides", key: []string{"id"}, columns: []string{"to_at"},
		values: func(m oncall.Made) []any { return []any{text(m.ID), nanos(m.To)} },
	}
}

func silencesTable() table[route.Silence] {
	return table[route.Silence]{
		name: "silences", key: []string{"id"}, columns: []string{"until"},
		values: func(s route.Silence) []any { return []any{text(s.ID), nanos(s.Until)} },
	}
}
