package sql_test

import (
	"errors"
	"strings"
	"testing"

	"guardian/actions"
	"guardian/actions/actiontest"
	"guardian/internal/sqldb"
)

func TestMySQLRefusesWhatCommitsByItself(t *testing.T) {
	s := shop{driver: sqldb.MySQL, dsn: "shop@tcp(127.0.0.1:1)/shop"}
	for _, text := range []string{
		"ALTER TABLE stock DROP COLUMN n", "create index i on stock (n)", "DROP TABLE stock", "TRUNCATE stock", "RENAME TABLE stock TO s", "GRANT ALL ON x TO y", "ANALYZE TABLE stock",
		"LOCK TABLES stock WRITE", "UNLOCK TABLES", "SET PASSWORD = 'x'", "SET STATEMENT max_statement_time = 1 FOR DROP TABLE stock", "CALL undo()", "EXECUTE s", "OPTIMIZE TABLE stock",
		"CREATE PROCEDURE p() BEGIN SELECT 1; IF 1 THEN SELECT 2; END IF; END", "/* harmless */ -- too\n DROP TABLE stock", "FLUSH TABLES", "IF 1 THEN DROP TABLE stock; END IF", "CREATE USER u",
		"BEGIN", "COMMIT", "SET autocommit = 1", "SET @a = 1, autocommit = 0", "ROLLBACK", "START TRANSACTION", "XA START 'x'", "SAVEPOINT a",
		"SELECT 1 /*! ; DROP TABLE stock */",
	} {
		if err := s.settings(t, statement("UPDATE stock SET n = 1"), statement(text)).Validate(); err == nil || !strings.Contains(err.Error(), "statements[1].sql: ") {
			t.Errorf("%s: %v", text, err)
		}
	}
	for _, text := range []string{
		"UPDATE stock SET n = 1", "WITH a AS (SELECT 1) DELETE FROM stock", "CREATE TEMPORARY TABLE t (a INT)", "DROP TEMPORARY TABLE t", "SET @a = 1", "(SELECT 1) UNION (SELECT 2)", "REPLACE INTO log VALUES ('alter table')", "DO SLEEP(0)",
	} {
		if err := s.settings(t, statement(text)).Validate(); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestMySQLRunsOneStatementThatCommitsByItself(t *testing.T) {
	s := newShop(t, sqldb.MySQL)
	settings := s.settings(t, statement("ALTER TABLE stock ADD COLUMN place VARCHAR(10)"))
	settings.ImplicitCommit = true
	st := s.build(t, settings)
	ask := func(when string, want actions.Outcome) {
		t.Helper()
		if got, why, err := st.Status(t.Context(), actiontest.Call()); got != want || err != nil {
			t.Errorf("asked %s: %s (%s), %v; want %s", when, got, why, err, want)
		}
	}
	ask("before", actions.NotHappened)
	for range 2 { // a second column of the name would be an error
		if _, err := st.Do(t.Context(), actiontest.Call()); err != nil {
			t.Fatal(err)
		}
	}
	ask("after", actions.Happened)
	other := actiontest.Call()
	other.Intent = "r_2-1"
	if _, err := st.Do(t.Context(), other); err == nil || errors.Is(err, actions.ErrUnclear) || !strings.Contains(err.Error(), "Duplicate column") {
		t.Errorf("a column that is there: %v", err)
	}
	if n := s.number(t, "SELECT count(*) FROM guardian_steps"); n != 1 {
		t.Errorf("%d intents are recorded, want the one that happened", n)
	}
	// A guardian that was killed in the middle leaves the intent as begun: a person must look.
	s.exec(t, "UPDATE guardian_steps SET state = 'begun'")
	ask("in the middle", actions.Unclear)
	if _, err := st.Do(t.Context(), actiontest.Call()); !errors.Is(err, actions.ErrUnclear) {
		t.Errorf("done again: %v", err)
	}
}

func TestMySQLRefusesATableThatCannotRollBack(t *testing.T) {
	s := newShop(t, sqldb.MySQL)
	s.exec(t, "CREATE TABLE old (a INT) ENGINE=MyISAM")
	settings := s.settings(t, statement("UPDATE stock SET n = 1"), statement("INSERT INTO `Old` VALUES (1)"))
	settings.Plan = "rehearse"
	st := s.build(t, settings)
	_, err := st.Do(t.Context(), actiontest.Call())
	_, refused := st.(actions.Planner).Plan(t.Context(), actiontest.Call())
	for _, err := range []error{err, refused} {
		if err == nil || !strings.Contains(err.Error(), "table old has the engine MyISAM") {
			t.Errorf("error %v", err)
		}
	}
	if s.number(t, "SELECT count(*) FROM old") != 0 {
		t.Error("it was written to all the same")
	}
}

// A trigger writes to a table that cannot roll back, and nobody names it.
func TestMySQLSaysWhatIsNotRolledBack(t *testing.T) {
	s := newShop(t, sqldb.MySQL)
	s.exec(t, "CREATE TABLE audit (a INT) ENGINE=MyISAM", "CREATE TRIGGER seen AFTER UPDATE ON stock FOR EACH ROW INSERT INTO audit VALUES (1)")
	_, err := s.step(t, statement("UPDATE stock SET n = 1"), statement("INSERT INTO stock VALUES ('a', 1)")).Do(t.Context(), actiontest.Call())
	if !errors.Is(err, actions.ErrUnclear) || !strings.Contains(err.Error(), "not rolled back") || !strings.Contains(err.Error(), "statement 2") {
		t.Errorf("error %v", err)
	}
}
