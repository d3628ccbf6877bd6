package traffic

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// pools are the servers that traffic is divided between.
type pools []ServerSettings

// relative is a server's weight among those of its pool.
func (s ServerSettings) relative() int { return max(1, s.Weight) }

// share gives the share of a pool in percent, by the weights of all servers in the order of the
// settings; 0 when no server has a weight.
func (p pools) share(weights []int, pool string) float64 {
	var own, all float64
	for i, s := range p {
		all += float64(weights[i])
		if s.Pool == pool {
			own += float64(weights[i])
		}
	}
	if all == 0 {
		return 0
	}
	return 100 * own / all
}

// divide gives the weights by which a pool has a share in percent: its servers by their own weights,
// and the others in the proportions that they have now. No weight is more than most, and none that
// has a share is 0.
func (p pools) divide(now []int, pool string, percent, most int) []int {
	var relative, others int
	for i, s := range p {
		if s.Pool == pool {
			relative += s.relative()
		} else {
			others += now[i]
		}
	}
	if others == 0 {
		percent, others = 100, 1
	}
	out := make([]int, len(p))
	for i, s := range p {
		if s.Pool == pool {
			out[i] = percent * s.relative() * others
		} else {
			out[i] = (100 - percent) * now[i] * relative
		}
	}
	return bounded(reduced(out), most)
}

// reduced divides weights by what all of them can be divided by.
func reduced(weights []int) []int {
	by := 0
	for _, w := range weights {
		for a := w; a != 0; {
			by, a = a, by%a
		}
	}
	out := slices.Clone(weights)
	for i := range out {
		if by > 1 {
			out[i] /= by
		}
	}
	return out
}

// bounded makes weights smaller in proportion until none is more than most.
func bounded(weights []int, most int) []int {
	highest := slices.Max(weights)
	if highest <= most {
		return weights
	}
	out := slices.Clone(weights)
	for i, w := range out {
		if w > 0 {
			out[i] = max(1, int(math.Round(float64(w)*float64(most)/float64(highest))))
		}
	}
	return out
}

// words gives the shares of all pools with the weights of their servers, alike in every language:
// "blue 90 % (10.0.0.11:8080 = 9), green 10 % (10.0.0.12:8080 = 1)".
func (p pools) words(weights []int) string {
	var out []string
	for _, pool := range poolsOf(p) {
		var servers []string
		for i, s := range p {
			if s.Pool == pool {
				servers = append(servers, fmt.Sprintf("%s = %d", s.Server, weights[i]))
			}
		}
		out = append(out, fmt.Sprintf("%s %.3g %% (%s)", pool, p.share(weights, pool), strings.Join(servers, ", ")))
	}
	return strings.Join(out, ", ")
}

// has tells whether a pool has a server.
func (p pools) has(pool string) bool {
	return slices.ContainsFunc(p, func(s ServerSettings) bool { return s.Pool == pool })
}

// reached tells how many stages the share of their pool has reached, and whether it is just that of
// the last of these. Weights are whole numbers: a share may differ by half a percent.
func (p pools) reached(weights []int, stages []stage) (n int, exact bool) {
	const off = 0.5
	for _, g := range stages {
		share := p.share(weights, g.pool)
		if share < float64(g.percent)-off {
			break
		}
		n, exact = n+1, share <= float64(g.percent)+off
	}
	return n, exact
}
