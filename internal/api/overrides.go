package api

import (
	"context"
	"errors"
	"slices"
	"time"

	"guardian/internal/reason"
	"guardian/internal/server"
	"guardian/internal/store"
	"guardian/oncall"
)

// overrides implements server.Overrides. Every guardian takes them.
type overrides struct {
	journal interface {
		committer
		Overrides(ctx context.Context, since time.Time) ([]oncall.Made, error)
	}
	running func() Running
	reread  func(ctx context.Context) // lets the schedules know what is in the journal
	now     func() time.Time
}

// mostOverrides bounds those that have not ended.
const mostOverrides = 500

// OverrideList implements server.Overrides.
func (os overrides) OverrideList(ctx context.Context) ([]oncall.Made, error) {
	open, err := os.journal.Overrides(ctx, os.now())
	return slices.DeleteFunc(open, func(m oncall.Made) bool { return !m.Deleted.IsZero() }), apiError(err)
}

// CreateOverride implements server.Overrides.
func (os overrides) CreateOverride(ctx context.Context, m oncall.Made, by server.Caller) (oncall.Made, error) {
	open, err := os.OverrideList(ctx)
	if err != nil {
		return m, err
	}
	if len(open) >= mostOverrides {
		return m, server.Refuse(server.ErrConflict, "there are %d overrides already: delete some", len(open))
	}
	now := os.now().UTC()
	m.ID, m.By, m.Created = store.NewID("o_"), by.Name, now
	if m.From.IsZero() || m.From.Before(now) {
		m.From = now // who was on call before stays so
	}
	var wrong *oncall.MistakeError
	if err := os.running().Roster.MayMake(m, open, now); errors.As(err, &wrong) {
		return m, invalid("/"+wrong.Field, wrong.Err)
	}
	return m, os.save(ctx, m, store.Audit{
		At: now, Who: by.Name, What: "override", Subject: m.ID, Path: "/oncall",
		Detail: reason.New("override_made", "schedule", m.Schedule, "person", m.Person, "replaces", m.Replaces, "from", m.From, "to", m.To),
	})
}

// DeleteOverride implements server.Overrides.
func (os overrides) DeleteOverride(ctx context.Context, id string, by server.Caller) error {
	open, err := os.OverrideList(ctx)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(open, func(m oncall.Made) bool { return m.ID == id })
	if i < 0 {
		return &server.NotFoundError{What: "override", Which: "that has not ended", Name: id}
	}
	now := os.now().UTC()
	return os.save(ctx, open[i].DeletedAt(now), store.Audit{
		At: now, Who: by.Name, What: "unoverride", Subject: id, Path: "/oncall",
		Detail: reason.New("override_deleted", "schedule", open[i].Schedule, "person", open[i].Person),
	})
}

func (os overrides) save(ctx context.Context, m oncall.Made, line store.Audit) error {
	if err := os.journal.Commit(ctx, store.Unfenced, store.Batch{Overrides: []oncall.Made{m}, Audit: []store.Audit{line}}); err != nil {
		return apiError(err)
	}
	os.reread(ctx)
	return nil
}
