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

// ReleaseMemory is how far back is read which versions ran. Of older ones only those that are known
// to be good are remembered.
const ReleaseMemory = 30 * 24 * time.Hour

// release is a time from which on a version ran.
type release struct {
	version string
	since   time.Time
	// seenTo is where the looks at what ran before it end; zero: at since.
	seenTo  time.Time
	watched *PastWatch // nil: a rollback put it there, or an announcement names it as what ran before
	told    bool       // an announcement names it as what ran before
	judged  int        // of told: the judged looks of the watch of this version that had the most
	after   bool       // of told: something else is known to have run before
}

// releases gives what ran in a line, oldest first: deploys and rollbacks together, in the order in
// which they happened, and what announcements name as the version before. Beside them, the
// versions that something speaks against.
func (d Decider) releases(ctx context.Context, l line, now time.Time) (ran []release, bad []actions.Bad, err error) {
	since := now.Add(-ReleaseMemory)
	watches, err := d.watches(ctx, l.service, since)
	if err != nil {
		return nil, nil, err
	}
	runs, err := d.Past.Runs(ctx, l.service, l.environment, since)
	if err != nil {
		return nil, nil, fmt.Errorf("read the rollbacks of %s: %w", l.service, err)
	}
	for i := range slices.Backward(watches) { // of two that began at the same moment, the newer one comes later
		w := &watches[i]
		if w.Environment != l.environment || !watch.SameKind(w.Kind, l.kind) {
			continue
		}
		ran = append(ran, release{version: w.Version, since: w.Switched, seenTo: w.Before, watched: w})
		if w.State == watch.Failed || w.Suspect {
			at := w.Ended
			if at.IsZero() {
				at = now
			}
			bad = append(bad, actions.Bad{Version: w.Version, At: at})
		}
	}
	against := slices.Clone(bad)
	for _, r := range runs {
		if l.takes(r) && r.To != "" && PutBack(r) {
			ran = append(ran, release{version: r.To, since: putAt(r)})
			against = append(against, actions.Bad{Version: r.From, At: putAt(r)})
		}
	}
	slices.SortStableFunc(ran, func(x, y release) int { return x.since.Compare(y.since) })
	return withToldBefore(ran), append(bad, goneBack(ran, against)...), nil
}

// goneBack gives the versions that people took back by deploying an older one again. Deploying one
// again that had failed or been taken back is trying it again: it says nothing against the version
// in its place.
func goneBack(ran []release, against []actions.Bad) []actions.Bad {
	first := map[string]int{} // when each version ran first
	for i, r := range ran {
		if _, met := first[versions.Key(r.version)]; !met {
			first[versions.Key(r.version)] = i
		}
	}
	var bad []actions.Bad
	for i := 1; i < len(ran); i++ {
		before, r := ran[i-1], ran[i]
		again := slices.ContainsFunc(against, func(b actions.Bad) bool {
			return versions.Same(b.Version, r.version) && !b.At.After(r.since)
		})
		if r.watched != nil && !again && first[versions.Key(r.version)] < first[versions.Key(before.version)] {
			bad = append(bad, actions.Bad{Version: before.version, At: r.since, TakenBack: true})
		}
	}
	return bad
}

// withToldBefore puts what announcements name as the version before where nothing else is known to
// have run.
func withToldBefore(ran []release) []release {
	var all []release
	for _, r := range ran {
		if w := r.watched; w != nil && w.Previous != "" && !versions.Same(w.Previous, w.Version) &&
			(len(all) == 0 || !versions.Same(all[len(all)-1].version, w.Previous)) {
			told := release{version: w.Previous, told: true, judged: mostJudged(ran, w.Previous), after: len(all) > 0}
			if len(all) > 0 {
				told.since = all[len(all)-1].since
			}
			all = append(all, told)
		}
		all = append(all, r)
	}
	return all
}

// mostJudged is how many judged looks the watch of a version had that had the most; none of one
// that may never have run.
func mostJudged(ran []release, version string) (most int) {
	for _, r := range ran {
		if r.watched != nil && !r.watched.Unsure && versions.Same(r.version, version) {
			most = max(most, r.watched.Judged)
		}
	}
	return most
}

