package actions

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"guardian/internal/reason"
)

// lookTimeout bounds one look of a verification, or at a precondition.
const lookTimeout = time.Minute

// errAborted ends a verification; Advance then ends the run.
var errAborted = errors.New("aborted")

// beginVerify follows the last step: the run verifies that what made it necessary is over, or ends
// when there is nothing to verify with.
func (e *Engine) beginVerify(ctx context.Context, run Run, book *Runbook) (Run, error) {
	next := run.clone()
	if symptoms := symptomsOf(run, book); book.Verify.For > 0 && len(symptoms) > 0 && !run.OnlyStopsHarm() {
		next.State, next.Reason, next.Verification, next.VerifyingSince = Verifying, reason.Reason{}, nil, e.o.Now()
		return e.record(ctx, run, next, e.entry(next, -1, "verifying", begun(symptoms)))
	}
	if failed := run.failedSteps(); len(failed) > 0 {
		next.end(FailedRun, reason.New("run_steps_failed", "steps", failed), e.o.Now())
	} else {
		why := reason.New("verify_nothing")
		if run.SetsFlagsOnly() {
			why = reason.New("verify_flags")
		} else if run.OnlyStopsHarm() {
			why = reason.New("verify_announced")
		}
		next.end(Cured, why, e.o.Now())
	}
	return e.record(ctx, run, next, e.ended(next))
}

// begun says what must be up, and what must be over.
func begun(symptoms []Symptom) reason.Reason {
	var checks []string
	var others []reason.Reason
	for _, s := range symptoms {
		if s.Kind == SymptomCheck {
			checks = append(checks, s.Name)
		} else {
			others = append(others, s.words())
		}
	}
	var up, over reason.Reason
	if len(checks) > 0 {
		up = reason.New("verify_begun", "checks", checks)
	}
	if len(others) > 0 {
		over = reason.New("verify_must_end", "symptoms", others)
	}
	return reason.Join(up, over)
}

// verify asks until every symptom was over for as many looks in a row as prove it, or the time is
// over; then at the checks that were up before. A look that failed to see anything is neither up
// nor down: it does not interrupt a row and does not add to it. After a crash looking starts anew,
// which changes nothing; the time goes on.
func (e *Engine) verify(ctx context.Context, run Run, c *claim) (Run, error) {
	book, ok := e.o.Runbooks(run.Runbook)
	if !ok {
		return e.endWithoutRunbook(ctx, run, reason.New("verify_runbook_gone", "runbook", run.Runbook))
	}
	v := &verification{
		engine: e, claim: c, run: run, settings: book.Verify, began: e.o.Now(),
		last: map[string]CheckResult{}, row: map[string]int{}, known: map[string]time.Time{},
	}
	symptoms := symptomsOf(run, book)
	cured, err := v.until(ctx, symptoms)
	if err != nil {
		return run, err
	}
	v.unsettle(symptoms)
	others := checksBeside(run.Healthy, symptoms)
	if err := v.look(ctx, others); err != nil {
		return run, err
	}
	// One bad look may be chance: what is down now is looked at once more.
	worse := v.in("down", asChecks(run.Healthy))
	if len(worse) > 0 {
		if err := v.wait(ctx, book.Verify.Every); err != nil {
			return run, err
		}
		if err := v.look(ctx, worse); err != nil {
			return run, err
		}
		worse = v.in("down", worse)
	}
	next := run.clone()
	state, why := v.verdict(symptoms, worse, cured)
	if failed := run.failedSteps(); len(failed) > 0 {
		why = reason.Join(why, reason.New("run_steps_failed", "steps", failed))
	}
	if !run.FellBack.IsZero() {
		why = reason.Join(why, reason.New("run_fell_back"))
	}
	if state == Worse && run.Rollback {
		next.UndoNext = book.Worse == WorseUndo && run.undoable()
		follows := reason.New("worse_hold")
		if next.UndoNext {
			follows = reason.New("worse_undo", "from", run.From)
		}
		why = reason.Join(why, follows)
	}
	next.Verification = v.results(slices.Concat(symptoms, others))
	next.end(state, why, e.o.Now())
	return e.recordDespiteStop(ctx, run, next, e.entry(next, -1, "verified", why), e.ended(next))
}

func asChecks(names []string) []Symptom {
	all := make([]Symptom, len(names))
	for i, name := range names {
		all[i] = Symptom{Kind: SymptomCheck, Name: name}
	}
	return all
}

