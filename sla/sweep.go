package sla

import (
	"cmp"
	"slices"
	"time"

	"guardian/probes/sample"
)

// piece is a period with constant health of the service, maintenance state and calendar day.
type piece struct {
	from, to    time.Time
	health      sample.Health
	maintenance bool
	day         int
	down        []int // indexes of the counted checks that were down
}

// span is the period [from, to).
type span struct{ from, to time.Time }

func (s span) length() time.Duration { return s.to.Sub(s.from) }

// clip returns the intersection of s and r; its length is 0 or negative if there is none.
func (s span) clip(r span) span {
	if s.from.Before(r.from) {
		s.from = r.from
	}
	if s.to.After(r.to) {
		s.to = r.to
	}
	return s
}

// ofCheck returns a check's intervals within r, sorted and without overlap. Where two overlap,
// the one that begins later wins, because it was written later.
func ofCheck(all []Interval, r span) []Interval {
	list := slices.Clone(all)
	slices.SortStableFunc(list, func(a, b Interval) int { return a.From.Compare(b.From) })
	out := list[:0]
	for _, i := range list {
		if n := len(out); n > 0 && out[n-1].To.After(i.From) {
			out[n-1].To = i.From
		}
		out = append(out, i)
	}
	return slices.DeleteFunc(out, func(i Interval) bool {
		c := span{i.From, i.To}.clip(r)
		return c.length() <= 0
	})
}

// edge is a time at which something changes.
type edge struct {
	at     time.Time
	check  int // index of the check whose health becomes health; -1: maintenance; -2: a new day
	health sample.Health
	begins int // maintenance: +1 or -1; a new day: its index
}

// sweep cuts r into pieces. checks are sorted lists of intervals without overlap; days are the
// starts of the calendar days, the first of them at or before r.from.
//
// The service is Down while any of its checks is Down, because each check covers something that
// users need. It is Unknown while all checks are Unknown, and otherwise Up. So it is Up while
// one check is Up and others are blind: an expired credential of one check must not make a whole
// month unknown. The blind time of each check is reported separately.
func sweep(r span, checks [][]Interval, windows []span, days []time.Time) []piece {
	n := 2*len(windows) + len(days)
	for _, list := range checks {
		n += 2 * len(list)
	}
	edges := make([]edge, 0, n+1)
	for c, list := range checks {
		for _, i := range list {
			s := span{i.From, i.To}.clip(r)
			edges = append(edges,
				edge{at: s.to, check: c, health: sample.Unknown},
				edge{at: s.from, check: c, health: i.Health, begins: 1})
		}
	}
	for _, w := range windows {
		if s := w.clip(r); s.length() > 0 {
			edges = append(edges, edge{at: s.from, check: -1, begins: 1}, edge{at: s.to, check: -1, begins: -1})
		}
	}
	for d, at := range days {
		if !at.Before(r.to) {
			break
		}
		edges = append(edges, edge{at: at, check: -2, begins: d})
	}
	// If one interval of a check ends where the next begins, the end comes first.
	slices.SortStableFunc(edges, func(a, b edge) int {
		return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.begins, b.begins))
	})

	health := make([]sample.Health, len(checks))
	open, day := 0, 0
	pieces := make([]piece, 0, n+1)
	at := r.from
	for _, e := range append(edges, edge{at: r.to, check: -3}) {
		if until := e.at; until.After(at) {
			p := piece{from: at, to: until, maintenance: open > 0, day: day}
			p.health, p.down = together(health)
			pieces = append(pieces, p)
			at = until
		}
		switch e.check {
		case -1:
			open += e.begins
		case -2:
			day = e.begins
		case -3:
		default:
			health[e.check] = e.health
		}
	}
	return pieces
}

// together combines the health of checks into that of their service, and lists those that are down.
func together(health []sample.Health) (sample.Health, []int) {
	var down []int
	seen := sample.Unknown
	for i, h := range health {
		switch h {
		case sample.Down:
			down = append(down, i)
		case sample.Up:
			seen = sample.Up
		case sample.Unknown:
		}
	}
	if len(down) > 0 {
		return sample.Down, down
	}
	return seen, nil
}
