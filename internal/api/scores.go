package api

import (
	"context"
	"time"

	"guardian/internal/secret"
	"guardian/internal/server"
	"guardian/internal/store"
	"guardian/watch"
)

// marks implements server.Marks.
type marks struct {
	watches  watches
	redactor *secret.Redactor
}

// MarkWatch implements server.Marks.
func (ms marks) MarkWatch(ctx context.Context, id string, mark watch.Mark, by server.Caller) (server.Watch, error) {
	leading, err := ms.watches.leader.required()
	if err != nil {
		return server.Watch{}, err
	}
	v, err := ms.watches.Watch(ctx, id, 0)
	if err != nil {
		return server.Watch{}, err
	}
	if !v.State.Markable() {
		return v, server.Refuse(server.ErrConflict, "watch %s is %s: only a verdict of passed, failed or inconclusive can be marked", id, v.State)
	}
	mark.Note, mark.By, mark.At = ms.redactor.Redact(mark.Note), by.Name, ms.watches.now().UTC()
	if err := leading.Leadership.Commit(store.Batch{
		Marks: []store.Mark{{Watch: id, Service: v.Deploy.Service, Mark: mark}},
		Audit: []store.Audit{{
			At: mark.At, Who: by.Name, What: "mark", Service: v.Deploy.Service, Subject: id, Detail: mark.Reason(v.State), Path: "/watches/" + id,
		}},
	}); err != nil {
		return server.Watch{}, apiError(err)
	}
	ms.watches.changes.Notify()
	return ms.watches.Watch(ctx, id, 0)
}

// scores implements server.Scores.
type scores struct {
	journal interface {
		Watches(ctx context.Context, f store.WatchFilter) ([]watch.Watch, error)
		Plans(ctx context.Context, watchID, service string, since time.Time) (map[string]store.Plan, error)
		Marks(ctx context.Context, watchID, service string, since time.Time) (map[string]store.Mark, error)
	}
}

// Score implements server.Scores.
func (ss scores) Score(ctx context.Context, service string, from, to time.Time) ([]watch.Score, error) {
	ws, err := ss.journal.Watches(ctx, store.WatchFilter{Service: service, Since: from, Until: to, Limit: store.MaxLimit})
	if err != nil {
		return nil, err
	}
	plans, err := ss.journal.Plans(ctx, "", service, from)
	if err != nil {
		return nil, err
	}
	marks, err := ss.journal.Marks(ctx, "", service, from)
	if err != nil {
		return nil, err
	}
	scored := make([]watch.Scored, len(ws))
	for i := range ws {
		w := &ws[i]
		scored[i] = watch.Scored{Watch: w, Mark: marks[w.ID].Kind, RolledBack: plans[w.ID].RollsBack()}
	}
	return watch.Scores(scored), nil
}
