package app

import (
	"context"
	"time"

	"guardian/internal/server"
	"guardian/internal/store"
	"guardian/watch"
)

// MarkWatch implements server.Marks.
func (b backend) MarkWatch(ctx context.Context, id string, mark watch.Mark, by server.Caller) (server.Watch, error) {
	t, err := b.active()
	if err != nil {
		return server.Watch{}, err
	}
	v, err := b.Watch(ctx, id, 0)
	if err != nil {
		return server.Watch{}, err
	}
	if !v.State.Markable() {
		return v, server.Refuse(server.ErrConflict, "watch %s is %s: only a verdict of passed, failed or inconclusive can be marked", id, v.State)
	}
	now := b.now().UTC()
	mark.Note, mark.By, mark.At = b.redactor.Redact(mark.Note), by.Name, now
	batch := store.Batch{
		Marks: []store.Mark{{Watch: id, Service: v.Deploy.Service, Mark: mark}},
		Audit: []store.Audit{{
			At: now, Who: by.Name, What: "mark", Service: v.Deploy.Service, Subject: id,
			Detail: mark.Reason(v.State), Path: "/watches/" + id,
		}},
	}
	if err := t.Commit(batch); err != nil {
		return server.Watch{}, b.commitError(err)
	}
	b.changed.broadcast()
	return b.Watch(ctx, id, 0)
}

// marked adds to a watch what it led to and what people said about it.
func (b backend) marked(ctx context.Context, v *server.Watch) error {
	if !v.State.Markable() {
		return nil
	}
	plans, err := b.store.Plans(ctx, v.ID, "", time.Time{})
	if err != nil {
		return err
	}
	if p, ok := plans[v.ID]; ok {
		v.Plan = &p.Plan
	}
	marks, err := b.store.Marks(ctx, v.ID, "", time.Time{})
	if err != nil {
		return err
	}
	if m, ok := marks[v.ID]; ok {
		v.Mark = &m.Mark
	}
	return nil
}

// Score implements server.Scores.
func (b backend) Score(ctx context.Context, service string, from, to time.Time) ([]watch.Score, error) {
	ws, err := b.store.Watches(ctx, store.WatchFilter{Service: service, Since: from, Until: to, Limit: store.MaxLimit})
	if err != nil {
		return nil, err
	}
	plans, err := b.store.Plans(ctx, "", service, from)
	if err != nil {
		return nil, err
	}
	marks, err := b.store.Marks(ctx, "", service, from)
	if err != nil {
		return nil, err
	}
	scored := make([]watch.Scored, len(ws))
	for i := range ws {
		scored[i] = watch.Scored{Watch: &ws[i], Mark: marks[ws[i].ID].Kind, RolledBack: plans[ws[i].ID].RollsBack()}
	}
	return watch.Scores(scored), nil
}
