package pg

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"guardian/test/port"

	"github.com/jackc/pgx/v5"
)

// Password is the password of the server's only user, "postgres". Tests check that it does not
// show up in logs, pages and messages.
const Password = "correct-horse-battery"

// startTimeout bounds initdb and the start of the server, each.
const startTimeout = 3 * time.Minute

// server starts the one server that all tests of this process share.
var server = sync.OnceValues(start)

// cluster is the running server.
type cluster struct {
	admin  *url.URL
	keeper io.Closer // standard input of the keeper, open as long as this process lives
}

// Start returns the connection string of a new database, which is dropped at the test's end.
// Without PostgreSQL on the machine the test is skipped, or fails with CI=true.
func Start(tb testing.TB) (dsn string) {
	tb.Helper()
	c, err := server()
	if err != nil {
		if missing, ok := errors.AsType[*missingError](err); ok && os.Getenv("CI") != "true" {
			tb.Skip(missing.Error())
		}
		tb.Fatalf("start PostgreSQL: %v", err)
	}
	name := "test_" + strings.ToLower(rand.Text())
	if err := execute(tb.Context(), c.admin, "CREATE DATABASE "+name); err != nil {
		tb.Fatalf("create a database: %v", err)
	}
	tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
		defer cancel()
		if err := execute(ctx, c.admin, "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
			tb.Errorf("drop the database: %v", err)
		}
	})
	u := *c.admin
	u.Path = "/" + name
	return u.String()
}

func execute(ctx context.Context, at *url.URL, query string) (err error) {
	conn, err := pgx.Connect(ctx, at.String())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close(ctx)) }()
	_, err = conn.Exec(ctx, query)
	return err
}

// missingError names what is not installed.
type missingError struct{ what string }

func (e *missingError) Error() string {
	return "no PostgreSQL for this test: " + e.what + " (Debian: apt-get install postgresql)"
}

// start makes a cluster in a folder of its own and runs a server on it. The server ends with
// this process and its folder is removed, also when the process is killed.
func start() (*cluster, error) {
	bin, err := programs()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "guardian-pg-")
	if err != nil {
		return nil, err
	}
	c, err := startIn(dir, bin)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return c, nil
}

func startIn(dir, bin string) (*cluster, error) {
	pass := filepath.Join(dir, "password")
	if err := os.WriteFile(pass, []byte(Password+"\n"), 0o600); err != nil {
		return nil, err
	}
	if os.Geteuid() == 0 { // PostgreSQL refuses to run as root
		if out, err := exec.Command("chown", "-R", "postgres", dir).CombinedOutput(); err != nil {
			return nil, fmt.Errorf("chown to postgres: %w: %s", err, out)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	data := filepath.Join(dir, "data")
	initdb := exec.CommandContext(ctx, asPostgres(), append(asPostgresArgs(), filepath.Join(bin, "initdb"),
		"--pgdata", data, "--username", "postgres", "--pwfile", pass, "--auth", "scram-sha-256",
		"--encoding", "UTF8", "--locale", "C", "--no-sync")...)
	initdb.Dir = dir
	if out, err := initdb.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w: %s", err, out)
	}
	at, err := port.Free()
	if err != nil {
		return nil, err
	}
	keeper, err := launch(dir, filepath.Join(bin, "postgres"), data, at)
	if err != nil {
		return nil, err
	}
	admin := &url.URL{
		Scheme: "postgres", User: url.UserPassword("postgres", Password),
		Host: net.JoinHostPort("127.0.0.1", strconv.Itoa(at)), Path: "/postgres",
		RawQuery: "sslmode=disable",
	}
	if err := waitFor(ctx, admin); err != nil {
		log, _ := os.ReadFile(filepath.Join(dir, "log"))
		return nil, errors.Join(fmt.Errorf("%w: %s", err, bytes.TrimSpace(log)), keeper.Close())
	}
	return &cluster{admin: admin, keeper: keeper}, nil
}

// keeper is a shell script that runs the server until its standard input ends. That happens when
// this process, which holds the other end, exits or is killed. Then it stops the server and
// removes the folder. Its arguments are the folder, the program and the program's arguments.
const keeper = `dir=$1; shift
"$@" </dev/null >"$dir/log" 2>&1 &
server=$!
read -r _
kill -INT $server 2>/dev/null
wait $server
rm -rf "$dir"`

// launch starts the keeper and returns its standard input; closing that stops the server.
func launch(dir, postgres, data string, port int) (io.Closer, error) {
	args := append(asPostgresArgs(), "sh", "-c", keeper, "keeper", dir, postgres,
		"-D", data, "-p", strconv.Itoa(port),
		"-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=",
		"-c", "fsync=off", "-c", "full_page_writes=off", "-c", "max_connections=100", "-c", "shared_buffers=16MB")
	cmd := exec.Command(asPostgres(), args...) // without a context: it ends with this process
	cmd.Dir = dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a ^C is for the tests, not for it
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	return stdin, cmd.Start()
}

// asPostgres and asPostgresArgs begin a command that runs as the user postgres if this is root,
// because PostgreSQL refuses to run as root.
func asPostgres() string {
	if os.Geteuid() == 0 {
		return "runuser"
	}
	return "env"
}

func asPostgresArgs() []string {
	if os.Geteuid() == 0 {
		return []string{"-u", "postgres", "--"}
	}
	return nil
}

// programs finds the folder of initdb and postgres: the newest that Debian has, or the PATH.
func programs() (string, error) {
	folders, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err != nil {
		return "", err
	}
	slices.SortFunc(folders, func(a, b string) int { return version(b) - version(a) })
	if p, err := exec.LookPath("postgres"); err == nil {
		folders = append(folders, filepath.Dir(p))
	}
	if os.Geteuid() == 0 {
		if _, err := exec.LookPath("runuser"); err != nil {
			return "", &missingError{"these tests run as root and there is no runuser to run PostgreSQL as another user"}
		}
	}
	for _, f := range folders {
		if isFile(filepath.Join(f, "initdb")) && isFile(filepath.Join(f, "postgres")) {
			return f, nil
		}
	}
	return "", &missingError{"initdb and postgres are neither in /usr/lib/postgresql/*/bin nor in the PATH"}
}

// version returns 15 for /usr/lib/postgresql/15/bin.
func version(folder string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(folder)))
	return n
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

func waitFor(ctx context.Context, admin *url.URL) error {
	for {
		err := execute(ctx, admin, "SELECT 1")
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
