package sla_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"guardian/internal/reason"
	"guardian/probes/sample"
	"guardian/sla"
)

func update() bool {
	f := flag.Lookup("update")
	return f != nil && f.Value.String() == "true"
}

func TestMain(m *testing.M) {
	flag.Bool("update", false, "write golden files")
	os.Exit(m.Run())
}

func zone(tb testing.TB, name string) *time.Location {
	tb.Helper()
	loc, err := time.LoadLocation(name)
	if err != nil {
		tb.Fatal(err)
	}
	return loc
}

func nov() sla.Period { return sla.MonthOf(time.Date(2026, time.November, 1, 0, 0, 0, 0, time.UTC)) }

// at is a moment of November 2026 in UTC.
func at(day, hour, minute int) time.Time {
	return time.Date(2026, 11, day, hour, minute, 0, 0, time.UTC)
}

func iv(check string, h sample.Health, from, to time.Time) sla.Interval {
	i := sla.Interval{Check: check, Service: "order-sync", Health: h, From: from, To: to}
	if h == sample.Down {
		i.Reason = reason.Text("HTTP 500")
	}
	return i
}

func oneService(checks ...string) []sla.Service {
	return []sla.Service{{Name: "order-sync", Objective: 0.999, Checks: checks}}
}

func build(f sla.Facts, now time.Time) sla.ServiceReport {
	return sla.Build(f, nov(), now, time.UTC).Services[0]
}

