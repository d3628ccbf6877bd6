package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// Fence is a fencing token: it grows by one each time that the lease is taken. The zero
// value is never valid.
type Fence int64

// Unfenced stands for "no lease needed": heartbeats, audit, silences and tokens, which any
// guardian may write.
const Unfenced Fence = -1

// Lease says who acts.
type Lease struct {
	Holder string    // who holds it, unique per process
	Addr   string    // where the holder's API is reached
	Token  Fence     // what Commit wants to see
	Until  time.Time // by the database's clock, UTC
	// ValidUntil is Until by this process's own monotonic clock, reckoned from before the
	// question was sent: the holder may act while it is in the future. Zero for a lease of
	// somebody else.
	ValidUntil time.Time
}

// longestLease is the longest that a configuration may ask for.
const longestLease = 10 * time.Minute

// Acquire takes the lease when it is free or has run out. When another holds it, it gives
// that lease and false. A holder that is started again waits for its former lease to run out.
// Setting PostgreSQL's clock back makes the lease last longer by as much; in SQLite, a lease
// that is longer than any may be was taken before the machine's clock was set back, by a
// process that is gone, and is free.
func (s *Store) Acquire(ctx context.Context, holder, addr string, ttl time.Duration) (Lease, bool, error) {
	sent := s.now()
	// One statement: of two that try at once, the second waits for the first's row and then
	// finds that the condition no longer holds.
	clock := s.db.clock()
	free := "until <= " + clock
	if s.db.kind == "sqlite" {
		free += fmt.Sprintf(" OR until > %s + %d", clock, max(ttl, longestLease))
	}
	l, ok, err := scanLease(s.db.write.QueryRowContext(ctx, `UPDATE lease
		SET holder = $1, addr = $2, token = token + 1, until = `+clock+` + $3
		WHERE id = 1 AND (`+free+`)
		RETURNING holder, addr, token, until`, text(holder), text(addr), int64(ttl)))
	if err != nil {
		return Lease{}, false, s.explain("take the lease", err)
	}
	if ok {
		l.ValidUntil = sent.Add(ttl)
		return l, true, nil
	}
	l, _, err = s.CurrentLease(ctx)
	return l, false, err
}

// Renew makes the lease last ttl from now. ErrFenced when it has run out or was taken.
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

// Release gives the lease back, so that another need not wait for it to run out. It is no
// error when it was lost already.
func (s *Store) Release(ctx context.Context, l Lease) error {
	_, err := s.db.write.ExecContext(ctx, "UPDATE lease SET until = 0 WHERE id = 1 AND token = $1", int64(l.Token))
	if err != nil {
		return s.explain("give the lease back", err)
	}
	return nil
}

// CurrentLease gives the lease that has not run out; false when there is none.
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

// checkFence locks the lease until the transaction ends, so that nobody takes it in between,
// and gives ErrFenced when it is not the caller's or has run out.
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
