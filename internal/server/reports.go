package server

import (
	"context"

	"guardian/sla"
)

// Reports makes the SLA report.
type Reports interface {
	// Report gives the report of a period in the configured time zone, of one service or of
	// all (""); ErrNotFound for a service that is not known.
	Report(ctx context.Context, period sla.Period, service string) (sla.Report, error)
	// FactsRevision names the state of the facts that a period's report is made of: as long
	// as it stays the same, so does the report. It must be cheap. For a running period it
	// changes at least each minute.
	FactsRevision(ctx context.Context, period sla.Period) (string, error)
}
