package oncall_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"guardian/internal/secret"
	"guardian/oncall"
)

func ical(events ...string) []byte {
	return []byte(strings.ReplaceAll("BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//test//EN\n"+strings.Join(events, "")+"END:VCALENDAR\n", "\n", "\r\n"))
}

func vevent(lines ...string) string {
	return "BEGIN:VEVENT\nDTSTAMP:20260101T000000Z\n" + strings.Join(lines, "\n") + "\nEND:VEVENT\n"
}

// fromCalendar is a schedule in Berlin that a calendar decides.
func fromCalendar(t *testing.T, content []byte) *oncall.Schedule {
	t.Helper()
	calendar, err := oncall.ParseCalendar(content)
	if err != nil {
		t.Fatal(err)
	}
	return calendarSchedule(t, calendar)
}

func calendarSchedule(t *testing.T, calendar *oncall.Calendar) *oncall.Schedule {
	t.Helper()
	source := oncall.Source{File: "team.ics"}
	s, err := oncall.New(
		oncall.Settings{Timezone: "Europe/Berlin", Layers: []oncall.Layer{{Calendar: &source}}},
		oncall.Options{People: team(), Calendars: map[string]*oncall.Calendar{source.Key(): calendar}},
	)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestShiftsOfACalendar(t *testing.T) {
	weekly := []string{"UID:1", "SUMMARY:wei", "DTSTART;TZID=Europe/Berlin:20260302T090000", "DTEND;TZID=Europe/Berlin:20260309T090000", "RRULE:FREQ=WEEKLY;INTERVAL=2"}
	other := []string{"UID:2", "SUMMARY:li", "DTSTART;TZID=Europe/Berlin:20260309T090000", "DTEND;TZID=Europe/Berlin:20260316T090000", "RRULE:FREQ=WEEKLY;INTERVAL=2"}
	with := func(lines []string, more ...string) string {
		return vevent(append(append([]string{}, lines...), more...)...)
	}
	for name, c := range map[string]struct {
		content  []byte
		from, to string
		want     string
	}{
		"two series take turns, without a gap when the clocks change": {
			ical(with(weekly), with(other)), "2026-03-22 00:00", "2026-04-07 00:00",
			"Sun 22 00:00 wei\nMon 23 09:00 li\nMon 30 09:00 wei\nMon 06 09:00 li\n",
		},
		"an excluded instance is nobody's": {
			ical(with(weekly, "EXDATE;TZID=Europe/Berlin:20260316T090000")), "2026-03-08 00:00", "2026-03-31 00:00",
			"Sun 08 00:00 wei\nMon 09 09:00 nobody\nMon 30 09:00 wei\n",
		},
		"an instance may be excluded by its day": {
			ical(with(weekly, "EXDATE;VALUE=DATE:20260316")), "2026-03-08 00:00", "2026-03-31 00:00",
			"Sun 08 00:00 wei\nMon 09 09:00 nobody\nMon 30 09:00 wei\n",
		},
		"an event of its own replaces an instance": {
			ical(with(weekly), vevent("UID:1", "RECURRENCE-ID:20260316T080000Z", "SUMMARY:Ada Byron", "DTSTART:20260317T080000Z", "DURATION:P1D")),
			"2026-03-08 00:00", "2026-03-31 00:00",
			"Sun 08 00:00 wei\nMon 09 09:00 nobody\nTue 17 09:00 ada\nWed 18 09:00 nobody\nMon 30 09:00 wei\n",
		},
		"a cancelled instance is nobody's": {
			ical(with(weekly), vevent("UID:1", "RECURRENCE-ID;TZID=Europe/Berlin:20260316T090000", "STATUS:CANCELLED", "SUMMARY:wei", "DTSTART:20260316T080000Z", "DURATION:P7D")),
			"2026-03-08 00:00", "2026-03-31 00:00",
			"Sun 08 00:00 wei\nMon 09 09:00 nobody\nMon 30 09:00 wei\n",
		},
		"an event of whole days lasts from midnight to midnight of the schedule": {
			ical(vevent("UID:1", "SUMMARY:On call: 王伟", "DTSTART;VALUE=DATE:20260328", "DTEND;VALUE=DATE:20260330")), "2026-03-27 12:00", "2026-03-31 00:00",
			"Fri 27 12:00 nobody\nSat 28 00:00 wei\nMon 30 00:00 nobody\n",
		},
		"a day without end is one day": {
			ical(vevent("UID:1", "SUMMARY:bo", "DTSTART;VALUE=DATE:20260328")), "2026-03-28 00:00", "2026-03-30 00:00",
			"Sat 28 00:00 bo\nSun 29 00:00 nobody\n",
		},
		"those whose events overlap are on call together": {
			ical(vevent("UID:1", "SUMMARY:wei", "DTSTART:20260302T080000Z", "DTEND:20260302T120000Z"), vevent("UID:2", "SUMMARY:li", "DTSTART:20260302T100000Z", "DTEND:20260302T140000Z")),
			"2026-03-02 09:00", "2026-03-02 16:00",
			"Mon 02 09:00 wei\nMon 02 11:00 li+wei\nMon 02 13:00 li\nMon 02 15:00 nobody\n",
		},
		"an event may name several people, or its attendees": {
			ical(vevent("UID:1", "SUMMARY:wei, li", "DTSTART:20260302T080000Z", "DURATION:PT1H"),
				vevent("UID:2", "SUMMARY:on call", "ATTENDEE;CN=Ada;PARTSTAT=ACCEPTED:mailto:ADA@example.com", "ATTENDEE;PARTSTAT=DECLINED:mailto:wei@example.com", "DTSTART:20260302T090000Z", "DURATION:PT1H")),
			"2026-03-02 09:00", "2026-03-02 11:00",
			"Mon 02 09:00 li+wei\nMon 02 10:00 ada\n",
		},
		"a zone of Windows": {
			ical(vevent("UID:1", "SUMMARY:wei", "DTSTART;TZID=China Standard Time:20260302T160000", "DTEND;TZID=China Standard Time:20260302T170000")),
			"2026-03-02 08:00", "2026-03-02 10:00",
			"Mon 02 08:00 nobody\nMon 02 09:00 wei\n",
		},
		"a zone that the calendar defines": {
			ical("BEGIN:VTIMEZONE\nTZID:Office\nBEGIN:STANDARD\nDTSTART:19700101T000000\nTZOFFSETFROM:+0800\nTZOFFSETTO:+0800\nEND:STANDARD\nEND:VTIMEZONE\n",
				vevent("UID:1", "SUMMARY:wei", "DTSTART;TZID=Office:20260302T160000", "DTEND;TZID=Office:20260302T170000")),
			"2026-03-02 08:00", "2026-03-02 10:00",
			"Mon 02 08:00 nobody\nMon 02 09:00 wei\n",
		},
		"a rule ends with its last day, also when the day alone is given": {
			ical(vevent("UID:1", "SUMMARY:wei", "DTSTART;TZID=Europe/Berlin:20260302T200000", "DURATION:PT1H", "RRULE:FREQ=DAILY;UNTIL=20260303")),
			"2026-03-02 00:00", "2026-03-05 00:00",
			"Mon 02 00:00 nobody\nMon 02 20:00 wei\nMon 02 21:00 nobody\nTue 03 20:00 wei\nTue 03 21:00 nobody\n",
		},
		"a rule ends at a time of UTC": {
			ical(vevent("UID:1", "SUMMARY:wei", "DTSTART;TZID=Europe/Berlin:20260302T200000", "DURATION:PT1H", "RRULE:FREQ=DAILY;UNTIL=20260303T190000Z")),
			"2026-03-02 00:00", "2026-03-05 00:00",
			"Mon 02 00:00 nobody\nMon 02 20:00 wei\nMon 02 21:00 nobody\nTue 03 20:00 wei\nTue 03 21:00 nobody\n",
		},
		"further instances": {
			ical(vevent("UID:1", "SUMMARY:wei", "DTSTART;TZID=Europe/Berlin:20260302T200000", "DURATION:PT1H", "RDATE;TZID=Europe/Berlin:20260303T100000,20260303T120000")),
			"2026-03-03 00:00", "2026-03-04 00:00",
			"Tue 03 00:00 nobody\nTue 03 10:00 wei\nTue 03 11:00 nobody\nTue 03 12:00 wei\nTue 03 13:00 nobody\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := fromCalendar(t, c.content)
			if diff := cmp.Diff(c.want, drawn(s, at(t, c.from, "Europe/Berlin"), at(t, c.to, "Europe/Berlin"))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestAnEventThatNamesNobodyIsFound(t *testing.T) {
	s := fromCalendar(t, ical(
		vevent("UID:1", "SUMMARY:Eve", "DTSTART:20260302T080000Z", "DURATION:PT1H"),
		vevent("UID:2", "SUMMARY:lifeguard", "DTSTART:20260302T080000Z", "DURATION:PT1H"), // li is a part of the word
		vevent("UID:3", "SUMMARY:wei", "DTSTART:20260302T080000Z", "DURATION:PT1H"),
	))
	from, to := at(t, "2026-03-02 00:00", "UTC"), at(t, "2026-03-03 00:00", "UTC")
	if diff := cmp.Diff([]string{"Eve", "lifeguard"}, s.Unnamed(from, to)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := s.Unnamed(to, to.Add(time.Hour)); len(got) > 0 {
		t.Errorf("the day after: %v", got)
	}
}

// TestWhatCannotBeReadLeavesTheRest: one event that cannot be read is an error, and the others
// count.
func TestWhatCannotBeReadLeavesTheRest(t *testing.T) {
	good := vevent("UID:1", "SUMMARY:wei", "DTSTART:20260302T080000Z", "DURATION:PT1H")
	for want, bad := range map[string]string{
		`event "x": DTSTART: is missing`:       vevent("SUMMARY:x"),
		`DTSTART: "soon" is not a time`:        vevent("SUMMARY:x", "DTSTART:soon"),
		`time zone "Mars" is not known`:        vevent("SUMMARY:x", "DTSTART;TZID=Mars:20260302T080000"),
		`it ends before it begins`:             vevent("SUMMARY:x", "DTSTART:20260302T080000Z", "DTEND:20260301T080000Z"),
		`"1h" is not a duration`:               vevent("SUMMARY:x", "DTSTART:20260302T080000Z", "DURATION:1h"),
		`FREQ must be DAILY`:                   vevent("SUMMARY:x", "DTSTART:20260302T080000Z", "DURATION:PT1H", "RRULE:FREQ=SECONDLY"),
		`never occurs`:                         vevent("SUMMARY:x", "DTSTART:20260302T080000Z", "DURATION:PT1H", "RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"),
		`INTERVAL or COUNT is too large`:       vevent("SUMMARY:x", "DTSTART:20260302T080000Z", "DURATION:PT1H", "RRULE:FREQ=DAILY;INTERVAL=1000000000"),
		`RRULE: "FREQ=NEVER" cannot be read`:   vevent("SUMMARY:x", "DTSTART:20260302T080000Z", "DURATION:PT1H", "RRULE:FREQ=NEVER"),
		`UNTIL: "then" is not a time`:          vevent("SUMMARY:x", "DTSTART:20260302T080000Z", "DURATION:PT1H", "RRULE:FREQ=DAILY;UNTIL=then"),
		`EXDATE: "20261302" is not a time`:     vevent("SUMMARY:x", "DTSTART:20260302T080000Z", "DURATION:PT1H", "EXDATE;VALUE=DATE:20261302"),
		`is before 1970`:                       vevent("SUMMARY:x", "DTSTART:00010101T000000Z", "DURATION:PT1H"),
		`RANGE=THISANDFUTURE is not supported`: vevent("SUMMARY:x", "RECURRENCE-ID;RANGE=THISANDFUTURE:20260302T080000Z", "DTSTART:20260302T080000Z", "DURATION:PT1H"),
		`it occurs more than 24 times a day`:   vevent("SUMMARY:x", "DTSTART:20260302T080000Z", "DURATION:PT1H", "RRULE:FREQ=DAILY;BYHOUR=1,2;BYMINUTE=1,2,3,4,5,6,7,8,9,10,11,12,13"),
		`BYSETPOS need FREQ=MONTHLY or YEARLY`: vevent("SUMMARY:x", "DTSTART:20260302T080000Z", "DURATION:PT1H", "RRULE:FREQ=DAILY;BYSETPOS=300"),
	} {
		calendar, err := oncall.ParseCalendar(ical(bad, good))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
		if calendar == nil {
			t.Errorf("%s: the other event is lost", want)
			continue
		}
		if got := calendarSchedule(t, calendar).OnCall(at(t, "2026-03-02 08:30", "UTC")); len(got) != 1 || got[0] != "wei" {
			t.Errorf("%s: on call are %v", want, got)
		}
	}
}

func TestWhatIsNoCalendarIsRefused(t *testing.T) {
	for name, content := range map[string][]byte{
		"an empty file":        nil,
		"a page":               []byte("<!DOCTYPE html>\n<html><body>Sign in</body></html>"),
		"half of a calendar":   ical(vevent("UID:1", "SUMMARY:wei", "DTSTART:20260302T080000Z"))[:120],
		"a huge file":          make([]byte, oncall.MaxCalendar+1),
		"a line without end":   ical(vevent("UID:1", "SUMMARY:"+strings.Repeat("x", 70_000), "DTSTART:20260302T080000Z")),
		"a folded endless one": ical(vevent("UID:1", "SUMMARY:x"+strings.Repeat("\n x", 40_000), "DTSTART:20260302T080000Z")),
	} {
		if calendar, err := oncall.ParseCalendar(content); err == nil || calendar != nil {
			t.Errorf("%s is a calendar: %v", name, err)
		}
	}
}

func TestACalendarThatWasNotReadYetHasNobody(t *testing.T) {
	s, err := oncall.New(oncall.Settings{Layers: []oncall.Layer{{Calendar: &oncall.Source{URL: secret.New("https://example.com/x.ics")}}}}, oncall.Options{People: team()})
	if err != nil {
		t.Fatal(err)
	}
	if got := s.OnCall(at(t, "2026-03-02 08:30", "UTC")); len(got) > 0 || !s.Unread() {
		t.Errorf("on call are %v, and unread is %v", got, s.Unread())
	}
	if fromCalendar(t, ical()).Unread() {
		t.Error("an empty calendar counts as unread")
	}
}

func FuzzParseCalendar(f *testing.F) {
	f.Add(ical(vevent("UID:1", "SUMMARY:wei", "DTSTART;TZID=Europe/Berlin:20260302T090000", "DTEND;TZID=Europe/Berlin:20260309T090000", "RRULE:FREQ=WEEKLY;INTERVAL=2", "EXDATE;VALUE=DATE:20260316")))
	f.Add(ical(vevent("UID:1", "SUMMARY:wei", "DTSTART:20260302T080000Z", "DURATION:P1D", "RRULE:FREQ=MONTHLY;BYDAY=1MO;BYSETPOS=-1;UNTIL=20260401", "RDATE;VALUE=PERIOD:20260303T100000Z/PT1H")))
	f.Add(ical("BEGIN:VTIMEZONE\nTZID:O\nBEGIN:STANDARD\nTZOFFSETTO:+0800\nEND:STANDARD\nEND:VTIMEZONE\n", vevent("UID:1", "RECURRENCE-ID;TZID=O:20260302T160000", "DTSTART;TZID=O:20260302T160000")))
	f.Add([]byte("BEGIN:VCALENDAR\nBEGIN:VEVENT\nA;B=c\nEND:VEVENT"))
	f.Fuzz(func(t *testing.T, content []byte) {
		begun := time.Now()
		defer func() {
			if took := time.Since(begun); took > 30*time.Second {
				t.Errorf("it took %s", took)
			}
		}()
		calendar, err := oncall.ParseCalendar(content)
		if calendar == nil {
			if err == nil {
				t.Fatal("neither a calendar nor an error")
			}
			return
		}
		s := calendarSchedule(t, calendar)
		from := at(t, "2026-03-20 00:00", "UTC")
		to := from.AddDate(0, 0, 14)
		s.Unnamed(from, to)
		end := from
		for _, f := range s.Shifts(from, to) {
			if !f.From.Equal(end) || !f.From.Before(f.To) {
				t.Fatalf("%+v does not follow %v", f, end)
			}
			end = f.To
		}
		if !end.Equal(to) {
			t.Fatalf("shifts end at %v", end)
		}
	})
}
