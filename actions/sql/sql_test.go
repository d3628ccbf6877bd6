package sql_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"

	"guardian/actions"
	"guardian/actions/actiontest"
	step "guardian/actions/sql"
	"guardian/internal/secret"
	"guardian/internal/sqldb"
)

func TestContract(t *testing.T) {
	for _, driver := range []string{sqldb.Postgres, sqldb.MySQL, sqldb.SQLite} {
		t.Run(driver, func(t *testing.T) {
			actiontest.Run(t, func(t *testing.T) actiontest.Target {
				t.Helper()
				s := newShop(t, driver)
				return actiontest.Target{
					Step: s.step(t, expecting(t, "1", "UPDATE stock SET n = n + 1 WHERE sku = 'a'"), statement("INSERT INTO log VALUES ("+s.first()+")", "{{.Intent}}")),
					Call: actiontest.Call(), Effects: func() int { return s.number(t, "SELECT n FROM stock WHERE sku = 'a'") },
					Break:   func() { s.exec(t, "DROP TABLE log") },
					Secrets: []string{s.password}, KnowsOutcome: true, Deduplicates: true,
				}
			})
		})
	}
}

func TestAnErrorHalfWayLeavesNothing(t *testing.T) {
	for name, last := range map[string]step.Statement{
		"a statement that fails":       statement("INSERT INTO stock VALUES ('a', 1)"),
		"too few rows":                 expecting(t, "2", "UPDATE stock SET n = 7 WHERE sku = 'a'"),
		"too many rows":                expecting(t, "<3", "UPDATE stock SET n = 7"),
		"a row that must not be there": expecting(t, "<1", "SELECT 1 FROM stock WHERE n = 5"),
	} {
		t.Run(name, func(t *testing.T) {
			onEach(t, func(t *testing.T, s shop) {
				st := s.step(t, statement("INSERT INTO log VALUES ('first')"), statement("UPDATE stock SET n = 5"), last)
				out, err := st.Do(t.Context(), actiontest.Call())
				if err == nil || errors.Is(err, actions.ErrUnclear) || !strings.Contains(err.Error(), "statement 3") {
					t.Errorf("error %v\n%s", err, out)
				}
				contains(t, "the output", out, "2. UPDATE stock SET n = 5: 3 rows")
				if s.number(t, "SELECT count(*) FROM log") != 0 || s.number(t, "SELECT count(*) FROM stock WHERE n <> 0") != 0 {
					t.Error("something of it is left")
				}
				if got, why, err := st.Status(t.Context(), actiontest.Call()); got != actions.NotHappened || err != nil {
					t.Errorf("asked: %s (%s), %v", got, why, err)
				}
			})
		})
	}
}

// The number of rows is that of those that a statement found, also where it changed nothing in them.
func TestRowsAreThoseThatAreFound(t *testing.T) {
	onEach(t, func(t *testing.T, s shop) {
		st := s.step(t, expecting(t, "3", "UPDATE stock SET n = 0"), expecting(t, ">=1", "SELECT sku FROM stock WHERE n = 0"),
			expecting(t, "1-2", "WITH few AS (SELECT sku FROM stock WHERE sku < 'c') SELECT * FROM few"), expecting(t, "1", "DELETE FROM stock WHERE sku = 'c'"))
		if out, err := st.Do(t.Context(), actiontest.Call()); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
	})
}

func TestArgumentsAreBound(t *testing.T) {
	const evil = `'); DROP TABLE stock; -- \' "`
	onEach(t, func(t *testing.T, s shop) {
		call := actiontest.Call()
		call.Vars = map[string]string{}
		call.Run.Trigger.Person = evil
		call.Run.Service = evil
		if _, err := s.step(t, statement("INSERT INTO log VALUES ("+s.first()+")", "{{.Service}}")).Do(t.Context(), call); err != nil {
			t.Fatal(err)
		}
		var line string
		if err := s.db.QueryRow("SELECT line FROM log").Scan(&line); err != nil || line != evil || s.number(t, "SELECT count(*) FROM stock") != 3 {
			t.Errorf("it wrote %q, %v", line, err)
		}
	})
}

func TestAnIrreversibleDeployIsNotTakenBack(t *testing.T) {
	onEach(t, func(t *testing.T, s shop) {
		call := actiontest.Call()
		call.Run.Irreversible = true
		st := s.step(t, statement("UPDATE stock SET n = 1"))
		_, err := st.Do(t.Context(), call)
		_, refused := st.(actions.Planner).Plan(t.Context(), call)
		if err == nil || refused == nil || s.number(t, "SELECT count(*) FROM stock WHERE n = 1") != 0 {
			t.Errorf("it was done: %v, planned: %v", err, refused)
		}
	})
}

