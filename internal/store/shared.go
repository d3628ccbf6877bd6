package store

import (
	"context"
	"database/sql"
	"errors"

	"guardian/internal/secret"
)

// Shared returns a value that all guardians with this journal share, such as a session key. The
// first call creates it with fresh. It is stored in plain text.
func (s *Store) Shared(ctx context.Context, name string, fresh func() string) (secret.Secret, error) {
	_, err := s.db.write.ExecContext(ctx, "INSERT INTO shared (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING", text(name), text(fresh()))
	if err != nil {
		return secret.Secret{}, s.explain("make a shared value", err)
	}
	var value string
	if err := s.db.read.QueryRowContext(ctx, "SELECT value FROM shared WHERE name = $1", text(name)).Scan(&value); err != nil {
		return secret.Secret{}, s.explain("read a shared value", err)
	}
	return secret.New(value), nil
}

// ReplaceShared sets a value that all guardians with this journal share, and returns the one before;
// not set: there was none.
func (s *Store) ReplaceShared(ctx context.Context, name, value string) (before secret.Secret, err error) {
	err = s.transact(ctx, "replace a shared value", Unfenced, func(tx *sql.Tx) error {
		before = secret.Secret{}
		var old string
		switch err := tx.QueryRowContext(ctx, "SELECT value FROM shared WHERE name = $1"+s.db.forUpdate, text(name)).Scan(&old); {
		case err == nil:
			before = secret.New(old)
		case !errors.Is(err, sql.ErrNoRows):
			return err
		}
		_, err := tx.ExecContext(ctx, "INSERT INTO shared (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value", text(name), text(value))
		return err
	})
	return before, err
}
