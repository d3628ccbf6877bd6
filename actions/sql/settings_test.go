package sql_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"guardian/actions"
	"guardian/actions/actiontest"
	step "guardian/actions/sql"
	"guardian/internal/secret"
	"guardian/internal/sqldb"
)

func TestSettings(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*step.Settings)
		want   string
	}{
		"all is well":                          {func(*step.Settings) {}, ""},
		"no database":                          {func(s *step.Settings) { s.DSN = secret.Secret{} }, "dsn: is missing"},
		"another database":                     {func(s *step.Settings) { s.Driver = "oracle" }, `driver: "oracle" is not one of`},
		"an address of another database":       {func(s *step.Settings) { s.DSN = secret.New("mysql://shop:hunter2@db/shop") }, "dsn: is not an address of PostgreSQL"},
		"an address of MySQL without its name": {func(s *step.Settings) { s.Driver, s.DSN = "mysql", secret.New("shop:hunter2@tcp(db:3306)/") }, "dsn: is not an address of MySQL"},
		"nothing to do":                        {func(s *step.Settings) { s.Statements = nil }, "statements: are missing"},
		"an empty statement":                   {func(s *step.Settings) { s.Statements[0].SQL = "" }, "statements[0].sql: is missing"},
		"two in one":                           {func(s *step.Settings) { s.Statements[0].SQL = "SELECT 1; SELECT 2" }, "statements[0].sql: it holds 2 statements"},
		"a template":                           {func(s *step.Settings) { s.Statements[0].SQL = "DELETE FROM a WHERE v = '{{.To}}'" }, "statements[0].sql: is no template"},
		"an array is none":                     {func(s *step.Settings) { s.Statements[0].SQL = "SELECT '{{1,2},{3,4}}'::int[]" }, ""},
		"a name that there is not":             {func(s *step.Settings) { s.Statements[0].Args = []string{"{{.Too}}"} }, "statements[0].args[0]"},
		"a transaction of its own":             {func(s *step.Settings) { s.Statements[0].SQL = "COMMIT" }, "statements[0].sql: COMMIT (line 1) begins or ends a transaction"},
		"rows of what has none": {func(s *step.Settings) {
			s.Statements[0].SQL = "DROP TABLE a"
			_ = s.Statements[0].Rows.UnmarshalText([]byte("1"))
		}, "statements[0].rows: DROP finds no rows"},
		"a statement and a file":     {func(s *step.Settings) { s.Statements[0].File = "/a.sql" }, "statements[0].file: there is sql already"},
		"a relative file":            {func(s *step.Settings) { s.Statements[0] = step.Statement{File: "a.sql"} }, `statements[0].file: "a.sql" is not an absolute path`},
		"no table and no query":      {func(s *step.Settings) { s.Table = "" }, "table: is missing"},
		"a table that is no name":    {func(s *step.Settings) { s.Table = "a; DROP TABLE b" }, "table: "},
		"a query that is a template": {func(s *step.Settings) { s.StatusQuery = "SELECT '{{.To}}'" }, "status_query: is no template"},
		"arguments of no query":      {func(s *step.Settings) { s.StatusArgs = []string{"a"} }, "status_args: there is no status_query"},
		"no limit":                   {func(s *step.Settings) { s.LockTimeout, s.StatementTimeout = 0, 0 }, "lock_timeout: must be more than zero"},
		"another plan":               {func(s *step.Settings) { s.Plan = "maybe" }, `plan: "maybe" is not one of`},
		"MySQL's way elsewhere":      {func(s *step.Settings) { s.ImplicitCommit = true }, "implicit_commit: is for mysql"},
	} {
		t.Run(name, func(t *testing.T) {
			s := shop{driver: sqldb.Postgres, dsn: "postgres://shop:hunter2@db/shop"}.settings(t, statement("UPDATE stock SET n = 1"))
			c.change(s)
			err := s.Validate()
			if (err == nil) != (c.want == "") || err != nil && (!strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "hunter2")) {
				t.Errorf("error %v, want …%s…", err, c.want)
			}
		})
	}
}

// migration writes a file of statements and gives a step that runs it, by the version that is bad.
func migration(t *testing.T, s shop, text string) actions.Step {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "v2.down.sql"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return s.step(t, step.Statement{File: dir + "/{{.From}}.down.sql"})
}

func TestAFileOfStatements(t *testing.T) {
	onEach(t, func(t *testing.T, s shop) {
		out, err := migration(t, s, `-- the way back of v2
-- rows: 3
UPDATE stock SET n = n - 1;
DELETE FROM log; -- rows: 0
INSERT INTO log VALUES ('a;b') -- rows: 1
;
`).Do(t.Context(), actiontest.Call())
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		contains(t, "the output", out, "1. UPDATE stock SET n = n - 1: 3 rows\n2. DELETE FROM log: 0 rows\n3. INSERT INTO log VALUES ('a;b')")
	})
}

func TestAFileThatIsNotAsItMustBeIsRefused(t *testing.T) {
	s := newShop(t, sqldb.SQLite)
	for text, want := range map[string]string{
		"UPDATE stock SET n = 1; -- rows: 2\n": "found 3 rows where 2 must be",
		"-- +goose Up\nSELECT 1":               "both directions",
		"UPDATE stock SET n = 1; COMMIT;":      "COMMIT (line 1) begins or ends a transaction",
		"-- rows: 1\nDROP TABLE stock":         "finds no rows",
		"":                                     "no statement",
		"SELECT '" + strings.Repeat("x", 1<<20) + "'": "longer than 1 MiB",
	} {
		st := migration(t, s, text)
		_, err := st.Do(t.Context(), actiontest.Call())
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want …%s…", err, want)
		}
	}
	for version, want := range map[string]string{"v3": "no such file", "a/../v2": "parts such as .."} {
		call := actiontest.Call()
		call.Run.From = version
		if _, err := migration(t, s, "SELECT 1").Do(t.Context(), call); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v", version, err)
		}
	}
	if s.number(t, "SELECT count(*) FROM stock WHERE n <> 0") != 0 {
		t.Error("something was done")
	}
}
