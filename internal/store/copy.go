package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
)

// Copy writes a consistent copy of the journal into a new file that only this user may read, while a guardian
// may run on it. A journal in PostgreSQL is copied by PostgreSQL's own tools.
func (s *Store) Copy(ctx context.Context, into string) (err error) {
	if s.db.kind != "sqlite" {
		return errors.New("copy the journal: it is in PostgreSQL: use pg_dump")
	}
	f, err := os.OpenFile(into, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("copy the journal: %s is there already: name a new file", into)
	}
	if err != nil {
		return fmt.Errorf("copy the journal: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(into))
		}
	}()
	// SQLite writes into a file that is there if it is empty, and keeps its mode.
	if err := f.Close(); err != nil {
		return fmt.Errorf("copy the journal: %w", err)
	}
	db, err := connectSQLite(s.db.place, url.Values{"mode": {"ro"}, "_pragma": {"busy_timeout(5000)"}})
	if err != nil {
		return s.explain("copy the journal", err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if _, err := db.ExecContext(ctx, "VACUUM INTO $1", into); err != nil {
		return s.explain("copy the journal", err)
	}
	if err := syncFolder(into); err != nil { // a file is synced as a folder is
		return fmt.Errorf("copy the journal: %w", err)
	}
	return syncFolder(filepath.Dir(into))
}
