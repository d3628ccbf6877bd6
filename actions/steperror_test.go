package actions_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"unicode/utf8"

	"guardian/actions"
	"guardian/internal/reason"
	"guardian/internal/secret"
)

func TestAStepErrorKeepsSecretsAndWhatItMeans(t *testing.T) {
	var known secret.Redactor
	known.Learn(secret.New("hunter2"))
	says := reason.New("docker_says", "message", "no access with hunter2", "status", 403)
	err := actions.StepError(reason.New("docker_pull", "image", "shop:v1", "error", says), context.DeadlineExceeded, &known)
	if text := fmt.Sprintf("%v %+v", err, err); strings.Contains(text, "hunter2") || !strings.Contains(text, "no access with") {
		t.Errorf("it says %s", text)
	}
	if !errors.Is(err, actions.ErrUnclear) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v is no longer what it was made of", err)
	}
}

// What a step or a check says goes into the journal and into messages: it is cut, and
// readable in the reader's language.
func TestWhatAStepSaysIsBounded(t *testing.T) {
	long := strings.Repeat("错误", 10_000) + "\xff"
	short := func(t *testing.T, what string, why reason.Reason) {
		t.Helper()
		for _, language := range []string{"en", "zh"} {
			text := reason.Reader{Language: language}.Read(why)
			if len(text) > 5000 || !strings.Contains(text, "错误") || !utf8.ValidString(text) {
				t.Errorf("%s has %d bytes in %s: %.80s", what, len(text), language, text)
			}
		}
	}
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, step("a", act{do: func(context.Context, actions.Call) (string, error) { return "", errors.New(long) }}))
		run := r.through(t, nil)
		short(t, "an error", run.Steps[0].Error)
		short(t, "the run's reason", run.Reason)
	})
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, step("a", act{
			do: func(context.Context, actions.Call) (string, error) {
				return "", fmt.Errorf("%s: %w", long, actions.ErrUnclear)
			},
			status: func(context.Context, actions.Call) (actions.Outcome, reason.Reason, error) {
				return actions.Unclear, reason.Text(long), nil
			},
		}))
		run := r.through(t, nil)
		short(t, "what the target said", run.Steps[0].Resolved)
		short(t, "the question", run.Question.Text)
	})
}
