package oncall

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	ics "github.com/arran4/golang-ical"
)

// Limits of a calendar. They are far above what a calendar of shifts needs, and keep a hostile
// one from using up memory and time.
const (
	MaxCalendar  = 2 << 20 // bytes
	maxEvents    = 2000
	maxLine      = 64 << 10 // bytes, unfolded
	longestEvent = 3660 * day
)

// Calendar is the events of an iCalendar file (RFC 5545). It is immutable.
type Calendar struct{ events []*event }

// event is one VEVENT: a shift, which may recur.
type event struct {
	uid        string
	summary    string
	addresses  []string       // of its attendees
	zone       *time.Location // nil: that of the schedule
	start, end time.Time      // wall times of the first instance
	recurs     *recurrence
	also       []time.Time            // RDATE
	not        map[time.Time]struct{} // EXDATE, and instances that another event replaces
	notDays    map[time.Time]struct{} // the same, given as days
	replaces   *stamp                 // RECURRENCE-ID
	cancelled  bool
}

// ParseCalendar reads a calendar. Its error joins what cannot be read; the calendar has the
// events that can, and is nil when it is no calendar at all.
func ParseCalendar(content []byte) (*Calendar, error) {
	if len(content) > MaxCalendar {
		return nil, fmt.Errorf("is longer than %d bytes", MaxCalendar)
	}
	if err := checkLines(content); err != nil {
		return nil, err
	}
	parsed, err := ics.ParseCalendarWithOptions(bytes.NewReader(content), ics.WithUnknownPropertyHandler(ics.AcceptUnknownPropertyHandler))
	if err != nil {
		return nil, fmt.Errorf("is not an iCalendar file: %w", err)
	}
	if len(parsed.Components) == 0 && !bytes.Contains(content, []byte("VCALENDAR")) {
		return nil, errors.New("is not an iCalendar file: it does not begin with BEGIN:VCALENDAR")
	}
	if len(parsed.Events()) > maxEvents {
		return nil, fmt.Errorf("has more than %d events", maxEvents)
	}
	zones := zonesOf(parsed)
	var c Calendar
	var errs []error
	for _, v := range parsed.Events() {
		e, err := zones.event(v)
		if err != nil {
			errs = append(errs, fmt.Errorf("event %q: %w", shown(v), err))
			continue
		}
		c.events = append(c.events, e)
	}
	c.replaceInstances()
	c.events = slices.DeleteFunc(c.events, func(e *event) bool { return e.cancelled || !e.start.Before(e.end) })
	return &c, errors.Join(errs...)
}

// checkLines finds lines whose parts the parser would copy too often.
func checkLines(content []byte) error {
	length := 0
	for line := range bytes.Lines(content) {
		if len(line) == 0 || line[0] != ' ' && line[0] != '\t' {
			length = 0
		}
		if length += len(line); length > maxLine {
			return fmt.Errorf("has a line that is longer than %d bytes", maxLine)
		}
	}
	return nil
}

// shown is how a message names an event.
func shown(v *ics.VEvent) string {
	for _, p := range []ics.ComponentProperty{ics.ComponentPropertySummary, ics.ComponentPropertyUniqueId} {
		if text := textOf(v, p); text != "" {
			return text
		}
	}
	return "without summary"
}

func textOf(v *ics.VEvent, p ics.ComponentProperty) string {
	if found := v.GetProperty(p); found != nil {
		return strings.TrimSpace(found.Value)
	}
	return ""
}

// event converts a VEVENT.
func (z zones) event(v *ics.VEvent) (*event, error) {
	e := &event{
		uid: textOf(v, ics.ComponentPropertyUniqueId), summary: textOf(v, ics.ComponentPropertySummary),
		not: map[time.Time]struct{}{}, notDays: map[time.Time]struct{}{},
		cancelled: strings.EqualFold(textOf(v, ics.ComponentPropertyStatus), "CANCELLED"),
	}
	for _, a := range v.GetProperties(ics.ComponentPropertyAttendee) {
		if !slices.Contains(a.ICalParameters["PARTSTAT"], "DECLINED") {
			_, address, _ := strings.Cut(a.Value, ":")
			e.addresses = append(e.addresses, address)
		}
	}
	start, err := z.stamp(v.GetProperty(ics.ComponentPropertyDtStart))
	if err != nil {
		return nil, fmt.Errorf("DTSTART: %w", err)
	}
	e.start, e.zone = start.wall, start.zone
	if e.end, err = z.end(v, start); err != nil {
		return nil, err
	}
	if p := v.GetProperty(ics.ComponentPropertyRecurrenceId); p != nil {
		replaced, err := z.stamp(p)
		if err != nil {
			return nil, fmt.Errorf("RECURRENCE-ID: %w", err)
		}
		if slices.Contains(p.ICalParameters["RANGE"], "THISANDFUTURE") {
			return nil, errors.New("RECURRENCE-ID with RANGE=THISANDFUTURE is not supported: end the series and begin another one")
		}
		e.replaces = &replaced
	}
	return e, z.recurrences(v, e)
}

