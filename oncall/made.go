package oncall

import (
	"errors"
	"fmt"
	"time"

	"guardian/internal/spelling"
)

// Made is an override that somebody made while the guardian runs. It goes before those of the configuration.
type Made struct {
	ID       string    `json:"id"`
	Schedule string    `json:"schedule"`
	Person   string    `json:"person"`
	Replaces string    `json:"replaces,omitempty"`
	From     time.Time `json:"from"`
	To       time.Time `json:"to"`
	By       string    `json:"by"` // who made it
	Created  time.Time `json:"created"`
	// Deleted is when it was taken back. What had passed of it by then stays, up to To.
	Deleted time.Time `json:"deleted,omitzero"`
}

// longest bounds an override that is made: longer ones are a change of the schedule.
const longest = 92 * day

// MistakeError is what is wrong with an override that is made.
type MistakeError struct {
	Field string // schedule, person, replaces, from or to
	Err   error
}

// Error implements error.
func (e *MistakeError) Error() string { return e.Field + ": " + e.Err.Error() }

// Unwrap returns the cause.
func (e *MistakeError) Unwrap() error { return e.Err }

// MayMake tells why an override cannot be made at a time beside others: a *MistakeError.
func (r *Roster) MayMake(m Made, others []Made, now time.Time) error {
	wrong := func(field string, err error) error { return &MistakeError{field, err} }
	if _, ok := r.Schedule(m.Schedule); !ok {
		return wrong("schedule", fmt.Errorf("there is no schedule %q; %s", m.Schedule, spelling.Hint(m.Schedule, r.names())))
	}
	if err := known(m.Person, r.People); err != nil {
		return wrong("person", err)
	}
	if err := known(m.Replaces, r.People); m.Replaces != "" && err != nil {
		return wrong("replaces", err)
	}
	switch {
	case m.Replaces == m.Person:
		return wrong("replaces", errors.New("nobody stands in for themselves"))
	case !m.To.After(now):
		return wrong("to", fmt.Errorf("is in the past: it is %s now", now.UTC().Format(time.RFC3339)))
	case !m.From.Before(m.To):
		return wrong("to", errors.New("is not after from"))
	case m.To.Sub(m.From) > longest:
		return wrong("to", fmt.Errorf("is more than %d days after from: change the schedule instead", longest/day))
	}
	for _, o := range others {
		sameTime := m.From.Before(o.To) && o.From.Before(m.To)
		if o.Schedule == m.Schedule && sameTime && (m.Replaces == "" || o.Replaces == "" || m.Replaces == o.Replaces) {
			return wrong("from", fmt.Errorf("override %s puts %s on call from %s to %s: delete it first, or make one end where the other begins",
				o.ID, o.Person, o.From.Format(time.RFC3339), o.To.Format(time.RFC3339)))
		}
	}
	return nil
}

// Lacks tells why an override that was made counts for nothing: its schedule, or somebody in it, is not
// configured any more. nil: it counts.
func (r *Roster) Lacks(m Made) error {
	if _, ok := r.Schedule(m.Schedule); !ok {
		return fmt.Errorf("there is no schedule %q", m.Schedule)
	}
	for _, person := range []string{m.Person, m.Replaces} {
		if person != "" && known(person, r.People) != nil {
			return fmt.Errorf("there is no person %q", person)
		}
	}
	return nil
}

// DeletedAt is the override as it is when it is taken back: what has passed of it stays.
func (m Made) DeletedAt(now time.Time) Made {
	m.Deleted = now
	if m.To = now; m.To.Before(m.From) {
		m.To = m.From
	}
	return m
}

// made are the overrides of a schedule that were made, as far as the people are still configured.
func made(schedule string, o Options) (overrides []Override) {
	for _, m := range o.Made {
		there := known(m.Person, o.People) == nil && (m.Replaces == "" || known(m.Replaces, o.People) == nil)
		if m.Schedule == schedule && there && m.From.Before(m.To) {
			overrides = append(overrides, Override{Person: m.Person, Replaces: m.Replaces, From: m.From, To: m.To})
		}
	}
	return overrides
}
