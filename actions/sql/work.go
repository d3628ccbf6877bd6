package sql

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path"

	"guardian/actions"
	"guardian/internal/reason"
)

// maxFile bounds a file of statements.
const maxFile = 1 << 20

// work is what one call runs.
type work struct {
	intent, service string
	runs            []bound
	statusArgs      []any
}

// bound is a statement with its arguments.
type bound struct {
	statement
	args []any
	rows Rows
}

// prepare fills in the templates and reads the files. It refuses what must not be tried; nothing is
// dialled.
func (s *step) prepare(call actions.Call) (work, error) {
	w := work{intent: call.Intent, service: call.Run.Service}
	if call.Run.Irreversible {
		return w, actions.Failure(reason.New("sql_irreversible", "version", call.Run.From))
	}
	data, err := call.Data()
	if err != nil {
		return w, err
	}
	if w.statusArgs, err = render(s.statusArgs, data); err != nil {
		return w, err
	}
	for _, p := range s.parts {
		args, err := render(p.args, data)
		if err != nil {
			return w, err
		}
		all := p.statements
		if !p.file.IsZero() {
			if all, err = s.read(p, data); err != nil {
				return w, err
			}
		}
		for _, st := range all {
			b := bound{statement: st, args: args, rows: st.rows}
			if p.rows != "" {
				b.rows = p.rows
			}
			w.runs = append(w.runs, b)
		}
	}
	if s.s.ImplicitCommit && len(w.runs) != 1 {
		return w, actions.Failure(reason.New("sql_commits_alone", "number", len(w.runs)))
	}
	return w, nil
}

// read reads a file of statements.
func (s *step) read(p part, data map[string]any) ([]statement, error) {
	name, err := p.file.Render(data)
	if err != nil {
		return nil, err
	}
	refuse := func(why any) ([]statement, error) {
		return nil, actions.Failure(reason.New("sql_file", "file", name, "error", why))
	}
	if path.Clean(name) != name {
		return refuse(reason.New("sql_file_path"))
	}
	text, err := readFile(name)
	if err != nil {
		return refuse(err)
	}
	all, err := split(s.s.Driver, text)
	if err != nil {
		return refuse(err)
	}
	if len(all) > 1 && (len(p.args) > 0 || p.rows != "") {
		return refuse(reason.New("sql_file_many", "number", len(all)))
	}
	for _, st := range all {
		if why := s.s.refuses(st); !why.IsZero() {
			return refuse(why)
		}
		if (st.rows != "" || p.rows != "") && !st.counts(s.s.Driver) {
			return refuse(reason.New("sql_finds_no_rows", "statement", st.summary(), "line", st.line))
		}
	}
	return all, nil
}

func readFile(name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		var pe *fs.PathError
		if errors.As(err, &pe) {
			err = pe.Err // the path is in the reason already
		}
		return "", err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(b) > maxFile {
		err = errors.New("it is longer than 1 MiB")
	}
	return string(b), err
}

// refuses tells why a statement cannot be run by a step with these settings; zero: it can.
func (s *Settings) refuses(st statement) reason.Reason {
	if s.ImplicitCommit && !st.controls(s.Driver) {
		return reason.Reason{}
	}
	return st.refusal(s.Driver)
}

func render(templates []actions.Template, data map[string]any) ([]any, error) {
	var out []any
	for _, t := range templates {
		text, err := t.Render(data)
		if err != nil {
			return nil, err
		}
		out = append(out, text)
	}
	return out, nil
}
