package probes

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"guardian/internal/reason"
	"guardian/internal/secret"
	"guardian/probes/sample"
)

// SQLSettings configure a check of kind sql: a query whose answer is judged.
//
//	what happened                                            | health
//	values, number of rows or ages are as up_if says          | Up
//	one is not                                               | Down
//	no row comes, and value or age is judged                 | as empty says; Unknown when left out
//	NULL, a text that is no number or no time                | Unknown
//	the query failed, or the database was not reached        | as failure says; Unknown when left out
//	what the fault table says of this machine                | Unknown
//
// The query runs in a transaction that cannot write. A boolean is measured as 1 or 0.
type SQLSettings struct {
	SQL     `yaml:",inline"`
	Secrets map[string]secret.Secret `yaml:"secrets" doc:"Secrets by name, for args as {{.Secrets.name}}."`
	Judge   string                   `yaml:"judge" doc:"What up_if applies to: value (of the column), rows (their number) or age (of the time in the column)."`
	Column  string                   `yaml:"column" doc:"The column to evaluate; default: the first one that is not in labels."`
	UpIf    string                   `yaml:"up_if" doc:"Condition: an operator (>, >=, <, <=, ==, !=) and a number; for age a duration such as < 10m."`
	Labels  []string                 `yaml:"labels" doc:"Columns that become labels; every row then has its own series."`
	Empty   string                   `yaml:"empty" doc:"Meaning of no rows for value and age: unknown, up or down."`
	Failure string                   `yaml:"failure" doc:"Meaning of a failed query: unknown or down."`
	MaxRows int                      `yaml:"max_rows" doc:"Maximum number of rows, up to 1000; more are Unknown, or for rows count as very many."`
}

const (
	maxSQLRows   = 1000
	maxSQLSeries = 200
)

// Validate joins every mistake.
func (s *SQLSettings) Validate() error {
	errs := []error{s.SQL.validate("")}
	limit, err := s.condition()
	if err != nil {
		errs = append(errs, fmt.Errorf("up_if: %w", err))
	}
	switch s.Judge {
	case "value", "age":
	case "rows":
		if s.Column != "" {
			errs = append(errs, errors.New("column is of no use where rows are counted"))
		}
		if err == nil && limit.number >= float64(s.MaxRows) {
			errs = append(errs, fmt.Errorf("up_if: counts up to max_rows, %d, can be told; raise it or count in the query", s.MaxRows))
		}
	default:
		errs = append(errs, fmt.Errorf("judge %q is not one of value, rows, age", s.Judge))
	}
	for i, name := range s.Labels {
		if !model.LegacyValidation.IsValidLabelName(name) || strings.HasPrefix(name, "__") || name == "column" || ownLabel(name, nil) {
			errs = append(errs, fmt.Errorf("labels[%d]: %q cannot be a label here; name the column otherwise: SELECT … AS …", i, name))
		}
	}
	if slices.Contains(s.Labels, s.Column) {
		errs = append(errs, fmt.Errorf("column %q is among labels", s.Column))
	}
	if _, err := healthOf("empty", s.Empty); err != nil {
		errs = append(errs, err)
	}
	if s.Failure != "unknown" && s.Failure != "down" {
		errs = append(errs, fmt.Errorf("failure %q is not one of unknown, down", s.Failure))
	}
	if s.MaxRows < 1 || s.MaxRows > maxSQLRows {
		errs = append(errs, fmt.Errorf("max_rows is %d, must be 1 to %d", s.MaxRows, maxSQLRows))
	}
	return errors.Join(errs...)
}

// MeasureOnly implements Measurer. However many rows come, none too, is an answer.
func (s *SQLSettings) MeasureOnly() {
	if s.Judge == "value" {
		s.Judge, s.Column = "rows", ""
	}
	s.UpIf = anyNumber
}

// condition parses up_if; durations become seconds.
func (s *SQLSettings) condition() (condition, error) {
	if s.Judge == "age" {
		text := strings.TrimSpace(s.UpIf)
		if i := strings.IndexAny(text, "0123456789"); i > 0 {
			if d, err := model.ParseDuration(strings.TrimSpace(text[i:])); err == nil {
				return parseCondition(text[:i] + strconv.FormatFloat(time.Duration(d).Seconds(), 'f', -1, 64))
			}
		}
	}
	return parseCondition(s.UpIf)
}

func sqlKind() Kind {
	return Kind{
		Settings: func() any {
			return &SQLSettings{Judge: "value", UpIf: "> 0", Empty: "unknown", Failure: "unknown", MaxRows: 100}
		},
		Build: func(settings any, env Env) (Probe, error) {
			return newSQLProbe(settings.(*SQLSettings), env)
		},
		Repeats: always,
		Templates: func(settings any, labels map[string]string) []Template {
			return settings.(*SQLSettings).templates(labels)
		},
		Produces: func(any) []string { return []string{"sql_value", "sql_age_seconds", "sql_rows"} },
	}
}

