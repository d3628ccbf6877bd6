package decide

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"guardian/actions"
	"guardian/internal/reason"
	"guardian/internal/versions"
	"guardian/probes/sample"
	"guardian/rules"
	"guardian/watch"
)

// A deploy is announced after it happened: by a pipeline that waited for its rollout, seconds to
// minutes later. What was there before the hook is therefore not what was there before the
// deploy. This file finds out where "before" ends:
//
//   - the switch is told, or it is the first look that the new version answered, or the hook;
//   - a failing stretch that is open at the switch and began shortly before it ends "before":
//     it is neither baseline nor excuse, and no evidence either;
//   - unless others saw it too: then it is no deploy's;
//   - a version that failed, was taken back, or was superseded with evidence against it is no
//     "before" at all: the next one is compared with what was there before that, and what it
//     left failing is no blame to the next one for a while.

const (
	// badBack is how far back bad versions are looked for: a week, of which the same time is
	// compared, and a day.
	badBack = 8 * 24 * time.Hour
	// stretchBack is how much more than announce_lag is read to know what is usual.
	stretchBack = time.Hour
	// longestReprieve is how long a fix may take until what the version before left failing
	// counts against it; half of the watch if that is shorter.
	longestReprieve = 2 * time.Minute
	// doubtBack is how far back stretches are counted that look like this deploy's.
	doubtBack = 7 * 24 * time.Hour
)

// beginning finds where the watch of a deploy begins. out are the times that are no "before": in
// which bad versions were in place, and deploys were rolled out.
func (d Decider) beginning(ctx context.Context, svc Service, dep watch.Deploy, p Present, now time.Time) (b watch.Beginning, out []Span, err error) {
	b.Hook = now
	if !dep.FirstTried.IsZero() && dep.FirstTried.Before(now) {
		b.Hook = dep.FirstTried
	}
	if dep.Rollout != nil {
		b.Start = dep.Rollout.Start
	}
	past, err := d.pastWatches(ctx, svc.Name, p, b.Hook)
	if err != nil {
		return b, nil, err
	}
	changed, err := d.lastChange(ctx, past, dep, b.Hook)
	if err != nil {
		return b, nil, err
	}
	b.Switch = switchOf(dep, svc.Watch, p, Span{changed, b.Hook})
	b.Before = b.Switch.At
	bad, inherited, err := d.badVersions(ctx, svc.Name, past, dep, b.Switch.At)
	if err != nil {
		return b, nil, err
	}
	if inherited {
		b.Reprieve = b.Hook.Add(min(longestReprieve, svc.Policy(dep.Asked).For/2))
	}
	b.Excuses = map[string]watch.Excuse{}
	var own []ownStretch
	for _, c := range d.Settings.ChecksOf(svc.Name) {
		if !c.Judges || !watch.Reaches(dep.Shops, c.CheckPolicy) {
			continue
		}
		st, err := d.stretchOf(ctx, c, svc.Watch, b.Switch.At, bad)
		if err != nil {
			return b, bad, err
		}
		if st.Onset.Before(changed) {
			st.Healthy = false // it began under what ran before, and is not this deploy's
		}
		excuse, mine, err := d.excuse(ctx, c, st, svc, dep, inherited, p, b)
		if err != nil {
			return b, bad, err
		}
		if excuse != "" {
			b.Excuses[c.Check] = excuse
		}
		if mine {
			own = append(own, ownStretch{check: c, since: st.Onset})
		}
	}
	if !inherited {
		for _, al := range p.Alerts {
			if armed(al, svc, dep) && lately(al.ActiveAt, b.Switch.At, svc.Watch) && !al.ActiveAt.Before(changed) {
				own = append(own, ownStretch{since: al.ActiveAt})
			}
		}
	}
	if err := d.own(ctx, svc, own, bad, &b); err != nil {
		return b, bad, err
	}
	b.Before = chainStart(b.Before, past, dep, bad)
	return b, append(bad, rolloutSpans(past, b.Before)...), nil
}

// switchOf is when the deploy happened, as far as the caller, the versions that checks see and
// the start of the workload tell. A version that was there all along is deployed again: the hook tells when.
// It lies within a span: not before what ran before it was put in place, and not after the hook.
func switchOf(dep watch.Deploy, settings watch.Settings, p Present, within Span) watch.Switch {
	if !dep.At.IsZero() {
		return watch.Switch{At: dep.At, By: watch.ByCaller}
	}
	sw := watch.Switch{At: within.To, By: watch.ByHook}
	for _, seen := range p.Answered {
		for i, v := range seen {
			if i > 0 && versions.Names(v.Version, dep.Version) && v.First.Before(sw.At) && lately(v.First, within.To, settings) {
				sw = watch.Switch{At: v.First, By: watch.ByVersion}
			}
		}
	}
	if sw.By == watch.ByHook && !p.RunsSince.IsZero() && lately(p.RunsSince, within.To, settings) {
		sw = watch.Switch{At: p.RunsSince, By: watch.ByTarget}
	}
	if sw.At.Before(within.From) {
		sw.At = within.From // the version ran before, was taken back, and is there again
	}
	return sw
}

