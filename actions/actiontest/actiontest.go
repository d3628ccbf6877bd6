package actiontest

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"guardian/actions"
)

// World is a step and what it acts on, fresh for each test.
type World struct {
	Step actions.Step
	Call actions.Call
	// Effects counts how often the step's effect happened in this world.
	Effects func() int
	// Break makes the world refuse, with an answer that repeats what it was sent.
	Break func()
	// Secrets are the texts that the step was configured with and nobody may read.
	Secrets []string
	// Tells: the world knows what happened, so that Ask must not be Unclear.
	Tells bool
	// Knows: the world knows an intent that it has seen, so that a second Do of it has no
	// second effect.
	Knows bool
}

// Run holds a kind of step to its contract.
func Run(t *testing.T, fresh func(t *testing.T) World) {
	t.Helper()
	t.Run("does it once", func(t *testing.T) {
		w := fresh(t)
		out, err := w.Step.Do(t.Context(), w.Call)
		if err != nil {
			t.Fatalf("Do: %v\n%s", err, out)
		}
		if n := w.Effects(); n != 1 {
			t.Errorf("it happened %d times, want once", n)
		}
		if len(out) > actions.MaxOutput+1024 {
			t.Errorf("the output has %d bytes, want at most about %d", len(out), actions.MaxOutput)
		}
	})
	t.Run("does nothing when there is no time", func(t *testing.T) {
		w := fresh(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		began := time.Now()
		if _, err := w.Step.Do(ctx, w.Call); err == nil {
			t.Error("Do says that all is well")
		}
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("it took %s to notice", took)
		}
		if n := w.Effects(); n != 0 {
			t.Errorf("it happened %d times, want never", n)
		}
	})
	t.Run("tells the truth when asked", func(t *testing.T) {
		w := fresh(t)
		expect := func(when string, want actions.Outcome) {
			t.Helper()
			if !w.Tells {
				want = actions.Unclear
			}
			got, detail, err := w.Step.Status(t.Context(), w.Call)
			if err != nil || got != want {
				t.Errorf("asked %s: %s (%s), %v; want %s", when, got, detail, err, want)
			}
		}
		expect("before", actions.NotHappened)
		if _, err := w.Step.Do(t.Context(), w.Call); err != nil {
			t.Fatalf("Do: %v", err)
		}
		expect("after", actions.Happened)
		expect("after, once more", actions.Happened)
		if n := w.Effects(); n != 1 {
			t.Errorf("after being asked it has happened %d times, want once", n)
		}
	})
	t.Run("the same intent twice", func(t *testing.T) {
		w := fresh(t)
		if !w.Knows {
			t.Skip("this world does not know intents")
		}
		for range 2 {
			if _, err := w.Step.Do(t.Context(), w.Call); err != nil {
				t.Fatalf("Do: %v", err)
			}
		}
		if n := w.Effects(); n != 1 {
			t.Errorf("it happened %d times, want once", n)
		}
	})
	t.Run("a broken world is an error and never a no", func(t *testing.T) {
		w := fresh(t)
		w.Break()
		if _, err := w.Step.Do(t.Context(), w.Call); err == nil {
			t.Error("Do says that all is well")
		}
		if got, detail, err := w.Step.Status(t.Context(), w.Call); err == nil && got == actions.Happened {
			t.Errorf("asked: %s (%s)", got, detail)
		}
	})
	t.Run("keeps its secrets", func(t *testing.T) {
		w := fresh(t)
		var said strings.Builder
		act := func() {
			out, err := w.Step.Do(t.Context(), w.Call)
			fmt.Fprintf(&said, "%s\n%v\n%+v\n", out, err, err)
			o, detail, err := w.Step.Status(t.Context(), w.Call)
			fmt.Fprintf(&said, "%s\n%s\n%v\n", o, detail, err)
		}
		act()
		w.Break()
		act()
		for _, s := range w.Secrets {
			if strings.Contains(said.String(), s) {
				t.Errorf("the secret %q is in what the step said:\n%s", s, said.String())
			}
		}
	})
}
