package sql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgconn"

	"guardian/actions"
	"guardian/internal/reason"
	"guardian/internal/sqldb"
)

// The states of an intent in the table. A transaction writes the first and then the second, so that
// nobody else ever sees the first, unless a part of it was committed by itself.
const (
	stateBegun = "begun"
	stateDone  = "done"
)

// table is how the table is made.
func (s *step) table() string {
	ddl := "CREATE TABLE IF NOT EXISTS " + s.s.Table + " (intent VARCHAR(128) NOT NULL PRIMARY KEY, service VARCHAR(255) NOT NULL, " +
		"state VARCHAR(16) NOT NULL, recorded_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP)"
	if s.s.Driver == sqldb.MySQL {
		ddl += " ENGINE=InnoDB"
	}
	return ddl
}

// records tells whether the table is used.
func (s *step) records() bool { return s.s.StatusQuery == "" }

// place is the n-th parameter in a statement.
func (s *step) place(n int) string {
	if s.s.Driver == sqldb.Postgres {
		return "$" + strconv.Itoa(n)
	}
	return "?"
}

// mark writes that the intent has begun.
func (se *session) mark(ctx context.Context, w work) error {
	if !se.s.records() {
		return nil
	}
	_, err := se.conn.ExecContext(ctx, fmt.Sprintf("INSERT INTO %s (intent, service, state) VALUES (%s, %s, '%s')",
		se.s.s.Table, se.s.place(1), se.s.place(2), stateBegun), w.intent, w.service)
	return err
}

// finish writes that the intent is done.
func (se *session) finish(ctx context.Context, w work) error {
	if !se.s.records() {
		return nil
	}
	_, err := se.conn.ExecContext(ctx, fmt.Sprintf("UPDATE %s SET state = '%s' WHERE intent = %s", se.s.s.Table, stateDone, se.s.place(1)), w.intent)
	return err
}

// forget takes back that the intent has begun, outside of a transaction.
func (se *session) forget(ctx context.Context, w work) error {
	if !se.s.records() {
		return nil
	}
	_, err := se.conn.ExecContext(ctx, fmt.Sprintf("DELETE FROM %s WHERE intent = %s", se.s.s.Table, se.s.place(1)), w.intent)
	return err
}

// hasTable tells whether the table is there.
func (se *session) hasTable(ctx context.Context) (bool, error) {
	if !se.s.records() {
		return true, nil
	}
	_, err := se.state(ctx, "")
	if noTable(err) {
		return false, nil
	}
	return err == nil, err
}

// makeTable creates the table when it is not there.
func (se *session) makeTable(ctx context.Context) error {
	there, err := se.hasTable(ctx)
	switch {
	case err != nil:
		return actions.Failure(reason.New("sql_table_unread", "table", se.s.s.Table, "error", err), err)
	case there:
		return nil
	case !se.s.s.CreateTable:
		return actions.Failure(reason.New("sql_no_table", "table", se.s.s.Table, "statement", se.s.table()))
	}
	if _, err = se.conn.ExecContext(ctx, se.s.table()); err == nil {
		return nil
	}
	if there, again := se.hasTable(ctx); again == nil && there { // somebody else created it at the same time
		return nil
	}
	return actions.Failure(reason.New("sql_table_not_created", "table", se.s.s.Table, "error", err, "statement", se.s.table()), err)
}

// state reads the state of an intent; "" when it is not in the table.
func (se *session) state(ctx context.Context, intent string) (state string, err error) {
	err = se.conn.QueryRowContext(ctx, fmt.Sprintf("SELECT state FROM %s WHERE intent = %s", se.s.s.Table, se.s.place(1)), intent).Scan(&state)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return state, err
}

// happened tells what the database says of an intent.
func (se *session) happened(ctx context.Context, w work) (actions.Outcome, reason.Reason, error) {
	if !se.s.records() {
		return se.query(ctx, w)
	}
	state, err := se.state(ctx, w.intent)
	switch {
	case err != nil:
		return actions.Unclear, reason.Reason{}, err
	case state == stateDone:
		return actions.Happened, reason.New("sql_recorded", "table", se.s.s.Table), nil
	case state == "":
		return actions.NotHappened, reason.New("sql_not_recorded", "table", se.s.s.Table), nil
	default:
		return actions.Unclear, reason.New("sql_half_committed", "table", se.s.s.Table), nil
	}
}

// query asks the configured query.
func (se *session) query(ctx context.Context, w work) (actions.Outcome, reason.Reason, error) {
	rows, err := se.conn.QueryContext(ctx, se.s.s.StatusQuery, w.statusArgs...)
	if err != nil {
		return actions.Unclear, reason.Reason{}, err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return actions.Unclear, reason.Reason{}, err
	}
	if !rows.Next() {
		return actions.NotHappened, reason.New("sql_status_no"), rows.Err()
	}
	values := make([]any, len(columns))
	for i := range values {
		values[i] = new(any)
	}
	if err := rows.Scan(values...); err != nil {
		return actions.Unclear, reason.Reason{}, err
	}
	first := *values[0].(*any)
	if b, ok := first.([]byte); ok {
		first = string(b)
	}
	switch answer := strings.ToLower(fmt.Sprint(first)); answer {
	case "true", "t", "1":
		return actions.Happened, reason.New("sql_status_yes"), nil
	case "false", "f", "0", "<nil>":
		return actions.NotHappened, reason.New("sql_status_no"), nil
	default:
		return actions.Unclear, reason.New("sql_status_unclear", "answer", answer), nil
	}
}

// noTable tells whether an error says that there is no such table.
func noTable(err error) bool {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.Code == "42P01"
	}
	if e, ok := errors.AsType[*mysql.MySQLError](err); ok {
		return e.Number == 1146
	}
	return err != nil && strings.Contains(err.Error(), "no such table")
}
