package api

import (
	"context"

	"guardian/internal/server"
	"guardian/internal/store"
)

// journal implements server.Journal.
type journal struct {
	lines interface {
		Audit(ctx context.Context, f store.AuditFilter) (store.AuditPage, error)
	}
}

// Entries implements server.Journal.
func (j journal) Entries(ctx context.Context, f server.JournalFilter) (server.JournalPage, error) {
	p, err := j.lines.Audit(ctx, store.AuditFilter{Service: f.Service, Before: f.Before, Limit: f.Limit})
	if err != nil {
		return server.JournalPage{}, err
	}
	page := server.JournalPage{Next: p.Next}
	for _, l := range p.Lines {
		page.Entries = append(page.Entries, server.JournalEntry{
			At: l.At, Who: l.Who, What: l.What, Subject: l.Subject, Detail: l.Detail, Path: l.Path,
		})
	}
	return page, nil
}
