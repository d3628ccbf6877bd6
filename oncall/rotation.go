package oncall

import (
	"errors"
	"fmt"
	"time"
)

// rotation is people who take turns: a turn begins every length from start on, by the wall clock
// of the zone.
type rotation struct {
	people []string
	start  time.Time // wall time of the first hand-over
	length time.Duration
	zone   *time.Location
}

// endOfRotations is how long after its start a rotation ends, so that no arithmetic overflows.
const endOfRotations = 200 * 365 * day

func (l Layer) rotation(zone *time.Location) (rotation, error) {
	r := rotation{people: l.People, length: time.Duration(l.Length), zone: zone}
	if r.length == 0 {
		r.length = 7 * day
	}
	var errs []error
	if r.length < time.Hour || r.length > 366*day || r.length%time.Minute != 0 {
		errs = append(errs, errors.New("length must be whole minutes, at least 1h and at most a year, such as 1d, 1w or 12h"))
	}
	date, err := time.Parse(time.DateOnly, l.Start)
	switch {
	case l.Start == "":
		errs = append(errs, errors.New("start is missing: it is the day on which the first person begins, such as 2026-01-05"))
	case err != nil || date.Year() < 2000 || date.Year() > 2100:
		errs = append(errs, fmt.Errorf("start: %q is not a day such as 2026-01-05", l.Start))
	}
	clock := 9 * time.Hour
	if l.HandOver != "" {
		if clock, err = clockTime(l.HandOver); err != nil {
			errs = append(errs, fmt.Errorf("hand_over: %w", err))
		}
	}
	r.start = date.Add(clock)
	return r, errors.Join(errs...)
}

// handOver returns when the n-th turn begins.
func (r rotation) handOver(n int) time.Time {
	return instant(r.start.Add(time.Duration(n)*r.length), r.zone)
}

// turn returns the number of the turn at a time. Turns that a change of the clocks leaves no
// time are passed over.
func (r rotation) turn(at time.Time) int {
	since := wallOf(at, r.zone).Sub(r.start)
	n := int(since / r.length)
	for r.handOver(n).After(at) {
		n--
	}
	for !r.handOver(n + 1).After(at) {
		n++
	}
	return n
}

// spans returns the turns within [from, to). Before its start a rotation has nobody.
func (r rotation) spans(from, to time.Time) []span {
	bounds := span{from: from, to: to}.within(r.handOver(0), instant(r.start.Add(endOfRotations), r.zone))
	if !bounds.some() {
		return nil
	}
	var out []span
	for n := r.turn(bounds.from); r.handOver(n).Before(bounds.to); n++ {
		s := span{from: r.handOver(n), to: r.handOver(n + 1), people: []string{r.people[n%len(r.people)]}}
		if s = s.within(bounds.from, bounds.to); s.some() {
			out = append(out, s)
		}
	}
	return out
}
