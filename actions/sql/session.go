package sql

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"

	"guardian/actions"
	"guardian/internal/reason"
	"guardian/internal/sqldb"
)

// mode is what a session is for.
type mode uint8

const (
	writes   mode = iota // in a transaction
	reads                // in a transaction that cannot write
	commands             // in none: each statement commits by itself
)

// undoTime is how long a transaction may take to be rolled back.
const undoTime = 10 * time.Second

// session is one connection to the database of a step.
type session struct {
	s    *step
	db   *sql.DB
	conn *sql.Conn
	// What the server says of itself.
	server, database, user string
	readOnly               bool
	maria                  bool
	id                     int64  // of the connection, on MySQL
	held                   string // the lock that it holds, on MySQL
	// lock and statement are the limits that hold: the step's or, where they are lower, the server's.
	lock, statement time.Duration
}

// connect dials and asks the server what it is.
func (s *step) connect(ctx context.Context) (*session, error) {
	db, err := s.address.Open()
	if err != nil {
		return nil, actions.Failure(reason.New("sql_connect", "server", s.address.Place(), "error", err))
	}
	db.SetMaxOpenConns(2) // one works, the other ends it
	se := &session{s: s, db: db}
	if se.conn, err = db.Conn(ctx); err == nil {
		err = se.ask(ctx)
	}
	if err != nil {
		se.close()
		return nil, actions.Failure(reason.New("sql_connect", "server", s.address.Place(), "error", err), err)
	}
	return se, nil
}

// close ends a transaction that is open, and the connection. The lock is given back before, so that the
// next session need not wait until the server notices the end of this one.
func (se *session) close() {
	if se.conn != nil {
		ctx, cancel := context.WithTimeout(context.Background(), undoTime)
		defer cancel()
		_, err := se.conn.ExecContext(ctx, "ROLLBACK")
		if err == nil && se.held != "" {
			_, _ = se.conn.ExecContext(ctx, "DO RELEASE_LOCK(?)", se.held)
		}
		_ = se.conn.Close()
	}
	_ = se.db.Close()
}

// ask reads what the server is, and its own limits.
func (se *session) ask(ctx context.Context) error {
	var lock, rowLock, statement float64 // 0: no limit
	var unit time.Duration
	switch se.s.s.Driver {
	case sqldb.Postgres:
		unit = time.Millisecond
		err := se.conn.QueryRowContext(ctx, `SELECT 'PostgreSQL ' || current_setting('server_version'), current_database(), current_user,
			current_setting('transaction_read_only') = 'on', (SELECT setting FROM pg_settings WHERE name = 'lock_timeout'),
			(SELECT setting FROM pg_settings WHERE name = 'statement_timeout')`).Scan(&se.server, &se.database, &se.user, &se.readOnly, &lock, &statement)
		if err != nil {
			return err
		}
	case sqldb.MySQL:
		unit = time.Second
		var readOnly string
		if err := se.conn.QueryRowContext(ctx, "SELECT VERSION(), DATABASE(), CURRENT_USER(), @@read_only, CONNECTION_ID(), @@lock_wait_timeout, @@innodb_lock_wait_timeout").
			Scan(&se.server, &se.database, &se.user, &readOnly, &se.id, &lock, &rowLock); err != nil {
			return err
		}
		se.readOnly = readOnly != "0" && readOnly != "OFF"
		se.maria = strings.Contains(se.server, "MariaDB")
		if se.maria {
			if err := se.conn.QueryRowContext(ctx, "SELECT @@max_statement_time").Scan(&statement); err != nil {
				return err
			}
		} else {
			se.server = "MySQL " + se.server
		}
		if rowLock < lock {
			lock = rowLock
		}
	case sqldb.SQLite:
		if err := se.conn.QueryRowContext(ctx, "SELECT 'SQLite ' || sqlite_version()").Scan(&se.server); err != nil {
			return err
		}
	}
	se.lock = lower(time.Duration(se.s.s.LockTimeout), lock, unit)
	se.statement = lower(time.Duration(se.s.s.StatementTimeout), statement, unit)
	if se.s.s.Driver != sqldb.SQLite {
		return nil
	}
	_, err := se.conn.ExecContext(ctx, fmt.Sprintf("PRAGMA busy_timeout = %d", se.lock.Milliseconds()))
	return err
}

// lower gives the lower of the step's limit and the server's.
func lower(ours time.Duration, server float64, unit time.Duration) time.Duration {
	if server <= 0 || server > float64(math.MaxInt64/int64(time.Second)) {
		return ours
	}
	return min(ours, time.Duration(server*float64(unit)))
}

