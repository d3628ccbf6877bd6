package api

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"guardian/actions"
	"guardian/decide"
	"guardian/internal/reason"
	"guardian/internal/server"
	"guardian/internal/store"
	"guardian/notifiers"
	"guardian/notifiers/route"
	"guardian/rules"
)

// alerts implements server.Alerts.
type alerts struct {
	journal interface {
		Alerts(ctx context.Context, f store.AlertFilter) ([]rules.Alert, error)
		Runs(ctx context.Context, f store.RunFilter) ([]actions.Run, error)
		Deliveries(ctx context.Context, f store.DeliveryFilter) ([]notifiers.Delivery, error)
		Escalated(ctx context.Context) ([]decide.Escalated, error)
	}
	notifier interface {
		Silences() []route.Silence
		Ack(alert string) (rules.Ack, bool)
	}
	leader leader
	now    func() time.Time
}

const (
	resolvedFor = 24 * time.Hour      // how long alerts are listed after they resolved
	alertRuns   = 31 * 24 * time.Hour // how far back the runs of open alerts are looked for
)

// AlertList implements server.Alerts.
func (as alerts) AlertList(ctx context.Context) ([]server.Alert, error) {
	saved, err := as.journal.Alerts(ctx, store.AlertFilter{Limit: store.MaxLimit})
	if err != nil {
		return nil, err
	}
	now := as.now()
	return as.describe(ctx, slices.DeleteFunc(saved, func(al rules.Alert) bool {
		return al.State == rules.Resolved && now.Sub(al.ResolvedAt) > resolvedFor
	}))
}

// OneAlert implements server.Alerts.
func (as alerts) OneAlert(ctx context.Context, id string) (server.Alert, error) {
	saved, err := as.journal.Alerts(ctx, store.AlertFilter{ID: id})
	if err != nil {
		return server.Alert{}, err
	}
	if len(saved) == 0 {
		return server.Alert{}, &server.NotFoundError{What: "alert", Name: id}
	}
	all, err := as.describe(ctx, saved)
	if err != nil {
		return server.Alert{}, err
	}
	return all[0], nil
}

// describe adds to alerts what else is known of them.
func (as alerts) describe(ctx context.Context, saved []rules.Alert) ([]server.Alert, error) {
	now := as.now()
	triggered, err := as.journal.Runs(ctx, store.RunFilter{Trigger: actions.ByAlert, Since: now.Add(-alertRuns)})
	if err != nil {
		return nil, err
	}
	queued, err := as.journal.Deliveries(ctx, store.DeliveryFilter{Open: true, Limit: store.MaxLimit})
	if err != nil {
		return nil, err
	}
	waiting := map[string]bool{} // notices
	for _, d := range queued {
		waiting[d.Notice.ID] = true
	}
	rows, err := as.journal.Escalated(ctx)
	if err != nil {
		return nil, err
	}
	escalated := map[string]decide.Escalated{}
	for _, e := range rows {
		escalated[e.Alert] = e
	}
	silences := as.notifier.Silences()
	live := map[string]rules.Alert{} // the journal is some seconds behind with values and annotations
	leading, leads := as.leader()
	if leads {
		for _, al := range leading.Alerts.Open() {
			live[al.ID] = al
		}
	}
	var all []server.Alert
	for _, al := range saved {
		if latest, ok := live[al.ID]; ok && latest.State == al.State {
			al = latest
		}
		v := server.Alert{Alert: al, Silences: silencesOf(al, silences, now), Run: runOf(al, triggered), Escalation: escalated[al.ID].Standing()}
		if leads {
			v.Told = standingOf(leading.Alerts.Standing(al.ID), waiting)
		}
		if ack, ok := as.notifier.Ack(al.ID); ok {
			v.Ack = &ack
		}
		all = append(all, v)
	}
	return all, nil
}

// silencesOf gives the IDs of the silences that mute an alert now.
func silencesOf(al rules.Alert, silences []route.Silence, now time.Time) []string {
	labels := decide.AlertLabels(al)
	var ids []string
	for _, s := range silences {
		if s.Mutes(labels, now) {
			ids = append(ids, s.ID)
		}
	}
	return ids
}

