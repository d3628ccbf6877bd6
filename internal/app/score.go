package app

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"guardian/internal/reason"
	"guardian/internal/server"
	"guardian/internal/store"
	"guardian/watch"
	"guardian/watch/judge"
)

// MarkWatch implements server.Marks.
func (b backend) MarkWatch(ctx context.Context, id string, mark watch.Mark, by server.Caller) (server.Watch, error) {
	t, err := b.active()
	if err != nil {
		return server.Watch{}, err
	}
	v, err := b.Watch(ctx, id, 0)
	if err != nil {
		return server.Watch{}, err
	}
	if !v.State.Markable() {
		return v, server.Refuse(server.ErrConflict, "watch %s is %s: only a verdict of passed, failed or inconclusive can be marked", id, v.State)
	}
	now := b.now().UTC()
	mark.Note, mark.By, mark.At = b.redactor.Redact(mark.Note), by.Name, now
	batch := store.Batch{
		Marks: []store.Mark{{Watch: id, Service: v.Deploy.Service, Mark: mark}},
		Audit: []store.Audit{{
			At: now, Who: by.Name, What: "mark", Service: v.Deploy.Service, Subject: id,
			Detail: reason.Text(strings.TrimSpace(fmt.Sprintf("%s is %s %s", v.State, mark.Kind, mark.Note))), Path: "/watches/" + id,
		}},
	}
	if err := t.Commit(batch); err != nil {
		return server.Watch{}, b.commitError(err)
	}
	b.changed.broadcast()
	return b.Watch(ctx, id, 0)
}

// marked adds to a watch what it led to and what people said about it.
func (b backend) marked(ctx context.Context, v *server.Watch) error {
	if !v.State.Markable() {
		return nil
	}
	plans, err := b.store.Plans(ctx, v.ID, "", time.Time{})
	if err != nil {
		return err
	}
	if p, ok := plans[v.ID]; ok {
		v.Plan = &p.Plan
	}
	marks, err := b.store.Marks(ctx, v.ID, "", time.Time{})
	if err != nil {
		return err
	}
	if m, ok := marks[v.ID]; ok {
		v.Mark = &m.Mark
	}
	return nil
}

// Score implements server.Scores.
func (b backend) Score(ctx context.Context, service string, from, to time.Time) ([]server.Score, error) {
	ws, err := b.store.Watches(ctx, store.WatchFilter{Service: service, Since: from, Until: to, Limit: store.MaxLimit})
	if err != nil {
		return nil, err
	}
	plans, err := b.store.Plans(ctx, "", service, from)
	if err != nil {
		return nil, err
	}
	marks, err := b.store.Marks(ctx, "", service, from)
	if err != nil {
		return nil, err
	}
	return scoresOf(ws, plans, marks), nil
}

// scoresOf adds up verdicts by service and policy. Watches of what the guardian itself put
// back are none of its judgements.
func scoresOf(ws []watch.Watch, plans map[string]store.Plan, marks map[string]store.Mark) []server.Score {
	type policy struct {
		service string
		mode    watch.Mode
		length  time.Duration
		alpha   float64
	}
	scores := map[policy]*server.Score{}
	for _, w := range ws {
		if w.State != watch.Passed && w.State != watch.Failed || !w.ModeReason.IsZero() {
			continue
		}
		k := policy{w.Service, w.Policy.Mode, w.Policy.For, w.Policy.Alpha}
		s := scores[k]
		if s == nil {
			s = &server.Score{Service: k.service, Mode: k.mode, For: model.Duration(k.length).String(), Alpha: k.alpha, Causes: []server.CauseScore{}}
			scores[k] = s
		}
		s.Judged++
		mark := marks[w.ID].Kind
		if w.State == watch.Passed {
			s.Passed++
			if mark == watch.MarkWrong || mark == watch.MarkLate {
				s.Missed++
			}
			continue
		}
		p, planned := plans[w.ID]
		back := planned && p.To != "" && len(p.Refused) == 0
		for _, f := range []*server.Failures{&s.Failures, causeOf(s, w.Verdict)} {
			tally(f, mark, back)
		}
	}
	all := make([]server.Score, 0, len(scores))
	for _, s := range scores {
		s.FalseRate = falseRate(*s)
		slices.SortStableFunc(s.Causes, func(x, y server.CauseScore) int {
			return cmp.Or(cmp.Compare(y.Failed, x.Failed), strings.Compare(x.Cause, y.Cause))
		})
		all = append(all, *s)
	}
	slices.SortFunc(all, func(x, y server.Score) int {
		return cmp.Or(strings.Compare(x.Service, y.Service), strings.Compare(string(x.Mode), string(y.Mode)), strings.Compare(x.For, y.For), cmp.Compare(x.Alpha, y.Alpha))
	})
	return all
}

// causeOf gives the tally of what a Failed verdict rests on.
func causeOf(s *server.Score, v *watch.Verdict) *server.Failures {
	var cause server.CauseScore
	if v != nil {
		cause.Cause, cause.Rule = v.Cause, v.ByRule
	}
	i := slices.IndexFunc(s.Causes, func(c server.CauseScore) bool { return c.Cause == cause.Cause && c.Rule == cause.Rule })
	if i < 0 {
		i = len(s.Causes)
		s.Causes = append(s.Causes, cause)
	}
	return &s.Causes[i].Failures
}

// tally takes a Failed verdict, what was said about it, and whether it would be rolled back.
func tally(f *server.Failures, mark watch.MarkKind, back bool) {
	f.Failed++
	if back {
		f.RolledBack++
	}
	switch mark {
	case watch.MarkRight:
		f.Agreed++
	case watch.MarkLate:
		f.Agreed++
		f.Late++
	case watch.MarkWrong:
		f.Wrong++
	default:
		f.Unmarked++
	}
}

// falseRate estimates how often healthy deploys failed: of those that passed and were not
// missed, and those that failed wrongly. What nobody marked is wrong in the worst case.
func falseRate(s server.Score) *server.Estimate {
	const outside = 0.025 // on each side
	passed := s.Passed - s.Missed
	healthy, worst := passed+s.Wrong, passed+s.Wrong+s.Unmarked
	if worst == 0 {
		return nil
	}
	e := &server.Estimate{High: judge.RateUpper(s.Wrong+s.Unmarked, worst, outside)}
	if healthy > 0 {
		e.Estimate = float64(s.Wrong) / float64(healthy)
		e.Low = judge.RateLower(s.Wrong, healthy, outside)
	}
	return e
}
