package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// Fence is a fencing token. It increases by one each time the lease is acquired. The zero
// value is never valid.
type Fence int64

// Unfenced is the fence for facts that need no lease: heartbeats, audit, silences, overrides and tokens,
// which any guardian may write.
const Unfenced Fence = -1

// Lease is the right to act, which one guardian at a time holds.
type Lease struct {
	Holder string    // the holder's name, unique per process
	Addr   string    // address of the holder's API
	Token  Fence     // the fence for Commit
	Until  time.Time // by the database's clock, UTC
	// ValidUntil is Until by this process's monotonic clock, counted from before the request was
	// sent: the holder may act until then. It is zero for the lease of another process.
	ValidUntil time.Time
	// Dead is the lease that was taken although it had not expired, because its process was proved to be
	// gone; nil: there was none.
	Dead *Lease
}

// longestLease is the longest lease that a configuration can request.
const longestLease = 10 * time.Minute

// longestWait is longer than a statement waits for SQLite's lock: its clock is read when it
// begins to wait, so a lease that was taken meanwhile may last that much longer by it.
const longestWait = 5 * time.Minute

// Acquire takes the lease if it is free or expired. Otherwise it returns the current lease and
// false, also to a process with the holder's name: a restarted guardian waits until its former
// lease expires.
//
// With Options.ForLife a lease that has not expired is taken, too, if the process that holds it is
// proved to be gone: this process has the lock that the lease names, with its token, which one that took
// the lease without the lock does not.
//
// If PostgreSQL's clock is set back, the lease lasts longer by as much. In SQLite, a lease that
// ends later than any lease can was acquired before the machine's clock was set back, by a
// process that no longer runs; it counts as expired.
func (s *Store) Acquire(ctx context.Context, holder, addr string, ttl time.Duration) (Lease, bool, error) {
	sent := s.now()
	// A single statement: of two concurrent ones, the second waits for the lock on the row and
	// then finds the condition false.
	clock := s.db.clock()
	free := "until <= " + clock
	if s.db.kind == "sqlite" {
		free += fmt.Sprintf(" OR until > %s + %d", clock, max(ttl, longestLease)+longestWait)
	}
	proof := s.life.hold()
	var before Lease // that lasts
	if proof != "" {
		var err error
		if before, _, err = s.CurrentLease(ctx); err != nil {
			return Lease{}, false, err
		}
		free += " OR proof = $4 || ' ' || CAST(token AS TEXT) AND holder <> $1"
	}
	l, ok, err := scanLease(s.db.write.QueryRowContext(ctx, `UPDATE lease
		SET holder = $1, addr = $2, token = token + 1, until = `+clock+` + $3, proof = $4 || ' ' || CAST(token + 1 AS TEXT)
		WHERE id = 1 AND (`+free+`)
		RETURNING holder, addr, token, until`, text(holder), text(addr), int64(ttl), proof))
	if err != nil {
		return Lease{}, false, s.explain("take the lease", err)
	}
	if ok {
		l.ValidUntil = sent.Add(ttl)
		if before.Token > 0 && before.Token+1 == l.Token {
			l.Dead = &before
		}
		return l, true, nil
	}
	l, _, err = s.CurrentLease(ctx)
	return l, false, err
}

// Renew extends the lease to ttl from now. ErrFenced if it has expired or was taken over.
func (s *Store) Renew(ctx context.Context, l Lease, ttl time.Duration) (Lease, error) {
	sent := s.now()
	clock := s.db.clock()
	renewed, ok, err := scanLease(s.db.write.QueryRowContext(ctx, `UPDATE lease
		SET until = `+clock+` + $1
		WHERE id = 1 AND token = $2 AND until > `+clock+`
		RETURNING holder, addr, token, until`, int64(ttl), int64(l.Token)))
	if err != nil {
		return Lease{}, s.explain("renew the lease", err)
	}
	if !ok {
		s.metrics.fenced.Inc()
		return Lease{}, fmt.Errorf("renew the lease: %w", ErrFenced)
	}
	renewed.ValidUntil = sent.Add(ttl)
	return renewed, nil
}

// Release ends the lease, so that another guardian need not wait for it to expire. Releasing
// a lease that was lost already does nothing.
func (s *Store) Release(ctx context.Context, l Lease) error {
	_, err := s.db.write.ExecContext(ctx, "UPDATE lease SET until = 0 WHERE id = 1 AND token = $1", int64(l.Token))
	if err != nil {
		return s.explain("give the lease back", err)
	}
	return nil
}

// CurrentLease returns the lease; false if it has expired.
func (s *Store) CurrentLease(ctx context.Context) (Lease, bool, error) {
	l, ok, err := scanLease(s.db.read.QueryRowContext(ctx,
		"SELECT holder, addr, token, until FROM lease WHERE id = 1 AND until > "+s.db.clock()))
	if err != nil {
		return Lease{}, false, s.explain("read the lease", err)
	}
	return l, ok, nil
}

func scanLease(row *sql.Row) (Lease, bool, error) {
	var l Lease
	var token, until int64
	err := row.Scan(&l.Holder, &l.Addr, &token, &until)
	if errors.Is(err, sql.ErrNoRows) {
		return Lease{}, false, nil
	}
	if err != nil {
		return Lease{}, false, err
	}
	l.Token, l.Until = Fence(token), instant(until)
	return l, true, nil
}

// checkFence locks the lease's row until the end of the transaction, so that no other guardian
// can acquire it in between. It returns ErrFenced if the lease has another token or has expired.
func (s *Store) checkFence(ctx context.Context, tx *sql.Tx, fence Fence) error {
	if fence == Unfenced {
		return nil
	}
	var one int
	err := tx.QueryRowContext(ctx, "SELECT 1 FROM lease WHERE id = 1 AND token = $1 AND until > "+s.db.clock()+s.db.forUpdate,
		int64(fence)).Scan(&one)
	if errors.Is(err, sql.ErrNoRows) {
		return ErrFenced
	}
	return err
}
