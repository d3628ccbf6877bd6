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
