package configs_test

import (
	"database/sql"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"

	"guardian/actions"
	"guardian/actions/actiontest"
	"guardian/test/pg"
	"guardian/test/program"
)

// shopData is a database of a shop whose version v9 renamed a state of orders.
type shopData struct {
	dsn, dir string
	db       *sql.DB
}

func newShopData(t *testing.T) shopData {
	t.Helper()
	s := shopData{dsn: pg.Start(t), dir: t.TempDir()}
	db, err := sql.Open("pgx", s.dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	s.db = db
	for _, q := range []string{
		"CREATE TABLE orders (id INT PRIMARY KEY, state TEXT)", "INSERT INTO orders SELECT n, 'queued' FROM generate_series(1, 5) AS n",
		"CREATE TABLE releases (service TEXT PRIMARY KEY, version TEXT)", "INSERT INTO releases VALUES ('order-sync', 'v9')",
	} {
		if _, err := db.Exec(q); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// number reads one number.
func (s shopData) number(t *testing.T, query string) (n int) {
	t.Helper()
	if err := s.db.QueryRow(query).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// step builds the first step of a runbook in configs/runbooks, with what is another here replaced.
func (s shopData) step(t *testing.T, name string, env map[string]string, replaced ...string) actions.Step {
	t.Helper()
	lookup := func(name string) (string, bool) {
		v, ok := env[name]
		return v, ok
	}
	return actiontest.Example(t, name, lookup, strings.NewReplacer(replaced...).Replace).Step
}

func TestTheRunbookSQLTakesAMigrationBack(t *testing.T) {
	s := newShopData(t)
	down := "-- rows: >=1\nUPDATE orders SET state = 'new' WHERE state = 'queued';\nALTER TABLE orders ADD COLUMN old TEXT;\n"
	if err := os.WriteFile(filepath.Join(s.dir, "v9.down.sql"), []byte(down), 0o600); err != nil {
		t.Fatal(err)
	}
	step := s.step(t, "sql", map[string]string{"ORDERS_DSN": s.dsn}, "/srv/order-sync/migrations", s.dir)
	if out, err := step.Do(t.Context(), theRollback(actions.RunbookStep{})); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if s.number(t, "SELECT count(*) FROM orders WHERE state = 'new' AND old IS NULL") != 5 || s.number(t, "SELECT count(*) FROM releases WHERE version = 'v8'") != 1 {
		t.Error("the migration was not taken back")
	}
}

func TestTheRunbookSnapshotPutsTheDatabaseBack(t *testing.T) {
	s := newShopData(t)
	u, err := url.Parse(s.dsn)
	if err != nil {
		t.Fatal(err)
	}
	password, _ := u.User.Password()
	u.User = url.User(u.User.Username())
	t.Setenv("PGPASSWORD", password)
	file := filepath.Join(s.dir, "order-sync-v9.dump")
	dump := exec.CommandContext(t.Context(), "/bin/sh", "-c", `"$0" --format=custom --file="$1" "$2" && sha256sum "$1" > "$1.sha256"`,
		program.Installed(t, "pg_dump", "postgresql-client"), file, u.String())
	if out, err := dump.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if _, err := s.db.Exec("UPDATE orders SET state = 'spoiled'"); err != nil {
		t.Fatal(err)
	}
	step := s.step(t, "snapshot", map[string]string{"PGPASSWORD": password}, "/var/backups", s.dir, "postgres://guardian@db.example.com/orders", u.String())
	out, err := step.Do(t.Context(), theRollback(actions.RunbookStep{}))
	if err != nil || strings.Contains(out, password) {
		t.Fatalf("%v\n%s", err, out)
	}
	if s.number(t, "SELECT count(*) FROM orders WHERE state = 'queued'") != 5 {
		t.Error("the data of before is not there")
	}
}
