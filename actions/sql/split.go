package sql

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"guardian/internal/sqldb"
)

// statement is one statement as the server gets it.
type statement struct {
	text string
	line int // on which it begins
	rows Rows
	// words are those outside of quotes, comments and parentheses, in capitals.
	words []string
	// names are all words and quoted names, in lower case.
	names map[string]bool
}

// verb is the word that says what a statement does: that behind the common table expressions of WITH.
func (s statement) verb() string {
	switch {
	case strings.HasPrefix(s.text, "("):
		return "SELECT" // it, or a union of several, in parentheses
	case len(s.words) == 0:
		return ""
	case s.words[0] != "WITH":
		return s.words[0]
	}
	for _, w := range s.words[1:] {
		if slices.Contains([]string{"SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "REPLACE", "VALUES", "TABLE"}, w) {
			return w
		}
	}
	return "WITH"
}

// summary is the beginning of a statement in one line.
func (s statement) summary() string {
	const limit = 100
	line := strings.Join(strings.Fields(s.text), " ")
	if r := []rune(line); len(r) > limit {
		line = string(r[:limit]) + "…"
	}
	return line
}

// rowsComment is how a file says how many rows a statement must find.
var rowsComment = regexp.MustCompile(`^--\s*rows:\s*(.+)$`)

// wholeMigrations find files that hold the way back and the way there: to run all of it would do both.
var wholeMigrations = regexp.MustCompile(`(?mi)^--\s*(\+goose\s+up|\+migrate\s+up|migrate:up)\b`)

// splitter splits a text into statements, as the server's own parser would.
type splitter struct {
	driver string
	text   string
	at     int
	line   int
	depth  int // of parentheses
	block  int // of BEGIN … END in the body of a trigger or a routine
	start  int // of the current statement; -1: none has begun
	now    statement
	ended  int // the line on which the last statement ended; 0: none has
	out    []statement
}

// split splits a text into its statements. What only a client understands, and what hides from us what
// the server would do, is an error.
func split(driver, text string) ([]statement, error) {
	if m := wholeMigrations.FindString(text); m != "" {
		return nil, fmt.Errorf("it holds both directions (%s): give a file with the way back alone", strings.TrimSpace(m))
	}
	s := &splitter{driver: driver, text: text, line: 1, start: -1}
	for s.at < len(s.text) {
		if err := s.token(); err != nil {
			return nil, fmt.Errorf("line %d: %w", s.line, err)
		}
	}
	s.end()
	if len(s.out) == 0 {
		return nil, fmt.Errorf("it holds no statement")
	}
	return s.out, nil
}

// token takes the next piece of the text.
func (s *splitter) token() error {
	c, rest := s.text[s.at], s.text[s.at:]
	switch {
	case c == '\n', c == ' ', c == '\t', c == '\r', c == '\f', c == '\v':
		s.take(1)
		return nil
	case s.lineComment(rest):
		return s.comment(rest)
	case strings.HasPrefix(rest, "/*"):
		return s.blockComment(rest)
	case c == ';' && s.block == 0:
		s.end()
		s.take(1)
		return nil
	}
	s.begin()
	switch {
	case c == '\\' && s.at == s.start:
		return fmt.Errorf("a command of a client such as psql is no statement")
	case c == '\'' || c == '"' || c == '`' || c == '[' && s.driver == sqldb.SQLite:
		return s.quoted(c)
	case c == '$' && s.driver == sqldb.Postgres:
		return s.dollar(rest)
	case isWord(c):
		return s.word(rest)
	case c == '(':
		s.depth++
	case c == ')':
		s.depth--
	}
	s.take(1)
	return nil
}

// take goes on by n bytes.
func (s *splitter) take(n int) {
	s.line += strings.Count(s.text[s.at:s.at+n], "\n")
	s.at += n
}

// begin begins a statement, unless one has begun.
func (s *splitter) begin() {
	if s.start >= 0 {
		return
	}
	s.start, s.depth, s.block = s.at, 0, 0
	s.now.line, s.now.names = s.line, map[string]bool{}
}

// end ends the current statement, if there is one.
func (s *splitter) end() {
	if s.start >= 0 {
		s.now.text = strings.TrimSpace(s.text[s.start:s.at])
		s.out = append(s.out, s.now)
		s.now = statement{}
	}
	s.start, s.ended = -1, s.line
}

func (s *splitter) lineComment(rest string) bool {
	if s.driver != sqldb.MySQL {
		return strings.HasPrefix(rest, "--")
	}
	return rest[0] == '#' || rest == "--" || strings.HasPrefix(rest, "--") && rest[2] <= ' '
}

// comment takes a comment to the end of the line, and what it says about rows: of the statement in
// which it stands, of one that ended on the same line, or of the next one.
func (s *splitter) comment(rest string) error {
	line, _, _ := strings.Cut(rest, "\n")
	if m := rowsComment.FindStringSubmatch(strings.TrimSpace(line)); m != nil {
		of := &s.now
		if s.start < 0 && s.ended == s.line && len(s.out) > 0 {
			of = &s.out[len(s.out)-1]
		}
		if of.rows != "" {
			return fmt.Errorf("says a second time how many rows the statement must find")
		}
		if err := of.rows.UnmarshalText([]byte(m[1])); err != nil {
			return err
		}
	}
	s.take(len(line))
	return nil
}

// blockComment takes a comment. MySQL runs what stands in some of them.
func (s *splitter) blockComment(rest string) error {
	if s.driver == sqldb.MySQL && (strings.HasPrefix(rest, "/*!") || strings.HasPrefix(rest, "/*M!")) {
		return fmt.Errorf("the server runs what stands in a comment /*! */: write it as a statement")
	}
	depth, i := 0, 0
	for i < len(rest) {
		switch {
		case strings.HasPrefix(rest[i:], "/*") && (depth == 0 || s.driver == sqldb.Postgres):
			depth, i = depth+1, i+2
		case strings.HasPrefix(rest[i:], "*/"):
			if depth, i = depth-1, i+2; depth == 0 {
				s.take(i)
				return nil
			}
		default:
			i++
		}
	}
	return fmt.Errorf("a comment does not end")
}

// quoted takes a text or a name in quotes.
func (s *splitter) quoted(open byte) error {
	end, escapes := open, false
	switch {
	case open == '[':
		end = ']'
	case s.driver == sqldb.MySQL:
		escapes = open != '`'
	case s.driver == sqldb.Postgres && open == '\'':
		escapes = s.at > s.start && (s.text[s.at-1] == 'E' || s.text[s.at-1] == 'e') && (s.at-1 == s.start || !isWord(s.text[s.at-2]))
	}
	for i := s.at + 1; i < len(s.text); i++ {
		switch {
		case escapes && s.text[i] == '\\':
			i++
		case s.text[i] == end && i+1 < len(s.text) && s.text[i+1] == end && open != '[':
			i++ // doubled: it stands for itself
		case s.text[i] == end:
			if open != '\'' {
				s.now.names[strings.ToLower(s.text[s.at+1:i])] = true
			}
			s.take(i + 1 - s.at)
			return nil
		}
	}
	return fmt.Errorf("a quotation %c does not end", open)
}

var dollarQuote = regexp.MustCompile(`^\$([A-Za-z_\x80-\xff][A-Za-z0-9_\x80-\xff]*)?\$`)

// dollar takes a text in dollar quotes, or a parameter such as $1.
func (s *splitter) dollar(rest string) error {
	tag := dollarQuote.FindString(rest)
	if tag == "" || s.at > 0 && isWord(s.text[s.at-1]) {
		s.take(1)
		return nil
	}
	i := strings.Index(rest[len(tag):], tag)
	if i < 0 {
		return fmt.Errorf("a quotation %s does not end", tag)
	}
	s.take(i + 2*len(tag))
	return nil
}

func isWord(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}

// word takes a word, and follows the blocks of a trigger's or a routine's body.
func (s *splitter) word(rest string) error {
	n := 0
	for n < len(rest) && isWord(rest[n]) {
		n++
	}
	w := strings.ToUpper(rest[:n])
	s.now.names[strings.ToLower(w)] = true
	if len(s.now.words) == 0 && w == "DELIMITER" && s.depth == 0 {
		return fmt.Errorf("DELIMITER is a command of the client mysql: leave it out, each ; outside of BEGIN … END ends a statement")
	}
	if s.depth == 0 {
		s.follow(w, strings.ToUpper(nextWord.FindString(rest[n:])))
		s.now.words = append(s.now.words, w)
	}
	s.take(n)
	return nil
}

var nextWord = regexp.MustCompile(`^\s+[A-Za-z]+`)

// follow counts the blocks that are open after a word.
func (s *splitter) follow(w, next string) {
	if s.block == 0 && (w != "BEGIN" || !s.hasBody()) {
		return
	}
	switch {
	case w == "END" && slices.Contains([]string{"IF", "LOOP", "WHILE", "REPEAT", "FOR"}, strings.TrimSpace(next)):
	case w == "CASE" && s.now.words[len(s.now.words)-1] == "END": // it ends one
	case w == "BEGIN", w == "CASE":
		s.block++
	case w == "END":
		s.block--
	}
}

// hasBody tells whether the statement creates something that has statements of its own.
func (s *splitter) hasBody() bool {
	return len(s.now.words) > 0 && s.now.words[0] == "CREATE" && slices.ContainsFunc(s.now.words, func(w string) bool {
		return w == "TRIGGER" || w == "FUNCTION" || w == "PROCEDURE" || w == "EVENT"
	})
}