// before adds to the facts which versions ran before From, the newest first, until one is found
// that passed or ran healthy.
func (d Decider) before(ctx context.Context, f *actions.Facts, l line, dep watch.Deploy, now time.Time) error {
	ran, bad, err := d.releases(ctx, l, now)
	if err != nil {
		return err
	}
	f.Bad = append(f.Bad, bad...)
	// What ran before From ran until its last deploy or rollback.
	until := len(ran)
	for i, r := range slices.Backward(ran) {
		if versions.Same(r.version, f.From) && !r.told {
			until = i
			break
		}
	}
	if until == len(ran) && dep.PreviousVersion != "" && versions.Same(dep.Version, f.From) {
		ran = append(ran, release{version: dep.PreviousVersion, told: true, judged: mostJudged(ran, dep.PreviousVersion), after: len(ran) > 0})
		until = len(ran)
	}
	next := dep.At // where the looks at a release end
	if until < len(ran) {
		next = ran[until].end()
	}
	for _, r := range slices.Backward(ran[:until]) {
		out := actions.Release{Version: r.version, Since: r.since, Once: once(*f, r.version)}
		var err error
		if out.Proof, err = d.proof(ctx, *f, l, r, next); err != nil {
			return err
		}
		f.Ran = append(f.Ran, out)
		if (out.Proof == actions.Passed || out.Proof == actions.Healthy) && !versions.Same(r.version, f.From) && !versions.Same(r.version, f.Current) {
			return nil
		}
		if !r.told {
			next = r.end()
		}
	}
	return nil
}

// end is where the looks at what ran before end.
func (r release) end() time.Time {
	if !r.seenTo.IsZero() {
		return r.seenTo
	}
	return r.since
}

// once tells whether a version is known to have been good once, and was not taken back since.
func once(f actions.Facts, version string) bool {
	return slices.ContainsFunc(f.KnownGood, func(k actions.KnownGood) bool {
		return versions.Same(k.Version, version) && !slices.ContainsFunc(f.Bad, func(b actions.Bad) bool {
			return b.TakenBack && b.At.After(k.At) && versions.Same(b.Version, version)
		})
	})
}

// proof tells what is known of a release that ran until a time.
func (d Decider) proof(ctx context.Context, f actions.Facts, l line, r release, until time.Time) (actions.Proof, error) {
	is := func(version string) bool { return versions.Same(version, r.version) }
	good := slices.ContainsFunc(f.Goods(), func(k actions.KnownGood) bool { return is(k.Version) })
	bad := slices.ContainsFunc(f.Bad, func(b actions.Bad) bool { return is(b.Version) })
	switch {
	case good:
		return actions.Passed, nil
	case bad:
		return actions.Suspect, nil
	}
	svc, ok := d.Settings.Service(l.service)
	if !ok || r.watched != nil && r.watched.Unsure {
		return actions.Unproven, nil
	}
	if r.told && r.after {
		// What was seen before the deploy was another version's, as far as is known.
		if r.judged < svc.Watch.MinSamples {
			return actions.Unproven, nil
		}
		return actions.Healthy, nil
	}
	from := until.Add(-time.Duration(svc.Watch.Baseline.Window))
	if r.since.After(from) {
		from = r.since
	}
	looks := 0
	if r.watched != nil {
		looks = r.watched.Judged
	}
	for _, c := range d.Settings.ChecksOf(l.service) {
		if !c.Judges {
			continue
		}
		seen, err := d.Past.Looks(ctx, c.Check, from, until)
		if err != nil {
			return actions.Unproven, fmt.Errorf("read what check %s saw of %s: %w", c.Check, r.version, err)
		}
		n, fails := watch.RanWith(seen, c.FailureRate)
		if fails {
			return actions.Unproven, nil
		}
		looks += n
	}
	if looks < svc.Watch.MinSamples {
		return actions.Unproven, nil
	}
	return actions.Healthy, nil
}
