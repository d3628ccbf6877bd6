package main

import "math/rand/v2"

// target draws the looks at a target, one after the other: true is a failure.
type target func() bool

// steady fails at a rate, independently for each look.
func steady(rng *rand.Rand, rate float64) target {
	return func() bool { return rng.Float64() < rate }
}

// bursts fails at a rate in bursts of a mean length: a Markov chain of two states, begun in its
// stationary distribution.
func bursts(rng *rand.Rand, rate, length float64) target {
	stay := 1 - 1/length
	start := rate * (1 - stay) / (1 - rate)
	last := rng.Float64() < rate
	return func() bool {
		p := start
		if last {
			p = stay
		}
		last = rng.Float64() < p
		return last
	}
}

// hiccups is a target that is well but for hiccups of 1 to 20 s, one in a thousand seconds.
// It is looked at every pace seconds, and every follow seconds after a failure until that clears. With
// merge, looks that follow a failure within the pace belong to it and are not told, as a watch
// does that does not know yet how long hiccups last.
func hiccups(rng *rand.Rand, pace, follow float64, merge bool) target {
	const between, shortest, longest = 1000, 1, 20
	var begins, ends, now, known float64
	next := func() {
		begins = ends + rng.ExpFloat64()*between
		ends = begins + shortest + rng.Float64()*(longest-shortest)
	}
	next()
	failed := false
	look := func() bool {
		if failed {
			now += follow
		} else {
			now += pace
		}
		for now >= ends {
			next()
		}
		failed = now >= begins
		return failed
	}
	return func() bool {
		for merge && known > 0 {
			// The next look that lies a pace after the failure is the next one that counts.
			fail := look()
			if now-known >= 0.9*pace {
				known = 0
				if fail {
					known = now
				}
				return fail
			}
		}
		fail := look()
		if fail {
			known = now
		}
		return fail
	}
}

// draw appends n looks to a line.
func draw(line []byte, n int, from target) []byte {
	for range n {
		mark := byte('0')
		if from() {
			mark = '1'
		}
		line = append(line, mark)
	}
	return line
}
