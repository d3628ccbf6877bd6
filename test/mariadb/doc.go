// Package mariadb starts a real MariaDB for tests: one server per test process, a fresh database per
// call. It needs the server's programs (mariadbd, mariadb-install-db) on the machine and no network but
// the loopback.
//
// Only tests import it. Start at Start.
package mariadb
