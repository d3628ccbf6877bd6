package sql

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgconn"

	"guardian/actions"
	"guardian/internal/reason"
	"guardian/internal/secret"
	"guardian/internal/sqldb"
)

type step struct {
	s          Settings
	env        actions.Env
	address    sqldb.Address
	local      secret.Redactor
	parts      []part
	statusArgs []actions.Template
}

// Do runs the statements in one transaction.
func (s *step) Do(ctx context.Context, call actions.Call) (string, error) {
	var out strings.Builder
	err := s.do(ctx, call, &out)
	return actions.ClipText(out.String(), s.env.Redactor, &s.local), actions.RedactError(err, s.env.Redactor, &s.local)
}

func (s *step) do(ctx context.Context, call actions.Call, out *strings.Builder) error {
	w, err := s.prepare(call)
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	se, err := s.connect(ctx)
	if err != nil {
		return err
	}
	defer se.close()
	fmt.Fprintf(out, "%s at %s, database %s\n", se.server, s.address.Place(), se.database)
	if err := se.fit(ctx, w); err != nil {
		return err
	}
	if err := se.makeTable(ctx); err != nil {
		return err
	}
	if s.s.ImplicitCommit {
		return se.alone(ctx, w, out)
	}
	done, err := se.statements(ctx, w, out)
	if err != nil || done {
		return also(err, se.undone(ctx, w))
	}
	if ctx.Err() != nil {
		return also(actions.Failure(reason.New("sql_out_of_time")), se.undone(ctx, w))
	}
	if _, err := se.conn.ExecContext(ctx, "COMMIT"); err != nil {
		return s.commitFailed(err)
	}
	return nil
}

// also adds to an error what may be left of the work.
func also(err, left error) error {
	if err == nil || left == nil {
		return errors.Join(err, left)
	}
	return actions.Lost(reason.Join(actions.ReasonOf(err), actions.ReasonOf(left)), err)
}

// fit refuses a server that cannot do it, or could not undo it.
func (se *session) fit(ctx context.Context, w work) error {
	if se.readOnly {
		return actions.Failure(reason.New("sql_read_only", "server", se.s.address.Place()))
	}
	if se.s.s.ImplicitCommit {
		return nil
	}
	table, engine, err := se.untransacted(ctx, w.runs)
	switch {
	case err != nil:
		return actions.Failure(reason.New("sql_connect", "server", se.s.address.Place(), "error", err), err)
	case table != "":
		return actions.Failure(reason.New("sql_no_transactions", "table", table, "engine", engine))
	}
	return nil
}

// enter begins a session's work on an intent, and tells whether that was done before.
func (se *session) enter(ctx context.Context, m mode, w work) (done bool, err error) {
	free, err := se.begin(ctx, m, w.intent)
	switch {
	case err != nil:
		return false, actions.Failure(reason.New("sql_not_begun", "error", err), err)
	case !free && se.s.s.Driver == sqldb.SQLite:
		return false, actions.Failure(reason.New("sql_locked", "within", se.lock))
	case !free:
		return false, actions.Lost(reason.New("sql_under_way"))
	}
	outcome, why, err := se.happened(ctx, w)
	switch {
	case err != nil:
		return false, actions.Failure(reason.New("sql_status_failed", "error", err), err)
	case outcome == actions.Unclear:
		return false, actions.Lost(why)
	}
	return outcome == actions.Happened, nil
}

// statements runs the statements of a transaction up to its commit. It tells whether the intent was done
// before.
func (se *session) statements(ctx context.Context, w work, out *strings.Builder) (done bool, err error) {
	if done, err = se.enter(ctx, writes, w); err != nil || done {
		if done {
			out.WriteString("it had happened already\n")
		}
		return done, err
	}
	if err := se.mark(ctx, w); err != nil {
		return false, actions.Failure(reason.New("sql_not_begun", "error", err))
	}
	for i, b := range w.runs {
		n, err := se.one(ctx, i, b)
		if err != nil {
			return false, err
		}
		out.WriteString(line(se.s.s.Driver, i, b, n))
	}
	if err := se.finish(ctx, w); err != nil {
		return false, actions.Failure(reason.New("sql_not_begun", "error", err))
	}
	return false, nil
}

// line is what the output says of a statement that ran.
func line(driver string, i int, b bound, n int64) string {
	if !b.counts(driver) {
		return fmt.Sprintf("%d. %s: done\n", i+1, b.summary())
	}
	return fmt.Sprintf("%d. %s: %d rows\n", i+1, b.summary(), n)
}

