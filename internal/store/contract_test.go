package store_test

import (
	"path/filepath"
	"testing"

	"guardian/internal/secret"
	"guardian/internal/store"
	"guardian/internal/store/storetest"
	"guardian/test/pg"
)

func TestSQLite_KeepsTheContract(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) store.Options {
		t.Helper()
		return store.Options{Path: filepath.Join(t.TempDir(), "journal.db")}
	})
}

func TestPostgres_KeepsTheContract(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) store.Options {
		t.Helper()
		return store.Options{Postgres: secret.New(pg.Start(t))}
	})
}
