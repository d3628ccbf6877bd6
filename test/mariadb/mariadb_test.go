package mariadb_test

import (
	"database/sql"
	"testing"

	"guardian/test/mariadb"
)

func TestStart_GivesEachCallADatabaseOfItsOwn(t *testing.T) {
	for range 2 {
		db, err := sql.Open("mysql", mariadb.Start(t))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := db.Exec("CREATE TABLE one (id BIGINT)"); err != nil {
			t.Errorf("the database is not fresh: %v", err)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}
}
