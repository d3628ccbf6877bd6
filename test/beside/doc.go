// Package beside runs a real Alertmanager for tests, and plays the same timelines of alerts,
// silences and restarts to a guardian and to it: both must tell the same receivers the same. Where
// the guardian tells something else on purpose, the timeline says why.
//
// Only tests import it. Start at timelines_test.go.
package beside
