package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"guardian/actions"
	"guardian/decide"
	"guardian/internal/reason"
	"guardian/internal/runs"
	"guardian/internal/server"
	"guardian/internal/store"
)

// runReader implements server.Runs.
type runReader struct {
	journal runJournal
	changes *Changes
}

type runJournal interface {
	Runs(ctx context.Context, f store.RunFilter) ([]actions.Run, error)
	Run(ctx context.Context, id string) (actions.Run, error)
	Entries(ctx context.Context, run string) ([]actions.Entry, error)
}

// RunList implements server.Runs.
func (rs runReader) RunList(ctx context.Context, f server.Filter) ([]actions.Run, error) {
	return rs.journal.Runs(ctx, runFilter(f))
}

func runFilter(f server.Filter) store.RunFilter {
	return store.RunFilter{
		Service: f.Service, Environment: f.Environment, State: actions.State(f.State), Trigger: actions.TriggerKind(f.Trigger),
		Open: f.Open, Since: f.Since, Limit: f.Limit,
	}
}

// Run implements server.Runs.
func (rs runReader) Run(ctx context.Context, id string, wait time.Duration) (server.RunDetail, error) {
	return await(ctx, rs.changes, wait, func() (server.RunDetail, bool, error) {
		r, err := rs.journal.Run(ctx, id)
		if err != nil {
			return server.RunDetail{}, true, runError(id, err)
		}
		entries, err := rs.journal.Entries(ctx, id)
		return server.RunDetail{Run: r, Ledger: entries}, r.State.Final(), err
	})
}

// runError gives the API's error for a run that could not be read.
func runError(id string, err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return &server.NotFoundError{What: "rollback", Name: id}
	}
	return err
}

// runControl implements server.RunControl.
type runControl struct {
	journal interface {
		Run(ctx context.Context, id string) (actions.Run, error)
		Commit(ctx context.Context, f store.Fence, b store.Batch) error
	}
	refused *paced // answers that were not admitted
	log     *slog.Logger
	running func() Running
	decider func() decide.Decider
	leader  leader
	now     func() time.Time
}

// StartRun implements server.RunControl.
func (rc runControl) StartRun(ctx context.Context, r server.RunRequest, by server.Caller) (actions.Run, error) {
	leading, err := rc.leader.required()
	if err != nil {
		return actions.Run{}, err
	}
	environment, err := rc.running().environmentOf(rc.decider().Settings, r.Service, r.Environment)
	if err != nil {
		return actions.Run{}, err
	}
	var id string
	err = leading.Watches.WithoutAnnouncements(func() error {
		return leading.Runs.Decide(func() error {
			request, err := rc.decider().ByPerson(ctx, decide.PersonRequest{
				Service: r.Service, Environment: environment, Kind: r.Kind, To: r.To, Person: by.Name, Reason: r.Reason,
			}, leading.Present(r.Service), rc.now())
			if err != nil {
				return err
			}
			id = store.NewID("r_")
			request.ID = id
			_, err = leading.Runs.Begin(leading.Leadership.Context(), request, runs.With{})
			return err
		})
	})
	if errors.Is(err, decide.ErrNoRunbook) {
		return actions.Run{}, noRunbook(r)
	}
	if err != nil {
		return actions.Run{}, apiError(err)
	}
	return rc.journal.Run(ctx, id)
}

// AnswerRun implements server.RunControl.
func (rc runControl) AnswerRun(ctx context.Context, id string, a server.RunAnswer, by server.Caller) (actions.Run, error) {
	leading, err := rc.leader.required()
	if err != nil {
		return actions.Run{}, err
	}
	answered, outdated, err := leading.Runs.Answer(ctx, id, actions.Answer{
		By: by.Name, Role: string(by.Role), At: rc.now(), Decision: string(a.Decision), Note: a.Note,
	})
	switch {
	case !outdated.IsZero():
		return actions.Run{}, server.Refuse(server.ErrConflict, "run %s is over: %s", id, outdated)
	case err == nil:
		return answered, nil
	}
	if _, missing := rc.journal.Run(ctx, id); errors.Is(missing, store.ErrNotFound) {
		return actions.Run{}, runError(id, missing)
	}
	return actions.Run{}, answerError(id, err)
}

// What is recorded of answers that are not admitted: so many a minute of one person or address, and of so many
// of them. Nobody fills the journal by asking again and again.
const (
	mostRefused  = 20
	mostRefusers = 1000
)

// paced counts what each of several does, by the minute.
type paced struct {
	mu    sync.Mutex
	since time.Time // of the minute that is counted
	of    map[string]int
}

// allow tells whether somebody did it not too often within the minute.
func (p *paced) allow(who string, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.of == nil || now.Sub(p.since) >= time.Minute || now.Before(p.since) {
		p.since, p.of = now, map[string]int{}
	}
	if _, known := p.of[who]; !known && len(p.of) >= mostRefusers {
		return false
	}
	p.of[who]++
	return p.of[who] <= mostRefused
}

// NotAdmitted implements server.RunControl.
func (rc runControl) NotAdmitted(ctx context.Context, id string, a server.RefusedAnswer) {
	run, err := rc.journal.Run(ctx, id)
	if err != nil || !rc.refused.allow(a.Who, rc.now()) {
		return
	}
	err = rc.journal.Commit(context.WithoutCancel(ctx), store.Unfenced, store.Batch{Audit: []store.Audit{{
		At: rc.now().UTC(), Who: a.Who, What: "run_refused_answer", Service: run.Service, Subject: id, Path: "/rollbacks/" + id,
		Detail: reason.New("answer_refused", "decision", string(a.Decision), "why", a.Why, "note", ""),
	}}})
	if err != nil {
		rc.log.WarnContext(ctx, "that an answer was not admitted could not be recorded", "run", id, "error", err)
	}
}

// answerError gives the API's error for why a run did not take an answer.
func answerError(id string, err error) error {
	for _, conflict := range []error{
		actions.ErrNotAsked, actions.ErrNotAChoice, actions.ErrIsAuthor, actions.ErrAnswered, actions.ErrTooLate, actions.ErrRunIsOver, actions.ErrRunIsActing,
	} {
		if errors.Is(err, conflict) {
			return server.Refuse(server.ErrConflict, "%s", err)
		}
	}
	if errors.Is(err, actions.ErrNotAllowed) {
		return server.Refuse(server.ErrForbidden, "%s", err)
	}
	return apiError(fmt.Errorf("answer run %s: %w", id, err))
}
