package sql

import (
	"slices"
	"strings"

	"guardian/internal/reason"
	"guardian/internal/sqldb"
)

// refusal tells why a statement cannot be one of several in a transaction; zero: it can.
func (s statement) refusal(driver string) reason.Reason {
	switch {
	case s.controls(driver):
		return reason.New("sql_controls_transaction", "statement", s.summary(), "line", s.line)
	case driver == sqldb.MySQL && s.commits():
		return reason.New("sql_commits_implicitly", "statement", s.summary(), "line", s.line)
	}
	return reason.Reason{}
}

// begins tells whether a statement's words begin with those of a phrase.
func (s statement) begins(phrase string) bool {
	want := strings.Fields(phrase)
	return len(s.words) >= len(want) && slices.Equal(s.words[:len(want)], want)
}

// controls tells whether a statement begins or ends a transaction, or a part of one.
func (s statement) controls(driver string) bool {
	phrases := []string{
		"BEGIN", "START TRANSACTION", "COMMIT", "END", "ROLLBACK", "ABORT", "SAVEPOINT", "RELEASE", "PREPARE TRANSACTION", "XA", "SET AUTOCOMMIT",
	}
	if slices.ContainsFunc(phrases, s.begins) {
		return true
	}
	return driver == sqldb.MySQL && s.begins("SET") && slices.Contains(s.words, "AUTOCOMMIT")
}

// commits tells whether MySQL or MariaDB may end the transaction by itself at a statement. Those that
// never do are few: all others count as if they did, so that a new kind of statement is not taken for a
// harmless one.
func (s statement) commits() bool {
	switch verb := s.verb(); verb {
	case "SELECT", "VALUES", "TABLE", "INSERT", "REPLACE", "UPDATE", "DELETE", "DO":
		return false
	case "SET":
		// SET STATEMENT … FOR runs any other statement; SET PASSWORD commits.
		return len(s.words) > 1 && (s.words[1] == "STATEMENT" || s.words[1] == "PASSWORD")
	default:
		return !s.begins("CREATE TEMPORARY TABLE") && !s.begins("DROP TEMPORARY TABLE")
	}
}

// reads tells whether the rows of a statement are those that it gives, and not those that it changes.
func (s statement) reads(driver string) bool {
	switch s.verb() {
	case "SELECT", "VALUES", "TABLE", "SHOW", "EXPLAIN", "DESCRIBE", "PRAGMA":
		return true
	default:
		// MariaDB counts no rows where it gives them.
		return driver == sqldb.MySQL && slices.Contains(s.words, "RETURNING")
	}
}

// counts tells whether a number of rows can be expected of a statement.
func (s statement) counts(driver string) bool {
	switch s.verb() {
	case "INSERT", "REPLACE", "UPDATE", "DELETE", "MERGE":
		return true
	default:
		return s.reads(driver)
	}
}
