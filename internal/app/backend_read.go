package app

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/timestamp"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"

	"guardian/actions"
	"guardian/internal/alerting"
	"guardian/internal/announce"
	"guardian/internal/reason"
	"guardian/internal/series"
	"guardian/internal/server"
	"guardian/internal/store"
	"guardian/notifiers/route"
	"guardian/probes/sample"
	"guardian/rules"
	"guardian/sla"
)

// AlertList implements server.Alerts.
func (b backend) AlertList(ctx context.Context) ([]server.Alert, error) {
	now := b.now()
	stored, err := b.store.Alerts(ctx, store.AlertFilter{Limit: store.MaxLimit})
	if err != nil {
		return nil, err
	}
	runs, err := b.store.Runs(ctx, store.RunFilter{Trigger: actions.ByAlert, Since: now.Add(-31 * 24 * time.Hour)})
	if err != nil {
		return nil, err
	}
	var all []server.Alert
	for _, al := range stored {
		if al.State == rules.Resolved && now.Sub(al.ResolvedAt) > 24*time.Hour {
			continue
		}
		v := server.Alert{Alert: al}
		lbls := announce.AlertLabels(al)
		for _, s := range b.notifier.Silences() {
			if s.Mutes(lbls, now) {
				v.Silences = append(v.Silences, s.ID)
			}
		}
		if k, ok := b.notifier.Ack(al.ID); ok {
			v.Ack = &k
		}
		for _, r := range runs {
			if r.Trigger.Alert == al.ID && r.Trigger.AlertEpisode == al.FiredAt.UnixNano() {
				v.Run = r.ID
			}
		}
		all = append(all, v)
	}
	return all, nil
}

func (b backend) openAlert(ctx context.Context, id string) (rules.Alert, error) {
	found, err := b.store.Alerts(ctx, store.AlertFilter{ID: id, Open: true})
	if err != nil {
		return rules.Alert{}, err
	}
	if len(found) == 0 {
		return rules.Alert{}, &server.NotFoundError{What: "open alert", Name: id}
	}
	return found[0], nil
}

// AckAlert implements server.Alerts.
func (b backend) AckAlert(ctx context.Context, id, note string, by server.Caller) (rules.Ack, error) {
	t, err := b.active()
	if err != nil {
		return rules.Ack{}, err
	}
	al, err := b.openAlert(ctx, id)
	if err != nil {
		return rules.Ack{}, err
	}
	k := rules.Ack{Alert: id, By: by.Name, At: b.now().UTC(), Note: note}
	err = t.Commit(store.Batch{Acks: []rules.Ack{k}, Audit: []store.Audit{{
		At: k.At, Who: by.Name, What: "ack", Service: al.Service(), Subject: id, Detail: reason.New("alert_acknowledged", "rule", al.Rule, "note", note), Path: "/alerts",
	}}})
	if err != nil {
		return rules.Ack{}, b.commitError(err)
	}
	b.notifier.Refresh(ctx)
	return k, nil
}

// UnackAlert implements server.Alerts.
func (b backend) UnackAlert(ctx context.Context, id string, by server.Caller) error {
	t, err := b.active()
	if err != nil {
		return err
	}
	if _, acked := b.notifier.Ack(id); !acked {
		return &server.NotFoundError{What: "acknowledgement of alert", Name: id}
	}
	err = t.Commit(store.Batch{AcksGone: []string{id}, Audit: []store.Audit{{At: b.now(), Who: by.Name, What: "unack", Subject: id, Path: "/alerts"}}})
	if err != nil {
		return b.commitError(err)
	}
	b.notifier.Refresh(ctx)
	return nil
}

// SilenceList implements server.Silences.
func (b backend) SilenceList(ctx context.Context) ([]route.Silence, error) {
	return b.store.Silences(ctx, b.now().Add(-24*time.Hour))
}

// CreateSilence implements server.Silences.
func (b backend) CreateSilence(ctx context.Context, s route.Silence, by server.Caller) (route.Silence, error) {
	now := b.now().UTC()
	s.ID, s.From, s.Until, s.By, s.Created = store.NewID("s_"), s.From.UTC(), s.Until.UTC(), by.Name, now
	if s.From.IsZero() {
		s.From = now
	}
	if err := s.Validate(); err != nil {
		return route.Silence{}, &server.InvalidError{Fields: []server.FieldError{{Pointer: "", Detail: err.Error()}}}
	}
	matchers := make([]string, len(s.Matchers))
	for i, m := range s.Matchers {
		matchers[i] = m.String()
	}
	err := b.store.Commit(ctx, store.Unfenced, store.Batch{Silences: []route.Silence{s}, Audit: []store.Audit{{
		At: now, Who: by.Name, What: "silence", Subject: s.ID, Detail: reason.New("alerts_silenced", "matchers", strings.Join(matchers, ", "), "until", s.Until, "comment", s.Comment), Path: "/alerts",
	}}})
	if err != nil {
		return route.Silence{}, b.commitError(err)
	}
	b.notifier.Refresh(ctx)
	return s, nil
}

