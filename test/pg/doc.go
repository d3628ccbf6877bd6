// Package pg starts a real PostgreSQL for tests: one server per test process, a fresh
// database per call. It needs the server's programs (initdb, postgres) on the machine and no
// network but the loopback.
//
// Only tests import it. Start at Start.
package pg
