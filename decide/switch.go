package decide

import (
	"context"
	"fmt"
	"time"

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
	// stretchBack is how much more than announce_lag is read to know what is usual.
	stretchBack = time.Hour
	// longestRecovery is how long a fix may take until what the version before left failing
	// counts against it; half of the watch if that is shorter.
	longestRecovery = 2 * time.Minute
	// doubtBack is how far back stretches are counted that look like this deploy's.
	doubtBack = 7 * 24 * time.Hour
)

// opening is the beginning of a watch as it is found out.
type opening struct {
	Decider
	svc       Service
	dep       watch.Deploy
	present   Present
	begin     watch.Beginning
	past      []PastWatch // newest first, the open ones as they stand
	changed   time.Time   // when what ran before the deploy was put in place; zero: not known
	placed    time.Time   // the same, as far as the versions tell that answered
	inPlace   string      // the version that was put in place; "": not known
	bad       []Span      // in which bad versions were in place
	inherited bool        // one of them is in place at the switch
}

// beginning finds where the watch of a deploy begins. out are the times that are no "before": in
// which bad versions were in place, and deploys were rolled out.
func (d Decider) beginning(ctx context.Context, svc Service, dep watch.Deploy, p Present, now time.Time) (_ watch.Beginning, out []Span, err error) {
	o := opening{Decider: d, svc: svc, dep: dep, present: p}
	b := &o.begin
	b.Hook = now
	if !dep.FirstTried.IsZero() && dep.FirstTried.Before(now) {
		b.Hook = dep.FirstTried
	}
	if dep.Rollout != nil {
		b.Start = dep.Rollout.Start
	}
	b.Switch = watch.Switch{At: b.Hook, By: watch.ByHook}
	b.Before = b.Hook
	if o.past, err = d.pastWatches(ctx, svc.Name, p, b.Hook); err != nil {
		return *b, nil, err
	}
	if err := o.lastChange(ctx); err != nil {
		return *b, nil, err
	}
	b.Switch = o.switched()
	if b.Switch.By != watch.ByCaller && b.Switch.At.Before(o.changed) {
		b.Switch.At = o.changed // the version ran before, was taken back, and is there again
	}
	b.Before = b.Switch.At
	if o.bad, o.inherited, err = d.badVersions(ctx, svc.Name, o.past, dep, b.Switch.At); err != nil {
		return *b, nil, err
	}
	if o.inherited {
		b.RecoverBy = b.Hook.Add(min(longestRecovery, svc.Policy(dep.Asked).For/2))
	}
	own, err := o.excuses(ctx)
	if err != nil {
		return *b, o.bad, err
	}
	if err := o.own(ctx, own); err != nil {
		return *b, o.bad, err
	}
	b.Before = chainStart(b.Before, o.past, dep, o.bad)
	return *b, append(o.bad, rolloutSpans(o.past, b.Before)...), nil
}

// switched is when the deploy happened, as far as the caller, the versions that checks see and the
// start of the workload tell. A version that was there all along is deployed again: the hook
// tells when. What was seen of it before something else was put in place is an earlier deploy's.
func (o *opening) switched() watch.Switch {
	hook := o.begin.Hook
	if !o.dep.At.IsZero() {
		return watch.Switch{At: o.dep.At, By: watch.ByCaller}
	}
	sw := watch.Switch{At: hook, By: watch.ByHook}
	if versions.Same(o.inPlace, o.dep.Version) {
		return sw // what answers is what was put in place before
	}
	for _, seen := range o.present.Answered {
		for i, v := range seen {
			at := v.First
			if at.Before(o.placed) {
				at = v.Again
			}
			if i > 0 && versions.Names(v.Version, o.dep.Version) && !at.Before(o.placed) && at.Before(sw.At) && o.svc.lately(at, hook) {
				sw = watch.Switch{At: at, By: watch.ByVersion}
			}
		}
	}
	if since := o.present.RunsSince; sw.By == watch.ByHook && !since.IsZero() && !since.Before(o.placed) && o.svc.lately(since, hook) {
		sw = watch.Switch{At: since, By: watch.ByTarget}
	}
	return sw
}

// lately reports whether something began no longer before a time than a hook may be late.
func (s Service) lately(began, end time.Time) bool {
	return !began.After(end) && end.Sub(began) <= time.Duration(s.Watch.AnnounceLag)
}

