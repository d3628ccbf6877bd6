package judge

// Internals that tests compare with known answers.
var (
	LogG      = logG
	BetaUpper = betaUpper
	LogBetaI  = logIncBeta

	BlockLogE = Block.logE
)
