package oncall_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/model"
	"pgregory.net/rapid"

	"guardian/oncall"
)

// zoneNames are time zones whose clocks change in different ways: not at all, by an hour on
// either half of the globe, by half an hour, at midnight, backwards in summer, over a whole day.
func zoneNames() []string {
	return []string{
		"Asia/Shanghai", "Europe/Berlin", "America/New_York", "Australia/Sydney", "Australia/Lord_Howe", "America/Santiago",
		"Africa/Casablanca", "Europe/Dublin", "Asia/Kolkata", "Pacific/Apia", "UTC",
	}
}

func drawTime(t *rapid.T, label string) time.Time {
	minutes := rapid.Int64Range(0, 3*366*24*60).Draw(t, label)
	return time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(minutes) * time.Minute)
}

func drawClock(t *rapid.T, label string) string {
	return fmt.Sprintf("%02d:%02d", rapid.IntRange(0, 23).Draw(t, label), rapid.SampledFrom([]int{0, 15, 30}).Draw(t, label+" minute"))
}

func drawPeople(t *rapid.T) []string {
	return rapid.SliceOfN(rapid.SampledFrom([]string{"wei", "li", "ada", "bo"}), 1, 5).Draw(t, "people")
}

func weekdays() []string {
	return []string{"sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"}
}

func drawTimes(t *rapid.T) oncall.Times {
	weekday := rapid.SampledFrom(weekdays())
	if rapid.Bool().Draw(t, "over days") {
		return oncall.Times{From: weekday.Draw(t, "day") + " " + drawClock(t, "from"), To: weekday.Draw(t, "end day") + " " + drawClock(t, "to")}
	}
	return oncall.Times{Weekdays: []string{weekday.Draw(t, "first") + ":" + weekday.Draw(t, "last")}, From: drawClock(t, "from"), To: drawClock(t, "to")}
}

func drawLayer(t *rapid.T) oncall.Layer {
	l := oncall.Layer{
		People: drawPeople(t), HandOver: drawClock(t, "hand-over"),
		Start:  time.Date(2024, 12, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, rapid.IntRange(0, 400).Draw(t, "start")).Format(time.DateOnly),
		Length: rapid.SampledFrom([]model.Duration{days / 12, days / 3, days / 2, days, 3 * days / 2, 3 * days, 7 * days, 14 * days}).Draw(t, "length"),
	}
	for range rapid.IntRange(0, 2).Draw(t, "times") {
		l.Times = append(l.Times, drawTimes(t))
	}
	return l
}

func drawOverrides(t *rapid.T) []oncall.Override {
	var out []oncall.Override
	from := drawTime(t, "override")
	for range rapid.IntRange(0, 3).Draw(t, "overrides") {
		to := from.Add(time.Duration(rapid.IntRange(1, 20*24*60).Draw(t, "length of override")) * time.Minute)
		v := oncall.Override{Person: rapid.SampledFrom([]string{"wei", "li", "ada", "bo"}).Draw(t, "stand-in"), From: from, To: to}
		if rapid.Bool().Draw(t, "for one") {
			v.Replaces = rapid.SampledFrom([]string{"wei", "li", "ada", "bo"}).Draw(t, "replaces")
		}
		out = append(out, v)
		from = to
	}
	return out
}

func drawSettings(t *rapid.T) oncall.Settings {
	s := oncall.Settings{Timezone: rapid.SampledFrom(zoneNames()).Draw(t, "zone"), Overrides: drawOverrides(t)}
	for range rapid.IntRange(1, 3).Draw(t, "layers") {
		s.Layers = append(s.Layers, drawLayer(t))
	}
	return s
}

func newSchedule(t *rapid.T, s oncall.Settings) *oncall.Schedule {
	out, err := oncall.New(s, oncall.Options{People: team()})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestShiftsTileTime: shifts cover a time without gaps and overlaps, neighbours differ, and each
// moment has the people of its shift.
func TestShiftsTileTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newSchedule(t, drawSettings(t))
		from := drawTime(t, "from")
		to := from.Add(time.Duration(rapid.IntRange(1, 30*24*60).Draw(t, "length")) * time.Minute)
		shifts := s.Shifts(from, to)
		at := from
		for i, f := range shifts {
			if !f.From.Equal(at) || !f.From.Before(f.To) {
				t.Fatalf("shift %d is %v to %v, and the one before ended at %v", i, f.From, f.To, at)
			}
			at = f.To
			if i > 0 && cmp.Equal(people(f), people(shifts[i-1])) && f.Layer == shifts[i-1].Layer && f.Override == shifts[i-1].Override {
				t.Fatalf("shift %d goes on in the next one", i)
			}
			inside := f.From.Add(time.Duration(rapid.Int64Range(0, int64(f.To.Sub(f.From))-1).Draw(t, "moment")))
			if now := s.OnCall(inside); !slices.Equal(now, f.People) {
				t.Fatalf("at %v %v are on call, and the shift says %v", inside, now, f.People)
			}
			if whole := s.At(inside); !slices.Equal(whole.People, f.People) || whole.From.After(f.From) || !whole.To.IsZero() && whole.To.Before(f.To) {
				t.Fatalf("at %v the whole shift is %+v, and a part of it %+v", inside, whole, f)
			}
		}
		if !at.Equal(to) {
			t.Fatalf("shifts end at %v, want %v", at, to)
		}
	})
}

