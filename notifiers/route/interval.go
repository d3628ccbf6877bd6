package route

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
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

// Validate returns all mistakes in the interval.
func (i Interval) Validate() error {
	var errs []error
	if i.Name == "" {
		errs = append(errs, errors.New("name is missing"))
	}
	for n, w := range i.Times {
		if _, err := w.contains(time.Unix(0, 0)); err != nil {
			errs = append(errs, fmt.Errorf("time_intervals[%d]: %w", n, err))
		}
	}
	return errors.Join(errs...)
}

// Contains reports whether a time is in one of the windows. Invalid windows contain nothing.
func (i Interval) Contains(at time.Time) bool {
	for _, w := range i.Times {
		if in, err := w.contains(at); in && err == nil {
			return true
		}
	}
	return false
}

func weekdayNames() map[string]int {
	out := map[string]int{}
	for d := time.Sunday; d <= time.Saturday; d++ {
		out[strings.ToLower(d.String())] = int(d)
	}
	return out
}

func monthNames() map[string]int {
	out := map[string]int{}
	for m := time.January; m <= time.December; m++ {
		out[strings.ToLower(m.String())] = int(m)
	}
	return out
}

// contains evaluates every field even when an earlier one does not match, to find all mistakes.
func (w Window) contains(at time.Time) (bool, error) {
	loc, err := time.LoadLocation(w.Location)
	if err != nil {
		return false, fmt.Errorf("location %q is not a time zone such as Asia/Shanghai", w.Location)
	}
	at = at.In(loc)
	in := true
	var errs []error
	check := func(key string, texts []string, value int, r ranges) {
		ok := len(texts) == 0
		for _, text := range texts {
			from, to, err := r.parse(text)
			switch {
			case err != nil:
				errs = append(errs, fmt.Errorf("%s: %w", key, err))
			case from <= to:
				ok = ok || (from <= value && value <= to)
			case r.names != nil: // saturday:sunday, november:january
				ok = ok || from <= value || value <= to
			}
		}
		in = in && ok
	}
	lastDay := time.Date(at.Year(), at.Month()+1, 0, 0, 0, 0, 0, loc).Day()
	check("weekdays", w.Weekdays, int(at.Weekday()), ranges{names: weekdayNames(), min: 0, max: 6})
	check("days_of_month", w.DaysOfMonth, at.Day(), ranges{min: -31, max: 31, last: lastDay})
	check("months", w.Months, int(at.Month()), ranges{names: monthNames(), min: 1, max: 12})
	check("years", w.Years, at.Year(), ranges{min: 1970, max: 9999})

	minute := at.Hour()*60 + at.Minute()
	ok := len(w.Times) == 0
	for _, c := range w.Times {
		start, err1 := minutes(c.Start)
		end, err2 := minutes(c.End)
		errs = append(errs, err1, err2)
		if err1 == nil && err2 == nil && start >= end {
			errs = append(errs, fmt.Errorf("times: %s is not before %s; split a period across midnight in two: until 24:00 and from 00:00", c.Start, c.End))
		}
		ok = ok || (start <= minute && minute < end)
	}
	return in && ok, errors.Join(errs...)
}

// ranges parses "from:to" or a single value, given as names or numbers.
type ranges struct {
	names    map[string]int
	min, max int
	last     int // if set, negative numbers count back from it
}

func (r ranges) parse(text string) (from, to int, err error) {
	first, second, isRange := strings.Cut(text, ":")
	if from, err = r.value(first); err != nil {
		return 0, 0, err
	}
	to = from
	if isRange {
		if to, err = r.value(second); err != nil {
			return 0, 0, err
		}
	}
	if to < from && r.names == nil && r.last == 0 {
		return 0, 0, fmt.Errorf("%q ends before it begins", text)
	}
	return from, to, nil
}

func (r ranges) value(text string) (int, error) {
	text = strings.ToLower(strings.TrimSpace(text))
	if v, ok := r.names[text]; ok {
		return v, nil
	}
	v, err := strconv.Atoi(text)
	if err != nil || v < r.min || v > r.max || (r.last > 0 && v == 0) {
		return 0, fmt.Errorf("%q is not a valid name or number here", text)
	}
	if r.last > 0 && v < 0 {
		v = r.last + 1 + v
	}
	return v, nil
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
