package judge

import "math"

// logBeta is ln B(a,b).
func logBeta(a, b float64) float64 {
	la, _ := math.Lgamma(a)
	lb, _ := math.Lgamma(b)
	lab, _ := math.Lgamma(a + b)
	return la + lb - lab
}

// logIncBeta is ln I_x(a,b), the logarithm of the regularised incomplete beta function, for
// a, b > 0 and x in [0, 1]. The logarithm keeps what is far too small for a float64. It is the
// continued fraction of DLMF 8.17.22, evaluated by Lentz's method.
func logIncBeta(a, b, x float64) float64 {
	switch {
	case x <= 0:
		return math.Inf(-1)
	case x >= 1:
		return 0
	case x > (a+1)/(a+b+2): // the fraction converges fast on the other side
		return math.Log1p(-math.Exp(logIncBeta(b, a, 1-x)))
	}
	return a*math.Log(x) + b*math.Log1p(-x) - logBeta(a, b) - math.Log(a) - math.Log(betaFraction(a, b, x))
}

// betaFraction is 1 + d1/(1 + d2/(1 + …)), whose inverse is the fraction of logIncBeta.
func betaFraction(a, b, x float64) float64 {
	const tiny = 1e-300
	c, d := 1.0, 0.0
	f := 1.0
	for i := 1; i <= 10_000; i++ {
		m := float64(i / 2)
		var num float64
		if i%2 == 0 {
			num = m * (b - m) * x / ((a + 2*m - 1) * (a + 2*m))
		} else {
			num = -(a + m) * (a + b + m) * x / ((a + 2*m) * (a + 2*m + 1))
		}
		d = 1 + num*d
		if math.Abs(d) < tiny {
			d = tiny
		}
		d = 1 / d
		c = 1 + num/c
		if math.Abs(c) < tiny {
			c = tiny
		}
		f *= c * d
		if math.Abs(c*d-1) < 1e-15 {
			break
		}
	}
	return f
}

// betaUpper is the x that a Beta(a,b) exceeds with chance alpha.
func betaUpper(alpha, a, b float64) float64 {
	// The upper tail I_{1-x}(b,a) falls with x; bisecting its logarithm is exact for any alpha.
	return bisect(func(x float64) bool { return logIncBeta(b, a, 1-x) > math.Log(alpha) })
}

// betaLower is the x that a Beta(a,b) stays under with chance alpha.
func betaLower(alpha, a, b float64) float64 {
	return bisect(func(x float64) bool { return logIncBeta(a, b, x) < math.Log(alpha) })
}

// bisect finds in (0, 1) where below becomes false, to the last digits.
func bisect(below func(float64) bool) float64 {
	lo, hi := 0.0, 1.0
	for range 1100 { // as many halvings as a float64 near 0 can take
		mid := lo + (hi-lo)/2
		if mid <= lo || mid >= hi {
			break
		}
		if below(mid) {
			lo = mid
		} else {
			hi = mid
		}
	}
	return hi
}

// RateUpper is the exact upper bound (Clopper and Pearson 1934) of a rate of which k failures
// in n trials were seen: the rate is above it with a chance of at most alpha.
func RateUpper(k, n int, alpha float64) float64 {
	if k >= n {
		return 1
	}
	return betaUpper(alpha, float64(k+1), float64(n-k))
}

// RateLower is the exact lower bound: the rate is under it with a chance of at most alpha.
func RateLower(k, n int, alpha float64) float64 {
	if k <= 0 {
		return 0
	}
	return betaLower(alpha, float64(k), float64(n-k+1))
}