// lastChange is when what ran before a deploy was put in place: the last watch of another deploy
// began, or a rollback's steps were done; zero when neither is known.
func (d Decider) lastChange(ctx context.Context, past []PastWatch, dep watch.Deploy, hook time.Time) (time.Time, error) {
	var last time.Time
	later := func(at time.Time) {
		if at.After(last) && !at.After(hook) {
			last = at
		}
	}
	for _, w := range past {
		own := w.Deploy == dep.ID || w.State == watch.Watching && versions.Same(w.Version, dep.Version)
		if w.Environment == dep.Environment && !own {
			later(w.Started)
		}
	}
	runs, err := d.Past.Runs(ctx, dep.Service, dep.Environment, hook.Add(-badBack))
	if err != nil {
		return last, fmt.Errorf("read the rollbacks of %s: %w", dep.Service, err)
	}
	for _, r := range runs {
		if r.Rollback && r.Trigger.Kind != actions.ByDrill && PutBack(r) {
			later(stepsDone(r))
		}
	}
	return last, nil
}

// lately reports whether something began no longer before a time than a hook may be late.
func lately(began, end time.Time, settings watch.Settings) bool {
	return !began.After(end) && end.Sub(began) <= time.Duration(settings.AnnounceLag)
}

// armed reports whether an alert would fail the watch of a deploy.
func armed(al rules.Alert, svc Service, dep watch.Deploy) bool {
	if !al.FailsWatch || al.Service() != svc.Name || al.State == rules.Resolved {
		return false
	}
	if e := al.Labels["environment"]; e != "" && e != dep.Environment {
		return false
	}
	shop := al.Labels["shop"]
	return shop == "" || len(dep.Shops) == 0 || slices.Contains(dep.Shops, shop)
}

// stretchOf finds how a check was at a switch.
func (d Decider) stretchOf(ctx context.Context, c Check, settings watch.Settings, end time.Time, bad []Span) (watch.Stretch, error) {
	lag := time.Duration(settings.AnnounceLag)
	looks, err := d.looksBefore(ctx, c.Check, Span{end.Add(-lag - max(stretchBack, time.Duration(4*settings.MinSamples)*c.Every)), end}, bad)
	if err != nil {
		return watch.Stretch{}, err
	}
	return watch.OpenStretch(looks, c.CheckPolicy, settings.UsualRate(looks, c.CheckPolicy, end.Add(-lag)), settings.MinSamples, end), nil
}

// excuse decides about a check at the switch: why it is not judged until it is up, or that its
// failing stretch may be this deploy's.
func (d Decider) excuse(ctx context.Context, c Check, st watch.Stretch, svc Service, dep watch.Deploy, inherited bool, p Present, b watch.Beginning) (_ watch.Excuse, own bool, err error) {
	health := st.Last
	if !st.Seen || health == sample.Unknown {
		health = p.Health[c.Check] // no series, or they are behind
	}
	switch {
	case inherited && (st.Open() || health == sample.Down):
		return watch.ExcusedInherited, false, nil
	case st.Open() && st.Healthy && lately(st.Onset, b.Switch.At, svc.Watch):
		too, err := d.seenElsewhere(ctx, c, svc, dep, st.Onset, b.Switch.At)
		if too {
			return watch.ExcusedElsewhere, false, err
		}
		return "", true, err
	case st.Open() && health == sample.Down, !st.Seen && health == sample.Down:
		return watch.ExcusedRed, false, nil
	case health == sample.Unknown:
		return watch.ExcusedUnknown, false, nil
	default:
		return "", false, nil
	}
}

// seenElsewhere reports whether something that this deploy cannot have broken failed as well: a
// control of the check's network path, the same check at a shop without the deploy, or a check
// of another service on the same marketplace.
func (d Decider) seenElsewhere(ctx context.Context, c Check, svc Service, dep watch.Deploy, onset, end time.Time) (bool, error) {
	for _, o := range d.Settings.Checks {
		var other bool
		switch {
		case o.Check == c.Check:
		case o.Control:
			other = o.Path == c.Path
		case o.Service == svc.Name:
			other = !watch.Reaches(dep.Shops, o.CheckPolicy) && sameMarketplace(o, c)
		default:
			other = c.Labels["marketplace"] != "" && sameMarketplace(o, c)
		}
		if !other {
			continue
		}
		st, err := d.stretchOf(ctx, o, svc.Watch, end, nil)
		if err != nil {
			return false, err
		}
		// What began long before is another matter.
		if st.Open() && onset.Sub(st.Onset) <= time.Duration(svc.Watch.AnnounceLag) {
			return true, nil
		}
	}
	return false, nil
}

func sameMarketplace(x, y Check) bool {
	return strings.EqualFold(x.Labels["marketplace"], y.Labels["marketplace"])
}

