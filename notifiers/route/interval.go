package route

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/alertmanager/timeinterval"
)

// Interval is a named set of windows of time, as Alertmanager's time_intervals: office hours,
// nights, the first day of a month.
type Interval struct {
	Name  string   `yaml:"name" doc:"The interval's name in routes."`
	Times []Window `yaml:"time_intervals" doc:"The windows; a time matches if it is in one of them."`
}

// Window is a recurring period of time. A time is inside if it satisfies every field that is set.
type Window struct {
	Times       []Clock  `yaml:"times" doc:"Times of day."`
	Weekdays    []string `yaml:"weekdays" doc:"Days of the week or ranges: monday, saturday:sunday."`
	DaysOfMonth []string `yaml:"days_of_month" doc:"Days of the month or ranges: 1:5, -3:-1; negative ones count from the month's end."`
	Months      []string `yaml:"months" doc:"Months or ranges by name or number: november:december, 1:3."`
	Years       []string `yaml:"years" doc:"Years or ranges: 2026, 2026:2028."`
	Location    string   `yaml:"location" doc:"The time zone, such as Asia/Shanghai; default: UTC."`
}

// Clock is a period of the day, [Start, End).
type Clock struct {
	Start string `yaml:"start_time" doc:"HH:MM."`
	End   string `yaml:"end_time" doc:"HH:MM; 24:00 is the end of the day."`
}

// Validate returns all mistakes in the interval. One that contains no time at all is a
// mistake: a route that is active in it would never send.
func (i Interval) Validate() error {
	_, err := i.compile()
	return err
}

// Contains reports whether a time is in one of the windows. Invalid windows contain nothing.
func (i Interval) Contains(at time.Time) bool {
	c, _ := i.compile()
	return c.contains(at)
}

// compiled is an interval as Alertmanager evaluates it.
type compiled struct {
	name    string
	windows []timeinterval.TimeInterval
}

func (c compiled) contains(at time.Time) bool {
	return slices.ContainsFunc(c.windows, func(w timeinterval.TimeInterval) bool { return w.ContainsTime(at.UTC()) })
}

func (i Interval) compile() (compiled, error) {
	out := compiled{name: i.Name}
	var errs []error
	if i.Name == "" {
		errs = append(errs, errors.New("name is missing"))
	}
	if len(i.Times) == 0 {
		errs = append(errs, errors.New("time_intervals is empty: the interval contains no time"))
	}
	for n, w := range i.Times {
		window, err := w.compile()
		if err == nil && !hasDay(window) {
			err = errors.New("contains no day of any year; look at days_of_month and months together")
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("time_intervals[%d]: %w", n, err))
			continue
		}
		out.windows = append(out.windows, window)
	}
	return out, errors.Join(errs...)
}

// compile parses every field, also after a mistake, to find all of them.
func (w Window) compile() (timeinterval.TimeInterval, error) {
	var out timeinterval.TimeInterval
	var errs []error
	location, err := time.LoadLocation(w.Location)
	if err != nil {
		errs = append(errs, fmt.Errorf("location %q is not a time zone such as Asia/Shanghai", w.Location))
	}
	out.Location = &timeinterval.Location{Location: location}
	for _, text := range w.Weekdays {
		var r timeinterval.WeekdayRange
		errs = append(errs, read("weekdays", text, &r))
		out.Weekdays = append(out.Weekdays, r)
	}
	for _, text := range w.DaysOfMonth {
		var r timeinterval.DayOfMonthRange
		errs = append(errs, read("days_of_month", text, &r))
		out.DaysOfMonth = append(out.DaysOfMonth, r)
	}
	for _, text := range w.Months {
		rs, err := months(text)
		errs = append(errs, err)
		out.Months = append(out.Months, rs...)
	}
	for _, text := range w.Years {
		var r timeinterval.YearRange
		errs = append(errs, read("years", text, &r))
		if r.Begin < 0 || r.End > 9999 {
			errs = append(errs, fmt.Errorf("years: %q is not a year of four digits", text))
		}
		out.Years = append(out.Years, r)
	}
	for _, c := range w.Times {
		r, err := c.compile()
		errs = append(errs, err)
		out.Times = append(out.Times, r)
	}
	return out, errors.Join(errs...)
}

// yamlRange is one of Alertmanager's ranges, which parse themselves from YAML.
type yamlRange interface {
	UnmarshalYAML(unmarshal func(any) error) error
}

// read parses a value or a range "from:to" as Alertmanager does; spaces do not matter.
func read(key, text string, into yamlRange) error {
	plain := strings.Join(strings.Fields(text), "")
	err := into.UnmarshalYAML(func(v any) error {
		if s, ok := v.(*string); ok {
			*s = plain
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("%s: %q is not valid here: %w", key, text, err)
	}
	return nil
}

// months parses months. A range over the turn of the year, which Alertmanager refuses, is two.
func months(text string) ([]timeinterval.MonthRange, error) {
	first, second, isRange := strings.Cut(text, ":")
	if !isRange {
		second = first
	}
	var from, to timeinterval.MonthRange
	if err := errors.Join(read("months", first, &from), read("months", second, &to)); err != nil {
		return nil, err
	}
	span := func(begin, end int) timeinterval.MonthRange {
		return timeinterval.MonthRange{InclusiveRange: timeinterval.InclusiveRange{Begin: begin, End: end}}
	}
	if from.Begin > to.Begin {
		return []timeinterval.MonthRange{span(from.Begin, 12), span(1, to.Begin)}, nil
	}
	return []timeinterval.MonthRange{span(from.Begin, to.Begin)}, nil
}

func (c Clock) compile() (timeinterval.TimeRange, error) {
	start, err1 := minutes(c.Start)
	end, err2 := minutes(c.End)
	if err := errors.Join(err1, err2); err != nil {
		return timeinterval.TimeRange{}, err
	}
	if start >= end {
		return timeinterval.TimeRange{}, fmt.Errorf("times: %s is not before %s; split a period across midnight in two: until 24:00 and from 00:00", c.Start, c.End)
	}
	return timeinterval.TimeRange{StartMinute: start, EndMinute: end}, nil
}

func minutes(text string) (int, error) {
	if text == "24:00" {
		return 24 * 60, nil
	}
	t, err := time.Parse("15:04", text)
	if err != nil {
		return 0, fmt.Errorf("times: %q is not a time of day such as 08:30", text)
	}
	return t.Hour()*60 + t.Minute(), nil
}

// hasDay reports whether a window contains some day: the 30th of February is in no year, and
// the 29th not in 2027. Dates and days of the week recur after 28 years, apart from the turns
// of centuries.
func hasDay(w timeinterval.TimeInterval) bool {
	const cycle = 28
	w.Times, w.Location = nil, nil
	years := w.Years
	if years == nil {
		years = []timeinterval.YearRange{{InclusiveRange: timeinterval.InclusiveRange{Begin: 2001, End: 2000 + cycle}}}
	}
	for _, r := range years {
		day := time.Date(r.Begin, time.January, 1, 12, 0, 0, 0, time.UTC)
		for ; day.Year() <= min(r.End, r.Begin+2*cycle); day = day.AddDate(0, 0, 1) {
			if w.ContainsTime(day) {
				return true
			}
		}
	}
	return false
}
