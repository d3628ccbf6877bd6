package api

import (
	"context"
	"errors"

	"guardian/internal/quota"
	"guardian/internal/server"
	"guardian/probes/marketplace"
)

// calls implements server.Calls.
type calls struct {
	quotas interface {
		Report(c quota.CallReport) error
	}
}

// ReportCalls implements server.Calls.
func (cs calls) ReportCalls(_ context.Context, c server.CallReport, _ server.Caller) error {
	err := cs.quotas.Report(quota.CallReport{
		Bucket: marketplace.Bucket{Marketplace: c.Marketplace, App: c.App, Shop: c.Shop, Operation: c.Operation},
		Calls:  c.Calls, Throttled: c.Throttled, At: c.At, Key: c.Key, Body: c.BodyHash,
	})
	var wrong *quota.InvalidError
	switch {
	case errors.Is(err, quota.ErrKeyReused):
		return server.ErrIdempotencyMismatch
	case errors.As(err, &wrong):
		return invalid("/"+wrong.Field, wrong.Err)
	default:
		return err
	}
}
