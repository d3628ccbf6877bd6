package store

import (
	"context"

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
