// Package judge holds the sequential tests that decide a watch: plain mathematics.
//
// The evidence of a test is one non-negative number (an e-value): that a deploy made things
// worse. P(evidence ever reaches 1/alpha | no regression) is at most alpha (Ville 1939), so it
// may be checked after every observation. Evidence is given as its natural logarithm: compare
// it with ln(1/alpha). A weighted average of the evidence of several tests keeps the same
// bound, however they depend on each other; a product does not.
//
//	OneSample   looks against a known rate, with the exact threshold of a finite watch
//	Known       the same, also for faults that begin later
//	NewBefore   looks against a history of looks; failures in bursts, onset unknown: what a
//	            watch uses
//	NewBursts   looks against a known rate; failures in bursts, onset unknown: what a watch
//	            uses for a check without history
//	Canary      looks at a canary against looks at a control over the same time
//	Counts      failures among orders or requests against a known rate
//	Latency     durations against those before the deploy
//	Pass        the counterpart: failures are rarer than those of a clearly bad deploy
//	Test        a test of looks made from a Plan; its Streams take looks and give a result
//
// The guarantee of each test is for its null hypothesis, which its comment states. Nothing here
// reads a clock, keeps state of its own, or knows what a check is; states are values that can
// be stored as JSON.
// Start at OneSample.
package judge
