// Package judge holds the sequential tests that decide a watch: plain mathematics.
//
// Every test keeps one non-negative number, the evidence that a deploy made it worse, with
// P(evidence ever reaches 1/alpha | no regression) at most alpha (Ville 1939), so that it
// may be looked at after every observation. Evidence is given as its natural logarithm: hold it
// against ln(1/alpha). A weighted average of several tests' evidence keeps the same bound,
// under any dependence between them; a product does not.
//
//	OneSample   looks against a known rate, with the exact threshold of a finite watch
//	Known       the same, also for faults that begin later: what a watch uses
//	NewBefore   looks against a history of looks; failures in bursts, onset unknown
//	NewBursts   looks against a known rate; failures in bursts, onset unknown
//	Canary      looks at a canary against looks at a control over the same time
//	Counts      failures among orders or requests against a known rate; CountsPair: of two
//	Latency     durations against those before the deploy
//	Pass        the counterpart: failures are rarer than a bad rate
//	Test        the tests of looks put together as a Plan says; its Streams take looks and give a result
//
// The guarantee is that of each test's null, which its comment states. Nothing here reads a clock,
// keeps state of its own, or knows what a check is; states are values that survive JSON.
// Start at OneSample.
package judge
