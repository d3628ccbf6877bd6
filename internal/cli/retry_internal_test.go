package cli

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

func TestRetry(t *testing.T) {
	away := errors.New("no answer from http://guardian: connection refused")
	for name, c := range map[string]struct {
		answers []error // the last one again and again
		limit   time.Duration
		want    string // of the error
		tries   int    // at least
		said    string
	}{
		"an answer ends it": {[]error{nil}, time.Minute, "", 1, ""},
		"a takeover is waited for, and that is logged once": {[]error{away, away, nil}, time.Minute, "", 3, "retrying for up to 1m"},
		"a refusal is not retried":                          {[]error{&problem{Status: 409, Detail: "the gate is closed"}}, time.Minute, "the gate is closed", 1, ""},
		"nobody answers for too long":                       {[]error{away}, time.Millisecond, "connection refused", 1, ""},
		"without retries the first error counts":            {[]error{away}, 0, "connection refused", 1, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var said bytes.Buffer
			tries := 0
			err := retry{limit: c.limit, log: &said}.do(t.Context(), func() error {
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

func TestATimeoutSaysWhatWasNotReached(t *testing.T) {
	over := errors.New("no verdict within --wait-timeout 5m")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(over)
	err := retry{limit: time.Minute, log: &bytes.Buffer{}}.do(ctx, func() error { return ctx.Err() })
	if !errors.Is(err, over) {
		t.Errorf("it gives %v, want %v", err, over)
	}
}
