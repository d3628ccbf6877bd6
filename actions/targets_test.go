package actions_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"guardian/actions"
	"guardian/internal/reason"
	"guardian/internal/secret"
)

// planner is a step that plans out of a function.
type planner struct {
	act
	plan func(context.Context, actions.Call) (reason.Reason, error)
}

func (p planner) Plan(ctx context.Context, c actions.Call) (reason.Reason, error) {
	return p.plan(ctx, c)
}

func TestTargetsAreAskedAtOnceAndInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &secret.Redactor{}
		r.Learn(secret.New("hunter2-token"))
		var gate sync.WaitGroup
		gate.Add(2)
		met := func(context.Context, actions.Call) (reason.Reason, error) { // only side by side do both get there
			gate.Done()
			gate.Wait()
			return reason.Text("would restart it with hunter2-token"), nil
		}
		deaf := make(chan struct{})
		defer close(deaf)
		steps := []struct {
			name string
			step actions.Step
		}{
			{"one", planner{plan: met}},
			{"two", planner{plan: met}},
			{"wrong", planner{plan: func(context.Context, actions.Call) (reason.Reason, error) {
				return reason.Text("would stop it"), errors.New("no route for hunter2-token")
			}}},
			{"deaf", planner{plan: func(context.Context, actions.Call) (reason.Reason, error) {
				<-deaf
				return reason.Reason{}, nil
			}}},
			{"broken", planner{plan: func(context.Context, actions.Call) (reason.Reason, error) { panic("nil map") }}},
			{"mute", act{}},
		}
		b := &actions.Runbook{Name: "back"}
		for _, s := range steps {
			b.Steps = append(b.Steps, actions.RunbookStep{Name: s.name, Kind: "fake", Timeout: time.Hour, Step: s.step})
		}
		told := 0
		began := time.Now()
		got := b.AskTargets(t.Context(), actions.Run{Service: "orders", To: "v1"}, r, func(actions.TargetAnswer) { told++ })
		if took := time.Since(began); took > 15*time.Second {
			t.Errorf("it took %s", took)
		}
		for i, want := range []struct {
			state actions.TargetState
			says  string
		}{
			{actions.TargetOK, "would restart it"},
			{actions.TargetOK, "would restart it"},
			{actions.TargetWrong, "no route"},
			{actions.TargetWrong, "no answer within"},
			{actions.TargetWrong, "nil map"},
			{actions.TargetUnasked, "cannot tell"},
		} {
			text := got[i].Why.String() + got[i].Plan.String()
			if got[i].Step != steps[i].name || got[i].State != want.state || !strings.Contains(text, want.says) || strings.Contains(text, "hunter2") {
				t.Errorf("%s: %s: %s", got[i].Step, got[i].State, text)
			}
		}
		if told != len(steps) {
			t.Errorf("told of %d of %d", told, len(steps))
		}
	})
}

// Without a version to go back to, only what needs none is asked.
func TestTargetsThatNeedAVersionWaitForOne(t *testing.T) {
	var asked atomic.Int64
	step := planner{plan: func(context.Context, actions.Call) (reason.Reason, error) {
		asked.Add(1)
		return reason.Reason{}, nil
	}}
	b := &actions.Runbook{Steps: []actions.RunbookStep{
		{Name: "fixed", Timeout: time.Minute, Step: step, Settings: &struct{ Image string }{"shop:latest"}},
		{Name: "version", Timeout: time.Minute, Step: step, Settings: &struct{ Image string }{"shop:{{.To}}"}},
	}}
	ask := func(to string) string {
		var all []string
		for _, a := range b.AskTargets(t.Context(), actions.Run{Service: "orders", To: to}, nil, func(actions.TargetAnswer) {}) {
			all = append(all, string(a.State))
		}
		return strings.Join(all, " ")
	}
	if got := ask(""); got != "ok unasked" || asked.Load() != 1 {
		t.Errorf("without a version: %s, asked %d", got, asked.Load())
	}
	if got := ask("v1"); got != "ok ok" || asked.Load() != 3 {
		t.Errorf("with one: %s, asked %d", got, asked.Load())
	}
}