// A statement that waits for a lock keeps others waiting behind it: it gives up.
func TestALockIsNotWaitedForForLong(t *testing.T) {
	onEach(t, func(t *testing.T, s shop) {
		tx, err := s.db.Begin()
		if err != nil {
			t.Fatal(err)
		}
		defer tx.Rollback()
		if _, err := tx.Exec("UPDATE stock SET n = 9 WHERE sku = 'a'"); err != nil {
			t.Fatal(err)
		}
		settings := s.settings(t, statement("UPDATE stock SET n = 1"))
		if s.driver == sqldb.Postgres {
			settings.Statements[0] = statement("ALTER TABLE stock DROP COLUMN n")
		}
		began := time.Now()
		_, err = s.build(t, settings).Do(t.Context(), actiontest.Call())
		if err == nil || errors.Is(err, actions.ErrUnclear) || time.Since(began) > 20*time.Second {
			t.Errorf("error %v after %s", err, time.Since(began))
		}
	})
}

func TestALowerLimitOfTheServerHolds(t *testing.T) {
	for driver, c := range map[string]struct{ set, want string }{
		sqldb.Postgres: {"DO $$ BEGIN EXECUTE 'ALTER DATABASE ' || current_database() || ' SET lock_timeout = ''100ms'''; END $$", "at most 100 ms for a lock, and takes at most 30 s"},
	} {
		s := newShop(t, driver)
		s.exec(t, c.set)
		plan, err := s.step(t, statement("UPDATE stock SET n = 1")).(actions.Planner).Plan(t.Context(), actiontest.Call())
		if err != nil {
			t.Fatal(err)
		}
		contains(t, "the plan", plan.String(), c.want)
	}
}

// While a session works on the intent, nobody may believe that it did not happen. When its guardian is
// gone, the server ends it.
func TestAStepThatWasInterruptedIsUnderWayUntilTheServerHasEndedIt(t *testing.T) {
	for driver, sleep := range map[string]string{sqldb.Postgres: "SELECT pg_sleep(60)", sqldb.MySQL: "UPDATE stock SET n = 3 WHERE SLEEP(60) = 0"} {
		t.Run(driver, func(t *testing.T) {
			s := newShop(t, driver)
			settings := s.settings(t, statement("UPDATE stock SET n = 1"), statement(sleep))
			settings.StatementTimeout = model.Duration(time.Minute)
			st := s.build(t, settings)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			ended := make(chan error, 1)
			go func() {
				_, err := st.Do(ctx, actiontest.Call())
				ended <- err
			}()
			until := func(want actions.Outcome) {
				t.Helper()
				actiontest.WaitFor(t, want.String(), func() bool { return ask(t, st) == want })
			}
			until(actions.Pending)
			if _, err := st.Do(t.Context(), actiontest.Call()); !errors.Is(err, actions.ErrUnclear) {
				t.Errorf("a second time meanwhile: %v", err)
			}
			cancel()
			if err := <-ended; err == nil {
				t.Error("it says that all is well")
			}
			until(actions.NotHappened)
			if s.number(t, "SELECT count(*) FROM stock WHERE n <> 0") != 0 {
				t.Error("something of it is left")
			}
		})
	}
}

// ask asks a step whether it happened.
func ask(t *testing.T, st actions.Step) actions.Outcome {
	t.Helper()
	got, why, err := st.Status(t.Context(), actiontest.Call())
	if err != nil {
		t.Fatalf("asked: %s (%s), %v", got, why, err)
	}
	return got
}

// The answer to COMMIT is lost: the database knows, as soon as it has ended the session.
func TestALostAnswerToCommitIsResolved(t *testing.T) {
	for _, driver := range []string{sqldb.Postgres, sqldb.MySQL} {
		t.Run(driver, func(t *testing.T) {
			s := newShop(t, driver)
			settings := s.settings(t, statement("UPDATE stock SET n = 1"))
			settings.DSN = secret.New(losesAnswer(t, s, "COMMIT"))
			settings.StatementTimeout = model.Duration(2 * time.Second) // so long the server keeps a session that says nothing
			_, err := s.build(t, settings).Do(t.Context(), actiontest.Call())
			if !errors.Is(err, actions.ErrUnclear) {
				t.Fatalf("error %v", err)
			}
			st := s.step(t, statement("UPDATE stock SET n = 1"))
			actiontest.WaitFor(t, "the end of the session", func() bool { return ask(t, st) != actions.Pending })
			if got := ask(t, st); got != actions.Happened {
				t.Errorf("asked: %s", got)
			}
		})
	}
}

func TestACommitThatPostgreSQLRefusesIsAFailure(t *testing.T) {
	s := newShop(t, sqldb.Postgres)
	s.exec(t, "CREATE TABLE orders (sku VARCHAR(20) REFERENCES stock DEFERRABLE INITIALLY DEFERRED)")
	st := s.step(t, statement("INSERT INTO orders VALUES ('nothing')"))
	if _, err := st.Do(t.Context(), actiontest.Call()); err == nil || errors.Is(err, actions.ErrUnclear) || !strings.Contains(err.Error(), "COMMIT") {
		t.Errorf("error %v", err)
	}
}

