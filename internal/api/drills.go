package api

import (
	"context"
	"errors"
	"slices"
	"time"

	"guardian/internal/drilling"
	"guardian/internal/drills"
	"guardian/internal/server"
	"guardian/internal/store"
)

// rehearsals implements server.Drills.
type rehearsals struct {
	journal interface {
		Drills(ctx context.Context, f store.DrillFilter) ([]drills.Drill, error)
		Drill(ctx context.Context, id string) (drills.Drill, error)
	}
	running func() Running
	changes *Changes
	leader  leader
}

// DrillPlans implements server.Drills.
func (r rehearsals) DrillPlans(ctx context.Context) ([]drills.Standing, error) {
	plans := r.running().Config.Plans()
	all := make([]drills.Standing, 0, len(plans))
	for _, p := range plans {
		past, err := r.journal.Drills(ctx, store.DrillFilter{Name: p.Name})
		if err != nil {
			return nil, err
		}
		all = append(all, drills.Stand(p, past))
	}
	return all, nil
}

// DrillList implements server.Drills.
func (r rehearsals) DrillList(ctx context.Context, f server.DrillFilter) ([]drills.Drill, error) {
	return r.journal.Drills(ctx, store.DrillFilter{Name: f.Name, Service: f.Service, Since: f.Since, Limit: f.Limit})
}

// Drill implements server.Drills.
func (r rehearsals) Drill(ctx context.Context, id string, wait time.Duration) (drills.Drill, error) {
	return await(ctx, r.changes, wait, func() (drills.Drill, bool, error) {
		d, err := r.journal.Drill(ctx, id)
		if errors.Is(err, store.ErrNotFound) {
			err = &server.NotFoundError{What: "drill", Name: id}
		}
		return d, !d.Open(), err
	})
}

// StartDrill implements server.Drills.
func (r rehearsals) StartDrill(ctx context.Context, of string, by server.Caller) (drills.Drill, error) {
	leading, err := r.leader.required()
	if err != nil {
		return drills.Drill{}, err
	}
	name, err := r.named(of)
	if err != nil {
		return drills.Drill{}, err
	}
	d, err := leading.Drills.Start(ctx, name, by.Name)
	var refused *drilling.RefusedError
	if errors.As(err, &refused) {
		return d, server.Refuse(server.ErrConflict, "the drill %s does not begin: %s", name, refused.Why)
	}
	if err != nil {
		return d, apiError(err)
	}
	return d, nil
}

// named finds a drill by its name, its service or the runbook that it rehearses.
func (r rehearsals) named(of string) (string, error) {
	plans := r.running().Config.Plans()
	var known []string
	for _, p := range plans {
		known = append(known, p.Name)
	}
	if slices.Contains(known, of) {
		return of, nil
	}
	var found []string
	for _, p := range plans {
		if p.Service == of || p.Runbook == of {
			found = append(found, p.Name)
		}
	}
	switch len(found) {
	case 0:
		return "", &server.NotFoundError{What: "drill", Name: of, Known: known}
	case 1:
		return found[0], nil
	default:
		return "", server.Refuse(server.ErrConflict, "several drills are of %s: name one of %v", of, found)
	}
}
