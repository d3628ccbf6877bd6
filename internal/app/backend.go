package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"guardian/actions"
	"guardian/internal/announce"
	"guardian/internal/config"
	"guardian/internal/reason"
	"guardian/internal/server"
	"guardian/internal/store"
	"guardian/notifiers"
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
func (b backend) active() (*term, error) {
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
	svc, err := b.knownService(r.Service)
	if err != nil {
		return server.Announced{}, err
	}
	b.announcing.Lock()
	defer b.announcing.Unlock()
	if r.IdempotencyKey != "" {
		if first, ok, err := b.answered(ctx, r); ok || err != nil {
			return first, err
		}
	}
	now := b.now().UTC()
	d := watch.Deploy{
		ID: newID("d_"), Service: r.Service, Environment: environmentOf(r.Environment), Version: r.Version, PreviousVersion: r.PreviousVersion,
		Shops: r.Shops, Kind: r.Kind, KnownGood: r.KnownGood, Author: r.Author, Ticket: r.Ticket, URL: r.URL, Reversible: r.Reversible,
		At: r.At.UTC(), Announced: now,
	}
	if d.Kind == "" {
		d.Kind = watch.Code
	}
	if r.At.IsZero() {
		d.At = now
	}
	if r.WatchFor > 0 || r.WatchMode != "" {
		d.Asked = &watch.Asked{For: r.WatchFor, Mode: r.WatchMode}
	}
	if d.Author == "" && by.Name != "loopback" {
		d.Author = by.Name
	}
	for {
		answer, err := b.accept(ctx, t, svc, d, r, by, now)
		if !errors.Is(err, errOver) {
			return answer, err
		}
		// A verdict fell meanwhile: the version is a new deploy to what is not watched yet.
	}
}

// errOver says that the watch which was to go on has ended.
var errOver = errors.New("the watch is over")

// accept takes a deploy as what it means for the watches that are open now.
func (b backend) accept(ctx context.Context, t *term, svc config.Service, d watch.Deploy, r server.DeployRequest, by server.Caller, now time.Time) (server.Announced, error) {
	open := map[string]*watched{}
	var openWatches []*watch.Watch
	for _, e := range t.watches.of(d.Service) {
		e.mu.Lock()
		w := e.w.Clone()
		e.mu.Unlock()
		if w.Environment == d.Environment && !w.State.Final() {
			open[w.ID] = e
			openWatches = append(openWatches, &w)
		}
	}
	rollbacks, err := b.rollbacks(ctx, d.Service, d.Environment, now)
	if err != nil {
		return server.Announced{}, err
	}
	acceptance := watch.Accept(d, openWatches, rollbacks, now)
	if acceptance.Decision == watch.Opens && acceptance.RollbackRun == "" {
		gate, err := b.gateOf(ctx, t, d.Service, d.Environment, d.Kind, now)
		if err != nil {
			return server.Announced{}, err
		}
		if !gate.Open {
			return server.Announced{}, &server.GateClosedError{Reasons: gate.Reasons}
		}
	}
	switch acceptance.Decision {
	case watch.Extends, watch.Repeats:
		return b.extend(ctx, t, open[acceptance.Watch], acceptance, r, by, now)
	case watch.Opens:
		return b.open(ctx, t, svc, d, acceptance, open, r, by, now)
	default:
		return server.Announced{}, fmt.Errorf("deploy of %s: %q is no way to take it", d.Service, acceptance.Decision)
	}
}

// answered gives the first answer to a request that is made again.
func (b backend) answered(ctx context.Context, r server.DeployRequest) (server.Announced, bool, error) {
	kept, ok, err := b.store.Idempotent(ctx, r.IdempotencyKey)
	if err != nil || !ok {
		return server.Announced{}, false, err
	}
	if kept.BodyHash != r.BodyHash {
		return server.Announced{}, true, server.ErrIdempotencyMismatch
	}
	var first server.Announced
	if err := unmarshal(kept.Answer, &first); err != nil {
		return server.Announced{}, true, fmt.Errorf("the first answer to key %s: %w", r.IdempotencyKey, err)
	}
	return first, true, nil
}

func (b backend) keepAnswer(batch *store.Batch, r server.DeployRequest, answer server.Announced, now time.Time) error {
	if r.IdempotencyKey == "" {
		return nil
	}
	body, err := marshal(answer)
	if err != nil {
		return err
	}
	batch.Idempotent = append(batch.Idempotent, store.Idempotent{Key: r.IdempotencyKey, BodyHash: r.BodyHash, Status: 201, Answer: body, At: now})
	return nil
}

