package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"guardian/decide"
	"guardian/internal/config"
	"guardian/internal/reason"
	"guardian/internal/server"
	"guardian/internal/store"
	"guardian/internal/watching"
	"guardian/probes"
	"guardian/probes/sample"
	"guardian/watch"
)

// backend is what the pages and the API ask of the process.
type backend struct{ *App }

// whole gives every part of it to the server.
func (b backend) whole() server.Backend {
	return server.Backend{
		Tokens: b, Services: b, Gates: b, Checks: b, Looks: b, Deploys: b, Watches: b, Marks: b, Scores: b, Runs: b, RunControl: b,
		Alerts: b, Acks: b, Silences: b, Rules: b, Queries: b, Series: b, MetricHelp: b, Reports: b, Journal: b, Heartbeats: b,
		Calls: b, Process: b,
	}
}

// active gives the term, for what only who acts may do.
func (b backend) active() (*leading, error) {
	if t := b.acting.Load(); t != nil {
		return t, nil
	}
	return nil, server.ErrStandby
}

// Secured implements server.Tokens.
func (b backend) Secured(ctx context.Context) (bool, error) {
	if len(b.setup.Load().config.Tokens) > 0 {
		return true, nil
	}
	ts, err := b.store.Tokens(ctx)
	if err != nil {
		return false, b.commitError(err)
	}
	return slices.ContainsFunc(ts, func(t store.Token) bool { return t.Revoked.IsZero() }), nil
}

// Authenticate implements server.Tokens.
func (b backend) Authenticate(ctx context.Context, hash string) (server.Caller, error) {
	for _, t := range b.setup.Load().config.Tokens {
		if server.HashToken(t.Token.Reveal()) == hash {
			return server.Caller{Name: t.Name, Role: server.Role(t.Role)}, nil
		}
	}
	t, ok, err := b.store.TokenByHash(ctx, hash)
	if err != nil {
		return server.Caller{}, b.commitError(err)
	}
	if !ok || !t.Revoked.IsZero() {
		return server.Caller{}, server.ErrUnauthenticated
	}
	now := b.now()
	if now.Sub(t.LastUsed) > time.Minute {
		if err := b.store.Commit(ctx, store.Unfenced, store.Batch{TokenUses: []store.TokenUse{{ID: t.ID, At: now}}}); err != nil {
			b.log.Debug("the use of a token was not written down", "error", err)
		}
	}
	return server.Caller{Name: t.Name, Role: server.Role(t.Role)}, nil
}

// environmentOf gives what a caller left out.
func environmentOf(e string) string {
	if e == "" {
		return production
	}
	return e
}

// knownService gives a service or an error that names those that are known.
func (b backend) knownService(name string) (config.Service, error) {
	s := b.setup.Load()
	svc, ok := s.service(name)
	if !ok {
		var known []string
		for _, o := range s.services {
			known = append(known, o.Name)
		}
		return config.Service{}, &server.NotFoundError{What: "service", Name: name, Known: known}
	}
	return svc, nil
}

// Announce implements server.Deploys.
func (b backend) Announce(ctx context.Context, r server.DeployRequest, by server.Caller) (server.Announced, error) {
	t, err := b.active()
	if err != nil {
		return server.Announced{}, err
	}
	if _, err := b.knownService(r.Service); err != nil {
		return server.Announced{}, err
	}
	answer, err := t.watches.Announce(ctx, watching.Announcement{
		Deploy: deployOf(r, by), By: by.Name, Key: r.IdempotencyKey, BodyHash: r.BodyHash,
		Answer: func(d watch.Deploy, w *watch.Watch) ([]byte, error) {
			return json.Marshal(server.Announced{Deploy: d, Watch: b.watchView(w, d, nil, b.now())})
		},
	})
	var closed *watching.ClosedError
	var policy *watching.PolicyError
	switch {
	case errors.As(err, &closed):
		return server.Announced{}, &server.GateClosedError{Reasons: closed.Reasons}
	case errors.Is(err, watching.ErrKeyReused):
		return server.Announced{}, server.ErrIdempotencyMismatch
	case errors.As(err, &policy):
		return server.Announced{}, &server.InvalidError{Fields: []server.FieldError{{Pointer: "/watch", Detail: policy.Err.Error()}}}
	case err != nil:
		return server.Announced{}, b.commitError(err)
	}
	var a server.Announced
	if err := json.Unmarshal(answer, &a); err != nil {
		return server.Announced{}, fmt.Errorf("the answer to key %s: %w", r.IdempotencyKey, err)
	}
	return a, nil
}

