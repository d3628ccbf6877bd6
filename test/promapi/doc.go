// Package promapi runs a real Prometheus for tests, and tests that a guardian's API answers as
// Prometheus does and that the two work together.
//
// Only tests import it. Start at Start.
package promapi