// ExpireSilence implements server.Alerts.
func (b backend) ExpireSilence(ctx context.Context, id string, by server.Caller) error {
	now := b.now().UTC()
	stored, err := b.store.Silences(ctx, now)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(stored, func(s route.Silence) bool { return s.ID == id })
	if i < 0 {
		return &server.NotFoundError{What: "silence that has not ended", Name: id}
	}
	if err := b.store.Commit(ctx, store.Unfenced, store.Batch{Silences: []route.Silence{stored[i].EndedAt(now)}, Audit: []store.Audit{{
		At: now, Who: by.Name, What: "unsilence", Subject: id, Path: "/alerts",
	}}}); err != nil {
		return b.commitError(err)
	}
	b.notifier.Refresh(ctx)
	return nil
}

// RuleGroups implements server.Rules.
func (b backend) RuleGroups(_ context.Context) ([]server.RuleGroup, error) {
	t := b.acting.Load()
	var all []server.RuleGroup
	for _, g := range b.setup.Load().groups {
		v := server.RuleGroup{Name: g.Name, File: g.File, Interval: g.Interval, Limit: g.Limit}
		var state rules.GroupState
		if t != nil {
			var last alerting.Evaluation
			state, last = t.alerts.State(g.Key())
			v.LastEvaluation, v.EvaluationTime = last.At, last.Took
		}
		for _, r := range g.Rules {
			rs := state.Rules[r.Key]
			rv := server.Rule{
				Alerting: r.Alert != "", Name: r.Name(), Query: r.Expr, For: r.For, KeepFiringFor: r.KeepFiringFor,
				Labels: r.Labels, Annotations: r.Annotations, Health: string(rs.Health), LastEvaluation: rs.LastEval, EvaluationTime: v.EvaluationTime,
			}
			if rs.Health == "" {
				rv.Health = "unknown"
			}
			if rs.Health != rules.HealthOK {
				rv.LastError = rs.Reason.String()
			}
			for _, al := range rs.Alerts {
				if al.State != rules.Resolved {
					rv.Alerts = append(rv.Alerts, al)
				}
			}
			v.Rules = append(v.Rules, rv)
		}
		all = append(all, v)
	}
	return all, nil
}

// Query implements server.Queries.
func (b backend) Query(ctx context.Context, expr string, at time.Time) (server.QueryResult, error) {
	r, err := b.series.Instant(ctx, expr, at)
	return answerOf(expr, r), err
}

// QueryRange implements server.Queries.
func (b backend) QueryRange(ctx context.Context, expr string, start, end time.Time, step time.Duration) (server.QueryResult, error) {
	r, err := b.series.Range(ctx, expr, start, end, step)
	return answerOf(expr, r), err
}

// answerOf is what the storage answered, with at most so many notes as a reader wants.
func answerOf(expr string, r series.Result) server.QueryResult {
	warnings, infos := r.Notes.AsStrings(expr, 10, 10)
	return server.QueryResult{Value: r.Value, Warnings: warnings, Infos: infos}
}

func parseSelectors(selectors []string) ([][]*labels.Matcher, error) {
	p := parser.NewParser(parser.Options{})
	var all [][]*labels.Matcher
	for _, s := range selectors {
		ms, err := p.ParseMetricSelector(s)
		if err != nil {
			return nil, &server.InvalidError{Fields: []server.FieldError{{Pointer: "?match[]", Detail: err.Error()}}}
		}
		all = append(all, ms)
	}
	return all, nil
}

// Series implements server.Queries.
func (b backend) Series(ctx context.Context, selectors []string, start, end time.Time, limit int) ([]labels.Labels, error) {
	ms, err := parseSelectors(selectors)
	if err != nil {
		return nil, err
	}
	return b.series.Series(ctx, ms, start, end, limit)
}

// LabelNames implements server.Queries.
func (b backend) LabelNames(ctx context.Context, selectors []string, start, end time.Time, limit int) ([]string, error) {
	return b.labels(selectors, limit, func(ms ...*labels.Matcher) ([]string, error) { return b.series.LabelNames(ctx, start, end, ms...) })
}

// LabelValues implements server.Queries.
func (b backend) LabelValues(ctx context.Context, name string, selectors []string, start, end time.Time, limit int) ([]string, error) {
	return b.labels(selectors, limit, func(ms ...*labels.Matcher) ([]string, error) {
		return b.series.LabelValues(ctx, name, start, end, ms...)
	})
}

