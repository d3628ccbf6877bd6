// Package quota keeps account of the marketplaces' API quotas: what the guardian's own checks may
// use of them, and how much all of a seller's applications use together.
//
// A check that calls a marketplace asks MayLook first, and what the marketplace answers comes
// back through Answered: a throttled answer rests every check of the same quota. Applications
// report their calls (Report), or count them in a metric that is written to this guardian; of
// both is inferred how full each quota is, and written as series that rules can read.
//
// It makes no request itself, and knows neither deploys nor alerts. The limits and the arithmetic
// are those of probes/marketplace. Its one goroutine is Run, which the guardian that leads starts.
// Start at Quotas.
package quota
