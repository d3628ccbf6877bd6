// Package sql is the kind of step sql: statements in one transaction on the database of a service, such
// as a reverse migration.
//
// The transaction itself records the step's intent in a table, so that after a crash the database tells
// whether it happened (marker.go). split.go reads statements as the server would, refuse.go names those
// that end a transaction, session.go is what differs between PostgreSQL, MySQL and SQLite, and step.go
// does it. Start at Settings, then step.do.
package sql
