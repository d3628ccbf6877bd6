package route_test

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"guardian/notifiers/route"
)

func TestIntervalsThatContainNothingAreRefused(t *testing.T) {
	for name, c := range map[string]struct {
		w    route.Window
		want string
	}{
		"a range that ends before it begins":       {route.Window{DaysOfMonth: []string{"28:3"}}, `days_of_month: "28:3" is not valid here: end day 3 is always before start day 28`},
		"counted from the end":                     {route.Window{DaysOfMonth: []string{"-1:-3"}}, "always before"},
		"from the end to the beginning":            {route.Window{DaysOfMonth: []string{"-3:5"}}, "must be negative"},
		"February has no 30th":                     {route.Window{DaysOfMonth: []string{"30"}, Months: []string{"february"}}, "contains no day of any year"},
		"nor has it a 29th in these years":         {route.Window{DaysOfMonth: []string{"29"}, Months: []string{"2"}, Years: []string{"2025:2027", "2029"}}, "contains no day"},
		"short months have no 31st":                {route.Window{DaysOfMonth: []string{"31"}, Months: []string{"april", "june", "9", "11"}}, "contains no day"},
		"the first of 2027 is a Friday":            {route.Window{DaysOfMonth: []string{"1"}, Months: []string{"1"}, Years: []string{"2027"}, Weekdays: []string{"monday:thursday"}}, "contains no day"},
		"no such month":                            {route.Window{Months: []string{"13"}}, "out of range"},
		"no such day":                              {route.Window{DaysOfMonth: []string{"0"}}, "out of range"},
		"an empty time of day":                     {route.Window{Times: []route.Clock{{Start: "08:00", End: "08:00"}}}, "is not before"},
		"a year with two digits would be long ago": {route.Window{Years: []string{"-26"}}, "four digits"},
	} {
		err := route.Interval{Name: "x", Times: []route.Window{c.w}}.Validate()
		if err == nil || !strings.Contains(err.Error(), "time_intervals[0]: ") || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want an error that says %q", name, err, c.want)
		}
	}
	if err := (route.Interval{Name: "x"}).Validate(); err == nil || !strings.Contains(err.Error(), "time_intervals is empty") {
		t.Errorf("an interval without windows: %v", err)
	}
	for name, w := range map[string]route.Window{
		"a 29th of February":  {DaysOfMonth: []string{"29"}, Months: []string{"february"}},
		"one on a Monday":     {DaysOfMonth: []string{"29"}, Months: []string{"february"}, Weekdays: []string{"monday"}},
		"a year that is over": {Years: []string{"2020"}},
		"every time":          {},
	} {
		if err := (route.Interval{Name: "x", Times: []route.Window{w}}).Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func quietTarget(t *testing.T, mute, active []route.Interval) route.Target {
	t.Helper()
	n := route.Node{Receiver: "a"}
	for _, iv := range mute {
		n.MuteTimeIntervals = append(n.MuteTimeIntervals, iv.Name)
	}
	for _, iv := range active {
		n.ActiveTimeIntervals = append(n.ActiveTimeIntervals, iv.Name)
	}
	tr, err := route.New(n, []string{"a"}, append(append([]route.Interval{}, mute...), active...))
	if err != nil {
		t.Fatal(err)
	}
	return tr.Match(nil)[0]
}

func TestUntilWhenARouteIsQuiet(t *testing.T) {
	night := route.Interval{Name: "night", Times: []route.Window{{Times: []route.Clock{{Start: "22:00", End: "24:00"}, {Start: "00:00", End: "08:00"}}, Location: "Asia/Shanghai"}}}
	office := route.Interval{Name: "office", Times: []route.Window{{Weekdays: []string{"monday:friday"}, Times: []route.Clock{{Start: "09:00", End: "17:30"}}, Location: "Asia/Shanghai"}}}
	early := route.Interval{Name: "early", Times: []route.Window{{Times: []route.Clock{{Start: "01:30", End: "02:30"}}, Location: "Europe/Berlin"}}}
	past := route.Interval{Name: "past", Times: []route.Window{{Years: []string{"2020"}}}}
	for name, c := range map[string]struct {
		mute, active []route.Interval
		at           string
		by, until    string // until "": not quiet, "-": not to be seen
	}{
		"in the evening, until the morning":          {[]route.Interval{night}, nil, "2026-11-23T14:00:01Z", "night", "2026-11-24T00:00:00Z"},
		"in the daytime":                             {[]route.Interval{night}, nil, "2026-11-23T04:00:00Z", "", ""},
		"on Friday evening, until Monday":            {nil, []route.Interval{office}, "2026-11-27T09:30:00Z", "", "2026-11-30T01:00:00Z"},
		"a mute time in the middle of an active one": {[]route.Interval{night}, []route.Interval{office}, "2026-11-27T20:00:00Z", "night", "2026-11-30T01:00:00Z"},
		"never again":                                {nil, []route.Interval{past}, "2026-11-27T20:00:00Z", "", "-"},
		// At 02:00 the clocks of Berlin go on to 03:00: 02:30 is never shown.
		"until clocks are put forward": {[]route.Interval{early}, nil, "2026-03-29T00:45:00Z", "early", "2026-03-29T01:00:00Z"},
		// At 03:00 they go back to 02:00: 02:15 is shown twice, and the window is in both.
		"until clocks showed it twice": {[]route.Interval{early}, nil, "2026-10-24T23:45:00Z", "early", "2026-10-25T00:30:00Z"},
		"in the second time":           {[]route.Interval{early}, nil, "2026-10-25T01:10:00Z", "early", "2026-10-25T01:30:00Z"},
	} {
		at, err := time.Parse(time.RFC3339, c.at)
		if err != nil {
			t.Fatal(err)
		}
		by, until, quiet := quietTarget(t, c.mute, c.active).QuietUntil(at)
		got := ""
		if quiet {
			got = "-"
			if !until.IsZero() {
				got = until.UTC().Format(time.RFC3339)
			}
		}
		if by != c.by || got != c.until {
			t.Errorf("%s: quiet %v by %q until %q, want %q until %q", name, quiet, by, got, c.by, c.until)
		}
	}
}

// A route is quiet up to the end that is foretold, in zones whose clocks change too.
func TestTheEndOfAQuietTimeIsExact(t *testing.T) {
	zones := rapid.SampledFrom([]string{"", "Asia/Shanghai", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"})
	clocks := rapid.SampledFrom([][]route.Clock{nil, {{Start: "01:30", End: "02:30"}}, {{Start: "00:00", End: "03:15"}, {Start: "22:00", End: "24:00"}}})
	days := rapid.SampledFrom([][]string{nil, {"sunday"}, {"friday:monday"}})
	interval := func(name string) *rapid.Generator[route.Interval] {
		return rapid.Custom(func(t *rapid.T) route.Interval {
			return route.Interval{Name: name, Times: []route.Window{{Times: clocks.Draw(t, "times"), Weekdays: days.Draw(t, "days"), Location: zones.Draw(t, "zone")}}}
		})
	}
	rapid.Check(t, func(r *rapid.T) {
		target := quietTarget(t, []route.Interval{interval("m").Draw(r, "mute")}, []route.Interval{interval("a").Draw(r, "active")})
		at := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(rapid.IntRange(0, 300*24*60).Draw(r, "minute")) * time.Minute)
		_, until, quiet := target.QuietUntil(at)
		if quiet != target.Quiet(at) {
			r.Fatal("the two disagree whether it is quiet")
		}
		if !quiet {
			return
		}
		last := until
		if until.IsZero() || until.After(at.Add(9*24*time.Hour)) {
			last = at.Add(9 * 24 * time.Hour)
		}
		for m := at; m.Before(last); m = m.Add(time.Minute) {
			if !target.Quiet(m) {
				r.Fatalf("not quiet at %s, before %s", m, until)
			}
		}
		if !until.IsZero() && target.Quiet(until) {
			r.Fatalf("still quiet at %s", until)
		}
	})
}
