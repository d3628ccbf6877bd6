package store

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// table maps facts of one type to a table: key columns, columns for queries, and the JSON
// document in the column doc.
type table[T any] struct {
	name    string
	key     []string
	columns []string
	fixed   []string           // columns that keep the value of the first insert
	values  func(fact T) []any // the values of key and columns, in this order
	refused error              // the error for a violated unique constraint; nil: there is none
	append  bool               // insert only: an existing key is an error
	// final is the condition of rows that are never replaced, and kept the error when one would have
	// been; nil: it stays as it is, and that is no error.
	final string
	kept  error
}

// The numbers of rows per INSERT. There are only three, so that the database can cache the
// statements.
const (
	manyRows = 50
	someRows = 10
)

// put writes facts. An existing row with the same key is replaced, unless the table only appends.
func put[T any](ctx context.Context, s *Store, tx *sql.Tx, t table[T], facts []T) error {
	rows, err := t.rows(facts)
	if err != nil {
		return err
	}
	for len(rows) > 0 {
		n := 1
		switch {
		case len(rows) >= manyRows:
			n = manyRows
		case len(rows) >= someRows:
			n = someRows
		}
		args := make([]any, 0, n*len(rows[0]))
		for _, row := range rows[:n] {
			args = append(args, row...)
		}
		done, err := tx.ExecContext(ctx, t.insert(n), args...)
		if err != nil {
			if t.refused != nil && s.db.unique(err) {
				return t.refused
			}
			return fmt.Errorf("write %s: %w", t.name, err)
		}
		if t.kept != nil {
			if written, err := done.RowsAffected(); err != nil || written < int64(n) {
				return cmp.Or(err, t.kept)
			}
		}
		rows = rows[n:]
	}
	return nil
}

// rows returns the key, columns and document of each fact. The last of several facts with the
// same key replaces the first: PostgreSQL does not update a row twice in one statement.
func (t table[T]) rows(facts []T) ([][]any, error) {
	rows := make([][]any, 0, len(facts))
	place := make(map[string]int, len(facts))
	for _, f := range facts {
		row := t.values(f)
		for i, name := range t.key {
			if row[i] == "" {
				return nil, fmt.Errorf("write %s: %s is empty", t.name, name)
			}
		}
		b, err := json.Marshal(f)
		if err != nil {
			return nil, fmt.Errorf("write %s: %v: %w", t.name, row[0], err)
		}
		row = append(row, string(b))
		key := fmt.Sprintf("%#v", row[:len(t.key)])
		if i, again := place[key]; again && !t.append {
			rows[i] = row
			continue
		}
		place[key] = len(rows)
		rows = append(rows, row)
	}
	return rows, nil
}

// insert returns the statement that writes n rows.
func (t table[T]) insert(n int) string {
	columns := slices.Concat(t.key, t.columns, []string{"doc"})
	var b strings.Builder
	fmt.Fprintf(&b, "INSERT INTO %s (%s) VALUES ", t.name, strings.Join(columns, ", "))
	for row := range n {
		if row > 0 {
			b.WriteString(", ")
		}
		b.WriteByte('(')
		for col := range columns {
			if col > 0 {
				b.WriteString(", ")
			}
			b.WriteByte('$')
			b.WriteString(strconv.Itoa(row*len(columns) + col + 1))
		}
		b.WriteByte(')')
	}
	if t.append {
		return b.String()
	}
	fmt.Fprintf(&b, " ON CONFLICT (%s) DO UPDATE SET ", strings.Join(t.key, ", "))
	sep := ""
	for _, c := range columns[len(t.key):] {
		if slices.Contains(t.fixed, c) {
			continue
		}
		fmt.Fprintf(&b, "%s%s = excluded.%s", sep, c, c)
		sep = ", "
	}
	if t.final != "" {
		fmt.Fprintf(&b, " WHERE NOT (%s.%s)", t.name, t.final)
	}
	return b.String()
}
