package probes

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"guardian/internal/secret"
	"guardian/probes/sample"
)

// DefaultTimeout is the most that a look may take when its check does not say.
const DefaultTimeout = 30 * time.Second

// What LookNow answers when it cannot look.
var (
	ErrNoCheck = errors.New("there is no such check")
	ErrStandby = errors.New("this guardian is on standby: only the one that holds the lease looks at this kind")
	ErrStopped = errors.New("the check was stopped")
)

// RunnerOptions are what a Runner needs; Sink alone must be set.
type RunnerOptions struct {
	Log        *slog.Logger
	Registerer prometheus.Registerer
	Now        func() time.Time
	// Sink takes every sample, in the goroutine of its check: a slow Sink slows that check.
	// It gets no sample of a look that the runner itself broke off.
	Sink func(sample.Sample)
	// Redactor is the last pass over reasons, details and panics; nil redacts nothing.
	Redactor *secret.Redactor
	// MaxLooks is how many looks may be under way at once; 0: 256.
	MaxLooks int
}

// Runner looks on schedule: one goroutine per check, never two looks of a check at once.
type Runner struct{}

// NewRunner makes a Runner on standby: Active kinds do not look before SetActive(true).
func NewRunner(o RunnerOptions) *Runner { return &Runner{} }

// Apply makes the running checks these: it starts new ones, stops those that are gone and
// keeps those of the same name and fingerprint, with their probe and state. It does not wait
// for stopped looks; a changed check's first look comes after its last old one.
func (r *Runner) Apply(checks []Check) {}

// LookNow looks at a check at once, after a look that is under way, and gives the sample,
// which the Sink gets, too. It fails with ErrNoCheck, ErrStandby, ErrStopped or ctx's error.
func (r *Runner) LookNow(ctx context.Context, check string) (sample.Sample, error) {
	return sample.Sample{}, ErrNoCheck
}

// SetActive says whether this guardian holds the lease. Without it Active kinds do not look,
// and a look of theirs that is under way is broken off.
func (r *Runner) SetActive(active bool) {}

// Stop breaks off every look and waits until all are over or ctx is done.
func (r *Runner) Stop(ctx context.Context) error { return nil }
