package sla

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Period is what a report is about: whole calendar days, as a month, a quarter, a year or any span
// of days. Periods can be compared with ==. The zero value is no period.
type Period struct {
	kind        periodKind
	first, last date // both belong to it
}

type periodKind string

const (
	month   periodKind = "month"
	quarter periodKind = "quarter"
	year    periodKind = "year"
	days    periodKind = "days"
)

// date is a calendar day, in whatever zone.
type date struct {
	year  int
	month time.Month
	day   int
}

// longestPeriod bounds what a report reads, in days.
const longestPeriod = 5 * 366

// ParsePeriod reads "2026-11", "2026-Q4", "2026" or "2026-11-03..2026-12-14", of which both days belong
// to it: at most five years.
func ParsePeriod(s string) (Period, error) {
	mistake := fmt.Errorf("%q is not a period: write 2026-11, 2026-Q4, 2026 or 2026-11-03..2026-12-14", s)
	if from, to, ok := strings.Cut(s, ".."); ok {
		first, err := time.Parse(time.DateOnly, from)
		if err != nil {
			return Period{}, mistake
		}
		last, err := time.Parse(time.DateOnly, to)
		if err != nil {
			return Period{}, mistake
		}
		switch n := int(last.Sub(first)/(24*time.Hour)) + 1; {
		case n < 1:
			return Period{}, fmt.Errorf("period %s: its end is before its begin", s)
		case n > longestPeriod:
			return Period{}, fmt.Errorf("period %s has %d days, at most %d can be reported", s, n, longestPeriod)
		}
		return Period{days, dateOf(first), dateOf(last)}, nil
	}
	if t, err := time.Parse("2006-01", s); err == nil {
		return MonthOf(t), nil
	}
	if t, err := time.Parse("2006", s); err == nil {
		return YearOf(t), nil
	}
	if y, q, ok := strings.Cut(s, "-Q"); ok {
		t, err := time.Parse("2006", y)
		n, err2 := strconv.Atoi(q)
		if err == nil && err2 == nil && n >= 1 && n <= 4 && len(q) == 1 {
			return QuarterOf(t.AddDate(0, 3*(n-1), 0)), nil
		}
	}
	return Period{}, mistake
}

func dateOf(t time.Time) date {
	y, m, d := t.Date()
	return date{y, m, d}
}

func (d date) in(loc *time.Location) time.Time {
	return time.Date(d.year, d.month, d.day, 0, 0, 0, 0, loc)
}

// add gives the day that is some months and days later.
func (d date) add(months, n int) date {
	return dateOf(time.Date(d.year, d.month+time.Month(months), d.day+n, 0, 0, 0, 0, time.UTC))
}

func (d date) String() string { return fmt.Sprintf("%04d-%02d-%02d", d.year, int(d.month), d.day) }

// MonthOf returns the month of a time, in the time's zone.
func MonthOf(t time.Time) Period { return calendar(month, date{t.Year(), t.Month(), 1}) }

// QuarterOf returns the quarter of a time, in the time's zone.
func QuarterOf(t time.Time) Period {
	return calendar(quarter, date{t.Year(), 3*((t.Month()-1)/3) + 1, 1})
}

// YearOf returns the year of a time, in the time's zone.
func YearOf(t time.Time) Period { return calendar(year, date{t.Year(), time.January, 1}) }

func (k periodKind) months() int {
	switch k {
	case quarter:
		return 3
	case year:
		return 12
	default:
		return 1
	}
}

func calendar(k periodKind, first date) Period {
	return Period{k, first, first.add(k.months(), -1)}
}

// IsMonth reports whether it is a calendar month.
func (p Period) IsMonth() bool { return p.kind == month }

// Kind is "month", "quarter", "year" or "days".
func (p Period) Kind() string { return string(p.kind) }

// String writes it as ParsePeriod reads it.
func (p Period) String() string {
	switch p.kind {
	case month:
		return fmt.Sprintf("%04d-%02d", p.first.year, int(p.first.month))
	case quarter:
		return fmt.Sprintf("%04d-Q%d", p.first.year, (int(p.first.month)+2)/3)
	case year:
		return fmt.Sprintf("%04d", p.first.year)
	default:
		return p.first.String() + ".." + p.last.String()
	}
}

// Add returns the period n periods later, or earlier when n is negative. A span of days has as many days.
func (p Period) Add(n int) Period {
	if p.kind != days {
		return calendar(p.kind, p.first.add(n*p.kind.months(), 0))
	}
	length := int(p.last.in(time.UTC).Sub(p.first.in(time.UTC))/(24*time.Hour)) + 1
	return Period{days, p.first.add(0, n*length), p.last.add(0, n*length)}
}

// Bounds returns the start of the first day, and of the day after the last one, in a zone.
func (p Period) Bounds(loc *time.Location) (from, to time.Time) {
	return p.first.in(loc), p.last.add(0, 1).in(loc)
}

// Dates returns the first and the last day.
func (p Period) Dates() (first, last string) { return p.first.String(), p.last.String() }

// MarshalText implements encoding.TextMarshaler.
func (p Period) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (p *Period) UnmarshalText(b []byte) (err error) {
	*p, err = ParsePeriod(string(b))
	return err
}