func TestAQueryTellsWhetherItHappenedWhereNoTableMayBeMade(t *testing.T) {
	onEach(t, func(t *testing.T, s shop) {
		settings := s.settings(t, statement("UPDATE stock SET n = n + 1 WHERE sku = 'a'"))
		settings.StatusQuery, settings.StatusArgs = "SELECT n > 0 FROM stock WHERE sku = "+s.first(), []string{"a"}
		st := s.build(t, settings)
		for _, want := range []actions.Outcome{actions.NotHappened, actions.Happened, actions.Happened} {
			if got, why, err := st.Status(t.Context(), actiontest.Call()); got != want || err != nil {
				t.Errorf("asked: %s (%s), %v; want %s", got, why, err, want)
			}
			if _, err := st.Do(t.Context(), actiontest.Call()); err != nil {
				t.Error(err)
			}
		}
		if n := s.number(t, "SELECT n FROM stock WHERE sku = 'a'"); n != 1 {
			t.Errorf("it happened %d times", n)
		}
		if _, err := s.db.Exec("SELECT 1 FROM guardian_steps"); err == nil {
			t.Error("it made a table")
		}
	})
}

func TestATableIsNotMadeWhereThatIsNotAllowed(t *testing.T) {
	onEach(t, func(t *testing.T, s shop) {
		settings := s.settings(t, statement("UPDATE stock SET n = 1"))
		settings.CreateTable = false
		st := s.build(t, settings)
		_, err := st.Do(t.Context(), actiontest.Call())
		_, refused := st.(actions.Planner).Plan(t.Context(), actiontest.Call())
		for _, err := range []error{err, refused} {
			if err == nil || !strings.Contains(err.Error(), "CREATE TABLE IF NOT EXISTS guardian_steps (") {
				t.Errorf("error %v", err)
			}
		}
		if s.number(t, "SELECT count(*) FROM stock WHERE n = 1") != 0 {
			t.Error("it was done all the same")
		}
	})
}

func TestAPlanTellsAndChangesNothing(t *testing.T) {
	onEach(t, func(t *testing.T, s shop) {
		settings := s.settings(t, expecting(t, "3", "UPDATE stock SET n = 1"), statement("DELETE FROM log"))
		describe := s.build(t, settings)
		plan, err := describe.(actions.Planner).Plan(t.Context(), actiontest.Call())
		if err != nil {
			t.Fatal(err)
		}
		contains(t, "the plan", plan.String(), "1. UPDATE stock SET n = 1 (3 rows).", "2. DELETE FROM log.", "Table guardian_steps is created")
		settings.Plan = "rehearse"
		plan, err = s.build(t, settings).(actions.Planner).Plan(t.Context(), actiontest.Call())
		if err != nil {
			t.Fatal(err)
		}
		contains(t, "the rehearsal", plan.String(), "1. UPDATE stock SET n = 1: 3 rows, rolled back.", "2. DELETE FROM log: 0 rows, rolled back.")
		settings.Statements[0] = expecting(t, "1", "UPDATE stock SET n = 1")
		if _, err = s.build(t, settings).(actions.Planner).Plan(t.Context(), actiontest.Call()); err == nil || !strings.Contains(err.Error(), "found 3 rows where 1 must be") {
			t.Errorf("a rehearsal with other rows: %v", err)
		}
		if s.number(t, "SELECT count(*) FROM stock WHERE n <> 0") != 0 {
			t.Error("it was done")
		}
		if _, err := s.db.Exec("SELECT 1 FROM guardian_steps"); err == nil {
			t.Error("it made a table")
		}
	})
}

func TestAServerThatIsNotThereIsNamedWithoutItsPassword(t *testing.T) {
	for driver, dsn := range map[string]string{
		sqldb.Postgres: "postgres://shop:correct-horse-9@127.0.0.1:1/shop", sqldb.MySQL: "shop:correct-horse-9@tcp(127.0.0.1:1)/shop", sqldb.SQLite: "/nowhere/127.0.0.1:1",
	} {
		s := shop{driver: driver, dsn: dsn}
		settings := s.settings(t, statement("UPDATE stock SET n = 1"))
		settings.DSN = secret.New(dsn)
		_, err := s.build(t, settings).Do(t.Context(), actiontest.Call())
		if err == nil || !strings.Contains(err.Error(), "127.0.0.1:1") || strings.Contains(err.Error(), "correct-horse") || errors.Is(err, actions.ErrUnclear) {
			t.Errorf("%s: %v", driver, err)
		}
	}
}
