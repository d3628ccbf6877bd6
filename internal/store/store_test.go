package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"guardian/actions"
	"guardian/internal/reason"
	"guardian/internal/secret"
	"guardian/internal/store"
	"guardian/probes/sample"
	"guardian/test/pg"
	"guardian/watch"
)

func TestOpen_SaysWhatToDo(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("this is a text and no database, as long as a header"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		options store.Options
		want    []string
	}{
		"nothing is given":            {store.Options{}, []string{"set storage.path"}},
		"the folder cannot be made":   {store.Options{Path: filepath.Join(file, "data", "journal.db")}, []string{filepath.Join(file, "data"), "another storage.path"}},
		"the file is another one":     {store.Options{Path: file}, []string{file + " is not a SQLite file"}},
		"the path is a folder":        {store.Options{Path: dir}, []string{dir, "writable"}},
		"the URL is malformed":        {store.Options{Postgres: secret.New("postgres://guardian:hor/se@db/guardian")}, []string{"storage.postgres", "percent-encoded"}},
		"a setting is not understood": {store.Options{Postgres: secret.New("host=db sslmode=maybe password=horse")}, []string{"storage.postgres", "settings"}},
		"nobody listens":              {store.Options{Postgres: secret.New("postgres://guardian:horse@127.0.0.1:1/guardian")}, []string{"127.0.0.1:1", "check host"}},
	} {
		t.Run(name, func(t *testing.T) {
			c.options.Redactor = &secret.Redactor{}
			s, err := store.Open(t.Context(), c.options)
			if err == nil {
				t.Fatal("it opened", s.Close())
			}
			if got := c.options.Redactor.Redact("password horse refused"); name == "nobody listens" && strings.Contains(got, "horse") {
				t.Errorf("the redactor did not learn the password: %q", got)
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not say %q", err, want)
				}
			}
			if strings.Contains(err.Error(), "horse") || strings.Contains(err.Error(), "hor/se") || strings.Contains(err.Error(), "se@db") {
				t.Errorf("%q tells the password", err)
			}
		})
	}
}

func TestOpen_MakesAFileThatOnlyWeRead(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a folder?", "50%#", "journal.db")
	s := open(t, store.Options{Path: path})
	lead(t, s)
	for _, p := range []string{path, path + "-wal"} {
		info, err := os.Stat(p)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", filepath.Base(p), info.Mode())
		}
	}
	if s.Kind() != "sqlite" || s.Ping(t.Context()) != nil {
		t.Errorf("kind %q, ping %v", s.Kind(), s.Ping(t.Context()))
	}
}

func TestOpen_RefusesTheJournalOfANewerGuardian(t *testing.T) {
	t.Parallel()
	const newer = "INSERT INTO guardian_schema (version_id, is_applied) VALUES (99, TRUE)"
	t.Run("sqlite", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "journal.db")
		open(t, store.Options{Path: path})
		db := raw(t, path)
		if _, err := db.ExecContext(t.Context(), newer); err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		wantNewer(t, store.Options{Path: path})
	})
	t.Run("postgres", func(t *testing.T) {
		dsn := pg.Start(t)
		s := open(t, store.Options{Postgres: secret.New(dsn)})
		if s.Kind() != "postgres" || s.Ping(t.Context()) != nil {
			t.Errorf("kind %q, ping %v", s.Kind(), s.Ping(t.Context()))
		}
		conn, err := pgx.Connect(t.Context(), dsn)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Exec(t.Context(), newer); err != nil {
			t.Fatal(err)
		}
		if err := conn.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		wantNewer(t, store.Options{Postgres: secret.New(dsn)})
	})
}

func wantNewer(t *testing.T, o store.Options) {
	t.Helper()
	_, err := store.Open(t.Context(), o)
	if !errors.Is(err, store.ErrNewer) || !strings.Contains(err.Error(), "schema 99") || !strings.Contains(err.Error(), "upgrade") {
		t.Errorf("got %v", err)
	}
}

