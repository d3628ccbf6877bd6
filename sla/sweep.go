package sla

import (
	"cmp"
	"slices"
	"time"

	"guardian/probes/sample"
)

// piece is a stretch in which nothing changed: a service's health, whether maintenance was
// announced, and the calendar day.
type piece struct {
	from, to    time.Time
	health      sample.Health
	maintenance bool
	day         int
	down        []int // indexes of the counted checks that were down
}

// span is a stretch of time; to is exclusive.
type span struct{ from, to time.Time }

func (s span) length() time.Duration { return s.to.Sub(s.from) }

// clip gives the part of s within r; its length is at most 0 when there is none.
func (s span) clip(r span) span {
	if s.from.Before(r.from) {
		s.from = r.from
	}
	if s.to.After(r.to) {
		s.to = r.to
	}
	return s
}

// ofCheck gives a check's intervals within r, in order and without overlap: where two
// overlap, the one that began later is right, since it was written later.
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

// edge is a moment at which something changes.
type edge struct {
	at     time.Time
	check  int // index of the check whose health becomes health; -1: maintenance; -2: a new day
	health sample.Health
	begins int // maintenance: +1 or -1; a new day: its index
}

// sweep cuts r into pieces. checks are clean lists of intervals; days are the first moments
// of the calendar days, the first of them at or before r.from.
//
// The service is Down where any counted check is Down, since each of them stands for something that somebody
// needs; Unknown where no check saw anything; otherwise Up. So it is Up where one check saw it
// well and others were blind: one expired credential must not turn a month of good looks into
// "not known", and each check's blind time is listed beside the service's.
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
	// Where one interval of a check ends and the next begins, the end comes first.
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

// together gives a service's health of those of its checks, and which are down.
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
