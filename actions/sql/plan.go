package sql

import (
	"context"
	"errors"

	"guardian/actions"
	"guardian/internal/reason"
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
	if err = errors.Join(err, se.fit(ctx, w)); err != nil || s.s.Plan == planDescribe {
		return reason.Join(append(out, described(w)...)...), err
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