// open begins the watch of a new deploy, and ends those that it supersedes, in one
// transaction.
func (b backend) open(ctx context.Context, t *term, svc config.Service, d watch.Deploy, acc watch.Acceptance, open map[string]*watched, r server.DeployRequest, by server.Caller, now time.Time) (server.Announced, error) {
	d.RollbackRun = acc.RollbackRun
	policy := svc.Watch.Policy()
	if r.WatchFor > 0 {
		policy.For = r.WatchFor
	}
	if r.WatchMode != "" {
		policy.Mode = r.WatchMode
	}
	if err := policy.Validate(); err != nil {
		return server.Announced{}, &server.InvalidError{Fields: []server.FieldError{{Pointer: "/watch", Detail: err.Error()}}}
	}
	snap, err := b.snapshot(ctx, t, svc, d.At, now)
	if err != nil {
		return server.Announced{}, err
	}
	var checks []watch.CheckPolicy
	for _, c := range b.setup.Load().checksOf(d.Service) {
		if c.judges {
			checks = append(checks, c.policy)
		}
	}
	w := watch.Open(d, policy, checks, snap, now)
	w.ID = newID("w_")
	batch := store.Batch{Deploys: []watch.Deploy{d}, Watches: []watch.Watch{w.Clone()}}
	if d.KnownGood {
		batch.KnownGoods = append(batch.KnownGoods, store.KnownGood{Service: d.Service, Environment: d.Environment, Version: d.Version, At: now, By: by.Name})
	}
	batch.Audit = append(batch.Audit, store.Audit{
		At: now, Who: by.Name, What: "deploy", Service: d.Service, Subject: d.Service + " " + d.Version,
		Detail: reason.New("deploy_announced", "version", d.Version, "environment", d.Environment), Path: "/watches/" + w.ID,
	})
	// The superseded watches are locked until the transaction is over: neither their checks
	// nor the clock reach them meanwhile. They end only when it is written down that they do.
	type ending struct {
		e *watched
		w watch.Watch
	}
	var ended []ending
	var wake []string
	for _, id := range acc.Supersedes {
		e := open[id]
		if e == nil {
			continue
		}
		e.mu.Lock()
		defer e.mu.Unlock()
		if e.w.State.Final() {
			continue
		}
		old := e.w.Clone()
		if v := old.Supersede(d.Version, now); v != nil {
			batch.Watches = append(batch.Watches, old)
			batch.Audit = append(batch.Audit, store.Audit{
				At: now, Who: guardian, What: "verdict", Service: old.Service, Subject: old.Service + " " + old.Version, Detail: reason.Text(string(v.State) + ": " + v.Reason.String()), Path: "/watches/" + old.ID,
			})
			wake = append(wake, b.tell(&batch, now, func(t announce.Teller) notifiers.Notice { return t.Verdict(&old, e.deploy, announce.Plan{}, now) })...)
			ended = append(ended, ending{e, old})
		}
	}
	answer := server.Announced{Deploy: d, Watch: b.present(w, d, nil, now)}
	if err := b.keepAnswer(&batch, r, answer, now); err != nil {
		return server.Announced{}, err
	}
	if err := b.commit(t, batch); err != nil {
		return server.Announced{}, b.commitError(err)
	}
	for _, end := range ended {
		*end.e.w = end.w
		t.watches.remove(end.w.ID)
	}
	t.watches.add(w, d, now)
	b.overlap(t, w, d)
	b.outdate(context.WithoutCancel(ctx), t, d.Service, d.Environment)
	if d.At.Before(now) {
		// Announced late: what was seen meanwhile counts.
		for _, s := range b.record.Recent("") {
			b.observeWatches(t, s)
		}
	}
	b.wake(wake)
	b.changed.broadcast()
	return answer, nil
}

