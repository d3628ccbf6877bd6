package decide

import (
	"context"
	"time"

	"guardian/actions"
	"guardian/internal/reason"
	"guardian/internal/versions"
	"guardian/watch"
)

// DryRun is what a rollback would be now. Nothing of it happens.
type DryRun struct {
	// ByPerson is the run that a person would get who asks for it, and Automatic the one of a Failed
	// verdict about what runs: its guards override nothing.
	ByPerson, Automatic actions.Request
	// Mode is that of the service's watches: in observe a verdict starts nothing.
	Mode watch.Mode
	// Loses are the versions that would no longer run, the newest first: what runs, and what lies
	// between it and the version that is put back.
	Loses []actions.Release
	// MoreLost: it is not known what else ran since the version that is put back.
	MoreLost bool
}

// DryRun decides about a rollback as ByPerson and Verdict do, for people to read.
func (d Decider) DryRun(ctx context.Context, r PersonRequest, p Present, now time.Time) (DryRun, error) {
	wanted, err := d.wantedBy(ctx, r, p)
	if err != nil {
		return DryRun{}, err
	}
	f, err := d.rollbackFacts(ctx, wanted, now)
	if err != nil {
		return DryRun{}, err
	}
	svc, _ := d.Settings.Service(r.Service)
	out := DryRun{ByPerson: d.asked(wanted, f, p, now), Mode: svc.Watch.Mode}
	out.Loses, out.MoreLost = lost(f, wanted.deploy)
	wanted.override, wanted.trigger.Kind = false, actions.ByVerdict
	if f, err = d.rollbackFacts(ctx, wanted, now); err != nil {
		return DryRun{}, err
	}
	out.Automatic = d.asked(wanted, f, p, now)
	if out.Mode == watch.Approve {
		out.Automatic.Approve = reason.New("watched_in_approve")
	}
	return out, nil
}

// lost gives the versions that a rollback takes away, and whether there may be more.
func lost(f actions.Facts, dep watch.Deploy) (versionsLost []actions.Release, more bool) {
	if f.Versionless || f.To == "" {
		return nil, false
	}
	if f.From != "" {
		versionsLost = append(versionsLost, actions.Release{Version: f.From, Since: dep.At})
	}
	for _, r := range f.Ran {
		if versions.Same(r.Version, f.To) {
			return versionsLost, false
		}
		versionsLost = append(versionsLost, r)
	}
	return versionsLost, true
}
