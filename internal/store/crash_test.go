package store_test

import (
	"bufio"
	"database/sql"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"guardian/actions"
	"guardian/internal/reason"
	"guardian/internal/store"
)

// child starts this test binary as a guardian on the journal. It gives what it prints.
func child(t *testing.T, what, path string) (*exec.Cmd, *bufio.Scanner, func(line string)) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+what, childPath+"="+path)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = cmd.Process.Kill(), cmd.Wait() })
	return cmd, bufio.NewScanner(out), func(line string) {
		if _, err := in.Write([]byte(line + "\n")); err != nil {
			t.Error(err)
		}
	}
}

func TestSQLite_KeepsEveryAcknowledgedBatchThroughAKill(t *testing.T) {
	t.Parallel()
	for round := range 3 {
		path := filepath.Join(t.TempDir(), "journal.db")
		cmd, out, _ := child(t, "write", path)
		last, enough := -1, 40+23*round
		for out.Scan() {
			n, err := strconv.Atoi(out.Text())
			if err != nil {
				t.Fatalf("the child says %q", out.Text())
			}
			if last = n; n == enough {
				if err := cmd.Process.Signal(syscall.SIGKILL); err != nil {
					t.Fatal(err)
				}
			}
		}
		checkIntegrity(t, path)

		s := open(t, store.Options{Path: path})
		runs, err := s.Runs(t.Context(), store.RunFilter{})
		if err != nil {
			t.Fatal(err)
		}
		lines, err := s.Audit(t.Context(), store.AuditFilter{})
		if err != nil {
			t.Fatal(err)
		}
		// One more may have been written whose acknowledgement the kill cut off.
		if n := len(runs); n != last+1 && n != last+2 {
			t.Errorf("%d batches were acknowledged, %d are in the journal", last+1, n)
		}
		if len(lines.Lines) != len(runs) {
			t.Errorf("%d runs and %d lines: a batch was written in part", len(runs), len(lines.Lines))
		}
		for _, r := range runs {
			if e, err := s.Entries(t.Context(), r.ID); err != nil || len(e) != 2 {
				t.Errorf("run %s has %d entries: %v", r.ID, len(e), err)
			}
		}
	}
}

func TestSQLite_APausedGuardianFindsItselfFenced(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "journal.db")
	s := open(t, store.Options{Path: path})
	cmd, out, tell := child(t, "pause", path)
	if !out.Scan() || out.Text() != "holds" {
		t.Fatalf("the child says %q", out.Text())
	}
	if err := cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(time.Minute)
	for {
		_, ok, err := s.Acquire(t.Context(), "successor", "", time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		if ok {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the lease of the paused guardian never ran out")
		}
		time.Sleep(50 * time.Millisecond)
	}
	if err := cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	tell("go on")
	if !out.Scan() {
		t.Fatal("the child says nothing")
	}
	if want := "valid false commit"; !strings.HasPrefix(out.Text(), want) || !strings.Contains(out.Text(), store.ErrFenced.Error()) {
		t.Errorf("the child says %q, want %q and that it is fenced", out.Text(), want)
	}
	if _, err := s.Run(t.Context(), "r_late"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the paused guardian wrote a run: %v", err)
	}
}

func TestSQLite_AFullDiskIsSaidAndNothingIsHalfWritten(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if os.Geteuid() != 0 {
		t.Skip("only root can mount the small disk that this test fills")
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=3m"); err != nil {
		t.Skipf("no small disk for this test: mount tmpfs: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	ballast, path := filepath.Join(dir, "ballast"), filepath.Join(dir, "journal.db")
	if err := os.WriteFile(ballast, make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(t.Context(), store.Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	fence := lead(t, s)
	written := 0
	write := func() error {
		id := strconv.Itoa(written)
		return s.Commit(t.Context(), fence, store.Batch{
			Runs:  []actions.Run{{ID: id, Reason: reason.Text(strings.Repeat("x", 100_000))}},
			Audit: []store.Audit{{What: id, Detail: reason.Text(strings.Repeat("y", 100_000))}},
		})
	}
	for err = write(); err == nil && written < 1000; err = write() {
		written++
	}
	if !errors.Is(err, store.ErrDiskFull) || !strings.Contains(err.Error(), "free space") {
		t.Fatalf("after %d batches: %v", written, err)
	}
	check := func() {
		t.Helper()
		runs, err := s.Runs(t.Context(), store.RunFilter{})
		if err != nil {
			t.Fatal(err)
		}
		page, err := s.Audit(t.Context(), store.AuditFilter{})
		if err != nil {
			t.Fatal(err)
		}
		if len(runs) != written || len(page.Lines) != written {
			t.Errorf("%d batches were acknowledged; there are %d runs and %d lines", written, len(runs), len(page.Lines))
		}
	}
	check()

	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	if err := write(); err != nil {
		t.Fatalf("with room again: %v", err)
	}
	written++
	check()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	checkIntegrity(t, path)
}

// checkIntegrity asks SQLite whether the file is sound.
func checkIntegrity(t *testing.T, path string) {
	t.Helper()
	db := raw(t, path)
	var answer string
	if err := db.QueryRowContext(t.Context(), "PRAGMA integrity_check").Scan(&answer); err != nil || answer != "ok" {
		t.Errorf("integrity: %s, %v", answer, err)
	}
	if err := db.Close(); err != nil {
		t.Error(err)
	}
}

// raw opens the file as another program would.
func raw(t *testing.T, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	return db
}

func open(tb testing.TB, o store.Options) *store.Store {
	tb.Helper()
	s, err := store.Open(tb.Context(), o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Error(err)
		}
	})
	return s
}

// lead takes the lease for longer than any test.
func lead(tb testing.TB, s *store.Store) store.Fence {
	tb.Helper()
	l, ok, err := s.Acquire(tb.Context(), "g1", "", time.Hour)
	if err != nil || !ok {
		tb.Fatalf("acquire: %v, %v", ok, err)
	}
	return l.Token
}
