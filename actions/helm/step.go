package helm

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"guardian/actions"
	"guardian/internal/reason"
)

// Do rolls the release back once, and waits until helm says that everything is ready.
func (s *step) Do(ctx context.Context, call actions.Call) (string, error) {
	var out actions.Clip
	err := s.do(ctx, call, &out)
	return out.Text(s.program.Redactors()...), s.redact(err)
}

func (s *step) do(ctx context.Context, call actions.Call, out io.Writer) error {
	t, err := s.look(call)
	if err != nil {
		return err
	}
	history, err := s.history(ctx, t)
	if err != nil {
		return err
	}
	mine, err := s.made(ctx, t, history)
	if err != nil {
		return err
	}
	if newest := last(history); mine == newest && newest.Status == deployed {
		_, _ = fmt.Fprintf(out, "%s was rolled back under this intent already: revision %s\n", t.name, s.words(newest))
		return nil
	}
	d, err := s.decide(ctx, t, history)
	_, _ = fmt.Fprintf(out, "%s\n", d.words)
	if err != nil {
		return err
	}
	ran, err := s.rollback(ctx, t, d.to)
	_, _ = fmt.Fprintf(out, "%s%s\n", ran.Stderr, ran.Stdout)
	if err == nil || errors.Is(err, actions.ErrUnclear) || ran.Code == 0 {
		return err
	}
	return s.broken(ctx, t, last(history), err)
}

// broken says what became of the release when helm ended with an error.
func (s *step) broken(ctx context.Context, t target, before *revision, cause error) error {
	history, err := s.history(ctx, t)
	if err != nil {
		return actions.Lost(reason.New("helm_not_known", "release", t.name, "said", actions.ReasonOf(cause), "error", actions.ReasonOf(err)), cause)
	}
	now := last(history)
	switch {
	case now.Number <= before.Number:
		return actions.Failure(reason.New("helm_not_begun", "release", t.name, "said", actions.ReasonOf(cause)), cause)
	case now.pending():
		return actions.Failure(reason.New("helm_left", "release", t.name, "revision", now.Number, "status", now.Status, "since", now.updated(), "said", actions.ReasonOf(cause)), cause)
	}
	return actions.Failure(reason.New("helm_failed", "release", t.name, "revision", now.Number, "said", actions.ReasonOf(cause)), cause)
}

// last gives the newest revision, which is what runs, or is being made.
func last(history []*revision) *revision { return history[len(history)-1] }

// made gives the newest revision of the version that was made since the step began; nil: none was.
func (s *step) made(ctx context.Context, t target, history []*revision) (*revision, error) {
	began := t.call.Step.Started
	for _, r := range slices.Backward(history) {
		if began.IsZero() || r.updated().Before(began) {
			break
		}
		if is, err := s.carries(ctx, t, r, t.version); err != nil || is {
			return r, err
		}
	}
	return nil, nil //nolint:nilnil // there may be none
}

// decision is the revision to go back to.
type decision struct {
	from, to *revision
	words    reason.Reason // what is done, for people
}

// decide finds the newest revision of the version that was well once. It refuses what somebody else works
// on, and what would overwrite a version that is not the one to be taken back.
func (s *step) decide(ctx context.Context, t target, history []*revision) (decision, error) {
	now := last(history)
	d := decision{from: now}
	is, err := s.carries(ctx, t, now, t.version)
	if err != nil {
		return d, err
	}
	back := now.Status == pendingRollback && is // somebody is about to do what this step would do
	left, working := false, reason.Reason{}
	if back {
		until, err := s.lives(ctx, t, now)
		if err != nil {
			return d, err
		}
		left = s.env.Now().After(until)
		working = reason.New("helm_works", "release", t.name, "revision", now.Number, "since", now.updated(), "until", until)
	}
	switch {
	case left:
	case back:
		return d, actions.Failure(working)
	case now.pending():
		return d, actions.Failure(reason.New("helm_pending", "release", t.name, "revision", now.Number, "status", now.Status, "since", now.updated()))
	case now.Status != deployed && now.Status != failed && now.Status != superseded:
		return d, actions.Failure(reason.New("helm_status", "release", t.name, "status", now.Status))
	case is:
		return d, actions.Failure(reason.New("helm_runs_already", "release", t.name, "version", t.version, "revision", s.words(now), "revisions", s.all(history)))
	}
	if from := t.call.Run.From; from != "" && !left {
		is, err := s.carries(ctx, t, now, from)
		if err != nil {
			return d, err
		}
		if !is {
			return d, actions.Failure(reason.New("helm_other_version", "release", t.name, "revision", s.words(now), "version", from))
		}
	}
	if d.to, err = s.find(ctx, t, history); err != nil {
		return d, err
	}
	d.words = reason.New("helm_plan", "release", t.name, "from", s.words(now), "to", s.words(d.to), "new", now.Number+1)
	if left {
		d.words = reason.Join(reason.New("helm_again", "release", t.name, "revision", now.Number, "since", now.updated()), d.words)
	}
	return d, nil
}

