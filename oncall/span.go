package oncall

import "time"

// span is a time [from, to) with the people who are on call in it by one layer.
type span struct {
	from, to time.Time
	people   []string
}

func (s span) some() bool { return s.from.Before(s.to) }

// within cuts off what is outside of [from, to).
func (s span) within(from, to time.Time) span {
	if s.from.Before(from) {
		s.from = from
	}
	if s.to.After(to) {
		s.to = to
	}
	return s
}

// during returns the parts of spans that are inside of any of the periods.
func during(spans, periods []span) []span {
	var out []span
	for _, s := range spans {
		for _, p := range periods {
			if part := s.within(p.from, p.to); part.some() {
				out = append(out, part)
			}
		}
	}
	return out
}
