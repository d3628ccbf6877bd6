package judge

import "math"

// Internals that tests compare with known answers.
var (
	LogG      = logG
	BetaUpper = betaUpper
	LogBetaI  = logIncBeta

	BlockLogE = Block.logE
)

// Unbounded is a test of counts in which one reading may decide: its expectation is 1, not less.
func Unbounded(t Counts) Counts {
	t.most = math.Inf(1)
	return t
}
