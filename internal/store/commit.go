package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/oklog/ulid/v2"

	"guardian/actions"
	"guardian/decide"
	"guardian/notifiers"
	"guardian/watch"
)

// attempts is how often a transaction is tried when it fails with a serialization error or a
// deadlock.
const attempts = 3

// Commit writes the batch in one transaction, which is on disk when it returns. If the fence
// is not the token of the current lease, it writes nothing and returns ErrFenced; with
// Unfenced only the fields that Batch names may be set. On any error nothing was written,
// except that after a lost connection to the database this is not certain.
func (s *Store) Commit(ctx context.Context, fence Fence, b Batch) error {
	return s.transact(ctx, "write the journal", fence, func(tx *sql.Tx) error {
		return s.putBatch(ctx, tx, fence, b)
	})
}

// UpdateRun reads a run, changes it and writes it together with extra, in one transaction that
// excludes concurrent changes of the run. change may be called again when the transaction is
// retried; if it returns an error, nothing is written and the error is returned. UpdateRun
// returns the run as it was written, or ErrNotFound.
func (s *Store) UpdateRun(ctx context.Context, fence Fence, id string, change func(*actions.Run) error, extra Batch) (actions.Run, error) {
	return update(ctx, s, fence, "runs", id, change, func(r actions.Run) (string, Batch) {
		b := extra
		b.Runs = append(slices.Clone(extra.Runs), r)
		return r.ID, b
	})
}

// UpdateWatch changes one watch and writes extra with it, like UpdateRun.
func (s *Store) UpdateWatch(ctx context.Context, fence Fence, id string, change func(*watch.Watch) error, extra Batch) (watch.Watch, error) {
	return update(ctx, s, fence, "watches", id, change, func(w watch.Watch) (string, Batch) {
		b := extra
		b.Watches = append(slices.Clone(extra.Watches), w)
		return w.ID, b
	})
}

// update is the read-modify-write transaction of UpdateRun and UpdateWatch. with returns the
// ID of a fact and the batch in which it is written.
func update[T any](ctx context.Context, s *Store, fence Fence, table, id string, change func(*T) error, with func(T) (string, Batch)) (T, error) {
	var fact T
	err := s.transact(ctx, "change "+id+" in the journal", fence, func(tx *sql.Tx) error {
		var doc string
		err := tx.QueryRowContext(ctx, "SELECT doc FROM "+table+" WHERE id = $1"+s.db.forUpdate, text(id)).Scan(&doc)
		if errors.Is(err, sql.ErrNoRows) {
			return ErrNotFound
		}
		if err != nil {
			return err
		}
		fact = *new(T)
		if err := json.Unmarshal([]byte(doc), &fact); err != nil {
			return err
		}
		if err := change(&fact); err != nil {
			return &refusalError{err}
		}
		newID, b := with(fact)
		if newID != id {
			return fmt.Errorf("its ID was changed to %q", newID)
		}
		return s.putBatch(ctx, tx, fence, b)
	})
	if err != nil {
		var none T
		return none, err
	}
	return fact, nil
}

// refusalError wraps an error of the caller's function, as opposed to one of the database.
type refusalError struct{ error }

func (e *refusalError) Unwrap() error { return e.error }

// transact runs do in a transaction that begins by checking the fence.
func (s *Store) transact(ctx context.Context, doing string, fence Fence, do func(*sql.Tx) error) error {
	begun := s.now()
	var err error
	for range attempts {
		if err = s.try(ctx, fence, do); err == nil || !s.db.again(err) {
			break
		}
	}
	switch refusal, isRefusal := errors.AsType[*refusalError](err); {
	case err == nil:
		s.metrics.commits.Inc()
		s.metrics.duration.Observe(s.now().Sub(begun).Seconds())
		return nil
	case isRefusal:
		return refusal.error
	case errors.Is(err, ErrFenced):
		s.metrics.fenced.Inc()
		return fmt.Errorf("%s: %w", doing, err)
	case errors.Is(err, ErrNotFound), errors.Is(err, ErrIdempotent), errors.Is(err, ErrAlreadyRun), errors.Is(err, ErrIntent):
		return fmt.Errorf("%s: %w", doing, err)
	default:
		s.metrics.failures.Inc()
		return s.explain(doing, err)
	}
}