// lastChange finds when what ran before the deploy was put in place: the last watch of another deploy
// of its kind began, or a rollback's steps were done. Of another version it is known when it
// answered first; of the same version, what answers before its hook is of the deploy before.
func (o *opening) lastChange(ctx context.Context) error {
	later := func(at, placed time.Time, version string) {
		if at.After(o.changed) && !at.After(o.begin.Hook) {
			o.changed, o.inPlace = at, version
		}
		if placed.After(o.placed) && !placed.After(o.begin.Hook) {
			o.placed = placed
		}
	}
	l := line{o.dep.Service, o.dep.Environment, o.dep.Kind}
	for _, w := range o.past {
		if w.Environment == l.environment && watch.SameKind(w.Kind, l.kind) && !w.isOf(o.dep) {
			placed := w.Switched
			if versions.Same(w.Version, o.dep.Version) {
				placed = w.Started
			}
			later(w.Started, placed, w.Version)
		}
	}
	runs, err := o.Past.Runs(ctx, l.service, l.environment, o.begin.Hook.Add(-badBack))
	if err != nil {
		return fmt.Errorf("read the rollbacks of %s: %w", l.service, err)
	}
	for _, r := range runs {
		if l.takes(r) && PutBack(r) {
			later(putAt(r), putAt(r), r.To)
		}
	}
	return nil
}

// ownStretch is a failing stretch that may be this deploy's, of a check or of an alert.
type ownStretch struct {
	check Check // without a name for an alert
	since time.Time
}

// excuses decides about each check why it is not judged until it is up, and gives the failing
// stretches that may be this deploy's.
func (o *opening) excuses(ctx context.Context) (own []ownStretch, err error) {
	o.begin.Excuses = map[string]watch.Excuse{}
	for _, c := range o.Settings.ChecksOf(o.svc.Name) {
		if !c.Judges || !watch.Reaches(o.dep.Shops, c.CheckPolicy) {
			continue
		}
		st, err := o.stretchOf(ctx, c, o.svc.Watch, o.begin.Switch.At, o.bad)
		if err != nil {
			return nil, err
		}
		if st.Onset.Before(o.changed) {
			st.Healthy = false // it began under what ran before, and is not this deploy's
		}
		excuse, mine, err := o.excuse(ctx, c, st)
		if err != nil {
			return nil, err
		}
		if excuse != "" {
			o.begin.Excuses[c.Check] = excuse
		}
		if mine {
			own = append(own, ownStretch{check: c, since: st.Onset})
		}
	}
	if o.inherited {
		return own, nil
	}
	for _, al := range o.present.Alerts {
		armed := al.FailsWatch && al.State != rules.Resolved && watch.Concerns(al, o.svc.Name, o.dep.Environment, o.dep.Shops)
		if armed && o.svc.lately(al.ActiveAt, o.begin.Switch.At) && !al.ActiveAt.Before(o.changed) {
			own = append(own, ownStretch{since: al.ActiveAt})
		}
	}
	return own, nil
}

// excuse decides about a check at the switch: why it is not judged until it is up, or that its
// failing stretch may be this deploy's.
func (o *opening) excuse(ctx context.Context, c Check, st watch.Stretch) (_ watch.Excuse, own bool, err error) {
	health := st.Last
	if !st.Seen || health == sample.Unknown {
		health = o.present.Health[c.Check] // no series, or they are behind
	}
	switch {
	case o.inherited && (st.Open() || health == sample.Down):
		return watch.ExcusedInherited, false, nil
	case st.Open() && st.Healthy && o.svc.lately(st.Onset, o.begin.Switch.At):
		too, err := o.seenElsewhere(ctx, c, st.Onset)
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
func (o *opening) seenElsewhere(ctx context.Context, c Check, onset time.Time) (bool, error) {
	var others []Check
	for _, x := range o.Settings.Controls() {
		if x.Path == c.Path {
			others = append(others, x)
		}
	}
	for _, x := range o.Settings.ChecksOf(o.svc.Name) {
		if !watch.Reaches(o.dep.Shops, x.CheckPolicy) && watch.SameAtAnotherShop(c.CheckPolicy, x.CheckPolicy) {
			others = append(others, x)
		}
	}
	for _, x := range o.Settings.PeersOf(o.svc.Name) {
		if watch.SameMarketplace(c.CheckPolicy, x.CheckPolicy) {
			others = append(others, x)
		}
	}
	for _, x := range others {
		st, err := o.stretchOf(ctx, x, o.svc.Watch, o.begin.Switch.At, nil)
		if err != nil {
			return false, err
		}
		// What began long before is another matter.
		if st.Open() && onset.Sub(st.Onset) <= time.Duration(o.svc.Watch.AnnounceLag) {
			return true, nil
		}
	}
	return false, nil
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

// own lets "before" end at the first of the stretches, and says when it is doubtful that they
// are this deploy's.
func (o *opening) own(ctx context.Context, stretches []ownStretch) error {
	b := &o.begin
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
	act := time.Duration(o.svc.Watch.ActWithin)
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
		looks, err := o.looksBefore(ctx, s.check.Check, Span{b.Before.Add(-doubtBack), b.Before}, o.bad)
		if err != nil {
			return err
		}
		often += watch.LongRuns(looks)
	}
	if float64(often)*act.Seconds() > float64(o.svc.Watch.FalseRollback)*doubtBack.Seconds() {
		b.Doubt = reason.New(watch.DoubtOften, "since", b.Before, "hook", hook, "start", start, "times", often)
	}
	return nil
}
