package sql_test

import (
	"slices"
	"strings"
	"testing"

	step "guardian/actions/sql"
	"guardian/internal/sqldb"
)

func TestStatementsAreSplitAsTheServerDoes(t *testing.T) {
	for name, c := range map[string]struct {
		driver, text string
		want         []string
	}{
		"plain":                       {"postgres", "UPDATE a SET b = 1;\n\nDELETE FROM c;", []string{"UPDATE a SET b = 1", "DELETE FROM c"}},
		"no end":                      {"postgres", "SELECT 1", []string{"SELECT 1"}},
		"a text":                      {"postgres", "SELECT 'a;b''c;d'; SELECT 2", []string{"SELECT 'a;b''c;d'", "SELECT 2"}},
		"a backslash in a text":       {"postgres", `SELECT 'a\'; SELECT 2`, []string{`SELECT 'a\'`, "SELECT 2"}},
		"a text with escapes":         {"postgres", `SELECT E'a\';b'; SELECT 2`, []string{`SELECT E'a\';b'`, "SELECT 2"}},
		"escapes of MySQL":            {"mysql", `SELECT 'a\';b', "c\";d"; SELECT 2`, []string{`SELECT 'a\';b', "c\";d"`, "SELECT 2"}},
		"a name":                      {"postgres", `SELECT "a;b"; SELECT 2`, []string{`SELECT "a;b"`, "SELECT 2"}},
		"names of MySQL":              {"mysql", "SELECT `a;b`; SELECT 2", []string{"SELECT `a;b`", "SELECT 2"}},
		"names of SQLite":             {"sqlite", "SELECT [a;b]; SELECT 2", []string{"SELECT [a;b]", "SELECT 2"}},
		"an array":                    {"postgres", "SELECT a[1]; SELECT 2", []string{"SELECT a[1]", "SELECT 2"}},
		"comments":                    {"postgres", "-- a;\nSELECT 1 /* b; /* c; */ ; */ + 1; -- d;\n", []string{"SELECT 1 /* b; /* c; */ ; */ + 1"}},
		"comments of MySQL":           {"mysql", "# a;\nSELECT 1--1; -- b;\nSELECT 2", []string{"SELECT 1--1", "SELECT 2"}},
		"a sharp in PostgreSQL":       {"postgres", "SELECT 5 # 3; SELECT 2", []string{"SELECT 5 # 3", "SELECT 2"}},
		"dollar quotes":               {"postgres", "DO $$ BEGIN a; END $$; DO $x$ $$; $x$; SELECT $1; SELECT a$b$c", []string{"DO $$ BEGIN a; END $$", "DO $x$ $$; $x$", "SELECT $1", "SELECT a$b$c"}},
		"a body that is SQL":          {"postgres", "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; END; SELECT 3", []string{"CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; END", "SELECT 3"}},
		"a trigger of SQLite":         {"sqlite", "CREATE TRIGGER t AFTER UPDATE ON a BEGIN DELETE FROM b; DELETE FROM c; END; SELECT 3", []string{"CREATE TRIGGER t AFTER UPDATE ON a BEGIN DELETE FROM b; DELETE FROM c; END", "SELECT 3"}},
		"a routine of MySQL":          {"mysql", "CREATE PROCEDURE p() BEGIN IF 1 THEN SELECT 1; END IF; CASE 1 WHEN 1 THEN SELECT 2; END CASE; END; SELECT 3", []string{"CREATE PROCEDURE p() BEGIN IF 1 THEN SELECT 1; END IF; CASE 1 WHEN 1 THEN SELECT 2; END CASE; END", "SELECT 3"}},
		"semicolons without anything": {"sqlite", ";;SELECT 1;;\n;", []string{"SELECT 1"}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := step.Split(c.driver, c.text)
			if err != nil || !slices.Equal(got, c.want) {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}

func TestWhatIsNoStatementIsRefused(t *testing.T) {
	for text, want := range map[string]string{
		"":                                    "no statement",
		"-- nothing":                          "no statement",
		"SELECT 1;\n\\connect other":          "line 2: a command of a client",
		"DELIMITER //\nSELECT 1//":            "DELIMITER is a command of the client",
		"SELECT 'a":                           "does not end",
		"SELECT 1 /* a":                       "a comment does not end",
		"SELECT 1;\nSELECT 2 /*!40000 + 1 */": "line 2: the server runs what stands in a comment",
		"-- +goose Up\nSELECT 1;\n-- +goose Down": "both directions",
		"-- migrate:up\nSELECT 1":                 "both directions",
		"-- rows: many\nSELECT 1":                 `"many" is not one of the forms`,
		"-- rows: 1\n-- rows: 2\nSELECT 1":        "a second time",
	} {
		if _, err := step.Split(sqldb.MySQL, text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want …%s…", text, err, want)
		}
	}
}

func TestRows(t *testing.T) {
	for text, c := range map[string]struct{ yes, no []int64 }{
		"12": {[]int64{12}, []int64{0, 11, 13}}, ">=1": {[]int64{1, 1e9}, []int64{0}}, "> 1": {[]int64{2}, []int64{1}}, "<= 3": {[]int64{0, 3}, []int64{4}},
		"<3": {[]int64{0, 2}, []int64{3}}, "1-20": {[]int64{1, 20}, []int64{0, 21}}, "0": {[]int64{0}, []int64{1}},
	} {
		var r step.Rows
		if err := r.UnmarshalText([]byte(text)); err != nil || string(r) != text {
			t.Fatalf("%s: %v", text, err)
		}
		for _, n := range c.yes {
			if !step.Accept(r, n) {
				t.Errorf("%s does not accept %d", text, n)
			}
		}
		for _, n := range c.no {
			if step.Accept(r, n) {
				t.Errorf("%s accepts %d", text, n)
			}
		}
	}
	for _, text := range []string{"", "many", "-1", "5-3", "<0", "=3", "1.5", ">=1 <=3", "99999999999999999999"} {
		var r step.Rows
		if err := r.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is accepted", text)
		}
	}
}