func TestTimes(t *testing.T) {
	end := at(30, 24, 0)
	month := func(check string, cuts ...sla.Interval) []sla.Interval {
		// up all month, with the cuts taken out
		out, from := []sla.Interval{}, at(1, 0, 0)
		for _, c := range cuts {
			out = append(out, iv(check, sample.Up, from, c.From), c)
			from = c.To
		}
		return append(out, iv(check, sample.Up, from, end))
	}
	type want struct{ up, down, blind, maintenance time.Duration }
	wall := 720 * time.Hour
	down := iv("push", sample.Down, at(10, 10, 0), at(10, 11, 0))
	for name, c := range map[string]struct {
		facts sla.Facts
		want  want
	}{
		"nobody looked": {
			sla.Facts{Services: oneService("push")}, want{0, 0, wall, 0},
		},
		"an hour down": {
			sla.Facts{Services: oneService("push"), Intervals: month("push", down)},
			want{wall - time.Hour, time.Hour, 0, 0},
		},
		"one of two checks is down": {
			sla.Facts{Services: oneService("push", "api"), Intervals: append(month("push", down), month("api")...)},
			want{wall - time.Hour, time.Hour, 0, 0},
		},
		"two overlapping downs count once": {
			sla.Facts{Services: oneService("push", "api"), Intervals: append(month("push", down),
				month("api", iv("api", sample.Down, at(10, 10, 30), at(10, 11, 30)))...)},
			want{wall - 90*time.Minute, 90 * time.Minute, 0, 0},
		},
		"one check blind, the other up": {
			sla.Facts{Services: oneService("push", "api"), Intervals: append(month("push"),
				month("api", iv("api", sample.Unknown, at(10, 10, 0), at(10, 12, 0)))...)},
			want{wall, 0, 0, 0},
		},
		"all checks blind": {
			sla.Facts{Services: oneService("push", "api"), Intervals: append(
				month("push", iv("push", sample.Unknown, at(10, 9, 0), at(10, 11, 0))),
				month("api", iv("api", sample.Unknown, at(10, 10, 0), at(10, 12, 0)))...)},
			want{wall - time.Hour, 0, time.Hour, 0},
		},
		"a check that does not count": {
			sla.Facts{Services: oneService("push"), Intervals: append(month("push"), month("extra", iv("extra", sample.Down, at(2, 0, 0), at(3, 0, 0)))...)},
			want{wall, 0, 0, 0},
		},
		"overlapping intervals of one check: the later is right": {
			sla.Facts{Services: oneService("push"), Intervals: []sla.Interval{
				iv("push", sample.Up, at(1, 0, 0), end), iv("push", sample.Down, at(30, 23, 0), end),
			}},
			want{wall - time.Hour, time.Hour, 0, 0},
		},
		"an interval that ends late does not cut the next one": {
			sla.Facts{Services: oneService("push"), Intervals: []sla.Interval{
				iv("push", sample.Up, at(1, 0, 0), at(30, 23, 30)), iv("push", sample.Down, at(30, 23, 0), end),
			}},
			want{wall - time.Hour, time.Hour, 0, 0},
		},
		"intervals that reach over the borders of the month": {
			sla.Facts{Services: oneService("push"), Intervals: []sla.Interval{
				iv("push", sample.Down, at(-5, 0, 0), at(1, 2, 0)), iv("push", sample.Up, at(1, 2, 0), at(35, 0, 0)),
			}},
			want{wall - 2*time.Hour, 2 * time.Hour, 0, 0},
		},
		"announced maintenance is apart": {
			sla.Facts{
				Services: oneService("push"), Intervals: month("push", down),
				Maintenance: []sla.Maintenance{{Name: "stock", Service: "order-sync", From: at(10, 9, 30), To: at(10, 10, 45), Announced: at(9, 0, 0)}},
			},
			want{wall - 75*time.Minute - 15*time.Minute, 15 * time.Minute, 0, 75 * time.Minute},
		},
		"maintenance announced late counts from then on": {
			sla.Facts{
				Services: oneService("push"), Intervals: month("push", down),
				Maintenance: []sla.Maintenance{{Name: "oops", From: at(10, 10, 0), To: at(10, 11, 0), Announced: at(10, 10, 50)}},
			},
			want{wall - time.Hour, 50 * time.Minute, 0, 10 * time.Minute},
		},
		"maintenance announced after its end excludes nothing": {
			sla.Facts{
				Services: oneService("push"), Intervals: month("push", down),
				Maintenance: []sla.Maintenance{{Name: "no", From: at(10, 10, 0), To: at(10, 11, 0), Announced: at(12, 0, 0)}},
			},
			want{wall - time.Hour, time.Hour, 0, 0},
		},
		"maintenance of another service": {
			sla.Facts{
				Services: oneService("push"), Intervals: month("push", down),
				Maintenance: []sla.Maintenance{{Name: "other", Service: "price-sync", From: at(10, 10, 0), To: at(10, 11, 0)}},
			},
			want{wall - time.Hour, time.Hour, 0, 0},
		},
		"overlapping maintenance counts once": {
			sla.Facts{
				Services: oneService("push"), Intervals: month("push"),
				Maintenance: []sla.Maintenance{{Name: "a", From: at(10, 10, 0), To: at(10, 12, 0)}, {Name: "b", From: at(10, 11, 0), To: at(10, 13, 0)}},
			},
			want{wall - 3*time.Hour, 0, 0, 3 * time.Hour},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := build(c.facts, at(40, 0, 0)).Times
			w := sla.Times{Wall: sla.Span(wall), Up: sla.Span(c.want.up), Down: sla.Span(c.want.down), Blind: sla.Span(c.want.blind), Maintenance: sla.Span(c.want.maintenance)}
			got.MaintenanceUp, got.MaintenanceDown, got.MaintenanceBlind = 0, 0, 0
			if diff := cmp.Diff(w, got); diff != "" {
				t.Errorf("times (-want +got):\n%s", diff)
			}
		})
	}
}

func TestMaintenanceIsShownBothWays(t *testing.T) {
	f := sla.Facts{
		Services: oneService("push"),
		Intervals: []sla.Interval{
			iv("push", sample.Up, at(1, 0, 0), at(1, 1, 0)), iv("push", sample.Down, at(1, 1, 0), at(1, 2, 0)), iv("push", sample.Up, at(1, 2, 0), at(1, 4, 0)),
		},
		Maintenance: []sla.Maintenance{{Name: "stock", From: at(1, 1, 0), To: at(1, 2, 0), Announced: at(1, 0, 0)}},
	}
	s := build(f, at(1, 4, 0))
	if s.Availability.Value != 1 || s.AvailabilityAll.Value != 0.75 || !s.Met.Yes {
		t.Errorf("availability %v without and %v with maintenance", s.Availability, s.AvailabilityAll)
	}
	if len(s.Maintenance) != 1 || s.Maintenance[0].Down.Duration() != time.Hour {
		t.Errorf("windows %+v", s.Maintenance)
	}
	if d := s.Downtimes[0]; d.Maintenance != "stock" || d.Counted != 0 || d.Span.Duration() != time.Hour {
		t.Errorf("downtime %+v", d)
	}
}

