package oncall

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// Roster is all people and schedules, with the calendars as they were read last. It is
// immutable.
type Roster struct {
	People    []Person
	Schedules []*Schedule
}

// NewRoster builds the schedules. Its error joins all mistakes, each with its path, such as
// people[0].mobile and schedules[1].layers[0].start. receivers are the names of all configured
// receivers.
func NewRoster(schedules []Settings, receivers []string, o Options) (*Roster, error) {
	r := &Roster{People: o.People}
	var errs []error
	for i, p := range o.People {
		path := fmt.Sprintf("people[%d]", i)
		errs = append(errs, atKey(path, p.Validate()))
		for j, name := range p.Receivers {
			errs = append(errs, atKey(fmt.Sprintf("%s.receivers[%d]", path, j), knownReceiver(name, receivers)))
		}
	}
	for i, s := range schedules {
		path := fmt.Sprintf("schedules[%d]", i)
		built, err := New(s, o)
		r.Schedules = append(r.Schedules, built)
		errs = append(errs, atKey(path, err))
		for j, name := range s.Announce {
			errs = append(errs, atKey(fmt.Sprintf("%s.announce[%d]", path, j), knownReceiver(name, receivers)))
		}
		if s.Fallback != "" {
			errs = append(errs, atKey(path+".fallback", knownReceiver(s.Fallback, receivers)))
		}
	}
	return r, errors.Join(errs...)
}

// Schedule finds a schedule by name.
func (r *Roster) Schedule(name string) (*Schedule, bool) {
	i := slices.IndexFunc(r.Schedules, func(s *Schedule) bool { return s.Name == name })
	if i < 0 {
		return nil, false
	}
	return r.Schedules[i], true
}

func (r *Roster) names() []string {
	names := make([]string, len(r.Schedules))
	for i, s := range r.Schedules {
		names[i] = s.Name
	}
	return names
}

// Person finds a person by name.
func (r *Roster) Person(name string) (Person, bool) {
	i := slices.IndexFunc(r.People, func(p Person) bool { return p.Name == name })
	if i < 0 {
		return Person{}, false
	}
	return r.People[i], true
}

// Told is whom a step of an escalation notifies.
type Told struct {
	Receivers []string // sorted, without duplicates
	People    []Person // whom they mention
	// Unmanned is the step's schedule when nobody is on call by it.
	Unmanned string
	// Waits tells that somebody may answer, so that the next step waits.
	Waits bool
}

// Tells decides whom a step notifies at a time. Where nobody is on call the fallback of the
// schedule is notified; without one the step's own receivers hear of the alert all the same, and
// nobody waits for their answer.
func (r *Roster) Tells(s Step, at time.Time) Told {
	var t Told
	if p, ok := r.Person(s.Person); ok {
		t.People = append(t.People, p)
	}
	t.Receivers = append(t.Receivers, s.Receivers...)
	t.Waits = true
	if schedule, ok := r.Schedule(s.Schedule); ok {
		names := schedule.OnCall(at)
		for _, name := range names {
			if p, ok := r.Person(name); ok && name != s.Person {
				t.People = append(t.People, p)
			}
		}
		if len(names) == 0 {
			t.Unmanned = s.Schedule
			t.Waits = schedule.Fallback != "" || s.Person != ""
		}
		if t.Unmanned != "" && schedule.Fallback != "" {
			t.Receivers = append(t.Receivers, schedule.Fallback)
		}
	}
	if len(s.Receivers) == 0 {
		for _, p := range t.People {
			t.Receivers = append(t.Receivers, p.Receivers...)
		}
	}
	slices.Sort(t.Receivers)
	t.Receivers = slices.Compact(t.Receivers)
	t.Waits = t.Waits && len(t.Receivers) > 0
	return t
}
