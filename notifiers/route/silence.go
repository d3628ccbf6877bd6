package route

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Silence keeps notices from being told for a while. Times are UTC.
type Silence struct {
	ID        string    `json:"id"`
	Matchers  Matchers  `json:"matchers"`
	StartsAt  time.Time `json:"startsAt"`
	EndsAt    time.Time `json:"endsAt"`
	CreatedBy string    `json:"createdBy"`
	Comment   string    `json:"comment"`
	UpdatedAt time.Time `json:"updatedAt"`
}

// Active tells whether the silence holds at a time: from StartsAt on, until before EndsAt.
func (s Silence) Active(now time.Time) bool {
	return !now.Before(s.StartsAt) && now.Before(s.EndsAt)
}

// Mutes tells whether a notice with these labels is not to be told now.
func (s Silence) Mutes(labels map[string]string, now time.Time) bool {
	return len(s.Matchers) > 0 && s.Active(now) && s.Matchers.Match(labels)
}

// Validate says everything that is wrong with a silence. One that would match every notice
// is refused, as in Alertmanager.
func (s Silence) Validate() error {
	var errs []error
	if len(s.Matchers) == 0 {
		errs = append(errs, errors.New("matchers: at least one is needed"))
	} else if s.Matchers.Match(nil) {
		errs = append(errs, fmt.Errorf("matchers %s: at least one must not match an empty label, or everything would be silent", s.Matchers))
	}
	if s.StartsAt.IsZero() || s.EndsAt.IsZero() {
		errs = append(errs, errors.New("startsAt and endsAt are needed"))
	} else if !s.EndsAt.After(s.StartsAt) {
		errs = append(errs, fmt.Errorf("endsAt %s is not after startsAt %s", s.EndsAt.Format(time.RFC3339), s.StartsAt.Format(time.RFC3339)))
	}
	if strings.TrimSpace(s.CreatedBy) == "" {
		errs = append(errs, errors.New("createdBy: say who it is that silences"))
	}
	return errors.Join(errs...)
}

// FindSilence gives the first silence that mutes these labels now.
func FindSilence(silences []Silence, labels map[string]string, now time.Time) (Silence, bool) {
	for _, s := range silences {
		if s.Mutes(labels, now) {
			return s, true
		}
	}
	return Silence{}, false
}
