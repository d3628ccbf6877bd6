package actions

import (
	"math"
	"slices"
	"time"

	"guardian/internal/reason"
)

// SymptomKind is what kind of thing a symptom is.
type SymptomKind string

// The kinds of symptoms.
const (
	SymptomCheck   SymptomKind = "check"   // the check is down
	SymptomSlow    SymptomKind = "slow"    // looks of the check take longer than Limit
	SymptomCounter SymptomKind = "counter" // the counter's share of failures is above Rate, or it counts nothing
	SymptomTraffic SymptomKind = "traffic" // the counter's total grows by less than Limit per second
	SymptomNumber  SymptomKind = "number"  // the number is above Limit, or below it (Lower)
	SymptomAlert   SymptomKind = "alert"   // an alert of the rule is pending or firing
	SymptomQuery   SymptomKind = "query"   // the value of Query is above Limit, or below it (Lower)
)

// Symptom is one thing that made a run necessary: the service is cured when all of them are over.
type Symptom struct {
	Kind SymptomKind `json:"kind"`
	Name string      `json:"name"` // of the check, the counter or the rule
	// Rate is the share of failures: that a check showed, or that is tolerated of a counter.
	Rate float64 `json:"rate,omitempty"`
	// Limit is how many seconds a look may take that is not slow; the least traffic that is enough;
	// or the last value of a number that is none of the symptom.
	Limit float64 `json:"limit,omitempty"`
	Lower bool    `json:"lower,omitempty"`
	// Shops are those whose counters or numbers are meant; none: all.
	Shops []string `json:"shops,omitempty"`
	// Alert is the ID of the alert, and Since the time from which on other alerts of its rule are
	// meant, too.
	Alert string    `json:"alert,omitempty"`
	Since time.Time `json:"since,omitzero"`
	// Settles is how many seconds it may take to be seen to be over after its cause is gone: of an
	// alert the range of its rule's expression and keep_firing_for.
	Settles float64 `json:"settles,omitempty"`
	// Query is PromQL, of the rule source Source, and Hold for how many seconds it must be within its limit.
	Query  string  `json:"query,omitempty"`
	Source string  `json:"source,omitempty"`
	Hold   float64 `json:"hold,omitempty"`
}

// key names a symptom among those of a run.
func (s Symptom) key() string { return string(s.Kind) + "/" + s.Name }

// isCheck tells whether looks of a check show it.
func (s Symptom) isCheck() bool { return s.Kind == SymptomCheck || s.Kind == SymptomSlow }

// missChance is the chance that a check which fails on as it did is up in all the looks that prove
// it to be up.
const missChance = 0.05

// successes is how many looks in a row must find the symptom over. A check that failed one look in
// three is up three times in a row by chance: it must be up more often, as far as half the time of
// the verification allows.
func (s Symptom) successes(v Verify) int {
	if s.Hold > 0 && v.Every > 0 {
		return int(math.Ceil(s.Hold/v.Every.Seconds())) + 1
	}
	if !s.isCheck() || s.Rate <= 0 || s.Rate >= 1 {
		return v.Successes
	}
	need := math.Log(missChance) / math.Log1p(-s.Rate)
	most := 0.0
	if v.Every > 0 {
		most = float64(v.For / (2 * v.Every))
	}
	return max(v.Successes, int(math.Ceil(min(need, most))))
}

// words names the symptom.
func (s Symptom) words() reason.Reason { return reason.New("symptom_"+string(s.Kind), "name", s.Name) }

// symptomsOf gives what must be over for a cure: what made the run necessary, the runbook's own
// checks and, with neither (a person's rollback), the checks that were up; and its criteria.
func symptomsOf(run Run, book *Runbook) []Symptom {
	var all []Symptom
	have := map[string]bool{}
	add := func(s Symptom) {
		if key := s.key(); !have[key] {
			have[key] = true
			all = append(all, s)
		}
	}
	addChecks := func(names []string) {
		for _, name := range names {
			add(Symptom{Kind: SymptomCheck, Name: name})
		}
	}
	for _, s := range run.Symptoms {
		add(s)
	}
	addChecks(run.Failing)
	addChecks(book.Verify.Checks)
	if len(all) == 0 {
		addChecks(run.Healthy)
	}
	for _, s := range book.Verify.Success {
		add(s)
	}
	return all
}

// MaxSettles is how long a verification waits at most for what is seen to be over late, unless verify.for
// is longer. What takes longer is not waited for: a rule that looks back over hours would keep the run,
// and all that waits for it, for hours.
const MaxSettles = 30 * time.Minute

// verifyFor is how long a verification lasts at most: as configured, or as long as the symptoms
// need that may be seen to be over only then.
func verifyFor(v Verify, symptoms []Symptom) time.Duration {
	most := v.For
	for _, s := range symptoms {
		if settles := seconds(s.Settles); settles > 0 && settles <= max(MaxSettles, v.For) {
			most = max(most, settles+v.Every*time.Duration(v.Successes))
		}
	}
	return most
}

// alertProof is how long it takes at most until an alert was evaluated anew, after nobody evaluated its
// rule for a while.
const alertProof = 2 * time.Minute

// proofTime is how long it takes to see that all symptoms are over, if they are.
func proofTime(v Verify, symptoms []Symptom) (most time.Duration) {
	for _, s := range symptoms {
		need := v.Every * time.Duration(s.successes(v))
		switch {
		case s.Kind == SymptomAlert:
			need += alertProof
		case !s.isCheck():
			need += seconds(s.Settles)
		}
		most = max(most, need)
	}
	return most
}

// verifyingSince is when the run began to be verified; of earlier builds, when its last step was over.
func (r Run) verifyingSince() time.Time {
	if !r.VerifyingSince.IsZero() {
		return r.VerifyingSince
	}
	var last time.Time
	for _, s := range r.Steps {
		if s.Ended.After(last) {
			last = s.Ended
		}
	}
	return last
}

// WasFailing tells whether anything was wrong when the run began. A person may roll a healthy deploy back, and
// a drill finds everything well: then there is nothing to be cured of.
func (r Run) WasFailing() bool { return len(r.Symptoms)+len(r.Failing) > 0 }

// Standing is the run's state as people read it: a run that cured nothing because nothing was wrong is
// "done", and one of which nothing was seen to fail, but no cure either, is "unseen".
func (r Run) Standing() string {
	switch {
	case r.State == Cured && !r.WasFailing():
		return "done"
	case r.Unseen():
		return "unseen"
	default:
		return string(r.State)
	}
}

// Unseen tells whether a verification saw nothing fail, and did not prove a cure either.
func (r Run) Unseen() bool {
	return r.State == NotCured && len(r.Verification) > 0 &&
		!slices.ContainsFunc(r.Verification, func(c CheckResult) bool { return c.Health == "down" })
}
