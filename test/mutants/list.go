package main

import (
	_ "embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

//go:embed mutants.txt
var list string

// mutant is one fault: a text of a file that is replaced by another one.
type mutant struct {
	name  string   // what the program does wrong
	file  string   // relative to the root of the tree
	tests []string // packages, of which one must fail
	run   string   // go test's -run; "": all tests
	old   string
	new   string
}

// parse reads a list: for each mutant a line "== name", lines "file …" and "test …", and, as in a
// diff, lines "-…" of the old text and "+…" of the new one. Blank lines and lines that begin with #
// are comments.
func parse(list string) ([]mutant, error) {
	var all []mutant
	for i, line := range strings.Split(list, "\n") {
		if name, ok := strings.CutPrefix(line, "== "); ok {
			all = append(all, mutant{name: name})
			continue
		}
		if strings.TrimSpace(line) == "" || line[0] == '#' {
			continue
		}
		if len(all) == 0 {
			return nil, fmt.Errorf("line %d stands before the first mutant", i+1)
		}
		m := &all[len(all)-1]
		key, value, _ := strings.Cut(line, " ")
		switch {
		case line[0] == '-':
			m.old += line[1:] + "\n"
		case line[0] == '+':
			m.new += line[1:] + "\n"
		case key == "file":
			m.file = value
		case key == "test":
			m.tests = strings.Fields(value)
		case key == "run":
			m.run = strings.TrimSpace(value) // two spaces would choose no test
		default:
			return nil, fmt.Errorf("line %d: %q is none of ==, file, test, run, - and +", i+1, line)
		}
	}
	for i := range all {
		m := &all[i]
		m.old, m.new = strings.TrimSpace(m.old), strings.TrimSpace(m.new)
		if m.file == "" || len(m.tests) == 0 || m.old == "" || m.old == m.new {
			return nil, fmt.Errorf("mutant %q: it needs a file, a package whose tests must fail, and an old text that is not the new one", m.name)
		}
	}
	return all, nil
}

// errMoved says that a mutant does not fit the code.
var errMoved = errors.New("the code moved on: mend test/mutants/mutants.txt")

// apply gives the mutant's file with the fault in it.
func (m mutant) apply(root string) (string, error) {
	b, err := os.ReadFile(filepath.Join(root, m.file))
	if err != nil {
		return "", fmt.Errorf("mutant %q: %w: %w", m.name, errMoved, err)
	}
	if n := strings.Count(string(b), m.old); n != 1 {
		return "", fmt.Errorf("mutant %q: %w: the old text is in %s %d times, not once:\n%s", m.name, errMoved, m.file, n, m.old)
	}
	return strings.Replace(string(b), m.old, m.new, 1), nil
}
