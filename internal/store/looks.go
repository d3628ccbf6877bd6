package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"guardian/internal/reason"
	"guardian/probes/sample"
)

// KeptLooks is how long the journal keeps the log of looks. Watches, intervals and rollups must
// be saved more often than that, since the log is what brings them up to date after a takeover.
const KeptLooks = 90 * time.Second

// look is a sample in the log of looks. There may be thousands a second, so the names are short
// and fields that a takeover does not need are left out.
type look struct {
	Check    string        `json:"c"`
	Service  string        `json:"s"`
	At       int64         `json:"a"` // Unix nanoseconds
	Duration time.Duration `json:"d"`
	Health   uint8         `json:"h"`
	Raised   bool          `json:"x,omitempty"`
	Reason   reason.Reason `json:"r,omitzero"`
	Version  string        `json:"v,omitempty"`
}

// putLooks appends looks as one row and deletes rows older than KeptLooks.
func (s *Store) putLooks(ctx context.Context, tx *sql.Tx, samples []sample.Sample) error {
	if len(samples) == 0 {
		return nil
	}
	var newest time.Time
	rows := make([]look, len(samples))
	for i, x := range samples {
		rows[i] = look{
			Check: x.Check, Service: x.Service, At: x.At.UnixNano(), Duration: x.Duration, Health: uint8(x.Health),
			Raised: x.Recheck, Reason: x.Reason, Version: x.Version,
		}
		if x.At.After(newest) {
			newest = x.At
		}
	}
	doc, err := json.Marshal(rows)
	if err != nil {
		return fmt.Errorf("encode looks: %w", err)
	}
	seq, err := nextSeq(ctx, tx, "looks")
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, "INSERT INTO looks (seq, at, doc) VALUES ($1, $2, $3)", seq, nanos(newest), string(doc)); err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, "DELETE FROM looks WHERE at < $1", nanos(newest.Add(-KeptLooks)))
	return err
}

// Looks returns the looks of the last KeptLooks in order of arrival, without labels, values
// and details.
func (s *Store) Looks(ctx context.Context) (_ []sample.Sample, err error) {
	rows, err := s.db.read.QueryContext(ctx, "SELECT doc FROM looks ORDER BY seq")
	if err != nil {
		return nil, s.explain("read the looks of the last minutes", err)
	}
	defer func() {
		if closeErr := rows.Close(); err == nil && closeErr != nil {
			err = s.explain("read the looks of the last minutes", closeErr)
		}
	}()
	var all []sample.Sample
	for rows.Next() {
		var doc string
		if err := rows.Scan(&doc); err != nil {
			return nil, s.explain("read the looks of the last minutes", err)
		}
		var looks []look
		if err := json.Unmarshal([]byte(doc), &looks); err != nil {
			return nil, fmt.Errorf("the looks of the last minutes: %w", err)
		}
		for _, l := range looks {
			all = append(all, sample.Sample{
				Check: l.Check, Service: l.Service, At: time.Unix(0, l.At).UTC(), Duration: l.Duration, Recheck: l.Raised,
				Observation: sample.Observation{Health: sample.Health(l.Health), Reason: l.Reason, Version: l.Version},
			})
		}
	}
	return all, rows.Err()
}
