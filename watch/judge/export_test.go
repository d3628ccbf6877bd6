package judge

// What known answers are checked of.
var (
	LogG      = logG
	BetaUpper = betaUpper
	LogBetaI  = logIncBeta

	BlockLogE = Block.logE
)
