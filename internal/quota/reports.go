package quota

import (
	"errors"
	"time"

	"guardian/probes/marketplace"
)

// ErrKeyReused says that an idempotency key was used before for another report.
var ErrKeyReused = errors.New("this idempotency key was used for another report")

// InvalidError says which field of a report cannot be right.
type InvalidError struct {
	Field string // marketplace or operation
	Err   error
}

func (e *InvalidError) Error() string { return e.Field + ": " + e.Err.Error() }

// Unwrap gives the reason.
func (e *InvalidError) Unwrap() error { return e.Err }

// CallReport is how many calls an application made since its last report.
type CallReport struct {
	Bucket    marketplace.Bucket
	Calls     int // that were served
	Throttled int
	At        time.Time
	// Key is an idempotency key and Body a hash of the request: a report that comes a second
	// time is counted once. "": there is no key.
	Key, Body string
}

// reports are those that were taken, by their keys. They are remembered by this process alone:
// another one that takes over begins to infer anew, so that it counts none twice either.
type reports struct {
	body map[string]string // by key
	keys []string          // oldest first
}

// maxKeys bounds how many reports, counters and quotas are remembered.
const maxKeys = 10_000

func newReports() reports { return reports{body: map[string]string{}} }

// seen tells whether a report was taken before.
func (r *reports) seen(c CallReport) (bool, error) {
	before, seen := r.body[c.Key]
	switch {
	case c.Key == "" || !seen:
		return false, nil
	case before != c.Body:
		return false, ErrKeyReused
	default:
		return true, nil
	}
}

func (r *reports) add(c CallReport) {
	if c.Key == "" {
		return
	}
	if len(r.keys) == maxKeys {
		delete(r.body, r.keys[0])
		r.keys = r.keys[1:]
	}
	r.body[c.Key], r.keys = c.Body, append(r.keys, c.Key)
}

// Report takes the calls of an application. It fails with ErrKeyReused or an InvalidError.
func (q *Quotas) Report(c CallReport) error {
	err := q.report(c)
	result := "accepted"
	if err != nil {
		result = "refused"
	}
	q.metrics.reports.WithLabelValues(result).Inc()
	return err
}

func (q *Quotas) report(c CallReport) error {
	if _, err := marketplace.Find(c.Bucket.Marketplace); err != nil {
		return &InvalidError{Field: "marketplace", Err: err}
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if seen, err := q.reports.seen(c); seen || err != nil {
		return err
	}
	if err := q.meter.Report(c.Bucket, float64(c.Calls), float64(c.Throttled), c.At, q.o.Now()); err != nil {
		return &InvalidError{Field: "operation", Err: err}
	}
	q.reports.add(c)
	return nil
}