func people(f oncall.Shift) []string { return append([]string{}, f.People...) }

// TestTheFirstLayerThatHasSomebodyDecides compares a schedule with its layers, each alone.
func TestTheFirstLayerThatHasSomebodyDecides(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		settings := drawSettings(t)
		s := newSchedule(t, settings)
		at := drawTime(t, "at")
		if len(settings.Overrides) > 0 && rapid.Bool().Draw(t, "in an override") {
			at = settings.Overrides[0].From.Add(time.Minute / 2)
		}
		var want []string
		for _, l := range settings.Layers {
			alone := newSchedule(t, oncall.Settings{Timezone: settings.Timezone, Layers: []oncall.Layer{l}})
			if want = slices.Clone(alone.OnCall(at)); len(want) > 0 {
				break
			}
		}
		for _, v := range settings.Overrides {
			if at.Before(v.From) || !at.Before(v.To) {
				continue
			}
			if v.Replaces == "" {
				want = []string{v.Person}
			} else if len(want) == 1 && want[0] == v.Replaces {
				want = []string{v.Person}
			}
			break // they do not overlap
		}
		if got := s.OnCall(at); !slices.Equal(got, want) {
			t.Fatalf("at %v: got %v, want %v", at, got, want)
		}
	})
}

// TestHandOversKeepTheWallClock: turns change at the first moment at which a clock on the wall
// shows the hand-over time or, where it skips that, a later one. The clock is read minute by
// minute.
func TestHandOversKeepTheWallClock(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := oncall.Layer{People: []string{"wei", "li"}, Start: "2024-12-01", HandOver: drawClock(t, "hand-over"), Length: days}
		name := rapid.SampledFrom(zoneNames()).Draw(t, "zone")
		s := newSchedule(t, oncall.Settings{Timezone: name, Layers: []oncall.Layer{l}})
		clock, err := time.Parse("15:04", l.HandOver)
		if err != nil {
			t.Fatal(err)
		}
		date := time.Date(2025, 1, 1, clock.Hour(), clock.Minute(), 0, 0, time.UTC).AddDate(0, 0, rapid.IntRange(0, 1000).Draw(t, "day"))
		if _, changes := date.In(s.Zone()).ZoneBounds(); !changes.IsZero() && rapid.Bool().Draw(t, "a change") {
			shown := changes.In(s.Zone()) // the day of the next change of the clocks
			date = time.Date(shown.Year(), shown.Month(), shown.Day(), clock.Hour(), clock.Minute(), 0, 0, time.UTC)
		}
		want := firstShown(date, s.Zone())
		shifts := s.Shifts(want.Add(-3*time.Hour), want.Add(3*time.Hour))
		if len(shifts) != 2 || !shifts[0].To.Equal(want) {
			t.Fatalf("the hand-over of %s is %v, want at %v", date.Format(time.DateOnly), shifts, want)
		}
	})
}

// firstShown finds the first minute at which the clocks of a zone show a wall time or later.
func firstShown(wall time.Time, zone *time.Location) time.Time {
	for at := wall.Add(-26 * time.Hour); ; at = at.Add(time.Minute) {
		shown := at.In(zone)
		if !time.Date(shown.Year(), shown.Month(), shown.Day(), shown.Hour(), shown.Minute(), 0, 0, time.UTC).Before(wall) {
			return at
		}
	}
}

// TestNextIsTheFirstChange: nobody else is on call before the next hand-over.
func TestNextIsTheFirstChange(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newSchedule(t, drawSettings(t))
		now := drawTime(t, "now")
		next, ok := s.Next(now)
		until := now.Add(100 * 24 * time.Hour)
		if ok {
			until = next.From
			if slices.Equal(next.People, s.OnCall(now)) || !slices.Equal(next.People, s.OnCall(next.From)) {
				t.Fatalf("next is %+v; now %v, then %v", next, s.OnCall(now), s.OnCall(next.From))
			}
		}
		for _, f := range s.Shifts(now, until) {
			if !slices.Equal(f.People, s.OnCall(now)) {
				t.Fatalf("next is %+v, and before it %+v", next, f)
			}
		}
	})
}
