package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

// What all streams have in common: a watch of two hours with a look every ten seconds.
const (
	alpha   = 0.001
	horizon = 720
)

// row is one line of the table: what is drawn, how it is judged, what is measured and what must hold.
type row struct {
	what  string
	flags []string
	// line appends one line for guardian judge --streams.
	line func(rng *rand.Rand, line []byte) []byte
	// Either the share of a verdict is counted, or the looks until failed after the onset,
	// in units of per.
	share string
	onset int
	per   float64
	most  float64
}

func percent(p float64) string { return fmt.Sprintf("%g %%", p*100) }

// wald is Wald's bound for the mean number of looks to tell p1 from p0, with power one.
func wald(p0, p1 float64) float64 {
	kl := 0.0
	for _, x := range [][2]float64{{p1, p0}, {1 - p1, 1 - p0}} {
		if x[0] > 0 {
			kl += x[0] * math.Log(x[0]/x[1])
		}
	}
	return math.Log(1/alpha) / kl
}

// after draws a baseline of n looks and then the stream of the same target.
func after(n int, begin func(rng *rand.Rand) target) func(*rand.Rand, []byte) []byte {
	return func(rng *rand.Rand, line []byte) []byte {
		from := begin(rng)
		line = append(draw(line, n, from), '|')
		return draw(line, horizon, from)
	}
}

// change draws a baseline of n looks at p0, none for 0, and then a stream of p0 until the
// onset and p1 after it.
func change(n int, p0, p1 float64, onset int) func(*rand.Rand, []byte) []byte {
	return func(rng *rand.Rand, line []byte) []byte {
		if n > 0 {
			line = append(draw(line, n, steady(rng, p0)), '|')
		}
		line = draw(line, onset, steady(rng, p0))
		return draw(line, horizon-onset, steady(rng, p1))
	}
}

// table is every line that must hold.
func table() []row {
	return slices.Concat(healthy(), healthyInBursts(), delays(), outages(), passes(), pauses())
}

func healthy() (rows []row) {
	for _, p0 := range []float64{0.005, 0.01, 0.05, 0.2} {
		for _, burst := range []string{"off", "auto"} {
			rows = append(rows, row{
				what:  fmt.Sprintf("healthy, known rate %s, burst %s: failed", percent(p0), burst),
				flags: []string{fmt.Sprint("--null-rate=", p0), "--burst=" + burst},
				line:  change(0, p0, p0, 0), share: "failed", most: 0.0015,
			})
		}
		rows = append(rows, row{
			what:  fmt.Sprintf("healthy at %s, after 1440 looks, burst off: failed", percent(p0)),
			flags: []string{"--burst=off"},
			line:  change(1440, p0, p0, 0), share: "failed", most: 0.0015,
		})
	}
	return rows
}

func healthyInBursts() (rows []row) {
	for _, length := range []float64{1, 3, 10} {
		n, most := 1440, 0.002
		if length == 10 {
			n, most = 20_000, 0.004
		}
		for _, rate := range []float64{0.005, 0.01, 0.02} {
			rows = append(rows, row{
				what: fmt.Sprintf("healthy at %s in bursts of %g, after %d looks: failed", percent(rate), length, n),
				line: after(n, func(rng *rand.Rand) target { return bursts(rng, rate, length) }), share: "failed", most: most,
			})
		}
	}
	return rows
}

func delays() (rows []row) {
	for _, p1 := range []float64{0.05, 0.1, 0.2, 0.5} {
		rows = append(rows, row{
			what:  fmt.Sprintf("known rate 1 %%, now %s, burst off: looks until failed by Wald's bound", percent(p1)),
			flags: []string{"--null-rate=0.01", "--burst=off"},
			line:  change(0, 0.01, p1, 0), per: wald(0.01, p1), most: 1.25,
		})
	}
	for _, p1 := range []float64{0.05, 0.2} {
		rows = append(rows, row{
			what:  fmt.Sprintf("0.5 %% in 2880 looks before, now %s, burst off: looks until failed by Wald's bound", percent(p1)),
			flags: []string{"--burst=off"},
			line:  change(2880, 0.005, p1, 0), per: wald(0.005, p1), most: 2,
		})
	}
	return append(rows, row{
		what:  "known rate 1 %, 20 % from look 240 on, burst off: looks from then until failed",
		flags: []string{"--null-rate=0.01", "--burst=off"},
		line:  change(0, 0.01, 0.2, 240), onset: 240, per: 1, most: 40,
	})
}

func outages() []row {
	rows := []row{{
		what:  "0.5 % in 2880 looks before, outage, burst off: looks until failed",
		flags: []string{"--burst=off"},
		line:  change(2880, 0.005, 1, 0), per: 1, most: 3,
	}}
	for _, p0 := range []float64{0, 0.001, 0.005} {
		rows = append(rows, row{
			what: fmt.Sprintf("%s in 1440 looks before, outage, burst auto: looks until failed", percent(p0)),
			line: change(1440, p0, 1, 0), per: 1, most: 10,
		})
	}
	return rows
}

// passes are of a deploy that is exactly as bad as --pass-rate. Where failures came singly
// before, the tempering is at its least: 3.
func passes() (rows []row) {
	bad := func(rng *rand.Rand) target { return bursts(rng, 0.05, 3) }
	fresh := func(rng *rand.Rand, line []byte) []byte { return draw(line, horizon, bad(rng)) }
	single := func(rng *rand.Rand, line []byte) []byte {
		line = append(draw(line, 1440, steady(rng, 0.05)), '|')
		return draw(line, horizon, bad(rng))
	}
	for _, r := range []row{
		{what: "known rate 1 %", flags: []string{"--null-rate=0.01"}, line: fresh},
		{what: "known rate 5 %", flags: []string{"--null-rate=0.05"}, line: fresh},
		{what: "known rate 5 %, single failures before", flags: []string{"--null-rate=0.05"}, line: single},
		{what: "after 1440 looks of the same", line: after(1440, bad)},
	} {
		r.what = "5 % in bursts of 3, --pass-rate 0.05, " + r.what + ": passed"
		r.flags = append(r.flags, "--pass-rate=0.05")
		r.share, r.most = "passed", 0.025
		rows = append(rows, r)
	}
	return rows
}

// pauses are hiccups of a healthy target, at every pace.
func pauses() (rows []row) {
	for _, x := range []struct {
		pace, follow float64
		merge        bool
		before       int
		how          string
	}{
		{10, 10, false, 1440, "a look every 10 s"},
		{15, 15, false, 1440, "a look every 15 s"},
		{10, 1, false, 1440, "a look every 10 s and each second after a failure"},
		{15, 1, false, 1440, "a look every 15 s and each second after a failure"},
		{30, 1, false, 1440, "a look every 30 s and each second after a failure"},
		{15, 1, true, 1440, "a look every 15 s, those each second after a failure merged with it"},
		{1, 1, false, 20_000, "a look every second"},
	} {
		rows = append(rows, row{
			what: fmt.Sprintf("hiccups of 1 to 20 s, %s, after %d looks: failed", x.how, x.before),
			line: after(x.before, func(rng *rand.Rand) target { return hiccups(rng, x.pace, x.follow, x.merge) }), share: "failed", most: 0.0015,
		})
	}
	return rows
}
