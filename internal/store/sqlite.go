package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// readers is the number of connections for reading.
const readers = 4

// openSQLite opens the file; a missing file or folder is created.
func openSQLite(path string, now func() time.Time) (*database, error) {
	if path == "" {
		return nil, errors.New("open journal: neither a path nor a PostgreSQL connection string is given: set storage.path")
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("open journal: %w", err)
	}
	if err := createFile(path); err != nil {
		return nil, err
	}
	// With synchronous(FULL) each commit waits for fsync: an intent must be on disk before the
	// step is executed. It is used for all commits, which cost little at one batch per second.
	write, err := connectSQLite(path, url.Values{
		"_pragma": {"busy_timeout(5000)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)", "journal_size_limit(67108864)"},
		"_txlock": {"immediate"}, // take the write lock first, so that a read-modify-write is consistent
	})
	if err != nil {
		return nil, fmt.Errorf("open journal: %w", err)
	}
	write.SetMaxOpenConns(1)
	read, err := connectSQLite(path, url.Values{
		"_pragma":     {"busy_timeout(5000)"},
		"_query_only": {"1"},
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open journal: %w", err), write.Close())
	}
	return sqliteDatabase(path, write, read, now), nil
}

// readSQLite opens an existing file for reading.
func readSQLite(path string, now func() time.Time) (*database, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("read journal: %s: %w: name the folder of a guardian that has run", path, withoutPath(err))
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("read journal: %w", err)
	}
	read, err := connectSQLite(path, url.Values{
		"mode":        {"ro"},
		"_pragma":     {"busy_timeout(5000)"},
		"_query_only": {"1"},
	})
	if err != nil {
		return nil, fmt.Errorf("read journal: %w", err)
	}
	return sqliteDatabase(path, read, read, now), nil
}

func sqliteDatabase(path string, write, read *sql.DB, now func() time.Time) *database {
	read.SetMaxOpenConns(readers)
	read.SetMaxIdleConns(readers)
	return &database{
		kind:    "sqlite",
		place:   path,
		write:   write,
		read:    read,
		clock:   func() string { return strconv.FormatInt(now().UnixNano(), 10) },
		dialect: goose.DialectSQLite3,
		size:    func(context.Context) (int64, error) { return sizeOf(path, path+"-wal") },
		trouble: func(err error) (trouble, bool) { return sqliteTrouble(path, err) },
		unique: func(err error) bool {
			code := sqliteCode(err)
			return code == sqlite3.SQLITE_CONSTRAINT_UNIQUE || code == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY
		},
		again: func(error) bool { return false }, // a single writer has no conflicts
	}
}

func connectSQLite(path string, params url.Values) (*sql.DB, error) {
	// A URL, so that special characters of the path are escaped.
	dsn := url.URL{Scheme: "file", Path: path, RawQuery: params.Encode()}
	c, err := sqlite.NewConnector(dsn.String())
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(c), nil
}

// createFile creates an empty file with mode 0600, and its folder. An existing file is not
// opened: closing it would release the locks that this process holds on it (POSIX locks).
func createFile(path string) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return fmt.Errorf("open journal: the folder %s cannot be made: %w: choose another storage.path or make it writable", dir, withoutPath(err))
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("open journal: the folder %s is not writable: %w: choose another storage.path or make it writable", dir, withoutPath(err))
	}
	// The directory entries must be on disk too, or the file may be missing after a power cut.
	if err := errors.Join(f.Close(), syncFolder(dir), syncFolder(filepath.Dir(dir))); err != nil {
		return fmt.Errorf("open journal: create %s: %w", path, err)
	}
	return nil
}

func syncFolder(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// withoutPath takes the path out of a file error: the message around it names it already.
func withoutPath(err error) error {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return pe.Err
	}
	return err
}

func sizeOf(paths ...string) (int64, error) {
	var sum int64
	for _, p := range paths {
		info, err := os.Stat(p)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return 0, err
		}
		sum += info.Size()
	}
	return sum, nil
}

// sqliteCode returns the extended result code of an error; 0 if it is not SQLite's.
// Codes: https://www.sqlite.org/rescode.html.
func sqliteCode(err error) int {
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return e.Code()
	}
	return 0
}

func sqliteTrouble(path string, err error) (trouble, bool) {
	dir := filepath.Dir(path)
	if errors.Is(err, syscall.ENOSPC) {
		return fullDisk(dir), true
	}
	switch sqliteCode(err) & 0xff { // the primary code
	case sqlite3.SQLITE_FULL:
		return fullDisk(dir), true
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return trouble{ErrLocked, path + " was locked by another program for more than 5s: stop that program (a backup, a sqlite3 shell, a guardian that hangs)"}, true
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM:
		return trouble{nil, fmt.Sprintf("%s and its folder must be writable for this user: %v", path, err)}, true
	case sqlite3.SQLITE_NOTADB:
		return trouble{nil, path + " is not a SQLite file: choose another storage.path"}, true
	case sqlite3.SQLITE_CORRUPT:
		return trouble{nil, fmt.Sprintf("%s is damaged: stop the guardian and restore a backup: %v", path, err)}, true
	case sqlite3.SQLITE_IOERR:
		return trouble{nil, fmt.Sprintf("I/O error on the disk of %s: check the disk and the system's log: %v", dir, err)}, true
	default:
		return trouble{}, false
	}
}

func fullDisk(dir string) trouble {
	return trouble{ErrDiskFull, "the disk of " + dir + " is full: free space or move storage.path; nothing of this was written"}
}
