package watch

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"guardian/watch/judge"
)

// Settings is the section "watch" of a service.
type Settings struct {
	For           model.Duration `yaml:"for" doc:"How long a deploy is watched."`
	Mode          Mode           `yaml:"mode" doc:"What a failed verdict leads to: auto rolls back by itself, approve asks a person first, observe only records what would have been done."`
	FalseRollback Share          `yaml:"false_rollback" doc:"False-alarm risk: the chance that a healthy deploy is judged failed, such as 0.1%; under 50%."`
	FastPhase     FastPhase      `yaml:"fast_phase" doc:"When a watch reports early that nothing is badly wrong; it goes on until its deadline."`
	Ratio         float64        `yaml:"ratio" doc:"A check may fail this many times as often as before the deploy; at least 1."`
	Delta         Share          `yaml:"delta" doc:"Added to that: a share of all looks. The default is less for a check with a long and quiet history that sets no failure_rate."`
	AnnounceLag   model.Duration `yaml:"announce_lag" doc:"How long after a deploy its hook may be called: a check that began to fail at most this long before the hook, and still fails, is not excused."`
	ActWithin     model.Duration `yaml:"act_within" doc:"In mode auto, a fault that began before the hook, where neither the caller nor the version that answers tells when the deploy happened, is rolled back without asking only if it began at most this long before it, and such faults are rare; at most announce_lag, 0s: a person is always asked."`
	Grace         model.Duration `yaml:"grace" doc:"Looks within this time after the switch are not judged; shorter than for."`
	MaxBlind      model.Duration `yaml:"max_blind" doc:"How long blindness may pause the watch's clock in total; after that the watch ends inconclusive."`
	MinSamples    int            `yaml:"min_samples" doc:"Judged looks of each check that a passed verdict needs."`
	Baseline      Before         `yaml:"baseline" doc:"What looks after a deploy are compared with."`
	Latency       Slow           `yaml:"latency" doc:"How the durations of looks are judged."`
	// Metrics are judged beside the checks.
	Metrics []CounterSettings `yaml:"metrics" doc:"Counters, gauges and histograms kept by other systems that deploys are judged on beside the checks: scraped, written here, or asked of another server. For alert states use a check of kind promql."`
}

// FastPhase is the section "fast_phase".
type FastPhase struct {
	MissRate    Share          `yaml:"miss_rate" doc:"Chance that a clearly bad deploy ends the fast phase early; under 50%, 0 turns the fast phase off."`
	FailureRate Share          `yaml:"failure_rate" doc:"Failure rate of a clearly bad deploy: the fast phase ends when looks show a lower one."`
	MinDuration model.Duration `yaml:"min_duration" doc:"How long the fast phase lasts at least."`
}

// Before is the section "baseline".
type Before struct {
	Window   model.Duration `yaml:"window" doc:"How far back before the deploy looks are read; periods in which a failed deploy was in place are excluded."`
	SameTime bool           `yaml:"same_time" doc:"Whether to compare also with the same time of day a day and a week before, where it was seen: the deploy fails only if it is worse than both."`
}

// Slow is the section "latency".
type Slow struct {
	Share Share          `yaml:"share" doc:"The part of a check's evidence that comes from its durations; under 100%, 0 ignores them."`
	Ratio float64        `yaml:"ratio" doc:"A look is slow when it takes this many times as long as before; at least 1."`
	Delta model.Duration `yaml:"delta" doc:"And at least this much longer; 0s: 20ms, or the check's usual spread (from the median to the 90th percentile) where that is more."`
}

// DefaultSettings are those of a service that sets none.
func DefaultSettings() Settings {
	return Settings{
		For:           model.Duration(30 * time.Minute),
		Mode:          Approve,
		FalseRollback: 0.001,
		FastPhase:     FastPhase{MissRate: 0.01, FailureRate: 0.2, MinDuration: model.Duration(5 * time.Minute)},
		Ratio:         judge.DefaultTolerance().Ratio,
		Delta:         Share(judge.DefaultTolerance().Delta),
		AnnounceLag:   model.Duration(10 * time.Minute),
		ActWithin:     model.Duration(2 * time.Minute),
		MaxBlind:      model.Duration(10 * time.Minute),
		MinSamples:    10,
		Baseline:      Before{Window: model.Duration(4 * time.Hour), SameTime: true},
		Latency:       Slow{Share: 0.2, Ratio: 1.5},
	}
}

