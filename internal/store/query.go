package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// query builds a SELECT of documents.
type query struct {
	table string
	where []string
	args  []any
	order string
	limit int // 0: everything
}

// and adds a condition in which ? is the placeholder of the argument.
func (q *query) and(condition string, arg any) {
	q.args = append(q.args, arg)
	q.where = append(q.where, strings.ReplaceAll(condition, "?", "$"+strconv.Itoa(len(q.args))))
}

// is adds an equality, unless the value is empty: an empty filter matches everything.
func is[S ~string](q *query, column string, value S) {
	if value != "" {
		q.and(column+" = ?", text(value))
	}
}

// only adds "column = 1" if asked.
func (q *query) only(column string, asked bool) {
	if asked {
		q.and(column+" = ?", int64(1))
	}
}

// between restricts a column to [since, until); a zero time is no bound.
func (q *query) between(column string, since, until time.Time) {
	if !since.IsZero() {
		q.and(column+" >= ?", nanos(since))
	}
	if !until.IsZero() {
		q.and(column+" < ?", nanos(until))
	}
}

// atMost sets the limit, at most MaxLimit; 0 or less: DefaultLimit.
func (q *query) atMost(limit int) {
	if limit <= 0 {
		limit = DefaultLimit
	}
	q.limit = min(limit, MaxLimit)
}

func (q *query) sql() string {
	var b strings.Builder
	b.WriteString("SELECT doc FROM " + q.table)
	if len(q.where) > 0 {
		b.WriteString(" WHERE " + strings.Join(q.where, " AND "))
	}
	b.WriteString(" ORDER BY " + q.order)
	if q.limit > 0 {
		b.WriteString(" LIMIT " + strconv.Itoa(q.limit))
	}
	return b.String()
}

// list reads facts.
func list[T any](ctx context.Context, s *Store, q *query) ([]T, error) {
	facts, err := documents[T](ctx, s, q.sql(), q.args...)
	if err != nil {
		return nil, s.explain("read "+q.table+" of the journal", err)
	}
	return facts, nil
}

// first reads the first fact; false when there is none.
func first[T any](ctx context.Context, s *Store, q *query) (T, bool, error) {
	q.limit = 1
	facts, err := list[T](ctx, s, q)
	if err != nil || len(facts) == 0 {
		var none T
		return none, false, err
	}
	return facts[0], true, nil
}

// documents decodes the single column of a SELECT.
func documents[T any](ctx context.Context, s *Store, query string, args ...any) (facts []T, err error) {
	rows, err := s.db.read.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var doc sql.RawBytes
		if err := rows.Scan(&doc); err != nil {
			return nil, err
		}
		var fact T
		if err := json.Unmarshal(doc, &fact); err != nil {
			return nil, fmt.Errorf("invalid document: %w", err)
		}
		facts = append(facts, fact)
	}
	return facts, rows.Err()
}