// begin sets the limits, takes the lock of the intent and begins a transaction. It tells whether the
// lock was free: another session holds it while it works on the same intent, also one whose guardian is
// gone and of which the server does not know that yet. Who only reads does not wait for the lock, and
// holds it for a moment.
func (se *session) begin(ctx context.Context, m mode, intent string) (free bool, err error) {
	sum := sha256.Sum256([]byte("guardian " + intent))
	switch se.s.s.Driver {
	case sqldb.Postgres:
		begin := "BEGIN"
		if m == reads {
			begin = "BEGIN READ ONLY"
		}
		if _, err := se.conn.ExecContext(ctx, begin); err != nil {
			return false, err
		}
		// Nor may the transaction stay open while this process hangs.
		_, err := se.conn.ExecContext(ctx, `SELECT set_config('lock_timeout', $1, true), set_config('statement_timeout', $2, true),
			set_config('idle_in_transaction_session_timeout', $2, true)`, millis(se.lock), millis(se.statement))
		if err != nil {
			return false, err
		}
		key := int64(binary.BigEndian.Uint64(sum[:8]))
		if m == reads {
			err = se.conn.QueryRowContext(ctx, "SELECT pg_try_advisory_xact_lock($1)", key).Scan(&free)
			return free, err
		}
		_, err = se.conn.ExecContext(ctx, "SELECT pg_advisory_xact_lock($1)", key)
		if e, ok := errors.AsType[*pgconn.PgError](err); ok && e.Code == "55P03" { // lock_not_available
			return false, nil
		}
		return err == nil, err
	case sqldb.MySQL:
		if err := se.limit(ctx); err != nil {
			return false, err
		}
		var got sql.NullInt64
		name, wait := "guardian:"+hex.EncodeToString(sum[:16]), seconds(se.lock)
		if m == reads {
			wait = 0
		}
		if err := se.conn.QueryRowContext(ctx, "SELECT GET_LOCK(?, ?)", name, wait).Scan(&got); err != nil || got.Int64 != 1 {
			return false, err
		}
		se.held = name
		switch m {
		case writes:
			_, err = se.conn.ExecContext(ctx, "START TRANSACTION")
		case reads:
			_, err = se.conn.ExecContext(ctx, "START TRANSACTION READ ONLY")
		case commands:
		}
		return true, err
	default:
		_, err := se.conn.ExecContext(ctx, "BEGIN IMMEDIATE")
		const busy = 5
		if e, ok := errors.AsType[*sqlite.Error](err); ok && e.Code()&0xff == busy {
			return false, nil
		}
		if err == nil && m == reads {
			_, err = se.conn.ExecContext(ctx, "PRAGMA query_only = ON")
		}
		return err == nil, err
	}
}

// limit sets the limits of a session of MySQL, which has whole seconds. MySQL has none for statements
// that write: those are ended by end.
func (se *session) limit(ctx context.Context) error {
	lock, statement := seconds(se.lock), seconds(se.statement)
	all := []string{
		fmt.Sprintf("SET SESSION lock_wait_timeout = %d, innodb_lock_wait_timeout = %d", lock, lock),
		fmt.Sprintf("SET SESSION wait_timeout = %d", statement), // of a connection that is idle
	}
	if se.maria {
		all = append(all, fmt.Sprintf("SET SESSION max_statement_time = %.3f", se.statement.Seconds()))
	}
	for _, q := range all {
		if _, err := se.conn.ExecContext(ctx, q); err != nil {
			return err
		}
	}
	return nil
}

func seconds(d time.Duration) int64 { return max(1, int64(math.Ceil(d.Seconds()))) }

func millis(d time.Duration) string { return fmt.Sprint(max(1, d.Milliseconds())) }

// run runs one statement and gives the number of its rows.
func (se *session) run(ctx context.Context, b bound) (n int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, se.statement+time.Second) // the server ends it before
	defer cancel()
	if !b.reads(se.s.s.Driver) {
		result, err := se.conn.ExecContext(ctx, b.text, b.args...)
		if err != nil || !b.counts(se.s.s.Driver) {
			return 0, err
		}
		return result.RowsAffected()
	}
	rows, err := se.conn.QueryContext(ctx, b.text, b.args...)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	for rows.Next() {
		n++
	}
	return n, rows.Err()
}

// rollback ends the transaction so that nothing of it is left, also when the time of the step is over.
// The error says that something may be left.
func (se *session) rollback(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTime)
	defer cancel()
	if _, err := se.conn.ExecContext(ctx, "ROLLBACK"); err != nil {
		// The connection is gone, and a transaction with it, once the server notices.
		if se.s.s.Driver == sqldb.MySQL {
			_, _ = se.db.ExecContext(ctx, fmt.Sprintf("KILL %d", se.id))
		}
		return nil
	}
	if se.s.s.Driver != sqldb.MySQL {
		return nil
	}
	const notTransactional = 1196 // ER_WARNING_NOT_COMPLETE_ROLLBACK
	rows, err := se.conn.QueryContext(ctx, "SHOW WARNINGS")
	if err != nil {
		return nil
	}
	defer rows.Close()
	for rows.Next() {
		var level, message string
		var code int
		if rows.Scan(&level, &code, &message) == nil && code == notTransactional {
			return actions.Lost(reason.New("sql_not_rolled_back"))
		}
	}
	return nil
}

// untransacted gives a table that the statements name and whose engine cannot roll back; "" for none.
func (se *session) untransacted(ctx context.Context, runs []bound) (table, engine string, err error) {
	if se.s.s.Driver != sqldb.MySQL {
		return "", "", nil
	}
	rows, err := se.conn.QueryContext(ctx, `SELECT TABLE_NAME, ENGINE FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_TYPE = 'BASE TABLE'
		AND ENGINE NOT IN (SELECT ENGINE FROM information_schema.ENGINES WHERE TRANSACTIONS = 'YES')`)
	if err != nil {
		return "", "", err
	}
	defer rows.Close()
	for rows.Next() {
		if err := rows.Scan(&table, &engine); err != nil {
			return "", "", err
		}
		for _, b := range runs {
			if b.names[strings.ToLower(table)] {
				return table, engine, nil
			}
		}
	}
	return "", "", rows.Err()
}
