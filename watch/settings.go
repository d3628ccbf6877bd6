package watch

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"
)

// Settings is the section "watch" of a service.
type Settings struct {
	For           model.Duration `yaml:"for" doc:"How long a deploy is watched."`
	Mode          Mode           `yaml:"mode" doc:"What a failed verdict leads to: auto rolls back by itself, approve asks a person first, observe only keeps what would have been done."`
	FalseRollback Share          `yaml:"false_rollback" doc:"The chance that a healthy deploy is found to have failed, such as 0.1%; under 50%."`
	Grace         model.Duration `yaml:"grace" doc:"How long after the switch looks are not judged; under for."`
	MaxBlind      model.Duration `yaml:"max_blind" doc:"How long past its deadline a watch that cannot see waits to see again before it ends inconclusive."`
	MinSamples    int            `yaml:"min_samples" doc:"How many judged looks a passed verdict needs."`
}

// DefaultSettings are those of a service that says nothing.
func DefaultSettings() Settings {
	return Settings{
		For:           model.Duration(30 * time.Minute),
		Mode:          Approve,
		FalseRollback: 0.001,
		MinSamples:    10,
	}
}

// DefaultPolicy is the policy of DefaultSettings.
func DefaultPolicy() Policy { return DefaultSettings().Policy() }

// Policy is what the settings mean.
func (s Settings) Policy() Policy {
	return Policy{
		For:        time.Duration(s.For),
		Mode:       s.Mode,
		Alpha:      float64(s.FalseRollback),
		Grace:      time.Duration(s.Grace),
		MaxBlind:   time.Duration(s.MaxBlind),
		MinSamples: s.MinSamples,
	}
}

// Validate gives every mistake, joined.
func (s Settings) Validate() error { return s.Policy().Validate() }

// MaxFor is the longest watch; a watch keeps counts only, but a deploy that is not judged
// after a week will not be.
const MaxFor = 7 * 24 * time.Hour

// Validate gives every mistake, joined. It names the fields as the configuration does.
func (p Policy) Validate() error {
	var errs []error
	if p.For <= 0 || p.For > MaxFor {
		errs = append(errs, fmt.Errorf("for: %s is not between 1s and %s", p.For, model.Duration(MaxFor)))
	}
	switch p.Mode {
	case Auto, Approve, Observe:
	default:
		errs = append(errs, fmt.Errorf("mode: %q is not one of auto, approve, observe", p.Mode))
	}
	if !(p.Alpha >= MinAlpha && p.Alpha < 0.5) {
		errs = append(errs, fmt.Errorf("false_rollback: %v is not between 0.0001%% and 50%%", Share(p.Alpha)))
	}
	if p.Grace < 0 || p.Grace >= p.For {
		errs = append(errs, fmt.Errorf("grace: %s leaves nothing of a watch of %s to judge; make it shorter than for", p.Grace, p.For))
	}
	if p.MaxBlind < 0 || p.MaxBlind > MaxFor {
		errs = append(errs, fmt.Errorf("max_blind: %s is not between 0s and %s", p.MaxBlind, model.Duration(MaxFor)))
	}
	if p.MinSamples < 1 {
		errs = append(errs, fmt.Errorf("min_samples: %d would let a deploy pass unseen; at least 1", p.MinSamples))
	}
	return errors.Join(errs...)
}

// MinAlpha is the smallest chance of a false rollback that can be asked for.
const MinAlpha = 1e-6

// Share is a part of a whole, written as "0.1%" or "0.001".
type Share float64

// String writes it in percent.
func (s Share) String() string {
	return strconv.FormatFloat(float64(s)*100, 'g', 12, 64) + "%"
}

// MarshalText implements encoding.TextMarshaler.
func (s Share) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *Share) UnmarshalText(b []byte) error {
	text, percent := strings.CutSuffix(strings.TrimSpace(string(b)), "%")
	v, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if err != nil || v != v || v < 0 {
		return fmt.Errorf("expected a share such as 0.1%% or 0.001, got %q", b)
	}
	if percent {
		v /= 100
	}
	if v > 1 {
		return fmt.Errorf("expected a share of at most 100%%, got %q", b)
	}
	*s = Share(v)
	return nil
}
