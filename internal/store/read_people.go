package store

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"guardian/decide"
	"guardian/internal/flags"
	"guardian/internal/windows"
	"guardian/notifiers"
	"guardian/notifiers/route"
	"guardian/oncall"
	"guardian/probes"
	"guardian/rules"
)

// Due returns, for one receiver, the first unfinished delivery (Queued or Sending) of each
// notice key, if its NextAt is not after now; oldest first. Later deliveries of the same key
// are not returned, whatever their NextAt.
func (s *Store) Due(ctx context.Context, receiver string, now time.Time, limit int) ([]notifiers.Delivery, error) {
	// GROUP BY needs one pass over the open deliveries. A correlated subquery per delivery takes
	// minutes in a storm, while the database's statistics are out of date.
	q := &query{table: "deliveries", order: "seq"}
	q.and(`seq IN (SELECT MIN(seq) FROM deliveries WHERE receiver = ? AND is_open = 1 GROUP BY notice_key)`, text(receiver))
	q.and("next_at <= ?", nanos(now))
	q.atMost(limit)
	return list[notifiers.Delivery](ctx, s, q)
}

// Receivers lists the receivers that have an unfinished delivery, sorted.
func (s *Store) Receivers(ctx context.Context) ([]string, error) {
	return column[string](ctx, s, "SELECT DISTINCT receiver FROM deliveries WHERE is_open = 1 ORDER BY receiver")
}

// Calls returns the calls to a receiver since a time, oldest first, as far as deliveries tell; see
// notifiers.CallsOf.
func (s *Store) Calls(ctx context.Context, receiver string, since time.Time) ([]notifiers.Call, error) {
	// A delivery that moved on tells of calls to the receiver that had it before.
	q := &query{table: "deliveries", order: "updated, id"}
	q.and("updated >= ?", nanos(since))
	deliveries, err := list[notifiers.Delivery](ctx, s, q)
	if err != nil {
		return nil, err
	}
	return notifiers.CallsOf(deliveries, receiver, since), nil
}

// CountCalls counts the calls to a receiver since a time by what they delivered: attempts that
// failed and were repeated are not among them.
func (s *Store) CountCalls(ctx context.Context, receiver string, since time.Time) (int, error) {
	n, err := column[int64](ctx, s, "SELECT COUNT(DISTINCT updated) FROM deliveries WHERE updated >= $1 AND receiver = $2 AND state IN ('delivered', 'given_up', 'sending')",
		nanos(since), text(receiver))
	if err != nil || len(n) == 0 {
		return 0, err
	}
	return int(n[0]), nil
}

// LastSent returns the last delivery to a receiver, since a time, of a notice that is part of a
// conversation; zero: there is none.
func (s *Store) LastSent(ctx context.Context, receiver, thread string, since time.Time) (notifiers.Sent, error) {
	q := &query{table: "deliveries", order: "seq DESC"}
	q.and("receiver = ?", text(receiver))
	q.and("updated >= ?", nanos(since))
	// Documents are text. Of those with the thread's name in them few are about others.
	name, err := json.Marshal(thread)
	if err != nil {
		return notifiers.Sent{}, s.explain("read deliveries of the journal", err)
	}
	q.and("state = ?", string(notifiers.Delivered))
	q.and(`doc LIKE '%"ref":%' AND doc LIKE ? ESCAPE '!'`, "%"+strings.NewReplacer("!", "!!", "%", "!%", "_", "!_").Replace(string(name))+"%")
	q.atMost(10)
	last, err := list[notifiers.Delivery](ctx, s, q)
	if err != nil {
		return notifiers.Sent{}, err
	}
	for _, d := range last {
		if d.Notice.InThread(thread) && d.Ref != "" {
			return notifiers.Sent{Ref: d.Ref, Tone: d.Notice.Tone, At: d.Updated}, nil
		}
	}
	return notifiers.Sent{}, nil
}

// column reads the single column of a query about deliveries.
func column[T any](ctx context.Context, s *Store, query string, args ...any) (values []T, err error) {
	defer func() {
		if err != nil {
			err = s.explain("read deliveries of the journal", err)
		}
	}()
	rows, err := s.db.read.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var v T
		if err := rows.Scan(&v); err != nil {
			return nil, err
		}
		values = append(values, v)
	}
	return values, rows.Err()
}

