package actiontest

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"guardian/actions"
)

// Target is a step and what it acts on, fresh for each test.
type Target struct {
	Step actions.Step
	Call actions.Call
	// Effects counts how often the step's effect happened.
	Effects func() int
	// Break makes the target refuse, with an answer that repeats what it was sent.
	Break func()
	// Secrets are the secrets that the step was configured with.
	Secrets []string
	// KnowsOutcome: the target can tell whether the step happened, so that Status must not be
	// Unclear.
	KnowsOutcome bool
	// Deduplicates: the target recognises an intent that it has seen, so that a second Do of
	// it has no second effect.
	Deduplicates bool
}

// Run checks that a kind of step keeps the contract of actions.Step.
func Run(t *testing.T, fresh func(t *testing.T) Target) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, Target){
		"does it once":                               doesItOnce,
		"does nothing when there is no time":         doesNothingWithoutTime,
		"tells the truth when asked":                 tellsTheTruth,
		"the same intent twice":                      sameIntentTwice,
		"a broken target is an error and never a no": brokenTarget,
		"keeps its secrets":                          keepsSecrets,
	} {
		t.Run(name, func(t *testing.T) { test(t, fresh(t)) })
	}
}

func doesItOnce(t *testing.T, on Target) {
	t.Helper()
	out, err := on.Step.Do(t.Context(), on.Call)
	if err != nil {
		t.Fatalf("Do: %v\n%s", err, out)
	}
	if n := on.Effects(); n != 1 {
		t.Errorf("it happened %d times, want once", n)
	}
	if len(out) > actions.MaxOutput+1024 {
		t.Errorf("the output has %d bytes, want at most about %d", len(out), actions.MaxOutput)
	}
}

func doesNothingWithoutTime(t *testing.T, on Target) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	began := time.Now()
	if _, err := on.Step.Do(ctx, on.Call); err == nil {
		t.Error("Do says that all is well")
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %s to notice", took)
	}
	if n := on.Effects(); n != 0 {
		t.Errorf("it happened %d times, want never", n)
	}
}

func tellsTheTruth(t *testing.T, on Target) {
	t.Helper()
	expect := func(when string, want actions.Outcome) {
		t.Helper()
		if !on.KnowsOutcome {
			want = actions.Unclear
		}
		got, detail, err := on.Step.Status(t.Context(), on.Call)
		if err != nil || got != want {
			t.Errorf("asked %s: %s (%s), %v; want %s", when, got, detail, err, want)
		}
	}
	expect("before", actions.NotHappened)
	if _, err := on.Step.Do(t.Context(), on.Call); err != nil {
		t.Fatalf("Do: %v", err)
	}
	expect("after", actions.Happened)
	expect("after, once more", actions.Happened)
	if n := on.Effects(); n != 1 {
		t.Errorf("after being asked it has happened %d times, want once", n)
	}
}

func sameIntentTwice(t *testing.T, on Target) {
	t.Helper()
	if !on.Deduplicates {
		t.Skip("this target does not recognise intents")
	}
	for range 2 {
		if _, err := on.Step.Do(t.Context(), on.Call); err != nil {
			t.Fatalf("Do: %v", err)
		}
	}
	if n := on.Effects(); n != 1 {
		t.Errorf("it happened %d times, want once", n)
	}
}

func brokenTarget(t *testing.T, on Target) {
	t.Helper()
	on.Break()
	if _, err := on.Step.Do(t.Context(), on.Call); err == nil {
		t.Error("Do says that all is well")
	}
	if got, detail, err := on.Step.Status(t.Context(), on.Call); err == nil && got == actions.Happened {
		t.Errorf("asked: %s (%s)", got, detail)
	}
}

func keepsSecrets(t *testing.T, on Target) {
	t.Helper()
	var said strings.Builder
	act := func() {
		out, err := on.Step.Do(t.Context(), on.Call)
		fmt.Fprintf(&said, "%s\n%v\n%+v\n", out, err, err)
		o, detail, err := on.Step.Status(t.Context(), on.Call)
		fmt.Fprintf(&said, "%s\n%s\n%v\n", o, detail, err)
	}
	act()
	on.Break()
	act()
	for _, s := range on.Secrets {
		if strings.Contains(said.String(), s) {
			t.Errorf("the secret %q is in what the step said:\n%s", s, said.String())
		}
	}
}
