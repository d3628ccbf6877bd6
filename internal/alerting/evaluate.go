package alerting

import (
	"cmp"
	"context"
	"errors"
	"reflect"
	"slices"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"

	"guardian/decide"
	"guardian/internal/announce"
	"guardian/internal/reason"
	"guardian/internal/runs"
	"guardian/internal/store"
	"guardian/rules"
	"guardian/watch"
)

// evaluate evaluates rules of a group, records what changed and only then takes the new state over:
// what could not be recorded is found changed again by the next evaluation. It reports whether the
// state was taken over, and how long the evaluation took, without recording and telling what changed.
func (as *Alerts) evaluate(ctx context.Context, g *group, which rules.RuleSet) (took time.Duration, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := as.o.Now()
	before := g.state.rules // nobody else changes it
	ev := g.Eval(ctx, now, before, rules.Env{
		Query: as.queryOf(g), Visibility: as.visibilityOf(g, now), Record: as.o.Series.Record, Only: which,
	})
	took = as.o.Now().Sub(now)
	if ctx.Err() != nil {
		return took, false
	}
	for _, r := range ev.Results {
		if r.Err != nil {
			as.o.Metrics.failures.Inc()
			as.o.Log.Warn("a rule could not be evaluated; its alerts stay as they are", "rule", r.Rule.Name(), "group", g.Name, "error", r.Err)
		}
	}
	if err := as.record(&before, ev); err != nil {
		if !errors.Is(err, store.ErrFenced) {
			as.o.Log.Error("alerts could not be recorded; trying again", "group", g.Name, "error", err)
		}
		return took, false
	}
	g.state.merge(ev.State)
	if len(ev.Results) == len(g.Rules) {
		g.last.Store(&Evaluation{At: now, Took: as.o.Now().Sub(now), results: ev.Results})
	}
	for _, al := range ev.Alerts() {
		if al.State == rules.Firing && al.FailsWatch {
			as.o.Watches.AlertFired(al, now)
		}
	}
	var fired []rules.Alert
	for _, c := range ev.Changes {
		if c.To == rules.Firing {
			fired = append(fired, c.Alert)
		}
	}
	as.startRuns(fired)
	return took, true
}

func (as *Alerts) queryOf(g *group) rules.QueryFunc {
	if g.Source == "" {
		return as.o.Series.Query
	}
	query, err := as.o.Source(g.Source)
	if err != nil { // the group is of a configuration that is being swapped out
		return func(context.Context, string, time.Time) (promql.Vector, error) { return nil, err }
	}
	return query
}

// visibilityOf says what the rules of a group cannot see now. A rule source sees for itself.
// The guardian's own rules do not see what a source's group records while it cannot be asked.
func (as *Alerts) visibilityOf(g *group, now time.Time) rules.Visibility {
	if g.Source != "" {
		return nil
	}
	own, theirs := as.o.Sight.Visibility(now), rules.VisibilityOf(as.blindSources())
	return func(ms []*labels.Matcher) (bool, reason.Reason) {
		if blind, why := own(ms); blind {
			return blind, why
		}
		return theirs(ms)
	}
}

// blindSources lists the series that groups of rule sources record and could not when they
// were evaluated last, or were not evaluated yet.
func (as *Alerts) blindSources() []rules.Blind {
	var blind []rules.Blind
	for _, g := range *as.sourced.Load() {
		last := g.last.Load()
		for i, r := range g.Rules {
			if r.Record == "" || last != nil && last.results[i].Health == rules.HealthOK {
				continue
			}
			why := reason.New("source_not_asked", "source", g.Source, "series", r.Record)
			if last != nil {
				why = last.results[i].Reason
			}
			blind = append(blind, rules.Blind{Name: func(series string) bool { return series == r.Record }, Why: why})
		}
	}
	return blind
}

// record commits the alerts that are not what the journal has, and what people are told of them
// now; the rest is told by Tick when its time comes.
func (as *Alerts) record(before *rules.GroupState, ev rules.Evaluation) error {
	var b store.Batch
	for _, c := range ev.Changes {
		if c.To == "" {
			b.AlertsGone = append(b.AlertsGone, c.Alert.ID)
			continue
		}
		b.Alerts = append(b.Alerts, c.Alert)
		if c.To == rules.Resolved {
			b.AcksGone = append(b.AcksGone, c.Alert.ID)
		}
	}
	if before != nil {
		b.Alerts = append(b.Alerts, moved(*before, ev)...)
	}
	t := &as.telling
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(b.Alerts)+len(b.AlertsGone) == 0 {
		for _, a := range ev.Alerts() { // their values may be others
			t.board.Put(a)
		}
		return nil
	}
	var undo []func()
	for _, a := range ev.Alerts() {
		undo = append(undo, t.board.Put(a))
	}
	ids := make([]string, 0, len(ev.Changes))
	for _, c := range ev.Changes {
		undo = append(undo, t.board.Put(c.Alert)) // those of rules that are gone are in no state
		ids = append(ids, c.Alert.ID)
	}
	var told []decide.Telling
	var receivers []string
	err := as.commit(func() store.Batch {
		with := b
		if len(ids) > 0 {
			told, _, receivers = as.tell(&with, ev.At, ids...)
		}
		with.Audit = audit(ev, told)
		return with
	})
	if err != nil {
		for _, back := range slices.Backward(undo) {
			back()
		}
		return err
	}
	for _, a := range b.Alerts {
		t.save(a)
	}
	for _, c := range ev.Changes {
		if c.To == rules.Resolved || c.To == "" {
			as.o.Notifier.ForgetAck(c.Alert.ID)
		}
	}
	if len(ids) > 0 {
		as.told(told, receivers)
	}
	as.o.Changed()
	return nil
}

