package decide

import (
	"context"
	"fmt"
	"slices"
	"time"

	"guardian/actions"
	"guardian/internal/versions"
	"guardian/watch"
)

// badBack is how far back bad versions are looked for: a week, of which the same time is compared,
// and a day.
const badBack = 8 * 24 * time.Hour

// pastWatches gives the watches that began before a deploy, newest first, the open ones as they
// stand.
func (d Decider) pastWatches(ctx context.Context, service string, p Present, switched time.Time) ([]PastWatch, error) {
	past, err := d.watches(ctx, service, switched.Add(-badBack))
	if err != nil {
		return nil, err
	}
	for _, w := range p.Open {
		is, seen := PastWatchOf(w)
		if !seen {
			continue
		}
		if i := slices.IndexFunc(past, func(o PastWatch) bool { return o.Deploy == w.DeployID }); i >= 0 {
			past[i] = is
		} else {
			past = slices.Insert(past, 0, is)
		}
	}
	return past, nil
}

// watches gives the watches of a service that are open or ended since a time, newest first.
func (d Decider) watches(ctx context.Context, service string, since time.Time) ([]PastWatch, error) {
	past, err := d.Past.Watches(ctx, service, since)
	if err != nil {
		return nil, fmt.Errorf("read the watches of %s: %w", service, err)
	}
	return slices.Clone(past), nil
}

// isOf reports whether a watch is that of the deploy itself, which more shops may join.
func (w PastWatch) isOf(dep watch.Deploy) bool {
	return w.Deploy == dep.ID || w.State == watch.Watching && w.Environment == dep.Environment && versions.Same(w.Version, dep.Version)
}

// badVersions are the times in which a version was in place that failed, was taken back, or has
// evidence against it: from its switch until another version was in place, whatever became of
// its rollback. standing: one of them is in place at the switch.
func (d Decider) badVersions(ctx context.Context, service string, past []PastWatch, dep watch.Deploy, switched time.Time) (bad []Span, standing bool, err error) {
	runs := map[string][]actions.Run{} // by environment
	for i, w := range past {
		if w.isOf(dep) {
			continue
		}
		if _, read := runs[w.Environment]; !read {
			if runs[w.Environment], err = d.Past.Runs(ctx, service, w.Environment, switched.Add(-badBack)); err != nil {
				return nil, false, fmt.Errorf("read the rollbacks of %s: %w", service, err)
			}
		}
		back, taken := takenBack(runs[w.Environment], w, switched)
		if !w.Suspect && !taken {
			continue
		}
		s, followed := Span{w.Switched, switched}, taken && !back.done.After(switched)
		for _, next := range past[:i] { // those that came later, the newest first
			if taken && next.Started.After(back.over) {
				continue // announced after the rollback, whose end is known: its switch is only estimated
			}
			if next.Environment == w.Environment && watch.SameKind(next.Kind, w.Kind) && !versions.Same(next.Version, w.Version) && next.Switched.Before(s.To) {
				s.To, followed = next.Switched, true
			}
		}
		if taken && back.over.Before(s.To) {
			s.To = back.over
		}
		if s.From.Before(s.To) {
			bad = append(bad, s)
			standing = standing || !followed
		}
	}
	return bad, standing, nil
}

// rolloutSpans are the times in which earlier deploys were rolled out: from each switch until its
// looks were judged. What a restart showed then is no more normal than it was evidence.
func rolloutSpans(past []PastWatch, until time.Time) []Span {
	var spans []Span
	for _, w := range past {
		s := Span{w.Switched, w.From}
		if s.To.After(until) {
			s.To = until
		}
		if s.From.Before(s.To) {
			spans = append(spans, s)
		}
	}
	return spans
}

// BadPeriods are the times since a time in which bad versions of a service were in place, which
// watches leave out of what was before.
func (d Decider) BadPeriods(ctx context.Context, service string, since, until time.Time) ([]Span, error) {
	past, err := d.watches(ctx, service, since)
	if err != nil {
		return nil, err
	}
	bad, _, err := d.badVersions(ctx, service, past, watch.Deploy{}, until)
	return bad, err
}

// back is when a rollback put another version in place (its steps were done), and when it was
// over, with its checks.
type back struct{ done, over time.Time }

// takenBack finds the first rollback that put another version in the place of a watched one. One
// that is still verified is not over by the switch.
func takenBack(runs []actions.Run, w PastWatch, switched time.Time) (first back, taken bool) {
	l := line{w.Service, w.Environment, w.Kind}
	for _, r := range runs {
		if !l.takes(r) || !PutBack(r) || r.Created.Before(w.Switched) {
			continue
		}
		over := r.Ended
		if over.IsZero() {
			over = switched
		}
		ours := r.Trigger.Deploy == w.Deploy || r.Trigger.Deploy == "" && versions.Same(r.From, w.Version)
		if ours && (!taken || over.Before(first.over)) {
			first, taken = back{putAt(r), over}, true
		}
	}
	return first, taken
}

// chainStart is where "before" ends when the versions before were undecided or bad: before the
// first of them.
func chainStart(before time.Time, past []PastWatch, dep watch.Deploy, bad []Span) time.Time {
	for _, w := range past {
		undecided := w.State == watch.Watching && w.Environment == dep.Environment && !versions.Same(w.Version, dep.Version)
		if undecided && w.Before.Before(before) {
			before = w.Before
		}
	}
	for moved := true; moved; {
		moved = false
		for _, s := range bad {
			if s.From.Before(before) && !before.After(s.To) {
				before, moved = s.From, true
			}
		}
	}
	return before
}