// deployOf is the deploy that a request announces.
func deployOf(r server.DeployRequest, by server.Caller) watch.Deploy {
	d := watch.Deploy{
		Service: r.Service, Environment: environmentOf(r.Environment), Version: r.Version, PreviousVersion: r.PreviousVersion,
		Shops: r.Shops, Kind: r.Kind, KnownGood: r.KnownGood, Author: r.Author, Ticket: r.Ticket, URL: r.URL, Reversible: r.Reversible,
		At: r.At.UTC(),
	}
	if d.Kind == "" {
		d.Kind = watch.Code
	}
	if r.WatchFor > 0 || r.WatchMode != "" {
		d.Asked = &watch.Asked{For: r.WatchFor, Mode: r.WatchMode}
	}
	if d.Author == "" && by.Name != "loopback" {
		d.Author = by.Name
	}
	return d
}

// commitError says in the API's words what kept something from being written down or read.
func (b backend) commitError(err error) error {
	if errors.Is(err, store.ErrFenced) {
		return server.ErrStandby
	}
	if errors.Is(err, store.ErrUnreachable) {
		return server.Refuse(server.ErrBusy, "the journal's database does not answer; try again in a few seconds")
	}
	if errors.Is(err, store.ErrDiskFull) || errors.Is(err, store.ErrLocked) {
		return server.Refuse(server.ErrBusy, "this could not be written down: %s; try again", err)
	}
	return err
}

// DeployList implements server.Deploys.
func (b backend) DeployList(ctx context.Context, f server.Filter) ([]watch.Deploy, error) {
	return b.store.Deploys(ctx, store.DeployFilter{Service: f.Service, Environment: f.Environment, Since: f.Since, Limit: f.Limit})
}

// gateOf tells whether a service may be deployed now.
func (b backend) gateOf(ctx context.Context, service, environment string, now time.Time) (server.Gate, error) {
	p := decide.Present{}
	if t := b.acting.Load(); t != nil {
		p.Alerts = t.alerts.Open()
	} else {
		stored, err := b.store.Alerts(ctx, store.AlertFilter{Open: true, Service: service})
		if err != nil {
			return server.Gate{}, err
		}
		p.Alerts = stored
	}
	closed, err := b.decider().Gate(ctx, service, environment, p, now)
	return server.Gate{Open: len(closed) == 0, Reasons: closed}, err
}

// Gate implements server.Services.
func (b backend) Gate(ctx context.Context, service, environment string) (server.Gate, error) {
	if _, err := b.knownService(service); err != nil {
		return server.Gate{}, err
	}
	return b.gateOf(ctx, service, environmentOf(environment), b.now())
}

