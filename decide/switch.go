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

// beginning finds where the watch of a deploy begins. bad are the times in which bad versions
// were in place.
func (d Decider) beginning(ctx context.Context, svc Service, dep watch.Deploy, p Present, now time.Time) (b watch.Beginning, bad []Span, err error) {
	b.Hook = now
	if !dep.FirstTried.IsZero() && dep.FirstTried.Before(now) {
		b.Hook = dep.FirstTried
	}
	if dep.Rollout != nil {
		b.Start = dep.Rollout.Start
	}
	b.Switch = switchOf(dep, svc.Watch, p, b.Hook)
	b.Before = b.Switch.At
	past, err := d.pastWatches(ctx, svc.Name, p, b.Switch.At)
	if err != nil {
		return b, nil, err
	}
	if bad, err = d.badVersions(ctx, svc.Name, past, dep, b.Switch.At); err != nil {
		return b, nil, err
	}
	inherited := slices.ContainsFunc(bad, func(s Span) bool { return !s.To.Before(b.Switch.At) })
	if inherited {
		b.Reprieve = b.Hook.Add(min(longestReprieve, svc.Policy(dep.Asked).For/2))
	}
	b.Excuses = map[string]watch.Excuse{}
	var own []ownStretch
	for _, c := range d.Settings.ChecksOf(svc.Name) {
		if !c.Judges || !watch.Reaches(dep.Shops, c.CheckPolicy) {
			continue
		}
		st, err := d.stretchOf(ctx, c, svc.Watch, b.Switch.At)
		if err != nil {
			return b, bad, err
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
			if armed(al, svc, dep) && within(al.ActiveAt, b.Switch.At, svc.Watch) {
				own = append(own, ownStretch{since: al.ActiveAt})
			}
		}
	}
	if err := d.own(ctx, svc, own, bad, &b); err != nil {
		return b, bad, err
	}
	for _, w := range past {
		if w.Environment == dep.Environment && b.Switch.By == watch.ByOnset && b.Switch.At.Before(w.Started) {
			b.Switch.At = w.Started // it cannot have happened before the deploy that it followed
		}
	}
	b.Before = chainStart(b.Before, past, dep, bad)
	return b, bad, nil
}

// switchOf is when the deploy happened, as far as the caller, the versions that checks see and
// the start of the workload tell. A version that was there all along is deployed again: the hook tells when.
func switchOf(dep watch.Deploy, settings watch.Settings, p Present, hook time.Time) watch.Switch {
	if !dep.At.IsZero() {
		return watch.Switch{At: dep.At, By: watch.ByCaller}
	}
	sw := watch.Switch{At: hook, By: watch.ByHook}
	for _, seen := range p.Answered {
		for i, v := range seen {
			if i > 0 && versions.Names(v.Version, dep.Version) && v.First.Before(sw.At) && within(v.First, hook, settings) {
				sw = watch.Switch{At: v.First, By: watch.ByVersion}
			}
		}
	}
	if sw.By == watch.ByHook && !p.RunsSince.IsZero() && within(p.RunsSince, hook, settings) {
		sw = watch.Switch{At: p.RunsSince, By: watch.ByTarget}
	}
	return sw
}

// within reports whether something began no longer before a time than a hook may be late.
func within(began, end time.Time, settings watch.Settings) bool {
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
func (d Decider) stretchOf(ctx context.Context, c Check, settings watch.Settings, end time.Time) (watch.Stretch, error) {
	lag := time.Duration(settings.AnnounceLag)
	looks, err := d.looksBefore(ctx, c.Check, Span{end.Add(-lag - max(stretchBack, time.Duration(4*settings.MinSamples)*c.Every)), end}, nil)
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
	case st.Open() && st.Healthy && within(st.Onset, b.Switch.At, svc.Watch):
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
		st, err := d.stretchOf(ctx, o, svc.Watch, end)
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
		if i := slices.IndexFunc(past, func(o PastWatch) bool { return o.Watch == w.ID }); i >= 0 {
			past[i] = is
		} else {
			past = slices.Insert(past, 0, is)
		}
	}
	return past, nil
}

// badVersions are the times in which a version was in place that failed, was taken back, or has
// evidence against it: from its switch until another version was in place, whatever became of
// its rollback.
func (d Decider) badVersions(ctx context.Context, service string, past []PastWatch, dep watch.Deploy, switched time.Time) ([]Span, error) {
	runs := map[string][]actions.Run{} // by environment
	var bad []Span
	for i, w := range past {
		if w.Deploy == dep.ID || w.State == watch.Watching && versions.Same(w.Version, dep.Version) && w.Environment == dep.Environment {
			continue // itself
		}
		if _, read := runs[w.Environment]; !read {
			var err error
			if runs[w.Environment], err = d.Past.Runs(ctx, service, w.Environment, switched.Add(-badBack)); err != nil {
				return nil, fmt.Errorf("read the rollbacks of %s: %w", service, err)
			}
		}
		taken := takenBack(runs[w.Environment], w)
		if !w.Suspect && taken.IsZero() {
			continue
		}
		s := Span{w.Switched, switched}
		for _, next := range past[:i] { // those that came later, the newest first
			if !taken.IsZero() && next.Started.After(taken) {
				continue // announced after the rollback, whose end is known: its switch is only estimated
			}
			if next.Environment == w.Environment && watch.SameKind(next.Kind, w.Kind) && !versions.Same(next.Version, w.Version) && next.Switched.Before(s.To) {
				s.To = next.Switched
			}
		}
		if !taken.IsZero() && taken.Before(s.To) {
			s.To = taken
		}
		if s.From.Before(s.To) {
			bad = append(bad, s)
		}
	}
	return bad, nil
}

// BadPeriods are the times since a time in which bad versions of a service were in place, which
// watches leave out of what was before.
func (d Decider) BadPeriods(ctx context.Context, service string, since, until time.Time) ([]Span, error) {
	past, err := d.Past.Watches(ctx, service, since)
	if err != nil {
		return nil, fmt.Errorf("read the watches of %s: %w", service, err)
	}
	return d.badVersions(ctx, service, past, watch.Deploy{}, until)
}

// takenBack is when a rollback put another version in the place of a watched one; zero when none
// did.
func takenBack(runs []actions.Run, w PastWatch) time.Time {
	var at time.Time
	for _, r := range runs {
		if !r.Rollback || r.Trigger.Kind == actions.ByDrill || r.Ended.IsZero() || !putBack(r.State) || r.Created.Before(w.Switched) {
			continue
		}
		ours := r.Trigger.Deploy == w.Deploy || r.Trigger.Deploy == "" && versions.Same(r.From, w.Version)
		if ours && (at.IsZero() || r.Ended.Before(at)) {
			at = r.Ended
		}
	}
	return at
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
