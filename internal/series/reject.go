package series

import (
	"errors"
	"fmt"

	"github.com/prometheus/prometheus/storage"
)

// The reasons why a sample is not appended, in addition to ErrTooManySeries.
var (
	ErrLate       = errors.New("the sample is too old for the storage")
	ErrOutOfOrder = errors.New("the sample is older than the series' last one")
	ErrDuplicate  = errors.New("there is another value for this series and time")
	ErrInvalid    = errors.New("the sample's labels are not valid")
)

type reason struct {
	name string
	err  error // what is returned
	from []error
}

func reasons() []reason {
	return []reason{
		{"too_old", ErrLate, []error{storage.ErrOutOfBounds, storage.ErrTooOldSample}},
		{"out_of_order", ErrOutOfOrder, []error{storage.ErrOutOfOrderSample}},
		{"duplicate", ErrDuplicate, []error{storage.ErrDuplicateSampleForTimestamp}},
		{"too_many_series", ErrTooManySeries, nil},
		{"invalid", ErrInvalid, nil},
	}
}

func reasonNames() []string {
	all := reasons()
	names := make([]string, len(all))
	for i, r := range all {
		names[i] = r.name
	}
	return append(names, storageFailed)
}

// storageFailed is the reason when a whole transaction could not be written: the disk.
const storageFailed = "storage_failed"

// reasonOf translates the storage's error for a sample that was not appended into one of
// this package's errors, and gives the reason's name. Any other error means invalid labels:
// the storage rejects a sample for nothing else.
func reasonOf(err error) (string, error) {
	for _, r := range reasons() {
		hit := errors.Is(err, r.err)
		for _, f := range r.from {
			hit = hit || errors.Is(err, f)
		}
		if hit {
			return r.name, r.err
		}
	}
	return "invalid", fmt.Errorf("%w: %w", ErrInvalid, err)
}

// reject counts a sample of a check that was not appended and gives the reason as an error.
func (db *DB) reject(err error) error {
	name, why := reasonOf(err)
	db.metrics.checks.WithLabelValues(name).Inc()
	return why
}

// rejects collects the reasons of one batch without duplicates.
type rejects struct {
	n    int
	errs []error
}

func (r *rejects) add(err error) {
	r.n++
	for _, e := range r.errs {
		if e.Error() == err.Error() {
			return
		}
	}
	if len(r.errs) < 8 {
		r.errs = append(r.errs, err)
	}
}

func (r *rejects) err(what string, total int) error {
	if r.n == 0 {
		return nil
	}
	return fmt.Errorf("append %s: %d of %d samples rejected: %w", what, r.n, total, errors.Join(r.errs...))
}
