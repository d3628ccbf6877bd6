package watch

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"guardian/watch/judge"
)

// Score is how far the verdicts about a service, under one policy, can be trusted.
type Score struct {
	Service string         `json:"service"`
	Mode    Mode           `json:"mode"`
	For     model.Duration `json:"for"`
	Alpha   float64        `json:"false_rollback"` // the chance that was asked for

	Judged int `json:"judged"` // watches that passed or failed
	Passed int `json:"passed"`
	FailedVerdicts
	Missed int `json:"missed"` // passed ones that were marked wrong or late
	// FalseRate is the estimated chance that a healthy deploy fails; null when there was none.
	FalseRate *Estimate `json:"false_rate"`
	// Causes are the failed ones by what weighed most: a rule, a check or a counter.
	Causes []CauseScore `json:"causes"`
}

// FailedVerdicts counts Failed verdicts by what people said about them.
type FailedVerdicts struct {
	Failed int `json:"failed"`
	// RolledBack of the failed ones would have been rolled back, or were: a version was known
	// to be good and no guard was against it.
	RolledBack int `json:"would_roll_back"`
	Agreed     int `json:"agreed"`   // failed ones that were marked right or late
	Late       int `json:"late"`     // of these
	Wrong      int `json:"wrong"`    // failed ones that were marked wrong
	Unmarked   int `json:"unmarked"` // failed ones that nobody marked
}

// CauseScore is how far one rule, check or counter can be trusted.
type CauseScore struct {
	Cause string `json:"cause"`
	Rule  bool   `json:"rule"` // it is a rule with fails_watch
	FailedVerdicts
}

// Estimate is a rate with the exact 95 % confidence interval (Clopper and Pearson 1934). What
// nobody marked counts as right for Low and as wrong for High.
type Estimate struct {
	Estimate float64 `json:"estimate"`
	Low      float64 `json:"low"`
	High     float64 `json:"high"`
}

// Scored is a watch with what a score needs to know beyond it.
type Scored struct {
	Watch      *Watch
	Mark       MarkKind // "": nobody marked it
	RolledBack bool     // its Failed verdict led to a rollback, or in mode observe would have
}

// Scores adds up verdicts by service and policy. It leaves out watches whose mode was not that of
// the policy: they watched a rollback, and were never to act on their verdict.
func Scores(watches []Scored) []Score {
	type policy struct {
		service string
		mode    Mode
		length  time.Duration
		alpha   float64
	}
	scores := map[policy]*Score{}
	for _, x := range watches {
		w := x.Watch
		if w.State != Passed && w.State != Failed || !w.ModeReason.IsZero() {
			continue
		}
		k := policy{w.Service, w.Policy.Mode, w.Policy.For, w.Policy.Alpha}
		s := scores[k]
		if s == nil {
			s = &Score{Service: k.service, Mode: k.mode, For: model.Duration(k.length), Alpha: k.alpha, Causes: []CauseScore{}}
			scores[k] = s
		}
		s.add(x)
	}
	all := make([]Score, 0, len(scores))
	for _, s := range scores {
		s.FalseRate = s.falseRate()
		slices.SortStableFunc(s.Causes, func(x, y CauseScore) int {
			return cmp.Or(cmp.Compare(y.Failed, x.Failed), strings.Compare(x.Cause, y.Cause))
		})
		all = append(all, *s)
	}
	slices.SortFunc(all, func(x, y Score) int {
		return cmp.Or(strings.Compare(x.Service, y.Service), strings.Compare(string(x.Mode), string(y.Mode)), cmp.Compare(x.For, y.For), cmp.Compare(x.Alpha, y.Alpha))
	})
	return all
}

func (s *Score) add(x Scored) {
	s.Judged++
	if x.Watch.State == Passed {
		s.Passed++
		if x.Mark == MarkWrong || x.Mark == MarkLate {
			s.Missed++
		}
		return
	}
	s.FailedVerdicts.add(x)
	s.cause(x.Watch.Verdict).add(x)
}

// cause gives the failures by what a Failed verdict rests on.
func (s *Score) cause(v *Verdict) *FailedVerdicts {
	var cause CauseScore
	if v != nil {
		cause.Cause, cause.Rule = v.Cause, v.ByRule
	}
	i := slices.IndexFunc(s.Causes, func(c CauseScore) bool { return c.Cause == cause.Cause && c.Rule == cause.Rule })
	if i < 0 {
		i = len(s.Causes)
		s.Causes = append(s.Causes, cause)
	}
	return &s.Causes[i].FailedVerdicts
}

func (f *FailedVerdicts) add(x Scored) {
	f.Failed++
	if x.RolledBack {
		f.RolledBack++
	}
	switch x.Mark {
	case MarkRight:
		f.Agreed++
	case MarkLate:
		f.Agreed++
		f.Late++
	case MarkWrong:
		f.Wrong++
	default:
		f.Unmarked++
	}
}

// falseRate estimates how often healthy deploys failed. Healthy are those that passed and were
// not marked, and those that failed and were marked wrong. What nobody marked is wrong in the
// worst case.
func (s *Score) falseRate() *Estimate {
	const outside = 0.025 // on each side
	passed := s.Passed - s.Missed
	healthy, worst := passed+s.Wrong, passed+s.Wrong+s.Unmarked
	if worst == 0 {
		return nil
	}
	e := &Estimate{High: judge.RateUpper(s.Wrong+s.Unmarked, worst, outside)}
	if healthy > 0 {
		e.Estimate = float64(s.Wrong) / float64(healthy)
		e.Low = judge.RateLower(s.Wrong, healthy, outside)
	}
	return e
}
