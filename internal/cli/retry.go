package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/prometheus/common/model"
)

// retry repeats a call while the guardian is unreachable or another one takes over, and logs
// that once. An error that the guardian itself explains (4xx) is final.
type retry struct {
	limit time.Duration // 0: do not retry
	log   io.Writer
}

func (r retry) do(ctx context.Context, call func() error) error {
	began, logged := time.Now(), false
	for pause := 200 * time.Millisecond; ; pause = min(2*pause, 5*time.Second) {
		err := call()
		if err == nil || final(err) {
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if time.Since(began)+pause > r.limit {
			return err
		}
		if !logged {
			logged = true
			_, _ = fmt.Fprintf(r.log, "%s; retrying for up to %s\n", err, model.Duration(r.limit))
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(pause):
		}
	}
}

// final reports whether retrying could not help.
func final(err error) bool {
	var p *problem
	var address *addressError
	return errors.As(err, &address) || errors.As(err, &p) && p.Status < http.StatusInternalServerError && p.Status != http.StatusTooManyRequests
}
