package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"guardian/decide"
	"guardian/internal/reason"
	"guardian/internal/server"
	"guardian/internal/store"
	"guardian/internal/watching"
	"guardian/watch"
)

// deploys implements server.Deploys.
type deploys struct {
	journal deployJournal
	running func() Running
	decider func() decide.Decider
	leader  leader
	watches watches
	now     func() time.Time
}

type deployJournal interface {
	Deploys(ctx context.Context, f store.DeployFilter) ([]watch.Deploy, error)
}

// Announce implements server.Deploys.
func (d deploys) Announce(ctx context.Context, r server.DeployRequest, by server.Caller) (server.Announced, error) {
	leading, err := d.leader.required()
	if err != nil {
		return server.Announced{}, err
	}
	if r.Environment, err = d.running().environmentOf(d.decider().Settings, r.Service, r.Environment); err != nil {
		return server.Announced{}, err
	}
	answer, err := leading.Watches.Announce(ctx, watching.Announcement{
		Deploy: deployOf(r, by), By: by.Name, Key: r.IdempotencyKey, BodyHash: r.BodyHash, RawHash: r.RawHash,
		Told: decide.CallTimes{Begins: r.Begins, FirstTried: r.FirstTried, Clock: r.Clock},
		Answer: func(dep watch.Deploy, w *watch.Watch, warnings []reason.Reason) ([]byte, error) {
			return json.Marshal(server.Announced{Deploy: dep, Watch: watchOf(w, dep, nil, d.now()), Warnings: warnings})
		},
	})
	if err != nil {
		return server.Announced{}, announceError(err)
	}
	var a server.Announced
	if err := json.Unmarshal(answer, &a); err != nil {
		return server.Announced{}, fmt.Errorf("the answer to key %s: %w", r.IdempotencyKey, err)
	}
	return a, nil
}

// EndDeploy implements server.Deploys.
func (d deploys) EndDeploy(ctx context.Context, id string, end server.DeployEnd, by server.Caller) (server.Announced, error) {
	leading, err := d.leader.required()
	if err != nil {
		return server.Announced{}, err
	}
	dep, watchID, err := leading.Watches.End(ctx, id, decide.End(end), by.Name)
	switch {
	case errors.Is(err, watching.ErrNoDeploy):
		return server.Announced{}, &server.NotFoundError{What: "deploy", Name: id}
	case err != nil:
		return server.Announced{}, apiError(err)
	}
	v, err := d.watches.Watch(ctx, watchID, 0)
	return server.Announced{Deploy: dep, Watch: v}, err
}

// announceError gives the API's error for why an announcement was not taken.
func announceError(err error) error {
	var policy *watching.PolicyError
	switch {
	case errors.Is(err, watching.ErrKeyReused):
		return server.ErrIdempotencyMismatch
	case errors.As(err, &policy):
		return invalid("/watch", policy.Err)
	default:
		return apiError(err)
	}
}

// deployOf is the deploy that a request announces.
func deployOf(r server.DeployRequest, by server.Caller) watch.Deploy {
	d := watch.Deploy{
		Service: r.Service, Environment: r.Environment, Version: r.Version, PreviousVersion: r.PreviousVersion,
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

// DeployList implements server.Deploys.
func (d deploys) DeployList(ctx context.Context, f server.Filter) ([]watch.Deploy, error) {
	return d.journal.Deploys(ctx, store.DeployFilter{Service: f.Service, Environment: f.Environment, Since: f.Since, Limit: f.Limit})
}
