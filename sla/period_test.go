package sla_test

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"guardian/sla"
)

func period(tb testing.TB, text string) sla.Period {
	tb.Helper()
	p, err := sla.ParsePeriod(text)
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

func TestPeriods(t *testing.T) {
	for text, want := range map[string]struct{ kind, from, to, prev, next string }{
		"2026-11":                {"month", "2026-11-01", "2026-12-01", "2026-10", "2026-12"},
		"2026-01":                {"month", "2026-01-01", "2026-02-01", "2025-12", "2026-02"},
		"2026-Q1":                {"quarter", "2026-01-01", "2026-04-01", "2025-Q4", "2026-Q2"},
		"2026-Q4":                {"quarter", "2026-10-01", "2027-01-01", "2026-Q3", "2027-Q1"},
		"2028":                   {"year", "2028-01-01", "2029-01-01", "2027", "2029"},
		"2026-11-03..2026-11-09": {"days", "2026-11-03", "2026-11-10", "2026-10-27..2026-11-02", "2026-11-10..2026-11-16"},
		"2028-02-29..2028-02-29": {"days", "2028-02-29", "2028-03-01", "2028-02-28..2028-02-28", "2028-03-01..2028-03-01"},
		"2026-12-14..2027-01-13": {"days", "2026-12-14", "2027-01-14", "2026-11-13..2026-12-13", "2027-01-14..2027-02-13"},
	} {
		t.Run(text, func(t *testing.T) {
			p := period(t, text)
			from, to := p.Bounds(zone(t, "Europe/Berlin"))
			if got := [...]string{p.Kind(), from.Format(time.DateOnly), to.Format(time.DateOnly), p.Add(-1).String(), p.Add(1).String()}; got != [...]string{want.kind, want.from, want.to, want.prev, want.next} {
				t.Errorf("got %v", got)
			}
			if h := from.Hour() + from.Minute() + to.Hour() + to.Minute(); h != 0 {
				t.Errorf("from %s to %s: not midnight there", from, to)
			}
			if p.String() != text {
				t.Errorf("is written as %s", p)
			}
		})
	}
}

func TestWhatIsNoPeriodIsRefusedWithWhatIs(t *testing.T) {
	for text, want := range map[string]string{
		"":                       "write 2026-11, 2026-Q4, 2026 or 2026-11-03..2026-12-14",
		"2026-13":                "write 2026-11",
		"2026-1":                 "write 2026-11",
		"26":                     "write 2026-11",
		"11-2026":                "write 2026-11",
		"2026-11-01":             "write 2026-11",
		"2026-Q0":                "write 2026-11",
		"2026-Q5":                "write 2026-11",
		"2026-Q+1":               "write 2026-11",
		"2026-q1":                "write 2026-11",
		"2026-02-30..2026-03-01": "write 2026-11",
		"2026-11-01..":           "write 2026-11",
		"..":                     "write 2026-11",
		"2026-11-02..2026-11-01": "its end is before its begin",
		"2020-01-01..2026-11-01": "has 2497 days, at most 1830 can be reported",
	} {
		if _, err := sla.ParsePeriod(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

// Periods of a kind follow each other without a gap, in every zone.
func TestPeriodsFollowEachOther(t *testing.T) {
	zones := []string{"UTC", "Asia/Shanghai", "Europe/Berlin", "America/Sao_Paulo", "Asia/Beirut", "Pacific/Apia"}
	rapid.Check(t, func(t *rapid.T) {
		loc, err := time.LoadLocation(rapid.SampledFrom(zones).Draw(t, "zone"))
		if err != nil {
			t.Fatal(err)
		}
		day := time.Date(2005, 1, 1, 12, 0, 0, 0, time.UTC).AddDate(0, 0, rapid.IntRange(0, 9000).Draw(t, "day"))
		text := day.Format(time.DateOnly) + ".." + day.AddDate(0, 0, rapid.IntRange(0, 400).Draw(t, "length")).Format(time.DateOnly)
		days, err := sla.ParsePeriod(text)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range []sla.Period{sla.MonthOf(day), sla.QuarterOf(day), sla.YearOf(day), days} {
			again, err := sla.ParsePeriod(p.String())
			if err != nil || again != p {
				t.Fatalf("%s is read as %s, %v", p, again, err)
			}
			_, end := p.Bounds(loc)
			if begin, _ := p.Add(1).Bounds(loc); !begin.Equal(end) {
				t.Fatalf("%s ends at %s, the next begins at %s", p, end, begin)
			}
			if back := p.Add(3).Add(-3); back != p {
				t.Fatalf("three after %s and three back is %s", p, back)
			}
		}
	})
}

func FuzzParsePeriod(f *testing.F) {
	for _, s := range []string{"2026-11", "2026-Q4", "2026", "2026-11-03..2026-12-14"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := sla.ParsePeriod(s)
		if err != nil {
			return
		}
		if again, err := sla.ParsePeriod(p.String()); err != nil || again != p {
			t.Errorf("%q is %s, which is read as %s, %v", s, p, again, err)
		}
		if from, to := p.Bounds(time.UTC); !from.Before(to) {
			t.Errorf("%q is from %s to %s", s, from, to)
		}
	})
}
