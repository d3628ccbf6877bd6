package api

import (
	"context"
	"log/slog"
	"time"

	"guardian/internal/server"
	"guardian/internal/store"
)

// tokens implements server.Tokens by the configured tokens and those that were made later.
type tokens struct {
	journal tokenJournal
	running func() Running
	now     func() time.Time
	log     *slog.Logger
}

type tokenJournal interface {
	committer
	Secured(ctx context.Context) (bool, error)
	TokenByHash(ctx context.Context, hash string) (store.Token, bool, error)
}

// tokenUseInterval is how often the use of a token is written down.
const tokenUseInterval = time.Minute

// Secured implements server.Tokens.
func (t tokens) Secured(ctx context.Context) (bool, error) {
	if len(t.running().Config.Tokens) > 0 {
		return true, nil
	}
	secured, err := t.journal.Secured(ctx)
	if err != nil {
		return false, apiError(err)
	}
	return secured, nil
}

// Authenticate implements server.Tokens.
func (t tokens) Authenticate(ctx context.Context, hash string) (server.Caller, error) {
	for _, c := range t.running().Config.Tokens {
		if server.HashToken(c.Token.Reveal()) == hash {
			return server.Caller{Name: c.Name, Role: server.Role(c.Role)}, nil
		}
	}
	stored, ok, err := t.journal.TokenByHash(ctx, hash)
	if err != nil {
		return server.Caller{}, apiError(err)
	}
	if !ok || !stored.Revoked.IsZero() {
		return server.Caller{}, server.ErrUnauthenticated
	}
	if now := t.now(); now.Sub(stored.LastUsed) > tokenUseInterval {
		if err := t.journal.Commit(ctx, store.Unfenced, store.Batch{TokenUses: []store.TokenUse{{ID: stored.ID, At: now}}}); err != nil {
			t.log.Debug("the use of a token was not written down", "error", err)
		}
	}
	return server.Caller{Name: stored.Name, Role: server.Role(stored.Role)}, nil
}
