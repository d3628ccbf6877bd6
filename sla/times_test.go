package sla_test

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"guardian/probes/sample"
	"guardian/sla"
)

func TestTimesAddUp(t *testing.T) {
	zones := []string{"UTC", "Asia/Shanghai", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"}
	rapid.Check(t, func(t *rapid.T) {
		loc, err := time.LoadLocation(rapid.SampledFrom(zones).Draw(t, "zone"))
		if err != nil {
			t.Fatal(err)
		}
		month := sla.MonthOf(time.Date(2026, time.Month(rapid.IntRange(1, 12).Draw(t, "month")), 1, 0, 0, 0, 0, time.UTC))
		from, end := month.Bounds(loc)
		moment := func(name string) time.Time {
			return from.Add(time.Duration(rapid.IntRange(-3000, 60*24*33).Draw(t, name)) * time.Minute)
		}
		checks := []string{"a", "b", "c"}[:rapid.IntRange(0, 3).Draw(t, "checks")]
		f := sla.Facts{Services: oneService(checks...)}
		for range rapid.IntRange(0, 12).Draw(t, "intervals") {
			i := sla.Interval{Check: rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "check"), Health: sample.Health(rapid.IntRange(0, 2).Draw(t, "health")), From: moment("from")}
			i.To = i.From.Add(time.Duration(rapid.IntRange(-10, 20000).Draw(t, "length")) * time.Minute)
			f.Intervals = append(f.Intervals, i)
		}
		for range rapid.IntRange(0, 4).Draw(t, "windows") {
			f.Maintenance = append(f.Maintenance, sla.Maintenance{Name: "m", From: moment("m from"), To: moment("m to"), Announced: moment("announced")})
		}
		now := moment("now")
		r := sla.Build(f, month, now, loc)
		s := r.Services[0]
		want := min(end.Sub(from), max(0, now.Sub(from)))
		sum := func(x sla.Times) time.Duration {
			if x.MaintenanceUp+x.MaintenanceDown+x.MaintenanceBlind != x.Maintenance {
				t.Fatalf("maintenance does not add up: %+v", x)
			}
			return (x.Up + x.Down + x.Blind + x.Maintenance).Duration()
		}
		if sum(s.Times) != want || s.Times.Wall.Duration() != want {
			t.Fatalf("%+v adds up to %s, want %s", s.Times, sum(s.Times), want)
		}
		var days, down, counted time.Duration
		for _, d := range s.Days {
			days += sum(d.Times)
		}
		if days != want {
			t.Fatalf("the days add up to %s, want %s", days, want)
		}
		last := from
		for _, d := range s.Downtimes {
			if d.From.Before(last) || !d.To.After(d.From) || d.Span.Duration() != d.To.Sub(d.From) || len(d.Checks) == 0 {
				t.Fatalf("downtime %+v after %s", d, last)
			}
			last = d.To
			down += d.Span.Duration()
			counted += d.Counted.Duration()
		}
		if counted != s.Times.Down.Duration() || down != (s.Times.Down+s.Times.MaintenanceDown).Duration() {
			t.Fatalf("downtimes of %s (%s counted) do not explain %+v", down, counted, s.Times)
		}
	})
}

func BenchmarkBuild(b *testing.B) {
	var f sla.Facts
	for i := range 20 {
		s := sla.Service{Name: fmt.Sprint("s", i), Objective: 0.999}
		for j := range 5 {
			check := fmt.Sprint("c", i, "-", j)
			s.Checks = append(s.Checks, check)
			for k := range 720 { // up and down every hour
				from := at(1, k, j)
				f.Intervals = append(f.Intervals,
					sla.Interval{Check: check, Service: s.Name, Health: sample.Up, From: from, To: from.Add(55 * time.Minute)},
					sla.Interval{Check: check, Service: s.Name, Health: sample.Down, From: from.Add(55 * time.Minute), To: from.Add(time.Hour)})
			}
		}
		f.Services = append(f.Services, s)
	}
	b.ReportAllocs()
	for b.Loop() {
		sla.Build(f, nov(), at(30, 0, 0), time.UTC)
	}
}