func TestRunningMonthEndsNow(t *testing.T) {
	f := sla.Facts{Services: oneService("push"), Intervals: []sla.Interval{
		iv("push", sample.Up, at(1, 0, 0), at(10, 0, 0)), iv("push", sample.Down, at(10, 0, 0), at(10, 2, 0)),
	}}
	r := sla.Build(f, nov(), at(10, 1, 0), time.UTC)
	s := r.Services[0]
	if !r.Running || s.Times.Wall.Duration() != 217*time.Hour || s.Times.Down.Duration() != time.Hour {
		t.Errorf("times %+v", s.Times)
	}
	if len(s.Downtimes) != 1 || !s.Downtimes[0].Open || !s.Downtimes[0].To.Equal(at(10, 1, 0)) {
		t.Errorf("downtimes %+v", s.Downtimes)
	}
	if len(s.Days) != 10 {
		t.Errorf("%d days, want 10", len(s.Days))
	}
	// 0.1 % of the whole month are 43m12s.
	if s.Budget.Allowed.Duration() != 43*time.Minute+12*time.Second || s.Budget.Left >= 0 || s.Met.Yes {
		t.Errorf("budget %+v, met %+v", s.Budget, s.Met)
	}
	if d := build(sla.Facts{Services: oneService("push"), Intervals: []sla.Interval{iv("push", sample.Down, at(30, 0, 0), at(31, 0, 0))}}, at(40, 0, 0)).Downtimes; len(d) != 1 || d[0].Open {
		t.Errorf("a downtime at the end of a month that is over: %+v", d)
	}
	if f := sla.Build(f, nov(), at(-3, 0, 0), time.UTC).Services[0]; f.Times.Wall != 0 || f.Availability.Known || f.Met.Known {
		t.Errorf("a month that has not begun: %+v", f.Times)
	}
}

func TestObjectiveMetExactly(t *testing.T) {
	// 1000 minutes, one of them down: exactly 99.9 %.
	f := sla.Facts{Services: oneService("push"), Intervals: []sla.Interval{
		iv("push", sample.Up, at(1, 0, 0), at(1, 0, 999)), iv("push", sample.Down, at(1, 0, 999), at(1, 0, 1000)),
	}}
	if s := build(f, at(1, 0, 1000)); !s.Met.Yes {
		t.Errorf("%+v", s.Met)
	}
	f.Intervals[1].From = f.Intervals[1].From.Add(-time.Second)
	f.Intervals[0].To = f.Intervals[1].From
	if s := build(f, at(1, 0, 1000)); s.Met.Yes {
		t.Errorf("%+v", s.Met)
	}
}

func TestMonthsInTheReportsZone(t *testing.T) {
	for name, c := range map[string]struct {
		zone  string
		month string
		hours float64
		days  int
	}{
		"Shanghai":                       {"Asia/Shanghai", "2026-11", 720, 30},
		"leap month":                     {"UTC", "2028-02", 29 * 24, 29},
		"summer time begins":             {"Europe/Berlin", "2026-03", 31*24 - 1, 31},
		"summer time ends":               {"Europe/Berlin", "2026-10", 31*24 + 1, 31},
		"a day that begins at one":       {"Asia/Beirut", "2026-03", 31*24 - 1, 31},
		"half an hour of summer time":    {"Australia/Lord_Howe", "2026-04", 30*24 + 0.5, 30},
		"December is followed by a year": {"Asia/Kolkata", "2026-12", 31 * 24, 31},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := sla.ParsePeriod(c.month)
			if err != nil {
				t.Fatal(err)
			}
			loc := zone(t, c.zone)
			from, end := m.Bounds(loc)
			f := sla.Facts{Services: oneService("push"), Intervals: []sla.Interval{iv("push", sample.Up, from.AddDate(-1, 0, 0), end.AddDate(1, 0, 0))}}
			s := sla.Build(f, m, end.AddDate(0, 1, 0), loc).Services[0]
			if got := s.Times.Up.Duration().Hours(); got != c.hours || s.Times.Wall != s.Times.Up {
				t.Errorf("%v hours up of %s, want %v", got, s.Times.Wall, c.hours)
			}
			if len(s.Days) != c.days || s.Days[0].Date != c.month+"-01" {
				t.Errorf("%d days from %s, want %d", len(s.Days), s.Days[0].Date, c.days)
			}
			var sum time.Duration
			for _, d := range s.Days {
				sum += d.Times.Wall.Duration()
			}
			if sum.Hours() != c.hours {
				t.Errorf("the days add up to %s", sum)
			}
		})
	}
}

