package route

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Silence suppresses notices whose labels match, from From until before Until. Times are UTC.
// To end one early, its Until is set to that time.
type Silence struct {
	ID       string    `json:"id"`
	Matchers Matchers  `json:"matchers"` // all must match
	From     time.Time `json:"from"`
	Until    time.Time `json:"until"`
	By       string    `json:"by"` // who asked for it
	Comment  string    `json:"comment"`
	Created  time.Time `json:"created"`
	// Updated is when it was changed last; zero: never.
	Updated time.Time `json:"updated,omitzero"`
	// Annotations are texts that programs keep with it, such as a ticket's address.
	Annotations map[string]string `json:"annotations,omitempty"`
}

// SilenceState is where a silence is in its life, in Alertmanager's words.
type SilenceState string

// The states of a silence.
const (
	SilencePending SilenceState = "pending"
	SilenceActive  SilenceState = "active"
	SilenceExpired SilenceState = "expired"
)

// State gives where the silence is in its life.
func (s Silence) State(now time.Time) SilenceState {
	switch {
	case now.Before(s.From):
		return SilencePending
	case now.Before(s.Until):
		return SilenceActive
	default:
		return SilenceExpired
	}
}

// MayBecome reports whether the silence can be changed to next without changing what it
// muted in the past. Otherwise it is ended, and next is a silence of its own: with other
// matchers, another beginning than the one that has passed, or when it has ended.
func (s Silence) MayBecome(next Silence, now time.Time) bool {
	if s.Matchers.sorted().String() != next.Matchers.sorted().String() {
		return false
	}
	switch s.State(now) {
	case SilenceActive:
		return s.From.Unix() == next.From.Unix() && !next.Until.Before(now)
	case SilencePending:
		return !next.From.Before(now)
	default:
		return false
	}
}

// Active reports whether the silence is in effect at a time.
func (s Silence) Active(now time.Time) bool {
	return !now.Before(s.From) && now.Before(s.Until)
}

// Mutes reports whether a notice with these labels is suppressed now.
func (s Silence) Mutes(labels map[string]string, now time.Time) bool {
	return len(s.Matchers) > 0 && s.Active(now) && s.Matchers.Match(labels)
}

// EndedAt returns the silence ended early. One that had not begun is over before it mutes anything.
func (s Silence) EndedAt(now time.Time) Silence {
	s.Until = now
	if s.From.After(now) {
		s.From = now
	}
	return s
}

// Validate returns all mistakes in a silence. Like Alertmanager it rejects a silence that
// would match every notice.
func (s Silence) Validate() error {
	var errs []error
	if len(s.Matchers) == 0 {
		errs = append(errs, errors.New("matchers: at least one is needed"))
	} else if s.Matchers.Match(nil) {
		errs = append(errs, fmt.Errorf("matchers %s: at least one must not match an empty label, or everything would be silent", s.Matchers))
	}
	if s.From.IsZero() || s.Until.IsZero() {
		errs = append(errs, errors.New("from and until are needed"))
	} else if !s.Until.After(s.From) {
		errs = append(errs, fmt.Errorf("until %s is not after from %s", s.Until.Format(time.RFC3339), s.From.Format(time.RFC3339)))
	}
	if strings.TrimSpace(s.By) == "" {
		errs = append(errs, errors.New("by: a silence needs somebody who asked for it"))
	}
	return errors.Join(errs...)
}

// FindSilence returns the first silence that mutes these labels now.
func FindSilence(silences []Silence, labels map[string]string, now time.Time) (Silence, bool) {
	for _, s := range silences {
		if s.Mutes(labels, now) {
			return s, true
		}
	}
	return Silence{}, false
}
