package sql_test

import (
	"net/url"
	"strings"
	"testing"

	"guardian/actions"
	"guardian/actions/actiontest"
	"guardian/internal/secret"
	"guardian/internal/sqldb"
)

// A plan says of each statement whether the account may run it, and whether what it names is there.
func TestAPlanKnowsWhatTheAccountMayDo(t *testing.T) {
	onEach(t, func(t *testing.T, s shop) {
		plan := func(dsn string, text string, args ...string) error {
			t.Helper()
			settings := s.settings(t, statement(text, args...))
			settings.DSN = secret.New(dsn)
			_, err := s.build(t, settings).(actions.Planner).Plan(t.Context(), actiontest.Call())
			return err
		}
		if err := plan(s.dsn, "UPDATE stock SET n = 1 WHERE sku = "+s.first(), "a"); err != nil {
			t.Errorf("what may be run: %v", err)
		}
		if err := plan(s.dsn, "UPDATE nowhere SET n = 1"); err == nil || !strings.Contains(err.Error(), "nowhere") {
			t.Errorf("a table that is not there: %v", err)
		}
		switch s.driver {
		case sqldb.Postgres:
			s.exec(t, "CREATE ROLE reader LOGIN PASSWORD 'correct-horse-8'", "GRANT SELECT ON stock TO reader")
			u, err := url.Parse(s.dsn)
			if err != nil {
				t.Fatal(err)
			}
			u.User = url.UserPassword("reader", "correct-horse-8")
			if err := plan(u.String(), "UPDATE stock SET n = 1"); err == nil || !strings.Contains(err.Error(), "permission denied") || strings.Contains(err.Error(), "correct-horse") {
				t.Errorf("an account without the right: %v", err)
			}
		case sqldb.MySQL:
			if err := plan(s.dsn, "UPDATE mysql.proc SET name = 'a'"); err == nil || !strings.Contains(err.Error(), "denied") {
				t.Errorf("an account without the right: %v", err)
			}
		}
		// What one statement makes, the next one may need.
		settings := s.settings(t, statement("UPDATE stock SET n = 1"), statement("CREATE TEMPORARY TABLE later (n INTEGER)"), statement("INSERT INTO later VALUES (1)"))
		if _, err := s.build(t, settings).(actions.Planner).Plan(t.Context(), actiontest.Call()); err != nil {
			t.Errorf("a table that is made on the way: %v", err)
		}
		if s.number(t, "SELECT count(*) FROM stock WHERE n <> 0") != 0 {
			t.Error("it was done")
		}
	})
}