// Deliveries returns deliveries, newest first.
func (s *Store) Deliveries(ctx context.Context, f DeliveryFilter) ([]notifiers.Delivery, error) {
	q := &query{table: "deliveries", order: "seq DESC"}
	is(q, "id", f.ID)
	is(q, "receiver", f.Receiver)
	is(q, "notice_key", f.Key)
	if f.Alert != "" {
		q.and("id IN (SELECT delivery FROM alert_notices WHERE alert = ?)", text(f.Alert))
	}
	is(q, "state", f.State)
	q.only("is_open", f.Open)
	q.between("created", f.Since, f.Until)
	q.atMost(f.Limit)
	return list[notifiers.Delivery](ctx, s, q)
}

// Told returns the notification log, in the order of alerts and groups.
func (s *Store) Told(ctx context.Context) ([]decide.Told, error) {
	return list[decide.Told](ctx, s, &query{table: "told", order: "alert, group_key"})
}

// Escalated returns how far alerts were escalated, by alert.
func (s *Store) Escalated(ctx context.Context) ([]decide.Escalated, error) {
	return list[decide.Escalated](ctx, s, &query{table: "escalations", order: "alert"})
}

// DeliveryStats counts the open deliveries and those that ended since a time.
func (s *Store) DeliveryStats(ctx context.Context, since time.Time) (DeliveryStats, error) {
	stats := DeliveryStats{States: map[notifiers.DeliveryState]int{}}
	var oldest, last int64
	err := s.db.read.QueryRowContext(ctx, `SELECT
		COALESCE((SELECT MIN(created) FROM deliveries WHERE is_open = 1), 0),
		COALESCE((SELECT MAX(updated) FROM deliveries WHERE state = $1), 0)`, string(notifiers.Delivered)).Scan(&oldest, &last)
	if err != nil {
		return DeliveryStats{}, s.explain("count deliveries of the journal", err)
	}
	stats.OldestOpen, stats.LastDelivered = instant(oldest), instant(last)
	if err := s.countDeliveries(ctx, since, stats.States); err != nil {
		return DeliveryStats{}, s.explain("count deliveries of the journal", err)
	}
	return stats, nil
}

func (s *Store) countDeliveries(ctx context.Context, since time.Time, states map[notifiers.DeliveryState]int) (err error) {
	rows, err := s.db.read.QueryContext(ctx,
		"SELECT state, COUNT(*) FROM deliveries WHERE is_open = 1 OR updated >= $1 GROUP BY state", nanos(since))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var state notifiers.DeliveryState
		var n int
		if err := rows.Scan(&state, &n); err != nil {
			return err
		}
		states[state] = n
	}
	return rows.Err()
}

// OpenOrders returns a check's orders that are neither cleaned nor abandoned, oldest first.
func (s *Store) OpenOrders(ctx context.Context, check string) ([]probes.Order, error) {
	q := &query{table: "orders", order: "created, id"}
	q.and("check_name = ?", text(check))
	q.only("is_open", true)
	return list[probes.Order](ctx, s, q)
}

// Heartbeat returns the last report of a check's job; false if there is none.
func (s *Store) Heartbeat(ctx context.Context, check string) (probes.Heartbeat, bool, error) {
	q := &query{table: "heartbeats", order: "at DESC"}
	q.and("check_name = ?", text(check))
	return first[probes.Heartbeat](ctx, s, q)
}

// Heartbeats returns a job's reports in [from, to), newest first, at most limit.
func (s *Store) Heartbeats(ctx context.Context, check string, from, to time.Time, limit int) ([]probes.Heartbeat, error) {
	q := &query{table: "heartbeats", order: "at DESC"}
	q.and("check_name = ?", text(check))
	q.between("at", from, to)
	q.atMost(limit)
	return list[probes.Heartbeat](ctx, s, q)
}

// Silences returns the silences that end after since. With the current time these are the
// active and the future ones.
func (s *Store) Silences(ctx context.Context, since time.Time) ([]route.Silence, error) {
	q := &query{table: "silences", order: "until, id"}
	q.and("until > ?", nanos(since))
	return list[route.Silence](ctx, s, q)
}

// Overrides returns the overrides of shifts that end after since, those that end first first.
func (s *Store) Overrides(ctx context.Context, since time.Time) ([]oncall.Made, error) {
	q := &query{table: "overrides", order: "to_at, id"}
	q.and("to_at > ?", nanos(since))
	return list[oncall.Made](ctx, s, q)
}