// one runs one statement and compares the number of its rows with what it must be.
func (se *session) one(ctx context.Context, i int, b bound) (int64, error) {
	n, err := se.run(ctx, b)
	switch {
	case err != nil && ctx.Err() != nil:
		return 0, actions.Failure(reason.New("sql_statement", "number", i+1, "statement", b.summary(), "error", reason.New("sql_out_of_time")))
	case err != nil:
		return 0, actions.Failure(reason.New("sql_statement", "number", i+1, "statement", b.summary(), "error", err))
	case !b.rows.accept(n):
		return 0, actions.Failure(reason.New("sql_wrong_rows", "number", i+1, "statement", b.summary(), "rows", n, "want", b.rows))
	}
	return n, nil
}

// undone rolls back, and makes sure that nothing is left. The error says what may be.
func (se *session) undone(ctx context.Context, w work) error {
	if err := se.rollback(ctx); err != nil {
		return err
	}
	if se.s.s.Driver != sqldb.MySQL || !se.s.records() {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTime)
	defer cancel()
	if state, err := se.state(ctx, w.intent); err == nil && state == stateBegun {
		return actions.Lost(reason.New("sql_half_committed", "table", se.s.s.Table))
	}
	return nil
}

// commitFailed tells what it means that COMMIT had no good answer: PostgreSQL says no before it has
// written anything; otherwise the answer may be lost, and Status tells.
func (s *step) commitFailed(err error) error {
	why := reason.New("sql_commit", "error", err)
	if e, ok := errors.AsType[*pgconn.PgError](err); ok && !strings.HasPrefix(e.Code, "57") {
		return actions.Failure(why)
	}
	return actions.Lost(why, err)
}

// alone runs the one statement that commits by itself.
func (se *session) alone(ctx context.Context, w work, out *strings.Builder) error {
	done, err := se.enter(ctx, commands, w)
	if done {
		out.WriteString("it had happened already\n")
	}
	if err != nil || done {
		return err
	}
	if err := se.mark(ctx, w); err != nil {
		return actions.Failure(reason.New("sql_not_begun", "error", err))
	}
	b := w.runs[0]
	n, err := se.run(ctx, b)
	why := reason.New("sql_statement_alone", "statement", b.summary(), "error", err)
	if _, said := errors.AsType[*mysql.MySQLError](err); said {
		if err := se.forget(context.WithoutCancel(ctx), w); err != nil {
			return actions.Lost(reason.Join(why, reason.New("sql_half_committed", "table", se.s.s.Table)), err)
		}
		return actions.Failure(why)
	}
	if err != nil {
		_ = se.rollback(ctx) // ends what the server may still be doing
		return actions.Lost(why, err)
	}
	out.WriteString(line(se.s.s.Driver, 0, b, n))
	if err := se.finish(ctx, w); err != nil {
		return actions.Lost(reason.New("sql_commit", "error", err), err)
	}
	return nil
}

// Status asks the database. While a session that works on the intent is open, the answer is Pending.
func (s *step) Status(ctx context.Context, call actions.Call) (actions.Outcome, reason.Reason, error) {
	outcome, detail, err := s.status(ctx, call)
	if err != nil {
		return actions.Unclear, reason.Reason{}, actions.RedactError(err, s.env.Redactor, &s.local)
	}
	return outcome, detail.Redact(func(text string) string { return actions.Shown(text, s.env.Redactor, &s.local) }), nil
}

func (s *step) status(ctx context.Context, call actions.Call) (actions.Outcome, reason.Reason, error) {
	data, err := call.Data()
	if err != nil {
		return actions.Unclear, reason.Reason{}, err
	}
	w := work{intent: call.Intent}
	if w.statusArgs, err = render(s.statusArgs, data); err != nil {
		return actions.Unclear, reason.Reason{}, err
	}
	se, err := s.connect(ctx)
	if err != nil {
		return actions.Unclear, reason.Reason{}, err
	}
	defer se.close()
	failed := func(err error) (actions.Outcome, reason.Reason, error) {
		return actions.Unclear, reason.Reason{}, actions.Failure(reason.New("sql_status_failed", "error", err), err)
	}
	switch there, err := se.hasTable(ctx); {
	case err != nil:
		return failed(err)
	case !there: // it is created before anything else
		return actions.NotHappened, reason.New("sql_not_recorded", "table", s.s.Table), nil
	}
	free, err := se.begin(ctx, reads, w.intent)
	switch {
	case err != nil:
		return failed(err)
	case !free:
		return actions.Pending, reason.New("sql_under_way"), nil
	}
	outcome, detail, err := se.happened(ctx, w)
	if err != nil {
		return failed(err)
	}
	return outcome, detail, nil
}
