package pg_test

import (
	"testing"

	"github.com/jackc/pgx/v5"

	"guardian/test/pg"
)

func TestStart_GivesEachCallADatabaseOfItsOwn(t *testing.T) {
	for range 2 {
		conn, err := pgx.Connect(t.Context(), pg.Start(t))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Exec(t.Context(), "CREATE TABLE one (id BIGINT)"); err != nil {
			t.Errorf("the database is not fresh: %v", err)
		}
		if err := conn.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
}
