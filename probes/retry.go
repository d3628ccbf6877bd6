package probes

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"guardian/internal/reason"
	"guardian/probes/sample"
)

// Retry says how often a look is tried again at once, so that a single lost packet is not a
// failure. It hides short failures: leave it out where the failure rate is what matters.
type Retry struct {
	Times int            `yaml:"times" doc:"Number of retries of a look that is not up, 0 to 5; for checks that only read."`
	Pause model.Duration `yaml:"pause" doc:"Pause before each retry; default: 200ms. All tries share the check's timeout."`
}

const (
	maxRetries   = 5
	defaultPause = model.Duration(200 * time.Millisecond)
)

// Fill puts the defaults in.
func (r *Retry) Fill() {
	if r.Times > 0 && r.Pause == 0 {
		r.Pause = defaultPause
	}
}

// Validate joins every mistake.
func (r *Retry) Validate() error {
	var errs []error
	if r.Times < 0 || r.Times > maxRetries {
		errs = append(errs, fmt.Errorf("times is %d, must be 0 to %d", r.Times, maxRetries))
	}
	if r.Pause < 0 {
		errs = append(errs, errors.New("pause is negative"))
	}
	return errors.Join(errs...)
}

// RetriesSeries is the series of checks with a Retry: the number of further tries of the last look.
const RetriesSeries = "probe_retries"

// Do looks until a look is up or the tries are used up. All tries share ctx's deadline evenly, so
// that one lost packet does not use up all the time. It returns the last look, whose reason says
// how many tries there were, and the number of tries.
func (r Retry) Do(ctx context.Context, look func(context.Context) sample.Observation) (o sample.Observation, tries int) {
	if r.Times <= 0 {
		return look(ctx), 1
	}
	var failed []string
	for left := r.Times; ; left-- {
		tries++
		o = r.once(ctx, left, look)
		if o.Health == sample.Up || left == 0 || !sleep(ctx, time.Duration(r.Pause)) {
			break
		}
		failed = append(failed, fmt.Sprintf("try %d of %d was %s: %s", tries, r.Times+1, o.Health, o.Reason))
	}
	o.Values = append(o.Values, sample.Value{Name: RetriesSeries, V: float64(tries - 1)})
	if tries == 1 {
		return o, tries
	}
	if o.Health != sample.Up {
		o.Reason = reason.New("look_tries", "why", o.Reason, "tries", tries)
	}
	o.Detail = strings.TrimSpace(strings.Join(failed, "\n") + "\n" + o.Detail)
	return o, tries
}

// once makes one try with its share of the time that is left.
func (r Retry) once(ctx context.Context, left int, look func(context.Context) sample.Observation) sample.Observation {
	if deadline, ok := ctx.Deadline(); ok {
		part := (time.Until(deadline) - time.Duration(left)*time.Duration(r.Pause)) / time.Duration(left+1)
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, part)
		defer cancel()
	}
	return look(ctx)
}

// sleep waits for d; it returns false when ctx ends before.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}