func (s *Store) try(ctx context.Context, fence Fence, do func(*sql.Tx) error) error {
	tx, err := s.db.write.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // does nothing after a commit
	if err := s.checkFence(ctx, tx, fence); err != nil {
		return err
	}
	if err := do(tx); err != nil {
		return err
	}
	return tx.Commit()
}

// needsFence reports whether only the holder of the lease may write the batch.
func (b Batch) needsFence() bool {
	return len(b.Deploys)+len(b.Watches)+len(b.KnownGoods)+len(b.Plans)+len(b.Marks)+len(b.Alerts)+len(b.AlertsGone)+
		len(b.Runs)+len(b.Entries)+len(b.Deliveries)+len(b.Told)+len(b.ToldGone)+len(b.Escalated)+len(b.EscalatedGone)+len(b.Orders)+len(b.Intervals)+len(b.Rollups)+
		len(b.CheckStates)+len(b.Failures)+len(b.Looks)+len(b.Maintenance)+len(b.Flags)+len(b.Windows)+len(b.Sightings)+len(b.Drills)+len(b.Acks)+len(b.AcksGone)+len(b.Idempotent) > 0
}

// putBatch writes all facts of a batch, those first that can violate a constraint.
func (s *Store) putBatch(ctx context.Context, tx *sql.Tx, fence Fence, b Batch) error {
	if fence == Unfenced && b.needsFence() {
		return fmt.Errorf("only its holder may write these facts: %w", ErrFenced)
	}
	for _, write := range []func() error{
		func() error { return put(ctx, s, tx, idempotentTable(), b.Idempotent) },
		func() error { return put(ctx, s, tx, runsTable(), b.Runs) },
		func() error { return s.putEntries(ctx, tx, b) },
		func() error { return put(ctx, s, tx, deploysTable(), b.Deploys) },
		func() error { return put(ctx, s, tx, watchesTable(), b.Watches) },
		func() error { return put(ctx, s, tx, knownGoodsTable(), b.KnownGoods) },
		func() error { return put(ctx, s, tx, plansTable(), b.Plans) },
		func() error { return put(ctx, s, tx, marksTable(), b.Marks) },
		func() error { return put(ctx, s, tx, alertsTable(), b.Alerts) },
		func() error { return put(ctx, s, tx, episodesTable(), fired(b.Alerts)) },
		func() error { return remove(ctx, tx, "DELETE FROM alerts WHERE id = $1", b.AlertsGone) },
		func() error { return s.putDeliveries(ctx, tx, b) },
		func() error { return removeTold(ctx, tx, b.ToldGone) },
		func() error { return put(ctx, s, tx, toldTable(), b.Told) }, // a row that goes and comes is there
		func() error { return put(ctx, s, tx, escalationsTable(), b.Escalated) },
		func() error { return remove(ctx, tx, "DELETE FROM escalations WHERE alert = $1", b.EscalatedGone) },
		func() error { return put(ctx, s, tx, ordersTable(), b.Orders) },
		func() error { return put(ctx, s, tx, intervalsTable(), b.Intervals) },
		func() error { return put(ctx, s, tx, rollupsTable(), b.Rollups) },
		func() error { return put(ctx, s, tx, checkStatesTable(), finite(b.CheckStates)) },
		func() error { return s.putFailures(ctx, tx, b.Failures) },
		func() error { return s.putLooks(ctx, tx, b.Looks) },
		func() error { return put(ctx, s, tx, maintenanceTable(), b.Maintenance) },
		func() error { return put(ctx, s, tx, flagsTable(), b.Flags) },
		func() error { return put(ctx, s, tx, windowsTable(), b.Windows) },
		func() error { return put(ctx, s, tx, drillsTable(), b.Drills) },
		func() error { return put(ctx, s, tx, sightingsTable(), b.Sightings) },
		func() error { return put(ctx, s, tx, acksTable(), b.Acks) },
		func() error { return remove(ctx, tx, "DELETE FROM acks WHERE ack_key = $1", b.AcksGone) },
		func() error { return put(ctx, s, tx, heartbeatsTable(), b.Heartbeats) },
		func() error { return put(ctx, s, tx, auditTable(), named(b.Audit)) },
		func() error { return put(ctx, s, tx, overridesTable(), b.Overrides) },
		func() error { return put(ctx, s, tx, silencesTable(), b.Silences) },
		func() error { return putTokens(ctx, tx, b) },
	} {
		if err := write(); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) putEntries(ctx context.Context, tx *sql.Tx, b Batch) error {
	if len(b.Entries) == 0 {
		return nil
	}
	next, err := nextSeq(ctx, tx, "ledger")
	if err != nil {
		return err
	}
	return put(ctx, s, tx, ledgerTable(next, b.Runs), b.Entries)
}

func (s *Store) putDeliveries(ctx context.Context, tx *sql.Tx, b Batch) error {
	if len(b.Deliveries) == 0 {
		return nil
	}
	if err := stillWaiting(ctx, tx, b.Deliveries); err != nil {
		return err
	}
	next, err := nextSeq(ctx, tx, "deliveries")
	if err != nil {
		return err
	}
	deliveries, err := withSuperseded(ctx, tx, b.Deliveries)
	if err != nil {
		return err
	}
	if err := put(ctx, s, tx, deliveriesTable(next), deliveries); err != nil {
		return err
	}
	return putAlertNotices(ctx, tx, deliveries)
}

// withSuperseded lets the new deliveries about the state of something take the place of those that wait,
// and adds these as they ended. It happens here, in the transaction: so none can be sent meanwhile.
func withSuperseded(ctx context.Context, tx *sql.Tx, deliveries []notifiers.Delivery) ([]notifiers.Delivery, error) {
	all := slices.Clone(deliveries)
	for i := range deliveries {
		d := &all[i]
		if d.Notice.StateOf == "" || d.State != notifiers.Queued || d.Attempts > 0 {
			continue
		}
		open, err := openOf(ctx, tx, d.Notice.Key)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(open, func(o notifiers.Delivery) bool { return o.ID == d.ID }) {
			continue // it is not new: it moved to a fallback
		}
		all = append(all, d.TakePlaceOf(slices.DeleteFunc(open, func(o notifiers.Delivery) bool { return !d.Supersedes(o) }))...)
	}
	return all, nil
}

// openOf reads the deliveries with a key that were not sent yet, oldest first.
func openOf(ctx context.Context, tx *sql.Tx, key string) (open []notifiers.Delivery, err error) {
	rows, err := tx.QueryContext(ctx, "SELECT doc FROM deliveries WHERE notice_key = $1 AND is_open = 1 ORDER BY seq", text(key))
	if err != nil {
		return nil, fmt.Errorf("read deliveries: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var doc string
		var d notifiers.Delivery
		if err := rows.Scan(&doc); err != nil {
			return nil, fmt.Errorf("read deliveries: %w", err)
		}
		if err := json.Unmarshal([]byte(doc), &d); err != nil {
			return nil, fmt.Errorf("read deliveries: %w", err)
		}
		open = append(open, d)
	}
	return open, rows.Err()
}

// stillWaiting checks that those of the deliveries that are superseded now still wait, as they were read.
func stillWaiting(ctx context.Context, tx *sql.Tx, deliveries []notifiers.Delivery) error {
	for _, d := range deliveries {
		if d.State != notifiers.Superseded {
			continue
		}
		var doc string
		var was notifiers.Delivery
		if err := tx.QueryRowContext(ctx, "SELECT doc FROM deliveries WHERE id = $1", text(d.ID)).Scan(&doc); err != nil {
			return fmt.Errorf("read deliveries: %w", err)
		}
		if err := json.Unmarshal([]byte(doc), &was); err != nil {
			return fmt.Errorf("read deliveries: %s: %w", d.ID, err)
		}
		if was.State != notifiers.Queued || was.Attempts != d.Attempts || was.Receiver != d.Receiver {
			return ErrSending
		}
	}
	return nil
}

// putAlertNotices remembers which alerts new notices are about.
func putAlertNotices(ctx context.Context, tx *sql.Tx, deliveries []notifiers.Delivery) error {
	for _, d := range deliveries {
		if d.Attempts > 0 || d.State != notifiers.Queued {
			continue // it was written with the notice
		}
		for _, alert := range d.Notice.Alerts {
			if _, err := tx.ExecContext(ctx, "INSERT INTO alert_notices (alert, delivery, created) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
				text(alert), text(d.ID), nanos(d.Notice.Created)); err != nil {
				return fmt.Errorf("write alert_notices: %w", err)
			}
		}
	}
	return nil
}

func removeTold(ctx context.Context, tx *sql.Tx, keys []decide.ToldKey) error {
	for _, k := range keys {
		if _, err := tx.ExecContext(ctx, "DELETE FROM told WHERE alert = $1 AND group_key = $2", text(k.Alert), text(k.Group)); err != nil {
			return fmt.Errorf("remove from told: %w", err)
		}
	}
	return nil
}

// nextSeq returns the next sequence number of a table. Every writer of these tables holds the
// lock on the lease's row, so no two get the same number.
func nextSeq(ctx context.Context, tx *sql.Tx, table string) (int64, error) {
	var last sql.NullInt64
	if err := tx.QueryRowContext(ctx, "SELECT MAX(seq) FROM "+table).Scan(&last); err != nil {
		return 0, err
	}
	return last.Int64 + 1, nil
}

// named gives an ID that sorts by time to each line that has none.
func named(lines []Audit) []Audit {
	lines = slices.Clone(lines)
	for i := range lines {
		if lines[i].ID == "" {
			// MustNew panics only for times before 1970 or after 10889; rand.Reader never fails.
			lines[i].ID = "j_" + ulid.MustNew(uint64(max(lines[i].At.UnixMilli(), 0)), rand.Reader).String()
		}
	}
	return lines
}

func remove(ctx context.Context, tx *sql.Tx, query string, keys []string) error {
	for _, k := range keys {
		if _, err := tx.ExecContext(ctx, query, text(k)); err != nil {
			return err
		}
	}
	return nil
}

func putTokens(ctx context.Context, tx *sql.Tx, b Batch) error {
	for _, t := range b.Tokens {
		if t.ID == "" || t.Hash == "" {
			return errors.New("write tokens: a token without an ID or a hash")
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO tokens (id, name, role, hash, created, last_used, revoked)
			VALUES ($1, $2, $3, $4, $5, $6, $7)
			ON CONFLICT (id) DO UPDATE SET name = excluded.name, role = excluded.role, hash = excluded.hash,
			created = excluded.created,
			last_used = CASE WHEN excluded.last_used > tokens.last_used THEN excluded.last_used ELSE tokens.last_used END,
			revoked = CASE WHEN tokens.revoked > 0 THEN tokens.revoked ELSE excluded.revoked END`,
			text(t.ID), text(t.Name), text(t.Role), text(t.Hash), nanos(t.Created), nanos(t.LastUsed), nanos(t.Revoked))
		if err != nil {
			return fmt.Errorf("write tokens: %w", err)
		}
	}
	for _, u := range b.TokenUses {
		if _, err := tx.ExecContext(ctx, "UPDATE tokens SET last_used = $1 WHERE id = $2 AND last_used < $1", nanos(u.At), text(u.ID)); err != nil {
			return fmt.Errorf("write tokens: %w", err)
		}
	}
	return nil
}