// find gives the newest revision before the current one that carries the version and was deployed. One that
// failed, or was left pending, is named in the refusal and never taken.
func (s *step) find(ctx context.Context, t target, history []*revision) (*revision, error) {
	before := history[:len(history)-1]
	var bad []string
	for _, r := range slices.Backward(before) {
		is, err := s.carries(ctx, t, r, t.version)
		switch {
		case err != nil:
			return nil, err
		case !is:
		case r.Status == deployed || r.Status == superseded:
			return r, nil
		default:
			bad = append(bad, s.words(r))
		}
	}
	why := reason.New("helm_no_revision", "release", t.name, "version", t.version, "revisions", s.all(history))
	if len(bad) > 0 {
		why = reason.New("helm_bad_revision", "release", t.name, "version", t.version, "bad", bad, "revisions", s.all(history))
	}
	if oldest := history[0].Number; oldest > 1 {
		why = reason.Join(why, reason.New("helm_history_cut", "oldest", oldest))
	}
	return nil, actions.Failure(why)
}

// lives tells until when a helm of this step may work on a revision: the wait has the deadline, and so have
// for each hook the removal of the one before and its own end.
func (s *step) lives(ctx context.Context, t target, r *revision) (time.Time, error) {
	hooks, err := s.hooks(ctx, t, r)
	return r.updated().Add(time.Duration(1+2*hooks)*time.Duration(s.s.Deadline) + time.Minute), err
}

// Status asks the history: a revision of the version that was made since the step began.
func (s *step) Status(ctx context.Context, call actions.Call) (actions.Outcome, reason.Reason, error) {
	outcome, detail, err := s.status(ctx, call)
	return outcome, s.shown(detail), s.redact(err)
}

func (s *step) status(ctx context.Context, call actions.Call) (actions.Outcome, reason.Reason, error) {
	t, err := s.look(call)
	if err != nil {
		return actions.Unclear, reason.Reason{}, err
	}
	history, err := s.history(ctx, t)
	if err != nil {
		return actions.Unclear, reason.Reason{}, err
	}
	mine, err := s.made(ctx, t, history)
	if err != nil {
		return actions.Unclear, reason.Reason{}, err
	}
	now := last(history)
	switch {
	case mine == nil && s.env.Now().Before(call.Step.Started.Add(s.begins)):
		return actions.Pending, reason.New("helm_begins", "release", t.name), nil
	case mine == nil:
		return actions.NotHappened, reason.New("helm_no_trace", "release", t.name, "revision", s.words(now)), nil
	case mine != now:
		return actions.Unclear, reason.New("helm_changed_since", "release", t.name, "revision", mine.Number, "now", s.words(now)), nil
	case mine.Status == deployed:
		return actions.Happened, reason.New("helm_done", "release", t.name, "revision", s.words(mine)), nil
	case mine.Status == failed:
		return actions.Failed, reason.New("helm_failed", "release", t.name, "revision", mine.Number, "said", mine.Description), nil
	case mine.pending():
		until, err := s.lives(ctx, t, mine)
		if err == nil && s.env.Now().After(until) {
			return actions.Unclear, reason.New("helm_left", "release", t.name, "revision", mine.Number, "status", mine.Status, "since", mine.updated(), "said", ""), nil
		}
		return actions.Pending, reason.New("helm_works", "release", t.name, "revision", mine.Number, "since", mine.updated(), "until", until), err
	}
	return actions.Unclear, reason.New("helm_status", "release", t.name, "status", mine.Status), nil
}

// Plan implements actions.Planner: which revision would be put back, and which values would change.
func (s *step) Plan(ctx context.Context, call actions.Call) (reason.Reason, error) {
	plan, err := s.plan(ctx, call)
	return s.shown(plan), s.redact(err)
}

func (s *step) plan(ctx context.Context, call actions.Call) (reason.Reason, error) {
	t, err := s.look(call)
	if err != nil {
		return reason.Reason{}, err
	}
	history, err := s.history(ctx, t)
	if err != nil {
		return reason.Reason{}, err
	}
	d, err := s.decide(ctx, t, history)
	if err != nil {
		return d.words, err
	}
	is, err := s.values(ctx, t, d.from)
	if err != nil {
		return d.words, err
	}
	was, err := s.values(ctx, t, d.to)
	if keys := changed(is, was); err == nil && len(keys) > 0 {
		d.words = reason.Join(d.words, reason.New("helm_values", "keys", keys))
	}
	return d.words, err
}

func (s *step) shown(why reason.Reason) reason.Reason {
	return why.Redact(func(text string) string { return actions.Shown(text, s.program.Redactors()...) })
}

func (s *step) redact(err error) error { return actions.RedactError(err, s.program.Redactors()...) }