// ServiceList implements server.Services.
func (b backend) ServiceList(ctx context.Context) ([]server.Service, error) {
	now := b.now()
	s := b.setup.Load()
	report, err := b.monthSoFar(ctx, now)
	if err != nil {
		return nil, err
	}
	var all []server.Service
	for _, svc := range s.services {
		v := server.Service{Name: svc.Name, Environment: svc.Environment, Mode: svc.Watch.Mode, Availability: -1}
		if v.Version, err = b.decider().CurrentVersion(ctx, svc.Name, svc.Environment); err != nil {
			return nil, err
		}
		if v.KnownGood, err = b.decider().KnownGoods(ctx, svc.Name, svc.Environment, now); err != nil {
			return nil, err
		}
		b.healthOf(&v, s, now)
		if svc.Objective != nil {
			v.Objective = float64(svc.Objective.Availability)
		}
		if r, ok := report[svc.Name]; ok && r.Availability.Known {
			v.Availability = r.Availability.Value
			if r.Budget.Known && r.Budget.Allowed > 0 {
				v.BudgetLeft = float64(r.Budget.Left) / float64(r.Budget.Allowed)
			}
		}
		if v.Gate, err = b.gateOf(ctx, svc.Name, svc.Environment, now); err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, nil
}

// healthOf says how a service and its checks are now.
func (b backend) healthOf(v *server.Service, s *setup, now time.Time) {
	var states []decide.CheckState
	for _, c := range s.checksOf(v.Name) {
		seen := b.record.Status(c.Name, now)
		v.Checks = append(v.Checks, server.Check{Name: c.Name, Kind: c.Kind, Labels: c.Labels, Every: c.Every, Last: seen.Last, Since: seen.Since})
		states = append(states, decide.CheckState{Check: c.Name, Counts: c.counts, Last: seen.Last, Since: seen.Since, Blind: seen.Blind, Why: seen.BlindReason})
	}
	h := decide.ServiceHealth(states)
	v.Health, v.Since, v.Reason = h.Health, h.Since, h.Reason
}

// Looks implements server.Services.
func (b backend) Looks(ctx context.Context, service string, from, to time.Time, limit int) (map[string][]server.Look, error) {
	looks, err := b.looksFromSeries(ctx, service, from, to)
	if err != nil {
		return nil, err
	}
	for check, ls := range looks {
		looks[check] = thin(ls, limit)
	}
	return looks, nil
}

// thin leaves out looks that were Up until at most limit are left; the others all stay.
func thin(ls []server.Look, limit int) []server.Look {
	if limit <= 0 || len(ls) <= limit {
		return ls
	}
	keep := (len(ls) + limit - 1) / limit
	var out []server.Look
	for i, l := range ls {
		if l.Health != sample.Up || i%keep == 0 {
			out = append(out, l)
		}
	}
	return out
}

// Beat implements server.Heartbeats.
func (b backend) Beat(ctx context.Context, h probes.Heartbeat, by server.Caller) error {
	c, ok := b.setup.Load().check(h.Check)
	if !ok || !c.kind.Passive {
		var known []string
		for _, o := range b.setup.Load().checks {
			if o.kind.Passive {
				known = append(known, o.Name)
			}
		}
		return &server.NotFoundError{What: "heartbeat check", Name: h.Check, Known: known}
	}
	if err := b.store.Commit(ctx, store.Unfenced, store.Batch{Heartbeats: []probes.Heartbeat{h}}); err != nil {
		return b.commitError(err)
	}
	b.loops.Go(func() {
		look, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		_, _ = b.runner.LookNow(look, h.Check)
	})
	_ = by
	return nil
}

// Status implements server.Process.
func (b backend) Status(ctx context.Context) (server.Status, error) {
	now := b.now()
	s := b.setup.Load()
	st := server.Status{
		Version: b.o.Version, Ready: true, Role: "standby", Started: b.started, Loaded: s.loaded, Checks: len(s.checks),
		Blind: b.record.Blind(now), Storage: b.store.Kind(),
	}
	if st.Blind == nil {
		st.Blind = []string{}
	}
	switch leader := b.elector.Status(); {
	case leader.Leading:
		st.Role, st.Holder = "active", b.holder
	case leader.Starting:
		st.Ready, st.Role, st.Reason = false, "starting", reason.New("taking_over")
	case leader.Other == nil:
		st.Ready, st.Role, st.Reason = false, "starting", reason.New("holder_not_known")
	case leader.Former:
		st.Holder, st.Reason = leader.Other.Holder, reason.New("own_lease_runs")
	default:
		st.Holder, st.Reason = leader.Other.Holder, reason.New("another_leads")
	}
	if err := b.store.Ping(ctx); err != nil {
		st.Ready, st.StorageErr = false, b.redactor.Redact(err.Error())
		st.Reason = reason.New("journal_silent")
		return st, nil
	}
	if e := b.storeError.Load(); e != nil {
		st.StorageErr = *e
	}
	if e := b.loadError.Load(); e != nil {
		st.LoadError = *e
	}
	stats, err := b.store.DeliveryStats(ctx, now.Add(-24*time.Hour))
	if err != nil {
		return st, err
	}
	st.Queued = stats.States["queued"] + stats.States["sending"]
	st.GivenUp = stats.States["given_up"]
	st.LastNotice, st.OldestDue = stats.LastDelivered, stats.OldestOpen
	return st, nil
}

// Reload implements server.Process.
func (b backend) Reload(ctx context.Context, by server.Caller) error {
	err := b.App.Reload(ctx)
	var ms config.Mistakes
	if errors.As(err, &ms) {
		lines := make([]string, len(ms))
		for i, m := range ms {
			lines[i] = m.Error()
		}
		return &server.MistakesError{Mistakes: lines}
	}
	if err != nil {
		return &server.MistakesError{Mistakes: strings.Split(err.Error(), "\n")}
	}
	return b.store.Commit(ctx, store.Unfenced, store.Batch{Audit: []store.Audit{{At: b.now(), Who: by.Name, What: "reload"}}})
}
