package cli

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

func TestPatience(t *testing.T) {
	away := errors.New("no answer from http://guardian: connection refused")
	for name, c := range map[string]struct {
		answers []error // the last one again and again
		within  time.Duration
		want    string // of the error
		tries   int    // at least
		said    string
	}{
		"an answer is an answer":                      {[]error{nil}, time.Minute, "", 1, ""},
		"who takes over is waited for, and that told": {[]error{away, away, nil}, time.Minute, "", 3, "trying again for 1m"},
		"a clear no is not asked again":               {[]error{&problem{Status: 409, Detail: "the gate is closed"}}, time.Minute, "the gate is closed", 1, ""},
		"nobody there for too long is an error":       {[]error{away}, time.Millisecond, "connection refused", 1, ""},
		"who does not wait learns it at once":         {[]error{away}, 0, "connection refused", 1, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var said bytes.Buffer
			tries := 0
			err := patience{within: c.within, say: &said}.do(t.Context(), func() error {
				tries++
				return c.answers[min(tries, len(c.answers))-1]
			})
			if (err == nil) != (c.want == "") || (err != nil && !strings.Contains(err.Error(), c.want)) {
				t.Errorf("it gives %v, want %q", err, c.want)
			}
			if tries < c.tries {
				t.Errorf("%d tries, want %d", tries, c.tries)
			}
			if !strings.Contains(said.String(), c.said) || strings.Count(said.String(), "\n") > 1 {
				t.Errorf("it says %q, want %q once", said.String(), c.said)
			}
		})
	}
}

func TestWhoseTimeIsOverLearnsWhatWasNotReached(t *testing.T) {
	over := errors.New("there was no verdict within --patience 5m")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(over)
	err := patience{within: time.Minute, say: &bytes.Buffer{}}.do(ctx, func() error { return ctx.Err() })
	if !errors.Is(err, over) {
		t.Errorf("it gives %v, want %v", err, over)
	}
}
