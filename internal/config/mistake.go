package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Mistake is one error in a file.
type Mistake struct { //nolint:errname // a mistake is what people call it
	File    string `json:"file"`
	Line    int    `json:"line,omitempty"`   // from 1; 0: the file as a whole
	Column  int    `json:"column,omitempty"` // from 1; 0: the line as a whole
	Path    string `json:"path,omitempty"`   // of the key, such as checks[2].http.url
	Problem string `json:"problem"`
	Hint    string `json:"hint,omitempty"` // what to do
}

// Error returns "file:line:column: path: problem; hint", as compilers do.
func (m Mistake) Error() string {
	var b strings.Builder
	b.WriteString(m.File)
	if m.Line > 0 {
		fmt.Fprintf(&b, ":%d", m.Line)
		if m.Column > 0 {
			fmt.Fprintf(&b, ":%d", m.Column)
		}
	}
	b.WriteString(": ")
	if m.Path != "" {
		b.WriteString(m.Path + ": ")
	}
	b.WriteString(m.Problem)
	if m.Hint != "" {
		b.WriteString("; " + m.Hint)
	}
	return b.String()
}

// Mistakes are all mistakes of a configuration, sorted by file and line.
type Mistakes []Mistake //nolint:errname // as above

// Error returns one mistake per line.
func (ms Mistakes) Error() string {
	lines := make([]string, len(ms))
	for i, m := range ms {
		lines[i] = m.Error()
	}
	return strings.Join(lines, "\n")
}

// sorted returns the mistakes by file, line and column, without duplicates.
func (ms Mistakes) sorted() Mistakes {
	seen := map[Mistake]bool{}
	ms = slices.DeleteFunc(ms, func(m Mistake) bool {
		again := seen[m]
		seen[m] = true
		return again
	})
	slices.SortStableFunc(ms, func(a, b Mistake) int {
		return cmp.Or(strings.Compare(a.File, b.File), compareLast(a, b), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return ms
}

// compareLast puts the note about too many mistakes last.
func compareLast(a, b Mistake) int {
	switch {
	case a.Problem == tooMany && b.Problem != tooMany:
		return 1
	case b.Problem == tooMany && a.Problem != tooMany:
		return -1
	default:
		return 0
	}
}