// full is a month with everything in it.
func full() sla.Facts {
	two := []sla.Service{
		{Name: "order-sync", Objective: 0.999, Checks: []string{"push", "api"}},
		{Name: "price-sync", Checks: []string{"price"}},
	}
	return sla.Facts{
		Services: two,
		Intervals: []sla.Interval{
			iv("push", sample.Up, at(1, 0, 0), at(5, 10, 3)),
			iv("push", sample.Down, at(5, 10, 3), at(5, 10, 9)),
			iv("push", sample.Up, at(5, 10, 9), at(12, 0, 0)),
			iv("push", sample.Unknown, at(12, 0, 0), at(12, 6, 0)),
			iv("push", sample.Up, at(12, 6, 0), at(22, 12, 0)),
			iv("api", sample.Up, at(1, 0, 0), at(5, 10, 4)),
			iv("api", sample.Down, at(5, 10, 4), at(5, 10, 10)),
			iv("api", sample.Up, at(5, 10, 10), at(12, 2, 0)),
			iv("api", sample.Unknown, at(12, 2, 0), at(12, 3, 0)),
			iv("api", sample.Up, at(12, 3, 0), at(15, 2, 0)),
			iv("api", sample.Down, at(15, 2, 0), at(15, 3, 30)),
			iv("api", sample.Up, at(15, 3, 30), at(22, 12, 0)),
			{Check: "price", Service: "price-sync", Health: sample.Down, Reason: reason.Text("no prices"), From: at(0, 20, 0), To: at(1, 1, 0)},
			{Check: "price", Service: "price-sync", Health: sample.Up, From: at(1, 1, 0), To: at(22, 12, 0)},
		},
		Maintenance: []sla.Maintenance{
			{Name: "stock-count", Service: "order-sync", From: at(15, 2, 0), To: at(15, 3, 0), Announced: at(14, 9, 0)},
			{Name: "late", Service: "order-sync", From: at(15, 3, 0), To: at(15, 4, 0), Announced: at(15, 3, 20)},
		},
		Deploys: []sla.DeployFact{
			{
				ID: "d_1", Service: "order-sync", Version: "v1.4.3", Author: "lin", Kind: "code", At: at(5, 10, 2), Watch: "w_1", State: "failed",
				Reason: reason.Text("push failed 3 of 12 looks"), FaultSince: at(5, 10, 3), DecidedAt: at(5, 10, 5), WatchEnds: at(5, 10, 5),
				Run: "r_1", RunState: "cured", RunStarted: at(5, 10, 5), RunEnded: at(5, 10, 11),
			},
			{ID: "d_2", Service: "order-sync", Version: "v1.4.2", At: at(5, 10, 8), Watch: "w_2", State: "passed", PutsBack: true},
			{ID: "d_3", Service: "order-sync", Version: "v1.4.4", At: at(6, 9, 0), Watch: "w_3", State: "passed", DecidedAt: at(6, 9, 30)},
			{ID: "d_4", Service: "price-sync", Version: "v7", At: at(7, 9, 0), Watch: "w_4", State: "inconclusive"},
			{ID: "d_0", Service: "order-sync", Version: "v1.4.1", At: at(-3, 9, 0), Watch: "w_0", State: "failed"},
		},
		Runs: []sla.RunFact{
			{ID: "r_1", Service: "order-sync", Runbook: "back", Trigger: "verdict", State: "cured", Rollback: true, Created: at(5, 10, 5), Ended: at(5, 10, 11)},
			{ID: "r_2", Service: "price-sync", Runbook: "back", Trigger: "person", State: "not_cured", Rollback: true, Created: at(8, 10, 0), Ended: at(8, 10, 9)},
			{ID: "r_3", Service: "order-sync", Runbook: "back", Trigger: "drill", State: "cured", Rollback: true, Created: at(9, 10, 0), Ended: at(9, 10, 1)},
			{ID: "r_4", Service: "order-sync", Runbook: "back", Trigger: "verdict", State: "rejected", Rollback: true, Created: at(9, 11, 0)},
			{ID: "r_5", Service: "order-sync", Runbook: "pause-writes", Trigger: "alert", State: "cured", Created: at(9, 12, 0)},
		},
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if update() {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

func TestGoldenReport(t *testing.T) {
	r := sla.Build(full(), nov(), at(22, 12, 0), zone(t, "Asia/Shanghai"))
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "report.json", append(b, '\n'))
	var csv bytes.Buffer
	if err := r.CSV(&csv); err != nil {
		t.Fatal(err)
	}
	golden(t, "report.csv", csv.Bytes())
}

func TestFiguresOfTheFullMonth(t *testing.T) {
	r := sla.Build(full(), nov(), at(22, 12, 0), time.UTC)
	s := r.Services[0]
	if got := s.Times.Down.Duration(); got != 7*time.Minute+20*time.Minute {
		t.Errorf("down %s", got)
	}
	if got := s.Times.Blind.Duration(); got != time.Hour {
		t.Errorf("blind %s", got)
	}
	if got := s.Times.Maintenance.Duration(); got != time.Hour+40*time.Minute {
		t.Errorf("maintenance %s", got)
	}
	first := s.Downtimes[0]
	if first.Deploy != "d_1" || first.Run != "r_1" || first.Watch != "w_1" || first.Reason.String() != "HTTP 500" || !cmp.Equal(first.Checks, []string{"push", "api"}) {
		t.Errorf("first downtime %+v", first)
	}
	if second := s.Downtimes[1]; second.Deploy != "" || second.Maintenance != "stock-count" {
		t.Errorf("second downtime %+v", second)
	}
	if p := r.Services[1].Downtimes[0]; !p.Began.Equal(at(0, 20, 0)) || !p.From.Equal(at(1, 0, 0)) {
		t.Errorf("a downtime from before the month: %+v", p)
	}
	if c := s.Changes; c.Deploys != 2 || c.Failed != 1 || c.Passed != 1 || c.PutBack != 1 || c.FailureRate.Value != 0.5 {
		t.Errorf("changes %+v", c)
	}
	if b := r.Overall.Rollbacks; b.Total != 2 || b.Cured != 1 || b.NotCured != 1 || b.NotDone != 1 || b.Drills != 1 {
		t.Errorf("rollbacks %+v", b)
	}
	if d, c := s.Detect, s.Recover; d.N != 1 || d.Mean.Duration() != 2*time.Minute || c.Median.Duration() != 8*time.Minute {
		t.Errorf("detect %+v, recover %+v", d, c)
	}
}

func TestSpread(t *testing.T) {
	f := sla.Facts{Services: oneService("push")}
	for i := 1; i <= 10; i++ {
		since := at(i, 10, 0)
		f.Deploys = append(f.Deploys, sla.DeployFact{ID: "d", Service: "order-sync", At: since, State: "failed", FaultSince: since, DecidedAt: since.Add(time.Duration(i) * time.Minute)})
	}
	d := build(f, at(40, 0, 0)).Detect
	if d.N != 10 || d.Mean.Duration() != 330*time.Second || d.Median.Duration() != 330*time.Second || d.P90.Duration() != 9*time.Minute {
		t.Errorf("%+v", d)
	}
}

func TestCSVTellsWhenItCannotWrite(t *testing.T) {
	f, err := os.Open(os.DevNull) // for reading only
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	if err := sla.Build(full(), nov(), at(22, 0, 0), time.UTC).CSV(f); err == nil {
		t.Error("no error")
	}
}
