package sqldb_test

import (
	"strings"
	"testing"

	"guardian/internal/secret"
	"guardian/internal/sqldb"
)

func TestAddressesAreShownWithoutTheirSecrets(t *testing.T) {
	const password = "correct-horse-9"
	for dsn, c := range map[string]struct{ driver, place string }{
		"postgres://shop:" + password + "@db.internal:5433/shop":           {sqldb.Postgres, "db.internal:5433"},
		"host=db.internal user=shop password=" + password + " dbname=shop": {sqldb.Postgres, "db.internal:5432"},
		"shop:" + password + "@tcp(db.internal:3307)/shop":                 {sqldb.MySQL, "db.internal:3307"},
		"/var/lib/shop.db":                 {sqldb.SQLite, "/var/lib/shop.db"},
		"file:/var/lib/shop.db?mode=ro":    {sqldb.SQLite, "/var/lib/shop.db"},
		"a-stand-in-where-no-secrets-are=": {sqldb.MySQL, ""},
	} {
		a := sqldb.Address{Driver: c.driver, DSN: secret.New(dsn)}
		if err := a.Validate(""); err != nil {
			t.Errorf("%s: %v", dsn, err)
		}
		if got := a.Place(); got != c.place {
			t.Errorf("%s is at %q, want %q", dsn, got, c.place)
		}
		var r secret.Redactor
		r.Learn(a.Secrets()...)
		if got := r.Redact("failed: " + password + ", " + dsn); strings.Contains(dsn, password) && strings.Contains(got, password) {
			t.Errorf("it shows %q", got)
		}
	}
}

func TestAnAddressOfAnotherDatabaseIsAMistake(t *testing.T) {
	for dsn, c := range map[string]struct{ driver, want string }{
		"mysql://shop:hunter2@db/shop":    {sqldb.MySQL, "user:password@tcp(host:3306)/db"},
		"shop:hunter2@tcp(db:3306)/":      {sqldb.MySQL, "user:password@tcp(host:3306)/db"},
		"shop:hunter2@db:3306/shop":       {sqldb.MySQL, "user:password@tcp(host:3306)/db"},
		"shop:hunter2@tcp(db:3306)/shop":  {sqldb.Postgres, "postgres://user@host/db"},
		"mysql://shop:hunter2@db/shop?a=": {sqldb.Postgres, "postgres://user@host/db"},
		"":                                {sqldb.SQLite, "is missing"},
	} {
		err := sqldb.Address{Driver: c.driver, DSN: secret.New(dsn)}.Validate("")
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: %v", dsn, err)
		}
	}
	if _, err := (sqldb.Address{Driver: "oracle", DSN: secret.New("x")}).Open(); err == nil || !strings.Contains(err.Error(), "oracle") {
		t.Error(err)
	}
}
