package app

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/prometheus/promql"

	"guardian/actions"
	"guardian/internal/announce"
	"guardian/internal/reason"
	"guardian/internal/store"
	"guardian/notifiers"
	"guardian/rules"
	"guardian/watch"
)

// alerts evaluates the rules of a term: one goroutine per group, woken at its interval and
// by samples that it reads.
type alerts struct {
	app *App
	t   *term

	mu     sync.Mutex
	groups []*groupLoop
	// sourced are those of the groups that a source answers. An evaluation reads them, which
	// a swap of the groups waits for: it must not need mu.
	sourced atomic.Pointer[[]*groupLoop]

	told     told
	repeated time.Time // when it was looked last whether anything is to be told again; of the tick alone
}

const repeatEvery = 5 * time.Second

// told is when people heard of an alert last, by alert ID.
type told struct {
	mu sync.Mutex
	at map[string]time.Time
}

func (t *told) set(id string, at time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.at[id] = at
}

func (t *told) last(id string) (time.Time, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	at, ok := t.at[id]
	return at, ok
}

// groupLoop is one group of rules with the state that it has.
type groupLoop struct {
	g     *rules.Group
	reads map[string]bool // "*": everything
	wake  chan struct{}   // holds one: a burst of samples is one evaluation
	stop  context.CancelFunc

	mu    sync.Mutex // held while the group is evaluated
	state atomic.Pointer[rules.GroupState]
	last  atomic.Pointer[groupReport]
}

// groupReport is how the last evaluation of a group went.
type groupReport struct {
	at      time.Time
	took    time.Duration
	results []rules.Result
}

// settle is how long a woken group waits for more samples of the same burst.
const settle = 10 * time.Millisecond

// resumeAlerts restores the alerts whole: since when they are pending, firing, kept firing.
func (a *App) resumeAlerts(ctx context.Context, t *term) (*alerts, error) {
	stored, err := a.store.Alerts(ctx, store.AlertFilter{Limit: store.MaxLimit})
	if err != nil {
		return nil, fmt.Errorf("read the alerts: %w", err)
	}
	as := &alerts{app: a, t: t, told: told{at: map[string]time.Time{}}}
	now := a.now()
	states, ended := rules.Restore(a.setup.Load().groups, stored, now)
	for _, al := range stored {
		if al.State == rules.Firing {
			as.told.set(al.ID, al.FiredAt)
		}
	}
	as.setGroups(a.setup.Load().groups, states)
	as.close(ended)
	return as, nil
}

func (as *alerts) setGroups(groups []*rules.Group, states map[string]rules.GroupState) {
	as.groups = nil
	var sourced []*groupLoop
	for _, g := range groups {
		l := &groupLoop{g: g, reads: map[string]bool{}, wake: make(chan struct{}, 1)}
		state := states[g.Key()]
		l.state.Store(&state)
		as.groups = append(as.groups, l)
		if g.Source != "" {
			sourced = append(sourced, l)
			continue // samples that arrive here say nothing of what a source has
		}
		for _, name := range g.Reads() {
			l.reads[name] = true
		}
	}
	as.sourced.Store(&sourced)
}

// close tells of alerts that end because their rule is gone.
func (as *alerts) close(ended rules.Evaluation) {
	if len(ended.Changes) == 0 && len(ended.Recorded) == 0 {
		return
	}
	if err := as.write(nil, ended); err != nil {
		as.app.log.Error("alerts of removed rules could not be written down", "error", err)
	}
	if err := as.app.series.Append(as.t.ctx, ended.Recorded); err != nil {
		as.app.log.Warn("series of removed rules could not be ended", "error", err)
	}
}

func (as *alerts) start() {
	as.mu.Lock()
	defer as.mu.Unlock()
	for _, l := range as.groups {
		as.startLoop(l)
	}
	for _, al := range as.openLocked() {
		if al.State == rules.Firing {
			as.bind(al)
		}
	}
}

func (as *alerts) startLoop(l *groupLoop) {
	ctx, cancel := context.WithCancel(as.t.ctx)
	l.stop = cancel
	as.t.wg.Go(func() { as.loop(ctx, l) })
}

