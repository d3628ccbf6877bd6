package api

import (
	"context"
	"errors"
	"strings"
	"time"

	"guardian/internal/config"
	"guardian/internal/leadership"
	"guardian/internal/reason"
	"guardian/internal/secret"
	"guardian/internal/server"
	"guardian/internal/store"
	"guardian/notifiers"
)

// Process is what the process says about itself.
type Process struct {
	Version    string
	Started    time.Time
	Holder     string // its name as a holder of the lease
	Leadership func() leadership.Status
	Reload     func(ctx context.Context) (config.Mistakes, error)
	// RereadOverrides lets the schedules know which overrides are in the journal.
	RereadOverrides func(ctx context.Context)
	Receivers       func() []notifiers.Status // how each receiver does; nil: it is not known
	// ReloadError is the error of the last reload, and JournalError that of the last write to the
	// journal; "" when it went well. Both are redacted.
	ReloadError, JournalError func() string
	// Gone is what is not there any more of the data folder; nil or "": all is there.
	Gone func() string
}

// process implements server.Process.
type process struct {
	Process
	journal interface {
		committer
		Kind() string
		Ping(ctx context.Context) error
		DeliveryStats(ctx context.Context, since time.Time) (store.DeliveryStats, error)
	}
	record   interface{ Blind(now time.Time) []string }
	running  func() Running
	redactor *secret.Redactor
	now      func() time.Time
}

// statsOver is the time over which notices that were given up are counted.
const statsOver = 24 * time.Hour

// Status implements server.Process.
func (p process) Status(ctx context.Context) (server.Status, error) {
	now, running := p.now(), p.running()
	st := server.Status{
		Version: p.Version, Started: p.Started, Loaded: running.Loaded, Checks: len(running.Config.Checks),
		Blind: p.record.Blind(now), Storage: p.journal.Kind(),
	}
	if st.Blind == nil {
		st.Blind = []string{}
	}
	p.role(&st, p.Leadership())
	if st.Role == "active" && p.Receivers != nil {
		st.Receivers = p.Receivers()
	}
	if p.Gone != nil {
		if what := p.Gone(); what != "" {
			st.Ready, st.StorageErr = false, "the data folder was deleted or replaced: "+what
			st.Reason = reason.New("self_folder", "folder", what)
			return st, nil
		}
	}
	if err := p.journal.Ping(ctx); err != nil {
		st.Ready, st.StorageErr, st.Reason = false, p.redactor.Redact(err.Error()), reason.New("journal_silent")
		return st, nil
	}
	st.StorageErr, st.LoadError = p.JournalError(), p.ReloadError()
	if st.StorageErr != "" && (st.Role == "active" || st.Role == "starting") { // of a standby, another writes
		st.Ready, st.Reason = false, reason.New("self_journal", "error", st.StorageErr)
	}
	stats, err := p.journal.DeliveryStats(ctx, now.Add(-statsOver))
	if err != nil {
		return st, err
	}
	st.Queued = stats.States["queued"] + stats.States["sending"]
	st.GivenUp = stats.States["given_up"]
	st.LastNotice, st.OldestDue = stats.LastDelivered, stats.OldestOpen
	return st, nil
}

// role says in the API's words who leads.
func (p process) role(st *server.Status, leader leadership.Status) {
	st.Ready, st.Role = true, "standby"
	switch {
	case leader.Leading:
		st.Role, st.Holder = "active", p.Holder
	case leader.Starting:
		st.Ready, st.Role, st.Reason = false, "starting", reason.New("taking_over")
	case leader.Other == nil:
		st.Ready, st.Role, st.Reason = false, "starting", reason.New("holder_not_known")
	case leader.Former:
		st.Holder, st.Reason = leader.Other.Holder, reason.New("own_lease_runs")
	default:
		st.Holder, st.Reason = leader.Other.Holder, reason.New("another_leads")
	}
}

// Reload implements server.Process.
func (p process) Reload(ctx context.Context, by server.Caller) ([]string, error) {
	found, err := p.Process.Reload(ctx)
	if err != nil {
		return nil, &server.MistakesError{Mistakes: mistakes(err)}
	}
	var warnings []string
	for _, w := range found {
		warnings = append(warnings, w.Error())
	}
	return warnings, p.journal.Commit(ctx, store.Unfenced, store.Batch{Audit: []store.Audit{{At: p.now(), Who: by.Name, What: "reload"}}})
}

// mistakes gives what is wrong with a configuration, line by line.
func mistakes(err error) []string {
	var ms config.Mistakes
	if !errors.As(err, &ms) {
		return strings.Split(err.Error(), "\n")
	}
	lines := make([]string, len(ms))
	for i, m := range ms {
		lines[i] = m.Error()
	}
	return lines
}
