// Package store is the journal: the guardian's durable state and history, in SQLite or
// PostgreSQL, with one set of migrations and queries for both.
//
// The holder of the lease writes facts as a Batch in one transaction. A batch whose fencing
// token is not that of the current lease is rejected with ErrFenced, and nothing is written.
// Reads need no lease. It decides nothing. Start at Store.Commit.
package store