// apply swaps the groups of a reload; what stays keeps its state.
func (as *alerts) apply(groups []*rules.Group) {
	as.mu.Lock()
	defer as.mu.Unlock()
	states := map[string]rules.GroupState{}
	for _, l := range as.groups {
		l.stop()
		l.mu.Lock() // an evaluation under way comes to its end first
		states[l.g.Key()] = *l.state.Load()
		l.mu.Unlock()
	}
	next, ended := rules.Carry(groups, states, as.app.now())
	as.setGroups(groups, next)
	as.close(ended)
	for _, l := range as.groups {
		as.startLoop(l)
	}
}

func (as *alerts) loop(ctx context.Context, l *groupLoop) {
	tick := time.NewTicker(l.g.Interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-l.wake:
			select {
			case <-ctx.Done():
				return
			case <-time.After(settle):
			}
			select {
			case <-l.wake: // came meanwhile: this evaluation sees it too
			default:
			}
		}
		as.eval(ctx, l)
	}
}

// notice wakes the groups that read any of these series.
func (as *alerts) notice(names []string) {
	as.mu.Lock()
	defer as.mu.Unlock()
	for _, l := range as.groups {
		if l.reads["*"] || slices.ContainsFunc(names, func(n string) bool { return l.reads[n] }) {
			select {
			case l.wake <- struct{}{}:
			default:
			}
		}
	}
}

// eval evaluates a group, writes down what changed and only then takes the new state over:
// what could not be written is found changed again by the next evaluation.
func (as *alerts) eval(ctx context.Context, l *groupLoop) {
	a := as.app
	l.mu.Lock()
	defer l.mu.Unlock()
	now := a.now()
	env := rules.Env{
		Query:      a.setup.Load().queryOf(l.g, a.series.Query),
		Visibility: as.sightOf(l.g, now),
		Record:     func(ctx context.Context, samples []promql.Sample) error { return a.series.Record(ctx, samples) },
	}
	before := *l.state.Load()
	ev := l.g.Eval(ctx, now, before, env)
	if ctx.Err() != nil {
		return
	}
	for _, r := range ev.Results {
		if r.Err != nil {
			a.metrics.ruleFailures.Inc()
			a.log.Warn("a rule could not be evaluated; its alerts stay as they are", "rule", r.Rule.Name(), "group", l.g.Name, "error", r.Err)
		}
	}
	if err := as.write(&before, ev); err != nil {
		if !errors.Is(err, store.ErrFenced) {
			a.log.Error("alerts could not be written down; trying again", "group", l.g.Name, "error", err)
		}
		return
	}
	l.state.Store(&ev.State)
	l.last.Store(&groupReport{at: now, took: a.now().Sub(now), results: ev.Results})
	for _, al := range ev.State.Alerts() {
		if al.State == rules.Firing && al.FailsWatch {
			a.alertWatches(as.t, al, now)
		}
	}
	for _, c := range ev.Changes {
		if c.To == rules.Firing {
			as.bind(c.Alert)
		}
	}
}

// write commits the alerts that are not what the journal has, and the notices about them.
func (as *alerts) write(before *rules.GroupState, ev rules.Evaluation) error {
	a := as.app
	var b store.Batch
	var wake []string
	var heard []string
	for _, c := range ev.Changes {
		if c.To == "" {
			b.AlertsGone = append(b.AlertsGone, c.Alert.ID)
			continue
		}
		b.Alerts = append(b.Alerts, c.Alert)
		var woken []string
		switch {
		case c.To == rules.Firing:
			woken = a.tell(&b, ev.At, func(t announce.Teller) notifiers.Notice {
				return t.AlertFiring(c.Alert, a.lastDeploy(as.t, c.Alert.Service()), ev.At)
			})
			if len(woken) > 0 {
				heard = append(heard, c.Alert.ID)
			}
		case c.To == rules.Resolved && c.From == rules.Firing:
			woken = a.tell(&b, ev.At, func(t announce.Teller) notifiers.Notice { return t.AlertResolved(c.Alert, ev.At) })
			b.AcksGone = append(b.AcksGone, c.Alert.ID)
		default:
			continue
		}
		wake = append(wake, woken...)
		b.Audit = append(b.Audit, store.Audit{
			At: ev.At, Who: guardian, What: "alert", Service: c.Alert.Service(), Subject: c.Alert.ID,
			Detail: reason.New("alert_"+string(c.To), "rule", c.Alert.Rule, "receivers", len(woken)), Path: "/alerts",
		})
	}
	if before != nil {
		b.Alerts = append(b.Alerts, moved(*before, ev)...)
	}
	if len(b.Alerts)+len(b.AlertsGone) == 0 {
		return nil
	}
	if err := a.commit(as.t, b); err != nil {
		return err
	}
	for _, id := range heard {
		as.told.set(id, ev.At)
	}
	a.wake(wake)
	a.changed.broadcast()
	return nil
}

