package series

import (
	"errors"
	"fmt"

	"github.com/prometheus/prometheus/storage"
)

// The reasons why a sample is not appended, beside ErrTooManySeries.
var (
	ErrLate       = errors.New("the sample is too old: the storage has moved on")
	ErrOutOfOrder = errors.New("the sample is older than the series' last one")
	ErrDuplicate  = errors.New("there is another value for this series and time")
	ErrInvalid    = errors.New("the sample's labels are not valid")
)

type reason struct {
	name string
	err  error // what is answered
	from []error
}

func reasons() []reason {
	return []reason{
		{"late", ErrLate, []error{storage.ErrOutOfBounds, storage.ErrTooOldSample}},
		{"out_of_order", ErrOutOfOrder, []error{storage.ErrOutOfOrderSample}},
		{"duplicate", ErrDuplicate, []error{storage.ErrDuplicateSampleForTimestamp}},
		{"too_many_series", ErrTooManySeries, nil},
		{"invalid", ErrInvalid, nil},
	}
}

// reject counts a sample that was not appended and gives the typed reason. What has no
// name of its own is taken for invalid labels, the one other thing that the storage
// refuses a sample for.
func (db *DB) reject(err error) error {
	for _, r := range reasons() {
		hit := errors.Is(err, r.err)
		for _, f := range r.from {
			hit = hit || errors.Is(err, f)
		}
		if hit {
			db.metrics.rejected.WithLabelValues(r.name).Inc()
			return r.err
		}
	}
	db.metrics.rejected.WithLabelValues("invalid").Inc()
	return fmt.Errorf("%w: %w", ErrInvalid, err)
}

// rejects gathers the reasons of one batch, each once.
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
