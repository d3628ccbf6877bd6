package probes_test

import (
	"database/sql"
	"path/filepath"
	"strings"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"

	"guardian/internal/secret"
	"guardian/probes"
	"guardian/probes/sample"
	"guardian/test/mariadb"
	"guardian/test/pg"
)

// orders fills a table with a few orders, the oldest an hour old.
func orders(tb testing.TB, db *sql.DB, now time.Time) {
	tb.Helper()
	for _, q := range []string{
		"CREATE TABLE orders (id INTEGER PRIMARY KEY, marketplace TEXT, state TEXT, total NUMERIC(10, 2), created TIMESTAMP, note TEXT)",
		"CREATE TABLE log (line TEXT)",
	} {
		if _, err := db.Exec(q); err != nil {
			tb.Fatal(err)
		}
	}
	for i, o := range []struct {
		marketplace, state string
		total              string
		age                time.Duration
	}{{"ebay", "new", "9.90", time.Hour}, {"ebay", "new", "100", time.Minute}, {"lazada", "new", "20", 2 * time.Minute}, {"lazada", "done", "5", time.Minute}} {
		at := now.Add(-o.age).UTC().Format("2006-01-02 15:04:05")
		if _, err := db.Exec("INSERT INTO orders VALUES (" + string(rune('1'+i)) + ", '" + o.marketplace + "', '" + o.state + "', " + o.total + ", '" + at + "', NULL)"); err != nil {
			tb.Fatal(err)
		}
	}
}

