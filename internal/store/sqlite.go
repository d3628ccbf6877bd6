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

// readers is how many reads of a SQLite journal run at once.
const readers = 4

// openSQLite opens the file, which it makes with its folder when it is not there.
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
	// FULL makes each commit wait for the disk: an intent must be there before its act. It
	// holds for everything, because one setting is easier to trust than two, and a batch per
	// second costs little.
	write, err := connectSQLite(path, url.Values{
		"_pragma": {"busy_timeout(5000)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)", "journal_size_limit(67108864)"},
		"_txlock": {"immediate"}, // the lock first, so that what was read is still so when it is written
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

// readSQLite opens a file that is there, without writing to it.
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
		again: func(error) bool { return false }, // one writer: nothing to come between
	}
}

func connectSQLite(path string, params url.Values) (*sql.DB, error) {
	// As a URL, so that no character of the path is taken for a parameter.
	dsn := url.URL{Scheme: "file", Path: path, RawQuery: params.Encode()}
	c, err := sqlite.NewConnector(dsn.String())
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(c), nil
}

// createFile makes an empty file that only we can read, and its folder. A file that is there
// is not touched: closing it again would drop the locks that this process has on it.
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
	// The names must be on disk too, or a power cut takes what the file holds with them.
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

// sqliteCode gives the extended result code of an error; 0 when it is none of SQLite's.
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
		return trouble{nil, fmt.Sprintf("%s is damaged: stop the guardian and put a backup back: %v", path, err)}, true
	case sqlite3.SQLITE_IOERR:
		return trouble{nil, fmt.Sprintf("the disk of %s fails: look at it and at the system's log: %v", dir, err)}, true
	default:
		return trouble{}, false
	}
}

func fullDisk(dir string) trouble {
	return trouble{ErrDiskFull, "the disk of " + dir + " is full: free space or move storage.path; nothing of this was written"}
}