// standingOf converts where an alert stands with its receivers. waiting are the notices that no
// channel has accepted yet.
func standingOf(all []decide.Standing, waiting map[string]bool) []server.Told {
	var told []server.Told
	for _, s := range all {
		told = append(told, server.Told{Receiver: s.Receiver, State: s.Told.State, At: s.Told.At, Waiting: waiting[s.Told.Notice], Kept: s.Kept, Until: s.Until})
	}
	return told
}

// AlertNotices implements server.Alerts.
func (as alerts) AlertNotices(ctx context.Context, id string) ([]notifiers.Delivery, error) {
	return as.journal.Deliveries(ctx, store.DeliveryFilter{Alert: id, Limit: 200})
}

// runOf gives the ID of the first run that this firing of an alert triggered; "" when there is
// none. Runs are newest first.
func runOf(al rules.Alert, triggered []actions.Run) string {
	for _, r := range slices.Backward(triggered) {
		if r.Trigger.Alert == al.ID && r.Trigger.AlertEpisode == al.FiredAt.UnixNano() {
			return r.ID
		}
	}
	return ""
}

// acks implements server.Acks.
type acks struct {
	journal interface {
		Alerts(ctx context.Context, f store.AlertFilter) ([]rules.Alert, error)
	}
	notifier interface {
		Ack(alert string) (rules.Ack, bool)
		Refresh(ctx context.Context)
	}
	leader leader
	now    func() time.Time
}

// AckAlert implements server.Acks.
func (as acks) AckAlert(ctx context.Context, id, note string, by server.Caller) (rules.Ack, error) {
	leading, err := as.leader.required()
	if err != nil {
		return rules.Ack{}, err
	}
	open, err := as.journal.Alerts(ctx, store.AlertFilter{ID: id, Open: true})
	if err != nil {
		return rules.Ack{}, err
	}
	if len(open) == 0 {
		return rules.Ack{}, &server.NotFoundError{What: "open alert", Name: id}
	}
	ack := rules.Ack{Alert: id, By: by.Name, At: as.now().UTC(), Note: note}
	if err := leading.Leadership.Commit(store.Batch{Acks: []rules.Ack{ack}, Audit: []store.Audit{acknowledged(open[0], by.Name, note, ack.At)}}); err != nil {
		return rules.Ack{}, apiError(err)
	}
	as.notifier.Refresh(ctx)
	return ack, nil
}

// acknowledged is the journal's line about an acknowledgement.
func acknowledged(a rules.Alert, who, note string, at time.Time) store.Audit {
	return store.Audit{
		At: at, Who: who, What: "ack", Service: a.Service(), Subject: a.ID,
		Detail: reason.New("alert_acknowledged", "rule", a.Rule, "note", note), Path: "/alerts",
	}
}

// UnackAlert implements server.Acks.
func (as acks) UnackAlert(ctx context.Context, id string, by server.Caller) error {
	leading, err := as.leader.required()
	if err != nil {
		return err
	}
	if _, acked := as.notifier.Ack(id); !acked {
		return &server.NotFoundError{What: "acknowledgement of alert", Name: id}
	}
	if err := leading.Leadership.Commit(store.Batch{AcksGone: []string{id}, Audit: []store.Audit{{
		At: as.now(), Who: by.Name, What: "unack", Subject: id, Path: "/alerts",
	}}}); err != nil {
		return apiError(err)
	}
	as.notifier.Refresh(ctx)
	return nil
}

// silences implements server.Silences. Every guardian takes them.
type silences struct {
	journal interface {
		committer
		Silences(ctx context.Context, since time.Time) ([]route.Silence, error)
		Silence(ctx context.Context, id string) (route.Silence, error)
	}
	notifier interface{ Refresh(ctx context.Context) }
	now      func() time.Time
}

// endedFor is how long silences are listed after they ended.
const endedFor = 24 * time.Hour

