package series

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/prometheus/model/exemplar"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
)

// Exemplar is an exemplar with the series that it belongs to.
type Exemplar struct {
	Series labels.Labels
	exemplar.Exemplar
}

// The reasons why an exemplar is not stored, in addition to ErrOutOfOrder and ErrInvalid.
var (
	ErrNoSeries    = errors.New("the exemplar's series has no sample of the last hours")
	ErrNoExemplars = errors.New("exemplars are not stored")
)

// WriteExemplars stores exemplars of series that there are; those that are stored already are skipped. It
// returns how many it stored and calls rejected with the index of each that it refused, and why. As in
// Prometheus they are in memory, the newest of all series together, and in the write-ahead log. An
// error is the storage's own; nothing was stored then.
func (db *DB) WriteExemplars(ctx context.Context, exemplars []Exemplar, rejected func(i int, why error)) (appended int, err error) {
	if len(exemplars) == 0 {
		return 0, nil
	}
	app := db.tsdb.Appender(ctx)
	n := 0
	for i, e := range exemplars {
		if !db.exemplars {
			rejected(i, ErrNoExemplars)
			continue
		}
		switch ref, err := app.AppendExemplar(0, e.Series, e.Exemplar); {
		case errors.Is(err, storage.ErrOutOfOrderExemplar):
			rejected(i, ErrOutOfOrder)
		case errors.Is(err, storage.ErrExemplarLabelLength):
			rejected(i, fmt.Errorf("%w: %w", ErrInvalid, err))
		case err != nil:
			rejected(i, ErrNoSeries)
		case ref != 0: // 0: it is there
			n++
		}
	}
	if err := app.Commit(); err != nil {
		return 0, fmt.Errorf("append %d exemplars: %w", len(exemplars), err)
	}
	return n, nil
}

// Exemplars lists the exemplars between start and end of the series that one of the selectors matches.
func (db *DB) Exemplars(ctx context.Context, selectors [][]*labels.Matcher, start, end time.Time) ([]exemplar.QueryResult, error) {
	q, err := db.tsdb.ExemplarQuerier(ctx)
	if err != nil {
		return nil, fmt.Errorf("list exemplars: %w", err)
	}
	found, err := q.Select(start.UnixMilli(), end.UnixMilli(), selectors...)
	if err != nil {
		return nil, fmt.Errorf("list exemplars: %w", err)
	}
	return found, nil
}