type sqlProbe struct {
	settings *SQLSettings
	env      Env
	masks    masks
	target   *sqlTarget
	upIf     condition
	empty    sample.Health
}

func newSQLProbe(s *SQLSettings, env Env) (*sqlProbe, error) {
	env = env.withDefaults()
	p := &sqlProbe{settings: s, env: env, masks: newMasks(env, append(s.SQL.secrets(), secretsOf(s.Secrets, nil)...)...)}
	var errs [3]error
	p.target, errs[0] = newSQLTarget(&s.SQL)
	p.upIf, errs[1] = s.condition()
	p.empty, errs[2] = healthOf("empty", s.Empty)
	if err := errors.Join(errs[:]...); err != nil {
		return nil, fmt.Errorf("sql: %w", p.masks.error(err))
	}
	return p, nil
}

// Close implements Closer.
func (p *sqlProbe) Close() error { return p.target.Close() }

// Look queries once.
func (p *sqlProbe) Look(ctx context.Context) sample.Observation {
	begin := p.env.Now()
	t, err := p.target.readOnly(ctx, newTemplateData(p.env, nil, p.settings.Secrets, begin), p.settings.MaxRows)
	if err != nil {
		f := faultOf(ctx, err, reason.New("doing_query"), p.env.Now().Sub(begin))
		if f.health == sample.Down {
			f.reason = queryFailed(f.reason)
			if p.settings.Failure == "unknown" {
				f.health = sample.Unknown
			}
		}
		return p.masks.observation(observed(f, nil))
	}
	o := p.judge(t, p.env.Now())
	o.Values = append([]sample.Value{{Name: "sql_rows", V: float64(len(t.rows))}}, p.series(t, p.env.Now())...)
	return p.masks.observation(o)
}

// queryFailed returns why a database gave no answer.
func queryFailed(why reason.Reason) reason.Reason {
	if why.Code == "net_failed" {
		return reason.New("sql_failed", "why", why.Value("error")) // an error of the database itself
	}
	return reason.New("sql_failed", "why", why)
}

func (p *sqlProbe) judge(t table, now time.Time) sample.Observation {
	s := p.settings
	if s.Judge == "rows" {
		n := float64(len(t.rows))
		if t.more {
			n++ // any number over max_rows meets the condition exactly when this one does
		}
		switch {
		case p.upIf.holds(n):
			return sample.Observation{Health: sample.Up}
		case t.more:
			return sample.Observation{Health: sample.Down, Reason: reason.New("sql_more_rows", "n", len(t.rows), "want", p.upIf)}
		default:
			return sample.Observation{Health: sample.Down, Reason: reason.New("sql_rows", "n", len(t.rows), "want", p.upIf)}
		}
	}
	if len(t.rows) == 0 {
		o := sample.Observation{Health: p.empty}
		if o.Health != sample.Up {
			o.Reason = reason.New("sql_no_rows")
		}
		return o
	}
	for _, name := range s.Labels {
		if !slices.Contains(t.columns, strings.ToLower(name)) {
			return p.noColumn(t, name)
		}
	}
	column := strings.ToLower(s.Column)
	if column == "" {
		for _, c := range t.columns {
			if !p.isLabel(c) {
				column = c
				break
			}
		}
	}
	if !slices.Contains(t.columns, column) {
		return p.noColumn(t, column)
	}
	o := sample.Observation{Health: sample.Up}
	for _, row := range t.rows {
		v, ok := row[column].measured()
		if s.Judge == "age" {
			v, ok = row[column].age(now)
		} else if !ok {
			v, ok = numberIn(row[column].text)
		}
		switch {
		case !ok:
			if o.Health == sample.Up {
				o = sample.Observation{Reason: p.unmeasurable(column, row)}
			}
		case !p.upIf.holds(v):
			return sample.Observation{Health: sample.Down, Reason: p.unmet(column, row, v)}
		}
	}
	if t.more && o.Health == sample.Up {
		return sample.Observation{Reason: reason.New("sql_too_many_rows", "n", len(t.rows))}
	}
	return o
}

func (p *sqlProbe) noColumn(t table, name string) sample.Observation {
	return sample.Observation{Reason: reason.New("sql_no_column", "column", name, "columns", oneLine(strings.Join(t.columns, ", "), 200))}
}

// unmeasurable says that a value is no number or no time.
func (p *sqlProbe) unmeasurable(column string, row map[string]cell) reason.Reason {
	got := shorten(row[column].text, 100)
	if p.settings.Judge == "age" {
		return reason.New("sql_not_time", "column", column, "got", got, "row", p.of(row))
	}
	return reason.New("sql_not_number", "column", column, "got", got, "row", p.of(row))
}

