package watch

import (
	"maps"
	"math"
	"slices"
	"time"

	"guardian/internal/reason"
	"guardian/probes/sample"
	"guardian/watch/judge"
)

// Excuse is why a check is not judged until it is up; "" when it is judged. The values are stored
// in the journal.
type Excuse string

// The excuses of a check.
const (
	ExcusedRed       Excuse = "red before the deploy"
	ExcusedUnknown   Excuse = "unknown before the deploy"
	ExcusedElsewhere Excuse = "red elsewhere too"           // others on the same marketplace or network saw it as well
	ExcusedInherited Excuse = "red from the version before" // until Beginning.RecoverBy, or until it is up
)

// Reason gives the excuse as a reason; none for "".
func (e Excuse) Reason() reason.Reason {
	switch e {
	case "":
		return reason.Reason{}
	case ExcusedRed:
		return reason.New("red_before")
	case ExcusedElsewhere:
		return reason.New("red_elsewhere")
	case ExcusedInherited:
		return reason.New("red_from_version_before")
	default:
		return reason.New("unknown_before")
	}
}

// maxExtensions is how many times its planned looks a deploy to some shops may get by being
// extended.
const maxExtensions = 4

// Open begins the watch of a deploy at now. The caller sets ID.
//
// checks are the judged checks of the service with all of its shops. A deploy to some shops is
// judged on the checks of those shops and on those without a shop.
// A check with an excuse is not judged until it is up. Without Beginning.Excuses, those are
// excused that were down or unknown in the snapshot.
// A deploy that is a rollback of the guardian (RollbackRun) is only observed.
func Open(d Deploy, p Policy, checks []CheckPolicy, before Snapshot, now time.Time) *Watch {
	begin := before.Begin.orOf(d, clean(now))
	started := clean(now)
	if begin.Switch.At.After(started) {
		started = begin.Switch.At
	}
	switched := begin.Switch.At
	w := &Watch{
		DeployID:        d.ID,
		Service:         d.Service,
		Environment:     d.Environment,
		Version:         d.Version,
		PreviousVersion: d.PreviousVersion,
		Shops:           slices.Clone(d.Shops),
		Kind:            d.Kind,
		Drill:           d.Drill,
		Mode:            p.Mode,
		Policy:          p,
		State:           Watching,
		Started:         started,
		Switched:        switched,
		From:            begin.from(p.Grace),
		Deadline:        started.Add(p.For),
		Snapshot:        before,
		Begin:           begin,
		Seq:             1,
	}
	// They are in the checks, targets, peers and counters.
	w.Snapshot.Baselines, w.Snapshot.Controls, w.Snapshot.Peers, w.Snapshot.Counters = nil, nil, nil, nil
	w.Peers = before.Peers
	w.rollOut(d)
	if d.RollbackRun != "" {
		w.Mode = Observe
		w.ModeReason = reason.New("rollback_only_observed", "run", d.RollbackRun)
	}
	total := 0.0
	for _, c := range checks {
		if !Reaches(w.Shops, c) {
			w.Others = append(w.Others, c)
			continue
		}
		s := w.newCheckState(c, before, w.From, len(checks))
		s.Share = weight(c)
		total += s.Share
		w.Checks = append(w.Checks, s)
	}
	for _, b := range before.Counters {
		c := w.newCounter(b, len(before.Counters))
		c.Share = weight(CheckPolicy{Weight: b.Weight})
		total += c.Share
		w.Counters = append(w.Counters, c)
	}
	w.scale(1 / total)
	w.addTargets(before)
	w.setControls(before, 0)
	return w
}

// orOf fills in what is not set from what the deploy says.
func (b Beginning) orOf(d Deploy, now time.Time) Beginning {
	if b.Hook.IsZero() {
		b.Hook = now
	}
	if b.Switch.At.IsZero() {
		b.Switch = Switch{At: now, By: ByHook}
		if !d.At.IsZero() {
			b.Switch = Switch{At: clean(d.At), By: ByCaller}
		}
	}
	if b.Before.IsZero() {
		b.Before = b.Switch.At
	}
	return b
}

// from is when the first look may begin that is judged. A switch that is only an onset is no
// beginning of evidence: what was seen before the hook is what made it one.
func (b Beginning) from(grace time.Duration) time.Time {
	from := b.Switch.At.Add(grace)
	if b.Switch.By == ByOnset && from.Before(b.Hook) {
		return b.Hook
	}
	return from
}

// newCheckState makes the state of a check, one of so many of the watch.
func (w *Watch) newCheckState(c CheckPolicy, before Snapshot, from time.Time, checks int) CheckState {
	s := CheckState{CheckPolicy: c, From: from, Horizon: w.planned(c.Every)}
	base := before.baseline(c.Check)
	tol := w.Policy.toleranceAfter(c, base.Recent)
	s.Allowed = tol.Rate
	if representative(base.Recent, tol.Rate) {
		s.Allowed = max(tol.Rate, tol.Ratio*rate(base.Recent)+tol.Delta)
	}
	s.Allowed = about(min(s.Allowed, judge.MaxRate))
	s.FastFailureRate, s.Tempering = w.Policy.fastFailureRate(base.Recent, tol), judge.Tempering(base.Recent.Persistence())
	s.Metrics = []Metric{w.failures(c, base, before.Rechecks[c.Check], s.Horizon)}
	if m, ok := w.latency(base, s.Horizon, checks); ok {
		s.Metrics[0].Share -= m.Share
		s.Metrics = append(s.Metrics, m)
	}
	s.Excused = before.excuse(c.Check)
	return s
}