// SilenceList implements server.Silences.
func (ss silences) SilenceList(ctx context.Context) ([]route.Silence, error) {
	return ss.journal.Silences(ctx, ss.now().Add(-endedFor))
}

// Silence implements server.Silences.
func (ss silences) Silence(ctx context.Context, id string) (route.Silence, error) {
	s, err := ss.journal.Silence(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return route.Silence{}, &server.NotFoundError{What: "silence", Name: id}
	}
	return s, err
}

// CreateSilence implements server.Silences.
func (ss silences) CreateSilence(ctx context.Context, s route.Silence, by server.Caller) (route.Silence, error) {
	s, err := ss.fresh(s, by)
	if err != nil {
		return route.Silence{}, err
	}
	return s, ss.save(ctx, []route.Silence{s}, made(s, by))
}

// fresh makes a silence that begins now or later.
func (ss silences) fresh(s route.Silence, by server.Caller) (route.Silence, error) {
	now := ss.now().UTC()
	s.ID, s.From, s.Until, s.Created, s.Updated = store.NewID("s_"), s.From.UTC(), s.Until.UTC(), now, time.Time{}
	s.By = cmp.Or(s.By, by.Name)
	if s.From.Before(now) {
		s.From = now
	}
	if err := s.Validate(); err != nil {
		return route.Silence{}, invalid("", err)
	}
	return s, nil
}

// made is the journal's line about a silence that was made or changed. It names who called,
// whatever name the silence bears.
func made(s route.Silence, by server.Caller) store.Audit {
	matchers := make([]string, len(s.Matchers))
	for i, m := range s.Matchers {
		matchers[i] = m.String()
	}
	return store.Audit{
		At: later(s.Created, s.Updated), Who: by.Name, What: "silence", Subject: s.ID, Path: "/alerts",
		Detail: reason.New("alerts_silenced", "matchers", strings.Join(matchers, ", "), "until", s.Until, "comment", s.Comment),
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// ChangeSilence implements server.Silences.
func (ss silences) ChangeSilence(ctx context.Context, next route.Silence, by server.Caller) (route.Silence, error) {
	now := ss.now().UTC()
	before, err := ss.Silence(ctx, next.ID)
	if err != nil {
		return route.Silence{}, err
	}
	if next.From.IsZero() {
		next.From = now
	}
	if before.MayBecome(next, now) {
		next.From, next.Until, next.Created, next.Updated = next.From.UTC(), next.Until.UTC(), before.Created, now
		next.By = cmp.Or(next.By, by.Name)
		if err := next.Validate(); err != nil {
			return route.Silence{}, invalid("", err)
		}
		return next, ss.save(ctx, []route.Silence{next}, made(next, by))
	}
	if next, err = ss.fresh(next, by); err != nil {
		return route.Silence{}, err
	}
	batch := []route.Silence{next}
	lines := []store.Audit{made(next, by)}
	if before.State(now) != route.SilenceExpired {
		batch = append(batch, before.EndedAt(now))
		lines = append(lines, ended(before, now, by))
	}
	return next, ss.save(ctx, batch, lines...)
}

func ended(s route.Silence, now time.Time, by server.Caller) store.Audit {
	return store.Audit{At: now, Who: by.Name, What: "unsilence", Subject: s.ID, Path: "/alerts"}
}

// ExpireSilence implements server.Silences.
func (ss silences) ExpireSilence(ctx context.Context, id string, by server.Caller) error {
	now := ss.now().UTC()
	open, err := ss.journal.Silences(ctx, now)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(open, func(s route.Silence) bool { return s.ID == id })
	if i < 0 {
		return &server.NotFoundError{What: "silence", Which: "that has not ended", Name: id}
	}
	return ss.save(ctx, []route.Silence{open[i].EndedAt(now)}, ended(open[i], now, by))
}

func (ss silences) save(ctx context.Context, batch []route.Silence, lines ...store.Audit) error {
	if err := ss.journal.Commit(ctx, store.Unfenced, store.Batch{Silences: batch, Audit: lines}); err != nil {
		return apiError(err)
	}
	ss.notifier.Refresh(ctx)
	return nil
}