// Silence returns one silence, or ErrNotFound.
func (s *Store) Silence(ctx context.Context, id string) (route.Silence, error) {
	return byID[route.Silence](ctx, s, "silences", id)
}

// Acks returns every acknowledgement, oldest first.
func (s *Store) Acks(ctx context.Context) ([]rules.Ack, error) {
	return list[rules.Ack](ctx, s, &query{table: "acks", order: "at, ack_key"})
}

// Flags returns the last change of each flag, by name.
func (s *Store) Flags(ctx context.Context) ([]flags.Change, error) {
	return list[flags.Change](ctx, s, &query{table: "flags", order: "flag"})
}

// Windows returns the announced windows that end after a time, oldest first.
func (s *Store) Windows(ctx context.Context, after time.Time) ([]windows.Window, error) {
	q := &query{table: "windows", order: "from_at, id"}
	q.overlap(after, time.Time{})
	return list[windows.Window](ctx, s, q)
}

// Audit returns a page of the journal, newest first.
func (s *Store) Audit(ctx context.Context, f AuditFilter) (AuditPage, error) {
	q := &query{table: "audit", order: "at DESC, id DESC"}
	is(q, "service", f.Service)
	is(q, "subject", f.Subject)
	if f.Before != "" {
		q.and("(at, id) < (SELECT b.at, b.id FROM audit b WHERE b.id = ?)", text(f.Before))
	}
	q.between("at", f.Since, f.Until)
	q.atMost(f.Limit)
	size := q.limit
	q.limit++ // one more shows whether there is another page
	lines, err := list[Audit](ctx, s, q)
	if err != nil {
		return AuditPage{}, err
	}
	if len(lines) <= size {
		return AuditPage{Lines: lines}, nil
	}
	return AuditPage{Lines: lines[:size], Next: lines[size-1].ID}, nil
}

// Idempotent returns the answer that was stored for a key; false if the key is unused.
func (s *Store) Idempotent(ctx context.Context, key string) (Idempotent, bool, error) {
	q := &query{table: "idempotent", order: "at"}
	q.and("idempotency_key = ?", text(key))
	return first[Idempotent](ctx, s, q)
}

// Tokens returns all tokens including revoked ones, oldest first.
func (s *Store) Tokens(ctx context.Context) ([]Token, error) {
	return s.tokens(ctx, "1 = 1 ORDER BY created, id")
}

// secured is the name of the shared value that says that there was a token in a configuration.
const secured = "secured"

// Secure records that callers need tokens, for good: a configuration had one.
func (s *Store) Secure(ctx context.Context) error {
	_, err := s.Shared(ctx, secured, func() string { return "yes" })
	return err
}

// Secured tells whether there ever was a token: one in the journal, revoked or not, or one in a
// configuration (see Secure).
func (s *Store) Secured(ctx context.Context) (bool, error) {
	var n int64
	err := s.db.read.QueryRowContext(ctx, "SELECT (SELECT COUNT(*) FROM tokens) + (SELECT COUNT(*) FROM shared WHERE name = $1)", secured).Scan(&n)
	if err != nil {
		return false, s.explain("read tokens of the journal", err)
	}
	return n > 0, nil
}

// TokenByHash returns the token with this hash, revoked or not; false if there is none.
func (s *Store) TokenByHash(ctx context.Context, hash string) (Token, bool, error) {
	tokens, err := s.tokens(ctx, "hash = $1", text(hash))
	if err != nil || len(tokens) == 0 {
		return Token{}, false, err
	}
	return tokens[0], true, nil
}

func (s *Store) tokens(ctx context.Context, where string, args ...any) (tokens []Token, err error) {
	rows, err := s.db.read.QueryContext(ctx, "SELECT id, name, role, hash, created, last_used, revoked FROM tokens WHERE "+where, args...)
	if err != nil {
		return nil, s.explain("read tokens of the journal", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var t Token
		var created, used, revoked int64
		if err := rows.Scan(&t.ID, &t.Name, &t.Role, &t.Hash, &created, &used, &revoked); err != nil {
			return nil, s.explain("read tokens of the journal", err)
		}
		t.Created, t.LastUsed, t.Revoked = instant(created), instant(used), instant(revoked)
		tokens = append(tokens, t)
	}
	if err := rows.Err(); err != nil {
		return nil, s.explain("read tokens of the journal", err)
	}
	return tokens, nil
}
