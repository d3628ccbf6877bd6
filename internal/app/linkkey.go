package app

import (
	"context"
	"fmt"

	"guardian/internal/chatops"
	"guardian/internal/config"
)

// linkKey is the key of the links, buttons and sessions of a configuration.
func (a *App) linkKey(c *config.Config) chatops.Key {
	if c.Server.ActionLinks.Key.IsSet() {
		return chatops.NewKey(c.Server.ActionLinks.Key.Reveal())
	}
	return chatops.NewKey(a.ownLinkKey.Reveal())
}

// secure records in the journal that a configuration has tokens: without them later, nobody else
// may act.
func (a *App) secure(ctx context.Context, c *config.Config) error {
	if len(c.Tokens) == 0 {
		return nil
	}
	if err := a.store.Secure(ctx); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	return nil
}

// compareLinkKey warns of a key that is not the one that was used last with this journal: links
// and sessions that another guardian signed are refused.
func (a *App) compareLinkKey(ctx context.Context, c *config.Config) error {
	key := a.linkKey(c)
	before, err := a.store.ReplaceShared(ctx, "link_key_id", key.ID())
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	if before.IsSet() && before.Reveal() != key.ID() {
		a.log.Warn("links in messages and logins are signed with another key than before: those that were sent are refused, and people have to log in again",
			"hint", "guardians with one journal need the same server.action_links.key; after a change of the key there is nothing to do")
	}
	return nil
}