// Policy gives the settings as watches use and store them.
func (s Settings) Policy() Policy {
	return Policy{
		For:        time.Duration(s.For),
		Mode:       s.Mode,
		Alpha:      float64(s.FalseRollback),
		Grace:      time.Duration(s.Grace),
		MaxBlind:   time.Duration(s.MaxBlind),
		MinSamples: s.MinSamples,
		Ratio:      s.Ratio,
		Delta:      float64(s.Delta),

		FastFailureRate: float64(s.FastPhase.FailureRate),
		FastMissRate:    float64(s.FastPhase.MissRate),
		FastMinDuration: time.Duration(s.FastPhase.MinDuration),

		LatencyShare: float64(s.Latency.Share),
		LatencyRatio: s.Latency.Ratio,
		LatencyDelta: time.Duration(s.Latency.Delta),
	}
}

// Validate gives every mistake, joined.
func (s Settings) Validate() error {
	var window error
	if s.Baseline.Window < model.Duration(time.Minute) || s.Baseline.Window > model.Duration(maxBaseline) {
		window = fmt.Errorf("baseline.window: %s is not between 1m and %s", s.Baseline.Window, model.Duration(maxBaseline))
	}
	errs := []error{s.Policy().Validate(), window, s.validateAnnouncement()}
	for i, m := range s.Metrics {
		if err := m.Validate(); err != nil {
			errs = append(errs, fmt.Errorf("metrics[%d]: %w", i, err))
		}
	}
	return errors.Join(errs...)
}

// maxAnnounceLag bounds announce_lag: what fails for longer was there before the deploy.
const maxAnnounceLag = time.Hour

func (s Settings) validateAnnouncement() error {
	lag, act := time.Duration(s.AnnounceLag), time.Duration(s.ActWithin)
	switch {
	case lag < 0 || lag > maxAnnounceLag:
		return fmt.Errorf("announce_lag: %s is not between 0s and %s", s.AnnounceLag, model.Duration(maxAnnounceLag))
	case act < 0 || act > lag:
		return fmt.Errorf("act_within: %s is not between 0s and announce_lag (%s)", s.ActWithin, s.AnnounceLag)
	}
	return nil
}

// maxBaseline bounds baseline.window: the same time of the day before must not overlap with it.
const maxBaseline = 12 * time.Hour

// MaxFor is the longest watch.
const MaxFor = 7 * 24 * time.Hour

// Validate gives every mistake, joined. It names the fields by their configuration keys.
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
	if !(p.Ratio >= 1 && p.Ratio <= 100) {
		errs = append(errs, fmt.Errorf("ratio: %v is not between 1 and 100", p.Ratio))
	}
	if !(p.Delta >= 0 && p.Delta < maxAllowed) {
		errs = append(errs, fmt.Errorf("delta: %v is not between 0%% and 50%%", Share(p.Delta)))
	}
	if !(p.FastMissRate == 0 || p.FastMissRate >= MinAlpha && p.FastMissRate < 0.5) {
		errs = append(errs, fmt.Errorf("fast_phase.miss_rate: %v is neither 0 nor between 0.0001%% and 50%%", Share(p.FastMissRate)))
	}
	if !(p.FastFailureRate > 0 && p.FastFailureRate <= maxFastFailureRate) {
		errs = append(errs, fmt.Errorf("fast_phase.failure_rate: %v is not between 0%% and 90%%", Share(p.FastFailureRate)))
	}
	if p.FastMinDuration < 0 || p.FastMinDuration > MaxFor {
		errs = append(errs, fmt.Errorf("fast_phase.min_duration: %s is not between 0s and %s", p.FastMinDuration, model.Duration(MaxFor)))
	}
	if !(p.LatencyShare >= 0 && p.LatencyShare < 1) {
		errs = append(errs, fmt.Errorf("latency.share: %v leaves nothing for failures; make it less than 100%%", Share(p.LatencyShare)))
	}
	if !(p.LatencyRatio >= 1 && p.LatencyRatio <= 100) {
		errs = append(errs, fmt.Errorf("latency.ratio: %v is not between 1 and 100", p.LatencyRatio))
	}
	if p.LatencyDelta < 0 {
		errs = append(errs, fmt.Errorf("latency.delta: %s is negative", p.LatencyDelta))
	}
	return errors.Join(errs...)
}

// MinAlpha is the smallest false_rollback that can be configured.
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
	if percent { // shifted as it is written: 99.9/100 would be 0.9990000000000001
		v, _ = strconv.ParseFloat(strconv.FormatFloat(v, 'f', -1, 64)+"e-2", 64)
	}
	if v > 1 && v <= 100 && !percent { // the sign was forgotten
		part, _ := strconv.ParseFloat(strconv.FormatFloat(v, 'f', -1, 64)+"e-2", 64)
		return fmt.Errorf("expected a share: write %[1]s%% or %[2]s, got %[3]q", text, strconv.FormatFloat(part, 'f', -1, 64), b)
	}
	if v > 1 {
		return fmt.Errorf("expected a share of at most 100%%, got %q", b)
	}
	*s = Share(v)
	return nil
}
