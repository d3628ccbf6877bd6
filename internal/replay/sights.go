package replay

import (
	"context"
	"slices"
	"time"

	"guardian/decide"
	"guardian/internal/reason"
	"guardian/internal/series"
	"guardian/probes/sample"
	"guardian/rules"
	"guardian/watch"
)

// sights knows which checks were blind when.
type sights struct {
	segments []segment // by time; the first begins before everything
	spans    map[string][]span
	looks    int // counted
	silent   []string
}

// segment is a stretch of time in which the same checks are blind.
type segment struct {
	from  time.Time
	sight rules.Visibility // nil: all is seen
}

// span is a stretch of blindness; a zero to means that it goes on.
type span struct {
	from, to time.Time
	unknown  bool // a look said so; otherwise no look came
}

// blindSpans finds in looks, by time, when nothing was known in [from, to). As in a
// guardian, a look counts from when it has come to its end, and vouches from when it began.
func blindSpans(looks []series.Look, every time.Duration, from, to time.Time) []span {
	var all []span
	since, blind, unknown := from, true, false
	var last time.Time // of the last look, if it saw
	see := func(at time.Time) {
		if blind {
			if at.After(since) {
				all = append(all, span{since, at, unknown})
			}
			blind = false
		}
	}
	lose := func(at time.Time, why bool) {
		if !blind {
			blind, since, unknown = true, at, why
		}
	}
	for _, l := range looks {
		at := l.At.Add(l.Duration)
		if over := last.Add(watch.BlindAfter(every)); !blind && over.Before(at) {
			lose(over, false)
		}
		if l.Health == sample.Unknown {
			lose(at, true)
			continue
		}
		last = l.At
		see(at)
	}
	if over := last.Add(watch.BlindAfter(every)); !blind && over.Before(to) {
		lose(over, false)
	}
	if blind {
		all = append(all, span{from: since, unknown: unknown})
	}
	return slices.DeleteFunc(all, func(s span) bool { return !s.to.IsZero() && !s.to.After(from) })
}

// newSights reads every look of the time once.
func newSights(ctx context.Context, o Options, checks []check, start time.Time) (*sights, error) {
	s := &sights{spans: map[string][]span{}}
	type result struct {
		spans []span
		looks int
	}
	results := make([]result, len(checks))
	err := parallel(ctx, len(checks), func(ctx context.Context, i int) error {
		c := checks[i]
		back := max(2*watch.BlindAfter(c.every), 10*time.Minute)
		looks, err := o.Samples.Looks(ctx, c.Name, start.Add(-back), o.To)
		if err != nil {
			return err
		}
		results[i] = result{blindSpans(looks, c.every, start, o.To), len(looks)}
		return nil
	}, func(done int) { o.Progress("looks", float64(done)/float64(len(checks))) })
	if err != nil {
		return nil, err
	}
	type turn struct {
		at    time.Time
		check int
		blind bool
	}
	var turns []turn
	for i, r := range results {
		s.spans[checks[i].Name] = r.spans
		s.looks += r.looks
		if r.looks == 0 {
			s.silent = append(s.silent, checks[i].Name)
		}
		for _, b := range r.spans {
			turns = append(turns, turn{b.from, i, true})
			if !b.to.IsZero() {
				turns = append(turns, turn{b.to, i, false})
			}
		}
	}
	sortedBy(turns, func(t turn) time.Time { return t.at })
	blind := map[int]bool{}
	s.segments = []segment{{}}
	for i := 0; i < len(turns); {
		at := turns[i].at
		for ; i < len(turns) && turns[i].at.Equal(at); i++ {
			if turns[i].blind {
				blind[turns[i].check] = true
			} else {
				delete(blind, turns[i].check)
			}
		}
		s.segments = append(s.segments, segment{at, sightOf(checks, blind)})
	}
	return s, nil
}

func sightOf(checks []check, blind map[int]bool) rules.Visibility {
	if len(blind) == 0 {
		return nil
	}
	all := make([]rules.Blind, 0, len(blind))
	for i := range checks {
		if c := checks[i]; blind[i] {
			all = append(all, rules.Blind{
				Labels: c.labels,
				Name:   func(series string) bool { return c.names[series] },
				Why:    reason.New("check_blind", "check", c.Name, "since", nil, "why", nil),
			})
		}
	}
	return rules.VisibilityOf(all)
}

// at gives the number of the segment of a time.
func (s *sights) at(t time.Time) int {
	i, found := slices.BinarySearchFunc(s.segments, t, func(g segment, t time.Time) int { return g.from.Compare(t) })
	if found {
		return i
	}
	return max(i-1, 0)
}

// view is how all checks see at a time.
func (s *sights) view(settings *decide.Settings, at time.Time) decide.View {
	v := decide.View{Checks: map[string]decide.Sight{}, Cuts: map[string]decide.Cut{}}
	unknown := map[string]bool{}
	for _, c := range settings.Checks {
		sight := decide.Sight{Looked: true}
		for _, b := range s.spans[c.Check] {
			if !b.from.After(at) && (b.to.IsZero() || b.to.After(at)) {
				sight.Blind, sight.Since = true, b.from
				unknown[c.Check] = b.unknown
			}
		}
		v.Checks[c.Check] = sight
	}
	// A path whose controls could not look, all of them, was cut off.
	seen := map[string]bool{}
	for _, c := range settings.Checks {
		switch {
		case !c.Control:
		case !unknown[c.Check]:
			seen[c.Path] = true
		default:
			cut, is := v.Cuts[c.Path]
			if since := v.Checks[c.Check].Since; !is || since.Before(cut.Since) {
				v.Cuts[c.Path] = decide.Cut{Since: since}
			}
		}
	}
	for path := range seen {
		delete(v.Cuts, path)
	}
	return v
}