func TestOpen_ManyAtOnceBringTheSchemaUpToDateOnce(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]store.Options{
		"sqlite":   {Path: filepath.Join(t.TempDir(), "journal.db")},
		"postgres": {Postgres: secret.New(pg.Start(t))},
	} {
		t.Run(name, func(t *testing.T) {
			var wg sync.WaitGroup
			for range 4 {
				wg.Go(func() {
					s, err := store.Open(t.Context(), o)
					if err != nil {
						t.Error(err)
						return
					}
					if err := s.Close(); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
		})
	}
}

func TestPostgres_KeepsItsPassword(t *testing.T) {
	t.Parallel()
	good, err := url.Parse(pg.Start(t))
	if err != nil {
		t.Fatal(err)
	}
	with := func(change func(u *url.URL)) secret.Secret {
		u := *good
		change(&u)
		return secret.New(u.String())
	}
	for name, c := range map[string]struct {
		dsn  secret.Secret
		want string
	}{
		"wrong password":     {with(func(u *url.URL) { u.User = url.UserPassword("postgres", "horse-of-troy") }), "check user and password"},
		"unknown database":   {with(func(u *url.URL) { u.Path = "/nowhere" }), "create it"},
		"unknown parameters": {with(func(u *url.URL) { u.RawQuery = "sslmode=require" }), "cannot be reached"},
	} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			_, err := store.Open(t.Context(), store.Options{Postgres: c.dsn, Log: slog.New(slog.NewTextHandler(&log, nil))})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want it to say %q", err, c.want)
			}
			for _, out := range []string{fmt.Sprintf("%v %+v", err, err), log.String()} {
				if strings.Contains(out, "horse") {
					t.Errorf("%q tells the password", out)
				}
			}
		})
	}
}

func TestPostgres_OneThatIsPausedWithinATransactionIsTakenOver(t *testing.T) {
	t.Parallel()
	dsn := secret.New(pg.Start(t))
	paused, successor := open(t, store.Options{Postgres: dsn}), open(t, store.Options{Postgres: dsn})
	l, ok, err := paused.Acquire(t.Context(), "paused", "", 5*time.Second)
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	if err := paused.Commit(t.Context(), l.Token, store.Batch{Runs: []actions.Run{{ID: "r_1", State: actions.AwaitingApproval}}}); err != nil {
		t.Fatal(err)
	}
	inside, taken := make(chan struct{}), make(chan struct{})
	result := make(chan error, 1)
	go func() {
		_, err := paused.UpdateRun(t.Context(), l.Token, "r_1", func(r *actions.Run) error {
			close(inside)
			<-taken
			r.State = actions.Running
			return nil
		}, store.Batch{})
		result <- err
	}()
	<-inside
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	for {
		_, ok, err := successor.Acquire(ctx, "successor", "", time.Hour)
		if ok {
			break
		}
		if err != nil && !errors.Is(err, store.ErrLocked) {
			t.Fatal(err)
		}
	}
	close(taken)
	if err := <-result; err == nil {
		t.Error("the paused guardian's change was accepted")
	}
	if r, err := successor.Run(t.Context(), "r_1"); err != nil || r.State != actions.AwaitingApproval {
		t.Errorf("got %+v, %v", r, err)
	}
}

func TestPostgres_LostConnectionsAreMadeAnew(t *testing.T) {
	t.Parallel()
	dsn := pg.Start(t)
	s := open(t, store.Options{Postgres: secret.New(dsn)})
	fence := lead(t, s)
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }()
	if _, err := conn.Exec(t.Context(), "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'guardian' AND datname = current_database()"); err != nil {
		t.Fatal(err)
	}
	// One commit may fall into the gap, and says so; the next ones do not.
	if err := s.Commit(t.Context(), fence, store.Batch{}); err != nil {
		t.Log(err)
	}
	if err := s.Commit(t.Context(), fence, store.Batch{Audit: []store.Audit{{What: "deploy"}}}); err != nil {
		t.Error(err)
	}
	if page, err := s.Audit(t.Context(), store.AuditFilter{}); err != nil || len(page.Lines) != 1 {
		t.Errorf("got %+v, %v", page, err)
	}
}

