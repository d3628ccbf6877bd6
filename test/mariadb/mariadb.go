package mariadb

import (
	"bytes"
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	_ "github.com/go-sql-driver/mysql" // the driver mysql of database/sql

	"guardian/test/port"
)

// Password is the password of the user "shop", whom every database of Start belongs to. Tests check
// that it does not show up in logs, pages and messages.
const Password = "correct-horse-mariadb"

// startTimeout bounds the making of the data folder and the start of the server, each.
const startTimeout = 3 * time.Minute

// server starts the one server that all tests of this process share.
var server = sync.OnceValues(start)

// daemon is the running server.
type daemon struct {
	port   int
	keeper io.Closer // standard input of the keeper, open as long as this process lives
}

func (d *daemon) root() string { return fmt.Sprintf("root@tcp(127.0.0.1:%d)/mysql", d.port) }

// Start returns the address of a new database, as go-sql-driver/mysql reads it; it is dropped at the
// test's end. Without MariaDB on the machine the test is skipped, or fails with CI=true.
func Start(tb testing.TB) (dsn string) {
	tb.Helper()
	d, err := server()
	if err != nil {
		if missing, ok := errors.AsType[*missingError](err); ok && os.Getenv("CI") != "true" {
			tb.Skip(missing.Error())
		}
		tb.Fatalf("start MariaDB: %v", err)
	}
	name := "test_" + strings.ToLower(rand.Text())
	for _, q := range []string{
		"CREATE DATABASE " + name, "CREATE USER IF NOT EXISTS shop@'127.0.0.1' IDENTIFIED BY '" + Password + "'",
		"GRANT ALL ON " + name + ".* TO shop@'127.0.0.1'",
	} {
		if err := execute(tb.Context(), d.root(), q); err != nil {
			tb.Fatalf("create a database: %v", err)
		}
	}
	tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
		defer cancel()
		if err := execute(ctx, d.root(), "DROP DATABASE "+name); err != nil {
			tb.Errorf("drop the database: %v", err)
		}
	})
	return fmt.Sprintf("shop:%s@tcp(127.0.0.1:%d)/%s", Password, d.port, name)
}

func execute(ctx context.Context, dsn, query string) (err error) {
	db, err := sql.Open("mysql", dsn)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	_, err = db.ExecContext(ctx, query)
	return err
}

// missingError names what is not installed.
type missingError struct{ what string }

func (e *missingError) Error() string {
	return "no MariaDB for this test: " + e.what + " (Debian: apt-get install mariadb-server-core mariadb-client-core)"
}

// start makes a data folder and runs a server on it. The server ends with this process and the folder
// is removed, also when the process is killed.
func start() (*daemon, error) {
	install, err := exec.LookPath("mariadb-install-db")
	if err != nil {
		return nil, &missingError{"mariadb-install-db is not in the PATH"}
	}
	program, err := exec.LookPath("mariadbd")
	if err != nil {
		program = "/usr/sbin/mariadbd" // where a user's PATH does not look
	}
	if _, err := os.Stat(program); err != nil {
		return nil, &missingError{"mariadbd is not there"}
	}
	dir, err := os.MkdirTemp("", "guardian-mariadb-")
	if err != nil {
		return nil, err
	}
	d, err := startIn(dir, install, program)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return d, nil
}

func startIn(dir, install, program string) (*daemon, error) {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	data := "--datadir=" + filepath.Join(dir, "data")
	cmd := exec.CommandContext(ctx, install, append(asUser(), data, "--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve")...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("mariadb-install-db: %w: %s", err, out)
	}
	at, err := port.Free()
	if err != nil {
		return nil, err
	}
	d := &daemon{port: at}
	if d.keeper, err = launch(dir, program, append(asUser(), data, fmt.Sprintf("--port=%d", at))); err != nil {
		return nil, err
	}
	if err := waitFor(ctx, d.root()); err != nil {
		log, _ := os.ReadFile(filepath.Join(dir, "log"))
		return nil, errors.Join(fmt.Errorf("%w: %s", err, bytes.TrimSpace(log)), d.keeper.Close())
	}
	return d, nil
}

// asUser begins the arguments of MariaDB's programs: no file of the machine is read, and root must say
// that it is meant.
func asUser() []string {
	if os.Geteuid() == 0 {
		return []string{"--no-defaults", "--user=root"}
	}
	return []string{"--no-defaults"}
}

// keeper is a shell script that runs the server until its standard input ends. That happens when this
// process, which holds the other end, exits or is killed. Then it stops the server and removes the
// folder. Its arguments are the folder, the program and the program's arguments.
const keeper = `dir=$1; shift
"$@" </dev/null >"$dir/log" 2>&1 &
server=$!
read -r _
kill -KILL $server 2>/dev/null
wait $server
rm -rf "$dir"`

// launch starts the keeper and returns its standard input; closing that stops the server.
func launch(dir, program string, args []string) (io.Closer, error) {
	args = append([]string{"-c", keeper, "keeper", dir, program}, append(args,
		"--bind-address=127.0.0.1", "--socket="+filepath.Join(dir, "socket"), "--pid-file="+filepath.Join(dir, "pid"), "--skip-name-resolve", "--skip-log-bin",
		"--innodb-buffer-pool-size=16M", "--innodb-log-file-size=8M", "--innodb-flush-log-at-trx-commit=0", "--innodb-fast-shutdown=2")...)
	cmd := exec.Command("sh", args...) // without a context: it ends with this process
	cmd.Dir = dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a ^C is for the tests, not for it
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	return stdin, cmd.Start()
}

func waitFor(ctx context.Context, dsn string) error {
	for {
		err := execute(ctx, dsn, "SELECT 1")
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(50 * time.Millisecond):
		}
	}
}
