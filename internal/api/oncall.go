package api

import (
	"context"
	"time"

	"guardian/internal/reason"
	"guardian/internal/server"
	"guardian/oncall"
)

// onCall implements server.OnCall.
type onCall struct{ running func() Running }

// OnCallList implements server.OnCall.
func (o onCall) OnCallList(_ context.Context, at, until time.Time) ([]server.OnCallSchedule, error) {
	r := o.running()
	roster := r.Roster
	all := make([]server.OnCallSchedule, 0, len(roster.Schedules))
	for _, s := range roster.Schedules {
		v := server.OnCallSchedule{
			Name: s.Name, Timezone: s.Zone().String(), Fallback: s.Fallback, Now: shownShift(roster, s.At(at)), Problems: problems(s, r, at, until),
		}
		if next, ok := s.Next(at); ok {
			shown := shownShift(roster, next)
			v.Next = &shown
		}
		for _, f := range s.Shifts(at, until) {
			v.Shifts = append(v.Shifts, shownShift(roster, f))
		}
		all = append(all, v)
	}
	return all, nil
}

func shownShift(roster *oncall.Roster, f oncall.Shift) server.OnCallShift {
	v := server.OnCallShift{From: f.From, To: f.To, People: []server.OnCallPerson{}, Layer: f.Layer, Override: f.Override}
	for _, name := range f.People {
		p, _ := roster.Person(name)
		v.People = append(v.People, server.OnCallPerson{Name: name, FullName: p.Shown()})
	}
	return v
}

// problems says what is wrong with a schedule in a time: calendars that cannot be read, events
// that name nobody, and times in which nobody is on call.
func problems(s *oncall.Schedule, r Running, at, until time.Time) []reason.Reason {
	all := []reason.Reason{}
	for _, address := range r.Config.CalendarAddresses(s.Name) {
		if why := r.Calendar(address); !why.IsZero() {
			all = append(all, why)
		}
	}
	if names := s.Unnamed(at, until); len(names) > 0 {
		all = append(all, reason.New("calendar_names_nobody", "events", names))
	}
	if gaps := s.Gaps(at, until); len(gaps) > 0 && s.Fallback == "" {
		all = append(all, reason.New("oncall_nobody", "from", gaps[0].From, "to", gaps[0].To, "gaps", len(gaps)))
	}
	return all
}
