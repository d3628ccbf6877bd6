package app

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"guardian/internal/chatops"
	"guardian/internal/config"
	"guardian/internal/selfcheck"
	"guardian/internal/series"
	"guardian/internal/store"
)

// openStorage opens the series, the journal and the key of links.
func (a *App) openStorage(ctx context.Context, c *config.Config) error {
	if err := os.MkdirAll(c.Storage.Path, 0o750); err != nil {
		return fmt.Errorf("storage.path: %w; choose a folder that this user may write", err)
	}
	var err error
	limits := c.Server.Limits
	// The series first: their lock keeps a second process out before it touches the journal.
	if a.series, err = series.Open(series.Options{
		Dir: filepath.Join(c.Storage.Path, "series"), Retention: time.Duration(c.Storage.Retention.Samples),
		MaxSeries: limits.Series, QueryTimeout: time.Duration(limits.QueryTimeout), QueryMaxSamples: limits.QuerySamples,
		SourceSeries: map[series.Source]int{series.Scraped: limits.Scraped, series.Computed: limits.Computed, series.RemoteWrite: limits.Ingested},
		Exemplars:    c.Storage.Exemplars, Log: a.o.Log, Registerer: a.registry,
	}); err != nil {
		return fmt.Errorf("series: %w", err)
	}
	a.undo.add("series", func(context.Context) error { return a.series.Close() })
	if a.store, err = store.Open(ctx, store.Options{
		Path: filepath.Join(c.Storage.Path, "journal.db"), Postgres: c.Storage.Postgres,
		Redactor: a.o.Redactor, Log: a.o.Log, Registerer: a.registry, Now: a.o.Now, ForLife: true,
	}); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	a.undo.add("journal", func(context.Context) error { return a.store.Close() })
	a.files = selfcheck.OpenedFiles(c.Storage.Path)
	if a.ownKey, err = chatops.OpenKey(c.Storage.Path); err != nil {
		return fmt.Errorf("the key of links in messages: %w", err)
	}
	a.o.Redactor.Learn(a.ownKey)
	return nil
}

// share writes down what other guardians of the journal, and later configurations, must know of a setup: that
// there are tokens, so that nobody acts without one afterwards, and which key signs.
func (a *App) share(ctx context.Context, s *setup) error {
	if len(s.config.Tokens) > 0 {
		if err := a.store.Secure(ctx); err != nil {
			return fmt.Errorf("journal: %w", err)
		}
	}
	differs, err := s.key.Differs(ctx, a.store)
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	if differs {
		a.o.Log.Warn("links in messages and logins are signed with another key than before: those that were sent are refused, and people have to log in again",
			"hint", "guardians with one journal need the same server.action_links.key; after a change of the key there is nothing to do")
	}
	return nil
}
