package oncall_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/model"

	"guardian/oncall"
)

const days = model.Duration(24 * time.Hour)

func team() []oncall.Person {
	return []oncall.Person{
		{Name: "wei", FullName: "王伟", Mail: "wei@example.com"},
		{Name: "li", FullName: "Li Na", Mail: "li@example.com"},
		{Name: "ada", FullName: "Ada Byron", Mail: "ada@example.com"},
		{Name: "bo"},
	}
}

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// at parses a wall time in a zone.
func at(t *testing.T, text, in string) time.Time {
	t.Helper()
	out, err := time.ParseInLocation("2006-01-02 15:04", text, zone(t, in))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func build(t *testing.T, s oncall.Settings) *oncall.Schedule {
	t.Helper()
	out, err := oncall.New(s, oncall.Options{People: team()})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// drawn shows shifts, one a line, in the schedule's time zone.
func drawn(s *oncall.Schedule, from, to time.Time) string {
	var b strings.Builder
	for _, f := range s.Shifts(from, to) {
		who := strings.Join(f.People, "+")
		if f.Nobody() {
			who = "nobody"
		}
		if f.Override {
			who += "!"
		}
		fmt.Fprintf(&b, "%s %s\n", f.From.In(s.Zone()).Format("Mon 02 15:04"), who)
	}
	return b.String()
}

func TestShifts(t *testing.T) {
	const berlin, shanghai = "Europe/Berlin", "Asia/Shanghai"
	weekly := oncall.Layer{People: []string{"wei", "li"}, Start: "2026-01-05"}
	daily := oncall.Layer{People: []string{"wei", "li"}, Start: "2026-03-01", Length: days}
	for name, c := range map[string]struct {
		schedule oncall.Settings
		from, to string
		want     string
	}{
		"a weekly rotation changes on the weekday of its start": {
			oncall.Settings{Timezone: shanghai, Layers: []oncall.Layer{weekly}},
			"2026-01-10 00:00", "2026-01-20 00:00",
			"Sat 10 00:00 wei\nMon 12 09:00 li\nMon 19 09:00 wei\n",
		},
		"before its start a rotation has nobody": {
			oncall.Settings{Timezone: shanghai, Layers: []oncall.Layer{weekly}},
			"2026-01-04 00:00", "2026-01-06 00:00",
			"Sun 04 00:00 nobody\nMon 05 09:00 wei\n",
		},
		"a hand-over keeps its time of the day when the clocks go forward": {
			oncall.Settings{Timezone: berlin, Layers: []oncall.Layer{daily}},
			"2026-03-28 12:00", "2026-03-30 12:00",
			"Sat 28 12:00 li\nSun 29 09:00 wei\nMon 30 09:00 li\n",
		},
		"a hand-over keeps its time of the day when the clocks go back": {
			oncall.Settings{Timezone: berlin, Layers: []oncall.Layer{daily}},
			"2026-10-24 12:00", "2026-10-26 12:00",
			"Sat 24 12:00 li\nSun 25 09:00 wei\nMon 26 09:00 li\n",
		},
		"a hand-over at a time that the clocks skip is at the change": {
			oncall.Settings{Timezone: berlin, Layers: []oncall.Layer{{People: []string{"wei", "li"}, Start: "2026-03-01", Length: days, HandOver: "02:30"}}},
			"2026-03-28 12:00", "2026-03-30 12:00",
			"Sat 28 12:00 li\nSun 29 03:00 wei\nMon 30 02:30 li\n",
		},
		"turns of twelve hours change at the same times in the week in which the clocks change": {
			oncall.Settings{Timezone: berlin, Layers: []oncall.Layer{{People: []string{"wei", "li", "ada"}, Start: "2026-03-01", Length: days / 2, HandOver: "08:00"}}},
			"2026-03-28 12:00", "2026-03-30 12:00",
			"Sat 28 12:00 wei\nSat 28 20:00 li\nSun 29 08:00 ada\nSun 29 20:00 wei\nMon 30 08:00 li\n",
		},
		"the first layer that has somebody decides": {
			oncall.Settings{Timezone: shanghai, Layers: []oncall.Layer{
				{People: []string{"ada"}, Start: "2026-01-01", Times: []oncall.Times{{Weekdays: []string{"monday:friday"}, From: "09:00", To: "18:00"}}},
				weekly,
			}},
			"2026-01-09 00:00", "2026-01-13 00:00",
			"Fri 09 00:00 wei\nFri 09 09:00 ada\nFri 09 18:00 wei\nMon 12 09:00 ada\nMon 12 18:00 li\n",
		},
		"turns go on while a layer does not apply": {
			oncall.Settings{Timezone: shanghai, Layers: []oncall.Layer{
				{People: []string{"wei", "li", "ada"}, Start: "2026-01-01", HandOver: "00:00", Length: days, Times: []oncall.Times{{Weekdays: []string{"monday:friday"}}}},
			}},
			"2026-01-09 00:00", "2026-01-13 00:00",
			"Fri 09 00:00 ada\nSat 10 00:00 nobody\nMon 12 00:00 ada\n",
		},
		"a period over midnight belongs to the day on which it begins": {
			oncall.Settings{Timezone: shanghai, Layers: []oncall.Layer{
				{People: []string{"bo"}, Start: "2026-01-01", Times: []oncall.Times{{Weekdays: []string{"friday"}, From: "22:00", To: "06:00"}}},
			}},
			"2026-01-09 00:00", "2026-01-11 00:00",
			"Fri 09 00:00 nobody\nFri 09 22:00 bo\nSat 10 06:00 nobody\n",
		},
		"a period may go over the end of the week": {
			oncall.Settings{Timezone: shanghai, Layers: []oncall.Layer{
				{People: []string{"bo"}, Start: "2026-01-01", Times: []oncall.Times{{From: "friday 18:00", To: "monday 09:00"}}}, weekly,
			}},
			"2026-01-09 00:00", "2026-01-13 00:00",
			"Fri 09 00:00 wei\nFri 09 18:00 bo\nMon 12 09:00 li\n",
		},
		"a period from a time to the same time on another week's day lasts a week": {
			oncall.Settings{Timezone: shanghai, Layers: []oncall.Layer{
				{People: []string{"bo"}, Start: "2026-01-01", Times: []oncall.Times{{From: "monday 09:00", To: "monday 09:00"}}},
			}},
			"2026-01-09 00:00", "2026-01-20 00:00",
			"Fri 09 00:00 bo\n",
		},
		"a gap is a shift of nobody": {
			oncall.Settings{Timezone: shanghai, Layers: []oncall.Layer{
				{People: []string{"wei"}, Start: "2026-01-01", Times: []oncall.Times{{From: "08:00", To: "20:00"}}},
			}},
			"2026-01-09 00:00", "2026-01-10 00:00",
			"Fri 09 00:00 nobody\nFri 09 08:00 wei\nFri 09 20:00 nobody\n",
		},
		"an override goes before every layer, across a hand-over too": {
			oncall.Settings{Timezone: shanghai, Layers: []oncall.Layer{weekly}, Overrides: []oncall.Override{
				{Person: "ada", From: at(t, "2026-01-11 12:00", shanghai), To: at(t, "2026-01-12 12:00", shanghai)},
			}},
			"2026-01-10 00:00", "2026-01-13 00:00",
			"Sat 10 00:00 wei\nSun 11 12:00 ada!\nMon 12 12:00 li\n",
		},
		"a stand-in for one person ends at the hand-over to another": {
			oncall.Settings{Timezone: shanghai, Layers: []oncall.Layer{weekly}, Overrides: []oncall.Override{
				{Person: "ada", Replaces: "wei", From: at(t, "2026-01-11 12:00", shanghai), To: at(t, "2026-01-13 12:00", shanghai)},
			}},
			"2026-01-10 00:00", "2026-01-14 00:00",
			"Sat 10 00:00 wei\nSun 11 12:00 ada!\nMon 12 09:00 li\n",
		},
		"two who stand in for each other do so once": {
			oncall.Settings{Timezone: shanghai, Layers: []oncall.Layer{weekly}, Overrides: []oncall.Override{
				{Person: "li", Replaces: "wei", From: at(t, "2026-01-01 00:00", shanghai), To: at(t, "2026-02-01 00:00", shanghai)},
				{Person: "wei", Replaces: "li", From: at(t, "2026-01-01 00:00", shanghai), To: at(t, "2026-02-01 00:00", shanghai)},
			}},
			"2026-01-10 00:00", "2026-01-14 00:00",
			"Sat 10 00:00 li!\nMon 12 09:00 wei!\n",
		},
		"one person's turn after the other is no hand-over": {
			oncall.Settings{Timezone: shanghai, Layers: []oncall.Layer{{People: []string{"wei"}, Start: "2026-01-05", Length: days}}},
			"2026-01-10 00:00", "2026-01-20 00:00",
			"Sat 10 00:00 wei\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := build(t, c.schedule)
			if diff := cmp.Diff(c.want, drawn(s, at(t, c.from, s.Zone().String()), at(t, c.to, s.Zone().String()))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestAHandOverThatTheClocksShowTwiceIsAtTheFirst: where they go back, on either side of UTC.
func TestAHandOverThatTheClocksShowTwiceIsAtTheFirst(t *testing.T) {
	for name, c := range map[string]struct{ handOver, want string }{
		"Europe/Berlin":       {"02:30", "2026-10-25T00:30:00Z"},
		"America/New_York":    {"01:30", "2026-11-01T05:30:00Z"},
		"Australia/Lord_Howe": {"01:45", "2026-04-04T14:45:00Z"}, // by half an hour
	} {
		s := build(t, oncall.Settings{Timezone: name, Layers: []oncall.Layer{{People: []string{"wei", "li"}, Start: "2026-01-01", Length: days, HandOver: c.handOver}}})
		want, err := time.Parse(time.RFC3339, c.want)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.At(want.Add(-3 * time.Hour)).To; !got.Equal(want) {
			t.Errorf("%s: the hand-over at %s is at %s, want %s", name, c.handOver, got, c.want)
		}
	}
}

func TestTheShiftOfADSTDayHas23Or25Hours(t *testing.T) {
	s := build(t, oncall.Settings{Timezone: "Europe/Berlin", Layers: []oncall.Layer{{People: []string{"wei", "li"}, Start: "2026-03-01", Length: days}}})
	for day, want := range map[string]time.Duration{"2026-03-28 12:00": 23 * time.Hour, "2026-03-30 12:00": 24 * time.Hour, "2026-10-24 12:00": 25 * time.Hour} {
		if f := s.At(at(t, day, "Europe/Berlin")); f.To.Sub(f.From) != want {
			t.Errorf("the shift of %s lasts %s, want %s", day, f.To.Sub(f.From), want)
		}
	}
}

func TestNextIsTheNextChangeOfPeople(t *testing.T) {
	const shanghai = "Asia/Shanghai"
	s := build(t, oncall.Settings{
		Timezone: shanghai,
		Layers:   []oncall.Layer{{People: []string{"wei", "li"}, Start: "2026-01-05"}},
		Overrides: []oncall.Override{
			{Person: "wei", From: at(t, "2026-01-06 00:00", shanghai), To: at(t, "2026-01-07 00:00", shanghai)},
			{Person: "ada", From: at(t, "2026-01-14 00:00", shanghai), To: at(t, "2026-01-15 00:00", shanghai)},
		},
	})
	for now, want := range map[string]string{
		"2026-01-05 10:00": "Mon 12 09:00 li, until Wed 14 00:00", // not the override of wei by wei
		"2026-01-13 10:00": "Wed 14 00:00 ada, until Thu 15 00:00",
		"2026-01-14 10:00": "Thu 15 00:00 li, until Mon 19 09:00",
	} {
		next, ok := s.Next(at(t, now, shanghai))
		in := func(t time.Time) string { return t.In(s.Zone()).Format("Mon 02 15:04") }
		if got := fmt.Sprintf("%s %s, until %s", in(next.From), strings.Join(next.People, "+"), in(next.To)); !ok || got != want {
			t.Errorf("after %s: %s (%v), want %s", now, got, ok, want)
		}
	}
	alone := build(t, oncall.Settings{Layers: []oncall.Layer{{People: []string{"wei"}, Start: "2020-01-01"}}})
	if next, ok := alone.Next(at(t, "2026-01-05 10:00", "UTC")); ok {
		t.Errorf("who is always on call hands over: %+v", next)
	}
	if f := alone.At(at(t, "2026-01-05 10:00", "UTC")); !f.From.IsZero() || !f.To.IsZero() || f.People[0] != "wei" {
		t.Errorf("who is always on call has the shift %+v", f)
	}
}

func TestMistakesInAScheduleAreNamed(t *testing.T) {
	from, to := at(t, "2026-01-06 00:00", "UTC"), at(t, "2026-01-07 00:00", "UTC")
	good := oncall.Layer{People: []string{"wei"}, Start: "2026-01-05"}
	for want, s := range map[string]oncall.Settings{
		`layers is empty`: {},
		`timezone: "Mars/Olympus" is not a time zone`:          {Timezone: "Mars/Olympus", Layers: []oncall.Layer{good}},
		`layers[0]: people is empty`:                           {Layers: []oncall.Layer{{Start: "2026-01-05"}}},
		`layers[0]: people[1]: there is no person "eve"`:       {Layers: []oncall.Layer{{People: []string{"wei", "eve"}, Start: "2026-01-05"}}},
		`layers[0]: start is missing`:                          {Layers: []oncall.Layer{{People: []string{"wei"}}}},
		`layers[0]: start: "5.1.2026" is not a day`:            {Layers: []oncall.Layer{{People: []string{"wei"}, Start: "5.1.2026"}}},
		`layers[0]: hand_over: "9" is not a time of day`:       {Layers: []oncall.Layer{{People: []string{"wei"}, Start: "2026-01-05", HandOver: "9"}}},
		`layers[0]: length must be`:                            {Layers: []oncall.Layer{{People: []string{"wei"}, Start: "2026-01-05", Length: model.Duration(time.Minute)}}},
		`layers[0]: times[0]: weekdays[0]: "mon" is not a day`: {Layers: []oncall.Layer{{People: []string{"wei"}, Start: "2026-01-05", Times: []oncall.Times{{Weekdays: []string{"mon"}}}}}},
		`times[0]: from and to must both have a day`:           {Layers: []oncall.Layer{{People: []string{"wei"}, Start: "2026-01-05", Times: []oncall.Times{{From: "friday 18:00", To: "09:00"}}}}},
		`times[0]: weekdays must be left out`:                  {Layers: []oncall.Layer{{People: []string{"wei"}, Start: "2026-01-05", Times: []oncall.Times{{Weekdays: []string{"friday"}, From: "friday 18:00", To: "monday 09:00"}}}}},
		`times[0]: to: "25:00" is not a time of day`:           {Layers: []oncall.Layer{{People: []string{"wei"}, Start: "2026-01-05", Times: []oncall.Times{{To: "25:00"}}}}},
		`layers[0]: calendar must have either file or url`:     {Layers: []oncall.Layer{{Calendar: &oncall.Source{}}}},
		`layers[0]: people must be left out`:                   {Layers: []oncall.Layer{{People: []string{"wei"}, Calendar: &oncall.Source{File: "x.ics"}}}},
		`overrides[0]: to is not after from`:                   {Layers: []oncall.Layer{good}, Overrides: []oncall.Override{{Person: "wei", From: to, To: from}}},
		`overrides[0]: person: there is no person "eve"`:       {Layers: []oncall.Layer{good}, Overrides: []oncall.Override{{Person: "eve", From: from, To: to}}},
		`overrides[1]: from is within overrides[0]`: {Layers: []oncall.Layer{good}, Overrides: []oncall.Override{
			{Person: "wei", From: from, To: to}, {Person: "li", Replaces: "ada", From: from, To: to},
		}},
	} {
		if _, err := oncall.New(s, oncall.Options{People: team()}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestMistakesInAPersonAreNamed(t *testing.T) {
	for want, p := range map[string]oncall.Person{
		"":                    {Name: "wei", Mobile: "13800138000", Slack: "U012AB3CD", Mail: "wei@example.com", Timezone: "Asia/Shanghai"},
		"mobile is not":       {Mobile: "138 0013"},
		"slack is not":        {Slack: "@wei"},
		"mail is not":         {Mail: "wei"},
		"timezone: \"Local\"": {Timezone: "Local"},
	} {
		err := p.Validate()
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: got %v, want %q", p, err, want)
		}
	}
	if err := (oncall.Person{Mobile: "+65-81234567"}).Validate(); err != nil {
		t.Error(err)
	}
}
