package store

import (
	"context"
	"database/sql"
	"fmt"

	"guardian/probes/sample"
)

// KeptFailures is how many looks that were not up the journal keeps per check.
const KeptFailures = 20

// putFailures writes looks that were not up and deletes all but the newest KeptFailures of each
// check.
func (s *Store) putFailures(ctx context.Context, tx *sql.Tx, failures []sample.Sample) error {
	if err := put(ctx, s, tx, failuresTable(), finiteSamples(failures)); err != nil {
		return err
	}
	done := map[string]bool{}
	for _, f := range failures {
		if done[f.Check] {
			continue
		}
		done[f.Check] = true
		_, err := tx.ExecContext(ctx, `DELETE FROM failures WHERE check_name = $1 AND at <=
			(SELECT at FROM failures WHERE check_name = $1 ORDER BY at DESC LIMIT 1 OFFSET $2)`, text(f.Check), KeptFailures)
		if err != nil {
			return fmt.Errorf("delete old failures of %s: %w", f.Check, err)
		}
	}
	return nil
}
