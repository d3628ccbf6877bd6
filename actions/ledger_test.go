package actions_test

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"

	"guardian/actions"
	"guardian/internal/reason"
)

// records is a ledger that keeps every record.
type records []actions.Record

func (rs *records) Record(_ context.Context, r actions.Record) error {
	*rs = append(*rs, r)
	return nil
}

// The ledger gets the run as it was recorded before, so that it needs no memory of its own.
func TestEachRecordHasTheOneBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, step("a", act{do: ok}))
		r.looks["push"], r.looks["api"] = "u", "u"
		var all records
		req := request()
		req.QueuedBehind = reason.Text("run r_0 is running")
		brake := []actions.Refusal{{Code: actions.Brake, Detail: reason.Text("three red")}}
		req.Refusals = brake
		run, err := r.Create(t.Context(), &all, req)
		if err != nil {
			t.Fatal(err)
		}
		req.QueuedBehind = reason.Reason{}
		if run, err = r.Dequeue(t.Context(), &all, run, req); err != nil {
			t.Fatal(err)
		}
		gone := actions.NewSuperseded("v2", "v3")
		if _, err = r.Refuse(t.Context(), &all, run, gone); err != nil {
			t.Fatal(err)
		}
		if len(all) != 3 || all[0].Before != nil {
			t.Fatalf("%d records, before the first %+v; want 3, and none", len(all), all[0].Before)
		}
		for i, want := range []actions.State{actions.Queued, actions.AwaitingApproval, actions.Refused} {
			got := all[i]
			if got.Run.State != want || got.Run.Rev != i+1 {
				t.Errorf("record %d is of %s, rev %d; want %s, rev %d", i, got.Run.State, got.Run.Rev, want, i+1)
			}
			if i > 0 && (got.Before == nil || got.Before.State != all[i-1].Run.State || got.Before.Rev != i) {
				t.Errorf("record %d follows %+v, want the one before", i, got.Before)
			}
		}
		if !sameCodes(all[0].Refusals, brake) || !sameCodes(all[1].Refusals, brake) || !sameCodes(all[2].Refusals, []actions.Refusal{gone}) {
			t.Errorf("the records have the refusals %v, %v, %v", all[0].Refusals, all[1].Refusals, all[2].Refusals)
		}
	})
}

func sameCodes(x, y []actions.Refusal) bool {
	return slices.EqualFunc(x, y, func(a, b actions.Refusal) bool { return a.Code == b.Code })
}

func TestActingIsOnlyDuringSteps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r *rig
		during, status := false, false
		r = newRig(t, step("a", act{
			do: func(context.Context, actions.Call) (string, error) {
				during = r.Acting()
				return "", actions.ErrUnclear
			},
			status: func(context.Context, actions.Call) (actions.Outcome, reason.Reason, error) {
				status = r.Acting()
				return actions.Happened, reason.Reason{}, nil
			},
		}))
		r.looks["push"], r.looks["api"] = "u", "u"
		run, err := r.Create(t.Context(), r.ledger, request())
		if err != nil || r.Acting() {
			t.Fatalf("it acts before its first step, %v", err)
		}
		if _, err = r.Advance(t.Context(), run); err != nil {
			t.Fatal(err)
		}
		if !during || !status || r.Acting() {
			t.Errorf("it acts during Do %v, during Status %v, afterwards %v; want true, true, false", during, status, r.Acting())
		}
	})
}

// Codes that are put together of a prefix and a state have words, too.
func TestEveryStateAnswerAndOutcomeHasWords(t *testing.T) {
	var codes []string
	for _, s := range []actions.State{
		actions.Queued, actions.AwaitingApproval, actions.Running, actions.Verifying, actions.Cured, actions.NotCured,
		actions.Worse, actions.FailedRun, actions.Rejected, actions.Expired, actions.Refused,
	} {
		codes = append(codes, "run_state_"+string(s))
	}
	for _, code := range []string{actions.AskApproval, actions.AskOutcome} {
		for _, d := range (actions.Question{Code: code}).Choices() {
			codes = append(codes, "answer_"+d)
		}
	}
	for _, o := range []actions.Outcome{actions.Unclear, actions.Happened, actions.NotHappened, actions.Pending, actions.Failed} {
		codes = append(codes, "step_status_"+o.String())
	}
	for _, k := range []actions.SymptomKind{actions.SymptomCheck, actions.SymptomSlow, actions.SymptomCounter, actions.SymptomTraffic, actions.SymptomNumber, actions.SymptomAlert} {
		codes = append(codes, "symptom_"+string(k))
	}
	for _, c := range codes {
		if w, ok := reason.Lookup(c); !ok || w.En == "" || w.Zh == "" {
			t.Errorf("%s has the words %+v", c, w)
		}
	}
}