// checksBeside gives the checks that are no symptoms.
func checksBeside(names []string, symptoms []Symptom) []Symptom {
	return slices.DeleteFunc(asChecks(names), func(c Symptom) bool {
		return slices.ContainsFunc(symptoms, func(s Symptom) bool { return s.key() == c.key() })
	})
}

// verification is what was seen in one verification, by symptom.
type verification struct {
	engine   *Engine
	claim    *claim
	run      Run
	settings Verify
	began    time.Time
	last     map[string]CheckResult
	row      map[string]int       // looks in a row that found it over
	known    map[string]time.Time // when it was last known
}

// until asks about the symptoms until all are proven to be over, or the time is over.
func (v *verification) until(ctx context.Context, symptoms []Symptom) (cured bool, err error) {
	now := v.engine.o.Now
	deadline := v.deadline(symptoms)
	for {
		if err := v.look(ctx, symptoms); err != nil {
			return false, err
		}
		cured := !slices.ContainsFunc(symptoms, func(s Symptom) bool { return v.row[s.key()] < s.successes(v.settings) })
		if cured || now().Add(v.settings.Every).After(deadline) {
			return cured, nil
		}
		if err := v.wait(ctx, v.settings.Every); err != nil {
			return false, err
		}
	}
}

// deadline is when the time is over. It counts from when the verification began first, under whichever
// guardian. That nobody looked for a while is no proof of a failure: who goes on with it has at least
// the time that a proof of a cure takes.
func (v *verification) deadline(symptoms []Symptom) time.Time {
	since := v.run.verifyingSince()
	deadline := since.Add(verifyFor(v.settings, symptoms))
	missed := v.began.Sub(since) > v.settings.Every // a look, at least
	if proof := v.began.Add(proofTime(v.settings, symptoms)); missed && proof.After(deadline) {
		return proof
	}
	return deadline
}

// unsettle takes back that an alert was seen to be not over, where its rule still reads what was before
// the verification: then it cannot tell.
func (v *verification) unsettle(symptoms []Symptom) {
	for _, s := range symptoms {
		r, until := v.last[s.key()], v.run.verifyingSince().Add(seconds(s.Settles))
		if s.Kind == SymptomAlert && r.Health == "down" && r.At.Before(until) {
			r.Health, r.Reason = "unknown", reason.New("alert_not_settled", "rule", s.Name, "settles", seconds(s.Settles), "until", until)
			v.last[s.key()] = r
		}
	}
}

// look asks about each symptom once. A check with several symptoms is looked at once for all.
func (v *verification) look(ctx context.Context, symptoms []Symptom) error {
	looked := map[string]CheckResult{}
	for _, s := range symptoms {
		if err := ctx.Err(); err != nil {
			return err
		}
		if v.engine.abortOf(v.claim) != nil {
			return errAborted
		}
		// A look may cost quota or push an order: only who holds the lease looks here.
		if !v.engine.o.LeaseValid() {
			return fmt.Errorf("run %s: verify: %w", v.run.ID, ErrLostLease)
		}
		r, ok := looked[s.Name]
		if !ok || !s.isCheck() {
			r = v.ask(ctx, s)
		}
		if s.isCheck() {
			looked[s.Name] = r
		}
		v.note(s, r)
	}
	return nil
}

// ask gives what is seen of a symptom now.
func (v *verification) ask(ctx context.Context, s Symptom) CheckResult {
	since, ok := v.known[s.key()]
	if !ok {
		since = v.began
	}
	return v.engine.ask(ctx, v.run, s, since)
}

// note keeps what was seen of a symptom.
func (v *verification) note(s Symptom, r CheckResult) {
	key := s.key()
	if took := r.Took.Seconds(); s.Kind == SymptomSlow && r.Health == "up" && took > s.Limit {
		r.Health, r.Reason = "down", reason.New("look_slow", "check", s.Name, "took", r.Took, "limit", seconds(s.Limit))
	}
	fresh := r.Health == "up" || r.Health == "down"
	if _, known := v.known[key]; known && !fresh && !s.isCheck() && s.Kind != SymptomQuery {
		r = v.last[key] // nothing new was counted: what was known last still holds
	}
	r.Check, r.Looks = s.Name, v.last[key].Looks+1
	if s.Kind != SymptomCheck {
		r.Kind = s.Kind
	}
	v.last[key] = r
	if fresh {
		v.known[key] = r.At
	}
	switch {
	case !fresh:
	case r.Health == "up":
		v.row[key]++
	default:
		v.row[key] = 0
	}
}