// end gives the wall time at which an event ends. It counts by the wall clock, as calendars show
// it: a weekly event from Monday 09:00 to Monday 09:00 leaves no gap in the week in which the
// clocks change.
func (z zones) end(v *ics.VEvent, start stamp) (time.Time, error) {
	length := time.Duration(0)
	if start.days {
		length = day
	}
	if p := v.GetProperty(ics.ComponentPropertyDtEnd); p != nil {
		end, err := z.stamp(p)
		if err != nil {
			return time.Time{}, fmt.Errorf("DTEND: %w", err)
		}
		length = end.in(start.zone).Sub(start.wall)
	} else if text := textOf(v, ics.ComponentPropertyDuration); text != "" {
		var err error
		if length, err = parseDuration(text); err != nil {
			return time.Time{}, fmt.Errorf("DURATION: %w", err)
		}
	}
	if length < 0 || length > longestEvent {
		return time.Time{}, errors.New("it ends before it begins, or lasts more than ten years")
	}
	return start.wall.Add(length), nil
}

// recurrences reads RRULE, RDATE and EXDATE.
func (z zones) recurrences(v *ics.VEvent, e *event) error {
	rules := v.GetProperties(ics.ComponentPropertyRrule)
	if len(rules) > 1 {
		return errors.New("it has more than one RRULE")
	}
	if len(rules) == 1 {
		var err error
		if e.recurs, err = z.recurrence(rules[0].Value, e); err != nil {
			return fmt.Errorf("RRULE: %w", err)
		}
	}
	for _, p := range v.GetProperties(ics.ComponentPropertyRdate) {
		stamps, err := z.stamps(p)
		if err != nil {
			return fmt.Errorf("RDATE: %w", err)
		}
		for _, s := range stamps {
			e.also = append(e.also, s.in(e.zone))
		}
	}
	for _, p := range v.GetProperties(ics.ComponentPropertyExdate) {
		stamps, err := z.stamps(p)
		if err != nil {
			return fmt.Errorf("EXDATE: %w", err)
		}
		for _, s := range stamps {
			e.exclude(s)
		}
	}
	return nil
}

func (e *event) exclude(s stamp) {
	if s.days {
		e.notDays[s.wall] = struct{}{}
		return
	}
	e.not[s.in(e.zone)] = struct{}{}
}

// replaceInstances takes instances out of series that an event of their own replaces.
func (c *Calendar) replaceInstances() {
	series := map[string]*event{}
	for _, e := range c.events {
		if e.replaces == nil {
			series[e.uid] = e
		}
	}
	for _, e := range c.events {
		if whole := series[e.uid]; e.replaces != nil && whole != nil {
			whole.exclude(*e.replaces)
		}
	}
}

// starts returns the wall times at which instances begin that overlap [from, to).
func (e *event) starts(from, to time.Time) []time.Time {
	all := append([]time.Time{e.start}, e.also...)
	if e.recurs != nil {
		all = append(all, e.recurs.until(to)...)
	}
	slices.SortFunc(all, time.Time.Compare)
	all = slices.CompactFunc(all, time.Time.Equal)
	length := e.end.Sub(e.start)
	return slices.DeleteFunc(all, func(at time.Time) bool {
		_, excluded := e.not[at]
		_, dayExcluded := e.notDays[midnight(at)]
		return excluded || dayExcluded || !at.Before(to) || !at.Add(length).After(from)
	})
}

// calendarView is a calendar with what a schedule knows: its people and its time zone.
type calendarView struct {
	*Calendar
	people directory
	zone   *time.Location
}

// each calls f with the instances of all events within [from, to).
func (v calendarView) each(from, to time.Time, f func(*event, span)) {
	for _, e := range v.events {
		zone := v.zone
		if e.zone != nil {
			zone = e.zone
		}
		// Wall time may jump at a change of the clocks; what is too early or too late is cut off.
		for _, at := range e.starts(wallOf(from, zone).Add(-day), wallOf(to, zone).Add(day)) {
			s := span{from: instant(at, zone), to: instant(at.Add(e.end.Sub(e.start)), zone), people: v.named(e)}
			if s = s.within(from, to); s.some() {
				f(e, s)
			}
		}
	}
}

// named returns whom an event puts on call: those whom its summary names, else its attendees.
func (v calendarView) named(e *event) []string {
	if found := v.people.named(e.summary); len(found) > 0 {
		return found
	}
	return v.people.named(strings.Join(e.addresses, ","))
}

func (v calendarView) spans(from, to time.Time) []span {
	var out []span
	v.each(from, to, func(_ *event, s span) {
		if len(s.people) > 0 {
			out = append(out, s)
		}
	})
	return out
}

func (v calendarView) unnamed(from, to time.Time) []string {
	var out []string
	v.each(from, to, func(e *event, s span) {
		if len(s.people) == 0 {
			out = append(out, e.summary)
		}
	})
	return out
}