func TestSQLOverSQLite(t *testing.T) {
	file := filepath.Join(t.TempDir(), "shop.db")
	db, err := sql.Open("sqlite", file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	testSQL(t, "sqlite", file, db, "?")
}

func TestSQLOverPostgreSQL(t *testing.T) {
	dsn := pg.Start(t)
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	testSQL(t, "postgres", dsn, db, "$1")
}

func TestSQLOverMariaDB(t *testing.T) {
	dsn := mariadb.Start(t)
	db, err := sql.Open("mysql", dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	testSQL(t, "mysql", dsn, db, "?")
}

func testSQL(t *testing.T, driver, dsn string, db *sql.DB, first string) {
	t.Helper()
	now := time.Now().Truncate(time.Second)
	orders(t, db, now)
	for name, tc := range map[string]struct {
		query  string
		set    func(*probes.SQLSettings)
		health sample.Health
		reason string
		values map[string]float64
	}{
		"a value that meets the condition is up": {query: "SELECT count(*) AS n FROM orders", health: sample.Up, values: map[string]float64{"sql_rows": 1, "sql_value column=n": 4}},
		"a value that does not is down":          {query: "SELECT count(*) AS n FROM orders", set: func(s *probes.SQLSettings) { s.UpIf = "< 4" }, health: sample.Down, reason: "n is 4, < 4 wanted"},
		"an argument":                            {query: "SELECT count(*) AS n FROM orders WHERE state = " + first, set: func(s *probes.SQLSettings) { s.Args, s.UpIf = []string{"{{.Labels.state}}"}, "== 3" }, health: sample.Up},
		"true and false are one and zero":        {query: "SELECT count(*) > 0 AS yes, count(*) > 9 AS no FROM orders", set: func(s *probes.SQLSettings) { s.Column = "yes" }, health: sample.Up, values: map[string]float64{"sql_value column=yes": 1, "sql_value column=no": 0}},
		"a label that is no column is unknown":   {query: "SELECT 1 AS n", set: func(s *probes.SQLSettings) { s.Labels = []string{"origin"} }, health: sample.Unknown, reason: `the query gives no column "origin"; it gives n`},
		"a decimal number":                       {query: "SELECT max(total) AS most, min(total) AS least FROM orders", set: func(s *probes.SQLSettings) { s.Column, s.UpIf = "least", "<= 5" }, health: sample.Up, values: map[string]float64{"sql_value column=most": 100, "sql_value column=least": 5}},
		"every row is judged, and told by its labels": {
			query: "SELECT marketplace AS origin, sum(total) AS total FROM orders GROUP BY marketplace ORDER BY 1",
			set:   func(s *probes.SQLSettings) { s.Labels, s.UpIf = []string{"origin"}, "> 30" }, health: sample.Down, reason: `total is 25 for origin="lazada", > 30 wanted`,
			values: map[string]float64{"sql_rows": 2, "sql_value column=total origin=ebay": 109.9, "sql_value column=total origin=lazada": 25},
		},
		"no rows are unknown":                   {query: "SELECT total FROM orders WHERE id = 99", health: sample.Unknown, reason: "no rows came", values: map[string]float64{"sql_rows": 0}},
		"no rows may be up":                     {query: "SELECT total FROM orders WHERE id = 99", set: func(s *probes.SQLSettings) { s.Empty = "up" }, health: sample.Up},
		"NULL is unknown":                       {query: "SELECT note FROM orders WHERE id = 1", health: sample.Unknown, reason: "note is NULL, which is no number"},
		"a failure beside NULL is down":         {query: "SELECT note FROM orders WHERE id = 1 UNION ALL SELECT '0'", health: sample.Down, reason: "note is 0"},
		"a column that is not there is unknown": {query: "SELECT id FROM orders", set: func(s *probes.SQLSettings) { s.Column = "total" }, health: sample.Unknown, reason: `no column "total"; it gives id`},
		"rows are counted":                      {query: "SELECT id FROM orders WHERE state = 'new'", set: func(s *probes.SQLSettings) { s.Judge, s.UpIf = "rows", "< 3" }, health: sample.Down, reason: "3 rows came, < 3 wanted"},
		"no rows are a number of rows":          {query: "SELECT id FROM orders WHERE state = 'lost'", set: func(s *probes.SQLSettings) { s.Judge, s.UpIf = "rows", "== 0" }, health: sample.Up},
		"rows beyond the limit count":           {query: "SELECT id FROM orders", set: func(s *probes.SQLSettings) { s.Judge, s.UpIf, s.MaxRows = "rows", "<= 1", 2 }, health: sample.Down, reason: "more than 2 rows came, <= 1 wanted"},
		"values beyond the limit are unknown":   {query: "SELECT id FROM orders", set: func(s *probes.SQLSettings) { s.MaxRows = 2 }, health: sample.Unknown, reason: "more than 2 rows came (max_rows)"},
		"an age":                                {query: "SELECT min(created) AS oldest FROM orders", set: func(s *probes.SQLSettings) { s.Judge, s.UpIf = "age", "< 2h" }, health: sample.Up, values: map[string]float64{"sql_age_seconds column=oldest": 3600}},
		"too old is down":                       {query: "SELECT min(created) AS oldest FROM orders", set: func(s *probes.SQLSettings) { s.Judge, s.UpIf = "age", "< 30m" }, health: sample.Down, reason: "oldest is 1 h old, < 30m wanted"},
		"an age by the seconds since 1970":      {query: "SELECT 1700000000 AS at", set: func(s *probes.SQLSettings) { s.Judge, s.UpIf = "age", "> 1d" }, health: sample.Up},
		"no time is unknown":                    {query: "SELECT state FROM orders", set: func(s *probes.SQLSettings) { s.Judge, s.UpIf = "age", "< 1h" }, health: sample.Unknown, reason: "is new, which is no time"},
		"a query that fails is unknown":         {query: "SELECT id FROM nowhere", health: sample.Unknown, reason: "the database query failed"},
		"unless that is down":                   {query: "SELECT id FROM nowhere", set: func(s *probes.SQLSettings) { s.Failure = "down" }, health: sample.Down, reason: "nowhere"},
		"a query cannot write":                  {query: "INSERT INTO log VALUES ('x')", set: func(s *probes.SQLSettings) { s.Failure = "down" }, health: sample.Down, reason: map[string]string{"sqlite": "readonly", "postgres": "read-only", "mysql": "READ ONLY"}[driver]},
	} {
		t.Run(name, func(t *testing.T) {
			p := build(t, "sql", probes.Env{Labels: map[string]string{"state": "new"}, Now: func() time.Time { return now }}, func(s *probes.SQLSettings) {
				s.Driver, s.DSN, s.Query = driver, secret.New(dsn), tc.query
				if tc.set != nil {
					tc.set(s)
				}
			})
			for range 2 {
				o := look(t, p, 5*time.Second)
				if o.Health != tc.health || !strings.Contains(o.Reason.String(), tc.reason) || (o.Health == sample.Up) != (o.Reason.IsZero()) {
					t.Errorf("got %s %q, want %s %q", o.Health, o.Reason, tc.health, tc.reason)
				}
				for series, want := range tc.values {
					f := strings.Fields(series)
					if got := value(t, o, f[0], f[1:]...); got < want-0.001 || got > want+0.001 {
						t.Errorf("%s is %v, want %v", series, got, want)
					}
				}
				onlyPromised(t, "sql", &probes.SQLSettings{}, o)
			}
		})
	}
	var n int
	if err := db.QueryRow("SELECT count(*) FROM log").Scan(&n); err != nil || n != 0 {
		t.Errorf("a look wrote %d lines: %v", n, err)
	}
}

// A query that hangs ends with the look, also on the server.
func TestSQLEndsWithTheLook(t *testing.T) {
	dsn := pg.Start(t)
	p := build(t, "sql", probes.Env{}, func(s *probes.SQLSettings) {
		s.Driver, s.DSN, s.Query = "postgres", secret.New(dsn), "SELECT 1 AS guardian_hangs FROM pg_sleep(60)"
	})
	if o := look(t, p, 300*time.Millisecond); o.Health != sample.Unknown || !strings.Contains(o.Reason.String(), "query failed: no answer within") {
		t.Errorf("got %s %q", o.Health, o.Reason)
	}
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for range 500 {
		var n int
		if err := db.QueryRow("SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%guardian_hangs%' AND pid <> pg_backend_pid()").Scan(&n); err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error("the query goes on without its look")
}

func TestSQLKeepsSecrets(t *testing.T) {
	const password = "correct-horse-9"
	for _, dsn := range []string{
		"postgres://shop:" + password + "@127.0.0.1:1/shop?connect_timeout=1", "host=127.0.0.1 port=1 user=shop password=" + password, "postgres://shop:" + password + "@[::1/shop",
	} {
		p := build(t, "sql", probes.Env{}, func(s *probes.SQLSettings) { s.Driver, s.DSN, s.Query = "postgres", secret.New(dsn), "SELECT 1" })
		o := look(t, p, 2*time.Second)
		if o.Health != sample.Unknown {
			t.Errorf("got %s %q", o.Health, o.Reason)
		}
		wantSilent(t, o, password)
	}
}

func TestSQLSettingsTellEveryMistake(t *testing.T) {
	s := probes.Builtin()["sql"].Settings().(*probes.SQLSettings)
	s.Driver, s.Judge, s.UpIf, s.Empty, s.Failure, s.MaxRows = "oracle", "sum", "about 3", "maybe", "up", 0
	s.Labels, s.Column = []string{"shop", "ok", "a-b"}, "ok"
	wantMistakes(t, s.Validate(), "driver", "dsn is missing", "query is missing", "judge", "up_if", "empty", "failure", "max_rows", `labels[0]: "shop"`, `labels[2]: "a-b"`, `column "ok" is among labels`)
	s.Judge, s.UpIf, s.MaxRows = "rows", "< 500", 100
	wantMistakes(t, s.Validate(), "column is of no use", "up_if: counts up to max_rows")
}
