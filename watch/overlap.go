package watch

import (
	"cmp"
	"time"

	"guardian/internal/reason"
)

// Overlap is another deploy that may be the cause of what a watch sees: of another service during
// the watch, or of another kind of the same service that was undecided when it began.
type Overlap struct {
	Service string    `json:"service"`
	Version string    `json:"version"`
	At      time.Time `json:"at"`
	// Kind is that of a deploy of the same service; "" for one of another service.
	Kind Kind `json:"kind,omitempty"`
}

const (
	maxOverlaps = 20 // bounds Watch.Overlaps
	mostNamed   = 5  // of them in a text
)

// Overlap records a deploy of another service, so that a verdict can name it as another possible
// cause. One from before this deploy is none, and neither is the fault of a drill.
func (w *Watch) Overlap(d Deploy) {
	same := d.Service == w.Service && environment(d.Environment) == environment(w.Environment)
	if w.State.Final() || same || d.Drill != "" || d.At.Before(w.Switched) || len(w.Overlaps) == maxOverlaps {
		return
	}
	w.Overlaps = append(w.Overlaps, Overlap{Service: d.Service, Version: d.Version, At: clean(d.At)})
	w.Seq++
}

// UndecidedBefore gives the deploys of other kinds of the same service that are undecided when a
// deploy begins: those of the open watches that it supersedes, and those that these superseded.
func UndecidedBefore(d Deploy, open []*Watch) []Overlap {
	var all []Overlap
	for _, w := range open {
		if w.State.Final() || w.Service != d.Service || environment(w.Environment) != environment(d.Environment) {
			continue
		}
		for _, o := range w.Overlaps {
			if o.Kind != "" && !SameKind(o.Kind, d.Kind) {
				all = append(all, o)
			}
		}
		if !SameKind(w.Kind, d.Kind) {
			all = append(all, Overlap{Service: w.Service, Version: w.Version, At: clean(w.Switched), Kind: cmp.Or(w.Kind, Code)})
		}
	}
	return all
}

// Beside lets a watch that has just begun know of deploys beside its own. With one of the same
// service, whose verdict it has cut short, nobody can tell which of the two a fault is from: a
// person is asked before this one is rolled back for it.
func (w *Watch) Beside(others []Overlap) {
	w.Overlaps = others[:min(len(others), maxOverlaps)]
	var same []reason.Reason
	for _, o := range w.Overlaps {
		if o.Kind != "" {
			same = append(same, o.reason())
		}
	}
	if len(same) > 0 {
		w.Begin.Doubt = reason.New(DoubtUndecided, "deploys", same)
	}
}

// Causes gives the overlaps that may be the cause of what the watch saw: by its verdict, those from
// before the fault began.
func (w *Watch) Causes() []Overlap {
	if w.Verdict == nil {
		return w.causesOf(Verdict{})
	}
	return w.causesOf(*w.Verdict)
}

func (w *Watch) causesOf(v Verdict) []Overlap {
	began := w.began(v)
	var all []Overlap
	for _, o := range w.Overlaps {
		late := !began.IsZero() && o.At.After(began)
		if o.Kind != "" || !late && !o.At.Before(w.Switched) {
			all = append(all, o)
		}
	}
	return all
}

// began is when the fault began that is the cause of a verdict; zero when nothing tells.
func (w *Watch) began(v Verdict) time.Time {
	if v.ByRule && w.Alert != nil {
		return w.Alert.ActiveAt
	}
	for i := range w.Checks {
		if c := &w.Checks[i]; v.State == Failed && c.Check == v.Cause {
			if v.Metric == Latency {
				return c.FirstSlow
			}
			return c.FirstFailure
		}
	}
	return time.Time{}
}

// Named gives the overlaps that texts name, and how many more there are.
func Named(all []Overlap) (named []Overlap, more int) {
	n := min(len(all), mostNamed)
	return all[:n], len(all) - n
}

// deployedMeanwhile names other possible causes; zero without any.
func deployedMeanwhile(all []Overlap) reason.Reason {
	if len(all) == 0 {
		return reason.Reason{}
	}
	named, more := Named(all)
	deploys := make([]reason.Reason, len(named))
	for i, o := range named {
		deploys[i] = o.reason()
	}
	return reason.New("deployed_meanwhile", "deploys", deploys, "more", more)
}

func (o Overlap) reason() reason.Reason {
	code := "other_deploy"
	switch o.Kind {
	case Code:
		code = "other_code"
	case Config:
		code = "other_config"
	case Operation:
		code = "other_operation"
	}
	return reason.New(code, "service", o.Service, "version", o.Version, "at", o.At)
}

// SupersededBy ends the watch because of another deploy of its service.
func (w *Watch) SupersededBy(d Deploy, now time.Time) *Verdict {
	if SameKind(w.Kind, d.Kind) {
		return w.Supersede(d.Version, now)
	}
	kind, code := cmp.Or(d.Kind, Code), "watch_superseded_by_code"
	switch kind {
	case Config:
		code = "watch_superseded_by_config"
	case Operation:
		code = "watch_superseded_by_operation"
	case Code:
	}
	return w.end(Verdict{
		State: Superseded, At: clean(now), ByKind: kind,
		Reason: reason.Join(reason.New(code, "version", d.Version), w.seen()),
	})
}