func seconds(s float64) time.Duration {
	return time.Duration(s * float64(time.Second)).Round(time.Millisecond)
}

// wait gives errAborted when a person ends the run meanwhile.
func (v *verification) wait(ctx context.Context, d time.Duration) error {
	if Pause(ctx, d, v.claim.wake) {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return errAborted
}

// in gives the symptoms whose last look was so.
func (v *verification) in(health string, symptoms []Symptom) []Symptom {
	return slices.DeleteFunc(slices.Clone(symptoms), func(s Symptom) bool { return v.last[s.key()].Health != health })
}

// verdict decides how the run ended by what was seen of its symptoms, and of the checks that are
// worse than before.
func (v *verification) verdict(symptoms, worse []Symptom, cured bool) (State, reason.Reason) {
	if len(worse) > 0 {
		return Worse, reason.New("verify_worse", "checks", v.seen(worse))
	}
	if cured {
		if !v.run.WasFailing() {
			return Cured, reason.New("verify_still_up", "checks", names(symptoms))
		}
		return Cured, over(symptoms)
	}
	if still := v.in("down", symptoms); len(still) > 0 {
		return NotCured, v.still(still)
	}
	// Not proven is not cured: the reason tells a person that it was not seen to fail either.
	unsure := slices.DeleteFunc(slices.Clone(symptoms), func(s Symptom) bool { return v.last[s.key()].Health == "up" })
	if len(unsure) > 0 {
		return NotCured, reason.New("verify_not_seen", "checks", v.seen(unsure))
	}
	return NotCured, reason.New("verify_too_short", "checks", names(symptoms))
}

// undoable tells whether a run can be undone at all: it put a version in the place of another one, is no
// drill, and undoes nothing itself, so that nothing goes to and fro.
func (r Run) undoable() bool {
	return r.Rollback && r.From != "" && r.To != "" && r.Trigger.Kind != ByUndo && !r.Trigger.Rehearses()
}

// over says what is over, each kind in its own words.
func over(symptoms []Symptom) reason.Reason {
	by := map[SymptomKind][]string{}
	for _, s := range symptoms {
		by[s.Kind] = append(by[s.Kind], s.Name)
	}
	var all []reason.Reason
	for _, k := range []struct {
		kind SymptomKind
		code string
	}{
		{SymptomCheck, "verify_up_again"},
		{SymptomSlow, "verify_fast_again"},
		{SymptomCounter, "verify_counts_again"},
		{SymptomTraffic, "verify_traffic_again"},
		{SymptomNumber, "verify_number_again"},
		{SymptomAlert, "verify_resolved"},
		{SymptomQuery, "verify_holds"},
	} {
		if len(by[k.kind]) > 0 {
			all = append(all, reason.New(k.code, "checks", by[k.kind]))
		}
	}
	return reason.Join(all...)
}

// still says what is not over: which checks are down, and what else was seen.
func (v *verification) still(symptoms []Symptom) reason.Reason {
	var down []Symptom
	var all []reason.Reason
	for _, s := range symptoms {
		if s.Kind == SymptomCheck {
			down = append(down, s)
		} else {
			all = append(all, v.last[s.key()].Reason)
		}
	}
	if len(down) > 0 {
		all = append([]reason.Reason{reason.New("verify_still_down", "checks", v.seen(down))}, all...)
	}
	return reason.Join(all...)
}

// seen gives symptoms, each with the reason of its last look.
func (v *verification) seen(symptoms []Symptom) []reason.Reason {
	var all []reason.Reason
	for _, s := range symptoms {
		all = append(all, reason.New("check_seen", "check", s.Name, "reason", v.last[s.key()].Reason))
	}
	return all
}

func names(symptoms []Symptom) []string {
	var all []string
	for _, s := range symptoms {
		if !slices.Contains(all, s.Name) {
			all = append(all, s.Name)
		}
	}
	return all
}

func (v *verification) results(symptoms []Symptom) []CheckResult {
	var rs []CheckResult
	for _, s := range symptoms {
		if r, ok := v.last[s.key()]; ok {
			rs = append(rs, r)
		}
	}
	return rs
}
