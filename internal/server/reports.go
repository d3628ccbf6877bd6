package server

import "context"

// Reports makes the SLA report.
//
// It gets Report(ctx, month, service string) (sla.Report, error) as soon as package sla has
// the type.
type Reports interface {
	// FactsRevision names the state of the facts that a month's report is made of: as long
	// as it stays the same, so does the report. It must be cheap. For the running month it
	// changes at least each minute.
	FactsRevision(ctx context.Context, month string) (string, error)
}
