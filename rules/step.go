package rules

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"strings"
	"time"
)

// resolvedRetention is how long a resolved alert is remembered, as in Prometheus.
const resolvedRetention = 15 * time.Minute

// Instance is one element of the result of an alerting rule's expression, with the rule's labels
// and annotations expanded.
type Instance struct {
	Labels      map[string]string // alertname included
	Annotations map[string]string
	Value       float64

	id   string // the alert's; "": it follows from the labels
	hash uint64 // of the labels
}

// Step takes the alerts of one alerting rule from one evaluation to the next. It is Prometheus'
// state machine, which depends on times and not on the number of evaluations, so it may be
// called at any time.
//
// known reports for which labels the result is known; nil means for all. An alert for whose
// labels it is not known stays as it is: it does not begin, fire or resolve, and none of its
// timers is reset.
//
// seen has no two instances with the same labels. The alerts given are not changed.
func Step(r *Rule, alerts []Alert, seen []Instance, known func(map[string]string) bool, now time.Time) ([]Alert, []Change) {
	if known == nil {
		known = func(map[string]string) bool { return true }
	}
	current := make(map[string]Instance, len(seen))
	for _, in := range seen {
		if in.id == "" {
			in.id = r.alertID(in.Labels)
		}
		current[in.id] = in
	}
	next := make([]Alert, 0, len(alerts)+len(seen))
	var changes []Change

	for _, a := range alerts {
		in, still := current[a.ID]
		if still {
			delete(current, a.ID)
		}
		if !known(a.Labels) {
			next = append(next, a)
			continue
		}
		switch {
		case still && a.State == Resolved:
			// The same alert begins anew: nothing is kept of the one before.
			a = r.begin(a.ID, in, now)
			changes = append(changes, r.transition(&a, "", now)...)
		case still:
			from := a.State
			a.KeepFiringSince = time.Time{}
			r.describe(&a, in, now)
			changes = append(changes, r.transition(&a, from, now)...)
		case a.State == Pending:
			a.LastEval = now
			changes = append(changes, Change{From: Pending, Alert: a})
			continue
		case a.State == Firing && r.keepsFiring(&a, now):
			a.LastEval = now
			changes = append(changes, r.transition(&a, Firing, now)...)
		case a.State == Firing:
			a.State, a.ResolvedAt, a.LastEval = Resolved, now, now
			changes = append(changes, Change{From: Firing, To: Resolved, Alert: a})
		case now.Sub(a.ResolvedAt) > resolvedRetention:
			continue
		}
		next = append(next, a)
	}
	for _, id := range sortedKeys(current) {
		in := current[id]
		if !known(in.Labels) {
			continue
		}
		a := r.begin(id, in, now)
		changes = append(changes, r.transition(&a, "", now)...)
		next = append(next, a)
	}
	slices.SortFunc(next, func(a, b Alert) int { return strings.Compare(a.ID, b.ID) })
	return next, changes
}

// begin makes a new alert, pending since now.
func (r *Rule) begin(id string, in Instance, now time.Time) Alert {
	a := Alert{
		ID: id, Rule: r.Alert, RuleKey: r.Key, Group: r.Group, File: r.FileID,
		State: Pending, Labels: in.Labels, ActiveAt: now.UTC(),
	}
	r.describe(&a, in, now)
	return a
}

// describe sets what may differ from one evaluation to the next.
func (r *Rule) describe(a *Alert, in Instance, now time.Time) {
	a.Expr, a.For, a.Reach, a.Settles = r.Expr, r.For, r.reach, r.Settles
	a.Annotations, a.Value = in.Annotations, in.Value
	a.Tier = tierOf(func(name string) string { return in.Labels[name] })
	a.FailsWatch = in.Labels["fails_watch"] == "true"
	a.LastEval = now.UTC()
}

// keepsFiring reports whether a firing alert whose condition is gone still fires because of
// keep_firing_for, and remembers since when the condition is gone.
func (r *Rule) keepsFiring(a *Alert, now time.Time) bool {
	if r.KeepFiringFor <= 0 {
		return false
	}
	if a.KeepFiringSince.IsZero() {
		a.KeepFiringSince = now.UTC()
	}
	return now.Sub(a.KeepFiringSince) < r.KeepFiringFor
}

// transition fires a pending alert that was active for long enough, and takes a firing one back
// to pending when a new configuration asks for longer.
func (r *Rule) transition(a *Alert, from State, now time.Time) []Change {
	held := now.Sub(a.ActiveAt) >= r.For
	switch {
	case a.State == Pending && held:
		a.State, a.FiredAt = Firing, now.UTC()
	case a.State == Firing && !held:
		a.State, a.FiredAt, a.KeepFiringSince = Pending, time.Time{}, time.Time{}
	}
	if a.State == from {
		return nil
	}
	return []Change{{From: from, To: a.State, Alert: *a}}
}

// alertID gives the fingerprint of group, rule and labels. It is not Prometheus' label hash,
// which may change with its version.
func (r *Rule) alertID(lbls map[string]string) string {
	h := sha256.New()
	for _, s := range []string{r.FileID, r.Group, r.Key} {
		h.Write([]byte(s))
		h.Write([]byte{0xff})
	}
	for _, name := range slices.Sorted(maps.Keys(lbls)) {
		h.Write([]byte(name))
		h.Write([]byte{0xff})
		h.Write([]byte(lbls[name]))
		h.Write([]byte{0xff})
	}
	return "a_" + hex.EncodeToString(h.Sum(nil)[:12])
}
