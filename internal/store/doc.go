// Package store is the journal: everything that happened and must survive, in SQLite or
// PostgreSQL, with one set of migrations and queries.
//
// Facts are written as a Batch in one transaction by whoever holds the lease; a batch whose
// fencing token is no longer the lease's is refused with ErrFenced and writes nothing.
// Reads need no lease. It decides nothing. Start at Store.Commit.
package store
