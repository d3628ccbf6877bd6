package store

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"time"

	"github.com/pressly/goose/v3"
)

//go:embed migrations/*.sql
var migrations embed.FS

// schemaTable is goose's table of applied migrations. It is not goose's default name, which
// another program in the same database may use.
const schemaTable = "guardian_schema"

// migrate applies missing migrations, or returns ErrNewer for the journal of a newer guardian.
func (s *Store) migrate(ctx context.Context) error {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	options := append([]goose.ProviderOption{
		goose.WithTableName(schemaTable),
		goose.WithDisableGlobalRegistry(true),
		goose.WithLogger(goose.NopLogger()),
	}, s.db.migrating...)
	p, err := goose.NewProvider(s.db.dialect, s.db.write, files, options...)
	if err != nil {
		return err
	}
	// Guardians that start at the same time on one SQLite file may conflict on the first migration; the
	// loser retries. For PostgreSQL goose holds a lock, and what is retried is a connection that the
	// server ended, as it does when this machine has no time for a transaction that is open. Each
	// migration is one transaction, so that nothing is done twice.
	const tries = 5
	for try := 1; ; try++ {
		err = s.migrateOnce(ctx, p)
		if err == nil || try == tries || ctx.Err() != nil || errors.Is(err, ErrNewer) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// checkSchema rejects a journal with another schema version: a read-only store does not migrate.
func (s *Store) checkSchema(ctx context.Context) error {
	files, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		return err
	}
	know := int64(len(files))
	var have int64
	if err := s.db.read.QueryRowContext(ctx, "SELECT COALESCE(MAX(version_id), 0) FROM "+schemaTable).Scan(&have); err != nil {
		return fmt.Errorf("read the schema's version: %w", err)
	}
	switch {
	case have > know:
		return &newerError{place: s.db.place, have: have, know: know}
	case have < know:
		return fmt.Errorf("%s was written by an older guardian (schema %d, this one reads %d): start this guardian on it once, or read it with the older one", s.db.place, have, know)
	}
	return nil
}

func (s *Store) migrateOnce(ctx context.Context, p *goose.Provider) error {
	have, know, err := p.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("read the schema's version: %w", err)
	}
	if have > know {
		return &newerError{place: s.db.place, have: have, know: know}
	}
	if have == know {
		return nil
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("bring the schema up to date: %w", err)
	}
	s.log.LogAttrs(ctx, slog.LevelInfo, "journal schema brought up to date", slog.Int64("from", have), slog.Int64("to", know))
	return nil
}