// excuse is why a check is not judged at first; "" when it is.
func (s Snapshot) excuse(check string) Excuse {
	if s.Begin.Excuses != nil {
		return s.Begin.Excuses[check]
	}
	switch s.Health[check] {
	case sample.Up:
		return ""
	case sample.Down:
		return ExcusedRed
	default:
		return ExcusedUnknown
	}
}

// scale multiplies every share.
func (w *Watch) scale(by float64) {
	for i := range w.Checks {
		w.Checks[i].Share *= by
	}
	for i := range w.Counters {
		w.Counters[i].Share *= by
	}
}

// about rounds a rate to two digits.
func about(rate float64) float64 {
	if !(rate > 0) {
		return rate
	}
	unit := math.Pow(10, math.Floor(math.Log10(rate))-1)
	return math.Round(rate/unit) / math.Round(1/unit)
}

// rate is the share of failures in a history.
func rate(h judge.History) float64 {
	looks, failures := h.Counts()
	return float64(failures) / float64(max(looks, 1))
}

func weight(c CheckPolicy) float64 {
	if c.Weight > 0 {
		return c.Weight
	}
	return 1
}

// Reaches reports whether a deploy to these shops affects a check; no shops are all shops.
func Reaches(shops []string, c CheckPolicy) bool {
	shop := c.Labels["shop"]
	return len(shops) == 0 || shop == "" || slices.Contains(shops, shop)
}

// planned is how many looks a check can have, without rechecks. A fault that begins after the
// planned looks is not found, so the number is rather too high; ten times as many delay a
// verdict by one or two failures.
func (w *Watch) planned(every time.Duration) int {
	if every <= 0 {
		every = time.Second
	}
	spacing := float64(every) * sameLookPart
	looks := math.Ceil(float64(w.Policy.For+w.Policy.MaxBlind)/spacing) + 1
	if len(w.Shops) > 0 {
		looks *= maxExtensions
	}
	return int(min(max(looks, 1), maxPlanned))
}

// maxPlanned is over a week of looks each second, four times.
const maxPlanned = 1e7

// Extend adds shops to the watch; without any, it adds all. The watch goes on with its evidence
// and for its full length from now. It reports whether anything changed.
//
// The evidence so far is divided between the former checks and those that join, by their
// weights. It does not change at this moment, for whatever reason somebody extends the deploy,
// so the bound on false verdicts holds for the whole watch.
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
	for i := range w.Counters {
		w.Counters[i].join()
	}
	w.Shops = all
	w.Deadline, w.Suspended, w.BlindFrom, w.FastPassed = clean(now).Add(w.Policy.For), 0, time.Time{}, time.Time{}
	for i := range w.Checks {
		w.Checks[i].Lately, w.Checks[i].LateFrom = Counts{}, time.Time{}
	}
	w.join(before, clean(now).Add(w.Policy.Grace))
	return true
}

// join moves the checks that the shops now reach from Others to Checks.
func (w *Watch) join(before Snapshot, from time.Time) {
	var joining []CheckState
	var others []CheckPolicy
	old, added, first := 0.0, 0.0, len(w.Checks)
	for _, c := range w.Others {
		if !Reaches(w.Shops, c) {
			others = append(others, c)
			continue
		}
		joining = append(joining, w.newCheckState(c, before, from, len(w.Checks)+len(w.Others)))
		added += weight(c)
	}
	w.Others = others
	if len(joining) == 0 {
		return
	}
	for i := range w.Checks {
		old += weight(w.Checks[i].CheckPolicy)
	}
	evidence := min(math.Exp(w.logEvidence()), maxEValue)
	for i := range w.Counters {
		old += weight(CheckPolicy{Weight: w.Counters[i].Weight})
	}
	part := added / (old + added)
	w.scale(1 - part)
	for _, c := range joining {
		c.Share = max(part*evidence*weight(c.CheckPolicy)/added, math.SmallestNonzeroFloat64)
		w.Checks = append(w.Checks, c)
	}
	for i := range w.Checks[:first] {
		w.Checks[i].loseControls(slices.Concat(w.Others, w.Peers))
	}
	w.setControls(before, first)
	w.Snapshot = merge(w.Snapshot, before, joining)
}

// merge adds the checks that join from a later snapshot. For other checks the first
// snapshot counts: a deploy is compared with the time before it. The maps are new, since a
// Snapshot may be shared.
func merge(first, later Snapshot, joining []CheckState) Snapshot {
	out := Snapshot{Health: map[string]sample.Health{}, Before: map[string]Counts{}}
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