// moved gives the alerts that changed without changing their state: since when they are kept
// firing, what their annotations say.
func moved(before rules.GroupState, ev rules.Evaluation) []rules.Alert {
	old := map[string]rules.Alert{}
	for _, al := range before.Alerts() {
		old[al.ID] = al
	}
	changed := map[string]bool{}
	for _, c := range ev.Changes {
		changed[c.Alert.ID] = true
	}
	var all []rules.Alert
	for _, al := range ev.State.Alerts() {
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

// open gives the alerts that are pending or firing.
func (as *alerts) open() []rules.Alert {
	as.mu.Lock()
	defer as.mu.Unlock()
	return as.openLocked()
}

func (as *alerts) openLocked() []rules.Alert {
	var all []rules.Alert
	for _, l := range as.groups {
		// The state is swapped whole; an evaluation under way is not waited for.
		for _, al := range l.state.Load().Alerts() {
			if al.State != rules.Resolved {
				all = append(all, al)
			}
		}
	}
	return all
}

// bind starts the runbooks that on_alert binds to a firing alert. It may be called again: an
// episode of an alert has at most one run, by the journal's own word.
func (as *alerts) bind(al rules.Alert) {
	a := as.app
	s := a.setup.Load()
	for _, bound := range s.onAlert {
		if !bound.matches(al) {
			continue
		}
		if bound.Mode == watch.Observe {
			a.log.Info("an alert would have started a runbook; on_alert only observes", "alert", al.Rule, "runbook", bound.Runbook)
			continue
		}
		as.t.wg.Go(func() {
			if err := a.runForAlert(as.t, bound, al); err != nil && !errors.Is(err, store.ErrAlreadyRun) {
				a.log.Error("a runbook could not be started for an alert", "alert", al.Rule, "runbook", bound.Runbook, "error", err)
			}
		})
	}
}

func (a *App) runForAlert(t *term, bound onAlert, al rules.Alert) error {
	a.starting.Lock()
	defer a.starting.Unlock()
	now := a.now()
	env := al.Labels["environment"]
	if env == "" {
		env = production
	}
	trigger := actions.Trigger{
		Kind: actions.ByAlert, Alert: al.ID, AlertEpisode: al.FiredAt.UnixNano(),
		Reason: reason.New("alert_fires", "alert", al.Rule, "since", al.FiredAt),
	}
	req, err := a.actRequest(t, bound.Runbook, trigger, al.Service(), env, now)
	if err != nil {
		return err
	}
	if bound.Mode == watch.Approve {
		req.Approve = reason.New("on_alert_approve")
	}
	return a.startRun(t, req, ledger{app: a})
}

// tickRepeats tells again of what still fires, and of what began to fire in a quiet time.
func (a *App) tickRepeats(t *term, now time.Time) {
	s := a.setup.Load()
	if s.tree == nil || now.Sub(t.alerts.repeated) < repeatEvery {
		return
	}
	t.alerts.repeated = now
	for _, al := range t.alerts.open() {
		if al.State != rules.Firing || a.acked(al.ID) || !t.alerts.due(s, al, now) {
			continue
		}
		heard, _ := a.say(t, func(tl announce.Teller) notifiers.Notice {
			return tl.AlertRepeat(al, a.lastDeploy(t, al.Service()), now)
		})
		if heard {
			t.alerts.told.set(al.ID, now)
		}
	}
}

// due tells whether people should hear of a firing alert again.
func (as *alerts) due(s *setup, al rules.Alert, now time.Time) bool {
	last, ok := as.told.last(al.ID)
	if !ok {
		return true
	}
	repeat := time.Duration(0)
	for _, t := range s.tree.Match(announce.AlertLabels(al)) {
		if repeat == 0 || t.RepeatInterval < repeat {
			repeat = t.RepeatInterval
		}
	}
	return repeat > 0 && now.Sub(last) >= repeat
}
