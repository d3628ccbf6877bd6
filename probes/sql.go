package probes

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"guardian/internal/secret"
	"guardian/internal/sqldb"
)

func (s *SQL) validate(field string) error {
	var errs []error
	switch s.Driver {
	case sqldb.Postgres, sqldb.MySQL, sqldb.SQLite:
	default:
		errs = append(errs, fmt.Errorf("%sdriver %q is not one of postgres, mysql, sqlite", field, s.Driver))
	}
	if !s.DSN.IsSet() {
		errs = append(errs, fmt.Errorf("%sdsn is missing", field))
	}
	if strings.TrimSpace(s.Query) == "" {
		errs = append(errs, fmt.Errorf("%squery is missing", field))
	}
	if strings.Contains(s.Query, "{{") {
		errs = append(errs, fmt.Errorf("%squery is no template: name parameters and give args", field))
	}
	for i, a := range s.Args {
		if _, err := compileText("args", a); err != nil {
			errs = append(errs, fmt.Errorf("%sargs[%d]: %w", field, i, err))
		}
	}
	return errors.Join(errs...)
}

// address is where the database is.
func (s *SQL) address() sqldb.Address { return sqldb.Address{Driver: s.Driver, DSN: s.DSN} }

// secrets returns the secrets of the DSN.
func (s *SQL) secrets() []secret.Secret {
	if s == nil {
		return nil
	}
	return s.address().Secrets()
}

// sqlTarget runs one statement on one database.
type sqlTarget struct {
	settings *SQL
	args     []text
	db       *sql.DB // opened by the first use
}

func newSQLTarget(s *SQL) (*sqlTarget, error) {
	t := &sqlTarget{settings: s}
	for _, a := range s.Args {
		c, err := compileText("args", a)
		if err != nil {
			return nil, err
		}
		t.args = append(t.args, c)
	}
	return t, nil
}

// Close closes the database.
func (t *sqlTarget) Close() error {
	if t == nil || t.db == nil {
		return nil
	}
	return t.db.Close()
}

func (t *sqlTarget) open() (*sql.DB, error) {
	if t.db != nil {
		return t.db, nil
	}
	db, err := t.settings.address().Open()
	if err != nil {
		return nil, err
	}
	t.db = db
	t.db.SetMaxOpenConns(2)
	t.db.SetMaxIdleConns(1)
	t.db.SetConnMaxIdleTime(time.Minute)
	return t.db, nil
}

func (t *sqlTarget) fill(d templateData) ([]any, error) {
	args := make([]any, len(t.args))
	for i, a := range t.args {
		s, err := a.render(d)
		if err != nil {
			return nil, fmt.Errorf("args[%d]: %w", i, err)
		}
		args[i] = s
	}
	return args, nil
}

// cell is a value of a row, as text.
type cell struct {
	text     string
	isNumber bool
	isTruth  bool    // a boolean, measured as 1 or 0
	number   float64 // when isNumber or isTruth
}

// row returns the first row of the result; nil if there is none.
func (t *sqlTarget) row(ctx context.Context, d templateData) (map[string]cell, error) {
	db, err := t.open()
	if err != nil {
		return nil, err
	}
	args, err := t.fill(d)
	if err != nil {
		return nil, err
	}
	rows, err := db.QueryContext(ctx, t.settings.Query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	if !rows.Next() {
		return nil, rows.Err()
	}
	types, err := rows.ColumnTypes()
	if err != nil {
		return nil, err
	}
	found, err := scanRow(rows, types)
	if err != nil {
		return nil, err
	}
	return found, rows.Err()
}

// scanRow reads the current row, by column in lower case.
func scanRow(rows *sql.Rows, types []*sql.ColumnType) (map[string]cell, error) {
	values := make([]any, len(types))
	for i := range values {
		values[i] = new(any)
	}
	if err := rows.Scan(values...); err != nil {
		return nil, err
	}
	found := make(map[string]cell, len(types))
	for i, column := range types {
		v := *values[i].(*any)
		c := cell{isNumber: strings.HasPrefix(column.DatabaseTypeName(), "NUMERIC") || strings.HasPrefix(column.DatabaseTypeName(), "DECIMAL")}
		switch v := v.(type) {
		case nil:
			c.text = "NULL"
		case []byte:
			c.text = string(v)
		case time.Time:
			c.text = v.UTC().Format(time.RFC3339Nano)
		case int64, uint64, float32, float64:
			c.text, c.isNumber = fmt.Sprint(v), true
		case bool:
			if c.text, c.isTruth = fmt.Sprint(v), true; v {
				c.number = 1
			}
		default:
			c.text = fmt.Sprint(v)
		}
		if c.isNumber {
			c.number, c.isNumber = numberIn(c.text)
		}
		found[strings.ToLower(column.Name())] = c
	}
	return found, nil
}

// exec runs the statement and returns the number of affected rows.
func (t *sqlTarget) exec(ctx context.Context, d templateData) (int64, error) {
	db, err := t.open()
	if err != nil {
		return 0, err
	}
	args, err := t.fill(d)
	if err != nil {
		return 0, err
	}
	result, err := db.ExecContext(ctx, t.settings.Query, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}
