package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// pruneRows is how many rows one transaction deletes, so that it holds the lock on the lease's
// row only briefly.
const pruneRows = 500

// prunable describes which rows of a table may be deleted: those that satisfy over, where $1 is
// the time before.
type prunable struct {
	table, key string
	over       string
	before     time.Time
}

// Prune deletes facts that are over and older than keep says, a few hundred rows per
// transaction, until none is left or ctx ends. It returns the number of deleted rows. Known
// good versions, the last deploy of each service, valid tokens and the newest token are never deleted.
func (s *Store) Prune(ctx context.Context, fence Fence, keep Keep) (int64, error) {
	if fence == Unfenced {
		return 0, fmt.Errorf("remove old facts from the journal: %w", ErrFenced)
	}
	var sum int64
	for _, p := range []prunable{
		{"idempotent", "idempotency_key", "at < $1", keep.Idempotent},
		{"heartbeats", "check_name, at", `at < $1 AND at < (SELECT MAX(n.at) FROM heartbeats n
			WHERE n.check_name = heartbeats.check_name)`, keep.Heartbeats},
		{"runs", "id", "is_open = 0 AND created < $1", keep.Journal}, // the ledger is deleted by the foreign key
		{"watches", "id", "is_open = 0 AND started < $1", keep.Journal},
		{"plans", "watch", "at < $1", keep.Journal},
		{"marks", "watch", "at < $1", keep.Journal},
		{"deploys", "id", `at < $1
			AND NOT EXISTS (SELECT 1 FROM watches w WHERE w.deploy = deploys.id)
			AND NOT EXISTS (SELECT 1 FROM runs r WHERE r.deploy = deploys.id)
			AND at < (SELECT MAX(n.at) FROM deploys n WHERE n.service = deploys.service
				AND n.environment = deploys.environment)`, keep.Journal},
		{"alerts", "id", "is_open = 0 AND active_at < $1", keep.Journal},
		{"alert_episodes", "id, fired_at", "is_open = 0 AND fired_at < $1", keep.Journal},
		{"deliveries", "id", "is_open = 0 AND updated < $1", keep.Journal},
		{"alert_notices", "alert, delivery", "created < $1", keep.Journal},
		{"told", "alert, group_key", "at < $1", keep.Journal},
		{"escalations", "alert", "at < $1", keep.Journal},
		{"orders", "id", "is_open = 0 AND updated < $1", keep.Journal},
		{"intervals", "check_name, from_at", "to_at < $1", keep.Journal},
		{"rollups", "check_name, hour", "hour < $1", keep.Journal},
		{"check_states", "check_name", "at < $1", keep.Journal},
		{"failures", "check_name, at", "at < $1", keep.Journal},
		{"maintenance", "id", "to_at < $1", keep.Journal},
		{"windows", "id", "to_at < $1", keep.Journal},
		{"drills", "id", "is_open = 0 AND started < $1", keep.Journal},
		{"sightings", "service, environment, target, placed", "at < $1", keep.Journal},
		{"acks", "ack_key", "at < $1", keep.Journal},
		{"audit", "id", "at < $1", keep.Journal},
		{"silences", "id", "until < $1", keep.Journal},
		{"overrides", "id", "to_at < $1", keep.Journal},
		// The newest says that there ever was one; see Secured.
		{"tokens", "id", "revoked > 0 AND revoked < $1 AND id <> (SELECT id FROM tokens ORDER BY created DESC, id DESC LIMIT 1)", keep.Journal},
	} {
		if p.before.IsZero() {
			continue
		}
		n, err := s.prune(ctx, fence, p)
		sum += n
		if err != nil {
			return sum, err
		}
	}
	return sum, nil
}

func (s *Store) prune(ctx context.Context, fence Fence, p prunable) (int64, error) {
	query := fmt.Sprintf("DELETE FROM %[1]s WHERE (%[2]s) IN (SELECT %[2]s FROM %[1]s WHERE %[3]s LIMIT %[4]d)",
		p.table, p.key, p.over, pruneRows)
	var sum int64
	for {
		var n int64
		err := s.transact(ctx, "remove old "+p.table+" from the journal", fence, func(tx *sql.Tx) error {
			res, err := tx.ExecContext(ctx, query, nanos(p.before))
			if err != nil {
				return err
			}
			n, err = res.RowsAffected()
			return err
		})
		if err != nil {
			return sum, err
		}
		sum += n
		if n < pruneRows {
			return sum, nil
		}
	}
}
