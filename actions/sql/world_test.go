package sql_test

import (
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"

	"guardian/actions"
	"guardian/actions/actiontest"
	step "guardian/actions/sql"
	"guardian/internal/secret"
	"guardian/internal/sqldb"
	"guardian/test/mariadb"
	"guardian/test/pg"
)

// shop is the database of a shop: a stock of three articles, and a log.
type shop struct {
	driver, dsn string
	password    string
	db          *sql.DB
}

// onEach runs a test on each kind of database.
func onEach(t *testing.T, test func(*testing.T, shop)) {
	t.Helper()
	for _, driver := range []string{sqldb.Postgres, sqldb.MySQL, sqldb.SQLite} {
		t.Run(driver, func(t *testing.T) { test(t, newShop(t, driver)) })
	}
}

func newShop(t *testing.T, driver string) shop {
	t.Helper()
	s := shop{driver: driver}
	switch driver {
	case sqldb.Postgres:
		s.dsn, s.password = pg.Start(t), pg.Password
	case sqldb.MySQL:
		s.dsn, s.password = mariadb.Start(t), mariadb.Password
	default:
		s.dsn, s.password = filepath.Join(t.TempDir(), "shop.db"), "no password"
		if err := os.WriteFile(s.dsn, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	db, err := sqldb.Address{Driver: driver, DSN: secret.New(s.dsn)}.Open()
	if err != nil {
		t.Fatal(err)
	}
	s.db = db
	t.Cleanup(func() { _ = db.Close() })
	s.exec(t, "CREATE TABLE stock (sku VARCHAR(20) PRIMARY KEY, n INTEGER NOT NULL)", "CREATE TABLE log (line VARCHAR(200) PRIMARY KEY)",
		"INSERT INTO stock VALUES ('a', 0), ('b', 0), ('c', 0)")
	return s
}

func (s shop) exec(t *testing.T, all ...string) {
	t.Helper()
	for _, q := range all {
		if _, err := s.db.Exec(q); err != nil {
			t.Fatalf("%s: %v", q, err)
		}
	}
}

// number reads one number.
func (s shop) number(t *testing.T, query string) (n int) {
	t.Helper()
	if err := s.db.QueryRow(query).Scan(&n); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}

// first is the first parameter of a statement.
func (s shop) first() string {
	if s.driver == sqldb.Postgres {
		return "$1"
	}
	return "?"
}

// settings are those of a step with some statements.
func (s shop) settings(t *testing.T, all ...step.Statement) *step.Settings {
	t.Helper()
	out := step.Kind().Settings().(*step.Settings)
	out.Driver, out.DSN, out.Statements = s.driver, secret.New(s.dsn), all
	out.LockTimeout = model.Duration(time.Second)
	return out
}

func (s shop) build(t *testing.T, settings *step.Settings) actions.Step {
	t.Helper()
	return actiontest.Build(t, step.Kind(), settings, actiontest.Env())
}

// step builds a step of some statements.
func (s shop) step(t *testing.T, all ...step.Statement) actions.Step {
	t.Helper()
	return s.build(t, s.settings(t, all...))
}

func statement(text string, args ...string) step.Statement {
	return step.Statement{SQL: text, Args: args}
}

// expecting is a statement with the number of its rows.
func expecting(t *testing.T, rows, text string) step.Statement {
	t.Helper()
	out := statement(text)
	if err := out.Rows.UnmarshalText([]byte(rows)); err != nil {
		t.Fatal(err)
	}
	return out
}

func contains(t *testing.T, what, text string, wants ...string) {
	t.Helper()
	for _, want := range wants {
		if !strings.Contains(text, want) {
			t.Errorf("%s lacks %q:\n%s", what, want, text)
		}
	}
}
