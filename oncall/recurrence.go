package oncall

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/teambition/rrule-go"
)

// recurrence is a recurrence rule. It is expanded in wall time and converted afterwards, because
// the library repeats instants at a change of the clocks.
type recurrence struct {
	options rrule.ROption
}

// maxInstances bounds the instances of one rule up to the time that is asked for: more than a
// century of days.
const maxInstances = 100_000

// recurrence parses the value of an RRULE of an event.
func (z zones) recurrence(text string, e *event) (*recurrence, error) {
	// UNTIL may be given as UTC, local time or a day; the library takes all for UTC.
	var parts []string
	var until time.Time
	for part := range strings.SplitSeq(text, ";") {
		name, value, _ := strings.Cut(part, "=")
		if !strings.EqualFold(name, "UNTIL") {
			parts = append(parts, part)
			continue
		}
		last, err := z.moment(value, e.zone)
		if err != nil {
			return nil, fmt.Errorf("UNTIL: %w", err)
		}
		until = last.in(e.zone)
		if last.days { // the whole day is meant
			until = until.Add(day - time.Second)
		}
	}
	options, err := rrule.StrToROption(strings.ToUpper(strings.Join(parts, ";")))
	if err != nil {
		return nil, fmt.Errorf("%q cannot be read: %w", text, err)
	}
	options.Dtstart, options.Until = e.start, until
	if err := bounded(options); err != nil {
		return nil, err
	}
	rule, err := rrule.NewRRule(*options)
	if err != nil {
		return nil, fmt.Errorf("%q cannot be read: %w", text, err)
	}
	if _, ever := rule.Iterator()(); !ever {
		return nil, fmt.Errorf("%q never occurs", text)
	}
	return &recurrence{options: *options}, nil
}

// bounded rejects rules that no calendar of shifts needs and whose expansion takes long or never
// ends.
func bounded(o *rrule.ROption) error {
	seldom := o.Freq == rrule.YEARLY || o.Freq == rrule.MONTHLY
	perDay := max(1, len(o.Byhour)) * max(1, len(o.Byminute)) * max(1, len(o.Bysecond))
	switch {
	case o.Freq > rrule.DAILY:
		return errors.New("FREQ must be DAILY, WEEKLY, MONTHLY or YEARLY")
	case o.Interval > 1000 || o.Count > maxInstances:
		return errors.New("INTERVAL or COUNT is too large")
	case perDay > 24:
		return errors.New("it occurs more than 24 times a day")
	case !seldom && len(o.Bymonthday)+len(o.Byyearday)+len(o.Byweekno)+len(o.Bysetpos) > 0:
		return errors.New("BYMONTHDAY, BYYEARDAY, BYWEEKNO and BYSETPOS need FREQ=MONTHLY or YEARLY")
	case len(o.Byeaster) > 0:
		return errors.New("BYEASTER is not part of RFC 5545")
	}
	return nil
}

// until returns the wall times of the instances before a time. Each call has a rule of its own,
// because the library's rules remember their length.
func (r *recurrence) until(to time.Time) []time.Time {
	if !r.options.Until.IsZero() && r.options.Until.Before(to) {
		to = r.options.Until.Add(time.Second)
	}
	rule, err := rrule.NewRRule(r.options)
	if err != nil {
		return nil // it was built before
	}
	var out []time.Time
	next := rule.Iterator()
	for at, ok := next(); ok && at.Before(to) && len(out) < maxInstances; at, ok = next() {
		out = append(out, at)
	}
	return out
}

var durationForm = regexp.MustCompile(`^([+-]?)P(?:(\d{1,4})W)?(?:(\d{1,4})D)?(?:T(?:(\d{1,6})H)?(?:(\d{1,6})M)?(?:(\d{1,9})S)?)?$`)

// parseDuration parses a duration of RFC 5545, such as P1W or PT12H.
func parseDuration(text string) (time.Duration, error) {
	found := durationForm.FindStringSubmatch(strings.ToUpper(text))
	if found == nil || !slices.ContainsFunc(found[2:], func(s string) bool { return s != "" }) {
		return 0, fmt.Errorf("%q is not a duration such as P1W or PT12H", text)
	}
	var sum time.Duration
	for i, unit := range []time.Duration{7 * day, day, time.Hour, time.Minute, time.Second} {
		n, _ := strconv.Atoi(found[i+2]) // digits only, or nothing
		sum += time.Duration(n) * unit
	}
	if found[1] == "-" {
		sum = -sum
	}
	return sum, nil
}
