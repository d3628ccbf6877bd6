package oncall

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Times is a recurring period of the week: on some days from one time of the day to another, or
// from a time on one day of the week to a time on another.
type Times struct {
	Weekdays []string `yaml:"weekdays" doc:"Days on which the period begins, as names or ranges: monday:friday, sunday; default: every day."`
	From     string   `yaml:"from" doc:"Start: HH:MM, or with a day of the week: friday 18:00; default: 00:00."`
	To       string   `yaml:"to" doc:"End: HH:MM, on the next day if it is not after from; or with a day of the week: monday 09:00; default: 24:00."`
}

// period is a built Times.
type period struct {
	days     [7]bool
	from, to time.Duration // after midnight of the day on which it begins; to may be days later
}

func (t Times) build() (period, error) {
	var p period
	fromDay, from, err1 := weekTime(t.From, 0)
	toDay, to, err2 := weekTime(t.To, day)
	if err := errors.Join(atKey("from", err1), atKey("to", err2)); err != nil {
		return p, err
	}
	if (fromDay < 0) != (toDay < 0) {
		return p, errors.New("from and to must both have a day of the week, or neither")
	}
	p.from, p.to = from, to
	if fromDay >= 0 {
		if len(t.Weekdays) > 0 {
			return p, errors.New("weekdays must be left out when from and to have a day of the week")
		}
		p.days[fromDay] = true
		p.to += time.Duration((toDay-fromDay+7)%7) * day
		if p.to <= p.from {
			p.to += 7 * day
		}
		return p, nil
	}
	if p.to <= p.from {
		p.to += day
	}
	if len(t.Weekdays) == 0 {
		p.days = [7]bool{true, true, true, true, true, true, true}
	}
	for i, text := range t.Weekdays {
		if err := p.addDays(text); err != nil {
			return p, fmt.Errorf("weekdays[%d]: %w", i, err)
		}
	}
	return p, nil
}

// atKey puts the path of a key before an error.
func atKey(key string, err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	return nil
}

// addDays adds a day or a range of days, which may go over the end of the week.
func (p *period) addDays(text string) error {
	first, last, isRange := strings.Cut(text, ":")
	from, ok := weekday(first)
	to := from
	if isRange && ok {
		to, ok = weekday(last)
	}
	if !ok {
		return fmt.Errorf("%q is not a day of the week or a range such as monday:friday", text)
	}
	for d := from; ; d = (d + 1) % 7 {
		p.days[d] = true
		if d == to {
			return nil
		}
	}
}

func weekday(name string) (int, bool) {
	for d := time.Sunday; d <= time.Saturday; d++ {
		if strings.EqualFold(strings.TrimSpace(name), d.String()) {
			return int(d), true
		}
	}
	return 0, false
}

// weekTime parses "HH:MM" (weekday is -1) and "friday HH:MM".
func weekTime(text string, fallback time.Duration) (weekDay int, clock time.Duration, err error) {
	if text == "" {
		return -1, fallback, nil
	}
	weekDay = -1
	if name, rest, ok := strings.Cut(strings.TrimSpace(text), " "); ok {
		d, known := weekday(name)
		if !known {
			return 0, 0, fmt.Errorf("%q does not begin with a day of the week", text)
		}
		weekDay, text = d, strings.TrimSpace(rest)
	}
	clock, err = clockTime(text)
	return weekDay, clock, err
}

// clockTime parses HH:MM; 24:00 is the end of the day.
func clockTime(text string) (time.Duration, error) {
	if text == "24:00" {
		return day, nil
	}
	t, err := time.Parse("15:04", text)
	if err != nil {
		return 0, fmt.Errorf("%q is not a time of day such as 09:00", text)
	}
	return time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute, nil
}

// spans returns when the period is within [from, to), in order of their beginnings.
func (p period) spans(from, to time.Time, zone *time.Location) []span {
	var out []span
	last := midnight(wallOf(to, zone)).Add(day)
	// A period lasts up to a week, and may have begun before from.
	for d := midnight(wallOf(from, zone)).Add(-8 * day); !d.After(last); d = d.Add(day) {
		if !p.days[d.Weekday()] {
			continue
		}
		s := span{from: instant(d.Add(p.from), zone), to: instant(d.Add(p.to), zone)}
		if s = s.within(from, to); s.some() {
			out = append(out, s)
		}
	}
	return out
}
