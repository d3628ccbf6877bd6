package sql

import (
	"context"
	"errors"
	"slices"

	"guardian/actions"
	"guardian/internal/reason"
	"guardian/internal/sqldb"
)

// Plan implements actions.Planner: where the statements would run, and which. With plan: rehearse the
// transaction is run and rolled back, and the numbers of rows are told.
func (s *step) Plan(ctx context.Context, call actions.Call) (reason.Reason, error) {
	plan, err := s.plan(ctx, call)
	clean := func(text string) string { return actions.Shown(text, s.env.Redactor, &s.local) }
	return plan.Redact(clean), actions.RedactError(err, s.env.Redactor, &s.local)
}

func (s *step) plan(ctx context.Context, call actions.Call) (reason.Reason, error) {
	w, err := s.prepare(call)
	if err != nil {
		return reason.Reason{}, err
	}
	se, err := s.connect(ctx)
	if err != nil {
		return reason.Reason{}, err
	}
	defer se.close()
	out := []reason.Reason{
		reason.New("sql_plan_target", "server", se.server, "place", s.address.Place(), "database", se.database, "user", se.user),
		reason.New("sql_plan_limits", "lock", se.lock, "statement", se.statement),
	}
	there, err := se.hasTable(ctx)
	switch {
	case err != nil:
		return reason.Join(out...), actions.Failure(reason.New("sql_table_unread", "table", s.s.Table, "error", err), err)
	case !there && !s.s.CreateTable:
		err = actions.Failure(reason.New("sql_no_table", "table", s.s.Table, "statement", s.table()))
	case !there:
		out = append(out, reason.New("sql_plan_table", "table", s.s.Table))
	}
	if s.s.ImplicitCommit {
		out = append(out, reason.New("sql_plan_commits"))
	}
	if err = errors.Join(err, se.fit(ctx, w)); err != nil {
		return reason.Join(append(out, described(w)...)...), err
	}
	if s.s.Plan == planDescribe {
		return reason.Join(append(out, described(w)...)...), se.explain(ctx, w)
	}
	rehearsed, err := se.rehearse(ctx, w)
	return reason.Join(append(out, rehearsed...)...), err
}

// described names the statements.
func described(w work) (out []reason.Reason) {
	for i, b := range w.runs {
		out = append(out, reason.New("sql_plan_statement", "number", i+1, "statement", b.summary(), "rows", b.rows))
	}
	return out
}

// explain asks the server how it would run the statements: it tells that only who may run them, and only of
// tables and columns that there are. It ends at the first statement that may make what later ones need.
func (se *session) explain(ctx context.Context, w work) error {
	if err := se.beginExplain(ctx, w); err != nil {
		return actions.Failure(reason.New("sql_not_begun", "error", err), err)
	}
	defer func() { _ = se.rollback(ctx) }()
	for i, b := range w.runs {
		if !slices.Contains([]string{"SELECT", "INSERT", "REPLACE", "UPDATE", "DELETE"}, b.verb()) {
			return nil
		}
		if err := se.explainOne(ctx, b); err != nil {
			return actions.Failure(reason.New("sql_statement", "number", i+1, "statement", b.summary(), "error", err), err)
		}
	}
	return nil
}

// beginExplain begins a transaction for statements that change nothing. MySQL would refuse those that write
// before it looked at them, if it could not write.
func (se *session) beginExplain(ctx context.Context, w work) error {
	switch se.s.s.Driver {
	case sqldb.Postgres:
		_, err := se.begin(ctx, reads, w.intent)
		return err
	case sqldb.MySQL:
		if err := se.limit(ctx); err != nil {
			return err
		}
		_, err := se.conn.ExecContext(ctx, "START TRANSACTION")
		return err
	default:
		_, err := se.conn.ExecContext(ctx, "BEGIN")
		return err
	}
}

func (se *session) explainOne(ctx context.Context, b bound) error {
	rows, err := se.conn.QueryContext(ctx, "EXPLAIN "+b.text, b.args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() { // the error of a row comes with it
	}
	return rows.Err()
}

// rehearse runs the statements and rolls them back.
func (se *session) rehearse(ctx context.Context, w work) (out []reason.Reason, err error) {
	defer func() { err = also(err, se.rollback(ctx)) }()
	if free, err := se.begin(ctx, writes, w.intent); err != nil {
		return nil, actions.Failure(reason.New("sql_not_begun", "error", err), err)
	} else if !free {
		return nil, actions.Failure(reason.New("sql_locked", "within", se.lock))
	}
	for i, b := range w.runs {
		n, err := se.one(ctx, i, b)
		if err != nil {
			return out, err
		}
		out = append(out, reason.New("sql_plan_rehearsed", "number", i+1, "statement", b.summary(), "rows", n))
	}
	return out, nil
}
