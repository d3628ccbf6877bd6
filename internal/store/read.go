package store

import (
	"context"
	"errors"
	"time"

	"guardian/actions"
	"guardian/notifiers"
	"guardian/probes"
	"guardian/rules"
	"guardian/sla"
	"guardian/watch"
)

// Deploys gives deploys, newest first.
func (s *Store) Deploys(ctx context.Context, f DeployFilter) ([]watch.Deploy, error) {
	return nil, errors.ErrUnsupported
}

// DeployByVersion gives the newest deploy of the version; false when there is none.
func (s *Store) DeployByVersion(ctx context.Context, service, environment, version string) (watch.Deploy, bool, error) {
	return watch.Deploy{}, false, errors.ErrUnsupported
}

// Watches gives watches, newest first.
func (s *Store) Watches(ctx context.Context, f WatchFilter) ([]watch.Watch, error) {
	return nil, errors.ErrUnsupported
}

// Watch gives one watch; ErrNotFound when there is none.
func (s *Store) Watch(ctx context.Context, id string) (watch.Watch, error) {
	return watch.Watch{}, errors.ErrUnsupported
}

// KnownGoods gives the known good versions of a service, the one last found good first.
func (s *Store) KnownGoods(ctx context.Context, service, environment string) ([]KnownGood, error) {
	return nil, errors.ErrUnsupported
}

// Runs gives runs, newest first.
func (s *Store) Runs(ctx context.Context, f RunFilter) ([]actions.Run, error) {
	return nil, errors.ErrUnsupported
}

// Run gives one run; ErrNotFound when there is none.
func (s *Store) Run(ctx context.Context, id string) (actions.Run, error) {
	return actions.Run{}, errors.ErrUnsupported
}

// Entries gives a run's ledger, oldest first.
func (s *Store) Entries(ctx context.Context, run string) ([]actions.Entry, error) {
	return nil, errors.ErrUnsupported
}

// Alerts gives alerts as they last were, newest first.
func (s *Store) Alerts(ctx context.Context, f AlertFilter) ([]rules.Alert, error) {
	return nil, errors.ErrUnsupported
}

// AlertEpisodes gives each firing of each alert, newest first.
func (s *Store) AlertEpisodes(ctx context.Context, f AlertFilter) ([]rules.Alert, error) {
	return nil, errors.ErrUnsupported
}

// Due gives, for one receiver, the first unfinished delivery (Queued or Sending) of each
// notice key whose NextAt is not after now, oldest first. One that is not the first of its
// key is never given, whatever its NextAt.
func (s *Store) Due(ctx context.Context, receiver string, now time.Time, limit int) ([]notifiers.Delivery, error) {
	return nil, errors.ErrUnsupported
}

// Deliveries gives deliveries, newest first.
func (s *Store) Deliveries(ctx context.Context, f DeliveryFilter) ([]notifiers.Delivery, error) {
	return nil, errors.ErrUnsupported
}

// DeliveryStats counts the open deliveries and those that ended since.
func (s *Store) DeliveryStats(ctx context.Context, since time.Time) (DeliveryStats, error) {
	return DeliveryStats{}, errors.ErrUnsupported
}

// Intervals gives the intervals that overlap [from, to), by check and oldest first.
func (s *Store) Intervals(ctx context.Context, from, to time.Time) ([]sla.Interval, error) {
	return nil, errors.ErrUnsupported
}

// LastIntervals gives the newest interval of each check.
func (s *Store) LastIntervals(ctx context.Context) (map[string]sla.Interval, error) {
	return nil, errors.ErrUnsupported
}

// Rollups gives the hours that start in [from, to), by check and oldest first.
func (s *Store) Rollups(ctx context.Context, from, to time.Time) ([]sla.Rollup, error) {
	return nil, errors.ErrUnsupported
}

// CheckStates gives the last that each check saw.
func (s *Store) CheckStates(ctx context.Context) (map[string]CheckState, error) {
	return nil, errors.ErrUnsupported
}

// Maintenance gives the windows that overlap [from, to), oldest first.
func (s *Store) Maintenance(ctx context.Context, from, to time.Time) ([]Maintenance, error) {
	return nil, errors.ErrUnsupported
}

// OpenOrders gives a check's orders that are neither cleaned nor abandoned, oldest first.
func (s *Store) OpenOrders(ctx context.Context, check string) ([]probes.Order, error) {
	return nil, errors.ErrUnsupported
}

// Heartbeat gives the last report of a check's job; false when it never reported.
func (s *Store) Heartbeat(ctx context.Context, check string) (probes.Heartbeat, bool, error) {
	return probes.Heartbeat{}, false, errors.ErrUnsupported
}

// Heartbeats gives a job's reports in [from, to), newest first, at most limit.
func (s *Store) Heartbeats(ctx context.Context, check string, from, to time.Time, limit int) ([]probes.Heartbeat, error) {
	return nil, errors.ErrUnsupported
}

// Silences gives the silences that end after since: with now, the active and coming ones.
func (s *Store) Silences(ctx context.Context, since time.Time) ([]Silence, error) {
	return nil, errors.ErrUnsupported
}

// Acks gives every acknowledgement.
func (s *Store) Acks(ctx context.Context) ([]Ack, error) { return nil, errors.ErrUnsupported }

// Tokens gives every token, revoked ones too, oldest first.
func (s *Store) Tokens(ctx context.Context) ([]Token, error) { return nil, errors.ErrUnsupported }

// TokenByHash gives the token with this hash, revoked or not; false when there is none.
func (s *Store) TokenByHash(ctx context.Context, hash string) (Token, bool, error) {
	return Token{}, false, errors.ErrUnsupported
}

// Audit gives a page of the journal, newest first.
func (s *Store) Audit(ctx context.Context, f AuditFilter) (AuditPage, error) {
	return AuditPage{}, errors.ErrUnsupported
}

// Idempotent gives the answer that was given to the key; false when it was never used.
func (s *Store) Idempotent(ctx context.Context, key string) (Idempotent, bool, error) {
	return Idempotent{}, false, errors.ErrUnsupported
}

// Prune removes what is older than keep says and is over, a few hundred rows per
// transaction, until nothing is left to remove or ctx ends. It gives how many rows went.
func (s *Store) Prune(ctx context.Context, fence Fence, keep Keep) (int64, error) {
	return 0, errors.ErrUnsupported
}