// unmet says that a value does not meet the condition.
func (p *sqlProbe) unmet(column string, row map[string]cell, v float64) reason.Reason {
	if p.settings.Judge == "age" {
		age := round(time.Duration(v * float64(time.Second)))
		return reason.New("sql_age", "column", column, "age", age, "row", p.of(row), "want", p.settings.UpIf)
	}
	return reason.New("sql_value", "column", column, "got", exact(v), "row", p.of(row), "want", p.upIf)
}

// of names a row by its labels; "" if there are none.
func (p *sqlProbe) of(row map[string]cell) string {
	var parts []string
	for _, name := range p.settings.Labels {
		parts = append(parts, fmt.Sprintf("%s=%q", name, shorten(row[strings.ToLower(name)].text, 60)))
	}
	return strings.Join(parts, ", ")
}

func (p *sqlProbe) isLabel(column string) bool {
	return slices.ContainsFunc(p.settings.Labels, func(l string) bool { return strings.EqualFold(l, column) })
}

// series returns the numbers, and the ages of the times, of all rows; of the first row only if there
// are no labels to distinguish rows.
func (p *sqlProbe) series(t table, now time.Time) []sample.Value {
	rows := t.rows
	if len(p.settings.Labels) == 0 && len(rows) > 1 {
		rows = rows[:1]
	}
	var values []sample.Value
	seen := map[string]bool{}
	for _, row := range rows {
		labels := map[string]string{}
		for _, name := range p.settings.Labels {
			labels[name] = oneLine(row[strings.ToLower(name)].text, 200)
		}
		key := fmt.Sprint(labels)
		if seen[key] {
			continue
		}
		seen[key] = true
		for _, column := range t.columns {
			if p.isLabel(column) || len(values) == maxSQLSeries {
				continue
			}
			c := row[column]
			v := sample.Value{Labels: maps.Clone(labels)}
			v.Labels["column"] = column
			if number, ok := c.measured(); ok {
				v.Name, v.V = "sql_value", number
			} else if age, ok := c.age(now); ok {
				v.Name, v.V = "sql_age_seconds", age
			} else {
				continue
			}
			values = append(values, v)
		}
	}
	return values
}

// measured returns a cell as a number; true is 1 and false 0.
func (c cell) measured() (float64, bool) { return c.number, c.isNumber || c.isTruth }

func numberIn(text string) (float64, bool) {
	v, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	return v, err == nil && !math.IsNaN(v)
}

// age returns how long ago a cell's time was, in seconds; negative in the future. SQLite has no type
// for times: the formats of its date functions are read as UTC.
func (c cell) age(now time.Time) (float64, bool) {
	if c.isNumber {
		// Seconds since 1970, from 2001 on: smaller numbers are no times.
		return float64(now.UnixMilli())/1000 - c.number, c.number >= 1e9 && c.number < 1e11
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02 15:04:05.999999999Z07:00", "2006-01-02 15:04:05.999999999-07", time.DateTime, "2006-01-02T15:04:05", time.DateOnly} {
		if t, err := time.Parse(layout, c.text); err == nil {
			return now.Sub(t).Seconds(), true
		}
	}
	return 0, false
}

// table is a query's answer.
type table struct {
	columns []string // in lower case
	rows    []map[string]cell
	more    bool // there were more rows than were read
}

// readOnly queries in a transaction that cannot write, and reads up to limit rows.
func (t *sqlTarget) readOnly(ctx context.Context, d templateData, limit int) (table, error) {
	db, err := t.open()
	if err != nil {
		return table{}, err
	}
	args, err := t.fill(d)
	if err != nil {
		return table{}, err
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		return table{}, err
	}
	defer conn.Close()
	if t.settings.Driver == "sqlite" {
		if _, err := conn.ExecContext(ctx, "PRAGMA query_only = ON"); err != nil {
			return table{}, err
		}
	}
	tx, err := conn.BeginTx(ctx, &sql.TxOptions{ReadOnly: t.settings.Driver != "sqlite"})
	if err != nil {
		return table{}, err
	}
	defer tx.Rollback()
	if deadline, ok := ctx.Deadline(); ok && t.settings.Driver == "postgres" {
		// The server ends the query even if this process is gone.
		left := max(time.Until(deadline).Milliseconds(), 1)
		if _, err := tx.ExecContext(ctx, fmt.Sprintf("SET LOCAL statement_timeout = %d", left+1000)); err != nil {
			return table{}, err
		}
	}
	rows, err := tx.QueryContext(ctx, t.settings.Query, args...)
	if err != nil {
		return table{}, err
	}
	defer rows.Close()
	types, err := rows.ColumnTypes()
	if err != nil {
		return table{}, err
	}
	var answer table
	for _, c := range types {
		answer.columns = append(answer.columns, strings.ToLower(c.Name()))
	}
	for rows.Next() {
		if len(answer.rows) == limit {
			answer.more = true
			return answer, nil
		}
		row, err := scanRow(rows, types)
		if err != nil {
			return answer, err
		}
		answer.rows = append(answer.rows, row)
	}
	return answer, rows.Err()
}