// audit are the lines of the journal about alerts that began to fire or resolved.
func audit(ev rules.Evaluation, told []decide.Telling) (lines []store.Audit) {
	heard := map[string]int{}
	for _, t := range told {
		for _, row := range t.Rows {
			heard[row.Alert]++
		}
	}
	for _, c := range ev.Changes {
		var code string
		switch {
		case c.To == rules.Firing:
			code = "alert_firing"
		case c.To == rules.Resolved && c.From == rules.Firing:
			code = "alert_resolved"
		default:
			continue
		}
		lines = append(lines, store.Audit{
			At: ev.At, Who: store.Guardian, What: "alert", Service: c.Alert.Service(), Subject: c.Alert.ID, Path: "/alerts",
			Detail: reason.New(code, "rule", c.Alert.Rule, "receivers", heard[c.Alert.ID]),
		})
	}
	return lines
}

// moved gives the alerts that changed without changing their state, as since when they are kept
// firing. What their value and annotations are is saved now and then, by Tick.
func moved(before rules.GroupState, ev rules.Evaluation) []rules.Alert {
	old := map[string]rules.Alert{}
	for _, res := range ev.Results {
		for _, al := range before.Rules[res.Rule.Key].Alerts {
			old[al.ID] = al
		}
	}
	changed := map[string]bool{}
	for _, c := range ev.Changes {
		changed[c.Alert.ID] = true
	}
	var all []rules.Alert
	for _, al := range ev.Alerts() {
		was, ok := old[al.ID]
		if !ok || changed[al.ID] {
			continue
		}
		was.LastEval, was.Value, was.Annotations = al.LastEval, al.Value, al.Annotations
		if !reflect.DeepEqual(was, al) {
			all = append(all, al)
		}
	}
	return all
}

// startRuns starts the runbooks that alerts are bound to, one after the other: which of them waits for
// which is no accident. It may be called again: a firing of an alert has at most one run, by the
// journal's own constraint.
func (as *Alerts) startRuns(alerts []rules.Alert) {
	var all []decide.Started
	for _, al := range alerts {
		for _, st := range as.o.Decider().Settings.OfAlert(al) {
			if st.Mode == watch.Observe {
				as.o.Log.Info("an alert would have started a runbook; on_alert only observes", "alert", al.Rule, "runbook", st.Runbook)
				continue
			}
			all = append(all, st)
		}
	}
	if len(all) == 0 {
		return
	}
	as.wg.Go(func() {
		for _, st := range all {
			if err := as.startRun(st); err != nil && !errors.Is(err, store.ErrAlreadyRun) {
				as.o.Log.Error("a runbook could not be started for an alert", "alert", st.Trigger.Alert, "runbook", st.Runbook, "error", err)
			}
		}
	})
}

func (as *Alerts) startRun(st decide.Started) error {
	return as.o.Runs.Decide(func() error {
		req, err := as.o.Decider().ByAlert(as.ctx, st, as.o.Present(st.Service), as.o.Now())
		if err != nil {
			return err
		}
		req.ID = store.NewID("r_")
		_, err = as.o.Runs.Begin(as.ctx, req, runs.With{})
		return err
	})
}

// withdrawnRead is among how many of the last deploys one that happened is looked for.
const withdrawnRead = 10

// lastDeployWithin bounds how long a notice waits for the last deploy of its service.
const lastDeployWithin = time.Second

// lastDeploy gives the last deploy of an alert's service and what became of it, for the reader of
// the alert, or nil.
func (as *Alerts) lastDeploy(al rules.Alert) *announce.LastDeploy {
	svc, ok := as.o.Decider().Settings.Service(al.Service())
	if !ok {
		return nil
	}
	ctx, cancel := context.WithTimeout(as.ctx, lastDeployWithin)
	defer cancel()
	ds, err := as.o.Journal.Deploys(ctx, store.DeployFilter{Service: svc.Name, Environment: cmp.Or(al.Labels["environment"], svc.Environment), Limit: withdrawnRead})
	i := slices.IndexFunc(ds, func(d watch.Deploy) bool { return !d.Withdrawn() })
	if err != nil || i < 0 {
		return nil
	}
	last := &announce.LastDeploy{Deploy: ds[i]}
	rollbacks, err := as.o.Journal.Runs(ctx, store.RunFilter{Deploy: last.ID, Rollbacks: true, Limit: 1})
	if err != nil {
		return nil // else it might say to roll back what is rolled back
	}
	if len(rollbacks) > 0 {
		last.Rollback = &rollbacks[0]
	}
	return last
}