func (b backend) labels(selectors []string, limit int, ask func(...*labels.Matcher) ([]string, error)) ([]string, error) {
	ms, err := parseSelectors(selectors)
	if err != nil {
		return nil, err
	}
	if len(ms) == 0 {
		ms = [][]*labels.Matcher{nil}
	}
	var all []string
	for _, m := range ms {
		found, err := ask(m...)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	slices.Sort(all)
	all = slices.Compact(all)
	if limit > 0 && len(all) > limit {
		all = all[:limit]
	}
	return all, nil
}

// looksFromSeries reads back what the checks of a service saw: each look left its duration,
// or said that it was unknown. Reasons are those of the looks that are still in memory.
func (b backend) looksFromSeries(ctx context.Context, service string, from, to time.Time) (map[string][]server.Look, error) {
	length := to.Sub(from).Truncate(time.Millisecond)
	looks := map[string][]server.Look{}
	if length <= 0 {
		return looks, nil
	}
	type key struct {
		check string
		at    int64
	}
	up := map[key]float64{}
	took := map[key]float64{}
	read := func(name string, into func(check string, at int64, v float64)) error {
		expr := fmt.Sprintf("%s{service=%q}[%dms]", name, service, length.Milliseconds())
		r, err := b.series.Instant(ctx, expr, to)
		if err != nil {
			return err
		}
		m, ok := r.Value.(promql.Matrix)
		if !ok {
			return fmt.Errorf("read %s: %T is no matrix", name, r.Value)
		}
		for _, s := range m {
			check := s.Metric.Get("check")
			for _, f := range s.Floats {
				into(check, f.T, f.F)
			}
		}
		return nil
	}
	if err := read("probe_success", func(check string, at int64, v float64) { up[key{check, at}] = v }); err != nil {
		return nil, err
	}
	if err := read("probe_duration_seconds", func(check string, at int64, v float64) { took[key{check, at}] = v }); err != nil {
		return nil, err
	}
	reasons := map[key]reason.Reason{}
	for _, s := range b.record.Recent(service) {
		reasons[key{s.Check, s.At.UnixMilli()}] = s.Reason
	}
	err := read("probe_unknown", func(check string, at int64, v float64) {
		k := key{check, at}
		l := server.Look{At: timestamp.Time(at).UTC(), Reason: reasons[k]}
		if d := took[k]; !math.IsNaN(d) {
			l.Duration = time.Duration(d * float64(time.Second))
		}
		switch u, known := up[k]; {
		case v == 1 || !known:
			l.Health = sample.Unknown
		case u == 1:
			l.Health = sample.Up
		default:
			l.Health = sample.Down
		}
		looks[check] = append(looks[check], l)
	})
	return looks, err
}

// Entries implements server.Journal.
func (b backend) Entries(ctx context.Context, f server.JournalFilter) (server.JournalPage, error) {
	p, err := b.store.Audit(ctx, store.AuditFilter{Service: f.Service, Before: f.Before, Limit: f.Limit})
	if err != nil {
		return server.JournalPage{}, err
	}
	page := server.JournalPage{Next: p.Next}
	for _, l := range p.Lines {
		page.Entries = append(page.Entries, server.JournalEntry{At: l.At, Who: l.Who, What: l.What, Subject: l.Subject, Detail: l.Detail, Path: l.Path})
	}
	return page, nil
}

// Report implements server.Reports.
func (b backend) Report(ctx context.Context, month sla.Month, service string) (sla.Report, error) {
	if service != "" {
		if _, err := b.knownService(service); err != nil {
			return sla.Report{}, err
		}
	}
	return b.report(ctx, month, service, b.now())
}

func (a *App) report(ctx context.Context, month sla.Month, service string, now time.Time) (sla.Report, error) {
	s := a.setup.Load()
	from, to := month.Bounds(s.location)
	f, err := a.reportFacts(ctx, s, service, from, to)
	if err != nil {
		return sla.Report{}, err
	}
	return sla.Build(f, month, now, s.location), nil
}

// reportFacts reads a month from the journal.
func (a *App) reportFacts(ctx context.Context, s *setup, service string, from, to time.Time) (sla.Facts, error) {
	var f sla.Facts
	for _, svc := range s.services {
		if service != "" && svc.Name != service {
			continue
		}
		v := sla.Service{Name: svc.Name}
		if svc.Objective != nil {
			v.Objective = float64(svc.Objective.Availability)
		}
		for _, c := range s.checksOf(svc.Name) {
			if c.counts {
				v.Checks = append(v.Checks, c.Name)
			}
		}
		f.Services = append(f.Services, v)
	}
	var err error
	if f.Intervals, err = a.store.Intervals(ctx, from, to); err != nil {
		return f, fmt.Errorf("read intervals: %w", err)
	}
	f.Intervals = a.record.LatestIntervals(f.Intervals)
	windows, err := a.store.Maintenance(ctx, from, to)
	if err != nil {
		return f, fmt.Errorf("read maintenance: %w", err)
	}
	for _, w := range windows {
		f.Maintenance = append(f.Maintenance, w.Maintenance)
	}
	runs, err := a.store.Runs(ctx, store.RunFilter{Since: from.Add(-7 * 24 * time.Hour), Until: to, Limit: store.MaxLimit})
	if err != nil {
		return f, fmt.Errorf("read runs: %w", err)
	}
	byDeploy := map[string]actions.Run{}
	for _, r := range runs {
		f.Runs = append(f.Runs, sla.RunFact{
			ID: r.ID, Service: r.Service, Runbook: r.Runbook, Trigger: string(r.Trigger.Kind), State: string(r.State), Rollback: r.Rollback, Created: r.Created, Ended: r.Ended,
		})
		if r.Rollback && r.Trigger.Deploy != "" && r.Trigger.Kind != actions.ByDrill {
			byDeploy[r.Trigger.Deploy] = r // newest first: the first one wins below
		}
	}
	return f, a.deployFacts(ctx, &f, byDeploy, from, to)
}

func (a *App) deployFacts(ctx context.Context, f *sla.Facts, byDeploy map[string]actions.Run, from, to time.Time) error {
	deploys, err := a.store.Deploys(ctx, store.DeployFilter{Since: from.Add(-7 * 24 * time.Hour), Until: to, Limit: store.MaxLimit})
	if err != nil {
		return fmt.Errorf("read deploys: %w", err)
	}
	watches, err := a.store.Watches(ctx, store.WatchFilter{Since: from.Add(-8 * 24 * time.Hour), Until: to.Add(24 * time.Hour), Limit: store.MaxLimit})
	if err != nil {
		return fmt.Errorf("read watches: %w", err)
	}
	for _, d := range deploys {
		v := sla.DeployFact{ID: d.ID, Service: d.Service, Environment: d.Environment, Version: d.Version, Author: d.Author, Kind: string(d.Kind), At: d.At, PutsBack: d.RollbackRun != ""}
		for i := range watches {
			w := &watches[i]
			if w.DeployID != d.ID {
				continue
			}
			v.Watch, v.State, v.Reason, v.WatchEnds = w.ID, string(w.State), w.Reason, w.Deadline
			if !w.Ended.IsZero() {
				v.WatchEnds = w.Ended
			}
			if w.Verdict == nil {
				continue
			}
			v.Reason, v.DecidedAt, v.FaultSince = w.Verdict.Reason, w.Verdict.At, w.FaultSince()
		}
		if r, ok := byDeploy[d.ID]; ok {
			v.Run, v.RunState, v.RunStarted, v.RunEnded = r.ID, string(r.State), r.Started, r.Ended
		}
		f.Deploys = append(f.Deploys, v)
	}
	return nil
}

// monthSoFar gives the running month's report by service.
func (b backend) monthSoFar(ctx context.Context, now time.Time) (map[string]sla.ServiceReport, error) {
	s := b.setup.Load()
	if m := b.month.Load(); m != nil && m.setup == s && now.Sub(m.at) < monthFresh {
		return m.services, nil
	}
	r, err := b.report(ctx, sla.MonthOf(now.In(b.setup.Load().location)), "", now)
	if err != nil {
		return nil, err
	}
	all := map[string]sla.ServiceReport{}
	for _, s := range r.Services {
		all[s.Name] = s
	}
	b.month.Store(&monthView{setup: s, at: now, services: all})
	return all, nil
}

// monthView is the running month as the overview shows it; it need not be of this second.
type monthView struct {
	setup    *setup
	at       time.Time
	services map[string]sla.ServiceReport
}

const monthFresh = 10 * time.Second

// FactsRevision implements server.Reports.
func (b backend) FactsRevision(ctx context.Context, month sla.Month) (string, error) {
	s := b.setup.Load()
	now := b.now()
	_, end := month.Bounds(s.location)
	last, err := b.store.Audit(ctx, store.AuditFilter{Limit: 1})
	if err != nil {
		return "", err
	}
	newest := ""
	if len(last.Lines) > 0 {
		newest = last.Lines[0].ID
	}
	// A month that is over still changes when a run or watch of its last days ends; both
	// leave a line in the journal. The running month changes with the clock.
	clock := int64(0)
	if now.Before(end) {
		clock = now.Unix() / 30
	}
	return fmt.Sprint(month, " ", s.loaded.UnixNano(), " ", newest, " ", clock), nil
}