// extend takes more shops into an open watch, or answers a repeated announcement.
func (b backend) extend(ctx context.Context, t *term, e *watched, acc watch.Acceptance, r server.DeployRequest, by server.Caller, now time.Time) (server.Announced, error) {
	svc, err := b.knownService(e.deploy.Service)
	if err != nil {
		return server.Announced{}, err
	}
	snap, err := b.snapshot(ctx, t, svc, now, now)
	if err != nil {
		return server.Announced{}, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.w.State.Final() {
		return server.Announced{}, errOver
	}
	next := e.w.Clone()
	d := e.deploy
	batch := store.Batch{}
	if acc.Decision == watch.Extends && next.Extend(acc.Shops, snap, now) {
		d.Shops = next.Shops
		batch.Watches, batch.Deploys = []watch.Watch{next}, []watch.Deploy{d}
		batch.Audit = append(batch.Audit, store.Audit{
			At: now, Who: by.Name, What: "deploy", Service: d.Service, Subject: d.Service + " " + d.Version,
			Detail: extended(d.Version, next.Shops), Path: "/watches/" + next.ID,
		})
	}
	answer := server.Announced{Deploy: d, Watch: b.present(&next, d, nil, now)}
	if err := b.keepAnswer(&batch, r, answer, now); err != nil {
		return server.Announced{}, err
	}
	if err := b.commit(t, batch); err != nil {
		return server.Announced{}, b.commitError(err)
	}
	// The other fields of the deploy are read without the lock: they never change.
	*e.w, e.deploy.Shops, e.saved = next, d.Shops, next.Seq
	b.changed.broadcast()
	return answer, nil
}

// extended says that a watch has more shops to look at; none named: all.
func extended(version string, shops []string) reason.Reason {
	if len(shops) == 0 {
		return reason.New("deploy_extended_to_all", "version", version)
	}
	return reason.New("deploy_extended", "version", version, "shops", shops)
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

// rollbacks are the runs that put a version back, as gates and announcements see them.
func (b backend) rollbacks(ctx context.Context, service, environment string, now time.Time) ([]watch.Rollback, error) {
	rs, err := b.store.Runs(ctx, store.RunFilter{Service: service, Environment: environment, Rollbacks: true, Since: now.Add(-7 * 24 * time.Hour)})
	if err != nil {
		return nil, err
	}
	var all []watch.Rollback
	for _, r := range rs {
		if r.Trigger.Kind == actions.ByDrill || r.State == actions.Queued {
			continue
		}
		all = append(all, watch.Rollback{
			Run: r.ID, Service: r.Service, Environment: r.Environment, From: r.From, To: r.To, Created: r.Created, Ended: r.Ended,
			Acted: !r.Started.IsZero() && r.State != actions.Refused,
		})
	}
	return all, nil
}

func (b backend) gateOf(ctx context.Context, t *term, service, environment string, _ watch.Kind, now time.Time) (server.Gate, error) {
	s := b.setup.Load()
	f := watch.GateFacts{Service: service, Environment: environment, Act: watch.ActDeploy, Freezes: s.freezes}
	var err error
	if f.Rollbacks, err = b.rollbacks(ctx, service, environment, now); err != nil {
		return server.Gate{}, err
	}
	if svc, ok := s.service(service); ok {
		if book, ok := s.book(svc.Rollback); ok {
			f.CoolDown = book.Cooldown
		}
	}
	if t != nil {
		f.Alerts = firing(t.alerts.open())
	} else {
		stored, err := b.store.Alerts(ctx, store.AlertFilter{Open: true, Service: service})
		if err != nil {
			return server.Gate{}, err
		}
		f.Alerts = firing(stored)
	}
	reasons := watch.Gate(f, now)
	return server.Gate{Open: len(reasons) == 0, Reasons: reasons}, nil
}

// Gate implements server.Services.
func (b backend) Gate(ctx context.Context, service, environment string) (server.Gate, error) {
	if _, err := b.knownService(service); err != nil {
		return server.Gate{}, err
	}
	return b.gateOf(ctx, b.acting.Load(), service, environmentOf(environment), watch.Code, b.now())
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
		if v.Version, err = b.currentVersion(ctx, svc.Name, svc.Environment); err != nil {
			return nil, err
		}
		f, err := b.facts(ctx, svc.Rollback, actions.ByPerson, svc.Name, svc.Environment, now)
		if err != nil {
			return nil, err
		}
		goods := f.Goods()
		slices.SortStableFunc(goods, func(x, y actions.KnownGood) int { return y.At.Compare(x.At) })
		for _, k := range goods {
			if !slices.Contains(v.KnownGood, k.Version) {
				v.KnownGood = append(v.KnownGood, k.Version)
			}
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
		if v.Gate, err = b.gateOf(ctx, b.acting.Load(), svc.Name, svc.Environment, watch.Code, now); err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, nil
}

// healthOf says how a service is now: down when any counted check is, unknown when all are.
func (b backend) healthOf(v *server.Service, s *setup, now time.Time) {
	var down, known *sample.Sample
	var downSince, upSince time.Time
	counted := 0
	for _, c := range s.checksOf(v.Name) {
		seen := b.record.Status(c.Name, now)
		v.Checks = append(v.Checks, server.Check{Name: c.Name, Kind: c.Kind, Labels: c.Labels, Every: c.Every, Last: seen.Last, Since: seen.Since})
		if !c.counts {
			continue
		}
		counted++
		switch {
		case seen.Blind || seen.Last == nil:
			if v.Reason == "" {
				v.Reason = c.Name + ": " + seen.BlindReason.String()
			}
		case seen.Last.Health == sample.Down:
			if down == nil || seen.Since.Before(downSince) {
				down, downSince = seen.Last, seen.Since
			}
		case seen.Last.Health == sample.Up:
			known = seen.Last
			if seen.Since.After(upSince) {
				upSince = seen.Since
			}
		}
	}
	switch {
	case down != nil:
		v.Health, v.Since, v.Reason = sample.Down, downSince, down.Check+": "+down.Reason.String()
	case known != nil:
		v.Health, v.Since, v.Reason = sample.Up, upSince, ""
	case counted == 0:
		v.Reason = "no check of this service counts"
	}
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
	switch l := b.other.Load(); {
	case b.acting.Load() != nil:
		st.Role, st.Holder = "active", b.holder
	case b.term.Load() != nil:
		st.Ready, st.Role, st.Reason = false, "starting", "taking over what is open"
	case l == nil:
		st.Ready, st.Role, st.Reason = false, "starting", "the journal has not said yet who holds the lease"
	case l.Addr == b.advertised:
		st.Holder, st.Reason = l.Holder, "the lease of the guardian that ran here before has not run out yet"
	default:
		st.Holder, st.Reason = l.Holder, "another guardian acts"
	}
	if err := b.store.Ping(ctx); err != nil {
		st.Ready, st.StorageErr = false, b.redactor.Redact(err.Error())
		st.Reason = "the journal does not answer"
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