func TestSQLite_AnotherProgramsLockIsSaid(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "journal.db")
	s := open(t, store.Options{Path: path})
	fence := lead(t, s)
	other := raw(t, path)
	defer func() { _ = other.Close() }()
	if _, err := other.ExecContext(t.Context(), "BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	b := store.Batch{Audit: []store.Audit{{What: "deploy"}}}
	if err := s.Commit(t.Context(), fence, b); !errors.Is(err, store.ErrLocked) || !strings.Contains(err.Error(), "another program") {
		t.Errorf("got %v", err)
	}
	// Who reads is not held up.
	if page, err := s.Audit(t.Context(), store.AuditFilter{}); err != nil || len(page.Lines) != 0 {
		t.Errorf("got %+v, %v", page, err)
	}
	if _, err := other.ExecContext(t.Context(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	if err := s.Commit(t.Context(), fence, b); err != nil {
		t.Errorf("after the lock: %v", err)
	}
}

func TestCommit_OfMany(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]store.Options{
		"sqlite":   {Path: filepath.Join(t.TempDir(), "journal.db")},
		"postgres": {Postgres: secret.New(pg.Start(t))},
	} {
		t.Run(name, func(t *testing.T) {
			leader, standby := open(t, o), open(t, o)
			fence := lead(t, leader)
			const writers, each = 6, 15
			var wg sync.WaitGroup
			for w := range writers {
				wg.Go(func() {
					for i := range each {
						at, f, b := leader, fence, store.Batch{Audit: []store.Audit{{What: "x"}}}
						if w%2 == 0 {
							at, f = standby, store.Unfenced
						} else {
							b.Entries = []actions.Entry{{Run: "r_1", What: "verified"}}
							b.Runs = []actions.Run{{ID: "r_1", Reason: reason.Text(strconv.Itoa(i))}}
						}
						if err := at.Commit(t.Context(), f, b); err != nil {
							t.Error(err)
						}
						if _, err := at.Runs(t.Context(), store.RunFilter{}); err != nil {
							t.Error(err)
						}
					}
				})
			}
			wg.Wait()
			if page, err := leader.Audit(t.Context(), store.AuditFilter{}); err != nil || len(page.Lines) != writers*each {
				t.Errorf("got %d lines, %v", len(page.Lines), err)
			}
			if e, err := standby.Entries(t.Context(), "r_1"); err != nil || len(e) != writers/2*each {
				t.Errorf("got %d entries, %v", len(e), err)
			}
		})
	}
}

func TestCommit_OfWhoGaveUpWritesNothing(t *testing.T) {
	t.Parallel()
	s := open(t, store.Options{Path: filepath.Join(t.TempDir(), "journal.db")})
	ctx, cancel := context.WithCancel(t.Context())
	fence := lead(t, s)
	if err := s.Commit(t.Context(), fence, store.Batch{Runs: []actions.Run{{ID: "r_1"}}}); err != nil {
		t.Fatal(err)
	}
	_, err := s.UpdateRun(ctx, fence, "r_1", func(r *actions.Run) error {
		r.Reason = reason.Text("changed")
		cancel()
		return nil
	}, store.Batch{})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if r, err := s.Run(t.Context(), "r_1"); err != nil || !r.Reason.IsZero() {
		t.Errorf("got %+v, %v", r, err)
	}
}

func TestMetrics_CountWhatTheJournalDoes(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewRegistry()
	o := store.Options{Path: filepath.Join(t.TempDir(), "journal.db"), Registerer: reg}
	s, err := store.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	fence := lead(t, s)
	if err := s.Commit(t.Context(), fence, store.Batch{}); err != nil {
		t.Fatal(err)
	}
	if err := s.Commit(t.Context(), fence+1, store.Batch{}); !errors.Is(err, store.ErrFenced) {
		t.Fatal(err)
	}
	want := `
# HELP guardian_journal_commits_total Transactions committed to the journal.
# TYPE guardian_journal_commits_total counter
guardian_journal_commits_total 1
# HELP guardian_journal_fenced_total Transactions and renewals refused because this guardian does not hold the lease.
# TYPE guardian_journal_fenced_total counter
guardian_journal_fenced_total 1
`
	if err := testutil.GatherAndCompare(reg, strings.NewReader(want), "guardian_journal_commits_total", "guardian_journal_fenced_total"); err != nil {
		t.Error(err)
	}
	if problems, err := testutil.GatherAndLint(reg); err != nil || len(problems) > 0 {
		t.Error(problems, err)
	}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "guardian_journal_size_bytes" && f.GetMetric()[0].GetGauge().GetValue() < 4096 {
			t.Errorf("the journal has %v bytes", f.GetMetric()[0])
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := store.Open(t.Context(), o)
	if err != nil {
		t.Fatalf("a second time in one process: %v", err)
	}
	if err := again.Close(); err != nil {
		t.Error(err)
	}
	if _, err := again.Runs(t.Context(), store.RunFilter{}); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a closed journal answers: %v", err)
	}
}

// BenchmarkCommit writes what a busy second brings: a watch and the last of twenty checks.
func BenchmarkCommit(b *testing.B) {
	for _, kind := range []string{"sqlite", "postgres"} {
		b.Run(kind, func(b *testing.B) {
			o := store.Options{Path: filepath.Join(b.TempDir(), "journal.db")}
			if kind == "postgres" {
				o = store.Options{Postgres: secret.New(pg.Start(b))}
			}
			s := open(b, o)
			fence := lead(b, s)
			batch := store.Batch{Watches: []watch.Watch{{ID: "w_1", DeployID: "d_1", State: watch.Watching}}}
			for i := range 20 {
				batch.CheckStates = append(batch.CheckStates, store.CheckState{Check: strconv.Itoa(i), Last: sample.Sample{Check: strconv.Itoa(i)}})
			}
			for b.Loop() {
				if err := s.Commit(b.Context(), fence, batch); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
