package store_test

import (
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"guardian/internal/secret"
	"guardian/internal/store"
	"guardian/test/pg"
)

// TestErrorsAreRedacted teaches the redactor a word that is certain to be in an error, for each
// way in which the store makes errors.
func TestErrorsAreRedacted(t *testing.T) {
	t.Parallel()
	dsn, err := url.Parse(pg.Start(t))
	if err != nil {
		t.Fatal(err)
	}
	dsn.Path = "/word-4711"
	for name, failing := range map[string]func(r *secret.Redactor) error{
		"a file that cannot be opened": func(r *secret.Redactor) error {
			_, err := store.Open(t.Context(), store.Options{Path: filepath.Join("/dev/null", "word-4711", "journal.db"), Redactor: r})
			return err
		},
		"an error with an explanation": func(r *secret.Redactor) error {
			_, err := store.Open(t.Context(), store.Options{Postgres: secret.New(dsn.String()), Redactor: r})
			return err
		},
		"an error without an explanation": func(r *secret.Redactor) error {
			r.Learn(secret.New("database is closed"))
			s, err := store.Open(t.Context(), store.Options{Path: filepath.Join(t.TempDir(), "journal.db"), Redactor: r})
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			_, err = s.Runs(t.Context(), store.RunFilter{})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := &secret.Redactor{}
			r.Learn(secret.New("word-4711"))
			err := failing(r)
			if err == nil || strings.Contains(err.Error(), "4711") || !strings.Contains(err.Error(), secret.Mask) {
				t.Errorf("got %v, want an error with the mask", err)
			}
		})
	}
}

func TestOpen_TeachesTheRedactorTheConnectionString(t *testing.T) {
	t.Parallel()
	const dsn = "host=127.0.0.1 port=1 user=guardian password=horse"
	r := &secret.Redactor{}
	if s, err := store.Open(t.Context(), store.Options{Postgres: secret.New(dsn), Redactor: r}); err == nil {
		t.Fatal("it opened", s.Close())
	}
	if got := r.Redact("connect to " + dsn); got != "connect to "+secret.Mask {
		t.Errorf("got %q", got)
	}
	if got := r.Redact("password horse"); got != "password "+secret.Mask {
		t.Errorf("got %q", got)
	}
}

func TestPostgres_AReadOnlyStoreCannotWrite(t *testing.T) {
	t.Parallel()
	dsn := secret.New(pg.Start(t))
	open(t, store.Options{Postgres: dsn})
	reader := open(t, store.Options{Postgres: dsn, ReadOnly: true})
	if err := reader.Commit(t.Context(), store.Unfenced, store.Batch{Audit: []store.Audit{{What: "x"}}}); err == nil {
		t.Error("a read-only store wrote")
	}
}