// ownStretch is a failing stretch that may be this deploy's, of a check or of an alert.
type ownStretch struct {
	check Check // without a name for an alert
	since time.Time
}

// own lets "before" end at the first of the stretches, and says when it is doubtful that they
// are this deploy's.
func (d Decider) own(ctx context.Context, svc Service, stretches []ownStretch, bad []Span, b *watch.Beginning) error {
	for _, s := range stretches {
		if s.since.Before(b.Before) {
			b.Before = s.since
		}
	}
	if !b.Before.Before(b.Switch.At) {
		return nil
	}
	if b.Switch.By == watch.ByHook {
		b.Switch = watch.Switch{At: b.Before, By: watch.ByOnset}
	}
	if b.Switch.By == watch.ByVersion {
		return nil // the version tells whose it is
	}
	act := time.Duration(svc.Watch.ActWithin)
	at, hook, start := announcement(*b)
	if lag := at.Sub(b.Before); lag > act {
		b.Doubt = reason.New(watch.DoubtEarly, "since", b.Before, "hook", hook, "start", start, "act_within", act)
		return nil
	}
	// How often has a stretch of this kind begun of itself? The chance that one of them is open
	// at a hook must stay within that of a false rollback.
	often := 0
	for _, s := range stretches {
		if s.check.Check == "" {
			continue
		}
		looks, err := d.looksBefore(ctx, s.check.Check, Span{b.Before.Add(-doubtBack), b.Before}, bad)
		if err != nil {
			return err
		}
		often += watch.LongRuns(looks)
	}
	if float64(often)*act.Seconds() > float64(svc.Watch.FalseRollback)*doubtBack.Seconds() {
		b.Doubt = reason.New(watch.DoubtOften, "since", b.Before, "hook", hook, "start", start, "times", often)
	}
	return nil
}

// pastWatches gives the watches that began before a deploy, newest first, the open ones as they
// stand.
func (d Decider) pastWatches(ctx context.Context, service string, p Present, switched time.Time) ([]PastWatch, error) {
	past, err := d.Past.Watches(ctx, service, switched.Add(-badBack))
	if err != nil {
		return nil, fmt.Errorf("read the watches of %s: %w", service, err)
	}
	past = slices.Clone(past)
	for _, w := range p.Open {
		is := PastWatchOf(w)
		if i := slices.IndexFunc(past, func(o PastWatch) bool { return o.Deploy == w.DeployID }); i >= 0 {
			past[i] = is
		} else {
			past = slices.Insert(past, 0, is)
		}
	}
	return past, nil
}

// badVersions are the times in which a version was in place that failed, was taken back, or has
// evidence against it: from its switch until another version was in place, whatever became of
// its rollback. standing: one of them is in place at the switch.
func (d Decider) badVersions(ctx context.Context, service string, past []PastWatch, dep watch.Deploy, switched time.Time) (bad []Span, standing bool, err error) {
	runs := map[string][]actions.Run{} // by environment
	for i, w := range past {
		if w.Deploy == dep.ID || w.State == watch.Watching && versions.Same(w.Version, dep.Version) && w.Environment == dep.Environment {
			continue // itself
		}
		if _, read := runs[w.Environment]; !read {
			if runs[w.Environment], err = d.Past.Runs(ctx, service, w.Environment, switched.Add(-badBack)); err != nil {
				return nil, false, fmt.Errorf("read the rollbacks of %s: %w", service, err)
			}
		}
		back, taken := takenBack(runs[w.Environment], w)
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
	past, err := d.Past.Watches(ctx, service, since)
	if err != nil {
		return nil, fmt.Errorf("read the watches of %s: %w", service, err)
	}
	bad, _, err := d.badVersions(ctx, service, past, watch.Deploy{}, until)
	return bad, err
}

// back is when a rollback put another version in place (its steps were done), and when it was
// over, with its checks.
type back struct{ done, over time.Time }

// takenBack finds the first rollback that put another version in the place of a watched one.
func takenBack(runs []actions.Run, w PastWatch) (first back, taken bool) {
	for _, r := range runs {
		if !r.Rollback || r.Trigger.Kind == actions.ByDrill || r.Ended.IsZero() || !PutBack(r) || r.Created.Before(w.Switched) {
			continue
		}
		ours := r.Trigger.Deploy == w.Deploy || r.Trigger.Deploy == "" && versions.Same(r.From, w.Version)
		if ours && (!taken || r.Ended.Before(first.over)) {
			first, taken = back{stepsDone(r), r.Ended}, true
		}
	}
	return first, taken
}

// stepsDone is when the last step of a run was done; its end if no step says.
func stepsDone(r actions.Run) time.Time {
	var done time.Time
	for _, s := range r.Steps {
		if s.Ended.After(done) {
			done = s.Ended
		}
	}
	if done.IsZero() {
		return r.Ended
	}
	return done
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
