package sql

import (
	"fmt"
	"path"
	"regexp"
	"time"

	"github.com/prometheus/common/model"

	"guardian/actions"
	"guardian/internal/secret"
	"guardian/internal/sqldb"
)

// Settings is a step that runs statements in one transaction: all of them happen, or none does.
type Settings struct {
	Driver           string         `yaml:"driver" doc:"Database: postgres, mysql (MariaDB too) or sqlite."`
	DSN              secret.Secret  `yaml:"dsn" doc:"Connection string, such as postgres://user:password@host/db, user:password@tcp(host:3306)/db, or a file of SQLite; never shown."`
	Statements       []Statement    `yaml:"statements" doc:"What runs, in order, in one transaction."`
	Table            string         `yaml:"table" doc:"Table in which the transaction records the step's intent, so that after a crash it is known whether it happened; not used with status_query."`
	CreateTable      bool           `yaml:"create_table" doc:"Create the table when it is not there."`
	StatusQuery      string         `yaml:"status_query" doc:"Query that tells whether the step happened, instead of the table: its first value is true or false; no row is false. With $1, $2 (postgres) or ? for status_args."`
	StatusArgs       []string       `yaml:"status_args" doc:"Arguments of status_query; templates."`
	ImplicitCommit   bool           `yaml:"implicit_commit" doc:"MySQL: the only statement commits by itself, such as ALTER TABLE, and cannot be rolled back."`
	LockTimeout      model.Duration `yaml:"lock_timeout" doc:"How long a statement may wait for a lock, and others behind it; a lower limit of the server holds. MySQL has whole seconds."`
	StatementTimeout model.Duration `yaml:"statement_timeout" doc:"How long one statement may take; a lower limit of the server holds."`
	Plan             string         `yaml:"plan" doc:"What a preview does: describe (connect and look), or rehearse (run the transaction and roll it back, with the locks that it takes)."`
}

// Statement is one statement, or a file of them.
type Statement struct {
	SQL  string   `yaml:"sql" doc:"One statement. It is no template: it has $1, $2 (postgres) or ? for args."`
	File string   `yaml:"file" doc:"Absolute path of a file of statements, read when the step runs; a template. A comment -- rows: 12 before a statement says how many rows it must find."`
	Args []string `yaml:"args" doc:"Arguments, bound and never written into the statement; templates."`
	Rows Rows     `yaml:"rows" doc:"How many rows the statement must find: 12, \">=1\", \"<5\" or 1-20; another number rolls everything back. Default: any number."`
}

// The choices of plan.
const (
	planDescribe = "describe"
	planRehearse = "rehearse"
)

// Kind is the kind sql.
func Kind() actions.Kind {
	return actions.NewKind(func() *Settings {
		return &Settings{
			Table: "guardian_steps", CreateTable: true, Plan: planDescribe,
			LockTimeout: model.Duration(5 * time.Second), StatementTimeout: model.Duration(30 * time.Second),
		}
	}, newStep)
}

// Validate joins every mistake.
func (s *Settings) Validate() error {
	_, err := newStep(*s, actions.Env{})
	return err
}

// part is one of the settings' statements, parsed.
type part struct {
	at         string // where it stands in the settings
	statements []statement
	file       actions.Template
	args       []actions.Template
	rows       Rows
}

var (
	tableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)?$`)
	// templated finds what looks like a template in a statement: {{1,2}} is an array of PostgreSQL.
	templated = regexp.MustCompile(`\{\{-?\s*[.$(A-Za-z]`)
)

func newStep(s Settings, env actions.Env) (*step, error) {
	var p actions.Templates
	out := &step{s: s, env: env, address: sqldb.Address{Driver: s.Driver, DSN: s.DSN}}
	out.local.Learn(out.address.Secrets()...)
	p.Add(out.address.Validate(""))
	if len(s.Statements) == 0 {
		p.Fail("statements: are missing; write at least one")
	}
	for i, st := range s.Statements {
		out.parts = append(out.parts, st.parse(fmt.Sprintf("statements[%d].", i), s, &p))
	}
	switch {
	case s.StatusQuery != "":
		if templated.MatchString(s.StatusQuery) {
			p.Fail("status_query: is no template; name parameters and give status_args")
		}
	case len(s.StatusArgs) > 0:
		p.Fail("status_args: there is no status_query")
	case s.Table == "":
		p.Fail("table: is missing; name a table, or give a status_query: without one nobody knows after a crash whether the step happened")
	case !tableName.MatchString(s.Table):
		p.Fail("table: %q is not the plain name of a table, such as guardian_steps or ops.guardian_steps", s.Table)
	}
	for i, a := range s.StatusArgs {
		out.statusArgs = append(out.statusArgs, p.Parse(fmt.Sprintf("status_args[%d]", i), a))
	}
	if s.LockTimeout <= 0 {
		p.Fail("lock_timeout: must be more than zero: a statement that waits for a lock makes others wait")
	}
	if s.StatementTimeout <= 0 {
		p.Fail("statement_timeout: must be more than zero")
	}
	if s.Plan != planDescribe && s.Plan != planRehearse {
		p.Fail("plan: %q is not one of describe, rehearse", s.Plan)
	}
	if s.ImplicitCommit {
		switch {
		case s.Driver != sqldb.MySQL:
			p.Fail("implicit_commit: is for mysql; statements of %s are rolled back together", s.Driver)
		case s.Plan == planRehearse:
			p.Fail("plan: a statement that commits by itself cannot be rehearsed; write describe")
		case len(s.Statements) > 1:
			p.Fail("implicit_commit: only the single statement of a step may commit by itself; give each a step of its own")
		}
	}
	if err := p.Err(); err != nil {
		return nil, err
	}
	return out, nil
}

// parse parses one entry of the statements.
func (st Statement) parse(at string, s Settings, p *actions.Templates) part {
	out := part{at: at, rows: st.Rows}
	for i, a := range st.Args {
		out.args = append(out.args, p.Parse(fmt.Sprintf("%sargs[%d]", at, i), a))
	}
	switch {
	case st.SQL != "" && st.File != "":
		p.Fail("%sfile: there is sql already; remove one of them", at)
	case st.File != "":
		if out.file = p.Parse(at+"file", st.File); !path.IsAbs(st.File) {
			p.Fail("%sfile: %q is not an absolute path", at, st.File)
		}
	case st.SQL == "":
		p.Fail("%ssql: is missing; write a statement, or name a file", at)
	case templated.MatchString(st.SQL):
		p.Fail("%ssql: is no template; name parameters and give args: what is bound cannot change the statement", at)
	default:
		all, err := split(s.Driver, st.SQL)
		if err == nil && len(all) > 1 {
			err = fmt.Errorf("it holds %d statements; make each an entry of its own", len(all))
		}
		if err != nil {
			p.Fail("%ssql: %w", at, err)
			return out
		}
		if why := s.refuses(all[0]); !why.IsZero() {
			p.Fail("%ssql: %s", at, why)
		} else if s.ImplicitCommit && !all[0].commits() {
			p.Fail("implicit_commit: %s does not commit by itself; remove it", all[0].verb())
		}
		if st.Rows != "" && !all[0].counts(s.Driver) {
			p.Fail("%srows: %s finds no rows", at, all[0].verb())
		}
		out.statements = all
	}
	return out
}
