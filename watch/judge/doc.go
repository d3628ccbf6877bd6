// Package judge holds the sequential tests that decide a watch: plain mathematics.
//
// Every test keeps one non-negative number, the evidence that a deploy made it worse, with
// P(evidence ever reaches 1/alpha | no regression) at most alpha (Ville 1939), so that it
// may be looked at after every observation. Nothing here allocates per observation, reads a
// clock or knows what a check is. Start at OneSample.
package judge
