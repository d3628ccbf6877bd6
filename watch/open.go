package watch

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"guardian/probes/sample"
)

// Why a check is not judged until it was seen up.
const (
	excusedRed     = "red before the deploy"
	excusedUnknown = "unknown before the deploy"
)

// maxExact is the number of planned looks up to which the exact threshold is worth its cost.
const maxExact = 2000

// mayGrow is how many times its planned looks a deploy to some shops may get by extensions.
const mayGrow = 4

// Open begins the watch of a deploy at now. The caller sets ID.
//
// A deploy to some shops is judged on the checks of these shops and on those without a shop.
// A check that was red or unknown in the snapshot is excused until it was seen up.
// The deploy that the guardian itself put back (RollbackRun) is observed only.
func Open(d Deploy, p Policy, checks []CheckPolicy, before Snapshot, now time.Time) *Watch {
	started := clean(now)
	if d.At.After(started) {
		started = clean(d.At)
	}
	switched := started
	if !d.At.IsZero() {
		switched = clean(d.At)
	}
	w := &Watch{
		DeployID:        d.ID,
		Service:         d.Service,
		Environment:     d.Environment,
		Version:         d.Version,
		PreviousVersion: d.PreviousVersion,
		Shops:           slices.Clone(d.Shops),
		Kind:            d.Kind,
		Mode:            p.Mode,
		Policy:          p,
		State:           Watching,
		Started:         started,
		Switched:        switched,
		From:            switched.Add(p.Grace),
		Deadline:        started.Add(p.For),
		Snapshot:        before,
		Seq:             1,
	}
	if d.RollbackRun != "" {
		w.Mode = Observe
		w.ModeReason = fmt.Sprintf("this version was put back by run %s: a rollback is watched, but never rolled back again", d.RollbackRun)
	}
	total := 0.0
	for _, c := range checks {
		if !reaches(w.Shops, c) {
			w.Others = append(w.Others, c)
			continue
		}
		s := w.newCheckState(c, before, w.From)
		s.Share = weight(c)
		total += s.Share
		w.Checks = append(w.Checks, s)
	}
	for i := range w.Checks {
		w.Checks[i].Share /= total
	}
	w.setThreshold()
	w.Reason = w.standing(now)
	return w
}

func (w *Watch) newCheckState(c CheckPolicy, before Snapshot, from time.Time) CheckState {
	s := CheckState{CheckPolicy: c, From: from, Horizon: w.planned(c.Every)}
	s.Allowed = allowed(c.FailureRate, before.Before[c.Check], w.Policy.Alpha)
	switch before.Health[c.Check] {
	case sample.Up:
	case sample.Down:
		s.Excused = excusedRed
	default:
		s.Excused = excusedUnknown
	}
	return s
}

func weight(c CheckPolicy) float64 {
	if c.Weight > 0 {
		return c.Weight
	}
	return 1
}

// reaches tells whether a deploy to these shops can be seen by a check.
func reaches(shops []string, c CheckPolicy) bool {
	shop := c.Labels["shop"]
	return len(shops) == 0 || shop == "" || slices.Contains(shops, shop)
}

// setThreshold takes the exact threshold where it is valid: a single check. A deploy to some
// shops may be extended to more checks later, and an average of several has none.
func (w *Watch) setThreshold() {
	if len(w.Checks) != 1 || len(w.Shops) > 0 || w.Checks[0].Horizon > maxExact {
		return
	}
	if test := w.Checks[0].test(); test != nil {
		w.LogThreshold = test.Threshold(w.Policy.Alpha)
	}
}

// planned is how many looks a check can have: looks that follow a failure more closely than
// its interval are taken together with it. A fault that begins later than planned is not
// found, so it is rather too many; ten times as many cost one or two failures.
func (w *Watch) planned(every time.Duration) int {
	if every <= 0 {
		every = time.Second
	}
	spacing := float64(every) * sameLook
	looks := math.Ceil(float64(w.Policy.For+w.Policy.MaxBlind)/spacing) + 1
	if len(w.Shops) > 0 {
		looks *= mayGrow
	}
	return int(min(max(looks, 1), maxPlanned))
}

// maxPlanned is over a week of looks each second, four times.
const maxPlanned = 1e7

// Extend takes more shops into the watch; without any, it takes all. The watch goes on with
// the evidence that it has and gets its full length from now. It tells whether anything changed.
//
// The evidence in hand is divided between the checks that were there and those that join, by
// their weights: it stays the same at this moment, whatever made somebody extend the deploy,
// so the bound on false verdicts holds for the watch as a whole.
func (w *Watch) Extend(shops []string, before Snapshot, now time.Time) bool {
	if w.State.Final() || len(w.Shops) == 0 {
		return false
	}
	var all []string
	if len(shops) > 0 {
		all = slices.Clone(w.Shops)
		for _, s := range shops {
			if !slices.Contains(all, s) {
				all = append(all, s)
			}
		}
		if len(all) == len(w.Shops) {
			return false
		}
	}
	w.Seq++
	w.Shops = all
	w.Deadline = clean(now).Add(w.Policy.For)
	w.join(before, clean(now).Add(w.Policy.Grace))
	w.Reason = w.standing(now)
	return true
}

// join moves the checks that the shops now reach from Others to Checks.
func (w *Watch) join(before Snapshot, from time.Time) {
	var joining []CheckState
	var others []CheckPolicy
	old, added := 0.0, 0.0
	for _, c := range w.Others {
		if !reaches(w.Shops, c) {
			others = append(others, c)
			continue
		}
		joining = append(joining, w.newCheckState(c, before, from))
		added += weight(c)
	}
	w.Others = others
	if len(joining) == 0 {
		return
	}
	for i := range w.Checks {
		old += weight(w.Checks[i].CheckPolicy)
	}
	hand, part := math.Exp(w.logEvidence()), added/(old+added)
	for i := range w.Checks {
		w.Checks[i].Share *= 1 - part
	}
	for _, c := range joining {
		c.Share = max(part*hand*weight(c.CheckPolicy)/added, math.SmallestNonzeroFloat64)
		w.Checks = append(w.Checks, c)
	}
	// What was known of them before belongs to the evidence that readers see.
	w.Snapshot = merge(w.Snapshot, before, joining)
}

// merge adds what a later snapshot says of the checks that join; of the others, and of alerts, the
// first stands: a deploy is judged against what was before it. The maps are new, since a
// Snapshot may be shared.
func merge(first, later Snapshot, joining []CheckState) Snapshot {
	out := Snapshot{Health: map[string]sample.Health{}, Firing: first.Firing, Before: map[string]Counts{}}
	maps.Copy(out.Health, first.Health)
	maps.Copy(out.Before, first.Before)
	for i := range joining {
		name := joining[i].Check
		if h, ok := later.Health[name]; ok {
			out.Health[name] = h
		}
		if n, ok := later.Before[name]; ok {
			out.Before[name] = n
		}
	}
	return out
}
